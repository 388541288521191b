"""Extract the frames of one clip, without scikit-learn: parameters in, frames out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
import scipy.fft

from skdeepmir import audio
from skdeepmir.audio import AudioError

version = cache(metadata.version)  # reading it takes milliseconds
C1 = 440 * 2 ** (-45 / 12)  # 32.70 Hz, the lowest C of a piano
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
MEL_KINDS = ("mel", "log_mel", "mfcc")
FOURIER_KINDS = ("magnitude", "power", *MEL_KINDS)
CONSTANT_Q_KINDS = ("cqt", "chroma")
# Counts changes of what is computed: stored features of other versions are not used.
VERSION = 4
# Waveforms in memory are taken whole up to this length (48 s at 22,050 Hz), else in
# blocks that stay in the processor's cache.
WHOLE, BLOCK = 1 << 20, 1 << 18


@dataclass(frozen=True)
class Recipe:
    """The parameters that say what a frame holds, resolved and checked."""

    kind: str
    sample_rate: float
    window_sizes: tuple[int, ...]
    hop_length: int
    n_mels: int
    n_mfcc: int
    n_bins: int
    bins_per_octave: int
    fmin: float
    fmax: float
    center: bool
    log: bool
    amin: float
    deltas: int
    short: str
    truncated: str
    max_duration: float | None  # s, of files

    def __post_init__(self) -> None:
        if not self.fmin < self.fmax <= self.sample_rate / 2:
            raise ValueError(
                f"fmin={self.fmin:g} Hz and fmax={self.fmax:g} Hz must satisfy 0 <= "
                f"fmin < fmax <= sample_rate / 2 = {self.sample_rate / 2:g} Hz."
            )
        if self.kind == "mfcc" and self.n_mfcc > self.n_mels:
            raise ValueError(
                f"n_mfcc={self.n_mfcc} coefficients need at least as many mel bands, "
                f"but n_mels={self.n_mels}."
            )
        if self.log and self.kind in ("mfcc", "chroma"):
            raise ValueError(f"log=True has no meaning for kind={self.kind!r}.")
        if self.is_constant_q:
            self._check_constant_q()

    def _check_constant_q(self) -> None:
        if not self.center:
            raise ValueError(
                f"center=False is not possible for kind={self.kind!r}: its filters "
                "differ in length and are all centred."
            )
        if self.kind == "chroma" and self.bins_per_octave % 12:
            raise ValueError(
                f"bins_per_octave={self.bins_per_octave} must be a multiple of 12 for "
                "kind='chroma'."
            )
        audio.check_constant_q(**self._constant_q_parameters())

    @property
    def is_constant_q(self) -> bool:
        """Whether frames come from the constant-Q transform."""
        return self.kind in CONSTANT_Q_KINDS

    def key(self) -> dict[str, Any]:
        """Return what the frames of a file depend on, besides its content."""
        # Parameters that this `kind` does not use are left out; the versions are those
        # of everything that computes more than sums and products.
        import soundfile

        names = ["kind", "sample_rate", "hop_length", "deltas", "short"]
        versions = {
            "features": VERSION,
            "libsndfile": soundfile.__libsndfile_version__,
            "soxr": version("soxr"),
        }
        if self.is_constant_q:
            names += ["fmin", "n_bins", "bins_per_octave"]
        else:
            names += ["window_sizes", "center", "fmin", "fmax"]
        if self.kind in MEL_KINDS:
            names += ["n_mels"]
        if self.kind == "mfcc":
            names += ["n_mfcc"]
        if self._in_decibels:
            names += ["amin"]
        if self.kind in ("magnitude", "power", "mel", "cqt"):
            names += ["log"]
        if self.truncated == "accept":
            names += ["truncated"]
        if self.is_constant_q or self.kind in MEL_KINDS:
            versions["librosa"] = version("librosa")  # its filters
        return {
            "parameters": {n: getattr(self, n) for n in names},
            "versions": versions,
        }

    @property
    def limits(self) -> dict[str, Any]:
        """The limits that a file must keep, as for ``audio.read_header``."""
        return {"truncated": self.truncated, "max_duration": self.max_duration}

    def refuse_long(self, n_frames: int, path: Any) -> None:
        """Raise an AudioError if stored features are from a file that is too long."""
        n_samples = (n_frames - 1) * self.hop_length  # at least
        name = audio.path_name(path)
        audio.check_duration(n_samples / self.sample_rate, self.max_duration, name)

    def count_frames(self, n_samples: int) -> int:
        """Return the number of frames of a waveform."""
        return audio.count_frames(
            n_samples,
            n_fft=max(self.window_sizes),
            hop_length=self.hop_length,
            center=self.center,
        )

    def count_spectra(self) -> int:
        """Return how many spectra of equal width stand side by side in a frame."""
        sizes = self.window_sizes
        if self.is_constant_q:
            return 1 + self.deltas
        if self.kind in MEL_KINDS or len(sizes) == 1:
            return len(sizes) * (1 + self.deltas)
        return 1  # bins of spectra grow with their windows

    def frame_blocks(self, clip: Any, listener: Any = None) -> Iterator[np.ndarray]:
        """Yield the frames of a file, or a waveform at ``sample_rate``, in blocks."""
        path = None
        if not isinstance(clip, np.ndarray):
            path = audio.path_name(clip)
            blocks = audio.stream_audio(
                clip, sample_rate=self.sample_rate, listener=listener, **self.limits
            )
        elif len(clip) <= WHOLE:
            blocks = iter([clip])
        else:
            blocks = (clip[i : i + BLOCK] for i in range(0, len(clip), BLOCK))
        if self.short == "raise":
            blocks = self._refuse_short(blocks, path)
        transform = self._constant_q if self.is_constant_q else self._fourier
        for frames in transform(blocks):
            self.refuse_overflow(frames, path)
            yield frames

    def refuse_overflow(self, frames: np.ndarray, path: str | None = None) -> None:
        """Raise an AudioError if frames are not finite."""
        if not np.isfinite(frames).all():
            raise AudioError(
                "not_finite",
                f"is so loud that its {self.kind} overflows",
                "Expected samples between about -1 and 1. Scale it down.",
                path,
            )

    def _refuse_short(
        self, blocks: Iterable[np.ndarray], path: str | None
    ) -> Iterator[np.ndarray]:
        n_samples = 0
        for block in blocks:
            n_samples += len(block)
            yield block
        self.check_length(n_samples, path)

    def check_length(self, n_samples: int, path: str | None = None) -> None:
        """Raise an AudioError if a clip is shorter than it may be."""
        needed = self.longest_window()
        if self.short == "raise" and n_samples < needed:
            raise AudioError(
                "too_short",
                f"has {n_samples} samples at {self.sample_rate:g} Hz, fewer than the "
                f"{needed} of the longest window",
                "Leave it out with its label, shorten the window, or pad it with "
                "silence: short='pad'.",
                path,
            )

    def longest_window(self) -> int:
        """Return the samples of the longest window or filter."""
        if self.is_constant_q:
            return audio.constant_q_support(**self._constant_q_parameters())
        return max(self.window_sizes)

    def _constant_q(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        magnitudes = audio.constant_q_blocks(
            blocks, hop_length=self.hop_length, **self._constant_q_parameters()
        )
        return audio.append_deltas(map(self._of_constant_q, magnitudes), self.deltas)

    def _of_constant_q(self, frames: np.ndarray) -> np.ndarray:
        if self.kind == "chroma":
            return audio.chroma(
                frames, fmin=self.fmin, bins_per_octave=self.bins_per_octave
            )
        if self.log:
            return audio.to_decibels(np.square(frames), self.amin)
        return frames

    def _fourier(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        pusher = FramePusher(self)
        for block, is_last in audio.mark_last(blocks):
            frames = pusher.push(block, is_last)
            if len(frames):
                yield frames

    def spectra(self, cut: audio.Frames) -> np.ndarray:
        """Return the features of frames that were cut, without derivatives."""
        longest = max(self.window_sizes)
        spectra = [
            # Shorter windows lie in the middle of the longest.
            self._spectra(
                cut._replace(start=cut.start + longest // 2 - n_fft // 2), n_fft
            )
            for n_fft in self.window_sizes
        ]
        return spectra[0] if len(spectra) == 1 else np.concatenate(spectra, axis=1)

    def _spectra(self, cut: audio.Frames, n_fft: int) -> np.ndarray:
        filters = None
        if self.kind in MEL_KINDS:
            filters = audio.mel_filters(
                self.sample_rate, n_fft, self.n_mels, self.fmin, self.fmax
            )
        frames = audio.power_spectra(cut, n_fft, self.hop_length, filters)
        if filters is None:
            frames = frames[:, self._bins(n_fft)]
        if self._in_decibels:
            frames = audio.to_decibels(frames, self.amin)
        elif self.kind == "magnitude":
            frames = np.sqrt(frames, out=frames)
        if self.kind == "mfcc":
            cepstra = scipy.fft.dct(frames, axis=1, norm="ortho")
            frames = np.ascontiguousarray(cepstra[:, : self.n_mfcc])
        return frames

    @property
    def _in_decibels(self) -> bool:
        return self.log or self.kind in ("log_mel", "mfcc")

    def _bins(self, n_fft: int) -> slice:
        """Return the bins of the spectrum between fmin and fmax."""
        freqs = self._bin_frequencies(n_fft)
        start = int(np.searchsorted(freqs, self.fmin))
        return slice(start, int(np.searchsorted(freqs, self.fmax, "right")))

    def _bin_frequencies(self, n_fft: int) -> np.ndarray:
        freqs = np.arange(n_fft // 2 + 1) * self.sample_rate / n_fft
        return np.minimum(freqs, self.sample_rate / 2)  # which rounding may exceed

    def _constant_q_parameters(self) -> dict[str, Any]:
        names = ("sample_rate", "fmin", "n_bins", "bins_per_octave")
        return {name: getattr(self, name) for name in names}

    def feature_names(self) -> list[str]:
        """Name the columns of a frame."""
        if self.kind == "chroma":
            names = [f"chroma_{pitch}" for pitch in PITCH_CLASSES]
        elif self.kind == "cqt":
            freqs = self.fmin * 2 ** (np.arange(self.n_bins) / self.bins_per_octave)
            names = [f"cqt_{freq:.1f}hz" for freq in freqs]
        else:
            names = [
                name if len(self.window_sizes) == 1 else f"{name}_n_fft{n_fft}"
                for n_fft in self.window_sizes
                for name in self._fourier_names(n_fft)
            ]
        suffixes = ("", "_delta", "_delta2")[: self.deltas + 1]
        return [name + suffix for suffix in suffixes for name in names]

    def _fourier_names(self, n_fft: int) -> list[str]:
        if self.kind in ("magnitude", "power"):
            freqs = self._bin_frequencies(n_fft)
            return [f"{self.kind}_{f:.1f}hz" for f in freqs[self._bins(n_fft)]]
        count = self.n_mfcc if self.kind == "mfcc" else self.n_mels
        return [f"{self.kind}_{i}" for i in range(count)]


class FramePusher:
    """The frames of samples that are pushed block by block; not for constant-Q."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.cutter = audio.FrameCutter(
            recipe.longest_window(), recipe.hop_length, center=recipe.center
        )
        self.deltas = audio.DeltaAppender(recipe.deltas)

    def push(self, samples: np.ndarray, is_last: bool = False) -> np.ndarray:
        """Return the frames (n_frames, n_features) that are complete."""
        cut = self.cutter.push(samples, is_last)
        return self.deltas.push(self.recipe.spectra(cut), is_last)
