"""Epochs of an RBM (784-500, batch 100) beside scikit-learn's: time and error.

    python benchmarks/rbm.py ../shared/data/images/mnist
    OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 python benchmarks/rbm.py FOLDER

The second lets scikit-learn use two cores; ours always trains on one.
"""

from _rounds import measure  # first: it pins the threads

import sys

import numpy as np
from _digits import load_digits
from scipy.special import expit
from sklearn.neural_network import BernoulliRBM

from skdeepmir import DBNFeatureLearner

RATES = (0.01, 0.02, 0.05, 0.1)


def theirs(X, n_epochs, rate):
    return BernoulliRBM(
        500, learning_rate=rate, batch_size=100, n_iter=n_epochs, random_state=0
    ).fit(X)


def ours(X, n_epochs, rate, precision="float32"):
    return DBNFeatureLearner(
        (500,),
        visible="binary",
        learning_rate=rate,
        batch_size=100,
        max_epochs=n_epochs,
        validation_fraction=0,
        precision=precision,
        random_state=0,
        verbose=False,
    ).fit(X)


def print_errors(X, X_test):
    """Print the best reconstruction error of each after ten epochs."""
    print("| mean squared error of unseen digits, 10 epochs, best of four rates | |")
    print("| --- | --- |")

    def error(reconstructed):
        return np.square(X_test - reconstructed).mean()

    errors = []
    for rate in RATES:
        rbm = theirs(X, 10, rate)
        hidden = rbm.transform(X_test)
        errors.append(error(expit(hidden @ rbm.components_ + rbm.intercept_visible_)))
    print(f"| scikit-learn, rate {RATES[np.argmin(errors)]} | {min(errors):.5f} |")
    for precision in ("float32", "bfloat16"):
        errors = []
        for rate in RATES:
            learner = ours(X, 10, rate, precision)
            restored = learner.inverse_transform(learner.transform(X_test))
            errors.append(error(restored))
        rate = RATES[np.argmin(errors)]
        print(f"| skdeepmir {precision}, rate {rate} | {min(errors):.5f} |")
    print(flush=True)


def main():
    X, _ = load_digits(sys.argv[1])
    X, X_test = X[:6000], X[6000:8000]
    in_double = X.astype(np.float64)
    measure(
        {
            "scikit-learn float32, 2 epochs of 6,000": lambda: theirs(X, 2, 0.05),
            "scikit-learn float64": lambda: theirs(in_double, 2, 0.05),
            "skdeepmir float32": lambda: ours(X, 2, 0.05),
            "skdeepmir bfloat16": lambda: ours(X, 2, 0.05, "bfloat16"),
        },
        n_rounds=7,
    )
    print_errors(X, X_test)


if __name__ == "__main__":
    main()
