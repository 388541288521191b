"""Chords by a Gaussian for each and a Markov chain: ``GaussianChordRecognizer``."""

from __future__ import annotations

from numbers import Real

import numpy as np
from scipy.linalg import solve_triangular

from skdeepmir._sklearn import Interval, _fit_context, plain
from skdeepmir._threads import one_blas_thread
from skdeepmir._validation import check_clip_labels
from skdeepmir.chord_recognition._coding import (
    NO_LABEL,
    SEMITONES,
    check_not_one_path,
)
from skdeepmir.chord_recognition._recognizer import (
    RECOGNIZER_CONSTRAINTS,
    ChordRecognizer,
)

LARGEST_VALUE = 1e100


class GaussianChordRecognizer(ChordRecognizer):
    """Recognise chords by a hidden Markov model with a Gaussian for each chord.

    The baseline before nets [1]_: frames of a chord are normally distributed, and
    chords follow each other as in the training clips.

    Parameters
    ----------
    vocabulary : {"majmin", "majmin_inv", "sevenths", "tetrads", "full"} or tuple of \
            str, default="majmin"
        Chords to choose from; see :mod:`skdeepmir.chords`.
    frame_rate : float, default=None
        Frames per second, for annotations and results in seconds.
    transpose : bool, default=False
        Whether to learn from all twelve transpositions of the clips, so that chords of
        a kind have the same distribution in all keys. For chroma: features go round in
        a circle.
    bins_per_octave : int, default=12
        Bins per octave of the input, for ``transpose``.
    shrinkage : float, default=0.6
        Share of the mean variance in each covariance, up to 1: chords of few frames
        need one. The best of 0.1, 0.3 and 0.6 on rendered pop songs.
    min_frames : int, default=2
        Training frames below which a chord is not recognised at all.
    self_transition : float, default=1e6
        What multiplies the odds of staying in a chord. So large because neighbouring
        frames are not as independent as the model has them: of 1 to 1e6 the best on the
        same songs, at 11 frames per second.
    decoder : {"viterbi", "beam", "argmax"}, default="viterbi"
        How frames become chords; see :class:`BLSTMChordRecognizer`.
    beam_width : int, default=10
        Hypotheses of the decoder "beam".

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

    _parameter_constraints = {
        **RECOGNIZER_CONSTRAINTS,
        "shrinkage": [Interval(Real, 0, 1, closed="right")],
        "min_frames": [Interval(Real, 1, None, closed="left")],
    }

    def __init__(
        self,
        vocabulary="majmin",
        *,
        frame_rate=None,
        transpose=False,
        bins_per_octave=12,
        shrinkage=0.6,
        min_frames=2,
        self_transition=1e6,
        decoder="viterbi",
        beam_width=10,
    ):
        self.vocabulary = vocabulary
        self.frame_rate = frame_rate
        self.transpose = transpose
        self.bins_per_octave = bins_per_octave
        self.shrinkage = shrinkage
        self.min_frames = min_frames
        self.self_transition = self_transition
        self.decoder = decoder
        self.beam_width = beam_width

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
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
            If X is no set of clips, or y does not fit it.
        """
        clips, layout = self._read_clips(X, reset=True, dtype=np.float64)
        check_not_one_path(y)
        check_clip_labels(y, layout.n_clips, needed_by=self)
        coding = self._make_coding(y)
        targets = coding.encode(y, layout)
        frames, numbers = np.concatenate(clips), np.concatenate(targets)
        frames, numbers = frames[numbers != NO_LABEL], numbers[numbers != NO_LABEL]
        transposition = self._transposition(coding)
        if transposition is not None and not transposition.is_circular:
            raise ValueError(
                f"transpose=True is for chroma here, but X has {frames.shape[1]} "
                f"features and bins_per_octave={self.bins_per_octave}; expected as "
                "many of both. Fold spectra into chroma, or set transpose=False."
            )
        with one_blas_thread():
            self._estimate(frames, numbers, coding, transposition)
        self.transition_ = self._estimate_transition(coding, targets)
        vars(self).update(coding.fitted())
        return self

    def _estimate(self, frames, numbers, coding, transposition):
        """Set counts, means and covariances of classes, over all keys."""
        _check_size(frames)
        n_classes, n_features = coding.n_outputs, frames.shape[1]
        counts = np.zeros(n_classes, dtype=int)
        sums = np.zeros((n_classes, n_features))
        for i, of_class in _frames_of_classes(frames, numbers, transposition):
            counts[i] += len(of_class)
            sums[i] += of_class.sum(axis=0)
        self.means_ = sums / np.maximum(counts, 1)[:, None]
        # Of deviations: differences of large squares are but rounding errors.
        squares = np.zeros((n_classes, n_features, n_features))
        for i, of_class in _frames_of_classes(frames, numbers, transposition):
            deviations = of_class - self.means_[i]
            squares[i] += deviations.T @ deviations
        is_known = counts >= min(self.min_frames, counts.max())
        self.class_count_ = counts * is_known
        self.covariances_ = np.tile(np.eye(n_features), (n_classes, 1, 1))
        for i in np.flatnonzero(is_known):
            self.covariances_[i] = self._shrunk(squares[i] / counts[i])

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
                away = solve_triangular(root, (frames - self.means_[i]).T, lower=True)
                scores[:, i] = -0.5 * np.square(away).sum(axis=0)
                scores[:, i] -= np.log(np.diag(root)).sum()
        return np.split(scores, np.cumsum(n_frames)[:-1])

    def __sklearn_is_fitted__(self):
        return hasattr(self, "means_")


def _frames_of_classes(frames, numbers, transposition):
    """Yield the number and the frames of each class, in each key."""
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
