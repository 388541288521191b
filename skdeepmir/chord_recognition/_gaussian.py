"""Chords by a Gaussian for each and a Markov chain: ``GaussianChordRecognizer``."""

from __future__ import annotations

from numbers import Real
from typing import Annotated, Self

import numpy as np
from scipy.linalg import solve_triangular

from skdeepmir._parameters import Positive, parameter, parameters
from skdeepmir._sklearn import Interval, OneTask, _fit_context, plain
from skdeepmir._threads import one_blas_thread
from skdeepmir._validation import validate_frames
from skdeepmir.chord_recognition._recognizer import TransposingRecognizer
from skdeepmir.chords._vocabularies import NO_LABEL, SEMITONES
from skdeepmir.frames import ClipsLike, LabelsLike

LARGEST_VALUE = 1e100
AtMostOne = Annotated[float, Interval(Real, 0, 1, closed="right")]
FromOne = Annotated[float, Interval(Real, 1, None, closed="left")]


@parameters
class GaussianChordRecognizer(OneTask, TransposingRecognizer):
    """Recognise chords by a hidden Markov model with a Gaussian for each chord.

    This was the baseline before nets [1]_: frames of a chord are normally distributed,
    and chords follow each other as in the training clips. ``transpose=True`` is for
    chroma, whose features go round in a circle. Its likelihoods do not depend on how
    frequent a chord was in training, so that there is no prior to correct: of sevenths
    in 0.7 % of the training time it finds four in ten, where a net finds none
    (``benchmarks/rare_chords.py``).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    means_ : ndarray of shape (n_classes, n_features)
        Mean frame of each.
    covariances_ : ndarray of shape (n_classes, n_features, n_features)
        Covariances.
    class_count_ : ndarray of shape (n_classes,), int
        Training frames of each; 0 for chords with too few.
    transition_ : ndarray of shape (n_classes, n_classes)
        Probability of each class (column) after each (row).
    frame_rate_ : float or None
        Frames per second, if they are known: ``frame_rate``, or that of the pipeline.
    n_features_in_ : int
        Features per frame.

    References
    ----------
    .. [1] A. Sheh and D. P. W. Ellis. Chord segmentation and recognition using
       EM-trained hidden Markov models. ISMIR 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import GaussianChordRecognizer
    >>> rng = np.random.RandomState(0)
    >>> c_major = rng.rand(40, 12)
    >>> c_major[:, [0, 4, 7]] += 2
    >>> recognizer = GaussianChordRecognizer(transpose=True)
    >>> recognizer.fit([c_major], [["C:maj"] * 40])
    GaussianChordRecognizer(transpose=True)
    >>> recognizer.predict([np.roll(c_major[:2], 2, axis=1)])[0]
    array(['D:maj', 'D:maj'], dtype='<U6')
    """

    shrinkage: AtMostOne = parameter(
        """
        Share of the mean variance in each covariance, up to 1: chords of few frames
        need one. 0.6 was the best of 0.1, 0.3 and 0.6 on rendered pop songs.
        """,
        default=0.6,
    )
    min_frames: FromOne = parameter(
        "Training frames below which a chord is not recognised at all.", default=2
    )
    self_transition: Positive = parameter(
        """
        What the odds of staying in a chord are multiplied by in decoding. It is so
        large because neighbouring frames are not as independent as the model assumes:
        1e6 was the best of 1 to 1e6 on the same songs, at 11 frames per second. May be
        changed after fitting.
        """,
        default=1e6,
    )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ClipsLike, y: LabelsLike) -> Self:
        """Learn means, covariances and transitions.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips, such as of chroma. Rows of a 2-D array are clips of one frame.
        y : sequence of n_clips annotations
            See :meth:`BLSTMChordRecognizer.fit`.

        Returns
        -------
        self : GaussianChordRecognizer
            The fitted recogniser.

        Raises
        ------
        ValueError
            If X is not a set of clips, or y does not fit it.
        """
        clips, layout = validate_frames(self, X, reset=True, dtype=np.float64)
        y = self._read_targets(y, layout)
        coding = self._make_coding(y)
        transposition = coding.transposition
        if transposition is not None and not transposition.is_circular:
            raise ValueError(
                f"transpose=True is for chroma here, but X has {self.n_features_in_} "
                f"features and bins_per_octave={self.bins_per_octave}; expected as "
                "many of both. Fold spectra into chroma, or set transpose=False."
            )
        targets = coding.encode(y, layout)
        frames, numbers = np.concatenate(clips), np.concatenate(targets)
        frames, numbers = frames[numbers != NO_LABEL], numbers[numbers != NO_LABEL]
        _check_size(frames)
        coding = coding.with_transitions(targets)
        with one_blas_thread():
            counts, means, squares = _moments(
                frames, numbers, coding.n_outputs, transposition
            )
            is_known = counts >= min(self.min_frames, counts.max())
            covariances = np.tile(np.eye(frames.shape[1]), (len(counts), 1, 1))
            for i in np.flatnonzero(is_known):
                covariances[i] = self._shrunk(squares[i] / counts[i])
        self.means_ = means
        self.covariances_ = covariances
        self.class_count_ = counts * is_known
        self._keep_coding(coding)
        return self

    def _shrunk(self, covariance):
        """Return a covariance, made rounder."""
        shrinkage = plain(self.shrinkage)
        variance = max(np.trace(covariance) / len(covariance), 0) or 1.0
        round_one = variance * np.eye(len(covariance))
        return (1 - shrinkage) * covariance + shrinkage * round_one

    def _scores_of_clips(self, clips):
        n_frames = [len(clip) for clip in clips]
        frames = np.concatenate(clips)
        _check_size(frames)
        scores = np.full((len(frames), len(self.classes_)), -np.inf)
        with one_blas_thread():
            for i in np.flatnonzero(self.class_count_):
                root = np.linalg.cholesky(self.covariances_[i])
                away = solve_triangular(
                    root, (frames - self.means_[i]).T, lower=True, check_finite=False
                )
                scores[:, i] = -0.5 * np.square(away).sum(axis=0)
                scores[:, i] -= np.log(np.diag(root)).sum()
        return np.split(scores, np.cumsum(n_frames)[:-1])

    def __sklearn_is_fitted__(self):
        return hasattr(self, "means_")


