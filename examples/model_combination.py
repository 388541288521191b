"""
One net, ten nets, and dropout
==============================

Averaging several nets nearly always helps: each makes mistakes of its own. It costs as
many trainings. Dropout is often explained as an average of very many nets that share
their weights, for the price of one. Here they stand side by side, on instruments that
none of them has heard.
"""

# %%
# All classify the same statistics of MFCCs, so these are computed once, up front;
# nothing in them is learned from the labels.
import os
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

from skdeepmir import (
    DropoutMLPClassifier,
    GroupBaggingClassifier,
    MultiTimescalePooler,
    SpectrogramExtractor,
)
from skdeepmir.datasets import load_audio_folder, make_instrument_clips

FOLDER = os.environ.get("SKDEEPMIR_FOLDER")  # or the path of your own recordings
clips = load_audio_folder(FOLDER) if FOLDER else make_instrument_clips(random_state=0)
frames = SpectrogramExtractor("mfcc", amin=1e-6, verbose=False).transform(clips.data)
X = MultiTimescalePooler(("mean", "std", "min", "max")).fit_transform(frames)
y = clips.target

# %%
# :class:`~skdeepmir.GroupBaggingClassifier` trains ten nets that begin with other
# weights. Its ``estimators_`` let us ask how good the average of one, two, three ... of
# them is. The measure is the log-loss, which also tells how sure a model was of its
# mistakes.
options = {"hidden_layer_sizes": (128,), "max_epochs": 40, "verbose": False}
plain = DropoutMLPClassifier(dropout=0, input_dropout=0, **options)
groups = np.arange(len(y)) if clips.groups is None else clips.groups
sizes, rng = range(1, 11), np.random.RandomState(0)
curves, alone, others = [], [], {"dropout": [], "dropout, 50 masks averaged": []}
for train, test in StratifiedGroupKFold(4).split(X, y, groups):
    scaler = StandardScaler().fit(X[train])
    X_train, X_test = scaler.transform(X[train]), scaler.transform(X[test])
    loss = partial(log_loss, y[test], labels=np.unique(y))
    bag = GroupBaggingClassifier(plain, bootstrap=False, random_state=0, verbose=False)
    bag.fit(X_train, y[train])
    each = np.array([net.predict_proba(X_test) for net in bag.estimators_])
    alone.append([loss(p) for p in each])
    drawn = [rng.permutation(each)[:k].mean(axis=0) for k in sizes for _ in range(30)]
    curves.append(np.reshape([loss(p) for p in drawn], (10, 30)).mean(axis=1))
    for name, n_masks in zip(others, (0, 50), strict=True):
        net = DropoutMLPClassifier(mc_samples=n_masks, random_state=0, **options)
        others[name].append(loss(net.fit(X_train, y[train]).predict_proba(X_test)))

# %%
# The crosses are single nets, which differ only in their first weights and in the order
# of clips: so much is luck. The average of all ten beats nearly every one of them, and
# most of the gain is there with three. It is never worse than its members are on
# average, which follows from the convexity of the logarithm.
_, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(sizes, np.mean(curves, axis=0), marker="o", label="average of nets")
ax.plot(np.ones(10), np.mean(alone, axis=0), "x", color="0.5", label="each net alone")
for (name, losses), style in zip(others.items(), ("--", ":"), strict=True):
    ax.axhline(np.mean(losses), linestyle=style, color="C1", label=name)
ax.set(xlabel="nets", ylabel="log-loss on unheard instruments (nats)")
ax.legend()

# %%
# Dropout does *not* stand for ten nets here: with 90 clips and a small net, half of the
# units is a lot to lose, and averaging 50 of its masks makes up for only part of that.
# What it does where nets are large is in :ref:`systems-model-combination`.
#
# The same class draws whole artists, rather than clips, for each of its members if
# ``bootstrap=True`` (the default): drawing single clips would hand each net nearly all
# artists, and make the ten too much alike.
