"""Pipelines that begin with audio: ``Pipeline`` and ``make_pipeline``.

They are scikit-learn's, with the same parameters, and what steps on clips need to know
of each other: frame rates, validation clips, names of features.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np
import sklearn.pipeline
from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline as _Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skdeepmir._frame_rates import (
    check_rates,
    follow,
    handed_on,
    inner_estimators,
    is_estimator,
    uses_of,
)
from skdeepmir._sklearn import (
    BaseSearchCV,
    CallbackSupportMixin,
    _fit_context,
    fit_inside,
)
from skdeepmir.frames import as_sequence, holds_clips

__all__ = ["Pipeline", "make_pipeline"]


def _inherits(name):
    """Return whether scikit-learn's pipeline has a method, as its steps decide."""

    def check(self):
        getattr(super(Pipeline, self), name)  # says why not
        return True

    return check


def _inherited(name):
    """Return a method of scikit-learn's pipeline that checks frame rates before."""

    @available_if(_inherits(name))
    @wraps(getattr(_Pipeline, name))
    def method(self, X, *args, **params):
        check_rates(self)
        return getattr(super(Pipeline, self), name)(X, *args, **params)

    return method


def _last_has(name):
    def check(self):
        getattr(self.steps[-1][1], name)  # says which estimator has none
        return True

    return check


