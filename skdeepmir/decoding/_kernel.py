"""Viterbi decoding in numba, which keeps only maxima.

The forward pass only overwrites the log scores of each frame with the best log scores
of paths; the previous state is found on the way back, for the one state per frame that
the path visits. Without an argmax the inner loop is an addition and a maximum over
target states, which compiles to vector instructions. The best log score of the previous
frame is subtracted, so that numbers stay small however long the song is.

Arrays are padded with -inf to a multiple of ``LANES`` states, so that loops have no
remainder. Of equal paths the one with lower states, seen from the end, is taken.

Importing this module loads numba; compiling takes some seconds once, then numba's cache
on disk is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

LANES = 16  # states are padded to a multiple of this, and sources taken by so many
# -inf is an ordinary value here, and NaN can't come up: +inf is refused beforehand.
_COMPILE: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"nnan", "nsz"},
}


@njit(**_COMPILE)
def forward(scores, transition):
    """Overwrite scores with those of the best paths; return the first blocked frame."""
    # scores: (n_frames, n_states), with the initial ones added to the first frame.
    # transition: (n_states, n_states), [i, j] from i to j.
    # Returns -1 if some state can be reached in each frame.
    n_frames, n_states = scores.shape
    reached = np.zeros(n_states, scores.dtype)
    top = scores.dtype.type(0)
    for t in range(n_frames):
        if t > 0:
            _reach(scores, t - 1, 0, transition, reached, True)
            for i in range(LANES, n_states, LANES):
                _reach(scores, t - 1, i, transition, reached, False)
        top = _add(scores, t, reached, top)
        if top == -np.inf:
            return t
    return -1


@njit(**_COMPILE)
def backward(scores, origins, path):
    """Write the best path, given what :func:`forward` left in ``scores``."""
    # origins: (n_states, n_states), [j, i] from i to j: the transposed transition.
    # path: (n_frames,), int64.
    n_frames, n_states = scores.shape
    arrived = np.empty(n_states, scores.dtype)
    path[-1] = _first(scores[-1], _largest(scores[-1]))
    for t in range(n_frames - 1, 0, -1):
        previous, steps = scores[t - 1], origins[path[t]]
        for i in range(n_states):
            arrived[i] = previous[i] + steps[i]
        path[t - 1] = _first(arrived, _largest(arrived))


@njit(**_COMPILE)
def forward_shared(scores, stay, leave, enter, highest):
    """Do as :func:`forward` where a switch from i to j scores leave[i] + enter[j]."""
    # The best state to switch from is then the same for all others, so that a frame
    # takes n_states steps. That a state can't switch to itself matters only where that
    # would score more than staying.
    # stay, leave, enter: (n_states,). highest: (n_frames,), filled with the log score
    # of the best state to leave.
    n_frames, n_states = scores.shape
    left, reached = np.empty(n_states, scores.dtype), np.zeros(n_states, scores.dtype)
    staying_is_best = np.all(stay >= leave + enter)
    top = scores.dtype.type(0)
    for t in range(n_frames):
        if t > 0:
            best = scores.dtype.type(-np.inf)
            for i in range(n_states):
                left[i] = scores[t - 1, i] + leave[i]
                best = max(best, left[i])
            highest[t - 1] = best
            for j in range(n_states):
                reached[j] = max(scores[t - 1, j] + stay[j], best + enter[j])
            if not staying_is_best:
                j = _first(left, best)
                left[j] = -np.inf
                switched = _largest(left) + enter[j]
                reached[j] = max(scores[t - 1, j] + stay[j], switched)
        top = _add(scores, t, reached, top)
        if top == -np.inf:
            return t
    return -1


@njit(**_COMPILE)
def backward_shared(scores, stay, leave, enter, highest, path):
    """Write the best path, given what :func:`forward_shared` left in its arrays."""
    # Where staying is better than any switch, the other states aren't looked at.
    n_frames, n_states = scores.shape
    left = np.empty(n_states, scores.dtype)
    path[-1] = _first(scores[-1], _largest(scores[-1]))
    for t in range(n_frames - 1, 0, -1):
        state, previous = path[t], scores[t - 1]
        path[t - 1] = state
        stayed = previous[state] + stay[state]
        if stayed > highest[t - 1] + enter[state]:
            continue
        for i in range(n_states):
            left[i] = previous[i] + leave[i]
        left[state] = -np.inf
        top = _largest(left)
        switched, other = top + enter[state], _first(left, top)
        if switched > stayed or (switched == stayed and other < state):
            path[t - 1] = other


@njit(inline="always", **_COMPILE)
def _reach(scores, t, i, transition, reached, first):
    """Maximise ``reached`` over the sixteen source states from i on, in frame t."""
    # Spelt out, because a loop over them isn't vectorised. The ``first`` sixteen
    # overwrite ``reached``.
    n_states = len(reached)
    a0, a1 = scores[t, i], scores[t, i + 1]
    a2, a3 = scores[t, i + 2], scores[t, i + 3]
    b0, b1 = scores[t, i + 4], scores[t, i + 5]
    b2, b3 = scores[t, i + 6], scores[t, i + 7]
    c0, c1 = scores[t, i + 8], scores[t, i + 9]
    c2, c3 = scores[t, i + 10], scores[t, i + 11]
    d0, d1 = scores[t, i + 12], scores[t, i + 13]
    d2, d3 = scores[t, i + 14], scores[t, i + 15]
    for j in range(n_states):
        a01 = max(a0 + transition[i, j], a1 + transition[i + 1, j])
        a23 = max(a2 + transition[i + 2, j], a3 + transition[i + 3, j])
        b01 = max(b0 + transition[i + 4, j], b1 + transition[i + 5, j])
        b23 = max(b2 + transition[i + 6, j], b3 + transition[i + 7, j])
        c01 = max(c0 + transition[i + 8, j], c1 + transition[i + 9, j])
        c23 = max(c2 + transition[i + 10, j], c3 + transition[i + 11, j])
        d01 = max(d0 + transition[i + 12, j], d1 + transition[i + 13, j])
        d23 = max(d2 + transition[i + 14, j], d3 + transition[i + 15, j])
        ab, cd = (
            max(max(a01, a23), max(b01, b23)),
            max(max(c01, c23), max(d01, d23)),
        )
        best = max(ab, cd)
        reached[j] = best if first else max(reached[j], best)


@njit(inline="always", **_COMPILE)
def _add(scores, t, reached, top):
    """Add ``reached - top`` to the scores of frame t; return the largest sum."""
    largest = scores.dtype.type(-np.inf)
    for j in range(len(reached)):
        score = scores[t, j] + (reached[j] - top)
        scores[t, j] = score
        largest = max(largest, score)
    return largest


@njit(**_COMPILE)
def _largest(values):
    """Return the largest value."""
    top = values[0]
    for value in values:
        top = max(top, value)
    return top


@njit(**_COMPILE)
def _first(values, value):
    """Return the index of the first occurrence of a value."""
    place = 0
    while values[place] != value:
        place += 1
    return place
