"""Batches of frames from clips that may not fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

VALUES_AT_ONCE = 1 << 24  # of frames that are shuffled together: 64 MB


class FrameBatches:
    """Frames of clips in random order, a pass at a time.

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
    rng : numpy.random.Generator
        Shuffles.
    labels : list of ndarray of shape (n_frames_i, ...), optional
        A label for each frame of each clip.
    """

    def __init__(
        self,
        clips: list[np.ndarray],
        prepare: Callable[[np.ndarray], np.ndarray],
        batch_size: int,
        rng: np.random.Generator,
        labels: list[np.ndarray] | None = None,
    ) -> None:
        self.clips, self.prepare, self.labels = clips, prepare, labels
        self.batch_size, self.rng = batch_size, rng
        fits = sum(clip.size for clip in clips) <= VALUES_AT_ONCE
        self.all_frames = self._gather(range(len(clips))) if fits else None

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Yield frames (n, ...) and their labels for one pass."""
        for frames, labels in self._groups():
            order = self.rng.permutation(len(frames))
            for start in range(0, len(order), self.batch_size):
                rows = order[start : start + self.batch_size]
                yield frames[rows], None if labels is None else labels[rows]

    def _groups(self) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        if self.all_frames is not None:
            yield self.all_frames
            return
        group: list[int] = []
        n_values = 0
        for i in self.rng.permutation(len(self.clips)):
            group.append(i)
            n_values += self.clips[i].size
            if n_values >= VALUES_AT_ONCE:
                yield self._gather(group)
                group, n_values = [], 0
        if group:
            yield self._gather(group)

    def _gather(self, which) -> tuple[np.ndarray, np.ndarray | None]:  # type: ignore[no-untyped-def]
        frames = self.prepare(np.concatenate([self.clips[i] for i in which]))
        if self.labels is None:
            return frames, None
        return frames, np.concatenate([self.labels[i] for i in which])
