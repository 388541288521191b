"""What commands that annotate recordings share: a file for each, models that last."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import skdeepmir
from skdeepmir._command_line import _data
from skdeepmir._command_line._output import check_writable, complain, say, tell
from skdeepmir._command_line._parsers import UsageError, number, some_path
from skdeepmir._disk import user_path
from skdeepmir._printable import printable


def add_songs(parser: argparse.ArgumentParser) -> None:
    """Add the recordings, and --overwrite for what is written for each."""
    parser.add_argument(
        "songs", nargs="+", type=some_path, metavar="SONG", help="audio files"
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files that exist in these folders",
    )


def add_learning(
    parser: argparse.ArgumentParser, *, column: str, files: str, max_epochs: int
) -> None:
    """Add options for what a model is learned from, and where it is kept."""
    add = parser.add_argument
    add(
        "--model",
        metavar="FILE",
        help="model saved by skdeepmir.save; if there is no such file, it is learned "
        "and saved there (default: one in the user's cache for each --train)",
    )
    add("--train", metavar="CSV", help="annotated recordings to learn from")
    add(
        "--annotations",
        default=column,
        metavar="COLUMN",
        help=f"column of the CSV with {files} (default: %(default)s)",
    )
    _data.add_where(parser, "--where", "rows of the CSV to learn from")
    add(
        "--max-epochs",
        type=number(1),
        default=max_epochs,
        metavar="N",
        help="longest training (default: %(default)s)",
    )
    _data.add_verbosity(parser, "how training goes")


def check_learning(args: argparse.Namespace, baseline: str = "") -> None:
    """Refuse options for learning that do not fit together, or a flag for none."""
    if baseline and getattr(args, baseline) and (args.model or args.train):
        raise UsageError(f"--{baseline} learns nothing: leave --model and --train out")
    if args.where and not args.train:
        raise UsageError("--where chooses rows of --train, which is not given")


def user_songs(args: argparse.Namespace) -> list[Path]:
    """Return the paths of the recordings."""
    return [Path(user_path(song)) for song in args.songs]


def check_songs(songs: list[Path]) -> None:
    """Name recordings that cannot be read, before anything is learned."""
    from skdeepmir.spectrogram import SpectrogramExtractor

    SpectrogramExtractor().fit(songs)


def song_files(
    option: str,
    folder: str | None,
    songs: list[Path],
    suffix: str,
    args: argparse.Namespace,
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
        if target.exists() and not args.overwrite:  # it may be an annotation by hand
            raise UsageError(
                f"{option}: {str(target)!a} exists; choose another folder, or add "
                "--overwrite"
            )
    return [out / f"{song.stem}{suffix}" for song in songs]


def option_files(
    args: argparse.Namespace, songs: list[Path], suffixes: dict[str, str]
) -> dict[str, list[Path]]:
    """Return the files of each option that names a folder, see ``song_files``."""
    return {
        name: song_files(f"--{name}", getattr(args, name), songs, f".{suffix}", args)
        for name, suffix in suffixes.items()
    }


def say_song(song: Path, songs: list[Path]) -> None:
    """Write which of several recordings what follows belongs to."""
    if len(songs) > 1:
        say(f"# {printable(song)}")


def annotate_songs(
    args: argparse.Namespace,
    songs: list[Path],
    model: Any,
    files: dict[str, list[Path]],
    *,
    write: Callable[[Any, Path, Any, dict[str, list[Path]]], None],
    lines: Callable[[Any], Iterable[str]],
) -> int:
    """Predict, write and print what a model finds; return the status, see below."""

    def annotate(i: int, song: Path) -> None:
        (found,) = model.predict([song])
        # Before it is printed: whoever reads it may stop after some lines.
        write(model, song, found, {name: files[name][i : i + 1] for name in files})
        say_song(song, songs)
        for line in lines(found):
            say(line)

    status = for_each_song(songs, annotate)
    tell_folders(args, *(getattr(args, name) for name in files))
    return status


def for_each_song(songs: list[Path], annotate: Callable[[int, Path], None]) -> int:
    """Annotate each recording; return 1 if some could not be used, else 0.

    Of several, one that breaks off costs the others nothing.
    """
    from skdeepmir.audio import AudioError

    n_bad = 0
    for i, song in enumerate(songs):
        try:
            annotate(i, song)
        except AudioError as error:
            if len(songs) == 1:
                raise
            tell(AudioError(error.code, error.found, error.fix, error.path))
            n_bad += 1
    if n_bad:
        complain(f"{n_bad} of {len(songs)} recordings could not be used")
    return int(n_bad > 0)


def tell_folders(args: argparse.Namespace, *folders: str | None) -> None:
    """Tell where something was written."""
    for folder in dict.fromkeys(folders):
        if folder is not None and args.verbose:
            tell(f"written to {folder}")


def kept_model(
    args: argparse.Namespace,
    task: str,
    learn: Callable[[argparse.Namespace], Any],
    *,
    method: str,
    lacks: str,
    settings: tuple[Any, ...] = (),
) -> Any:
    """Return the model of a file, or the kept one, or learn it and keep it.

    It must have a `method`; the error says that another `lacks` it. `settings` are what
    it depends on besides the options for learning.
    """
    from skdeepmir._disk import target_file
    from skdeepmir.persistence import load, save

    path = target_file(args.model) if args.model else _cached(args, task, settings)
    if path.exists():
        model = load(path)
        if not hasattr(model, method):
            raise ValueError(f"{str(path)!a} holds a {type(model).__name__} {lacks}.")
        if args.verbose:
            tell(f"using the model {path}; delete it to learn again")
        return model
    model = learn(args)
    save(model, path)
    if args.verbose:
        tell(f"the model is kept in {path}")
    return model


def _cached(args: argparse.Namespace, task: str, settings: tuple[Any, ...]) -> Path:
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
    key = (versions, *learned, *settings)
    folder = Path(pooch.os_cache("skdeepmir"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"what is learned cannot be kept in {str(folder)!a} ({error.strerror}). "
            "Give another place with --model."
        ) from error
    return folder / f"{task}_{joblib.hash(key)[:12]}.skdeepmir"


def duration_of(song: Path) -> float:
    """Return how long a recording is, in seconds."""
    from skdeepmir.audio import read_header

    header = read_header(song)
    return header.n_samples / header.sample_rate


def annotated_songs(
    args: argparse.Namespace,
    make: Callable[..., Any],
    *,
    takes: str = "some minutes",
    **synthesis: Any,
) -> Any:
    """Return the recordings of --train or, without it, synthesised ones."""
    from skdeepmir.datasets import load_manifest

    if args.train is None:
        if args.verbose:
            tell(f"learning from synthesised songs, which takes {takes} once")
        return make(random_state=0, **synthesis)
    where = _data.chosen(args.where) or None
    return load_manifest(args.train, where=where, annotations=args.annotations)


def save_picture(path: Path, draw: Callable[..., Any], *inputs: Any) -> None:
    """Write what draws a display to a file."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure = draw(*inputs).figure_
    figure.savefig(path, dpi=150)
    plt.close(figure)
