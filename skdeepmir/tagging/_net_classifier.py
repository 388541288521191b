"""What classifiers and taggers by nets have in common: ``NetClassifier``."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skdeepmir._sklearn import (
    CallbackSupportMixin,
    EpochWatch,
    _fit_context,
    check_clip_labels,
    validate_clips,
)
from skdeepmir._training._device import choose_device, limit_threads
from skdeepmir._training._state import map_arrays
from skdeepmir.tagging._labelled import LabelledClips
from skdeepmir.tagging._targets import Coding

ALLOWED_LOSS = 10  # times that of guessing, without a warning
SEEN = ("n_features_in_", "feature_names_in_", "_fitted_on_clips")


@dataclass(frozen=True)
class Job:
    """What is trained.

    Attributes
    ----------
    coding : Coding
        What its outputs mean.
    module : nn.Module
        The net.
    generator : torch.Generator
        All randomness; says on which device.
    fitted : dict
        Fitted attributes that do not change in training.
    """

    coding: Coding
    module: Any
    generator: Any
    fitted: dict[str, Any]


class NetClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """A classifier of clips, or a tagger, by a net.

    Subclasses have the parameters of ``_training`` and say which net it is.
    """

    def _make_module(self, n_outputs, fitted, generator, initialization):
        """Return the net; with ``initialization=None``, its weights are not set."""
        raise NotImplementedError

    def _begin_learned(self, data, seed):
        """Return fitted attributes that the net depends on, learned without labels."""
        return {}

    def _prepare(self, module, data, fitted, generator):
        """Change the first weights of a new net, in place."""

    def _read_clips(self, X, *, reset, dtype):
        """Return clips as the other methods take them, and their layout."""
        return validate_clips(self, X, reset=reset, dtype=dtype)

    def _dataset(self, data, fitted, generator, *, training):
        """Return what the net is trained on, or watched with."""
        raise NotImplementedError

    def _logits_of_clips(self, module, clips, layout, generator, **options):
        """Return logits (n_clips, n_outputs) in float64."""
        raise NotImplementedError

    def _after_step(self, module):
        """Return what is called after each step, or None."""
        return None

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        """Train the net.

        Parameters
        ----------
        X : list of ndarray of shape (n_rows_i, n_features), ndarray of shape \
                (n_clips, n_rows, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips. Rows of a 2-D array are clips of one row.
        y : array-like of shape (n_clips,) or (n_clips, n_tags)
            A label for each clip, or 0 and 1 for each tag.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips.
        X_val, y_val : array-like, default=None
            Clips to validate on, such as those of other artists; they are not trained
            on. The earlier steps of a ``Pipeline`` transform them only if it is told
            so, see the notes.

        Returns
        -------
        self : estimator
            The fitted classifier.

        Raises
        ------
        ValueError
            If X is no set of clips, y does not fit it, or parameters contradict each
            other.
        DivergenceError
            A ``ValueError``, if the loss is no number any more.

        Warns
        -----
        ConvergenceWarning
            If training ends far worse than guessing.

        Notes
        -----
        Validation clips go through a pipeline with scikit-learn's metadata routing:
        ``set_config(enable_metadata_routing=True)``,
        ``net.set_fit_request(X_val=True, y_val=True)`` and
        ``make_pipeline(scaler, net, transform_input=["X_val"])``, whose ``fit`` then
        takes ``X_val`` and ``y_val``.
        """
        earlier = getattr(self, "weights_", None) if self.warm_start else None
        rows, layout = self._read(X, reset=True)
        coding, data = self._read_labels(y, rows, layout, sample_weight)
        if earlier is not None:
            self._check_classes(coding)
        watched = self._read_validation(X_val, y_val, coding)
        checkpoint = self._open_checkpoint(earlier, data, watched)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        if checkpoint is not None:
            seed = checkpoint.keep("seed", seed)
        if watched is None and self.early_stopping:
            data, watched = data.hold_out(self.validation_fraction, seed)
        with limit_threads(self.n_threads):
            job = self._begin(coding, data, seed, earlier)
            self._run(job, X, y, data, watched, checkpoint=checkpoint)
        self._warn_of_bad_loss()
        self._training_state = None
        if checkpoint is not None:
            checkpoint.remove()
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Make one pass over some clips.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        y : array-like of shape (n_clips,) or (n_clips, n_tags)
            A label for each clip, or 0 and 1 for each tag.
        classes : array-like of shape (n_classes,), default=None
            All labels there will be; needed in the first call, unless y holds tags.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips.

        Returns
        -------
        self : estimator
            The classifier.

        Notes
        -----
        Momentum goes on from call to call (unless ``optimizer`` is changed), the
        learning rate is that of ``learning_rate``. Nothing is
        held out. Pre-training, where there is some, takes place in the first call, on
        its clips.
        """
        is_first = not hasattr(self, "weights_")
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all clips at once, which partial_fit "
                "does not have. Pass the weights: compute_class_weight('balanced', "
                "classes=classes, y=y)."
            )
        rows, layout = self._read(X, reset=is_first)
        if is_first:
            if classes is None and np.ndim(y) < 2:
                raise ValueError(
                    "classes must be passed on the first call to partial_fit: all "
                    "labels there will be."
                )
            coding = None if classes is None else Coding.of(y, classes)
        else:
            coding = self._coding()
            if classes is not None and not np.array_equal(
                coding.classes, np.unique(np.asarray(classes))
            ):
                raise ValueError(
                    f"classes={classes!r} is not what the first call to partial_fit "
                    f"was given, {coding.classes.tolist()}."
                )
        coding, data = self._read_labels(y, rows, layout, sample_weight, coding)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        with limit_threads(self.n_threads):
            earlier = None if is_first else self.weights_
            job = self._begin(coding, data, seed, earlier)
            self._training_state = self._run_once(job, X, y, data)
        return self

    def predict(self, X):
        """Predict the label of each clip, or its tags.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        y : ndarray of shape (n_clips,) or (n_clips, n_tags)
            Labels, or 0 and 1 for each tag (1 from a probability of one half).
        """
        logits = self._logits(X)
        return self._coding().decide(logits)

    def predict_proba(self, X):
        """Predict the probability of each class, or of each tag.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_clips, n_classes) or (n_clips, n_tags)
            Those of classes sum to 1; those of tags are strictly between 0 and 1.
        """
        logits = self._logits(X)
        return self._coding().probabilities(logits)

    def predict_log_proba(self, X):
        """Predict the logarithm of the probability of each class or tag.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_clips, n_classes) or (n_clips, n_tags)
            Finite also where a probability is 0 to the precision of a float.
        """
        logits = self._logits(X)
        return self._coding().log_probabilities(logits)

    def decision_function(self, X):
        """Return the logits of each class or tag.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        logits : ndarray of shape (n_clips,), (n_clips, n_classes) or (n_clips, n_tags)
            Of two classes, that of the second; the mean over the rows of a clip.
        """
        logits = self._logits(X)
        return logits[:, 0] if self._coding().kind == "binary" else logits

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
        tags.classifier_tags.multi_label = True
        return tags

    def _dtype(self):
        return np.float64 if self.precision == "float64" else np.float32

    def _coding(self):
        return Coding(self._kind, self.classes_, self._tag_dtype)

    def _read(self, X, *, reset):
        """Return clips to train on and their layout."""
        return self._read_clips(X, reset=reset, dtype=self._dtype())

    def _read_labels(self, y, rows, layout, sample_weight, coding=None):
        """Return the coding of labels, and clips with their targets and weights."""
        check_clip_labels(y, layout.n_clips, needed_by=self)
        if coding is None:
            coding = Coding.of(y)
        targets = coding.encode(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, np.empty((layout.n_clips, 1)), ensure_non_negative=True
            )
        weight = coding.weigh(targets, sample_weight, self.class_weight)
        return coding, LabelledClips(rows, layout, targets, weight)

    def _read_validation(self, X_val, y_val, coding):
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be passed together.")
        if X_val is None:
            return None
        rows, layout = self._read(X_val, reset=False)
        check_clip_labels(y_val, layout.n_clips)
        return LabelledClips(rows, layout, coding.encode(y_val, "y_val"), None)

    def _check_classes(self, coding):
        """Raise a ``ValueError`` unless a warm start can go on to these labels."""
        if not np.array_equal(coding.classes, self.classes_):
            raise ValueError(
                f"warm_start=True, but y has the classes {coding.classes.tolist()} and "
                f"the fit before had {self.classes_.tolist()}; expected the same."
            )

    def _open_checkpoint(self, *data):
        if self.checkpoint_dir is None:
            return None
        from skdeepmir._training._checkpoints import Checkpoint

        return Checkpoint(self.checkpoint_dir, self, *data)

    def _begin(self, coding, data, seed, earlier):
        """Return a new net to be trained, or one with the weights ``earlier``."""
        import torch

        generator = torch.Generator(choose_device(self.device)).manual_seed(seed)
        if earlier is None:
            fitted = self._begin_learned(data, seed)
        else:
            fitted = {name: getattr(self, name) for name in self._learned_names}
        fitted = {
            **fitted,
            "classes_": coding.classes,
            "_kind": coding.kind,
            "_tag_dtype": coding.dtype,
            "_mask_seed": seed,
            "_learned_names": tuple(fitted),
        }
        module = self._make_module(
            coding.n_outputs, fitted, generator, self.initialization
        ).to(getattr(torch, np.dtype(self._dtype()).name))
        if earlier is None:
            self._prepare(module, data, fitted, generator)
        else:
            self._load_weights(module, earlier)
        return Job(coding, module, generator, fitted)

    def _load_weights(self, module, weights):
        import torch

        found = {name: list(array.shape) for name, array in weights.items()}
        expected = {n: list(t.shape) for n, t in module.state_dict().items()}
        if found != expected:
            raise ValueError(
                f"The fit before had a net with weights of shapes {found}, but the "
                f"parameters now ask for {expected}. Set them back, or use "
                "warm_start=False (a clone, for partial_fit)."
            )
        module.load_state_dict({n: torch.from_numpy(w) for n, w in weights.items()})

    def _run(self, job, X, y, data, watched=None, settings=None, **options):
        """Train, and store what was learned; return the state of the optimiser."""
        from skdeepmir._training import _loop
        from skdeepmir._training._data import LogisticLoss, SoftmaxLoss

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
        epochs = EpochWatch(self, n_epochs, X, y)
        progress, optimizer_state = _loop.train(
            settings,
            job.module,
            SoftmaxLoss() if job.coding.kind == "multiclass" else LogisticLoss(),
            rows,
            validation=watched_rows,
            generator=job.generator,
            watch=epochs,
            state=fitted_after,
            after_step=self._after_step(job.module),
            **options,
        )
        for name in getattr(self, "_learned_names", ()):
            delattr(self, name)
        vars(self).update(fitted_after(progress))
        epochs.finish()
        return optimizer_state

    def _warn_of_bad_loss(self):
        loss, guessing = self.loss_curve_[-1], self._coding().guessing_loss
        if loss > ALLOWED_LOSS * guessing:
            warnings.warn(
                f"Training ended with a loss of {loss:.3g}, where guessing has "
                f"{guessing:.3g}. Lower learning_rate={self.learning_rate!r} "
                f"(optimizer={self.optimizer!r}), or scale the input, as with "
                "StandardScaler.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _run_once(self, job, X, y, data):
        """Make one more pass; return what the next needs."""
        import torch

        from skdeepmir._training import _loop

        settings = replace(
            _loop.Settings.of(self),
            max_epochs=1,
            learning_rate_schedule="constant",
            early_stopping=False,
        )
        options = {}
        kind = (self.optimizer, self.weight_decay > 0)
        state = getattr(self, "_training_state", None)
        if hasattr(self, "weights_"):
            curve = self.loss_curve_.tolist()
            settings = replace(settings, max_epochs=len(curve) + 1)
            options["progress"] = _loop.Progress(len(curve), curve)
        if state is not None and state["kind"] == kind:
            job.generator.set_state(torch.from_numpy(state["generator"].copy()))
            options["optimizer_state"] = map_arrays(
                state["optimizer"], lambda array: torch.from_numpy(array.copy())
            )
        optimizer_state = self._run(job, X, y, data, settings=settings, **options)
        return {
            "kind": kind,
            "generator": job.generator.get_state().numpy(),
            "optimizer": map_arrays(optimizer_state, lambda t: t.cpu().numpy().copy()),
        }

    def _fitted_module(self, generator):
        """Return the net with its fitted weights, in float64."""
        import torch

        module = self._make_module(
            self._coding().n_outputs, vars(self), generator, None
        ).double()
        weights = {n: torch.from_numpy(w) for n, w in self.weights_.items()}
        module.load_state_dict(weights)
        return module.eval()

    def _logits(self, X, **options):
        """Return the logits (n_clips, n_outputs) in float64."""
        import torch

        check_is_fitted(self)
        clips, layout = self._read_clips(X, reset=False, dtype=np.float64)
        generator = torch.Generator()
        module = self._fitted_module(generator)
        with torch.inference_mode(), limit_threads(self.n_threads):
            return self._logits_of_clips(module, clips, layout, generator, **options)


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
