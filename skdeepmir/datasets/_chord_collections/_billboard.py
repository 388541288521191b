"""McGill Billboard: songs of the American charts."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._errors import check_choice
from skdeepmir._groups import is_missing
from skdeepmir.datasets._collections import annotation_bunch, find_missing
from skdeepmir.datasets._named_files import Folder, fold_name, only_file
from skdeepmir.datasets._tables import read_table
from skdeepmir.datasets._walk import AUDIO_EXTENSIONS
from skdeepmir.frames import object_array

BILLBOARD_INDEX = "billboard-2.0-index.csv"
BILLBOARD_ANNOTATIONS = ("full", "majmin", "majmin7", "majmininv", "majmin7inv")


def load_billboard(
    folder: str | os.PathLike[str],
    *,
    audio_folder: str | os.PathLike[str] | None = None,
    annotation: str = "full",
    duplicates: str = "drop",
    groups: str = "artist",
    missing: str = "raise",
) -> Bunch:
    r"""List the songs of McGill Billboard [1]_.

    Parameters
    ----------
    folder : str or PathLike
        Where ``billboard-2.0-index.csv`` and the annotations lie, such as
        ``0003/full.lab``, at any depth.
    audio_folder : str or PathLike, default=None
        Where the recordings lie, at any depth; None is ``folder``. They are named after
        the number, as ``0003.flac`` or ``0003/audio.flac``, or as mirdata has them,
        ``1960s/James Brown/I Don't Mind/audio.flac``.
    annotation : str, default="full"
        Which of the published reductions: "majmin", "majmin7", "majmininv",
        "majmin7inv", or "full", which is not reduced.
    duplicates : {"drop", "keep"}, default="drop"
        Whether to keep only one of several entries with the same title and artist: the
        first one that has a recording. The collection was drawn from slots of the
        charts, so songs occur more than once.
    groups : {"artist", "song"}, default="artist"
        What must not be split between training and test. Where the index joins several
        artists by commas, the first one counts.
    missing : {"raise", "drop"}, default="raise"
        Whether songs without a recording are an error, or are left out with a warning.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_songs,), dtype=object. Paths of recordings, in the
          order of the numbers.
        - target : ndarray of shape (n_songs,), dtype=object. Paths of the ``.lab``
          files.
        - groups : ndarray of shape (n_songs,), dtype=object. Artists, or "artist:
          title".
        - titles : ndarray of shape (n_songs,), dtype=object.
        - ids : ndarray of shape (n_songs,), int. Numbers in the index.
        - folds : None.
        - DESCR : str.

    Raises
    ------
    ValueError
        If the index or the annotations are missing, the index does not name an
        annotated song, a song has no recording, or several recordings or annotations
        have its number.

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
    mirdata's copy: ``load_mirdata("billboard", target="lab_full_path",
    groups="artist")``, duplicates included.

    The audio is not part of the collection. Other releases of a song can begin earlier
    or later than the annotated one, or run at another speed: check a few songs by ear
    before you trust a score.

    References
    ----------
    .. [1] J. A. Burgoyne, J. Wild and I. Fujinaga, "An expert ground truth set for
       audio chord recognition and music analysis", ISMIR 2011.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_billboard
    >>> index = "id,title,artist\n3,I Don't Mind,James Brown\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "billboard-2.0-index.csv").write_text(index)
    ...     pathlib.Path(folder, "0003").mkdir()
    ...     for name in ("full.lab", "audio.wav"):
    ...         pathlib.Path(folder, "0003", name).touch()
    ...     bunch = load_billboard(folder)
    >>> bunch.ids, bunch.titles, bunch.groups
    (array([3]), array(["I Don't Mind"], dtype=object),
     array(['James Brown'], dtype=object))
    """
    check_choice("annotation", annotation, BILLBOARD_ANNOTATIONS)
    check_choice("duplicates", duplicates, ("drop", "keep"))
    check_choice("groups", groups, ("artist", "song"))
    root, recordings = Folder.both(folder, audio_folder)
    targets = _billboard_annotations(root, annotation)
    index = _billboard_index(root, targets)
    audio = _billboard_audio(recordings, index)
    ids = sorted(targets)
    if duplicates == "drop":
        ids = _first_of_each(ids, index, audio)
    paths = object_array([audio.get(i) or f"{i:04d}.*" for i in ids])
    found = find_missing(
        paths,
        missing,
        "Name recordings after the numbers of the index, as 0003.flac or "
        "0003/audio.flac. Pass audio_folder= if they lie elsewhere.",
    )
    ids = [i for i, there in zip(ids, found, strict=True) if there]
    titles = [index[i][0] for i in ids]
    lead = [_lead_artist(index[i][1]) for i in ids]
    songs = [f"{artist}: {title}" for artist, title in zip(lead, titles, strict=True)]
    return annotation_bunch(
        data=paths[found],
        target=[str(targets[i]) for i in ids],
        groups=lead if groups == "artist" else songs,
        titles=titles,
        ids=np.array(ids, dtype=int),
        description=(
            f"McGill Billboard, annotation {annotation!r}; {len(targets)} are "
            f"annotated, duplicates: {duplicates}."
        ),
        kind="chord annotations",
        group=groups,
    )


def _billboard_annotations(root: Folder, annotation: str) -> dict[int, Path]:
    """Return the file of each number."""
    files: defaultdict[int, list[Path]] = defaultdict(list)
    for path in root.find([".lab"]):
        if path.stem == annotation and path.parent.name.isdecimal():
            files[int(path.parent.name)].append(path)
    if not files:
        raise ValueError(
            f"{str(root.path)!a} has no annotations; expected files such as "
            f"'0003/{annotation}.lab' below it. Choose another annotation= if those "
            "exist."
        )
    return {i: only_file(paths, f"annotation of {i:04d}") for i, paths in files.items()}


def _billboard_index(
    root: Folder, targets: dict[int, Path]
) -> dict[int, tuple[str, str]]:
    """Return title and artist of each annotated number."""
    files = [path for path in root.find([".csv"]) if path.name == BILLBOARD_INDEX]
    if not files:
        raise ValueError(
            f"{BILLBOARD_INDEX} is missing below {str(root.path)!a}; it is part of "
            "McGill Billboard, https://ddmal.music.mcgill.ca/research/"
            "The_McGill_Billboard_Project_(Chord_Analysis_Dataset)."
        )
    path = only_file(files, "index")
    table = read_table(path, ("id", "title", "artist"))
    numbers = table.column("id")
    table = table.keep(r for r, number in enumerate(numbers) if number.isdecimal())
    # Slots of the charts without a song have a number, but no title.
    titles, artists = table.column("title"), table.column("artist")
    numbers = [str(int(number)) for number in table.column("id")]
    row_of = table.rows_by(numbers, "the id")
    index = {int(i): (titles[row], artists[row]) for i, row in row_of.items()}
    for i in sorted(targets):
        title, artist = index.get(i, ("", ""))
        if not title or is_missing(artist):
            raise ValueError(
                f"{str(path)!a} gives no title and artist for {i}, which "
                f"{str(targets[i])!a} annotates. Add them to its row, or remove the "
                "annotation."
            )
    return {i: index[i] for i in targets}


def _billboard_audio(root: Folder, index: dict[int, tuple[str, str]]) -> dict[int, str]:
    """Return the recording of each number that has one."""
    by_name: defaultdict[str, list[Path]] = defaultdict(list)
    for path in root.find(AUDIO_EXTENSIONS):
        if path.stem.isdecimal():
            by_name[str(int(path.stem))].append(path)
        elif path.stem == "audio" and path.parent.name.isdecimal():
            by_name[str(int(path.parent.name))].append(path)
        elif path.stem == "audio":
            artist = path.parent.parent.name
            by_name[f"{fold_name(artist)}: {fold_name(path.parent.name)}"].append(path)
    found = {}
    for i, (title, artist) in index.items():
        paths = by_name[str(i)] or by_name[f"{fold_name(artist)}: {fold_name(title)}"]
        if paths:
            found[i] = str(only_file(paths, f"the recording of {i:04d}"))
    return found


def _first_of_each(
    ids: list[int], index: dict[int, tuple[str, str]], audio: dict[int, str]
) -> list[int]:
    """Return one number of each song, if possible one with a recording."""
    first: dict[tuple[str, ...], int] = {}
    for i in sorted(ids, key=lambda i: (i not in audio, i)):
        first.setdefault(tuple(map(fold_name, index[i])), i)
    return sorted(first.values())


def _lead_artist(artist: str) -> str:
    # Several artists are joined without a space: "Marvin Gaye,Kim Weston".
    return re.split(r",(?=\S)", artist)[0]
