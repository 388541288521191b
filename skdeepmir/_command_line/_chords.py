"""``skdeepmir chords``: chords of recordings, in seconds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import skdeepmir
from skdeepmir._command_line import _data, _pipelines
from skdeepmir._command_line._output import check_writable, say, tell
from skdeepmir._command_line._parsers import UsageError, add_command, number, some_path
from skdeepmir._disk import user_path
from skdeepmir._printable import printable

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
    add = parser.add_argument
    add("songs", nargs="+", type=some_path, metavar="SONG", help="audio files")
    add("--lab", metavar="DIR", help="write SONG.lab to this folder")
    add("--pictures", metavar="DIR", help="write SONG.png to this folder")
    add("--overwrite", action="store_true", help="replace files that exist there")
    add(
        "--model",
        metavar="FILE",
        help="recogniser saved by skdeepmir.save; if there is no such file, it is "
        "learned and saved there (default: one in the user's cache for each --train)",
    )
    add(
        "--templates",
        action="store_true",
        help="use templates of major and minor chords, which learn nothing",
    )
    add("--train", metavar="CSV", help="annotated recordings to learn from")
    add(
        "--annotations",
        default="annotation",
        metavar="COLUMN",
        help="column of the CSV with .lab or .jams files (default: %(default)s)",
    )
    _data.add_where(parser, "--where", "rows of the CSV to learn from")
    add(
        "--max-epochs",
        type=number(1),
        default=60,
        metavar="N",
        help="longest training (default: %(default)s)",
    )
    _data.add_verbosity(parser, "how training goes")


def run(args: argparse.Namespace) -> int:
    """Recognise, print, write and draw."""
    from skdeepmir.chords import write_lab
    from skdeepmir.spectrogram import SpectrogramExtractor

    if args.templates and (args.model or args.train):
        raise UsageError("--templates learns nothing: leave --model and --train out")
    if args.where and not args.train:
        raise UsageError("--where chooses rows of --train, which is not given")
    songs = [Path(user_path(song)) for song in args.songs]
    labs = _targets("--lab", args.lab, songs, ".lab", args.overwrite)
    pictures = _targets("--pictures", args.pictures, songs, ".png", args.overwrite)
    SpectrogramExtractor().fit(songs)  # names files that cannot be read at once
    recognizer = _recognizer(args)
    for i, song in enumerate(songs):
        ((intervals, labels),) = recognizer.predict_intervals([song])
        if len(songs) > 1:
            say(f"# {printable(song)}")
        for (start, end), label in zip(intervals, labels, strict=True):
            say(f"{start:.3f}\t{end:.3f}\t{label}")
        if labs:
            write_lab(labs[i], intervals, labels)
        if pictures:
            _draw(recognizer, song, pictures[i])
    for folder in dict.fromkeys([args.lab, args.pictures]):
        if folder is not None and args.verbose:
            tell(f"written to {folder}")
    return 0


def _targets(
    option: str, folder: str | None, songs: list[Path], suffix: str, overwrite: bool
) -> list[Path]:
    """Return a file in a folder for each song; refuse to lose any."""
    from skdeepmir._disk import make_folder

    if folder is None:
        return []
    out = Path(user_path(folder))
    make_folder(option, out)
    check_writable(option, out)
    targets: dict[Path, Path] = {}
    for song in songs:
        target = out / f"{song.stem}{suffix}"
        other = targets.setdefault(target, song)
        if other != song:
            raise UsageError(
                f"{option}: {str(other)!a} and {str(song)!a} would both be written to "
                f"{str(target)!a}; name one at a time"
            )
        if target.exists() and not overwrite:  # it may be an annotation by hand
            raise UsageError(
                f"{option}: {str(target)!a} exists; choose another folder, or add "
                "--overwrite"
            )
    return [out / f"{song.stem}{suffix}" for song in songs]


def _recognizer(args: argparse.Namespace) -> Any:
    """Return a fitted pipeline: templates, that of the file, or one that is kept."""
    import numpy as np

    from skdeepmir._disk import target_file
    from skdeepmir.baselines import chroma_templates
    from skdeepmir.persistence import load, save

    if args.templates:
        templates = chroma_templates(verbose=args.verbose)
        return templates.fit([np.zeros(SILENCE)])  # whose content does not matter
    path = _kept_at(args) if args.model is None else target_file(args.model)
    if path.exists():
        recognizer = load(path)
        if not hasattr(recognizer, "predict_intervals"):
            raise ValueError(
                f"{str(path)!a} holds a {type(recognizer).__name__} that recognises no "
                "chords; expected a pipeline from audio to a chord recogniser."
            )
        if args.verbose:
            tell(f"using the model {path}; delete it to learn again")
        return recognizer
    recognizer = _learn(args)
    save(recognizer, path)
    if args.verbose:
        tell(f"the model is kept in {path}")
    return recognizer


def _kept_at(args: argparse.Namespace) -> Path:
    """Return the file, in the user's cache, of what is learned from these songs."""
    import joblib
    import pooch
    import sklearn

    table = None
    if args.train is not None:
        source = Path(user_path(args.train))
        if not source.is_file():
            raise UsageError(f"--train: there is no CSV file {args.train!a}")
        table = str(source.resolve()), joblib.hash(source.read_bytes())
    versions = skdeepmir.__version__, sklearn.__version__  # files of others are refused
    learned = table, args.annotations, _data.chosen(args.where), args.max_epochs
    key = (versions, *learned, N_SONGS)
    folder = Path(pooch.os_cache("skdeepmir"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"what is learned cannot be kept in {str(folder)!a} ({error.strerror}). "
            "Give another place with --model."
        ) from error
    return folder / f"chords_{joblib.hash(key)[:12]}.skdeepmir"


def _learn(args: argparse.Namespace) -> Any:
    from skdeepmir.datasets import load_manifest, make_chord_clips

    if args.train is None:
        if args.verbose:
            tell("learning from synthesised songs, which takes some minutes once")
        songs = make_chord_clips(n_clips=N_SONGS, vocabulary="tetrads", random_state=0)
    else:
        where = _data.chosen(args.where) or None
        songs = load_manifest(args.train, where=where, annotations=args.annotations)
    net = _pipelines.chord_net(
        max_epochs=args.max_epochs, tells=args.verbose, verbose=args.verbose
    )
    return net.fit(songs.data, songs.target)


def _draw(recognizer: Any, song: Path, path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from skdeepmir.plotting import ChordDisplay

    figure = ChordDisplay.from_estimator(recognizer, song).figure_
    figure.savefig(path, dpi=150)
    plt.close(figure)
