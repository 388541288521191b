"""Clips by number, for what takes a table of numbers only."""

from __future__ import annotations

import copyreg
from numbers import Real
from typing import Any, Self, TypeVar

import numpy as np
import sklearn.base
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skdeepmir._errors import refuse_masked
from skdeepmir._sklearn import (
    _fit_context,
    _num_samples,
    _safe_indexing,
    validate_data,
)
from skdeepmir._warnings import warn_user
from skdeepmir.frames import (
    PATH_TYPES,
    ClipsLike,
    LabelsLike,
    as_sequence,
    holds_clips,
    what_is_no_set,
)
from skdeepmir.preprocessing._preparation import _Preparation

Model = TypeVar("Model")
FIX = "To give clips themselves, set clips=None."


class SharedClips:
    """Clips that clones and deep copies share, and whose text is short."""

    # scikit-learn would copy them with each clone, and print them all with an error.
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return _safe_indexing(self.items, i)

    def __repr__(self):
        return f"<{len(self)} clips>"

    def __sklearn_clone__(self):
        return self

    def __deepcopy__(self, memo):
        return self


class ClipLookup(_Preparation):
    """Take clips by their numbers, as the first step of a pipeline.

    Parts of scikit-learn check that X is a table of numbers before a pipeline sees it:
    ``BaggingClassifier``, ``ClassifierChain``, ``OneVsOneClassifier``,
    ``OutputCodeClassifier``, ``SelfTrainingClassifier``; so does imbalanced-learn. They
    work on audio and on clips of unequal lengths if X is the column of their numbers,
    and each pipeline looks the clips up.

    Parameters
    ----------
    clips : list of path, list of ndarray, or array-like of shape (n_clips, ...)
        All clips, to train on and to predict, of any kind that the next step takes:
        paths, waveforms, matrices of frames, or rows of features. Clones share them, so
        do not change them. None, the default, passes X on, for clips themselves.

    Attributes
    ----------
    rows : ndarray of shape (n_clips, 1)
        The numbers of all clips, 0 to ``n_clips - 1``, there from the start: the X that
        corresponds to all of ``y``.
    n_features_in_ : int
        1, the column of numbers; with ``clips=None`` the features per frame, where X is
        not audio.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.
    feature_names_ : ndarray of shape (`n_features_in_`,), dtype=object
        Names of the features that are passed on, with ``clips=None``.

    See Also
    --------
    replace_clips : New clips for a fitted model.

    Notes
    -----
    Clips are data, not part of a model: :func:`~skdeepmir.save` leaves them out, as a
    recording or its features should not travel with a model by accident, and
    ``load(path)`` has ``clips=None`` inside, so that a pipeline takes clips themselves.
    ``pickle`` and ``joblib`` keep them, because worker processes need them. Clips from
    :func:`~skdeepmir.load_clips` go to workers as names of a file, others by value.

    ``ClassifierChain`` and ``RegressorChain`` add their predictions to X. To learn from
    these, too, a ``ColumnTransformer`` gives the lookup its column and lets others by:
    ``ColumnTransformer([("clips", make_pipeline(ClipLookup(clips), ...,
    MultiTimescalePooler()), [0])], remainder="passthrough")``. What computes with X,
    such as scalers or SMOTE, makes no sense on numbers of clips: one between two is an
    error.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import BaggingClassifier
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeepmir import ClipLookup, MultiTimescalePooler
    >>> rng = np.random.RandomState(0)
    >>> clips = [rng.rand(n, 4) + n % 2 for n in range(5, 25)]
    >>> y = [n % 2 for n in range(5, 25)]
    >>> lookup = ClipLookup(clips)
    >>> model = make_pipeline(lookup, MultiTimescalePooler(), LogisticRegression())
    >>> bag = BaggingClassifier(model, 3, random_state=0).fit(lookup.rows, y)
    >>> bag.predict([[0], [1], [7]])
    array([1, 0, 0])
    """

    _parameter_constraints = {"clips": "no_validation"}  # looked at in fit

    def __init__(self, clips: Any = None) -> None:
        self.clips = clips

    @property
    def rows(self) -> NDArray[np.intp]:
        """The numbers of all clips, a column (n_clips, 1)."""
        if self.clips is None:
            raise AttributeError(
                "ClipLookup has clips=None, so there are no numbers. Pass clips."
            )
        return np.arange(_num_samples(self._all_clips()))[:, np.newaxis]

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ClipsLike, y: LabelsLike | None = None) -> Self:
        """Check the numbers, or with ``clips=None`` the clips.

        Parameters
        ----------
        X : array-like of shape (n_clips, 1)
            Numbers of clips, from 0: some of ``rows``, any number of times. Further
            columns are left out, with a warning. With ``clips=None`` a set of clips.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The lookup.

        Raises
        ------
        ValueError
            If X is not a column of numbers of clips, or ``clips`` not a set of clips.
            The message names the first row whose number is negative, not whole or
            beyond the last clip. With ``clips=None`` if frames are not clips.
        """
        self._by_number = self.clips is not None
        if self._by_number:
            self._numbers(X, reset=True)
        elif not _is_audio(X):
            return super().fit(X)
        self._fitted_on_clips = True
        return self

    def transform(self, X: ClipsLike) -> Any:
        """Look clips up, or with ``clips=None`` pass them on.

        Parameters
        ----------
        X : array-like of shape (n_clips, 1)
            See :meth:`fit`.

        Returns
        -------
        clips : list of ndarray, list of path, or array-like of shape (n_clips, ...)
            The clips with these numbers, in the container of ``clips``, not copied
            where that is a list. With ``clips=None`` X.

        Raises
        ------
        ValueError
            As in :meth:`fit`; or if X are numbers and there are no clips any more.
        """
        check_is_fitted(self, "_by_number")
        if self.clips is not None:
            return _safe_indexing(self._all_clips(), self._numbers(X, reset=False))
        if self._by_number and _is_column(X):
            raise ValueError(
                "X is a column of numbers, but ClipLookup has no clips any more "
                "(clips=None, as in models from skdeepmir.load). Pass clips "
                "themselves, or give it clips: skdeepmir.preprocessing.replace_clips("
                "model, clips)."
            )
        if self._by_number or _is_audio(X):
            return X  # the next step knows what it was fitted to
        return super().transform(X)

    def _apply(self, clips):
        return clips

    def _all_clips(self):
        """Return the clips, or raise a ``ValueError`` if they are not a set of some."""
        clips = self.clips.items if isinstance(self.clips, SharedClips) else self.clips
        found = what_is_no_set(clips) or ("" if _num_samples(clips) else "empty")
        if found:
            raise ValueError(
                f"clips is {found}; expected a list of paths, waveforms or matrices, "
                "or another set of clips."
            )
        return clips

    def _numbers(self, X, reset):
        """Return a column of numbers as one of indices."""
        n_clips = _num_samples(self._all_clips())
        refuse_masked("X", X)
        if holds_clips(X) or _is_audio(X):
            raise ValueError(
                "X holds clips, but ClipLookup has clips: expected their numbers, an "
                f"array of shape (n, 1) such as lookup.rows. {FIX}"
            )
        if reset or self._by_number:
            X = validate_data(self, X, reset=reset, ensure_all_finite=False)
        else:  # the features are those of clips
            X = check_array(X, ensure_all_finite=False)
        if X.shape[1] > 1:
            warn_user(
                f"X has {X.shape[1]} columns; ClipLookup reads the first, the numbers "
                "of clips, and leaves the others out, such as those that a chain adds. "
                "To learn from them as well: ColumnTransformer([('clips', make_pipeline"
                "(ClipLookup(clips), ..., MultiTimescalePooler()), [0])], "
                "remainder='passthrough')."
            )
        numbers = X[:, 0]
        if numbers.dtype.kind in "biuf":
            are_whole = numbers == np.rint(numbers)
            are_good = (numbers >= 0) & (numbers < n_clips) & are_whole
        else:
            are_good = np.array([isinstance(number, Real) for number in numbers])
        if not are_good.all():
            row = int(np.argmin(are_good))
            found = getattr(numbers[row], "item", lambda: numbers[row])()
            raise ValueError(
                f"row {row} of X is {found!r}; expected the number of a clip, a whole "
                f"one from 0 to {n_clips - 1}."
            )
        return numbers.astype(np.intp)

    def __setattr__(self, name, value):
        if name == "clips" and _holds_arrays(value):
            value = SharedClips(value)
        super().__setattr__(name, value)

    def __reduce__(self):
        return copyreg.__newobj__, (type(self),), vars(self)

    def __getstate__(self):
        # Of a model that is saved; pickle asks __reduce__.
        return {**vars(self), "clips": None}


