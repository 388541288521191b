"""Whether scores differ: over folds, or over whole groups of test clips."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

ALPHA = 0.05  # intervals hold 95 %
BLOCK = 2**22  # signs that are held at once
TIED = 1e-10  # sums of the same numbers in another order differ by less


class Difference(NamedTuple):
    """A difference of two scores, and how sure it is.

    Attributes
    ----------
    difference : float
        The difference.
    low, high : float
        The ends of its interval of 95 %.
    p_value : float
        Of the two-sided test that there is none.
    """

    difference: float
    low: float
    high: float
    p_value: float


UNKNOWN = Difference(*[float("nan")] * 4)


def corrected_t_test(differences: np.ndarray, test_train_ratio: float) -> float:
    """Return the p-value of the corrected resampled t-test (Nadeau and Bengio 2003).

    Parameters
    ----------
    differences : ndarray of shape (n_folds,)
        Differences of two scores on the same folds.
    test_train_ratio : float
        Test clips per training clip.

    Returns
    -------
    p_value : float
        Two-sided; 1 if all differences are 0, NaN with a single fold.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir.model_selection import corrected_t_test
    >>> differences = np.array([0.05, 0.02, 0.04, 0.06, 0.03])
    >>> print(f"{corrected_t_test(differences, 1 / 4):.3f}")
    0.020
    """
    return over_folds(np.asarray(differences, float), test_train_ratio).p_value


def over_folds(differences: np.ndarray, test_train_ratio: float) -> Difference:
    """Return the corrected resampled t-test of differences, with its interval."""
    n_folds = len(differences)
    if n_folds == 0:
        return UNKNOWN
    mean = float(differences.mean())
    if n_folds == 1:
        return UNKNOWN._replace(difference=mean)
    variance = differences.var(ddof=1)
    if variance == 0:
        return Difference(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    error = np.sqrt((1 / n_folds + test_train_ratio) * variance)
    p_value = float(2 * stats.t.sf(abs(mean / error), n_folds - 1))
    reach = float(error * stats.t.isf(ALPHA / 2, n_folds - 1))
    return Difference(mean, mean - reach, mean + reach, p_value)


def sign_flip_test(
    differences: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    n_resamples: int = 9999,
    random_state: int | None = 0,
) -> Difference:
    """Test by sign flips whether two systems differ, given what each group contributes.

    Parameters
    ----------
    differences : ndarray of shape (n_groups,)
        What each group of clips (an artist, a bank, or one clip) contributes to the
        difference of two scores: their sum is the difference.
    weights : ndarray of shape (n_groups,), default=None
        The share of each group in the score, such as that of its clips; they sum to 1.
        None weighs all alike.
    n_resamples : int, default=9999
        Arrangements of signs to draw. If there are no more than these, up to those that
        only swap all signs, each is taken once: the test is exact.
    random_state : int, default=0
        Seed of the arrangements. None draws others each time.

    Returns
    -------
    result : Difference
        A tuple of ``difference``, ``low``, ``high`` and ``p_value``: the difference,
        its interval of 95 %, and the two-sided p-value. All but the first are NaN for a
        single group.

    Notes
    -----
    If the systems are equally good, the sign of what a group contributes is a matter of
    chance; the p-value is the share of arrangements of signs whose sum is at least as
    far from 0 [1]_. G groups have 2^(G-1) arrangements, so that no p-value can be under
    2^(1-G): it takes six groups for one under .05.

    The interval holds every difference d that the same test does not reject at .05
    after ``d * weights`` is taken off the contributions. It excludes 0 where p <= .05
    and only there, which a bootstrap does not promise, and it does not become too short
    with few groups, as that of a bootstrap does; with fewer than six it is infinite.

    References
    ----------
    .. [1] R. A. Fisher, "The design of experiments", 1935; B. Efron and R. J.
       Tibshirani, "An introduction to the bootstrap", chapter 15, 1993.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir.model_selection import sign_flip_test
    >>> found = sign_flip_test(np.array([3, 2, 4, 1, 2, 3, 2]) / 100)
    >>> print(f"{found.difference:.2f}, p = {found.p_value:.3f}")
    0.17, p = 0.016
    >>> print(f"{found.low:.2f} to {found.high:.2f}")
    0.10 to 0.24
    """
    differences = np.asarray(differences, float)
    n_groups = len(differences)
    if weights is None:
        weights = np.full(n_groups, 1 / max(n_groups, 1))
    total = float(differences.sum())
    if n_groups < 2 or not np.isfinite(total):
        return UNKNOWN._replace(difference=total if n_groups else np.nan)
    is_exact = n_groups <= 30 and 2 ** (n_groups - 1) <= n_resamples
    n_drawn = 2 ** (n_groups - 1) if is_exact else n_resamples
    rng = np.random.RandomState(random_state)
    sums, shares = [], []
    for start in range(0, n_drawn, size := max(1, BLOCK // n_groups)):
        count = min(size, n_drawn - start)
        if is_exact:  # the sign of the last never changes
            numbers = np.arange(start, start + count)[:, None]
            signs = 1.0 - 2 * (numbers >> np.arange(n_groups) & 1)
        else:
            signs = rng.randint(0, 2, (count, n_groups)) * 2.0 - 1
        sums.append(signs @ differences)
        shares.append(signs @ weights)
    summed, shared = np.concatenate(sums), np.concatenate(shares)
    if not is_exact:  # the arrangement that was seen is one of them
        summed, shared = np.append(summed, total), np.append(shared, 1.0)
    is_as_far = np.abs(summed) >= abs(total) - TIED * np.abs(differences).sum()
    # An arrangement is as far from 0 as what was seen for all d between these two.
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = (total - summed) / (1 - shared), (total + summed) / (1 + shared)
    is_same = np.abs(shared) > 1 - TIED
    low = np.where(is_same, -np.inf, np.minimum(*ends))
    high = np.where(is_same, np.inf, np.maximum(*ends))
    # The set of all d with p > ALPHA: leave out as many arrangements as that allows.
    place = int(np.floor(ALPHA * len(summed) * (1 + TIED)))
    return Difference(
        total,
        float(np.sort(low)[place]),
        float(np.sort(high)[::-1][place]),
        float(is_as_far.mean()),
    )


def standard_error(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the standard error of a score over groups, from their contributions."""
    n_groups = len(values)
    if n_groups < 2:
        return float("nan")
    rest = values - values.sum() * weights
    return float(np.sqrt(n_groups / (n_groups - 1) * (rest**2).sum()))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values that hold for all tests together."""
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known])]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * factors), 1)
    return adjusted
