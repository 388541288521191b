"""Windows of clips at several scales, which are taken clip by clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import skorch.dataset
import torch

from skdeepmir._training._data import tensor_of
from skdeepmir.nets import WindowBatch

Windows = Sequence[np.ndarray]  # of a clip: (n_windows, n_features) for each scale


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


class WindowedClips(skorch.dataset.Dataset):
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
        self.X, self.y, self.weight = clips, y, weight
        self.first = [n.cumsum(0) - n for n in clips.n_windows]

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.X)

    def batch(
        self, rows: torch.Tensor
    ) -> tuple[WindowBatch, tuple[torch.Tensor, torch.Tensor | None]]:
        """Return the windows of some clips, and targets with their weights."""
        windows, n_windows = [], []
        for of_scale, n_of_all, first in zip(
            self.X.windows, self.X.n_windows, self.first, strict=True
        ):
            n = n_of_all.index_select(0, rows)
            # Row j of the batch is number j of all rows of these clips.
            shift = first.index_select(0, rows) - (n.cumsum(0) - n)
            place = torch.repeat_interleave(shift, n)
            place += torch.arange(len(place), device=place.device)
            windows.append(of_scale.index_select(0, place))
            n_windows.append(n)
        weight = None if self.weight is None else self.weight.index_select(0, rows)
        y = self.y.index_select(0, rows)
        return WindowBatch(windows, n_windows), (y, weight)
