"""Annotations of notes into bits of frames, and what these mean to a net."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import xlogy

from skdeepmir import decoding, notes
from skdeepmir._annotators import EventCoding
from skdeepmir._errors import read_each, refuse_masked
from skdeepmir._frame_rates import needed_rate
from skdeepmir._training._frame_labels import ClassNumbers
from skdeepmir.frames import ClipLayout, object_array
from skdeepmir.notes._files import notes_of

PITCHES = (21, 108)  # of the keys of a piano
N_KEYS = 88
UNKNOWN = 128  # the bit of frames that are not learned from
# What is filled in where frames are moved away: one deviation below the mean, which is
# about what frames hold in which nothing sounds.
QUIET = -1.0
N_HEADS, FRAME = 3, 1  # onset, frame, offset


def read_note_targets(
    y: Any, layout: ClipLayout, frame_rate: float | None, offset: float, name: str
) -> np.ndarray:
    """Return the notes of each clip, checked; for rows 0 or 1 of each note.

    One error names all annotations that cannot be used.
    """
    refuse_masked(name, y)
    if not layout.has_clips:
        return _read_rows(y, name)
    clock = EventCoding(needed_rate(frame_rate), offset, 0)

    def read(i: int, item: Any) -> np.ndarray:
        duration = clock.duration(layout.n_frames[i])
        return notes_of(item, f"{name}: clip {i}", duration=duration, pitches=PITCHES)

    return object_array(read_each(y, read, name))


def _read_rows(y: Any, name: str) -> np.ndarray:
    """Return which notes sound in rows, (n_rows, 1) or (n_rows, 88)."""
    labels = np.array(np.asarray(y).tolist())
    if labels.dtype.kind not in "biuf" or not np.isfinite(labels.astype(float)).all():
        raise ValueError(
            f"Unknown label type: {name} has labels of rows that are not numbers; "
            "expected 1 for a frame in which the note sounds, else 0. (Notes in "
            "seconds need clips of many frames: a list of arrays.)"
        )
    rolls = labels[:, None] if labels.ndim == 1 else labels
    if rolls.ndim != 2 or rolls.shape[1] not in (1, N_KEYS):
        raise ValueError(
            f"{name} has shape {labels.shape}; expected (n_rows,), whether the note "
            f"sounds, or (n_rows, {N_KEYS}), which of the keys of a piano do."
        )
    return (rolls > 0).astype(np.uint8)


class NoteBits(ClassNumbers):
    """Labels that are bits of each note, see :func:`skdeepmir.notes.note_targets`."""

    unknown = UNKNOWN

    def known(self, labels: np.ndarray) -> np.ndarray:
        """Tell which frames are learned from, (n_frames,)."""
        return labels[:, 0] < UNKNOWN

    def mixed(self, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the bits of the notes of both."""
        return np.where(labels < UNKNOWN, labels | others, labels)


@dataclass(frozen=True)
class NoteTransposition:
    """How frames on a logarithmic frequency axis move up and down with their notes.

    Attributes
    ----------
    bins : int
        Features of a semitone.
    largest : int
        Most semitones.
    """

    bins: int
    largest: int

    @property
    def semitones(self) -> range:
        """All moves, from the lowest up."""
        return range(-self.largest, self.largest + 1)

    def shift(self, frames: np.ndarray, semitones: int) -> np.ndarray:
        """Return standardised frames (n_frames, n_features) moved up."""
        return _moved(frames, semitones * self.bins, QUIET)

    def relabel(self, labels: np.ndarray, semitones: int) -> np.ndarray:
        """Return bits of notes moved up; notes that leave the keys are dropped."""
        return np.where(
            labels < UNKNOWN, _moved(labels, semitones, 0), np.uint8(UNKNOWN)
        )

    def mean_over_keys(self, values: np.ndarray) -> np.ndarray:
        """Return rows (n, n_features) as they are: what is learned of a feature.

        All moves are small, so that it changes little.
        """
        return values

    def mean_of_notes(self, shares: np.ndarray) -> np.ndarray:
        """Return the share of frames of each note, (n_notes,), over all moves."""
        moves = [_moved(shares[None], k, 0)[0] for k in self.semitones]
        return np.mean(moves, axis=0)


def _moved(rows: np.ndarray, n: int, fill: float) -> np.ndarray:
    """Return rows whose columns have moved by n places."""
    moved = np.full_like(rows, fill)
    width = rows.shape[1]
    if abs(n) < width:
        first, stop = max(-n, 0), width - max(n, 0)
        moved[:, first + n : stop + n] = rows[:, first:stop]
    return moved


