"""Neural nets as plain torch modules: sizes are explicit, logits come out.

They know nothing of scikit-learn, labels or training, and can be used with skorch or
torch alone. Every random number comes from ``generator`` (None: torch's global one).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

ACTIVATIONS = {
    "relu": torch.relu,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": nn.functional.softplus,
}
SPARSE_INPUTS = 15  # non-zero weights of a unit (Martens 2010)


class Dropout(nn.Module):
    """Set values to zero at random while training, and scale up the others.

    Parameters
    ----------
    p : float
        Probability that a value is dropped, to the nearest of 65,536 steps.
    generator : torch.Generator, optional
        Draws the masks. (``torch.nn.Dropout`` takes none, and is slower on a
        processor.)

    Attributes
    ----------
    shared : bool
        Whether all rows get one mask: a net that is drawn once, instead of one for each
        row. False at first.
    """

    def __init__(self, p: float, generator: torch.Generator | None = None) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"p={p!r} is no probability; expected 0 to 1.")
        self.p, self.generator, self.shared = p, generator, False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Drop values of ``x`` (n, ...) in training; return it as it is otherwise."""
        n_steps = round(self.p * 65536)
        if not self.training or n_steps == 0:
            return x
        if n_steps == 65536:
            return torch.zeros_like(x)
        shape = (1, *x.shape[1:]) if self.shared else x.shape
        n = math.prod(shape)
        # Four values of 16 bits from each draw of 64.
        bits = torch.empty(-(-n // 4), dtype=torch.int64, device=x.device)
        bits.random_(-(2**63), None, generator=self.generator)
        kept = bits.view(torch.int16)[:n].view(shape) >= n_steps - 32768
        return x * kept.to(x.dtype).mul_(65536 / (65536 - n_steps))

    def extra_repr(self) -> str:
        """Return what ``repr`` shows."""
        return f"p={self.p}"


class MLP(nn.Module):
    """A multi-layer perceptron with dropout on the input of every layer.

    Parameters
    ----------
    n_features : int
        Values of an input row.
    n_outputs : int
        Logits.
    hidden_layer_sizes : int or sequence of int, default=(512, 512)
        Units of the hidden layers; ``()`` for a linear classifier.
    activation : {"relu", "logistic", "tanh", "softplus", "maxout"}, default="relu"
        Of the hidden units.
    maxout_pieces : int, default=2
        Linear pieces of a maxout unit, which gives the largest of them [1]_.
    dropout, input_dropout : float, default=0.0
        Probabilities of dropping hidden units and input values.
    context_sizes : sequence of int, default=()
        Values that the layers, from the first on, see besides the layer below. They
        follow the features in an input row. (An unrolled deep Boltzmann machine shows
        each layer what it inferred of the one above.)
    initialization : {"glorot", "he", "sparse"} or None, default="glorot"
        See :func:`initialize`; None leaves weights unset, for those that are loaded.
    generator : torch.Generator, optional
        Draws first weights and masks.

    References
    ----------
    .. [1] I. Goodfellow et al. Maxout networks. ICML 2013.

    Examples
    --------
    >>> import torch
    >>> from skdeepmir.nets import MLP
    >>> MLP(20, 3, (8, 8), dropout=0.5)(torch.zeros(5, 20)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        hidden_layer_sizes: int | Sequence[int] = (512, 512),
        *,
        activation: str = "relu",
        maxout_pieces: int = 2,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        context_sizes: Sequence[int] = (),
        initialization: str | None = "glorot",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if isinstance(hidden_layer_sizes, int):
            hidden_layer_sizes = (hidden_layer_sizes,)
        _check_activation(activation)
        self.activation, self.maxout_pieces = activation, maxout_pieces
        self.widths = [n_features, *context_sizes]
        pieces = maxout_pieces if activation == "maxout" else 1
        context = [*context_sizes, *[0] * len(hidden_layer_sizes)]
        sizes = [n_features, *hidden_layer_sizes]
        device = None if generator is None else generator.device
        hidden = [
            _linear(n_below + n_beside, n_units * pieces, device)
            for n_below, n_beside, n_units in zip(
                sizes, context, hidden_layer_sizes, strict=False
            )
        ]
        self.hidden = nn.ModuleList(hidden)
        self.output = _linear(sizes[-1], n_outputs, device)
        self.drop_input = Dropout(input_dropout, generator)
        self.drop = Dropout(dropout, generator)
        if initialization is not None:
            for layer in hidden:
                initialize(layer, initialization, activation, generator)
            initialize(self.output, initialization, "linear", generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits.

        Parameters
        ----------
        x : Tensor of shape (n, n_features + sum(context_sizes))
            Rows.

        Returns
        -------
        logits : Tensor of shape (n, n_outputs)
            Before softmax or logistic function.
        """
        if x.ndim != 2 or x.shape[1] != sum(self.widths):
            raise ValueError(
                f"The net was given a tensor of shape {tuple(x.shape)}; expected (n, "
                f"{sum(self.widths)}), a row for each input."
            )
        values, *beside = x.split(self.widths, dim=1)
        values = self.drop_input(values)
        for k, layer in enumerate(self.hidden):
            if k < len(beside):
                values = torch.cat([values, self.drop(beside[k])], dim=1)
            values = self.drop(self._activate(layer(values)))
        return self.output(values)  # (n, n_outputs)

    def _activate(self, z: torch.Tensor) -> torch.Tensor:
        if self.activation == "maxout":
            return z.unflatten(1, (self.maxout_pieces, -1)).amax(1)
        return ACTIVATIONS[self.activation](z)

    def limit_norms(self, max_norm: float) -> None:
        """Scale hidden units' incoming weight vectors down to a norm of ``max_norm``.

        Each piece of a maxout unit has its own vector.
        """
        with torch.no_grad():
            for name, weight in self.hidden.named_parameters():
                if name.endswith("weight"):  # (n_units, n_inputs)
                    weight.renorm_(p=2, dim=0, maxnorm=max_norm)


class Pool(nn.Module):
    """Halve frames and bands of maps (batch, n_maps, n_frames, n_bands).

    An axis of one value stays as it is.

    Parameters
    ----------
    kind : {"max", "average", "lp", "stochastic"}, default="max"
        The largest or mean value of two by two; the Lp norm of them, as a mean:
        ``mean(|a| ** order) ** (1 / order)`` [1]_; or one that is drawn in proportion
        to its size while training, and their mean weighted by size afterwards [2]_
        (negative values count as 0).
    order : float, default=2.0
        Of the Lp norm: 1 is the average, infinity the maximum.
    generator : torch.Generator, optional
        Draws.

    References
    ----------
    .. [1] P. Sermanet, S. Chintala and Y. LeCun. Convolutional neural networks applied
       to house numbers digit classification. ICPR 2012.
    .. [2] M. Zeiler and R. Fergus. Stochastic pooling for regularization of deep
       convolutional neural networks. ICLR 2013.
    """

    def __init__(
        self,
        kind: str = "max",
        order: float = 2.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if kind not in ("max", "average", "lp", "stochastic"):
            raise ValueError(
                f"kind={kind!r} is unknown; expected 'max', 'average', 'lp' or "
                "'stochastic'."
            )
        self.kind, self.order, self.generator = kind, order, generator

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return pooled maps."""
        size = [min(2, n) for n in x.shape[2:]]
        if self.kind == "max":
            return nn.functional.max_pool2d(x, size, ceil_mode=True)
        if self.kind == "average":
            return _average(x, size)
        if self.kind == "lp":
            # Without the small constant the gradient at 0 is infinite.
            mean = _average(x.abs().pow(self.order), size)
            return (mean + 1e-12).pow(1 / self.order)
        regions = _regions(x.clamp(min=0), size)
        total = regions.sum(-1, keepdim=True)
        if not self.training:
            weighted = regions.square().sum(-1) / total.squeeze(-1).clamp(min=1e-12)
            return weighted
        draw = torch.empty_like(total).uniform_(generator=self.generator) * total
        place = (regions.cumsum(-1) <= draw).sum(-1, keepdim=True)
        return regions.gather(-1, place.clamp(max=regions.shape[-1] - 1)).squeeze(-1)

    def extra_repr(self) -> str:
        """Return what ``repr`` shows."""
        return f"kind={self.kind!r}"


def _average(x: torch.Tensor, size: list[int]) -> torch.Tensor:
    return nn.functional.avg_pool2d(x, size, ceil_mode=True, count_include_pad=False)


def _regions(x: torch.Tensor, size: list[int]) -> torch.Tensor:
    """Return the values of each region in a last axis, padded by zeros."""
    (rows, columns), (n_rows, n_columns) = size, x.shape[2:]
    x = nn.functional.pad(x, (0, -n_columns % columns, 0, -n_rows % rows))
    x = x.unflatten(3, (-1, columns)).unflatten(2, (-1, rows))
    return x.transpose(3, 4).flatten(4)  # (batch, maps, rows, columns, size)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that takes a batch of one value per map.

    It has no deviation; what was seen before is used, as in prediction.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return normalised maps."""
        if self.training and x.numel() == x.shape[1]:
            mean, var = self.running_mean, self.running_var
            return nn.functional.batch_norm(x, mean, var, self.weight, self.bias)
        return super().forward(x)


class ConvNet(nn.Module):
    """A convolutional net over the frames of excerpts.

    Parameters
    ----------
    n_features : int
        Values of a frame, such as mel bands.
    n_outputs : int
        Logits.
    channels : sequence of int, default=(32, 64, 128, 256)
        Maps of the blocks: convolution, batch normalisation, activation, pooling by
        two.
    filters : {"square", "time", "musical"}, default="square"
        - "square": 3 by 3 over frames and bands, the same at any pitch.
        - "time": 3 frames by all bands, then 3 frames.
        - "musical": in the first block, half the filters see 7 frames by seven tenths
          of the bands, at any pitch (timbre), and half 31 frames of the mean over the
          bands (rhythm) [1]_; then 3 frames.
    activation : {"relu", "logistic", "tanh", "softplus", "maxout"}, default="relu"
        After each convolution.
    maxout_pieces : int, default=2
        Convolutions of which maxout takes the largest.
    pooling : {"max", "average", "lp", "stochastic"}, default="max"
        See :class:`Pool`.
    lp_order : float, default=2.0
        See :class:`Pool`.
    dropout, input_dropout, output_dropout : float, default=0.0
        Probabilities of dropping values before convolutions, input values, and values
        before the output.
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
        activation: str = "relu",
        maxout_pieces: int = 2,
        pooling: str = "max",
        lp_order: float = 2.0,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        output_dropout: float = 0.0,
        initialization: str | None = "he",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        _check_activation(activation)
        self.n_features, self.filters = n_features, filters
        self.activation, self.maxout_pieces = activation, maxout_pieces
        pieces = maxout_pieces if activation == "maxout" else 1
        device = "cpu" if generator is None else generator.device
        kernels = {
            "square": [(3, 3)] * len(channels),
            "time": [(3, n_features), *[(3, 1)] * (len(channels) - 1)],
            "musical": [
                (7, max(1, round(0.7 * n_features))),
                *[(3, 1)] * (len(channels) - 1),
            ],
        }
        if filters not in kernels:
            raise ValueError(
                f"filters={filters!r} is unknown; expected one of {[*kernels]}."
            )
        convolutions: list[nn.Conv2d] = []
        n_below = 1
        for kernel, n_maps in zip(kernels[filters], channels, strict=True):
            # Filters over bands of their own do not reach beyond them.
            pad = (kernel[0] // 2, 1 if kernel == (3, 3) else 0)
            n = n_maps * pieces
            if filters == "musical" and not convolutions:
                self.rhythm = _conv(1, n - n // 2, (31, 1), (15, 0), device)
                n //= 2
            convolutions.append(_conv(n_below, n, kernel, pad, device))
            n_below = n_maps
        self.convolutions = nn.ModuleList(convolutions)
        norms = [BatchNorm(n * pieces, device=device) for n in channels]
        self.norms = nn.ModuleList(norms)
        self.pool = Pool(pooling, lp_order, generator)
        self.output = _linear(n_below, n_outputs, torch.device(device))
        self.drop_input = Dropout(input_dropout, generator)
        self.drop = Dropout(dropout, generator)
        self.drop_output = Dropout(output_dropout, generator)
        if initialization is not None:
            rhythm = [self.rhythm] if filters == "musical" else []
            for layer in [*convolutions, *rhythm]:
                initialize(layer, initialization, activation, generator)
            initialize(self.output, "glorot", "linear", generator)
        # Faster, on processors and GPUs; torch's annotations lack it.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits.

        Parameters
        ----------
        x : Tensor of shape (batch, n_frames, n_features)
            Excerpts.

        Returns
        -------
        logits : Tensor of shape (batch, n_outputs)
            Before softmax or logistic function.
        """
        if x.ndim != 3 or x.shape[2] != self.n_features:
            raise ValueError(
                f"The net was given a tensor of shape {tuple(x.shape)}; expected "
                f"(batch, n_frames, {self.n_features})."
            )
        maps = self.drop_input(x).unsqueeze(1)  # (batch, maps, n_frames, n_features)
        for k, (convolution, norm) in enumerate(
            zip(self.convolutions, self.norms, strict=True)
        ):
            below = self.drop(maps) if k else maps
            maps = convolution(below)
            if k == 0 and self.filters == "musical":
                rhythm = self.rhythm(below.mean(3, keepdim=True))
                maps = torch.cat([maps.amax(3, keepdim=True), rhythm], 1)
            maps = self.pool(self._activate(norm(maps)))
        by_time = maps.mean(3)  # (batch, maps, n_steps)
        values = by_time.mean(2) + by_time.amax(2)
        return self.output(self.drop_output(values))  # (batch, n_outputs)

    def _activate(self, maps: torch.Tensor) -> torch.Tensor:
        if self.activation == "maxout":
            return maps.unflatten(1, (self.maxout_pieces, -1)).amax(1)
        return ACTIVATIONS[self.activation](maps)


class DenoisingAutoencoder(nn.Module):
    """One hidden layer that restores its input from a part of it.

    Parameters
    ----------
    n_features : int
        Values of an input row.
    n_units : int
        Hidden units.
    activation : {"relu", "logistic", "tanh", "softplus"}, default="relu"
        Of the hidden units.
    output : {"linear", "relu", "logistic", "tanh", "softplus"}, default="linear"
        What gives the restored values. "softplus" where they cannot be negative: a
        rectifier there dies [1]_.
    corruption : float, default=0.25
        Probability that an input value is set to zero in training. Others stay as they
        are.
    initialization : {"glorot", "he", "sparse"}, default="glorot"
        See :func:`initialize`.
    generator : torch.Generator, optional
        Draws first weights and what is set to zero.

    References
    ----------
    .. [1] X. Glorot, A. Bordes and Y. Bengio. Deep sparse rectifier neural networks.
       AISTATS 2011.
    """

    def __init__(
        self,
        n_features: int,
        n_units: int,
        *,
        activation: str = "relu",
        output: str = "linear",
        corruption: float = 0.25,
        initialization: str = "glorot",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.activation, self.output = activation, output
        device = None if generator is None else generator.device
        self.corrupt = Dropout(corruption, generator)
        self.encoder = _linear(n_features, n_units, device)
        self.decoder = _linear(n_units, n_features, device)
        initialize(self.encoder, initialization, activation, generator)
        initialize(self.decoder, initialization, output, generator)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Return the hidden activations (n, n_units) of clean rows (n, n_features)."""
        return ACTIVATIONS[self.activation](self.encoder(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return restored rows (n, n_features)."""
        corrupted = self.corrupt(x)
        if self.training:  # undo the scaling: what is not set to zero stays
            corrupted = corrupted * (1 - self.corrupt.p)
        restored = self.decoder(self.encode(corrupted))
        return (
            restored if self.output == "linear" else ACTIVATIONS[self.output](restored)
        )


def _check_activation(activation: str) -> None:
    if activation not in (*ACTIVATIONS, "maxout"):
        raise ValueError(
            f"activation={activation!r} is unknown; expected one of "
            f"{[*ACTIVATIONS, 'maxout']}."
        )


def initialize(
    layer: nn.Linear | nn.Conv2d,
    method: str,
    activation: str,
    generator: torch.Generator | None = None,
) -> None:
    """Draw the first weights of a layer, in place.

    Parameters
    ----------
    layer : nn.Linear or nn.Conv2d
        The layer (inputs of a filter are all values that it sees, units its maps);
        biases become 0 (0.5 for "sparse" tanh units).
    method : {"glorot", "he", "sparse"}
        - "glorot": uniform up to ``sqrt(6 / (n_inputs + n_units))`` [1]_, four times
          that for logistic units.
        - "he": normal, of variance ``2 / n_inputs`` [2]_.
        - "sparse": fifteen inputs of each unit have standard normal weights [3]_, a
          quarter of these for tanh units.
    activation : str
        Of the units; "linear" for outputs.
    generator : torch.Generator, optional
        Draws them.

    References
    ----------
    .. [1] X. Glorot and Y. Bengio. Understanding the difficulty of training deep
       feedforward neural networks. AISTATS 2010.
    .. [2] K. He et al. Delving deep into rectifiers. ICCV 2015.
    .. [3] J. Martens. Deep learning via Hessian-free optimization. ICML 2010.
    """
    with torch.no_grad():
        weight = layer.weight.flatten(1)  # a view
        n_units, n_inputs = weight.shape
        if layer.bias is not None:
            layer.bias.zero_()
        if method == "glorot":
            bound = math.sqrt(6 / (n_inputs + n_units))
            bound *= 4 if activation == "logistic" else 1
            weight.uniform_(-bound, bound, generator=generator)
        elif method == "he":
            weight.normal_(0, math.sqrt(2 / n_inputs), generator=generator)
        elif method == "sparse":
            chosen = torch.empty_like(weight).uniform_(generator=generator)
            chosen = chosen.topk(min(SPARSE_INPUTS, n_inputs), dim=1).indices
            scale = 0.25 if activation == "tanh" else 1.0
            values = torch.empty_like(weight[:, : chosen.shape[1]])
            values.normal_(0, scale, generator=generator)
            weight.zero_().scatter_(1, chosen, values)
            if activation == "tanh" and layer.bias is not None:
                layer.bias.fill_(0.5)
        else:
            raise ValueError(
                f"method={method!r} is unknown; expected 'glorot', 'he' or 'sparse'."
            )


def _linear(n_inputs: int, n_units: int, device: torch.device | None) -> nn.Linear:
    """Return a layer whose weights are not set yet (torch would draw them)."""
    return nn.utils.skip_init(nn.Linear, n_inputs, n_units, device=device or "cpu")


def _conv(
    n_below: int,
    n_maps: int,
    kernel: tuple[int, int],
    padding: tuple[int, int],
    device: torch.device | str,
) -> nn.Conv2d:
    """Return a convolution whose weights are not set yet; its norm has the bias."""
    return nn.utils.skip_init(
        nn.Conv2d, n_below, n_maps, kernel, padding=padding, bias=False, device=device
    )
