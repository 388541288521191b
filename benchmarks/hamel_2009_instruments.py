"""Instrument families by SVM, MLP and DBN, as in Hamel, Wood and Eck (ISMIR 2009).

    python benchmarks/hamel_2009_instruments.py labels.csv --where task=my_task
    python benchmarks/hamel_2009_instruments.py FOLDER --groups '([^/_]+)_'

Labels are families, or several joined by | where more than one plays. Each family is
told from the rest on statistics of MFCCs and their slopes, by three models; the
threshold of each is tuned for the F-score on validation folds within the training set.
Prints and writes F-scores of each family, with its prevalence, on held-out groups.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from _options import add_data_options, load
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import (
    GroupKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, label_binarize
from sklearn.svm import SVC

from skdeepmir import DBNFeatureLearner, MultiTimescalePooler, SpectrogramExtractor


def each_family(classifier):
    """Return one classifier for each family, with a threshold tuned for its F-score."""
    return OneVsRestClassifier(TunedThresholdClassifierCV(classifier, scoring="f1"))


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_options(parser)
    args = parser.parse_args()
    clips = load(args)
    y, families = clips.target, list(clips.target_names)
    if y.ndim == 1:
        y = label_binarize(y, classes=np.arange(len(families)))
    mfcc = SpectrogramExtractor("mfcc", deltas=1, amin=1e-6, cache_dir=args.cache_dir)
    pooler = MultiTimescalePooler(("mean", "std", "min", "max"))
    X = pooler.fit_transform(mfcc.fit_transform(clips.data))  # nothing is learned here
    learner = DBNFeatureLearner(
        (200, 100),
        max_epochs=30,
        batch_size=20,
        finetune_epochs=100,
        random_state=0,
        verbose=False,
    )
    models = {
        "SVM": (each_family(SVC(C=10)),),
        "MLP": (each_family(MLPClassifier(tol=1e-3, random_state=0)),),
        "DBN": (learner, each_family(LogisticRegression(max_iter=1000))),
    }
    table = pd.DataFrame({"prevalence": [*y.mean(axis=0), np.nan, np.nan]})
    table.index = [*families, "mean over families", "all decisions"]
    for name, steps in models.items():
        predicted = cross_val_predict(
            make_pipeline(StandardScaler(), *steps),
            X,
            y,
            groups=clips.groups,
            cv=GroupKFold(args.cv),
            n_jobs=args.n_jobs,
        )
        averages = [f1_score(y, predicted, average=a) for a in ("macro", "micro")]
        table[name] = [*f1_score(y, predicted, average=None), *averages]
    text = table.to_markdown(floatfmt=".3f")
    print(text)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    (Path(args.out) / "hamel_2009.md").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
