"""Labels of frames, and what they mean to a net."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from skdeepmir._errors import raise_together
from skdeepmir._groups import shown_value
from skdeepmir._validation import check_clip_labels, number_labels
from skdeepmir.chords._vocabularies import NO_LABEL
from skdeepmir.frames import ClipLayout, object_array

NUMBERS = "biuf"
MOST_SHOWN = 3  # labels that a message names


class ClassNumbers:
    """Labels of frames that are class numbers, as a feed of sequences handles them.

    Attributes
    ----------
    unknown : int
        The label of a frame that is not learned from.
    """

    unknown = NO_LABEL

    def known(self, labels: np.ndarray) -> np.ndarray:
        """Tell which frames are learned from, (n_frames,)."""
        return labels != self.unknown

    def mixed(self, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return labels of frames that sound together with others."""
        raise NotImplementedError


class FrameCodes:
    """The base of codings that number the classes of frames.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Labels.
    transposition : Transposition or None
        How clips are moved to other keys, where labels have keys.
    """

    classes: np.ndarray
    transposition: Any = None

    @property
    def n_outputs(self) -> int:
        """Number of logits."""
        return len(self.classes)

    @property
    def guessing_loss(self) -> float:
        """Cross-entropy of equal probabilities."""
        return float(np.log(max(2, len(self.classes))))

    def check_same(self, earlier: Any) -> None:
        """Raise a ``ValueError`` unless a warm start can go on from ``earlier``."""
        if not np.array_equal(self.classes, earlier.classes):
            raise ValueError(
                f"warm_start=True, but there are {len(self.classes)} classes now and "
                f"the fit before had {len(earlier.classes)}; expected the same."
            )

    def count(self, targets: np.ndarray) -> np.ndarray:
        """Return the number of encoded frames of each class, in all keys."""
        numbers = np.concatenate(list(targets))
        counts = np.bincount(numbers[numbers != NO_LABEL], minlength=self.n_outputs)
        if self.transposition is not None:
            counts = counts[self.transposition.classes].sum(axis=0)
        return counts

    def make_loss(self) -> Any:
        """Return the loss of a net, which brings torch along."""
        from skdeepmir._training._gradient import FrameSoftmaxLoss

        return FrameSoftmaxLoss()


@dataclass(frozen=True)
class FrameLabelCoding(FrameCodes):
    """How labels of frames of any kind are coded.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Labels, in order.
    """

    classes: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray) -> Self:
        """Return the coding that labels from :func:`read_frame_labels` need."""
        known = [part[~is_unlabelled(part)].tolist() for part in y]
        classes = np.unique(np.array([label for part in known for label in part]))
        if not len(classes):
            raise ValueError("y has no label of any frame; expected some.")
        return cls(classes)

    def learn(self, data: Any) -> Self:
        """Return the coding, which has nothing to learn of the clips to train on."""
        return self

    def weigh(self, targets: np.ndarray, class_weight: Any) -> np.ndarray | None:
        """Return what frames of each class count (n_classes,), 1 on average.

        ``targets`` are those to train on, ``class_weight`` a dict, "balanced" or None.
        """
        names = [[label] for label in self.classes.tolist()]
        return weigh_classes(class_weight, self.count(targets), names)

    def encode(self, y: np.ndarray, layout: ClipLayout, name: str = "y") -> np.ndarray:
        """Return the numbers of the classes of the frames of each clip; -1 for none."""
        return object_array(self._numbers(part, name) for part in y)

    def _numbers(self, labels: np.ndarray, name: str) -> np.ndarray:
        numbers = np.full(len(labels), NO_LABEL)
        known = ~is_unlabelled(labels)
        if known.any():
            values = np.array(labels[known].tolist())
            numbers[known] = number_labels(values, self.classes, name)
        return numbers


