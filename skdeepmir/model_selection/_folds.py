"""Train and test rows, from whatever ``cv`` may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv
from sklearn.utils.metadata_routing import get_routing_for_object

from skdeepmir._groups import is_missing, shown_value
from skdeepmir._printable import printable
from skdeepmir.model_selection._splitters import MultilabelStratifiedGroupKFold

Split = tuple[np.ndarray, np.ndarray]
N_FOLDS = 5
ACCEPTED = (
    "a number of folds, a splitter, the fold of each clip, or a list of (train, test); "
    "a single split is cv=[(train, test)]"
)


def make_splits(
    cv: Any, y: np.ndarray, groups: np.ndarray | None, are_classes: bool
) -> list[Split]:
    """Return the row numbers of each training and test set."""
    cv = N_FOLDS if cv is None else cv
    if isinstance(cv, bool | np.bool_ | str | bytes | dict):
        raise ValueError(f"cv={cv!r}; expected {ACCEPTED}.")
    if isinstance(cv, Integral):
        cv = _splitter(int(cv), y, groups, are_classes)
    if not hasattr(cv, "split"):
        return _given_splits(cv, len(y))
    if not takes_groups(cv, "split"):
        groups = None
    return list(cv.split(np.zeros(len(y)), y, groups))


def described_cv(cv: Any) -> str:
    """Return what made the splits, for a report."""
    if cv is None or isinstance(cv, Integral):
        return f"{N_FOLDS if cv is None else int(cv)} folds"
    if hasattr(cv, "split"):
        return printable(repr(cv))
    return "folds of one's own"


def _splitter(
    n_folds: int, y: np.ndarray, groups: np.ndarray | None, are_classes: bool
) -> Any:
    if groups is None:
        _check_sizes(n_folds, y, are_classes and y.ndim == 1)
        return check_cv(n_folds, y, classifier=are_classes)
    n_groups = len(set(groups.tolist()))
    if n_groups < n_folds:
        raise ValueError(
            f"there are {n_groups} groups, but {n_folds} folds (cv={n_folds}), and "
            "each fold tests on groups of its own. Use at most as many folds as groups."
        )
    if not are_classes:
        return GroupKFold(n_folds)
    if y.ndim == 1:
        return StratifiedGroupKFold(n_folds)
    return MultilabelStratifiedGroupKFold(n_folds, random_state=0)


def _check_sizes(n_folds: int, y: np.ndarray, are_classes: bool) -> None:
    """Refuse more folds than clips, or than the clips of each class."""
    found = f"there are {len(y)} clips"
    n_most = len(y)
    if are_classes and n_most >= n_folds:
        n_most = max(Counter(y.tolist()).values())
        found = f"no class has more than {n_most} clips"
    if n_most < n_folds:
        raise ValueError(
            f"{found}, but there are {n_folds} folds (cv={n_folds}), and each tests on "
            "clips of its own. Use fewer folds, or more clips."
        )


def takes_groups(estimator: Any, method: str) -> bool:
    """Tell whether a splitter, or a search somewhere in a pipeline, takes groups."""
    with config_context(enable_metadata_routing=True):
        router = get_routing_for_object(estimator)
        return bool(router.consumes(method, {"groups"}))


def _given_splits(cv: Any, n_clips: int) -> list[Split]:
    if not isinstance(cv, Iterable):
        raise ValueError(f"cv={cv!r}; expected {ACCEPTED}.")
    if hasattr(cv, "__array__"):
        cv = np.asarray(cv)
        cv = cv[:, 0] if cv.ndim == 2 and cv.shape[1] == 1 else cv
    items = list(cv)
    if not items:
        raise ValueError(f"cv={cv!r} is empty; expected {ACCEPTED}.")
    if any(map(_is_one, items)):
        return _splits_of_folds(items, n_clips)
    splits = []
    for i, pair in enumerate(items):
        if not isinstance(pair, tuple | list | np.ndarray) or len(pair) != 2:
            raise ValueError(
                f"cv: item {i} is not a pair (train, test), it has {len(pair)} "
                f"entries; expected {ACCEPTED}."
            )
        train, test = (
            _rows(f"cv: the {side} rows of split {i}", rows, n_clips)
            for side, rows in zip(("training", "test"), pair, strict=True)
        )
        if len(np.unique(test)) < len(test):
            raise ValueError(
                f"cv: the test rows of split {i} have a clip more than once; expected "
                "each at most once."
            )
        splits.append((train, test))
    return splits


def _is_one(item: Any) -> bool:
    """Tell whether an item is a single value."""
    return isinstance(item, str | bytes) or not hasattr(item, "__len__")


def _rows(name: str, given: Any, n_clips: int) -> np.ndarray:
    """Return row numbers, of row numbers or of a mask."""
    rows = np.asarray(given)
    if rows.ndim != 1 or rows.dtype.kind not in "iub" or not len(rows):
        raise ValueError(
            f"{name} have shape {rows.shape} and dtype {rows.dtype}; expected row "
            f"numbers from 0 to {n_clips - 1}, or True and False for each clip."
        )
    if rows.dtype.kind == "b":
        if len(rows) != n_clips or not rows.any():
            raise ValueError(
                f"{name}: there are {len(rows)} values, {rows.sum()} of them True; "
                f"expected one for each of {n_clips} clips, at least one of them True."
            )
        return np.flatnonzero(rows)
    if rows.min() < 0 or rows.max() >= n_clips:
        bad = rows[(rows < 0) | (rows >= n_clips)][0]
        raise ValueError(f"{name} have {bad}; expected 0 to {n_clips - 1}.")
    return rows


def _splits_of_folds(folds: list[Any], n_clips: int) -> list[Split]:
    """Return a split for each fold, of which every clip has one, or -1 for none."""
    folds = [fold.item() if isinstance(fold, np.generic) else fold for fold in folds]
    if len(folds) != n_clips:
        raise ValueError(
            f"cv has the folds of {len(folds)} clips, but X has {n_clips} clips; "
            "expected one for each, in the same order."
        )
    if all(isinstance(fold, bool) for fold in folds):  # a mask of the test set
        folds = [1 if is_tested else -1 for is_tested in folds]
    for i, fold in enumerate(folds):
        if not _is_one(fold) or is_missing(fold):
            raise ValueError(
                f"cv: clip {i} has no fold ({shown_value(fold)}); expected one for "
                "each clip, or -1 for clips that are never tested on."
            )
    names = np.array([str(fold).strip() for fold in folds])
    tests = [np.flatnonzero(names == name) for name in _ordered(set(names) - {"-1"})]
    everything = np.arange(n_clips)
    splits = [(np.setdiff1d(everything, test), test) for test in tests]
    if not splits or not len(splits[0][0]):
        raise ValueError(
            f"cv: all clips have the fold {folds[0]!r}; expected two folds at least, "
            "or -1 for clips that are only trained on."
        )
    return splits


def _ordered(names: set[str]) -> list[str]:
    """Return names of folds sorted, numbers as such."""
    try:
        return sorted(names, key=float)
    except ValueError:
        return sorted(names)
