"""What a new net costs: a module, its parameters, and which feed and coding it has."""

import torch
from torch import nn

from skdeepmir._parameters import Share, Size, parameter, parameters
from skdeepmir.nets import Dropout
from skdeepmir.neural_network._classifier import NetClassifier
from skdeepmir.neural_network._conv_estimator import ExcerptEstimator


class AttentionNet(nn.Module):
    """Logits of frames, averaged by how much attention each gets."""

    def __init__(self, n_features, n_outputs, n_units, dropout, generator, is_new):
        super().__init__()
        self.hidden = nn.utils.skip_init(nn.Linear, n_features, n_units)
        self.output = nn.utils.skip_init(nn.Linear, n_units, 2 * n_outputs)
        self.drop = Dropout(dropout, generator)
        if is_new:
            for layer in (self.hidden, self.output):
                nn.init.xavier_uniform_(layer.weight, generator=generator)
                nn.init.zeros_(layer.bias)

    def forward(self, x, weight=None):  # (batch, n_frames, n_features)
        frames = self.output(self.drop(torch.relu(self.hidden(x))))
        logits, attention = frames.chunk(2, dim=2)  # (batch, n_frames, n_outputs) each
        return (attention.softmax(dim=1) * logits).sum(dim=1)  # (batch, n_outputs)


@parameters
class AttentionTagger(ExcerptEstimator, NetClassifier):
    """Tag clips, or classify them, by frames that a net attends to.

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (n_features_in_,)
        What standardises the features.
    """

    n_units: Size = parameter(
        "Hidden units that each frame is seen by.", default=64, kw_only=False
    )
    dropout: Share = parameter("Probability of dropping a hidden unit.", default=0.1)

    def _make_net(self, given, feed, n_outputs, generator, is_new):
        return AttentionNet(
            self.n_features_in_,
            n_outputs,
            given.n_units,
            given.dropout,
            generator,
            is_new,
        )
