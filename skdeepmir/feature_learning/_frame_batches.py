"""Batches of frames from clips that may not fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from skdeepmir._training._data import Batch

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
        self.all_frames: tuple[np.ndarray, np.ndarray | None] | None = None

    def __len__(self) -> int:
        return sum(map(len, self.clips))

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of one pass."""
        for frames, targets in self._groups():
            order = self._order(len(frames))
            for start in range(0, len(order), self.batch_size):
                rows = order[start : start + self.batch_size]
                inputs = wanted = torch.from_numpy(frames[rows]).to(self.device)
                if targets is not None:
                    wanted = torch.from_numpy(targets[rows]).to(self.device)
                yield Batch((inputs,), wanted, None, len(rows))

    def _order(self, n: int) -> np.ndarray:
        return np.arange(n) if self.rng is None else self.rng.permutation(n)

    def _groups(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        if sum(clip.size for clip in self.clips) <= VALUES_AT_ONCE:
            if self.all_frames is None:
                self.all_frames = self._gather(range(len(self.clips)))
            yield self.all_frames
            return
        group: list[int] = []
        n_values = 0
        for i in self._order(len(self.clips)):
            group.append(i)
            n_values += self.clips[i].size
            if n_values >= VALUES_AT_ONCE:
                yield self._gather(group)
                group, n_values = [], 0
        if group:
            yield self._gather(group)

    def _gather(self, which: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        frames = self.prepare(np.concatenate([self.clips[i] for i in which]))
        if self.labels is None:
            return frames, None
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
