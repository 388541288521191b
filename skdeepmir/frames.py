"""Sets of clips: which containers are understood, how frames become rows and back.

A clip is a sample: the number and the order of clips never change. Three containers
are understood, and every estimator returns the one it was given:

- a ``list`` (tuple, 1-D object array, Series, or a table whose only column holds them)
  of 2-D arrays ``(n_frames_i, n_features)``: clips of unequal length;
- a 3-D array ``(n_clips, n_frames, n_features)``: clips of equal length;
- a 2-D array, or anything that NumPy reads as one: one-frame clips, that is, the rows
  of any scikit-learn estimator.

Containers are told apart by the types of their items, never by lengths, so that one set
of clips is not read differently from another by accident.
"""

from __future__ import annotations

import os
from collections.abc import (
    Iterable,
    Iterator,
    Mapping,
    MappingView,
    Sequence,
    Set,
    Sized,
)
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from skdeepmir._disk import path_name
from skdeepmir._errors import refuse_masked
from skdeepmir._public import suggest_names

__all__ = [
    "ClipLayout",
    "as_sequence",
    "holds_clips",
    "length_buckets",
    "list_clips",
    "mean_of_clips",
    "object_array",
    "pack_clips",
    "split_clips",
    "stack_clips",
]

suggest_names(__name__)

PATH_TYPES = (str, bytes, os.PathLike)
UNORDERED = (Mapping, MappingView, Set)  # dicts, what shows them, sets


class _Sparse(Protocol):
    def toarray(self) -> np.ndarray: ...


# What estimators take as clips, of frames or audio, and as labels; "Raises" says more.
ClipsLike: TypeAlias = ArrayLike | Sequence[Any]
LabelsLike: TypeAlias = ArrayLike | Sequence[Any] | _Sparse
Mirrored: TypeAlias = Any  # frames in the container of X: a list of arrays or an array
FRAMES_AT_ONCE = 2**14  # of a batch that is not learned from: bounds the memory


@dataclass(frozen=True)
class ClipLayout:
    """How rows are put back into clips: the container and the frames of each clip.

    Parameters
    ----------
    container : {"rows", "array", "list"}
        Whether clips were a 2-D array, a 3-D array or a list.
    n_frames : ndarray of shape (n_clips,), int
        Frames of each clip.
    names : list of str, default=None
        Names of the features, where clips were data frames.
    """

    container: str  # "rows" (2-D), "array" (3-D) or "list"
    n_frames: np.ndarray  # (n_clips,) int
    names: list[str] | None = None  # of features, where clips are data frames

    @property
    def n_clips(self) -> int:
        """Number of clips."""
        return len(self.n_frames)

    @property
    def has_clips(self) -> bool:
        """Whether the input was clips of frames rather than plain rows."""
        return self.container != "rows"


def as_sequence(X: Any) -> Any:
    """Return a set of clips as a list; a table, or an array of numbers, as it is.

    Parameters
    ----------
    X : list, tuple, Series, ndarray or data frame
        Of pandas, polars or pyarrow, read as NumPy reads it. An array or data frame
        with a single column, as ``ColumnTransformer`` hands it over, is a set of clips
        if that column holds paths or arrays.

    Returns
    -------
    X : list, ndarray or X
        A list of clips; an array if X has one axis, or cells of one shape, of numbers;
        anything else untouched.
    """
    if isinstance(X, list | tuple):
        return list(X)
    shape = getattr(X, "shape", None)
    if not hasattr(X, "__array__") or (shape is not None and not _is_column(shape)):
        return X
    cells = np.asarray(X)
    if cells.dtype.kind not in "OUST":
        return cells if len(shape or cells.shape) == 1 else X
    if cells.ndim == 2:
        if cells.shape[1] != 1 or not any(map(_is_clip, cells[:, 0])):
            return X
        cells = cells[:, 0]
    return [_as_matrix(cell) for cell in cells] if cells.ndim == 1 else X


def _is_column(shape: tuple[int, ...]) -> bool:
    return len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)


def _is_clip(cell: Any) -> bool:
    """Tell whether the cell of a table holds a clip, not a number or nothing."""
    is_array = isinstance(cell, list | tuple) or getattr(cell, "ndim", 0) > 0
    return is_array or isinstance(cell, PATH_TYPES)


def _as_matrix(cell: Any) -> Any:
    """Return rows of one width, which is how columns of lists hold frames, as one."""
    if isinstance(cell, np.ndarray) and cell.dtype == object and cell.ndim == 1:
        widths = {row.shape if isinstance(row, np.ndarray) else None for row in cell}
        if len(widths) == 1 and None not in widths:
            return np.stack(list(cell))
    return cell


