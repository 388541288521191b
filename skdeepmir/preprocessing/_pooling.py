"""Statistics of frames over windows or whole clips: ``MultiTimescalePooler``."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from skdeepmir._bases import BaseEstimator, TransformerMixin, available_if
from skdeepmir._frame_rates import clock_of, fitted_rate, own_rate
from skdeepmir._sklearn import (
    Interval,
    OneTask,
    StrOptions,
    _check_feature_names_in,
    _fit_context,
    plain,
)
from skdeepmir._validation import check_clip_labels, validate_clips
from skdeepmir.frames import ClipsLike, LabelsLike, Mirrored, pack_clips, what_is_no_set

#: The statistics of windows that :class:`MultiTimescalePooler` knows.
FUNCTIONS = (
    "mean",
    "std",
    "var",
    "min",
    "max",
    "median",
    "skewness",
    "kurtosis",
    "moment3",
    "moment4",
)
LEVELS = ("mean", "min", "max", "median")  # of one frame: the frame itself


class MultiTimescalePooler(OneTask, TransformerMixin, BaseEstimator):
    """Summarise frames by statistics over windows of several lengths.

    Parameters
    ----------
    functions : array-like of str, default=("mean", "std")
        Statistics of each feature over each window: "mean", "std", "var", "min", "max",
        "median", "skewness", "kurtosis" (excess), "moment3" and "moment4" (third and
        fourth central moments, not standardised). Mean and deviation are the field's
        baseline; [1]_ found that combinations with "min", "max" and the moments beat
        any single one.
    windows : array-like of float, int or "clip", or one of these, default="clip"
        Lengths of the windows. A float such as 1.0 is in seconds, an int such as 40 in
        frames (with ``frame_rate`` both are in seconds); "clip" is one window over the
        whole clip. A clip that is shorter than a window gives one window with all its
        frames.
    overlap : float, default=0.5
        Share of a window that the next one covers again, in [0, 1). Frames at the end
        that do not fill another window are left out for that window length.
    output : {"clip", "windows"}, default="clip"
        - "clip": one row for each clip, the mean over its windows.
        - "windows": one row for each window, so that a clip of frames becomes a slower
          clip of windows, for :class:`ClipVotingClassifier` or another pooler. With
          several lengths the shortest sets the pace, and each row also holds the
          nearest window of each other length.
    frame_rate : float, default=None
        Frames per second (Hz) of the input. None takes that of the extractor in a
        :class:`skdeepmir.pipeline.Pipeline`, whatever its parameters are; outside of
        one pass ``extractor.frame_rate`` for windows in seconds.
    short : {"pool", "raise"}, default="pool"
        What to do with a clip that is shorter than a window: pool what there is, or
        raise an error.

    Attributes
    ----------
    n_features_in_ : int
        Features per frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X or its clips are DataFrames.
    feature_names_ : ndarray of shape (n_features_out,), dtype=object
        Names of the output's columns, such as "std_2.5s_x3": function, window, feature.
    window_frames_ : tuple of int or None
        Lengths of the windows in frames, as rounded; None is the whole clip.
    frame_rate_ : float or None
        Frames per second of the input, if they are known.

    See Also
    --------
    SpectrogramExtractor : Extracts the frames of clips.
    ClipVotingClassifier : Any classifier on the windows of clips.

    Notes
    -----
    Moments are computed in float64 from deviations and merged where windows overlap, so
    they are accurate also under a large offset, and the cost grows with the number of
    frames, whatever the windows; only "median" goes through each window anew. The
    result has the dtype of the input.

    References
    ----------
    .. [1] P. Hamel, S. Lemieux, Y. Bengio and D. Eck. Temporal pooling and multiscale
       learning for automatic annotation and ranking of music audio. ISMIR 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import MultiTimescalePooler
    >>> clips = [np.random.rand(100, 3), np.random.rand(80, 3)]
    >>> MultiTimescalePooler(("mean", "max"), windows=("clip", 10)).fit_transform(
    ...     clips
    ... ).shape
    (2, 12)
    >>> slower = MultiTimescalePooler(windows=1.0, frame_rate=20.0, output="windows")
    >>> [windows.shape for windows in slower.fit_transform(clips)]
    [(9, 6), (7, 6)]
    """

    _parameter_constraints = {
        "functions": [StrOptions(set(FUNCTIONS)), "array-like"],
        "windows": [
            StrOptions({"clip"}),
            Interval(Real, 0, None, closed="neither"),
            "array-like",
        ],
        "overlap": [Interval(Real, 0, 1, closed="left")],
        "output": [StrOptions({"clip", "windows"})],
        "frame_rate": [Interval(Real, 0, None, closed="neither"), None],
        "short": [StrOptions({"pool", "raise"})],
    }

    def __init__(
        self,
        functions: str | Sequence[str] = ("mean", "std"),
        *,
        windows: float | str | Sequence[float | str] = "clip",
        overlap: float = 0.5,
        output: Literal["clip", "windows"] = "clip",
        frame_rate: float | None = None,
        short: Literal["pool", "raise"] = "pool",
    ) -> None:
        self.functions = functions
        self.windows = windows
        self.overlap = overlap
        self.output = output
        self.frame_rate = frame_rate
        self.short = short

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ClipsLike, y: LabelsLike | None = None) -> Self:
        """Check the parameters and learn the number of features.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips of frames. Rows of a 2-D array are clips of one frame.
        y : array-like of shape (n_clips,), default=None
            Only its length is checked.

        Returns
        -------
        self : MultiTimescalePooler
            The fitted pooler.
        """
        self._fit(X, y)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: ClipsLike, y: LabelsLike | None = None) -> Mirrored:
        """Fit to X, then pool it.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        y : array-like of shape (n_clips,), default=None
            See :meth:`fit`.

        Returns
        -------
        pooled : ndarray of shape (n_clips, n_features_out), or clips of windows
            See :meth:`transform`.
        """
        return self._pool(*self._fit(X, y))

    def transform(self, X: ClipsLike) -> Mirrored:
        """Pool the frames of each clip.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        pooled : ndarray of shape (n_clips, n_features_out), or list of ndarray of \
                shape (n_windows_i, n_features_out), or ndarray of 3 dimensions
            One row for each clip; with ``output="windows"`` one matrix for each clip,
            in the container of X.

        Raises
        ------
        ValueError
            If a clip has no frames, has values that are not finite or have statistics
            that are not, or has another number of features than in ``fit``. The message
            names the clip.
        """
        check_is_fitted(self)
        return self._pool(*validate_clips(self, X, reset=False, stack=False))

    @available_if(lambda self: not self._output_is_ragged())
    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Name the columns of the output.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features of a frame, such as ``extractor.feature_names_``; None
            takes ``feature_names_in_`` or x0, x1, ...

        Returns
        -------
        names : ndarray of shape (n_features_out,), dtype=object
            Names such as "std_2.5s_mfcc_3".
        """
        check_is_fitted(self)
        return self._feature_names_out(input_features)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _output_is_ragged(self):
        return self.output == "windows" and getattr(self, "_fitted_on_clips", False)

    def _feature_names_out(self, input_features):
        """Name the columns of the output, also where it is no table."""
        return self._names(_check_feature_names_in(self, input_features))

    def _frame_rate_after(self, rate):
        """Return windows per second, or None if there are none or it is not known."""
        if self.output != "windows" or rate is None:
            return None
        self._validate_params()
        lengths = [self._to_frames(window, rate) for window in self._windows()]
        known = [length for length in lengths if length is not None]
        if not known:
            return None
        clock, length = clock_of(rate), min(known)
        to_middle = (length - 1) / 2 / rate  # from its first frame
        return clock.replace(
            rate / self._hop(length), offset=clock.offset + to_middle, n_windows=1
        )

    def _fit(self, X, y):
        functions, windows = self._functions(), self._windows()
        unknown = [f for f in functions if f not in FUNCTIONS]
        if unknown or not functions:
            raise ValueError(
                f"functions={self.functions!r} must name one or more of "
                f"{', '.join(FUNCTIONS)}."
            )
        rate = fitted_rate(self.frame_rate)
        window_frames = tuple(self._to_frames(window, rate) for window in windows)
        if not windows:
            raise ValueError("windows=() must name one or more window lengths.")
        clips, layout = validate_clips(self, X, reset=True, stack=False)
        check_clip_labels(y, layout.n_clips)
        self.window_frames_ = window_frames
        self.frame_rate_ = rate
        self.feature_names_ = self._names(_check_feature_names_in(self))
        return clips, layout

    def _functions(self):
        return _listed("functions", self.functions)

    def _windows(self):
        return _listed("windows", self.windows)

    def _in_seconds(self, window):
        """Tell whether the length of a window is in seconds."""
        # A rate that a pipeline has set does not change what a window of 40 frames is.
        is_own = own_rate(self.frame_rate) is not None
        return is_own or not isinstance(window, Integral)

    def _to_frames(self, window, rate):
        """Return a window length in frames, None for the whole clip."""
        if window == "clip" and isinstance(window, str):
            return None
        if not isinstance(window, Real) or not window > 0:
            expected = "a length in seconds (1.0) or frames (40)"
            if own_rate(self.frame_rate) is not None:
                expected = "a length in seconds"
            raise ValueError(
                f"windows has {window!r}; expected 'clip' or {expected}, above 0."
            )
        if not self._in_seconds(window):
            return int(window)
        if rate is None:
            raise ValueError(
                f"windows has {window!r}; expected 'clip' or a whole number of frames, "
                "such as 40, because the frame rate that seconds need is not known: "
                "frame_rate=None, and no step before tells one. Put this step behind "
                "SpectrogramExtractor into skdeepmir.make_pipeline, which hands the "
                "rate on, or pass frame_rate=extractor.frame_rate."
            )
        return max(1, round(plain(window) * rate))

    def _names(self, input_features):
        labels = [
            w if isinstance(w, str) else f"{w:g}{'s' if self._in_seconds(w) else 'f'}"
            for w in self._windows()
        ]
        names = [
            f"{function}_{label}_{feature}"
            for label in labels
            for function in self._functions()
            for feature in input_features
        ]
        return np.array(names, dtype=object)

    def _pool(self, clips, layout):
        self._check_lengths(layout)
        if not layout.has_clips:
            # One-frame clips: every window is the frame itself.
            nothing = np.zeros_like(clips)
            columns = [clips if f in LEVELS else nothing for f in self._functions()]
            return np.concatenate(columns * len(self._windows()), axis=1)
        pool = self._pool_clip if self.output == "clip" else self._pool_sequence
        pooled = [
            narrowed(pool(np.ascontiguousarray(clip)), clip.dtype, i)
            for i, clip in enumerate(clips)
        ]
        return np.stack(pooled) if self.output == "clip" else pack_clips(pooled, layout)

    def _check_lengths(self, layout):
        longest = max((n for n in self.window_frames_ if n is not None), default=0)
        shortest = int(np.argmin(layout.n_frames))
        if self.short == "raise" and layout.n_frames[shortest] < longest:
            raise ValueError(
                f"clip {shortest} has {layout.n_frames[shortest]} frames, fewer than "
                f"the {longest} of the longest window. Leave it out with its label, "
                "shorten the window, or pool what there is with short='pool'."
            )

    def _pool_clip(self, clip):
        """Return one row: for each window length the mean over its windows."""
        scales = [
            self._pool_scale(clip, length, mean=True) for length in self.window_frames_
        ]
        return np.concatenate(scales, axis=1)[0]

    def _pool_sequence(self, clip):
        """Return a row for each window of the shortest length."""
        n_frames = len(clip)
        lengths = [min(w or n_frames, n_frames) for w in self.window_frames_]
        scales = [self._pool_scale(clip, length) for length in lengths]
        hops = [self._hop(length) for length in lengths]
        pace = int(np.argmin(lengths))
        centres = np.arange(len(scales[pace])) * hops[pace] + lengths[pace] / 2
        columns = []
        for scale, length, hop in zip(scales, lengths, hops, strict=True):
            nearest = np.rint((centres - length / 2) / hop).astype(np.intp)
            columns.append(scale[np.clip(nearest, 0, len(scale) - 1)])
        return np.concatenate(columns, axis=1)

    def _windows_of(self, clip, number):
        """Return the statistics of all windows of a clip, a matrix for each length."""
        clip = np.ascontiguousarray(clip)
        return tuple(
            narrowed(self._pool_scale(clip, length), clip.dtype, number)
            for length in self.window_frames_
        )

    def _hop(self, length):
        return max(1, round(length * (1 - plain(self.overlap))))

    def _pool_scale(self, clip, length, mean=False):
        """Return the statistics of all windows of one length, or the mean over them."""
        from skdeepmir.preprocessing import _pooling_kernel as kernel

        length = min(length or len(clip), len(clip))
        hop = self._hop(length)
        functions = self._functions()
        n_windows = 1 if mean else (len(clip) - length) // hop + 1
        pooled = np.zeros((n_windows, len(functions), clip.shape[1]))
        by_moments = [i for i, f in enumerate(functions) if f in kernel.FUNCTIONS]
        if by_moments:
            codes = [kernel.FUNCTIONS.index(functions[i]) for i in by_moments]
            kernel.pool_windows(
                clip, length, hop, np.array(by_moments), np.array(codes), pooled
            )
        if "median" in functions:
            medians = _medians(clip, length, hop)
            medians = medians.mean(axis=0, keepdims=True) if mean else medians
            pooled[:, [f == "median" for f in functions]] = medians[:, np.newaxis]
        return pooled.reshape(n_windows, -1)


def _listed(name, given):
    """Return one or several values of a parameter as a tuple."""
    if isinstance(given, str | Real):
        return (given,)
    if found := what_is_no_set(given):
        raise ValueError(f"{name} is {found}; expected one value, a list or an array.")
    return tuple(given.tolist() if isinstance(given, np.ndarray) else given)


def narrowed(pooled, dtype, number):
    """Return the statistics of a clip in its dtype; raise an error if they overflow."""
    with np.errstate(over="ignore"):  # noticed below
        narrow = pooled.astype(dtype, copy=False)
    if not np.isfinite(narrow).all():
        raise ValueError(
            f"clip {number} has values so large that their statistics do not fit in "
            f"{dtype}, which ends at {np.finfo(dtype).max:.2g}; variances are squares, "
            "and moments third and fourth powers. Scale the frames, for example to "
            "decibels."
        )
    return narrow


def _medians(clip, length, hop):
    """Return the medians of all windows of one length."""
    windows = np.lib.stride_tricks.sliding_window_view(clip, length, axis=0)[::hop]
    # In float64, where two values in the middle can be added.
    return np.stack([np.median(w.astype(np.float64), axis=1) for w in windows])
