"""Local filters without shared weights: ``LocallyConnected``, ``LocalNet``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from skdeepmir.nets._layers import LocalContrastNorm

SMALLEST_SQUARE = 1e-4  # added below the root of L2 pooling: 0 has a gradient


@dataclass(frozen=True)
class Grid:
    """The places of windows that move over maps of frames and bands.

    Windows are no larger than the maps. The first begins with the first frame and band;
    what is left behind the last belongs to none.

    Attributes
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
        """Return the places of windows of up to a size."""
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


class LocallyConnected(nn.Module):
    """Local filters that have weights of their own at each place.

    Maps are tensors (n_frames, n_bands, n_maps, batch). With the batch last, what a
    filter sees of some frames lies side by side in memory: matrix products read it from
    there, and only frames are laid out once more.

    Parameters
    ----------
    grid : Grid
        Where filters are.
    n_below : int
        Maps of the input.
    n_maps : int
        Filters at each place.
    periods : tuple of (int or None), default=(None, None)
        Places in time, and over the bands, after which the same filters come again
        [1]_; None: never. A period of 1 shares them all, as a convolution does.
    initialization : {"normal"} or None, default="normal"
        Normal weights with which :meth:`spread` about restores what was filtered; None
        leaves weights unset, for those that are loaded.
    generator : torch.Generator, optional
        Draws first weights.

    Attributes
    ----------
    weight : Parameter of shape (n_tiles, n_tiles, n_maps, width, height, n_below)
        Filters of the different places in time and over the bands; width in bands,
        height in frames.

    References
    ----------
    .. [1] Q. V. Le et al. Tiled convolutional neural networks. NIPS 2010.

    Examples
    --------
    >>> import torch
    >>> from skdeepmir.nets import Grid, LocallyConnected
    >>> layer = LocallyConnected(Grid.of((32, 40), (8, 8), 2), 1, 4)
    >>> layer(torch.zeros(32, 40, 1, 5)).shape
    torch.Size([13, 17, 4, 5])
    """

    def __init__(
        self,
        grid: Grid,
        n_below: int,
        n_maps: int,
        *,
        periods: tuple[int | None, int | None] = (None, None),
        initialization: str | None = "normal",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.grid = grid
        n_tiles = [
            n if period is None else min(n, period)
            for n, period in zip(grid.places, periods, strict=True)
        ]
        height, width = grid.size
        device = "cpu" if generator is None else generator.device
        shape = *n_tiles, n_maps, width, height, n_below
        self.weight = nn.Parameter(torch.empty(shape, device=device))
        if initialization is not None:
            self.reset(generator)
        for axis, (n, tiles) in enumerate(zip(grid.places, n_tiles, strict=True)):
            tile = torch.arange(n, device=device) % tiles
            self.register_buffer(f"tile_{axis}", tile, persistent=False)

    def reset(self, generator: torch.Generator | None = None) -> None:
        """Draw normal weights."""
        nn.init.normal_(self.weight, generator=generator)
        n_values = self.weight[0, 0, 0].numel()
        # Of n filters of unit norm, each value is in n / n_values on average.
        n_filters = math.prod(self.grid.places) * self.weight.shape[2]
        over = n_filters / (math.prod(self.grid.extent) * self.weight.shape[5])
        with torch.no_grad():
            self.weight.div_(math.sqrt(n_values * max(over, 1.0)))

    def filters(self, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Return the weights at each place (time, bands, n_maps, ...)."""
        weight = self.weight if weight is None else weight
        for axis, n in enumerate(self.grid.places):
            if weight.shape[axis] < n:
                tile = self.get_buffer(f"tile_{axis}")
                weight = weight.index_select(axis, tile)
        return weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the filters make of maps.

        Parameters
        ----------
        x : Tensor of shape (n_frames, n_bands, n_below, batch)
            Maps.

        Returns
        -------
        maps : Tensor of shape (n_places, n_places, n_maps, batch)
            Products with the filters at their places in time and over the bands.
        """
        expected = *self.grid.extent, self.weight.shape[5]
        if x.ndim != 4 or x.shape[:3] != expected:
            raise ValueError(
                f"The layer was given a tensor of shape {tuple(x.shape)}; expected "
                f"{expected} and a batch, last."
            )
        return _Gather.apply(x, self.filters(), self.grid)

    def spread(
        self, maps: torch.Tensor, weight: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the sum of filters, each at its place and times its value.

        Parameters
        ----------
        maps : Tensor of shape (n_places, n_places, n_maps, batch)
            Values.
        weight : Tensor, optional
            Other weights than those of the layer, of the same shape.

        Returns
        -------
        x : Tensor of shape (n_frames, n_bands, n_below, batch)
            Maps, as the layer takes them.
        """
        return _Spread.apply(maps, self.filters(weight), self.grid)


class LocalBlock(nn.Module):
    """Local filters, L2 pooling of neighbouring places, local contrast normalisation.

    Parameters
    ----------
    filters : LocallyConnected
        The filters.
    pools : Grid
        Windows of places that are pooled, for each map.
    contrast_size : int
        Pooled places of the window of the normalisation, which is over all maps; 0 does
        not normalise.
    """

    def __init__(
        self, filters: LocallyConnected, pools: Grid, contrast_size: int
    ) -> None:
        super().__init__()
        self.filters, self.pools = filters, pools
        self.contrast = (
            LocalContrastNorm(contrast_size, across_maps=True)
            if contrast_size
            else None
        )

    def pool(self, maps: torch.Tensor) -> torch.Tensor:
        """Return the root of the mean square of neighbouring places."""
        return (_WindowMean.apply(maps.square(), self.pools) + SMALLEST_SQUARE).sqrt()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return pooled maps (n_frames, n_bands, n_maps, batch)."""
        return self.pool(self.filters(x))

    def passed_on(self, pooled: torch.Tensor) -> torch.Tensor:
        """Return what the next block sees of pooled maps."""
        if self.contrast is None:
            return pooled
        return self.contrast(pooled.permute(3, 2, 0, 1)).permute(2, 3, 1, 0)


class LocalNet(nn.Module):
    """Blocks of local filters, L2 pooling and local contrast normalisation [1]_.

    Parameters
    ----------
    n_frames, n_features : int
        Frames of a patch, and values of a frame, such as mel bands.
    n_maps : sequence of int, default=(8, 8, 8)
        Filters at each place, for each block.
    filter_length, filter_width : sequence of int
        Frames and bands that a filter sees, of what is below the block.
    stride : sequence of int
        Frames, and bands, from one place of the filters to the next.
    pool_size, pool_stride : sequence of int
        Places of filters, in time and over the bands, that are pooled, and from one
        such window to the next.
    contrast_size : int, default=5
        Pooled places of the window of local contrast normalisation, in time and over
        the bands; over all maps together. 0 does not normalise.
    periods : tuple of (int or None), default=(None, None)
        See :class:`LocallyConnected`.
    initialization : {"normal"} or None, default="normal"
        Likewise.
    generator : torch.Generator, optional
        Draws first weights.

    Attributes
    ----------
    unit_shapes : list of tuple of int
        Places in time, places over the bands, and maps, of each block.

    References
    ----------
    .. [1] Q. V. Le et al. Building high-level features using large scale unsupervised
       learning. ICML 2012.

    Examples
    --------
    >>> import torch
    >>> from skdeepmir.nets import LocalNet
    >>> LocalNet(32, 40, (4, 8))(torch.zeros(5, 32, 40)).shape
    torch.Size([5, 16])
    """

    def __init__(
        self,
        n_frames: int,
        n_features: int,
        n_maps: Sequence[int] = (8, 8, 8),
        *,
        filter_length: Sequence[int] | int = 8,
        filter_width: Sequence[int] | int = 8,
        stride: Sequence[int] | int = 2,
        pool_size: Sequence[int] | int = 3,
        pool_stride: Sequence[int] | int = 1,
        contrast_size: int = 5,
        periods: tuple[int | None, int | None] = (None, None),
        initialization: str | None = "normal",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.n_frames, self.n_features = n_frames, n_features
        n = len(n_maps)
        sizes = [
            [int(value)] * n if isinstance(value, int | np.integer) else list(value)
            for value in (filter_length, filter_width, stride, pool_size, pool_stride)
        ]
        extent, below = (n_frames, n_features), 1
        blocks: list[LocalBlock] = []
        for maps, length, width, step, pool, pool_step in zip(
            n_maps, *sizes, strict=True
        ):
            grid = Grid.of(extent, (length, width), step)
            filters = LocallyConnected(
                grid,
                below,
                maps,
                periods=periods,
                initialization=initialization,
                generator=generator,
            )
            pools = Grid.of(grid.places, (pool, pool), pool_step)
            blocks.append(LocalBlock(filters, pools, contrast_size))
            extent, below = pools.places, maps
        self.blocks = nn.ModuleList(blocks)
        self.unit_shapes = [
            (*block.pools.places, block.filters.weight.shape[2]) for block in blocks
        ]

    def maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return what each block makes of patches.

        Parameters
        ----------
        x : Tensor of shape (batch, n_frames, n_features)
            Patches.

        Returns
        -------
        maps : list of Tensor of shape (n_times, n_bands, n_maps, batch)
            Pooled, and not yet normalised for the next block: what is loud is large.
        """
        if x.ndim != 3 or x.shape[1:] != (self.n_frames, self.n_features):
            raise ValueError(
                f"The net was given a tensor of shape {tuple(x.shape)}; expected "
                f"(batch, {self.n_frames}, {self.n_features})."
            )
        seen = x.permute(1, 2, 0).unsqueeze(2)
        found: list[torch.Tensor] = []
        below: LocalBlock | None = None
        for block in self.blocks:
            assert isinstance(block, LocalBlock)
            if below is not None:
                seen = below.passed_on(found[-1])
            found.append(block(seen))
            below = block
        return found

    def seen(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the frames and the bands that places of each block see.

        Returns
        -------
        seen : list of (ndarray of shape (n_times, 2), ndarray of shape (n_bands, 2))
            The first and the one after the last, for each place in time and over the
            bands: what a normalisation below sees is a part of it.
        """
        found, by_axis = (
            [],
            [
                np.stack([np.arange(n), np.arange(n) + 1], 1)
                for n in (self.n_frames, self.n_features)
            ],
        )
        for k, block in enumerate(self.blocks):
            assert isinstance(block, LocalBlock)
            for axis in (0, 1):
                seen = by_axis[axis]
                if k and block.contrast is not None:
                    # Mean, and deviation of what has lost its mean.
                    around, n = 2 * (block.contrast.size // 2), len(seen)
                    place = np.arange(n)
                    low, high = place - around, place + around
                    seen = _united(seen, low.clip(0), high.clip(max=n - 1))
                for grid in (block.filters.grid, block.pools):
                    first = grid.stride[axis] * np.arange(grid.places[axis])
                    seen = _united(seen, first, first + grid.size[axis] - 1)
                by_axis[axis] = seen
            found.append((by_axis[0], by_axis[1]))
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the units of the last block.

        Parameters
        ----------
        x : Tensor of shape (batch, n_frames, n_features)
            Patches.

        Returns
        -------
        units : Tensor of shape (batch, n_units)
            By time, then band, then map.
        """
        return self.maps(x)[-1].flatten(0, 2).T


def _united(seen: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return what ranges of places see, given what each place sees."""
    return np.stack([seen[first, 0], seen[last, 1]], 1)


# The products of both directions. ``filters`` are (time, bands, n_maps, width, height,
# n_below), and each of the two is the other's gradient.


class _Gather(torch.autograd.Function):
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


class _Spread(torch.autograd.Function):
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


class _WindowMean(torch.autograd.Function):
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
