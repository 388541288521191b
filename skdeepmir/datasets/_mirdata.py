"""Load any data set of the package mirdata."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from sklearn.utils import Bunch

from skdeepmir._disk import user_path
from skdeepmir._groups import (
    check_groups,
    clean_name,
    is_missing,
    missing_text,
    shown_value,
)
from skdeepmir.datasets._collections import PARTS, find_missing
from skdeepmir.datasets._labels import (
    Targets,
    check_target_names,
    encode_classes,
    encode_tags,
)
from skdeepmir.frames import object_array
from skdeepmir.notes import check_notes
from skdeepmir.onsets import check_onsets

# Of files that annotate recordings with chords, onsets or notes.
ANNOTATIONS = (".lab", ".jams", ".onsets", ".mid", ".midi", ".tsv", ".csv")


def load_mirdata(
    dataset: Any,
    *,
    target: str | Callable[[Any], Any],
    groups: str | Callable[[Any], Any] | None = None,
    data_home: str | os.PathLike[str] | None = None,
    version: str = "default",
    missing: str = "raise",
    target_names: Sequence[str] | Sequence[int] | None = None,
    unknown: Literal["raise", "drop"] = "raise",
) -> Bunch:
    """List the tracks of a data set of mirdata [1]_, for example its GTZAN or IRMAS.

    Nothing is downloaded: call ``dataset.download()`` first.

    Parameters
    ----------
    dataset : str or mirdata.core.Dataset
        The name of a data set, such as "gtzan_genre", or one from
        ``mirdata.initialize``.
    target : str or callable
        What to learn: the name of an attribute of mirdata's tracks, such as "genre" or
        "tags", or a function of a track. Strings or integers are classes. Lists, tuples
        and sets are tags; of dicts, the keys whose values are true. Chords, onsets and
        notes are annotations: mirdata's ChordData and NoteData, what has ``times``, or
        paths of ``.lab``, ``.jams``, ``.onsets``, ``.mid``, ``.midi``, ``.tsv`` or
        ``.csv`` files.
    groups : str or callable, default=None
        What belongs together, such as "artist", given in the same way.
    data_home : str or PathLike, default=None
        Folder of the data set; None is mirdata's default. Only with a name.
    version : str, default="default"
        Version of the data set, such as "mini". Only with a name.
    missing : {"raise", "drop"}, default="raise"
        Whether tracks without an audio file are an error, or are left out with a
        warning.
    target_names : list of str or int, default=None
        The classes or tags in the order of their numbers, such as those of another
        collection, ``train.target_names``: equal labels then have equal numbers, and
        tags equal columns. None takes the labels that there are, sorted.
    unknown : {"raise", "drop"}, default="raise"
        Whether labels that ``target_names`` does not have are an error, or are left out
        with a warning: tracks of such a class; of such tags only the tags.

    Returns
    -------
    bunch : Bunch
        - data : ndarray of shape (n_tracks,), dtype=object. Paths, in mirdata's order.
        - target : ndarray of shape (n_tracks,), int, an index into ``target_names``;
          or, for tags, ndarray of shape (n_tracks, n_tags) of 0 and 1; or, for
          annotations, ndarray of shape (n_tracks,), dtype=object, of paths, of tuples
          of intervals, (n_chords_i, 2) in seconds, and labels, (n_chords_i,) of str, of
          times, (n_onsets_i,) in seconds, or of notes, (n_notes_i,) of dtype
          :data:`~skdeepmir.notes.NOTE_DTYPE`.
        - target_names : ndarray. Classes or tags. None for annotations.
        - groups : ndarray of shape (n_tracks,), dtype=object, or None.
        - folds : None.
        - splits : dict of str to ndarray of int, or None where the data set has no
          published split. Indices of the tracks in each part; "validation" is named
          "valid".
        - DESCR : str.

    Raises
    ------
    ImportError
        If mirdata is not installed.
    ValueError
        If the data set has no tracks with audio files, a track has no such attribute,
        no value in it (None, NaN or an empty string), an empty tag, a label that is not
        in ``target_names``, or no file.
    TypeError
        If values of the target are neither strings, integers, lists, dicts nor
        annotations, or only some are annotations, or some are strings and others
        integers.

    Warns
    -----
    UserWarning
        If ``missing="drop"`` leaves tracks out, with their number, or
        ``unknown="drop"`` labels; if no track has a tag of ``target_names``.

    References
    ----------
    .. [1] R. M. Bittner et al., "mirdata: Software for reproducible usage of datasets",
       ISMIR 2019.

    Examples
    --------
    Anything that has ``track_ids`` and ``track`` will do:

    >>> from types import SimpleNamespace
    >>> from skdeepmir.datasets import load_mirdata
    >>> tracks = {
    ...     "a": SimpleNamespace(audio_path=__file__, genre="rock", artist="Ann"),
    ...     "b": SimpleNamespace(audio_path=__file__, genre="jazz", artist="Bob"),
    ... }
    >>> dataset = SimpleNamespace(name="tiny", track_ids=["a", "b"], track=tracks.get)
    >>> bunch = load_mirdata(dataset, target="genre", groups="artist")
    >>> bunch.target_names[bunch.target], bunch.groups
    (array(['rock', 'jazz'], dtype='<U4'), array(['Ann', 'Bob'], dtype=object))
    """
    wanted = check_target_names(target_names, unknown, are_text=False)
    if isinstance(dataset, str):
        dataset = _initialize(dataset, data_home, version)
    elif data_home is not None or version != "default":
        raise ValueError(
            "data_home and version are only for the name of a data set; the one given "
            "has its own. Leave them out, or pass the name."
        )
    ids = list(dataset.track_ids)
    tracks = [dataset.track(track_id) for track_id in ids]
    name = getattr(dataset, "name", type(dataset).__name__)
    if not tracks:
        raise ValueError(f"The data set {name!r} of mirdata has no tracks.")
    known = [_value(track, "audio_path", "") for track in tracks]
    paths = object_array("" if is_missing(path) else path for path in known)
    if not any(paths):
        raise ValueError(
            f"The tracks of {name!r} have no audio_path: the data set has several "
            "recordings per track, or no audio."
        )
    found = find_missing(
        paths, missing, "Call the data set's download(), or pass data_home=."
    )
    paths = paths[found]
    ids = [key for key, there in zip(ids, found, strict=True) if there]
    tracks = [track for track, there in zip(tracks, found, strict=True) if there]
    values = [_value(track, target, "target") for track in tracks]
    _check_values(ids, values, "target")
    if any(_is_annotation(value) for value in values):
        if wanted is not None:
            raise ValueError(
                "target_names is for labels, but the target is annotations, such as "
                f"{values[0]!r}. Leave it out."
            )
        names, encoded = None, _annotations(ids, values)
    else:
        names, encoded, kept = _encode(ids, values, wanted, unknown)
        paths = paths[kept]
        ids, tracks = [ids[row] for row in kept], [tracks[row] for row in kept]
    kind = "annotations" if names is None else "classes or tags"
    number = len(ids if names is None else names)
    return Bunch(
        data=paths,
        target=encoded,
        target_names=names,
        groups=None if groups is None else _groups(ids, tracks, groups),
        folds=None,
        splits=_published_splits(dataset, ids),
        DESCR=(
            f"{len(ids)} tracks of the data set {name!r} of mirdata, "
            f"{number} {kind} from "
            f"{target if isinstance(target, str) else 'a function of a track'}."
        ),
    )


def _initialize(name: str, data_home: Any, version: str) -> Any:
    try:
        import mirdata
    except ImportError as error:
        raise ImportError(
            f"load_mirdata({name!r}) needs the package mirdata: pip install mirdata"
        ) from error
    home = None if data_home is None else user_path(data_home)
    return mirdata.initialize(name, data_home=home, version=version)


def _value(track: Any, attribute: str | Callable[[Any], Any], parameter: str) -> Any:
    """Return an attribute of a track; without `parameter`, None if it has none."""
    if callable(attribute):
        return attribute(track)
    if hasattr(track, attribute):
        return getattr(track, attribute)
    if not parameter:
        return None
    known = [name for name in dir(track) if not name.startswith("_")]
    raise ValueError(
        f"{parameter}={attribute!r} is not an attribute of these tracks, which have "
        f"{', '.join(known)}. A function of a track is accepted as well."
    )


def _check_values(ids: list[Any], values: list[Any], parameter: str) -> None:
    is_empty = is_missing if parameter == "groups" else _is_blank
    empty = [row for row, value in enumerate(values) if is_empty(value)]
    if empty:
        first = values[empty[0]]
        such = "" if len(empty) == 1 else "such as "
        raise ValueError(
            f"{parameter} has no value for {len(empty)} of {len(ids)} tracks, {such}"
            f"{ids[empty[0]]!r}: found {shown_value(first)}{missing_text(first)}. "
            "Pass a function of a track that gives one."
        )


def _is_blank(value: Any) -> bool:
    """Tell whether a value is missing or blank; the text "None" may be a label."""
    return not value.strip() if isinstance(value, str) else is_missing(value)


def _encode(
    ids: list[Any], values: list[Any], names: list[Any] | None, unknown: str
) -> Targets:
    """Return labels or tags as numbers."""

    def at(rows: list[int]) -> str:
        return f"track {ids[rows[0]]!r}"

    if all(isinstance(v, str | int | np.integer) for v in values):
        _check_one_kind(ids, [[value] for value in values])
        return encode_classes([_clean(value) for value in values], names, unknown, at)
    tags = []
    for key, value in zip(ids, values, strict=True):
        if isinstance(value, Mapping):
            value = [tag for tag, given in value.items() if given]
        if not isinstance(value, list | tuple | set | frozenset | np.ndarray):
            raise TypeError(
                f"target is {value!r} for track {key!r}; expected strings or integers "
                "for all tracks, or lists or dicts of tags for all. Pass a function "
                "of a track that gives one of them."
            )
        for tag in value:
            if _is_blank(tag):
                raise ValueError(
                    f"target has the tag {tag!r} for track {key!r}; expected none that "
                    "is empty. Pass a function of a track that leaves it out."
                )
        tags.append([_clean(tag) for tag in value])
    _check_one_kind(ids, tags)
    return encode_tags(tags, names, unknown, at)


def _clean(label: Any) -> Any:
    return clean_name(label) if isinstance(label, str) else label


def _check_one_kind(ids: list[Any], labels: list[list[Any]]) -> None:
    """Refuse labels that are neither strings nor integers, or strings and integers."""
    listed = [
        (key, label) for key, given in zip(ids, labels, strict=True) for label in given
    ]
    for key, label in listed:
        is_label = isinstance(label, str | int | np.integer)
        if not is_label or isinstance(label, str) != isinstance(listed[0][1], str):
            raise TypeError(
                f"target has {label!r} for track {key!r}, and {listed[0][1]!r} for "
                f"track {listed[0][0]!r}; expected strings for all, or integers for "
                "all. Pass a function of a track that gives one of them."
            )


def _is_annotation(value: Any) -> bool:
    if isinstance(value, str | os.PathLike):
        return os.fspath(value).lower().endswith(ANNOTATIONS)
    return _is_chords(value) or _is_notes(value) or hasattr(value, "times")


def _is_chords(value: Any) -> bool:
    return hasattr(value, "intervals") and hasattr(value, "labels")


def _is_notes(value: Any) -> bool:
    return hasattr(value, "intervals") and hasattr(value, "pitches")


def _notes(value: Any, name: str) -> np.ndarray:
    """Return the notes of mirdata's NoteData."""
    if value.interval_unit != "s" or value.pitch_unit not in ("hz", "midi"):
        raise ValueError(
            f"{name} has notes with interval_unit={value.interval_unit!r} and "
            f"pitch_unit={value.pitch_unit!r}; expected 's', and 'hz' or 'midi'. Pass "
            "a function of a track that converts them."
        )
    pitches = np.asarray(value.pitches, dtype=float)
    if value.pitch_unit == "hz":
        pitches = np.round(69 + 12 * np.log2(pitches / 440))
    columns = [np.asarray(value.intervals, dtype=float).reshape(-1, 2), pitches]
    if value.confidence_unit == "velocity":
        columns.append(np.asarray(value.confidence, dtype=float))
    return check_notes(np.column_stack(columns), pitches=None, name=name)


