"""Clips, labels and weights, checked once: in a single pass over the values.

scikit-learn says what is wrong with an input; these say in which clip or row.
"""

from __future__ import annotations

import multiprocessing
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skdeepmir._errors import refuse_masked
from skdeepmir._sklearn import (
    _check_sample_weight,
    check_consistent_length,
    validate_data,
)
from skdeepmir._workers import leave_with_parent
from skdeepmir.frames import (
    UNORDERED,
    ClipLayout,
    list_clips,
    object_array,
    refuse_not_finite,
    stack_clips,
)


def validate_clips(
    estimator: Any,
    X: Any,
    *,
    reset: bool,
    dtype: Any = (np.float64, np.float32),
    stack: bool = True,
    **check_params: Any,
) -> tuple[Any, ClipLayout]:
    """Validate clips for an estimator, and stack their frames.

    The twin of scikit-learn's ``validate_data``: ``reset=True`` in ``fit`` remembers
    the number of features per frame and whether X was clips, ``reset=False`` afterwards
    checks against what was remembered.

    Parameters
    ----------
    estimator : estimator
        The estimator whose input this is.
    X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
        Clips, see :mod:`skdeepmir.frames`.
    reset : bool
        Whether to remember (True) or to check (False).
    dtype : dtype or tuple of dtype, default=(float64, float32)
        As in ``check_array``: the dtypes that are kept, others become the first.
    stack : bool, default=True
        Whether to put all frames below each other, which copies them. Reductions per
        clip do without.
    **check_params : dict
        More parameters of ``check_array``.

    Returns
    -------
    rows : ndarray of shape (sum of n_frames, n_features), or list of ndarray
        All frames; without ``stack``, the matrix of each clip where X was clips.
    layout : ClipLayout
        What puts them back into clips.
    """
    if multiprocessing.parent_process() is not None:
        leave_with_parent()
    name = type(estimator).__name__
    expected: dict[str, Any] = {"owner": name, "check_finite": False}
    if not reset:
        expected["n_features"] = estimator.n_features_in_
        expected["names"] = getattr(estimator, "feature_names_in_", None)
    rows, layout = (stack_clips if stack else list_clips)(X, **expected)
    if not reset and estimator._fitted_on_clips and not layout.has_clips:
        raise ValueError(
            f"X is one array of shape {np.shape(X)}, but {name} was fitted on clips. "
            "For a single clip pass [X]."
        )
    options = {"reset": reset, "dtype": dtype, **check_params}
    if layout.has_clips:
        rows = _validate_matrices(estimator, rows, layout, options)
    else:
        with np.errstate(over="ignore"):  # noticed there
            rows = validate_data(estimator, _named(rows, layout), **options)
        # Only now is it known how many rows there are.
        layout = ClipLayout("rows", np.ones(len(rows), dtype=np.intp))
    if reset:
        estimator._fitted_on_clips = layout.has_clips
    return rows, layout


def _validate_matrices(
    estimator: Any, rows: Any, layout: ClipLayout, options: dict[str, Any]
) -> Any:
    """Return the frames of clips, stacked or not, in a dtype that is kept."""
    clips = rows if isinstance(rows, list) else [rows]
    common = np.result_type(*{clip.dtype for clip in clips})
    first = _named(clips[0].astype(common, copy=False), layout)
    with np.errstate(over="ignore"):  # noticed below
        # It looks at the names, the width and the dtype; values are looked at here.
        first = validate_data(estimator, first, ensure_all_finite=False, **options)
        cast = [first]
        for clip in clips[1:]:
            cast.append(clip.astype(first.dtype, copy=False))
    for i, (clip, original) in enumerate(zip(cast, clips, strict=True)):
        if not np.isfinite(clip).all():
            number = i
            if clips is not rows:  # stacked: look into the clip that has it
                ends = np.cumsum(layout.n_frames)
                row = np.flatnonzero(~np.isfinite(clip).all(axis=1))[0]
                number = int(np.searchsorted(ends, row, side="right"))
                original = original[ends[number] - layout.n_frames[number] :]
                original = original[: layout.n_frames[number]]
            refuse_not_finite(original, number)
            raise ValueError(
                f"clip {number} has values up to {np.abs(original).max():.3g}, beyond "
                f"what {clip.dtype} holds. Scale the frames."
            )
    return cast if clips is rows else cast[0]


def _named(rows: Any, layout: ClipLayout) -> Any:
    """Return frames as a data frame if clips are, for scikit-learn to see names."""
    if layout.names is None:
        return rows
    import pandas as pd

    return pd.DataFrame(rows, columns=layout.names, copy=False)


