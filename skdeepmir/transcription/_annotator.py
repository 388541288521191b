"""What transcribers have in common: predictions, scores, files."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.utils.validation import check_is_fitted

from skdeepmir import notes
from skdeepmir._annotators import (
    EventAnnotator,
    KeptActivations,
    check_not_one_path,
    write_each,
)
from skdeepmir._frame_rates import needed_rate
from skdeepmir._sklearn import parameters_of
from skdeepmir._validation import validate_frames
from skdeepmir.frames import (
    ClipsLike,
    LabelsLike,
    Mirrored,
    object_array,
    pack_clips,
)
from skdeepmir.metrics import note_f1
from skdeepmir.transcription._coding import N_KEYS, PITCHES, read_note_targets


class NoteAnnotator(EventAnnotator):
    """A transcriber; a subclass gives logits of frames and makes notes of them."""

    _annotates = "notes"

    def predict(self, X: ClipsLike) -> NDArray[Any]:
        """Transcribe each clip.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        notes : ndarray of shape (n_clips,), dtype=object
            The notes of each clip, a structured array (n_notes_i,) with the fields
            "onset" and "offset" (s), "pitch" (MIDI note number) and "velocity" (64),
            sorted by onset. For rows of a 2-D array, what :meth:`predict_roll` gives,
            as integers.
        """
        logits, layout = self._logits(X)
        if not layout.has_clips:
            return self._roll_of_rows(logits).astype(int)
        return object_array(self._notes_of(logits))

    def predict_roll(self, X: ClipsLike) -> Mirrored:
        """Tell which notes sound in each frame.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        rolls : list of ndarray of shape (n_frames_i, 88), or ndarray of shape \
                (n_clips, n_frames, 88), or (n_clips, n_notes) or (n_clips,) for rows
            In the container of X, bool; column 0 is A0, MIDI note 21. These are the
            frames of the notes that :meth:`predict` finds.
        """
        logits, layout = self._logits(X)
        if not layout.has_clips:
            return self._roll_of_rows(logits)
        rate, offset = needed_rate(self.frame_rate_), self.frame_offset_
        found = self._notes_of(logits)
        rolls = [
            notes.note_roll(of_clip, len(part), rate, offset=offset, pitches=PITCHES)
            for part, of_clip in zip(logits, found, strict=True)
        ]
        return pack_clips(rolls, layout)

    def predict_proba(self, X: ClipsLike) -> Mirrored:
        """Predict the probability that each note sounds in each frame.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        probabilities : list of ndarray of shape (n_frames_i, 88), or ndarray of shape \
                (n_clips, n_frames, 88) or (n_clips, n_notes)
            In the container of X, float64, before smoothing and thresholds.
        """
        logits, layout = self._logits(X)
        return pack_clips([expit(self._odds_of(part)) for part in logits], layout)

    def predict_activations(self, X: ClipsLike) -> Mirrored:
        """Tell how much each note begins, sounds and ends in each frame.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        activations : list of ndarray of shape (n_frames_i, 88, 3), or ndarray of shape\
                (n_clips, n_frames, 88, 3) or (n_clips, n_notes, 3)
            Activations of onset, frame and offset of "conv_rnn", in the container of X,
            float64. Of the others, which have frames alone, the last axis has one.
        """
        logits, layout = self._logits(X)
        parts = [expit(part) for part in logits]
        packed = pack_clips([part.reshape(len(part), -1) for part in parts], layout)
        shape = parts[0].shape[1:]
        if isinstance(packed, list):
            return [part.reshape(-1, *shape) for part in packed]
        return packed.reshape(*packed.shape[:-1], *shape)

    def score(self, X: ClipsLike, y: LabelsLike) -> float:
        """Return the F-measure of notes by onset and pitch, over all clips together.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        y : sequence of n_clips annotations
            See :meth:`fit`.

        Returns
        -------
        score : float
            From 0 to 1: :func:`skdeepmir.metrics.note_f1`, onsets within 50 ms. For
            rows, the share of labels that are right.
        """
        found = self.predict(X)
        self._check_annotations(y, len(found))
        if found.dtype != object:
            return float(np.mean(found == (np.asarray(y) > 0)))
        return note_f1(y, found)

    def to_midi(
        self, X: ClipsLike, paths: Sequence[str | PathLike[str]], *, program: int = 0
    ) -> list[NDArray[Any]]:
        """Write the notes of each clip to a MIDI file.

        Parameters
        ----------
        X : list of ndarray or ndarray of 3 dimensions
            Clips; see :meth:`fit`.
        paths : list of str or PathLike
            A ``.mid`` or ``.midi`` file for each clip; existing ones are replaced.
        program : int, default=0
            Number of the instrument in General MIDI: 0 is a grand piano.

        Returns
        -------
        notes : list of ndarray of shape (n_notes_i,)
            What was written.
        """
        return self._write(
            *(X, paths),
            lambda path, found, end: notes.write_midi(path, found, program=program),
        )

    def to_tsv(
        self, X: ClipsLike, paths: Sequence[str | PathLike[str]]
    ) -> list[NDArray[Any]]:
        """Write the notes of each clip to a ``.tsv`` or ``.csv`` file.

        Parameters
        ----------
        X : list of ndarray or ndarray of 3 dimensions
            Clips; see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.

        Returns
        -------
        notes : list of ndarray of shape (n_notes_i,)
            What was written.
        """
        return self._write(
            X, paths, lambda path, found, end: notes.write_notes(path, found)
        )

    def to_jams(
        self, X: ClipsLike, paths: Sequence[str | PathLike[str]]
    ) -> list[NDArray[Any]]:
        """Write the notes of each clip to a ``.jams`` file.

        Parameters
        ----------
        X : list of ndarray or ndarray of 3 dimensions
            Clips; see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.

        Returns
        -------
        notes : list of ndarray of shape (n_notes_i,)
            What was written.
        """
        return self._write(
            *(X, paths),
            lambda path, found, end: notes.write_jams(path, found, duration=end),
        )

    def _write(self, X, paths, write):
        check_not_one_path(paths, "paths")
        logits, layout = self._logits(X)
        self._refuse_rows(X, layout)
        found = self._notes_of(logits)
        ends = [
            self._end(len(part), of_clip["offset"])
            for part, of_clip in zip(logits, found, strict=True)
        ]
        write_each(list(zip(found, ends, strict=True)), paths, write)
        return found

    def _read_targets(self, y, layout, name="y"):
        self._check_annotations(y, layout.n_clips, name)
        rate, offset = self.frame_rate, self._offset_now()
        return read_note_targets(y, layout, rate, offset, name)

    def _logits(self, X):
        """Return logits (n_frames_i, n_notes, n_heads) of clips, and their layout."""
        check_is_fitted(self)
        self._validate_params()  # some may be changed after fitting
        if isinstance(X, KeptActivations):
            return X
        clips, layout = validate_frames(
            self, X, reset=False, dtype=self._predicting_dtype()
        )
        return self._logits_of_clips(clips), layout

    def _roll_of_rows(self, parts):
        odds = np.concatenate([self._odds_of(part) for part in parts])
        roll = expit(odds) >= self.frame_threshold_
        return roll[:, 0] if roll.shape[1] == 1 else roll

    def _notes_of(self, parts):
        given = parameters_of(self)
        if self._n_keys != N_KEYS:
            raise ValueError(
                f"{type(self).__name__} was fitted to rows with one label each, so the "
                "pitch of its note is not known; fit it to clips and their notes. "
                "predict_proba takes clips as it is."
            )
        return [self._notes_of_clip(given, part) for part in parts]
