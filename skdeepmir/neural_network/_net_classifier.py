"""What classifiers and taggers by nets have in common: ``NetClassifier``."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_random_state

from skdeepmir._sklearn import Interval, StrOptions, _fit_context
from skdeepmir._threads import limit_threads
from skdeepmir._training._net_estimator import NetEstimator
from skdeepmir._training._state import map_arrays
from skdeepmir.neural_network._targets import Coding
from skdeepmir.neural_network._thresholds import f1_thresholds

TAG_CONSTRAINTS = {
    "class_weight": [dict, StrOptions({"balanced"}), None],
    "pos_weight": ["array-like", Interval(Real, 0, None, closed="neither"), None],
    "tune_thresholds": ["boolean"],
}


class NetClassifier(ClassifierMixin, NetEstimator):
    """A classifier of clips, or a tagger, by a net.

    Subclasses have the parameters of ``TAG_CONSTRAINTS``.
    """

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
        return self._fit(X, y, sample_weight, X_val, y_val)

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
        coding, data = self._read_targets(y, rows, layout, sample_weight, coding)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        with limit_threads(self.n_threads):
            earlier = None if is_first else self.weights_
            job = self._begin(coding, data, seed, earlier)
            self._training_state = self._run_once(job, X, y, data)
        self._begin_thresholds()
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
            Labels, or 0 and 1 for each tag: 1 where its probability is above its
            threshold (``thresholds_``).
        """
        logits = self._logits(X)
        return self._coding().decide(logits, getattr(self, "thresholds_", None))

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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _coding(self):
        return Coding(self._kind, self.classes_, self._tag_dtype)

    def _make_coding(self, y, sample_weight):
        coding = Coding.of(y)
        if self.tune_thresholds and coding.kind != "tags":
            raise ValueError(
                "tune_thresholds=True needs tags, but y has one label a clip. For two "
                "classes see sklearn.model_selection.TunedThresholdClassifierCV."
            )
        return coding

    def _weigh(self, coding, targets, sample_weight):
        return coding.weigh(targets, sample_weight, self.class_weight, self.pos_weight)

    def _holds_out(self):
        return self.early_stopping or self.tune_thresholds

    def _use_validation(self, watched):
        vars(self).pop("thresholds_", None)
        self._begin_thresholds()
        if self.tune_thresholds:
            probabilities = self._coding().probabilities(self._logits_of_read(watched))
            self.thresholds_ = f1_thresholds(watched.targets, probabilities)

    def _begin_thresholds(self):
        if self._kind == "tags" and not hasattr(self, "thresholds_"):
            self.thresholds_ = np.full(len(self.classes_), 0.5)

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
