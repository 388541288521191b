"""An estimator whose units are known, for tests of what is told of units."""

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin

from skdeepmir._units import UnitLayer
from skdeepmir._validation import validate_frames


class Detectors(TransformerMixin, BaseEstimator):
    """Each unit answers with the mean of some bands over some frames."""

    def __init__(self, n_units=4, length=4):
        self.n_units = n_units
        self.length = length

    def fit(self, X, y=None):
        clips, _ = validate_frames(self, X, reset=True, dtype=float)
        rows = np.concatenate(clips)
        self.mean_ = rows.mean(axis=0, dtype=float)
        self.scale_ = rows.std(axis=0, dtype=float) + 1e-6
        bands = np.array_split(np.arange(rows.shape[1]), self.n_units)
        self.filters_ = np.zeros((self.n_units, self.length, rows.shape[1]))
        for unit, mine in enumerate(bands):
            self.filters_[unit, :, mine] = 1 / (self.length * len(mine))
        return self

    def transform(self, X):
        (layer,) = self._unit_layers()
        return [
            layer.net(torch.as_tensor(np.asarray(clip, float))[None])[0].numpy()
            for clip in X
        ]

    def _unit_layers(self):
        weights = torch.as_tensor(self.filters_.transpose(0, 2, 1))

        def net(frames):
            bands = frames.transpose(1, 2)  # (n, n_features, n_frames)
            bands = torch.nn.functional.pad(
                bands, (0, self.length - 1), mode="replicate"
            )
            return torch.nn.functional.conv1d(bands, weights).transpose(1, 2)

        return [
            UnitLayer(
                name="layer 0",
                unit_names=tuple(f"unit {unit}" for unit in range(self.n_units)),
                net=net,
                spans=np.tile([0, self.length], (self.n_units, 1)),
                hop=1,
                mean=self.mean_,
                scale=self.scale_,
                bands=None,
            )
        ]


def noise_with_spots(n_clips=6, n_frames=60, n_bands=8, rate=10.0):
    """Return clips of faint noise, clip i with a spot of height i + 1 in bands 0-1.

    It is at frames 10 + i to 14 + i.
    """
    generator = np.random.default_rng(0)
    clips = [generator.random((n_frames, n_bands)) * 0.1 for _ in range(n_clips)]
    for i, clip in enumerate(clips):
        clip[10 + i : 14 + i, :2] += i + 1
    return clips
