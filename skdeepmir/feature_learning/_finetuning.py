"""Supervised training of a stack of layers with labels on top."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

from skdeepmir._errors import DivergenceError
from skdeepmir.feature_learning._dbm import UnrolledMachine
from skdeepmir.feature_learning._rbm import BeliefNet

ALLOWED_LOSS = 10  # times that of guessing, before training is called divergent

Net = TypeVar("Net", BeliefNet, UnrolledMachine)


def fine_tune(
    net: Net,
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    n_outputs: int,
    *,
    multilabel: bool,
    learning_rate: float,
    momentum: float,
    device: str,
    rng: np.random.Generator,
) -> Iterator[tuple[float, Net]]:
    """Train a net below a softmax (or logistic) output by gradient descent.

    Parameters
    ----------
    net : BeliefNet or UnrolledMachine
        What to start from.
    batches : iterable of (ndarray, ndarray)
        What ``net.inputs`` returns for frames, side by side, and their class numbers or
        rows of 0 and 1; one pass an epoch.
    n_outputs : int
        Classes or tags.
    multilabel : bool
        Whether labels are rows of 0 and 1.
    learning_rate, momentum : float
        Of the descent.
    device : str
        Where to compute.
    rng : numpy.random.Generator
        Draws the first weights of the output.

    Yields
    ------
    loss : float
        Mean loss of an epoch.
    net : BeliefNet or UnrolledMachine
        The net after it, without the output.

    Raises
    ------
    DivergenceError
        If the loss grows out of bounds.
    """
    import torch

    def parameter(array: np.ndarray) -> torch.Tensor:
        return torch.tensor(array, device=device, requires_grad=True)

    def arrays(tensors: list[torch.Tensor]) -> list[np.ndarray]:
        return [tensor.detach().cpu().numpy().copy() for tensor in tensors]

    weights = [parameter(array) for array in net.weights]
    feedback = [parameter(array) for array in net.feedback]
    biases = [parameter(array) for array in net.biases]
    top = 0.01 * rng.standard_normal((len(net.biases[-1]), n_outputs), dtype=np.float32)
    output = [parameter(top), parameter(np.zeros(n_outputs, dtype=np.float32))]
    optimizer = torch.optim.SGD(
        [*weights, *feedback, *biases, *output], lr=learning_rate, momentum=momentum
    )
    loss_of = torch.nn.CrossEntropyLoss()
    if multilabel:
        loss_of = torch.nn.BCEWithLogitsLoss()
    chance = np.log(2 if multilabel else n_outputs)
    widths = [len(weights[0]), *map(len, feedback)]
    epoch = 0
    while True:
        epoch += 1
        total, n_frames = 0.0, 0
        for frames, labels in batches:
            values, *above = torch.from_numpy(frames).to(device).split(widths, dim=1)
            for k, bias in enumerate(biases):
                values = torch.addmm(bias, values, weights[k])
                if k < len(above):
                    values = torch.addmm(values, above[k], feedback[k])
                values = torch.sigmoid(values)
            logits = torch.addmm(output[1], values, output[0])
            loss = loss_of(logits, torch.from_numpy(labels).to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(frames)
            n_frames += len(frames)
        # Negated, so that NaN is noticed as well.
        if not total / n_frames <= ALLOWED_LOSS * chance:
            raise DivergenceError(
                f"Fine-tuning diverges: its loss is {total / n_frames:.3g} after epoch "
                f"{epoch}, guessing has {chance:.3g}. Lower "
                f"finetune_learning_rate={learning_rate:g}."
            )
        trained = net.replaced(arrays(weights), arrays(feedback), arrays(biases))
        yield total / n_frames, trained