def weigh_classes(
    class_weight: Any, counts: np.ndarray, names: list[list[Any]], hint: str = ""
) -> np.ndarray | None:
    """Return what a frame of each class counts, 1 in the mean over frames.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        Weights by names of classes, 1 for those it does not name; None if all count
        the same.
    counts : ndarray of shape (n_classes,)
        Frames of each class to train on.
    names : list of list
        What may name each class, the label first; of several the first counts.
    hint : str, default=""
        What names are, for the error of one that no class has.

    Returns
    -------
    weights : ndarray of shape (n_classes,) or None
        Weights, 0 for classes without frames.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str):  # "balanced"
        weights = 1 / np.maximum(counts, 1)
    else:
        _check_named(class_weight, names, hint)
        weights = named_weights(class_weight, names)
    weights = np.where(counts > 0, weights, 0)
    if not weights.any():
        raise ValueError(
            f"class_weight={class_weight!r} leaves no frame to train on with a weight "
            "above 0."
        )
    weights = weights / weights.max()  # sums of the largest floats are not finite
    return weights * (counts.sum() / (weights @ counts))


def named_weights(class_weight: dict[Any, Any], names: list[list[Any]]) -> np.ndarray:
    """Return the weight of each class by the first of its names that has one, or 1."""
    first = (next((n for n in own if n in class_weight), None) for own in names)
    return np.array([float(class_weight.get(name, 1)) for name in first])


def _check_named(class_weight: dict[Any, Any], names: Any, hint: str) -> None:
    known = {name for own in names for name in own}
    for key, weight in class_weight.items():
        if not isinstance(weight, Real) or not 0 <= float(weight) < np.inf:
            raise ValueError(
                f"class_weight has {weight!r} for {key!r}; expected a finite number "
                "from 0 up."
            )
        if key not in known:
            shared = dict.fromkeys(name for own in names for name in own[1:])
            some = [*shared, *(own[0] for own in names[:MOST_SHOWN])]
            more = ", ..." if len(names) > MOST_SHOWN else ""
            raise ValueError(
                f"class_weight names {key!r}, which no class has; expected some of "
                f"{', '.join(map(repr, some))}{more}{hint}."
            )


def read_frame_labels(
    y: Any, layout: ClipLayout, owner: Any, name: str = "y"
) -> np.ndarray:
    """Return the labels of the frames of each clip, an array each, checked.

    Raises a ``ValueError`` that names the clips whose labels do not fit them.
    """
    check_clip_labels(y, layout.n_clips, needed_by=owner, name=name)
    if not layout.has_clips:
        parts = [np.asarray(labels_of_rows(y, name))[i : i + 1] for i in range(len(y))]
    else:
        parts, errors = [], []
        for i, (item, n_frames) in enumerate(zip(y, layout.n_frames, strict=True)):
            part = as_labels(item)
            if part.shape == (n_frames,):
                parts.append(part)
                continue
            found = f"labels of shape {part.shape}" if part.ndim else repr(item)[:40]
            errors.append(
                ValueError(
                    f"{name}: clip {i} has {found}, but the clip has {n_frames} "
                    "frames; expected one label for each frame, of shape "
                    f"({n_frames},)."
                )
            )
        raise_together(errors, f"{name}: {len(errors)} of {len(y)} clips do not fit")
    _check_kinds(parts, name)
    return object_array(parts)


def _check_kinds(parts: list[np.ndarray], name: str) -> None:
    """Raise a ``ValueError`` unless all labels are of one kind that can be classes."""
    first: tuple[int, str] | None = None
    for i, part in enumerate(parts):
        known = part[~is_unlabelled(part)].tolist()
        if not known:
            continue
        texts = [isinstance(label, str) for label in known]
        if any(texts) and not all(texts):
            two = (shown_value(known[texts.index(kind)]) for kind in (True, False))
            raise ValueError(
                f"Unknown label type: {name}: clip {i} has {' and '.join(two)} as "
                "labels; expected one kind for all frames: text or whole numbers."
            )
        labels = np.array(known)
        kind = "numbers" if labels.dtype.kind in NUMBERS else labels.dtype.name
        kind = "text" if labels.dtype.kind == "U" else kind
        first = first or (i, kind)
        if kind != first[1] or labels.dtype == object:
            raise ValueError(
                f"Unknown label type: {name} has {first[1]} as labels of clip "
                f"{first[0]}, but {kind} as those of clip {i}; expected one kind for "
                "all frames: text or whole numbers."
            )
        check_classification_targets(labels)


def as_labels(item: Any) -> np.ndarray:
    """Return labels of frames as an array, in which numbers beside text stay such."""
    return np.asarray(item, dtype=object if isinstance(item, list | tuple) else None)


def is_unlabelled(labels: np.ndarray) -> np.ndarray:
    """Tell which frames have no label: None, NaN or NA."""
    if labels.dtype.kind == "f":
        return np.isnan(labels)
    if labels.dtype != object:
        return np.zeros(labels.shape, dtype=bool)
    import pandas as pd

    return pd.isna(labels)


def labels_of_rows(y: Any, name: str) -> np.ndarray:
    """Return the labels of rows of a 2-D array, (n_rows,)."""
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(
            f"{name} has shape {labels.shape}; expected one label for each row of X."
        )
    return labels


def share_of_equal(labels: Any, y: Any) -> float:
    """Return the share of labelled frames whose label is right, over all clips."""
    for i, (found, expected) in enumerate(zip(labels, y, strict=True)):
        if np.shape(found) != np.shape(expected):
            raise ValueError(
                f"y: clip {i} has labels of shape {np.shape(expected)}, but the clip "
                f"has {np.size(found)} frames; expected one for each."
            )
    found, expected = (
        np.concatenate([np.ravel(as_labels(part)).astype(object) for part in parts])
        for parts in (labels, y)
    )
    known = ~is_unlabelled(expected)
    for label in expected[known]:
        if isinstance(label, str) != isinstance(found[0], str):
            raise ValueError(
                f"y has the label {shown_value(label)}, but predictions are like "
                f"{shown_value(found[0])}; expected labels as those in fit."
            )
    return float(np.mean(found[known] == expected[known]))
