"""What displays of events in time share: spectrogram, figure, hits and misses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPECTROGRAM_HEIGHT = 1.6  # inches
SECONDS_PER_INCH = 1.5  # of a new figure, between the two widths
WIDTHS = (8, 100)  # inches
MARGIN = 0.5  # s after the last event, where nothing else says when the clip ends
SHAPES = {1: "(n_frames,)", 2: "(n_frames, n_bands)"}


class Kind(NamedTuple):
    """How events of a kind look: told apart by colour and by shape."""

    colour: str
    marker: str  # none: a bar
    line: str  # through other axes
    strength: float
    hatch: str | None  # of areas


# Of the palette of Okabe and Ito, which colour-blind people can tell apart.
HIT = Kind("#0072B2", "", "solid", 0.5, None)
MISS = Kind("#E69F00", "v", "dashed", 1.0, "/////")
FALSE_ALARM = Kind("#D55E00", "x", "dotted", 1.0, "xxxxx")


def checked(name: str, values: Any, n_axes: int) -> np.ndarray | None:
    """Return numbers with some axes, the first of them frames, or None."""
    if values is None:
        return None
    array = np.asarray(values)
    if array.ndim != n_axes or not array.size or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} has shape {array.shape} and dtype {array.dtype}; expected numbers "
            f"of shape {SHAPES[n_axes]}, at least one frame."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has NaN or infinity; expected finite values.")
    return array


def end_of(
    frame_rate: float | None, offset: float, *arrays: np.ndarray | None
) -> float | None:
    """Return when the last frame ends, in seconds; None where there are none."""
    lengths = [len(array) for array in arrays if array is not None]
    if not lengths:
        return None
    if frame_rate is None or not 0 < frame_rate < np.inf:
        raise ValueError(
            f"frame_rate={frame_rate!r}; expected frames per second above 0, such as "
            "extractor.frame_rate."
        )
    if not np.isfinite(offset):
        raise ValueError(f"offset={offset!r}; expected finite seconds.")
    return max(lengths) / frame_rate + offset


def make_axes(
    figure: Figure | None, end: float, heights: list[float], border: float
) -> tuple[Figure, Any]:
    """Return a figure and axes in it, one below the other, that share their time.

    A new figure is wider for longer clips; heights, and the border, are in inches.
    """
    import matplotlib.pyplot as plt

    if figure is None:
        width = np.clip(end / SECONDS_PER_INCH, *WIDTHS)
        size = (width, border + sum(heights))
        figure = plt.figure(figsize=size, layout="constrained")
    axes = figure.subplots(
        len(heights), 1, sharex=True, squeeze=False, height_ratios=heights
    )
    return figure, axes[:, 0]


def draw_frames(ax: Axes, frames: Any, frame_rate: float, offset: float) -> None:
    """Draw a spectrogram, low bands below."""
    times = np.array([-0.5, len(frames) - 0.5]) / frame_rate + offset
    ax.imshow(
        frames.T,
        aspect="auto",
        origin="lower",
        interpolation="nearest",
        cmap="Greys",
        extent=(*times, -0.5, frames.shape[1] - 0.5),
    )
    ax.set_ylabel("band")


def write_legend(
    top: Axes,
    ax: Axes,
    counts: tuple[int | None, int | None, int | None],
    *,
    name: str,
    rule: str,
) -> None:
    """Write the legend of an axes and, of hits, misses and false alarms, F on top."""
    handles, labels = ax.get_legend_handles_labels()
    n_hits, n_misses, n_false = (count or 0 for count in counts)
    n_wrong = n_misses + n_false
    if counts[0] is not None and n_hits + n_wrong:
        f = n_hits / (n_hits + n_wrong / 2)
        top.set_title(f"{name} = {f:.3f} {rule}", loc="left", fontsize="medium")
    top.legend(
        *(handles, labels),
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=len(labels),
        frameon=False,
        borderaxespad=0,
    )


def parts_of(estimator: Any) -> tuple[Any, Any]:
    """Return the steps before the last of a fitted estimator, or None, and the last."""
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    if hasattr(estimator, "steps"):
        return estimator[:-1], estimator[-1]
    return None, estimator
