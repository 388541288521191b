"""Batches of frames from clips that may not fit in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch

from skdeepmir._training._data import Batch, LabelledClips, standardized

Group = tuple[np.ndarray, ...]  # frames, and their targets if there are any
VALUES_AT_ONCE = 1 << 24  # of frames that are shuffled together: 64 MB


@dataclass
class FrameBatches:
    """Frames of clips as a layer sees them, a pass at a time.

    Clips that fit together are prepared once and shuffled frame by frame. Of more, such
    as memory maps, clips are shuffled and taken in groups of 64 MB, in which frames are
    shuffled.

    Attributes
    ----------
    data : LabelledClips
        Clips, or one matrix of rows, with their targets.
    scaling : tuple of ndarray or None
        Mean and scale that standardise the frames.
    pass_on : callable
        What layers below make of frames (n, n_features), float32.
    batch_size : int
        Frames of a batch; the last of a group may have fewer.
    rng : numpy.random.Generator or None
        Shuffles; None keeps the order.
    device : str, default="cpu"
        Where batches are.
    with_targets : bool, default=False
        Whether each frame has the target of its clip, or else itself.
    """

    data: LabelledClips
    scaling: tuple[np.ndarray, np.ndarray] | None
    pass_on: Callable[[np.ndarray], np.ndarray]
    batch_size: int
    rng: np.random.Generator | None
    device: str = "cpu"
    with_targets: bool = False

    def __post_init__(self) -> None:
        is_list = isinstance(self.data.clips, list)
        self.clips = self.data.clips if is_list else [self.data.clips]
        self.fits = sum(map(np.size, self.clips)) <= VALUES_AT_ONCE
        self.kept: Group | None = None

    def __len__(self) -> int:
        return sum(map(len, self.clips))

    def __iter__(self) -> Iterator[Batch]:
        """Return the batches of one pass."""
        return chain.from_iterable(map(self._batches, self._groups()))

    def at_rest(self) -> FrameBatches:
        """Return batches of the same in order."""
        same = copy.copy(self)
        same.rng = None
        return same

    def draw(self, n_frames: int, rng: np.random.Generator) -> np.ndarray:
        """Return about ``n_frames``, as many from each clip as from the others."""
        chosen = self.clips
        if len(chosen) > n_frames:
            places = np.sort(rng.permutation(len(chosen))[:n_frames])
            chosen = [self.clips[i] for i in places]
        per_clip = max(1, n_frames // len(self.clips))
        frames = [clip[rng.permutation(len(clip))[:per_clip]] for clip in chosen]
        return self._prepared(np.concatenate(frames))

    def _batches(self, group: Group) -> list[Batch]:
        """Return the batches of frames that are in memory together."""
        order = self._order(len(group[0]))
        parts = [
            torch.from_numpy(part[order]).to(self.device).split(self.batch_size)
            for part in group
        ]
        pairs = zip(parts[0], parts[-1], strict=True)
        return [Batch((inputs,), wanted, None, len(inputs)) for inputs, wanted in pairs]

    def _order(self, n: int) -> np.ndarray:
        return np.arange(n) if self.rng is None else self.rng.permutation(n)

    def _groups(self) -> Iterable[Group]:
        if not self.fits:
            return self._groups_from_disk()
        if self.kept is None:
            self.kept = self._gather(range(len(self.clips)))
        return [self.kept]

    def _groups_from_disk(self) -> Iterator[Group]:
        which: list[int] = []
        n_values = 0
        for i in self._order(len(self.clips)):
            which.append(i)
            n_values += self.clips[i].size
            if n_values >= VALUES_AT_ONCE:
                yield self._gather(which)
                which, n_values = [], 0
        if which:
            yield self._gather(which)

    def _gather(self, which: Sequence[int]) -> Group:
        frames = self._prepared(np.concatenate([self.clips[i] for i in which]))
        if not self.with_targets:
            return (frames,)
        targets = self.data.targets
        if isinstance(self.data.clips, list):
            counts = [len(self.clips[i]) for i in which]
            targets = np.repeat(targets[list(which)], counts, axis=0)
        return frames, targets

    def _prepared(self, frames: np.ndarray) -> np.ndarray:
        if self.scaling is not None:
            frames = standardized(frames, *self.scaling, frames.dtype)
        return self.pass_on(frames.astype(np.float32, copy=False))
