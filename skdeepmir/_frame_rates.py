"""Frame rates on their way through a pipeline: from the extractor to whoever needs it.

A step that needs seconds has the parameter ``frame_rate``. A transformer that gives its
output another rate than its input has ``_frame_rate_after(rate)``; one that makes
frames of audio has an attribute ``frame_rate`` that is not a parameter. What travels is
a :class:`FrameClock`: the rate, and what else the extractor knows about its frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skdeepmir._sklearn import BaseSearchCV
from skdeepmir.frames import as_sequence

# What a step is given or fitted to, how an error tells what reaches it, and how near
# two numbers are meant to be the same: 43.07 is 22050 / 512, 0.0464 s half of 2,048
# samples. The sample rate comes first, as the others follow from it.
FACTS: dict[str, tuple[str, str, dict[str, float]]] = {
    "sample_rate": ("frames reach it from audio at", "Hz", {"rel_tol": 1e-4}),
    "frame_rate": ("frames reach it at", "per second", {"rel_tol": 1e-4}),
    "frame_offset": (
        "frame t of what reaches it stands for second t / frame_rate +",
        "s",
        {"abs_tol": 1e-4},
    ),
}


class FrameClock(float):
    """Frames per second, as a pipeline hands them on for the time of a fit.

    Frame t stands for second ``t / clock + clock.offset``. Clones, pickles and caches
    keep its class, so that the pipeline finds it in all copies and takes it back.

    Parameters
    ----------
    rate : float
        Frames per second.
    offset : float, default=0.0
        Seconds from ``t / rate`` to the moment that frame t stands for.
    sample_rate : float, default=None
        Sample rate in Hz of the audio that frames come from, if it is known.
    n_windows : int, default=1
        Spectra of equal width that stand side by side in a frame: of several windows,
        then their derivatives.
    own : float, default=None
        The ``frame_rate`` that the user gave the step, which it gets back.
    """

    offset: float
    sample_rate: float | None
    n_windows: int
    own: float | None

    def __new__(
        cls,
        rate: float,
        *,
        offset: float = 0.0,
        sample_rate: float | None = None,
        n_windows: int = 1,
        own: float | None = None,
    ) -> Self:
        clock = super().__new__(cls, rate)
        clock.offset, clock.sample_rate = offset, sample_rate
        clock.n_windows, clock.own = n_windows, own
        return clock

    def replace(self, rate: float | None = None, **changes: Any) -> FrameClock:
        """Return a clock of another rate, or that tells something else."""
        return FrameClock(self if rate is None else rate, **{**vars(self), **changes})


@dataclass
class Use:
    """A step that needs the frame rate of its input."""

    place: str
    estimator: Any
    clock: FrameClock | None  # of what reaches it; None if it is not known
    is_frozen: bool = False

    @property
    def own(self) -> float | None:
        """Return the rate that the user gave it."""
        return own_rate(self.estimator.get_params(deep=False)["frame_rate"])


def clock_of(given: float) -> FrameClock:
    """Return what a ``frame_rate`` tells: of a plain number, the rate alone."""
    return given if isinstance(given, FrameClock) else FrameClock(given)


def own_rate(given: float | None) -> float | None:
    """Return a ``frame_rate`` as the user gave it; None if a pipeline has set it."""
    return given.own if isinstance(given, FrameClock) else given


def fitted_rate(given: float | None) -> float | None:
    """Return a frame rate as ``frame_rate_`` holds it."""
    return None if given is None else float(given)


def handed_rate(given: float | None) -> float | None:
    """Return a frame rate that a pipeline has set, which the parameter forgets."""
    return fitted_rate(given) if own_rate(given) is None else None


def needed_rate(frame_rate: float | None) -> float:
    """Return the frame rate, or raise a ``ValueError`` if there is none."""
    if frame_rate is None:
        raise ValueError(
            "frame_rate=None, but seconds are asked for, and no step before tells the "
            "frames per second of the clips. Put SpectrogramExtractor and the "
            "estimator into skdeepmir.make_pipeline, which hands them on, or pass "
            "frame_rate=extractor.frame_rate."
        )
    return float(frame_rate)


def is_estimator(value: Any) -> bool:
    """Tell whether a value is an estimator, or something that looks like one."""
    return hasattr(value, "get_params") and not isinstance(value, type)


def parts_of(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the estimators that a parameter holds, with their places."""
    if is_estimator(value):
        yield place, value
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            if isinstance(item, list | tuple) and item and isinstance(item[0], str):
                yield from parts_of(item[1:2], item[0])  # a name and an estimator
            else:
                yield from parts_of(item, place if len(value) == 1 else f"{place}[{i}]")


