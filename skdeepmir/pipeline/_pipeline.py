"""The class ``Pipeline``, and ``make_pipeline``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Self

import numpy as np
import sklearn.pipeline
from numpy.typing import NDArray
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from skdeepmir._bases import ScikitPipeline, available_if
from skdeepmir._frame_rates import (
    check_numbers_of_frames,
    check_rates,
    handed_on,
    is_estimator,
)
from skdeepmir._sklearn import undone_if_it_fails
from skdeepmir.pipeline._advice import advice_on_rows
from skdeepmir.pipeline._forwarded import ForwardingPipeline
from skdeepmir.pipeline._names import makes_frames, names_after, names_features
from skdeepmir.pipeline._streaming import chosen, has_flat_memory
from skdeepmir.pipeline._validated import Validated, takes_validation


def _inherits(name: str) -> Callable[[Any], bool]:
    """Return whether scikit-learn's pipeline has a method, as its steps decide."""

    def check(self: Any) -> bool:
        getattr(super(Pipeline, self), name)  # says why not
        return True

    return check


def _inherited(name: str) -> Any:
    """Return a method of scikit-learn's pipeline that checks frame rates before."""

    @available_if(_inherits(name))
    @wraps(getattr(ScikitPipeline, name))
    def method(self: Any, X: Any, *args: Any, **params: Any) -> Any:
        if has_flat_memory(self) and not params:
            return self._hand_to_last(name, X, *args)
        check_rates(self)
        return getattr(super(Pipeline, self), name)(X, *args, **params)

    return method


