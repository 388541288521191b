"""What classifiers and taggers by nets have in common: ``NetClassifier``."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from skdeepmir._parameters import Positive, parameter, parameters
from skdeepmir._sklearn import EpochWatch, _fit_context, parameters_of
from skdeepmir._tag_names import TagMixin, names_of
from skdeepmir._threads import limit_threads
from skdeepmir._training._engine import Progress, train
from skdeepmir._training._estimator import NetEstimator
from skdeepmir._training._gradient import continue_optimizer, map_arrays
from skdeepmir._validation import check_weights, read_labels
from skdeepmir.frames import ClipsLike, LabelsLike
from skdeepmir.neural_network._codings import ClassCoding, Labels
from skdeepmir.neural_network._thresholds import f1_thresholds


@parameters
class TagParameters:
    """The parameters of classes and tags."""

    class_weight: dict[Any, float] | Literal["balanced"] | None = parameter(
        """
        Weights of classes; "balanced" weighs them by their rarity, in tags the presence
        and absence of each.
        """,
        default=None,
    )
    pos_weight: Positive | Annotated[Any, "array-like"] | None = parameter(
        """
        What a clip with a tag weighs beside one without it: above 1, rare tags are
        found more often, and probabilities are too large. (Weights are scaled to a mean
        of 1.) Not together with ``class_weight``.
        """,
        default=None,
        kind="float, array-like of shape (n_tags,) or None",
    )
    tag_names: list[str] | tuple[str, ...] | np.ndarray[Any, Any] | None = parameter(
        """
        Names of the tags, in the order of the columns of y, for ``predict_tags`` and
        reports: ``clips.target_names``, or ``classes_`` of a ``MultiLabelBinarizer``.
        None takes the names of the columns if y is a data frame, which must be the
        same if both are given. Classes have no names but their labels.
        """,
        default=None,
        kind="list, tuple or ndarray of str, or None",
    )
    tune_thresholds: bool = parameter(
        """
        Whether to choose for each tag the threshold with the best F-score on validation
        clips: ``X_val`` and ``y_val``, or ``validation_fraction`` of the clips, which
        are not trained on then. Rare tags are hardly ever predicted at 0.5.
        """,
        default=False,
    )


class NetClassifier(TagParameters, TagMixin, NetEstimator):
    """A classifier of clips, or a tagger, by a net."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ClipsLike,
        y: LabelsLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ClipsLike | None = None,
        y_val: LabelsLike | None = None,
    ) -> Self:
        """Train the net.

        Parameters
        ----------
        X : list of ndarray of shape (n_rows_i, n_features), ndarray of shape \
                (n_clips, n_rows, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips. Rows of a 2-D array are clips of one row.
        y : array-like of shape (n_clips,) or (n_clips, n_tags)
            A label for each clip, or 0 and 1 for each tag. The columns of a data frame
            name the tags.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips.
        X_val, y_val : array-like, default=None
            Clips to validate on, such as those of other artists; they are not trained
            on. A :class:`skdeepmir.pipeline.Pipeline` takes and transforms them.

        Returns
        -------
        self : estimator
            The fitted classifier.

        Raises
        ------
        ValueError
            If X is not a set of clips, y does not fit it, or parameters contradict
            each other.
        DivergenceError
            A ``ValueError``, if the loss is not a number any more.

        Warns
        -----
        ConvergenceWarning
            If training ends far worse than guessing.
        """
        return self._fit(X, y, sample_weight, X_val, y_val)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: ClipsLike,
        y: LabelsLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
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
        given = parameters_of(self)
        if given.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all clips at once, which partial_fit "
                "does not have. Pass the weights: compute_class_weight('balanced', "
                "classes=classes, y=y)."
            )
        is_first = not hasattr(self, "weights_")
        feed = self._make_feed(given) if is_first else self._feed(given)
        clips, layout = feed.read(self, X, reset=is_first, dtype=feed.dtype)
        sample_weight = check_weights(sample_weight, layout.n_clips)
        y_read = self._read_targets(y, layout)
        coding = self._first_coding(y_read, classes) if is_first else self._coding()
        if not is_first and classes is not None:
            _check_same_classes(coding, classes)
        data = self._label(given, coding, clips, layout, y_read, sample_weight)
        if coding.kind == "tags" and coding.names is None:
            coding = replace(coding, names=y_read.names)
        seed = self._draw_seed()
        with limit_threads(given.n_threads):
            if is_first:
                feed, earlier = feed.learn(data, coding, seed), None
            else:
                feed, earlier = self._learn_more(feed, data)
            training = self._begin(given, coding, feed, data, seed, earlier)
            self._training_state = self._run_once(training, given, X, y, data)
        self._begin_thresholds()
        return self

    def predict(self, X: ClipsLike) -> NDArray[Any]:
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

    def predict_proba(self, X: ClipsLike) -> NDArray[np.float64]:
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

    def predict_log_proba(self, X: ClipsLike) -> NDArray[np.float64]:
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

    def decision_function(self, X: ClipsLike) -> NDArray[np.float64]:
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

    def _read_targets(self, y, layout, name="y"):
        return Labels(read_labels(y, layout.n_clips, self, name), names_of(y, name))

    def _make_coding(self, labels, sample_weight):
        coding = ClassCoding.of(labels, tag_names=self.tag_names)
        if self.tune_thresholds and coding.kind != "tags":
            raise ValueError(
                "tune_thresholds=True needs tags, but y has one label a clip. For two "
                "classes see sklearn.model_selection.TunedThresholdClassifierCV."
            )
        return coding

    def _continued(self, coding):
        earlier = super()._continued(coding)
        return replace(earlier, names=earlier.names or coding.names)

    def _learn_more(self, feed, data):
        """Return feed and weights that another call of ``partial_fit`` begins with."""
        return feed, self.weights_

    def _first_coding(self, labels, classes):
        """Return the coding of labels that may not all be there yet."""
        if classes is None and labels.values.ndim < 2:
            raise ValueError(
                "classes must be passed on the first call to partial_fit: all labels "
                "there will be."
            )
        return ClassCoding.of(labels, classes, self.tag_names)

    def _keep_coding(self, coding):
        self.classes_ = coding.classes
        self._kind = coding.kind
        self._tag_dtype = coding.dtype
        vars(self).pop("tag_names_", None)
        if coding.names is not None:
            self.tag_names_ = np.array(coding.names, dtype=object)

    def _coding(self):
        names = getattr(self, "tag_names_", None)
        names = None if names is None else tuple(names)
        return ClassCoding(self._kind, self.classes_, self._tag_dtype, names)

    def _weigh(self, given, coding, targets, sample_weight):
        return coding.weigh(
            targets, sample_weight, given.class_weight, given.pos_weight
        )

    def _holds_out(self, given):
        return given.early_stopping or given.tune_thresholds

    def _learn_last(self, given, data, watched):
        vars(self).pop("thresholds_", None)
        self._begin_thresholds()
        if given.tune_thresholds:
            feed = self._feed(given)
            clips = feed.for_prediction(watched.clips)
            logits = self._logits_of(given, feed, clips, watched.layout)
            probabilities = self._coding().probabilities(logits)
            names = self._coding().names
            self.thresholds_ = f1_thresholds(watched.targets, probabilities, names)

    def _begin_thresholds(self):
        if self._kind == "tags" and not hasattr(self, "thresholds_"):
            self.thresholds_ = np.full(len(self.classes_), 0.5)

    def _run_once(self, training, given, X, y, data):
        """Make one more pass; return what the next needs."""
        progress, state = Progress(), getattr(self, "_training_state", None)
        if hasattr(self, "weights_"):
            curve = self.loss_curve_.tolist()
            progress = Progress(len(curve), curve)
        once = {
            "max_epochs": progress.n_epochs + 1,
            "learning_rate_schedule": "constant",
            "early_stopping": False,
        }
        given = SimpleNamespace(**{**vars(given), **once})
        step = self._step(training, given)
        kind = (given.optimizer, given.weight_decay > 0)
        device = training.generator.device.type
        if state is not None and state["kind"] == kind:
            if state["device"] == device:  # those of other devices have other states
                drawn = torch.from_numpy(state["generator"].copy())
                training.generator.set_state(drawn)
            copies = map_arrays(
                state["optimizer"], lambda array: torch.from_numpy(array.copy())
            )
            continue_optimizer(step.optimizer, copies)
        batches = training.feed.batches(
            data, training.generator, given.batch_size, training=True
        )
        epochs = EpochWatch(self, 1, X, y)
        progress = train(
            step,
            batches,
            given,
            watch=epochs,
            state=lambda progress: self._as_after(training, progress),
            progress=progress,
        )
        self._keep(training, progress)
        epochs.finish()
        return {
            "kind": kind,
            "device": device,
            "generator": training.generator.get_state().numpy(),
            "optimizer": map_arrays(
                step.optimizer.state_dict(), lambda t: t.cpu().numpy().copy()
            ),
        }


def _check_same_classes(coding, classes):
    if not np.array_equal(coding.classes, np.unique(np.asarray(classes))):
        raise ValueError(
            f"classes={classes!r} is not what the first call to partial_fit was given, "
            f"{coding.classes.tolist()}."
        )