def inner_estimators(estimator: Any, *, fitted: bool = False) -> list[tuple[str, Any]]:
    """Return the estimators inside another: its parameters, or what it has fitted."""
    found: list[tuple[str, Any]] = []
    if fitted:
        for name, value in vars(estimator).items():
            if name.endswith("_") and not name.startswith("_"):
                found += parts_of(value, name.rstrip("_"))
    if not found:
        for name, value in estimator.get_params(deep=False).items():
            found += parts_of(value, name)
    return found


def follow(
    step: Any,
    clock: FrameClock | None,
    uses: list[Use],
    place: str = "",
    *,
    fitted: bool = False,
    is_frozen: bool = False,
) -> FrameClock | None:
    """Note what needs the frame rate in a step and in what is inside it.

    Parameters
    ----------
    step : estimator, "passthrough", "drop" or None
        The step.
    clock : FrameClock or None
        Frames per second of its input; None if they are not known.
    uses : list of Use
        What is found is appended.
    place : str, default=""
        Where it is, such as "pipeline__pooler".
    fitted : bool, default=False
        Whether to look at what meta-estimators have fitted rather than at what they
        clone.
    is_frozen : bool, default=False
        Whether it is inside a ``FrozenEstimator``.

    Returns
    -------
    clock : FrameClock or None
        Frames per second of its output.
    """
    if not is_estimator(step):
        return clock
    options = {"fitted": fitted, "is_frozen": is_frozen}

    def below(name: str) -> str:
        return f"{place}__{name}" if place else name

    if isinstance(step, FrozenEstimator):
        options["is_frozen"] = True
        return follow(step.estimator, clock, uses, place, **options)
    if isinstance(step, Pipeline):
        for name, inner in step.steps:
            clock = follow(inner, clock, uses, below(name), **options)
        return clock
    if "frame_rate" in step.get_params(deep=False):
        use = Use(place, step, clock, is_frozen)
        uses.append(use)
        if isinstance(use.own, Real):
            clock = FrameClock(use.own) if clock is None else clock.replace(use.own)
    elif not hasattr(step, "_frame_rate_after"):
        source = getattr(step, "frame_rate", None)
        if isinstance(source, Real):
            return FrameClock(float(source))
    if isinstance(step, BaseSearchCV) and not fitted:
        _refuse_changes(step, clock, place)
    inner_clocks = [
        follow(inner, clock, uses, below(name), **options)
        for name, inner in inner_estimators(step, fitted=fitted)
    ]
    if hasattr(step, "_frame_rate_after"):
        after = step._frame_rate_after(clock)
        if after is None or isinstance(after, FrameClock):
            return after
        return FrameClock(after, sample_rate=clock and clock.sample_rate)
    if inner_clocks:
        return _agreed(inner_clocks)
    # Spectra are side by side no longer after components or a choice of columns.
    is_new = isinstance(step, ClassNamePrefixFeaturesOutMixin)
    if clock is not None and (is_new or hasattr(step, "get_support")):
        return clock.replace(n_windows=1)
    return clock


def _agreed(clocks: list[FrameClock | None]) -> FrameClock | None:
    """Return the clock after one branch, or after several that agree."""
    first = clocks[0]
    if first is None or len(clocks) == 1:
        return first
    told = {None if c is None else (c, c.offset, c.sample_rate) for c in clocks}
    return first.replace(n_windows=1) if len(told) == 1 else None


def uses_of(estimator: Any, *, fitted: bool = False) -> list[Use]:
    """Return what needs the frame rate in a pipeline."""
    uses: list[Use] = []
    follow(estimator, None, uses, fitted=fitted)
    return uses


@contextmanager
def handed_on(pipeline: Any) -> Iterator[bool]:
    """Set ``frame_rate`` where it is None meanwhile; tell whether anything needs it."""
    try:
        uses = uses_of(pipeline)
        for use in uses:
            refuse_others(use)
            if use.is_frozen:
                refuse_others(use, fitted=True)
            elif use.clock is not None and isinstance(use.own, Real | None):
                rate = use.clock if use.own is None else use.own
                use.estimator.set_params(
                    frame_rate=use.clock.replace(rate, own=use.own)
                )
        yield any(use.clock is not None for use in uses)
    finally:
        _take_back(pipeline, set())


def refuse_others(use: Use, *, fitted: bool = False) -> None:
    """Raise a ``ValueError`` if a step is for other frames than those that reach it."""
    if use.clock is None:
        return
    given = use.estimator.get_params(deep=False) | {"frame_rate": use.own}
    for name, (what, unit, tolerances) in FACTS.items():
        here = getattr(use.clock, name.removeprefix("frame_"), float(use.clock))
        known = given.get(name)
        fix = f"Leave {name}=None: the pipeline sets it."
        if fitted:
            name += "_"
            known = getattr(use.estimator, name, None)
            fix = "Fit the pipeline again, or put the parameters back."
            if use.is_frozen:
                fix = "It is frozen: give the extractor the parameters of its fit."
        if not isinstance(known, Real) or here is None:  # the step says what is wrong
            continue
        if math.isclose(known, here, **tolerances):
            continue
        raise ValueError(
            f"{use.place} ({type(use.estimator).__name__}) has {name}={known:g}, but "
            f"{what} {here:g} {unit}. {fix}"
        )


