"""Nets of full layers: ``MLP`` and ``DenoisingAutoencoder``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from skdeepmir.nets._layers import (
    ACTIVATIONS,
    Dropout,
    check_activation,
    initialize,
    linear,
)


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
        if isinstance(hidden_layer_sizes, int | np.integer):
            hidden_layer_sizes = (int(hidden_layer_sizes),)
        check_activation(activation)
        self.activation, self.maxout_pieces = activation, maxout_pieces
        self.widths = [int(n) for n in (n_features, *context_sizes)]
        pieces = maxout_pieces if activation == "maxout" else 1
        context = [*context_sizes, *[0] * len(hidden_layer_sizes)]
        sizes = [n_features, *hidden_layer_sizes]
        device = None if generator is None else generator.device
        hidden = [
            linear(n_below + n_beside, n_units * pieces, device)
            for n_below, n_beside, n_units in zip(
                sizes, context, hidden_layer_sizes, strict=False
            )
        ]
        self.hidden = nn.ModuleList(hidden)
        self.output = linear(sizes[-1], n_outputs, device)
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
        values = self.hidden_values(x)
        return self.output(values[-1] if values else self.drop_input(x))

    def hidden_values(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the activations of the hidden layers.

        Parameters
        ----------
        x : Tensor of shape (n, n_features + sum(context_sizes))
            Rows.

        Returns
        -------
        values : list of Tensor of shape (n, n_units)
            From the bottom up.
        """
        if x.ndim != 2 or x.shape[1] != sum(self.widths):
            raise ValueError(
                f"The net was given a tensor of shape {tuple(x.shape)}; expected (n, "
                f"{sum(self.widths)}), a row for each input."
            )
        values, *beside = x.split(self.widths, dim=1)
        values = self.drop_input(values)
        found = []
        for k, layer in enumerate(self.hidden):
            if k < len(beside):
                values = torch.cat([values, self.drop(beside[k])], dim=1)
            values = self.drop(self._activate(layer(values)))
            found.append(values)
        return found

    def _activate(self, z: torch.Tensor) -> torch.Tensor:
        if self.activation == "maxout":
            return z.unflatten(1, (self.maxout_pieces, -1)).amax(1)
        return ACTIVATIONS[self.activation](z)

    def limit_norms(self, max_norm: float) -> None:
        """Scale incoming weight vectors of hidden units down.

        Parameters
        ----------
        max_norm : float
            Largest Euclidean norm of a vector. Each piece of a maxout unit has its own.
        """
        with torch.no_grad():
            for name, weight in self.hidden.named_parameters():
                if name.endswith("weight"):  # (n_units, n_inputs)
                    weight.renorm_(p=2, dim=0, maxnorm=max_norm)


class DenoisingAutoencoder(nn.Module):
    """One hidden layer that restores its input from a corrupted version.

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
        Probability that an input value is replaced in training, or the deviation of
        noise.
    corruption_kind : {"masking", "salt_and_pepper", "gaussian"}, default="masking"
        What is done in training: values become zero, or the smallest or largest of the
        batch at random; or normal noise is added to all. Other values stay as they are.
    tied : bool, default=False
        Whether the output has the transposed weights of the hidden layer [2]_.
    initialization : {"glorot", "he", "sparse"} or None, default="glorot"
        See :func:`initialize`; None leaves weights unset, for those that are loaded.
    generator : torch.Generator, optional
        Draws first weights and the corruption.

    References
    ----------
    .. [1] X. Glorot, A. Bordes and Y. Bengio. Deep sparse rectifier neural networks.
       AISTATS 2011.
    .. [2] P. Vincent et al. Stacked denoising autoencoders. JMLR 11, 2010.
    """

    def __init__(
        self,
        n_features: int,
        n_units: int,
        *,
        activation: str = "relu",
        output: str = "linear",
        corruption: float = 0.25,
        corruption_kind: str = "masking",
        tied: bool = False,
        initialization: str | None = "glorot",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.activation, self.output, self.tied = activation, output, tied
        self.corruption, self.corruption_kind = corruption, corruption_kind
        self.generator = generator
        device = None if generator is None else generator.device
        if corruption_kind == "masking":
            self.mask = Dropout(corruption, generator)
        self.encoder = linear(n_features, n_units, device)
        if tied:
            self.restored_bias = nn.Parameter(torch.zeros(n_features, device=device))
        else:
            self.decoder = linear(n_units, n_features, device)
        if initialization is not None:
            initialize(self.encoder, initialization, activation, generator)
            if not tied:
                initialize(self.decoder, initialization, output, generator)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Return hidden activations.

        Parameters
        ----------
        x : Tensor of shape (n, n_features)
            Clean rows.

        Returns
        -------
        hidden : Tensor of shape (n, n_units)
            Activations.
        """
        return ACTIVATIONS[self.activation](self.encoder(x))

    def _corrupt(self, x: torch.Tensor) -> torch.Tensor:
        if self.corruption_kind == "masking":  # undo dropout's scaling, in its steps
            return self.mask(x) * (1 - round(65536 * self.corruption) / 65536)
        if self.corruption_kind == "gaussian":
            return x + self.corruption * torch.empty_like(x).normal_(
                generator=self.generator
            )
        uniform = torch.empty_like(x).uniform_(generator=self.generator)
        extremes = torch.where(uniform < self.corruption / 2, x.min(), x.max())
        return torch.where(uniform < self.corruption, extremes, x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Corrupt rows in training, and restore them.

        Parameters
        ----------
        x : Tensor of shape (n, n_features)
            Clean rows.

        Returns
        -------
        restored : Tensor of shape (n, n_features)
            What the decoder makes of them.
        """
        hidden = self.encode(self._corrupt(x) if self.training else x)  # (n, n_units)
        if self.tied:
            restored = nn.functional.linear(
                hidden, self.encoder.weight.T, self.restored_bias
            )
        else:
            restored = self.decoder(hidden)
        return (
            restored if self.output == "linear" else ACTIVATIONS[self.output](restored)
        )
