"""Labels of clips into numbers, where some clips have none."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target

from skdeepmir._errors import refuse_masked
from skdeepmir._validation import (
    dense_labels,
    is_missing_label,
    refuse_label_lists,
    shown_label,
)


def encode_labels(y: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return classes, a number for each clip, and which clips have a label.

    Parameters
    ----------
    y : array-like of shape (n_clips,) or (n_clips, n_tags), or None
        Labels, of which -1, None, NaN and blank text are missing, or rows of 0 and 1,
        of which rows of -1 are missing.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted labels, or the numbers of the tags.
    labels : ndarray of shape (n_clips,), int, or (n_clips, n_tags), float32
        The place of each label in ``classes`` (-1 if missing), or the rows.
    known : ndarray of shape (n_clips,), bool
        Which clips have a label.

    Raises
    ------
    ValueError
        If labels are continuous, of several kinds, or all the same.
    """
    if y is None:
        return None
    y = dense_labels(y)
    refuse_masked("y", y)
    refuse_label_lists(y)
    if isinstance(y, list | tuple) and any(isinstance(label, str) for label in y):
        y = np.array([*y, None], dtype=object)[:-1]  # NumPy would spell NaN and -1 out
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2:
        given = y
        if y.dtype == object:  # what is no number does not even compare to one
            numbers = [
                [tag if isinstance(tag, Real) else np.nan for tag in row] for row in y
            ]
            y = np.array(numbers, dtype=np.float64)
        known = ~(y == -1).all(axis=1)
        strange = known & ~np.isin(y, (0, 1)).all(axis=1)
        if strange.any():
            row = int(np.argmax(strange))
            raise ValueError(
                "y of two dimensions must hold rows of 0 and 1, or of -1 where "
                f"there is no label; row {row} is {given[row].tolist()}."
            )
        if not known.any():
            return None
        return np.arange(y.shape[1]), y.astype(np.float32), known
    known = np.array(
        [
            not is_missing_label(label) and (isinstance(label, str) or label != -1)
            for label in y
        ]
    )
    if not known.any():
        return None
    rows, values = np.flatnonzero(known), y[known]
    is_string = np.array([isinstance(label, str) for label in values])
    if is_string.any() and not is_string.all():
        number, string = rows[np.argmin(is_string)], rows[np.argmax(is_string)]
        raise ValueError(
            f"y holds strings and numbers, such as {shown_label(y[number])!r} in row "
            f"{number} and {shown_label(y[string])!r} in row {string}; expected one "
            "kind of label."
        )
    if not isinstance(values[0], str):  # numbers as objects
        values = np.array(values.tolist())
    kind = type_of_target(values, input_name="y")
    if kind not in ("binary", "multiclass"):
        row = 0
        if kind == "continuous":
            row = int(np.argmax(values != np.rint(values)))
        (label,) = values[row : row + 1].tolist()
        raise ValueError(
            f"Unknown label type: y is {kind}, such as {label!r} in row {rows[row]}; "
            "expected classes."
        )
    classes, numbers = np.unique(values, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y has 1 class, {classes[:1].tolist()[0]!r}; fine-tuning needs at least 2 "
            "(-1 stands for no label). Leave y out, or set finetune_epochs=0."
        )
    labels = np.full(len(y), -1, dtype=np.int64)
    labels[known] = numbers
    return classes, labels, known
