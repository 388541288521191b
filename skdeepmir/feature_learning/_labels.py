"""Labels of clips into numbers, where some clips have none."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target


def encode_labels(y: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return classes, a number for each clip, and which clips have a label.

    Parameters
    ----------
    y : array-like of shape (n_clips,) or (n_clips, n_tags), or None
        Labels, of which -1, None and NaN are missing, or rows of 0 and 1, of which rows
        of -1 are missing.

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
    import pandas as pd

    if isinstance(y, list | tuple) and any(isinstance(label, str) for label in y):
        y = np.array([*y, None], dtype=object)[:-1]  # NumPy would spell NaN and -1 out
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2:
        known = ~(y == -1).all(axis=1)
        if not np.isin(y[known], (0, 1)).all():
            raise ValueError(
                "y of two dimensions must hold rows of 0 and 1, or of -1 where "
                "there is no label."
            )
        if not known.any():
            return None
        return np.arange(y.shape[1]), y.astype(np.float32), known
    known = np.array(
        [not pd.isna(label) and (isinstance(label, str) or label != -1) for label in y]
    )
    if not known.any():
        return None
    if len({isinstance(label, str) for label in y[known]}) > 1:
        raise ValueError("y holds strings and numbers; expected one kind of label.")
    values = y[known]
    if not isinstance(values[0], str):  # numbers as objects
        values = np.array(values.tolist())
    kind = type_of_target(values, input_name="y")
    if kind not in ("binary", "multiclass"):
        raise ValueError(f"Unknown label type: y is {kind}, expected classes.")
    classes, numbers = np.unique(values, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y has 1 class, {classes[0]!s}; fine-tuning needs at least 2 (-1 stands "
            "for no label). Leave y out, or set finetune_epochs=0."
        )
    labels = np.full(len(y), -1, dtype=np.int64)
    labels[known] = numbers
    return classes, labels, known
