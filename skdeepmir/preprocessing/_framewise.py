"""Any scikit-learn transformer on the frames of clips: ``FrameTransformer``."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from skdeepmir._bases import BaseEstimator, TransformerMixin, available_if
from skdeepmir._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    _check_feature_names_in,
    _fit_context,
    fit_inside,
    plain,
    seeded,
)
from skdeepmir._threads import one_blas_thread
from skdeepmir._validation import check_clip_labels, dense_labels, validate_clips
from skdeepmir.frames import (
    ClipsLike,
    LabelsLike,
    Mirrored,
    object_array,
    split_clips,
    stack_clips,
)


def _inner_has(name):
    def check(self):
        inner = getattr(self, "transformer_", self.transformer)
        return hasattr(inner, name)

    return check


def _names_its_columns(self):
    """Tell whether the output is a table: plain rows with names of columns."""
    clips = getattr(self, "_fitted_on_clips", False)
    return not clips and _inner_has("get_feature_names_out")(self)


class FrameTransformer(CallbackSupportMixin, TransformerMixin, BaseEstimator):
    """Apply a scikit-learn transformer to every frame and keep the clips whole.

    ``FrameTransformer(StandardScaler())`` normalises frames, and
    ``FrameTransformer(PCA(120, whiten=True))`` on log-mel frames gives the principal
    mel-spectrum components (PMSC) of [1]_.

    Parameters
    ----------
    transformer : estimator
        A scikit-learn transformer whose output is dense and has a row for each row of
        its input, or a ``Pipeline`` of such. It is cloned.
    max_frames : int, default=100_000
        Maximum number of frames to fit the transformer on, drawn at random from all
        clips without replacement; None takes all. Means and covariances of some hundred
        features have settled long before the default.
    whitening_floor : float, default=1e-5
        For transformers that whiten (``whiten=True``): components whose variance is
        below this share of the largest one's are set to 0. Without it, a band that is
        constant in training (silence, a filter's empty band) is divided by its rounding
        error, and new clips come out as 1e16.
    random_state : int, RandomState instance or None, default=None
        Determines which frames are drawn, and seeds each ``random_state`` inside the
        transformer that is None: on few frames ``PCA`` finds components by a randomised
        method, for example.

    Attributes
    ----------
    transformer_ : estimator
        The fitted transformer.
    n_features_in_ : int
        Features per frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.
    feature_names_ : ndarray of shape (n_features_out,), dtype=object
        Names of the columns of the output, if the transformer gives them.

    See Also
    --------
    ClipVotingClassifier : Any scikit-learn classifier on the frames of clips.

    Notes
    -----
    With plain rows (a 2-D array) it does what the transformer alone does, and has
    ``get_feature_names_out``. With clips the output is frames, which are not a table:
    ``set_output`` leaves them alone.

    NumPy multiplies matrices on one thread meanwhile, so that results are bit for bit
    the same wherever it runs on one machine.

    References
    ----------
    .. [1] P. Hamel, S. Lemieux, Y. Bengio and D. Eck. Temporal pooling and multiscale
       learning for automatic annotation and ranking of music audio. ISMIR 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from skdeepmir import FrameTransformer
    >>> rng = np.random.RandomState(0)
    >>> clips = [rng.rand(50, 8), rng.rand(30, 8)]
    >>> pmsc = FrameTransformer(PCA(4, whiten=True), random_state=0)
    >>> [clip.shape for clip in pmsc.fit_transform(clips)]
    [(50, 4), (30, 4)]
    """

    _parameter_constraints = {
        "transformer": [HasMethods(["fit", "transform"])],
        "max_frames": [Interval(Integral, 1, None, closed="left"), None],
        "whitening_floor": [Interval(Real, 0, 1, closed="left")],
        "random_state": ["random_state"],
    }

    _works_frame_by_frame = True  # so that pipelines stream through it

    def __init__(
        self,
        transformer: Any,
        *,
        max_frames: int | None = 100_000,
        whitening_floor: float = 1e-5,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.transformer = transformer
        self.max_frames = max_frames
        self.whitening_floor = whitening_floor
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ClipsLike, y: LabelsLike | None = None) -> Self:
        """Fit the transformer on frames of all clips.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_samples, n_features)
            Clips of frames, or plain rows.
        y : array-like of shape (n_clips, ...), default=None
            Labels of the clips, for supervised transformers; each frame gets the label
            of its clip.

        Returns
        -------
        self : FrameTransformer
            The fitted transformer.
        """
        self._fit(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def fit_transform(self, X: ClipsLike, y: LabelsLike | None = None) -> Mirrored:
        """Fit the transformer on frames of all clips, then transform every frame.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        y : array-like of shape (n_clips, ...), default=None
            See :meth:`fit`.

        Returns
        -------
        transformed : list of ndarray, or ndarray of 3 or 2 dimensions
            See :meth:`transform`.
        """
        return self._apply("transform", *self._fit(X, y))

    def transform(self, X: ClipsLike) -> Mirrored:
        """Transform every frame.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        transformed : list of ndarray of shape (n_frames_i, n_features_out), or \
                ndarray of 3 or 2 dimensions
            The same clips, in the container of X.
        """
        check_is_fitted(self)
        return self._apply("transform", *validate_clips(self, X, reset=False))

    @available_if(_inner_has("inverse_transform"))
    def inverse_transform(self, X: ClipsLike) -> Mirrored:
        """Undo the transformation of every frame, as far as the transformer can.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features_out), or ndarray of 3 \
                or 2 dimensions
            Transformed clips.

        Returns
        -------
        clips : list of ndarray of shape (n_frames_i, `n_features_in_`), or ndarray \
                of 3 or 2 dimensions
            Clips, in the container of X.
        """
        check_is_fitted(self)
        return self._apply("inverse_transform", *stack_clips(X))

    @available_if(_names_its_columns)
    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Name the columns of the output for plain rows.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features; None takes ``feature_names_in_`` or x0, x1, ...

        Returns
        -------
        names : ndarray of shape (n_features_out,), dtype=object
            The names that the transformer gives.
        """
        check_is_fitted(self)
        return self._feature_names_out(input_features)

    @available_if(_inner_has("get_feature_names_out"))
    def _feature_names_out(self, input_features):
        """Name the columns of the output, also where it is no table."""
        names = _check_feature_names_in(self, input_features)
        return self.transformer_.get_feature_names_out(names)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.transformer)
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = inner.input_tags.positive_only
        tags.target_tags.required = inner.target_tags.required
        tags.transformer_tags = inner.transformer_tags
        tags.non_deterministic = inner.non_deterministic
        return tags

    def _fit(self, X, y):
        rows, layout = validate_clips(self, X, reset=True)
        check_clip_labels(y, layout.n_clips)
        rng = check_random_state(self.random_state)
        sample, labels = self._draw_frames(rows, layout, y, rng)
        inner = clone(self.transformer)
        if self.random_state is not None:
            seeded(inner, rng, only_none=True)
        if hasattr(inner, "set_output"):
            inner.set_output(transform="default")
        self.transformer_ = inner
        # What does not fit in the dtype is noticed in the output.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            try:
                with one_blas_thread():
                    fit_inside(self, inner, lambda: inner.fit(sample, labels), X, y)
                _silence_weak_components(inner, plain(self.whitening_floor))
            except np.linalg.LinAlgError as error:
                raise ValueError(
                    f"{type(inner).__name__}.fit found no solution ({error}) for "
                    f"frames with values up to {np.abs(sample).max():.3g}. Scale them."
                ) from error
        if hasattr(inner, "get_feature_names_out"):
            names = _check_feature_names_in(self)
            self.feature_names_ = inner.get_feature_names_out(names)
        return rows, layout

    def _draw_frames(self, rows, layout, y, rng):
        """Return at most ``max_frames`` rows with the labels of their clips."""
        clip_of_row = np.repeat(np.arange(layout.n_clips), layout.n_frames)
        if self.max_frames is not None and len(rows) > self.max_frames:
            drawn = rng.choice(len(rows), self.max_frames, replace=False)
            drawn.sort()  # in the order of memory
            rows, clip_of_row = rows[drawn], clip_of_row[drawn]
        return rows, None if y is None else _as_array(dense_labels(y))[clip_of_row]

    def _apply(self, method, rows, layout):
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            with one_blas_thread():
                transformed = getattr(self.transformer_, method)(rows)
        if np.ndim(transformed) != 2 or len(transformed) != len(rows):
            raise ValueError(
                f"{type(self.transformer).__name__}.{method} turned {len(rows)} frames "
                f"into an output of shape {np.shape(transformed)}; expected a dense "
                "array with one row per frame."
            )
        transformed = np.asarray(transformed)
        if transformed.dtype.kind == "f" and not np.isfinite(transformed).all():
            frame, column = np.argwhere(~np.isfinite(transformed))[0]
            clip = np.searchsorted(np.cumsum(layout.n_frames), frame, side="right")
            raise ValueError(
                f"{type(self.transformer).__name__}.{method} turned a frame of clip "
                f"{clip} into {transformed[frame, column]} (column {column}); expected "
                "finite values. Scale the frames, or use another transformer."
            )
        return split_clips(transformed, layout)


def _as_array(y):
    """Return targets as an array: of objects where they are annotations of clips."""
    try:
        return np.asarray(y)
    except ValueError:  # they differ in length
        return object_array(y)


def _silence_weak_components(transformer, floor):
    """Zero the whitened components that are hardly more than rounding errors."""
    if isinstance(transformer, Pipeline):
        for _, step in transformer.steps:
            _silence_weak_components(step, floor)
        return
    if hasattr(transformer, "explained_variance_ratio_") and hasattr(
        transformer, "explained_variance_"
    ):  # the ratio is 0 / 0 where all frames are the same
        ratio, variance = (
            getattr(transformer, f"explained_variance{end}") for end in ("_ratio_", "_")
        )
        if getattr(transformer, "n_samples_", 2) == 1:  # 0 / 0, too
            variance[np.isnan(variance)] = 0
        if not np.isfinite(variance).all():
            raise np.linalg.LinAlgError("variances are not finite")
        ratio[np.isnan(ratio)] = 0
    if getattr(transformer, "whiten", False) and hasattr(
        transformer, "explained_variance_"
    ):
        variance = transformer.explained_variance_
        transformer.components_[variance <= floor * variance.max()] = 0
