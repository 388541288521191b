"""Averages of several classifiers: ``GroupBaggingClassifier``."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from skdeepmir._bases import BaseEstimator
from skdeepmir._groups import check_groups
from skdeepmir._progress import progress
from skdeepmir._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
    _safe_indexing,
    fit_as_task,
    seeded,
)
from skdeepmir._tag_names import TagMixin, fitted_names, names_of
from skdeepmir._threads import one_blas_thread
from skdeepmir._validation import classes_of, read_labels, validate_clips
from skdeepmir.frames import ClipsLike, LabelsLike
from skdeepmir.metrics._checks import positive_columns

SMALLEST = 1e-12  # probability in a geometric mean
MOST_DRAWS = 1000  # until there are two classes


class GroupBaggingClassifier(CallbackSupportMixin, TagMixin, BaseEstimator):
    """Average the probabilities of classifiers that saw other groups of clips.

    Each classifier is fitted to as many groups (artists, albums, speakers) as there
    are, drawn with replacement, with all their clips, and with a seed of its own.
    Draws of one class only are drawn again. scikit-learn's ``BaggingClassifier`` draws
    single rows instead, which leaves most of each artist's clips to every classifier.

    Parameters
    ----------
    estimator : estimator
        A classifier of clips with ``predict_proba``. It is cloned.
    n_estimators : int, default=10
        Number of classifiers.
    bootstrap : bool, default=True
        Whether groups are drawn; False gives all clips to each, so that they differ by
        their seeds only: an average of nets.
    combination : {"arithmetic", "geometric"}, default="arithmetic"
        Mean of the probabilities. The geometric one, which dropout stands for, is
        normalised again.
    n_jobs : int, default=None
        Fits at the same time.
    random_state : int, RandomState instance or None, default=None
        Draws groups, and seeds every ``random_state`` inside the classifiers.
    verbose : bool, default=True
        Whether to show a progress bar where it takes longer than two seconds.

    Attributes
    ----------
    estimators_ : list of estimator
        The fitted classifiers.
    classes_ : ndarray of shape (n_classes,)
        Labels, or the numbers of the tags.
    tag_names_ : ndarray of shape (n_tags,), dtype=object
        Names of the tags, where y or the classifiers had some.
    oob_probabilities_ : ndarray of shape (n_clips, n_classes)
        Probabilities of the training clips by the classifiers that were not fitted to
        their group; NaN where there is none. Only with ``bootstrap``.
    oob_score_ : float
        Accuracy of these, over clips that have some; NaN if none has. For tags it is
        the share of right tags.
    n_features_in_ : int
        Features per row.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    DropoutMLPClassifier : One net that stands for an average of very many.

    Notes
    -----
    In a ``Pipeline`` groups are passed as ``groupbaggingclassifier__groups``, or as
    ``groups`` where scikit-learn's metadata routing is enabled; :func:`compare` passes
    them by itself.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import DropoutMLPClassifier, GroupBaggingClassifier
    >>> rng = np.random.RandomState(0)
    >>> y = np.arange(40) % 2
    >>> X, artists = rng.randn(40, 5) + 3 * y[:, None], np.arange(40) // 4
    >>> net = DropoutMLPClassifier((50,), learning_rate=0.01)
    >>> bag = GroupBaggingClassifier(net, n_estimators=4, random_state=0)
    >>> bag.fit(X, y, groups=artists).oob_score_ > 0.9
    True
    """

    # Metadata routing hands groups on without being asked.
    __metadata_request__fit = {"groups": True}

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "bootstrap": ["boolean"],
        "combination": [StrOptions({"arithmetic", "geometric"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator: Any,
        n_estimators: int = 10,
        *,
        bootstrap: bool = True,
        combination: Literal["arithmetic", "geometric"] = "arithmetic",
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool | int = True,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.bootstrap = bootstrap
        self.combination = combination
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: ClipsLike, y: LabelsLike, groups: LabelsLike | None = None
    ) -> Self:
        """Fit the classifiers.

        Parameters
        ----------
        X : list of ndarray of shape (n_rows_i, n_features), ndarray of shape \
                (n_clips, n_rows, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips. Rows of a 2-D array are clips of one row.
        y : array-like of shape (n_clips,) or (n_clips, n_tags)
            A label for each clip, or 0 and 1 for each tag. The columns of a data frame
            name the tags.
        groups : array-like of shape (n_clips,), default=None
            What is drawn together; None: each clip by itself.

        Returns
        -------
        self : GroupBaggingClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a clip has no group (None, NaN or an empty string); it names the clip.
        """
        if not is_classifier(self.estimator):
            raise ValueError(
                f"estimator={type(self.estimator).__name__} is not a classifier."
            )
        clips, layout = validate_clips(self, X, reset=True, stack=False)
        names = names_of(y)
        y = read_labels(y, layout.n_clips, self)
        labels = y if names is None else _with_names(y, names)
        self._tag_dtype = y.dtype.str if y.ndim == 2 else None
        self.classes_ = classes_of(y) if y.ndim == 1 else np.arange(y.shape[1])
        if groups is None:
            groups = np.arange(layout.n_clips)
        groups = check_groups(groups, layout.n_clips)
        rng = check_random_state(self.random_state)
        draws = [self._draw(groups, y, rng) for _ in range(self.n_estimators)]
        members = [seeded(clone(self.estimator), rng) for _ in draws]
        context = self._init_callback_context(
            max_subtasks=len(draws), sequential_subtasks=False
        )
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        what = f"fit-{type(self.estimator).__name__}"
        tasks = [
            context.subcontext(task_name=what, task_id=i) for i in range(len(draws))
        ]
        fits = Parallel(n_jobs=self.n_jobs, return_as="generator")(
            delayed(_fit_member)(
                task,
                member,
                _safe_indexing(clips, drawn),
                _safe_indexing(labels, drawn),
            )
            for task, member, drawn in zip(tasks, members, draws, strict=True)
        )
        self.estimators_ = list(
            progress(
                fits,
                total=len(draws),
                label="Fitting",
                unit="classifiers",
                verbose=self.verbose,
            )
        )
        vars(self).pop("tag_names_", None)
        names = names or fitted_names(self.estimators_[0])
        if names is not None and self._tag_dtype is not None:
            self.tag_names_ = np.array(names, dtype=object)
        self._score_left_out(clips, y, draws)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
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
            Labels, or 0 and 1 for each tag.
        """
        return self._decide(self.predict_proba(X))

    def predict_proba(self, X: ClipsLike) -> NDArray[np.float64]:
        """Predict the probability of each class, or of each tag.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_clips, n_classes) or (n_clips, n_tags)
            Means over the classifiers.
        """
        check_is_fitted(self)
        clips, _ = validate_clips(self, X, reset=False, stack=False)
        return self._combine([self._probabilities(m, clips) for m in self.estimators_])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = inner.input_tags.positive_only
        if inner.classifier_tags is not None:
            tags.classifier_tags = inner.classifier_tags
        tags.non_deterministic = inner.non_deterministic
        return tags

    def _draw(self, groups, y, rng):
        """Return the numbers of the clips of a member, one by one."""
        if not self.bootstrap:
            return np.arange(len(groups))
        names, numbers = np.unique(groups, return_inverse=True)
        members = [np.flatnonzero(numbers == k) for k in range(len(names))]
        for _ in range(MOST_DRAWS):
            drawn = rng.randint(len(names), size=len(names))
            clips = np.concatenate([members[k] for k in drawn])
            if y.ndim == 2 or (y[clips] != y[clips[0]]).any():
                return clips
        raise ValueError(
            f"{MOST_DRAWS} draws of {len(names)} groups held clips of one class only. "
            "Pass smaller groups, or use bootstrap=False."
        )

    def _probabilities(self, member, clips):
        """Return probabilities of all classes, also of those a member did not see."""
        with one_blas_thread():
            found = member.predict_proba(clips)
        if self._tag_dtype is not None:
            if isinstance(found, list):  # as from scikit-learn's forests
                return positive_columns(found, member.classes_)
            return found
        probabilities = np.zeros((len(found), len(self.classes_)))
        probabilities[:, np.searchsorted(self.classes_, member.classes_)] = found
        return probabilities

    def _combine(self, probabilities):
        if self.combination == "arithmetic":
            return np.mean(probabilities, axis=0)
        logs = np.log(np.maximum(probabilities, SMALLEST)).mean(axis=0)
        mean = np.exp(logs)
        if self._tag_dtype is not None:
            absent = np.log(np.maximum(1 - np.array(probabilities), SMALLEST))
            return mean / (mean + np.exp(absent.mean(axis=0)))
        return mean / mean.sum(axis=1, keepdims=True)

    def _decide(self, probabilities):
        if self._tag_dtype is not None:
            return (probabilities > 0.5).astype(self._tag_dtype)
        return self.classes_[probabilities.argmax(axis=1)]

    def _score_left_out(self, clips, y, draws):
        """Predict each training clip by the members that did not see its group."""
        if not self.bootstrap:
            for name in ("oob_probabilities_", "oob_score_"):
                vars(self).pop(name, None)
            return
        found = [[] for _ in range(len(y))]
        for member, drawn in zip(self.estimators_, draws, strict=True):
            left_out = np.setdiff1d(np.arange(len(y)), drawn)
            if len(left_out):
                part = self._probabilities(member, _safe_indexing(clips, left_out))
                for i, row in zip(left_out, part, strict=True):
                    found[i].append(row)
        self.oob_probabilities_ = np.full((len(y), len(self.classes_)), np.nan)
        for i, rows in enumerate(found):
            if rows:
                self.oob_probabilities_[i] = self._combine([row[None] for row in rows])
        known = np.flatnonzero(~np.isnan(self.oob_probabilities_[:, 0]))
        self.oob_score_ = float("nan")
        if len(known):
            predicted = self._decide(self.oob_probabilities_[known])
            self.oob_score_ = accuracy_score(np.ravel(y[known]), np.ravel(predicted))


def _with_names(tags, names):
    """Return tags as a data frame, from which classifiers learn their names."""
    import pandas as pd

    return pd.DataFrame(tags, columns=names)


def _fit_member(task, member, clips, y):
    with one_blas_thread():
        fit_as_task(task, member, member, lambda: member.fit(clips, y), clips, y)
    return member
