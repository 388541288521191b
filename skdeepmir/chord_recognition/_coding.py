"""Annotations of clips into numbers of classes for each frame, and transpositions."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from skdeepmir import chords, decoding
from skdeepmir._disk import path_name, user_path
from skdeepmir._errors import read_each, refuse_masked
from skdeepmir._frame_rates import needed_rate
from skdeepmir._training._frame_labels import FrameCodes, labels_of_rows
from skdeepmir._warnings import warn_user
from skdeepmir.chords._vocabularies import NO_LABEL, SEMITONES
from skdeepmir.frames import PATH_TYPES, ClipLayout, object_array

ANNOTATIONS = (
    "one label for each frame, (intervals, labels) in seconds, with intervals of shape "
    "(n_chords, 2), or the path of a .lab or .jams file"
)


@dataclass(frozen=True)
class FrameCoding(FrameCodes):
    """How labels of frames are coded.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Chord labels, or the numbers that serve as labels.
    vocabulary : tuple of str, or None
        What chords are reduced to; None if labels are numbers.
    frame_rate : float or None
        Frames per second, for annotations in seconds.
    transposition : Transposition or None
        How clips are moved to other keys.
    transition : ndarray of shape (n_classes, n_classes) or None
        Probability of each class (column) after each (row), once it is learned.
    counts : ndarray of shape (n_classes,), int, or None
        Training frames of each class, in all keys, once they are counted.
    """

    classes: np.ndarray
    vocabulary: tuple[str, ...] | None
    frame_rate: float | None
    transposition: Transposition | None = None
    transition: np.ndarray | None = None
    counts: Any = None

    @classmethod
    def of(cls, y: Any, vocabulary: Any, frame_rate: float | None) -> FrameCoding:
        """Return the coding that annotations need: of chords, or of numbers."""
        known = chords.vocabulary_of(vocabulary)
        if y is None or not are_numbers(y):
            return cls(np.array(known), known, frame_rate)
        # ``encode`` refuses annotations in seconds, with the number of the clip.
        parts = [
            _whole_numbers(item, i)
            for i, item in enumerate(y)
            if not chords.holds_seconds(item)
        ]
        return cls(np.unique(np.concatenate(parts)), None, frame_rate)

    def learn(self, data: Any) -> FrameCoding:
        """Return the coding with the transitions and counts of labelled clips."""
        counted = replace(self, counts=self.count(data.targets))
        return counted.with_transitions(data.targets)

    def with_transitions(self, targets: np.ndarray) -> FrameCoding:
        """Return the coding with the transitions of encoded frames, in all keys."""
        moves = None if self.transposition is None else self.transposition.classes
        transition = decoding.estimate_transitions(
            list(targets), self.n_outputs, transpositions=moves
        )
        return replace(self, transition=transition)

    def encode(self, y: Any, layout: ClipLayout, name: str = "y") -> np.ndarray:
        """Return the numbers of the classes of the frames of each clip.

        They are int64 arrays of shape (n_frames_i,), -1 where a chord is unknown or not
        in the vocabulary. One error names all clips whose annotations cannot be read or
        do not fit; one warning tells of annotations that are longer than their clips,
        or mostly much shorter.
        """
        refuse_masked(name, y)
        if layout.has_clips:
            ends = np.zeros(len(layout.n_frames))  # of annotations, in seconds
            parts = self._encode_clips(y, layout, name, ends)
            self._warn_of_ends(ends, layout.n_frames, name)
        else:
            codes = self._encode_labels(labels_of_rows(y, name), name)
            parts = list(codes[:, None])
        if all((part == NO_LABEL).all() for part in parts):
            named = chords.VOCABULARIES.items()
            shown = next((n for n, v in named if v == self.vocabulary), self.vocabulary)
            raise ValueError(
                f"{name} has no label that vocabulary={shown!r} contains. Choose a "
                "larger vocabulary, or look at the annotations: "
                "skdeepmir.chords.simplify shows what labels are reduced to."
            )
        return object_array(parts)

    def _encode_clips(
        self, y: Any, layout: ClipLayout, name: str, ends: np.ndarray
    ) -> list[np.ndarray]:
        return read_each(
            y,
            lambda i, item: self._encode_clip(item, i, layout.n_frames[i], name, ends),
            name,
        )

    def _encode_clip(
        self, item: Any, i: int, n_frames: int, name: str, ends: np.ndarray
    ) -> np.ndarray:
        name = f"{name}: clip {i}"
        _refuse_text(item, name)
        if chords.holds_seconds(item):
            intervals, labels = self._read(item, n_frames, name, ends, i)
            rate = needed_rate(self.frame_rate)
            labels = chords.label_frames(intervals, labels, n_frames, rate)
        else:
            labels = np.asarray(item)
            if labels.shape != (n_frames,):
                raise ValueError(
                    f"{name} has labels of shape {labels.shape}, but the clip has "
                    f"{n_frames} frames; expected {ANNOTATIONS}."
                )
        return self._encode_labels(labels, name)

    def _read(
        self, item: Any, n_frames: int, name: str, ends: np.ndarray, i: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return a checked annotation in seconds, and note where it ends."""
        if self.vocabulary is None:
            raise ValueError(
                f"{name} has an annotation in seconds, but labels are numbers; "
                "expected the same kind for all clips."
            )
        duration = n_frames / needed_rate(self.frame_rate)
        checked, ends[i] = _read_checked(item, name, duration)
        return checked

    def _warn_of_ends(self, ends: np.ndarray, n_frames: np.ndarray, name: str) -> None:
        """Warn once if annotations and clips seem to be in different units."""
        in_seconds = ends > 0
        if not in_seconds.any():
            return
        durations = n_frames / needed_rate(self.frame_rate)
        too_long = ends > durations + 1
        too_short = in_seconds & (ends < 0.7 * durations)
        if 2 * too_short.sum() <= in_seconds.sum():
            too_short[:] = False  # a few may well be
        for found, problem in (
            (too_long, "end over 1 s after their clips (the rest is ignored)"),
            (too_short, "end before 0.7 of their clips"),
        ):
            if not found.any():
                continue
            i = int(np.argmax(found))
            warn_user(
                f"{name}: {found.sum()} of {in_seconds.sum()} annotations {problem}, "
                f"such as clip {i}: {ends[i]:.1f} s, where its {n_frames[i]} frames "
                f"last {durations[i]:.1f} s. Is frame_rate={self.frame_rate:g} that of "
                "the clips, and are the times in seconds?"
            )

    def _encode_labels(self, labels: np.ndarray, name: str) -> np.ndarray:
        if self.vocabulary is not None:
            listed = labels.tolist()
            strange = [label for label in listed if not isinstance(label, str)]
            if strange:
                raise ValueError(
                    f"Unknown label type: {name} has {strange[0]!r}; expected chord "
                    "labels such as 'C:maj', or numbers for all frames."
                )
            try:
                return chords.encode(labels, self.vocabulary)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        labels = np.array(labels.tolist())  # numbers as objects
        if labels.dtype.kind not in "biuf":
            raise ValueError(
                f"Unknown label type: {name} has labels that are not numbers, unlike "
                "others."
            )
        numbers = np.searchsorted(self.classes, labels)
        numbers = np.minimum(numbers, len(self.classes) - 1)
        unknown = self.classes[numbers] != labels
        if unknown.any():
            raise ValueError(
                f"{name} has the label {labels[unknown][0]!r}, which is not among the "
                f"classes {self.classes.tolist()}."
            )
        return numbers.astype(np.int64)


