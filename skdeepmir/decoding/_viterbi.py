"""Viterbi decoding, for scores that depend at most on the previous state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skdeepmir._errors import refuse_masked
from skdeepmir.decoding._transitions import check_square
from skdeepmir.frames import as_sequence, holds_clips


def viterbi(
    log_prob: Any,
    log_transition: Any,
    log_initial: Any = None,
    *,
    return_score: bool = False,
) -> Any:
    """Find the best path of states with the Viterbi algorithm.

    Parameters
    ----------
    log_prob : array-like of shape (n_frames, n_states), or list of them
        Log score of each state in each frame, such as the logits of a net; -inf for an
        impossible state. Neither the scores of a frame nor the transitions need to be
        normalised. A list of arrays (or a 3-D array) holds one song each, all decoded
        with the same transitions. Songs in float32 are decoded in float32, others in
        float64.
    log_transition : array-like of shape (n_states, n_states)
        Log score of each step, [i, j] from state i to state j; -inf for an impossible
        step. See :func:`estimate_transitions`.
    log_initial : array-like of shape (n_states,), default=None
        Log score of starting in each state. None adds nothing.
    return_score : bool, default=False
        Whether to return the total log score of the path as well.

    Returns
    -------
    path : ndarray of shape (n_frames,), dtype=int64, or list of them
        The state of each frame; a list if ``log_prob`` holds several songs.
    score : float, or ndarray of shape (n_songs,)
        Sum of all log scores along the path, in float64; only with ``return_score``.

    Raises
    ------
    ValueError
        If shapes don't fit, a value is NaN or +inf (or near the end of the floating
        point numbers), or no path is possible; the message names the song, the frame
        and the state.

    See Also
    --------
    beam_search : For scores that depend on all earlier states.

    Notes
    -----
    Of paths with equal scores, the one whose last state is lowest is returned, then
    whose last but one is, and so on. In float32 the result is exact up to rounding of
    differences to the best state of the previous frame, which don't grow with the
    length of the song.

    The time is proportional to n_frames * n_states**2. If all switches from a state
    cost the same, or all switches to a state (whatever staying costs), it is
    proportional to n_frames * n_states.

    Examples
    --------
    Frame 2 looks like state 1, but not enough for two switches:

    >>> import numpy as np
    >>> from skdeepmir.decoding import viterbi
    >>> prob = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.8, 0.2]])
    >>> transition = np.array([[0.8, 0.2], [0.2, 0.8]])
    >>> prob.argmax(axis=1)
    array([0, 0, 1, 0])
    >>> viterbi(np.log(prob), np.log(transition))
    array([0, 0, 0, 0])
    >>> path, score = viterbi(np.log(prob), np.log(transition), return_score=True)
    >>> round(float(np.exp(score)), 4)
    0.118
    """
    several = holds_clips(log_prob)
    items = as_sequence(log_prob) if several else [log_prob]
    names = ["log_prob"]
    if several:
        names = [f"log_prob of song {i}" for i in range(len(items))]
    songs = [as_scores(item, name) for item, name in zip(items, names, strict=True)]
    dtype = np.result_type(*{song.dtype for song in songs})
    transition = _check_transition_scores(log_transition, dtype)
    initial = _check_initial_scores(log_initial, len(transition), dtype)
    find_path = _path_finder(transition, initial)
    paths = [find_path(song, name) for song, name in zip(songs, names, strict=True)]
    if not return_score:
        return paths if several else paths[0]
    scores = [
        _score_of(path, song, log_transition, log_initial)
        for path, song in zip(paths, songs, strict=True)
    ]
    return (paths, np.array(scores)) if several else (paths[0], scores[0])


def as_scores(song: Any, name: str, columns: str = "n_states") -> np.ndarray:
    """Return a song as a matrix, in float32 or float64."""
    refuse_masked(name, song, "frame")
    scores = np.asarray(song)
    if scores.ndim != 2 or 0 in scores.shape:
        raise ValueError(
            f"{name} has shape {scores.shape}; expected (n_frames, {columns}), both "
            "at least 1. Pass several songs as a list of such arrays."
        )
    narrow = scores.dtype in (np.float16, np.float32)
    return scores.astype(np.float32 if narrow else np.float64, copy=False)


def _check_transition_scores(log_transition: Any, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):  # far below what float32 can hold is -inf
        transition = np.asarray(log_transition).astype(dtype)
    check_square("log_transition", transition)
    _check_values(transition, "log_transition")
    return transition


def _check_initial_scores(
    log_initial: Any, n_states: int, dtype: np.dtype
) -> np.ndarray:
    if log_initial is None:
        return np.zeros(n_states, dtype)
    with np.errstate(over="ignore"):
        initial = np.asarray(log_initial).astype(dtype)
    if initial.shape != (n_states,):
        raise ValueError(
            f"log_initial has shape {initial.shape}; expected ({n_states},), one score "
            "for each state of log_transition."
        )
    _check_values(initial, "log_initial")
    return initial


def _check_values(scores: np.ndarray, name: str) -> None:
    """Refuse NaN, +inf, and what could become +inf where three scores are added."""
    fits = scores < np.finfo(scores.dtype).max / 4
    if not fits.all():
        place = tuple(int(i) for i in np.argwhere(~fits)[0])
        raise ValueError(
            f"{name} has {scores[place]} at index {place}; expected log scores, which "
            "are finite or -inf."
        )


def _path_finder(
    transition: np.ndarray, initial: np.ndarray
) -> Callable[[np.ndarray, str], np.ndarray]:
    """Return a function from the log scores of a song, and its name, to its path."""
    from skdeepmir.decoding import _kernel as kernel

    n_states, dtype = len(transition), transition.dtype
    n_padded = n_states + -n_states % kernel.LANES
    shared = _shared_switches(transition)
    if shared is None:
        steps = _pad(transition, n_padded)
        origins = np.ascontiguousarray(steps.T)
    else:
        shared = tuple(_pad(scores, n_padded) for scores in shared)

    def find_path(song: np.ndarray, name: str) -> np.ndarray:
        if song.shape[1] != n_states:
            raise ValueError(
                f"{name} has {song.shape[1]} states, but log_transition has "
                f"{n_states}; expected the same states in the same order."
            )
        scores = np.empty((len(song), n_padded), dtype)
        scores[:, :n_states], scores[:, n_states:] = song, -np.inf
        _check_values(scores, name)
        scores[0, :n_states] += initial
        path = np.empty(len(song), np.int64)
        if shared is None:
            _check_reachable(kernel.forward(scores, steps), name)
            kernel.backward(scores, origins, path)
        else:
            highest = np.empty(len(song), dtype)
            blocked = kernel.forward_shared(scores, *shared, highest)
            _check_reachable(blocked, name)
            kernel.backward_shared(scores, *shared, highest, path)
        return path

    return find_path


def _pad(scores: np.ndarray, n_padded: int) -> np.ndarray:
    """Pad each axis at its end with impossible states."""
    padded = np.full((n_padded,) * scores.ndim, -np.inf, scores.dtype)
    padded[tuple(slice(n) for n in scores.shape)] = scores
    return padded


def _shared_switches(transition: np.ndarray) -> tuple[np.ndarray, ...] | None:
    """Return the scores of staying, leaving and entering, if switches share them."""
    # They do if all switches from a state score the same, or all switches to a state.
    n_states = len(transition)
    if n_states == 1:
        return None
    stay, free = np.diag(transition).copy(), np.zeros(n_states, transition.dtype)
    leave = _off_diagonal_of_rows(transition)
    if leave is not None:
        return stay, leave, free
    enter = _off_diagonal_of_rows(transition.T)
    return None if enter is None else (stay, free, enter)


def _off_diagonal_of_rows(matrix: np.ndarray) -> np.ndarray | None:
    """Return the off-diagonal value of each row, if each row has only one."""
    rows = np.arange(len(matrix))
    values = matrix[rows, np.where(rows == 0, 1, 0)]
    same = matrix == values[:, np.newaxis]
    np.fill_diagonal(same, True)
    return values if same.all() else None


def _check_reachable(blocked: int, name: str) -> None:
    if blocked >= 0:
        raise ValueError(
            f"No path through {name} is possible: no state can be reached in frame "
            f"{blocked}. Each has a log score of -inf there, or no finite transition "
            "leads to it. Use finite scores, such as transitions estimated with a "
            "smoothing above 0."
        )


def _score_of(
    path: np.ndarray, song: np.ndarray, log_transition: Any, log_initial: Any
) -> float:
    """Return the sum of all log scores along a path."""
    steps = np.asarray(log_transition)[path[:-1], path[1:]]
    score = song[np.arange(len(path)), path].sum(dtype=np.float64)
    score += steps.sum(dtype=np.float64)
    if log_initial is not None:
        score += np.asarray(log_initial)[path[0]]
    return float(score)
