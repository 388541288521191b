"""What targets of clips mean: classes, tags, numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logit, softmax
from sklearn.utils.class_weight import compute_sample_weight

from skdeepmir._tag_names import check_names, check_same_names
from skdeepmir._training._data import LabelledClips
from skdeepmir._training._gradient import LogisticLoss, MeanSquaredLoss, SoftmaxLoss
from skdeepmir._validation import classes_of, number_labels
from skdeepmir.frames import ClipLayout


class Labels(NamedTuple):
    """Labels (n_clips,) or tags (n_clips, n_tags), checked, and names of the tags."""

    values: np.ndarray
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ClassCoding:
    """The coding of labels and tags.

    Attributes
    ----------
    kind : {"binary", "multiclass", "tags"}
        Two classes with one logit, several with one each, or independent tags.
    classes : ndarray of shape (n_classes,)
        Labels, or the numbers of the tags.
    dtype : str
        Of tags.
    names : tuple of str or None
        Of tags that have names.
    """

    kind: str
    classes: np.ndarray
    dtype: str
    names: tuple[str, ...] | None = None

    @property
    def n_outputs(self) -> int:
        """Number of logits."""
        return 1 if self.kind == "binary" else len(self.classes)

    @property
    def guessing_loss(self) -> float:
        """Cross-entropy of equal probabilities."""
        return float(np.log(len(self.classes) if self.kind == "multiclass" else 2))

    @classmethod
    def of(
        cls, labels: Labels, classes: Any = None, tag_names: Any = None
    ) -> ClassCoding:
        """Return the coding that labels need.

        Parameters
        ----------
        labels : Labels
            Labels, or rows of 0 and 1.
        classes : array-like, optional
            All labels there are, if y may not hold them all.
        tag_names : array-like of shape (n_tags,), optional
            Names of the tags, which are those of the columns if these have some.

        Raises
        ------
        ValueError
            If y holds no labels, or a single one, or its tags have other names.
        """
        y = labels.values
        if y.ndim == 2:
            numbers = np.arange(y.shape[1])
            if classes is not None and not np.array_equal(classes, numbers):
                raise ValueError(
                    f"y has {len(numbers)} tags, whose classes are the numbers of its "
                    f"columns; found classes={classes!r}. Leave classes out."
                )
            names = labels.names
            if tag_names is not None:
                names = check_names(tag_names, "tag_names")
                if len(names) != len(numbers):
                    raise ValueError(
                        f"tag_names has {len(names)} names, but y has {len(numbers)} "
                        "tags; expected a name for each."
                    )
                check_same_names(labels.names, names, "y", "tag_names")
            return cls("tags", numbers, y.dtype.str, names)
        if tag_names is not None:
            raise ValueError(
                "tag_names are names of columns of tags, but y has one label a clip. "
                "Leave them out; labels can be strings."
            )
        known = classes_of(y, classes)
        return cls("binary" if len(known) == 2 else "multiclass", known, "")

    def learn(self, data: LabelledClips) -> ClassCoding:
        """Return the coding, which has nothing to learn of the clips to train on."""
        return self

    def check_same(self, earlier: ClassCoding) -> None:
        """Raise a ``ValueError`` unless a warm start can go on from ``earlier``."""
        if not np.array_equal(self.classes, earlier.classes):
            raise ValueError(
                f"warm_start=True, but y has the classes {self.classes.tolist()} and "
                f"the fit before had {earlier.classes.tolist()}; expected the same."
            )
        check_same_names(self.names, earlier.names, "y", "the fit before")

    def make_loss(self) -> Any:
        """Return the loss of a net."""
        return SoftmaxLoss() if self.kind == "multiclass" else LogisticLoss()

    def encode(
        self, labels: Labels, layout: ClipLayout | None = None, name: str = "y"
    ) -> np.ndarray:
        """Return targets: numbers of classes, or 0 and 1 of shape (n, n_outputs)."""
        y = labels.values
        if self.kind == "tags":
            if y.ndim != 2 or y.shape[1] != len(self.classes):
                raise ValueError(
                    f"{name} has shape {y.shape}, expected (n_clips, "
                    f"{len(self.classes)}): 0 or 1 for each tag."
                )
            check_same_names(labels.names, self.names, name, "the training")
            return y.astype(np.float64)
        if y.ndim != 1:
            raise ValueError(f"{name} has shape {y.shape}, expected one label a clip.")
        numbers = number_labels(y, self.classes, name)
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

    activations = probabilities

    def log_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Return their logarithms, also where they are too small for a float."""
        if self.kind == "multiclass":
            return log_softmax(logits, axis=1)
        if self.kind == "binary":
            return log_expit(np.hstack([-logits, logits]))
        return log_expit(logits)


@dataclass(frozen=True)
class ValueCoding:
    """The coding of numbers: a mean of 0 each, and a mean variance of 1.

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
    def of(cls, y: np.ndarray, weight: np.ndarray | None = None) -> ValueCoding:
        """Return the coding for targets of shape (n_clips,) or (n_clips, n_outputs).

        Means and variances are over clips by their ``weight`` (n_clips,).
        """
        values = y.reshape(len(y), -1)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(values, axis=0, weights=weight)
            variances = np.average(np.square(values - mean), axis=0, weights=weight)
            scale = float(np.sqrt(variances.mean())) or 1.0
        if not np.isfinite(scale):
            raise ValueError(
                f"y has values up to {np.abs(values).max():.3g}, whose variance is not "
                "finite. Scale y."
            )
        return cls(mean, scale, y.ndim)

    def learn(self, data: LabelledClips) -> ValueCoding:
        """Return the coding, which has nothing to learn of the clips to train on."""
        return self

    def check_same(self, earlier: ValueCoding) -> None:
        """Raise a ``ValueError`` unless a warm start can go on from ``earlier``."""
        if (self.n_outputs, self.ndim) != (earlier.n_outputs, earlier.ndim):
            raise ValueError(
                f"warm_start=True, but y has {self.n_outputs} values a clip and the "
                f"fit before had {earlier.n_outputs}; expected the same."
            )

    def make_loss(self) -> Any:
        """Return the loss of a net."""
        return MeanSquaredLoss()

    def encode(
        self, y: np.ndarray, layout: ClipLayout | None = None, name: str = "y"
    ) -> np.ndarray:
        """Return targets (n_clips, n_outputs)."""
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

    activations = decode