@dataclass(frozen=True)
class Transposition:
    """How frames move up and down with their labels.

    Attributes
    ----------
    bins : int
        Features of a semitone.
    is_circular : bool
        Whether features that leave at one end come in at the other, as in chroma.
    classes : ndarray of shape (12, n_classes), int
        ``classes[k, i]`` is the number of class i, k semitones up.
    """

    bins: int
    is_circular: bool
    classes: np.ndarray

    semitones = SEMITONES

    @classmethod
    @lru_cache(maxsize=16)
    def of(
        cls, vocabulary: tuple[str, ...] | None, n_features: int, bins_per_octave: int
    ) -> Transposition:
        """Return how clips with ``n_features`` per frame are transposed."""
        if vocabulary is None:
            raise ValueError(
                "transpose=True, but the labels are numbers; expected chord labels. "
                "Set transpose=False."
            )
        if bins_per_octave % 12 or not 1 <= n_features / bins_per_octave <= 11:
            raise ValueError(
                f"bins_per_octave={bins_per_octave!r} must be a multiple of 12 (whole "
                "bins for each semitone) that gives the input one to eleven octaves, "
                f"with transpose=True; X has {n_features} features."
            )
        table = chords.transposition_table(vocabulary)
        return cls(bins_per_octave // 12, n_features == bins_per_octave, table)

    def shift(self, frames: np.ndarray, semitones: int) -> np.ndarray:
        """Return frames (n_frames, n_features) moved up; zeros come in at the ends."""
        n = semitones * self.bins
        if self.is_circular:
            return np.roll(frames, n, axis=1)
        shifted = np.zeros_like(frames)
        if n >= 0:
            shifted[:, n:] = frames[:, : max(frames.shape[1] - n, 0)]
        else:
            shifted[:, :n] = frames[:, -n:]
        return shifted

    def mean_over_keys(self, values: np.ndarray) -> np.ndarray:
        """Return rows (n, n_features) of the mean of each feature over all keys."""
        counted = np.vstack([values, np.ones(values.shape[1])])
        sums = sum(self.shift(counted, k) for k in SEMITONES)
        return sums[:-1] / sums[-1]

    def relabel(self, numbers: np.ndarray, semitones: int) -> np.ndarray:
        """Return the numbers of classes moved up; -1 stays."""
        moved = self.classes[semitones % 12][numbers]
        return np.where(numbers == NO_LABEL, NO_LABEL, moved)


def are_numbers(y: Any) -> bool:
    """Tell whether labels of frames are numbers rather than chords."""
    first = y[0] if isinstance(y, list | tuple) else np.asarray(y).ravel()[0]
    if chords.holds_seconds(first):
        return False
    return np.asarray(first).dtype.kind in "biuf"


def _whole_numbers(item: Any, i: int) -> np.ndarray:
    """Return the labels of clip i, where those of clip 0 are numbers."""
    values = np.ravel(item)
    if values.dtype.kind not in "biuf":
        raise ValueError(
            "Unknown label type: y has numbers as labels of some frames, such as clip "
            f"0, but clip {i} has {values[:1].tolist()}; expected one kind for all."
        )
    if values.dtype.kind == "f" and not (values == np.rint(values)).all():
        strange = values[values != np.rint(values)][0].item()
        raise ValueError(
            f"y: clip {i} holds numbers such as {strange!r}. Labels of frames are "
            "chord labels, or whole numbers as classes of another kind."
        )
    return values


def check_annotations(y: Any) -> None:
    """Raise one error for all annotations of chords that cannot be used.

    :meth:`FrameCoding.encode` checks what depends on the lengths of clips. A file that
    is missing raises a ``FileNotFoundError``, anything else a ``ValueError``.
    """

    def check(i: int, item: Any) -> None:
        name = f"y: clip {i}"
        _refuse_text(item, name)
        if chords.holds_seconds(item):
            _read_checked(item, name, None)
            return
        for label in dict.fromkeys(np.ravel(item).tolist()):
            if isinstance(label, str):  # numbers may be classes of another kind
                _parse(label, name)

    read_each(y, check, "y")


def _read_checked(
    item: Any, name: str, duration: float | None
) -> tuple[tuple[np.ndarray, np.ndarray], float]:
    """Return an annotation in seconds, cut after ``duration``, and where it ended."""
    if isinstance(item, PATH_TYPES):
        path = item
        try:
            item = chords.read_chords(path)
        except (ValueError, FileNotFoundError) as error:
            raise type(error)(f"{name}: {error}") from error
        name = f"{name} ({path_name(path)!a})"
    intervals, labels = item
    checked = chords.check_intervals(
        intervals, labels, duration=duration, warn=False, name=name
    )
    return checked, float(np.max(intervals))


def _parse(label: str, name: str) -> None:
    try:
        chords.parse(label)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _refuse_text(item: Any, name: str) -> None:
    """Raise a ``ValueError`` where one chord label stands for a whole annotation."""
    if isinstance(item, str) and not _may_be_path(item):
        raise ValueError(f"{name} has {str(item)!a}; expected {ANNOTATIONS}.")


def _may_be_path(text: str) -> bool:
    return bool(os.path.splitext(text)[1]) or os.path.exists(user_path(text))
