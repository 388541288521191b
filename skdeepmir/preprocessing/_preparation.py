"""Transformers of frames that learn nothing: level, context, pitch.

``ClipNormalizer``, ``BandNormalizer``, ``FrameStacker`` and ``BandShifter``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skdeepmir._bases import BaseEstimator, TransformerMixin, available_if
from skdeepmir._frame_rates import clock_of
from skdeepmir._sklearn import (
    Interval,
    OneTask,
    StrOptions,
    _check_feature_names_in,
    _fit_context,
    plain,
)
from skdeepmir._validation import validate_clips
from skdeepmir._warnings import warn_user
from skdeepmir.frames import ClipsLike, LabelsLike, Mirrored, pack_clips


class _Preparation(OneTask, TransformerMixin, BaseEstimator, ABC):
    """A transformer that treats each clip by itself and learns nothing."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ClipsLike, y: LabelsLike | None = None) -> Self:
        """Check the clips, and remember their features.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips of frames. Rows of a 2-D array are clips of one frame.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer.
        """
        _, layout = validate_clips(self, X, reset=True, stack=False)
        self._check(layout)
        inputs = _check_feature_names_in(self, None)
        self.feature_names_ = np.array(self._names(inputs), dtype=object)
        return self

    def transform(self, X: ClipsLike) -> Mirrored:
        """Transform each clip.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        transformed : list of ndarray, or ndarray of 3 or 2 dimensions
            The same clips, in the container and the dtype of X.
        """
        check_is_fitted(self)
        clips, layout = validate_clips(self, X, reset=False, stack=False)
        with np.errstate(over="ignore", invalid="ignore"):  # noticed below
            if layout.has_clips:
                applied = [self._apply(clip[None])[0] for clip in clips]
            else:
                applied = [self._apply(clips[:, None])[:, 0]]
        for i, part in enumerate(applied):
            if not np.isfinite(part).all():
                where = f"clip {i}" if layout.has_clips else "X"
                raise ValueError(
                    f"{where} has values so large that the output of "
                    f"{type(self).__name__} does not fit in {part.dtype}. Scale the "
                    "frames."
                )
        return pack_clips(applied, layout)

    @available_if(lambda self: not getattr(self, "_fitted_on_clips", False))
    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Name the columns of the output.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features; None takes ``feature_names_in_`` or x0, x1, ...

        Returns
        -------
        names : ndarray of shape (n_features_out,), dtype=object
            Names of the columns.
        """
        check_is_fitted(self)
        return self._feature_names_out(input_features)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _feature_names_out(self, input_features):
        """Name the columns of the output, also where it is no table."""
        names = _check_feature_names_in(self, input_features)
        return np.array(self._names(names), dtype=object)

    def _check(self, layout):
        """Check the parameters against the clips."""

    def _names(self, names):
        """Return the names of the output's columns."""
        return names

    @abstractmethod
    def _apply(self, clips):
        """Transform clips of equal length, (n_clips, n_frames, n_features)."""


