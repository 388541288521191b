"""Supervised training of a stack of layers with labels on top."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from skdeepmir.feature_learning._rbm import DivergenceError

ALLOWED_LOSS = 10  # times that of guessing, before training is called divergent


def fine_tune(
    layers: list[tuple[np.ndarray, np.ndarray]],
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
    n_outputs: int,
    *,
    multilabel: bool,
    n_epochs: int,
    learning_rate: float,
    momentum: float,
    device: str,
    rng: np.random.Generator,
    watch: Callable[[float], bool],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Train sigmoid layers below a softmax (or logistic) output by gradient descent.

    Parameters
    ----------
    layers : list of (ndarray of shape (n_in, n_out), ndarray of shape (n_out,))
        Weights and biases to start from.
    batches : iterable of (ndarray, ndarray)
        Frames and their class numbers, or rows of 0 and 1; one pass an epoch.
    n_outputs : int
        Classes or tags.
    multilabel : bool
        Whether labels are rows of 0 and 1.
    n_epochs : int
        Passes.
    learning_rate, momentum : float
        Of the descent.
    device : str
        Where to compute.
    rng : numpy.random.Generator
        Draws the first weights of the output.
    watch : callable
        Called with the mean loss of each epoch; returns True to stop.

    Returns
    -------
    layers : list of (ndarray, ndarray)
        The trained layers, without the output.
    """
    import torch

    n_top = len(layers[-1][1])
    top = 0.01 * rng.standard_normal((n_top, n_outputs), dtype=np.float32)
    stack = [*layers, (top, np.zeros(n_outputs, dtype=np.float32))]
    parameters = [
        torch.tensor(array, device=device, requires_grad=True)
        for layer in stack
        for array in layer
    ]
    optimizer = torch.optim.SGD(parameters, lr=learning_rate, momentum=momentum)
    loss_of = torch.nn.CrossEntropyLoss()
    if multilabel:
        loss_of = torch.nn.BCEWithLogitsLoss()
    chance = np.log(2 if multilabel else n_outputs)
    for epoch in range(n_epochs):
        total, n_frames = 0.0, 0
        for frames, labels in batches:
            values = torch.from_numpy(frames).to(device)
            for weights, bias in zip(
                parameters[:-2:2], parameters[1:-2:2], strict=True
            ):
                values = torch.sigmoid(torch.addmm(bias, values, weights))
            logits = torch.addmm(parameters[-1], values, parameters[-2])
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
                f"{epoch + 1}, guessing has {chance:.3g}. Lower "
                f"finetune_learning_rate={learning_rate:g}."
            )
        if watch(total / n_frames):
            break
    arrays = [parameter.detach().cpu().numpy() for parameter in parameters[:-2]]
    return list(zip(arrays[::2], arrays[1::2], strict=True))
