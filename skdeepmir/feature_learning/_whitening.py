"""Principal components of frames, whitened: the channels of convolutional layers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skdeepmir._training._data import scale_of

ROWS_AT_ONCE = 4096  # of which products are summed, in float64
NEGLIGIBLE = 1e-6  # share of the largest variance below which a component is rounding


@dataclass(frozen=True)
class Whitening:
    """How frames become channels.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_features,), float32
        What standardises the features; constant ones become 0.
    components : ndarray of shape (n_channels, n_features), float32
        What standardised frames are multiplied with: channels have variance 1 and are
        not correlated.
    back : ndarray of shape (n_channels, n_features), float32
        What channels are multiplied with to get standardised frames.
    """

    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray
    back: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, clips: Iterable[np.ndarray], n_components: int | None) -> Whitening:
        """Return what whitens the frames of clips, of which one is read at a time.

        There are fewer components than asked for where frames have fewer that vary.
        None standardises the features, and does not whiten.
        """
        n, total, products, largest = 0, 0.0, 0.0, 0.0
        origin: Any = None
        with np.errstate(over="ignore", invalid="ignore"):  # noticed below
            for clip in clips:
                for start in range(0, len(clip), ROWS_AT_ONCE):
                    rows = clip[start : start + ROWS_AT_ONCE].astype(np.float64)
                    if origin is None:  # near the mean, so that differences are exact
                        origin = rows.mean(axis=0)
                    rows -= origin
                    n += len(rows)
                    largest = max(largest, float(np.abs(rows).max()))
                    total = total + rows.sum(axis=0)
                    products = products + rows.T @ rows
            mean = total / n
            covariance = products / n - np.outer(mean, mean)
            mean = mean + origin
            variance = np.diagonal(covariance).clip(min=0)
            largest = max(largest, float(np.abs(mean).max()))
        if not largest < float(np.finfo(np.float32).max):
            raise ValueError(
                f"X has features of size {largest:.3g}; training is in float32 and "
                "ends at 3.4e38. Scale them."
            )
        scale = scale_of(mean, variance)
        components = back = np.eye(len(mean))
        if n_components is not None:
            correlation = covariance / np.outer(scale, scale)
            components, back = _principal(correlation, n_components)
        parts = (mean, scale, components, back)
        return cls(*(part.astype(np.float32) for part in parts))

    def apply(self, frames: np.ndarray) -> np.ndarray:
        """Return the channels of frames, in their precision."""
        dtype = frames.dtype
        mean, scale, components = (
            part.astype(dtype, copy=False)
            for part in (self.mean, self.scale, self.components)
        )
        return ((frames - mean) / scale) @ components.T

    def invert(self, channels: np.ndarray) -> np.ndarray:
        """Return frames with such channels, in their precision."""
        frames = channels @ self.back.astype(channels.dtype, copy=False)
        return frames * self.scale + self.mean


def _principal(
    correlation: np.ndarray, n_components: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return components that whiten, and the way back; their largest value is > 0."""
    variances, vectors = np.linalg.eigh(correlation)
    variances, vectors = variances[::-1], vectors[:, ::-1].T
    n_found = int(np.sum(variances > NEGLIGIBLE * max(variances[0], 0)))
    n_kept = max(1, min(n_components, n_found))
    variances, vectors = variances[:n_kept], vectors[:n_kept]
    place = np.abs(vectors).argmax(axis=1)
    vectors = vectors * np.sign(vectors[np.arange(n_kept), place])[:, np.newaxis]
    # Frames that are all the same have one component, which is 0.
    deviations = np.sqrt(variances.clip(min=0))[:, np.newaxis]
    inverse = np.divide(
        1, deviations, out=np.zeros_like(deviations), where=deviations > 0
    )
    return vectors * inverse, vectors * deviations
