"""Streams of samples into overlapping frames, holding no more than frames need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

CHUNK_BYTES = 40_000_000  # more than what C libraries keep for later when it is freed


def mark_last(blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    """Yield each block with whether it is the last."""
    waiting = None
    for block in blocks:
        if waiting is not None:
            yield waiting, False
        waiting = block
    if waiting is not None:
        yield waiting, True


def count_frames(
    n_samples: int, *, n_fft: int, hop_length: int, center: bool = True
) -> int:
    """Return how many frames a waveform has, at least one.

    Parameters
    ----------
    n_samples : int
        Samples of the waveform.
    n_fft : int
        Samples of the (longest) window.
    hop_length : int
        Samples from one frame to the next.
    center : bool, default=True
        Whether windows may reach over both ends.

    Returns
    -------
    n_frames : int
        Frames.
    """
    room = n_samples if center else max(n_samples - n_fft, 0)
    return 1 + room // hop_length


class FrameCutter:
    """A queue of samples that are taken frame by frame.

    Parameters
    ----------
    frame_length : int
        Samples of a frame.
    hop_length : int
        Samples from one frame to the next.
    before : int
        Zeros before the first sample: frame 0 begins with them.
    """

    def __init__(self, frame_length: int, hop_length: int, before: int) -> None:
        self.frame_length, self.hop_length = frame_length, hop_length
        self.held = np.zeros(before, dtype=np.float32)

    def push(self, samples: np.ndarray) -> None:
        """Append samples."""
        self.held = np.concatenate([self.held, samples])

    def count_complete(self) -> int:
        """Return how many frames can be taken that need no further samples."""
        reach = max(self.frame_length, self.hop_length)
        return max(0, 1 + (len(self.held) - reach) // self.hop_length)

    def take(self, n_frames: int) -> np.ndarray:
        """Return the samples of the next frames; frame t begins at ``t * hop_length``.

        Zeros stand in for samples that were not pushed.
        """
        end = (n_frames - 1) * self.hop_length + self.frame_length
        samples = self.held[:end]
        self.held = self.held[n_frames * self.hop_length :]
        if len(samples) == end:
            return samples
        return np.pad(samples, (0, end - len(samples)))


def cut_frames(
    blocks: Iterable[np.ndarray], *, frame_length: int, hop_length: int, center: bool
) -> Iterator[tuple[np.ndarray, int]]:
    """Cut a stream of samples into frames.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n_samples_i,), float32
        A waveform in pieces.
    frame_length : int
        Samples of a frame.
    hop_length : int
        Samples from one frame to the next.
    center : bool
        If True, frame t is centred on sample ``t * hop_length``; if False, frame 0
        begins with the first sample.

    Yields
    ------
    samples : ndarray, float32
        The samples of some frames; frame t of them begins at ``t * hop_length``.
    n_frames : int
        How many.
    """
    cutter = FrameCutter(frame_length, hop_length, frame_length // 2 if center else 0)
    n_samples = n_done = 0
    for block, is_last in mark_last(blocks):
        cutter.push(block)
        n_samples += len(block)
        n_frames = cutter.count_complete()
        if is_last:
            n_frames = -n_done + count_frames(
                n_samples, n_fft=frame_length, hop_length=hop_length, center=center
            )
        if n_frames > 0:
            yield cutter.take(n_frames), n_frames
            n_done += n_frames


def frame_views(samples: np.ndarray, frame_length: int, hop_length: int) -> np.ndarray:
    """Return a view (n_frames, frame_length) of the samples of frames."""
    n_frames = 1 + (len(samples) - frame_length) // hop_length
    step = samples.itemsize
    return np.ndarray(  # sliding_window_view takes ten times as long
        (n_frames, frame_length),
        samples.dtype,
        samples,
        strides=(hop_length * step, step),
    )


def join_blocks(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Concatenate blocks along the first axis, with little memory beyond the result."""
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
