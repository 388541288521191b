"""What detectors of events have in common: parameters, peaks, scores, files, live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skdeepmir import onsets
from skdeepmir._annotators import (
    EventAnnotator,
    EventParameters,
    KeptActivations,
    check_not_one_path,
    write_each,
)
from skdeepmir._frame_rates import needed_rate
from skdeepmir._parameters import (
    Count,
    NotNegative,
    Size,
    parameter,
    parameters,
)
from skdeepmir._sklearn import plain
from skdeepmir._validation import validate_frames
from skdeepmir.decoding import PeakPicker, pick_peaks
from skdeepmir.frames import (
    ClipsLike,
    LabelsLike,
    Mirrored,
    object_array,
    pack_clips,
)
from skdeepmir.metrics import onset_f1
from skdeepmir.onset_detection._coding import read_onset_targets


class Activations(Protocol):
    """The interface of what turns blocks of frames into activations, in order."""

    look_ahead: int  # frames after a frame that its activation waits for

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Return activations (n,) that are known with these frames."""

    def finish(self) -> np.ndarray:
        """Return the activations of the last frames."""


@parameters
class DetectorParameters(EventParameters):
    """The parameters of every detector of events."""

    threshold: NotNegative | Literal["tune"] = parameter(
        """
        Smallest activation of an onset. "tune" chooses one by the F-measure; see
        ``threshold_``, which may be set after fitting, when this has no effect.
        """,
        default="tune",
    )
    smooth: Size = parameter(
        """
        Frames of the Hamming window that smooths activations before peaks are picked;
        1 leaves them as they are.
        """,
        default=1,
    )
    pre_max: Count = parameter(
        "Frames before an onset in which no activation may be larger.", default=1
    )
    post_max: Count = parameter(
        """
        Frames after an onset in which none may be larger. Each delays what is detected
        live by a frame. Unless it is 0, nothing begins in the last frame of a clip:
        where audio is cut off, spectra flare.
        """,
        default=1,
    )
    pre_avg: Count = parameter(
        """
        Frames before (and ``post_avg`` after) an onset over whose mean its activation
        must be by ``threshold``. With 0 for both the threshold is absolute.
        """,
        default=0,
    )
    post_avg: Count = parameter("See ``pre_avg``.", default=0)
    wait: Count = parameter(
        """
        Frames after an onset in which there is no other: 2 of 10 ms for the 30 ms
        within which listeners and annotations know one onset only.
        """,
        default=2,
    )