def _moments(frames, numbers, n_classes, transposition):
    """Return counts, means and squared deviations of classes, over all keys."""
    counts = np.zeros(n_classes, dtype=int)
    sums = np.zeros((n_classes, frames.shape[1]))
    for i, of_class in _frames_of_classes(frames, numbers, transposition):
        counts[i] += len(of_class)
        sums[i] += of_class.sum(axis=0)
    means = sums / np.maximum(counts, 1)[:, None]
    # Of deviations: differences of large squares are but rounding errors.
    squares = np.zeros((n_classes, frames.shape[1], frames.shape[1]))
    for i, of_class in _frames_of_classes(frames, numbers, transposition):
        deviations = of_class - means[i]
        squares[i] += deviations.T @ deviations
    return counts, means, squares


def _frames_of_classes(frames, numbers, transposition):
    """Yield the number and the frames of each class, for each key."""
    for k in SEMITONES if transposition else [0]:
        x, own = frames, numbers
        if k:
            x, own = transposition.shift(x, k), transposition.relabel(own, k)
        for i in np.unique(own):
            yield i, x[own == i]


def _check_size(frames):
    """Refuse frames whose squares do not fit in float64."""
    largest = np.abs(frames).max(initial=0)
    if largest > LARGEST_VALUE:
        raise ValueError(
            f"X has values of size {largest:.3g}; expected at most {LARGEST_VALUE:g}, "
            "whose squares are finite. Scale the frames."
        )
