"""``skdeepmir features``: spectra of recordings in a file, and a table of its rows."""

from __future__ import annotations

import argparse
import os
import warnings
from pathlib import Path
from typing import Any

from skdeepmir._command_line import _data
from skdeepmir._command_line._output import check_writable, say, tell
from skdeepmir._command_line._parsers import UsageError, add_command, number

KINDS = ("magnitude", "power", "mel", "log_mel", "mfcc", "cqt", "chroma")
# Parameters of SpectrogramExtractor with its defaults, their types and texts.
PARAMETERS: dict[str, tuple[Any, Any, str]] = {
    "sample_rate": (22050, number(1), "Hz that files are resampled to"),
    "n_fft": (2048, number(1), "samples of a window; not of cqt and chroma"),
    "hop_length": (512, number(1), "samples from one frame to the next"),
    "n_mels": (128, number(1), "bands of mel, log_mel and mfcc"),
    "n_mfcc": (20, number(1), "coefficients of mfcc"),
    "n_bins": (84, number(1), "bins of cqt and chroma"),
    "bins_per_octave": (12, number(1), "bins per octave of cqt and chroma"),
    "amin": (1e-10, float, "power below which decibels stop falling"),
    "deltas": (0, number(0), "time derivatives to append, 0 to 2"),
    "max_duration": (7200.0, float, "seconds; longer files are bad"),
}
FLAGS = {"log": "decibels of magnitude, power, mel and cqt"}


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "features",
        run,
        usage="FOLDER|CSV --out FILE.npy ",
        summary="Compute spectra of recordings, and write them to one file.",
        description="""
            skdeepmir.load_clips maps the file, so that nothing is read until it is
            used. Beside it, a CSV file of the same name has a row for each clip, in
            the same order: path, label (or annotation), group, n_frames, seconds;
            load_manifest reads it. Files that cannot be used are named and left out of
            both.
            """,
        examples=(
            "skdeepmir features music --out clips.npy",
            "skdeepmir features labels.csv --out mfcc.npy --kind mfcc --deltas 1",
            "skdeepmir features songs.csv --annotations lab --out cqt.npy --kind cqt",
        ),
    )
    _data.add_source(parser)
    _data.add_rows(parser)
    add = parser.add_argument
    add("--out", required=True, metavar="FILE.npy", help="file of the frames")
    add("--table", metavar="FILE.csv", help="file of the rows (default: FILE.csv)")
    add("--kind", choices=KINDS, default="log_mel", help="default: %(default)s")
    for name, (default, kind, text) in PARAMETERS.items():
        add(
            f"--{name.replace('_', '-')}",
            type=kind,
            default=default,
            metavar="X" if kind is float else "N",
            help=f"{text} (default: {default:g})",
        )
    for name, text in FLAGS.items():
        add(f"--{name}", action="store_true", help=text)
    add(
        "--on-error",
        choices=("drop", "raise"),
        default="drop",
        help="leave files out that cannot be used, or stop (default: %(default)s)",
    )
    add("--cache-dir", metavar="DIR", help="keep features of files for other runs here")
    _data.add_jobs(parser, "files at the same time")
    _data.add_verbosity(parser, "progress")


def run(args: argparse.Namespace) -> int:
    """Compute and write."""
    from skdeepmir._clip_files import save_clips
    from skdeepmir._disk import target_file
    from skdeepmir.spectrogram import SpectrogramExtractor

    table = _table_path(args)
    out = target_file(args.out)
    for option, path in {"--out": out, "--table": target_file(table)}.items():
        check_writable(option, path.parent)
    extractor = SpectrogramExtractor(
        args.kind,
        on_error="nan" if args.on_error == "drop" else "raise",
        cache_dir=args.cache_dir,
        n_jobs=args.n_jobs,
        verbose=args.verbose,
        **{name: getattr(args, name) for name in (*PARAMETERS, *FLAGS)},
    )
    clips = _data.load_source(args)
    frames, problems = _extract(extractor, clips.data)
    bad = {problem.row for problem in problems}
    if len(bad) == len(frames):
        raise problems[0].at_row(problems[0].row, tuple(sorted(bad)))
    for problem in problems:
        tell(f"left out: {problem}")
    kept = [row for row in range(len(frames)) if row not in bad]
    frames = [frames[row] for row in kept]
    save_clips(out, frames)
    rows = _rows(clips, kept, args.annotations or "label")
    rows["n_frames"] = [len(part) for part in frames]
    rows["seconds"] = (rows["n_frames"] / extractor.frame_rate).round(3)
    # Names that are no valid Unicode are written as the bytes that they are.
    rows.to_csv(table, index=False, errors="surrogateescape")
    n_features = frames[0].shape[1]
    say(
        f"{len(frames)} clips, {rows['n_frames'].sum()} frames of {n_features}: {out!s}"
    )
    say(f"rows: {table!s}")
    return 0


def _table_path(args: argparse.Namespace) -> Path:
    """Return where the table goes, which must be no file that is read or written."""
    from skdeepmir._disk import user_path

    out = Path(user_path(args.out))
    table = Path(user_path(args.table)) if args.table else out.with_suffix(".csv")
    for option, path, suffix in ("--out", out, ".npy"), ("--table", table, ".csv"):
        if path.suffix.lower() != suffix:  # it may be a recording
            raise UsageError(f"{option}: {str(path)!a} does not end in {suffix}")
    for name, other in {
        "--out": out,
        "FOLDER|CSV": Path(user_path(args.source)),
    }.items():
        if table == other or (
            table.exists() and other.exists() and table.samefile(other)
        ):
            raise UsageError(
                f"the table would replace {name}, {str(other)!a}; give another --table"
            )
    if table.is_file() and not _is_own(table):
        raise UsageError(
            f"the table would replace {str(table)!a}, which has other columns than it; "
            "give another --table"
        )
    return table


def _is_own(table: Path) -> bool:
    """Tell whether a file has the columns of a table that this command writes."""
    with open(table, "rb") as file:
        columns = file.readline(1000).strip().split(b",")
    return columns[:1] == [b"path"] and columns[-2:] == [b"n_frames", b"seconds"]


def _extract(extractor: Any, files: Any) -> tuple[list[Any], list[Any]]:
    """Return frames, NaN for bad files, and what is wrong with these."""
    from skdeepmir.audio import AudioWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AudioWarning)
        frames = extractor.fit_transform(list(files))
    problems: list[Any] = []
    for warning in caught:
        if isinstance(warning.message, AudioWarning):
            problems += warning.message.problems
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    return frames, problems


def _rows(clips: Any, kept: list[int], target: str) -> Any:
    """Return path, label and group of each clip as a data frame."""
    import pandas as pd

    names, labels = clips.target_names, clips.target
    if names is None:  # files with annotations
        labels = [os.path.abspath(path) for path in labels]
    elif labels.ndim == 2:
        labels = ["|".join(names[row == 1]) for row in labels]
    else:
        labels = names[labels]
    groups = [""] * len(labels) if clips.groups is None else clips.groups
    rows = {
        "path": [os.path.abspath(clips.data[row]) for row in kept],
        target: [labels[row] for row in kept],
        "group": [groups[row] for row in kept],
    }
    return pd.DataFrame(rows)
