"""Layers that nets share, and how their weights begin."""

from __future__ import annotations

import math
from typing import Any

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
            raise ValueError(f"p={p!r} is not a probability; expected 0 to 1.")
        self.p, self.generator, self.shared = p, generator, False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Drop values in training.

        Parameters
        ----------
        x : Tensor of shape (n, ...)
            Values.

        Returns
        -------
        x : Tensor of the same shape
            Without some of the values in training, as it is otherwise.
        """
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


POOLINGS = ("max", "average", "lp", "stochastic", "probabilistic")


class Pool(nn.Module):
    """Pool frames, and halve bands, of maps (batch, n_maps, n_frames, n_bands).

    An axis of one value stays as it is.

    Parameters
    ----------
    kind : {"max", "average", "lp", "stochastic", "probabilistic"}, default="max"
        The largest or mean value of a region; the Lp norm of its values, as a mean:
        ``mean(|a| ** order) ** (1 / order)`` [1]_; one that is drawn in proportion
        to its size while training, and their mean weighted by size afterwards [2]_
        (negative values count as 0); or the probability that one of its units is on
        where at most one can be, ``sum(exp(a)) / (1 + sum(exp(a)))`` [3]_: it takes the
        inputs of logistic units, and takes their place.
    order : float, default=2.0
        Of the Lp norm: 1 is the average, infinity the maximum.
    generator : torch.Generator, optional
        Draws.
    length : int, default=2
        Frames of a region; it has two bands.

    References
    ----------
    .. [1] P. Sermanet, S. Chintala and Y. LeCun. Convolutional neural networks applied
       to house numbers digit classification. ICPR 2012.
    .. [2] M. Zeiler and R. Fergus. Stochastic pooling for regularization of deep
       convolutional neural networks. ICLR 2013.
    .. [3] H. Lee, R. Grosse, R. Ranganath and A. Ng. Convolutional deep belief networks
       for scalable unsupervised learning of hierarchical representations. ICML 2009.
    """

    def __init__(
        self,
        kind: str = "max",
        order: float = 2.0,
        generator: torch.Generator | None = None,
        length: int = 2,
    ) -> None:
        super().__init__()
        if kind not in POOLINGS:
            raise ValueError(f"kind={kind!r} is unknown; expected one of {POOLINGS}.")
        self.kind, self.order, self.generator = kind, order, generator
        self.length = length

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return pooled maps.

        Parameters
        ----------
        x : Tensor of shape (n, n_maps, n_frames, n_bands)
            Maps.

        Returns
        -------
        pooled : Tensor of shape (n, n_maps, ceil(n_frames / length), ceil(n_bands / 2))
            Fewer frames, and half as many bands.
        """
        size = [min(self.length, x.shape[2]), min(2, x.shape[3])]
        if self.kind == "max":
            return nn.functional.max_pool2d(x, size, ceil_mode=True)
        if self.kind == "average":
            return _average(x, size)
        if self.kind == "lp":
            # Without the small constant the gradient at 0 is infinite.
            mean = _average(x.abs().pow(self.order), size)
            return (mean + 1e-12).pow(1 / self.order)
        if self.kind == "probabilistic":
            return _regions(x, size, -math.inf).logsumexp(-1).sigmoid()
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
        return f"kind={self.kind!r}, length={self.length}"


def _average(x: torch.Tensor, size: list[int]) -> torch.Tensor:
    return nn.functional.avg_pool2d(x, size, ceil_mode=True, count_include_pad=False)


