"""Convolutional nets: ``ConvNet``."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import nn

from skdeepmir.nets._layers import (
    ACTIVATIONS,
    BatchNorm,
    Dropout,
    LocalContrastNorm,
    Pool,
    check_activation,
    initialize,
    linear,
)


class ConvNet(nn.Module):
    """A convolutional net over the frames of excerpts.

    Parameters
    ----------
    n_features : int
        Values of a frame, such as mel bands.
    n_outputs : int
        Logits.
    channels : sequence of int, default=(32, 64, 128, 256)
        Maps of the blocks: convolution, batch normalisation, activation, pooling.
    filters : {"square", "time", "musical"}, default="square"
        - "square": 3 by 3 over frames and bands, the same at any pitch.
        - "time": 3 frames by all bands, then 3 frames.
        - "musical": in the first block, half the filters see 7 frames by seven tenths
          of the bands, at any pitch (timbre), and half 31 frames of the mean over the
          bands (rhythm) [1]_; then 3 frames.
    filter_length : int or sequence of int, default=3
        Frames in place of these 3, for all blocks or one number for each. A filter of
        length L sees (L - 1) // 2 frames before its own and L // 2 after it, zeros
        outside of the excerpt. The first block of "musical" keeps its own.
    stride : int or sequence of int, default=1
        Frames from one place of the filters to the next, likewise; beginning with the
        first frame.
    pool_length : int or sequence of int, default=2
        Frames that pooling makes one, likewise; the last region may have fewer. Bands
        are pooled by two.
    activation : {"relu", "logistic", "tanh", "softplus", "maxout"}, default="relu"
        After each convolution.
    maxout_pieces : int, default=2
        Convolutions of which maxout takes the largest.
    pooling : {"max", "average", "lp", "stochastic", "probabilistic"}, default="max"
        See :class:`Pool`. "probabilistic" takes the place of the activation, which must
        be "logistic".
    lp_order : float, default=2.0
        See :class:`Pool`.
    contrast_size : int, default=0
        Frames and bands of the window of a :class:`LocalContrastNorm` on the input; 0
        for none.
    dropout, input_dropout, output_dropout : float, default=0.0
        Probabilities of dropping values before convolutions, input values, and values
        before the output.
    batch_norm : bool, default=True
        Whether there is batch normalisation; without it convolutions have biases.
    initialization : {"glorot", "he", "sparse"} or None, default="he"
        See :func:`initialize`; None leaves weights unset, for those that are loaded.
    generator : torch.Generator, optional
        Draws first weights and masks.

    References
    ----------
    .. [1] J. Pons, T. Lidy and X. Serra. Experimenting with musically motivated
       convolutional neural networks. CBMI 2016.

    Examples
    --------
    >>> import torch
    >>> from skdeepmir.nets import ConvNet
    >>> ConvNet(40, 3, (8, 16))(torch.zeros(5, 64, 40)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        channels: Sequence[int] = (32, 64, 128, 256),
        *,
        filters: str = "square",
        filter_length: int | Sequence[int] = 3,
        stride: int | Sequence[int] = 1,
        pool_length: int | Sequence[int] = 2,
        activation: str = "relu",
        maxout_pieces: int = 2,
        pooling: str = "max",
        lp_order: float = 2.0,
        contrast_size: int = 0,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
        batch_norm: bool = True,
        initialization: str | None = "he",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_activation(activation)
        if pooling == "probabilistic" and activation != "logistic":
            raise ValueError(
                f"pooling='probabilistic' with activation={activation!r}: it pools "
                "logistic units. Use activation='logistic', or another pooling."
            )
        self.n_features, self.filters = n_features, filters
        self.activation, self.maxout_pieces = activation, maxout_pieces
        pieces = maxout_pieces if activation == "maxout" else 1
        device = "cpu" if generator is None else generator.device
        n_blocks = len(channels)
        lengths = _by_block("filter_length", filter_length, n_blocks)
        strides = _by_block("stride", stride, n_blocks)
        n_bands = {
            "square": [3] * n_blocks,
            "time": [n_features, *[1] * (n_blocks - 1)],
            "musical": [max(1, round(0.7 * n_features)), *[1] * (n_blocks - 1)],
        }
        if filters not in n_bands:
            raise ValueError(
                f"filters={filters!r} is unknown; expected one of {[*n_bands]}."
            )
        if filters == "musical":
            lengths = [7, *lengths[1:]]
        convolutions: list[nn.Conv2d] = []
        n_below = 1
        for kernel, step, n_maps in zip(
            zip(lengths, n_bands[filters], strict=True), strides, channels, strict=True
        ):
            n = n_maps * pieces
            options: Any = {"stride": step, "bias": not batch_norm, "device": device}
            # Filters over bands of their own do not reach beyond them.
            pad = 1 if filters == "square" else 0
            if filters == "musical" and not convolutions:
                self.rhythm = _conv2d(1, n - n // 2, (31, 1), pad, **options)
                n //= 2
            convolutions.append(_conv2d(n_below, n, kernel, pad, **options))
            n_below = n_maps
        self.contrast = (
            LocalContrastNorm(contrast_size).to(device) if contrast_size else None
        )
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(
            BatchNorm(n * pieces, device=device) if batch_norm else _NoNorm()
            for n in channels
        )
        self.pools = nn.ModuleList(
            Pool(pooling, lp_order, generator, length)
            for length in _by_block("pool_length", pool_length, n_blocks)
        )
        self.output = linear(n_below, n_outputs, torch.device(device))
        self.drop_input = Dropout(input_dropout, generator)
        self.drop = Dropout(dropout, generator)
        self.drop_output = Dropout(output_dropout, generator)
        if initialization is not None:
            rhythm = [self.rhythm] if filters == "musical" else []
            for layer in [*convolutions, *rhythm]:
                initialize(layer, initialization, activation, generator)
            nn.init.zeros_(self.output.weight)
            nn.init.zeros_(self.output.bias)
        # Faster, on processors and GPUs; torch's annotations lack it.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, x: torch.Tensor, row_weight: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return logits.

        Parameters
        ----------
        x : Tensor of shape (batch, n_frames, n_features)
            Excerpts.
        row_weight : Tensor of shape (batch,) or (batch, n_outputs), optional
            What each row counts in batch normalisation, in training: the mean of its
            weights. None counts all alike.

        Returns
        -------
        logits : Tensor of shape (batch, n_outputs)
            Before softmax or logistic function.
        """
        maps = self.block_maps(x, row_weight)[-1]
        by_time = maps.mean(3)  # (batch, maps, n_steps)
        values = by_time.mean(2) + by_time.amax(2)
        return self.output(self.drop_output(values))  # (batch, n_outputs)

    def block_maps(
        self, x: torch.Tensor, row_weight: torch.Tensor | None = None
    ) -> list[torch.Tensor]:
        """Return what each block makes of excerpts.

        Parameters
        ----------
        x : Tensor of shape (batch, n_frames, n_features)
            Excerpts.
        row_weight : Tensor, optional
            See :meth:`forward`.

        Returns
        -------
        maps : list of Tensor of shape (batch, n_maps, n_steps, n_bands)
            From the bottom up.
        """
        if x.ndim != 3 or x.shape[2] != self.n_features:
            raise ValueError(
                f"The net was given a tensor of shape {tuple(x.shape)}; expected "
                f"(batch, n_frames, {self.n_features})."
            )
        if row_weight is not None and row_weight.ndim == 2:
            row_weight = row_weight.mean(1)
        maps = x.unsqueeze(1)  # (batch, maps, n_frames, n_features)
        if self.contrast is not None:
            maps = self.contrast(maps)
        maps = self.drop_input(maps)
        found = []
        for k, (convolution, norm, pool) in enumerate(
            zip(self.convolutions, self.norms, self.pools, strict=True)
        ):
            below = self.drop(maps) if k else maps
            maps = _convolved(convolution, below)
            if k == 0 and self.filters == "musical":
                rhythm = self.rhythm(below.mean(3, keepdim=True))
                maps = torch.cat([maps.amax(3, keepdim=True), rhythm], 1)
            maps = norm(maps, row_weight)
            if pool.kind != "probabilistic":  # that takes the inputs of units
                maps = self._activate(maps)
            maps = pool(maps)
            found.append(maps)
        return found

    def block_spans(self) -> list[tuple[int, int, int]]:
        """Return the frames that a step of each block sees, and from step to step.

        Returns
        -------
        spans : list of (int, int, int)
            First frame, and the one after the last, from where the step begins, and
            frames from one step to the next.
        """
        around = 0 if self.contrast is None else 2 * (self.contrast.size // 2)
        first, end, hop = -around, 1 + around, 1
        spans = []
        for k, (convolution, pool) in enumerate(
            zip(self.convolutions, self.pools, strict=True)
        ):
            assert isinstance(convolution, nn.Conv2d) and isinstance(pool, Pool)
            length = convolution.kernel_size[0]
            if k == 0 and self.filters == "musical":
                length = max(length, self.rhythm.kernel_size[0])
            first -= hop * ((length - 1) // 2)
            end += hop * (length // 2)
            hop *= convolution.stride[0]
            end += hop * (pool.length - 1)
            hop *= pool.length
            spans.append((first, end, hop))
        return spans

    def renew_statistics(self, batches: Iterable[Any]) -> None:
        """Measure anew what batch normalisation goes by in prediction.

        Running means lag behind the weights, much so where there are few steps.

        Parameters
        ----------
        batches : iterable of (Tensor, Tensor or None)
            Excerpts and what each counts, as :meth:`forward` takes them, in random
            order: variances are means of those within batches.
        """
        norms = [norm for norm in self.norms if isinstance(norm, BatchNorm)]
        self.eval()
        if not norms:
            return
        for norm in norms:
            norm.train()
        total = 0.0
        with torch.no_grad():
            for x, weight in batches:
                count = len(x) if weight is None else float(weight.sum())
                if count == 0:
                    continue
                total += count
                for norm in norms:
                    norm.step = count / total
                self(x, weight)
        for norm in norms:
            norm.step = None
        self.eval()

    def folded(self) -> ConvNet:
        """Return a copy for prediction, in which convolutions include their norms.

        (The first norm of "musical" filters stays: it comes after a maximum.)
        """
        net = copy.deepcopy(self).eval()
        first = 1 if self.filters == "musical" else 0
        for k in range(first, len(net.norms)):
            convolution, norm = net.convolutions[k], net.norms[k]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, BatchNorm):
                net.convolutions[k] = nn.utils.fuse_conv_bn_eval(convolution, norm)
                net.norms[k] = _NoNorm()
        return net

    def _activate(self, maps: torch.Tensor) -> torch.Tensor:
        if self.activation == "maxout":
            return maps.unflatten(1, (self.maxout_pieces, -1)).amax(1)
        return ACTIVATIONS[self.activation](maps)


class _NoNorm(nn.Module):
    """An identity in place of a norm that was folded into its convolution."""

    def forward(self, x: torch.Tensor, row_weight: None = None) -> torch.Tensor:
        return x


def _conv2d(
    n_below: int,
    n_maps: int,
    kernel: tuple[int, int],
    pad: int,
    *,
    stride: int,
    bias: bool,
    device: torch.device | str,
) -> nn.Conv2d:
    """Return a convolution whose weights are not set yet, over padded bands.

    As many frames are put around as an odd kernel needs.
    """
    return nn.utils.skip_init(
        nn.Conv2d,
        n_below,
        n_maps,
        kernel,
        padding=((kernel[0] - 1) // 2, pad),
        stride=(stride, 1),
        bias=bias,
        device=device,
    )


def _convolved(convolution: nn.Module, maps: torch.Tensor) -> torch.Tensor:
    """Return what a convolution makes of maps; an even kernel sees one frame more."""
    assert isinstance(convolution, nn.Conv2d)
    if convolution.kernel_size[0] % 2 == 0:
        maps = nn.functional.pad(maps, (0, 0, 0, 1))
    return convolution(maps)


def _by_block(name: str, value: int | Sequence[int], n_blocks: int) -> list[int]:
    """Return a number of frames for each block."""
    if isinstance(value, int | np.integer):
        values = [int(value)] * n_blocks
    else:
        values = list(value)
    if len(values) != n_blocks:
        raise ValueError(
            f"{name}={value!r} must be one number, or one for each of the {n_blocks} "
            "blocks (channels)."
        )
    for frames in values:
        if not isinstance(frames, Integral) or isinstance(frames, bool) or frames < 1:
            raise ValueError(
                f"{name}={value!r} must be numbers of frames, from 1 up; found "
                f"{frames!r}."
            )
    return [int(frames) for frames in values]