class EventDetector(DetectorParameters, EventAnnotator):
    """A detector of onsets; a subclass gives the activation of each frame."""

    _annotates = "onsets"
    threshold_: float

    @property
    def delay_(self) -> float:
        """Seconds of frames beyond an onset that must be known to detect it."""
        picker = PeakPicker(**self._picking())
        try:
            frames = self._live().look_ahead + picker.look_ahead
            return frames / needed_rate(self.frame_rate_)
        except ValueError as error:  # so that hasattr tells
            raise AttributeError(str(error)) from error

    def predict(self, X: ClipsLike) -> NDArray[Any]:
        """Detect the onsets of each clip.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        onsets : ndarray of shape (n_clips,), dtype=object, or of shape (n_clips,)
            For each clip the times of its onsets, (n_onsets_i,) in seconds, in order.
            For rows of a 2-D array 1 where the frame is an onset, else 0.
        """
        parts, layout = self._activations_of(X)
        if not layout.has_clips:
            return (np.concatenate(parts) >= self.threshold_).astype(int)
        return object_array([self._pick(part) for part in parts])

    def predict_activations(self, X: ClipsLike) -> Mirrored:
        """Tell how like an onset each frame is, before peaks are picked.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        activations : list of ndarray of shape (n_frames_i,), or ndarray of shape \
                (n_clips, n_frames) or (n_clips,)
            In the container of X, float64.
        """
        parts, layout = self._activations_of(X)
        packed = pack_clips([part[:, None] for part in parts], layout)
        if isinstance(packed, list):
            return [part[:, 0] for part in packed]
        return packed[..., 0]

    def score(self, X: ClipsLike, y: LabelsLike) -> float:
        """Return the F-measure at 25 ms, over the onsets of all clips together.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        y : sequence of n_clips annotations
            See :meth:`fit`.

        Returns
        -------
        score : float
            From 0 to 1: :func:`skdeepmir.metrics.onset_f1`, in which onsets that are
            less than 30 ms apart in an annotation are one.
        """
        found = self.predict(X)
        self._check_annotations(y, len(found))
        if found.dtype == object:
            return onset_f1(y, found)
        times = [np.zeros(np.count_nonzero(label > 0)) for label in np.ravel(y)]
        return onset_f1(times, [np.zeros(label) for label in found])

    def stream(self, blocks: Iterable[np.ndarray]) -> Iterator[float]:
        """Detect onsets while frames come in.

        A :class:`skdeepmir.pipeline.Pipeline` that begins with an extractor has the
        same method for blocks of samples.

        Parameters
        ----------
        blocks : iterable of array-like of shape (n_frames_i, n_features)
            The frames of one clip in order, as many at a time as there are; also none.

        Yields
        ------
        onset : float
            Times in seconds, in order, each as soon as it is known: ``delay_`` after
            the frame that it is in. All are those that :meth:`predict` finds in the
            whole clip.

        Raises
        ------
        ValueError
            If the detector looks at whole clips, or a block has another width than the
            frames of ``fit``, or values that are not finite.
        """
        live = self.live()
        for block in blocks:
            yield from live.push(block).tolist()
        yield from live.finish().tolist()

    def live(self) -> OnsetStream:
        """Return what takes blocks of frames, for programs that get them in callbacks.

        Returns
        -------
        stream : OnsetStream
            A new one for each clip.
        """
        return OnsetStream(self)

    def to_txt(
        self, X: ClipsLike, paths: Sequence[str | PathLike[str]]
    ) -> list[NDArray[np.float64]]:
        """Write the onsets of each clip to a ``.txt``, ``.onsets`` or ``.csv`` file.

        Parameters
        ----------
        X : list of ndarray or ndarray of 3 dimensions
            Clips; see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.

        Returns
        -------
        onsets : list of ndarray of shape (n_onsets_i,)
            What was written, in seconds.
        """
        return self._write(
            X, paths, lambda path, times, end: onsets.write_onsets(path, times)
        )

    def to_jams(
        self, X: ClipsLike, paths: Sequence[str | PathLike[str]]
    ) -> list[NDArray[np.float64]]:
        """Write the onsets of each clip to a ``.jams`` file.

        Parameters
        ----------
        X : list of ndarray or ndarray of 3 dimensions
            Clips; see :meth:`fit`.
        paths : list of str or PathLike
            A file for each clip; existing ones are replaced.

        Returns
        -------
        onsets : list of ndarray of shape (n_onsets_i,)
            What was written, in seconds.
        """
        return self._write(
            *(X, paths),
            lambda path, times, end: onsets.write_jams(path, times, duration=end),
        )

    def _live(self) -> Activations:
        """Return what turns blocks of frames into activations."""
        raise NotImplementedError

    def _activations(self, clips):
        """Return the activations of clips (n_frames_i,), float64."""
        found = []
        for clip in clips:
            live = self._live()
            found.append(np.concatenate([live.push(clip), live.finish()]))
        return found

    def _predicting_dtype(self):
        """Return the dtype of frames to predict for."""
        return np.float64

    # Whether a pipeline may hand on blocks of frames, so that clips of any length take
    # little memory: ``_keep_blocks`` is called for the blocks of each clip,
    # ``_kept_blocks`` for all that it gave, and what that returns stands for the clips.
    _takes_blocks = True

    def _keep_blocks(self, blocks):
        """Return the activations of a clip, of which frames come in blocks."""
        live = self._live()
        parts = [live.push(self._checked(block, "frames")) for block in blocks]
        return np.concatenate([*parts, live.finish()])

    def _validate_params(self):
        super()._validate_params()
        PeakPicker(**self._picking(0.0))  # may refuse some; a fit takes long

    def _activations_of(self, X):
        check_is_fitted(self)
        self._validate_params()  # some may be changed after fitting
        if isinstance(X, KeptActivations):
            return X
        clips, layout = validate_frames(
            self, X, reset=False, dtype=self._predicting_dtype()
        )
        return self._activations(clips), layout

    def _picking(self, threshold=None):
        """Return the parameters of peak picking."""
        lengths = ("smooth", "pre_max", "post_max", "pre_avg", "post_avg", "wait")
        given = {name: plain(getattr(self, name)) for name in lengths}
        if threshold is None:
            threshold = float(self.threshold_)
        return {**given, "threshold": threshold, "interpolate": self._needs_next}

    def _pick(self, activation):
        peaks = pick_peaks(activation, **self._picking())
        return self._seconds(self._before_end(peaks, len(activation)))

    def _before_end(self, peaks, n_frames):
        """Return the peaks that fall again: where audio is cut off, spectra flare."""
        return peaks[peaks < n_frames - 1] if self._needs_next else peaks

    @property
    def _needs_next(self):
        return plain(self.post_max) > 0

    def _seconds(self, frames):
        rate = needed_rate(self.frame_rate_)
        times = onsets.frame_times(frames, rate, offset=self.frame_offset_)
        return np.maximum(times, 0.0)  # a peak may be interpolated to before frame 0

    def _read_targets(self, y, layout, name="y"):
        self._check_annotations(y, layout.n_clips, name)
        rate, offset = self.frame_rate, self._offset_now()
        return read_onset_targets(y, layout, rate, offset, name)

    def _write(self, X, paths, write):
        """Write by ``write(path, times, end)`` what is found in each clip."""
        check_not_one_path(paths, "paths")
        parts, layout = self._activations_of(X)
        self._refuse_rows(X, layout)
        found = [self._pick(part) for part in parts]
        ends = [self._end(len(a), b[-1:]) for a, b in zip(parts, found, strict=True)]
        write_each(list(zip(found, ends, strict=True)), paths, write)
        return found


