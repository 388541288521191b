"""Viterbi decoding of many chains of two states, such as the notes of a piano."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepmir._errors import refuse_masked
from skdeepmir.decoding._viterbi import as_scores
from skdeepmir.frames import as_sequence, holds_clips


def viterbi_binary(log_odds: Any, *, p_start: Any, p_on: Any, p_off: Any) -> Any:
    """Find the best path of each of many chains that are on or off.

    Each note of a piano sounds or not; a chain of two states for each makes a
    classifier of frames steadier [1]_.

    Parameters
    ----------
    log_odds : array-like of shape (n_frames, n_notes), or list of them
        Log of P(frame | on) / P(frame | off), for each note by itself. Of a classifier
        that was trained on frames as they come, the logit, less the logit of how often
        the note is on. Infinite values are certain. A list of arrays (or a 3-D array)
        holds one song each. All is computed in float64.
    p_start : float, or array-like of shape (n_notes,)
        Probability to be on in the first frame.
    p_on, p_off : float, or array-like of shape (n_notes,)
        Probability to be on after a frame that is off, and to be off after one that is
        on. See :func:`binary_transitions`.

    Returns
    -------
    path : ndarray of shape (n_frames, n_notes), dtype=bool, or list of them
        Whether each note is on; a list if ``log_odds`` holds several songs.

    Raises
    ------
    ValueError
        If shapes don't fit, a value is NaN, a probability isn't between 0 and 1, or no
        path is possible; the message names the song, the frame and the note.

    See Also
    --------
    viterbi : For one chain of any number of states.
    binary_transitions : The probabilities, from examples.

    Notes
    -----
    The paths are those that :func:`viterbi` finds for each note: of equal ones that
    which is off last, and so on. All notes are decoded at once, in a time that is
    proportional to n_frames * n_notes.

    References
    ----------
    .. [1] G. E. Poliner and D. P. W. Ellis, "A discriminative model for polyphonic
       piano transcription", EURASIP Journal on Advances in Signal Processing, 2007.

    Examples
    --------
    The first note is held over a doubtful frame; the second never sounds:

    >>> import numpy as np
    >>> from skdeepmir.decoding import viterbi_binary
    >>> log_odds = np.array([[-3.0, -3.0], [4.0, -3.0], [-0.5, 0.5], [4.0, -3.0]])
    >>> (log_odds > 0).astype(int).T
    array([[0, 1, 0, 1],
           [0, 0, 1, 0]])
    >>> path = viterbi_binary(log_odds, p_start=0.1, p_on=0.1, p_off=0.2)
    >>> path.astype(int).T
    array([[0, 1, 1, 1],
           [0, 0, 0, 0]])
    """
    several = holds_clips(log_odds)
    items = as_sequence(log_odds) if several else [log_odds]
    chances = {"p_start": p_start, "p_on": p_on, "p_off": p_off}
    paths = [
        _path(item, f"log_odds of song {i}" if several else "log_odds", chances)
        for i, item in enumerate(items)
    ]
    return paths if several else paths[0]


def _path(item: Any, name: str, chances: dict[str, Any]) -> np.ndarray:
    from skdeepmir.decoding import _binary_kernel as kernel

    odds = as_scores(item, name, "n_notes").astype(np.float64, copy=False)
    if np.isnan(odds).any():
        frame, note = np.argwhere(np.isnan(odds))[0]
        raise ValueError(
            f"{name} is NaN in frame {frame} for note {note}; expected numbers, or "
            "inf where it is certain."
        )
    n_notes = odds.shape[1]
    start, on, off = (_check_chance(*each, n_notes) for each in chances.items())
    with np.errstate(divide="ignore"):  # log(0) is -inf
        steps = np.log1p(-on), np.log(on), np.log(off), np.log1p(-off)
        lead = np.log(start) - np.log1p(-start)
    impossible, free = np.full(n_notes, -np.inf), np.zeros(n_notes)
    path = np.empty(odds.shape, np.uint8)
    kernel.forward_binary(odds[:1], free, impossible, impossible, free, lead, path[:1])
    kernel.forward_binary(odds[1:], *steps, lead, path[1:])
    if path.max() >= kernel.BLOCKED:
        frame, note = np.argwhere(path >= kernel.BLOCKED)[0]
        raise ValueError(
            f"No path through {name} is possible for note {note}: it can be neither on "
            f"nor off in frame {frame}. Use finite log odds, or probabilities between "
            "0 and 1, such as those of binary_transitions with a smoothing above 0."
        )
    kernel.backward_binary(path, (lead > 0).astype(np.uint8))
    return path.view(bool)


def _check_chance(name: str, value: Any, n_notes: int) -> np.ndarray:
    """Return a probability for each note, or raise if there is none."""
    refuse_masked(name, value, "note")
    try:
        chance = np.asarray(value)
    except ValueError as error:  # lists of unequal lengths
        raise ValueError(f"{name}: {error}; expected one array.") from error
    if chance.dtype.kind not in "iuf":
        raise ValueError(f"{name}={value!r}; expected a probability, from 0 to 1.")
    chance = chance.astype(np.float64)
    if chance.ndim > 0 and chance.shape != (n_notes,):
        raise ValueError(
            f"{name} has shape {chance.shape}; expected a number, or ({n_notes},), one "
            "for each note of log_odds."
        )
    wrong = ~((chance >= 0) & (chance <= 1))
    if wrong.any():
        place = f"{name}[{wrong.argmax()}]" if chance.ndim else name
        raise ValueError(
            f"{place} is {chance[wrong].flat[0]}; expected a probability, from 0 to 1."
        )
    return np.full(n_notes, chance)
