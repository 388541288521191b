"""Modules and steps of a user's own, found by name in other processes."""

import torch
from sklearn.base import BaseEstimator, TransformerMixin
from torch import nn


class ClipNet(nn.Module):
    """Logits of clips, with all that makes life hard: dropout, statistics, a count."""

    def __init__(self, n_features, n_outputs, n_units=8, *, depth=1, dropout=0.0):
        super().__init__()
        sizes = [n_features, *[n_units] * depth]
        self.layers = nn.ModuleList(map(nn.Linear, sizes[:-1], sizes[1:]))
        self.norm = nn.BatchNorm1d(n_units)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(n_units, n_outputs)

    def forward(self, x):  # (batch, n_frames, n_features)
        for layer in self.layers:
            x = layer(x).relu()
        return self.output(self.dropout(self.norm(x.mean(dim=1))))


class PlainNet(nn.Module):
    """Logits of clips without anything drawn or counted."""

    def __init__(self, n_features, n_outputs, n_units=8):
        super().__init__()
        self.hidden = nn.Linear(n_features, n_units)
        self.output = nn.Linear(n_units, n_outputs)

    def forward(self, x):
        return self.output(self.hidden(x).relu().mean(dim=1))


class FrameNet(nn.Module):
    """Logits of frames that see their neighbours."""

    def __init__(self, n_features, n_outputs, *, width=3, dropout=0.0):
        super().__init__()
        self.conv = nn.Conv1d(n_features, 8, width, padding="same")
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(8, n_outputs)

    def forward(self, x):  # (batch, n_frames, n_features)
        return self.output(self.dropout(self.conv(x.mT).mT.relu()))


class MaskedNet(FrameNet):
    """Logits of frames that see the mean of their sequence, which padding is not in."""

    def forward(self, x, mask):
        mask = mask[:, :, None].to(x.dtype)
        mean = (x * mask).sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True)
        return super().forward(x - mean)


def make_lazy(n_features, n_outputs, n_units=4):
    """Return a module whose layers get their sizes from the first frames."""
    return nn.Sequential(
        nn.Flatten(), nn.LazyLinear(n_units), nn.ReLU(), nn.LazyLinear(n_outputs)
    )


class Doubler(TransformerMixin, BaseEstimator):
    """A step of a pipeline that doubles frames."""

    def __init__(self, times=2.0):
        self.times = times

    def fit(self, X, y=None):
        self.n_clips_ = len(X)
        return self

    def transform(self, X):
        return [self.times * clip for clip in X]


def halved(clips):
    """Return clips of half the loudness."""
    return [0.5 * clip for clip in clips]


class TiedNet(nn.Module):
    """A net of two layers with the same weights, which counts its steps."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.first = nn.Linear(n_features, n_features)
        self.second = nn.Linear(n_features, n_features)
        self.second.weight = self.first.weight
        self.output = nn.Linear(n_features, n_outputs)
        self.register_buffer("n_steps", torch.tensor(0))

    def forward(self, x):
        self.n_steps += self.training
        return self.output(self.second(self.first(x).relu()).mean(dim=1))


class RandomFeatures(nn.Module):
    """A net that draws what it is made of and keeps it out of its state."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.waves = torch.randn(n_features, 64)
        self.output = nn.Linear(64, n_outputs)

    def forward(self, x):
        return self.output(torch.sin(x @ self.waves.to(x)).mean(dim=1))
