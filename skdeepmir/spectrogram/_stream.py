"""Frames of live audio: blocks of samples in, frames out when they are complete."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdeepmir import audio
from skdeepmir._errors import is_number
from skdeepmir._warnings import warn_user
from skdeepmir.audio import AudioError
from skdeepmir.spectrogram._recipe import FOURIER_KINDS, FramePusher

if TYPE_CHECKING:
    from skdeepmir.spectrogram._extractor import SpectrogramExtractor

# Samples of small blocks that wait for each other where no frame is complete before.
TOGETHER = 4096


class FrameStream:
    """Turn audio into frames while it comes in, block by block.

    All frames together are bit for bit what ``extractor.transform`` gives for the whole
    waveform, whatever the sizes of the blocks. Memory does not grow with what was
    pushed. For an iterable of blocks there is
    :meth:`~skdeepmir.SpectrogramExtractor.stream`.

    Parameters
    ----------
    extractor : SpectrogramExtractor
        Says what a frame holds. Parameters that are changed later do not matter here.
    sample_rate : float, default=None
        Sample rate of the blocks in Hz, to be compared with that of the extractor; None
        takes their word for it. Nothing is resampled.

    Attributes
    ----------
    delay : float
        Seconds from the moment that a frame stands for, ``t / frame_rate +
        frame_offset`` of the extractor, to when it is complete: half of the longest
        window, and four frames more with derivatives. To it comes the rest of the block
        in which it becomes complete.
    n_blocks : int
        Blocks that were pushed.

    Raises
    ------
    ValueError
        If the blocks have another sample rate, or the kind is "cqt" or "chroma".

    See Also
    --------
    SpectrogramExtractor : The same for whole files and waveforms.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import SpectrogramExtractor
    >>> from skdeepmir.spectrogram import FrameStream
    >>> extractor = SpectrogramExtractor(n_fft=1024, hop_length=441, center=False)
    >>> stream = FrameStream(extractor, sample_rate=22050)
    >>> round(stream.delay, 4)
    0.0232
    >>> block = np.zeros(1000)
    >>> [len(stream.push(block)) for _ in range(4)]
    [0, 3, 2, 2]
    >>> stream.finish().shape
    (0, 128)
    """

    def __init__(
        self, extractor: SpectrogramExtractor, *, sample_rate: float | None = None
    ) -> None:
        extractor._validate_params()
        recipe = extractor._recipe()
        if recipe.is_constant_q:
            raise ValueError(
                f"kind={recipe.kind!r} cannot be streamed: its filters are seconds "
                f"long. Expected one of {', '.join(FOURIER_KINDS)}."
            )
        if not (sample_rate is None or is_number(sample_rate)):
            raise ValueError(
                f"sample_rate={sample_rate!r}, expected samples per second, such as "
                f"{recipe.sample_rate:g}, or None."
            )
        if sample_rate is not None and sample_rate != recipe.sample_rate:
            raise ValueError(
                f"The blocks have sample_rate={sample_rate:g} Hz, but the extractor "
                f"takes {recipe.sample_rate:g} Hz. Record at that rate or resample the "
                "blocks; or fit to features of an extractor with their rate."
            )
        self._recipe, self._pusher = recipe, FramePusher(recipe)
        self._listener: audio.Listener | None = audio.Listener()
        self._n_channels: int | None = None
        self._none = np.empty((0, len(recipe.feature_names())), dtype=np.float32)
        self._waiting: list[np.ndarray] = []
        self._n_waiting = 0  # samples
        self._is_finished = False
        self.n_blocks = 0
        ahead = self._pusher.deltas.look_ahead * recipe.hop_length
        before = recipe.longest_window() // 2 if recipe.center else 0
        samples = recipe.longest_window() - before + ahead
        self.delay = samples / recipe.sample_rate - extractor.frame_offset

    def push(self, samples: ArrayLike) -> NDArray[np.float32]:
        """Return the frames that are complete with a block of samples.

        Parameters
        ----------
        samples : array-like of shape (n_samples,) or (n_channels, n_samples)
            The next block, of any size; it may be empty. Floats between about -1 and 1,
            or PCM integers; of up to eight channels the mean is taken. It is copied, so
            that a driver may use its buffer again.

        Returns
        -------
        frames : ndarray of shape (n_frames, n_features), float32
            The next frames; often there are none.

        Raises
        ------
        AudioError
            A ``ValueError`` that names the block, if its samples are not finite or it
            is not a block of samples. It is left out; the stream can go on.
        ValueError
            If the stream is finished.

        Warns
        -----
        UserWarning
            Once, if samples are far beyond -1 ... 1, such as 16-bit samples in an array
            of floats.
        """
        if self._is_finished:
            raise ValueError(
                "This FrameStream is finished. Make a new one for other audio."
            )
        number, self.n_blocks = self.n_blocks, self.n_blocks + 1
        try:
            mono = audio.check_waveform(samples, is_block=True)
            self._check_channels(samples)
        except AudioError as error:
            found = f"(block {number}) {error.found}"
            raise AudioError(error.code, found, error.fix) from None
        if np.may_share_memory(mono, samples):
            mono = mono.copy()
        self._waiting.append(mono)
        self._n_waiting += len(mono)
        if self._n_waiting < min(self._pusher.cutter.n_missing, TOGETHER):
            return self._none
        return self._push()

    def finish(self) -> NDArray[np.float32]:
        """Return the frames that the end of the audio completes.

        With ``center=True`` these are those whose windows reach beyond the end, with
        derivatives the last four, and of audio that is shorter than a window its only
        one, padded with silence.

        Returns
        -------
        frames : ndarray of shape (n_frames, n_features), float32
            The last frames; there may be none.

        Raises
        ------
        AudioError
            If there were no samples at all, or fewer than the longest window has where
            the extractor has ``short="raise"``.
        ValueError
            If the stream is finished.
        """
        if self._is_finished:
            raise ValueError("This FrameStream is finished already.")
        n_samples = self._pusher.cutter.n_samples + self._n_waiting
        if n_samples == 0:
            audio.check_waveform(np.empty(0))  # the error of a waveform without samples
        self._recipe.check_length(n_samples)
        self._is_finished = True
        return self._push(is_last=True)

    def _push(self, is_last: bool = False) -> NDArray[np.float32]:
        """Return the frames that are complete with the blocks that wait."""
        mono = np.concatenate([self._none[:, 0], *self._waiting])
        self._waiting, self._n_waiting = [], 0
        self._listen(mono)
        with np.errstate(over="ignore", invalid="ignore"):  # the recipe reports them
            frames = self._pusher.push(mono, is_last)
        self._recipe.refuse_overflow(frames)
        return frames

    def _check_channels(self, samples: ArrayLike) -> None:
        """Raise an AudioError if a block has another number of channels than others."""
        if np.size(samples) == 0:
            return
        n_channels = 1 if np.ndim(samples) == 1 else len(np.asarray(samples))
        if self._n_channels not in (None, n_channels):
            raise AudioError(
                "bad_shape",
                f"has {n_channels} channels, but blocks before it {self._n_channels}",
                "Expected (n_samples,) or (n_channels, n_samples) for all of them.",
            )
        self._n_channels = n_channels

    def _listen(self, mono: np.ndarray) -> None:
        """Warn once if samples are not between -1 and 1."""
        if self._listener is None or len(mono) == 0:
            return
        self._listener.hear(mono[:, np.newaxis], mono)
        for doubt in self._listener.doubts():
            self._listener = None
            warn_user(str(doubt))


def frames_of(
    stream: FrameStream, blocks: Iterable[ArrayLike]
) -> Iterator[NDArray[np.float32]]:
    """Return what yields the frames of blocks, as soon as they are complete."""
    if audio.is_path(blocks) or isinstance(blocks, np.ndarray):
        what = "a path" if audio.is_path(blocks) else f"an array of {np.shape(blocks)}"
        raise ValueError(
            f"blocks is {what}; expected an iterable of blocks of samples. For a whole "
            "waveform pass [y], for a file skdeepmir.audio.stream_audio(path, "
            f"sample_rate={stream._recipe.sample_rate:g})."
        )
    return _frames_of(stream, blocks)


def _frames_of(
    stream: FrameStream, blocks: Iterable[ArrayLike]
) -> Iterator[NDArray[np.float32]]:
    for block in blocks:
        frames = stream.push(block)
        if len(frames):
            yield frames
    frames = stream.finish()
    if len(frames):
        yield frames
