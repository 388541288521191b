"""Pre-training where labels are few: MNIST digits, the same net with and without.

    python benchmarks/few_labels.py ../shared/data/images/mnist OUT_FOLDER

Ten draws each of 8,000 digits for training, of which 100, 300 or 1,000 have labels, and
2,000 for testing. Nets of 784-500-500 sigmoid units are fine-tuned on the labels, from
stacked RBMs (all 8,000 digits) or from random weights, at three rates; a logistic
regression on their features is scored. Writes a table and a picture.
"""

from _rounds import measure  # noqa: F401 (first: it pins the threads)

import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from _digits import load_digits
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression

from skdeepmir import DBNFeatureLearner

SIZES, N_DRAWS = (100, 300, 1000), 10
RATES = {"rbm": (0.02, 0.1, 0.5), "dbm": (0.1,), None: (0.02, 0.1, 0.5)}


def error(X, y, n_labels, draw, pretraining, rate):
    """Return the share of wrong digits for one draw."""
    rng = np.random.RandomState(draw)
    order = rng.permutation(len(X))
    train, test = order[:8000], order[8000:]
    of_digit = [np.flatnonzero(y[train] == digit) for digit in range(10)]
    known = np.concatenate([rng.permutation(i)[: n_labels // 10] for i in of_digit])
    labels = np.full(len(train), -1)
    labels[known] = y[train][known]
    learner = DBNFeatureLearner(
        (500, 500),
        visible="binary",
        pretraining=pretraining,
        cd_steps=5 if pretraining == "dbm" else 1,
        max_epochs=20,
        joint_epochs=10,
        mean_field_steps=5,
        batch_size=50,
        finetune_epochs=100,
        finetune_learning_rate=rate,
        precision="bfloat16",
        random_state=draw,
        verbose=False,
    )
    learner.fit(X[train], labels)
    classifier = LogisticRegression(max_iter=1000)
    classifier.fit(learner.transform(X[train][known]), labels[known])
    wrong = 1 - classifier.score(learner.transform(X[test]), y[test])
    return n_labels, pretraining or "random", rate, draw, wrong


def main():
    folder, out = sys.argv[1], Path(sys.argv[2])
    X, y = load_digits(folder)
    rows = Parallel(n_jobs=int(sys.argv[3]) if len(sys.argv) > 3 else 2)(
        delayed(error)(X, y, n_labels, draw, pretraining, rate)
        for n_labels in SIZES
        for pretraining, rates in RATES.items()
        for rate in rates
        for draw in range(N_DRAWS)
    )
    columns = ["labels", "start", "rate", "draw", "error"]
    errors = pd.DataFrame(rows, columns=columns)
    means = errors.groupby(["labels", "start", "rate"])["error"].agg(["mean", "sem"])
    best = means.loc[means.groupby(["labels", "start"])["mean"].idxmin()].reset_index()
    print(best.to_markdown(index=False, floatfmt=".4f"))
    out.mkdir(parents=True, exist_ok=True)
    errors.to_csv(out / "few_labels.csv", index=False)
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
    for start, part in best.groupby("start"):
        ax.errorbar(part["labels"], part["mean"], part["sem"], fmt="o-", label=start)
    ax.set(xscale="log", xlabel="labelled digits", ylabel="error on 2,000 digits")
    ax.legend(title="start")
    figure.savefig(out / "few_labels.png", dpi=150)


if __name__ == "__main__":
    main()
