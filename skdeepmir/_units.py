"""Layers of fitted nets as one looks at their units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

# Frames to either side that are shown of what a unit answers to that sees whole clips.
CONTEXT = 20


@dataclass(frozen=True)
class UnitLayer:
    """A layer of a fitted net whose units can be looked at.

    Attributes
    ----------
    name : str
        Such as "layer 0", "hidden 1" or "output".
    unit_names : sequence of str
        Classes or tags of an output; otherwise "unit 3", or the names of features.
    net : callable
        Returns answers (n, n_positions, n_units) to clips of one length
        (n, n_frames, n_features), in the units of X: a tensor, float64, with gradients.
    spans : ndarray of shape (n_units, 2), int
        First frame, and the one after the last, that a unit sees, from where its
        position begins.
    hop : int
        Frames from one position to the next.
    mean, scale : ndarray of shape (n_features,)
        What standardises X; 0 and 1 where nothing does.
    bands : ndarray of shape (n_units, 2), int, or None
        First feature, and the one after the last, that a unit sees; None: all.
    starts : callable or None
        Returns where positions begin in a clip of so many frames; None: every ``hop``.
    is_local : bool
        Whether units see nothing outside of their spans.
    length : int
        Frames that a position takes up, though its units may see fewer.
    """

    name: str
    unit_names: Sequence[str]
    net: Callable[[torch.Tensor], torch.Tensor]
    spans: np.ndarray
    hop: int
    mean: np.ndarray
    scale: np.ndarray
    bands: np.ndarray | None = None
    starts: Callable[[int], np.ndarray] | None = None
    is_local: bool = True
    length: int = 1

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.spans)

    def first_frames(self, n_frames: int, n_positions: int) -> np.ndarray:
        """Return where the positions in a clip begin."""
        if self.starts is not None:
            return self.starts(n_frames)
        return self.hop * np.arange(n_positions)


@dataclass(frozen=True)
class NetLayer:
    """A layer of a net, as an estimator tells of it.

    Attributes
    ----------
    name : str
        Such as "hidden 0".
    function : callable
        Returns answers (..., n_units) to the inputs of the net.
    span : tuple of int or None
        As in ``UnitLayer``, for all units; None: they see whole clips.
    hop : int
        Frames from one position to the next.
    """

    name: str
    function: Callable[[Any], Any]
    span: tuple[int, int] | None = (0, 1)
    hop: int = 1


def all_spans(span: tuple[int, int] | None, n_units: int) -> np.ndarray:
    """Return the same span for all units; that of a context if they see all."""
    return np.tile(span or (-CONTEXT, CONTEXT + 1), (n_units, 1))


def numbered(n_units: int) -> list[str]:
    """Return names of units that have none."""
    return [f"unit {i}" for i in range(n_units)]


def hidden_layers(net: Any) -> list[NetLayer]:
    """Return the hidden layers of a ``nets.MLP``."""

    def layer(k: int) -> Callable[[Any], Any]:
        return lambda rows: net.hidden_values(rows)[k]

    return [NetLayer(f"hidden {k}", layer(k)) for k in range(len(net.hidden))]


def recurrent_layers(net: Any, n_layers: int) -> list[NetLayer]:
    """Return those of a net that has ``layer_values`` of sequences."""

    def layer(k: int) -> Callable[[Any], Any]:
        return lambda batch: net.layer_values(batch)[k]

    return [NetLayer(f"layer {k}", layer(k), None) for k in range(n_layers)]
