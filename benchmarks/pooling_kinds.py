"""Kinds of pooling and dropout in all layers, in the order of the table of SVHN.

    python benchmarks/pooling_kinds.py ../shared/data/images/mnist

MNIST digits as clips of 28 frames with 28 bands: 1,000 to train, 9,000 to test, three
draws. Nets of three blocks (32, 64, 128 maps); with dropout, a tenth of the input, a
quarter of each block's and half of the last values are dropped, as in the papers.
Settings are those of the papers or the defaults; none was chosen on these digits.
"""

import os

for _variable in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_variable}_NUM_THREADS", "1")

import sys

import numpy as np
from _digits import load_digits

from skdeepmir import ConvTagger

N_DRAWS, N_TRAIN = 3, 1000
LAST = {"output_dropout": 0.5}
ALL = {"input_dropout": 0.1, "dropout": 0.25, "output_dropout": 0.5}
NETS = {
    "average pooling": {"pooling": "average"},
    "L2 pooling": {"pooling": "lp"},
    "L4 pooling": {"pooling": "lp", "lp_order": 4.0},
    "max pooling": {},
    "max pooling, dropout of the last values": LAST,
    "stochastic pooling": {"pooling": "stochastic"},
    "stochastic pooling, dropout of the last values": {"pooling": "stochastic", **LAST},
    "max pooling, dropout in all layers": ALL,
    "the same, translated inputs": {**ALL, "excerpt_length": 26, "shift_bands": 2},
    "conv maxout, dropout in all layers": {**ALL, "activation": "maxout"},
}


def main():
    X, y = load_digits(sys.argv[1])
    clips = X.reshape(-1, 28, 28)
    print("| net | error of each draw | mean |\n| --- | --- | --- |")
    for name, parameters in NETS.items():
        errors = []
        for draw in range(N_DRAWS):
            order = np.random.RandomState(draw).permutation(len(y))
            train, test = order[:N_TRAIN], order[N_TRAIN:]
            net = ConvTagger(
                (32, 64, 128),
                **{"output_dropout": 0, "excerpt_length": 28, **parameters},
                precision="bfloat16",
                random_state=draw,
                verbose=False,
            )
            net.fit(clips[train], y[train])
            errors.append(1 - net.score(clips[test], y[test]))
        each = " ".join(f"{error:.4f}" for error in errors)
        print(f"| {name} | {each} | {np.mean(errors):.4f} |", flush=True)


if __name__ == "__main__":
    main()
