"""
How random folds flatter
========================

Songs of one album share a singer, a microphone and a mastering engineer. If some of
them are in training and others in the test, a classifier can recognise the album and be
paid for recognising the genre. The score is high, and worth nothing on the next album.
Here is how much that changes, how to see it, and what prevents it
(:ref:`guide-protocols`).
"""

# %%
# Six timbres, four instruments for each, five clips for each instrument. The question
# is the timbre; the instrument stands for what artists and albums are in a real
# collection.
import os
import textwrap
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Audio
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import Bunch

from skdeepmir import compare
from skdeepmir.audio import read_audio
from skdeepmir.baselines import mel_svm, mfcc_svm
from skdeepmir.datasets import load_audio_folder, make_instrument_clips

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    songs = load_audio_folder(FOLDER)  # three excerpts of each are a group
    starts = [read_audio(f, sample_rate=22050)[0][: 9 * 22050] for f in songs.data]
    clips = Bunch(
        data=[part for start in starts for part in np.array_split(start, 3)],
        target=np.repeat(songs.target, 3),
        groups=np.repeat(np.arange(len(starts)), 3),
    )
else:
    clips = make_instrument_clips(n_clips=120, random_state=0)

# %%
# The same pipelines, clips and number of folds; only who may sit where differs.
quiet = {"verbose": False}
pipelines = {"MFCC + SVM": mfcc_svm(**quiet), "log-mel + SVM": mel_svm(**quiet)}
X, y, groups = clips.data, clips.target, clips.groups
shuffled = StratifiedKFold(5, shuffle=True, random_state=0)
random = compare(pipelines, X, y, cv=shuffled, **quiet)
grouped = compare(pipelines, X, y, groups=groups, cv=5, **quiet)
scores = pd.DataFrame(
    {
        "random folds": random.summary()["mean"],
        "groups kept whole": grouped.summary()["mean"],
    }
)
scores.round(3)

# %%
# The left column is the answer to "can it tell more clips of instruments that it
# knows?", the right one to "can it tell instruments that it has never heard?". Nearly
# always the second question is the one that was asked. Of the synthetic instruments
# even the order of the two pipelines changes, so random folds do not merely flatter all
# alike.
figure, panels = plt.subplots(2, figsize=(7, 4), sharex=True, layout="constrained")
for ax, result, title in zip(panels, [random, grouped], scores, strict=True):
    result.plot(ax=ax)
    ax.set(title=title, ylim=(1.5, -0.5))
panels[0].set_xlabel("")
plt.show()

# %%
# Why it happens
# --------------
# For each clip, look for the one that is nearest to it, in the very features that the
# SVM gets. A neighbour of the same instrument gives the answer away.
features = pipelines["MFCC + SVM"][:-1].fit_transform(X)
nearest = NearestNeighbors(n_neighbors=2).fit(features).kneighbors(features)[1][:, 1]
by_chance = np.mean([np.mean(groups == group) for group in groups])
print(f"nearest neighbour of the same class: {np.mean(y[nearest] == y):.2f}")
print(f"... of the same group:               {np.mean(groups[nearest] == groups):.2f}")
print(f"... of the same group, by chance:    {by_chance:.2f}")

# %%
# A clip, and after it the one that is nearest to it: the notes are others, the
# instrument is the same.
clip = np.argmax(groups[nearest] == groups)
Audio(np.concatenate([X[clip], X[nearest[clip]]]), rate=22050)

# %%
# If you know the groups, you will be told
# ----------------------------------------
# Given ``groups``, :func:`~skdeepmir.compare` makes folds that keep them whole. Given
# folds of your own that split them, it says so and goes on, because some published
# folds do.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    compare(pipelines, X, y, groups=groups, cv=shuffled, **quiet)
for warning in caught:
    print(textwrap.fill(f"{warning.category.__name__}: {warning.message}", 76))

# %%
# It warns as well where files with the same bytes, under whatever names, are on both
# sides. It cannot know artists that nobody wrote down: look at ``set(clips.groups)``
# before you trust a score.
