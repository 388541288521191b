"""Notes as a piano roll: ``RollDisplay``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdeepmir.audio import to_decibels
from skdeepmir.metrics._notes import NoteRules
from skdeepmir.notes._files import notes_of
from skdeepmir.notes._matching import (
    OFFSET_MIN,
    OFFSET_RATIO,
    ONSET_WINDOW,
)
from skdeepmir.plotting._timeline import (
    FALSE_ALARM,
    HIT,
    MARGIN,
    MISS,
    SPECTROGRAM_HEIGHT,
    Kind,
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

NAMES = "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"
BLACK_KEYS = [1, 3, 6, 8, 10]
WHITE_KEYS = [0, 2, 4, 5, 7, 9, 11]
BLACK_ROW = "0.94"  # the grey of rows of black keys
HEIGHT = 0.8  # of a note, of the distance between semitones
MOST_NAMED = 24  # semitones; beyond, only each C has its name
INCHES_PER_SEMITONE, HEIGHTS = 0.06, (1.6, 5.5)
MIDDLE_C = 60
RANGE = 1e-6  # of power that is drawn, 60 dB
ANNOTATED = Kind("black", "", "solid", 0.0, None)  # what hits belong to


class RollDisplay:
    """Transcribed notes as a piano roll, beside the annotated ones.

    Each note is a bar from its onset to its offset at the height of its key. With a
    reference, hits are filled in blue, and a thin frame shows how long the annotated
    note lasts; misses are orange frames with strokes across, and false notes red ones
    with crosses. So they can be told apart in print without colours as well. Rows of
    black keys are grey.

    Parameters
    ----------
    notes : array-like of notes, str or PathLike
        The transcription of one clip, such as ``transcriber.predict([clip])[0]``, in
        any form that :func:`skdeepmir.notes.check_notes` takes, or a file that
        :func:`skdeepmir.notes.read_notes` reads.
    reference : array-like of notes, str or PathLike, default=None
        The annotated notes, if they are known.
    frames : array-like of shape (n_frames, n_bands), default=None
        Spectrogram to draw above, low bands first, in decibels or other logarithms.
        None draws none.
    frame_rate : float, default=None
        Frames of ``frames`` per second (Hz); needed if they are drawn.
    offset : float, default=0.0
        The moment that frame 0 stands for, in seconds: ``extractor.frame_offset``.
    onset_window : float, default=0.05
        How far the onset of a hit may be from that of its note, in seconds.
    offsets : bool, default=False
        Whether the offset of a hit must be right as well.
    offset_ratio : float, default=0.2
        How far it may be from the annotated one, as a share of the length of the note.
    offset_min : float, default=0.05
        The same in seconds; the larger of the two counts.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_axes,)
        The spectrogram, if it was given, above the roll; they share their time axis:
        ``display.axes_[0].set_xlim(10, 15)`` shows five seconds.
    figure_ : matplotlib Figure
        Their figure.
    n_hits_, n_misses_, n_false_notes_ : int
        As in the legend. Without a reference, None.

    See Also
    --------
    skdeepmir.metrics.note_scores : Precision, recall and F of many clips.
    skdeepmir.sonification.sonify_notes : The same to listen to.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> from skdeepmir.plotting import RollDisplay
    >>> display = RollDisplay(
    ...     [[0.51, 1.0, 60], [1.0, 1.5, 64]],  # onset, offset, pitch
    ...     reference=[[0.5, 1.0, 60], [1.0, 1.5, 65]],
    ... ).plot()
    >>> display.n_hits_, display.n_misses_, display.n_false_notes_
    (1, 1, 1)
    """

    axes_: NDArray[np.object_]
    figure_: Figure
    n_hits_: int | None
    n_misses_: int | None
    n_false_notes_: int | None

    def __init__(
        self,
        notes: Any,
        *,
        reference: Any = None,
        frames: ArrayLike | None = None,
        frame_rate: float | None = None,
        offset: float = 0.0,
        onset_window: float = ONSET_WINDOW,
        offsets: bool = False,
        offset_ratio: float = OFFSET_RATIO,
        offset_min: float = OFFSET_MIN,
    ) -> None:
        self.notes = notes
        self.reference = reference
        self.frames = frames
        self.frame_rate = frame_rate
        self.offset = offset
        self.onset_window = onset_window
        self.offsets = offsets
        self.offset_ratio = offset_ratio
        self.offset_min = offset_min

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        clip: Any,
        reference: Any = None,
        *,
        frames: ArrayLike | None = None,
        onset_window: float = ONSET_WINDOW,
        offsets: bool = False,
        figure: Figure | None = None,
    ) -> Self:
        """Transcribe a clip and draw its notes.

        Parameters
        ----------
        estimator : estimator
            A fitted transcriber, a pipeline that ends with one, or a search over one.
        clip : ndarray of shape (n_frames, n_features), or what a pipeline takes
            One clip: an item of the list that ``estimator.predict`` takes.
        reference : array-like of notes, str or PathLike, default=None
            The annotated notes, if they are known.
        frames : array-like of shape (n_frames, n_bands), default=None
            Spectrogram to draw, of the same frames. None takes what the first step of a
            pipeline extracts, in decibels, or the input of a transcriber.
        onset_window : float, default=0.05
            How far the onset of a hit may be from that of its note, in seconds.
        offsets : bool, default=False
            Whether the offset of a hit must be right as well.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one.

        Returns
        -------
        display : RollDisplay
            The display.
        """
        front, transcriber = parts_of(estimator)
        first = seen = [clip]
        if front is not None:
            first = seen = front[:1].transform(seen)
            if len(front) > 1:
                seen = front[1:].transform(seen)
            first = [_in_decibels(first[0], front[0])]
        return cls.from_predictions(
            reference,
            transcriber.predict(seen)[0],
            frames=first[0] if frames is None else frames,
            frame_rate=transcriber.frame_rate_,
            offset=transcriber.frame_offset_,
            onset_window=onset_window,
            offsets=offsets,
            figure=figure,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        *,
        frames: ArrayLike | None = None,
        frame_rate: float | None = None,
        offset: float = 0.0,
        onset_window: float = ONSET_WINDOW,
        offsets: bool = False,
        figure: Figure | None = None,
    ) -> Self:
        """Draw the notes of one clip.

        Parameters
        ----------
        y_true : array-like of notes, str, PathLike or None
            The annotated notes, or a file; None if they are unknown.
        y_pred : array-like of notes, str or PathLike
            The transcription, such as ``transcriber.predict([clip])[0]``.
        frames : array-like of shape (n_frames, n_bands), default=None
            Spectrogram to draw above.
        frame_rate : float, default=None
            Its frames per second (Hz).
        offset : float, default=0.0
            The moment that frame 0 stands for, in seconds.
        onset_window : float, default=0.05
            How far the onset of a hit may be from that of its note, in seconds.
        offsets : bool, default=False
            Whether the offset of a hit must be right as well.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one.

        Returns
        -------
        display : RollDisplay
            The display.
        """
        return cls(
            y_pred,
            reference=y_true,
            frames=frames,
            frame_rate=frame_rate,
            offset=offset,
            onset_window=onset_window,
            offsets=offsets,
        ).plot(figure=figure)

    def plot(self, figure: Figure | None = None) -> Self:
        """Draw the roll, below the spectrogram if there is one.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one, wider for longer clips and higher for
            notes that are further apart.

        Returns
        -------
        display : RollDisplay
            The display.

        Raises
        ------
        ValueError
            If the spectrogram has the wrong shape, its frame rate is missing, or notes
            are refused by :func:`skdeepmir.notes.check_notes`.
        """
        frames = checked("frames", self.frames, 2)
        end = end_of(self.frame_rate, self.offset, frames)
        kinds = self._kinds(end)
        shown = np.concatenate([notes for *_, notes in kinds.values()])
        if end is None:
            end = MARGIN + shown["offset"].max(initial=0.0)
        lowest, highest = _range(shown["pitch"])
        height = np.clip(INCHES_PER_SEMITONE * (highest - lowest), *HEIGHTS)
        heights = [SPECTROGRAM_HEIGHT, height] if frames is not None else [height]
        self.figure_, axes = make_axes(figure, end, heights, border=0.9)
        self.axes_ = axes
        if frames is not None:
            draw_frames(axes[0], frames, self.frame_rate, self.offset)
        ax = axes[-1]
        _draw_keys(ax, lowest, highest)
        for label, (kind, filled, notes) in kinds.items():
            _draw_notes(ax, notes, kind, filled, label)
        ax.set(xlabel="time (s)", xlim=(0, end), ylim=(lowest - 0.5, highest + 0.5))
        counts = self.n_hits_, self.n_misses_, self.n_false_notes_
        rule = f"at ±{1000 * self.onset_window:g} ms" + ", offsets too" * self.offsets
        write_legend(axes[0], ax, counts, name="note F", rule=rule)
        return self

    def _kinds(self, end):
        """Return how notes look, whether they are filled, and the notes, by legend."""
        self.n_hits_ = self.n_misses_ = self.n_false_notes_ = None
        rules = NoteRules(
            self.onset_window, self.offsets, self.offset_ratio, self.offset_min
        )
        as_scored: Any = {"duration": end, "pitches": None, "overlaps": "keep"}
        found = notes_of(self.notes, "notes", **as_scored)
        if self.reference is None:
            return {f"notes: {len(found)}": (HIT, True, found)}
        known = notes_of(self.reference, "reference", **as_scored)
        pairs = rules.match(known, found)
        missed, wrong = np.delete(known, pairs[:, 0]), np.delete(found, pairs[:, 1])
        counts = len(pairs), len(missed), len(wrong)
        self.n_hits_, self.n_misses_, self.n_false_notes_ = counts
        # Labels that begin with "_" are left out of legends.
        return {
            f"hits: {len(pairs)}": (HIT, True, found[pairs[:, 1]]),
            "_annotated": (ANNOTATED, False, known[pairs[:, 0]]),
            f"misses: {len(missed)}": (MISS, False, missed),
            f"false notes: {len(wrong)}": (FALSE_ALARM, False, wrong),
        }


def _in_decibels(frames, extractor):
    """Return what an extractor gives; if that is linear, 60 dB of it."""
    kind = getattr(extractor, "kind", None)
    if kind not in ("magnitude", "power", "mel", "cqt") or extractor.log:
        return frames
    power = np.array(frames) if kind in ("power", "mel") else np.square(frames)
    return to_decibels(power, RANGE * float(power.max()) or 1.0)


def _range(pitches):
    """Return the lowest and the highest key to draw: an octave or more."""
    if not len(pitches):
        return MIDDLE_C, MIDDLE_C + 12
    lowest, highest = int(pitches.min()) - 1, int(pitches.max()) + 1
    more = max(0, 12 - (highest - lowest))
    return lowest - more // 2, highest + (more + 1) // 2


def _draw_keys(ax: Axes, lowest: int, highest: int) -> None:
    """Draw rows of black keys in grey, and name keys."""
    keys = np.arange(lowest, highest + 1)
    for key in keys[np.isin(keys % 12, BLACK_KEYS)]:
        ax.axhspan(key - 0.5, key + 0.5, color=BLACK_ROW, linewidth=0, zorder=0)
    named = WHITE_KEYS if highest - lowest <= MOST_NAMED else [0]
    ticks = keys[np.isin(keys % 12, named)]
    names = [f"{NAMES[key % 12]}{key // 12 - 1}" for key in ticks]
    ax.set_yticks(ticks, names, fontsize="small")
    for key in keys[keys % 12 == 0]:
        ax.axhline(key - 0.5, color="0.8", linewidth=0.6, zorder=0.5)
    ax.set_ylabel("pitch")


def _draw_notes(ax: Axes, notes, kind: Kind, filled: bool, label: str) -> None:
    """Draw a bar for each note."""
    from matplotlib.collections import PolyCollection

    times = np.stack([notes["onset"], notes["offset"]], axis=1)[:, [0, 1, 1, 0]]
    below_above = np.array([-1, -1, 1, 1]) * HEIGHT / 2
    corners = np.stack([times, notes["pitch"][:, np.newaxis] + below_above], axis=2)
    bars = PolyCollection(
        corners,
        facecolor=kind.colour if filled else "none",
        edgecolor="white" if filled else kind.colour,
        hatch=kind.hatch,
        linewidth=0.4 if filled else 0.5 + kind.strength,
        label=label,
    )
    ax.add_collection(bars, autolim=False)
