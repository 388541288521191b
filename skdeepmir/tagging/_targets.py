"""Labels and tags into what a net is trained on, and its logits back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d


@dataclass(frozen=True)
class Coding:
    """How labels are coded.

    Attributes
    ----------
    kind : {"binary", "multiclass", "tags"}
        Two classes with one logit, several with one each, or independent tags.
    classes : ndarray of shape (n_classes,)
        Labels, or the numbers of the tags.
    dtype : str
        Of tags.
    """

    kind: str
    classes: np.ndarray
    dtype: str

    @property
    def n_outputs(self) -> int:
        """Number of logits."""
        return 1 if self.kind == "binary" else len(self.classes)

    @property
    def guessing_loss(self) -> float:
        """Cross-entropy of equal probabilities."""
        return float(np.log(len(self.classes) if self.kind == "multiclass" else 2))

    @classmethod
    def of(cls, y: Any, classes: Any = None) -> Coding:
        """Return the coding that labels need.

        Parameters
        ----------
        y : array-like of shape (n_clips,) or (n_clips, n_tags)
            Labels, or rows of 0 and 1.
        classes : array-like, optional
            All labels there are, if y may not hold them all.

        Raises
        ------
        ValueError
            If y holds no labels, or a single one.
        """
        y = label_array(y)
        if y.ndim == 2:
            return cls("tags", np.arange(y.shape[1]), y.dtype.str)
        known = np.unique(y if classes is None else np.asarray(classes))
        if len(known) < 2:
            raise ValueError(
                f"y has 1 class, {known[0]!r}; a classifier needs at least 2 classes."
            )
        return cls("binary" if len(known) == 2 else "multiclass", known, "")

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """Return targets: numbers of classes, or 0 and 1 of shape (n, n_outputs)."""
        y = label_array(y)
        if self.kind == "tags":
            if y.ndim != 2 or y.shape[1] != len(self.classes):
                raise ValueError(
                    f"{name} has shape {y.shape}, expected (n_clips, "
                    f"{len(self.classes)}): 0 or 1 for each tag."
                )
            return y.astype(np.float64)
        if y.ndim != 1:
            raise ValueError(f"{name} has shape {y.shape}, expected one label a clip.")
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(
                f"{name} has labels that are not among the classes "
                f"{self.classes.tolist()}: {unknown.tolist()}."
            )
        numbers = np.searchsorted(self.classes, y)
        return numbers[:, None].astype(np.float64) if self.kind == "binary" else numbers

    def weigh(
        self, targets: np.ndarray, sample_weight: Any, class_weight: Any
    ) -> np.ndarray | None:
        """Return weights of clips, or of each tag of each clip; None if all are 1.

        Parameters
        ----------
        targets : ndarray
            From :meth:`encode`.
        sample_weight : ndarray of shape (n_clips,) or None
            Weights of clips.
        class_weight : dict, "balanced" or None
            Weights of classes.
        """
        if class_weight is None:
            return sample_weight
        if isinstance(class_weight, dict):
            values = np.array(list(class_weight.values()), dtype=np.float64)
            if not (np.isfinite(values) & (values >= 0)).all() or not values.any():
                raise ValueError(
                    f"class_weight={class_weight!r} must hold numbers from 0 up, and "
                    "not 0 alone."
                )
        if self.kind != "tags":
            labels = self.classes[targets.astype(int).ravel()]
            weights = compute_sample_weight(class_weight, labels)
        elif class_weight == "balanced":
            share = targets.mean(axis=0).clip(1 / len(targets), 1 - 1 / len(targets))
            weights = np.where(targets == 1, 0.5 / share, 0.5 / (1 - share))
        else:
            raise ValueError(
                f"class_weight={class_weight!r} names classes, but y has tags. Use "
                "'balanced' or None, or sample_weight."
            )
        if sample_weight is None:
            return weights
        return weights * (
            sample_weight[:, None] if weights.ndim == 2 else sample_weight
        )

    def decide(self, logits: np.ndarray) -> np.ndarray:
        """Return predicted labels or tags for logits (n, n_outputs)."""
        if self.kind == "tags":
            return (logits > 0).astype(self.dtype)
        if self.kind == "binary":
            return self.classes[(logits[:, 0] > 0).astype(int)]
        return self.classes[logits.argmax(axis=1)]

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return probabilities (n, n_classes), or (n, n_tags) below 1."""
        if self.kind == "multiclass":
            return softmax(logits, axis=1)
        if self.kind == "binary":
            return expit(np.hstack([-logits, logits]))
        eps = np.finfo(np.float64).eps
        return expit(logits).clip(eps, 1 - eps)

    def log_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return their logarithms, also where they are too small for a float."""
        if self.kind == "multiclass":
            return log_softmax(logits, axis=1)
        if self.kind == "binary":
            return log_expit(np.hstack([-logits, logits]))
        return log_expit(logits)


def label_array(y: Any) -> np.ndarray:
    """Return labels as a vector, or tags as a matrix."""
    kind = type_of_target(y, input_name="y")
    if kind == "unknown":
        raise ValueError(
            "Unknown label type: y holds objects that are no labels, or strings and "
            "missing values (None). Leave clips without a label out."
        )
    check_classification_targets(y)
    if kind == "multilabel-indicator":
        y = y.toarray() if issparse(y) else np.asarray(y)
        if not np.isin(y, (0, 1)).all():
            raise ValueError(
                f"y has two dimensions and holds {np.unique(y).tolist()}; expected 0 "
                "or 1 for each tag."
            )
        return y
    if kind == "multiclass-multioutput":
        raise ValueError(
            "Unknown label type: y has several classes in several columns; expected "
            "one label a clip, or 0 and 1 for each tag."
        )
    return column_or_1d(y, warn=True)
