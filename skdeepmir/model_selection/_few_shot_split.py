"""Draws of a few training clips per class: ``FewShotSplit``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import (
    BaseCrossValidator,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.utils import check_random_state

from skdeepmir._groups import check_groups
from skdeepmir._sklearn import _num_samples
from skdeepmir._validation import read_labels, shown_label


class FewShotSplit(BaseCrossValidator):
    """Draw a few clips of each class to train on, and test on other groups.

    In each draw half of the groups are for testing, in proportion to the classes, and
    are tested on whatever the number of shots is. Of the others, as many clips of each
    class as there are shots are trained on, from different groups as far as there are
    some. Those of fewer shots are among those of more.

    Parameters
    ----------
    shots : int or sequence of int, default=(1, 2, 3, 5)
        Training clips per class. Those of [1]_.
    n_draws : int, default=20
        Draws, each with all numbers of shots.
    random_state : int, RandomState instance or None, default=None
        Draws them. Pass an int for the same draws in each call.

    See Also
    --------
    few_shot_curve : Compares pipelines by such draws.

    References
    ----------
    .. [1] H. Lee, P. Pham, Y. Largman and A. Ng. Unsupervised feature learning for
       audio classification using convolutional deep belief networks. NIPS 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir.model_selection import FewShotSplit
    >>> y = np.array(["high", "low"] * 6)
    >>> artists = np.repeat(["a", "b", "c", "d", "e", "f"], 2)
    >>> cv = FewShotSplit((1, 2), n_draws=1, random_state=0)
    >>> for train, test in cv.split(y, y, artists):
    ...     print(artists[train], y[train], "tested on", artists[test])
    ['c' 'f'] ['low' 'high'] tested on ['a' 'a' 'b' 'b' 'd' 'd']
    ['c' 'e' 'e' 'f'] ['low' 'high' 'low' 'high'] tested on ['a' 'a' 'b' 'b' 'd' 'd']
    """

    # What scikit-learn's GroupsConsumerMixin sets, which is not public.
    __metadata_request__split = {"groups": True}

    def __init__(
        self,
        shots: int | Sequence[int] = (1, 2, 3, 5),
        *,
        n_draws: int = 20,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.shots = shots
        self.n_draws = n_draws
        self.random_state = random_state

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield training and test clips: draw by draw, and for each number of shots.

        Parameters
        ----------
        X : list or array-like of length n_clips
            Clips. Only their number is used.
        y : array-like of shape (n_clips,)
            The class of each clip.
        groups : array-like of shape (n_clips,), default=None
            Artist, speaker or instrument of each clip. None makes each clip a group.

        Yields
        ------
        train, test : ndarray of int
            Indices of the clips, increasing.

        Raises
        ------
        ValueError
            If parameters are impossible, a clip has no class or group, there is only
            one class, or a half of the groups has too few clips of a class.
        """
        shots, n_draws = self._numbers()
        n_clips = _num_samples(X)
        if y is None:
            raise ValueError("y is None; expected the class of each clip.")
        labels = read_labels(y, n_clips, self)
        if labels.ndim != 1:
            raise ValueError(
                f"y has shape {labels.shape}; expected one class per clip. Of tags it "
                "is not clear what a shot is."
            )
        classes, numbers = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y has one class, {shown_label(classes[0])!r}; expected two or more "
                "to tell apart."
            )
        owners = None
        if groups is not None:
            _, owners = np.unique(check_groups(groups, n_clips), return_inverse=True)
        rng = check_random_state(self.random_state)
        for draw in range(n_draws):
            pool, test = _halves(numbers, owners, rng)
            chosen = _chosen(pool, numbers, owners, rng)
            for number, of_class in enumerate(chosen):
                n_test = int(np.sum(numbers[test] == number))
                if len(of_class) < max(shots) or n_test == 0:
                    raise ValueError(
                        f"draw {draw}: of class {shown_label(classes[number])!r} there "
                        f"are {len(of_class)} clips to train on and {n_test} to test "
                        "on, in two halves of the groups; expected "
                        f"{max(shots)} (the largest of shots) and 1. Use fewer shots, "
                        "or more clips or smaller groups of this class."
                    )
            for n in shots:
                yield np.sort([i for clips in chosen for i in clips[:n]]), test

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of draws times that of numbers of shots.

        Parameters
        ----------
        X, y, groups : object
            Ignored.

        Returns
        -------
        n_splits : int
            Number of splits.
        """
        shots, n_draws = self._numbers()
        return len(shots) * n_draws

    def _numbers(self) -> tuple[list[int], int]:
        """Return the parameters, checked."""
        given: Any = self.shots
        shots = [given] if isinstance(given, Integral) else list(given)
        are_whole = all(
            isinstance(n, Integral) and not isinstance(n, bool) and int(n) >= 1
            for n in shots
        )
        if not shots or not are_whole or sorted(set(shots)) != shots:
            raise ValueError(
                f"shots={given!r} must be numbers of clips, from 1 up, each larger "
                "than the one before."
            )
        n_draws: Any = self.n_draws
        if not isinstance(n_draws, Integral) or int(n_draws) < 1:
            raise ValueError(f"n_draws={n_draws!r} must be an integer from 1 up.")
        return [int(n) for n in shots], int(n_draws)


def _halves(
    numbers: np.ndarray, owners: np.ndarray | None, rng: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return the clips of each half of the groups."""
    kind = StratifiedKFold if owners is None else StratifiedGroupKFold
    halves = kind(2, shuffle=True, random_state=rng.randint(2**31 - 1))
    first, second = next(halves.split(numbers, numbers, owners))
    return (first, second) if rng.randint(2) else (second, first)


def _chosen(
    pool: np.ndarray, numbers: np.ndarray, owners: np.ndarray | None, rng: Any
) -> list[list[int]]:
    """Return the clips of each class in random order, one of each group first."""
    by_class = []
    order = rng.permutation(pool)
    for number in range(numbers.max() + 1):
        rounds: dict[int, int] = {}
        ranked: list[tuple[int, int, int]] = []
        for i in order[numbers[order] == number].tolist():
            owner = i if owners is None else owners[i]
            rounds[owner] = rounds.get(owner, 0) + 1
            ranked.append((rounds[owner], len(ranked), i))
        by_class.append([i for _, _, i in sorted(ranked)])
    return by_class
