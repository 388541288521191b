"""Clips with their targets, as a net is trained on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepmir.frames import ClipLayout

LARGEST_INPUT = 1e30  # deviations; products with weights stay finite in float32


@dataclass(frozen=True)
class LabelledClips:
    """Stacked rows of clips with a target for each clip.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_features), or list of ndarray
        The rows of all clips below each other, or each clip's own.
    layout : ClipLayout
        Which rows are of which clip.
    targets : ndarray of shape (n_clips,) or (n_clips, n_outputs)
        Numbers of classes, or 0 and 1; as objects, an array of the frames' numbers for
        each clip.
    weight : ndarray of shape (n_clips,) or (n_clips, n_outputs), or None
        What each counts.
    """

    rows: Any
    layout: ClipLayout
    targets: np.ndarray
    weight: np.ndarray | None

    def __post_init__(self) -> None:
        if self.weight is not None and not self.weight.any():
            raise ValueError(
                "No clip to train on has a weight above 0. Pass sample_weight (or "
                "class_weight) with some above 0 among those that are not held out."
            )

    @property
    def clip_weight(self) -> np.ndarray:
        """What each clip counts, the mean over its outputs; (n_clips,)."""
        if self.weight is None:
            return np.ones(len(self.targets))
        return self.weight.reshape(len(self.weight), -1).mean(axis=1)

    def mean_and_variance(self) -> tuple[np.ndarray, np.ndarray]:
        """Return these of the frames of clips, (n_features,) each.

        Each frame counts what its clip counts.
        """
        pairs = list(zip(self.clip_weight, self.rows, strict=True))
        n = sum(w * len(clip) for w, clip in pairs)
        mean = sum(w * clip.sum(axis=0, dtype=np.float64) for w, clip in pairs) / n
        squares = sum(w * np.square(clip - mean).sum(axis=0) for w, clip in pairs)
        return mean, squares / n

    def hold_out(
        self, fraction: float, seed: int
    ) -> tuple[LabelledClips, LabelledClips]:
        """Split whole clips at random, in proportion to their classes.

        Parameters
        ----------
        fraction : float
            Share that is held out, rounded up.
        seed : int
            Of the draw.

        Returns
        -------
        rest, held_out : LabelledClips
            What stays and what does not; the latter without weights.

        Raises
        ------
        ValueError
            If nothing would stay.
        """
        n_clips = len(self.targets)
        n_held_out = int(np.ceil(float(fraction) * n_clips))
        if n_held_out >= n_clips:
            raise ValueError(
                f"validation_fraction={fraction:g} of {n_clips} clips leaves none to "
                "train on. Pass more clips, a smaller fraction, X_val and y_val, or do "
                "without early_stopping and tune_thresholds."
            )
        rng = np.random.RandomState(seed)
        order = rng.permutation(n_clips)
        has_one_class = self.targets.size == n_clips and self.targets.dtype != object
        if has_one_class:  # in the order of classes
            order = order[np.argsort(self.targets.ravel()[order], kind="stable")]
        steps = (np.arange(n_held_out) + rng.uniform()) * n_clips / n_held_out
        is_held_out = np.isin(np.arange(n_clips), order[steps.astype(int)])
        return self._where(~is_held_out, self.weight), self._where(is_held_out, None)

    def _where(self, kept: np.ndarray, weight: np.ndarray | None) -> LabelledClips:
        if isinstance(self.rows, list):
            rows = [self.rows[i] for i in np.flatnonzero(kept)]
        else:
            rows = self.rows[np.repeat(kept, self.layout.n_frames)]
        return LabelledClips(
            rows,
            ClipLayout(self.layout.container, self.layout.n_frames[kept]),
            self.targets[kept],
            None if weight is None else weight[kept],
        )

    def losses(self, dtype: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what a loss takes of each clip: its target, and its weight or None.

        The mean weight is 1 over what is trained on: all rows of stacked clips, else
        the clips. Targets of 0 and 1, and weights, are of the floating ``dtype``.
        """
        targets, weight = self.targets, self.weight
        if targets.ndim == 2:
            targets = targets.astype(dtype)
        if weight is not None:
            counted = weight if isinstance(self.rows, list) else self._repeated(weight)
            weight = (weight / counted.mean()).astype(dtype)
        return targets, weight

    def tensors(self, inputs: np.ndarray, device: str) -> Any:
        """Return the dataset that a net is trained on.

        Parameters
        ----------
        inputs : ndarray of shape (n_rows, n_inputs)
            What the net sees of the rows.
        device : str
            Where it is.

        Returns
        -------
        rows : Rows
            Inputs, with the targets and the weights of their clips; the mean weight is
            1.
        """
        from skdeepmir._training._data import Rows, tensor_of

        of_clips = [part for part in self.losses(inputs.dtype) if part is not None]
        arrays = [inputs, *map(self._repeated, of_clips)]
        return Rows(*(tensor_of(array).to(device) for array in arrays))

    def _repeated(self, of_clips: np.ndarray) -> np.ndarray:
        return np.repeat(of_clips, self.layout.n_frames, axis=0)


def standardized(
    rows: np.ndarray, mean: np.ndarray, scale: np.ndarray, dtype: Any
) -> np.ndarray:
    """Return rows on the scale of what was learned from.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Frames.
    mean, scale : ndarray of shape (n_features,)
        Of what was learned from.
    dtype : dtype
        Of the result.

    Returns
    -------
    standardized : ndarray of shape (n_rows, n_features)
        The rows.

    Raises
    ------
    ValueError
        If values are so far away that sums over them would not be finite.
    """
    with np.errstate(over="ignore"):  # noticed below
        inputs = (rows - mean.astype(dtype)) / scale.astype(dtype)
    largest = np.abs(inputs).max()
    if not largest <= LARGEST_INPUT:
        raise ValueError(
            f"X has values {largest:.3g} deviations away from the mean of what was "
            f"learned from; expected at most {LARGEST_INPUT:g}, of which sums are "
            "finite. Scale X as it was for fit."
        )
    return inputs


def scale_of(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return what features are divided by: deviations, 1 where they are constant."""
    deviation = np.sqrt(np.maximum(variance, 0))
    return np.where(deviation <= 1e-6 * np.abs(mean) + 1e-12, 1, deviation)
