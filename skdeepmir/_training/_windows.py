"""The feed of nets that see clips as windows of several lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

from skdeepmir._training._data import (
    Batch,
    Feed,
    LabelledClips,
    scale_of,
    tensor_of,
    torch_dtype,
)
from skdeepmir._validation import validate_frames
from skdeepmir.frames import ClipLayout
from skdeepmir.nets import WindowBatch
from skdeepmir.preprocessing import MultiTimescalePooler

CLIPS_AT_ONCE = 256  # in predictions, to bound memory
Windows = Sequence[np.ndarray]  # of a clip: (n_windows, n_features) for each scale


@dataclass(frozen=True)
class WindowFeed(Feed):
    """The feed of nets that see clips as statistics over windows of several lengths.

    Attributes
    ----------
    pooler : MultiTimescalePooler
        Makes the windows; fitted when clips are read in ``fit``.
    dtype : dtype
        Of training.
    mean, scale : ndarray of shape (n_scales, n_statistics)
        What standardises the windows of each scale.
    standardize : bool
        Whether they are learned, or 0 and 1.
    """

    pooler: MultiTimescalePooler
    dtype: Any
    mean: Any = None
    scale: Any = None
    standardize: bool = True
    predict_dtype = np.float64

    def read(
        self, estimator: Any, X: Any, *, reset: bool, dtype: Any
    ) -> tuple[list[Windows], ClipLayout]:
        """Return the windows of each clip at each scale."""
        clips, layout = validate_frames(estimator, X, reset=reset, dtype=dtype)
        if reset:
            self.pooler.fit(np.zeros((1, estimator.n_features_in_)))
        return [self.pooler._windows_of(c, i) for i, c in enumerate(clips)], layout

    def learn(self, data: LabelledClips, coding: Any, seed: int) -> WindowFeed:
        """Return the feed with the scale of all windows, which weigh as their clips."""
        if not self.standardize:
            mean = np.zeros((len(data.clips[0]), data.clips[0][0].shape[1]))
            return replace(self, mean=mean, scale=np.ones_like(mean))
        scalers = []
        for windows in zip(*data.clips, strict=True):
            weight = np.repeat(data.clip_weight, list(map(len, windows)))
            rows = np.concatenate(windows)
            scalers.append(StandardScaler().fit(rows, sample_weight=weight))
        return replace(
            self,
            mean=np.stack([scaler.mean_ for scaler in scalers]),
            scale=np.stack([scale_of(s.mean_, s.var_) for s in scalers]),
        )

    def source(
        self, data: LabelledClips, generator: torch.Generator, *, training: bool
    ) -> WindowedClips:
        """Return all windows of a clip at a time."""
        windows = self._stacked(data.clips, self.dtype, generator.device)
        return WindowedClips(windows, *data.tensors(self.dtype, generator.device))

    def logits(self, net: Any, clips: list[Windows], layout: ClipLayout) -> np.ndarray:
        """Return the logits of each clip."""
        parts = [
            net(self._stacked(clips[k : k + CLIPS_AT_ONCE], self.predict_dtype)).numpy()
            for k in range(0, len(clips), CLIPS_AT_ONCE)
        ]
        return np.concatenate(parts)

    def _stacked(
        self, clips: Sequence[Windows], dtype: Any, device: Any = "cpu"
    ) -> WindowBatch:
        return stack_windows(clips, self.mean, self.scale, torch_dtype(dtype), device)


def stack_windows(
    clips: Sequence[Windows],
    mean: np.ndarray,
    scale: np.ndarray,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
) -> WindowBatch:
    """Return standardised windows of clips as a net takes them.

    Parameters
    ----------
    clips : sequence of sequence of ndarray of shape (n_windows, n_features)
        For each clip the windows of each scale.
    mean, scale : ndarray of shape (n_scales, n_features)
        What standardises each scale.
    dtype : torch.dtype
        Of the windows.
    device : torch.device or str, default="cpu"
        Where they are to be.

    Returns
    -------
    batch : WindowBatch
        All clips.
    """
    windows, n_windows = [], []
    for of_scale, m, s in zip(zip(*clips, strict=True), mean, scale, strict=True):
        rows = (np.concatenate(of_scale) - m) / s
        windows.append(tensor_of(rows).to(device, dtype))
        n_windows.append(torch.tensor([len(part) for part in of_scale], device=device))
    return WindowBatch(windows, n_windows)


class WindowedClips:
    """Clips of unequal numbers of windows, which are indexed a batch at a time.

    Parameters
    ----------
    clips : WindowBatch
        All of them.
    y : Tensor of shape (n_clips,) or (n_clips, n_outputs)
        Targets.
    weight : Tensor or None
        What each loss counts.
    """

    def __init__(
        self, clips: WindowBatch, y: torch.Tensor, weight: torch.Tensor | None
    ) -> None:
        self.inputs, self.targets, self.weight = clips, y, weight
        self.first = [n.cumsum(0) - n for n in clips.n_windows]

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, which: torch.Tensor) -> Batch:
        """Return the windows of some clips."""
        windows, n_windows = [], []
        for of_scale, n_of_all, first in zip(
            self.inputs.windows, self.inputs.n_windows, self.first, strict=True
        ):
            n = n_of_all.index_select(0, which)
            # Row j of the batch is number j of all rows of these clips.
            shift = first.index_select(0, which) - (n.cumsum(0) - n)
            place = torch.repeat_interleave(shift, n)
            place += torch.arange(len(place), device=place.device)
            windows.append(of_scale.index_select(0, place))
            n_windows.append(n)
        weight = None if self.weight is None else self.weight.index_select(0, which)
        targets = self.targets.index_select(0, which)
        return Batch((WindowBatch(windows, n_windows),), targets, weight, len(which))
