"""Sequences with a label for each frame, as a recurrent net is trained on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import skorch.dataset
import torch

from skdeepmir._training._data import Augmentation, tensor_of
from skdeepmir.frames import length_buckets
from skdeepmir.nets import SequenceBatch

Batch = tuple[SequenceBatch, tuple[torch.Tensor, None]]


class SequenceClips(skorch.dataset.Dataset):
    """Clips with labels of frames, in batches of excerpts of about one length.

    In training each pass draws as many excerpts of a clip as cover it once, each moved
    by random semitones. Places are drawn as if excerpts could hang over either end by
    half; those that would are moved inside, so that ends are learned from as well as
    the rest. Otherwise a pass has all clips as they are.

    Parameters
    ----------
    clips : list of ndarray of shape (n_frames_i, n_features)
        Clips.
    labels : sequence of ndarray of shape (n_frames_i,), int64
        Numbers of classes; -1 where there is none.
    mean, scale : ndarray of shape (n_features,)
        What standardises the features.
    n_classes : int
        Classes.
    excerpt_length : int or None
        Frames of an excerpt; None takes whole clips.
    batch_size : int or None
        Excerpts of a batch; None puts all into one.
    transposition : object or None
        How excerpts are moved: it has ``shift(frames, semitones)`` and
        ``relabel(numbers, semitones)``.
    augmentation : Augmentation
        What else is done to excerpts in training.
    sees_previous : bool
        Whether the net sees the label before each frame.
    generator : torch.Generator
        Draws, and says on which device batches are.
    training : bool
        Whether excerpts are drawn.
    """

    def __init__(
        self,
        clips: Sequence[np.ndarray],
        labels: Sequence[np.ndarray],
        *,
        mean: np.ndarray,
        scale: np.ndarray,
        n_classes: int,
        excerpt_length: int | None,
        batch_size: int | None,
        transposition: Any,
        augmentation: Augmentation,
        sees_previous: bool,
        generator: torch.Generator,
        training: bool,
    ) -> None:
        self.X, self.y = clips, labels
        self.mean, self.scale, self.n_classes = mean, scale, n_classes
        self.batch_size, self.transposition = batch_size, transposition
        self.augmentation, self.sees_previous = augmentation, sees_previous
        self.generator, self.training = generator, training
        self.n_frames = np.array([len(clip) for clip in clips])
        longest = int(self.n_frames.max())
        self.excerpt_length = min(excerpt_length or longest, longest)

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.X)

    def batches(self) -> SequenceClips:
        """Return what gives all batches once in each loop over it."""
        return self

    def __iter__(self) -> Iterator[Batch]:
        if not self.training:
            for clips in length_buckets(self.n_frames, self.batch_size):
                n = self.n_frames[clips]
                yield self._stack(clips, 0 * n, n, 0 * n)
            return
        n_parts = -(-self.n_frames // self.excerpt_length)
        clips = np.repeat(np.arange(len(self.X)), n_parts)
        lengths = np.minimum(self.n_frames[clips], self.excerpt_length)
        starts = self._draw(self.n_frames[clips] + 1) - lengths // 2
        starts = np.clip(starts, 0, self.n_frames[clips] - lengths)
        semitones = 0 * starts
        if self.transposition is not None:
            semitones = self._draw(np.full(len(clips), 12)) - 5
        order = np.argsort(self._draw(np.full(len(clips), 2**24)), kind="stable")
        order = order[np.argsort(lengths[order], kind="stable")]
        size = self.batch_size or len(order)
        batches = [order[k : k + size] for k in range(0, len(order), size)]
        for place in torch.randperm(
            len(batches), generator=self.generator, device=self.generator.device
        ).tolist():
            rows = batches[place]
            yield self._stack(clips[rows], starts[rows], lengths[rows], semitones[rows])

    def _draw(self, n: np.ndarray) -> np.ndarray:
        """Return a random integer from 0 up to each of ``n``."""
        device = self.generator.device
        draws = torch.rand(
            len(n), generator=self.generator, device=device, dtype=torch.float64
        )
        return (draws.cpu().numpy() * n).astype(np.int64)

    def _stack(
        self,
        clips: np.ndarray,
        starts: np.ndarray,
        lengths: np.ndarray,
        semitones: np.ndarray,
    ) -> Batch:
        frames, labels, previous = [], [], []
        for i, start, n, k in zip(clips, starts, lengths, semitones, strict=True):
            part = (self.X[i][start : start + n] - self.mean) / self.scale
            # One label more in front: that before the first frame.
            own = self.y[i][max(start - 1, 0) : start + n]
            if start == 0:
                own = np.concatenate([[-1], own])
            if k:
                part = self.transposition.shift(part, k)
                own = self.transposition.relabel(own, k)
            frames.append(part)
            labels.append(own[1:])
            previous.append(np.where(own[:-1] < 0, self.n_classes, own[:-1]))
        device = self.generator.device
        stacked = stack_sequences(frames, device)
        x, before = stacked.frames, None
        if self.training:
            x = self.augmentation.apply(x, self.generator)
        if self.sees_previous:
            before = _padded(previous, self.n_classes).to(device)
        batch = SequenceBatch(x, stacked.lengths, before)
        return batch, (_padded(labels, -1).to(device), None)


def stack_sequences(
    frames: Sequence[np.ndarray], device: torch.device | str = "cpu"
) -> SequenceBatch:
    """Return sequences of frames (n_frames_i, n_features) side by side."""
    lengths = torch.tensor([len(part) for part in frames])
    return SequenceBatch(_padded(frames, 0).to(device), lengths.to(device))


def _padded(parts: Sequence[np.ndarray], value: int) -> torch.Tensor:
    longest = max(len(part) for part in parts)
    shape = (len(parts), longest, *parts[0].shape[1:])
    padded = np.full(shape, value, dtype=parts[0].dtype)
    for row, part in zip(padded, parts, strict=True):
        row[: len(part)] = part
    return tensor_of(padded)
