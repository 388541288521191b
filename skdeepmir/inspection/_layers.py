"""Layers of estimators and pipelines, and what their units answer to clips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdeepmir._errors import telling_of
from skdeepmir._frame_rates import FrameClock, clock_of, follow
from skdeepmir._progress import progress
from skdeepmir._sklearn import BaseSearchCV
from skdeepmir._threads import limit_threads
from skdeepmir._units import UnitLayer
from skdeepmir._validation import validate_frames
from skdeepmir.frames import refuse_not_finite, what_is_no_set

FRAMES_AT_ONCE = 4096  # of a long clip, where units do not see all of it


class LayerInfo(NamedTuple):
    """A layer whose units can be looked at.

    Attributes
    ----------
    name : str
        What ``layer`` may be.
    n_units : int
        Number of its units.
    n_frames : int
        Most frames that a unit sees; of those that see whole clips, what is shown.
    unit_names : tuple of str
        Names of units: classes or tags of an output, or names of features.
    """

    name: str
    n_units: int
    n_frames: int
    unit_names: tuple[str, ...]


def list_layers(estimator: Any) -> list[LayerInfo]:
    """List the layers whose units can be looked at.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted learner or net of the package, or a pipeline that holds one: the last
        step that has units counts.

    Returns
    -------
    layers : list of LayerInfo
        From the bottom up: ``layer=0`` is the first, ``layer=-1`` the last.

    Raises
    ------
    TypeError
        If the estimator has no units.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import DBNFeatureLearner
    >>> from skdeepmir.inspection import list_layers
    >>> clips = np.random.RandomState(0).rand(4, 20, 6)
    >>> learner = DBNFeatureLearner((5, 3), max_epochs=1, random_state=0).fit(clips)
    >>> [(layer.name, layer.n_units) for layer in list_layers(learner)]
    [('layer 0', 5), ('layer 1', 3)]
    """
    return [
        LayerInfo(
            layer.name,
            layer.n_units,
            int((layer.spans[:, 1] - layer.spans[:, 0]).max()),
            tuple(layer.unit_names),
        )
        for layer in find_units(estimator).layers
    ]


@dataclass(frozen=True)
class Units:
    """What is looked at.

    Attributes
    ----------
    estimator : estimator
        The learner or net.
    before : list of estimator
        Steps that make what it sees.
    layers : list of UnitLayer
        Its layers, from the bottom up.
    """

    estimator: Any
    before: list[Any]
    layers: list[UnitLayer]

    def layer(self, given: int | str) -> UnitLayer:
        """Return the layer that a parameter names."""
        names = [layer.name for layer in self.layers]
        if isinstance(given, str) and given in names:
            return self.layers[names.index(given)]
        n = len(self.layers)
        if _is_number(given) and -n <= int(given) < n:
            return self.layers[int(given)]
        raise ValueError(
            f"layer={given!r} is unknown; expected a number from 0 to {n - 1} (or "
            f"negative, from the top), or one of {names}."
        )

    def frames(self, clips: Any, verbose: bool) -> Iterator[np.ndarray]:
        """Yield what the net sees of each clip, (n_frames, n_features)."""
        if self.before:
            _check_set(clips)
            whole: Iterable[Any] = self._made_of(clips)
        else:
            dtypes = np.float64, np.float32
            whole, _ = validate_frames(self.estimator, clips, reset=False, dtype=dtypes)
        shown = progress(
            whole, total=len(clips), label="clips", unit="clip", verbose=verbose
        )
        for clip in shown:
            yield np.asarray(clip, dtype=np.float64)

    def clock(self, frame_rate: float | None) -> FrameClock | None:
        """Return when frames are; None if it is not known."""
        clock = None if frame_rate is None else clock_of(float(frame_rate))
        for step in self.before:
            clock = follow(step, clock, [], fitted=True)
        own = getattr(self.estimator, "frame_rate_", None)
        return clock_of(own) if clock is None and own is not None else clock

    def _made_of(self, clips: Any) -> Iterator[np.ndarray]:
        """Yield what the steps before make of each clip."""
        for i, clip in enumerate(_one_by_one(clips)):
            with telling_of(f"clips[{i}:{i + 1}]"):  # in which it is clip 0
                for step in self.before:
                    clip = step.transform(clip)
                # Of what is a row by now, the table is that of one frame.
                is_row = getattr(clip, "ndim", None) == 2
                frames = np.asarray(clip if is_row else clip[0], dtype=np.float64)
                refuse_not_finite(frames, 0)
            yield frames


def _check_set(clips: Any) -> None:
    if found := what_is_no_set(clips):
        raise ValueError(f"clips is {found}; expected a list, as the pipeline takes.")
    if len(clips) == 0:
        raise ValueError("clips is empty: found 0 clips, expected at least 1.")


def _one_by_one(clips: Any) -> Iterator[Any]:
    """Yield sets of one clip."""
    for i in range(len(clips)):
        yield clips.iloc[i : i + 1] if hasattr(clips, "iloc") else clips[i : i + 1]


def find_units(estimator: Any) -> Units:
    """Return the units of an estimator, or of the last step of a pipeline with some."""
    steps = _steps(estimator)
    for place in reversed(range(len(steps))):
        step = steps[place]
        if hasattr(step, "_unit_layers"):
            check_is_fitted(step)
            return Units(step, steps[:place], step._unit_layers())
    name = type(estimator).__name__
    raise TypeError(
        f"{name} has no units that could be looked at; expected a fitted learner or "
        "net of skdeepmir (such as DBNFeatureLearner, ConvTagger or "
        "BLSTMChordRecognizer), or a Pipeline that holds one."
    )


def _steps(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline, however nested, but those that do nothing."""
    if isinstance(estimator, FrozenEstimator):
        return _steps(estimator.estimator)
    if isinstance(estimator, BaseSearchCV) and hasattr(estimator, "best_estimator_"):
        return _steps(estimator.best_estimator_)
    if not isinstance(estimator, Pipeline):
        return [estimator]
    found = []
    for _, step in estimator.steps:
        if step is not None and not isinstance(step, str):
            found += _steps(step)
    return found


