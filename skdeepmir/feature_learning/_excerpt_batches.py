"""Batches of excerpts from clips that may not fit in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from skdeepmir._training._data import Batch, LabelledClips
from skdeepmir.feature_learning._whitening import Whitening


@dataclass
class ExcerptBatches:
    """Excerpts of clips as a convolutional layer sees them, a pass at a time.

    In each pass a clip has about as many excerpts as fit into it, from random places.
    Only those of a batch are in memory together. Shorter clips are put between zeros.

    Attributes
    ----------
    data : LabelledClips
        Clips, or one matrix of rows, each of which is a clip of one frame.
    whitening : Whitening
        How frames become channels.
    pass_on : callable
        What layers below make of sequences (n, n_frames, n_channels), float32.
    length : int
        Frames of an excerpt.
    batch_size : int
        Excerpts of a batch; the last may have fewer.
    rng : numpy.random.Generator or None
        Draws places and the order; None takes excerpts beside each other.
    device : str, default="cpu"
        Where batches are.
    """

    data: LabelledClips
    whitening: Whitening
    pass_on: Callable[[np.ndarray], np.ndarray]
    length: int
    batch_size: int
    rng: np.random.Generator | None
    device: str = "cpu"

    def __post_init__(self) -> None:
        clips = self.data.clips
        self.clips = clips if isinstance(clips, list) else clips[:, np.newaxis]
        numbers = np.array([max(1, round(len(c) / self.length)) for c in self.clips])
        self.owners = np.repeat(np.arange(len(numbers)), numbers)
        self.places = np.concatenate([np.arange(n) / max(1, n - 1) for n in numbers])

    def __len__(self) -> int:
        return len(self.owners)

    def __iter__(self) -> Iterator[Batch]:
        """Return the batches of one pass."""
        owners, places = self.owners, self.places
        if self.rng is not None:
            order = self.rng.permutation(len(self))
            owners, places = owners[order], self.rng.random(len(self))
        for start in range(0, len(self), self.batch_size):
            part = slice(start, start + self.batch_size)
            frames = torch.from_numpy(self._gather(owners[part], places[part]))
            frames = frames.to(self.device)
            yield Batch((frames,), frames, None, len(frames))

    def at_rest(self) -> ExcerptBatches:
        """Return batches of the same excerpts in order."""
        same = copy.copy(self)
        same.rng = None
        return same

    def draw(self, n_excerpts: int, rng: np.random.Generator) -> np.ndarray:
        """Return up to so many excerpts, of different clips as far as there are some.

        They are what a layer sees (n, n_frames, n_channels).
        """
        order = rng.permutation(len(self))
        # The first excerpt of each clip before the second of any.
        _, first = np.unique(self.owners[order], return_index=True)
        others = np.setdiff1d(np.arange(len(self)), first)
        chosen = order[np.concatenate([np.sort(first), others])[:n_excerpts]]
        return self._gather(self.owners[chosen], rng.random(len(chosen)))

    def _gather(self, owners: np.ndarray, places: np.ndarray) -> np.ndarray:
        n_channels = len(self.whitening.components)
        channels = np.zeros((len(owners), self.length, n_channels), np.float32)
        for row, (i, place) in enumerate(zip(owners, places, strict=True)):
            missing = self.length - len(self.clips[i])
            first = min(int(place * (1 - missing)), -missing) if missing < 0 else 0
            frames = np.asarray(self.clips[i][first : first + self.length], np.float32)
            before = max(0, missing) // 2
            inside = slice(before, before + len(frames))
            channels[row, inside] = self.whitening.apply(frames)
        return self.pass_on(channels)
