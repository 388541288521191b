"""Labels and tags into what a net is trained on, and its logits back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logit, softmax
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, column_or_1d

from skdeepmir._labels import dense_labels


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
            numbers = np.arange(y.shape[1])
            if classes is not None and not np.array_equal(classes, numbers):
                raise ValueError(
                    f"y has {len(numbers)} tags, whose classes are the numbers of its "
                    f"columns; found classes={classes!r}. Leave classes out."
                )
            return cls("tags", numbers, y.dtype.str)
        known = np.unique(y if classes is None else np.asarray(classes))
        if len(known) < 2:
            raise ValueError(
                f"y has 1 class, {known[:1].tolist()[0]!r}, in all {len(y)} rows; a "
                "classifier needs at least 2 classes."
            )
        return cls("binary" if len(known) == 2 else "multiclass", known, "")

    def fitted(self) -> dict[str, Any]:
        """Return what an estimator keeps of it."""
        return {
            "classes_": self.classes,
            "_kind": self.kind,
            "_tag_dtype": self.dtype,
        }

    def check_same(self, earlier: Coding) -> None:
        """Raise a ``ValueError`` unless a warm start can go on from ``earlier``."""
        if not np.array_equal(self.classes, earlier.classes):
            raise ValueError(
                f"warm_start=True, but y has the classes {self.classes.tolist()} and "
                f"the fit before had {earlier.classes.tolist()}; expected the same."
            )

    def make_loss(self) -> Any:
        """Return the loss of a net."""
        from skdeepmir._training._data import LogisticLoss, SoftmaxLoss

        return SoftmaxLoss() if self.kind == "multiclass" else LogisticLoss()

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
        self,
        targets: np.ndarray,
        sample_weight: Any,
        class_weight: Any,
        pos_weight: Any = None,
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
        pos_weight : float, array-like of shape (n_tags,) or None
            What a clip with a tag weighs beside one without.
        """
        if pos_weight is not None:
            if class_weight is not None:
                raise ValueError("class_weight and pos_weight cannot both be given.")
            return self._weigh_positives(targets, sample_weight, pos_weight)
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

    def _weigh_positives(
        self, targets: np.ndarray, sample_weight: Any, pos_weight: Any
    ) -> np.ndarray:
        if self.kind != "tags":
            raise ValueError(
                "pos_weight is for tags, but y has one label a clip. Use class_weight, "
                "such as {'yes': 2.0}."
            )
        pos_weight = np.asarray(pos_weight, dtype=np.float64)
        if (
            pos_weight.shape not in ((), self.classes.shape)
            or not (np.isfinite(pos_weight) & (pos_weight > 0)).all()
        ):
            raise ValueError(
                f"pos_weight={pos_weight.tolist()} must be a number above 0, or one "
                f"for each of the {len(self.classes)} tags."
            )
        weights = np.where(targets == 1, pos_weight, 1.0)
        return weights if sample_weight is None else weights * sample_weight[:, None]

    def decide(
        self, logits: np.ndarray, thresholds: np.ndarray | None = None
    ) -> np.ndarray:
        """Return predicted labels or tags for logits (n, n_outputs).

        Tags are there where their probability is above ``thresholds`` (n_tags,), or
        above one half.
        """
        if self.kind == "tags":
            least = 0 if thresholds is None else logit(thresholds)
            return (logits > least).astype(self.dtype)
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


@dataclass(frozen=True)
class ValueCoding:
    """How numbers are coded: with a mean of 0 each, and a mean variance of 1.

    Attributes
    ----------
    mean : ndarray of shape (n_outputs,)
        Means.
    scale : float
        The same for all outputs, so that their shares in the squared error stay.
    ndim : int
        Dimensions of targets: 1 if there is one number a clip.
    """

    mean: np.ndarray
    scale: float
    ndim: int

    @property
    def n_outputs(self) -> int:
        """Number of values of a clip."""
        return len(self.mean)

    @property
    def guessing_loss(self) -> float:
        """Squared error of means."""
        return 1.0

    @classmethod
    def of(cls, y: Any, weight: np.ndarray | None = None) -> ValueCoding:
        """Return the coding for targets of shape (n_clips,) or (n_clips, n_outputs).

        Means and variances are over clips by their ``weight`` (n_clips,).
        """
        y = _value_array(y, "y")
        values = y.reshape(len(y), -1)
        mean = np.average(values, axis=0, weights=weight)
        variances = np.average(np.square(values - mean), axis=0, weights=weight)
        return cls(mean, float(np.sqrt(variances.mean())) or 1.0, y.ndim)

    def fitted(self) -> dict[str, Any]:
        """Return what an estimator keeps of it."""
        return {
            "target_mean_": self.mean,
            "target_scale_": self.scale,
            "_target_ndim": self.ndim,
        }

    def check_same(self, earlier: ValueCoding) -> None:
        """Raise a ``ValueError`` unless a warm start can go on from ``earlier``."""
        if (self.n_outputs, self.ndim) != (earlier.n_outputs, earlier.ndim):
            raise ValueError(
                f"warm_start=True, but y has {self.n_outputs} values a clip and the "
                f"fit before had {earlier.n_outputs}; expected the same."
            )

    def make_loss(self) -> Any:
        """Return the loss of a net."""
        from skdeepmir._training._data import MeanSquaredLoss

        return MeanSquaredLoss()

    def encode(self, y: Any, name: str = "y") -> np.ndarray:
        """Return targets (n_clips, n_outputs)."""
        y = _value_array(y, name)
        values = y.reshape(len(y), -1)
        if y.ndim != self.ndim or values.shape[1] != self.n_outputs:
            raise ValueError(
                f"{name} has shape {y.shape}, expected (n_clips,"
                f"{'' if self.ndim == 1 else f' {self.n_outputs}'})."
            )
        return (values - self.mean) / self.scale

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Return values for outputs of a net."""
        values = outputs * self.scale + self.mean
        return values[:, 0] if self.ndim == 1 else values


def _value_array(y: Any, name: str) -> np.ndarray:
    """Return numbers as an array of one or two dimensions."""
    y = check_array(dense_labels(y), dtype=np.float64, ensure_2d=False, input_name=name)
    if y.ndim > 2:
        raise ValueError(
            f"{name} has shape {y.shape}, expected (n_clips,) or (n_clips, n_outputs)."
        )
    return y


def label_array(y: Any) -> np.ndarray:
    """Return labels as a vector, or tags as a matrix."""
    y = dense_labels(y)
    if isinstance(y, np.ndarray) and y.ndim == 2 and y.dtype == object:
        y = np.array(y.tolist())  # numbers as objects
    kind = type_of_target(y, input_name="y")
    if kind == "unknown":
        raise ValueError(
            "Unknown label type: y holds objects that are no labels, or strings and "
            "missing values (None). Leave clips without a label out."
        )
    check_classification_targets(y)
    if kind == "multilabel-indicator":
        y = np.asarray(y)
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
