"""skorch's callbacks, told of a training that skorch does not run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import skorch
import skorch.dataset
import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler

from skdeepmir._training._data import Batch, Batches, Rows, tensor_of

BATCH_EVENTS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


class Listeners:
    """Tell callbacks of epochs, and of batches if they listen to these.

    Parameters
    ----------
    step : Step
        What learns.
    batches, validation : iterable of Batch, or None
        What is learned from, and what is watched.
    given : SimpleNamespace
        Parameters of the estimator, with ``callbacks``.
    """

    def __init__(
        self,
        step: Any,
        batches: Iterable[Batch],
        validation: Iterable[Batch] | None,
        given: Any,
    ) -> None:
        # Auto-encoders set the rate of their optimizer in each epoch.
        sets_rate = not hasattr(step, "optimizer") or hasattr(step, "stage")
        check_callbacks(given, validation, sets_rate=sets_rate)
        self.step = step
        self.net = _Net(step, batches, given)
        self.callbacks = [callback for _, callback in self.net.callbacks_]
        self.data = {
            "dataset_train": _Dataset(batches),
            "dataset_valid": None if validation is None else _Dataset(validation),
        }
        self.lowest: dict[str, float] = {}
        self.hears_batches = any(map(_hears_batches, self.callbacks))
        if self.hears_batches:
            step.on_gradient = self._gradient
        self.net.notify("on_train_begin", X=self.data["dataset_train"], y=None)

    def begin_epoch(self) -> None:
        """Tell of the begin of an epoch, for which ``history`` gets a row."""
        self.net.notify("on_epoch_begin", **self.data)

    def mean_loss(
        self,
        step: Callable[[Batch], tuple[torch.Tensor, Any]],
        batches: Iterable[Batch],
    ) -> float:
        """Go through all batches once; return the mean loss."""
        from skdeepmir._training._engine import weighted_mean

        prefix = "train" if step is self.step else "valid"
        if self.hears_batches:
            return weighted_mean(self._loud_pass(step, batches, prefix))
        return weighted_mean(self._quiet_pass(step, batches))

    def record(self, prefix: str, loss: float) -> None:
        """Record the loss of an epoch, of training or validation, in ``history``."""
        history, best = self.net.history, self.lowest.get(prefix, math.inf)
        history.record(f"{prefix}_loss", loss)
        history.record(f"{prefix}_loss_best", loss < best)
        self.lowest[prefix] = min(loss, best)

    def end_epoch(self) -> bool:
        """Tell of the end of an epoch; return whether a callback wants to stop."""
        stop = False
        for callback in self.callbacks:
            try:
                stop |= callback.on_epoch_end(self.net, **self.data) is True
            except KeyboardInterrupt:
                # skorch's way to stop. A Ctrl-C at this very place passes.
                if not isinstance(callback, EarlyStopping):
                    raise
                if callback.misses_ < callback.patience:
                    raise
                stop = True
        return stop

    def end(self) -> None:
        """Tell of the end of the training."""
        self.net.notify("on_train_end", X=self.data["dataset_train"], y=None)

    def _quiet_pass(self, step: Any, batches: Iterable[Batch]) -> list[Any]:
        steps = [(step(batch)[0], batch.n) for batch in batches]
        self.net.history.new_batch()  # an empty one, which some callbacks look for
        return steps

    def _loud_pass(self, step: Any, batches: Any, prefix: str) -> list[Any]:
        steps, is_training = [], prefix == "train"
        history = self.net.history
        for batch in batches:
            history.new_batch()
            told = {"batch": _as_pair(batch), "training": is_training}
            self.net.notify("on_batch_begin", **told)
            loss, outputs = step(batch)
            history.record_batch(f"{prefix}_loss", loss.item())
            history.record_batch(f"{prefix}_batch_size", batch.n)
            self.net.notify("on_batch_end", **told, loss=loss, y_pred=outputs)
            steps.append((loss, batch.n))
        return steps

    def _gradient(self, batch: Batch) -> None:
        self.net.notify(
            "on_grad_computed",
            named_parameters=list(self.step.module.named_parameters()),
            batch=_as_pair(batch),
            training=True,
        )


class _Net(skorch.NeuralNet):
    """What callbacks see: a net that is trained elsewhere, in place."""

    def __init__(self, step: Any, batches: Any, given: Any) -> None:
        super().__init__(
            step.module,
            getattr(step, "loss", torch.nn.Identity()),
            getattr(step, "optimizer", None),
            batch_size=getattr(batches, "batch_size", given.batch_size),
            train_split=None,
            callbacks=given.callbacks,
            use_caching=False,
            verbose=int(given.verbose),
            device=str(getattr(step, "device", next(step.module.parameters()).device)),
        )
        self.generator = getattr(step, "generator", None)
        self.call = getattr(step, "outputs", None)  # as in training
        self.initialize()

    def get_default_callbacks(self) -> list[Any]:
        """Return none."""
        return []

    def initialize_optimizer(self, triggered_directly: Any = None) -> _Net:
        """Take the optimiser that was handed over."""
        self.optimizer_ = self.optimizer
        return self

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """Return datasets as they are, and arrays or tensors as a dataset of inputs."""
        if isinstance(X, _Dataset):
            return X
        like = next(self.module_.parameters())
        X = tensor_of(X) if isinstance(X, np.ndarray) else X
        X = torch.as_tensor(X, dtype=like.dtype, device=like.device)
        rows = Rows(X, torch.zeros(len(X), device=X.device) if y is None else y)
        size, generator = self.batch_size, torch.Generator(X.device)
        return _Dataset(Batches(rows, size, generator, training=False))

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return batches."""
        return map(_as_pair, dataset.batches)

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Return the module's outputs."""
        return (self.call or self.module_)(x)

    def get_loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the loss of outputs for ``(targets, weights)``."""
        return self.criterion_(y_pred, *y_true)

    def predict(self, X: Any) -> Any:
        """Return decisions, for callbacks that score."""
        return self.criterion_.decide(self.forward(X)).numpy()

    def predict_proba(self, X: Any) -> Any:
        """Return probabilities, for callbacks that score."""
        return self.criterion_.probabilities(self.forward(X)).numpy()


class _Dataset(skorch.dataset.Dataset):
    """Batches as a dataset that skorch's callbacks know what to do with."""

    def __init__(self, batches: Any) -> None:
        source = getattr(batches, "source", batches)
        self.batches = batches
        self.X = getattr(source, "inputs", None)
        self.y = getattr(source, "targets", None)

    def __len__(self) -> int:
        return len(self.batches)


