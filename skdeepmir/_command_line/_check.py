"""``skdeepmir check``: files that cannot be used."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from skdeepmir._command_line import _data
from skdeepmir._command_line._output import say, table, tell
from skdeepmir._command_line._parsers import UsageError, add_command, some_path
from skdeepmir._disk import user_path
from skdeepmir._printable import printable


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "check",
        run,
        usage="FOLDER|FILE|CSV ... ",
        summary="Find audio files that cannot be used, or are doubtful.",
        description="""
            Every file is decoded. Prints a line for each bad one, with what is wrong
            and what to do about it; the exit status is 1 if there is any. Files that
            can be used but should be looked at (channels that cancel each other,
            samples far beyond full scale) are listed as well, and do not count as bad.
            """,
        examples=(
            "skdeepmir check music",
            "skdeepmir check a.wav b.mp3",
            "skdeepmir check labels.csv --where task=genre --csv > bad.csv",
        ),
    )
    parser.add_argument(
        "sources",
        nargs="+",
        type=some_path,
        metavar="FOLDER|FILE|CSV",
        help="audio files, folders of such at any depth, and CSV files that list them",
    )
    _data.add_rows(parser)
    parser.add_argument(
        "--truncated",
        choices=("raise", "accept"),
        default="raise",
        help="whether a file whose end is missing is bad, 'raise', or not "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--max-duration",
        type=float,
        default=7200.0,
        metavar="SECONDS",
        help="longest file that is not bad (default: %(default)g)",
    )
    parser.add_argument(
        "--csv", action="store_true", help="print path, code, problem, fix as CSV"
    )
    _data.add_jobs(parser, "files at the same time")
    _data.add_verbosity(parser, "progress, and how many files there are")


def run(args: argparse.Namespace) -> int:
    """List the files that are bad or doubtful; 1 if any is bad."""
    from skdeepmir.audio._doubts import DOUBTS
    from skdeepmir.spectrogram import check_audio

    if (args.where or args.annotations) and not any(map(_is_table, args.sources)):
        raise UsageError("--where and --annotations are for CSV files")
    files = [path for source in args.sources for path in _files(source, args)]
    found = check_audio(
        files,
        truncated=args.truncated,
        max_duration=args.max_duration,
        n_jobs=args.n_jobs,
        verbose=args.verbose,
    )
    found["path"] = [printable(os.fspath(files[row])) for row in found.pop("row")]
    found = found[["path", "code", "problem", "fix"]]
    if args.csv:
        say(found.to_csv(index=False).rstrip("\n"))
    elif len(found):
        texts = (
            f"{problem}. {fix}" for problem, fix in found[["problem", "fix"]].values
        )
        say(table(list(zip(found["code"], found["path"], texts, strict=True))))
    is_doubtful = found["code"].isin(DOUBTS)
    n_bad, n_doubtful = int((~is_doubtful).sum()), int(is_doubtful.sum())
    if args.verbose:
        plural = "file" if len(files) == 1 else "files"
        doubtful = f", {n_doubtful} doubtful" if n_doubtful else ""
        tell(f"{len(files)} {plural} checked: {n_bad or 'none'} bad{doubtful}")
    return int(n_bad > 0)


def _is_table(source: str) -> bool:
    return Path(user_path(source)).suffix.lower() == ".csv"


def _files(source: str, args: argparse.Namespace) -> list[Any]:
    """Return the audio files that an argument stands for."""
    from skdeepmir._disk import literal_path
    from skdeepmir.datasets import load_manifest
    from skdeepmir.datasets._walk import (
        AUDIO_EXTENSIONS,
        UNREADABLE_EXTENSIONS,
        check_folder,
        list_files,
    )

    path = Path(user_path(source))
    if _is_table(source):
        where = _data.chosen(args.where) or None
        table = load_manifest(source, where=where, annotations=args.annotations)
        return list(table.data)
    if not path.is_dir():
        return [source]
    known = (*AUDIO_EXTENSIONS, *UNREADABLE_EXTENSIONS)
    found = list_files(check_folder(source, f"{source!a} is not a folder."), once=known)
    files = [path / name for name in found if name.suffix.lower() in known]
    if not files:
        raise ValueError(
            f"{source!a} has no audio files ({', '.join(AUDIO_EXTENSIONS)})."
        )
    return [literal_path(file) for file in files]