class ClipNormalizer(_Preparation):
    """Bring every clip to the same level.

    The gain of a recording says little about its content. On log-mel frames, "peak"
    makes each clip's loudest value 0 dB and cuts what lies more than 60 dB below, so
    that neither gain nor the noise floor of a microphone tells recordings apart.

    Parameters
    ----------
    method : {"peak", "mean", "standard"}, default="peak"
        - "peak": subtract the largest value of the clip.
        - "mean": subtract the mean of each feature over the clip, which undoes a
          microphone's frequency response (cepstral mean normalisation, for MFCCs).
        - "standard": also divide by the deviation of each feature over the clip.
    floor : float or None, default=-60
        Smallest value after that, in dB for log-mel frames; None cuts nothing. Only for
        "peak".

    Attributes
    ----------
    feature_names_ : ndarray of shape (`n_features_in_`,), dtype=object
        Names of the columns of the output.
    n_features_in_ : int
        Features per frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    FrameTransformer : ``StandardScaler`` and others, fitted over all clips.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import ClipNormalizer
    >>> clip = np.array([[-30.0, -20.0], [-100.0, -25.0]])
    >>> ClipNormalizer().fit_transform([clip])
    [array([[-10.,   0.],
           [-60.,  -5.]])]
    """

    _parameter_constraints = {
        "method": [StrOptions({"peak", "mean", "standard"})],
        "floor": [Interval(Real, None, 0, closed="neither"), None],
    }

    def __init__(
        self,
        method: Literal["peak", "mean", "standard"] = "peak",
        *,
        floor: float | None = -60.0,
    ) -> None:
        self.method = method
        self.floor = floor

    def _check(self, layout):
        if self.method != "peak" and (layout.n_frames == 1).all():
            warn_user(
                f"Every clip has one frame, which method={self.method!r} turns into "
                "zeros. For a single clip pass [X]."
            )

    def _apply(self, clips):
        if self.method == "peak":
            levels, floor = clips - clips.max(axis=(1, 2), keepdims=True), self.floor
            return levels if floor is None else np.maximum(levels, plain(floor))
        if self.method == "mean":
            mean = clips.mean(axis=1, keepdims=True, dtype=np.float64)
            return clips - mean.astype(clips.dtype)
        # Of values from -1 to 1, whose squares neither overflow nor vanish.
        largest = np.abs(clips).max(axis=1, keepdims=True)
        clips = clips / np.where(largest > 0, largest, 1)
        centred = clips - clips.mean(axis=1, keepdims=True)
        deviation = clips.std(axis=1, keepdims=True)
        constant = deviation <= 1e-6  # by rounding
        return np.where(constant, 0, centred / np.where(constant, 1, deviation))


class FrameStacker(_Preparation):
    """Put each frame beside its neighbours, so that a learner sees how sound changes.

    A frame of 23 ms has a spectrum but shows no onset, decay or change of vowel; 16
    frames do.

    Parameters
    ----------
    n_frames : int, default=9
        Number of frames side by side: frame ``i``, the ``n_frames // 2`` before it, and
        the rest after it. Beyond both ends of a clip, its first and last frames are
        repeated.
    hop : int, default=1
        Every ``hop``-th frame gets a row. More than 1 saves time where neighbouring
        rows are much alike, and lowers the frame rate by that factor.

    Attributes
    ----------
    feature_names_ : ndarray of shape (n_features_out,), dtype=object
        Names of the output's columns, such as "x3@-1": a feature of the frame before.
    n_features_in_ : int
        Features per frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    MultiTimescalePooler : Statistics over windows.

    Notes
    -----
    The output is ``n_frames / hop`` times as large as the input.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import FrameStacker
    >>> FrameStacker(3).fit_transform([np.array([[1.0], [2.0], [3.0]])])
    [array([[1., 1., 2.],
           [1., 2., 3.],
           [2., 3., 3.]])]
    """

    _parameter_constraints = {
        "n_frames": [Interval(Integral, 1, None, closed="left")],
        "hop": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, n_frames: int = 9, *, hop: int = 1) -> None:
        self.n_frames = n_frames
        self.hop = hop

    def _frame_rate_after(self, rate):
        """Return the frames per second of the output."""
        self._validate_params()
        if rate is None:
            return None
        return clock_of(rate).replace(rate / self.hop, n_windows=1)

    def _names(self, names):
        return [
            f"{name}@{i:+d}" if i else name for i in self._places() for name in names
        ]

    def _apply(self, clips):
        centres = np.arange(0, clips.shape[1], self.hop)[:, np.newaxis]
        rows = (centres + self._places()).clip(0, clips.shape[1] - 1)
        return clips[:, rows].reshape(len(clips), len(rows), -1)

    def _places(self):
        return np.arange(self.n_frames) - self.n_frames // 2


