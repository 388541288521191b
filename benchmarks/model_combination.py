"""One net, ten nets, and dropout, which stands for very many (Srivastava 2013).

    python benchmarks/model_combination.py                      # synthesised music
    python benchmarks/model_combination.py FOLDER               # FOLDER/CLASS/RECORDING
    python benchmarks/model_combination.py labels.csv --where task=my_task

All classify the same statistics of MFCCs, beside an RBF support vector machine. Ten
nets are averaged twice: of all clips, and of groups (artists) drawn with replacement.
"""

import argparse

from _options import add_data_options, load, report
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdeepmir import (
    DropoutMLPClassifier,
    GroupBaggingClassifier,
    MultiTimescalePooler,
    SpectrogramExtractor,
)


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_options(parser)
    parser.add_argument("--n-nets", type=int, default=10, help="nets of an average")
    parser.add_argument("--max-epochs", type=int, default=100)
    args = parser.parse_args()
    net = {"max_epochs": args.max_epochs, "random_state": 0, "verbose": False}
    plain = DropoutMLPClassifier(dropout=0, input_dropout=0, **net)
    bag = {"n_estimators": args.n_nets, "random_state": 0, "verbose": False}
    classifiers = {
        "SVM": SVC(C=10),
        "one net": plain,
        f"{args.n_nets} nets": GroupBaggingClassifier(plain, bootstrap=False, **bag),
        f"{args.n_nets} nets, groups drawn": GroupBaggingClassifier(plain, **bag),
        "dropout": DropoutMLPClassifier(**net),
        "dropout, average of 50 masks": DropoutMLPClassifier(mc_samples=50, **net),
        f"{args.n_nets} nets with dropout": GroupBaggingClassifier(
            DropoutMLPClassifier(**net), bootstrap=False, **bag
        ),
    }
    pipelines = {
        name: make_pipeline(
            SpectrogramExtractor("mfcc", amin=1e-6, cache_dir=args.cache_dir),
            MultiTimescalePooler(("mean", "std", "min", "max", "median")),
            StandardScaler(),
            classifier,
        )
        for name, classifier in classifiers.items()
    }
    clips = load(args)
    report(clips, pipelines, args, baseline="SVM", name="model_combination")


if __name__ == "__main__":
    main()