class Pipeline(ForwardingPipeline):
    """A scikit-learn pipeline whose steps may begin with audio.

    It does what scikit-learn's does, takes the same parameters, and also

    - hands the frame rate of :class:`~skdeepmir.SpectrogramExtractor`, and what moment
      a frame stands for, on to each step whose ``frame_rate`` is None, however deep
      inside: windows in seconds, onsets and annotations of chords stay right whatever
      ``hop_length``, ``n_fft`` and ``sample_rate`` a search tries. A ``frame_rate`` or
      ``frame_offset`` that was set and differs is refused;
    - takes validation clips in ``fit(X, y, X_val=..., y_val=...)`` and hands them
      through the fitted steps to the last, also from
      ``GridSearchCV(pipeline).fit(X, y, X_val=..., y_val=...)``;
    - has the methods of its last step, or of what a search there has chosen, that
      scikit-learn does not know, on audio:
      ``predict_intervals``, ``predict_activations``, ``predict_tags``, ``to_lab``,
      ``to_txt``, ``to_jams``, and ``stream`` on live audio;
    - names features from the spectrum on, such as "mean_clip_log_mel_12";
    - says what to put between frames and an estimator that takes one row for each clip;
    - leaves all steps as they were if a fit fails or is interrupted.

    Parameters
    ----------
    steps : list of tuple (str, estimator)
        Names and estimators, in the order in which they are applied. All but the last
        are transformers; "passthrough" does nothing.
    transform_input : list of str, default=None
        Metadata that earlier steps transform, with scikit-learn's metadata routing. Not
        needed for ``X_val``.
    memory : str or object with the joblib.Memory interface, default=None
        Where fitted transformers are kept. For the features of files, the extractor's
        own ``cache_dir`` does more: it knows each file by its content.
    verbose : bool, default=False
        Whether to print the time that each step takes to fit.

    Attributes
    ----------
    named_steps : Bunch
        Steps by name.
    classes_ : ndarray of shape (n_classes,)
        Labels, if the last step is a classifier.
    tag_names_ : ndarray of shape (n_tags,), dtype=object
        Names of the tags, if the last step is a tagger that knows them.
    n_features_in_ : int
        Of the first step, if it has some.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Of the first step, if it has some.
    delay_ : float
        Seconds from an event to when ``stream`` yields it, if the last step has a
        ``stream``. To them comes the rest of the block in which it becomes known.

    See Also
    --------
    make_pipeline : Names steps by their classes.
    skdeepmir.compare : Compares pipelines.

    Notes
    -----
    Steps in pipelines of scikit-learn's own class work as well; there, ``frame_rate``
    is set by hand, and ``X_val`` is transformed with ``pipeline[:-1].transform``.

    For the time of ``fit`` the steps' ``frame_rate`` is set, so that clones and
    ``memory`` know it; afterwards it is None again, and the fitted attribute
    ``frame_rate_`` counts. Where parameters are changed after ``fit`` so that frames
    come at another rate, predictions are refused; where a step has kept the offset or
    the sample rate, also for frames with others.

    A transformer of another package is taken to keep the number of frames of a clip;
    ``fit`` looks whether it does where a later step needs the rate.

    A search over the pipeline picks training clips out of whatever has as many items as
    X: pass it another number of validation clips.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skdeepmir import MultiTimescalePooler, SpectrogramExtractor
    >>> from skdeepmir.datasets import make_instrument_clips
    >>> from skdeepmir.pipeline import Pipeline
    >>> clips = make_instrument_clips(n_clips=12, n_instruments=12, random_state=0)
    >>> pipeline = Pipeline(
    ...     [
    ...         ("spectrum", SpectrogramExtractor(n_mels=20, verbose=False)),
    ...         ("pooler", MultiTimescalePooler(windows=0.5)),
    ...         ("classifier", LogisticRegression(max_iter=1000)),
    ...     ]
    ... )
    >>> search = GridSearchCV(pipeline, {"spectrum__hop_length": [256, 512]}, cv=2)
    >>> best = search.fit(clips.data, clips.target).best_estimator_
    >>> round(best["pooler"].window_frames_[0] / best["spectrum"].frame_rate, 2)
    0.5
    >>> best[:-1].get_feature_names_out()[[0, -1]]
    array(['mean_0.5s_log_mel_0', 'std_0.5s_log_mel_19'], dtype=object)
    """

    # X_val and y_val are not routed: fit takes them itself.
    __metadata_request__fit = {"X_val": UNUSED, "y_val": UNUSED}
    __metadata_request__fit_transform = {"X_val": UNUSED, "y_val": UNUSED}
    _hands_on_frame_rates = True

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        **params: Any,
    ) -> Self:
        """Fit all steps, one after the other.

        Parameters
        ----------
        X : list of path, list of ndarray, or array-like
            Clips, as the first step takes them.
        y : array-like of shape (n_clips, ...), default=None
            Labels, as the steps take them.
        X_val, y_val : default=None
            Clips to validate on, in the form of X and y. They go through the fitted
            steps to the last, which must take them, as nets do.
        **params : dict
            Parameters of the steps' ``fit``, such as
            ``convtagger__sample_weight=weights``, or what steps have requested, with
            metadata routing.

        Returns
        -------
        self : Pipeline
            The fitted pipeline.

        Raises
        ------
        ValueError
            If a step has another ``frame_rate`` than what reaches it, if the last step
            takes no ``X_val``, or if frames reach a step that takes rows. Otherwise
            what the steps raise.
        """
        with self._fitting(X, X_val, y_val):
            super().fit(X, y, **params)
        return self

    @available_if(_inherits("fit_transform"))
    def fit_transform(
        self,
        X: Any,
        y: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        **params: Any,
    ) -> Any:
        """Fit all steps, and return what the last makes of X.

        Parameters
        ----------
        X : list of path, list of ndarray, or array-like
            See :meth:`fit`.
        y : array-like of shape (n_clips, ...), default=None
            See :meth:`fit`.
        X_val, y_val : default=None
            See :meth:`fit`.
        **params : dict
            See :meth:`fit`.

        Returns
        -------
        transformed : list of ndarray, ndarray or data frame
            The clips, as the last step leaves them.
        """
        with self._fitting(X, X_val, y_val):
            transformed = super().fit_transform(X, y, **params)
        return self._with_names(transformed)

    @available_if(_inherits("fit_predict"))
    def fit_predict(self, X: Any, y: Any = None, **params: Any) -> NDArray[Any]:
        """Fit all steps, and return what the last predicts for X.

        Parameters
        ----------
        X : list of path, list of ndarray, or array-like
            See :meth:`fit`.
        y : array-like of shape (n_clips, ...), default=None
            See :meth:`fit`.
        **params : dict
            See :meth:`fit`.

        Returns
        -------
        predicted : ndarray of shape (n_clips,)
            Of clusterings and detectors of outliers.
        """
        with self._fitting(X, None, None):
            return super().fit_predict(X, y, **params)

    predict = _inherited("predict")
    predict_proba = _inherited("predict_proba")
    predict_log_proba = _inherited("predict_log_proba")
    decision_function = _inherited("decision_function")
    score_samples = _inherited("score_samples")
    score = _inherited("score")

    @available_if(_inherits("transform"))
    def transform(self, X: Any, **params: Any) -> Any:
        """Transform clips by all steps.

        Parameters
        ----------
        X : list of path, list of ndarray, or array-like
            See :meth:`fit`.
        **params : dict
            What steps have requested, with metadata routing.

        Returns
        -------
        transformed : list of ndarray, ndarray or data frame
            The clips, as the last step leaves them. The columns of a data frame are
            named by :meth:`get_feature_names_out`.
        """
        check_rates(self)
        return self._with_names(super().transform(X, **params))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Name the features that the last step gives.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features of X; audio has none.

        Returns
        -------
        names : ndarray of shape (n_features_out,), dtype=object
            Names such as "mean_clip_log_mel_12". Where clips are frames after the last
            step, those of the columns of a frame.
        """
        check_is_fitted(self)
        names, in_frames = input_features, False
        for place, step in self._estimators():
            if not names_features(step):
                raise AttributeError(
                    f"Step {place!r} ({type(step).__name__}) has no "
                    "get_feature_names_out. Name the features before it: "
                    "pipeline[:k].get_feature_names_out()."
                )
            names, in_frames = names_after(step, names, in_frames)
        return names

    @property
    def tag_names_(self) -> NDArray[np.object_]:
        """Names of the tags that the last step knows."""
        return chosen(self.steps[-1][1]).tag_names_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        steps = [step for _, step in self.steps if is_estimator(step)]
        if steps:
            first = get_tags(steps[0])
            for name in ("three_d_array", "string", "positive_only", "allow_nan"):
                setattr(tags.input_tags, name, getattr(first.input_tags, name))
            inner = [get_tags(step) for step in steps]
            tags.target_tags.required = any(t.target_tags.required for t in inner)
            tags.non_deterministic = any(t.non_deterministic for t in inner)
            if tags.transformer_tags is not None:
                kept = [t.transformer_tags for t in inner if t.transformer_tags]
                tags.transformer_tags.preserves_dtype = [
                    dtype
                    for dtype in tags.transformer_tags.preserves_dtype
                    if all(dtype in t.preserves_dtype for t in kept)
                ]
            if tags.input_tags.string:  # a waveform of two samples says little
                for of_kind in (tags.classifier_tags, tags.regressor_tags):
                    if of_kind is not None:
                        of_kind.poor_score = True
        return tags

    def _estimators(self) -> list[tuple[str, Any]]:
        return [(name, step) for name, step in self.steps if is_estimator(step)]

    def _with_names(self, transformed: Any) -> Any:
        """Return a data frame with columns that are named from the spectrum on."""
        steps = self._estimators()
        begins_with_frames = steps and makes_frames(steps[0][1])
        if not hasattr(transformed, "columns") or not begins_with_frames:
            return transformed
        if all(names_features(step) for _, step in steps):
            transformed.columns = list(self.get_feature_names_out())
        return transformed

    @contextmanager
    def _fitting(self, X: Any, X_val: Any, y_val: Any) -> Iterator[None]:
        """Hand on what steps need to know of each other, for the time of a fit."""
        self._validate_params()
        parts = filter(is_estimator, self.get_params().values())
        with undone_if_it_fails([self, *parts]):
            try:
                with handed_on(self) as needs_rate, self._validating(X_val, y_val):
                    yield
            except (TypeError, ValueError) as error:
                if found := advice_on_rows(self._estimators(), X):
                    raise ValueError(f"{found} (Its error was: {error})") from error
                raise
            if needs_rate:
                check_numbers_of_frames(self, X)

    @contextmanager
    def _validating(self, X_val: Any, y_val: Any) -> Iterator[None]:
        """Give the last step clips to validate on, for the time of a fit."""
        steps = self.steps
        if steps and (X_val is not None or y_val is not None):
            self.steps = [*steps[:-1], self._validated(steps[-1], X_val, y_val)]
        try:
            yield
        finally:
            self.steps = [*self.steps[:-1], *steps[-1:]]
            pairs = zip(self.steps, steps, strict=True)
            if all(now[1] is before[1] for now, before in pairs):
                self.steps = steps  # a cache has given no others

    def _validated(self, last: Any, X_val: Any, y_val: Any) -> tuple[str, Any]:
        """Return the last step with clips to validate on."""
        name, estimator = last
        if not takes_validation(estimator):
            raise ValueError(
                f"X_val and y_val were passed, but the last step, {name!r} "
                f"({type(estimator).__name__}), takes no validation clips. Leave them "
                "out, or end with an estimator that does, such as ConvTagger."
            )
        return name, Validated(estimator, self, X_val, y_val)


def make_pipeline(
    *steps: Any,
    memory: Any = None,
    transform_input: list[str] | None = None,
    verbose: bool = False,
) -> Pipeline:
    """Make a :class:`Pipeline` whose steps are named by their classes.

    Parameters
    ----------
    *steps : estimator
        What is applied, in this order.
    memory : str or object with the joblib.Memory interface, default=None
        See :class:`Pipeline`.
    transform_input : list of str, default=None
        See :class:`Pipeline`.
    verbose : bool, default=False
        See :class:`Pipeline`.

    Returns
    -------
    pipeline : Pipeline
        The pipeline. Its steps have the names of their classes in lower case.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> from skdeepmir import MultiTimescalePooler, SpectrogramExtractor, make_pipeline
    >>> pipeline = make_pipeline(SpectrogramExtractor(), MultiTimescalePooler(), SVC())
    >>> list(pipeline.named_steps)
    ['spectrogramextractor', 'multitimescalepooler', 'svc']
    """
    named = sklearn.pipeline.make_pipeline(*steps).steps
    return Pipeline(
        named, transform_input=transform_input, memory=memory, verbose=verbose
    )
