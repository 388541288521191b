"""Batches of frames from clips that may not fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from skdeepmir.frames import ClipLayout

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


def hold_out(
    clips: list[np.ndarray],
    layout: ClipLayout,
    fraction: float,
    rng: np.random.Generator,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Split clips (or rows, as the one item of ``clips``) at random.

    Parameters
    ----------
    clips : list of ndarray
        Clips, or one matrix of rows.
    layout : ClipLayout
        Which of them.
    fraction : float
        Share of the clips that is held out, rounded up; one clip always stays.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    held_out, rest : list of ndarray
        Clips, or one matrix of rows; may be empty.
    """
    order = rng.permutation(layout.n_clips)
    n_held_out = min(int(np.ceil(fraction * layout.n_clips)), layout.n_clips - 1)
    held_out, rest = order[:n_held_out], np.sort(order[n_held_out:])
    if layout.has_clips:
        return [clips[i] for i in held_out], [clips[i] for i in rest]
    parts = clips[0][held_out], clips[0][rest]
    first, second = ([part] if len(part) else [] for part in parts)
    return first, second


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
