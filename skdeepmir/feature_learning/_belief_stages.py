"""The stages of a fit of a belief net: layers, all layers together, and with labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeepmir._training._data import LabelledClips, scale_of
from skdeepmir.feature_learning._autoencoder import Restoring
from skdeepmir.feature_learning._dbm import (
    DeepBoltzmannMachine,
    JointTraining,
    UnrolledMachine,
    copies_of,
)
from skdeepmir.feature_learning._finetuning import LabelStep
from skdeepmir.feature_learning._frame_batches import FrameBatches
from skdeepmir.feature_learning._rbm import RBM, BeliefNet, ContrastiveDivergence
from skdeepmir.feature_learning._schedule import Schedule
from skdeepmir.feature_learning._stages import PROBES, Learned, Stages
from skdeepmir.feature_learning._steps import Stage


def before_stages(
    given: Any,
    schedule: Schedule,
    scaler: Any,
    data: LabelledClips,
    n_passes: int,
    classes: Any = None,
) -> Learned:
    """Return what there is before the first stage: what standardises the input."""
    scaling = None
    if given.visible == "gaussian":
        with np.errstate(over="ignore", invalid="ignore"):  # noticed below
            for frames in data.clips if isinstance(data.clips, list) else [data.clips]:
                scaler.partial_fit(frames)
        largest = np.maximum(np.abs(scaler.mean_), np.sqrt(scaler.var_)).max()
        if not largest < np.finfo(np.float32).max:
            raise ValueError(
                f"X has features of size {largest:.3g}; training is in float32 and "
                "ends at 3.4e38. Scale them."
            )
        scale = scale_of(scaler.mean_, scaler.var_)
        scaling = scaler.mean_.astype(np.float32), scale.astype(np.float32)
    n_curves = len(schedule.sizes) + (given.pretraining == "dbm")
    errors: list[list[float]] = [[]] * n_curves
    return Learned(scaler, scaling, classes, n_passes, errors, errors, BeliefNet([]))


class BeliefStages(Stages):
    """What runs the stages of a fit of a ``DBNFeatureLearner``."""

    def learn_layers(
        self, data: LabelledClips, held_out: Any, earlier: BeliefNet | None = None
    ) -> None:
        """Train layer upon layer, from those of an earlier pass if there was one."""
        is_coder = self.given.pretraining == "denoising_autoencoder"
        kind = Restoring if is_coder else ContrastiveDivergence
        for layer, rates in enumerate(self.schedule.rates):
            batches, *probes = self._frames(self.learned.net, data, held_out)
            if earlier is None:
                machine = self._first_machine(layer, probes[0])
            else:
                machine = earlier.machines[layer]
            drawing = self.rng, self._seeded()
            stage = Stage(layer, self.given, rates, *probes, *drawing)
            self._pretrain(kind(machine, stage), batches)

    def learn_together(
        self, data: LabelledClips, held_out: Any, machine: Any = None
    ) -> None:
        """Train all layers as a deep Boltzmann machine, or go on with one."""
        if machine is None:
            machines, n_steps = self.learned.net.machines, self.given.mean_field_steps
            machine = DeepBoltzmannMachine.compose(machines, n_steps)
        drawing = self.rng, self._seeded()
        batches, *probes = self._frames(BeliefNet([]), data, held_out)
        rates = self.schedule.joint_rates
        stage = Stage(-1, self.given, rates, *probes, *drawing)
        self._pretrain(JointTraining(machine, stage), batches)

    def learn_labels(self, data: LabelledClips, judged: LabelledClips | None) -> None:
        """Train the net to tell labels from frames."""
        given, net = self.given, self.learned.net
        if isinstance(net, DeepBoltzmannMachine):
            net = UnrolledMachine.of(net)
        n_outputs, are_tags = len(self.learned.classes), data.targets.ndim == 2
        step = LabelStep(net, n_outputs, are_tags, given, self.rng, self.device)

        def pass_on(rows: np.ndarray) -> np.ndarray:
            return np.hstack(net.inputs(rows))

        batches = self._batches(data, pass_on, self.rng, with_targets=True)
        validation = judged and self._batches(judged, pass_on, None, with_targets=True)
        self._run(step, batches, given.finetune_epochs, validation)

    def _frames(
        self, below: BeliefNet, data: LabelledClips, held_out: LabelledClips | None
    ) -> tuple[FrameBatches, np.ndarray, np.ndarray | None]:
        """Return batches, and frames to watch, as layers below pass them on."""
        batches, probes = self._batches(data, below.top, self.rng), None
        watched = batches.draw(PROBES, self.rng)
        if held_out is not None:
            others = self._batches(held_out, below.top, None)
            probes = others.draw(PROBES, self.rng)
        return batches, watched, probes

    def _batches(
        self, data: LabelledClips, pass_on: Any, rng: Any, with_targets: bool = False
    ) -> FrameBatches:
        scaling, size = self.learned.scaling, self.given.batch_size
        return FrameBatches(
            data, scaling, pass_on, size, rng, self.device, with_targets
        )

    def _first_machine(self, layer: int, inputs: np.ndarray) -> RBM:
        pretraining, sizes = self.given.pretraining, self.schedule.sizes
        n_inputs = inputs.shape[1]
        kind = "binary" if layer else self.given.visible
        # A layer that is not pre-trained must pass differences on from the start, and
        # so must one whose gradients come from its own errors.
        scale = 0.01 if pretraining in ("rbm", "dbm") else n_inputs**-0.5
        copies = copies_of(layer, len(sizes)) if pretraining == "dbm" else (1, 1)
        machine = RBM.initial(n_inputs, sizes[layer], kind, scale, self.rng, copies)
        if kind == "binary":
            frequency = np.clip(inputs.mean(axis=0), 0.01, 0.99)
            machine.visible_bias[:] = np.log(frequency / (1 - frequency))
        return machine