class Pipeline(_Pipeline):
    """A scikit-learn pipeline whose steps may begin with audio.

    It does what scikit-learn's does, takes the same parameters, and also

    - hands the frame rate of :class:`~skdeepmir.SpectrogramExtractor` on to each step
      whose ``frame_rate`` is None, however deep inside: windows in seconds and
      annotations of chords stay right whatever ``hop_length`` and ``sample_rate`` a
      search tries. A ``frame_rate`` that was set and differs is refused;
    - takes validation clips in ``fit(X, y, X_val=..., y_val=...)`` and hands them
      through the fitted steps to the last, also from
      ``GridSearchCV(pipeline).fit(X, y, X_val=..., y_val=...)``;
    - has the methods of its last step that scikit-learn does not know, on audio:
      ``predict_intervals``, ``predict_activations``, ``predict_tags``, ``to_lab``,
      ``to_jams``;
    - names features from the spectrum on, such as "mean_clip_log_mel_12";
    - says what to put between frames and an estimator that takes one row for each clip.

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
    n_features_in_ : int
        Of the first step, if it has some.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Of the first step, if it has some.

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
    come at another rate, predictions are refused.

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

    def fit(self, X, y=None, *, X_val=None, y_val=None, **params):
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
    def fit_transform(self, X, y=None, *, X_val=None, y_val=None, **params):
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
    def fit_predict(self, X, y=None, **params):
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
    def transform(self, X, **params):
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

    @available_if(_last_has("predict_intervals"))
    def predict_intervals(self, X, **options):
        """Transform clips, and recognise when labels hold.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        **options : dict
            Of the last step's ``predict_intervals``.

        Returns
        -------
        annotations : list of tuple (intervals, labels)
            For each clip ``intervals`` of shape (n, 2) in seconds and ``labels``.
        """
        return self._hand_to_last("predict_intervals", X, **options)

    @available_if(_last_has("predict_activations"))
    def predict_activations(self, X, **options):
        """Transform clips, and predict when classes or tags are there.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        **options : dict
            Of the last step's ``predict_activations``.

        Returns
        -------
        activations : ndarray of shape (n_clips,), dtype=object
            What the last step returns, such as the probabilities of each excerpt.
        """
        return self._hand_to_last("predict_activations", X, **options)

    @available_if(_last_has("predict_tags"))
    def predict_tags(self, X, **options):
        """Transform clips, and predict the names of their tags.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        **options : dict
            Of the last step's ``predict_tags``.

        Returns
        -------
        tags : list of list of str
            Names of the tags of each clip.
        """
        return self._hand_to_last("predict_tags", X, **options)

    @available_if(_last_has("to_lab"))
    def to_lab(self, X, paths, **options):
        """Transform clips, and write when labels hold to ``.lab`` files.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.
        **options : dict
            Of the last step's ``to_lab``.

        Returns
        -------
        annotations : list of tuple (intervals, labels)
            What was written; see :meth:`predict_intervals`.
        """
        return self._hand_to_last("to_lab", X, paths, **options)

    @available_if(_last_has("to_jams"))
    def to_jams(self, X, paths, **options):
        """Transform clips, and write when labels hold to ``.jams`` files.

        Parameters
        ----------
        X : list of path or ndarray
            Clips, see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.
        **options : dict
            Of the last step's ``to_jams``.

        Returns
        -------
        annotations : list of tuple (intervals, labels)
            What was written; see :meth:`predict_intervals`.
        """
        return self._hand_to_last("to_jams", X, paths, **options)

    def get_feature_names_out(self, input_features=None):
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
        for place, step in self._named_transformers():
            if not _names_features(step):
                raise AttributeError(
                    f"Step {place!r} ({type(step).__name__}) has no "
                    "get_feature_names_out. Name the features before it: "
                    "pipeline[:k].get_feature_names_out()."
                )
            names, in_frames = _names_after(step, names, in_frames)
        return names

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        steps = [step for _, step in self.steps if is_estimator(step)]
        if steps:
            first = get_tags(steps[0])
            for name in ("three_d_array", "string", "positive_only", "allow_nan"):
                setattr(tags.input_tags, name, getattr(first.input_tags, name))
            inner = [get_tags(step) for step in steps]
            tags.target_tags.required = any(t.target_tags.required for t in inner)
            tags.non_deterministic = any(t.non_deterministic for t in inner)
        return tags

    def _named_transformers(self):
        return [(name, step) for name, step in self.steps if is_estimator(step)]

    def _hand_to_last(self, method, X, *args, **options):
        """Transform clips by all steps but the last, and call a method of that."""
        check_is_fitted(self)
        check_rates(self)
        if len(self.steps) > 1:
            X = self[:-1].transform(X)
        return getattr(self.steps[-1][1], method)(X, *args, **options)

    def _with_names(self, transformed):
        """Return a data frame with columns that are named from the spectrum on."""
        steps = self._named_transformers()
        begins_with_frames = steps and _makes_frames(steps[0][1])
        if not hasattr(transformed, "columns") or not begins_with_frames:
            return transformed
        if all(_names_features(step) for _, step in steps):
            transformed.columns = list(self.get_feature_names_out())
        return transformed

    @contextmanager
    def _fitting(self, X, X_val, y_val):
        """Hand on what steps need to know of each other, for the time of a fit."""
        self._validate_params()
        steps = self.steps
        last = steps[-1] if steps else None
        try:
            with handed_on(self) as needs_rate:
                if X_val is not None or y_val is not None:
                    self.steps = [*steps[:-1], self._validated(last, X_val, y_val)]
                yield
        except (TypeError, ValueError) as error:
            self._put_back(steps, last)
            if found := self._wants_rows(X):
                raise ValueError(found) from error
            raise
        finally:
            self._put_back(steps, last)
        if needs_rate:
            self._check_numbers_of_frames(X)

    def _put_back(self, steps, last):
        """Put back the list of steps, unless a cache has given others."""
        if last is not None and isinstance(self.steps[-1][1], _WithValidation):
            self.steps = [*self.steps[:-1], last]
        if len(self.steps) == len(steps) and all(
            now[1] is before[1] for now, before in zip(self.steps, steps, strict=True)
        ):
            self.steps = steps

    def _validated(self, last, X_val, y_val):
        """Return the last step with clips to validate on."""
        name, estimator = last
        if not _takes_validation(estimator):
            raise ValueError(
                f"X_val and y_val were passed, but the last step, {name!r} "
                f"({type(estimator).__name__}), takes no validation clips. Leave them "
                "out, or end with an estimator that does, such as ConvTagger."
            )
        return name, _WithValidation(estimator, self, X_val, y_val)

    def _wants_rows(self, X):
        """Return what to do if frames reached a step that takes rows, else None."""
        # Called after an error: each step is asked again, of two clips.
        clips = as_sequence(X)
        if not isinstance(clips, list | np.ndarray) and not hasattr(clips, "columns"):
            return None  # not a set of clips at all
        clips = clips[:2]
        steps = self._named_transformers()
        for i, (place, step) in enumerate(steps):
            is_last = i == len(steps) - 1
            if i and holds_clips(clips) and not _takes_clips(step):
                if is_last or not _transforms(step, clips):
                    return _between(place, step)
            if is_last:
                return None
            try:
                clips = step.transform(clips)
            except (TypeError, ValueError):  # this one failed, for another reason
                return None
        return None

    def _check_numbers_of_frames(self, X):
        """Raise a ``ValueError`` if a step has changed the frame rate unnoticed."""
        leaves = [(place, step) for place, step in _leaves(self) if is_estimator(step)]
        needing = {use.place for use in uses_of(self)}
        last = max(
            i
            for i, (place, _) in enumerate(leaves)
            if any(f"{use}__".startswith(f"{place}__") for use in needing)
        )
        rate, doubtful = None, []
        for i, (_, step) in enumerate(leaves[:last]):
            if rate is not None and _may_change_rate(step):
                doubtful.append(i)
            rate = follow(step, rate, [])
        if not doubtful:
            return
        after = as_sequence(X)[:1]
        for i, (place, step) in enumerate(leaves[: doubtful[-1] + 1]):
            before, after = after, step.transform(after)
            if i in doubtful and len(before[0]) != len(after[0]):
                raise ValueError(
                    f"{place} ({type(step).__name__}) turned {len(before[0])} frames "
                    f"of clip 0 into {len(after[0])}, so that the frame rate after it "
                    f"is not known, but {', '.join(sorted(needing))} needs it. Use "
                    "FrameStacker(hop=...) or SpectrogramExtractor(hop_length=...) for "
                    "a lower rate, or scikit-learn's Pipeline with frame_rate=..."
                )


class _WithValidation(CallbackSupportMixin, BaseEstimator):
    """The last step of a pipeline while it is fitted, with clips to validate on."""

    _parameter_constraints: dict[str, Any] = {}

    def __init__(self, estimator, pipeline, X_val, y_val):
        self.estimator = estimator
        self.pipeline = pipeline
        self.X_val = X_val
        self.y_val = y_val

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **params):
        X_val = self.X_val
        if X_val is not None and len(self.pipeline.steps) > 1:
            X_val = self.pipeline[:-1].transform(X_val)
        params = {"X_val": X_val, "y_val": self.y_val, **params}
        fit_inside(
            self, self.estimator, lambda: self.estimator.fit(X, y, **params), X, y
        )
        return self

    def transform(self, X):
        return self.estimator.transform(X)

    def get_metadata_routing(self):
        return self.estimator.get_metadata_routing()


def make_pipeline(*steps, memory=None, transform_input=None, verbose=False):
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


def _leaves(pipeline, place=""):
    """Yield the steps of a pipeline and of those inside it."""
    for name, step in pipeline.steps:
        if isinstance(step, _Pipeline):
            yield from _leaves(step, f"{place}{name}__")
        else:
            yield f"{place}{name}", step


def _takes_validation(estimator):
    """Tell whether ``fit`` of an estimator takes ``X_val``."""
    if isinstance(estimator, BaseSearchCV):
        return _takes_validation(estimator.estimator)
    if isinstance(estimator, Pipeline):
        return bool(estimator.steps) and _takes_validation(estimator.steps[-1][1])
    return hasattr(estimator, "fit") and has_fit_parameter(estimator, "X_val")


def _takes_clips(step):
    """Tell whether a step, or what is inside it, says that it takes clips of frames."""
    tags = get_tags(step)
    if tags.input_tags.three_d_array or tags.no_validation:
        return True
    return any(_takes_clips(inner) for _, inner in inner_estimators(step))


def _transforms(step, clips):
    """Tell whether a transformer, which may be fitted, takes these clips."""
    try:
        step.transform(clips)
    except (TypeError, ValueError):
        return False
    return True


def _between(place, step):
    """Say what to put between frames and a step that takes rows."""
    name = type(step).__name__
    advice = "Put MultiTimescalePooler() between, which makes one row of each clip"
    if is_classifier(step):
        advice += f", or use ClipVotingClassifier({name}(...)), where frames vote"
    elif hasattr(step, "transform"):
        advice += f", or use FrameTransformer({name}(...)), which transforms each frame"
    return (
        f"{place} is {name}, which takes one row of numbers for each clip, but clips "
        f"of frames reach it, (n_frames, n_features) each. {advice}."
    )


def _may_change_rate(step):
    """Tell whether only a look at frames can show what a step does to their rate."""
    is_ours = type(step).__module__.startswith("skdeepmir.")
    return not is_ours and not hasattr(step, "_frame_rate_after")


def _makes_frames(step):
    """Tell whether a step names features that come from frames or audio."""
    return hasattr(step, "_feature_names_out") or hasattr(step, "feature_names_")


def _names_features(step):
    return _makes_frames(step) or hasattr(step, "get_feature_names_out")


def _names_after(step, names, in_frames):
    """Return the names after a step, and whether they come from frames."""
    if hasattr(step, "_feature_names_out"):
        return step._feature_names_out(names), True
    if not hasattr(step, "get_feature_names_out"):
        return step.feature_names_, True
    known = getattr(step, "feature_names_in_", None)
    if in_frames and known is not None:  # of a table whose frames had no names
        longer = dict(zip(known, names, strict=True))
        own = step.get_feature_names_out()
        return np.array([longer.get(n, n) for n in own], dtype=object), True
    return step.get_feature_names_out(names), in_frames
