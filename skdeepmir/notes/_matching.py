"""Which detected note belongs to which: one to one, as many as possible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

ONSET_WINDOW = 0.05  # seconds between the onsets of a pair, at most
OFFSET_RATIO = 0.2  # of the duration of the reference: between offsets, at most,
OFFSET_MIN = 0.05  # but as many seconds as this at least
QUARTER_TONE = 0.5
N_DECIMALS = 4  # to which mir_eval rounds differences of times

Pairs = NDArray[np.int64]


def match_notes(
    reference: np.ndarray,
    detected: np.ndarray,
    onset_window: float = ONSET_WINDOW,
    *,
    offset_ratio: float | None = None,
    offset_min: float = OFFSET_MIN,
) -> Pairs:
    """Return as many pairs of numbers (reference, detected) as possible, in order.

    Both are structured arrays with onset, offset and pitch, in any order. Offsets are
    ignored if ``offset_ratio`` is None. The pairs are those of mir_eval: also where
    there are several sets with the most pairs.
    """
    # A pair whose notes have no other partner is matched. What is left falls into small
    # parts; mir_eval's algorithm finds in each alone what it finds in all at once.
    pairs = _possible_pairs(reference, detected, onset_window)
    if offset_ratio is not None:
        offset, onset = reference["offset"], reference["onset"]
        limit = np.maximum(offset_ratio * (offset - onset), offset_min)
        apart = _apart(offset[pairs[:, 0]], detected["offset"][pairs[:, 1]])
        pairs = pairs[apart <= limit[pairs[:, 0]]]
    numbers = [np.bincount(side)[side] if len(side) else side for side in pairs.T]
    is_alone = (numbers[0] == 1) & (numbers[1] == 1)
    found = [pairs[is_alone], *map(_match_part, _parts(pairs[~is_alone]))]
    matched = np.concatenate(found)
    return matched[np.argsort(matched[:, 0])]


def _possible_pairs(
    reference: np.ndarray, detected: np.ndarray, onset_window: float
) -> Pairs:
    """Return the pairs of nearly equal onset and pitch."""
    order = np.argsort(detected["onset"], kind="stable")
    onsets = detected["onset"][order]
    reach = onset_window + 10.0**-N_DECIMALS  # what could be rounded to the window
    starts = np.searchsorted(onsets, reference["onset"] - reach, side="left")
    counts = np.searchsorted(onsets, reference["onset"] + reach, side="right") - starts
    i = np.repeat(np.arange(len(reference)), counts)
    firsts = np.cumsum(counts) - counts
    j = order[np.arange(len(i)) - firsts[i] + starts[i]]
    steps = np.abs(reference["pitch"][i] - detected["pitch"][j])
    apart = _apart(reference["onset"][i], detected["onset"][j])
    return np.column_stack([i, j])[(steps <= QUARTER_TONE) & (apart <= onset_window)]


def _apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return how far times are apart, so that 50 ms are 50 ms."""
    return np.around(np.abs(a - b), N_DECIMALS)


def _parts(pairs: Pairs) -> list[Pairs]:
    """Return pairs in parts that have no note in common."""
    if not len(pairs):
        return []
    n_first, n_second = pairs.max(axis=0) + 1
    shape = (n_first + n_second,) * 2
    graph = coo_matrix(
        (np.ones(len(pairs)), (pairs[:, 0], n_first + pairs[:, 1])), shape
    )
    _, labels = connected_components(graph, directed=False)
    of_pairs = labels[pairs[:, 0]]
    order = np.argsort(of_pairs, kind="stable")
    ends = np.flatnonzero(np.diff(of_pairs[order])) + 1
    return np.split(pairs[order], ends)


def _match_part(pairs: Pairs) -> Pairs:
    """Return as many of the pairs as possible, each note in one at most."""
    from mir_eval.util import match_events

    firsts, rows = np.unique(pairs[:, 0], return_inverse=True)
    seconds, columns = np.unique(pairs[:, 1], return_inverse=True)
    distance = np.ones((len(firsts), len(seconds)))
    distance[rows, columns] = 0
    matched = match_events(firsts, seconds, 0.5, lambda *_: distance)
    i, j = np.array(matched).T
    return np.column_stack([firsts[i], seconds[j]])