def object_array(items: Iterable[Any]) -> np.ndarray:
    """Return a 1-D array of one object for each item, which scikit-learn can index.

    Parameters
    ----------
    items : iterable
        Anything, such as arrays of different or of equal lengths.

    Returns
    -------
    packed : ndarray of shape (n_items,), dtype=object
        The items themselves.
    """
    items = list(items)
    packed = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):  # at once, NumPy could read items as rows
        packed[i] = item
    return packed


def holds_clips(X: Any) -> bool:
    """Tell whether X is a set of clips (a list of matrices or a 3-D array).

    Parameters
    ----------
    X : object
        Anything that an estimator may be given.

    Returns
    -------
    is_set : bool
        False for rows as scikit-learn has them.
    """
    return _are_clips(as_sequence(X))


def _are_clips(items: Any) -> bool:
    if getattr(items, "ndim", None) == 3:
        return True
    return isinstance(items, list) and any(map(_is_matrix, items))


def _is_matrix(item: Any) -> bool:
    return len(getattr(item, "shape", ())) >= 2  # data frames of polars have no ndim


def _matrix(clip: Any) -> np.ndarray:
    """Return a clip as a C-ordered array; an ndarray stays as it is."""
    # In another memory order, sums would differ in their last bits.
    return np.asarray(clip, order=None if isinstance(clip, np.ndarray) else "C")


def list_clips(
    X: Any,
    *,
    n_features: int | None = None,
    names: Sequence[str] | None = None,
    owner: str = "this",
    check_finite: bool = True,
) -> tuple[Any, ClipLayout]:
    """Check a set of clips and return its matrices.

    Parameters
    ----------
    X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
            (n_clips, n_frames, n_features), or array-like of shape \
            (n_clips, n_features)
        Clips. A 2-D array passes through untouched and unchecked: it is for
        scikit-learn's ``validate_data``.
    n_features : int, optional
        Expected features per frame, after a fit.
    names : sequence of str, optional
        Their expected names.
    owner : str, default="this"
        Who expects them, for error messages.
    check_finite : bool, default=True
        Whether to look for NaN and infinity; False leaves it to the caller.

    Returns
    -------
    clips : list of ndarray of shape (n_frames_i, n_features), or X
        The clips, as views where that is possible.
    layout : ClipLayout
        What :func:`split_clips` and :func:`pack_clips` need. Plain rows are not counted
        yet.

    Raises
    ------
    ValueError
        If there are no clips, or a clip has no frames, values that are not finite, or
        other dimensions or features than the rest (in data frames, also in another
        order). The message names the clip.
    """
    rows = ClipLayout("rows", np.array([], dtype=np.intp))
    if type(X) is np.ndarray and X.ndim == 2 and X.dtype.kind in "fiub":
        return X, rows  # most of what there is to see elsewhere is not in these
    if found := what_is_no_set(X):
        raise ValueError(_not_frames(f"X is {found}", owner))
    items = as_sequence(X)
    if not _are_clips(items):
        _refuse_audio(items, owner)
        refuse_masked("X", X)
        if isinstance(items, list) and len(X) == 0:
            raise ValueError(
                "X is empty: found 0 clips, expected at least 1. (Minimum of 1 is "
                "required, 0 sample(s) given.)"
            )
        return X, rows

    shared = None
    if isinstance(items, list) and {*map(type, items)} == {np.ndarray}:
        container, clips = "list", items
    elif getattr(items, "ndim", None) == 3:
        refuse_masked("X", items, "clip")
        items = np.asarray(items)
        container, clips = "array", list(items)
        if len(clips) == 0:
            raise ValueError(
                f"X of shape {items.shape} holds 0 clips, expected at least 1."
            )
    else:
        for i, item in enumerate(items):
            if _is_no_row(item):
                raise ValueError(f"clip {i}: {_not_frames(_described(item), owner)}")
        refuse_masked("X", items, "clip")
        container, clips = "list", [_matrix(clip) for clip in items]
    _check_each_clip(clips, n_features, owner)
    if check_finite:
        for i, clip in enumerate(clips):
            refuse_not_finite(clip, i)
    if container == "list" and clips is not items:
        shared = _common_names(items, names, owner)
    n_frames = np.array([len(clip) for clip in clips], dtype=np.intp)
    return clips, ClipLayout(container, n_frames, shared)


