"""A net over windows of several lengths: ``MultiTimescaleNet``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from skdeepmir.nets._layers import ACTIVATIONS, Dropout, initialize, linear


@dataclass(frozen=True)
class WindowBatch:
    """Windows of several clips at several scales; its ``len()`` is that of clips.

    Attributes
    ----------
    windows : sequence of Tensor of shape (sum of n_windows, n_features)
        For each scale, the windows of all clips below each other.
    n_windows : sequence of Tensor of shape (n_clips,), int64
        For each scale, how many of them are of which clip; at least one.
    """

    windows: Sequence[torch.Tensor]
    n_windows: Sequence[torch.Tensor]

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.n_windows[0])


class MultiTimescaleNet(nn.Module):
    """Multi-time-scale learning: a hidden layer for each scale, one output.

    A branch for each window length applies one hidden layer to all windows of a clip
    and pools its activations over them; the output layer sees the pooled activations of
    all branches [1]_.

    Parameters
    ----------
    n_features : int
        Values of a window.
    n_outputs : int
        Logits.
    n_scales : int, default=3
        Branches.
    n_units : int, default=500
        Hidden units of each branch.
    activation : {"relu", "logistic", "tanh", "softplus"}, default="logistic"
        Of the hidden units.
    pooling : {"mean", "max", "both"}, default="mean"
        What is kept of a unit's activations in the windows of a clip; "both" is the
        mean and the largest.
    dropout, input_dropout : float, default=0.0
        Probabilities of dropping pooled activations and values of windows.
    initialization : {"glorot", "he", "sparse"} or None, default="glorot"
        See :func:`initialize`; None leaves weights unset, for those that are loaded.
    generator : torch.Generator, optional
        Draws first weights and masks.

    References
    ----------
    .. [1] P. Hamel, S. Lemieux, Y. Bengio and D. Eck. Temporal pooling and multiscale
       learning for automatic annotation and ranking of music audio. ISMIR 2011.

    Examples
    --------
    >>> import torch
    >>> from skdeepmir.nets import MultiTimescaleNet, WindowBatch
    >>> short, long = torch.zeros(7, 20), torch.zeros(3, 20)
    >>> clips = WindowBatch([short, long], [torch.tensor([4, 3]), torch.tensor([2, 1])])
    >>> MultiTimescaleNet(20, 5, n_scales=2, n_units=8)(clips).shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        n_scales: int = 3,
        n_units: int = 500,
        *,
        activation: str = "logistic",
        pooling: str = "mean",
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        initialization: str | None = "glorot",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(
                f"activation={activation!r} is unknown; expected one of "
                f"{[*ACTIVATIONS]}."
            )
        kinds = {"mean": ["mean"], "max": ["max"], "both": ["mean", "max"]}
        if pooling not in kinds:
            raise ValueError(
                f"pooling={pooling!r} is unknown; expected one of {[*kinds]}."
            )
        self.activation, self.kinds = activation, kinds[pooling]
        device = None if generator is None else generator.device
        hidden = [linear(n_features, n_units, device) for _ in range(n_scales)]
        self.hidden = nn.ModuleList(hidden)
        n_pooled = n_scales * n_units * len(self.kinds)
        self.output = linear(n_pooled, n_outputs, device)
        self.drop_input = Dropout(input_dropout, generator)
        self.drop = Dropout(dropout, generator)
        if initialization is not None:
            for layer in hidden:
                initialize(layer, initialization, activation, generator)
            initialize(self.output, initialization, "linear", generator)

    def forward(self, clips: WindowBatch) -> torch.Tensor:
        """Return logits.

        Parameters
        ----------
        clips : WindowBatch
            Windows of clips at each scale.

        Returns
        -------
        logits : Tensor of shape (n_clips, n_outputs)
            Before softmax or logistic function.
        """
        shapes = [tuple(windows.shape) for windows in clips.windows]
        n_features = self.hidden[0].in_features
        if len(shapes) != len(self.hidden) or any(
            len(shape) != 2 or shape[1] != n_features for shape in shapes
        ):
            raise ValueError(
                f"The net was given windows of shapes {shapes}; expected "
                f"{len(self.hidden)} of (sum of n_windows, {n_features}), one for each "
                "scale."
            )
        pooled = []
        for layer, windows, n_windows in zip(
            self.hidden, clips.windows, clips.n_windows, strict=True
        ):
            # (sum of n_windows, n_units): the same weights wherever a window is
            active = ACTIVATIONS[self.activation](layer(self.drop_input(windows)))
            active = active.to(windows.dtype)  # sums of many, under autocast too
            # A clip's windows are summed one by one, whatever clips are beside it.
            pooled += [
                torch.segment_reduce(active, kind, lengths=n_windows, axis=0)
                for kind in self.kinds
            ]
        return self.output(self.drop(torch.cat(pooled, dim=1)))  # (n_clips, n_outputs)
