"""Epochs of DropoutMLPClassifier beside a plain torch loop, scikit-learn and skorch.

    python benchmarks/mlp.py ../shared/data/images/mnist
    OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 python benchmarks/mlp.py FOLDER

The second uses two cores for all of them. Nets have no dropout unless stated, since
scikit-learn has none; the plain loop indexes batches and uses the fused Adam.
"""

from _rounds import measure  # first: it pins the threads

import os
import pickle
import sys
import time
import warnings

import numpy as np
import torch
from _digits import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn import functional

from skdeepmir import DropoutMLPClassifier
from skdeepmir.nets import MLP

N_THREADS = int(os.environ["OMP_NUM_THREADS"])
torch.set_num_threads(N_THREADS)
warnings.simplefilter("ignore", ConvergenceWarning)


class PlainLoop:
    """The same net and loop, written by hand."""

    def __init__(self, X, y, sizes, batch_size, dropout=0.0):
        self.X, self.y = torch.from_numpy(X), torch.from_numpy(y)
        widths = [X.shape[1], *sizes]
        layers = []
        for below, above in zip(widths, sizes, strict=False):
            layers += [nn.Linear(below, above), nn.ReLU(), nn.Dropout(dropout)]
        self.net = nn.Sequential(*layers, nn.Linear(widths[-1], 10))
        self.optimizer = torch.optim.Adam(self.net.parameters(), fused=True)
        self.batch_size = batch_size

    def fit(self, n_epochs):
        """Train."""
        self.net.train()
        for _ in range(n_epochs):
            for rows in torch.randperm(len(self.X)).split(self.batch_size):
                logits = self.net(self.X.index_select(0, rows))
                loss = functional.cross_entropy(logits, self.y.index_select(0, rows))
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
        return self

    def score(self, X, y):
        """Return the accuracy."""
        self.net.eval()
        with torch.no_grad():
            return (self.net(torch.from_numpy(X)).argmax(1).numpy() == y).mean()


def ours(sizes, batch_size, n_epochs, **parameters):
    return DropoutMLPClassifier(
        sizes,
        **{"dropout": 0, "input_dropout": 0, **parameters},
        standardize=False,  # as the others
        batch_size=batch_size,
        max_epochs=n_epochs,
        n_threads=N_THREADS,
        random_state=0,
        verbose=False,
    )


def theirs(sizes, batch_size, n_epochs):
    return MLPClassifier(
        sizes,
        batch_size=batch_size,
        max_iter=n_epochs,
        n_iter_no_change=n_epochs,
        alpha=0,
        random_state=0,
    )


def default_skorch(sizes, batch_size, n_epochs):
    return NeuralNetClassifier(
        MLP,
        module__n_features=784,
        module__n_outputs=10,
        module__hidden_layer_sizes=sizes,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.001,
        batch_size=batch_size,
        max_epochs=n_epochs,
        train_split=None,
        verbose=0,
    )


def print_speed(X, y, sizes, batch_size, n_epochs):
    print(
        f"{X.shape[1]}-{'-'.join(map(str, sizes))}-10, batch {batch_size}, {len(X)} "
        f"rows, {n_epochs} epochs, float32, {N_THREADS} thread(s)\n"
    )

    def plain(dropout=0.0):
        return PlainLoop(X, y, sizes, batch_size, dropout).fit(n_epochs)

    def net(**parameters):
        return ours(sizes, batch_size, n_epochs, **parameters).fit(X, y)

    def skorch():
        net = default_skorch(sizes, batch_size, n_epochs)
        return net.set_params(module__n_features=X.shape[1]).fit(X, y)

    measure(
        {
            "plain torch loop": plain,
            "skdeepmir": net,
            "skdeepmir, bfloat16": lambda: net(precision="bfloat16"),
            "plain torch loop, dropout": lambda: plain(0.5),
            "skdeepmir, dropout": lambda: net(dropout=0.5),
            "skorch as it comes": skorch,
            "scikit-learn": lambda: theirs(sizes, batch_size, n_epochs).fit(X, y),
        }
    )


def print_time_to_error(X, y, X_test, y_test, limit=0.04):
    """Print the seconds that each takes to an error of unseen digits."""
    print(f"| 784-512-512-10, batch 128, seconds to an error of {limit} | |")
    print("| --- | --- |")
    sizes = (512, 512)

    def time_of(fit_one_more):
        spent = 0.0
        for n_epochs in range(1, 101):
            start = time.perf_counter()
            error = 1 - fit_one_more().score(X_test, y_test)
            spent += time.perf_counter() - start
            if error <= limit:
                return f"{spent:.1f} ({n_epochs} epochs)"
        return "not reached in 100 epochs"

    classes = np.arange(10)
    loop = PlainLoop(X, y, sizes, 128)
    peer = theirs(sizes, 128, 1)
    rows = {"plain torch loop": lambda: loop.fit(1)}
    for name, parameters in {
        "skdeepmir": {},
        "skdeepmir, bfloat16": {"precision": "bfloat16"},
        "skdeepmir, dropout": {"dropout": 0.5, "input_dropout": 0.2},
    }.items():
        net = ours(sizes, 128, 1, **parameters)
        rows[name] = lambda net=net: net.partial_fit(X, y, classes)
    rows["scikit-learn"] = lambda: peer.partial_fit(X, y, classes=classes)
    for name, fit_one_more in rows.items():
        print(f"| {name} | {time_of(fit_one_more)} |", flush=True)
    print()


def main():
    X, y = load_digits(sys.argv[1])
    y = y.astype(np.int64)
    order = np.random.RandomState(0).permutation(len(X))
    X, y = X[order], y[order]
    for batch_size in (32, 128, 512):
        print_speed(X[:6400], y[:6400], (512, 512), batch_size, 2)
    small = np.random.RandomState(0).randn(5000, 100).astype(np.float32)
    labels = np.random.RandomState(1).randint(0, 10, 5000)
    print_speed(small, labels, (100,), 32, 10)
    print_time_to_error(X[:8000], y[:8000], X[8000:], y[8000:])
    net = ours((512, 512), 128, 1).fit(X, y)
    raw = sum(weights.nbytes for weights in net.weights_.values())
    print(f"pickled size / raw weights: {len(pickle.dumps(net)) / raw:.4f}")


if __name__ == "__main__":
    main()
