r"""Train on some sources and test on others, with paired tests over whole groups.

    python benchmarks/train_here_test_there.py labels.csv \
        --train task=notes source=bank_a,bank_b --test task=notes source=bank_c,bank_d
    python benchmarks/train_here_test_there.py labels.csv --tags \
        --train task=polyphonic --test task=solos

The labels of the first set give the classes, or the tags, of both. Finished fits are
kept in --out, so that the script goes on where it was stopped.
"""

import argparse
from pathlib import Path

from skdeepmir import compare
from skdeepmir.baselines import mel_svm, mfcc_forest, mfcc_svm, pmsc_mlp
from skdeepmir.datasets import load_manifest


def chosen(pairs):
    """Return the rows that pairs such as source=a,b stand for."""
    return {column: values.split(",") for column, values in pairs}


def main():
    """Compare pipelines on a test set of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", help="CSV with path, label and group")
    for name in ("--train", "--test"):
        parser.add_argument(
            name,
            nargs="+",
            required=True,
            type=lambda pair: pair.split("=", 1),
            metavar="COLUMN=VALUE[,VALUE]",
            help="rows of the CSV",
        )
    parser.add_argument("--tags", action="store_true", help="labels are tags")
    parser.add_argument("--out", default="results", help="folder for the tables")
    parser.add_argument("--n-jobs", type=int, default=2, help="fits at the same time")
    args = parser.parse_args()
    out, kind = Path(args.out), {"multilabel": True if args.tags else None}
    here = load_manifest(args.table, where=chosen(args.train), **kind)
    kind["target_names"] = here.target_names
    there = load_manifest(args.table, where=chosen(args.test), **kind)
    quiet = {"cache_dir": out / "features", "verbose": False}
    pipelines = {
        "MFCC + forest": mfcc_forest(random_state=0, **quiet),
        "PMSC, 3 timescales + MLP": pmsc_mlp(random_state=0, **quiet),
    }
    if not args.tags:
        pipelines |= {
            "MFCC + SVM": mfcc_svm(**quiet),
            "log-mel + SVM": mel_svm(**quiet),
        }
    result = compare(
        pipelines,
        *(here.data, here.target),
        groups=here.groups,
        X_test=there.data,
        y_test=there.target,
        groups_test=there.groups,
        scoring=["auc_tag", "ap_tag"] if args.tags else ["accuracy", "f1_macro"],
        cache_dir=out / "parts",
        n_jobs=args.n_jobs,
    )
    print(result, result.differences().to_string(), sep="\n\n")
    for name in pipelines:
        table = result.confusion(name, target_names=there.target_names)
        print(f"\n{name}\n{table}")
    (out / "train_here_test_there.tex").write_text(result.to_latex(), encoding="utf-8")


if __name__ == "__main__":
    main()
