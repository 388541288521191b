"""A net that transcribes piano music: ``PianoNet``."""

from __future__ import annotations

import math

import torch
from torch import nn

from skdeepmir.nets._layers import BatchNorm, Dropout, initialize, linear
from skdeepmir.nets._onset import with_margins
from skdeepmir.nets._recurrent import RecurrentLayer, SequenceBatch

N_HEADS = 3  # onset, frame and offset
# Partials that a key sees, and the octave below, where it would be the second partial.
PARTIALS = (0.5, 1, 2, 3, 4, 5, 6, 7, 8)
REACH = 24  # semitones to either side in which a key sees what is found of others
MARGIN = 2  # frames to either side that convolutions see
FRAMES_AT_ONCE = 1024  # of each sequence, in predictions: maps take much memory
RARE = (-4.0, -2.5, -4.0)  # first logits: onsets, sounding notes, offsets are rare


class PianoNet(nn.Module):
    """One small net for all keys, over a constant-Q transform, with three heads.

    All keys share their weights, so that some minutes of music are enough. A key sees
    the bins around its own partials, stacked as channels [1]_; a convolution over them
    and three frames; what the same maps say of the keys up to two octaves away; another
    convolution over three frames and three keys; and a recurrent layer, in both
    directions, that follows this key alone through time. Three heads tell whether its
    note begins, sounds or ends in a frame [2]_, each with a bias for each key.

    Parameters
    ----------
    n_features : int
        Bins of a frame. The first ``bins_per_octave / 12`` are those of the lowest
        key; where partials are beyond the last, there is silence (0).
    n_outputs : int, default=264
        Logits of a frame: three for each key.
    bins_per_octave : int, default=36
        Bins of an octave, a multiple of 12.
    channels : int, default=32
        Maps of each convolution.
    n_units : int, default=16
        Cells of each direction of the recurrent layer.
    dropout : float, default=0.0
        Probability of dropping values between layers.
    initialization : {"he"} or None, default="he"
        How weights of the convolutions begin; None leaves all weights unset, for those
        that are loaded.
    generator : torch.Generator, optional
        Draws first weights and masks.

    Raises
    ------
    ValueError
        If ``bins_per_octave`` is not a multiple of 12, or ``n_outputs`` not one of 3.

    See Also
    --------
    skdeepmir.PianoTranscriber : Trains it and forms notes.

    References
    ----------
    .. [1] R. Bittner, B. McFee, J. Salamon, P. Li and J. Bello. Deep salience
       representations for F0 estimation in polyphonic music. ISMIR 2017.
    .. [2] C. Hawthorne et al. Onsets and frames: dual-objective piano transcription.
       ISMIR 2018.

    Examples
    --------
    >>> import torch
    >>> from skdeepmir.nets import PianoNet, SequenceBatch
    >>> two = SequenceBatch(torch.zeros(2, 20, 310), lengths=torch.tensor([20, 20]))
    >>> PianoNet(310)(two).unflatten(2, (88, 3)).shape
    torch.Size([2, 20, 88, 3])
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int = 264,
        *,
        bins_per_octave: int = 36,
        channels: int = 32,
        n_units: int = 16,
        dropout: float = 0.0,
        initialization: str | None = "he",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if bins_per_octave % 12 or n_outputs % N_HEADS:
            raise ValueError(
                f"bins_per_octave={bins_per_octave} must be a multiple of 12, and "
                f"n_outputs={n_outputs} one of {N_HEADS}."
            )
        self.n_features, self.n_keys = n_features, n_outputs // N_HEADS
        self.bins = bins_per_octave // 12  # of a key
        self.shifts = [round(bins_per_octave * math.log2(h)) for h in PARTIALS]
        device = None if generator is None else generator.device

        def convolution(*args: int, **options: object) -> nn.Conv2d:
            layer = nn.utils.skip_init(
                *(nn.Conv2d, *args), **options, device=device or "cpu"
            )
            if initialization is not None:
                initialize(layer, initialization, "relu", generator)
            return layer

        width = self.bins + 2  # bins of a key, and one to either side
        self.partials = convolution(
            *(len(PARTIALS), channels), kernel_size=(3, width), stride=(1, self.bins)
        )
        self.others = convolution(
            *(channels, channels), kernel_size=(1, 2 * REACH + 1), groups=channels
        )
        self.joined = convolution(2 * channels, channels, kernel_size=1)
        self.around = convolution(channels, channels, kernel_size=3)
        self.norms = nn.ModuleList(BatchNorm(channels, device=device) for _ in range(3))
        self.recurrent = RecurrentLayer(channels, n_units, generator=generator)
        self.output = linear(self.recurrent.n_outputs, N_HEADS, device)
        if initialization is not None:
            self.recurrent.initialize("orthogonal")
            initialize(self.output, "glorot", "linear", generator)
        self.key_bias = nn.Parameter(
            torch.tensor(RARE, device=device).repeat(self.n_keys, 1)
        )
        self.drop = Dropout(dropout, generator)

    def forward(self, sequences: SequenceBatch) -> torch.Tensor:
        """Return logits.

        Parameters
        ----------
        sequences : SequenceBatch
            Sequences of one length. Beyond both ends the outermost frame is repeated.

        Returns
        -------
        logits : Tensor of shape (n_sequences, n_frames, n_outputs)
            Before the logistic function: onset, frame and offset of the lowest key, of
            the next, and so on.
        """
        x = with_margins(sequences, MARGIN)
        n_sequences, n_frames = x.shape[0], x.shape[1] - 2 * MARGIN
        step = n_frames if self.training else FRAMES_AT_ONCE
        maps = [
            self._maps(x[:, start : start + step + 2 * MARGIN])
            for start in range(0, n_frames, step)
        ]
        # Keys of all sequences are sequences of their own.
        y = self.recurrent(self.drop(torch.cat(maps)))
        y = self.output(self.drop(y)).unflatten(1, (n_sequences, self.n_keys))
        return (y + self.key_bias).transpose(0, 1).flatten(2)

    def _maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return what convolutions say of keys, (n_frames, n_sequences * n_keys, n).

        ``x`` has ``MARGIN`` frames more at both ends.
        """
        width = self.n_keys * self.bins + 2
        below = 1 - min(self.shifts)
        above = max(0, max(self.shifts) + width - 1 - x.shape[2])
        x = nn.functional.pad(x, (below, above))
        first = [below + shift - 1 for shift in self.shifts]
        stacked = torch.stack([x[:, :, k : k + width] for k in first], 1)
        # (n_sequences, n_partials, n_frames + 2 * MARGIN, width)
        y = self._layer(0, self.partials(stacked))
        others = self.others(nn.functional.pad(y, (REACH, REACH)))
        y = self._layer(1, self.joined(torch.cat([self.drop(y), others], 1)))
        y = self.around(nn.functional.pad(self.drop(y), (1, 1)))
        y = self._layer(2, y)  # (n_sequences, channels, n_frames, n_keys)
        return y.permute(2, 0, 3, 1).flatten(1, 2)

    def _layer(self, i: int, maps: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norms[i](maps))