def validate_frames(
    estimator: Any, X: Any, *, reset: bool, dtype: Any
) -> tuple[list[np.ndarray], ClipLayout]:
    """Validate clips without stacking them; rows become clips of one frame.

    Returns
    -------
    clips : list of ndarray of shape (n_frames_i, n_features)
        Frames of each clip.
    layout : ClipLayout
        What puts results back into the container of X.
    """
    clips, layout = validate_clips(estimator, X, reset=reset, dtype=dtype, stack=False)
    return clips if layout.has_clips else list(clips[:, None]), layout


def check_weights(
    sample_weight: Any, n_clips: int, *, from_zero: bool = True
) -> np.ndarray | None:
    """Return the weights of clips, float64 and from 0 up; None stays None."""
    if sample_weight is None:
        return None
    refuse_masked("sample_weight", sample_weight)
    return _check_sample_weight(
        sample_weight, np.empty((n_clips, 1)), ensure_non_negative=from_zero
    )


def check_clip_labels(
    y: Any, n_clips: int, needed_by: Any = None, name: str = "y"
) -> None:
    """Raise a ``ValueError`` unless there is one label for each clip.

    There may be none at all, unless ``needed_by`` is an estimator that needs them.
    """
    if y is None and needed_by is not None:
        raise ValueError(
            f"{type(needed_by).__name__} requires y to be passed, but the target y is "
            "None."
        )
    if type(y) is not np.ndarray or y.dtype == object:
        refuse_masked(name, y)
    if y is None:
        return
    if not hasattr(y, "__len__") and hasattr(y, "__array__"):
        y = np.asarray(y)
    is_one = isinstance(y, str | bytes) or getattr(y, "shape", None) == ()
    is_unordered = isinstance(y, UNORDERED) and not hasattr(y, "shape")  # DOK is a dict
    if is_one or not hasattr(y, "__len__") or is_unordered:
        raise ValueError(
            f"{name} is {ascii(y)[:40]}; expected a label for each of {n_clips} clips."
        )
    n_labels = y.shape[0] if hasattr(y, "shape") and y.shape else len(y)
    if n_labels == n_clips:
        return
    try:
        check_consistent_length(np.empty(n_clips), y)
    except ValueError as error:
        raise ValueError(
            f"{name} has {n_labels} labels, but {name.replace('y', 'X')} has {n_clips} "
            "clips; expected one label for each clip, in the same order. "
            f"({error})"
        ) from error


def read_labels(y: Any, n_clips: int, owner: Any, name: str = "y") -> np.ndarray:
    """Return labels (n_clips,), or tags (n_clips, n_tags) of 0 and 1.

    Raises a ``ValueError`` that names the first row that ``owner``, a classifier,
    cannot use.
    """
    check_clip_labels(y, n_clips, needed_by=owner, name=name)
    y = _checked_targets(y, needs_numbers=False, name=name)
    if y.ndim not in (1, 2):
        raise ValueError(
            f"Unknown label type: {name} has shape {y.shape}; expected (n_clips,) or "
            "(n_clips, n_tags)."
        )
    check_classification_targets(y)
    return y


