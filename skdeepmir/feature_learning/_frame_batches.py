"""Batches of frames from clips that may not fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np
import torch

from skdeepmir._training._data import Batch

Group = tuple[np.ndarray, ...]  # frames, and their targets if there are any
VALUES_AT_ONCE = 1 << 24  # of frames that are shuffled together: 64 MB


class FrameBatches:
    """Frames of clips, a pass at a time.

    Clips that fit together are prepared once and shuffled frame by frame. Of more, such
    as memory maps, clips are shuffled and taken in groups of 64 MB, in which frames are
    shuffled.

    Parameters
    ----------
    clips : list of ndarray of shape (n_frames_i, n_features)
        Clips.
    prepare : callable
        Turns frames (n, n_features) into what is learned from, float32.
    batch_size : int
        Frames of a batch; the last of a group may have fewer.
    rng : numpy.random.Generator or None
        Shuffles; None keeps the order.
    device : str, default="cpu"
        Where batches are.
    targets : list of ndarray of shape (n_frames_i, ...), optional
        A target for each frame of each clip; the frames themselves by default.
    """

    def __init__(
        self,
        clips: list[np.ndarray],
        prepare: Callable[[np.ndarray], np.ndarray],
        batch_size: int,
        rng: np.random.Generator | None,
        device: str = "cpu",
        targets: list[np.ndarray] | None = None,
    ) -> None:
        self.clips, self.prepare, self.labels = clips, prepare, targets
        self.batch_size, self.rng, self.device = batch_size, rng, device
        self.fits = sum(map(np.size, clips)) <= VALUES_AT_ONCE
        self.kept: Group | None = None

    def __len__(self) -> int:
        return sum(map(len, self.clips))

    def __iter__(self) -> Iterator[Batch]:
        """Return the batches of one pass."""
        return chain.from_iterable(map(self._batches, self._groups()))

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

    def _groups(self) -> Iterator[Group]:
        if self.fits:
            if self.kept is None:
                self.kept = self._gather(range(len(self.clips)))
            yield self.kept
            return
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
        frames = self.prepare(np.concatenate([self.clips[i] for i in which]))
        if self.labels is None:
            return (frames,)
        return frames, np.concatenate([self.labels[i] for i in which])


def draw_frames(
    clips: list[np.ndarray], n_frames: int, rng: np.random.Generator
) -> np.ndarray:
    """Return about ``n_frames`` frames, as many from each clip as from the others."""
    chosen = clips
    if len(clips) > n_frames:
        chosen = [clips[i] for i in np.sort(rng.permutation(len(clips))[:n_frames])]
    per_clip = max(1, n_frames // len(clips))
    return np.concatenate(
        [clip[rng.permutation(len(clip))[:per_clip]] for clip in chosen]
    )
