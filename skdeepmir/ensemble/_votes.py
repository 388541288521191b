"""Classifiers of clips around another: by votes of rows, or with variants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import (
    check_is_fitted,
    has_fit_parameter,
)

from skdeepmir._bases import BaseEstimator, ClassifierMixin, available_if
from skdeepmir._sklearn import (
    BaseSearchCV,
    CallbackSupportMixin,
    HasMethods,
    StrOptions,
    _fit_context,
    fit_inside,
)
from skdeepmir._threads import one_blas_thread
from skdeepmir._validation import check_weights, read_labels, validate_clips
from skdeepmir.frames import ClipsLike, LabelsLike, mean_of_clips


class _ClipClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """A classifier of clips that hands its work on to another."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = inner.input_tags.positive_only
        if inner.classifier_tags is not None:
            tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
        tags.non_deterministic = inner.non_deterministic
        return tags

    def _read(self, X, y, **options):
        """Check what is fitted to."""
        if not is_classifier(self.estimator):
            raise ValueError(
                f"estimator={type(self.estimator).__name__} is not a classifier."
            )
        rows, layout = validate_clips(self, X, reset=True, **options)
        y = read_labels(y, layout.n_clips, self)
        if y.ndim == 2:
            raise ValueError(
                f"y should be a 1d array, got an array of shape {y.shape}, as tags "
                f"have; {type(self).__name__} takes one label a clip. Fit one to each "
                "column of y, or use what takes tags, such as DropoutMLPClassifier."
            )
        return rows, layout, y

    def _weights(self, sample_weight, layout):
        """Check the weights of clips."""
        if not has_fit_parameter(self.estimator, "sample_weight"):
            raise ValueError(
                f"{type(self.estimator).__name__} takes no sample_weight. Leave it out "
                "or use a classifier that does."
            )
        # Whether weights may be negative is up to the classifier.
        return check_weights(sample_weight, layout.n_clips, from_zero=False)


