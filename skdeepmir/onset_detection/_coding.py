"""Annotations of onsets into codes of frames, and what these mean to a net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepmir import onsets
from skdeepmir._annotators import EventCoding
from skdeepmir._errors import read_each, refuse_masked
from skdeepmir._frame_rates import needed_rate
from skdeepmir._training._frame_labels import ClassNumbers, labels_of_rows
from skdeepmir.frames import ClipLayout, object_array
from skdeepmir.onsets._files import onsets_of


def read_onset_targets(
    y: Any, layout: ClipLayout, frame_rate: float | None, offset: float, name: str
) -> np.ndarray:
    """Return the times of the onsets of each clip, checked; 0 or 1 for rows.

    One error names all annotations that cannot be used.
    """
    refuse_masked(name, y)
    if not layout.has_clips:
        return _read_rows(y, name)
    clock = EventCoding(needed_rate(frame_rate), offset, 0)

    def read(i: int, item: Any) -> np.ndarray:
        duration = clock.duration(layout.n_frames[i])
        return onsets_of(item, f"{name}: clip {i}", duration)

    return object_array(read_each(y, read, name))


def _read_rows(y: Any, name: str) -> np.ndarray:
    labels = np.array(labels_of_rows(y, name).tolist())
    if labels.dtype.kind not in "biuf" or not np.isfinite(labels.astype(float)).all():
        raise ValueError(
            f"Unknown label type: {name} has labels of rows that are not numbers; "
            "expected 1 for a frame with an onset, else 0. (Times in seconds need "
            "clips of many frames: a list of arrays.)"
        )
    return (labels > 0).astype(np.int64)


class OnsetCodes(ClassNumbers):
    """Codes of onsets: 0 where there is none, lower ones are more of an onset."""

    def mixed(self, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the codes of both, the one that is more of an onset."""
        lower, upper = np.minimum(labels, others), np.maximum(labels, others)
        both = np.where(lower == 0, upper, lower)
        return np.where(labels < 0, labels, both)


@dataclass(frozen=True)
class OnsetCoding(EventCoding):
    """How onsets are coded as labels of frames: none, one, or one nearby.

    Attributes
    ----------
    frame_rate, offset, near : see EventCoding
        When frames are, and which count.
    weights : tuple of float
        What a frame of each code counts in the loss.
    n_windows : int
        Spectra that are side by side in a frame.
    threshold : float
        Smallest activation of an onset, before it is tuned.
    """

    weights: tuple[float, ...]
    n_windows: int = 1
    threshold: float = 0.5

    n_outputs = 1
    transposition = None
    guessing_loss = float(np.log(2))

    def learn(self, data: Any) -> OnsetCoding:
        """Return the coding; refuse clips in which nothing begins."""
        if data.layout.has_clips and not any(map(np.any, data.targets)):
            raise ValueError(
                "y has no onset in any clip to train on; expected some. Are the "
                "annotations those of these clips, in seconds?"
            )
        return self

    def encode(self, y: Any, layout: ClipLayout, name: str = "y") -> np.ndarray:
        """Return the codes of the frames of each clip, int64 (n_frames_i,)."""
        if not layout.has_clips:
            return object_array(list(y[:, None]))
        rate = needed_rate(self.frame_rate)
        return object_array(
            onsets.frame_targets(
                onsets.merge_onsets(times), n, rate, offset=self.offset, near=self.near
            )
            for times, n in zip(y, layout.n_frames, strict=True)
        )

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the times of coded onsets, in seconds."""
        frames = np.flatnonzero(codes == onsets.ONSET)
        rate = needed_rate(self.frame_rate)
        return onsets.frame_times(frames, rate, offset=self.offset)

    def make_loss(self) -> Any:
        """Return the loss of a net, which brings torch along."""
        from skdeepmir._training._gradient import FrameLogisticLoss

        return FrameLogisticLoss(self.weights)
