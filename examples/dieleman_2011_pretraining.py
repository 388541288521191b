"""
A convolutional net that begins with learned filters
====================================================

A convolutional net with a few labelled clips learns little more than their noise.
Dieleman, Brakel and Schrauwen (2011) let its filters begin as those that a
convolutional belief net had learned without labels, and trained them on from there
(:ref:`systems-dieleman-2011`). Here is one net with both beginnings.
"""

# %%
# Clips with labels, of which few are used, and others without.
import os
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

from skdeepmir import (
    BeatSynchronousExtractor,
    ConvDBNFeatureLearner,
    ConvTagger,
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
    clips = make_instrument_clips(n_clips=96, random_state=0)
unlabelled = make_instrument_clips(n_clips=80, random_state=7).data  # or any files

# %%
# Without labels
# --------------
# Filters over four frames; three neighbouring places become one frame.
spectra = SpectrogramExtractor("log_mel", n_mels=40, amin=1e-6, verbose=False)
learner = ConvDBNFeatureLearner(
    60,
    filter_length=4,
    pool_length=3,
    max_epochs=20,
    random_state=0,
    verbose=False,
).fit(spectra.fit_transform(unlabelled))
FilterDisplay.from_estimator(learner)
plt.show()

# %%
# With few labels
# ---------------
# The net has the layer of the learner. ``pretrained`` decides where it begins; without
# it weights are random.
net = ConvTagger(
    (60,),
    filters="time",
    filter_length=4,
    pool_length=3,
    activation="logistic",
    pooling="probabilistic",
    batch_norm=False,
    excerpt_length=32,
    learning_rate=0.02,
    max_epochs=60,
    batch_size=8,
    random_state=0,
    verbose=False,
)
learned = ConvTagger(**net.get_params() | {"pretrained": FrozenEstimator(learner)})
frames = spectra.fit_transform(clips.data)
# With one clip of each class the loss would fall for longer; the order stays.
warnings.simplefilter("ignore", ConvergenceWarning)
curve = few_shot_curve(
    {"random": net, "pre-trained": learned},
    frames,
    clips.target,
    groups=clips.groups,
    shots=(1, 2, 4),
    n_draws=8,
    random_state=0,
    verbose=False,
)
curve.plot()
plt.show()

# %%
curve.summary()[["mean", "se", "difference", "p_value"]].round(3)

# %%
# Beats, then bars
# ----------------
# The nets of the paper did not see frames of 10 ms but one for each beat, and pooled
# four of them to a bar before the second layer listened. Parameters say so:
clicks = np.zeros(22050 * 12)
clicks[11025::11025] = 1.0  # twelve seconds at 120 beats per minute
beats = BeatSynchronousExtractor(verbose=False)
by_bars = ConvTagger(
    (16, 16),
    filters="time",
    filter_length=(2, 2),
    pool_length=(4, 2),
    excerpt_length=32,
)
print(beats.fit_transform([clicks])[0].shape, "beats, chroma and timbre")
make_pipeline(beats, by_bars)