def _annotations(ids: list[Any], values: list[Any]) -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    for row, (key, value) in enumerate(zip(ids, values, strict=True)):
        if not _is_annotation(value):
            raise TypeError(
                f"target is {value!r} for track {key!r}, but an annotation for others; "
                f"expected paths of {', '.join(ANNOTATIONS)} files, or objects with "
                "intervals and labels, intervals and pitches, or times, for all. Pass "
                "a function of a track that gives one of them."
            )
        if isinstance(value, str | os.PathLike):
            found[row] = os.fspath(value)
        elif _is_notes(value):
            found[row] = _notes(value, f"target of track {key!r}")
        elif not _is_chords(value):
            found[row] = check_onsets(value.times, name=f"target of track {key!r}")
        else:
            labels = np.array(value.labels, dtype=object)
            found[row] = np.asarray(value.intervals, dtype=float), labels
    return found


def _groups(
    ids: list[Any], tracks: list[Any], groups: str | Callable[[Any], Any]
) -> np.ndarray:
    values = [_value(track, groups, "groups") for track in tracks]
    _check_values(ids, values, "groups")
    return check_groups(values, len(ids), [f"track {key!r}" for key in ids]).astype(
        object
    )


def _published_splits(dataset: Any, ids: list[Any]) -> dict[str, np.ndarray] | None:
    if not hasattr(dataset, "get_track_splits"):
        return None
    # mirdata looks at a track that it draws from the global generator.
    state = random.getstate()
    try:
        published = dataset.get_track_splits()
    except NotImplementedError:  # what mirdata raises where none is published
        return None
    finally:
        random.setstate(state)
    number = {key: row for row, key in enumerate(ids)}
    splits = {}
    for part, keys in published.items():
        rows = sorted(number[key] for key in keys if key in number)
        splits["valid" if part == "validation" else part] = np.array(rows, dtype=int)
    return {p: splits[p] for p in (*PARTS, *splits) if p in splits}
