"""What a unit answers to most, as pictures: ``StimuliDisplay``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skdeepmir._errors import check_whole
from skdeepmir._printable import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdeepmir.inspection import OptimalStimulus, TopStimuli

COLUMNS = 4
PANEL = (2.4, 2.0)  # inches
LONGEST_NAME = 24  # characters of the name of a clip; of longer ones the end is shown
INK = (0.005, 0.995)  # quantiles of the values that are white and black


class StimuliDisplay:
    """What a unit answers to most: excerpts of clips, and its optimal stimulus.

    Parameters
    ----------
    stimuli : TopStimuli
        What :func:`skdeepmir.inspection.top_stimuli` found for one unit.
    optimal : OptimalStimulus, default=None
        What :func:`skdeepmir.inspection.optimal_stimulus` found for the same unit; it
        is drawn first. None leaves it out.
    clip_names : sequence of str, default=None
        Names of all clips that were searched; None numbers them.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
        The optimal stimulus, if there is one, and the excerpts, best first.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("agg")
    >>> import numpy as np
    >>> from skdeepmir import DBNFeatureLearner
    >>> from skdeepmir.plotting import StimuliDisplay
    >>> clips = np.random.RandomState(0).rand(6, 20, 8)
    >>> learner = DBNFeatureLearner((5,), max_epochs=1, random_state=0).fit(clips)
    >>> display = StimuliDisplay.from_estimator(
    ...     learner, clips, 2, n=5, frame_rate=10.0, random_state=0
    ... )
    >>> len(display.axes_)
    6
    """

    axes_: NDArray[np.object_]
    figure_: Figure

    def __init__(
        self,
        stimuli: TopStimuli,
        optimal: OptimalStimulus | None = None,
        *,
        clip_names: Sequence[str] | None = None,
    ) -> None:
        self.stimuli = stimuli
        self.optimal = optimal
        self.clip_names = clip_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        clips: Any,
        unit: int | str,
        *,
        layer: int | str = -1,
        n: int = 12,
        frame_rate: float | None = None,
        min_length: float = 0.0,
        with_optimal: bool = True,
        clip_names: Sequence[str] | None = None,
        random_state: int | RandomState | None = None,
        figure: Figure | None = None,
    ) -> Self:
        """Find what a unit answers to most in clips, and draw it.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator that has units, or a pipeline with one.
        clips : list of path or ndarray
            Clips, as the estimator takes them.
        unit : int or str
            A unit of the layer; by its name, of outputs a class or tag.
        layer : int or str, default=-1
            A layer, see :func:`skdeepmir.inspection.list_layers`; the last by default.
        n : int, default=12
            Number of excerpts, each of another clip.
        frame_rate : float, default=None
            Frames per second (Hz); None takes that of the extractor of a pipeline, or
            numbers the frames if there is none.
        min_length : float, default=0.0
            Excerpts are widened to this (s).
        with_optimal : bool, default=True
            Whether to compute the optimal stimulus.
        clip_names : sequence of str, default=None
            Names of the clips; None numbers them.
        random_state : int, RandomState instance or None, default=None
            Seed of the optimal stimulus.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one.

        Returns
        -------
        display : StimuliDisplay
            The display.
        """
        from skdeepmir.inspection import optimal_stimulus, top_stimuli

        found = top_stimuli(
            *(estimator, clips, unit, n),
            layer=layer,
            frame_rate=frame_rate,
            min_length=min_length,
        )
        optimal = None
        if with_optimal:
            optimal = optimal_stimulus(
                estimator, unit, layer=layer, random_state=random_state
            )
        return cls(found, optimal, clip_names=clip_names).plot(figure=figure)

    def plot(self, *, n_columns: int = COLUMNS, figure: Figure | None = None) -> Self:
        """Draw a grid of spectrograms that share their bands and greys.

        Parameters
        ----------
        n_columns : int, default=4
            Number of pictures side by side.
        figure : matplotlib Figure or SubFigure, default=None
            Where to draw; None makes a new one.

        Returns
        -------
        display : StimuliDisplay
            The display.

        Raises
        ------
        TypeError
            If ``stimuli`` is a list, as of several units.
        ValueError
            If the stimuli are of different units, or clips lack names.
        """
        import matplotlib.pyplot as plt

        check_whole("n_columns", n_columns, 1)
        excerpts = self._checked()
        n_panels = len(excerpts)
        n_columns = min(int(n_columns), n_panels)
        n_rows = -(-n_panels // n_columns)
        if figure is None:
            size = (PANEL[0] * n_columns, PANEL[1] * n_rows + 0.4)
            figure = plt.figure(figsize=size, layout="constrained")
        grid = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
        for ax in grid[n_panels:]:
            ax.set_axis_off()
        self.figure_, self.axes_ = figure, grid[:n_panels]
        # A few large values would leave all others pale.
        low, high = np.quantile(np.concatenate([x.ravel() for x in excerpts]), INK)
        for ax, frames, (start, end), title in zip(
            self.axes_, excerpts, self._spans(), self._titles(), strict=True
        ):
            ax.imshow(
                frames.T,
                aspect="auto",
                origin="lower",
                interpolation="nearest",
                cmap="Greys",
                vmin=low,
                vmax=high,
                extent=(start, end, -0.5, frames.shape[1] - 0.5),
            )
            ax.set_title(title, fontsize="small", parse_math=False)
            ax.locator_params(axis="x", nbins=4)
            ax.tick_params(labelsize="small")
        unit = printable(self.stimuli.unit_name)
        figure.suptitle(f"{unit}, {printable(self.stimuli.layer)}", parse_math=False)
        figure.supylabel("band", fontsize="medium")
        figure.supxlabel(
            "frame" if self.stimuli.starts is None else "time (s)", fontsize="medium"
        )
        return self

    def _checked(self) -> list[np.ndarray]:
        """Return what is drawn, the optimal stimulus first, after checks."""
        found, optimal = self.stimuli, self.optimal
        if isinstance(found, list | tuple):
            raise TypeError(
                f"stimuli is a {type(found).__name__} of {len(found)}, as top_stimuli "
                "returns of several units; expected those of one, such as stimuli[0]."
            )
        if not len(found.excerpts):
            raise ValueError("stimuli has no excerpt; expected at least one.")
        unit = found.layer, found.unit
        if optimal is not None and (optimal.layer, optimal.unit) != unit:
            raise ValueError(
                f"optimal is of unit {optimal.unit} of {optimal.layer!r}, but stimuli "
                f"are of unit {found.unit} of {found.layer!r}; expected the same unit."
            )
        n_named = np.inf if self.clip_names is None else len(self.clip_names)
        if len(found.clips) and max(found.clips) >= n_named:
            raise ValueError(
                f"clip_names has {n_named} names, but there is an excerpt of clip "
                f"{max(found.clips)}; expected a name for each clip that was searched."
            )
        first = [] if optimal is None else [optimal.frames]
        return [np.asarray(frames) for frames in [*first, *found.excerpts]]

    def _spans(self) -> list[tuple[float, float]]:
        """Return where each picture begins and ends: seconds, or else frames."""
        found = self.stimuli
        if found.starts is None or found.ends is None:
            edges = np.stack([found.first_frames, found.end_frames], axis=1) - 0.5
        else:
            edges = np.stack([found.starts, found.ends], axis=1)
        spans = [(float(start), float(end)) for start, end in edges]
        if self.optimal is not None:
            n_frames = len(self.optimal.frames)
            if found.starts is None:
                return [(-0.5, n_frames - 0.5), *spans]
            # Excerpts at the start of a clip are cut to the seconds that exist.
            lengths = np.subtract(found.end_frames, found.first_frames)
            frame = float((np.diff(edges, axis=1)[:, 0] / lengths).max())
            spans.insert(0, (0.0, n_frames * frame))
        return spans

    def _titles(self) -> list[str]:
        found, names = self.stimuli, self.clip_names
        titles = [
            f"{f'clip {clip}' if names is None else _shortened(names[clip])}\n"
            f"answer {answer:.3g}"
            for clip, answer in zip(found.clips, found.answers, strict=True)
        ]
        if self.optimal is not None:
            titles.insert(0, f"optimal stimulus\nanswer {self.optimal.answer:.3g}")
        return titles


def _shortened(name: object) -> str:
    """Return a name that fits above a picture: of files, the end tells more."""
    text = printable(name)
    return text if len(text) <= LONGEST_NAME else f"…{text[1 - LONGEST_NAME :]}"
