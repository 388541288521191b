"""Chords under their chromagram: ``ChordDisplay``."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import mir_eval.chord
import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdeepmir import chords
from skdeepmir._disk import path_name
from skdeepmir.frames import PATH_TYPES
from skdeepmir.metrics._chord_inputs import list_songs
from skdeepmir.metrics._chord_scorers import frame_rate_of
from skdeepmir.plotting._timeline import parts_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BAR_HEIGHT = 0.8  # of the distance between strips
NO_CHORD_COLOUR = (0.8, 0.8, 0.8)
UNSCORED_COLOUR = (1.0, 1.0, 1.0)
ERROR_COLOUR = "crimson"
ERROR_HEIGHT = -0.5  # between the strips
LABEL_SIZE = 8  # points
SECONDS_PER_INCH = 8  # of a new figure, between the two widths
WIDTHS = (8, 20)  # inches


class ChordDisplay:
    """Chords of a song below its chromagram: the estimate, below the reference.

    Colours stand for roots, minor chords are darker, "N" is grey and "X" is hatched.
    Red marks between the strips show where the estimate is wrong as to root, major or
    minor, as :func:`skdeepmir.metrics.wcsr` counts by default. Labels are short ("C"
    and "Am" for "C:maj" and "A:min"), and left out where they do not fit.

    Parameters
    ----------
    chromagram : array-like of shape (n_frames, 12)
        Energy of the pitch classes, C first.
    frame_rate : float
        Frames of the chromagram per second (Hz). Frame t is at second
        ``t / frame_rate``.
    estimate : tuple (intervals, labels), str or PathLike
        Intervals of shape (n_chords, 2) in seconds, and a label for each; or the path
        of a ``.lab`` or ``.jams`` file.
    reference : tuple (intervals, labels), str or PathLike, default=None
        The annotated chords, if known.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (2,)
        Where the chromagram and the chords were drawn; they share their time axis.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> import matplotlib
    >>> import numpy as np
    >>> matplotlib.use("agg")
    >>> from skdeepmir.plotting import ChordDisplay
    >>> chromagram = np.zeros((80, 12))
    >>> chromagram[:40, [0, 4, 7]] = 1
    >>> chromagram[40:, [9, 0, 4]] = 1
    >>> display = ChordDisplay(
    ...     chromagram,
    ...     frame_rate=10.0,
    ...     estimate=([[0, 4.5], [4.5, 8]], ["C:maj", "A:min"]),
    ...     reference=([[0, 4.0], [4.0, 8]], ["C:maj", "A:min"]),
    ... ).plot()
    >>> [text.get_text() for text in display.axes_[1].texts]
    ['C', 'Am', 'C', 'Am']
    """

    axes_: NDArray[np.object_]
    figure_: Figure

    def __init__(
        self,
        chromagram: ArrayLike,
        frame_rate: float,
        *,
        estimate: Any,
        reference: Any = None,
    ) -> None:
        self.chromagram = chromagram
        self.frame_rate = frame_rate
        self.estimate = estimate
        self.reference = reference

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        clip: Any,
        reference: Any = None,
        *,
        chromagram: ArrayLike | None = None,
        figure: Figure | None = None,
    ) -> Self:
        """Recognise the chords of a clip and draw them.

        Parameters
        ----------
        estimator : estimator
            A fitted chord recogniser, a pipeline that ends with one, or a search over
            one. The recogniser must have a ``frame_rate``.
        clip : ndarray of shape (n_frames, n_features), or what a pipeline takes
            One clip: an item of the list that ``estimator.predict`` takes.
        reference : tuple (intervals, labels), str, PathLike or array-like of shape \
                (n_frames,), default=None
            The annotated chords, also as frame labels.
        chromagram : array-like of shape (n_frames, 12), default=None
            Chromagram to draw, at the same frame rate. None takes the input of the
            recogniser with its octaves folded; its first bin must be a C.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one.

        Returns
        -------
        display : ChordDisplay
            The display.

        Raises
        ------
        ValueError
            If the frame rate is unknown, or the input of the recogniser has no octaves
            of twelve semitones to fold.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(estimator)
        frame_rate = frame_rate_of(estimator)
        if frame_rate is None:
            raise ValueError(
                f"{type(estimator).__name__} has no frame_rate, nor has its last step; "
                "expected frames per second. Set it: "
                "recognizer.set_params(frame_rate=extractor.frame_rate)."
            )
        if chromagram is None:
            chromagram = _seen_chromagram(estimator, clip)
        return cls.from_predictions(
            reference,
            estimator.predict([clip])[0],
            chromagram=chromagram,
            frame_rate=frame_rate,
            figure=figure,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        chromagram: ArrayLike,
        frame_rate: float,
        figure: Figure | None = None,
    ) -> Self:
        """Draw chords in any form, also as frame labels.

        Parameters
        ----------
        y_true : tuple (intervals, labels), str, PathLike, array-like of shape \
                (n_frames,) or None
            The annotated chords of one song: times in seconds, a file, or frame labels;
            None if they are unknown.
        y_pred : tuple (intervals, labels), str, PathLike or array-like of shape \
                (n_frames,)
            The estimate, such as ``recognizer.predict([clip])[0]``.
        chromagram : array-like of shape (n_frames, 12)
            Energy of the pitch classes, C first.
        frame_rate : float
            Frames per second of the chromagram and of frame labels.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one.

        Returns
        -------
        display : ChordDisplay
            The display.
        """
        return cls(
            chromagram,
            frame_rate,
            estimate=_in_seconds(y_pred, frame_rate),
            reference=None if y_true is None else _in_seconds(y_true, frame_rate),
        ).plot(figure=figure)

    def plot(self, figure: Figure | None = None) -> Self:
        """Draw the chromagram and the chords below it.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one, wider for longer songs.

        Returns
        -------
        display : ChordDisplay
            The display.

        Raises
        ------
        ValueError
            If the chromagram has the wrong shape, or chords are refused by
            :func:`skdeepmir.chords.check_intervals`.
        """
        import matplotlib.pyplot as plt

        chromagram = np.asarray(self.chromagram)
        _check_chromagram(chromagram, self.frame_rate)
        duration = len(chromagram) / self.frame_rate
        strips = self._strips(duration)
        if figure is None:
            width = np.clip(duration / SECONDS_PER_INCH, *WIDTHS)
            size = (width, 2.6 + 0.5 * len(strips))
            figure = plt.figure(figsize=size, layout="constrained")
        self.axes_ = figure.subplots(
            2, 1, sharex=True, height_ratios=[2, 0.55 * len(strips)]
        )
        self.figure_ = figure
        _draw_chromagram(self.axes_[0], chromagram, self.frame_rate)
        _draw_strips(self.axes_[1], strips, duration)
        # The layout, and so the room for labels, is known only now.
        figure.canvas.figure.draw_without_rendering()
        for place, strip in enumerate(strips):
            strip.write_labels(self.axes_[1], -place)
        return self

    def _strips(self, duration):
        annotations = {"reference": self.reference, "estimate": self.estimate}
        return [
            _Strip.of(name, annotation, duration)
            for name, annotation in annotations.items()
            if annotation is not None
        ]


