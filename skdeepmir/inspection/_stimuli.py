"""The excerpts of clips that drive a unit most: ``top_stimuli``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from skdeepmir._errors import is_number
from skdeepmir._frame_rates import FrameClock
from skdeepmir._units import UnitLayer
from skdeepmir.frames import ClipsLike
from skdeepmir.inspection._layers import (
    Answers,
    Units,
    chosen_units,
    find_units,
    is_single,
    unit_answers,
)


@dataclass(frozen=True)
class TopStimuli:
    """The excerpts that drive a unit most, one of a clip, the best first.

    Attributes
    ----------
    layer, unit, unit_name : str, int, str
        Which unit.
    clips : ndarray of shape (n,), int
        Numbers of the clips.
    answers : ndarray of shape (n,), float64
        The largest answer of the unit to each.
    first_frames, end_frames : ndarray of shape (n,), int
        First frame of each excerpt, and the one after its last, as the net sees them.
    starts, ends : ndarray of shape (n,), float64, or None
        The same in seconds; None where nothing tells the frames per second.
    excerpts : list of ndarray of shape (n_frames_i, n_features)
        The frames, as the net sees them.
    """

    layer: str
    unit: int
    unit_name: str
    clips: NDArray[np.intp]
    answers: NDArray[np.float64]
    first_frames: NDArray[np.intp]
    end_frames: NDArray[np.intp]
    starts: NDArray[np.float64] | None
    ends: NDArray[np.float64] | None
    excerpts: list[NDArray[Any]]

    def __len__(self) -> int:
        """Return the number of excerpts."""
        return len(self.clips)


@overload
def top_stimuli(
    estimator: Any,
    clips: ClipsLike,
    unit: int | str,
    n: int = 48,
    *,
    layer: int | str = -1,
    frame_rate: float | None = None,
    min_length: float = 0.0,
    verbose: bool = True,
) -> TopStimuli: ...
@overload
def top_stimuli(
    estimator: Any,
    clips: ClipsLike,
    unit: Sequence[int | str],
    n: int = 48,
    *,
    layer: int | str = -1,
    frame_rate: float | None = None,
    min_length: float = 0.0,
    verbose: bool = True,
) -> list[TopStimuli]: ...
def top_stimuli(
    estimator: Any,
    clips: ClipsLike,
    unit: Any,
    n: int = 48,
    *,
    layer: int | str = -1,
    frame_rate: float | None = None,
    min_length: float = 0.0,
    verbose: bool = True,
) -> TopStimuli | list[TopStimuli]:
    """Find the excerpts of clips that drive a unit most, as Le et al. (2012) did [1]_.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted learner or net, or a pipeline that holds one (its last step that has
        units), whose steps before make what the net sees of the clips: audio, where it
        begins with an extractor; one row, where a pooler sums a clip up.
    clips : list, ndarray of 3 dimensions, or array-like of 2 dimensions
        Clips as the estimator takes them; others than it was fitted to are the honest
        choice. One is in memory at a time.
    unit : int, str, or sequence of these
        Number or name of the unit (see :func:`list_layers`), or several, for which the
        clips are read twice only.
    n : int, default=48
        Most excerpts, as in [1]_: one of a clip.
    layer : int or str, default=-1
        Number of the layer, negative from the top, or its name.
    frame_rate : float, default=None
        Frames per second of the clips, where no pipeline tells it.
    min_length : float, default=0.0
        Seconds to which shorter excerpts are widened, inside of their clips, so that
        they can be heard.
    verbose : bool, default=True
        Whether to show a progress bar where it takes longer than two seconds.

    Returns
    -------
    stimuli : TopStimuli or list of TopStimuli
        The excerpts: all frames that the unit sees (of nets that see whole clips, 20 to
        either side), the largest answer first; equal ones in the order of the clips.

    Raises
    ------
    TypeError
        If the estimator has no units.
    ValueError
        If a layer or unit is unknown, clips are not what the estimator takes, answers
        to them are NaN, or ``min_length`` is given where no seconds are known.

    See Also
    --------
    optimal_stimulus : What drives it most of all that could be.

    References
    ----------
    .. [1] Q. V. Le et al. Building high-level features using large scale unsupervised
       learning. ICML 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import DBNFeatureLearner
    >>> from skdeepmir.inspection import top_stimuli
    >>> clips = np.random.RandomState(0).rand(4, 20, 6)
    >>> learner = DBNFeatureLearner((5,), max_epochs=1, random_state=0).fit(clips)
    >>> stimuli = top_stimuli(learner, clips, 2, n=3, frame_rate=10.0)
    >>> len(stimuli), bool(stimuli.answers[0] >= stimuli.answers[1])
    (3, True)
    >>> answers = learner.transform(clips)[:, :, 2]
    >>> bool(answers.max() == stimuli.answers[0])
    True
    """
    _check(n, frame_rate, min_length)
    units = find_units(estimator)
    chosen_layer = units.layer(layer)
    numbers = chosen_units(chosen_layer, unit)
    clock = units.clock(frame_rate)
    if min_length and clock is None:
        raise ValueError(
            f"min_length={min_length!r} is in seconds, but nothing tells the frames "
            "per second. Pass frame_rate=extractor.frame_rate, or a pipeline that "
            "begins with the extractor."
        )
    answers = unit_answers(chosen_layer, units.frames(clips, verbose), numbers)
    found = best_excerpts(
        units, chosen_layer, numbers, clips, answers, int(n), clock, float(min_length)
    )
    return found[0] if is_single(unit) else found


def best_excerpts(
    units: Units,
    layer: UnitLayer,
    numbers: Sequence[int],
    clips: Any,
    answers: Answers,
    n: int,
    clock: FrameClock | None,
    min_length: float,
) -> list[TopStimuli]:
    """Return the excerpts of units, given their answers to all clips."""
    orders = [
        np.argsort(-answers.best[:, k], kind="stable")[:n] for k in range(len(numbers))
    ]
    bounds = [
        _bounds(layer, number, answers, order, k, clock, min_length)
        for k, (number, order) in enumerate(zip(numbers, orders, strict=True))
    ]
    wanted = np.unique(np.concatenate(orders))
    where = {int(clip): place for place, clip in enumerate(wanted)}
    excerpts: dict[tuple[int, int], Any] = {}
    needed: list[list[tuple[int, int]]] = [[] for _ in wanted]
    for k, order in enumerate(orders):
        for rank, clip in enumerate(order):
            needed[where[int(clip)]].append((k, rank))
    for places, frames in zip(
        needed, units.frames(_some(clips, wanted), False), strict=True
    ):
        for k, rank in places:
            first, end = bounds[k][rank]
            excerpts[k, rank] = frames[first:end].copy()
    found = []
    for k, (number, order) in enumerate(zip(numbers, orders, strict=True)):
        first, end = bounds[k].T
        starts = ends = None
        if clock is not None:
            starts, ends = seconds_of(first, clock), seconds_of(end, clock)
        found.append(
            TopStimuli(
                layer.name,
                number,
                layer.unit_names[number],
                order,
                answers.best[order, k],
                first,
                end,
                starts,
                ends,
                [excerpts[k, rank] for rank in range(len(order))],
            )
        )
    return found


def seconds_of(edges: np.ndarray, clock: FrameClock) -> np.ndarray:
    """Return when excerpts begin or end: half a frame before, as in annotations."""
    return np.maximum((edges - 0.5) / float(clock) + clock.offset, 0)


def _bounds(
    layer: UnitLayer,
    number: int,
    answers: Answers,
    order: np.ndarray,
    k: int,
    clock: FrameClock | None,
    min_length: float,
) -> np.ndarray:
    """Return first and end frames (n, 2) of what a unit sees, inside of the clips."""
    edges = answers.first_frames[order, k][:, np.newaxis] + layer.spans[number]
    n_frames = answers.n_frames[order]
    edges[:, 0] = edges[:, 0].clip(0, n_frames - 1)
    edges[:, 1] = np.maximum(edges[:, 1].clip(max=n_frames), edges[:, 0] + 1)
    if clock is not None and min_length:
        wanted = int(min(np.ceil(min_length * clock), n_frames.max()))
        missing = (wanted - np.diff(edges, axis=1)[:, 0]).clip(min=0)
        edges[:, 0] -= missing // 2
        edges[:, 1] += missing - missing // 2
        # Moved inside, rather than cut.
        edges -= (edges[:, 1] - n_frames).clip(min=0)[:, np.newaxis]
        edges -= edges[:, :1].clip(max=0)
        edges[:, 1] = edges[:, 1].clip(max=n_frames)
    return edges


def _some(clips: Any, which: np.ndarray) -> Any:
    """Return some of the clips, in the container that they are in."""
    if hasattr(clips, "iloc"):
        return clips.iloc[which]
    if isinstance(clips, np.ndarray):
        return clips[which]
    return [clips[i] for i in which]


def _check(n: Any, frame_rate: Any, min_length: Any) -> None:
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
        raise ValueError(f"n={n!r} must be a number of excerpts, from 1 up.")
    is_rate = is_number(frame_rate) and 0 < frame_rate < np.inf
    if frame_rate is not None and not is_rate:
        raise ValueError(
            f"frame_rate={frame_rate!r} must be a number of frames per second above 0, "
            "or None."
        )
    if not is_number(min_length) or not 0 <= min_length < np.inf:
        raise ValueError(f"min_length={min_length!r} must be a number of seconds.")
