"""A device that is not the processor, for machines without a GPU.

``python far_device.py`` predicts with every kind of net on a device "far". Its tensors
are computed on the processor, but torch takes it for another device: what mixes tensors
of both, or asks one for an array without fetching it, fails as it does on a GPU.
"""

from types import SimpleNamespace

import numpy as np
import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

import skdeepmir as mir
from skdeepmir._training import _estimator

FAR = "far"


class Distant(torch.Tensor):
    @staticmethod
    def __new__(cls, near):
        shape, strides = near.size(), near.stride()
        return torch.Tensor._make_wrapper_subclass(
            cls, shape, strides=strides, dtype=near.dtype, device=FAR
        )

    def __init__(self, near):
        self.near = near

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        raise AssertionError(f"{function} outside of Distance")


class Distance(TorchDispatchMode):
    n_products = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        leaves = tree_leaves((args, kwargs))
        is_far = any(isinstance(leaf, Distant) for leaf in leaves)
        asked = [leaf.type for leaf in leaves if isinstance(leaf, torch.device)]
        if "_has_compatible_shallow_copy_type" in str(function):
            return not is_far
        if is_far and not asked and "copy" not in str(function):
            near = [t for t in leaves if torch.is_tensor(t) and t.ndim]
            near = [t for t in near if not isinstance(t, Distant)]
            assert not near, f"{function} of tensors on two devices"
        if asked:
            is_far = FAR in asked
        args, kwargs = tree_map(_near, (args, kwargs))
        result = function(*args, **kwargs)
        if not is_far:
            return result
        products = "mm", "conv", "linear"
        self.n_products += any(name in str(function) for name in products)
        return tree_map(lambda t: Distant(t) if torch.is_tensor(t) else t, result)


def _near(value):
    if isinstance(value, torch.device):
        return torch.device("cpu")
    return value.near if isinstance(value, Distant) else value


def main():
    backend_registration._setup_privateuseone_for_python_backend(FAR)
    choose = _estimator.predicting_device
    make_generator = torch.Generator
    far = SimpleNamespace(device=torch.device(FAR))  # nothing is drawn in predictions
    rng = np.random.RandomState(0)
    clips = [rng.randn(30 + i, 12).astype(np.float32) for i in range(8)]
    y, frames = np.arange(8) % 2, [np.resize(["C", "N"], len(clip)) for clip in clips]
    times = [[0.5 + i / 10, 1.6] for i in range(8)]
    short = {"max_epochs": 1, "random_state": 0, "verbose": False}
    tagger = mir.ConvTagger((4,), excerpt_length=16, **short)
    cases = [
        (tagger, clips, y, ["predict_proba", "predict_activations"]),
        (mir.ConvRegressor((4,), excerpt_length=16, **short), clips, y, ["predict"]),
        (mir.MultiTimescaleTagger((5, 10), **short), clips, y, ["predict_proba"]),
        (mir.DropoutMLPClassifier((6,), **short), clips, y, ["predict_proba"]),
        (
            mir.BLSTMChordRecognizer(["C", "N"], n_units=4, **short),
            clips,
            frames,
            ["predict_proba"],
        ),
    ]
    for net in ("conv", "rnn"):  # the causal one is computed by a kernel of ours
        detector = mir.OnsetDetector(net, n_units=4, frame_rate=10.0, **short)
        cases.append((detector, clips, times, ["predict_activations"]))
    played = [[(0.5, 1.6, 60 + i)] for i in range(8)]
    for net in ("conv_rnn", "multi_note"):
        small = {"channels": 2, "n_units": 2, "hidden_layer_sizes": 4}
        transcriber = mir.PianoTranscriber(net, frame_rate=10.0, **small, **short)
        cases.append((transcriber, clips, played, ["predict_activations"]))
    for estimator, X, target, methods in cases:
        estimator.fit(X, target)
        for method in methods:
            expected = getattr(estimator, method)(X)
            _estimator.predicting_device = lambda name, dtype: torch.device(FAR)
            torch.Generator = lambda device: far
            try:
                with Distance() as distance:
                    found = getattr(estimator, method)(X)
            finally:
                torch.Generator, _estimator.predicting_device = make_generator, choose
            assert distance.n_products, "nothing was computed there"
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
            print(type(estimator).__name__, method)


if __name__ == "__main__":
    main()