def _as_pair(batch: Batch) -> tuple[Any, tuple[torch.Tensor, torch.Tensor | None]]:
    return batch.inputs[0], (batch.targets, batch.weight)


def check_callbacks(given: Any, validation: Any, *, sets_rate: bool) -> None:
    """Raise an error for callbacks that cannot work."""
    for callback in given.callbacks:
        callback = callback[1] if isinstance(callback, tuple) else callback
        if not (hasattr(callback, "on_epoch_end") and hasattr(callback, "set_params")):
            raise TypeError(
                f"callbacks holds {callback!r}; expected callbacks of skorch "
                "(skorch.callbacks.Callback). Those of scikit-learn are set by "
                "set_callbacks."
            )
        if isinstance(callback, LRScheduler) and sets_rate:
            raise ValueError(
                "callbacks holds an LRScheduler, but pre-training sets its learning "
                "rate itself. Leave it out."
            )
        if isinstance(callback, LRScheduler) and (
            getattr(given, "learning_rate_schedule", "constant") != "constant"
        ):
            raise ValueError(
                "callbacks holds an LRScheduler, which learning_rate_schedule="
                f"{given.learning_rate_schedule!r} would overrule. Set it to "
                "'constant'."
            )
        if isinstance(callback, EarlyStopping | skorch.callbacks.Checkpoint):
            monitor = getattr(callback, "monitor", None)
            if validation is None and str(monitor).startswith("valid"):
                raise ValueError(
                    f"callbacks holds one that watches {monitor!r}, but there are no "
                    "validation clips. Pass X_val and y_val, or monitor='train_loss'."
                )


def _hears_batches(callback: Callback) -> bool:
    return any(
        getattr(type(callback), name) is not getattr(Callback, name)
        for name in BATCH_EVENTS
    )