def what_is_no_set(X: Any) -> str:
    """Return the end of "X is ..." if X is not a set of clips at all, else ""."""
    if isinstance(X, np.ndarray) and X.shape == () and X.dtype.kind in "OUS":
        X = X.item()
    if isinstance(X, PATH_TYPES):
        return f"a single path, {path_name(X)!a}"
    if isinstance(X, Iterator):
        return f"a {type(X).__name__}, which can be read only once"
    if isinstance(X, UNORDERED) and not hasattr(X, "shape"):  # DOK is a dict
        return f"a {type(X).__name__}, which has no order"
    if X is None or not (hasattr(X, "__len__") or hasattr(X, "__array__")):
        return ascii(X)[:40]
    return ""


def _refuse_audio(items: Any, owner: str) -> None:
    """Raise a ``ValueError`` where paths or waveforms are given instead of frames."""
    if isinstance(items, np.ndarray) and items.dtype.kind in "OUS" and items.ndim == 2:
        items = [row[0] for row in items if len(row)]
        items = items if any(isinstance(item, PATH_TYPES) for item in items) else []
    if not isinstance(items, list) or not items:
        return
    for i, item in enumerate(items):
        if _is_no_row(item):
            raise ValueError(f"clip {i}: {_not_frames(_described(item), owner)}")
    lengths = [
        len(item) if isinstance(item, Sized) and getattr(item, "ndim", True) else None
        for item in items
    ]
    if len(set(lengths)) > 1:
        i = next(i for i, n in enumerate(lengths) if n != lengths[0])
        if None in lengths:
            i = lengths.index(None)
            what = f"X holds arrays and numbers, such as {items[i]!r} in row {i}"
        else:
            what = (
                "X holds 1-D arrays of unequal lengths, as waveforms are "
                f"({lengths[0]} values in row 0, {lengths[i]} in row {i})"
            )
        raise ValueError(_not_frames(what, owner))


def _is_no_row(item: Any) -> bool:
    return item is None or isinstance(item, (*PATH_TYPES, *UNORDERED))


def _described(item: Any) -> str:
    if isinstance(item, PATH_TYPES):
        return f"X holds a path such as {path_name(item)!a}"
    return f"X holds a {type(item).__name__}, {ascii(item)[:40]}"


def _not_frames(found: str, owner: str) -> str:
    return (
        f"{found}; expected frames for {owner}. Extract them first, for example with "
        "SpectrogramExtractor; the last step of a pipeline takes "
        "pipeline[:-1].transform(X)."
    )


def stack_clips(X: Any, **expected: Any) -> tuple[Any, ClipLayout]:
    """Stack the frames of all clips into one matrix.

    Parameters
    ----------
    X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
        See :func:`list_clips`, which also raises the errors.
    **expected : dict
        Options of :func:`list_clips`, such as ``n_features``.

    Returns
    -------
    rows : array-like of shape (sum of n_frames, n_features)
        All frames, clip after clip.
    layout : ClipLayout
        What :func:`split_clips` needs to undo this.
    """
    clips, layout = list_clips(X, **expected)
    if layout.container == "rows":
        return X, layout
    if layout.container == "array":
        return np.asarray(as_sequence(X)).reshape(-1, clips[0].shape[1]), layout
    return np.concatenate(clips), layout


def _check_each_clip(
    clips: Sequence[np.ndarray], n_features: int | None, owner: str
) -> None:
    width, source = n_features, f"{owner} was fitted with"
    for i, clip in enumerate(clips):
        if clip.ndim != 2:
            raise ValueError(
                f"clip {i} has {clip.ndim} dimension(s), shape {clip.shape}; expected "
                "a matrix (n_frames, n_features). Time is the first axis."
            )
        if clip.dtype.kind not in "fiub":
            raise ValueError(
                f"clip {i} has dtype {clip.dtype}, expected real numbers. Convert it "
                "with clip.astype('float32')."
            )
        if clip.shape[0] == 0:
            raise ValueError(
                f"clip {i} has no frames, shape {clip.shape}; expected at least 1. "
                "Leave such clips out, with their labels."
            )
        if width is None:
            width, source = clip.shape[1], "clip 0 has"
        if clip.shape[1] != width:
            raise ValueError(
                f"clip {i} has {clip.shape[1]} features per frame, but {source} "
                f"{width}. Extract all clips with the same parameters."
            )


def refuse_not_finite(clip: np.ndarray, i: int) -> None:
    """Raise a ``ValueError`` that names the first value that is not finite."""
    if not np.isfinite(clip).all():
        frame, feature = np.argwhere(~np.isfinite(clip))[0]
        raise ValueError(
            f"clip {i} contains NaN or infinity: {clip[frame, feature]} in frame "
            f"{frame}, feature {feature}; expected finite values."
        )


