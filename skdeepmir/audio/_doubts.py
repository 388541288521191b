"""Doubtful clips that can be used: their channels cancel, or samples are unscaled."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from skdeepmir.audio._errors import AudioError
from skdeepmir.audio._waveforms import pcm_to_float

DOUBTS = ("cancelled", "unscaled")  # the codes
# Of each segment of 2,048 samples, the first 64 are looked at, which takes less than a
# hundredth of the time of decoding FLAC; of a rest at the end, all.
SEGMENT, GLIMPSE = 1 << 11, 1 << 6
CANCELLED = 1e-4  # power of the mean of the channels over theirs: -40 dB
SILENT = 1e-6  # power of a segment over that of the loudest: -60 dB
UNSCALED = 100.0  # mean power, where 1 is the most that there can be


class Listener:
    """Examine samples as they pass, and report afterwards what is doubtful about them.

    The mean of two channels is as loud as they are if they are the same, 3 dB softer if
    they are uncorrelated, and silent if one is the other with its sign inverted.
    Encoders leave a residue, so 40 dB softer counts as silent.
    """

    def __init__(self) -> None:
        self.n_seen, self.energy = 0, 0.0
        self.low, self.high = np.inf, -np.inf
        # One of each segment: of the mean of the channels, and the mean of theirs.
        self.power, self.of_channels = array("f"), array("f")

    def hear(self, channels: np.ndarray, mono: np.ndarray) -> None:
        """Examine the next samples.

        Parameters
        ----------
        channels : ndarray of shape (n_samples, n_channels)
            As they are decoded: floats or PCM integers.
        mono : ndarray of shape (n_samples,), float32
            Their mean, between about -1 and 1.
        """
        whole = len(mono) - len(mono) % SEGMENT
        if whole:
            self._look(_glimpses(channels[:whole]), _glimpses(mono[:whole]))
        if whole < len(mono):
            self._look(channels[np.newaxis, whole:], mono[np.newaxis, whole:])

    def _look(self, channels: np.ndarray, mono: np.ndarray) -> None:
        power = np.einsum("ij,ij->i", mono, mono) / mono.shape[1]
        self.n_seen += len(power)
        self.energy += float(power.sum())
        self.low = min(self.low, float(channels.min()))
        self.high = max(self.high, float(channels.max()))
        if channels.shape[2] > 1:
            of_channels = power  # or more
            if power.min() < CANCELLED:  # others cannot be so far below full scale
                with np.errstate(over="ignore", invalid="ignore"):  # refused elsewhere
                    of_channels = np.square(pcm_to_float(channels)).mean(axis=(1, 2))
            self.power.frombytes(power.tobytes())
            self.of_channels.frombytes(of_channels.tobytes())

    def doubts(
        self, path: str | None = None, y: np.ndarray | None = None
    ) -> list[AudioError]:
        """Return what is doubtful, as errors that are not raised.

        Parameters
        ----------
        path : str, optional
            The file.
        y : ndarray, optional
            The waveform, as it was given.

        Returns
        -------
        doubts : list of AudioError
            With the codes "cancelled" and "unscaled".
        """
        found = []
        share = self._cancelled_share()
        if share > 0.5:
            found.append(
                AudioError(
                    "cancelled",
                    "has channels that cancel each other: their mean, from which "
                    "features are computed, is over 40 dB softer than they are in "
                    f"{100 * share:.0f} % of the sound",
                    "One channel may be inverted. Use a single channel, y[0], or "
                    "invert it back.",
                    path,
                )
            )
        power = self.energy / max(self.n_seen, 1)
        if power > UNSCALED:
            low, high = self.low, self.high
            if y is not None:
                low, high = float(y.min()), float(y.max())
            kind = "" if y is None else f" ({y.dtype})"
            fix = _scaling(low, high, "f" if y is None else y.dtype.kind)
            found.append(
                AudioError(
                    "unscaled",
                    f"has samples{kind} whose root mean square is "
                    f"{np.sqrt(power):.3g}, {10 * np.log10(power):.0f} dB above full "
                    "scale, which is 1",
                    "Expected samples between about -1 and 1. These range from "
                    f"{low:.6g} to {high:.6g}. {fix}",
                    path,
                )
            )
        return found

    def _cancelled_share(self) -> float:
        """Return the share of the segments with sound in which the channels cancel."""
        if not self.power:
            return 0.0
        power, of_channels = np.array(self.power), np.array(self.of_channels)
        sounds = of_channels > SILENT * of_channels.max()
        cancelled = power[sounds] <= CANCELLED * of_channels[sounds]
        return float(cancelled.mean()) if len(cancelled) else 0.0


def _scaling(low: float, high: float, kind: str) -> str:
    """Return what brings samples from ``low`` to ``high`` to full scale."""
    # ``kind`` is that of their dtype. The smallest format that holds them is the most
    # likely; it is unsigned if none is below 0 and some are beyond half its range.
    largest = max(-low, high)
    for bits in (8, 16, 24, 32):
        full = 2 ** (bits - 1)
        what = f"If they are {bits}-bit"
        if low >= 0 and high < 2 * full and (bits == 8 or high >= full):
            if bits == 8 and kind != "f":
                return f"{what} without a sign, pass y.astype('uint8')."
            return f"{what} without a sign, pass (y - {full:.1f}) / {full}."
        if bits > 8 and largest <= full:
            if kind != "f" and bits != 24 and high < full:
                return f"{what}, pass y.astype('int{bits}')."
            return f"{what}, divide by {full}."
    return f"Divide them by the largest magnitude, {largest:.6g}."


def _glimpses(x: np.ndarray) -> np.ndarray:
    """Return the beginning of each segment; (n_segments, GLIMPSE, ...)."""
    return x.reshape(-1, SEGMENT, *x.shape[1:])[:, :GLIMPSE]


def doubts_of_waveform(given: Any, mono: np.ndarray) -> list[AudioError]:
    """Return what is doubtful about a waveform.

    Parameters
    ----------
    given : array-like of shape (n_samples,) or (n_channels, n_samples)
        As it was given.
    mono : ndarray of shape (n_samples,), float32
        What :func:`check_waveform` made of it.

    Returns
    -------
    doubts : list of AudioError
        See :meth:`Listener.doubts`.
    """
    y = np.asarray(given)
    listener = Listener()
    listener.hear(y.T if y.ndim == 2 else mono[:, np.newaxis], mono)
    return listener.doubts(y=y)
