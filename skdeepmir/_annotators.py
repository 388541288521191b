"""What estimators that annotate clips in seconds have in common, whatever they find."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeepmir._bases import BaseEstimator
from skdeepmir._disk import path_name
from skdeepmir._errors import refuse_masked
from skdeepmir._frame_rates import FACTS, fitted_rate, handed_rate, needed_rate
from skdeepmir._parameters import Finite, Positive, parameter, parameters
from skdeepmir._validation import check_clip_labels
from skdeepmir.frames import PATH_TYPES, ClipLayout


@parameters
class AnnotatorParameters:
    """The parameter of every estimator that annotates in seconds."""

    frame_rate: Positive | None = parameter(
        """
        Frames per second (Hz) of the clips, needed if annotations or results are in
        seconds. None takes that of the extractor in a
        :class:`skdeepmir.pipeline.Pipeline`, whatever its parameters are; outside of
        one pass ``extractor.frame_rate``.
        """,
        default=None,
    )


class Annotator(AnnotatorParameters, BaseEstimator):
    """An estimator that annotates clips of frames in seconds."""

    @property
    def frame_rate_(self) -> float | None:
        """Frames per second, if they are known: as set, or as a pipeline told."""
        check_is_fitted(self)
        own = self._handed_rate if self.frame_rate is None else self.frame_rate
        return fitted_rate(own)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags

    def _keep_rate(self, frame_rate):
        """Keep the rate that a pipeline has told for the time of a fit."""
        self._handed_rate = handed_rate(frame_rate)

    def _check_annotations(self, y, n_clips, name="y"):
        """Raise a ``ValueError`` unless there is an annotation for each clip."""
        check_not_one_path(y, name)
        check_clip_labels(y, n_clips, needed_by=self, name=name)


class KeptActivations(NamedTuple):
    """Activations of clips that were predicted block by block."""

    parts: list[np.ndarray]
    layout: ClipLayout


@parameters
class EventParameters(AnnotatorParameters):
    """The parameters of every estimator that finds events in seconds."""

    frame_offset: Finite | None = parameter(
        """
        Second that frame 0 stands for: frame t is at ``t / frame_rate +
        frame_offset``. None takes that of the extractor in a pipeline: 0 where frames
        are centred, and half of the longest window where they begin with their first
        sample. Outside of one it is 0.
        """,
        default=None,
    )


class EventAnnotator(EventParameters, Annotator):
    """An estimator that finds events; frame t is at t / frame_rate + frame_offset."""

    @property
    def frame_offset_(self) -> float:
        """Second that frame 0 stands for: as set, as a pipeline told, or 0."""
        check_is_fitted(self)
        own = self.frame_offset
        return float(self._handed_offset if own is None else own)

    def _offset_now(self):
        """Return the offset of frames, in ``fit``."""
        if self.frame_offset is not None:
            return float(self.frame_offset)
        return float(getattr(self.frame_rate, "offset", 0.0))

    def _keep_clock(self, frame_rate, offset):
        """Keep what a pipeline has told of the frames for the time of a fit."""
        self._keep_rate(frame_rate)
        self._handed_offset = offset
        self.sample_rate_ = getattr(frame_rate, "sample_rate", None)

    def _end(self, n_frames, latest):
        """Return the second at which the last frame ends, or a later event."""
        rate = needed_rate(self.frame_rate_)
        last = max(n_frames - 1, 1) / rate  # no clip lasts for 0 s
        return float(max([last + 2 * max(self.frame_offset_, 0.0), *latest]))

    def _kept_blocks(self, parts):
        container = "array" if isinstance(parts, np.ndarray) else "list"
        layout = ClipLayout(container, np.array(list(map(len, parts)), dtype=int))
        return KeptActivations(list(parts), layout)

    def _checked(self, frames, name):
        """Return a block of frames in the precision of predictions."""
        refuse_masked(name, frames, "frame")
        block = np.asarray(frames)
        if block.size and block.dtype.kind not in "biuf":
            raise ValueError(f"{name} have dtype {block.dtype}; expected real numbers.")
        block = block.astype(self._predicting_dtype(), copy=False)
        if block.ndim != 2 or block.shape[1] != self.n_features_in_:
            raise ValueError(
                f"{name} have shape {block.shape}; expected (n_frames, "
                f"{self.n_features_in_}), as in fit."
            )
        if not np.isfinite(block).all():
            raise ValueError(f"{name} hold NaN or infinity; expected finite values.")
        return block

    def _refuse_rows(self, X, layout):
        """Raise a ``ValueError`` where times are asked for and X has rows."""
        if not layout.has_clips:
            raise ValueError(
                f"X is one array of shape {np.shape(X)}, whose rows have no times. For "
                "a single clip, pass [X]."
            )


@dataclass(frozen=True)
class EventCoding:
    """How events are coded as labels of frames, and when these are.

    Attributes
    ----------
    frame_rate : float or None
        Frames per second, as set or as a pipeline hands them on; None for rows.
    offset : float
        Second that frame 0 stands for.
    near : int
        Frames around that of an event that also count as one.
    """

    frame_rate: float | None
    offset: float
    near: int

    @property
    def clock(self) -> dict[str, float | None]:
        """What is known of when frames are, by the name of the parameter."""
        return {
            "frame_rate": fitted_rate(self.frame_rate),
            "frame_offset": self.offset,
            "sample_rate": getattr(self.frame_rate, "sample_rate", None),
        }

    def check_clock(self, earlier: dict[str, float | None]) -> None:
        """Raise a ``ValueError`` unless a warm start can go on from another clock."""
        for name, now in self.clock.items():
            before, tolerances = earlier[name], FACTS[name][2]
            if now is None or before is None or math.isclose(now, before, **tolerances):
                continue
            raise ValueError(
                f"warm_start=True, but frames have {name}={now:g} now and had "
                f"{before:g} in the fit before. Set it back, or use warm_start=False."
            )

    def duration(self, n_frames: int) -> float:
        """Return the second at which a clip ends, half a window after its last frame.

        That is as long as an annotation may be.
        """
        return n_frames / needed_rate(self.frame_rate) + 2 * max(self.offset, 0.0)


def check_not_one_path(y: Any, name: str = "y") -> None:
    """Raise a ``ValueError`` if annotations are the path of a single one."""
    if isinstance(y, PATH_TYPES):
        raise ValueError(
            f"{name} is one path, {path_name(y)!a}; expected one for each clip. Wrap "
            "it in a list."
        )


def write_each(
    found: Sequence[Sequence[Any]], paths: Any, write: Callable[..., None]
) -> None:
    """Call ``write(path, *item)`` for what was found in each clip."""
    paths = list(paths)
    if len(paths) != len(found):
        raise ValueError(
            f"paths has {len(paths)} files, but X has {len(found)} clips; expected one "
            "for each."
        )
    for path, item in zip(paths, found, strict=True):
        write(path, *item)