def _common_names(
    clips: Sequence[Any], names: Sequence[str] | None, owner: str
) -> list[str] | None:
    """Return the columns that all data frames share; None if a clip has none."""
    # As in scikit-learn, columns have names only if these are strings.
    expected, source = names, f"{owner} was fitted with"
    have_names = True
    for i, clip in enumerate(clips):
        found = list(getattr(clip, "columns", ()))
        is_name = [isinstance(name, str) for name in found]
        if not any(is_name):
            have_names = False
            continue
        if not all(is_name):
            raise TypeError(
                f"clip {i} has the column {found[is_name.index(False)]!r} besides "
                "names; expected only strings, or only numbers. Convert them: "
                "clip.columns = clip.columns.astype(str)."
            )
        if expected is None:
            expected, source = found, f"clip {i} has"
        for k, (name, other) in enumerate(zip(found, expected, strict=True)):
            if name != other:
                raise ValueError(
                    f"clip {i} has the column {name!a} at position {k}, where {source} "
                    f"{other!a}. The feature names should match, and must be in the "
                    "same order: reorder the columns with clip[names]."
                )
    return list(found) if have_names else None


def split_clips(rows: np.ndarray, layout: ClipLayout) -> Any:
    """Split stacked rows into clips again, in the container that they came in.

    Parameters
    ----------
    rows : ndarray of shape (sum of n_frames, n_features_out)
        One row a frame, in the order of :func:`stack_clips`.
    layout : ClipLayout
        What :func:`stack_clips` returned.

    Returns
    -------
    clips : ndarray of shape (n_clips, n_features_out), ndarray of shape \
            (n_clips, n_frames, n_features_out) or list of ndarray
        Views of ``rows``.
    """
    if layout.container == "rows":
        return rows
    if layout.container == "array":
        return rows.reshape(len(layout.n_frames), -1, rows.shape[1])
    return np.split(rows, np.cumsum(layout.n_frames)[:-1])


def mean_of_clips(rows: np.ndarray, layout: ClipLayout) -> np.ndarray:
    """Return the mean row of each clip.

    Parameters
    ----------
    rows : ndarray of shape (sum of n_frames, n_features)
        One row a frame, in the order of :func:`stack_clips`.
    layout : ClipLayout
        What :func:`stack_clips` returned.

    Returns
    -------
    means : ndarray of shape (n_clips, n_features), float64
        Means.
    """
    first_rows = np.cumsum(layout.n_frames) - layout.n_frames
    totals = np.add.reduceat(rows.astype(np.float64, copy=False), first_rows, axis=0)
    return totals / layout.n_frames[:, np.newaxis]


def pack_clips(clips: Sequence[np.ndarray], layout: ClipLayout) -> Any:
    """Return one matrix per clip in the container of the input.

    Parameters
    ----------
    clips : sequence of ndarray of shape (n_rows_i, n_features)
        One matrix for each clip of the input, in its order.
    layout : ClipLayout
        The layout of the input.

    Returns
    -------
    packed : list of ndarray, ndarray of shape (n_clips, n_rows, n_features) or \
            ndarray of shape (n_clips, n_features)
        The same matrices.
    """
    if layout.container == "rows":
        return np.concatenate(clips)
    return np.stack(clips) if layout.container == "array" else list(clips)


def length_buckets(
    lengths: np.ndarray,
    batch_size: int | None = None,
    n_frames: int = FRAMES_AT_ONCE,
    *,
    pads: bool = True,
) -> list[np.ndarray]:
    """Group sequences of similar length into batches.

    Parameters
    ----------
    lengths : ndarray of shape (n_sequences,)
        Frames of each sequence.
    batch_size : int, optional
        Maximum number of sequences in a batch.
    n_frames : int, default=2**14
        Maximum number of frames in a batch, padding included; a longer sequence is
        alone in its batch.
    pads : bool, default=True
        Whether sequences of a batch may have unequal lengths.

    Returns
    -------
    buckets : list of ndarray of int
        Indices of the sequences in each batch.
    """
    buckets: list[list[int]] = []
    for i in np.argsort(lengths, kind="stable"):
        size = len(buckets[-1]) if buckets else 0
        is_full = size == batch_size or (size + 1) * lengths[i] > n_frames
        if size == 0 or is_full or not (pads or lengths[i] == lengths[buckets[-1][0]]):
            buckets.append([])
        buckets[-1].append(int(i))
    return [np.array(bucket) for bucket in buckets]
