"""What estimators by nets have in common: ``NetEstimator``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skdeepmir._errors import refuse_masked
from skdeepmir._sklearn import (
    CallbackSupportMixin,
    EpochWatch,
    check_clip_labels,
    validate_clips,
)
from skdeepmir._threads import limit_threads
from skdeepmir._training._device import choose_device, torch_dtype
from skdeepmir._training._labelled import LabelledClips
from skdeepmir._warnings import warn_user

ALLOWED_LOSS = 10  # times that of guessing, without a warning
SEEN = ("n_features_in_", "feature_names_in_", "_fitted_on_clips")


@dataclass(frozen=True)
class Job:
    """What is trained.

    Attributes
    ----------
    coding : Coding or ValueCoding
        What its outputs mean.
    module : nn.Module
        The net.
    generator : torch.Generator
        All randomness; says on which device.
    fitted : dict
        Fitted attributes that do not change in training.
    """

    coding: Any
    module: Any
    generator: Any
    fitted: dict[str, Any]


class NetEstimator(CallbackSupportMixin, BaseEstimator):
    """An estimator of clips by a net.

    Subclasses have the parameters of ``_training`` and say which net it is, and what
    its outputs mean.
    """

    def _make_coding(self, y, sample_weight):
        """Return what turns targets into outputs of a net and back."""
        raise NotImplementedError

    def _coding(self):
        """Return the coding that was fitted."""
        raise NotImplementedError

    def _encode(self, coding, y, layout, name="y"):
        """Return targets of clips."""
        return coding.encode(y, name)

    def _weigh(self, coding, targets, sample_weight):
        """Return weights of clips, or of each output of each clip, or None."""
        return sample_weight

    def _holds_out(self):
        """Whether ``fit`` needs clips that it does not train on."""
        return self.early_stopping

    def _use_validation(self, watched):
        """Learn the last things after training, from validation clips or None."""

    def _make_module(self, n_outputs, fitted, generator, initialization):
        """Return the net; with ``initialization=None``, its weights are not set."""
        raise NotImplementedError

    def _begin_learned(self, coding, data, seed):
        """Return fitted attributes that the net depends on, learned without labels."""
        return {}

    def _prepare(self, module, data, fitted, generator):
        """Change the first weights of a new net, in place."""

    def _read_clips(self, X, *, reset, dtype):
        """Return clips as the other methods take them, and their layout."""
        return validate_clips(self, X, reset=reset, dtype=dtype)

    def _loss_tensors(self, data, device):
        """Return targets and weights (or None) of clips, for ``_dataset``."""
        from skdeepmir._training._data import tensor_of

        return [
            None if part is None else tensor_of(part).to(device)
            for part in data.losses(self._dtype())
        ]

    def _dataset(self, data, fitted, generator, *, training):
        """Return what the net is trained on, or watched with."""
        raise NotImplementedError

    def _logits_of_clips(self, module, clips, layout, generator, **options):
        """Return logits (n_clips, n_outputs) in float64."""
        raise NotImplementedError

    def _after_step(self, module):
        """Return what is called after each step, or None."""
        return None

    def _finish(self, module, rows, settings):
        """Change a net after ``fit`` trained it on ``rows``, in place."""

    def _fit(self, X, y, sample_weight, X_val, y_val):
        earlier = getattr(self, "weights_", None) if self.warm_start else None
        goes_on = earlier is not None
        rows, layout = self._read(X, reset=not goes_on)
        coding, data = self._read_targets(
            y, rows, layout, sample_weight, goes_on=goes_on
        )
        watched = self._read_validation(X_val, y_val, coding)
        checkpoint = self._open_checkpoint(coding, earlier, data, watched)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        finished = None
        if checkpoint is not None:
            seed = checkpoint.keep("seed", seed)
            finished = checkpoint.finished
        if watched is None and self._holds_out():
            data, watched = data.hold_out(self.validation_fraction, seed)
        with limit_threads(self.n_threads):
            is_new = checkpoint is None or not (finished or checkpoint.state)
            job = self._begin(coding, data, seed, earlier, is_new=is_new)
            if finished is None:
                options = {"finish": self._finish, "checkpoint": checkpoint}
                self._run(job, X, y, data, watched, **options)
            else:
                self._take(job, X, y, finished)
            self._use_validation(watched)
        self._warn_of_bad_loss()
        self._training_state = None
        if finished is not None:
            checkpoint.remove()
        elif checkpoint is not None:
            checkpoint.complete(self._result(job.module))
        return self

    @property
    def module_(self):
        """The net with its fitted weights, in float64, on the processor."""
        check_is_fitted(self)
        return self._fitted_module(None)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "weights_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _dtype(self):
        return np.float64 if self.precision == "float64" else np.float32

    def _predicting_dtype(self):
        """Return the dtype of clips to predict for."""
        return np.float64

    def _read(self, X, *, reset):
        """Return clips to train on and their layout."""
        return self._read_clips(X, reset=reset, dtype=self._dtype())

    def _read_targets(self, y, rows, layout, sample_weight, coding=None, goes_on=False):
        """Return the coding of targets, and clips with their targets and weights."""
        check_clip_labels(y, layout.n_clips, needed_by=self)
        if sample_weight is not None:
            refuse_masked("sample_weight", sample_weight)
            sample_weight = _check_sample_weight(
                sample_weight, np.empty((layout.n_clips, 1)), ensure_non_negative=True
            )
        if coding is None:
            coding = self._make_coding(y, sample_weight)
        if goes_on:  # a warm start
            coding.check_same(self._coding())
            coding = self._coding()
        targets = self._encode(coding, y, layout)
        weight = self._weigh(coding, targets, sample_weight)
        return coding, LabelledClips(rows, layout, targets, weight)

    def _read_validation(self, X_val, y_val, coding):
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be passed together.")
        if X_val is None:
            return None
        rows, layout = self._read(X_val, reset=False)
        refuse_masked("y_val", y_val)
        check_clip_labels(y_val, layout.n_clips)
        targets = self._encode(coding, y_val, layout, "y_val")
        return LabelledClips(rows, layout, targets, None)

    def _open_checkpoint(self, coding, earlier, *data):
        if self.checkpoint_dir is None:
            return None
        from skdeepmir._training._checkpoints import Checkpoint

        names = self._learned_names if earlier else ()
        learned = {name: getattr(self, name) for name in names}
        return Checkpoint(self.checkpoint_dir, self, coding, earlier, learned, *data)

    def _begin(self, coding, data, seed, earlier, *, is_new=True):
        """Return a new net to be trained, or one with the weights ``earlier``.

        Unless ``is_new``, a checkpoint will set its weights.
        """
        import torch

        generator = torch.Generator(choose_device(self.device)).manual_seed(seed)
        if earlier is None:
            fitted = self._begin_learned(coding, data, seed)
        else:
            fitted = {name: getattr(self, name) for name in self._learned_names}
        fitted = {
            **fitted,
            **coding.fitted(),
            "_mask_seed": seed,
            "_learned_names": tuple(fitted),
        }
        module = self._make_module(
            coding.n_outputs, fitted, generator, self.initialization if is_new else None
        ).to(torch_dtype(self._dtype()))
        if earlier is not None:
            self._load_weights(module, earlier)
        elif is_new:
            self._prepare(module, data, fitted, generator)
        return Job(coding, module, generator, fitted)

    def _load_weights(self, module, weights):
        from skdeepmir._training._data import tensor_of

        found = {name: list(array.shape) for name, array in weights.items()}
        expected = {n: list(t.shape) for n, t in module.state_dict().items()}
        if found != expected:
            raise ValueError(
                f"The fit before had a net with weights of shapes {found}, but the "
                f"parameters now ask for {expected}. Set them back, or use "
                "warm_start=False (a clone, for partial_fit)."
            )
        module.load_state_dict({n: tensor_of(w) for n, w in weights.items()})

    def _run(
        self, job, X, y, data, watched=None, settings=None, finish=None, **options
    ):
        """Train, and store what was learned; return the state of the optimiser."""
        from skdeepmir._training import _loop

        rows, watched_rows = (
            part
            and self._dataset(part, job.fitted, job.generator, training=part is data)
            for part in (data, watched)
        )
        seen = {name: value for name, value in vars(self).items() if name in SEEN}

        def fitted_after(progress):
            return {**seen, **job.fitted, **_results(job.module, progress)}

        settings = settings or _loop.Settings.of(self)
        earlier = options.get("progress")
        n_epochs = settings.max_epochs - (earlier.n_epochs if earlier else 0)
        epochs = _Epochs(self, n_epochs, X, y, options.get("checkpoint"))
        progress, optimizer_state = _loop.train(
            settings,
            job.module,
            job.coding.make_loss(),
            rows,
            validation=watched_rows,
            generator=job.generator,
            watch=epochs,
            state=fitted_after,
            after_step=self._after_step(job.module),
            **options,
        )
        if finish is not None:
            finish(job.module, rows, settings)
        self._learn(fitted_after(progress))
        epochs.finish()
        return optimizer_state

    def _learn(self, fitted):
        """Take fitted attributes in place of those of an earlier fit."""
        for name in getattr(self, "_learned_names", ()):
            delattr(self, name)
        vars(self).update(fitted)

    def _result(self, module):
        """Return what a fit ended with as plain values and tensors."""
        return {
            "module": module.state_dict(),
            "n_epochs": self.n_iter_,
            "loss_curve": self.loss_curve_.tolist(),
            "validation_scores": self.validation_scores_.tolist(),
        }

    def _take(self, job, X, y, result):
        """Store what an earlier call of the same fit ended with."""
        from skdeepmir._training._loop import Progress

        epochs = EpochWatch(self, self.max_epochs, X, y)
        job.module.load_state_dict(result["module"])
        job.module.eval()
        curves = result["loss_curve"], result["validation_scores"]
        progress = Progress(result["n_epochs"], *curves)
        self._learn({**job.fitted, **_results(job.module, progress)})
        epochs.finish()

    def _fitted_module(self, generator=None):
        """Return the net with its fitted weights, in float64."""
        from skdeepmir._training._data import tensor_of

        module = self._make_module(
            self._coding().n_outputs, vars(self), generator, None
        ).double()
        weights = {n: tensor_of(w) for n, w in self.weights_.items()}
        module.load_state_dict(weights)
        return module.eval()

    def _predicting_module(self, generator):
        """Return the net that predicts."""
        return self._fitted_module(generator)

    def _logits(self, X, **options):
        """Return what the net gives for clips (n_clips, n_outputs), in float64."""
        check_is_fitted(self)
        dtype = self._predicting_dtype()
        clips, layout = self._read_clips(X, reset=False, dtype=dtype)
        return self._logits_of(clips, layout, **options)

    def _logits_of_read(self, data):
        """Return what the net gives for clips that were read for training."""
        dtype = self._predicting_dtype()
        if isinstance(data.rows, list):
            clips = [clip.astype(dtype, copy=False) for clip in data.rows]
        else:
            clips = data.rows.astype(dtype, copy=False)
        return self._logits_of(clips, data.layout)

    def _logits_of(self, clips, layout, **options):
        import torch

        generator = torch.Generator()
        module = self._predicting_module(generator)
        with torch.inference_mode(), limit_threads(self.n_threads):
            return self._logits_of_clips(module, clips, layout, generator, **options)

    def _warn_of_bad_loss(self):
        loss, guessing = self.loss_curve_[-1], self._coding().guessing_loss
        if loss > ALLOWED_LOSS * guessing:
            warn_user(
                f"Training ended with a loss of {loss:.3g}, where guessing has "
                f"{guessing:.3g}. Lower learning_rate={self.learning_rate!r} "
                f"(optimizer={self.optimizer!r}), or scale the input, as with "
                "StandardScaler.",
                ConvergenceWarning,
            )


class _Epochs(EpochWatch):
    """Epochs of a net that may have a checkpoint.

    Parameters
    ----------
    estimator, n_epochs, X, y : object
        As for ``EpochWatch``.
    checkpoint : Checkpoint or None
        Is told if a callback stops the fit.
    """

    def __init__(self, estimator, n_epochs, X, y, checkpoint):
        super().__init__(estimator, n_epochs, X, y)
        self.checkpoint = checkpoint

    def end(self, state):
        stops = super().end(state)
        if stops and self.checkpoint is not None:
            self.checkpoint.keep("stopped_by_callback", True)
        return stops


def _results(module, progress):
    """Return what training changes, as arrays."""
    return {
        "weights_": {
            name: tensor.detach().cpu().numpy().copy()
            for name, tensor in module.state_dict().items()
        },
        "loss_curve_": np.array(progress.loss_curve),
        "validation_scores_": np.array(progress.validation_scores),
        "n_iter_": progress.n_epochs,
    }
