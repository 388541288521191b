"""The stages of one fit: layer upon layer, all layers together, and with labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from skdeepmir._threads import limit_threads, one_blas_thread
from skdeepmir._training._data import Batch, LabelledClips, scale_of
from skdeepmir._training._devices import choose_device
from skdeepmir._training._engine import Progress, train
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
from skdeepmir.feature_learning._steps import Stage, set_state, state_of

PROBES = 500  # frames on which training is watched


@dataclass(frozen=True)
class Learned:
    """The state of a fit between its stages.

    Attributes
    ----------
    scaler : StandardScaler
        What is known of the scale of the input.
    scaling : tuple of ndarray, or None
        Mean and scale that standardise the input, float32.
    classes : ndarray or None
        Labels, where there are some.
    n_passes : int
        Calls of ``partial_fit``.
    errors, gaps : list of list of float
        Curves of the layers, and of all layers together.
    net : BeliefNet, DeepBoltzmannMachine or UnrolledMachine
        The net, which begins without layers.
    loss_curve, validation_scores : list of float
        Of fine-tuning.
    """

    scaler: Any
    scaling: tuple[np.ndarray, np.ndarray] | None
    classes: Any
    n_passes: int
    errors: list[list[float]]
    gaps: list[list[float]]
    net: Any
    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)


@contextmanager
def computing(n_threads: int | None) -> Iterator[None]:
    """Return the context in which a learner computes."""
    blas = one_blas_thread() if n_threads == 1 else nullcontext()
    with blas, limit_threads(n_threads):
        yield


def make_generator(seed: int, n_passes: int, n_clips: int) -> np.random.Generator:
    """Return what draws the random numbers of a fit."""
    rng = np.random.Generator(np.random.SFC64([seed, n_passes]))
    rng.permutation(n_clips)  # decides nothing: seeds give what they gave
    return rng


def hold_out(
    given: Any, data: LabelledClips, seed: int
) -> tuple[LabelledClips, LabelledClips | None]:
    """Return the clips to learn from, and those held out, or None."""
    if given.validation_fraction == 0 and given.early_stopping:
        raise ValueError(
            "early_stopping=True, but validation_fraction=0 leaves nothing to validate "
            "on. Pass X_val, or a fraction above 0."
        )
    if given.validation_fraction == 0 or (len(data) == 1 and not given.early_stopping):
        return data, None
    return data.hold_out(given.validation_fraction, seed)


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


@dataclass
class Stages:
    """What runs the stages of a fit, and knows what they learned.

    Attributes
    ----------
    given : SimpleNamespace
        Parameters of the learner.
    schedule : Schedule
        What they mean for each layer.
    learned : Learned
        What there is so far.
    rng : numpy.random.Generator
        Draws all random numbers, or seeds what draws them.
    watch : EpochWatch
        Is told of epochs.
    state : callable
        Returns the fitted attributes for parameters and a ``Learned``.
    checkpoint : Checkpoint or None
        What to go on from. It keeps what the stages before ended with.
    """

    given: Any
    schedule: Schedule
    learned: Learned
    rng: np.random.Generator
    watch: Any
    state: Callable[[Any, Learned], dict[str, Any]]
    checkpoint: Any = None

    def __post_init__(self) -> None:
        self.device = choose_device(self.given.device)
        self.n_begun, self.ended = 0, []
        if self.checkpoint is not None:
            kept = self.checkpoint.finished or self.checkpoint.keep("stages", {})
            self.ended = kept.setdefault("stages", [])

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

    def _pretrain(self, step: Any, batches: FrameBatches) -> None:
        """Run a stage without labels."""
        validation, held_out = None, step.stage.held_out
        if held_out is not None and (self.given.early_stopping or self.given.callbacks):
            frames = torch.from_numpy(held_out)
            validation = [Batch((frames,), frames, None, len(frames))]
        self._run(step, batches, len(step.stage.rates), validation)

    def _run(
        self, step: Any, batches: FrameBatches, n_epochs: int, validation: Any
    ) -> None:
        """Run the next stage, or take what it ended with in a fit that was killed."""
        before, number = self.learned, self.n_begun
        self.n_begun += 1
        if number < len(self.ended):
            end = self.ended[number]
            step.module.load_state_dict(end["module"])
            set_state(self.rng, end["rng"])
            step.gaps = end["gaps"]
            self.learned = step.learned_after(before, Progress(**end["progress"]))
            return
        descent = {"max_epochs": n_epochs, "learning_rate_schedule": "constant"}
        progress = Progress()
        if n_epochs:
            progress = train(
                step,
                batches,
                SimpleNamespace(**vars(self.given) | descent),
                watch=self.watch,
                state=lambda now: self.state(
                    self.given, step.learned_after(before, now)
                ),
                validation=validation,
                checkpoint=self.checkpoint,
                stage=number,
            )
        end = {"gaps": step.gaps, "rng": state_of(self.rng), "progress": vars(progress)}
        self.ended.append({"module": step.module.state_dict(), **end})
        self.learned = step.learned_after(before, progress)

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

    def _seeded(self) -> torch.Generator:
        seed = int(self.rng.integers(2**31))
        return torch.Generator(self.device).manual_seed(seed)
