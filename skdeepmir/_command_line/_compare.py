"""``skdeepmir compare``: pipelines side by side."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from skdeepmir._command_line import _data, _pipelines
from skdeepmir._command_line._output import check_writable, say, tell
from skdeepmir._command_line._parsers import UsageError, above_zero, add_command
from skdeepmir._printable import printable

PICTURE_INCHES = 7.0


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "compare",
        run,
        usage="[FOLDER|CSV] ",
        summary="Compare pipelines on recordings under one fair protocol.",
        description="""
            Folds keep groups (artists, albums, speakers) whole. Labels with a | in a
            CSV are tags, which are scored as such; --annotations compares recognisers
            of chords or detectors of onsets. With --test-where or --test, pipelines are
            fitted once, to the recordings of --where, and tested on others.

            Files that cannot be used are named and left out.
            """,
        examples=(
            "skdeepmir compare                               # synthesised music",
            "skdeepmir compare music --groups '([^/_]+)_' --html comparison.html",
            "skdeepmir compare labels.csv --where task=genre --scoring f1_macro",
            "skdeepmir compare labels.csv --where source=a,b --test-where source=c",
            "skdeepmir compare songs.csv --annotations chords",
            "skdeepmir compare songs.csv --annotations onsets --html onsets.html",
            "skdeepmir compare music --pipelines mfcc_svm conv_tagger my_nets.py",
        ),
    )
    _data.add_data_options(parser)
    add = parser.add_argument
    add(
        "--test",
        metavar="FOLDER|CSV",
        help="other recordings to test on, instead of folds (default with "
        "--test-where: the same CSV)",
    )
    text = "rows of the CSV to test on, instead of folds"
    _data.add_where(parser, "--test-where", text)
    add(
        "--pipelines",
        nargs="+",
        type=_pipelines.name_or_file,
        metavar="NAME|FILE.py",
        help="what to compare, the first with the others: "
        f"{', '.join(_pipelines.OF_CLIPS)}; of chords {', '.join(_pipelines.OF_CHORDS)}"
        f"; of onsets {', '.join(_pipelines.OF_ONSETS)}; or a Python file, which is "
        "run, with a dict 'pipelines' from names to estimators (default: all of these "
        "but conv_tagger, blstm and the nets for onsets)",
    )
    add(
        "--scoring",
        nargs="+",
        metavar="SCORE",
        help="scores, of which the first counts: those of scikit-learn and of the "
        "field, such as accuracy f1_macro auc_tag wcsr_majmin (default: accuracy; of "
        "tags auc_tag average_precision_tag; of chords wcsr_majmin; of onsets "
        "onset_f1)",
    )
    add("--confusion", action="store_true", help="print what is taken for what")
    add("--differences", action="store_true", help="print tests of all pairs")
    add("--html", metavar="FILE", help="write a report with sound to open in a browser")
    add(
        "--html-size",
        type=above_zero,
        default=25.0,
        metavar="MB",
        help="largest report; what does not fit has no sound (default: %(default)g)",
    )
    add(
        "--out",
        metavar="DIR",
        help="write comparison.md, .tex, .csv (all folds) and .png to this folder",
    )
    add(
        "--finished",
        metavar="DIR",
        help="keep each finished fit in this folder, so that the same command goes on "
        "where it was stopped",
    )
    add(
        "--cache-dir",
        metavar="DIR",
        help="keep the features of files in this folder for other runs (default: "
        "DIR/features of --out, or nowhere)",
    )
    _data.add_verbosity(parser, "each finished fit, and how long the rest takes")


def run(args: argparse.Namespace) -> int:
    """Compare, print and write."""
    from skdeepmir.model_selection import compare

    _check_scores(args.scoring)
    with _prepared(args) as cache_dir:
        clips = _data.load(args)
        kind = _kind_of(clips)
        if kind == _pipelines.CLASSES:
            _check_classes(clips)
        pipelines = _pipelines.make_pipelines(
            args.pipelines or _pipelines.DEFAULTS[kind],
            kind,
            cache_dir,
            verbose=args.verbose,
        )
        result = compare(
            pipelines,
            clips.data,
            clips.target,
            groups=clips.groups,
            **_tested_on(args, clips),
            scoring=args.scoring or _pipelines.SCORES[kind],
            cache_dir=args.finished,
            activations=args.html is not None and kind == _pipelines.TAGS,
            n_jobs=args.n_jobs,
            verbose=args.verbose,
        )
        _show(result, clips.target_names, args)
    return int(result.folds["fit_time"].isna().any())


@contextlib.contextmanager
def _prepared(args: argparse.Namespace) -> Iterator[str]:
    """Make folders, and refuse files that cannot be written, before hours of fits."""
    from skdeepmir._disk import make_folder, target_file, user_path

    folder = args.cache_dir
    if args.out is not None:
        out = Path(user_path(args.out))
        make_folder("--out", out)
        check_writable("--out", out)
        _data.refuse_to_replace(args, "--out", out / "comparison.csv")
        folder = folder or str(out / "features")
    if args.html is not None:
        if Path(args.html).suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"--html: {args.html!a} does not end in .html")
        check_writable("--html", target_file(args.html).parent)
    with _data.features_folder(folder) as found:
        yield found


def _check_scores(names: list[str] | None) -> None:
    from skdeepmir.metrics import get_scorer

    for name in names or []:
        try:
            get_scorer(name)
        except ValueError as error:
            raise UsageError(str(error)) from error


def _kind_of(clips: Any) -> str:
    if clips.target_names is None:
        return _pipelines.kind_of_annotations(clips.target[0])
    return _pipelines.TAGS if clips.target.ndim == 2 else _pipelines.CLASSES


def _check_classes(clips: Any) -> None:
    labels = set(clips.target.tolist())
    if len(labels) == 1:
        name = str(clips.target_names[labels.pop()])
        raise ValueError(
            f"all {len(clips.target)} usable clips have the label {name!a}; expected "
            "two classes or more."
        )


def _tested_on(args: argparse.Namespace, clips: Any) -> dict[str, Any]:
    """Return the folds, or the test set, for ``compare``."""
    if args.test is None and not args.test_where:
        return {"cv": _data.folds(clips, args)}
    if args.source is None:
        raise UsageError("--test and --test-where need recordings to train on")
    there = _data.load(
        args,
        source=args.source if args.test is None else args.test,
        where=args.test_where,
        target_names=clips.target_names,
        multilabel=_kind_of(clips) == _pipelines.TAGS or None,
    )
    test = {"X_test": there.data, "y_test": there.target}
    return {**test, "groups_test": there.groups}


def _show(result: Any, target_names: Any, args: argparse.Namespace) -> None:
    say(str(result))
    if args.differences:
        say(f"\n{result.differences().to_string()}")
    if args.confusion:
        failed = result.folds.groupby("pipeline")["fit_time"].count() == 0
        for name in result.pipelines:
            if not failed[name]:
                table = result.confusion(name, target_names=target_names)
                table = table.rename(index=printable, columns=printable)
                say(f"\n{printable(name)}\n{table.to_string()}")
    if args.out is not None:
        written = write(result, args.out)
        if args.verbose:
            tell(written)
    if args.html is not None:
        result.to_html(
            args.html,
            target_names=target_names,
            max_size=args.html_size,
            n_jobs=args.n_jobs,
            verbose=args.verbose,
        )
        if args.verbose:
            tell(f"report: {args.html}")


def write(result: Any, folder: str, name: str = "comparison") -> str:
    """Write a comparison to a folder: tables, all folds, and a picture; say where."""
    from matplotlib.figure import Figure

    from skdeepmir._disk import user_path

    out = Path(user_path(folder))
    out.mkdir(parents=True, exist_ok=True)
    texts = {
        "md": result.to_markdown() + "\n",
        "tex": result.to_latex() + "\n",
        "csv": result.folds.to_csv(index=False),
    }
    for suffix, text in texts.items():
        (out / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    height = 1.2 + 0.5 * len(result.pipelines)
    figure = Figure(figsize=(PICTURE_INCHES, height), layout="constrained")
    result.plot(figure.subplots())
    figure.savefig(out / f"{name}.png", dpi=150)
    return f"tables and picture: {out / name}.md, .tex, .csv, .png"
