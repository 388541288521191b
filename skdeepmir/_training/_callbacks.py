"""skorch's callbacks, told of a training that skorch does not run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import skorch
import skorch.dataset
import torch
from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags
from sklearn.utils.metaestimators import available_if
from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
    PassthroughScoring,
)

from skdeepmir._training._data import ROWS_AT_ONCE, Batch, tensor_of
from skdeepmir._training._gradient import LogisticLoss
from skdeepmir.metrics import get_scorer
from skdeepmir.metrics._annotation_scorers import AnnotationScorer

SCORING = EpochScoring | BatchScoring | PassthroughScoring
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
        # A stage without labels has nothing to score.
        loss = getattr(step, "loss", None)
        if not hasattr(loss, "labels"):
            told = [c for c in self.net.callbacks_ if not _scores_labels(c[1])]
            self.net.callbacks_ = told
        self.callbacks = [callback for _, callback in self.net.callbacks_]
        self.data: dict[str, Any] = {
            "dataset_train": _Dataset(_at_rest(batches), loss),
            "dataset_valid": None,
        }
        if validation is not None:
            self.data["dataset_valid"] = _Dataset(validation, loss)
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
        history, dataset = self.net.history, self.data[f"dataset_{prefix}"]
        for batch in batches:
            self.net.batch = batch
            history.new_batch()
            told = {"batch": dataset.pair(batch), "training": is_training}
            self.net.notify("on_batch_begin", **told)
            loss, outputs = step(batch)
            history.record_batch(f"{prefix}_loss", loss.item())
            history.record_batch(f"{prefix}_batch_size", batch.n)
            rows = None
            if outputs is not None:
                rows = dataset.rows(outputs, batch)
                self.net.n_outputs = rows.shape[-1]
            self.net.notify("on_batch_end", **told, loss=loss, y_pred=rows)
            steps.append((loss, batch.n))
        self.net.batch = None
        return steps

    def _gradient(self, batch: Batch) -> None:
        self.net.notify(
            "on_grad_computed",
            named_parameters=list(self.step.module.named_parameters()),
            batch=self.data["dataset_train"].pair(batch),
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
            verbose=int(given.verbose),
            device=str(getattr(step, "device", next(step.module.parameters()).device)),
        )
        self.generator = getattr(step, "generator", None)
        self.step = step
        self.batch: Batch | None = None  # that callbacks are told of
        self.n_outputs = 0  # not known yet
        self.initialize()
        for _, callback in self.callbacks_:
            if isinstance(callback, EpochScoring | BatchScoring):
                _find_scorer(callback)

    def get_default_callbacks(self) -> list[Any]:
        """Return none."""
        return []

    def initialize_optimizer(self, triggered_directly: Any = None) -> _Net:
        """Take the optimiser that was handed over."""
        self.optimizer_ = self.optimizer
        return self

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """Return what is predicted on: a dataset, a batch, or rows of an array."""
        if isinstance(X, _Dataset):
            return X
        if self.batch is not None and X is self.batch.inputs[0]:
            return _Dataset([self.batch], self.criterion_)
        like = next(self.module_.parameters())
        X = tensor_of(X) if isinstance(X, np.ndarray) else X
        X = torch.as_tensor(X, dtype=like.dtype, device=like.device)
        parts = [
            Batch((rows,), rows, None, len(rows)) for rows in X.split(ROWS_AT_ONCE)
        ]
        return _Dataset(parts, None)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return batches."""
        return map(dataset.pair, dataset.batches)

    def forward_iter(self, X: Any, training: bool = False, device: str = "cpu") -> Any:
        """Return outputs, batch by batch, of what is scored."""
        dataset, was_training = self.get_dataset(X), self.module_.training
        self.module_.train(training)
        try:
            for batch in dataset.batches:
                with torch.no_grad():
                    outputs = self.infer(*batch.inputs)
                yield dataset.rows(outputs, batch).to(device)
        finally:
            self.module_.train(was_training)

    def infer(self, *inputs: Any, **fit_params: Any) -> Any:
        """Return the module's outputs, called as in training."""
        call: Any = getattr(self.step, "outputs", self.module_)
        return call(*inputs)

    def get_loss(self, y_pred: Any, y_true: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the loss of outputs for targets."""
        if y_true.numel() == y_pred.numel():
            y_true = y_true.reshape(y_pred.shape).to(y_pred.dtype)
        return self.criterion_(y_pred, y_true, None)

    def predict(self, X: Any) -> Any:
        """Return decisions, for callbacks that score."""
        if not hasattr(self.criterion_, "decide"):
            raise AttributeError(
                "The net has no labels to predict in pre-training, where y is None. "
                "Let the function of (net, X, y) return something else there, such as "
                "NaN."
            )
        return self.criterion_.decide(self.forward(X)).numpy()

    @available_if(lambda net: hasattr(net.criterion_, "probabilities"))
    def predict_proba(self, X: Any) -> Any:
        """Return probabilities, for callbacks that score."""
        return self.criterion_.probabilities(self.forward(X)).numpy()

    def score(self, X: Any, y: Any) -> float:
        """Return the accuracy, of numbers the coefficient of determination."""
        measure = accuracy_score if is_classifier(self) else r2_score
        return measure(y, self.predict(X))

    @property
    def classes_(self) -> Any:
        """The numbers of the classes, or those of each tag."""
        if isinstance(self.criterion_, LogisticLoss) and self.n_outputs > 1:
            return [np.arange(2)] * self.n_outputs
        return np.arange(max(self.n_outputs, 2))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        is_regressor = not hasattr(self.criterion_, "probabilities")
        tags.estimator_type = "regressor" if is_regressor else "classifier"
        tags.classifier_tags = None if is_regressor else ClassifierTags()
        tags.regressor_tags = RegressorTags() if is_regressor else None
        return tags


class _Dataset(skorch.dataset.Dataset):
    """Batches as a dataset that skorch's callbacks know what to do with.

    Parameters
    ----------
    batches : iterable of Batch
        The batches, in order and without augmentation.
    loss : nn.Module or None
        What knows targets as labels; None if there are no labels.
    """

    def __init__(self, batches: Any, loss: Any) -> None:
        self.batches, self.loss = batches, loss
        inputs = getattr(getattr(batches, "source", batches), "inputs", None)
        self.X = inputs if torch.is_tensor(inputs) else self

    @property
    def y(self) -> torch.Tensor | None:
        """The label of each row that is scored."""
        if not hasattr(self.loss, "labels"):
            return None
        return torch.cat([self.loss.labels(batch.targets) for batch in self.batches])

    def rows(self, outputs: Any, batch: Batch) -> Any:
        """Return the outputs for these."""
        if not hasattr(self.loss, "labels"):
            return outputs
        return self.loss.rows(outputs, batch.targets)

    def pair(self, batch: Batch) -> tuple[Any, torch.Tensor | None]:
        """Return a batch as skorch's callbacks take it: inputs, and labels or None."""
        if not hasattr(self.loss, "labels"):
            return batch.inputs[0], None
        return batch.inputs[0], self.loss.labels(batch.targets)

    def __len__(self) -> int:
        return len(self.batches)


def check_callbacks(
    given: Any, validation: Any, *, sets_rate: bool, has_labels: bool = True
) -> None:
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
        if not has_labels and _scores_labels(callback):
            raise ValueError(
                f"callbacks holds {type(callback).__name__}({callback.scoring!r}), but "
                "fit got no labels to score by. Pass y, or a function of (net, X, y) "
                "that needs none."
            )
        if isinstance(callback, SCORING) and not callback.on_train:
            if validation is None:
                raise ValueError(
                    f"callbacks holds {type(callback).__name__}({_scored(callback)!r}) "
                    "of validation clips, but there are none. Pass X_val and y_val to "
                    "fit, or on_train=True to the callback."
                )
        if isinstance(callback, EarlyStopping | skorch.callbacks.Checkpoint):
            monitor = getattr(callback, "monitor", None)
            if validation is None and str(monitor).startswith("valid"):
                raise ValueError(
                    f"callbacks holds one that watches {monitor!r}, but there are no "
                    "validation clips. Pass X_val and y_val, or monitor='train_loss'."
                )


def _at_rest(batches: Any) -> Any:
    return batches.at_rest() if hasattr(batches, "at_rest") else batches


def _scored(callback: Any) -> Any:
    return getattr(callback, "scoring", None) or callback.name


def _scores_labels(callback: Any) -> bool:
    """Whether a callback compares predictions with labels, not by a user's function."""
    if not isinstance(callback, EpochScoring | BatchScoring):
        return False
    scoring = callback.scoring
    module = str(getattr(scoring, "__module__", ""))
    is_scorer = module.startswith(("sklearn.metrics", "skdeepmir.metrics"))
    return scoring is None or isinstance(scoring, str) or is_scorer


def _find_scorer(callback: Any) -> None:
    """Let names of scores be those of the field as well."""
    if not isinstance(callback.scoring, str):
        return
    scorer = get_scorer(callback.scoring)
    if isinstance(scorer, AnnotationScorer):
        raise ValueError(
            f"callbacks holds {type(callback).__name__}({callback.scoring!r}), which "
            "scores songs, but callbacks see frames. Use 'accuracy', or "
            "scikit-learn's ScoringMonitor."
        )
    callback.scoring_ = scorer


def _hears_batches(callback: Callback) -> bool:
    return any(
        getattr(type(callback), name) is not getattr(Callback, name)
        for name in BATCH_EVENTS
    )
