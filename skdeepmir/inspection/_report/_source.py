"""Where a report has its frames and sounds from: an estimator and its clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from skdeepmir._frame_rates import FrameClock
from skdeepmir._page import Media, media_of_frames, media_of_sound
from skdeepmir._units import UnitLayer
from skdeepmir.frames import PATH_TYPES, as_sequence
from skdeepmir.inspection._inversion import invert
from skdeepmir.inspection._layers import Answers, Units, find_units, unit_answers
from skdeepmir.inspection._report._excerpts import (
    LONGEST,
    SHORTEST,
    SHORTEST_FRAMES,
    Part,
)
from skdeepmir.inspection._stimuli import seconds_of
from skdeepmir.sonification import Sound
from skdeepmir.spectrogram import SpectrogramExtractor

PAUSE = 0.2  # s, between repetitions of what is too short to be heard
PEAK = 0.5  # of sound made of frames, whose level says nothing
NO_EXTRACTOR = (
    "The estimator takes frames, not audio. extractor=..., with the parameters that "
    "made them, turns them back into sound."
)


@dataclass
class Source:
    """The layer of an estimator, and clips that it is asked about.

    Attributes
    ----------
    clips : list or ndarray
        The clips, as the first step takes them.
    units : Units
        The estimator, and the steps before it.
    layer : UnitLayer
        The layer.
    filters : ndarray of shape (n_units, n_features) or (n_units, n_frames, n_features)
        Weights, of the first layer of a learner; otherwise None.
    clock : FrameClock or None
        What tells seconds.
    sample_rate : float or None
        That of waveforms in Hz, if clips are audio; otherwise None.
    inverter : Pipeline or None
        What makes sound of frames.
    reason : str
        Why there is none.
    """

    clips: Any
    units: Units
    layer: UnitLayer
    filters: np.ndarray | None
    clock: FrameClock | None
    sample_rate: float | None
    inverter: Pipeline | None
    reason: str

    @classmethod
    def of(
        cls,
        estimator: Any,
        clips: Any,
        layer: int | str,
        *,
        extractor: Any,
        sample_rate: float | None,
        frame_rate: float | None,
    ) -> Source:
        """Find the layer, and what tells seconds and makes sound."""
        units = find_units(estimator)
        units = replace(units, before=[_quiet(step) for step in units.before])
        chosen = units.layer(layer)
        filters = _filters_of(units.estimator, chosen)
        clips = as_sequence(clips)
        if not isinstance(clips, list):
            clips = np.asarray(clips)
        if not len(clips):
            raise ValueError("clips is empty; expected at least one clip.")
        _check_extractor(extractor)
        if frame_rate is None and extractor is not None:
            clock = units.clock(extractor.frame_rate)
            assert clock is not None
            clock = clock.replace(offset=clock.offset + extractor.frame_offset)
        else:
            clock = units.clock(frame_rate)
        has_extractor = clock is not None and clock.sample_rate is not None
        inverter, reason = _inverter(units.before, has_extractor, extractor)
        rate = None
        if clock is not None and has_extractor and _is_audio(clips[0]):
            rate = clock.sample_rate if sample_rate is None else sample_rate
        return cls(
            clips,
            units,
            chosen,
            filters if chosen is units.layers[0] else None,
            clock,
            rate,
            inverter,
            reason,
        )

    def frames(self, clip: int) -> np.ndarray:
        """Return the frames of a clip that the net sees."""
        return next(self.units.frames(self.clips[clip : clip + 1], False))

    def answers(self, verbose: bool) -> Answers:
        """Return what all units answer to all clips, of which one is in memory."""
        return unit_answers(self.layer, self.units.frames(self.clips, verbose))

    def span(self, unit: int, clip: int, answers: Answers) -> tuple[int, int]:
        """Return the frames of a clip that drive a unit most."""
        n_frames = int(answers.n_frames[clip])
        edges = answers.first_frames[clip, unit] + self.layer.spans[unit]
        first = int(np.clip(edges[0], 0, n_frames - 1))
        return first, max(first + 1, min(int(edges[1]), n_frames))

    def seconds(self, *frames: float) -> list[float]:
        """Return when frames begin."""
        assert self.clock is not None
        return seconds_of(np.array(frames), self.clock).tolist()

    def parts(
        self, clip: int, spans: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[Part, Media]]:
        """Yield what is shown of a clip for each of some spans of frames."""
        if self.sample_rate is None:
            yield from self._parts_of_frames(clip, spans)
            return
        for first, end in spans:
            begin, stop = self.seconds(first, end)
            part = Part.around(begin, stop, np.inf, SHORTEST, LONGEST)
            media = media_of_sound(
                self.clips[clip], self.sample_rate, part.length, part.start, ""
            )
            yield replace(part, start=media.start, length=media.seconds), media

    def _parts_of_frames(
        self, clip: int, spans: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[Part, Media]]:
        frames = self.frames(clip)
        shortest, longest = SHORTEST_FRAMES, np.inf
        if self.clock is not None:
            shortest, longest = (
                round(seconds * self.clock) for seconds in (SHORTEST, LONGEST)
            )
        for first, end in spans:
            part = Part.around(first, end, len(frames), max(1, shortest), longest)
            start = int(part.start)
            part = replace(part, start=start, length=round(part.length))
            shown = frames[start : start + int(part.length)]
            media = media_of_frames(shown)
            if self.clock is not None:
                heard, _ = self.heard(shown)
                media = replace(media, sound=heard.sound, seconds=heard.seconds)
            yield part, media

    def heard(self, frames: np.ndarray, least: float = 0.0) -> tuple[Media, str]:
        """Return the sound of frames, and what is to be said of it.

        What is shorter than ``least`` seconds is held, if it is a single frame, or else
        repeated.
        """
        if self.inverter is None:
            return Media(), self.reason
        n_least = 0 if self.clock is None else int(np.ceil(least * self.clock))
        said = ""
        if len(frames) == 1 and n_least > 1:
            frames = np.repeat(frames, n_least, axis=0)
            said = "A single frame, held."
        try:
            sound = invert(frames, self.inverter)
        except ValueError as error:
            return Media(), f"Not heard: {error}"
        assert isinstance(sound, Sound)
        y, rate = sound.samples, sound.sample_rate
        loudest = float(np.abs(y).max(initial=0))
        if not loudest:
            return Media(), "Not heard: it is silent."
        y = y * np.float32(PEAK / loudest)
        if len(y) < least * rate:
            pause = np.zeros(round(PAUSE * rate), np.float32)
            times = int(np.ceil((least * rate + len(pause)) / (len(y) + len(pause))))
            if times > 1:
                y = np.concatenate([np.append(y, pause)] * times)[: -len(pause)]
                said = f"Played {times} times: it lasts {len(frames)} frames."
        media = media_of_sound(y, rate, len(y) / rate, 0.0, "")
        return media, f"Not heard: it {media.problem}." if media.problem else said


def _check_extractor(extractor: Any) -> None:
    if extractor is not None and not isinstance(extractor, SpectrogramExtractor):
        raise TypeError(
            f"extractor is {type(extractor).__name__}; expected the "
            "SpectrogramExtractor that made the frames."
        )


def _inverter(
    before: list[Any], has_extractor: bool, extractor: Any
) -> tuple[Pipeline | None, str]:
    """Return what makes sound of what the net sees, or else why nothing does."""
    places = [i for i, it in enumerate(before) if isinstance(it, SpectrogramExtractor)]
    if places:  # a ClipLookup may stand before it
        steps = before[places[-1] :]
    elif has_extractor:
        return None, "Not heard: only a SpectrogramExtractor's frames make sound."
    elif extractor is None:
        return None, NO_EXTRACTOR
    else:
        steps = [extractor, *before]
    for step in steps[1:]:
        if not hasattr(step, "inverse_transform"):
            name = type(step).__name__
            return None, f"Not heard: {name} has no inverse_transform."
    return Pipeline([(f"{i}", step) for i, step in enumerate(steps)]), ""


def _is_audio(clip: Any) -> bool:
    """Tell a file or waveform from a row number, as ClipLookup takes it."""
    return isinstance(clip, PATH_TYPES) or (np.ndim(clip) == 1 and np.size(clip) > 1)


def _quiet(step: Any) -> Any:
    """Return a step that shows no bar of its own for each clip."""
    parameters = step.get_params(deep=False) if hasattr(step, "get_params") else {}
    return copy(step).set_params(verbose=False) if "verbose" in parameters else step


def _filters_of(step: Any, layer: UnitLayer) -> np.ndarray | None:
    """Return the weights of the first layer of a learner, or None."""
    weights = getattr(step, "weights_", None)
    filters = getattr(step, "filters_", None)
    if filters is None and isinstance(weights, list):  # nets have names of weights
        filters = np.asarray(weights[0]).T
    if filters is None or len(filters) != layer.n_units:
        return None
    return np.asarray(filters)