def read_some_labels(
    y: Any, n_clips: int, name: str = "y"
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the labels or tags that there are, and which clips have them.

    -1 (a row of -1, of tags), None, NaN and blank text are no label. None is returned
    if no clip has one. Raises a ``ValueError`` as :func:`read_labels`.
    """
    check_clip_labels(y, n_clips, name=name)
    if y is None:
        return None
    y = dense_labels(y)
    refuse_label_lists(y, name)
    if isinstance(y, list | tuple) and not any(map(_is_row, y)):
        rows: Any = list(y)
    else:
        rows = np.asarray(y)
        if rows.ndim == 2 and rows.shape[1] == 1:
            rows = rows[:, 0]
    known = np.array([not _is_missing(row) for row in rows])
    if not known.any():
        return None
    places = np.flatnonzero(known)
    chosen = [rows[i] for i in places] if isinstance(rows, list) else rows[known]
    labels = _checked_targets(chosen, False, name, places)
    check_classification_targets(labels)
    return labels, known


def _is_missing(label: Any) -> bool:
    """Tell whether a label, or each tag of a row, stands for none."""
    if _is_row(label):
        return all(map(_is_missing, label))
    return is_missing_label(label) or (isinstance(label, Real) and label == -1)


def classes_of(
    y: np.ndarray, known: Any = None, needed_by: str = "a classifier"
) -> np.ndarray:
    """Return the sorted classes of labels, of which there must be at least two.

    ``known`` are all there will be, where ``y`` may not hold them all.
    """
    classes = np.unique(y if known is None else np.asarray(known))
    if len(classes) < 2:
        raise ValueError(
            f"y has 1 class, {classes[:1].tolist()[0]!r}, in all {len(y)} rows; "
            f"{needed_by} needs at least 2 classes."
        )
    return classes


def number_labels(y: np.ndarray, classes: np.ndarray, name: str = "y") -> np.ndarray:
    """Return the place of each label among sorted classes."""
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"{name} has labels that are not among the classes {classes.tolist()}: "
            f"{unknown.tolist()}."
        )
    return np.searchsorted(classes, y)


def read_numbers(y: Any, n_clips: int, owner: Any, name: str = "y") -> np.ndarray:
    """Return numbers (n_clips,) or (n_clips, n_targets), float64, for a regressor."""
    check_clip_labels(y, n_clips, needed_by=owner, name=name)
    y = _checked_targets(y, needs_numbers=True, name=name)
    if np.iscomplexobj(y):
        raise ValueError(f"{name} has dtype {y.dtype}; expected real numbers.")
    y = np.asarray(y, np.float64)
    if y.ndim not in (1, 2):
        raise ValueError(
            f"{name} has shape {y.shape}, expected (n_clips,) or (n_clips, n_outputs)."
        )
    return y


def is_missing_label(label: Any) -> bool:
    """Tell whether a label is none: None, NaN, NA, NaT, or text of nothing but spaces.

    Any other text is a label, as NumPy's "nan" may be one.
    """
    import pandas as pd

    if isinstance(label, str | bytes):
        return not label.strip()
    return bool(pd.api.types.is_scalar(label) and pd.isna(label))


def refuse_missing_labels(y: Any, in_rows: bool = True) -> None:
    """Raise a ``ValueError`` that names the first row of y without a label.

    Parameters
    ----------
    y : array-like of shape (n_clips,) or (n_clips, n_tags)
        Labels or values of any kind, not yet as an array, in which the NaN beside
        strings would be the string "nan".
    in_rows : bool, default=True
        Whether a row that holds several is looked into: rows of tags are, annotations
        are not.
    """
    if y is None:
        raise ValueError("y is None; expected a label for each clip.")
    refuse_masked("y", y)
    is_table = len(getattr(y, "shape", ())) > 1
    for i, label in enumerate(np.asarray(y) if is_table else y):
        for value in label if in_rows and _is_row(label) else [label]:
            if is_missing_label(value):
                raise ValueError(
                    f"clip {i} has no label ({shown_label(value)!r}); expected one for "
                    "each clip. Leave such clips out."
                )


def dense_labels(y: Any) -> Any:
    """Return labels as they are, but a sparse matrix of tags as an array.

    It is small beside the clips.
    """
    return y.toarray() if issparse(y) else y


def _checked_targets(
    y: Any, needs_numbers: bool, name: str, places: Any = None
) -> np.ndarray:
    """Return labels, tags or numbers as an array, or name the first row that is none.

    Labels (n_clips,) are strings or whole numbers, tags (n_clips, n_tags) 0 or 1; with
    ``needs_numbers`` both are any numbers, and only numbers. ``places`` are the rows
    that these are of more.
    """
    y = dense_labels(y)
    refuse_label_lists(y, name)
    given = y
    if isinstance(y, list | tuple) and not any(map(_is_row, y)):
        y = object_array(y)  # NumPy would spell numbers and None out beside strings
    y = np.asarray(y)
    may_lack = places is not None
    places = range(len(y)) if places is None else places
    if y.ndim == 2 and y.shape[1] == 1 and not needs_numbers:
        y = column_or_1d(y, warn=True)
    if y.dtype == object and y.ndim == 1:
        _check_each_object(y, needs_numbers, name, places)
        if not isinstance(y[0], str) or isinstance(given, list | tuple):
            y = np.array(y.tolist())
    elif y.dtype.kind in "UST" and y.ndim == 1:
        _check_each_object(y.astype(object), needs_numbers, name, places)
    elif y.dtype == object and y.ndim == 2:
        _check_each_tag(y, needs_numbers, name, places)
        y = np.array(y.tolist())
    if needs_numbers and y.dtype.kind in "US":
        raise ValueError(f"{name}: row 0 is {y.flat[0].item()!r}; expected a number.")
    if y.ndim not in (1, 2) or y.dtype.kind not in "fiub":
        return y
    rows = y.reshape(len(y), -1)
    nan = f"Input {name} contains NaN or infinity"
    if not np.isfinite(rows).all():
        _refuse_values(rows, ~np.isfinite(rows), nan, "a number", places)
    if needs_numbers:
        return y
    if y.ndim == 2:
        strange = f"Unknown label type: {name} has several classes in several columns"
        other = (
            "-1 for all tags of a clip without labels"
            if may_lack
            else "one label a clip"
        )
        wanted = f"0 or 1 for each tag, or {other}"
        _refuse_values(rows, (rows != 0) & (rows != 1), strange, wanted, places)
    elif y.dtype.kind == "f":
        strange = f"Unknown label type: {name} is continuous"
        _refuse_values(rows, rows != np.rint(rows), strange, "a class", places)
    return y


def refuse_label_lists(y: Any, name: str = "y") -> None:
    """Raise a ``ValueError`` if labels are lists that make no matrix of 0 and 1.

    Lists of tags, labels and lists side by side, and a column of lists make none.
    """
    is_column = not isinstance(y, list | tuple)
    if is_column:
        y = np.asarray(y)
        if y.dtype != object or y.ndim != 1:
            return
    rows = {i: shown_label(row) for i, row in enumerate(y) if _is_row(row)}
    if not rows:
        return
    for i, row in rows.items():
        if isinstance(row, set | frozenset) or any(isinstance(t, str) for t in row):
            raise _tag_list(i, row, name)
        if any(map(_is_row, row)):
            raise ValueError(
                f"{name}: row {i} is {row!r}; expected 0 or 1 for each tag."
            )
    for i, label in enumerate(y):
        if (i in rows) != (0 in rows):
            raise ValueError(
                f"{name}: row {i} is {shown_label(label)!r}, but row 0 is "
                f"{shown_label(y[0])!r}; expected a label for all, or 0 or 1 for each "
                "tag for all."
            )
    for i, row in rows.items():
        if not row or len(row) != len(rows[0]):
            raise _tag_list(i, row, name)
    if is_column:
        raise ValueError(
            f"{name}: row 0 is {rows[0]!r}, in a column of lists; expected a matrix. "
            f"Convert it: np.array(list({name}))."
        )


def _is_row(label: Any) -> bool:
    if isinstance(label, np.ndarray):
        return label.ndim > 0
    return isinstance(label, list | tuple | set | frozenset)


def shown_label(label: Any) -> Any:
    """Return a label, or several, as Python's objects, to be shown."""
    return label.tolist() if isinstance(label, np.ndarray | np.generic) else label


def _tag_list(i: int, row: Any, name: str) -> ValueError:
    return ValueError(
        f"{name}: row {i} is {row!r}, a list of tags; expected 0 or 1 for each tag. "
        "Convert it: sklearn.preprocessing.MultiLabelBinarizer().fit_transform("
        f"{name}). (Its classes_ are the tag_names of a tagger.)"
    )


def _check_each_object(
    y: np.ndarray, needs_numbers: bool, name: str, places: Any
) -> None:
    import pandas as pd

    for i, label in zip(places, y, strict=True):
        is_scalar, shown = pd.api.types.is_scalar(label), f"{shown_label(label)!r}"
        if needs_numbers and (isinstance(label, str) or not is_scalar):
            raise ValueError(f"{name}: row {i} is {shown}; expected a number.")
        if not is_scalar and getattr(label, "ndim", None) != 0:
            raise ValueError(
                f"Unknown label type: {name}: row {i} is {shown}; expected a string "
                "or a number."
            )
        if is_missing_label(label):
            raise ValueError(
                f"Unknown label type: {name} has missing values: row {i} is {shown}. "
                "Leave clips without a label out."
            )
        if isinstance(label, str) != isinstance(y[0], str):
            raise ValueError(
                f"Unknown label type: {name}: row {i} is {shown}, but row "
                f"{places[0]} is {shown_label(y[0])!r}; expected strings or numbers "
                "for all."
            )


def _check_each_tag(y: np.ndarray, needs_numbers: bool, name: str, places: Any) -> None:
    import pandas as pd

    wanted = "a number" if needs_numbers else "0 or 1 for each tag"
    for i, row in zip(places, y, strict=True):
        for tag in row:
            is_scalar = pd.api.types.is_scalar(tag)
            if isinstance(tag, str) or not is_scalar or pd.isna(tag):
                shown = repr(shown_label(tag))
                raise ValueError(f"{name}: row {i} has {shown}; expected {wanted}.")


def _refuse_values(
    rows: np.ndarray, is_bad: np.ndarray, problem: str, wanted: str, places: Any
) -> None:
    if is_bad.any():
        row, column = np.argwhere(is_bad)[0]
        raise ValueError(
            f"{problem}: row {places[row]} has {rows[row, column].item()!r}; expected "
            f"{wanted}."
        )