class ClipVotingClassifier(_ClipClassifier):
    """Classify clips by the vote of their frames or windows.

    Any scikit-learn classifier is fitted on all rows of all clips, each with its clip's
    label; a clip's probabilities are the mean over its rows. A clip stays one sample:
    labels, groups and weights are given per clip, and no clip is ever split between
    training and test.

    Parameters
    ----------
    estimator : estimator
        A scikit-learn classifier. It is cloned.
    voting : {"auto", "soft", "hard"}, default="auto"
        - "soft": rows vote with their probabilities (``predict_proba``).
        - "hard": rows vote with their predicted class; probabilities are shares of
          votes.
        - "auto": "soft" if the fitted classifier has ``predict_proba``, else "hard"
          (``SVC()`` has none). ``voting_`` tells which.

    Attributes
    ----------
    estimator_ : estimator
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    voting_ : {"soft", "hard"}
        How rows vote.
    n_features_in_ : int
        Features per row.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    MultiTimescalePooler : Frames into windows, with ``output="windows"``.
    FrameTransformer : Any scikit-learn transformer on frames.

    Notes
    -----
    A support vector machine on windows of some seconds and a vote over them is the
    classifier of [1]_. A clip with more rows weighs more in the fit, as there.

    References
    ----------
    .. [1] P. Hamel and D. Eck. Learning features from music audio with deep belief
       networks. ISMIR 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdeepmir import ClipVotingClassifier
    >>> rng = np.random.RandomState(0)
    >>> clips = [rng.randn(20, 2) + label for label in (0, 0, 3, 3)]
    >>> vote = ClipVotingClassifier(LogisticRegression())
    >>> vote.fit(clips, ["low", "low", "high", "high"]).predict(clips)
    array(['low', 'low', 'high', 'high'], dtype='<U4')
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"])],
        "voting": [StrOptions({"auto", "soft", "hard"})],
    }

    def __init__(
        self, estimator: Any, *, voting: Literal["auto", "soft", "hard"] = "auto"
    ) -> None:
        self.estimator = estimator
        self.voting = voting

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: ClipsLike, y: LabelsLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the classifier on all rows of all clips.

        Parameters
        ----------
        X : list of ndarray of shape (n_rows_i, n_features), ndarray of shape \
                (n_clips, n_rows, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips of frames or windows. Rows of a 2-D array are clips of one row.
        y : array-like of shape (n_clips,)
            One label for each clip.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips, for classifiers that take weights.

        Returns
        -------
        self : ClipVotingClassifier
            The fitted classifier.
        """
        rows, layout, y = self._read(X, y)
        inner = clone(self.estimator)
        options = {}
        if sample_weight is not None:
            options["sample_weight"] = self._weights(sample_weight, layout)
        labels = np.repeat(y, layout.n_frames)
        self.estimator_ = inner
        with one_blas_thread():
            fit_inside(self, inner, lambda: inner.fit(rows, labels, **options), X, y)
        self.classes_ = inner.classes_
        self.voting_ = self._choose_voting(inner)
        return self

    def predict(self, X: ClipsLike) -> NDArray[Any]:
        """Predict the label of each clip: the class with the largest probability.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        y : ndarray of shape (n_clips,)
            Labels; on a tie the first in ``classes_``.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X: ClipsLike) -> NDArray[np.float64]:
        """Predict the probability of each class for each clip.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_clips, n_classes)
            Mean over the clip's rows.
        """
        check_is_fitted(self)
        rows, layout = validate_clips(self, X, reset=False)
        with one_blas_thread():
            if self.voting_ == "soft":
                votes = self.estimator_.predict_proba(rows)
            else:
                votes = self.estimator_.predict(rows)[:, np.newaxis] == self.classes_
        return mean_of_clips(votes, layout)

    def _weights(self, sample_weight, layout):
        return np.repeat(super()._weights(sample_weight, layout), layout.n_frames)

    def _choose_voting(self, fitted):
        has_probabilities = hasattr(fitted, "predict_proba")
        if self.voting == "soft" and not has_probabilities:
            raise ValueError(
                f"voting='soft' needs probabilities, but {type(fitted).__name__} has "
                "no predict_proba. Use voting='hard', or wrap it in a "
                "CalibratedClassifierCV."
            )
        if self.voting == "auto":
            return "soft" if has_probabilities else "hard"
        return self.voting


def _is_probabilistic(self):
    return hasattr(getattr(self, "estimator_", self.estimator), "predict_proba")


def _has_scores_only(self):
    inner = getattr(self, "estimator_", self.estimator)
    return not _is_probabilistic(self) and hasattr(inner, "decision_function")


class AugmentedClassifier(_ClipClassifier):
    """Classify clips by a classifier that has also seen variants of them.

    The classifier is fitted on all clips and on variants that have the same label, such
    as spectra that are shifted by a band; a prediction is the mean over the clip and
    its variants. A clip stays one sample: variants of a test clip are never trained on.

    Parameters
    ----------
    estimator : estimator
        A classifier of clips: a pipeline that ends in one. It is cloned.
    variants : list of transformer
        Each makes another version of every clip, with as many features; they are
        cloned. The clips themselves always take part. An empty list fits the estimator
        as it is.
    predict_variants : bool, default=True
        Whether variants take part in predictions. This costs a prediction for each.

    Attributes
    ----------
    estimator_ : estimator
        The fitted classifier.
    variants_ : list of transformer
        The fitted variants.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    n_features_in_ : int
        Features per frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    BandShifter : Bands moved up or down.

    Notes
    -----
    It has ``predict_proba`` if the classifier has; otherwise ``decision_function``
    (``SVC()`` has no other), whose means over variants decide.

    Tune the classifier by a search over this estimator from outside; a search *inside*
    would split variants of one clip, and is refused.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdeepmir import AugmentedClassifier, BandShifter
    >>> from skdeepmir import MultiTimescalePooler, make_pipeline
    >>> rng = np.random.RandomState(0)
    >>> clips = [rng.rand(20, 8) + (np.arange(8) == place) for place in (2, 2, 5, 5)]
    >>> inner = make_pipeline(MultiTimescalePooler(), LogisticRegression())
    >>> shifted = [BandShifter(-1), BandShifter(1)]
    >>> augmented = AugmentedClassifier(inner, shifted)
    >>> augmented.fit(clips, ["low", "low", "high", "high"]).predict(clips)
    array(['low', 'low', 'high', 'high'], dtype='<U4')
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"])],
        "variants": [list, tuple],
        "predict_variants": ["boolean"],
    }

    def __init__(
        self, estimator: Any, variants: Sequence[Any], *, predict_variants: bool = True
    ) -> None:
        self.estimator = estimator
        self.variants = variants
        self.predict_variants = predict_variants

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: ClipsLike, y: LabelsLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the classifier on clips and their variants.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips of frames. Rows of a 2-D array are clips of one frame.
        y : array-like of shape (n_clips,)
            One label for each clip.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips, for classifiers that take weights; a ``Pipeline``
            takes none.

        Returns
        -------
        self : AugmentedClassifier
            The fitted classifier.
        """
        self._check_parts()
        clips, layout, y = self._read(X, y, stack=False)
        self.variants_ = [clone(variant).fit(clips) for variant in self.variants]
        versions = self._versions(clips, self.variants_)
        for variant, version in zip(self.variants, versions[1:], strict=True):
            if np.shape(version[0]) != np.shape(clips[0]):
                raise ValueError(
                    f"The variant {variant!r} turns clip 0 of shape "
                    f"{np.shape(clips[0])} into {np.shape(version[0])}; expected the "
                    "same shape. Transform clips before this classifier, or inside its "
                    "estimator."
                )
        options = {}
        if sample_weight is not None:
            weights = self._weights(sample_weight, layout)
            options["sample_weight"] = np.tile(weights, len(versions))
        inner = clone(self.estimator)
        if layout.has_clips:
            together = [clip for version in versions for clip in version]
        else:
            together = np.concatenate(versions)
        labels = np.tile(y, len(versions))
        with one_blas_thread():
            fit_inside(
                self, inner, lambda: inner.fit(together, labels, **options), X, y
            )
        self.estimator_ = inner
        self.classes_ = inner.classes_
        return self

    def predict(self, X: ClipsLike) -> NDArray[Any]:
        """Predict the label of each clip.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        y : ndarray of shape (n_clips,)
            Labels.
        """
        if not self._voters():  # the classifier's own rule
            check_is_fitted(self)
            clips, _ = validate_clips(self, X, reset=False, stack=False)
            with one_blas_thread():
                return self.estimator_.predict(clips)
        if _is_probabilistic(self):
            scores = self._mean("predict_proba", X)
        elif _has_scores_only(self):
            scores = self._mean("decision_function", X)
        else:
            scores = self._mean("predict", X)
        if scores.ndim == 1:
            return self.classes_[(scores > 0).astype(int)]
        return self.classes_[scores.argmax(axis=1)]

    @available_if(_is_probabilistic)
    def predict_proba(self, X: ClipsLike) -> NDArray[np.float64]:
        """Predict the probability of each class for each clip.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_clips, n_classes)
            Mean over the clip and its variants.
        """
        return self._mean("predict_proba", X)

    @available_if(_has_scores_only)
    def decision_function(self, X: ClipsLike) -> NDArray[np.float64]:
        """Return the score of each class for each clip.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        scores : ndarray of shape (n_clips, n_classes), or (n_clips,) for two classes
            Mean over the clip and its variants.
        """
        return self._mean("decision_function", X)

    def _mean(self, method, X):
        """Return the mean of what the classifier says of a clip and its variants."""
        check_is_fitted(self)
        clips, _ = validate_clips(self, X, reset=False, stack=False)
        scores = []
        for version in self._versions(clips, self._voters()):
            with one_blas_thread():
                score = getattr(self.estimator_, method)(version)
            if method == "predict":  # votes
                score = score[:, np.newaxis] == self.classes_
            scores.append(score)
        return np.mean(scores, axis=0)

    def _voters(self):
        """Return the variants that take part in predictions."""
        return getattr(self, "variants_", []) if self.predict_variants else []

    def _check_parts(self):
        for variant in self.variants:
            if not hasattr(variant, "transform"):
                raise ValueError(
                    f"variants holds {variant!r}; expected transformers of clips, such "
                    "as BandShifter(1)."
                )
        last = self.estimator
        while isinstance(last, Pipeline):
            last = last.steps[-1][1]
        if isinstance(last, BaseSearchCV):
            raise ValueError(
                f"A {type(last).__name__} inside AugmentedClassifier would have "
                "variants of one clip in training and in validation. Search over the "
                "AugmentedClassifier from outside."
            )
        if getattr(last, "decision_function_shape", "ovr") == "ovo":
            raise ValueError(
                "decision_function_shape='ovo' gives scores of pairs of classes, which "
                "cannot be averaged over variants. Use 'ovr'."
            )

    def _versions(self, clips, variants):
        """Return the clips and their variants."""
        return [clips, *(variant.transform(clips) for variant in variants)]
