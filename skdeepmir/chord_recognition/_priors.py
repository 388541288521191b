"""What classes count in training, and how frequent they were: weights and priors."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from skdeepmir.chord_recognition._coding import FrameCoding


def share_of_frames(counts: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the share of each class in the training frames, as they are weighed."""
    weighed = counts if weights is None else counts * weights
    return weighed / weighed.sum()


def weigh_classes(class_weight: Any, coding: FrameCoding) -> np.ndarray | None:
    """Return what a frame of each class counts, 1 in the mean over frames.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        Weights of labels or qualities; None if all count the same.
    coding : FrameCoding
        Has counted the frames of each class.

    Returns
    -------
    weights : ndarray of shape (n_classes,) or None
        Weights, 0 for classes without frames; those of a chord are the same on all
        roots with transpositions.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str):  # "balanced"
        weights = 1 / np.maximum(coding.counts, 1)
    else:
        weights = _given(class_weight, coding)
    weights = np.where(coding.counts > 0, weights, 0)
    if not weights.any():
        raise ValueError(
            f"class_weight={class_weight!r} leaves no frame to train on with a weight "
            "above 0."
        )
    weights = weights / weights.max()  # sums of the largest floats are not finite
    return weights * (coding.counts.sum() / (weights @ coding.counts))


def _given(class_weight: dict[Any, float], coding: FrameCoding) -> np.ndarray:
    """Return the weights of classes that a dictionary names; 1 for all others."""
    for key, weight in class_weight.items():
        if not isinstance(weight, Real) or not 0 <= weight < np.inf:
            raise ValueError(
                f"class_weight has {weight!r} for {key!r}; expected a finite number "
                "from 0 up."
            )
    names = [_names(label, coding) for label in coding.classes.tolist()]
    known = {name for row in names for name in row}
    strange = [key for key in class_weight if key not in known]
    if strange:
        qualities = dict.fromkeys(name for row in names for name in row[1:])
        examples = [*qualities, *coding.classes[:3].tolist()]
        raise ValueError(
            f"class_weight names {strange[0]!r}, which no class has; expected some of "
            f"{', '.join(map(repr, examples))}, ... (the labels in classes_, whose "
            "roots are spelled with sharps, and their qualities)."
        )
    weights = np.array(
        [
            next((float(class_weight[name]) for name in row if name in class_weight), 1)
            for row in names
        ]
    )
    if coding.transposition is not None:
        moved = weights[coding.transposition.classes]  # (12, n_classes)
        if (moved != weights).any():
            label = next(key for key in class_weight if ":" in key)
            raise ValueError(
                f"class_weight names {label!r}, but transpose=True moves chords to all "
                f"roots, where they weigh the same. Name the quality, "
                f"{label.partition(':')[2]!r}."
            )
    return weights


def _names(label: Any, coding: FrameCoding) -> list[Any]:
    """Return what names a class, from the label to its quality whatever the bass."""
    if coding.vocabulary is None:
        return [label]
    _, _, quality = label.partition(":")
    names = [label, quality, quality.partition("/")[0]]
    return list(dict.fromkeys(name for name in names if name))


def discount_of(prior: Any, strength: float, n_classes: int) -> np.ndarray:
    """Return what the correction takes off the log-probability of each class.

    A class without training frames, of which nothing was learned, gains nothing: it is
    taken for as frequent as the commonest.
    """
    if prior is None:
        raise ValueError(
            f"prior_correction={strength:g} needs class_prior_, which a model of an "
            "earlier version does not have. Set it to the share of each of classes_ in "
            "the training frames, or fit again."
        )
    prior = check_array(prior, ensure_2d=False, input_name="class_prior_")
    if prior.shape != (n_classes,) or (prior < 0).any() or not prior.any():
        raise ValueError(
            f"class_prior_ has shape {prior.shape} and values from {prior.min():g} to "
            f"{prior.max():g}; expected a share from 0 up for each of the {n_classes} "
            "classes, and not 0 alone."
        )
    seen = np.where(prior > 0, prior, prior.max())
    return strength * np.log(seen)
