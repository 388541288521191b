"""Nets that find events in frames: convolutional and recurrent ones for onsets."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from skdeepmir.nets._layers import ACTIVATIONS, Dropout, initialize, linear
from skdeepmir.nets._recurrent import RecurrentNet, SequenceBatch

POOLED_BANDS = 3  # by the maximum after each convolution
FRAMES_AT_ONCE = 1024  # of each sequence, in predictions: maps take much memory


class OnsetConvNet(nn.Module):
    """Convolutions over several spectrograms that tell how like an onset a frame is.

    The net of Schlüter and Böck [1]_: ten maps of 7 frames by 3 bands, a maximum over
    three bands, twenty maps of 3 by 3, a maximum over three bands, and a layer of 256
    units that sees all of what is left, 15 frames of context in all. Nothing is pooled
    over time. All of it is convolution, so that a whole clip goes through at once.

    Parameters
    ----------
    n_features : int
        Values of a frame: the bands of all spectrograms, one after the other.
    n_outputs : int, default=1
        Logits of a frame.
    n_windows : int, default=1
        Spectrograms of different windows side by side in a frame; they become the
        channels of the input. A divisor of ``n_features``.
    channels : sequence of two int, default=(10, 20)
        Maps of the two convolutions.
    n_units : int, default=256
        Units of the layer on top.
    context : int, default=15
        Frames that an output sees, itself in the middle; odd, at least 9.
    activation : {"relu", "tanh", "logistic", "softplus"}, default="relu"
        Of the maps; the layer on top is logistic [1]_.
    dropout : float, default=0.0
        Probability of dropping inputs of the layer on top and of the output.
    initialization : {"he"} or None, default="he"
        How weights of the convolutions begin; None leaves all weights unset, for those
        that are loaded.
    generator : torch.Generator, optional
        Draws first weights and masks.

    References
    ----------
    .. [1] J. Schlüter and S. Böck. Improved musical onset detection with convolutional
       neural networks. ICASSP 2014.

    Examples
    --------
    >>> import torch
    >>> from skdeepmir.nets import OnsetConvNet, SequenceBatch
    >>> two = SequenceBatch(torch.zeros(2, 30, 240), lengths=torch.tensor([30, 17]))
    >>> OnsetConvNet(240, n_windows=3)(two).shape
    torch.Size([2, 30, 1])
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int = 1,
        *,
        n_windows: int = 1,
        channels: Sequence[int] = (10, 20),
        n_units: int = 256,
        context: int = 15,
        activation: str = "relu",
        dropout: float = 0.0,
        initialization: str | None = "he",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if n_features % n_windows:
            raise ValueError(
                f"n_windows={n_windows} does not divide the {n_features} features; "
                "expected spectrograms of as many bands each, side by side."
            )
        if context < 9 or context % 2 == 0:
            raise ValueError(f"context={context} must be odd and at least 9 frames.")
        if len(channels) != 2:
            raise ValueError(f"channels={channels!r} must be two numbers of maps.")
        self.n_features, self.n_windows = n_features, n_windows
        self.margin = context // 2
        self.activation = ACTIVATIONS[activation]
        device = None if generator is None else generator.device
        n_bands = n_features // n_windows
        below, layers = n_windows, []
        for n_maps, n_frames in zip(channels, (7, 3), strict=True):
            layers.append(
                nn.utils.skip_init(
                    nn.Conv2d,
                    below,
                    n_maps,
                    (n_frames, 3),
                    padding=(0, 1),
                    device=device or "cpu",
                )
            )
            below, n_bands = n_maps, -(-n_bands // POOLED_BANDS)
        self.convolutions = nn.ModuleList(layers)
        left = context - 8  # frames of context that the convolutions leave
        self.hidden = nn.utils.skip_init(
            nn.Conv2d, below, n_units, (left, n_bands), device=device or "cpu"
        )
        self.output = linear(n_units, n_outputs, device)
        self.drop = Dropout(dropout, generator)
        if initialization is not None:
            for layer in layers:
                initialize(layer, initialization, "relu", generator)
            initialize(self.hidden, "glorot", "linear", generator)
            initialize(self.output, "glorot", "linear", generator)

    def forward(self, sequences: SequenceBatch) -> torch.Tensor:
        """Return logits.

        Parameters
        ----------
        sequences : SequenceBatch
            Sequences. Beyond both ends of each, its outermost frame is repeated.

        Returns
        -------
        logits : Tensor of shape (n_sequences, n_frames, n_outputs)
            Before the logistic function. Values beyond the end of a sequence are
            meaningless.
        """
        return self.inside(with_margins(sequences, self.margin))

    def inside(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits of all frames but the ``margin`` outermost.

        Parameters
        ----------
        x : Tensor of shape (n_sequences, n_frames + 2 * margin, n_features)
            Frames.

        Returns
        -------
        logits : Tensor of shape (n_sequences, n_frames, n_outputs)
            Before the logistic function.
        """
        n_frames = x.shape[1] - 2 * self.margin
        if self.training or n_frames <= FRAMES_AT_ONCE:
            return self._at_once(x)
        parts = [
            self._at_once(x[:, start : start + FRAMES_AT_ONCE + 2 * self.margin])
            for start in range(0, n_frames, FRAMES_AT_ONCE)
        ]
        return torch.cat(parts, 1)

    def hidden_values(self, sequences: SequenceBatch) -> torch.Tensor:
        """Return the activations of the hidden layer.

        Parameters
        ----------
        sequences : SequenceBatch
            Sequences, as in :meth:`forward`.

        Returns
        -------
        values : Tensor of shape (n_sequences, n_frames, n_units)
            From 0 to 1.
        """
        return self._hidden(with_margins(sequences, self.margin))

    def _at_once(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(self.drop(self._hidden(x)))

    def _hidden(self, x: torch.Tensor) -> torch.Tensor:
        x = x.unflatten(2, (self.n_windows, -1)).transpose(1, 2)
        # (n_sequences, n_windows, n_frames + 2 * margin, n_bands)
        for convolution in self.convolutions:
            x = nn.functional.max_pool2d(
                self.activation(convolution(x)), (1, POOLED_BANDS), ceil_mode=True
            )
        x = torch.sigmoid(self.hidden(self.drop(x))).squeeze(3)
        return x.transpose(1, 2)


def with_margins(sequences: SequenceBatch, margin: int) -> torch.Tensor:
    """Return frames with the outermost of each sequence repeated beyond its ends."""
    frames, lengths = sequences.frames, sequences.lengths
    place = torch.arange(-margin, frames.shape[1] + margin, device=frames.device)
    place = torch.minimum(place.clamp(min=0)[None], lengths[:, None] - 1)
    which = torch.arange(len(frames), device=frames.device)[:, None]
    return frames[which, place]


class OnsetRecurrentNet(nn.Module):
    """A recurrent net over frames and their rises that tells how like an onset each is.

    As in the systems of Eyben et al. [1]_ and of Böck et al. [2]_, the net sees the
    features of a frame and by how much each has risen (not fallen) since the frame
    before.

    Parameters
    ----------
    n_features : int
        Values of a frame; its rises double them.
    n_outputs : int, default=1
        Logits of a frame.
    n_units : int, default=64
        Cells of each direction of each layer.
    n_layers : int, default=2
        Recurrent layers.
    cell : {"lstm", "rnn"}, default="lstm"
        Long short-term memory, or tanh units.
    bidirectional : bool, default=True
        Whether layers see the future as well.
    dropout : float, default=0.0
        Probability of dropping values between layers.
    initialization : {"orthogonal", "uniform"} or None, default="orthogonal"
        See :class:`RecurrentNet`.
    generator : torch.Generator, optional
        Draws first weights and masks.

    References
    ----------
    .. [1] F. Eyben, S. Böck, B. Schuller and A. Graves. Universal onset detection with
       bidirectional long short-term memory neural networks. ISMIR 2010.
    .. [2] S. Böck, A. Arzt, F. Krebs and M. Schedl. Online real-time onset detection
       with recurrent neural networks. DAFx 2012.

    Examples
    --------
    >>> import torch
    >>> from skdeepmir.nets import OnsetRecurrentNet, SequenceBatch
    >>> two = SequenceBatch(torch.zeros(2, 30, 240), lengths=torch.tensor([30, 17]))
    >>> OnsetRecurrentNet(240, n_units=8)(two).shape
    torch.Size([2, 30, 1])
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int = 1,
        *,
        n_units: int = 64,
        n_layers: int = 2,
        cell: str = "lstm",
        bidirectional: bool = True,
        dropout: float = 0.0,
        initialization: str | None = "orthogonal",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.recurrent = RecurrentNet(
            2 * n_features,
            n_outputs,
            n_units,
            n_layers,
            cell=cell,
            bidirectional=bidirectional,
            dropout=dropout,
            initialization=initialization,
            generator=generator,
        )

    def forward(self, sequences: SequenceBatch) -> torch.Tensor:
        """Return logits.

        Parameters
        ----------
        sequences : SequenceBatch
            Sequences. Nothing rises in the first frame of one.

        Returns
        -------
        logits : Tensor of shape (n_sequences, n_frames, n_outputs)
            Before the logistic function. Values beyond the end of a sequence are
            meaningless.
        """
        return self.recurrent(_with_rises(sequences))

    def layer_values(self, sequences: SequenceBatch) -> list[torch.Tensor]:
        """Return what the recurrent layers put out.

        Parameters
        ----------
        sequences : SequenceBatch
            Sequences, as in :meth:`forward`.

        Returns
        -------
        values : list of Tensor of shape (n_sequences, n_frames, n_units)
            From the bottom up.
        """
        return self.recurrent.layer_values(_with_rises(sequences))


def _with_rises(sequences: SequenceBatch) -> SequenceBatch:
    """Return frames beside by how much each value has risen since the one before."""
    x = sequences.frames
    rises = torch.relu(x - torch.cat([x[:, :1], x[:, :-1]], 1))
    return SequenceBatch(torch.cat([x, rises], 2), sequences.lengths)
