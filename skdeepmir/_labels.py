"""Which label of y is none: scikit-learn says what is wrong, but not in which row."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

from skdeepmir._errors import refuse_masked
from skdeepmir.frames import object_array

__all__ = [
    "check_each_label",
    "dense_labels",
    "is_missing_label",
    "refuse_label_lists",
    "refuse_missing_labels",
    "shown_label",
]


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


def check_each_label(y: Any, needs_numbers: bool) -> None:
    """Raise a ``ValueError`` that names the first row whose label is none.

    Parameters
    ----------
    y : array-like of shape (n_clips,) or (n_clips, n_tags)
        Labels of a classifier or a regressor.
    needs_numbers : bool
        Whether any numbers will do, and only numbers, as for a regressor.
    """
    y = dense_labels(y)
    refuse_masked("y", y)
    refuse_label_lists(y)
    if isinstance(y, list | tuple) and not any(map(_is_row, y)):
        y = object_array(y)  # NumPy would spell numbers and None out beside strings
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.dtype == object and y.ndim == 1:
        _check_each_object(y, needs_numbers)
        if isinstance(y[0], str):
            return
        y = np.array(y.tolist())
    elif y.dtype.kind in "UST" and y.ndim == 1:
        _check_each_object(y.astype(object), needs_numbers)
    elif y.dtype == object and y.ndim == 2:
        _check_each_tag(y, needs_numbers)
        y = np.array(y.tolist())
    if needs_numbers and y.dtype.kind in "US":
        raise ValueError(f"y: row 0 is {y.flat[0].item()!r}; expected a number.")
    if y.ndim not in (1, 2) or y.dtype.kind not in "fiub":
        return
    rows = y.reshape(len(y), -1)
    _refuse_values(
        rows, ~np.isfinite(rows), "Input y contains NaN or infinity", "a number"
    )
    if needs_numbers:
        return
    if y.ndim == 2:
        strange = "Unknown label type: y has several classes in several columns"
        wanted = "0 or 1 for each tag, or one label a clip"
        _refuse_values(rows, (rows != 0) & (rows != 1), strange, wanted)
    strange, wanted = "Unknown label type: y is continuous", "a class"
    _refuse_values(rows, rows != np.rint(rows), strange, wanted)


def refuse_label_lists(y: Any) -> None:
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
            raise _tag_list(i, row)
        if any(map(_is_row, row)):
            raise ValueError(f"y: row {i} is {row!r}; expected 0 or 1 for each tag.")
    for i, label in enumerate(y):
        if (i in rows) != (0 in rows):
            raise ValueError(
                f"y: row {i} is {shown_label(label)!r}, but row 0 is "
                f"{shown_label(y[0])!r}; expected a label for all, or 0 or 1 for each "
                "tag for all."
            )
    for i, row in rows.items():
        if not row or len(row) != len(rows[0]):
            raise _tag_list(i, row)
    if is_column:
        raise ValueError(
            f"y: row 0 is {rows[0]!r}, in a column of lists; expected a matrix. "
            "Convert y: np.array(list(y))."
        )


def _is_row(label: Any) -> bool:
    if isinstance(label, np.ndarray):
        return label.ndim > 0
    return isinstance(label, list | tuple | set | frozenset)


def shown_label(label: Any) -> Any:
    """Return a label, or several, as Python's objects, to be shown."""
    return label.tolist() if isinstance(label, np.ndarray | np.generic) else label


def _tag_list(i: int, row: Any) -> ValueError:
    return ValueError(
        f"y: row {i} is {row!r}, a list of tags; expected 0 or 1 for each tag. "
        "Convert y: sklearn.preprocessing.MultiLabelBinarizer().fit_transform(y)."
    )


def _check_each_object(y: np.ndarray, needs_numbers: bool) -> None:
    import pandas as pd

    for i, label in enumerate(y):
        is_scalar, shown = pd.api.types.is_scalar(label), f"{shown_label(label)!r}"
        if needs_numbers and (isinstance(label, str) or not is_scalar):
            raise ValueError(f"y: row {i} is {shown}; expected a number.")
        if not is_scalar and getattr(label, "ndim", None) != 0:
            raise ValueError(
                f"Unknown label type: y: row {i} is {shown}; expected a string or a "
                "number."
            )
        if is_missing_label(label):
            raise ValueError(
                f"Unknown label type: y has missing values: row {i} is {shown}. "
                "Leave clips without a label out."
            )
        if isinstance(label, str) != isinstance(y[0], str):
            raise ValueError(
                f"Unknown label type: y: row {i} is {shown}, but row 0 is "
                f"{shown_label(y[0])!r}; expected strings or numbers for all."
            )


def _check_each_tag(y: np.ndarray, needs_numbers: bool) -> None:
    import pandas as pd

    wanted = "a number" if needs_numbers else "0 or 1 for each tag"
    for i, row in enumerate(y):
        for tag in row:
            is_scalar = pd.api.types.is_scalar(tag)
            if isinstance(tag, str) or not is_scalar or pd.isna(tag):
                shown = repr(shown_label(tag))
                raise ValueError(f"y: row {i} has {shown}; expected {wanted}.")


def _refuse_values(
    rows: np.ndarray, is_bad: np.ndarray, problem: str, wanted: str
) -> None:
    if is_bad.any():
        row, column = np.argwhere(is_bad)[0]
        raise ValueError(
            f"{problem}: row {row} has {rows[row, column].item()!r}; expected {wanted}."
        )
