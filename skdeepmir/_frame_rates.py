"""Frame rates on their way through a pipeline: from the extractor to whoever needs it.

A step that needs seconds has the parameter ``frame_rate``. A transformer that gives its
output another rate than its input has ``_frame_rate_after(rate)``; one that makes
frames of audio has an attribute ``frame_rate`` that is not a parameter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skdeepmir._sklearn import BaseSearchCV
from skdeepmir.frames import as_sequence

SAME = 1e-4  # relative: 43.07 is meant to be 22050 / 512


class HandedRate(float):
    """A ``frame_rate`` that a pipeline has set for the time of a fit.

    Clones, pickles and caches keep its class, so that the pipeline finds it in all
    copies and takes it back.
    """


@dataclass
class Use:
    """A step that needs the frame rate of its input."""

    place: str
    estimator: Any
    rate: float | None  # that reaches it; None if it is not known
    is_frozen: bool = False

    @property
    def own(self) -> float | None:
        """Return the rate that the user gave it."""
        own = self.estimator.get_params(deep=False)["frame_rate"]
        return None if own is None or isinstance(own, HandedRate) else float(own)

    @property
    def fitted(self) -> float | None:
        """Return the rate that it was fitted to."""
        return getattr(self.estimator, "frame_rate_", None)


def fitted_rate(given: float | None) -> float | None:
    """Return a frame rate as ``frame_rate_`` holds it."""
    return None if given is None else float(given)


def handed_rate(given: float | None) -> float | None:
    """Return a frame rate that a pipeline has set, which the parameter forgets."""
    return float(given) if isinstance(given, HandedRate) else None


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
    rate: float | None,
    uses: list[Use],
    place: str = "",
    *,
    fitted: bool = False,
    is_frozen: bool = False,
) -> float | None:
    """Note what needs the frame rate in a step and in what is inside it.

    Parameters
    ----------
    step : estimator, "passthrough", "drop" or None
        The step.
    rate : float or None
        Frames per second of its input; None if it is not known.
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
    rate : float or None
        Frames per second of its output.
    """
    if not is_estimator(step):
        return rate
    options = {"fitted": fitted, "is_frozen": is_frozen}

    def below(name: str) -> str:
        return f"{place}__{name}" if place else name

    if isinstance(step, FrozenEstimator):
        options["is_frozen"] = True
        return follow(step.estimator, rate, uses, place, **options)
    if isinstance(step, Pipeline):
        for name, inner in step.steps:
            rate = follow(inner, rate, uses, below(name), **options)
        return rate
    if "frame_rate" in step.get_params(deep=False):
        use = Use(place, step, rate, is_frozen)
        uses.append(use)
        rate = use.own or rate
    elif not hasattr(step, "_frame_rate_after"):
        source = getattr(step, "frame_rate", None)
        if isinstance(source, Real):
            return float(source)
    if isinstance(step, BaseSearchCV) and not fitted:
        _refuse_changes(step, rate, place)
    inner_rates = {
        follow(inner, rate, uses, below(name), **options)
        for name, inner in inner_estimators(step, fitted=fitted)
    }
    if hasattr(step, "_frame_rate_after"):
        return step._frame_rate_after(rate)
    if inner_rates:  # those of one branch, or of several that agree
        return inner_rates.pop() if len(inner_rates) == 1 else None
    return rate


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
            refuse_other_rate(use, "frame_rate", use.own)
            if use.is_frozen:
                refuse_other_rate(use, "frame_rate_", use.fitted)
            elif use.own is None and use.rate is not None:
                use.estimator.set_params(frame_rate=HandedRate(use.rate))
        yield any(use.rate is not None for use in uses)
    finally:
        _take_back(pipeline, set())


def refuse_other_rate(use: Use, name: str, rate: float | None) -> None:
    """Raise a ``ValueError`` if a step has another rate than what reaches it."""
    if rate is None or use.rate is None or math.isclose(rate, use.rate, rel_tol=SAME):
        return
    fix = "Leave frame_rate=None: the pipeline sets it."
    if name == "frame_rate_":
        fix = "Fit the pipeline again, or put the parameters back."
        if use.is_frozen:
            fix = "It is frozen: give the extractor the parameters of its fit."
    raise ValueError(
        f"{use.place} ({type(use.estimator).__name__}) has {name}={rate:g}, but frames "
        f"reach it at {use.rate:g} per second. {fix}"
    )


def check_rates(pipeline: Any) -> None:
    """Raise a ``ValueError`` if frames come at another rate than in ``fit``."""
    for use in uses_of(pipeline, fitted=True):
        refuse_other_rate(use, "frame_rate", use.own)
        refuse_other_rate(use, "frame_rate_", use.fitted)


def _take_back(value: Any, seen: set[int]) -> None:
    """Put back None for what was handed on, also in fitted copies."""
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
        if isinstance(attributes.get("frame_rate"), HandedRate):
            value.set_params(frame_rate=None)
        inner = list(attributes.values())
    else:
        return
    for part in inner:
        _take_back(part, seen)


def _refuse_changes(search: Any, rate: float | None, place: str) -> None:
    """Raise a ``ValueError`` if a search inside a pipeline changes frame rates."""
    grid = getattr(search, "param_grid", getattr(search, "param_distributions", None))
    if not is_estimator(search.estimator) or not grid:
        return
    before = _from_outside(search.estimator, rate)
    for part in [grid] if isinstance(grid, dict) else grid:
        for name, values in part.items():
            is_drawn = hasattr(values, "rvs")
            for value in [values.rvs(random_state=0)] if is_drawn else values:
                candidate = clone(search.estimator).set_params(**{name: value})
                after = _from_outside(candidate, rate)
                if after != before:
                    raise ValueError(
                        f"{place}: {type(search).__name__} sets {name}={value!r}, "
                        "which changes the frame rate inside, but the pipeline around "
                        "has set it before. Search over the whole pipeline, or search "
                        "over a skdeepmir Pipeline that begins with the extractor."
                    )


def _from_outside(estimator: Any, rate: float | None) -> list[tuple[Any, ...]]:
    """Return which rates an estimator gets from the pipeline around it."""
    uses: list[Use] = []
    follow(estimator, rate, uses)
    # A pipeline of ours that knows the rate by itself sets it for each candidate.
    alone: list[Use] = [Use("", None, None) for _ in uses]
    if getattr(estimator, "_hands_on_frame_rates", False):
        alone = uses_of(estimator)
    return [
        (use.place, use.rate, use.own)
        for use, by_itself in zip(uses, alone, strict=True)
        if by_itself.rate is None
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
    rate: float | None = None
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