def check_rates(pipeline: Any) -> None:
    """Raise a ``ValueError`` if frames come at another rate than in ``fit``."""
    for use in uses_of(pipeline, fitted=True):
        refuse_others(use)
        refuse_others(use, fitted=True)


def _take_back(value: Any, seen: set[int]) -> None:
    """Put back what users gave in place of what was handed on, also in copies."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, dict):
        inner: Iterable[Any] = value.values()
    elif isinstance(value, list | tuple):
        inner = value
    elif isinstance(value, np.ndarray) and value.dtype == object:
        inner = value.ravel().tolist()
    elif is_estimator(value) or type(value).__module__.startswith("sklearn."):
        attributes = getattr(value, "__dict__", {})
        if isinstance(attributes.get("frame_rate"), FrameClock):
            value.set_params(frame_rate=attributes["frame_rate"].own)
        inner = list(attributes.values())
    else:
        return
    for part in inner:
        _take_back(part, seen)


def _refuse_changes(search: Any, clock: FrameClock | None, place: str) -> None:
    """Raise a ``ValueError`` if a search inside a pipeline changes frame rates."""
    grid = getattr(search, "param_grid", getattr(search, "param_distributions", None))
    if not is_estimator(search.estimator) or not grid:
        return
    before = _from_outside(search.estimator, clock)
    for part in [grid] if isinstance(grid, dict) else grid:
        for name, values in part.items():
            is_drawn = hasattr(values, "rvs")
            for value in [values.rvs(random_state=0)] if is_drawn else values:
                candidate = clone(search.estimator).set_params(**{name: value})
                after = _from_outside(candidate, clock)
                if after != before:
                    raise ValueError(
                        f"{place}: {type(search).__name__} sets {name}={value!r}, "
                        "which changes the frame rate inside, but the pipeline around "
                        "has set it before. Search over the whole pipeline, or search "
                        "over a skdeepmir Pipeline that begins with the extractor."
                    )


def _from_outside(estimator: Any, clock: FrameClock | None) -> list[tuple[Any, ...]]:
    """Return which rates and offsets an estimator gets from the pipeline around it."""
    uses: list[Use] = []
    follow(estimator, clock, uses)
    # A pipeline of ours that knows the rate by itself sets it for each candidate.
    alone: list[Use] = [Use("", None, None) for _ in uses]
    if getattr(estimator, "_hands_on_frame_rates", False):
        alone = uses_of(estimator)
    return [
        (use.place, use.clock, use.clock and use.clock.offset, use.own)
        for use, by_itself in zip(uses, alone, strict=True)
        if by_itself.clock is None
    ]


def check_numbers_of_frames(pipeline: Any, X: Any) -> None:
    """Raise a ``ValueError`` if a step of a fitted pipeline has changed the rate.

    What a step of another package does to it shows in its frames alone. Steps after
    which nothing needs the rate may do what they like.
    """
    leaves = [leaf for leaf in _leaves(pipeline) if is_estimator(leaf[1])]
    needing = sorted(use.place for use in uses_of(pipeline))
    last = max(
        i
        for i, (place, _) in enumerate(leaves)
        if any(f"{use}__".startswith(f"{place}__") for use in needing)
    )
    rate: FrameClock | None = None
    doubtful = []
    for i, (_, step) in enumerate(leaves[:last]):
        before_step, rate = rate, follow(step, rate, [])
        is_ours = type(step).__module__.startswith("skdeepmir.")
        if rate is not None and rate == before_step and not is_ours:
            doubtful.append(i)
    if not doubtful:
        return
    after = as_sequence(X)[:1]
    for i, (place, step) in enumerate(leaves[: doubtful[-1] + 1]):
        before, after = after, step.transform(after)
        if i in doubtful and len(before[0]) != len(after[0]):
            raise ValueError(
                f"{place} ({type(step).__name__}) turned {len(before[0])} frames of "
                f"clip 0 into {len(after[0])}, so that the frame rate after it is not "
                f"known, but {', '.join(needing)} needs it. Use FrameStacker(hop=...) "
                "or SpectrogramExtractor(hop_length=...) for a lower rate, or "
                "scikit-learn's Pipeline with frame_rate=..."
            )


def _leaves(pipeline: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the steps of a pipeline and of those inside it."""
    for name, step in pipeline.steps:
        if isinstance(step, Pipeline):
            yield from _leaves(step, f"{place}{name}__")
        else:
            yield f"{place}{name}", step