def _regions(x: torch.Tensor, size: list[int], missing: float = 0.0) -> torch.Tensor:
    """Return the values of each region in a last axis, padded by ``missing``."""
    (rows, columns), (n_rows, n_columns) = size, x.shape[2:]
    pad = (0, -n_columns % columns, 0, -n_rows % rows)
    x = nn.functional.pad(x, pad, value=missing)
    x = x.unflatten(3, (-1, columns)).unflatten(2, (-1, rows))
    return x.transpose(3, 4).flatten(4)  # (batch, maps, rows, columns, size)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation of maps in which rows can have weights.

    A row of weight 2 counts as if it were there twice, one of weight 0 as if it were
    not. Where nothing is left to measure (rows of weight 0 alone, one value per map),
    what was seen before is used, as in prediction. Running statistics begin as the
    mean over the first batches, and variances are without Bessel's correction.

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats, device, dtype, bias
        As in ``torch.nn.BatchNorm2d``.

    Attributes
    ----------
    step : float or None
        Share of the next batch in the running statistics; None for the larger of
        ``momentum`` and one over the number of batches so far.
    """

    step: float | None = None

    def forward(
        self, x: torch.Tensor, row_weight: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return normalised maps.

        Parameters
        ----------
        x : Tensor of shape (n, n_maps, n_frames, n_bands)
            Maps.
        row_weight : Tensor of shape (n,), default=None
            By which rows count in training; None is 1 for all.

        Returns
        -------
        normalized : Tensor of the same shape
            Maps of mean 0 and variance 1 where the running statistics say so,
            with ``affine`` scaled and shifted.
        """
        if not self.training:
            return super().forward(x)
        mean, var = self.running_mean, self.running_var
        assert mean is not None and var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        n = x.numel() // x.shape[1]
        if n == 1:
            return self._normalized(x, mean, var)
        self.num_batches_tracked += 1
        step = self.step or max(self.momentum, 1 / int(self.num_batches_tracked))
        if row_weight is not None:
            return self._weighted(x, row_weight, step)
        before = var.clone()
        options = (self.weight, self.bias, True, step, self.eps)
        x = nn.functional.batch_norm(x, mean, var, *options)
        # torch puts n / (n - 1) times the variance into the running one.
        unbiased = var - (1 - step) * before
        self.running_var = var - unbiased / n  # not in place: backward needs it
        return x

    def _weighted(
        self, x: torch.Tensor, row_weight: torch.Tensor, step: float
    ) -> torch.Tensor:
        assert self.running_mean is not None and self.running_var is not None
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        total = row_weight.sum()
        share = (row_weight / total.where(total > 0, torch.ones_like(total)))[:, None]
        mean = (share * x.mean((2, 3))).sum(0)
        mean = mean.where(total > 0, self.running_mean)
        centred = x - mean[:, None, None]
        var = (share * centred.square().mean((2, 3))).sum(0)
        var = var.where(total > 0, self.running_var)
        with torch.no_grad():
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), step)
            self.running_var.lerp_(var.to(self.running_var.dtype), step)
        return self._normalized(x, mean, var)

    def _normalized(self, x: torch.Tensor, mean: Any, var: Any) -> torch.Tensor:
        scale = (var + self.eps).rsqrt() * self.weight
        return x * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]


class LocalContrastNorm(nn.Module):
    """Local contrast normalisation of maps (batch, n_maps, n_frames, n_bands).

    Each value loses the mean around it, weighted by a Gaussian window, and is divided
    by the deviation around it [1]_. At edges the window has what lies inside.

    Parameters
    ----------
    size : int, default=5
        Frames, and bands, of the window; odd.
    floor : float, default=0.01
        Least deviation: fainter contrasts are not blown up.
    across_maps : bool, default=False
        Whether mean and deviation are those of all maps together, as in [1]_, or each
        map has its own.

    References
    ----------
    .. [1] K. Jarrett, K. Kavukcuoglu, M. Ranzato and Y. LeCun. What is the best
       multi-stage architecture for object recognition? ICCV 2009.
    """

    window: torch.Tensor

    def __init__(
        self, size: int = 5, floor: float = 0.01, across_maps: bool = False
    ) -> None:
        super().__init__()
        if size < 3 or size % 2 == 0:
            raise ValueError(
                f"size={size!r} must be odd, to have a middle, and over 1."
            )
        self.size, self.floor, self.across_maps = size, floor, across_maps
        place = torch.arange(size, dtype=torch.float64) - size // 2
        window = (-0.5 * (place / (size / 5)).square()).exp()
        self.register_buffer("window", window / window.sum(), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return normalised maps.

        Parameters
        ----------
        x : Tensor of shape (n, n_maps, n_frames, n_bands)
            Maps.

        Returns
        -------
        normalized : Tensor of the same shape
            Maps without their local mean, over their local deviation.
        """
        with torch.autocast(x.device.type, enabled=False):  # small differences
            inside = self._smooth(torch.ones_like(x[:1, :1]))
            centred = x - self._smooth(x) / inside
            variance = self._smooth(centred.square()) / inside
            return centred / variance.clamp(min=self.floor**2).sqrt()

    def _smooth(self, x: torch.Tensor) -> torch.Tensor:
        """Return sums over the window: frames, then bands."""
        if self.across_maps:
            x = x.mean(1, keepdim=True)
        n_maps, half = x.shape[1], self.size // 2
        window = self.window.to(x.dtype).expand(n_maps, 1, 1, -1)
        for axis, pad in ((2, (half, 0)), (3, (0, half))):
            kernel = window.transpose(2, 3) if axis == 2 else window
            x = nn.functional.conv2d(x, kernel, padding=pad, groups=n_maps)
        return x

    def extra_repr(self) -> str:
        """Return what ``repr`` shows."""
        told = f"size={self.size}, floor={self.floor}"
        return told + (", across_maps=True" if self.across_maps else "")


def check_activation(activation: str) -> None:
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


def linear(n_inputs: int, n_units: int, device: torch.device | None) -> nn.Linear:
    """Return a layer whose weights are not set yet (torch would draw them)."""
    return nn.utils.skip_init(nn.Linear, n_inputs, n_units, device=device or "cpu")
