"""Fits with one thread beside fits with two, on idle cores."""

from _rounds import measure

from functools import partial

import numpy as np

from skdeepmir import ConvTagger, DropoutMLPClassifier

rng = np.random.RandomState(0)
ROWS = rng.rand(4000, 784).astype(np.float32), np.arange(4000) % 10
CLIPS = [rng.rand(200, 64).astype(np.float32) for _ in range(64)], np.arange(64) % 4
SHORT = {"max_epochs": 2, "random_state": 0, "verbose": False}


def mlp(n_units, batch_size, n_threads):
    net = DropoutMLPClassifier(
        (n_units, n_units),
        batch_size=batch_size,
        n_threads=n_threads,
        **SHORT,
    )
    net.fit(*ROWS)


def conv(n_threads):
    ConvTagger(n_threads=n_threads, **SHORT).fit(*CLIPS)


if __name__ == "__main__":
    nets = {
        "512-512 units, batches of 32": partial(mlp, 512, 32),
        "2048-2048 units, batches of 128": partial(mlp, 2048, 128),
        "ConvTagger": conv,
    }
    for name, fit in nets.items():
        print(name)
        measure({f"{n} threads": partial(fit, n_threads=n) for n in (1, 2)}, 5)
