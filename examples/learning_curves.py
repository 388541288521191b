"""
More clips, or more artists?
============================

A curve of accuracy over the number of training clips tells whether it pays to collect
more. But more of what? Five songs by one artist are easier to get than one song each by
five, and the two curves are not the same (:ref:`guide-protocols`).
"""

# %%
# Forty-eight synthetic instruments of six timbres, five clips of each. Features are the
# statistics of MFCCs. They are computed once, which is fair because nothing is learned
# by them; scaling and the SVM are fitted anew for each point of the curve.
import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, learning_curve

from skdeepmir.baselines import mfcc_svm
from skdeepmir.datasets import load_audio_folder, make_instrument_clips

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
if FOLDER:
    clips = load_audio_folder(FOLDER)  # groups=r"([^/]+)_\d+" for artist_1.wav
    clips.groups = np.arange(len(clips.data))  # without it both curves are alike
else:
    clips = make_instrument_clips(n_clips=240, n_instruments=48, random_state=0)
pipeline = mfcc_svm(verbose=False)
X, y, groups = pipeline[:2].fit_transform(clips.data), clips.target, clips.groups

# %%
# Two orders of collecting
# ------------------------
# scikit-learn's ``learning_curve`` takes the first clips of each training set. So the
# order in which they stand is the order in which somebody collects them: "widely",
# clips of all instruments at random, or "deeply", all clips of one instrument of each
# timbre, then of a second one, and so on. Test clips are the same, always by
# instruments that are not in training. All is drawn five times.
orders = {"widely": [], "deeply": []}
for draw in range(5):
    rng = np.random.default_rng(draw)
    turn = np.empty(len(y), int)  # of its instrument, among those of its timbre
    for label in np.unique(y):
        for place, group in enumerate(rng.permutation(np.unique(groups[y == label]))):
            turn[groups == group] = place
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=draw)
    for train, test in folds.split(X, y, groups):
        train = rng.permutation(train)
        orders["widely"].append((train, test))
        orders["deeply"].append((train[np.argsort(turn[train], kind="stable")], test))

# %%
# The curves
# ----------
figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for name, cv in orders.items():
    sizes, at_home, unheard = learning_curve(
        pipeline[2:], X, y, cv=cv, train_sizes=[0.15, 0.25, 0.5, 0.75, 1.0]
    )
    means, errors = unheard.mean(axis=1), unheard.std(axis=1)
    line = ax.errorbar(sizes, means, errors, marker="o", capsize=3, label=name)[0]
    ax.plot(sizes, at_home.mean(axis=1), ":", color=line.get_color())
    for size, mean in zip(sizes, means, strict=True):
        known = np.mean([len(np.unique(groups[train[:size]])) for train, _ in cv])
        print(f"{name}: {size:3} clips of {known:4.1f} instruments: {mean:.3f}")
ax.set(xlabel="training clips", ylabel="accuracy (± deviation of folds)")
ax.legend(title="collected")
plt.show()

# %%
# With some thirty clips, those who collected widely are nine points ahead, with as much
# work in labelling: their clips are of three times as many instruments. Later both know
# enough instruments and the curves meet; a curve that is flat at its end says that more
# of the same will not help.
#
# The dotted line on top is the score on the training clips themselves, for both. The
# machine knows by heart what it has heard, at any size, so that score says nothing.
