"""What recognisers of chords have in common: parameters, decoding, scores, files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import Annotated, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.utils.validation import check_array, check_is_fitted

from skdeepmir import chords, decoding
from skdeepmir._annotators import (
    Annotator,
    AnnotatorParameters,
    check_not_one_path,
    write_each,
)
from skdeepmir._frame_rates import needed_rate
from skdeepmir._parameters import Positive, Size, parameter, parameters
from skdeepmir._sklearn import plain
from skdeepmir._training._frame_labels import share_of_equal
from skdeepmir._validation import validate_frames
from skdeepmir.chord_recognition._coding import FrameCoding, Transposition
from skdeepmir.frames import (
    ClipsLike,
    LabelsLike,
    Mirrored,
    length_buckets,
    object_array,
    pack_clips,
)
from skdeepmir.metrics import wcsr

Vocabulary = Literal["majmin", "majmin_inv", "sevenths", "tetrads", "full"]
# Which of mir_eval's comparisons belongs to a vocabulary.
METRICS = {**{name: name for name in get_args(Vocabulary)}, "full": "tetrads_inv"}


@parameters
class RecognizerParameters(AnnotatorParameters):
    """The parameters of every recogniser of chords."""

    vocabulary: Vocabulary | Annotated[Sequence[str], tuple, list] = parameter(
        """
        Chords to choose from (25, 73, 61, 169 or 601, or labels of your own), see
        :mod:`skdeepmir.chords`. Frames with other chords are not learned from. If the
        labels of frames are numbers, these are classes of another kind, and the
        vocabulary is not used. Do not change it after ``fit``.
        """,
        default="majmin",
        kw_only=False,
    )
    bins_per_octave: Size = parameter(
        """
        Bins per octave of the input, for ``transpose``: a multiple of 12. If it is also
        the number of features, these go round in a circle, as in chroma. Do not change
        it after ``fit``.
        """,
        default=12,
    )
    decoder: Literal["viterbi", "beam", "argmax"] = parameter(
        """
        How frames become chords: by the best path under ``transition_`` ("viterbi"), by
        a beam search for it, or each frame by itself ("argmax"). May be changed after
        fitting.
        """,
        default="viterbi",
    )
    beam_width: Size = parameter(
        'Hypotheses that the decoder "beam" keeps.', default=10
    )
    self_transition: Positive = parameter(
        """
        What the odds of staying in a chord are multiplied by in decoding. May be
        changed after fitting.
        """,
        default=1.0,
    )


# When chords begin and end, of shape (n_chords, 2), and their labels.
Annotation: TypeAlias = tuple[NDArray[np.float64], NDArray[Any]]


class ChordRecognizer(RecognizerParameters, Annotator):
    """A recogniser of chords; a subclass gives the scores of classes in each frame."""

    _annotates = "chords"

    def predict(self, X: ClipsLike) -> NDArray[Any]:
        """Recognise the chord of each frame.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        labels : ndarray of shape (n_clips,), dtype=object, or of shape (n_clips,)
            The labels of the frames of each clip, an array of shape (n_frames_i,), as
            the decoder chooses them. For rows of a 2-D array, a label each.
        """
        clips, layout = self._read_clips(X)
        paths = [None] * len(clips)
        for bucket in length_buckets(layout.n_frames):  # scores of all may not fit
            found = self._decode_clips([clips[i] for i in bucket])
            for i, path in zip(bucket, found, strict=True):
                paths[i] = path
        if not layout.has_clips:
            return self.classes_[np.concatenate(paths)]
        return object_array([self.classes_[path] for path in paths])

    def predict_proba(self, X: ClipsLike) -> Mirrored:
        """Predict the probability of each class in each frame, before decoding.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        probabilities : list of ndarray of shape (n_frames_i, n_classes), or ndarray \
                of shape (n_clips, n_frames, n_classes) or (n_clips, n_classes)
            In the container of X, float64; columns in the order of ``classes_``.
        """
        clips, layout = self._read_clips(X)
        parts = [softmax(part, axis=1) for part in self._scores_of_clips(clips)]
        return pack_clips(parts, layout)

    def predict_intervals(self, X: ClipsLike) -> list[Annotation]:
        """Recognise chords and when they sound.

        Parameters
        ----------
        X : list of ndarray or ndarray of 3 dimensions
            Clips; see :meth:`fit`.

        Returns
        -------
        annotations : list of tuple (intervals, labels)
            For each clip ``intervals`` of shape (n_chords, 2) in seconds and ``labels``
            of shape (n_chords,), as ``mir_eval`` takes them. A chord begins halfway
            between its first frame and the one before.

        Raises
        ------
        ValueError
            If the frame rate is not known, or the labels are numbers.
        """
        check_is_fitted(self)
        self._check_chords("predict_intervals")
        rate = needed_rate(self.frame_rate_)
        labels = self.predict(X)
        if labels.dtype != object:
            raise ValueError(
                f"X is one array of shape {np.shape(X)}, whose rows have no times. For "
                "a single clip, pass [X]."
            )
        return [chords.frame_intervals(part, rate) for part in labels]

    def score(self, X: ClipsLike, y: LabelsLike) -> float:
        """Return the weighted chord symbol recall (WCSR) in the vocabulary.

        This is the share of the scored time of all clips in which the chord is right;
        if labels are numbers, the share of the frames. Chords that are annotated beyond
        the end of a clip count as wrong, as in mir_eval.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        y : sequence of n_clips annotations
            See :meth:`fit`.

        Returns
        -------
        score : float
            From 0 to 1, by mir_eval's comparison of the same name as the vocabulary
            ("tetrads_inv" for "full" and for vocabularies of your own). To compare
            vocabularies, use the same of :data:`skdeepmir.metrics.CHORD_SCORERS` for
            all.
        """
        labels = self.predict(X)
        self._check_annotations(y, len(labels))
        if not self._labels_are_chords:
            return share_of_equal(labels, y)
        if labels.dtype != object:
            labels, y = [labels], [np.asarray(y)]
        metric = "tetrads_inv"
        if isinstance(self.vocabulary, str):
            metric = METRICS[self.vocabulary]
        return wcsr(y, labels, vocabulary=metric, frame_rate=self.frame_rate_)

    def to_lab(
        self, X: ClipsLike, paths: Sequence[str | PathLike[str]]
    ) -> list[Annotation]:
        """Write the chords of each clip to a ``.lab`` file: start, end, label.

        Parameters
        ----------
        X : list of ndarray or ndarray of 3 dimensions
            Clips; see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.

        Returns
        -------
        annotations : list of tuple (intervals, labels)
            What was written; see :meth:`predict_intervals`.
        """
        return self._write(X, paths, chords.write_lab)

    def to_jams(
        self, X: ClipsLike, paths: Sequence[str | PathLike[str]]
    ) -> list[Annotation]:
        """Write the chords of each clip to a ``.jams`` file.

        Parameters
        ----------
        X : list of ndarray or ndarray of 3 dimensions
            Clips; see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.

        Returns
        -------
        annotations : list of tuple (intervals, labels)
            What was written; see :meth:`predict_intervals`.
        """
        return self._write(X, paths, chords.write_jams)

    def _read_clips(self, X):
        """Return a list of matrices of frames to predict for, and the layout."""
        check_is_fitted(self)
        self._validate_params()  # some may be changed after fitting
        return validate_frames(self, X, reset=False, dtype=self._predicting_dtype())

    def _predicting_dtype(self):
        """Return the dtype of clips to predict for."""
        return np.float64

    def _scores_of_clips(self, clips):
        """Return log-likelihoods of classes, up to a constant in each frame."""
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

    def _read_targets(self, y, layout, name="y"):
        self._check_annotations(y, layout.n_clips, name)
        return y

    def _make_coding(self, y, sample_weight=None):
        coding = FrameCoding.of(y, self.vocabulary, self.frame_rate)
        return replace(coding, transposition=self._transposition(coding.vocabulary))

    def _keep_coding(self, coding):
        self.classes_ = coding.classes
        self.transition_ = coding.transition
        self._keep_rate(coding.frame_rate)
        self._labels_are_chords = coding.vocabulary is not None

    def _coding(self):
        vocabulary = tuple(self.classes_.tolist()) if self._labels_are_chords else None
        return FrameCoding(
            self.classes_,
            vocabulary,
            self.frame_rate_,
            self._transposition(vocabulary),
            getattr(self, "transition_", None),  # nets that see labels do without
        )

    def _transposition(self, vocabulary):
        """Return how clips are transposed, or None."""
        return None

    def _check_chords(self, method):
        if not self._labels_are_chords:
            raise ValueError(
                f"{method} is for chords, but this {type(self).__name__} was fitted to "
                "labels that are numbers."
            )

    def _write(self, X, paths, write):
        check_not_one_path(paths, "paths")
        annotations = self.predict_intervals(X)
        write_each(annotations, paths, write)
        return annotations


@parameters
class TransposingRecognizer(ChordRecognizer):
    """A recogniser that can learn from all transpositions of its clips."""

    transpose: bool = parameter(
        """
        Whether to learn from all twelve transpositions of the clips, so that chords of
        a kind have the same distribution in all keys. Do not change it after ``fit``.
        """,
        default=False,
    )

    def _transposition(self, vocabulary):
        if not self.transpose:
            return None
        bins = plain(self.bins_per_octave)
        return Transposition.of(vocabulary, self.n_features_in_, bins)
