"""What classes count in training, and how frequent they were: weights and priors."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from skdeepmir._training._frame_labels import named_weights, weigh_classes
from skdeepmir.chord_recognition._coding import FrameCoding


def share_of_frames(counts: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the share of each class in the training frames, as they are weighed."""
    weighed = counts if weights is None else counts * weights
    return weighed / weighed.sum()


def weigh_chords(class_weight: Any, coding: FrameCoding) -> np.ndarray | None:
    """Return what a frame of each class counts, 1 in the mean over frames, or None.

    A dict names labels or qualities. Weights are 0 for classes without frames; those of
    a chord are the same on all roots with transpositions.
    """
    names = [_names(label, coding) for label in coding.classes.tolist()]
    hint = ""
    if coding.vocabulary is not None:
        hint = " (classes_, whose roots are spelled with sharps, and their qualities)"
    weights = weigh_classes(class_weight, coding.counts, names, hint)
    if coding.transposition is not None and isinstance(class_weight, dict):
        given = named_weights(class_weight, names)
        if (given[coding.transposition.classes] != given).any():  # (12, n_classes)
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
