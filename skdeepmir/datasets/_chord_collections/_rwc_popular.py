"""RWC-Popular: 100 songs recorded for research."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._groups import is_missing
from skdeepmir.datasets._collections import annotation_bunch, find_missing
from skdeepmir.datasets._named_files import Folder, only_file
from skdeepmir.datasets._tables import read_table
from skdeepmir.datasets._walk import AUDIO_EXTENSIONS
from skdeepmir.frames import object_array

RWC_INFORMATION = "rwc-p.csv"


def load_rwc_popular(
    folder: str | os.PathLike[str],
    *,
    audio_folder: str | os.PathLike[str] | None = None,
    missing: str = "raise",
) -> Bunch:
    r"""List the songs of RWC-Popular [1]_ with their chords [2]_.

    Parameters
    ----------
    folder : str or PathLike
        Where the annotations lie, at any depth: ``N001-M01-T01.lab``, numbered by
        piece, disc and track; or, if there are none, ``chords/RWC-P/RWC_P001.csv`` of
        the newer release, with the columns t_start, t_end and chord.
    audio_folder : str or PathLike, default=None
        Where the recordings lie, at any depth; None is ``folder``. They are named after
        the piece, as ``RM-P001.wav``, ``RWC_P001.wav`` or ``N001-M01-T01.wav``; or
        after disc and track, as ``rwc-p-m01/1.wav``, for annotations that name these.
    missing : {"raise", "drop"}, default="raise"
        Whether songs without a recording are an error, or are left out with a warning.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_songs,), dtype=object. Paths of recordings, in the
          order of the pieces.
        - target : ndarray of shape (n_songs,), dtype=object. Paths of the ``.lab``
          files; or, from ``.csv``, tuples of intervals, (n_chords_i, 2) in seconds, and
          labels, (n_chords_i,) of str.
        - groups : ndarray of shape (n_songs,), dtype=object. The singers, if
          ``rwc-p.csv`` lies below ``folder``; otherwise each song is its own group.
          DESCR says which.
        - titles : ndarray of shape (n_songs,), dtype=object. From ``rwc-p.csv``, or
          such as "RM-P001".
        - folds : None.
        - DESCR : str.

    Raises
    ------
    ValueError
        If there are no annotations, two are of the same piece, one cannot be read, or
        ``rwc-p.csv`` leaves out a piece; if a song has no recording, or several.

    Warns
    -----
    UserWarning
        If ``missing="drop"`` leaves songs out, with their number.
        If a link below a folder is broken or leads back to a folder above it, or a
        folder cannot be read or has several names, of which one counts.

    See Also
    --------
    load_mirdata : For mirdata's copy.

    Notes
    -----
    mirdata's copy: ``load_mirdata("rwc_popular", target="chords", groups="artist")``.

    References
    ----------
    .. [1] M. Goto, H. Hashiguchi, T. Nishimura and R. Oka, "RWC Music Database:
       Popular, classical and jazz music databases", ISMIR 2002.
    .. [2] T. Cho and J. P. Bello, "A feature smoothing method for chord recognition
       using recurrence plots", ISMIR 2011.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_rwc_popular
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("N001-M01-T01.lab", "RM-P001.wav"):
    ...         pathlib.Path(folder, name).touch()
    ...     bunch = load_rwc_popular(folder)
    >>> bunch.titles, bunch.groups
    (array(['RM-P001'], dtype=object), array(['RM-P001'], dtype=object))
    """
    root, recordings = Folder.both(folder, audio_folder)
    targets = _rwc_annotations(root)
    audio = _rwc_audio(recordings, targets)
    singers, titles = _rwc_information(root, targets)
    pieces = sorted(targets)
    paths = object_array(
        [audio.get(piece) or f"{_rwc_name(piece)}.*" for piece in pieces]
    )
    found = find_missing(
        paths,
        missing,
        "Name recordings after their pieces, as RM-P001.wav. Pass audio_folder= if "
        "they lie elsewhere.",
    )
    pieces = [piece for piece, there in zip(pieces, found, strict=True) if there]
    names = {piece: _rwc_name(piece) for piece in pieces}
    return annotation_bunch(
        data=paths[found],
        target=[_rwc_target(targets[piece]) for piece in pieces],
        groups=[(singers or names)[piece] for piece in pieces],
        titles=[(titles or names)[piece] for piece in pieces],
        description="RWC-Popular.",
        kind="chord annotations",
        group="singer" if singers else "song",
    )


class _RWCAnnotation(NamedTuple):
    path: Path
    disc: int | None
    track: int | None


def _rwc_name(piece: int) -> str:
    return f"RM-P{piece:03d}"


def _rwc_annotations(root: Folder) -> dict[int, _RWCAnnotation]:
    """Return the annotation of each piece: all ``.lab``, or else all ``.csv``."""
    files: defaultdict[int, list[Path]] = defaultdict(list)
    for path in root.find([".lab"]):
        if match := re.fullmatch(r"N(\d{3})-M\d\d-T\d\d", path.stem):
            files[int(match[1])].append(path)
    for path in [] if files else root.find([".csv"]):
        match = re.fullmatch(r"RWC_P(\d{3})", path.stem)
        if match and "chords" in path.relative_to(root.path).parts:
            files[int(match[1])].append(path)
    if not files:
        raise ValueError(
            f"{str(root.path)!a} has no chord annotations; expected "
            "'N001-M01-T01.lab' or 'chords/RWC-P/RWC_P001.csv' below it."
        )
    return {
        piece: _rwc_annotation(only_file(paths, f"annotation of {_rwc_name(piece)}"))
        for piece, paths in files.items()
    }


def _rwc_annotation(path: Path) -> _RWCAnnotation:
    match = re.fullmatch(r"N\d{3}-M(\d\d)-T(\d\d)", path.stem)
    if match is None:
        return _RWCAnnotation(path, None, None)
    return _RWCAnnotation(path, int(match[1]), int(match[2]))


def _rwc_audio(root: Folder, targets: dict[int, _RWCAnnotation]) -> dict[int, str]:
    """Return the recording of each piece that has one."""
    piece_on = {(t.disc, t.track): piece for piece, t in targets.items()}
    files: defaultdict[int, list[Path]] = defaultdict(list)
    for path in root.find(AUDIO_EXTENSIONS):
        named = re.match(r"(?:RM-?P|RWC[_-]?P|N)(\d{3})(?!\d)", path.stem, re.I)
        disc = re.fullmatch(r"rwc-p-m(\d\d)", path.parent.name, re.I)
        if named:
            files[int(named[1])].append(path)
        elif disc and path.stem.isdecimal():
            piece = piece_on.get((int(disc[1]), int(path.stem)))
            if piece is not None:
                files[piece].append(path)
    return {
        piece: str(only_file(paths, f"the recording of {_rwc_name(piece)}"))
        for piece, paths in files.items()
    }


def _rwc_information(
    root: Folder, targets: dict[int, _RWCAnnotation]
) -> tuple[dict[int, str], dict[int, str]]:
    """Return singers and titles of the pieces, both empty if there is no table."""
    files = [path for path in root.find([".csv"]) if path.name == RWC_INFORMATION]
    if not files:
        return {}, {}
    path = only_file(files, "table of the pieces")
    columns = ("Piece No.", "Title", "Artist (Vocal)")
    table = read_table(path, columns)
    numbers = [re.fullmatch(r"No\. ?(\d+)", c) for c in table.column("Piece No.")]
    table = table.keep(row for row, number in enumerate(numbers) if number)
    pieces = [str(int(number[1])) for number in numbers if number]
    row_of = table.rows_by(pieces, "the piece")
    titles, singers = table.column("Title"), table.column("Artist (Vocal)")
    rows = {int(piece): (titles[r], singers[r]) for piece, r in row_of.items()}
    for piece in sorted(targets):
        title, singer = rows.get(piece, ("", ""))
        if not title or is_missing(singer):
            raise ValueError(
                f"{str(path)!a} gives no title and singer for piece {piece}, which "
                f"{str(targets[piece].path)!a} annotates. Complete it, or move it away "
                "to make each song its own group."
            )
    return (
        {piece: rows[piece][1] for piece in targets},
        {piece: rows[piece][0] for piece in targets},
    )


def _rwc_target(annotation: _RWCAnnotation) -> str | tuple[np.ndarray, np.ndarray]:
    path = annotation.path
    if path.suffix.lower() == ".lab":
        return str(path)
    table = read_table(path, ("t_start", "t_end", "chord"), delimiter=";")
    intervals = []
    times = zip(table.column("t_start"), table.column("t_end"), strict=True)
    for row, (start, end) in enumerate(times):
        try:
            intervals.append((float(start), float(end)))
        except ValueError as error:
            raise ValueError(
                f"{table.at(row)} has no times ({error}); expected lines such as "
                "'0.104;1.858;Ab:min', in seconds."
            ) from error
    return np.array(intervals).reshape(-1, 2), object_array(table.column("chord"))
