"""
Filters learned without labels, where labels are few
====================================================

One person can label five clips of each class in an afternoon, and collect thousands
without labels. Lee, Pham, Largman and Ng (2009) learned filters that slide over time
from recordings without labels, and asked how far one, two, three or five labelled clips
of each class then go, beside spectra and MFCCs (:ref:`systems-lee-2009`).
"""

# %%
# Clips with labels, of which few are used, and others that nobody labelled.
import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skdeepmir import (
    ConvDBNFeatureLearner,
    MultiTimescalePooler,
    SpectrogramExtractor,
    few_shot_curve,
    make_pipeline,
)
from skdeepmir.datasets import load_audio_folder, make_instrument_clips
from skdeepmir.plotting import FilterDisplay

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    clips = load_audio_folder(FOLDER)  # groups=r"([^/]+)_\d+" for artist_1.wav
else:
    clips = make_instrument_clips(n_clips=120, random_state=0)
unlabelled = make_instrument_clips(n_clips=80, random_state=7).data  # or any files

# %%
# Two layers of filters
# ---------------------
# Frames of 10 ms; filters of three frames; three neighbouring places make one frame of
# features. The second layer hears the first.
options = {"amin": 1e-6, "hop_length": 220, "n_fft": 512, "verbose": False}
spectra = SpectrogramExtractor("log_mel", n_mels=40, **options)
learner = ConvDBNFeatureLearner(
    (100, 100),
    filter_length=3,
    layers="all",
    max_epochs=(8, 4),
    random_state=0,
    verbose=False,
).fit(spectra.fit_transform(unlabelled))
FilterDisplay.from_estimator(learner)
plt.show()

# %%
# Spectra, MFCCs, and each layer
# ------------------------------
# What does not learn from labels is computed once, and stands side by side; all that a
# draw fits is the last step, on the columns of one kind.
frames = spectra.fit_transform(clips.data)
cepstra = SpectrogramExtractor("mfcc", amin=1e-6, verbose=False)
pool = MultiTimescalePooler(("mean", "std", "max")).fit_transform
learned = learner.transform(frames)
kinds = {
    "MFCC": pool(cepstra.fit_transform(clips.data)),
    "RAW": pool(frames),
    "L1": pool([features[:, :100] for features in learned]),
    "L2": pool([features[:, 100:] for features in learned]),
    "L1+L2": pool(learned),
}
X, ends = np.hstack([*kinds.values()]), np.cumsum([k.shape[1] for k in kinds.values()])
pipelines = {
    name: make_pipeline(
        make_column_transformer(("passthrough", slice(end - k.shape[1], end))),
        StandardScaler(),
        LogisticRegression(max_iter=1000),
    )
    for (name, k), end in zip(kinds.items(), ends, strict=True)
}

# %%
# Twenty draws
# ------------
# Each takes half of the instruments to learn from, and tests on the other half.
curve = few_shot_curve(
    pipelines, X, clips.target, groups=clips.groups, random_state=0, verbose=False
)
curve.plot()
plt.show()

# %%
# Differences to MFCCs, with the p-value of a paired test over the draws:
curve.summary()[["mean", "se", "difference", "p_value"]].round(3)

# %%
# Plain spectra do well here: these instruments differ in their mean spectra, as real
# classes seldom do. Try a folder of your own. On recordings the order depends on the
# classes; :ref:`systems-lee-2009` has a table of four sets. With one clip for each
# class, the luck of the draw is as large as anything that features do: whoever reports
# a single draw reports luck.
