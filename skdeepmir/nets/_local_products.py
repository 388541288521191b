"""Windows that move over maps, and the products of filters with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn


@dataclass(frozen=True)
class Grid:
    """The places of windows that move over maps of frames and bands.

    Windows are no larger than the maps. The first begins with the first frame and band;
    what is left behind the last belongs to none.

    Parameters
    ----------
    extent : tuple of int
        Frames and bands of the maps.
    size : tuple of int
        Those of a window.
    stride : tuple of int
        From one window to the next.
    """

    extent: tuple[int, int]
    size: tuple[int, int]
    stride: tuple[int, int]

    @classmethod
    def of(cls, extent: tuple[int, int], size: tuple[int, int], stride: int) -> Grid:
        """Return the places of windows of up to a size.

        Parameters
        ----------
        extent : tuple of int
            Frames and bands of the maps.
        size : tuple of int
            Most frames and bands of a window.
        stride : int
            Frames, and bands, from one window to the next.

        Returns
        -------
        grid : Grid
            The places.
        """
        height, width = (min(pair) for pair in zip(extent, size, strict=True))
        return cls(extent, (height, width), (stride, stride))

    @property
    def places(self) -> tuple[int, int]:
        """Windows side by side in time, and over the bands."""
        first, second = (
            (extent - size) // stride + 1
            for extent, size, stride in zip(
                self.extent, self.size, self.stride, strict=True
            )
        )
        return first, second


# The products of both directions. ``filters`` are (time, bands, n_maps, width, height,
# n_below), and each of the two is the other's gradient.


class Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, filters: torch.Tensor, grid: Grid) -> Any:
        ctx.grid = grid
        windows = _windows(x, grid)
        ctx.save_for_backward(windows, filters)
        return _up(windows, filters, grid)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        windows, filters = ctx.saved_tensors
        gradient = gradient.contiguous()
        needs_x, needs_filters, _ = ctx.needs_input_grad
        of_x = _down(gradient, filters, ctx.grid) if needs_x else None
        of_filters = None
        if needs_filters:
            of_filters = _pairs(gradient, windows, ctx.grid).view_as(filters)
        return of_x, of_filters, None


class Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: torch.Tensor, filters: torch.Tensor, grid: Grid) -> Any:
        ctx.grid = grid
        ctx.save_for_backward(maps, filters)
        return _down(maps, filters, grid)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        maps, filters = ctx.saved_tensors
        windows = _windows(gradient, ctx.grid)
        needs_maps, needs_filters, _ = ctx.needs_input_grad
        of_maps = _up(windows, filters, ctx.grid) if needs_maps else None
        of_filters = None
        if needs_filters:
            of_filters = _pairs(maps, windows, ctx.grid).view_as(filters)
        return of_maps, of_filters, None


def _windows(x: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Lay the frames of each place out (time, bands, height, n_below, batch)."""
    (n_times, _), (height, _), (stride, _) = grid.places, grid.size, grid.stride
    laid_out = x.new_empty(n_times, x.shape[1], height, *x.shape[2:])
    last = stride * (n_times - 1) + 1
    for i in range(height):
        laid_out[:, :, i] = x[i : i + last : stride]
    return laid_out


