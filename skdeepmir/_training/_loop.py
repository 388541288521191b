"""The loop that trains every net of the package."""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import skorch
import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from torch import nn

from skdeepmir._errors import DivergenceError
from skdeepmir._sklearn import EpochWatch, plain
from skdeepmir._training._checkpoints import Checkpoint
from skdeepmir._training._data import Batches, Rows, tensor_of
from skdeepmir._training._optimizers import (
    continue_optimizer,
    make_optimizer,
    scheduled_rate,
)

SMALLEST_RATE = 1e-6  # of the schedule "adaptive", as in scikit-learn


@dataclass(frozen=True)
class Settings:
    """The parameters that all learners share; see ``DropoutMLPClassifier``."""

    max_epochs: int
    batch_size: int | None = None
    optimizer: str = "adam"
    learning_rate: float | str = "auto"
    learning_rate_schedule: str = "constant"
    learning_rate_decay: float = 1.0
    momentum: float = 0.0
    weight_decay: float = 0.0
    gradient_clipping: float | None = None
    early_stopping: bool = False
    n_iter_no_change: int = 10
    tol: float = 0.0
    precision: str = "float32"
    callbacks: Any = None
    verbose: bool = False

    @classmethod
    def of(cls, estimator: Any) -> Settings:
        """Read them from an estimator."""
        return cls(**{f.name: plain(getattr(estimator, f.name)) for f in fields(cls)})


@dataclass
class Progress:
    """How far a training is; plain values.

    Attributes
    ----------
    n_epochs : int
        Epochs done.
    loss_curve : list of float
        Mean training loss of each.
    validation_scores : list of float
        Minus the mean validation loss after each; empty without validation data.
    best_score : float
        Best so far of what early stopping and the schedule "adaptive" go by.
    n_stale : int
        Epochs since it rose by ``tol``.
    n_reductions : int
        How often "adaptive" lowered the learning rate.
    stopped : bool
        Whether something asked to stop.
    """

    n_epochs: int = 0
    loss_curve: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    best_score: float = -math.inf
    n_stale: int = 0
    n_reductions: int = 0
    stopped: bool = False


