"""``skdeepmir onsets``: where notes and strokes begin, in seconds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from skdeepmir._command_line import _pipelines, _tasks
from skdeepmir._command_line._parsers import UsageError, add_command

# Synthesised clips that each learns from: two numbers need fewer than a net.
N_CLIPS = {"conv": 80, "rnn": 80, "causal_rnn": 80, "superflux": 20, "flux": 20}
FORMATS = ("onsets", "txt", "csv", "jams")


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "onsets",
        run,
        usage="SONG ... ",
        summary="Detect the onsets of notes and drums in recordings.",
        description="""
            Prints the time of each onset in seconds, one in a line, as in an .onsets
            file.

            A convolutional net learns from the annotated recordings of --train or,
            without any, from synthesised ones, which takes some minutes once: the
            fitted detector is kept. Recordings of your kind of music teach it better.
            "superflux" and "flux" are not nets: only thresholds are tuned, in seconds.
            """,
        examples=(
            "skdeepmir onsets song.mp3",
            "skdeepmir onsets song.mp3 --detector superflux",
            "skdeepmir onsets *.flac --out onsets --clicks onsets --pictures onsets",
            "skdeepmir onsets song.mp3 --train labels.csv --model mine.skdeepmir",
        ),
    )
    _tasks.add_songs(parser)
    add = parser.add_argument
    add("--out", metavar="DIR", help="write SONG.onsets to this folder")
    add(
        "--format",
        choices=FORMATS,
        default="onsets",
        help="of the files of --out (default: %(default)s)",
    )
    add(
        "--clicks",
        metavar="DIR",
        help="write SONG.clicks.flac to this folder: with a click on each onset",
    )
    add("--pictures", metavar="DIR", help="write SONG.png to this folder")
    add(
        "--detector",
        choices=tuple(N_CLIPS),
        help="which one to learn (default: conv, or that of --model)",
    )
    _tasks.add_learning(
        parser,
        column="annotation",
        files=".onsets, .txt, .csv or .jams files",
        max_epochs=30,
    )


def run(args: argparse.Namespace) -> int:
    """Detect, print, write, draw and sonify."""
    _tasks.check_learning(args)
    songs = _tasks.user_songs(args)
    suffixes = {"out": args.format, "clicks": "clicks.flac", "pictures": "png"}
    files = _tasks.option_files(args, songs, suffixes)
    _tasks.check_songs(songs)
    detector = _tasks.kept_model(
        args,
        "onsets",
        _learn,
        method="predict_activations",
        lacks="that detects no onsets; expected a pipeline from audio to a detector",
        settings=(_name(args), N_CLIPS[_name(args)]),
    )
    _check_detector(args, detector)

    return _tasks.annotate_songs(
        args,
        songs,
        detector,
        files,
        write=_write,
        lines=lambda times: (f"{time:.3f}" for time in times),
    )


def _write(detector: Any, song: Path, times: Any, files: dict[str, list[Path]]) -> None:
    from skdeepmir.onsets import write_jams, write_onsets
    from skdeepmir.plotting import OnsetDisplay
    from skdeepmir.sonification import sonify_onsets

    for path in files["out"]:
        if path.suffix == ".jams":
            duration = _tasks.duration_of(song)
            write_jams(path, times, duration=duration, title=song.stem)
        else:
            write_onsets(path, times)
    for path in files["pictures"]:
        _tasks.save_picture(path, OnsetDisplay.from_estimator, detector, song)
    for path in files["clicks"]:
        sonify_onsets(song, times, path=path)


def _name(args: argparse.Namespace) -> str:
    return args.detector or "conv"


def _check_detector(args: argparse.Namespace, model: Any) -> None:
    """Refuse a model of another detector than was asked for."""
    from skdeepmir.onset_detection import OnsetDetector, SpectralFluxDetector

    last = getattr(model, "steps", [("", model)])[-1][1]
    if isinstance(last, OnsetDetector):
        found: str = last.net
    elif isinstance(last, SpectralFluxDetector):
        found = "flux" if last.max_size == 1 else "superflux"
    else:
        return
    if args.detector not in (None, found):
        raise UsageError(
            f"--detector {args.detector}, but the model {args.model} is {found}: "
            "leave --detector out, or choose another --model"
        )


def _learn(args: argparse.Namespace) -> Any:
    from skdeepmir.datasets import make_onset_clips

    songs = _tasks.annotated_songs(
        args,
        make_onset_clips,
        takes="some seconds" if "flux" in _name(args) else "some minutes",
        n_clips=N_CLIPS[_name(args)],
    )
    detector = _pipelines.onset_detector(
        _name(args),
        max_epochs=args.max_epochs,
        tells=args.verbose,
        verbose=args.verbose,
    )
    return detector.fit(songs.data, songs.target)