def _seen(windows: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Return a view (time, bands, width * height * n_below, batch) of all windows."""
    n_times, n_bands = grid.places
    a_time, a_band = windows.stride()[:2]
    values = grid.size[1] * windows[0, 0].numel() // windows.shape[-1]
    batch = windows.shape[-1]
    return windows.as_strided(
        (n_times, n_bands, values, batch),
        (a_time, grid.stride[1] * a_band, batch, 1),
        windows.storage_offset(),
    )


def _multiply(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """Multiply matrices at each place, some of which overlap in memory."""
    if a.device.type == "cpu":
        # torch would copy what overlaps. What overflows is noticed by the loss.
        with np.errstate(over="ignore", invalid="ignore"):
            np.matmul(a.detach().numpy(), b.detach().numpy(), out=out.numpy())
    else:
        out.copy_(a @ b)
    return out


def _up(windows: torch.Tensor, filters: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Return the products of filters and windows (time, bands, n_maps, batch)."""
    n_maps, batch = filters.shape[2], windows.shape[-1]
    out = windows.new_empty(*grid.places, n_maps, batch)
    return _multiply(filters.flatten(3).detach(), _seen(windows, grid), out)


def _pairs(maps: torch.Tensor, windows: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Return the products of maps and windows, summed over the batch."""
    seen = _seen(windows, grid)
    out = maps.new_empty(*grid.places, maps.shape[2], seen.shape[2])
    return _multiply(maps, seen.transpose(2, 3), out)


def _down(maps: torch.Tensor, filters: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Return the sum of filters times maps (n_frames, n_bands, n_below, batch)."""
    (n_times, n_bands), (height, width) = grid.places, grid.size
    step, stride = grid.stride
    n_maps, batch = maps.shape[2:]
    n_below = filters.shape[5]
    # A band is in the windows of so many places at most, which lie side by side;
    # beyond the first and last place there are zeros.
    most = -(-width // stride)
    edge = (0, 0) * (maps.ndim - 2) + (most - 1, most - 1)
    padded = nn.functional.pad(maps, edge)
    edge = (0, 0) * (filters.ndim - 2) + (most - 1, most - 1)
    filters = nn.functional.pad(filters.detach(), edge)
    laid_out = maps.new_zeros(n_times, grid.extent[1], height * n_below, batch)
    covered = stride * (n_bands - 1) + width
    a_time, a_band = padded.stride()[:2]
    for first in range(min(stride, width)):  # bands that lie at the same part of them
        n_bands_here = (covered - first - 1) // stride + 1
        n_over = -(-(width - first) // stride)
        weights = torch.stack(
            [
                filters[
                    :, most - 1 - j : most - 1 - j + n_bands_here, :, first + j * stride
                ]
                for j in reversed(range(n_over))
            ],
            2,
        )  # (time, bands, n_over, n_maps, height, n_below)
        weights = weights.flatten(4).flatten(2, 3)
        values = padded.as_strided(
            (n_times, n_bands_here, n_over * n_maps, batch),
            (a_time, a_band, batch, 1),
            padded.storage_offset() + (most - n_over) * a_band,
        )
        bands = slice(first, first + stride * (n_bands_here - 1) + 1, stride)
        _multiply(weights.transpose(2, 3), values, laid_out[:, bands])
    by_frame = laid_out.unflatten(2, (height, n_below))
    x = maps.new_zeros(*grid.extent, n_below, batch)
    last = step * (n_times - 1) + 1
    for i in range(height):
        x[i : i + last : step] += by_frame[:, :, i]
    return x


class WindowMean(torch.autograd.Function):
    """The means of windows of maps (n_frames, n_bands, n_maps, batch)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, grid: Grid) -> Any:
        ctx.grid = grid
        for axis in (0, 1):
            total = _strided(x, axis, 0, grid).clone()
            for i in range(1, grid.size[axis]):
                total += _strided(x, axis, i, grid)
            x = total
        return x / math.prod(grid.size)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        grid = ctx.grid
        gradient = gradient / math.prod(grid.size)
        for axis in (1, 0):
            shape = list(gradient.shape)
            shape[axis] = grid.extent[axis]
            wider = gradient.new_zeros(shape)
            for i in range(grid.size[axis]):
                _strided(wider, axis, i, grid).add_(gradient)
            gradient = wider
        return gradient, None


def _strided(x: torch.Tensor, axis: int, first: int, grid: Grid) -> torch.Tensor:
    """Return a view of the frames (or bands) at one part of all windows."""
    n, stride = grid.places[axis], grid.stride[axis]
    part = slice(first, first + stride * (n - 1) + 1, stride)
    return x[part] if axis == 0 else x[:, part]
