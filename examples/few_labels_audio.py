"""
When only a few clips have labels
=================================

One person can label five clips of each class in an afternoon, and collect thousands
without labels. Lee, Pham, Largman and Ng (2009) asked what features are best then, and
their protocol is worth keeping: draw a few labelled clips, test on artists that none of
them is by, and draw again, because with so few the luck of the draw is larger than most
differences (:ref:`guide-learned-features`, :ref:`systems-pretraining`).
"""

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

from skdeepmir import (
    ClipNormalizer,
    DBNFeatureLearner,
    FrameStacker,
    FrameTransformer,
    MultiTimescalePooler,
    SpectrogramExtractor,
    make_pipeline,
)
from skdeepmir.datasets import load_audio_folder, make_instrument_clips

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    clips = load_audio_folder(FOLDER)  # groups=r"([^/]+)_\d+" for artist_1.wav
    clips.groups = np.arange(len(clips.data))
else:
    clips = make_instrument_clips(n_clips=144, random_state=0)
unlabelled = make_instrument_clips(n_clips=80, random_state=7).data  # or any files

# %%
# Three kinds of features
# -----------------------
# Mel spectra as they are; MFCCs; and the units of a net that has heard only the clips
# without labels (:ref:`sphx_glr_auto_examples_learned_features.py` looks inside it). Of
# each, mean and variance over a clip, all brought to the same scale.
options = {"n_mels": 64, "n_fft": 1024, "amin": 1e-6, "verbose": False}
log_mel = SpectrogramExtractor("log_mel", **options)
sparse = {"sparsity_target": 0.05, "sparsity_cost": 3.0, "learning_rate": 0.003}
machine = make_pipeline(
    ClipNormalizer(),
    FrameStacker(4),
    FrameTransformer(PCA(60, whiten=True), random_state=0),
    DBNFeatureLearner((200,), **sparse, max_epochs=10, random_state=0, verbose=False),
).fit(log_mel.fit_transform(unlabelled))

spectra = log_mel.fit_transform(clips.data)
mfcc = SpectrogramExtractor("mfcc", amin=1e-6, verbose=False).fit_transform(clips.data)
frames = {"spectra": spectra, "MFCC": mfcc, "learned": machine.transform(spectra)}
pooler = MultiTimescalePooler(("mean", "var"))
features = {name: pooler.fit_transform(found) for name, found in frames.items()}

# %%
# Twenty draws
# ------------
# Each takes half of the instruments to learn from, and tests on all clips of the other
# half. The clips with labels are nested: the four contain the two, the two the one.
y, rows = clips.target, []
for draw in range(20):
    halves = StratifiedGroupKFold(2, shuffle=True, random_state=draw)
    train, test = next(halves.split(y, y, clips.groups))
    train = np.random.default_rng(draw).permutation(train)
    scaled = {
        name: StandardScaler().fit(X[train]).transform(X) / X.shape[1] ** 0.5
        for name, X in features.items()
    }
    scaled["MFCC + learned"] = np.hstack([scaled["MFCC"], scaled["learned"]])
    for shots in (1, 2, 4, 8):
        few = np.concatenate([train[y[train] == k][:shots] for k in np.unique(y)])
        for name, X in scaled.items():
            classifier = RidgeClassifier(0.1).fit(X[few], y[few])
            rows.append((name, shots, classifier.score(X[test], y[test])))
scores = pd.DataFrame(rows, columns=["features", "clips of each class", "accuracy"])
columns = {"index": "features", "columns": "clips of each class", "sort": False}
scores.pivot_table("accuracy", **columns).round(3)

# %%
# In the picture, bars are the deviation of the draws: what to expect of a single one.
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for place, (name, own) in enumerate(scores.groupby("features", sort=False)):
    found = own.groupby("clips of each class")["accuracy"].agg(["mean", "std"])
    x = found.index * 1.03 ** (place - 1)
    ax.errorbar(x, found["mean"], found["std"], marker="o", capsize=3, label=name)
ax.set_xscale("log", base=2)
ax.set_xticks([1, 2, 4, 8], ["1", "2", "4", "8"])
ax.set(xlabel="labelled clips of each class", ylabel="accuracy (± deviation of draws)")
ax.axhline(1 / len(clips.target_names), color="0.6", ls=":", label="guessing")
ax.legend()
plt.show()

# %%
# With one clip for each class, the luck of the draw (a tenth, either way) is as large
# as anything that features do. Whoever reports a single draw reports luck.
#
# Plain spectra lead here, and the learned features are last alone, though they add a
# little to MFCCs. That is no verdict: these instruments differ in their mean spectra,
# as real classes seldom do. Try a folder of your own. And where a net may be tuned with
# the labels after it learned without them, it gains more: :ref:`systems-pretraining`.
