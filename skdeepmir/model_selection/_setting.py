"""How a comparison came about: what its report says besides scores and answers."""

from __future__ import annotations

import inspect
import reprlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from skdeepmir._printable import printable
from skdeepmir._show_versions import package_facts, system_facts, torch_facts
from skdeepmir.frames import PATH_TYPES, as_sequence
from skdeepmir.model_selection._protocol import Protocol

MOST_CHARACTERS = 300  # of the value of a parameter
SEEDS = ("random_state", "seed")


class Parameter(NamedTuple):
    """One parameter of a pipeline, as text."""

    name: str
    value: str
    is_default: bool

    @property
    def is_seed(self) -> bool:
        """Whether it is where random numbers begin."""
        return self.name.rpartition("__")[2] in SEEDS


class Failure(NamedTuple):
    """A pipeline, or one of its scores, that failed on a test set."""

    pipeline: str
    fold: int
    text: str


@dataclass
class Setting:
    """How a comparison came about.

    Attributes
    ----------
    clips : list, ndarray or other
        The clips that were tested on, as they were given, not copied. A pickle has the
        names of files, but neither waveforms nor frames.
    parameters : dict of str to list of Parameter
        By pipeline.
    sample_rate : float or None
        That of waveforms, which the extractor of a pipeline takes; None if no pipeline
        has one.
    cv : str
        What made the folds.
    leaks, warnings : list of str
        What was told of clips on both sides of a split, and of anything else.
    failures : list of Failure
        What failed.
    versions : dict of str to dict
        Of the machine and its packages.
    ended : str
        The date and time.
    seconds : float
        What all of it took.
    """

    clips: Any
    parameters: dict[str, list[Parameter]]
    sample_rate: float | None
    cv: str = ""
    leaks: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    ended: str = ""
    seconds: float = 0.0

    @classmethod
    def of(
        cls, pipelines: Mapping[str, Any], protocol: Protocol, started: float
    ) -> Setting:
        """Return what is known of a comparison that has ended."""
        return cls(
            as_sequence(protocol.tested.X),
            {name: listed_parameters(pipeline) for name, pipeline in pipelines.items()},
            sample_rate_of(pipelines.values()),
            protocol.cv,
            list(protocol.leaks),
            list(protocol.doubts),
            versions=versions(),
            ended=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
            seconds=time.perf_counter() - started,
        )

    def __getstate__(self) -> dict[str, Any]:
        clips = None
        if isinstance(self.clips, list):
            clips = [c if isinstance(c, PATH_TYPES) else None for c in self.clips]
        return {**vars(self), "clips": clips}

    def __deepcopy__(self, memo: dict[int, Any]) -> Setting:
        return replace(self)  # with its clips, unlike a pickle; nobody changes it


def listed_parameters(pipeline: Any) -> list[Parameter]:
    """Return the parameters of a pipeline and of all that is in it."""
    given = pipeline.get_params(deep=True)
    found = []
    for name, value in given.items():
        owner, _, own = name.rpartition("__")
        defaults = _defaults(given.get(owner) if owner else pipeline)
        if own == "steps":
            continue  # each is a parameter as well
        text = type(value).__name__ if hasattr(value, "get_params") else _shown(value)
        is_default = own in defaults and _are_same(value, defaults[own])
        found.append(Parameter(name, text, is_default))
    return sorted(found, key=lambda parameter: parameter.is_default)


def _defaults(estimator: Any) -> dict[str, Any]:
    signature = inspect.signature(type(estimator).__init__)
    return {name: part.default for name, part in signature.parameters.items()}


def _are_same(value: Any, default: Any) -> bool:
    if value is default:
        return True
    is_plain = isinstance(value, bool | int | float | str | bytes)
    if isinstance(value, tuple) and isinstance(default, tuple):
        is_plain = len(value) == len(default) < 20
    return is_plain and type(value) is type(default) and repr(value) == repr(default)


def _shown(value: Any) -> str:
    short = reprlib.Repr()
    short.maxstring = short.maxother = MOST_CHARACTERS
    short.maxlist = short.maxtuple = short.maxdict = 20
    return printable(short.repr(value))


def sample_rate_of(pipelines: Any) -> float | None:
    """Return the first sample rate that a part of a pipeline takes."""
    for pipeline in pipelines:
        for name, value in pipeline.get_params(deep=True).items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if name.rpartition("__")[2] == "sample_rate" and is_number:
                return float(value)
    return None


def versions() -> dict[str, dict[str, str]]:
    """Return what ``show_versions`` prints, but for paths, without importing torch."""
    system = system_facts()
    system.pop("executable")
    found = {"System": system, "Python packages": package_facts()}
    if "torch" in sys.modules:
        found["torch"] = torch_facts()
    return {
        title: {name: str(fact) for name, fact in facts.items()}
        for title, facts in found.items()
    }