class BandShifter(_Preparation):
    """Move the bands of each frame up or down, as a change of pitch or voice would.

    On mel or constant-Q frames a shift by some bands is about what transposing the
    recording does: a label-preserving variant for
    :class:`~skdeepmir.AugmentedClassifier`.

    Parameters
    ----------
    n_bands : int, default=1
        Number of bands to move up by; negative moves down. Bands that enter at the edge
        repeat the outermost one.

    Attributes
    ----------
    feature_names_ : ndarray of shape (`n_features_in_`,), dtype=object
        Names of the columns of the output.
    n_features_in_ : int
        Features per frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import BandShifter
    >>> BandShifter(1).fit_transform([np.array([[1.0, 2.0, 3.0]])])
    [array([[1., 1., 2.]])]
    """

    _parameter_constraints = {
        "n_bands": [Interval(Integral, None, None, closed="neither")]
    }

    _works_frame_by_frame = True

    def __init__(self, n_bands: int = 1) -> None:
        self.n_bands = n_bands

    def _check(self, layout):
        if abs(self.n_bands) >= self.n_features_in_:
            raise ValueError(
                f"n_bands={self.n_bands} moves every band out of frames with "
                f"n_features={self.n_features_in_}; expected fewer bands than that."
            )

    def _apply(self, clips):
        n_bands = clips.shape[2]
        return clips[..., (np.arange(n_bands) - self.n_bands).clip(0, n_bands - 1)]


class BandNormalizer(_Preparation):
    """Bring every band of a frame to the level of the bands around it.

    Each band has the mean of its neighbours subtracted and is divided by their
    deviation, so that neither the loudness of a note nor the colour of an instrument or
    a room decides how high its partials rise [1]_.

    Parameters
    ----------
    n_bands : int, default=51
        Bands that are averaged over, with the one in the middle; fewer at the edges. Of
        bins of 8 Hz these are 400 Hz: several partials of most notes.
    floor : float, default=0.001
        Smallest deviation that is divided by, as a share of the largest magnitude in
        the frame: what is 60 dB below the loudest is not brought up to it.

    Attributes
    ----------
    feature_names_ : ndarray of shape (`n_features_in_`,), dtype=object
        Names of the columns of the output.
    n_features_in_ : int
        Features per frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.

    See Also
    --------
    ClipNormalizer : The level of each clip, or of each band over a clip.

    References
    ----------
    .. [1] G. Poliner and D. Ellis. A discriminative model for polyphonic piano
       transcription. EURASIP Journal on Advances in Signal Processing, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import BandNormalizer
    >>> frame = [[0.0, 0.0, 2.0, 0.0, 0.0, 0.0]]
    >>> BandNormalizer(3).fit_transform(frame).round(2)
    array([[ 0.  , -0.71,  1.41, -0.71,  0.  ,  0.  ]])
    """

    _parameter_constraints = {
        "n_bands": [Interval(Integral, 2, None, closed="left")],
        "floor": [Interval(Real, 0, None, closed="neither")],
    }

    _works_frame_by_frame = True

    def __init__(self, n_bands: int = 51, *, floor: float = 1e-3) -> None:
        self.n_bands = n_bands
        self.floor = floor

    def _apply(self, clips):
        # Of values from -1 to 1, whose squares neither overflow nor vanish.
        largest = np.abs(clips).max(axis=2, keepdims=True)
        x = (clips / np.where(largest > 0, largest, 1)).astype(np.float64)
        n, before = x.shape[2], plain(self.n_bands) // 2
        first = np.maximum(np.arange(n) - before, 0)
        stop = np.minimum(np.arange(n) - before + plain(self.n_bands), n)
        sums = (np.insert(z.cumsum(axis=2), 0, 0.0, axis=2) for z in (x, x * x))
        mean, squares = ((s[..., stop] - s[..., first]) / (stop - first) for s in sums)
        deviation = np.sqrt(np.maximum(squares - mean**2, 0))
        normal = (x - mean) / np.maximum(deviation, plain(self.floor))
        return normal.astype(clips.dtype)
