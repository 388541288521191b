"""
What LSTM cells are for
=======================

A chord may be explained by a bass note four beats ago. Can a recurrent net learn from
something that far back? Learning needs a gradient that survives the way. Here we watch
it vanish in plain units, as Bengio, Simard and Frasconi described in 1994, and survive
in LSTM cells (Hochreiter and Schmidhuber, 1997), then see who solves a task that needs
it.
"""

# %%
# The task: the first frame says which of two chords it is, then come frames of weak
# noise, and only the last frame has a label. ``"X"`` marks frames without one.
import warnings

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from skdeepmir import BLSTMChordRecognizer
from skdeepmir.nets import RecurrentNet, SequenceBatch

CHORDS = ("C:maj", "C:min")


def make_sequences(n_sequences, n_steps, seed):
    rng = np.random.RandomState(seed)
    bits = rng.randint(2, size=n_sequences)
    frames = 0.1 * rng.randn(n_sequences, n_steps, 2).astype(np.float32)
    frames[:, :, 1] = 0
    frames[:, 0] = np.column_stack([2 * bits - 1, np.ones(n_sequences)])
    answers = np.array(CHORDS)[bits]
    return frames, [["X"] * (n_steps - 1) + [answer] for answer in answers], answers


CELLS = {  # name: (cell, first weights)
    "LSTM cells": ("lstm", "orthogonal"),
    "plain units, small weights": ("rnn", "uniform"),
    "plain units, loops that begin as rotations": ("rnn", "orthogonal"),
}

# %%
# How much does the answer in the last frame depend on what the net saw k frames ago?
# The slope of that answer, in nets that have learned nothing yet:
frames, _, _ = make_sequences(50, 100, seed=0)
_, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, (cell, start) in CELLS.items():
    net = RecurrentNet(
        *(2, 2, 20, 1),
        cell=cell,
        bidirectional=False,
        initialization=start,
        generator=torch.Generator().manual_seed(0),
    )
    x = torch.from_numpy(frames).requires_grad_()
    net(SequenceBatch(x, torch.full((50,), 100)))[:, -1, 0].sum().backward()
    slope = x.grad.norm(dim=2).mean(dim=0).flip(0)
    ax.semilogy(slope, label=name)
ax.set(xlabel="frames back", ylabel="slope of the answer", ylim=(1e-12, 10))
ax.legend()

# %%
# It decays for all, but a slope of a hundredth can be followed downhill and one of 10\
# :sup:`-12` cannot. With an orthogonal matrix in the loop, plain units begin as
# rotations, which neither shrink nor stretch what they carry. So the old trouble was as
# much the first weights as the cell. Which of them learn the task over 60 frames, by
# plain gradient descent, and at which rate? Guessing is right half the time.
warnings.simplefilter("ignore", ConvergenceWarning)  # some do not: that is the point
RATES = (0.03, 0.1, 0.3)
frames, labels, _ = make_sequences(200, 60, seed=0)
unseen, _, answers = make_sequences(200, 60, seed=1)
_, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
for name, (cell, start) in CELLS.items():
    right = []
    for rate in RATES:
        net = BLSTMChordRecognizer(
            CHORDS,
            cell=cell,
            initialization=start,
            n_units=20,
            n_layers=1,
            bidirectional=False,
            dropout=0,
            excerpt_length=None,
            optimizer="sgd",
            learning_rate=rate,
            batch_size=50,
            max_epochs=30,
            decoder="argmax",
            random_state=0,
            verbose=False,
        ).fit(frames, labels)
        last = [chords[-1] for chords in net.predict(unseen)]
        right.append(float(np.mean(last == answers)))
    print(f"{name}: {right}")
    ax.plot([str(rate) for rate in RATES], right, marker="o", label=name)
ax.set(xlabel="learning rate", ylabel="share of right answers", ylim=(0.4, 1.05))
ax.legend()

# %%
# LSTM cells learn it at two rates of three, rotations at one, and plain units with
# small weights at none. The highest rate is too much for all. On chords of real songs
# we found no certain advantage of LSTM cells over plain units: see
# :ref:`systems-boulanger-2013`.