def replace_clips(model: Model, clips: Any) -> Model:
    """Give a model other clips to look up, wherever a :class:`ClipLookup` is in it.

    Parameters
    ----------
    model : estimator
        Fitted or not: a pipeline, a search, a bag of pipelines. It is changed, in
        itself and in the estimators that it was made of.
    clips : list of path, list of ndarray, array-like of shape (n_clips, ...) or None
        The clips that numbers mean from now on; None, that there are no numbers, and
        clips themselves come in.

    Returns
    -------
    model : estimator
        The same model.

    Raises
    ------
    ValueError
        If there is no ``ClipLookup`` in it, or ``clips`` are not a set of clips.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.ensemble import BaggingClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeepmir import ClipLookup, MultiTimescalePooler
    >>> from skdeepmir.preprocessing import replace_clips
    >>> lookup = ClipLookup([np.ones((3, 2)), np.ones((5, 2))])
    >>> model = make_pipeline(lookup, MultiTimescalePooler(), DummyClassifier())
    >>> bag = BaggingClassifier(model, 3, random_state=0).fit(lookup.rows, ["a", "a"])
    >>> new = [np.zeros((9, 2))]
    >>> replace_clips(bag, new).predict([[0]])
    array(['a'], dtype='<U1')
    """
    if clips is not None:
        ClipLookup(clips)._all_clips()
    lookups = list(_lookups(model, set()))
    if not lookups:
        raise ValueError(
            f"There is no ClipLookup in this {type(model).__name__}. Make it the first "
            "step of a pipeline."
        )
    for lookup in lookups:
        lookup.clips = clips
    return model


