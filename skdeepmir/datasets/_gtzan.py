"""GTZAN, with its faults filtered out or as it is."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
from sklearn.utils import Bunch

from skdeepmir._disk import user_path
from skdeepmir._errors import check_choice
from skdeepmir.datasets._collections import (
    PARTS,
    describe_parts,
    find_missing,
    split_indices,
)
from skdeepmir.datasets._file_groups import group_files
from skdeepmir.datasets._labels import check_target_names, encode_classes
from skdeepmir.datasets._loaders import class_of, list_paths, list_recordings
from skdeepmir.datasets._tables import read_text
from skdeepmir.datasets._walk import check_folder

CORRUPT = "jazz/jazz.00054"
LISTS = (
    "https://github.com/minzwon/sota-music-tagging-models/tree/master/split/gtzan or "
    "https://github.com/coreyker/dnn-mgr/tree/master/gtzan"
)


def load_gtzan(
    folder: str | os.PathLike[str],
    *,
    filtered: bool = True,
    groups: str | Mapping[str, Any] | None = None,
    missing: str = "raise",
    target_names: Iterable[Any] | None = None,
    unknown: Literal["raise", "drop"] = "raise",
) -> Bunch:
    r"""List GTZAN [1]_: 1,000 clips of 30 seconds in ten genres.

    Parameters
    ----------
    folder : str or PathLike
        The folder. The genres lie in its sub-folder "genres_original" or "genres", or
        in itself: ``genres/blues/blues.00000.wav``, or ``.au``.
    filtered : bool, default=True
        Whether to load the fault-filtered split [2]_, or else every clip, unsplit. Its
        lists are not part of GTZAN: put train_filtered.txt, valid_filtered.txt and
        test_filtered.txt, whose lines are like ``blues/blues.00029.wav``, into
        ``folder``. Scores without filtering are too high: GTZAN has repetitions, wrong
        labels, distortions, and artists in training as well as test [3]_.
    groups : str or mapping, default=None
        Artist of each clip, as for :func:`load_audio_folder`: a mapping from paths
        relative to the folder of the genres, as they are on disk, to artists; or a
        regular expression. GTZAN itself does not name its artists.
    missing : {"raise", "drop"}, default="raise"
        Whether listed clips without a file are an error, or are left out with a
        warning.
    target_names, unknown : optional
        The genres in the order of their numbers, and what becomes of others, as for
        :func:`load_audio_folder`.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_clips,), dtype=object. Paths, sorted.
        - target : ndarray of shape (n_clips,), int. Index into ``target_names``.
        - target_names : ndarray of str. The genres, sorted, or those that were given.
        - groups : ndarray of shape (n_clips,), dtype=object, or None.
        - folds : None.
        - splits : dict of str to ndarray of int, or None if not filtered. Indices of
          the clips in "train", "valid" and "test": 443, 197 and 290, less the corrupt
          one in "train".
        - DESCR : str.

    Raises
    ------
    ValueError
        If the folder has no genres, a list is missing or does not list files, a listed
        clip has no file, or a clip has no group.

    Warns
    -----
    UserWarning
        If jazz.00054, which is corrupt in every copy of GTZAN that we know of, is left
        out. It stays if its header can be read.

    See Also
    --------
    load_audio_folder : For other collections with a folder for each class.

    Notes
    -----
    The parts differ in their shares of the genres: report an average over genres too.

    References
    ----------
    .. [1] G. Tzanetakis and P. Cook, "Musical genre classification of audio signals",
       IEEE Transactions on Speech and Audio Processing 10(5), 2002.
    .. [2] C. Kereliuk, B. L. Sturm and J. Larsen, "Deep learning and music
       adversaries", IEEE Transactions on Multimedia 17(11), 2015.
    .. [3] B. L. Sturm, "The GTZAN dataset: Its contents, its faults, their effects on
       evaluation, and its future use", arXiv:1306.1461, 2013.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_gtzan
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part, name in [
    ...         ("train", "blues/blues.00029.wav"),
    ...         ("valid", "rock/rock.00010.wav"),
    ...         ("test", "blues/blues.00000.wav"),
    ...     ]:
    ...         _ = pathlib.Path(folder, f"{part}_filtered.txt").write_text(name)
    ...         path = pathlib.Path(folder, "genres_original", name)
    ...         path.parent.mkdir(parents=True, exist_ok=True)
    ...         path.touch()
    ...     bunch = load_gtzan(folder)
    >>> bunch.target_names[bunch.target], bunch.splits["train"]
    (array(['blues', 'blues', 'rock'], dtype='<U5'), array([1]))
    """
    check_choice("missing", missing, ("raise", "drop"))
    wanted = check_target_names(target_names, unknown)
    folder = Path(user_path(folder))
    root = _genre_folder(folder)
    if filtered:
        names, parts = _filtered_names(folder, root)
    else:
        names = [path.as_posix() for path in list_recordings(root, stacklevel=4)]
        parts = np.full(len(names), "")
    keep = np.array([not _is_corrupt(root, name) for name in names])
    if not keep.all():
        bad = [name for name, good in zip(names, keep, strict=True) if not good]
        warnings.warn(
            f"{bad[0]!a} is left out: it is missing or corrupt, as in every known copy "
            "of GTZAN.",
            stacklevel=2,
        )
    names = [name for name, good in zip(names, keep, strict=True) if good]
    parts = parts[keep]
    paths = list_paths(root, names, source="The lists of GTZAN")
    found = find_missing(paths, missing, f"Check that {str(root)!a} has all of GTZAN.")
    names = [name for name, there in zip(names, found, strict=True) if there]
    genres, target, kept = encode_classes(
        [class_of(name) for name in names],
        wanted,
        unknown,
        lambda rows: f"{names[rows[0]]!a}",
    )
    names = [names[row] for row in kept]
    paths, parts = paths[found][kept], parts[found][kept]
    kind = f"fault-filtered: {describe_parts(parts)}" if filtered else "unfiltered"
    return Bunch(
        data=paths,
        target=target,
        target_names=genres,
        groups=None if groups is None else group_files(names, groups, root),
        folds=None,
        splits=split_indices(parts) if filtered else None,
        DESCR=f"GTZAN, {kind}. {len(names)} clips of {len(genres)} genres in {root}.",
    )


def _genre_folder(folder: Path) -> Path:
    message = f"folder={str(folder)!a} is not a folder; expected that of GTZAN."
    root = check_folder(folder, message)
    for name in ("genres_original", "genres"):
        if os.path.isdir(root / name):
            return root / name
    return root


def _filtered_names(folder: Path, root: Path) -> tuple[list[str], np.ndarray]:
    """Return the listed files, sorted, and the part of each."""
    part_of: dict[str, str] = {}
    for part in PARTS:
        for name in _read_list(folder / f"{part}_filtered.txt"):
            name = _as_on_disk(root, name)
            if part_of.setdefault(name, part) != part:
                raise ValueError(f"{name!a} is listed for {part_of[name]} and {part}.")
    names = sorted(part_of)
    return names, np.array([part_of[name] for name in names])


def _read_list(path: Path) -> list[str]:
    if not os.path.isfile(path):
        raise ValueError(
            f"{str(path)!a} is missing. Get train_filtered.txt, valid_filtered.txt and "
            f"test_filtered.txt from {LISTS}, or pass filtered=False for all clips, "
            "faults included."
        )
    lines = [line.strip() for line in read_text(path).splitlines()]
    lines = [line for line in lines if line]
    for line in lines or [""]:
        if line.count("/") != 1:
            raise ValueError(
                f"{str(path)!a} lists {line!a}; expected lines such as "
                f"'blues/blues.00029.wav'. Get the lists from {LISTS}."
            )
    return lines


def _as_on_disk(root: Path, name: str) -> str:
    stem = name.removesuffix(".wav").removesuffix(".au")
    return f"{stem}.au" if os.path.isfile(root / f"{stem}.au") else f"{stem}.wav"


def _is_corrupt(root: Path, name: str) -> bool:
    if not name.startswith(CORRUPT):
        return False
    try:
        soundfile.info(root / name)
    except (soundfile.LibsndfileError, OSError):
        return True
    return False