@dataclass(frozen=True)
class _Strip:
    """One line of chords: intervals (n_chords, 2) in seconds, and their labels."""

    name: str
    intervals: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, name, annotation, duration):
        if isinstance(annotation, PATH_TYPES):
            name_in_errors = f"{name} ({path_name(annotation)!a})"
            annotation = chords.read_chords(annotation)
        else:
            name_in_errors = name
        checked = chords.check_intervals(
            *annotation, duration=duration, name=name_in_errors
        )
        return cls(name, *chords.merge_intervals(*checked))

    def draw(self, ax, height):
        for (start, end), label in zip(self.intervals, self.labels, strict=True):
            ax.barh(
                height,
                end - start,
                BAR_HEIGHT,
                left=start,
                color=colour_of(label),
                edgecolor="0.75" if label == chords.UNSCORED else "white",
                linewidth=0.5,
                hatch="////" if label == chords.UNSCORED else None,
            )

    def write_labels(self, ax, height):
        """Write labels along bars, or across narrow ones, where they fit."""
        (left, low), (right, high) = ax.transData.transform(
            [(0, -BAR_HEIGHT / 2), (1, BAR_HEIGHT / 2)]
        )
        for (start, end), label in zip(self.intervals, self.labels, strict=True):
            text = ax.text(
                (start + end) / 2,
                height,
                short_label(label),
                ha="center",
                va="center_baseline",
                fontsize=LABEL_SIZE,
                color="white" if is_dark(label) else "black",
                clip_on=True,
            )
            extent = text.get_window_extent()
            room = 0.95 * (end - start) * (right - left)
            if extent.width <= room:
                continue
            if extent.height <= room and extent.width <= high - low:
                text.set(rotation=90, va="center")
            else:
                text.remove()


