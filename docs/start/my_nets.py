"""Nets of my own."""

from torch import nn


class TwoLayers(nn.Module):
    """Convolutions over time, and the mean over it."""

    def __init__(self, n_features, n_outputs, n_units=32):
        super().__init__()
        self.near = nn.Conv1d(n_features, n_units, 7, padding="same")
        self.far = nn.Conv1d(n_units, n_outputs, 7, padding="same")

    def forward(self, x):  # (batch, n_frames, n_features)
        """Return logits (batch, n_outputs)."""
        return self.far(self.near(x.mT).relu()).mean(dim=2)
