"""Fits and predictions of every learner, in this checkout beside another.

    git worktree add ../before COMMIT
    python benchmarks/fits.py ../before

Each is timed in a process of its own, the checkouts in turn. Data are random: what is
timed is the arithmetic and what stands around it.
"""

import _rounds  # noqa: F401  # first: it pins the threads

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import skdeepmir

HERE = Path(__file__).resolve().parents[1]
N_ROUNDS = 7
RNG = np.random.RandomState(0)


def frames(n_clips, n_frames, n_features):
    return list(RNG.rand(n_clips, n_frames, n_features).astype(np.float32))


def rows(n, n_features):
    return RNG.rand(n, n_features).astype(np.float32), RNG.randint(10, size=n)


def songs():
    labels = [RNG.choice(["C:maj", "G:maj", "A:min", "N"], 300) for _ in range(24)]
    return frames(24, 300, 84), labels


LEARNERS = {
    "MLP, 1,000 rows of 16 values": (
        *("DropoutMLPClassifier", {"hidden_layer_sizes": (64,), "max_epochs": 30}),
        lambda: rows(1000, 16),
    ),
    "MLP, 4,000 rows of 784 values": (
        *("DropoutMLPClassifier", {"hidden_layer_sizes": (256, 256), "max_epochs": 4}),
        lambda: rows(4000, 784),
    ),
    "convolutional": (
        *("ConvTagger", {"channels": (16, 32), "max_epochs": 4}),
        lambda: (frames(64, 200, 40), np.arange(64) % 4),
    ),
    "several time scales": (
        *("MultiTimescaleTagger", {"max_epochs": 10}),
        lambda: (frames(64, 200, 40), np.arange(64) % 4),
    ),
    "recurrent": ("BLSTMChordRecognizer", {"max_epochs": 2}, songs),
    "contrastive divergence": (
        *("DBNFeatureLearner", {"hidden_layer_sizes": (100, 100), "max_epochs": 5}),
        lambda: (frames(40, 500, 100), None),
    ),
    "joint Boltzmann": (
        *("DBNFeatureLearner", {"hidden_layer_sizes": (60, 40), "pretraining": "dbm"}),
        lambda: (frames(20, 500, 100), None),
    ),
    "denoising auto-encoder": (
        "DBNFeatureLearner",
        {"hidden_layer_sizes": (60, 40), "pretraining": "denoising_autoencoder"},
        lambda: (frames(20, 500, 100), None),
    ),
}


def time_one(label):
    """Print the seconds of a fit, and of a prediction."""
    name, parameters, make = LEARNERS[label]
    kind, (X, y) = getattr(skdeepmir, name), make()
    options = {**parameters, "random_state": 0, "verbose": False}
    warm = kind(**{**options, "max_epochs": 1})
    warm.fit(X[:16], None if y is None else y[:16])  # loads and compiles
    estimator, start = kind(**options), time.perf_counter()
    estimator.fit(X, y)
    fitted = time.perf_counter()
    (estimator.transform if y is None else estimator.predict)(X)
    print(fitted - start, time.perf_counter() - fitted)


def run(checkout, label):
    """Return the seconds that they take in a checkout."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", label],
        env={**os.environ, "PYTHONPATH": str(checkout)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [float(part) for part in done.stdout.split()]


def main():
    """Print medians, and the median of the ratios of now to before in each round."""
    before = Path(sys.argv[1]).resolve()
    print("| learner | fit, s before | now | ratio | predict, s before | now | ratio |")
    print("| - " * 7 + "|")
    for label in LEARNERS:
        rounds = []
        for i in range(N_ROUNDS):
            order = (before, HERE) if i % 2 else (HERE, before)
            found = {checkout: run(checkout, label) for checkout in order}
            rounds.append((found[before], found[HERE]))
        cells = [label]
        for k in (0, 1):
            pairs = [(a[k], b[k]) for a, b in rounds]
            cells += [
                f"{statistics.median(side):.3g}" for side in zip(*pairs, strict=True)
            ]
            cells.append(f"{statistics.median(b / a for a, b in pairs):.2f}")
        print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    time_one(sys.argv[2]) if sys.argv[1] == "--one" else main()
