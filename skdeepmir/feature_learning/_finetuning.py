"""Supervised training of a stack of layers with labels on top."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import torch

from skdeepmir._training._data import Batch, tensor_of
from skdeepmir._training._engine import train
from skdeepmir._training._gradient import GradientStep, LogisticLoss, SoftmaxLoss
from skdeepmir.feature_learning._batches import FrameBatches
from skdeepmir.feature_learning._dbm import UnrolledMachine
from skdeepmir.feature_learning._rbm import BeliefNet
from skdeepmir.nets import MLP

ALLOWED_LOSS = 10  # times that of guessing, before training is called divergent

Net = TypeVar("Net", BeliefNet, UnrolledMachine)


def fine_tune(
    net: Net,
    batches: FrameBatches,
    n_outputs: int,
    *,
    multilabel: bool,
    learning_rate: float,
    momentum: float,
    max_epochs: int,
    device: str,
    rng: np.random.Generator,
    watch: Any,
    state: Callable[[Net, list[float]], dict[str, Any]],
) -> tuple[Net, list[float]]:
    """Train a net below a softmax (or logistic) output by gradient descent.

    Parameters
    ----------
    net : BeliefNet or UnrolledMachine
        What to start from.
    batches : FrameBatches
        What ``net.inputs`` returns for frames, side by side, and their class numbers or
        rows of 0 and 1; one pass an epoch.
    n_outputs : int
        Classes or tags.
    multilabel : bool
        Whether labels are rows of 0 and 1.
    learning_rate, momentum : float
        Of the descent.
    max_epochs : int
        Passes.
    device : str
        Where to compute.
    rng : numpy.random.Generator
        Draws the first weights of the output.
    watch : EpochWatch
        Is told of epochs.
    state : callable
        Returns the fitted attributes for the net after an epoch and the losses so far.

    Returns
    -------
    net : BeliefNet or UnrolledMachine
        The trained net, without the output.
    losses : list of float
        Mean loss of each epoch.

    Raises
    ------
    DivergenceError
        If the loss grows out of bounds.
    """
    module = MLP(
        len(net.weights[0]),
        n_outputs,
        [len(bias) for bias in net.biases],
        activation="logistic",
        context_sizes=[len(weights) for weights in net.feedback],
        initialization=None,
    )
    load_layers(module, net)
    top = 0.01 * rng.standard_normal((len(net.biases[-1]), n_outputs), dtype=np.float32)
    with torch.no_grad():
        module.output.weight.copy_(torch.from_numpy(top.T))
        module.output.bias.zero_()
    module.to(device)
    chance = np.log(2 if multilabel else n_outputs)
    given = SimpleNamespace(
        max_epochs=max_epochs,
        learning_rate_schedule="constant",
        early_stopping=False,
        n_iter_no_change=max_epochs,
        tol=0.0,
        precision="float32",
        gradient_clipping=None,
        callbacks=None,
    )
    step = GradientStep(
        module,
        LogisticLoss() if multilabel else SoftmaxLoss(),
        given,
        torch.Generator(device),  # nothing is drawn
        optimizer=torch.optim.SGD(module.parameters(), learning_rate, momentum),
        largest_loss=ALLOWED_LOSS * chance,
        advice=f"It is fine-tuning with labels, and guessing has a loss of "
        f"{chance:.3g}: lower finetune_learning_rate={learning_rate:g}.",
    )
    progress = train(
        step,
        _Frames(batches, device),
        given,
        watch=watch,
        state=lambda done: state(_layers_of(module, net), done.loss_curve),
    )
    return _layers_of(module, net), progress.loss_curve


def load_layers(module: Any, net: BeliefNet | UnrolledMachine) -> None:
    """Begin the hidden layers of a net (``nets.MLP``) with those that were learned."""
    with torch.no_grad():
        for k, layer in enumerate(module.hidden):
            weights = np.concatenate([net.weights[k], *net.feedback[k : k + 1]])
            layer.weight.copy_(tensor_of(weights.T))
            layer.bias.copy_(tensor_of(net.biases[k]))


def _layers_of(module: Any, net: Net) -> Net:
    """Return the hidden layers of a module as a net."""
    weights, feedback, biases = [], [], []
    for below, layer in zip(net.weights, module.hidden, strict=True):
        both = layer.weight.detach().cpu().numpy().T
        weights.append(both[: len(below)].copy())
        if len(both) > len(below):
            feedback.append(both[len(below) :].copy())
        biases.append(layer.bias.detach().cpu().numpy().copy())
    return net.replaced(weights, feedback, biases)


class _Frames:
    """Batches of frames as the training loop takes them."""

    def __init__(self, batches: FrameBatches, device: str) -> None:
        self.frames, self.device = batches, device

    def __len__(self) -> int:
        return sum(map(len, self.frames.clips))

    def __iter__(self) -> Iterator[Batch]:
        for frames, labels in self.frames:
            inputs, targets = (
                torch.from_numpy(part).to(self.device) for part in (frames, labels)
            )
            yield Batch((inputs,), targets, None, len(inputs))