class TrainingNet(skorch.NeuralNet):
    """skorch's net without what costs time for each batch.

    Batches are indexed whole; losses stay on the device until the epoch ends; callbacks
    hear of batches only if they listen to them. ``history`` has a row for each epoch.

    Parameters
    ----------
    module : nn.Module
        What is trained, in place.
    criterion : nn.Module
        Loss of outputs and ``(targets, weights)``.
    optimizer : torch.optim.Optimizer
        Steps.
    generator : torch.Generator
        Shuffles.
    batch_size : int
        Rows of a batch.
    precision : {"float32", "float64", "bfloat16"}
        "bfloat16" is autocast.
    gradient_clipping : float or None
        Largest norm of the gradient.
    after_step : callable or None
        Called after each step.
    callbacks : list of skorch.callbacks.Callback
        The user's.
    device : str
        Where to compute.
    verbose : int
        Whether they may print.
    """

    def __init__(
        self,
        module: nn.Module,
        criterion: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        generator: torch.Generator,
        batch_size: int,
        precision: str,
        gradient_clipping: float | None,
        after_step: Callable[[], None] | None,
        callbacks: Any,
        device: str,
        verbose: int,
    ) -> None:
        super().__init__(
            module,
            criterion,
            optimizer,  # as it is
            batch_size=batch_size,
            train_split=None,
            callbacks=callbacks,
            use_caching=False,
            verbose=verbose,
            device=device,
        )
        self.generator = generator
        self.precision = precision
        self.gradient_clipping = gradient_clipping
        self.after_step = after_step
        self.lowest_losses: dict[str, float] = {}
        self.initialize()
        self.watches_batches = any(map(_watches_batches, self.user_callbacks()))

    def user_callbacks(self) -> list[Callback]:
        """Return the callbacks."""
        return [callback for _, callback in self.callbacks_]

    def get_default_callbacks(self) -> list[Any]:
        """Return none."""
        return []

    def initialize_optimizer(self, triggered_directly: Any = None) -> TrainingNet:
        """Take the optimiser that was handed over."""
        self.optimizer_ = self.optimizer
        return self

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """Return datasets as they are, and arrays or tensors as a dataset of inputs."""
        if hasattr(X, "batch"):
            return X
        like = next(self.module_.parameters())
        X = tensor_of(X) if isinstance(X, np.ndarray) else X
        X = torch.as_tensor(X, dtype=like.dtype, device=like.device)
        return Rows(X, torch.zeros(len(X), device=X.device) if y is None else y)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return batches, in random order for training."""
        if hasattr(dataset, "batches"):
            return dataset.batches()
        return Batches(
            dataset,
            self.batch_size,
            self.generator if training else None,
            torch.device(self.device),
        )

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Return the module's outputs."""
        return self.module_(x)

    def get_loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the loss of outputs for ``(targets, weights)``."""
        return self.criterion_(y_pred, y_true)

    def predict(self, X: Any) -> Any:
        """Return decisions, for callbacks that score."""
        return self.criterion_.decide(self.forward(X)).numpy()

    def predict_proba(self, X: Any) -> Any:
        """Return probabilities, for callbacks that score."""
        return self.criterion_.probabilities(self.forward(X)).numpy()

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Make one step; return loss and outputs."""
        inputs, targets = batch
        if hasattr(self.module_, "weigh_rows"):
            self.module_.weigh_rows(targets[1])
        if self.precision == "bfloat16":
            with torch.autocast(torch.device(self.device).type, torch.bfloat16):
                outputs = self.module_(inputs)
            outputs = outputs.float()
        else:
            outputs = self.module_(inputs)
        loss = self.criterion_(outputs, targets)
        self.optimizer_.zero_grad(set_to_none=True)
        loss.backward()
        if self.gradient_clipping is not None:
            nn.utils.clip_grad_norm_(self.module_.parameters(), self.gradient_clipping)
        if self.watches_batches:
            self.notify(
                "on_grad_computed",
                named_parameters=list(self.module_.named_parameters()),
                batch=batch,
                training=True,
            )
        self.optimizer_.step()
        if self.after_step is not None:
            self.after_step()
        return {"loss": loss.detach(), "y_pred": outputs.detach()}

    def mean_loss(self, iterator: Any, *, training: bool) -> float:
        """Go through all batches once; return the mean loss."""
        prefix = "train" if training else "valid"
        step = self.train_step if training else self.validation_step
        self._set_training(training)
        if self.watches_batches:
            self.run_single_epoch(iterator, training, prefix, step)
            names = (f"{prefix}_loss", f"{prefix}_batch_size")
            found = self.history[-1, "batches", :, names]
            steps = [(torch.tensor(loss), size) for loss, size in found]
        else:
            size = self.criterion_.size
            steps = [(step(batch)["loss"], size(*batch)) for batch in iterator]
            self.history.new_batch()  # an empty one, which some callbacks look for
        losses = torch.stack([loss for loss, _ in steps]).double()
        sizes = losses.new_tensor([size for _, size in steps])
        loss = float((losses * sizes).sum() / sizes.sum())
        self.history.record(f"{prefix}_loss", loss)
        best = self.lowest_losses.get(prefix, math.inf)
        self.history.record(f"{prefix}_loss_best", loss < best)
        self.lowest_losses[prefix] = min(loss, best)
        return loss

    def end_epoch(self, **data: Any) -> bool:
        """Tell callbacks that an epoch ended; return whether one wants to stop."""
        stop = False
        for callback in self.user_callbacks():
            try:
                stop |= callback.on_epoch_end(self, **data) is True
            except KeyboardInterrupt:
                # skorch's way to stop. A Ctrl-C at this very place passes.
                if not isinstance(callback, EarlyStopping):
                    raise
                if callback.misses_ < callback.patience:
                    raise
                stop = True
        return stop


