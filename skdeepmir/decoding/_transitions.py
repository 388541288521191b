"""Transition probabilities, estimated from labelled sequences."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np

from skdeepmir._errors import refuse_masked


def estimate_transitions(
    sequences: Iterable[Any],
    n_states: int,
    *,
    smoothing: float = 1.0,
    transpositions: Any = None,
) -> np.ndarray:
    """Estimate transition probabilities from labelled sequences.

    Parameters
    ----------
    sequences : list of array-like of shape (n_frames_i,)
        The state of each frame, from 0 to ``n_states - 1``, or -1 where it isn't known:
        steps from and to such frames aren't counted.
    n_states : int
        Number of states.
    smoothing : float, default=1.0
        Added to the count of each step, so that those that don't occur are not
        impossible. 1 is Laplace's rule.
    transpositions : array-like of shape (n_shifts, n_states), default=None
        [k, i] is state i moved k steps up, such as the 12 rows of
        ``skdeepmir.chords.transposition_table``. Each sequence is then counted in all
        transpositions, so that the estimate is the same in all keys. Each step then
        counts n_shifts times; choose ``smoothing`` accordingly.

    Returns
    -------
    transition : ndarray of shape (n_states, n_states), dtype=float64
        [i, j] is the probability that j follows i. Rows sum to 1.

    Raises
    ------
    ValueError
        If a sequence doesn't consist of states, ``transpositions`` isn't a table of
        rotations, or a state has no successor and ``smoothing`` is 0.

    Examples
    --------
    >>> from skdeepmir.decoding import estimate_transitions
    >>> estimate_transitions([[0, 0, 0, 1, 1], [1, 0, -1, 1]], 2)
    array([[0.6, 0.4],
           [0.5, 0.5]])
    """
    _check_estimate(n_states, smoothing)
    flat = np.zeros(n_states * n_states)
    for sequence in _check_sequences(sequences, n_states):
        known = (sequence[:-1] >= 0) & (sequence[1:] >= 0)
        steps = sequence[:-1][known] * n_states + sequence[1:][known]
        flat += np.bincount(steps, minlength=n_states * n_states)
    counts = flat.reshape(n_states, n_states)
    if transpositions is not None:
        table = _check_transpositions(transpositions, n_states)
        counts = np.sum([counts[np.ix_(row, row)] for row in table], axis=0)
    counts += smoothing
    lost = np.flatnonzero(counts.sum(axis=1) == 0)
    if len(lost):
        raise ValueError(
            f"The sequences have no step from state {lost[0]} (nor from "
            f"{len(lost) - 1} others), so its transitions can't be estimated with "
            "smoothing=0. Pass a smoothing above 0."
        )
    return counts / counts.sum(axis=1, keepdims=True)


def binary_transitions(
    rolls: Iterable[Any], *, smoothing: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Estimate how chains of two states, on and off, begin and switch.

    Parameters
    ----------
    rolls : list of array-like of shape (n_frames_i, n_notes)
        Whether each note is on in each frame: bools, or 0 and 1. At least one roll has
        a frame.
    smoothing : float, default=1.0
        As if each note had begun to be on, been switched on and been switched off so
        many times more, after as many frames as all notes together take for it. Notes
        that are seldom on, or never, are then like the others, and nothing is
        impossible. 0 counts each note alone.

    Returns
    -------
    p_start, p_on, p_off : ndarray of shape (n_notes,), dtype=float64
        For :func:`viterbi_binary`.

    Raises
    ------
    ValueError
        If a roll has other values or another number of notes than the first, none has a
        frame, or a note is never on (or always) and ``smoothing`` is 0.

    See Also
    --------
    skdeepmir.decoding.viterbi_binary : The most likely path.

    Examples
    --------
    The second note is on for a single frame:

    >>> import numpy as np
    >>> from skdeepmir.decoding import binary_transitions
    >>> roll = np.array([[0, 1, 1, 1, 1, 0, 0, 1], [0, 0, 0, 1, 0, 0, 0, 0]]).T
    >>> binary_transitions([roll], smoothing=0)[2]
    array([0.25, 1.  ])
    >>> p_start, p_on, p_off = binary_transitions([roll])
    >>> p_off.round(2)
    array([0.32, 0.6 ])
    """
    _check_smoothing(smoothing)
    switches, chances = _count_binary(rolls)  # (3, n_notes): starts, on, off
    for name, found, tried in zip(
        ("p_start", "p_on", "p_off"), switches, chances, strict=True
    ):
        if smoothing > 0:
            common = (found.sum() + smoothing) / (tried.sum() + 2 * smoothing)
            found += smoothing
            tried += smoothing / common
        elif not tried.all():
            state = "off" if name == "p_on" else "on"
            raise ValueError(
                f"Note {tried.argmin()} is never {state} before another frame, so its "
                f"{name} can't be estimated with smoothing=0. Pass a smoothing above 0."
            )
    p_start, p_on, p_off = switches / chances
    return p_start, p_on, p_off


