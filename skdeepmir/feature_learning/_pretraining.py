"""Training without labels: layer upon layer, and then all layers together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skdeepmir._errors import DivergenceError
from skdeepmir._training._data import choose_device
from skdeepmir.feature_learning._autoencoder import Denoising
from skdeepmir.feature_learning._batches import FrameBatches, draw_frames, hold_out
from skdeepmir.feature_learning._dbm import (
    DeepBoltzmannMachine,
    JointTraining,
    copies_of,
)
from skdeepmir.feature_learning._plan import Plan
from skdeepmir.feature_learning._rbm import (
    RBM,
    BeliefNet,
    ContrastiveDivergence,
)
from skdeepmir.frames import ClipLayout

PROBES = 500  # frames on which training is watched
MOMENTUM_EPOCHS = 5  # in which momentum rises from START_MOMENTUM
START_MOMENTUM = 0.5
ALLOWED_GROWTH = 10  # of the reconstruction error, before training is called divergent
LARGEST_WEIGHT = 1000  # saturates any unit, without an error where input is binary


class Pretraining:
    """What trains a net without labels.

    Parameters
    ----------
    learner : SimpleNamespace
        Parameters of a ``DBNFeatureLearner``, which say how.
    plan : Plan
        What is trained how often at which rate.
    clips : list of ndarray of shape (n_frames_i, n_features)
        Clips, or one matrix of rows.
    layout : ClipLayout
        Which of them.
    inputs : callable
        Turns frames into what the first layer sees, float32.
    rng : numpy.random.Generator
        Draws all random numbers.
    """

    def __init__(
        self,
        learner: Any,
        plan: Plan,
        clips: list[np.ndarray],
        layout: ClipLayout,
        inputs: Callable[[np.ndarray], np.ndarray],
        rng: np.random.Generator,
    ) -> None:
        self.learner, self.plan, self.inputs, self.rng = learner, plan, inputs, rng
        self.held_out, self.training = hold_out(
            clips, layout, learner.validation_fraction, rng
        )

    def run(
        self,
        earlier: BeliefNet | DeepBoltzmannMachine | None,
        before_epoch: Callable[[], None],
        after_epoch: Callable[[Any, int, float, float], bool],
    ) -> BeliefNet | DeepBoltzmannMachine:
        """Train a net.

        Parameters
        ----------
        earlier : BeliefNet or DeepBoltzmannMachine or None
            The net to go on with.
        before_epoch : callable
            Called at the start of each epoch.
        after_epoch : callable
            Called after each with the net so far, the stage (a layer, or -1 for all
            together), its reconstruction error and its gap of free energy; returns
            True to end the stage.

        Returns
        -------
        net : BeliefNet or DeepBoltzmannMachine
            The trained net.
        """
        self.before_epoch, self.after_epoch = before_epoch, after_epoch
        if isinstance(earlier, DeepBoltzmannMachine):
            self._train_together(earlier)
            return earlier
        net = BeliefNet([])
        for layer, rates in enumerate(self.plan.rates):
            below = BeliefNet(list(net.machines))
            batches, probes = self._data(below)
            if earlier is None:
                machine = self._first_machine(layer, probes[0])
            else:
                machine = earlier.machines[layer]
            net.machines.append(machine)
            trainer = self._layer_trainer(machine)
            self._train(layer, machine, net, trainer, batches, probes, rates)
        if self.learner.pretraining != "dbm":
            return net
        steps = self.learner.mean_field_steps
        together = DeepBoltzmannMachine.compose(net.machines, steps)
        self._train_together(together)
        return together

    def _train_together(self, net: DeepBoltzmannMachine) -> None:
        trainer = JointTraining(
            net,
            n_chains=self.learner.batch_size,
            gibbs_steps=self.learner.cd_steps,
            weight_decay=self.learner.weight_decay,
            device=choose_device(self.learner.device),
            rng=self.rng,
        )
        batches, probes = self._data(BeliefNet([]))
        self._train(-1, net, net, trainer, batches, probes, self.plan.joint_rates)

    def _data(self, below: BeliefNet) -> tuple[FrameBatches, list[np.ndarray]]:
        """Return batches and probes as a net of layers below passes them on."""

        def prepare(rows: np.ndarray) -> np.ndarray:
            return below.top(self.inputs(rows))

        probes = [
            prepare(draw_frames(part, PROBES, self.rng))
            for part in (self.training, self.held_out)
            if part
        ]
        batch_size = self.learner.batch_size
        return FrameBatches(self.training, prepare, batch_size, self.rng), probes

    def _first_machine(self, layer: int, inputs: np.ndarray) -> RBM:
        pretraining, n_layers = self.learner.pretraining, len(self.plan.sizes)
        n_inputs = inputs.shape[1]
        kind = "binary" if layer else self.learner.visible
        # A layer that is not pre-trained must pass differences on from the start, and
        # so must one whose gradients come from its own errors.
        scale = 0.01 if pretraining in ("rbm", "dbm") else n_inputs**-0.5
        copies = copies_of(layer, n_layers) if pretraining == "dbm" else (1, 1)
        size = self.plan.sizes[layer]
        machine = RBM.initial(n_inputs, size, kind, scale, self.rng, copies)
        if kind == "binary":
            frequency = np.clip(inputs.mean(axis=0), 0.01, 0.99)
            machine.visible_bias[:] = np.log(frequency / (1 - frequency))
        return machine

    def _layer_trainer(self, machine: RBM) -> ContrastiveDivergence | Denoising:
        learner = self.learner
        common = {
            "weight_decay": learner.weight_decay,
            "device": choose_device(learner.device),
            "rng": self.rng,
        }
        if learner.pretraining == "denoising_autoencoder":
            return Denoising(
                machine,
                corruption=learner.corruption,
                corruption_level=learner.corruption_level,
                **common,
            )
        return ContrastiveDivergence(
            machine,
            batch_size=learner.batch_size,
            cd_steps=learner.cd_steps,
            persistent=learner.persistent,
            sparsity_target=learner.sparsity_target,
            sparsity_cost=learner.sparsity_cost,
            precision=learner.precision,
            **common,
        )

    def _train(
        self,
        stage: int,
        model: RBM | DeepBoltzmannMachine,
        net: BeliefNet | DeepBoltzmannMachine,
        trainer: ContrastiveDivergence | Denoising | JointTraining,
        batches: FrameBatches,
        probes: list[np.ndarray],
        rates: list[float],
    ) -> None:
        """Train ``model``, the part of ``net`` that learns in this stage."""
        first_error = 1.0
        what = "all layers together" if stage < 0 else f"layer {stage}"
        for epoch, rate in enumerate(rates):
            if rate > float(np.finfo(np.float32).max):
                raise DivergenceError(
                    f"Pre-training of {what} diverges before epoch 1: its "
                    f"learning_rate ({rate:g}) is beyond float32. Lower it."
                )
            self.before_epoch()
            momentum = 0.0 if stage < 0 else momentum_at(epoch, self.learner.momentum)
            for batch, _ in batches:
                trainer.step(batch, rate, momentum)
            trainer.write_back()
            error = model.reconstruction_error(probes[0])
            first_error = error if epoch == 0 else first_error
            largest = max(np.abs(array).max() for array in trainer.arrays)
            limit = ALLOWED_GROWTH * max(first_error, 1.0)
            # Negated, so that NaN is noticed as well.
            if not (error <= limit < np.inf and largest <= LARGEST_WEIGHT):
                raise DivergenceError(
                    f"Pre-training of {what} diverges: after epoch {epoch + 1} the "
                    f"reconstruction error is {error:.3g} and the largest weight "
                    f"{largest:.3g}. Lower its learning_rate ({rate:g})."
                )
            energies = [model.free_energy(frames).mean() for frames in probes]
            gap = energies[1] - energies[0] if len(energies) == 2 else np.nan
            if self.after_epoch(net, stage, error, gap):
                break


def momentum_at(epoch: int, momentum: float) -> float:
    """Return the momentum of an epoch, counted from 0: it rises over the first."""
    rise = min(1.0, epoch / MOMENTUM_EPOCHS)
    return min(momentum, START_MOMENTUM) * (1 - rise) + momentum * rise