def train(
    settings: Settings,
    module: nn.Module,
    criterion: nn.Module,
    data: Any,
    *,
    generator: torch.Generator,
    watch: EpochWatch,
    state: Callable[[Progress], dict[str, Any]],
    validation: Any = None,
    after_step: Callable[[], None] | None = None,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    optimizer_state: dict[str, Any] | None = None,
    largest_loss: float = math.inf,
    advice: str | None = None,
) -> tuple[Progress, dict[str, Any]]:
    """Train a module, in place.

    Parameters
    ----------
    settings : Settings
        How.
    module : nn.Module
        Outputs from inputs; on its device.
    criterion : nn.Module
        Loss of outputs and ``(targets, weights)``.
    data, validation : Rows, or object with ``len()`` and ``batches()``
        What is learned from and what is watched; on the same device.
    generator : torch.Generator
        All randomness of the fit.
    watch : EpochWatch
        Is told of epochs.
    state : callable
        Returns the fitted attributes as they are after an epoch, for callbacks.
    after_step : callable, optional
        Called after each step, such as to limit norms.
    checkpoint : Checkpoint, optional
        What to go on from, and where to save the state after each epoch.
    progress : Progress, optional
        Of earlier epochs, which count as done.
    optimizer : torch.optim.Optimizer, optional
        Takes the place of the one that the settings name.
    optimizer_state : dict, optional
        Of the optimiser after earlier epochs.
    largest_loss : float, default=inf
        A loss above it counts as divergence.
    advice : str, optional
        What to do about it; by default, what the settings say.

    Returns
    -------
    progress : Progress
        Curves.
    optimizer_state : dict
        For a later call.

    Raises
    ------
    DivergenceError
        If the loss or a weight is no number any more, or the loss too large.
    """
    advice = advice or (
        f"Lower learning_rate={settings.learning_rate!r} (optimizer="
        f"{settings.optimizer!r}), or scale the input, as with StandardScaler."
    )
    if optimizer is None:
        optimizer = make_optimizer(settings, module.named_parameters())
    if optimizer_state is not None:
        continue_optimizer(optimizer, optimizer_state)
    rate = max(group["lr"] for group in optimizer.param_groups)
    if not rate <= torch.finfo(torch.float32).max:
        raise DivergenceError(
            f"Training diverges before epoch 1: its rate {rate:g} is beyond float32. "
            f"{advice}"
        )
    progress, best = progress or Progress(), None
    if checkpoint is not None and checkpoint.state is not None:
        saved = checkpoint.state
        progress, best = Progress(**saved["progress"]), saved["best"]
        module.load_state_dict(saved["module"])
        optimizer.load_state_dict(saved["optimizer"])
        generator.set_state(saved["generator"].cpu())
    _check_callbacks(settings, validation)
    n, size = len(data), settings.batch_size
    net = TrainingNet(
        module,
        criterion,
        optimizer,
        generator=generator,
        batch_size=n if size is None else min(size, n),
        precision=settings.precision,
        gradient_clipping=settings.gradient_clipping,
        after_step=after_step,
        callbacks=settings.callbacks,
        device=str(generator.device),
        verbose=int(settings.verbose),
    )
    both = {"dataset_train": data, "dataset_valid": validation}
    batches = net.get_iterator(data, training=True)
    watched = None if validation is None else net.get_iterator(validation)
    stops_early = settings.early_stopping and watched is not None
    net.notify("on_train_begin", X=data, y=None)
    while progress.n_epochs < settings.max_epochs and not progress.stopped:
        watch.begin()
        net.notify("on_epoch_begin", **both)
        if settings.learning_rate_schedule != "constant":
            rate = scheduled_rate(settings, progress.n_epochs, progress.n_reductions)
            for group in optimizer.param_groups:
                group["lr"] = rate
        progress.n_epochs += 1
        loss = net.mean_loss(batches, training=True)
        _check_finite("the loss", loss, largest_loss, progress, advice)
        # That loss is of the weights before the last step.
        _check_finite("a weight", _largest(module), math.inf, progress, advice)
        progress.loss_curve.append(loss)
        if watched is not None:
            loss_of_watched = net.mean_loss(watched, training=False)
            what = "the validation loss"
            _check_finite(what, loss_of_watched, math.inf, progress, advice)
            progress.validation_scores.append(-loss_of_watched)
        score = progress.validation_scores[-1] if stops_early else -loss
        if stops_early and score > progress.best_score:
            best = copy.deepcopy(module.state_dict())
        stop = _judge(score, progress, settings, stops_early)
        stop |= net.end_epoch(**both)
        progress.stopped = watch.end(lambda: state(progress)) or stop
        if checkpoint is not None:
            checkpoint.save(
                {
                    "progress": vars(progress),
                    "best": best,
                    "module": module.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "generator": generator.get_state(),
                }
            )
    net.notify("on_train_end", X=data, y=None)
    if best is not None:
        module.load_state_dict(best)
    module.eval()
    return progress, optimizer.state_dict()


