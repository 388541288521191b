"""Options for recordings and folds, which commands and benchmarks share."""

from __future__ import annotations

import argparse
import contextlib
import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from skdeepmir._command_line._parsers import (
    UsageError,
    number,
    number_of_jobs,
    some_path,
)
from skdeepmir._disk import shown, user_path

Pair = tuple[str, list[str]]  # a column of a table, and values of it
WHERE = "COLUMN=VALUE[,VALUE]"


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add options for the recordings to compare on, and how to split them."""
    add_source(parser, nargs="?", default="synthesised music")
    add_rows(parser)
    parser.add_argument(
        "--tags",
        action="store_true",
        help="labels are tags, even if no clip has two; several in a cell of the CSV, "
        "joined by |, say so by themselves",
    )
    parser.add_argument(
        "--cv",
        type=number(2),
        default=5,
        metavar="N",
        help="number of folds, which keep groups whole (default: %(default)s; those of "
        "the CSV if it has a column 'fold')",
    )
    parser.add_argument(
        "--leave-groups-out",
        action="store_true",
        help="make folds by group even if the CSV names folds",
    )
    add_jobs(parser, "fits at the same time")


def add_source(
    parser: argparse.ArgumentParser, *, default: str = "", **options: Any
) -> None:
    """Add the argument SOURCE, and --groups."""
    parser.add_argument(
        "source",
        type=some_path,
        metavar="FOLDER|CSV",
        help="recordings, in a sub-folder for each class or listed in a CSV file with "
        "the columns path, label and, where known, group and fold"
        + (f" (default: {default})" if default else ""),
        **options,
    )
    parser.add_argument(
        "--groups",
        type=_regular_expression,
        metavar="REGEX",
        help="what must stay together (artist, album, speaker): the parenthesis of a "
        "regular expression that is searched in each path below FOLDER",
    )


def add_where(parser: argparse.ArgumentParser, option: str, text: str) -> None:
    """Add an option with pairs of columns and values."""
    parser.add_argument(
        option,
        nargs="+",
        action="extend",
        type=_pair,
        default=[],
        metavar=WHERE,
        help=text,
    )


def add_rows(parser: argparse.ArgumentParser) -> None:
    """Add options that choose rows and columns of a CSV file."""
    add_where(
        parser, "--where", "rows of the CSV to use; a value with a comma is quoted"
    )
    parser.add_argument(
        "--annotations",
        metavar="COLUMN",
        help="column of the CSV with files of chords (.lab, .jams) or of onsets "
        "(.onsets, .txt, .csv, .jams), in place of labels",
    )


def add_jobs(parser: argparse.ArgumentParser, what: str, default: int = 2) -> None:
    """Add --n-jobs."""
    parser.add_argument(
        "--n-jobs",
        type=number_of_jobs,
        default=default,
        metavar="N",
        help=f"{what}; -1 is one for each core (default: %(default)s)",
    )


def add_verbosity(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --verbose, which is the default, and --quiet."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        *("-v", "--verbose"),
        action="store_true",
        default=True,
        help=f"show {what} (the default)",
    )
    group.add_argument(
        *("-q", "--quiet"),
        dest="verbose",
        action="store_false",
        help="show results, warnings and errors alone",
    )


def _pair(text: str) -> Pair:
    """Return a column and its values, of COLUMN=VALUE[,VALUE]."""
    column, equals, values = text.partition("=")
    try:
        found = next(csv.reader([values], strict=True), [])
    except csv.Error:  # a quote is open
        equals = ""
    if not equals or not column:
        raise argparse.ArgumentTypeError(f"{text!a} is not {WHERE}")
    return column, found or [""]


def chosen(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    """Return the values that are wanted of each column, for ``load_manifest``."""
    where: dict[str, list[str]] = {}
    for column, values in pairs:
        where.setdefault(column, []).extend(values)
    return where


def _regular_expression(text: str) -> str:
    try:
        n_groups = re.compile(text).groups
    except re.error as error:
        raise argparse.ArgumentTypeError(
            f"{text!a} is not a regular expression ({error})"
        ) from error
    if not n_groups:
        raise argparse.ArgumentTypeError(
            f"{text!a} has no parenthesis around what is the group"
        )
    return text


def load(args: argparse.Namespace, **options: Any) -> Any:
    """Return the usable clips that the command line names.

    ``options`` are those of :func:`load_source`.
    """
    from skdeepmir.datasets import make_instrument_clips, make_tag_clips
    from skdeepmir.spectrogram import drop_bad_audio

    if args.source is None:
        _refuse(args, "needs a CSV", annotations=args.annotations, where=args.where)
        _refuse(args, "needs a FOLDER", groups=args.groups)
        make = make_tag_clips if args.tags else make_instrument_clips
        return make(n_clips=120, random_state=0)
    clips = load_source(args, **options)
    clips.data, clips.target, clips.groups, clips.folds = drop_bad_audio(
        *(clips.data, clips.target, clips.groups, clips.folds),
        n_jobs=args.n_jobs,
        verbose=getattr(args, "verbose", True),
    )
    return clips


def load_source(
    args: argparse.Namespace,
    *,
    source: str | None = None,
    where: Iterable[Pair] | None = None,
    target_names: Any = None,
    multilabel: bool | None = None,
) -> Any:
    """List the recordings of a folder or CSV file; None takes those of ``args``."""
    from skdeepmir.datasets import load_audio_folder, load_manifest

    source = args.source if source is None else source
    where = args.where if where is None else where
    annotations, tags = args.annotations, getattr(args, "tags", False)
    path = Path(user_path(source))
    if not path.exists():
        raise FileNotFoundError(
            f"There is no folder or CSV file {shown(source)}. Check the path."
        )
    if path.is_dir():
        _refuse(args, "is for a CSV", annotations=annotations, where=where)
        _refuse(args, "is for a CSV: a folder has classes", tags=tags)
        return load_audio_folder(source, groups=args.groups, target_names=target_names)
    _refuse(args, "is for a FOLDER: a CSV has the column 'group'", groups=args.groups)
    if annotations is not None:
        _refuse(args, "is for labels, not for --annotations", tags=tags)
        target_names = multilabel = None
    return load_manifest(
        source,
        where=chosen(where) or None,
        annotations=annotations,
        target_names=target_names,
        multilabel=tags or multilabel,
    )


def _refuse(args: argparse.Namespace, reason: str, **options: Any) -> None:
    for name, value in options.items():
        if value:
            raise UsageError(f"--{name.replace('_', '-')} {reason}")


def refuse_to_replace(args: argparse.Namespace, option: str, target: Path) -> None:
    """Raise an error if what an option writes is a table that is read."""
    for source in (args.source, getattr(args, "test", None)):
        if source is None or not target.exists():
            continue
        if Path(user_path(source)).exists() and target.samefile(user_path(source)):
            raise UsageError(f"{option} would replace {source!a}; choose another place")


def folds(clips: Any, args: argparse.Namespace) -> Any:
    """Return ``cv`` of ``compare``: the folds that the CSV names, or their number."""
    if args.leave_groups_out and clips.groups is None:
        raise UsageError("--leave-groups-out: these recordings have no groups")
    named = None if args.leave_groups_out else clips.get("folds")
    return args.cv if named is None else named


@contextlib.contextmanager
def features_folder(folder: str | None) -> Iterator[str]:
    """Yield the folder for features of files: the given one, or a temporary one.

    All folds and pipelines share them.
    """
    if folder is not None:
        path = Path(user_path(folder))
        if path.exists() and not path.is_dir():
            raise UsageError(f"--cache-dir: {folder!a} is a file; expected a folder")
        yield folder
        return
    with TemporaryDirectory(prefix="skdeepmir-") as temporary:
        yield temporary
