"""Isophonics: The Beatles, Queen, Zweieck and Carole King."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._errors import check_choice
from skdeepmir._groups import clean_name
from skdeepmir.datasets._collections import annotation_bunch, find_missing
from skdeepmir.datasets._named_files import Folder, fold_name, only_file
from skdeepmir.datasets._walk import AUDIO_EXTENSIONS
from skdeepmir.frames import object_array

# What lies beside the chords in the archives of Isophonics, with the same file names.
OTHER_ANNOTATIONS = ("keylab", "seglab", "beat")
# "01", "CD1" or "10CD1" in front of the name of a song or an album.
NUMBER = re.compile(r"(\d{1,2} ?)?(CD ?\d)?", re.IGNORECASE)
# "01 ", "01. ", "1-01 " or "CD1 - 01 - " in front of the name of a song.
TRACK = re.compile(r"(?:CD ?\d[ -]+|\d-)?(\d{1,2})[ .-]+(?=\S)", re.IGNORECASE)


class Song(NamedTuple):
    """One annotated song of Isophonics."""

    path: Path
    artist: str
    album: str
    title: str


def load_isophonics(
    folder: str | os.PathLike[str],
    *,
    audio_folder: str | os.PathLike[str] | None = None,
    artists: Iterable[str] | None = None,
    groups: str = "album",
    missing: str = "raise",
) -> Bunch:
    r"""List the songs of Isophonics: The Beatles, Queen, Zweieck and Carole King [1]_.

    Parameters
    ----------
    folder : str or PathLike
        Where the annotations lie, at any depth, in folders of artists and albums as
        they are distributed, such as ``chordlab/The Beatles/01_-_Please_Please_Me/
        01_-_I_Saw_Her_Standing_There.lab``. Annotations of keys, segments and beats
        beside them are ignored.
    audio_folder : str or PathLike, default=None
        Where the recordings lie, at any depth; None is ``folder``. They are matched by
        title, whatever the case, accents, spaces, punctuation and track numbers. Where
        several have the same title, the album, the artist and then the track number
        decide.
    artists : iterable of str, default=None
        Keep only these artists, such as ``["The Beatles"]``. None keeps all.
    groups : {"album", "artist"}, default="album"
        What must not be split between training and test. The discs of an album are one
        group. "artist" is stricter, but leaves few groups.
    missing : {"raise", "drop"}, default="raise"
        Whether songs without a recording are an error, or are left out with a warning.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_songs,), dtype=object. Paths of recordings, in the
          order of the annotations' paths.
        - target : ndarray of shape (n_songs,), dtype=object. Paths of the ``.lab``
          files.
        - groups : ndarray of shape (n_songs,), dtype=object. Such as "The Beatles" or
          "The Beatles: Please Please Me".
        - titles : ndarray of shape (n_songs,), dtype=object.
        - folds : None.
        - DESCR : str.

    Raises
    ------
    ValueError
        If there are no annotations or no such artists, a song has no recording, or
        several match it, or one recording matches several songs.

    Warns
    -----
    UserWarning
        If ``missing="drop"`` leaves songs out, with their number.
        If a link below a folder is broken or leads back to a folder above it, or a
        folder cannot be read or has several names, of which one counts.

    See Also
    --------
    load_mirdata : For mirdata's copies.

    Notes
    -----
    mirdata's copies are "beatles" and "queen": ``load_mirdata("beatles",
    target="chords_path", groups=lambda track: Path(track.chords_path).parent.name)``.

    The times are those of the compact discs that were annotated; other masters may
    start earlier or later.

    References
    ----------
    .. [1] M. Mauch et al., "OMRAS2 metadata project 2009", ISMIR 2009.
       http://isophonics.net/content/reference-annotations

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_isophonics
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in (
    ...         "chordlab/The Beatles/12_-_Let_It_Be/06_-_Let_It_Be.lab",
    ...         "audio/Let It Be/06 Let it be.wav",
    ...     ):
    ...         path = pathlib.Path(folder, name)
    ...         path.parent.mkdir(parents=True)
    ...         path.touch()
    ...     bunch = load_isophonics(folder)
    >>> bunch.titles, bunch.groups
    (array(['Let It Be'], dtype=object),
     array(['The Beatles: Let It Be'], dtype=object))
    """
    check_choice("groups", groups, ("album", "artist"))
    root, audio = Folder.both(folder, audio_folder)
    songs = _isophonics_songs(root, artists)
    recordings = _Recordings(audio, songs)
    paths = object_array([recordings.find(song) or f"{song.path}.*" for song in songs])
    found = find_missing(
        paths,
        missing,
        "No recording has the name of this annotation; track numbers, case and "
        "punctuation do not matter. Pass audio_folder= if recordings lie elsewhere.",
    )
    songs = [song for song, there in zip(songs, found, strict=True) if there]
    _check_one_each([song.path for song in songs], paths[found])
    albums = [f"{song.artist}: {song.album}" for song in songs]
    singers = [song.artist for song in songs]
    return annotation_bunch(
        data=paths[found],
        target=[str(song.path) for song in songs],
        groups=singers if groups == "artist" else albums,
        titles=[song.title for song in songs],
        description=f"Isophonics, {', '.join(sorted(set(singers)))}.",
        kind="chord annotations",
        group=groups,
    )


def _isophonics_songs(root: Folder, artists: Iterable[str] | None) -> list[Song]:
    songs = []
    for path in root.find([".lab"]):
        if not set(OTHER_ANNOTATIONS).intersection(path.relative_to(root.path).parts):
            songs.append(_isophonics_song(path))
    if not songs:
        raise ValueError(
            f"{str(root.path)!a} has no chord annotations; expected files such as "
            "'chordlab/ARTIST/ALBUM/01_-_SONG.lab' below it."
        )
    if artists is None:
        return songs
    known = {fold_name(song.artist): song.artist for song in songs}
    wanted = [artists] if isinstance(artists, str) else list(artists)
    for artist in wanted:
        if fold_name(artist) not in known:
            raise ValueError(
                f"artists has {artist!r}, which is not one of {sorted(known.values())}."
            )
    return [s for s in songs if fold_name(s.artist) in {fold_name(a) for a in wanted}]


def _isophonics_song(path: Path) -> Song:
    parent = path.absolute().parent
    album, artist = parent.name, parent.parent.name
    if album.lower() == "chordlab":
        raise ValueError(
            f"{str(path)!a} is not in a folder of an artist; expected "
            "'chordlab/ARTIST/ALBUM/01_-_SONG.lab'."
        )
    if artist.lower() == "chordlab":
        artist = album  # an artist without folders of albums
    return Song(path, _plain(artist), _plain(album), _plain(path.stem))


def _plain(name: str) -> str:
    """Return a title, composed, without underscores and numbers of discs and tracks."""
    return clean_name(" - ".join(_without_numbers(_segments(name))))


def _segments(name: str) -> list[str]:
    spaced = " ".join(name.replace("_", " ").split())
    return re.split(r" - |(?<=^\d)- |(?<=^\d\d)- ", spaced)


def _without_numbers(segments: list[str]) -> list[str]:
    kept = list(segments)
    while len(kept) > 1 and NUMBER.fullmatch(kept[0].strip()):
        del kept[0]
    if len(kept) == len(segments):
        match = TRACK.match(kept[0])
        kept[0] = kept[0][match.end() :] if match else kept[0]
    return kept


def _track_number(name: str) -> int | None:
    """Return the last number before the title, if there is one."""
    match = TRACK.match(name.replace("_", " "))
    return None if match is None else int(match[1])


class _Recordings:
    """The recordings below a folder, found by the title of a song."""

    def __init__(self, root: Folder, songs: list[Song]) -> None:
        self.artists = {fold_name(song.artist) for song in songs}
        names = self.artists | {fold_name(song.album) for song in songs}
        self.folders: dict[Path, set[str]] = {}
        self.of_title: defaultdict[str, list[Path]] = defaultdict(list)
        for path in root.find(AUDIO_EXTENSIONS):
            segments = _without_numbers(_segments(path.stem))
            folders = path.relative_to(root.path).parent.parts
            self.folders[path] = {fold_name(_plain(part)) for part in folders}
            # The name may begin with artist and album: "Queen - 01 - Innuendo".
            while len(segments) > 1 and fold_name(segments[0]) in names:
                self.folders[path].add(fold_name(segments[0]))
                segments = _without_numbers(segments[1:])
            self.of_title[fold_name(" - ".join(segments))].append(path)

    def find(self, song: Song) -> str | None:
        """Return the path of a song's recording, None if there is none."""
        artist, album = fold_name(song.artist), fold_name(song.album)
        others = self.artists - {artist, album}
        number = _track_number(song.path.stem)
        found = [
            path
            for path in self.of_title[fold_name(song.title)]
            if artist in self.folders[path] or not others & self.folders[path]
        ]
        for fits in (
            lambda path: album in self.folders[path],
            lambda path: artist in self.folders[path],
            lambda path: _track_number(path.stem) == number,
        ):
            found = [path for path in found if fits(path)] or found
        if not found:
            return None
        return str(only_file(found, f"the recording of {song.title!a}"))


def _check_one_each(annotations: list[Path], recordings: np.ndarray) -> None:
    """Refuse recordings that match several annotations."""
    owner: dict[str, Path] = {}
    for annotation, recording in zip(annotations, recordings, strict=True):
        other = owner.setdefault(recording, annotation)
        if other is not annotation:
            raise ValueError(
                f"{recording!a} matches {str(other)!a} and {str(annotation)!a}. Put "
                "recordings into folders named after the albums."
            )
