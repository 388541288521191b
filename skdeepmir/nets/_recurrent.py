"""Recurrent nets over sequences of unequal length: ``RecurrentNet``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from skdeepmir.nets._front_end import ConvFrontEnd
from skdeepmir.nets._layers import Dropout, initialize, linear

CELLS = {"lstm": 4, "rnn": 1, "dense": 1}  # gates
State = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class SequenceBatch:
    """Sequences of unequal length side by side; ``len()`` is the sum of their frames.

    Attributes
    ----------
    frames : Tensor of shape (n_sequences, n_frames, n_features)
        Frames; values beyond the end of a sequence change nothing.
    lengths : Tensor of shape (n_sequences,), int64
        Frames of each.
    previous : Tensor of shape (n_sequences, n_frames), int64, or None
        Number of the label before each frame, for nets that see it; ``n_outputs`` where
        it is unknown.
    """

    frames: torch.Tensor
    lengths: torch.Tensor
    previous: torch.Tensor | None = None

    def __len__(self) -> int:
        """Return the number of frames."""
        return int(self.lengths.sum())


class _FlipByLength(torch.autograd.Function):
    """Take rows in another order that undoes itself, as does its gradient."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(order)
        return x.flatten(0, 1).index_select(0, order).view(x.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (order,) = ctx.saved_tensors
        return gradients[0].flatten(0, 1).index_select(0, order).view_as(
            gradients[0]
        ), None


def _flipped(lengths: torch.Tensor, n_frames: int) -> torch.Tensor:
    """Return rows of (n_frames, n_sequences) in the order of reversed sequences."""
    place = torch.arange(n_frames, device=lengths.device)[:, None]  # (n_frames, 1)
    flipped = torch.where(place < lengths, lengths - 1 - place, place)
    n = len(lengths)
    rows = flipped * n + torch.arange(n, device=lengths.device)
    return rows.flatten()  # (n_frames * n_sequences,)


class RecurrentLayer(nn.Module):
    """Recurrent cells over sequences, in one direction or in both."""

    # The backward direction runs forward over sequences that are reversed by their own
    # lengths, so that padding never gets into a state, and both stay on the fast path
    # for padded batches (packed ones are an order of magnitude slower on processors).

    def __init__(
        self,
        n_inputs: int,
        n_units: int,
        *,
        cell: str = "lstm",
        bidirectional: bool = True,
        weight_noise: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell={cell!r} is unknown; expected one of {[*CELLS]}.")
        n_units = int(n_units)  # splits of tensors refuse NumPy's integers
        self.n_units, self.cell, self.bidirectional = n_units, cell, bidirectional
        self.weight_noise, self.generator = weight_noise, generator
        n_directions, n_rows = 1 + bidirectional, CELLS[cell] * n_units
        shapes = {  # of the gates of all units below each other
            "inputs": (n_directions, n_rows, n_inputs),
            "recurrent": (n_directions, n_rows, n_units),
            "bias": (n_directions, n_rows),
        }
        if cell == "dense":
            del shapes["recurrent"]
        device = None if generator is None else generator.device
        for name, shape in shapes.items():
            self.register_parameter(
                name, nn.Parameter(torch.empty(shape, device=device))
            )
        self.n_inputs, self.n_outputs = n_inputs, n_directions * n_units

    def initialize(self, method: str) -> None:
        """Draw the first weights; the forget gates of an LSTM begin open."""
        with torch.no_grad():
            for name, weights in self.named_parameters():
                for block in weights.flatten(0, 1).split(self.n_units):
                    if name == "bias":
                        block.zero_()
                    elif method == "uniform":
                        block.uniform_(-0.1, 0.1, generator=self.generator)
                    elif name == "recurrent":
                        nn.init.orthogonal_(block, generator=self.generator)
                    else:
                        bound = math.sqrt(6 / (block.shape[1] + self.n_units))
                        block.uniform_(-bound, bound, generator=self.generator)
            if self.cell == "lstm":  # gates: input, forget, cell, output
                bias = self.get_parameter("bias")
                bias[:, self.n_units : 2 * self.n_units] = 1.0

    def forward(
        self, x: torch.Tensor, order: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return activations (n_frames, n_sequences, n_outputs).

        ``order`` has the rows of reversed sequences; with None all have ``n_frames``.
        """
        weights = self._weights()
        outputs = []
        for direction in range(1 + self.bidirectional):
            own = [weight[direction] for weight in weights]
            is_flipped = direction == 1 and self.cell != "dense"
            # (n_frames, n_sequences, n_units)
            y = self._run(_flip(x, order) if is_flipped else x, own)
            outputs.append(_flip(y, order) if is_flipped else y)
        return torch.cat(outputs, dim=2) if self.bidirectional else outputs[0]

    def step(self, x: torch.Tensor, state: State | None) -> tuple[torch.Tensor, State]:
        """Return activations (n_sequences, n_outputs) of a frame, and the new state.

        For layers of one direction; ``state`` is None at the beginning.
        """
        weights = [weight[0] for weight in self._weights()]
        if self.cell == "dense":
            return torch.tanh(nn.functional.linear(x, *weights)), ()
        if state is None:
            zeros = x.new_zeros(len(x), self.n_units)
            state = (zeros,) * (2 if self.cell == "lstm" else 1)
        inputs, recurrent, bias = weights
        weights = [inputs, recurrent, bias, torch.zeros_like(bias)]
        if self.cell == "lstm":
            state = torch.lstm_cell(x, state, *weights)
        else:
            state = (torch.rnn_tanh_cell(x, state[0], *weights),)
        return state[0], state

    def _weights(self) -> list[torch.Tensor]:
        """Return the weights, in training with noise."""
        weights = list(self.parameters())
        return [noisy(w, self.weight_noise, self) for w in weights]

    def _run(self, x: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
        if self.cell == "dense":
            return torch.tanh(nn.functional.linear(x, *weights))
        zeros = x.new_zeros(1, x.shape[1], self.n_units)
        weights = [*weights, torch.zeros_like(weights[-1])]
        # Biases, one layer, no dropout, one direction, frames first.
        options = (True, 1, 0.0, self.training, False, False)
        if self.cell == "lstm":
            return torch.lstm(x, (zeros, zeros), weights, *options)[0]
        return torch.rnn_tanh(x, zeros, weights, *options)[0]

    def extra_repr(self) -> str:
        """Return what ``repr`` shows."""
        return (
            f"{self.n_inputs}, {self.n_units}, cell={self.cell!r}, "
            f"bidirectional={self.bidirectional}"
        )


def _flip(x: torch.Tensor, order: torch.Tensor | None) -> torch.Tensor:
    return x.flip(0) if order is None else _FlipByLength.apply(x, order)


def noisy(weight: torch.Tensor, deviation: float, owner: Any) -> torch.Tensor:
    """Return weights, with Gaussian noise while their ``owner`` is training."""
    if not (owner.training and deviation):
        return weight
    noise = torch.empty_like(weight).normal_(generator=owner.generator)
    return weight + deviation * noise


class RecurrentNet(nn.Module):
    """A deep recurrent net that labels every frame of sequences.

    Every layer sees both directions of the one below [1]_. In a net that sees the label
    before each frame [2]_, the last layer has one direction and that label as further
    inputs.

    Parameters
    ----------
    n_features : int
        Values of a frame.
    n_outputs : int
        Logits of a frame.
    n_units : int, default=128
        Cells of each direction of each layer.
    n_layers : int, default=2
        Recurrent layers.
    cell : {"lstm", "rnn", "dense"}, default="lstm"
        Long short-term memory, tanh units with a loop, or tanh units without one, which
        see single frames only.
    bidirectional : bool, default=True
        Whether layers have cells for both directions.
    sees_previous : bool, default=False
        Whether the last layer sees the label before each frame.
    channels : sequence of int, default=()
        Maps of the blocks of a convolutional front end, each 3 frames by 3 features and
        a maximum over two features; empty for none.
    dropout, input_dropout : float, default=0.0
        Probabilities of dropping values between layers and of the input, and of hiding
        the label before (``dropout``).
    weight_noise : float, default=0.0
        Standard deviation of the Gaussian noise that is added to the weights of the
        recurrent layers and the output while training, drawn anew for each batch.
    initialization : {"orthogonal", "uniform"} or None, default="orthogonal"
        Orthogonal loops and Glorot's weights elsewhere, or all weights uniform up to
        0.1 [1]_. None leaves weights unset, to be loaded.
    generator : torch.Generator, optional
        Draws first weights, masks and noise.

    References
    ----------
    .. [1] A. Graves, A. Mohamed and G. Hinton. Speech recognition with deep recurrent
       neural networks. ICASSP 2013.
    .. [2] N. Boulanger-Lewandowski, Y. Bengio and P. Vincent. Audio chord recognition
       with recurrent neural networks. ISMIR 2013.

    Examples
    --------
    >>> import torch
    >>> from skdeepmir.nets import RecurrentNet, SequenceBatch
    >>> two = SequenceBatch(torch.zeros(2, 30, 12), lengths=torch.tensor([30, 17]))
    >>> RecurrentNet(12, 25, n_units=8)(two).shape
    torch.Size([2, 30, 25])
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        n_units: int = 128,
        n_layers: int = 2,
        *,
        cell: str = "lstm",
        bidirectional: bool = True,
        sees_previous: bool = False,
        channels: Sequence[int] = (),
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        weight_noise: float = 0.0,
        initialization: str | None = "orthogonal",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if initialization not in ("orthogonal", "uniform", None):
            raise ValueError(
                f"initialization={initialization!r} is unknown; expected 'orthogonal', "
                "'uniform' or None."
            )
        if n_layers < 1:
            raise ValueError(f"n_layers={n_layers!r} must be at least 1.")
        self.n_features, self.n_outputs = n_features, n_outputs
        self.sees_previous, self.generator = sees_previous, generator
        self.dropout, self.weight_noise = dropout, weight_noise
        self.front = None
        n_inputs = n_features
        if len(channels):
            self.front = ConvFrontEnd(
                n_features, channels, n_units, generator=generator
            )
            n_inputs = n_units
        layers = []
        for place in range(n_layers):
            is_last = place == n_layers - 1
            layer = RecurrentLayer(
                n_inputs + (n_outputs if sees_previous and is_last else 0),
                n_units,
                cell=cell,
                bidirectional=bidirectional and not (sees_previous and is_last),
                weight_noise=weight_noise,
                generator=generator,
            )
            layers.append(layer)
            n_inputs = layer.n_outputs
        self.layers = nn.ModuleList(layers)
        device = None if generator is None else generator.device
        self.output = linear(n_inputs, n_outputs, device)
        self.drop_input = Dropout(input_dropout, generator)
        self.drop = Dropout(dropout, generator)
        if initialization is not None:
            if self.front is not None:
                self.front.initialize()
            for layer in layers:
                layer.initialize(initialization)
            initialize(self.output, "glorot", "linear", generator)

    def forward(self, sequences: SequenceBatch) -> torch.Tensor:
        """Return logits.

        Parameters
        ----------
        sequences : SequenceBatch
            Sequences, with the labels before each frame if the net sees them.

        Returns
        -------
        logits : Tensor of shape (n_sequences, n_frames, n_outputs)
            Before softmax. Values beyond the end of a sequence are meaningless.
        """
        if sequences.frames.ndim != 3 or sequences.frames.shape[2] != self.n_features:
            raise ValueError(
                f"The net was given frames of shape {tuple(sequences.frames.shape)}; "
                f"expected (n_sequences, n_frames, {self.n_features})."
            )
        if self.sees_previous != (sequences.previous is not None):
            raise ValueError(
                f"previous must be given if, and only if, sees_previous is set; it is "
                f"{self.sees_previous}."
            )
        x = self._values(sequences)[-1]
        return self._logits(x).transpose(0, 1)  # sequences first again

    def layer_values(self, sequences: SequenceBatch) -> list[torch.Tensor]:
        """Return what the layers before the output put out.

        Parameters
        ----------
        sequences : SequenceBatch
            Sequences, as in :meth:`forward`.

        Returns
        -------
        values : list of Tensor of shape (n_sequences, n_frames, n_units)
            From the bottom up; the convolutional front end is the first, if there is
            one.
        """
        return [x.transpose(0, 1) for x in self._values(sequences)]

    def below_last(self, sequences: SequenceBatch) -> torch.Tensor:
        """Return the input of the last layer without labels, for :meth:`step`.

        Parameters
        ----------
        sequences : SequenceBatch
            Sequences.

        Returns
        -------
        inputs : Tensor of shape (n_frames, n_sequences, n_inputs)
            Inputs, frames first.
        """
        below, x, _ = self._below(sequences)
        return below[-1] if below else x

    def step(
        self, inputs: torch.Tensor, previous: torch.Tensor, state: State | None
    ) -> tuple[torch.Tensor, State]:
        """Label one frame of several hypotheses, for nets that see the label before.

        Parameters
        ----------
        inputs : Tensor of shape (n_hypotheses, n_inputs)
            A frame of :meth:`below_last`, the same for all or one for each.
        previous : Tensor of shape (n_hypotheses,), int64
            Labels before.
        state : tuple of Tensor of shape (n_hypotheses, n_units), or None
            What the previous step returned; None at the beginning.

        Returns
        -------
        logits : Tensor of shape (n_hypotheses, n_outputs)
            Before softmax.
        state : tuple of Tensor
            For the next step.
        """
        x = torch.cat([inputs, self._one_hot(previous, inputs.dtype)], dim=1)
        last = self.layers[-1]
        assert isinstance(last, RecurrentLayer)
        x, state = last.step(x, state)
        return self._logits(x), state

    def _values(self, sequences: SequenceBatch) -> list[torch.Tensor]:
        """Return what all layers put out, frames first."""
        below, x, order = self._below(sequences)
        if below:
            x = below[-1]
        if sequences.previous is not None:
            previous = self._hidden_at_random(sequences.previous.t())
            # (n_frames, n_sequences, n_inputs + n_outputs)
            x = torch.cat([x, self._one_hot(previous, x.dtype)], dim=2)
        return [*below, self.layers[-1](x, order)]

    def _below(
        self, sequences: SequenceBatch
    ) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor | None]:
        """Return what layers below the last put out, the input, and reversed order."""
        # (n_frames, n_sequences, n_features)
        x = seen = self.drop_input(sequences.frames.transpose(0, 1))
        n_frames, lengths = len(x), sequences.lengths
        order = inside = None
        if not bool((lengths == n_frames).all()):
            order = _flipped(lengths, n_frames)
            inside = torch.arange(n_frames, device=lengths.device)[:, None] < lengths
        found = []
        if self.front is not None:
            x = self.drop(self.front(x, inside))
            found.append(x)
        for layer in self.layers[:-1]:
            x = self.drop(layer(x, order))
            found.append(x)
        return found, seen, order

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        weight = noisy(self.output.weight, self.weight_noise, self)
        bias = noisy(self.output.bias, self.weight_noise, self)
        return nn.functional.linear(self.drop(x), weight, bias)

    def _one_hot(self, labels: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Return (..., n_outputs) with 1 at labels, 0 where they are unknown."""
        return nn.functional.one_hot(labels, self.n_outputs + 1)[..., :-1].to(dtype)

    def _hidden_at_random(self, labels: torch.Tensor) -> torch.Tensor:
        if not (self.training and self.dropout):
            return labels
        draw = torch.rand(labels.shape, generator=self.generator, device=labels.device)
        return labels.masked_fill(draw < self.dropout, self.n_outputs)
