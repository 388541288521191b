"""``skdeepmir chords``: chords of recordings, in seconds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from skdeepmir._command_line import _pipelines, _tasks
from skdeepmir._command_line._output import say
from skdeepmir._command_line._parsers import add_command

N_SONGS = 80  # synthesised ones to learn from
SILENCE = 22050  # samples


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "chords",
        run,
        usage="SONG ... ",
        summary="Recognise the chords of recordings.",
        description="""
            Prints start and end in seconds and the chord, separated by tabs, as in a
            .lab file.

            A bidirectional LSTM learns from the annotated recordings of --train or,
            without any, from synthesised progressions, which takes some minutes once:
            the fitted recogniser is kept. Recordings of your kind of music teach it
            better. --templates learns nothing, and is nearly as good on simple chords.
            """,
        examples=(
            "skdeepmir chords song.mp3",
            "skdeepmir chords *.flac --lab chords --pictures chords",
            "skdeepmir chords song.mp3 --train labels.csv --model mine.skdeepmir",
            "skdeepmir chords song.mp3 --templates",
        ),
    )
    _tasks.add_songs(parser)
    add = parser.add_argument
    add("--lab", metavar="DIR", help="write SONG.lab to this folder")
    add("--pictures", metavar="DIR", help="write SONG.png to this folder")
    add(
        "--templates",
        action="store_true",
        help="use templates of major and minor chords, which learn nothing",
    )
    _tasks.add_learning(
        parser, column="annotation", files=".lab or .jams files", max_epochs=60
    )


def run(args: argparse.Namespace) -> int:
    """Recognise, print, write and draw."""
    from skdeepmir.chords import write_lab
    from skdeepmir.plotting import ChordDisplay

    _tasks.check_learning(args, "templates")
    songs = _tasks.user_songs(args)
    labs = _tasks.song_files("--lab", args.lab, songs, ".lab", args)
    pictures = _tasks.song_files("--pictures", args.pictures, songs, ".png", args)
    _tasks.check_songs(songs)
    recognizer = _recognizer(args)

    def annotate(i: int, song: Path) -> None:
        ((intervals, labels),) = recognizer.predict_intervals([song])
        _tasks.say_song(song, songs)
        for (start, end), label in zip(intervals, labels, strict=True):
            say(f"{start:.3f}\t{end:.3f}\t{label}")
        if labs:
            write_lab(labs[i], intervals, labels)
        if pictures:
            _tasks.save_picture(
                pictures[i], ChordDisplay.from_estimator, recognizer, song
            )

    code = _tasks.for_each_song(songs, annotate)
    _tasks.tell_folders(args, args.lab, args.pictures)
    return code


def _recognizer(args: argparse.Namespace) -> Any:
    """Return a fitted pipeline: templates, that of the file, or one that is kept."""
    import numpy as np

    from skdeepmir.baselines import chroma_templates

    if args.templates:
        templates = chroma_templates(verbose=args.verbose)
        return templates.fit([np.zeros(SILENCE)])  # whose content does not matter
    return _tasks.kept_model(
        args,
        "chords",
        _learn,
        method="predict_intervals",
        lacks="that recognises no chords; expected a pipeline from audio to a chord "
        "recogniser",
        settings=(N_SONGS,),
    )


def _learn(args: argparse.Namespace) -> Any:
    from skdeepmir.datasets import make_chord_clips

    songs = _tasks.annotated_songs(
        args, make_chord_clips, n_clips=N_SONGS, vocabulary="tetrads"
    )
    net = _pipelines.chord_net(
        max_epochs=args.max_epochs, tells=args.verbose, verbose=args.verbose
    )
    return net.fit(songs.data, songs.target)
