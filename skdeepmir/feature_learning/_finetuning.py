"""Supervised training of a stack of layers with labels on top."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import torch

from skdeepmir._training._data import LabelledClips, tensor_of
from skdeepmir._training._gradient import GradientStep, LogisticLoss, SoftmaxLoss
from skdeepmir._validation import classes_of, number_labels, read_some_labels
from skdeepmir.feature_learning._dbm import UnrolledMachine
from skdeepmir.feature_learning._rbm import BeliefNet
from skdeepmir.feature_learning._steps import set_state, state_of
from skdeepmir.nets import MLP

ALLOWED_LOSS = 10  # times that of guessing, before training is called divergent
DESCENT = {
    "learning_rate_schedule": "constant",
    "gradient_clipping": None,
    "precision": "float32",
}

Net = TypeVar("Net", BeliefNet, UnrolledMachine)


def read_targets(
    y: Any, n_clips: int, name: str = "y", classes: np.ndarray | None = None
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return classes (None if no clip has a label), and a target for each clip.

    Targets are numbers of classes, or 0 and 1 for each tag; -1 where there is no label.
    With ``classes``, labels are those of clips to validate on.
    """
    try:
        read = read_some_labels(y, n_clips, name)
    except ValueError as error:  # such as annotations, for a later step of a pipeline
        raise ValueError(
            f"{error} To learn without labels, set finetune_epochs=0."
        ) from error
    if read is None:
        return None, np.full(n_clips, -1)
    labels, known = read
    if labels.ndim == 2:
        classes, numbers = np.arange(labels.shape[1]), labels.astype(np.float32)
    else:
        if classes is None:
            needed_by = "fine-tuning (finetune_epochs above 0; -1 means no label)"
            classes = classes_of(labels, needed_by=needed_by)
        numbers = number_labels(labels, classes, name)
    targets = np.full((n_clips, *numbers.shape[1:]), -1, dtype=numbers.dtype)
    targets[known] = numbers
    return classes, targets


def with_labels(data: LabelledClips, purpose: str) -> LabelledClips:
    """Return the clips that have a label."""
    known = (data.targets >= 0).reshape(len(data), -1).all(axis=1)
    if not known.any():
        raise ValueError(
            f"None of the {len(data)} clips {purpose} has a label. Label some, or pass "
            "X_val and y_val, or another random_state."
        )
    return data.where(known)


class LabelStep(GradientStep):
    """The step of a net below a softmax (or logistic) output.

    Parameters
    ----------
    net : BeliefNet or UnrolledMachine
        What it begins with.
    n_outputs : int
        Classes or tags.
    are_tags : bool
        Whether targets are rows of 0 and 1.
    given : SimpleNamespace
        Parameters of the learner.
    rng : numpy.random.Generator
        Draws the first weights of the output, and shuffles elsewhere.
    device : str
        Where to compute.
    """

    def __init__(
        self,
        net: BeliefNet | UnrolledMachine,
        n_outputs: int,
        are_tags: bool,
        given: Any,
        rng: np.random.Generator,
        device: str,
    ) -> None:
        module = MLP(
            len(net.weights[0]),
            n_outputs,
            [len(bias) for bias in net.biases],
            activation="logistic",
            context_sizes=[len(weights) for weights in net.feedback],
            initialization=None,
        )
        load_layers(module, net)
        shape = len(net.biases[-1]), n_outputs
        top = 0.01 * rng.standard_normal(shape, dtype=np.float32)
        with torch.no_grad():
            module.output.weight.copy_(torch.from_numpy(top.T))
            module.output.bias.zero_()
        module.to(device)
        rate, guessing = (
            given.finetune_learning_rate,
            np.log(2 if are_tags else n_outputs),
        )
        super().__init__(
            module,
            LogisticLoss() if are_tags else SoftmaxLoss(),
            SimpleNamespace(**vars(given) | DESCENT),
            torch.Generator(device),  # nothing is drawn
            optimizer=torch.optim.SGD(module.parameters(), rate, given.momentum),
            largest_loss=ALLOWED_LOSS * guessing,
            advice=f"It is fine-tuning with labels, and guessing has a loss of "
            f"{guessing:.3g}: lower finetune_learning_rate={rate:g}.",
        )
        self.net, self.rng = net, rng
        self.gaps: list[float] = []  # of free energy, in stages without labels

    def learned_after(self, learned: Any, progress: Any) -> Any:
        """Return what is learned (``Learned``) after so many epochs of this stage."""
        return replace(
            learned,
            net=layers_of(self.module, self.net),
            loss_curve=progress.loss_curve,
            validation_scores=progress.validation_scores,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step depends on."""
        return super().state_dict() | {"rng": state_of(self.rng)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        set_state(self.rng, state["rng"])


def load_layers(module: Any, net: BeliefNet | UnrolledMachine) -> None:
    """Begin the hidden layers of a net (``nets.MLP``) with those that were learned."""
    with torch.no_grad():
        for k, layer in enumerate(module.hidden):
            weights = np.concatenate([net.weights[k], *net.feedback[k : k + 1]])
            layer.weight.copy_(tensor_of(weights.T))
            layer.bias.copy_(tensor_of(net.biases[k]))


def layers_of(module: Any, net: Net) -> Net:
    """Return the hidden layers of a module as a net."""
    weights, feedback, biases = [], [], []
    for below, layer in zip(net.weights, module.hidden, strict=True):
        both = layer.weight.detach().cpu().numpy().T
        weights.append(both[: len(below)].copy())
        if len(both) > len(below):
            feedback.append(both[len(below) :].copy())
        biases.append(layer.bias.detach().cpu().numpy().copy())
    return net.replaced(weights, feedback, biases)