def _check_finite(
    what: str, value: float, limit: float, progress: Progress, advice: str
) -> None:
    """Raise a DivergenceError if a value is no number or above a limit."""
    if not value <= min(limit, sys.float_info.max):  # NaN as well
        raise DivergenceError(
            f"Training diverges: {what} is {value:.3g} after epoch "
            f"{progress.n_epochs}. {advice}"
        )


def _largest(module: nn.Module) -> float:
    """Return the largest size of a weight or a running statistic; NaN if one is NaN."""
    tensors = module.state_dict().values()
    sizes = [t.abs().max() for t in tensors if t.is_floating_point() and t.numel()]
    return float(torch.stack([size.double() for size in sizes]).max())


def _judge(
    score: float, progress: Progress, settings: Settings, stops_early: bool
) -> bool:
    """Count an epoch without gain; return whether training should stop."""
    gained = score > progress.best_score + settings.tol
    progress.n_stale = 0 if gained else progress.n_stale + 1
    progress.best_score = max(score, progress.best_score)
    if progress.n_stale < settings.n_iter_no_change:
        return False
    if settings.learning_rate_schedule != "adaptive":
        return stops_early
    progress.n_reductions += 1
    progress.n_stale = 0
    rate = scheduled_rate(settings, progress.n_epochs, progress.n_reductions)
    return rate < SMALLEST_RATE


def _check_callbacks(settings: Settings, validation: Any) -> None:
    """Raise an error for callbacks that cannot work."""
    for callback in settings.callbacks or ():
        callback = callback[1] if isinstance(callback, tuple) else callback
        if not (hasattr(callback, "on_epoch_end") and hasattr(callback, "set_params")):
            raise TypeError(
                f"callbacks holds {callback!r}; expected callbacks of skorch "
                "(skorch.callbacks.Callback). Those of scikit-learn are set by "
                "set_callbacks."
            )
        if isinstance(callback, LRScheduler) and (
            settings.learning_rate_schedule != "constant"
        ):
            raise ValueError(
                "callbacks holds an LRScheduler, which learning_rate_schedule="
                f"{settings.learning_rate_schedule!r} would overrule. Set it to "
                "'constant'."
            )
        if isinstance(callback, EarlyStopping | skorch.callbacks.Checkpoint):
            monitor = getattr(callback, "monitor", None)
            if validation is None and str(monitor).startswith("valid"):
                raise ValueError(
                    f"callbacks holds one that watches {monitor!r}, but there are no "
                    "validation clips. Pass X_val and y_val, or monitor='train_loss'."
                )


def _watches_batches(callback: Callback) -> bool:
    names = ("on_batch_begin", "on_batch_end", "on_grad_computed")
    return any(
        getattr(type(callback), name) is not getattr(Callback, name) for name in names
    )
