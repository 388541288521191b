"""Songs with reference and estimate, cut where either of them changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepmir._errors import raise_together
from skdeepmir.chords import (
    NO_CHORD,
    UNSCORED,
    check_intervals,
    frame_intervals,
    holds_seconds,
    read_chords,
)
from skdeepmir.frames import PATH_TYPES, as_sequence

_GAP = 1e-3  # seconds; shorter ones come from rounding


@dataclass(frozen=True)
class Segmentation:
    """A song without gaps: chord i lasts from ``starts[i]`` to the next start."""

    starts: np.ndarray  # (n,) seconds
    labels: np.ndarray  # (n,) object

    def at(self, seconds: np.ndarray) -> np.ndarray:
        return self.labels[np.searchsorted(self.starts, seconds, side="right") - 1]


@dataclass(frozen=True)
class Song:
    """Reference and estimate over the span of the reference."""

    reference: Segmentation
    estimate: Segmentation
    start: float
    end: float

    @property
    def duration(self) -> float:
        return self.end - self.start

    def pieces(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the times between which neither chord changes, and both labels."""
        times = np.concatenate([self.reference.starts, self.estimate.starts])
        times = np.unique(np.clip([*times, self.end], self.start, self.end))
        begins = times[:-1]
        return times, self.reference.at(begins), self.estimate.at(begins)


@dataclass(frozen=True)
class Overlay:
    """Seconds of each pair of labels in each song."""

    pairs: list[tuple[str, str]]  # distinct (reference, estimate)
    seconds: np.ndarray  # (n_songs, n_pairs)


def list_songs(y_true: Any, y_pred: Any, frame_rate: float | None) -> list[Song]:
    """Return the songs of two sets of annotations, see :func:`wcsr`."""
    truth, estimates = _as_list(y_true, "y_true"), _as_list(y_pred, "y_pred")
    if len(truth) != len(estimates):
        raise ValueError(
            f"y_true has {len(truth)} songs and y_pred {len(estimates)}; expected as "
            "many estimates as references. Pass a single song as a list of one item."
        )
    if frame_rate is None:
        _check_frames_only(truth, estimates)
    sides: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"y_true": [], "y_pred": []}
    errors: list[Exception] = []
    for side, items in (("y_true", truth), ("y_pred", estimates)):
        for i, item in enumerate(items):
            try:
                sides[side].append(_annotation(item, frame_rate, f"{side}[{i}]"))
            except (ValueError, FileNotFoundError) as error:
                errors.append(error)
    raise_together(errors, f"{len(errors)} annotations cannot be scored")
    return [_align(*pair) for pair in zip(*sides.values(), strict=True)]


def overlay(songs: Sequence[Song]) -> Overlay:
    """Cut songs where either chord changes, and add up the time of each pair."""
    number: dict[tuple[str, str], int] = {}
    rows, columns, durations = [], [], []
    for row, song in enumerate(songs):
        times, *labels = song.pieces()
        pairs = zip(*labels, strict=True)
        columns += [number.setdefault(pair, len(number)) for pair in pairs]
        rows += [row] * (len(times) - 1)
        durations.append(np.diff(times))
    seconds = np.zeros((len(songs), len(number)))
    np.add.at(seconds, (rows, columns), np.concatenate(durations))
    return Overlay(list(number), seconds)


def _as_list(y: Any, name: str) -> list[Any]:
    is_of_frames = isinstance(y, np.ndarray) and y.ndim == 2 and not _holds_songs(y)
    items = y if is_of_frames else as_sequence(y)
    if isinstance(items, np.ndarray) and items.ndim >= 1:
        items = list(items)
    if not isinstance(items, list) or not items:
        raise ValueError(
            f"{name} is {items!r}; expected a list with an item for each song: "
            "(intervals, labels), a path, or an array of frame labels."
        )
    return items


def _holds_songs(column: np.ndarray) -> bool:
    """Tell whether the cells are annotations rather than labels of single frames."""
    cells = [cell for cell in column.flat if isinstance(cell, str)]
    return all(cell.lower().endswith((".lab", ".jams")) for cell in cells)


def _check_frames_only(truth: list[Any], estimates: list[Any]) -> None:
    """Check that without a frame rate, there are frames on both sides or on neither."""
    in_seconds = [holds_seconds(item) for item in (*truth, *estimates)]
    if all(in_seconds):
        return
    if any(in_seconds):
        raise ValueError(
            "frame_rate is None, but frame labels are compared with times. Pass "
            "frame_rate, in frames per second; for a scorer set it on the estimator, "
            "or use chord_scorer(frame_rate=...)."
        )
    for i, (reference, estimate) in enumerate(zip(truth, estimates, strict=True)):
        if len(reference) != len(estimate):
            raise ValueError(
                f"y_true[{i}] has {len(reference)} frames and y_pred[{i}] "
                f"{len(estimate)}; expected equal numbers. If their rates differ, turn "
                "them into intervals with skdeepmir.chords.frame_intervals."
            )


def _annotation(
    item: Any, frame_rate: float | None, name: str
) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(item, PATH_TYPES):
        try:
            return read_chords(item)
        except (ValueError, FileNotFoundError) as error:
            raise type(error)(f"{name}: {error}") from error
    if holds_seconds(item):
        return check_intervals(item[0], item[1], name=name)
    frames = np.asarray(item)
    if frames.ndim != 1 or frames.dtype.kind not in "OU" or len(frames) == 0:
        raise ValueError(
            f"{name} is of type {type(item).__name__}, with dtype {frames.dtype} and "
            f"shape {frames.shape}; expected (intervals, labels), a path, or an array "
            "of frame labels. For a single song pass [song]."
        )
    if frame_rate is not None:
        times, labels = frame_intervals(frames, frame_rate)
    else:
        times, labels = _frames_of_length_one(frames)
    return check_intervals(times, labels, name=name)


def _frames_of_length_one(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return runs of equal frames, each frame lasting from t to t + 1."""
    times, labels = frame_intervals(frames, 1.0)
    edges = np.append(np.ceil(times[:, 0]), len(frames))
    return np.column_stack([edges[:-1], edges[1:]]), labels


def _align(
    reference: tuple[np.ndarray, np.ndarray], estimate: tuple[np.ndarray, np.ndarray]
) -> Song:
    start, end = float(reference[0][0, 0]), float(reference[0][-1, 1])
    return Song(
        _without_gaps(*reference, UNSCORED, start, end),
        _without_gaps(*estimate, NO_CHORD, start, end),
        start,
        end,
    )


def _without_gaps(
    times: np.ndarray, labels: np.ndarray, filler: str, start: float, end: float
) -> Segmentation:
    """Label gaps between start and end with the filler."""
    gaps = np.append(times[1:, 0] - times[:-1, 1] > _GAP, times[-1, 1] < end)
    starts = np.concatenate([times[:, 0], times[gaps, 1]])
    labels = np.append(labels, np.full(gaps.sum(), filler, dtype=object))
    if times[0, 0] > start:
        starts, labels = np.append(start, starts), np.append(filler, labels)
    order = np.argsort(starts, kind="stable")
    return Segmentation(starts[order], labels[order])
