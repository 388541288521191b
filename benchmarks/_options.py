"""What scripts for any recordings share: options as of ``skdeepmir compare``."""

import numpy as np

from skdeepmir import compare
from skdeepmir._command_line import _compare, _data
from skdeepmir.model_selection._folds import make_splits


def add_data_options(parser):
    """Add options for recordings, folds and output."""
    _data.add_data_options(parser)
    parser.add_argument("--out", default="results", help="folder for tables, pictures")
    parser.add_argument(
        "--cache-dir",
        default="results/features",
        help="folder that keeps the features of files for the next run",
    )


def load(args):
    """Return the usable clips that the command line names, each with a group."""
    clips = _data.load(args)
    if clips.groups is None:
        clips.groups = np.arange(len(clips.data))  # each clip is one
    return clips


def make_folds(clips, args):
    """Return the folds that the CSV names, or folds that keep groups whole."""
    are_classes = clips.target_names is not None
    return make_splits(
        _data.folds(clips, args), clips.target, clips.groups, are_classes
    )


def report(clips, pipelines, args, *, baseline, name):
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
    print(result.to_markdown())
    print(f"\n{_compare.write(result, args.out, name)}")
