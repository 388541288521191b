"""Onsets under their spectrogram: ``OnsetDisplay``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdeepmir.metrics._event_inputs import check_length
from skdeepmir.onsets import merge_onsets
from skdeepmir.onsets._files import onsets_of
from skdeepmir.onsets._matching import WINDOW, match_onsets
from skdeepmir.onsets._times import MERGE
from skdeepmir.plotting._timeline import (
    FALSE_ALARM,
    HIT,
    MARGIN,
    MISS,
    SPECTROGRAM_HEIGHT,
    checked,
    draw_frames,
    end_of,
    make_axes,
    parts_of,
    write_legend,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHTS = {"spectrogram": SPECTROGRAM_HEIGHT, "activation": 0.9, "onsets": 0.55}
REFERENCE, DETECTED = 1.0, 0.0  # heights in the lowest axes


class OnsetDisplay:
    """Detected onsets below the spectrogram and the activation that they come from.

    With a reference, hits are blue bars from the annotated onset to the detected one,
    misses orange triangles, and false alarms red crosses; lines of the same colours
    (solid, dashed, dotted) show them in the axes above. All axes share their time axis:
    ``display.axes_[0].set_xlim(10, 15)`` shows five seconds.

    Parameters
    ----------
    frames : array-like of shape (n_frames, n_bands), default=None
        Spectrogram, low bands first, in decibels or other logarithms. None draws none.
    frame_rate : float, default=None
        Frames of ``frames`` and ``activation`` per second (Hz); needed if either is
        drawn.
    offset : float, default=0.0
        The moment that frame 0 stands for, in seconds: frame t is at
        ``t / frame_rate + offset``. It is ``extractor.frame_offset``.
    activation : array-like of shape (n_frames,), default=None
        How sure the detector is of an onset in each frame. None draws none.
    threshold : float or array-like of shape (n_frames,), default=None
        What peaks of the activation had to reach, the same for all frames or not.
    detections : array-like of shape (n_detections,), str or PathLike
        Detected onsets in seconds, or a file of them.
    reference : array-like of shape (n_onsets,), str or PathLike, default=None
        The annotated onsets, if they are known.
    window : float, default=0.025
        How far a hit may be from its onset, in seconds to either side.
    merge : float, default=0.03
        Annotated onsets closer than this (s) count as one, as for
        :func:`skdeepmir.metrics.onset_scores`; 0 merges none.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_axes,)
        From above: the spectrogram and the activation if they were given, and the
        onsets.
    figure_ : matplotlib Figure
        Their figure.
    n_hits_, n_misses_, n_false_alarms_ : int
        As in the legend. Without a reference, None.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skdeepmir.plotting import OnsetDisplay
    >>> display = OnsetDisplay(
    ...     detections=[0.51, 1.2, 1.49], reference=[0.5, 1.0, 1.5]
    ... ).plot()
    >>> display.n_hits_, display.n_misses_, display.n_false_alarms_
    (2, 1, 1)
    """

    axes_: NDArray[np.object_]
    figure_: Figure
    n_hits_: int | None
    n_misses_: int | None
    n_false_alarms_: int | None

    def __init__(
        self,
        frames: ArrayLike | None = None,
        *,
        frame_rate: float | None = None,
        offset: float = 0.0,
        activation: ArrayLike | None = None,
        threshold: float | ArrayLike | None = None,
        detections: Any,
        reference: Any = None,
        window: float = WINDOW,
        merge: float = MERGE,
    ) -> None:
        self.frames = frames
        self.frame_rate = frame_rate
        self.offset = offset
        self.activation = activation
        self.threshold = threshold
        self.detections = detections
        self.reference = reference
        self.window = window
        self.merge = merge

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        clip: Any,
        reference: Any = None,
        *,
        frames: ArrayLike | None = None,
        window: float = WINDOW,
        figure: Figure | None = None,
    ) -> Self:
        """Detect the onsets of a clip and draw them.

        The activation is drawn as peaks are picked from it, smoothed if the detector
        does so, with its threshold.

        Parameters
        ----------
        estimator : estimator
            A fitted detector of onsets, a pipeline that ends with one, or a search over
            one.
        clip : ndarray of shape (n_frames, n_features), or what a pipeline takes
            One clip: an item of the list that ``estimator.predict`` takes.
        reference : array-like of shape (n_onsets,), str or PathLike, default=None
            The annotated onsets, in seconds.
        frames : array-like of shape (n_frames, n_bands), default=None
            Spectrogram to draw, of the same frames. None takes the input of the
            detector; of several windows side by side the first.
        window : float, default=0.025
            How far a hit may be from its onset, in seconds.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one.

        Returns
        -------
        display : OnsetDisplay
            The display.
        """
        front, detector = parts_of(estimator)
        if front is not None:
            clip = front.transform([clip])[0]
        activation, threshold = _as_picked(
            detector.predict_activations([clip])[0], detector
        )
        if frames is None:
            n_windows = getattr(detector, "n_windows_", 1)
            frames = np.asarray(clip)[:, : np.shape(clip)[1] // n_windows]
        return cls.from_predictions(
            reference,
            detector.predict([clip])[0],
            frames=frames,
            activation=activation,
            threshold=threshold,
            frame_rate=detector.frame_rate_,
            offset=detector.frame_offset_,
            window=window,
            figure=figure,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        frames: ArrayLike | None = None,
        activation: ArrayLike | None = None,
        threshold: float | ArrayLike | None = None,
        frame_rate: float | None = None,
        offset: float = 0.0,
        window: float = WINDOW,
        figure: Figure | None = None,
    ) -> Self:
        """Draw the onsets of one clip.

        Parameters
        ----------
        y_true : array-like of shape (n_onsets,), str, PathLike or None
            The annotated onsets in seconds, or a file; None if they are unknown.
        y_pred : array-like of shape (n_detections,), str or PathLike
            The detected ones, such as ``detector.predict([clip])[0]``.
        frames : array-like of shape (n_frames, n_bands), default=None
            Spectrogram to draw above.
        activation : array-like of shape (n_frames,), default=None
            Activation to draw above, such as
            ``detector.predict_activations([clip])[0]``.
        threshold : float or array-like of shape (n_frames,), default=None
            What its peaks had to reach.
        frame_rate : float, default=None
            Frames per second of both (Hz).
        offset : float, default=0.0
            The moment that frame 0 stands for, in seconds.
        window : float, default=0.025
            How far a hit may be from its onset, in seconds.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one.

        Returns
        -------
        display : OnsetDisplay
            The display.
        """
        return cls(
            frames,
            frame_rate=frame_rate,
            offset=offset,
            activation=activation,
            threshold=threshold,
            detections=y_pred,
            reference=y_true,
            window=window,
        ).plot(figure=figure)

    def plot(self, figure: Figure | None = None) -> Self:
        """Draw what there is, the onsets lowest.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one, wider for longer clips.

        Returns
        -------
        display : OnsetDisplay
            The display.

        Raises
        ------
        ValueError
            If an array has the wrong shape, the frame rate is missing, or onsets are
            refused by :func:`skdeepmir.onsets.check_onsets`.
        """
        frames = checked("frames", self.frames, 2)
        activation = checked("activation", self.activation, 1)
        check_length("window", self.window)
        check_length("merge", self.merge)
        self._check_together(frames, activation)
        drawn = {"spectrogram": frames, "activation": activation, "onsets": ()}
        heights = [HEIGHTS[name] for name, x in drawn.items() if x is not None]
        end = end_of(self.frame_rate, self.offset, frames, activation)
        detections, reference = self._events(end)
        if end is None:
            last = [*detections[-1:], *([] if reference is None else reference[-1:])]
            end = MARGIN + max(last, default=0.0)
        self.figure_, axes = make_axes(figure, end, heights, border=0.8)
        self.axes_ = axes
        if frames is not None:
            draw_frames(axes[0], frames, self.frame_rate, self.offset)
        if activation is not None:
            self._draw_activation(axes[-2], activation)
        self._draw_onsets(axes, detections, reference)
        axes[-1].set(xlabel="time (s)", xlim=(0, end))
        return self

    def _check_together(self, frames, activation):
        n_frames = [len(array) for array in (frames, activation) if array is not None]
        if len(set(n_frames)) > 1:
            raise ValueError(
                f"frames has {n_frames[0]} frames and activation {n_frames[1]}; "
                "expected those of the same frames."
            )
        if self.threshold is None or activation is None or np.ndim(self.threshold) == 0:
            return
        if len(checked("threshold", self.threshold, 1)) != len(activation):
            raise ValueError(
                f"threshold has shape {np.shape(self.threshold)}; expected a number, "
                f"or one for each of the {len(activation)} frames."
            )

    def _events(self, end):
        """Return the onsets detected, and those annotated, in seconds."""
        detections = onsets_of(self.detections, "detections", end)
        if self.reference is None:
            return detections, None
        reference = onsets_of(self.reference, "reference", end)
        return detections, merge_onsets(reference, self.merge)

    def _draw_activation(self, ax: Axes, activation) -> None:
        times = np.arange(len(activation)) / self.frame_rate + self.offset
        ax.plot(times, activation, color="black", linewidth=0.8)
        if self.threshold is not None:
            threshold = np.broadcast_to(self.threshold, times.shape)
            ax.plot(times, threshold, color="0.5", linewidth=0.8, linestyle="--")
            if np.ndim(self.threshold) == 0:
                ax.annotate(
                    *(f" {self.threshold:.2f}", (1, self.threshold)),
                    xycoords=ax.get_yaxis_transform(),
                    va="center",
                    fontsize="small",
                    color="0.4",
                )
        ax.set_ylabel("activation")

    def _draw_onsets(self, axes, detections, reference):
        """Draw onsets in the lowest axes, and as lines through those above."""
        *above, ax = axes
        self.n_hits_ = self.n_misses_ = self.n_false_alarms_ = None
        if reference is None:
            _draw_bars(ax, detections, detections, "detections")
            kinds = [(HIT, detections)]
            ax.set_yticks([])
        else:
            pairs = match_onsets(reference, detections, self.window)
            annotated, found = reference[pairs[:, 0]], detections[pairs[:, 1]]
            missed = np.delete(reference, pairs[:, 0])
            wrong = np.delete(detections, pairs[:, 1])
            counts = len(found), len(missed), len(wrong)
            self.n_hits_, self.n_misses_, self.n_false_alarms_ = counts
            _draw_bars(ax, annotated, found, "hits")
            _draw_marks(ax, missed, REFERENCE, MISS, "misses")
            _draw_marks(ax, wrong, DETECTED, FALSE_ALARM, "false alarms")
            kinds = [(HIT, found), (MISS, missed), (FALSE_ALARM, wrong)]
            ax.set_yticks([REFERENCE, DETECTED], ["reference", "detected"])
        for other in above:
            for kind, times in kinds:
                _draw_lines(other, times, kind)
        ax.set_ylim(DETECTED - 0.5, REFERENCE + 0.5)
        ax.tick_params(axis="y", length=0)
        ax.spines[:].set_visible(False)
        counts = self.n_hits_, self.n_misses_, self.n_false_alarms_
        rule = f"at ±{1000 * self.window:g} ms"
        write_legend(axes[0], ax, counts, name="F", rule=rule)


def _as_picked(activation, detector):
    """Return an activation as peaks are picked from it, and what they must reach."""
    if detector.smooth > 1:
        activation = _weighted(activation, np.hamming(detector.smooth))
    threshold = detector.threshold_
    before, after = detector.pre_avg, detector.post_avg
    if before or after:
        longer = max(before, after)
        weights = np.ones(2 * longer + 1)
        weights[: longer - before] = weights[longer + after + 1 :] = 0
        threshold = threshold + _weighted(activation, weights)
    return activation, threshold


def _weighted(activation, weights):
    """Return weighted means around each frame, of windows that are cut at the ends."""
    from scipy.ndimage import correlate1d

    around = {"weights": weights, "mode": "constant"}
    return correlate1d(activation, **around) / correlate1d(
        np.ones_like(activation), **around
    )


def _draw_bars(ax, tops, feet, label):
    """Draw a bar from each annotated onset to the detection that belongs to it."""
    from matplotlib.collections import LineCollection

    ends = np.empty((len(tops), 2, 2))  # bar, end, (x, y)
    ends[:, 0, 0], ends[:, 1, 0] = tops, feet
    ends[:, :, 1] = REFERENCE, DETECTED
    label = f"{label}: {len(tops)}"
    bars = LineCollection(ends, colors=HIT.colour, linewidths=2, label=label)
    ax.add_collection(bars)


def _draw_marks(ax, times, height, kind, label):
    style = {"marker": kind.marker, "linestyle": "none", "color": kind.colour}
    heights = np.full(len(times), height)
    ax.plot(times, heights, **style, label=f"{label}: {len(times)}", clip_on=False)


def _draw_lines(ax, times, kind):
    ax.vlines(
        *(times, 0, 1),
        transform=ax.get_xaxis_transform(),
        color=kind.colour,
        linestyle=kind.line,
        linewidth=0.8 + kind.strength,
        alpha=kind.strength,
    )
