"""Small nets and clips, what nets learn from, and what breaks a fit."""

import numpy as np
import skorch.callbacks
import torch
from sklearn.datasets import make_classification

from skdeepmir import DropoutMLPClassifier


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def clips_and_labels(n=12, n_features=8, seed=0):
    rng = np.random.RandomState(seed)
    y = np.arange(n) % 2
    clips = [
        rng.rand(30 + 3 * i, n_features).astype(np.float32) + label
        for i, label in enumerate(y)
    ]
    return clips, y


def problem(n=120, n_classes=3, seed=0):
    X, y = make_classification(
        n, 10, n_informative=6, n_classes=n_classes, random_state=seed
    )
    return X.astype(np.float32), y


def net(**parameters):
    defaults = {
        "max_epochs": 4,
        "batch_size": 16,
        "learning_rate_schedule": "constant",
        "random_state": 0,
        "verbose": False,
    }
    sizes = parameters.pop("hidden_layer_sizes", (12, 8))
    return DropoutMLPClassifier(sizes, **{**defaults, **parameters})


def assert_same_weights(a, b):
    assert a.weights_.keys() == b.weights_.keys()
    for name, weights in a.weights_.items():
        np.testing.assert_array_equal(weights, b.weights_[name])


class Stop(skorch.callbacks.Callback):
    def __init__(self, epoch, error=None):
        self.epoch, self.error = epoch, error

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) < self.epoch:
            return False
        if self.error is not None:
            raise self.error
        return True
