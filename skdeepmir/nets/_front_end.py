"""Convolutions before a recurrent net: ``ConvFrontEnd``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from skdeepmir.nets._layers import initialize, linear

FRAMES_AT_ONCE = 1024  # of each sequence, in predictions: maps take much memory


class FrameNorm(nn.Module):
    """Normalise each frame over its maps and bands; scale and offset are of a map."""

    # Unlike with a batch norm, frames depend neither on each other nor on padding.

    def __init__(self, n_maps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_maps, 1, 1))
        self.bias = nn.Parameter(torch.zeros(n_maps, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return normalised maps (n_sequences, n_maps, n_frames, n_bands)."""
        variance, mean = torch.var_mean(x, (1, 3), correction=0, keepdim=True)
        return (x - mean) * (variance + 1e-5).rsqrt() * self.weight + self.bias


class ConvFrontEnd(nn.Module):
    """Convolutional blocks of ``channels`` maps, and a layer of ``n_units`` on top."""

    # A block is a convolution of 3 by 3, a norm, a rectifier and a maximum over two
    # bands. The layer sees all maps and bands of a frame.

    def __init__(
        self,
        n_features: int,
        channels: Sequence[int],
        n_units: int,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        device = None if generator is None else generator.device
        self.generator = generator
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        n_maps, n_bands = 1, n_features
        for n in channels:
            self.convolutions.append(
                nn.utils.skip_init(
                    nn.Conv2d,
                    n_maps,
                    n,
                    3,
                    padding=1,
                    bias=False,
                    device=device or "cpu",
                )
            )
            self.norms.append(FrameNorm(n).to(device))
            n_maps, n_bands = n, -(-n_bands // 2)
        self.output = linear(n_maps * n_bands, n_units, device)

    def initialize(self) -> None:
        """Draw the first weights."""
        for layer in (*self.convolutions, self.output):
            initialize(layer, "he", "relu", self.generator)

    def forward(
        self, x: torch.Tensor, inside: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return frames (n_frames, n_sequences, n_units).

        ``inside`` (n_frames, n_sequences) is False for padding; None means there is no
        padding.
        """
        if self.training or len(x) <= FRAMES_AT_ONCE:
            return self._transformed(x, inside)
        context = len(self.convolutions)  # frames that a frame sees to either side
        outputs = []
        for start in range(0, len(x), FRAMES_AT_ONCE):
            first = max(start - context, 0)
            part = slice(first, start + FRAMES_AT_ONCE + context)
            y = self._transformed(x[part], None if inside is None else inside[part])
            outputs.append(y[start - first :][:FRAMES_AT_ONCE])
        return torch.cat(outputs)

    def _transformed(
        self, x: torch.Tensor, inside: torch.Tensor | None
    ) -> torch.Tensor:
        x = x.transpose(0, 1).unsqueeze(1)  # (n_sequences, 1, n_frames, n_features)
        mask = None  # (n_sequences, 1, n_frames, 1)
        if inside is not None:
            mask = inside.t()[:, None, :, None].to(x.dtype)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = convolution(x if mask is None else x * mask)
            x = nn.functional.max_pool2d(torch.relu(norm(x)), (1, 2), ceil_mode=True)
            # (n_sequences, n_maps, n_frames, n_bands / 2)
        x = x.permute(2, 0, 1, 3).flatten(2)  # (n_frames, n_sequences, maps * bands)
        return torch.relu(self.output(x))