def steps_before_units(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline before what has units: all, if nothing has."""
    steps = _steps(estimator)
    places = [i for i, step in enumerate(steps) if hasattr(step, "_unit_layers")]
    return steps[: places[-1]] if places and places[-1] else steps


def chosen_units(layer: UnitLayer, unit: Any) -> list[int]:
    """Return the numbers of units that a parameter names."""
    if isinstance(unit, str) or np.ndim(unit) == 0:
        return [_number_of(layer, unit)]
    if len(unit) == 0:
        raise ValueError(f"unit={unit!r} is empty; expected one unit or more.")
    return [_number_of(layer, one) for one in unit]


def is_single(unit: Any) -> bool:
    """Tell whether a parameter names one unit, not a list of them."""
    return isinstance(unit, str) or np.ndim(unit) == 0


def _number_of(layer: UnitLayer, unit: Any) -> int:
    n, names = layer.n_units, list(layer.unit_names)
    if isinstance(unit, str) and unit in names:
        return names.index(unit)
    if _is_number(unit) and -n <= int(unit) < n:
        return int(unit) % n
    shown = ", ".join(repr(str(name)) for name in names[:5]) + (
        ", ..." if n > 5 else ""
    )
    raise ValueError(
        f"unit={unit!r} is unknown in {layer.name}; expected a number from 0 to "
        f"{n - 1}, or one of {shown}."
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)


class Answers(NamedTuple):
    """What units answer to clips.

    Attributes
    ----------
    best : ndarray of shape (n_clips, n_units)
        The largest answer of each unit to each clip.
    first_frames : ndarray of shape (n_clips, n_units)
        Where the position of that begins.
    n_frames : ndarray of shape (n_clips,)
        Frames of each clip.
    """

    best: np.ndarray
    first_frames: np.ndarray
    n_frames: np.ndarray


def unit_answers(
    layer: UnitLayer, frames: Iterable[np.ndarray], units: Sequence[int] | None = None
) -> Answers:
    """Return what units (None: all) answer to clips, of which one is in memory."""
    import torch

    from skdeepmir._training._data import tensor_of

    best, places, numbers = [], [], []
    chosen = slice(None) if units is None else list(units)
    with torch.no_grad(), limit_threads(1):
        for i, clip in enumerate(frames):
            values, first = _largest(layer, tensor_of(clip), chosen)
            if np.isnan(values).any():
                raise ValueError(
                    f"{layer.name} answers NaN to clip {i}: values up to "
                    f"{np.abs(clip).max():.3g} are too large for it. Scale the frames."
                )
            best.append(values)
            places.append(first)
            numbers.append(len(clip))
    return Answers(np.array(best), np.array(places), np.array(numbers))


def _largest(layer: UnitLayer, clip: Any, chosen: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest answers to a clip, and where their positions begin."""
    best = first = None
    for start, stop, left, right in _parts(layer, len(clip)):
        answers = layer.net(clip[start:stop].unsqueeze(0))[0].numpy()
        firsts = start + layer.first_frames(stop - start, len(answers))
        inside = (firsts >= left) & (firsts < right)
        answers, firsts = answers[inside][:, chosen], firsts[inside]
        place = answers.argmax(axis=0)
        values, where = answers.max(axis=0), firsts[place]
        if best is None or first is None:
            best, first = values, where
        else:
            first = np.where(values > best, where, first)
            best = np.maximum(values, best)
    assert best is not None and first is not None
    return best, first


def _parts(layer: UnitLayer, n_frames: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield parts of a long clip, and between which frames positions are theirs.

    Around these there are all frames that their units see.
    """
    if not layer.is_local or layer.starts is not None or n_frames <= FRAMES_AT_ONCE:
        yield 0, n_frames, 0, n_frames + 1
        return
    hop = layer.hop
    before = -(-max(0, -int(layer.spans[:, 0].min())) // hop) * hop
    after = max(int(layer.spans[:, 1].max()), layer.length) + hop
    step = -(-FRAMES_AT_ONCE // hop) * hop
    for left in range(0, n_frames, step):
        right = left + step
        start, stop = max(0, left - before), min(n_frames, right + after)
        is_last = stop == n_frames
        yield start, stop, left, n_frames + 1 if is_last else right
        if is_last:
            return