def _count_binary(rolls: Iterable[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return how often each note began on and switched, and how often it could have."""
    counts: list[Any] = []
    n_notes = None
    for i, item in enumerate(rolls):
        refuse_masked(f"roll {i}", item, "frame")
        roll = np.asarray(item)
        if roll.ndim != 2 or (roll.shape[1] != n_notes and n_notes is not None):
            columns = "n_notes" if n_notes is None else f"{n_notes} notes"
            raise ValueError(
                f"roll {i} has shape {roll.shape}; expected (n_frames, {columns}). A "
                "single roll is passed as [roll]."
            )
        n_notes, on = roll.shape[1], as_bools(roll, f"roll {i}")
        before, after = on[:-1], on[1:]
        switches = on[:1], after & ~before, before & ~after
        chances = np.ones_like(on[:1]), ~before, before
        counts.append(
            [[each.sum(axis=0) for each in side] for side in (switches, chances)]
        )
    total = np.asarray(np.sum(counts, axis=0, dtype=np.float64))
    if not total.any():
        raise ValueError(
            f"rolls has {len(counts)} rolls without a frame; expected at least one of "
            "shape (n_frames, n_notes)."
        )
    return total[0], total[1]


def as_bools(roll: np.ndarray, name: str) -> np.ndarray:
    """Return which notes are on in which frames, or raise if a value is not 0 or 1."""
    on = roll == 1
    strange = np.argwhere(~on & (roll != 0))
    if len(strange):
        frame, note = strange[0]
        raise ValueError(
            f"{name} has {roll[frame, note]} in frame {frame} for note {note}; "
            "expected 0 or 1, or bools. Pass roll > 0 for velocities."
        )
    return on


def scale_self_transition(transition: Any, factor: float) -> np.ndarray:
    """Make staying in a state more or less likely.

    Parameters
    ----------
    transition : array-like of shape (n_states, n_states)
        [i, j] is the probability (or weight) that j follows i.
    factor : float
        Factor for the odds of staying against leaving in each state, above 0. 1 changes
        nothing; larger factors give fewer and longer segments.

    Returns
    -------
    scaled : ndarray of shape (n_states, n_states), dtype=float64
        The transitions with the diagonal multiplied and rows that sum to 1. Off the
        diagonal, proportions are kept.

    Raises
    ------
    ValueError
        If the matrix isn't square, has a negative, infinite or NaN weight or a row of
        zeros, or the factor isn't above 0.

    Examples
    --------
    The odds of staying go from 1:1 to 3:1 in state 0, from 4:1 to 12:1 in state 1:

    >>> from skdeepmir.decoding import scale_self_transition
    >>> scale_self_transition([[0.5, 0.5], [0.2, 0.8]], 3).round(3)
    array([[0.75 , 0.25 ],
           [0.077, 0.923]])
    """
    weights = check_square("transition", np.array(transition, dtype=np.float64))
    if not (isinstance(factor, Real) and 0 < factor < np.inf):
        raise ValueError(
            f"The factor for staying (self_transition) is {factor!r}; expected a "
            "number above 0, 1 to change nothing."
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(
            "transition has weights that are negative, infinite or NaN; expected "
            "probabilities, not their logarithms."
        )
    empty = np.flatnonzero(weights.sum(axis=1) == 0)
    if len(empty):
        raise ValueError(
            f"Row {empty[0]} of transition is all 0; expected at least one successor "
            "of each state."
        )
    weights[np.diag_indices_from(weights)] *= factor
    return weights / weights.sum(axis=1, keepdims=True)


def check_square(name: str, matrix: np.ndarray) -> np.ndarray:
    """Return a matrix of steps between states, or raise if it can't be one."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(
            f"{name} has shape {matrix.shape}; expected (n_states, n_states)."
        )
    return matrix


def _check_estimate(n_states: Any, smoothing: Any) -> None:
    if not isinstance(n_states, Integral) or n_states < 1:
        raise ValueError(f"n_states={n_states!r}; expected a whole number above 0.")
    _check_smoothing(smoothing)


def _check_smoothing(smoothing: Any) -> None:
    if not (isinstance(smoothing, Real) and 0 <= float(smoothing) < np.inf):
        raise ValueError(f"smoothing={smoothing!r}; expected a number, 0 or above.")


def _check_sequences(sequences: Iterable[Any], n_states: int) -> list[np.ndarray]:
    return [_check_sequence(s, i, n_states) for i, s in enumerate(sequences)]


def _check_sequence(sequence: Any, number: int, n_states: int) -> np.ndarray:
    states = np.asarray(sequence)
    if states.ndim != 1 or (states.size and states.dtype.kind not in "iu"):
        raise ValueError(
            f"sequence {number} has shape {states.shape} and dtype {states.dtype}; "
            "expected whole numbers of shape (n_frames,). A single sequence is passed "
            "as [sequence]."
        )
    strange = np.flatnonzero((states < -1) | (states >= n_states))
    if len(strange):
        raise ValueError(
            f"sequence {number} has {states[strange[0]]} in frame {strange[0]}; "
            f"expected states from 0 to n_states - 1 = {n_states - 1}, or -1 where "
            "unknown."
        )
    return states.astype(np.int64)


def _check_transpositions(transpositions: Any, n_states: int) -> np.ndarray:
    """Return the table, or raise if its rows aren't the powers of one rotation."""
    table = np.asarray(transpositions)
    if table.ndim != 2 or table.shape[1] != n_states or table.dtype.kind not in "iu":
        raise ValueError(
            f"transpositions has shape {table.shape} and dtype {table.dtype}; expected "
            f"whole numbers of shape (n_shifts, n_states = {n_states})."
        )
    expected = np.arange(n_states)
    for k, row in enumerate(table):
        if not np.array_equal(row, expected):
            raise ValueError(
                f"Row {k} of transpositions isn't {k} steps of row 1; expected row 0 "
                "to leave each state where it is, and each row to go one step further."
            )
        expected = table[1 % len(table)][row]
    if not np.array_equal(expected, np.arange(n_states)):
        raise ValueError(
            f"The {len(table)} rows of transpositions don't lead back to the first; "
            "expected all steps of an octave."
        )
    return table
