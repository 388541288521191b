"""Cut streams of samples into overlapping frames, holding no more than frames need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np

Item = TypeVar("Item")
CHUNK_BYTES = 40_000_000  # more than what C libraries keep for later when it is freed


def mark_last(items: Iterable[Item]) -> Iterator[tuple[Item, bool]]:
    """Tell of each item, such as a block, whether it is the last.

    Parameters
    ----------
    items : iterable
        Any objects.

    Yields
    ------
    item : object
        The next of them.
    is_last : bool
        Whether none follows.
    """
    waiting = None
    for item in items:
        if waiting is not None:
            yield waiting, False
        waiting = item
    if waiting is not None:
        yield waiting, True


def count_frames(
    n_samples: int, *, n_fft: int, hop_length: int, center: bool = True
) -> int:
    """Return the number of frames of a waveform, as in librosa, but at least one.

    Centred windows reach ``n_fft // 2`` samples beyond both ends: with an odd
    ``n_fft``, one sample less than the window has, so that a waveform whose length is a
    multiple of the hop has no frame at its very end.

    Parameters
    ----------
    n_samples : int
        Samples of the waveform.
    n_fft : int
        Samples of the (longest) window.
    hop_length : int
        Samples from one frame to the next.
    center : bool, default=True
        Whether windows may reach beyond both ends.

    Returns
    -------
    n_frames : int
        Frames.
    """
    room = n_samples - n_fft + (2 * (n_fft // 2) if center else 0)
    return 1 + max(room, 0) // hop_length


class Frames(NamedTuple):
    """Frames that share their samples: frame t begins at ``start + t * hop_length``.

    They may begin before the first sample and end after the last: zeros stand there.

    Parameters
    ----------
    samples : ndarray of shape (n_samples,), float32
        What they are cut from.
    start : int
        Where the first frame begins, counted in samples.
    n_frames : int
        How many there are.
    """

    samples: np.ndarray
    start: int
    n_frames: int

    def views(self, frame_length: int, hop_length: int) -> np.ndarray:
        """Return the frames as one array.

        Parameters
        ----------
        frame_length : int
            Samples of a frame.
        hop_length : int
            Samples from one frame to the next.

        Returns
        -------
        frames : ndarray of shape (n_frames, frame_length), float32
            A view of ``samples`` unless frames reach beyond them.
        """
        samples, start = self.samples, self.start
        end = start + (self.n_frames - 1) * hop_length + frame_length
        if start < 0 or end > len(samples):
            padded = np.zeros(end - start, dtype=np.float32)
            inside = samples[max(start, 0) : max(end, 0)]
            at = max(-start, 0)
            padded[at : at + len(inside)] = inside
            samples, start = padded, 0
        strides = hop_length * samples.itemsize, samples.itemsize
        # sliding_window_view takes ten times as long
        shape = self.n_frames, frame_length
        return np.ndarray(shape, np.float32, samples[start:], strides=strides)


class FrameQueue:
    """A queue of samples that are taken frame by frame."""

    # Frame 0 begins `before` samples before the first that is pushed.
    def __init__(self, frame_length: int, hop_length: int, before: int) -> None:
        self.frame_length, self.hop_length = frame_length, hop_length
        self.held = np.empty(0, dtype=np.float32)
        self.start = -before  # of the next frame, in held

    def push(self, samples: np.ndarray) -> None:
        """Append samples."""
        is_empty = len(self.held) == 0
        self.held = samples if is_empty else np.concatenate([self.held, samples])

    def count_complete(self) -> int:
        """Return how many frames can be taken that need no further samples."""
        room = len(self.held) - self.start - self.frame_length
        return max(0, 1 + room // self.hop_length)

    def take(self, n_frames: int) -> Frames:
        """Return the next frames, whether they are complete or not."""
        frames = Frames(self.held, self.start, n_frames)
        self.start += n_frames * self.hop_length
        n_done = min(max(self.start, 0), len(self.held))
        self.held = self.held[n_done:]
        self.start -= n_done
        return frames


class FrameCutter:
    """Cut a stream of samples into frames, block by block.

    Parameters
    ----------
    frame_length : int
        Samples of a frame.
    hop_length : int
        Samples from one frame to the next.
    center : bool
        If True, frame t is centred on sample ``t * hop_length``; if False, frame 0
        begins with the first sample.
    """

    def __init__(self, frame_length: int, hop_length: int, *, center: bool) -> None:
        before = frame_length // 2 if center else 0
        self.queue = FrameQueue(frame_length, hop_length, before)
        self.center = center
        self.n_samples = self.n_frames = 0

    @property
    def n_missing(self) -> int:
        """Samples without which the next frame is not complete."""
        queue = self.queue
        return queue.start + queue.frame_length - len(queue.held)

    def push(self, samples: np.ndarray, is_last: bool = False) -> Frames:
        """Return the frames that are complete with new samples.

        Parameters
        ----------
        samples : ndarray of shape (n_samples,), float32
            The next block, of any size. It is not copied: leave it as it is until the
            next call.
        is_last : bool, default=False
            Whether nothing follows: the rest of the frames is returned as well.

        Returns
        -------
        frames : Frames
            The next frames; there may be none.
        """
        queue = self.queue
        queue.push(samples)
        self.n_samples += len(samples)
        n_frames = queue.count_complete()
        if is_last:
            n_frames = -self.n_frames + count_frames(
                self.n_samples,
                n_fft=queue.frame_length,
                hop_length=queue.hop_length,
                center=self.center,
            )
        self.n_frames += n_frames
        return queue.take(n_frames)


def join_blocks(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Concatenate blocks along the first axis, with little memory beyond the result.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n_i, ...)
        At least one; all have the same dtype and other dimensions.

    Returns
    -------
    joined : ndarray of shape (sum of n_i, ...)
        As ``np.concatenate`` gives it.
    """
    chunks: list[np.ndarray] = []
    pending: list[np.ndarray] = []
    n_bytes = 0
    for block in blocks:
        pending.append(block)
        n_bytes += block.nbytes
        if n_bytes >= CHUNK_BYTES:
            chunks.append(np.concatenate(pending))
            pending.clear()
            n_bytes = 0
    if not chunks:
        return pending[0] if len(pending) == 1 else np.concatenate(pending)
    chunks += pending
    joined = np.empty((sum(map(len, chunks)), *chunks[0].shape[1:]), chunks[0].dtype)
    end = len(joined)
    while chunks:  # each is given back before more of the result is touched
        start = end - len(chunks[-1])
        joined[start:end] = chunks.pop()
        end = start
    return joined
