"""Compare pipelines on a folder of recordings under one fair protocol.

    python benchmarks/compare_pipelines.py                      # synthesised music
    python benchmarks/compare_pipelines.py FOLDER               # FOLDER/CLASS/RECORDING
    python benchmarks/compare_pipelines.py FOLDER --groups '([^/_]+)_'
    python benchmarks/compare_pipelines.py labels.csv --where task=my_task

Prints a table and writes it, with a picture, to the folder given by --out.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.model_selection import PredefinedSplit, StratifiedGroupKFold

from skdeepmir import compare, drop_bad_audio
from skdeepmir.baselines import mel_svm, mfcc_forest, mfcc_svm, pmsc_mlp
from skdeepmir.datasets import load_audio_folder, load_manifest, make_instrument_clips


def add_data_options(parser):
    """Add options for the recordings to compare on, and how to split them."""
    parser.add_argument(
        "source",
        nargs="?",
        help="folder with a class per sub-folder, "
        "or CSV with path, label, group, fold; default: synthesised",
    )
    parser.add_argument("--groups", help="regular expression: what must stay together")
    parser.add_argument(
        "--where",
        nargs="*",
        default=[],
        metavar="COLUMN=VALUE",
        help="rows of the CSV to use",
    )
    parser.add_argument("--cv", type=int, default=5, help="number of folds")
    parser.add_argument(
        "--leave-groups-out",
        action="store_true",
        help="split by group even if the CSV names folds",
    )
    parser.add_argument("--out", default="results", help="folder for table and picture")
    parser.add_argument("--n-jobs", type=int, default=2, help="fits at the same time")
    parser.add_argument(
        "--cache-dir",
        default="results/features",
        help="folder that keeps the features of files for the next run",
    )


def load(args):
    """Return the usable clips that the command line names, with groups."""
    if args.source is None:
        return make_instrument_clips(n_clips=120, random_state=0)
    if Path(args.source).is_dir():
        clips = load_audio_folder(args.source, groups=args.groups)
    else:
        where = dict(pair.split("=", 1) for pair in args.where)
        clips = load_manifest(args.source, where=where)
    if clips.groups is None:
        clips.groups = np.arange(len(clips.target))  # each clip is a group
    clips.data, clips.target, clips.groups, clips.folds = drop_bad_audio(
        clips.data, clips.target, clips.groups, clips.get("folds"), n_jobs=args.n_jobs
    )
    return clips


def make_folds(clips, args):
    """Return the folds that the CSV names, or folds that keep groups whole."""
    folds = None if args.leave_groups_out else clips.get("folds")
    if folds is not None:
        return list(PredefinedSplit(folds.astype(int)).split())
    cv = StratifiedGroupKFold(args.cv)
    return list(cv.split(np.zeros(len(clips.target)), clips.target, clips.groups))


def report(clips, pipelines, args, *, baseline, name="comparison"):
    """Compare pipelines; print the table, and write it with a picture."""
    result = compare(
        pipelines,
        clips.data,
        clips.target,
        groups=clips.groups,
        cv=make_folds(clips, args),
        baseline=baseline,
        n_jobs=args.n_jobs,
    )
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    print(result.to_markdown())
    (out / f"{name}.md").write_text(result.to_markdown() + "\n", encoding="utf-8")
    matplotlib.use("agg")
    result.plot().figure_.savefig(out / f"{name}.png", dpi=150)
    print(f"\nTable and picture: {out / name}.md, {out / name}.png")


def main():
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_options(parser)
    args = parser.parse_args()
    cache = {"cache_dir": args.cache_dir}
    pipelines = {
        "MFCC + SVM": mfcc_svm(**cache),
        "MFCC + forest": mfcc_forest(random_state=0, **cache),
        "log-mel + SVM": mel_svm(**cache),
        "PMSC, 3 timescales + MLP": pmsc_mlp(random_state=0, **cache),
    }
    report(load(args), pipelines, args, baseline="MFCC + SVM")


if __name__ == "__main__":
    main()
