"""The stages of one fit, such as layer upon layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from skdeepmir._threads import limit_threads, one_blas_thread
from skdeepmir._training._data import Batch, LabelledClips
from skdeepmir._training._devices import choose_device
from skdeepmir._training._engine import Progress, train
from skdeepmir.feature_learning._schedule import Schedule
from skdeepmir.feature_learning._steps import set_state, state_of

PROBES = 500  # frames on which training is watched


@dataclass(frozen=True)
class Learned:
    """The state of a fit between its stages.

    Attributes
    ----------
    scaler : StandardScaler or None
        What is known of the scale of the input.
    scaling : tuple of ndarray, Whitening or None
        Mean and scale that standardise the input, float32; or what whitens it.
    classes : ndarray or None
        Labels, where there are some.
    n_passes : int
        Calls of ``partial_fit``.
    errors, gaps : list of list of float
        Curves of the layers, and of all layers together.
    net : BeliefNet, DeepBoltzmannMachine, UnrolledMachine or ConvBeliefNet
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


def before_layers(schedule: Any, scaling: Any, net: Any) -> Learned:
    """Return what there is before the first layer of a net without layers."""
    empty: list[list[float]] = [[]] * len(schedule.sizes)
    return Learned(None, scaling, None, 0, empty, empty, net)


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

    def _pretrain(self, step: Any, batches: Iterable[Batch]) -> None:
        """Run a stage without labels."""
        validation, held_out = None, step.stage.held_out
        if held_out is not None and (self.given.early_stopping or self.given.callbacks):
            frames = torch.from_numpy(held_out)
            validation = [Batch((frames,), frames, None, len(frames))]
        self._run(step, batches, len(step.stage.rates), validation)

    def _run(
        self, step: Any, batches: Iterable[Batch], n_epochs: int, validation: Any
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

    def _seeded(self) -> torch.Generator:
        seed = int(self.rng.integers(2**31))
        return torch.Generator(self.device).manual_seed(seed)
