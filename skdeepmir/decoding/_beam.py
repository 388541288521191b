"""Beam search, for scores that depend on all earlier symbols."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np

Step = Callable[[int, np.ndarray, Any], tuple[Any, Any]]


def beam_search(
    step: Step,
    n_frames: int,
    *,
    beam_width: int = 10,
    per_symbol: int | None = None,
    state: Any = None,
    return_score: bool = False,
) -> Any:
    """Search for the best path of symbols where scores depend on all earlier ones.

    Such a model is a recurrent net that is given the last symbol [1]_: no table of
    transitions describes it, so the best path can't be found without trying all of
    them. The search keeps the best few from frame to frame.

    Parameters
    ----------
    step : callable
        ``step(t, previous, state) -> (log_prob, state)`` for frame t. ``previous`` is
        an int64 array of shape (n_beams,), the last symbol of each path that is kept
        (-1 for the one empty path at frame 0); ``log_prob`` of shape (n_beams,
        n_symbols) are the log scores of each next symbol, -inf for an impossible one.
        The returned ``state`` describes the same paths, in the same order; its rows are
        selected before the next call.
    n_frames : int
        Length of the path, at least 1.
    beam_width : int, default=10
        Number of paths to keep. 1 is greedy; n_symbols ** (n_frames - 1) is exact.
    per_symbol : int, default=None
        Largest number of kept paths that end in the same symbol. With 1 and a
        ``beam_width`` of n_symbols or more, the search is "dynamic-programming-like"
        [1]_: all paths end in different symbols, and the result is that of
        :func:`viterbi` if only the last symbol counts. None sets no limit.
    state : object, default=None
        State of the model for the one empty path before frame 0: an array or a tensor
        whose first axis is the paths (of length 1), a tuple of them, or None.
        PyTorch's recurrent layers keep the paths in the second axis of their states:
        transpose them.
    return_score : bool, default=False
        Whether to return the total log score of the path as well.

    Returns
    -------
    path : ndarray of shape (n_frames,), dtype=int64
        The best path that was found.
    score : float
        Sum of its log scores, in float64; only with ``return_score``.

    Raises
    ------
    TypeError
        If the state can't be indexed with an array of rows.
    ValueError
        If a number is out of range, ``step`` returns something of the wrong shape, NaN
        or +inf, or all paths are impossible; the message names the frame.

    See Also
    --------
    viterbi : Exact, where only the last symbol counts.

    Notes
    -----
    Of paths with equal scores, those are preferred whose earlier part ranked higher,
    then those with the lower symbol.

    References
    ----------
    .. [1] N. Boulanger-Lewandowski, Y. Bengio and P. Vincent. Audio chord recognition
       with recurrent neural networks. ISMIR 2013.

    Examples
    --------
    A model that slightly prefers 0, and prefers earlier symbols even more. The state
    counts how often each symbol occurred:

    >>> import numpy as np
    >>> from skdeepmir.decoding import beam_search
    >>> def step(t, previous, counts):
    ...     if t > 0:
    ...         counts = counts + np.eye(3)[previous]
    ...     return np.array([0.1, 0.0, 0.0]) + counts * [1, 2, 1], counts
    >>> beam_search(step, 4, beam_width=1, state=np.zeros((1, 3)))
    array([0, 0, 0, 0])
    >>> beam_search(step, 4, beam_width=3, state=np.zeros((1, 3)))
    array([1, 1, 1, 1])
    """
    for name, value in (
        ("n_frames", n_frames),
        ("beam_width", beam_width),
        ("per_symbol", 1 if per_symbol is None else per_symbol),
    ):
        _check_count(name, value)
    ends, totals = np.array([-1], np.int64), np.zeros(1)
    history = []
    n_symbols = None
    for t in range(n_frames):
        log_prob, state = step(t, ends, state)
        log_prob = _check_step(log_prob, len(ends), n_symbols, t)
        n_symbols = log_prob.shape[1]
        totals = totals[:, np.newaxis] + log_prob
        kept = _best_candidates(totals, beam_width, per_symbol)
        if not len(kept):
            raise ValueError(
                f"All paths are impossible from frame {t} on: every log score that "
                "step returned is -inf. Give at least one symbol a finite score."
            )
        parents, ends = np.divmod(kept, n_symbols)
        totals = totals[parents, ends]
        history.append((parents, ends))
        if t + 1 < n_frames:
            state = _take_rows(state, parents, len(log_prob), t)
    path = _trace_back(history)
    return (path, float(totals[0])) if return_score else path


def _check_count(name: str, value: Any) -> None:
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name}={value!r}; expected a whole number of 1 or more.")


def _check_step(
    log_prob: Any, n_paths: int, n_symbols: int | None, t: int
) -> np.ndarray:
    """Return the log scores of a step in float64, (n_paths, n_symbols)."""
    scores = np.asarray(log_prob, dtype=np.float64)
    expected = (n_paths, n_symbols or max(1, scores.shape[-1] if scores.ndim else 0))
    if scores.shape != expected:
        raise ValueError(
            f"step returned log scores of shape {scores.shape} at frame {t}; expected "
            f"({n_paths}, {n_symbols or 'n_symbols'}), one row for each path."
        )
    if not (scores < np.inf).all():
        raise ValueError(
            f"step returned NaN or +inf at frame {t}; expected log scores, which are "
            "finite or -inf."
        )
    return scores


def _best_candidates(
    totals: np.ndarray, beam_width: int, per_symbol: int | None
) -> np.ndarray:
    """Return flat indices of the best scores, best first, ties in row-major order."""
    if per_symbol is not None and per_symbol < len(totals):
        totals = _best_of_columns(totals, per_symbol)
    flat = totals.ravel()
    candidates = np.flatnonzero(flat > -np.inf)
    if beam_width < len(candidates):
        worst = np.partition(flat, -beam_width)[-beam_width]
        candidates = np.flatnonzero(flat >= worst)
    order = np.argsort(-flat[candidates], kind="stable")
    return candidates[order[:beam_width]]


def _best_of_columns(totals: np.ndarray, n_best: int) -> np.ndarray:
    """Return the matrix with -inf in place of all but the best of each column."""
    if n_best == 1:
        rows = totals.argmax(axis=0)[np.newaxis]
    else:
        rows = np.argsort(-totals, axis=0, kind="stable")[:n_best]
    best = np.full_like(totals, -np.inf)
    np.put_along_axis(best, rows, np.take_along_axis(totals, rows, axis=0), axis=0)
    return best


def _take_rows(state: Any, rows: np.ndarray, n_paths: int, t: int) -> Any:
    """Return the state of the paths that the kept ones continue."""
    if state is None:
        return None
    if isinstance(state, tuple):
        return tuple(_take_rows(item, rows, n_paths, t) for item in state)
    if isinstance(state, list | dict) or not hasattr(state, "__getitem__"):
        raise TypeError(
            f"step returned a state of type {type(state).__name__} at frame {t}; "
            "expected an array or a tensor whose first axis is the paths, a tuple of "
            "them, or None."
        )
    if hasattr(state, "__len__") and len(state) != n_paths:
        raise ValueError(
            f"step returned a state of length {len(state)} at frame {t}; expected "
            f"{n_paths}, one for each path."
        )
    return state[rows]


def _trace_back(history: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the best path of the last frame from its end to its beginning."""
    path = np.empty(len(history), dtype=np.int64)
    place = 0
    for t in range(len(history) - 1, -1, -1):
        parents, ends = history[t]
        path[t] = ends[place]
        place = parents[place]
    return path