@dataclass(frozen=True)
class NoteCoding(EventCoding):
    """How notes are coded as bits of frames.

    Attributes
    ----------
    frame_rate, offset, near : see EventCoding
        When frames are, and which count.
    net : str
        Which net learns them, with heads for onset, frame and offset or one for frames.
    n_keys : int
        Notes: those of a piano, or one, for rows with a single label.
    near_target, positive_weight : float
        What frames near one are in part, and what a yes counts.
    head_weights : tuple of float
        What the loss of each head counts.
    transposition : NoteTransposition or None
        How excerpts are moved.
    thresholds : tuple of float
        Smallest activation of an onset, and of a frame, before they are tuned.
    evidence_weight : float
        What the likelihood of a frame counts, before it is tuned.
    chain : tuple of ndarray of shape (n_keys,) or None
        Probability to sound at first, to begin and to end in a frame, once learned.
    prior : ndarray of shape (n_keys,) or None
        Share of the frames in which each note sounds, once learned.
    """

    net: str
    n_keys: int = N_KEYS
    near_target: float = 0.5
    positive_weight: float = 1.0
    head_weights: tuple[float, ...] = (1.0, 1.0, 1.0)
    transposition: NoteTransposition | None = None
    thresholds: tuple[float, float] = (0.5, 0.5)
    evidence_weight: float = 1.0
    chain: Any = None
    prior: Any = None

    @property
    def has_heads(self) -> bool:
        """Whether the net tells onsets and offsets as well."""
        return self.net == "conv_rnn"

    @property
    def n_outputs(self) -> int:
        """Number of logits."""
        return self.n_keys * (N_HEADS if self.has_heads else 1)

    @property
    def guessing_loss(self) -> float:
        """The loss of a net that only knows how often notes begin, sound and end."""
        shares, weights = self.prior[None], (1.0,)
        if self.has_heads:  # notes end as often as they begin
            begins = (1 - self.prior) * self.chain[1]
            near = np.minimum(begins * (1 + 2 * self.near * self.near_target), 1)
            shares, weights = np.stack([near, self.prior, near]), self.head_weights
        yes = self.positive_weight * shares
        total = yes + 1 - shares
        yes, no = yes / total, (1 - shares) / total
        if self.net == "svm":
            return float((4 * total * yes * no).sum())
        entropies = -total * (xlogy(yes, yes) + xlogy(no, no))
        return float(weights @ entropies.mean(axis=1))

    def learn(self, data: Any) -> NoteCoding:
        """Return the coding with how notes go on; refuse clips without any note."""
        if data.layout.has_clips and not any(map(np.any, data.targets)):
            raise ValueError(
                "y has no note in any clip to train on; expected some. Are the "
                "annotations those of these clips, in seconds?"
            )
        rolls = [(bits & notes.SOUNDING) > 0 for bits in data.targets]
        n_frames = sum(map(len, rolls))
        # As if each note had also sounded in half of one frame: none is impossible.
        prior = (sum(roll.sum(axis=0) for roll in rolls) + 0.5) / (n_frames + 1)
        if self.transposition is not None:
            prior = np.maximum(self.transposition.mean_of_notes(prior), 0.5 / n_frames)
        chain = (prior, prior, 1 - prior)  # of frames that do not depend on others
        if max(map(len, rolls)) > 1:
            chain = tuple(decoding.binary_transitions(rolls))
        return replace(self, chain=chain, prior=prior)

    def encode(self, y: Any, layout: ClipLayout, name: str = "y") -> np.ndarray:
        """Return the bits of the frames of each clip, uint8 (n_frames_i, n_keys)."""
        if not layout.has_clips:
            if y.shape[1] != self.n_keys:
                raise ValueError(
                    f"{name} has labels of {y.shape[1]} notes, but y of {self.n_keys}; "
                    "expected the same."
                )
            bits = np.where(y > 0, notes.SOUNDING | notes.ONSET, 0).astype(np.uint8)
            return object_array(list(bits[:, None, :]))
        rate = needed_rate(self.frame_rate)
        clock = {"offset": self.offset, "pitches": PITCHES, "near": self.near}
        return object_array(
            notes.note_targets(found, n, rate, **clock)
            for found, n in zip(y, layout.n_frames, strict=True)
        )

    def make_loss(self) -> Any:
        """Return the loss of a net, which brings torch along."""
        from skdeepmir.transcription._losses import NoteHingeLoss, NoteLoss

        heads = [(notes.SOUNDING, 0, 1.0)]
        if self.net == "svm":
            return NoteHingeLoss(heads, positive_weight=self.positive_weight)
        if self.has_heads:
            onset, frame, offset = self.head_weights
            heads = [
                (notes.ONSET, notes.NEAR_ONSET, onset),
                (notes.SOUNDING, 0, frame),
                (notes.OFFSET, notes.NEAR_OFFSET, offset),
            ]
        return NoteLoss(heads, self.near_target, self.positive_weight)
