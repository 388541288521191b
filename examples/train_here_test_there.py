"""
Train here, test there
======================

Folds tell how well a system does on more of the same: the same label, the same studio,
the same taste of whoever collected it. A system that is meant for other people's music
should be tested on other people's music. :func:`~skdeepmir.compare` takes a test set of
its own, fits each pipeline once, and tests differences over the artists there
(:ref:`guide-protocols`).
"""

# %%
# Here: 24 synthetic instruments in a fair studio. There: 24 others, recorded 15 to 20
# dB noisier. The labels must mean the same in both: ``target_names`` of the first
# collection goes into the loader of the second.
import os
import tempfile

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Audio
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from skdeepmir import compare
from skdeepmir.baselines import mel_svm, mfcc_forest, mfcc_svm
from skdeepmir.datasets import load_audio_folder, make_instrument_clips

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    # A stand-in: load_audio_folder(OTHER_FOLDER, target_names=here.target_names)
    both = load_audio_folder(FOLDER)
    rows = train_test_split(
        np.arange(len(both.data)), stratify=both.target, random_state=0
    )
    here, there = (
        Bunch(data=both.data[r], target=both.target[r], groups=r) for r in rows
    )
    here.target_names = both.target_names
else:
    here = make_instrument_clips(n_clips=120, random_state=0)
    there = make_instrument_clips(n_clips=96, snr=(5, 20), random_state=1)
    there.groups += 24  # other instruments have other numbers
Audio(here.data[0], rate=22050)

# %%
# And a clip from there:
Audio(there.data[0], rate=22050)

# %%
# The same three pipelines, first by folds at home, then fitted to all clips of home and
# tested abroad.
store = tempfile.TemporaryDirectory()  # keeps features of files, decoded once
quiet = {"cache_dir": store.name, "verbose": False}
pipelines = {
    "MFCC + SVM": mfcc_svm(**quiet),
    "MFCC + forest": mfcc_forest(random_state=0, **quiet),
    "log-mel + SVM": mel_svm(**quiet),
}
home = compare(pipelines, here.data, here.target, groups=here.groups, verbose=False)
home

# %%
# Abroad:
abroad = compare(
    pipelines,
    here.data,
    here.target,
    groups=here.groups,
    X_test=there.data,
    y_test=there.target,
    groups_test=there.groups,
    verbose=False,
)
store.cleanup()
abroad

# %%
# The pipeline that wins at home comes last abroad. Nothing in the first table warns of
# it: its folds share one studio, and the mean level of a mel band is a fine clue until
# noise fills the band.
#
# Note the line below each table. Over folds, the question is how the pipelines would do
# if they were trained and tested on other clips; on a test set of its own, how these
# fitted pipelines would do on other instruments. So what is resampled are instruments,
# not clips: four clips of one instrument are not four witnesses.
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for place, name in enumerate(pipelines):
    scores = [r.summary().loc[name, ["mean", "se"]] for r in (home, abroad)]
    means, errors = zip(*scores, strict=True)
    x = np.array([0, 1]) + (place - 1) * 0.03
    ax.errorbar(x, means, yerr=errors, marker="o", capsize=3, label=name)
ax.set_xticks([0, 1], ["folds at home", "all of home, tested there"])
ax.set(xlim=(-0.3, 1.3), ylabel="accuracy (± standard error)")
ax.legend()
plt.show()

# %%
# What went wrong is in the confusion matrix: noise sounds like breath, so most of what
# is mistaken is taken for a blown instrument.
abroad.plot_confusion("log-mel + SVM", target_names=here.target_names)