def _seen_chromagram(estimator, clip):
    """Return the input of a recogniser for a clip, with its octaves folded."""
    front, recognizer = parts_of(estimator)
    if front is not None:
        clip = front.transform([clip])[0]
    frames = np.asarray(clip)
    per_octave = getattr(recognizer, "bins_per_octave", 12)
    if frames.ndim != 2 or per_octave % 12 or frames.shape[1] % per_octave:
        raise ValueError(
            f"The input of the recogniser has shape {frames.shape} with "
            f"bins_per_octave={per_octave!r}: not whole octaves of semitones. Pass "
            "chromagram= of shape (n_frames, 12)."
        )
    return frames.reshape(len(frames), -1, 12, per_octave // 12).mean(axis=(1, 3))


def _in_seconds(annotation, frame_rate):
    """Return (intervals, labels) or a path from chords in any form."""
    is_path = isinstance(annotation, PATH_TYPES)
    if is_path or (len(annotation) == 2 and np.ndim(annotation[0]) == 2):
        return annotation
    duration = len(annotation) / frame_rate
    return chords.frame_intervals(annotation, frame_rate, duration=duration)


def _check_chromagram(chromagram, frame_rate):
    if chromagram.ndim != 2 or chromagram.shape[1] != 12 or not len(chromagram):
        hint = ""
        if chromagram.ndim == 2 and chromagram.shape[0] == 12:
            hint = " Pass chromagram.T."
        raise ValueError(
            f"chromagram has shape {chromagram.shape}; expected (n_frames, 12).{hint}"
        )
    if not frame_rate > 0:
        raise ValueError(
            f"frame_rate={frame_rate!r}, expected frames per second above 0."
        )


def _draw_chromagram(ax, chromagram, frame_rate):
    n_frames = len(chromagram)
    ax.imshow(
        chromagram.T,
        aspect="auto",
        origin="lower",
        interpolation="nearest",
        cmap="Greys",
        extent=(-0.5 / frame_rate, (n_frames - 0.5) / frame_rate, -0.5, 11.5),
    )
    roots = [label.removesuffix(":maj") for label in chords.VOCABULARIES["majmin"][:12]]
    ax.set_yticks(range(12), roots, fontsize="small")
    ax.tick_params(axis="x", labelbottom=False)
    ax.set_ylabel("pitch class")


def _draw_strips(ax, strips, duration):
    """Draw the first strip at 0 and the next below it, at -1."""
    for place, strip in enumerate(strips):
        strip.draw(ax, -place)
    ticks = {-place: strip.name for place, strip in enumerate(strips)}
    if len(strips) == 2:
        _mark_errors(ax, *strips)
        ticks[ERROR_HEIGHT] = "wrong"
    ax.set_yticks(list(ticks), list(ticks.values()))
    if ERROR_HEIGHT in ticks:
        ax.get_yticklabels()[-1].set(color=ERROR_COLOUR, fontsize="small")
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="time (s)", xlim=(0, duration), ylim=(0.5 - len(strips), 0.5))
    ax.spines[:].set_visible(False)


def _mark_errors(ax, reference, estimate):
    """Draw red marks between the strips where a reference is not recalled."""
    pairs = [[(strip.intervals, strip.labels)] for strip in (reference, estimate)]
    (song,) = list_songs(*pairs, None)
    times, *labels = song.pieces()
    is_wrong = mir_eval.chord.majmin(*map(list, labels)) == 0
    ax.barh(
        np.full(is_wrong.sum(), ERROR_HEIGHT),
        np.diff(times)[is_wrong],
        0.6 * (1 - BAR_HEIGHT),
        left=times[:-1][is_wrong],
        color=ERROR_COLOUR,
    )


def colour_of(label):
    """Return the colour of a chord, red, green and blue from 0 to 1."""
    chord = chords.parse(label)
    if label == chords.UNSCORED:
        return UNSCORED_COLOUR
    if label == chords.NO_CHORD:
        return NO_CHORD_COLOUR
    is_minor = chord.bitmap[3] and not chord.bitmap[4]
    lightness, saturation = (0.42, 0.45) if is_minor else (0.74, 0.75)
    return colorsys.hls_to_rgb(chord.root / 12, lightness, saturation)


def is_dark(label):
    """Tell whether the colour of a chord needs white text."""
    red, green, blue = colour_of(label)
    return 0.3 * red + 0.59 * green + 0.11 * blue <= 0.4


def short_label(label):
    """Return a label as musicians write it: "C", "Am", "G7", "Dm7/b3"."""
    root, _, rest = label.partition(":")
    quality, slash, bass = rest.partition("/")
    if quality == "maj":
        quality = ""
    elif quality.startswith("min"):
        quality = "m" + quality.removeprefix("min")
    return root + quality + slash + bass