def _lookups(value, seen):
    """Yield each ClipLookup in an estimator, or in lists, dicts and arrays of them."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, ClipLookup):
        yield value
    elif isinstance(value, sklearn.base.BaseEstimator | dict):
        for part in (value if isinstance(value, dict) else vars(value)).values():
            yield from _lookups(part, seen)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _lookups(part, seen)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        yield from _lookups(value.ravel().tolist(), seen)


def _holds_arrays(clips):
    """Tell whether clips are more than paths: large, and long when printed."""
    are_items = isinstance(clips, list | tuple)
    return any(map(_is_array, clips)) if are_items else _is_array(clips)


def _is_array(value):
    return hasattr(value, "__array__") and not isinstance(value, str | SharedClips)


def _is_audio(X):
    """Tell whether X is a set of paths or waveforms, which later steps look at."""
    clips = as_sequence(X)
    return isinstance(clips, list) and any(
        isinstance(clip, PATH_TYPES)
        or (getattr(clip, "ndim", 0) == 1 and len(clip) > 1)  # not a row of a column
        for clip in clips
    )


def _is_column(X):
    """Tell whether X is a column of numbers."""
    if holds_clips(X) or _is_audio(X):
        return False
    shape = getattr(X, "shape", None)
    return all(len(row) == 1 for row in X) if shape is None else shape[1:] == (1,)