class OnsetStream:
    """Onsets of one clip whose frames come in block by block.

    Parameters
    ----------
    detector : estimator
        A fitted detector that does not need the whole clip.

    Attributes
    ----------
    delay : float
        Seconds of frames beyond an onset that must be known to detect it.
    """

    def __init__(self, detector: Any) -> None:
        check_is_fitted(detector)
        detector._validate_params()  # some may be changed after fitting
        needed_rate(detector.frame_rate_)
        self._detector, self._activations = detector, detector._live()
        self._picker = PeakPicker(**detector._picking())
        self.delay: float = detector.delay_
        self._n_blocks = self._n_frames = 0
        self._is_finished = False

    def push(self, frames: Any) -> NDArray[np.float64]:
        """Take the next frames.

        Parameters
        ----------
        frames : array-like of shape (n_frames, n_features)
            Any number of frames, also none.

        Returns
        -------
        onsets : ndarray of shape (n_onsets,)
            Times in seconds of the onsets that are known now and were not before.

        Raises
        ------
        ValueError
            If the stream is finished, or frames have another width than those of
            ``fit``, or values that are not finite. They are left out; the stream can go
            on.
        """
        self._refuse_more()
        name, self._n_blocks = f"Frames of block {self._n_blocks}", self._n_blocks + 1
        block = self._detector._checked(frames, name)
        return self._detector._seconds(self._picked(self._activations.push(block)))

    def _picked(self, activations: np.ndarray) -> np.ndarray:
        self._n_frames += len(activations)
        return self._picker.push(activations)

    def finish(self) -> NDArray[np.float64]:
        """End the clip.

        Returns
        -------
        onsets : ndarray of shape (n_onsets,)
            The rest, in seconds.

        Raises
        ------
        ValueError
            If the stream is finished already.
        """
        self._refuse_more()
        self._is_finished = True
        first = self._picked(self._activations.finish())
        peaks = np.concatenate([first, self._picker.finish()])
        peaks = self._detector._before_end(peaks, self._n_frames)
        return self._detector._seconds(peaks)

    def _refuse_more(self) -> None:
        if self._is_finished:
            raise ValueError(
                "This OnsetStream is finished. For another clip make a new one: "
                "detector.live()."
            )
