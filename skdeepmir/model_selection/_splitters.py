"""Folds for tags: the same share of each tag in every fold, with groups kept whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target

from skdeepmir._errors import refuse_masked
from skdeepmir._groups import check_groups
from skdeepmir._warnings import warn_user

__all__ = ["MultilabelStratifiedGroupKFold", "tag_rate_errors"]


class MultilabelStratifiedGroupKFold(BaseCrossValidator):
    """K folds with nearly the same share of every tag, and with groups kept whole.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=True
        Whether groups whose tags are about equally rare are dealt in random order.
        Otherwise the same data always give the same folds.
    random_state : int, RandomState instance or None, default=None
        Determines the order. Pass an int for the same folds in each call.

    See Also
    --------
    tag_rate_errors : Measures how far the folds are from equal shares.
    sklearn.model_selection.StratifiedGroupKFold : For one label per clip.

    Notes
    -----
    As in the iterative stratification of Sechidis et al. [1]_, rare tags are dealt
    first, while there is most freedom; but here whole groups are dealt. Let x hold the
    share of all clips, and the share of the clips with each tag, that are in a group,
    and s_j the sum of x over the groups that fold j already has. Groups are taken in
    order of their largest share, rounded down to a power of two. Each goes to the fold
    where x · s_j is smallest, which is where it adds least to the sum of squares of all
    s_j, and so to their variance over the folds.

    Artists with many clips limit what can be reached. In metadata routing ``groups``
    are requested by default, as by scikit-learn's own group splitters.

    References
    ----------
    .. [1] K. Sechidis, G. Tsoumakas and I. Vlahavas, "On the stratification of
       multi-label data", ECML PKDD 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir.model_selection import MultilabelStratifiedGroupKFold
    >>> y = np.array([[1, 0], [1, 0], [1, 0], [1, 0], [0, 1], [0, 0], [0, 1], [0, 0]])
    >>> artists = ["a", "a", "b", "b", "c", "c", "d", "d"]
    >>> cv = MultilabelStratifiedGroupKFold(2, random_state=0)
    >>> for train, test in cv.split(y, y, artists):
    ...     print(test, y[test].mean(axis=0))
    [2 3 4 5] [0.5  0.25]
    [0 1 6 7] [0.5  0.25]
    """

    # What scikit-learn's GroupsConsumerMixin sets, which is not public.
    __metadata_request__split = {"groups": True}

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        if not isinstance(n_splits, Integral) or n_splits < 2:
            raise ValueError(f"n_splits={n_splits!r} must be an integer of at least 2.")
        if not isinstance(shuffle, bool | np.bool_):
            raise TypeError(f"shuffle={shuffle!r} must be True or False.")
        if not shuffle and random_state is not None:
            raise ValueError(
                f"random_state={random_state!r} has no effect with shuffle=False. "
                "Leave one of them out."
            )
        self.n_splits: int = int(n_splits)
        self.shuffle: bool = shuffle
        self.random_state: int | np.random.RandomState | None = random_state

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield training and test clips of each fold.

        Parameters
        ----------
        X : list or array-like of length n_clips
            Clips. Only their number is used.
        y : array-like or sparse matrix of shape (n_clips, n_tags), or (n_clips,)
            0 or 1 for each tag of each clip, or one label per clip.
        groups : array-like of shape (n_clips,), default=None
            Artist, album or song of each clip. None makes each clip a group.

        Yields
        ------
        train, test : ndarray of int
            Indices of the clips, increasing. Each clip is tested once.

        Raises
        ------
        ValueError
            If there are fewer groups than folds, or a clip has none.

        Warns
        -----
        UserWarning
            If tags occur in fewer groups than there are folds; it says how many.
        """
        yield from super().split(X, y, groups)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object
            Ignored.

        Returns
        -------
        n_splits : int
            Number of folds.
        """
        return self.n_splits

    def _iter_test_masks(
        self, X: Any = None, y: Any = None, groups: Any = None
    ) -> Iterator[np.ndarray]:
        if y is None:
            raise ValueError("y is None; expected tags or labels to stratify by.")
        tags = _indicators(y)
        group = _group_numbers(groups, len(tags))
        sizes = np.bincount(group)
        if len(sizes) < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} needs at least {self.n_splits} groups, but "
                f"there are {len(sizes)}. Use fewer folds."
            )
        counts = np.zeros((len(sizes), tags.shape[1]))
        np.add.at(counts, group, tags)
        self._warn_of_rare_tags(counts)
        fold = self._deal(np.column_stack([counts, sizes]))[group]
        for j in range(self.n_splits):
            yield fold == j

    def _deal(self, amounts: np.ndarray) -> np.ndarray:
        """Return the fold of each group; amounts: (n_groups, n_tags + 1)."""
        shares = amounts / np.maximum(amounts.sum(axis=0), 1)
        order = np.arange(len(shares))
        if self.shuffle:
            check_random_state(self.random_state).shuffle(order)
        # To a power of two: a finer order would leave little to the shuffle.
        octave = np.floor(np.log2(shares.max(axis=1)))
        order = order[np.argsort(-octave[order], kind="stable")]
        dealt = np.zeros((self.n_splits, shares.shape[1]))
        fold = np.empty(len(shares), dtype=np.intp)
        for g in order:
            # No fold stays empty: its product is 0, that of all others is larger.
            fold[g] = np.argmin(dealt @ shares[g])
            dealt[fold[g]] += shares[g]
        return fold

    def _warn_of_rare_tags(self, counts: np.ndarray) -> None:
        n_groups = (counts > 0).sum(axis=0)
        rare = n_groups < self.n_splits
        if rare.any():
            first = int(np.argmax(rare))
            warn_user(
                f"{rare.sum()} of {len(rare)} tags occur in fewer groups than the "
                f"{self.n_splits} folds (for example number {first}, in "
                f"{n_groups[first]}): some folds test without them."
            )


def tag_rate_errors(y: Any, splits: Iterable[tuple[Any, Any]]) -> np.ndarray:
    """Return how far the share of each tag in a fold is from its overall share.

    Parameters
    ----------
    y : array-like or sparse matrix of shape (n_clips, n_tags), or (n_clips,)
        0 or 1 for each tag of each clip, or one label per clip.
    splits : iterable of (train, test)
        Indices of the clips, as from ``split`` of a splitter.

    Returns
    -------
    errors : ndarray of shape (n_tags,), or (n_classes,) for labels
        Largest absolute difference over the test folds; classes are in sorted order.

    Examples
    --------
    >>> from sklearn.model_selection import KFold
    >>> from skdeepmir.model_selection import tag_rate_errors
    >>> y = [[1, 0], [1, 1], [0, 0], [0, 1]]
    >>> tag_rate_errors(y, KFold(2).split(y))
    array([0.5, 0. ])
    """
    tags = _indicators(y)
    rates = np.array([tags[test].mean(axis=0) for _, test in splits])
    if not len(rates):
        raise ValueError("splits is empty; expected (train, test) for each fold.")
    return np.abs(rates - tags.mean(axis=0)).max(axis=0)


def _indicators(y: Any) -> np.ndarray:
    """Return tags, or one column for each class, as booleans (n_clips, n_columns)."""
    refuse_masked("y", y)
    y = y.toarray() if issparse(y) else np.asarray(y)
    if y.ndim == 1:
        kind = type_of_target(y, input_name="y")
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                f"y is {kind}, expected 0 or 1 for each tag, or one label per clip."
            )
        return y[:, None] == np.unique(y)
    present = y == 1
    if y.ndim != 2 or not (present | (y == 0)).all():
        raise ValueError(
            f"y has shape {y.shape}, expected (n_clips, n_tags) with 0 or 1 for each "
            "tag, or one label per clip."
        )
    return present


def _group_numbers(groups: Any, n_clips: int) -> np.ndarray:
    """Return numbers 0, 1, ... of the groups."""
    if groups is None:
        return np.arange(n_clips)
    return np.unique(check_groups(groups, n_clips), return_inverse=True)[1]
