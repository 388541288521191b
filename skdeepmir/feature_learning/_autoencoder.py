"""How a layer learns as a denoising auto-encoder with tied weights."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from skdeepmir._training._data import tensor_of
from skdeepmir._training._gradient import (
    GradientStep,
    SquaredLoss,
    SummedLogisticLoss,
)
from skdeepmir.feature_learning._rbm import RBM
from skdeepmir.feature_learning._steps import PretrainingStep, Stage
from skdeepmir.nets import DenoisingAutoencoder


class Restoring(PretrainingStep, GradientStep):
    """The step of a layer that restores corrupted frames, with tied weights.

    The loss is that against the clean frames: squared error for Gaussian input,
    cross-entropy for input from 0 to 1.

    Parameters
    ----------
    machine : RBM
        What it begins with; its arrays describe such a layer as well.
    stage : Stage
        What it goes by.
    """

    def __init__(self, machine: RBM, stage: Stage) -> None:
        PretrainingStep.__init__(self, stage, machine.visible)
        given, generator = stage.given, stage.generator
        coder = DenoisingAutoencoder(
            *machine.weights.shape,
            activation="logistic",
            corruption=given.corruption_level,
            corruption_kind=given.corruption,
            tied=True,
            initialization=None,
            generator=generator,
        )
        with torch.no_grad():
            coder.encoder.weight.copy_(tensor_of(machine.weights.T))
            coder.encoder.bias.copy_(tensor_of(machine.hidden_bias))
            coder.restored_bias.copy_(tensor_of(machine.visible_bias))
        groups: list[dict[str, Any]] = [
            {"params": [coder.encoder.weight], "weight_decay": given.weight_decay},
            {"params": [coder.encoder.bias, coder.restored_bias]},
        ]
        GradientStep.__init__(
            self,
            coder,
            SummedLogisticLoss() if machine.visible == "binary" else SquaredLoss(),
            SimpleNamespace(precision="float32", gradient_clipping=None),
            generator,
            optimizer=torch.optim.SGD(groups, lr=1.0),
            advice="Lower its learning_rate.",
        )

    @property
    def model(self) -> RBM:
        """The layer as a machine."""
        coder = self.module
        tensors = coder.encoder.weight.T, coder.restored_bias, coder.encoder.bias
        return RBM(*[t.detach().cpu().numpy() for t in tensors], self.visible)

    def begin_epoch(self, n_epochs: int, n_reductions: int) -> None:
        """Set learning rate and momentum."""
        super().begin_epoch(n_epochs, n_reductions)
        self.module.train()
        for group in self.optimizer.param_groups:
            group.update(lr=self.rate, momentum=self.momentum)

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step depends on."""
        return GradientStep.state_dict(self) | PretrainingStep.state_dict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        GradientStep.load_state_dict(self, state)
        PretrainingStep.load_state_dict(self, state)
