"""DropoutMLPClassifier and an RBF SVM on pooled features, both tuned inside each fold.

    python benchmarks/net_features.py ../shared/data/labels.csv CACHE
    python benchmarks/net_features.py CSV CACHE --task instrument_family_solo

Inner folds keep groups whole, as the outer ones do; both search the same four of them.
"""

import os

for _variable in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_variable}_NUM_THREADS", "1")

import argparse

from sklearn.model_selection import (
    GridSearchCV,
    PredefinedSplit,
    StratifiedGroupKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdeepmir import (
    DropoutMLPClassifier,
    MultiTimescalePooler,
    SpectrogramExtractor,
    compare,
)
from skdeepmir.datasets import load_manifest

TASKS = ("clip_classification_esc10", "instrument_family_solo")
FEATURES = {
    "MFCC, five statistics": (
        {"kind": "mfcc"},
        ("mean", "std", "min", "max", "median"),
    ),
    "log-mel, four statistics": (
        {"kind": "log_mel", "n_mels": 64},
        ("mean", "std", "min", "max"),
    ),
}


def tuned(classifier, grid):
    name = type(classifier).__name__.lower()
    return GridSearchCV(
        make_pipeline(StandardScaler(), classifier),
        {f"{name}__{parameter}": values for parameter, values in grid.items()},
        cv=StratifiedGroupKFold(4, shuffle=True, random_state=0),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest")
    parser.add_argument("cache")
    parser.add_argument("--task", choices=TASKS)
    args = parser.parse_args()
    # Every classifier gets what one scaler gives.
    net = DropoutMLPClassifier(standardize=False, random_state=0, verbose=False)
    classifiers = {
        "RBF SVM, tuned": tuned(
            SVC(), {"C": [1, 10, 100], "gamma": [3e-4, 1e-3, 3e-3, 1e-2, 3e-2]}
        ),
        "dropout net, tuned": tuned(
            net,
            {
                "dropout": [0.3, 0.5, 0.7],
                "input_dropout": [0.0, 0.2],
                "learning_rate": [1e-3, 3e-3],
            },
        ),
        "dropout net, as it comes": make_pipeline(StandardScaler(), net),
    }
    for task in [args.task] if args.task else TASKS:
        clips = load_manifest(args.manifest, where={"task": task})
        folds = list(PredefinedSplit(clips.folds.astype(int)).split())
        for name, (extraction, statistics) in FEATURES.items():
            pooled = make_pipeline(
                SpectrogramExtractor(**extraction, amin=1e-6, cache_dir=args.cache),
                MultiTimescalePooler(statistics),
            ).fit_transform(clips.data)  # nothing in it is learned
            result = compare(
                classifiers,
                pooled,
                clips.target,
                groups=clips.groups,
                cv=folds,
                baseline="RBF SVM, tuned",
            )
            print(f"{task}, {name}\n\n{result.to_markdown()}\n", flush=True)


if __name__ == "__main__":
    main()
