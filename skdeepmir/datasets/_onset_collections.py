"""Published collections of onset annotations, matched with recordings on disk."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._disk import read_annotation
from skdeepmir._errors import check_choice
from skdeepmir._groups import check_groups, clean_name
from skdeepmir._warnings import warn_user
from skdeepmir.datasets._collections import check_merge, such_as
from skdeepmir.datasets._named_files import (
    Folder,
    files_by_name,
    only_file,
    with_recordings,
)
from skdeepmir.datasets._walk import AUDIO_EXTENSIONS
from skdeepmir.frames import object_array
from skdeepmir.onsets import merge_onsets, read_onsets

# The initials of those who annotated, in front of names since 2015.
SOURCE = re.compile(r"(?:sb|al|ah|jg|jpb)_")
# Where a file was cut from a recording: "(3.0-13.0)" in seconds, or "_pt2".
EXCERPT = re.compile(r"(?:\(\d+(?:\.\d+)?-\d+(?:\.\d+)?\)|_pt\d+)$")
FOLD = re.compile(r"8-fold_cv_random_([0-7])")
MIXES = {"drum_only": "Drum", "full_mix": "MIX"}


def load_onset_db(
    folder: str | os.PathLike[str],
    *,
    audio_folder: str | os.PathLike[str] | None = None,
    merge: float = 0.03,
    missing: str = "raise",
) -> Bunch:
    r"""List the files of Böck's set of onsets, with its eight folds [1]_ [2]_.

    Any folder with recordings and ``.onsets`` files of the same names will do.

    Parameters
    ----------
    folder : str or PathLike
        Where the annotations (``NAME.onsets``) and folds
        (``8-fold_cv_random_0.fold`` to ``8-fold_cv_random_7.fold``, each a list of
        names) lie, at any depth.
    audio_folder : str or PathLike, default=None
        Where the recordings lie, at any depth; None is ``folder``. They are matched by
        name. The initials in front of the names of newer releases ("sb\_") may be
        absent on either side.
    merge : float, default=0.03
        Onsets less than so many seconds after the first of their group become one, see
        :func:`skdeepmir.onsets.merge_onsets`. The default is that of the field's
        evaluations; 0 keeps all.
    missing : {"raise", "drop"}, default="raise"
        Whether annotations without a recording are an error, or are left out with a
        warning.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_clips,), dtype=object. Paths of recordings, in the
          order of the annotations' paths.
        - target : ndarray of shape (n_clips,), dtype=object. The times of the onsets of
          each, (n_onsets_i,) in seconds.
        - groups : ndarray of shape (n_clips,), dtype=object. The recordings that
          excerpts were cut from: "Media-103515" for "Media-103515(1.9-11.9)".
        - folds : ndarray of shape (n_clips,), int, from 0 to 7, and -1 where a clip is
          in no fold; None if there are no lists of folds. They were drawn at random
          from the files: excerpts of one recording are in different folds.
        - titles : ndarray of shape (n_clips,), dtype=object. Names of the files.
        - DESCR : str.

    Raises
    ------
    ValueError
        If there are no annotations, one cannot be read or has no recording, several
        files have the same name, or a file is in several folds.

    Warns
    -----
    UserWarning
        If ``missing="drop"`` leaves clips out, or folds list names without annotation,
        with their number.
        If a link below a folder is broken or leads back to a folder above it, or a
        folder cannot be read or has several names, of which one counts.

    See Also
    --------
    load_mdb_drums : Onsets of drums in 23 songs.
    make_onset_clips : Synthetic clips.

    Notes
    -----
    The annotations are free [3]_; the audio has to be asked for.

    References
    ----------
    .. [1] S. Böck, F. Krebs and M. Schedl, "Evaluating the online capabilities of onset
       detection methods", ISMIR 2012.
    .. [2] J. Schlüter and S. Böck, "Improved musical onset detection with
       convolutional neural networks", ICASSP 2014.
    .. [3] https://github.com/CPJKU/onset_db

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_onset_db
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, text in (
    ...         ("annotations/piano.onsets", "0.25\n0.5\n"),
    ...         ("audio/piano.flac", ""),
    ...         ("splits/8-fold_cv_random_3.fold", "piano\n"),
    ...     ):
    ...         path = pathlib.Path(folder, name)
    ...         path.parent.mkdir(parents=True)
    ...         _ = path.write_text(text)
    ...     bunch = load_onset_db(folder)
    >>> bunch.target[0], bunch.folds
    (array([0.25, 0.5 ]), array([3]))
    """
    check_merge(merge)
    root, audio = Folder.both(folder, audio_folder)
    annotations = files_by_name(root.find([".onsets"]), "annotation", prefix=SOURCE)
    if not annotations:
        raise ValueError(
            f"{str(root.path)!a} has no onset annotations; expected files such as "
            "'annotations/NAME.onsets' below it."
        )
    recordings = files_by_name(
        audio.find(AUDIO_EXTENSIONS), "recording", annotations, prefix=SOURCE
    )
    folds = _read_folds(root, annotations)
    names, data = with_recordings(annotations, recordings, missing)
    return _onset_bunch(
        data,
        [read_onsets(annotations[name]) for name in names],
        merge,
        groups=[EXCERPT.sub("", name) or name for name in names],
        titles=names,
        folds=folds if folds is None else np.array([folds.get(n, -1) for n in names]),
        description="Böck's set of onsets.",
        group="recording",
    )


def load_mdb_drums(
    folder: str | os.PathLike[str],
    *,
    audio_folder: str | os.PathLike[str] | None = None,
    audio: str = "full_mix",
    annotation: str = "class",
    classes: Sequence[str] | None = None,
    merge: float = 0.03,
    missing: str = "raise",
) -> Bunch:
    r"""List the songs of MDB Drums [1]_ with the onsets of their drums.

    Parameters
    ----------
    folder : str or PathLike
        Where the annotations (``SONG_class.txt``) lie, at any depth.
    audio_folder : str or PathLike, default=None
        Where the recordings (``SONG_MIX.wav``) lie, at any depth; None is ``folder``.
    audio : {"full_mix", "drum_only"}, default="full_mix"
        The songs, or their drums alone (``SONG_Drum.wav``).
    annotation : {"class", "subclass"}, default="class"
        Whether ``classes`` names the six classes, such as "KD" (bass drum), "SD" and
        "HH", or the 21 subclasses, such as "OHH" (open hi-hat).
    classes : list of str, default=None
        Keep only the onsets of these classes. None keeps all.
    merge : float, default=0.03
        Onsets less than so many seconds after the first of their group become one, see
        :func:`skdeepmir.onsets.merge_onsets`: drums that are struck together. 0 keeps
        all.
    missing : {"raise", "drop"}, default="raise"
        Whether songs without a recording are an error, or are left out with a warning.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_songs,), dtype=object. Paths of recordings, in the
          order of the annotations' paths.
        - target : ndarray of shape (n_songs,), dtype=object. The times of the onsets of
          each, (n_onsets_i,) in seconds.
        - groups, titles : ndarray of shape (n_songs,), dtype=object. The songs, such as
          "MusicDelta_Punk".
        - folds : None.
        - DESCR : str.

    Raises
    ------
    ValueError
        If there are no annotations, one cannot be read or has no recording, several
        files have the same name, or no song has one of the classes.

    Warns
    -----
    UserWarning
        If ``missing="drop"`` leaves songs out, with their number.
        If a link below a folder is broken or leads back to a folder above it, or a
        folder cannot be read or has several names, of which one counts.

    See Also
    --------
    load_onset_db : Onsets of all instruments.
    make_onset_clips : Synthetic clips.

    Notes
    -----
    Instruments other than drums have no onsets here: train and evaluate detectors of
    all onsets on ``audio="drum_only"``.

    References
    ----------
    .. [1] C. Southall, C. Wu, A. Lerch and J. Hockman, "MDB Drums - An annotated subset
       of MedleyDB for automatic drum transcription", ISMIR 2017, late breaking.
       https://github.com/CarlSouthall/MDBDrums

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skdeepmir.datasets import load_mdb_drums
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, text in (
    ...         ("annotations/class/Punk_class.txt", "0.02 KD\n0.025 HH\n0.3 SD\n"),
    ...         ("audio/drum_only/Punk_Drum.wav", ""),
    ...     ):
    ...         path = pathlib.Path(folder, name)
    ...         path.parent.mkdir(parents=True)
    ...         _ = path.write_text(text)
    ...     bunch = load_mdb_drums(folder, audio="drum_only", classes=["KD", "SD"])
    >>> bunch.target[0]
    array([0.02, 0.3 ])
    """
    check_choice("audio", audio, MIXES)
    check_choice("annotation", annotation, ("class", "subclass"))
    check_merge(merge)
    root, heard = Folder.both(folder, audio_folder)
    ending = f"_{annotation}"
    annotations = files_by_name(
        root.find([".txt"]), "annotation", ending=ending, prefix=SOURCE
    )
    if not annotations:
        raise ValueError(
            f"{str(root.path)!a} has no annotations of drums; expected files such as "
            f"'annotations/{annotation}/SONG{ending}.txt' below it."
        )
    recordings = files_by_name(
        heard.find(AUDIO_EXTENSIONS),
        "recording",
        ending=f"_{MIXES[audio]}",
        prefix=SOURCE,
    )
    names, data = with_recordings(annotations, recordings, missing, f"_{MIXES[audio]}")
    struck = [_read_strokes(annotations[name]) for name in names]
    if classes is not None:
        wanted = [classes] if isinstance(classes, str) else list(classes)
        known = {label for _, labels in struck for label in labels}
        for label in wanted:
            if label not in known:
                raise ValueError(
                    f"classes has {label!r}, which is not one of {sorted(known)}, the "
                    f"classes of annotation={annotation!r}."
                )
        struck = [(t[np.isin(labels, wanted)], []) for t, labels in struck]
    return _onset_bunch(
        data,
        [times for times, _ in struck],
        merge,
        groups=names,
        titles=names,
        folds=None,
        description=f"MDB Drums, {audio}.",
        group="song",
    )


def _read_folds(root: Folder, annotations: dict[str, Path]) -> dict[str, int] | None:
    """Return the fold of each name, None without lists of folds."""
    lists: dict[int, list[Path]] = {}
    for path in root.find([".fold"]):
        if match := FOLD.fullmatch(path.stem):
            lists.setdefault(int(match[1]), []).append(path)
    folds: dict[str, int] = {}
    for fold, paths in sorted(lists.items()):
        path = only_file(paths, f"the list of fold {fold}")
        text, _, shown_name = read_annotation(path, [".fold"], "a list of names")
        for number, line in enumerate(text.splitlines(), start=1):
            name = SOURCE.sub("", clean_name(line.strip()).removesuffix(".onsets"))
            if name and folds.setdefault(name, fold) != fold:
                raise ValueError(
                    f"{shown_name}: line {number} has {name!a}, which fold "
                    f"{folds[name]} has as well; expected each file in one fold."
                )
    unknown = [name for name in folds if name not in annotations]
    if unknown:
        are = such_as(len(unknown), "name is", "names are", ascii(unknown[0]))
        warn_user(f"{are} in the lists of folds, but without annotation: left out.")
    return folds if lists else None


def _read_strokes(path: Path) -> tuple[np.ndarray, list[str]]:
    """Return the times and the classes of the strokes of a song."""
    times = read_onsets(path)
    text, _, shown_name = read_annotation(path, [".txt"], "an annotation of drums")
    labels = []
    for number, line in enumerate(text.splitlines(), start=1):
        cells = line.partition("#")[0].split()
        if len(cells) == 1:
            raise ValueError(
                f"{shown_name}: line {number} has {line.strip()!r}; expected a time "
                "and a class, such as '0.29 KD'."
            )
        labels += cells[1:2]
    return times, labels


def _onset_bunch(
    data: np.ndarray,
    times: list[np.ndarray],
    merge: float,
    *,
    groups: list[str],
    titles: list[str],
    folds: np.ndarray | None,
    description: str,
    group: str,
) -> Bunch:
    target = [merge_onsets(onsets, merge) for onsets in times]
    return Bunch(
        data=data,
        target=object_array(target),
        groups=check_groups(groups, len(data)),
        folds=folds,
        titles=object_array(titles),
        DESCR=(
            f"{description} {len(data)} clips, {sum(map(len, target))} onsets, "
            f"{len(set(groups))} groups. target: times of onsets in seconds; groups: "
            f"the {group}."
        ),
    )
