"""
Features learned from recordings that nobody labelled
=====================================================

Labels cost money, recordings do not. A net that looks at several frames at once, and
whose units are told to be silent most of the time, learns onsets, decays and chords of
partials from any music at hand. Then it is frozen and put in front of an
ordinary classifier, like any filter bank (:ref:`guide-learned-features`).
"""

# %%
# Two collections: one with labels, and one without, of other instruments.
import os
import tempfile

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Audio
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdeepmir import (
    ClipNormalizer,
    DBNFeatureLearner,
    FrameStacker,
    FrameTransformer,
    MultiTimescalePooler,
    SpectrogramExtractor,
    compare,
    make_pipeline,
)
from skdeepmir.baselines import mfcc_svm
from skdeepmir.datasets import load_audio_folder, make_instrument_clips

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    clips = load_audio_folder(FOLDER)  # groups=r"([^/]+)_\d+" for artist_1.wav
else:
    clips = make_instrument_clips(n_clips=120, random_state=0)
unlabelled = make_instrument_clips(n_clips=80, random_state=1).data  # or any files

# %%
# One of those without a label. What is there to learn from it?
Audio(unlabelled[0], rate=22050)

# %%
# Learn
# -----
# Log-mel frames, all clips on one level; eight of them side by side, a fifth of a
# second; 80 components; 200 units that are drawn to be active in one frame out of
# twenty. No label is involved.
store = tempfile.TemporaryDirectory()  # keeps features of files, decoded once
options = {"n_mels": 64, "n_fft": 1024, "amin": 1e-6, "cache_dir": store.name}
spectra = SpectrogramExtractor("log_mel", verbose=False, **options)
sparse = {"sparsity_target": 0.05, "sparsity_cost": 3.0, "learning_rate": 0.003}
machine = make_pipeline(
    FrameStacker(8),
    FrameTransformer(PCA(80, whiten=True), random_state=0),
    DBNFeatureLearner((200,), **sparse, max_epochs=5, random_state=0, verbose=False),
)
machine.fit(ClipNormalizer().fit_transform(spectra.fit_transform(unlabelled)))

# %%
# What units look for
# -------------------
# Each picture is a unit: 64 mel bands upwards, eight frames from left to right, put
# back together from the components. Red is what it wants to hear, blue what it does
# not. Level lines are steady partials; blue on the left and red on the right is a
# beginning, red on the left alone an end. Nobody told it that there are notes.
components = machine[1].transformer_
weights = machine[2].weights_[0] / machine[2].scale_[:, np.newaxis]
patterns = components.inverse_transform(weights.T) - components.mean_
strongest = np.argsort(-np.abs(patterns).max(axis=1))[:24]
figure, panels = plt.subplots(2, 12, figsize=(9, 4.5), layout="constrained")
for ax, pattern in zip(panels.flat, patterns[strongest], strict=True):
    limit = np.abs(pattern).max()
    ax.pcolormesh(pattern.reshape(8, 64).T, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set(xticks=[], yticks=[])
figure.supxlabel("time in each picture: 8 frames, 0.19 s")
figure.supylabel("mel band")
plt.show()


# %%
# Put it to use
# -------------
# ``FrozenEstimator`` keeps the machine from being fitted again in the folds, which is
# fair because it has seen none of these clips. The third pipeline gets what the machine
# gets, without the machine.
levelled = make_pipeline(spectra, ClipNormalizer())
svm = make_pipeline(
    MultiTimescalePooler(("mean", "std", "max")),
    StandardScaler(),
    SVC(C=10, gamma=1e-3),
)
pipelines = {
    "MFCC + SVM": mfcc_svm(cache_dir=store.name, verbose=False),
    "learned + SVM": make_pipeline(levelled, FrozenEstimator(machine), svm),
    "log-mel + SVM": make_pipeline(levelled, svm),
}
X, y = clips.data, clips.target
result = compare(pipelines, X, y, groups=clips.groups, verbose=False)
store.cleanup()
result

# %%
result.plot()

# %%
# Nothing is gained here: synthetic instruments differ in their spectra, and the
# statistics of mel bands say so already. On recordings, a search among larger machines
# of this kind and nets that are tuned on labels reached .875 on ESC-10, where MFCCs
# reached .833, but .444 on single notes from unknown sample banks, where MFCCs reached
# .498. :ref:`systems-pretraining` has the whole table, with its caveats.
