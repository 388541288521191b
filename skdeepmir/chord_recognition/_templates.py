"""Chords by the distance of chroma to templates: ``TemplateChordRecognizer``."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Annotated, Literal, Self

import numpy as np

from skdeepmir import chords
from skdeepmir._annotators import check_not_one_path
from skdeepmir._parameters import Positive, Size, parameter, parameters
from skdeepmir._sklearn import Interval, OneTask, _fit_context, plain
from skdeepmir._validation import check_clip_labels, validate_frames
from skdeepmir.chord_recognition._recognizer import ChordRecognizer
from skdeepmir.frames import ClipsLike, LabelsLike

Cosine = Annotated[float, Interval(Real, -1, 1, closed="both")]
Inside = Annotated[float, Interval(Real, 0, 1, closed="neither")]


@parameters
class TemplateChordRecognizer(OneTask, ChordRecognizer):
    """Recognise chords by binary templates of their pitch classes.

    The baseline without learning [1]_: the cosine of a frame and each chord's pitch
    classes, smoothed by a Viterbi decoder that makes changes costly. It needs clean
    chroma, folded from 36 bins per octave as in
    :func:`skdeepmir.baselines.chroma_templates`: with 12 bins, semitones leak into
    their neighbours, and many frames look like no chord.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    templates_ : ndarray of shape (n_classes, 12)
        Pitch classes of each chord, of length 1; zeros for "N" (if binary) and for
        chords without training frames.
    transition_ : ndarray of shape (n_classes, n_classes)
        Probability of each class (column) after each (row).
    frame_rate_ : float or None
        Frames per second, if they are known: ``frame_rate``, or that of the pipeline.
    n_features_in_ : int
        Features per frame.

    References
    ----------
    .. [1] T. Fujishima. Realtime chord recognition of musical sound: a system using
       Common Lisp Music. ICMC 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import TemplateChordRecognizer
    >>> c_major = np.zeros((4, 12))
    >>> c_major[:, [0, 4, 7]] = 1
    >>> recognizer = TemplateChordRecognizer().fit([c_major], [["C:maj"] * 4])
    >>> recognizer.predict([np.roll(c_major, 2, axis=1)])[0]
    array(['D:maj', 'D:maj', 'D:maj', 'D:maj'], dtype='<U6')
    """

    templates: Literal["binary", "mean"] = parameter(
        """
        1 for each pitch class of a chord, so that nothing is learned; or the mean frame
        of a chord in the training clips. Binary templates of a chord's inversions are
        equal, so that the first in the vocabulary is chosen. If labels are numbers,
        which have no pitch classes, it is the mean.
        """,
        default="binary",
    )
    bins_per_octave: Size = parameter(
        """
        Bins per octave of the input, whose first bin is C: 12 is chroma, or any
        spectrum of semitones, whose octaves are folded; multiples of 12 are finer ones.
        Do not change it after ``fit``.
        """,
        default=12,
    )
    sharpness: Positive = parameter(
        """
        What the cosine is multiplied by: larger values trust single frames more. 5 was
        the best of 3, 5, 7, 10, 15 and 20 on rendered pop songs at 11 frames per
        second.
        """,
        default=5.0,
    )
    no_chord_level: Cosine = parameter(
        'Cosine of "N" with every frame. Equal pitch classes have 0.5 with triads.',
        default=0.6,
    )
    change: Inside = parameter(
        """
        Probability that the next frame has another chord, the same for all others; 0.02
        was the best of 0.1 to 0.005 on the same songs.
        """,
        default=0.02,
    )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ClipsLike, y: LabelsLike | None = None) -> Self:
        """Make the templates.

        Parameters
        ----------
        X : list of ndarray of shape (n_frames_i, n_features), ndarray of shape \
                (n_clips, n_frames, n_features), or array-like of shape \
                (n_clips, n_features)
            Clips of chroma or log-frequency spectra, whose first bin is C. Rows of a
            2-D array are clips of one frame.
        y : sequence of n_clips annotations, default=None
            See :meth:`BLSTMChordRecognizer.fit`. Needed for ``templates="mean"``; for
            "binary" its chords are not looked at.

        Returns
        -------
        self : TemplateChordRecognizer
            The fitted recogniser.

        Raises
        ------
        ValueError
            If X is not a set of clips, or y does not fit it.
        """
        clips, layout = validate_frames(self, X, reset=True, dtype=np.float64)
        is_mean = self.templates == "mean"
        check_not_one_path(y)
        check_clip_labels(y, layout.n_clips, needed_by=self if is_mean else None)
        if self.bins_per_octave % 12:
            raise ValueError(
                f"bins_per_octave={self.bins_per_octave!r} must be a multiple of 12: "
                "whole bins for each semitone."
            )
        chroma = [self._chroma(clip) for clip in clips]
        coding = self._make_coding(y)
        if is_mean or coding.vocabulary is None:
            numbers = np.concatenate(coding.encode(y, layout))
            frames = np.concatenate(chroma)
            templates = [
                frames[numbers == i].sum(axis=0) for i in range(coding.n_outputs)
            ]
        else:
            templates = [_pitch_classes(label) for label in coding.vocabulary]
        n, change = coding.n_outputs, plain(self.change)
        transition = np.full((n, n), change / max(n - 1, 1))
        np.fill_diagonal(transition, 1 - change if n > 1 else 1)
        self.templates_ = _of_length_one(np.array(templates))
        self._keep_coding(replace(coding, transition=transition))
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.input_tags.positive_only = True
        return tags

    def _scores_of_clips(self, clips):
        return [self._scores(clip) for clip in clips]

    def _scores(self, clip):
        alike = self._chroma(clip) @ self.templates_.T
        alike[:, self.classes_ == chords.NO_CHORD] = self.no_chord_level
        return self.sharpness * alike

    def _chroma(self, clip):
        """Return the pitch classes of frames (n_frames, 12), each frame of length 1."""
        if clip.min() < 0:
            raise ValueError(
                f"Negative values in data passed to {type(self).__name__}, such as "
                f"{clip.min():g}; expected magnitudes: chroma, or spectra that are not "
                "logarithms."
            )
        # Only proportions matter: neither sums nor squares are to overflow.
        clip = clip / _or_one(clip.max(axis=1, keepdims=True))
        bins = self.bins_per_octave // 12
        chroma = np.zeros((len(clip), 12))
        for feature, values in enumerate(clip.T):
            chroma[:, feature // bins % 12] += values
        return _of_length_one(chroma)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "templates_")


def _of_length_one(rows):
    return rows / _or_one(np.linalg.norm(rows, axis=1, keepdims=True))


def _or_one(sizes):
    """Return what to divide by: 1 where there is nothing."""
    return np.where(sizes > 0, sizes, 1)


def _pitch_classes(label):
    """Return 1 for each pitch class of a chord, C first."""
    chord = chords.parse(label)
    return np.roll(np.array(chord.bitmap, dtype=float), max(chord.root, 0))
