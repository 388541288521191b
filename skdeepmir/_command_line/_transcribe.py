"""``skdeepmir transcribe``: the notes of piano recordings, also as MIDI."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from skdeepmir._command_line import _pipelines, _tasks
from skdeepmir._command_line._parsers import add_command

N_CLIPS = 120  # synthesised ones, of some ten seconds
FORMATS = ("mid", "tsv", "csv", "jams")


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "transcribe",
        run,
        usage="SONG ... ",
        summary="Transcribe recordings of a piano to notes and MIDI files.",
        description="""
            Prints a note in each line: onset and offset in seconds, MIDI pitch (60 is
            the middle C) and velocity, as in a .tsv file.

            A net learns from the annotated recordings of --train or, without any, from
            synthesised ones, which takes a quarter of an hour once: the fitted net is
            kept.
            Recordings of your kind of piano teach it better.
            """,
        examples=(
            "skdeepmir transcribe song.mp3",
            "skdeepmir transcribe song.mp3 --out midi",
            "skdeepmir transcribe *.flac --out notes --format tsv --sounds notes",
            "skdeepmir transcribe song.mp3 --train labels.csv --model mine.skdeepmir",
        ),
    )
    _tasks.add_songs(parser)
    add = parser.add_argument
    add("--out", metavar="DIR", help="write SONG.mid to this folder")
    add(
        "--format",
        choices=FORMATS,
        default=FORMATS[0],
        help="of the files of --out (default: %(default)s)",
    )
    add(
        "--sounds",
        metavar="DIR",
        help="write SONG.notes.flac to this folder: the recording on the left, the "
        "notes, played by a synthesiser, on the right",
    )
    add(
        "--pictures", metavar="DIR", help="write SONG.png, a piano roll, to this folder"
    )
    _tasks.add_learning(
        parser,
        column="annotation",
        files=".mid, .tsv, .csv, .txt or .jams files",
        max_epochs=_pipelines.PIANO_EPOCHS,
    )


def run(args: argparse.Namespace) -> int:
    """Transcribe, print, write, draw and play."""
    _tasks.check_learning(args)
    songs = _tasks.user_songs(args)
    suffixes = {"out": args.format, "sounds": "notes.flac", "pictures": "png"}
    files = _tasks.option_files(args, songs, suffixes)
    _tasks.check_songs(songs)
    transcriber = _tasks.kept_model(
        args,
        "notes",
        _learn,
        method="to_midi",
        lacks="that transcribes no notes; expected a pipeline from audio to a "
        "transcriber",
        settings=(N_CLIPS,),
    )
    return _tasks.annotate_songs(
        args, songs, transcriber, files, write=_write, lines=_lines
    )


def _lines(notes: Any) -> Any:
    return (
        f"{note['onset']:.3f}\t{note['offset']:.3f}\t{note['pitch']}\t{note['velocity']}"
        for note in notes
    )


def _write(
    transcriber: Any, song: Path, notes: Any, files: dict[str, list[Path]]
) -> None:
    from skdeepmir.notes import write_jams, write_midi, write_notes
    from skdeepmir.plotting import RollDisplay
    from skdeepmir.sonification import sonify_notes

    for path in files["out"]:
        if path.suffix == ".mid":
            write_midi(path, notes)
        elif path.suffix == ".jams":
            duration = _tasks.duration_of(song)
            write_jams(path, notes, duration=duration, title=song.stem)
        else:
            write_notes(path, notes)
    for path in files["pictures"]:
        _tasks.save_picture(path, RollDisplay.from_estimator, transcriber, song)
    for path in files["sounds"]:
        sonify_notes(song, notes, path=path)


def _learn(args: argparse.Namespace) -> Any:
    from skdeepmir.datasets import make_piano_clips

    songs = _tasks.annotated_songs(args, make_piano_clips, n_clips=N_CLIPS)
    transcriber = _pipelines.piano_transcriber(
        max_epochs=args.max_epochs, tells=args.verbose, verbose=args.verbose
    )
    return transcriber.fit(songs.data, songs.target)
