"""What recognisers of chords have in common: decoding, seconds, scores, files."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, check_is_fitted

from skdeepmir import chords, decoding
from skdeepmir._sklearn import Interval, StrOptions
from skdeepmir._validation import check_clip_labels, validate_frames
from skdeepmir.chord_recognition._coding import (
    FrameCoding,
    Transposition,
    check_not_one_path,
    needed_rate,
)
from skdeepmir.frames import length_buckets, object_array, pack_clips
from skdeepmir.metrics import wcsr

# Which of mir_eval's comparisons belongs to a vocabulary.
METRICS = {
    "majmin": "majmin",
    "majmin_inv": "majmin_inv",
    "sevenths": "sevenths",
    "tetrads": "tetrads",
    "full": "tetrads_inv",
}
RECOGNIZER_CONSTRAINTS = {
    "vocabulary": [StrOptions(set(METRICS)), tuple, list],
    "frame_rate": [Interval(Real, 0, None, closed="neither"), None],
    "transpose": ["boolean"],
    "bins_per_octave": [Interval(Integral, 1, None, closed="left")],
    "decoder": [StrOptions({"viterbi", "beam", "argmax"})],
    "beam_width": [Interval(Integral, 1, None, closed="left")],
    "self_transition": [Interval(Real, 0, None, closed="neither")],
}


class ChordRecognizer(BaseEstimator):
    """A recogniser of chords.

    Subclasses have the parameters of ``RECOGNIZER_CONSTRAINTS`` and give scores of
    classes for each frame.
    """

    def predict(self, X):
        """Recognise the chord of each frame.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        labels : ndarray of shape (n_clips,), dtype=object, or of shape (n_clips,)
            An array of shape (n_frames_i,) with the labels of the frames of each clip,
            as the decoder chooses them. For rows of a 2-D array a label each.
        """
        check_is_fitted(self)
        self._validate_params()  # some may be changed after fitting
        clips, layout = self._read_clips(X, reset=False, dtype=self._predicting_dtype())
        paths = [None] * len(clips)
        for bucket in length_buckets(layout.n_frames):  # scores of all may not fit
            found = self._decode_clips([clips[i] for i in bucket])
            for i, path in zip(bucket, found, strict=True):
                paths[i] = path
        if not layout.has_clips:
            return self.classes_[np.concatenate(paths)]
        return object_array([self.classes_[path] for path in paths])

    def predict_proba(self, X):
        """Return how likely each class is in each frame, before decoding.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        probabilities : list of ndarray of shape (n_frames_i, n_classes), or ndarray \
                of shape (n_clips, n_frames, n_classes) or (n_clips, n_classes)
            In the container of X, float64; columns as in ``classes_``.
        """
        check_is_fitted(self)
        self._validate_params()
        clips, layout = self._read_clips(X, reset=False, dtype=self._predicting_dtype())
        parts = [softmax(part, axis=1) for part in self._scores_of_clips(clips)]
        return pack_clips(parts, layout)

    def predict_intervals(self, X):
        """Recognise chords, with their times.

        Parameters
        ----------
        X : list of ndarray or ndarray of 3 dimensions
            Clips; see :meth:`fit`.

        Returns
        -------
        annotations : list of tuple (intervals, labels)
            For each clip ``intervals`` of shape (n_chords, 2) in seconds and ``labels``
            of shape (n_chords,), as ``mir_eval`` takes them. A chord begins half-way
            between its first frame and the one before.

        Raises
        ------
        ValueError
            If ``frame_rate`` is None, or the labels are no chords.
        """
        check_is_fitted(self)
        self._check_chords("predict_intervals")
        rate = needed_rate(self.frame_rate)
        labels = self.predict(X)
        if labels.dtype != object:
            raise ValueError(
                f"X is one array of shape {np.shape(X)}, whose rows have no times. For "
                "a single clip pass [X]."
            )
        return [chords.frame_intervals(part, rate) for part in labels]

    def score(self, X, y):
        """Return the weighted chord symbol recall (WCSR) in the vocabulary.

        The share of the scored time in which the chord is right, over all clips; of the
        frames, where labels are numbers. What is annotated beyond the end of a clip
        counts as wrong, as in mir_eval.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        y : sequence of n_clips annotations
            See :meth:`fit`.

        Returns
        -------
        score : float
            From 0 to 1, by the comparison of mir_eval that has the vocabulary's name
            ("tetrads_inv" for "full" and for vocabularies of your own). To compare
            vocabularies, use one of :data:`skdeepmir.metrics.CHORD_SCORERS` for all.
        """
        labels = self.predict(X)
        check_not_one_path(y)
        check_clip_labels(y, len(labels), needed_by=self)
        if not self._labels_are_chords:
            return _share_of_equal(labels, y)
        if labels.dtype != object:
            labels, y = [labels], [np.asarray(y)]
        metric = "tetrads_inv"
        if isinstance(self.vocabulary, str):
            metric = METRICS[self.vocabulary]
        return wcsr(y, labels, vocabulary=metric, frame_rate=self.frame_rate)

    def to_lab(self, X, paths):
        """Write the chords of each clip to a ``.lab`` file: start, end, label.

        Parameters
        ----------
        X : list of ndarray or ndarray of 3 dimensions
            Clips; see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; one that exists is replaced.

        Returns
        -------
        annotations : list of tuple (intervals, labels)
            What was written; see :meth:`predict_intervals`.
        """
        return self._write(X, paths, chords.write_lab)

    def to_jams(self, X, paths):
        """Write the chords of each clip to a ``.jams`` file.

        Parameters
        ----------
        X : list of ndarray or ndarray of 3 dimensions
            Clips; see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; one that exists is replaced.

        Returns
        -------
        annotations : list of tuple (intervals, labels)
            What was written; see :meth:`predict_intervals`.
        """
        return self._write(X, paths, chords.write_jams)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        return tags

    def _predicting_dtype(self):
        """Return the dtype of clips to predict for."""
        return np.float64

    def _read_clips(self, X, *, reset, dtype):
        """Return a list of matrices of frames, and the layout."""
        return validate_frames(self, X, reset=reset, dtype=dtype)

    def _scores_of_clips(self, clips):
        """Return the logarithm of how likely classes are, up to a constant a frame."""
        raise NotImplementedError

    def _decode_clips(self, clips):
        """Return the number of the class of each frame of each clip."""
        scores = self._scores_of_clips(clips)
        if self.decoder == "argmax" or all(len(part) == 1 for part in scores):
            return [part.argmax(axis=1) for part in scores]
        with np.errstate(divide="ignore"):
            transition = np.log(self._scaled_transition())
        if self.decoder == "viterbi":
            return decoding.viterbi(scores, transition)
        return [self._beam(part, transition) for part in scores]

    def _beam(self, scores, transition):
        def step(t, previous, state):
            rows = np.repeat(scores[t][None], len(previous), axis=0)
            return (rows if t == 0 else rows + transition[previous]), state

        return decoding.beam_search(step, len(scores), beam_width=self.beam_width)

    def _scaled_transition(self):
        """Return the transitions that the decoder uses."""
        n = len(self.classes_)
        transition = check_array(self.transition_, input_name="transition_")
        if transition.shape != (n, n) or (transition < 0).any():
            raise ValueError(
                f"transition_ has shape {transition.shape}; expected probabilities of "
                f"shape ({n}, {n}), from the row's class to the column's."
            )
        return decoding.scale_self_transition(transition, self.self_transition)

    def _make_coding(self, y, sample_weight=None):
        """Return what turns annotations into numbers of classes."""
        return FrameCoding.of(y, self.vocabulary, self.frame_rate)

    def _coding(self):
        """Return the coding that was fitted."""
        return self._coding_of(self.classes_, self._labels_are_chords)

    def _coding_of(self, classes, are_chords):
        vocabulary = tuple(classes.tolist()) if are_chords else None
        return FrameCoding(classes, vocabulary, self.frame_rate)

    def _transposition(self, coding):
        """Return how clips are transposed, or None."""
        if not self.transpose:
            return None
        return Transposition.of(coding, self.n_features_in_, self.bins_per_octave)

    def _estimate_transition(self, coding, targets):
        """Return transitions between classes, the same in all keys if transposed."""
        transposition = self._transposition(coding)
        return decoding.estimate_transitions(
            list(targets),
            coding.n_outputs,
            transpositions=None if transposition is None else transposition.classes,
        )

    def _check_chords(self, method):
        if not self._labels_are_chords:
            raise ValueError(
                f"{method} is for chords, but {type(self).__name__} was fitted on "
                "labels that are numbers."
            )

    def _write(self, X, paths, write):
        check_not_one_path(paths, "paths")
        annotations, paths = self.predict_intervals(X), list(paths)
        if len(paths) != len(annotations):
            raise ValueError(
                f"paths has {len(paths)} files, but X has {len(annotations)} clips; "
                "expected one for each."
            )
        for path, (intervals, labels) in zip(paths, annotations, strict=True):
            write(path, intervals, labels)
        return annotations


def _share_of_equal(labels, y):
    """Return the share of frames whose label is right, over all clips."""
    for i, (found, expected) in enumerate(zip(labels, y, strict=True)):
        if np.shape(found) != np.shape(expected):
            raise ValueError(
                f"y: clip {i} has labels of shape {np.shape(expected)}, but the clip "
                f"has {np.size(found)} frames; expected one for each."
            )
    found, expected = (
        np.concatenate([np.ravel(part) for part in parts]) for parts in (labels, y)
    )
    return float(np.mean(found == expected))
