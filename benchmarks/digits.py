"""Test errors of 10,000 MNIST digits: the order of the dropout papers, and the peers.

    python benchmarks/digits.py ../shared/data/images/mnist
    python benchmarks/digits.py FOLDER --only relu       # rows whose name holds "relu"

8,000 images to train, 2,000 to test, five draws. The peers are tuned by a grid search
inside the training images of each draw. The settings of the nets are the same for all
draws; they were found on 1,600 of the training images of draw 0.
"""

import os

for _variable in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_variable}_NUM_THREADS", "1")

import argparse
import time
import warnings

import numpy as np
from _digits import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from skdeepmir import DBNFeatureLearner, DropoutMLPClassifier

N_DRAWS = 5
# Where processors have no bfloat16, "float32" is faster.
COMMON = {
    "standardize": False,  # pixels from 0 to 1
    "precision": "bfloat16",
    "learning_rate_schedule": "linear",
    "batch_size": 128,
    "verbose": False,
}
NO_DROPOUT = {"dropout": 0, "input_dropout": 0}


def learner(**parameters):
    return DBNFeatureLearner(
        visible="binary",
        max_epochs=30,
        validation_fraction=0,
        precision="bfloat16",
        verbose=False,
        **parameters,
    )


def classifiers(seed):
    net = {**COMMON, "random_state": seed}
    relu = {**net, "hidden_layer_sizes": (1024, 1024), "max_epochs": 150}
    sgd = {"optimizer": "sgd", "momentum": 0.95}
    dbn = {
        **net,
        "hidden_layer_sizes": (1000, 1000),
        "activation": "logistic",
        "pretraining": learner(),
    }
    return {
        "logistic, 2 x 800": DropoutMLPClassifier(
            **{**net, **NO_DROPOUT, "hidden_layer_sizes": (800, 800)},
            activation="logistic",
            initialization="sparse",
            max_epochs=40,
        ),
        "relu, 2 x 1024, dropout": DropoutMLPClassifier(**relu),
        "relu, 2 x 1024, dropout, max-norm 1.5": DropoutMLPClassifier(
            **relu, max_norm=1.5
        ),
        "maxout, 2 x 240 x 5, dropout, max-norm 1.94": DropoutMLPClassifier(
            **{**net, "hidden_layer_sizes": (240, 240), "max_epochs": 100},
            activation="maxout",
            maxout_pieces=5,
            max_norm=1.94,
        ),
        "DBN, 2 x 1000, fine-tuned": DropoutMLPClassifier(
            **{**dbn, **NO_DROPOUT, **sgd}, learning_rate=0.2, max_epochs=30
        ),
        "DBN, 2 x 1000, fine-tuned with dropout": DropoutMLPClassifier(
            **{**dbn, **sgd}, learning_rate=0.5, max_epochs=100
        ),
        "scikit-learn's MLPClassifier, tuned": GridSearchCV(
            MLPClassifier(batch_size=128, max_iter=60, random_state=seed),
            {
                "hidden_layer_sizes": [(512,), (512, 512)],
                "alpha": [1e-4, 0.1, 1.0],
            },
            cv=3,
        ),
        "RBF SVM, tuned": GridSearchCV(
            SVC(cache_size=1000), {"C": [3, 10, 30], "gamma": [0.02, 0.03, 0.05]}, cv=3
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load_digits(args.folder)
    print("| | test error, mean ± standard error | draws | seconds a draw |")
    print("| --- | --- | --- | --- |")
    for name in classifiers(0):
        if args.only not in name:
            continue
        errors, start = [], time.perf_counter()
        for draw in range(N_DRAWS):
            order = np.random.RandomState(draw).permutation(len(X))
            train, test = order[:8000], order[8000:]
            fitted = classifiers(draw)[name].fit(X[train], y[train])
            errors.append(1 - fitted.score(X[test], y[test]))
        seconds = (time.perf_counter() - start) / N_DRAWS
        spread = np.std(errors, ddof=1) / N_DRAWS**0.5
        draws = ", ".join(f"{error:.4f}" for error in errors)
        print(
            f"| {name} | {np.mean(errors):.4f} ± {spread:.4f} | {draws} "
            f"| {seconds:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
