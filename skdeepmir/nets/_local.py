"""Local filters without shared weights: ``LocallyConnected``, ``LocalNet``."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from skdeepmir.nets._layers import LocalContrastNorm
from skdeepmir.nets._local_products import Gather, Grid, Spread, WindowMean

SMALLEST_SQUARE = 1e-4  # added below the root of L2 pooling: 0 has a gradient


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
        """Draw normal weights.

        Parameters
        ----------
        generator : torch.Generator, optional
            What draws; None: torch's global one.
        """
        nn.init.normal_(self.weight, generator=generator)
        n_values = self.weight[0, 0, 0].numel()
        # Of n filters of unit norm, each value is in n / n_values on average.
        n_filters = math.prod(self.grid.places) * self.weight.shape[2]
        over = n_filters / (math.prod(self.grid.extent) * self.weight.shape[5])
        with torch.no_grad():
            self.weight.div_(math.sqrt(n_values * max(over, 1.0)))

    def filters(self, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Return the weights at each place.

        Parameters
        ----------
        weight : Tensor, optional
            Other weights than those of the layer, of the same shape.

        Returns
        -------
        filters : Tensor of shape (n_places, n_places, n_maps, width, height, n_below)
            Those of all places in time and over the bands.
        """
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
        return Gather.apply(x, self.filters(), self.grid)

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
        return Spread.apply(maps, self.filters(weight), self.grid)


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
        return (WindowMean.apply(maps.square(), self.pools) + SMALLEST_SQUARE).sqrt()

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
