"""
A deep belief net that listens: Hamel and Eck (2010)
====================================================

MFCCs were made for speech, by hand. Hamel and Eck asked whether a net can find its own
features of music: three layers, one trained upon the other without labels, then
together with them, and the hidden activations in place of MFCCs. Here is the whole
system in miniature, with the pictures of the paper. :ref:`systems-hamel-eck-2010` has
the recipe and its results on recordings.
"""

# %%
# The system
# ----------
# Magnitude spectra, the net, statistics of its activations over windows, an SVM for
# windows, and a vote of all windows of a clip. Windows have 1 s here, as the clips have
# three; in the paper they had 5 s of 30. The rival differs in its features only.
import os
import tempfile

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Audio
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdeepmir import (
    ClipVotingClassifier,
    DBNFeatureLearner,
    MultiTimescalePooler,
    SpectrogramExtractor,
    compare,
    make_pipeline,
)
from skdeepmir.datasets import load_audio_folder, make_instrument_clips
from skdeepmir.plotting import FilterDisplay, ProjectionDisplay

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    clips = load_audio_folder(FOLDER)  # groups=r"([^/]+)_\d+" for artist_1.wav
    clips.groups = np.arange(len(clips.data))
else:
    clips = make_instrument_clips(n_clips=96, duration=3.0, random_state=0)
store = tempfile.TemporaryDirectory()  # keeps features of files, decoded once
options = {"n_fft": 1024, "hop_length": 1024, "center": False, "verbose": False}
options["cache_dir"] = store.name
spectra = SpectrogramExtractor("magnitude", **options)
mfcc = SpectrogramExtractor("mfcc", amin=1e-6, **options)
epochs = {"max_epochs": 3, "finetune_epochs": 10}
net = DBNFeatureLearner(
    (50, 50, 50), layers="all", **epochs, random_state=0, verbose=False
)
windows = MultiTimescalePooler(("mean", "var"), windows=1.0, output="windows")
vote = ClipVotingClassifier(make_pipeline(StandardScaler(), SVC(C=10)))
pipelines = {
    "MFCC": make_pipeline(mfcc, windows, vote),
    "all layers": make_pipeline(spectra, net, windows, vote),
}
X, y, groups = clips.data, clips.target, clips.groups
folds = StratifiedGroupKFold(4)
compare(pipelines, X, y, groups=groups, cv=folds, verbose=False)

# %%
# The net is fitted anew in each fold: what it learned from test clips would be a leak.
# Seventy clips are little to learn from, and a draw is what one should expect; look
# also at what it costs in seconds.
#
# What the first layer listens for
# --------------------------------
# From here on, one net, which never heard the test clips of the first fold. Each column
# is a unit of the first layer; red frequencies excite it, blue ones silence it.
train, test = next(folds.split(clips.data, clips.target, clips.groups))
fitted = pipelines["all layers"].fit(
    [clips.data[i] for i in train], clips.target[train]
)
frequencies = np.fft.rfftfreq(1024, 1 / spectra.sample_rate)
FilterDisplay.from_estimator(fitted[1], frequencies=frequencies)

# %%
# Do the classes come apart?
# --------------------------
# Each point is a clip that the net has not heard; t-SNE brings it to the plane. In the
# paper, genres lie apart more clearly in the activations than in the inputs. Here one
# unheard instrument plays each timbre, so that even the inputs form islands.
unheard = [X[i] for i in test]
whole = MultiTimescalePooler()
frames = spectra.fit_transform(unheard)
features = {
    "inputs": whole.fit_transform(frames),
    "MFCC": whole.fit_transform(mfcc.fit_transform(unheard)),
    "activations": whole.fit_transform(fitted[1].transform(frames)),
}
names = clips.target_names[y[test]]
ProjectionDisplay.from_features(features, names, random_state=0)

# %%
# How a clip is decided
# ---------------------
# The net's activations for the clip whose windows disagree most, and their votes.
votes_of_clips = fitted.predict_proba(unheard)
some = votes_of_clips.max(axis=1).argmin()
Audio(unheard[some], rate=22050)

# %%
activations = fitted[1].transform([frames[some]])[0]
votes = fitted[-1].estimator_.predict(fitted[:-1].transform([unheard[some]])[0])
figure, (top, foot) = plt.subplots(
    2, figsize=(7, 5), sharex=True, height_ratios=(3, 1), layout="constrained"
)
extent = (0, len(activations) / spectra.frame_rate, 150, 0)
top.imshow(activations.T, aspect="auto", extent=extent, cmap="Greys", vmin=0, vmax=1)
top.set(ylabel="unit, three layers of 50")
middle = 0.5 + 0.5 * np.arange(len(votes))  # windows of 1 s share half with the next
foot.errorbar(middle, votes, xerr=0.5, fmt="s", capsize=3)
foot.set_yticks(range(len(clips.target_names)), clips.target_names)
foot.set(xlabel="time (s)", ylabel="vote")
foot.margins(y=0.15)
heard = clips.target_names[votes_of_clips[some].argmax()]
foot.set_title(f"It is {names[some]}, and the vote says {heard}", parse_math=False)
plt.show()
store.cleanup()

# %%
# The first layer is on top; black is an activation of 1. Units of the first follow
# every note; most of those in the third stand still while one instrument plays,
# whatever it plays.
