import itertools

import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepmir.onsets._matching import match_onsets

# Few decimals: many equal times, and differences that are the window but for rounding.
TIMES = st.lists(st.integers(0, 60), max_size=25).map(
    lambda ticks: np.sort(np.array(ticks, dtype=float)) * 0.005
)


def is_pair(reference, estimated, window):
    return estimated - window <= reference <= estimated + window


@given(TIMES, TIMES, st.sampled_from([0.0, 0.005, 0.025, 0.05, 0.3]))
def test_as_many_pairs_are_found_as_by_mir_eval(reference, estimated, window):
    pairs = match_onsets(reference, estimated, window)
    assert pairs.dtype == np.int64 and pairs.shape[1] == 2
    assert (np.diff(pairs, axis=0) > 0).all()  # each at most once, in order
    assert all(is_pair(reference[i], estimated[j], window) for i, j in pairs)
    expected = mir_eval.util.match_events(reference, estimated, window)
    assert len(pairs) == len(expected)


def smallest_error(reference, estimated, window, n_pairs):
    """Return the smallest sum of differences of any so many pairs, crossed or not."""
    sums = [
        sum(abs(reference[i] - estimated[j]) for i, j in zip(some, others, strict=True))
        for some in itertools.combinations(range(len(reference)), n_pairs)
        for others in itertools.permutations(range(len(estimated)), n_pairs)
        if all(
            is_pair(reference[i], estimated[j], window)
            for i, j in zip(some, others, strict=True)
        )
    ]
    return min(sums)


@pytest.mark.parametrize("seed", range(30))
def test_of_as_many_pairs_the_nearest_are_taken(seed):
    rng = np.random.RandomState(seed)
    reference, estimated = (np.sort(rng.rand(n)) for n in rng.randint(1, 6, size=2))
    pairs = match_onsets(reference, estimated, 0.3)
    error = np.abs(reference[pairs[:, 0]] - estimated[pairs[:, 1]]).sum()
    expected = smallest_error(reference, estimated, 0.3, len(pairs))
    assert error == pytest.approx(expected, abs=1e-12)


def test_a_detection_is_given_away_where_that_makes_another_pair():
    reference, estimated = np.array([1.00, 1.04]), np.array([0.98, 1.02])
    np.testing.assert_array_equal(
        match_onsets(reference, estimated, 0.025), [[0, 0], [1, 1]]
    )


@pytest.mark.parametrize("sizes", [(0, 0), (0, 3), (3, 0)])
def test_without_onsets_or_detections_there_are_no_pairs(sizes):
    reference, estimated = (np.arange(float(n)) for n in sizes)
    assert match_onsets(reference, estimated, 0.025).shape == (0, 2)
