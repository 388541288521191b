"""Clips with their targets, batches of them, and feeds, such as that of rows."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch

from skdeepmir._units import NetLayer, UnitLayer, all_spans, numbered
from skdeepmir._validation import validate_clips, validate_frames
from skdeepmir.frames import ClipLayout, mean_of_clips

LARGEST_INPUT = 1e30  # deviations; products with weights stay finite in float32
ROWS_AT_ONCE = 4096  # in predictions, to bound memory


class Batch(NamedTuple):
    """Inputs, targets and weights of one step."""

    inputs: tuple[Any, ...]  # what the net is called with
    targets: torch.Tensor
    weight: torch.Tensor | None  # what each loss counts
    n: int  # what the mean loss is a mean of


def tensor_of(array: np.ndarray) -> torch.Tensor:
    """Return a tensor of an array, which is copied only where torch needs it.

    As it does of one that is read-only, such as a memory map in a worker of joblib.
    """
    return torch.from_numpy(np.require(array, requirements=["C", "W", "E"]))


def dtype_of(precision: str) -> Any:
    """Return the dtype of arrays for a ``precision``."""
    return np.float64 if precision == "float64" else np.float32


def torch_dtype(dtype: Any) -> Any:
    """Return torch's name for a dtype of NumPy."""
    return getattr(torch, np.dtype(dtype).name)


@dataclass(frozen=True)
class LabelledClips:
    """Clips with a target and a weight for each.

    Attributes
    ----------
    clips : ndarray of shape (n_rows, n_features), or list
        The rows of all clips below each other, or what the feed makes of each clip.
    layout : ClipLayout
        Which rows are of which clip.
    targets : ndarray of shape (n_clips,) or (n_clips, n_outputs)
        Numbers of classes, or 0 and 1, or values; as objects, the numbers of the frames
        of each clip.
    weight : ndarray of shape (n_clips,) or (n_clips, n_outputs), or None
        What each counts.
    """

    clips: Any
    layout: ClipLayout
    targets: np.ndarray
    weight: np.ndarray | None

    def __post_init__(self) -> None:
        if self.weight is not None and not self.weight.any():
            raise ValueError(
                "No clip to train on has a weight above 0. Pass sample_weight (or "
                "class_weight) with some above 0 among those that are not held out."
            )

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def clip_weight(self) -> np.ndarray:
        """What each clip counts, the mean over its outputs; (n_clips,)."""
        if self.weight is None:
            return np.ones(len(self))
        return self.weight.reshape(len(self), -1).mean(axis=1)

    @property
    def n_weighted_frames(self) -> float:
        """What all frames count: each what its clip counts."""
        return float(self.clip_weight @ self.layout.n_frames)

    def mean_and_variance(self) -> tuple[np.ndarray, np.ndarray]:
        """Return these of each feature; a frame counts what its clip counts."""
        clips: Any = self.clips
        weights: Any = self.clip_weight
        n = 0.0
        if not isinstance(clips, list):  # one array for all
            weights = np.repeat(weights, self.layout.n_frames)
            ends = range(ROWS_AT_ONCE, len(clips), ROWS_AT_ONCE)
            weights, clips = np.split(weights, ends), np.split(clips, ends)
        total = squares = np.zeros(clips[0].shape[1])
        for weight, clip in zip(weights, clips, strict=True):
            n += np.sum(weight) * (len(clip) if np.ndim(weight) == 0 else 1)
            total = total + _weighted_sum(clip, weight)
        mean = total / n
        for weight, clip in zip(weights, clips, strict=True):
            squares = squares + _weighted_sum(np.square(clip - mean), weight)
        return mean, squares / n

    def hold_out(
        self, fraction: float, seed: int
    ) -> tuple[LabelledClips, LabelledClips]:
        """Return the clips to train on, and those held out, which have no weights."""
        is_held_out = held_out(len(self), fraction, seed, self.targets)
        kept = self.where(~is_held_out, self.weight)
        return kept, self.where(is_held_out)

    def where(
        self, kept: np.ndarray, weight: np.ndarray | None = None
    ) -> LabelledClips:
        """Return some of the clips, with their share of the weights of all."""
        if isinstance(self.clips, list):
            clips = [self.clips[i] for i in np.flatnonzero(kept)]
        else:
            clips = self.clips[np.repeat(kept, self.layout.n_frames)]
        return LabelledClips(
            clips,
            ClipLayout(self.layout.container, self.layout.n_frames[kept]),
            self.targets[kept],
            None if weight is None else weight[kept],
        )

    def tensors(
        self, dtype: Any, device: Any
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return targets, and weights or None, of clips or of all stacked rows.

        Targets of 0 and 1, values and weights are of the floating ``dtype``. The mean
        weight is 1.
        """
        targets, weight = self.targets, self.weight
        if targets.ndim == 2:
            targets = targets.astype(dtype)
        is_stacked = not isinstance(self.clips, list)
        if is_stacked:
            targets = np.repeat(targets, self.layout.n_frames, axis=0)
        if weight is not None:
            if is_stacked:
                weight = np.repeat(weight, self.layout.n_frames, axis=0)
            weight = (weight / weight.mean()).astype(dtype)
        weights = None if weight is None else tensor_of(weight).to(device)
        return tensor_of(targets).to(device), weights


def _weighted_sum(rows: np.ndarray, weight: Any) -> np.ndarray:
    """Return the sum of rows in float64, by one weight or one for each."""
    if np.ndim(weight) == 0:
        return weight * rows.sum(axis=0, dtype=np.float64)
    return (weight[:, None] * rows).sum(axis=0)  # the same bits by any BLAS


def held_out(
    n_clips: int, fraction: float, seed: int, targets: np.ndarray | None = None
) -> np.ndarray:
    """Choose whole clips at random, in proportion to their classes.

    Parameters
    ----------
    n_clips : int
        Clips to choose from.
    fraction : float
        Share that is chosen, rounded up.
    seed : int
        Of the draw.
    targets : ndarray of shape (n_clips, ...), optional
        Classes, where there is one for each clip.

    Returns
    -------
    is_held_out : ndarray of shape (n_clips,), bool
        Which are chosen.
    """
    n_held_out = int(np.ceil(float(fraction) * n_clips))
    if n_held_out >= n_clips:
        raise ValueError(
            f"validation_fraction={fraction:g} of {n_clips} clips leaves none to "
            "train on. Pass more clips, a smaller fraction, X_val and y_val, or do "
            "without what needs validation: early_stopping, or a threshold that is "
            "tuned."
        )
    rng = np.random.RandomState(seed)
    order = rng.permutation(n_clips)
    if targets is not None and targets.size == n_clips and targets.dtype != object:
        order = order[np.argsort(targets.ravel()[order], kind="stable")]
    steps = (np.arange(n_held_out) + rng.uniform()) * n_clips / n_held_out
    return np.isin(np.arange(n_clips), order[steps.astype(int)])


class Source(Protocol):
    """Clips or rows that are taken by number."""

    def __len__(self) -> int: ...

    def batch(self, which: torch.Tensor) -> Batch:
        """Return some of them."""


class Batches:
    """Batches of a source, in a new random order for each pass of training.

    Parameters
    ----------
    source : Source
        What is taken from.
    batch_size : int or None
        Most of a batch, the last of which may have fewer; None takes all.
    generator : torch.Generator
        Shuffles, and says on which device the source is.
    training : bool
        Whether to shuffle.
    """

    def __init__(
        self,
        source: Source,
        batch_size: int | None,
        generator: torch.Generator,
        *,
        training: bool,
    ) -> None:
        self.source, self.n = source, len(source)
        self.batch_size = min(batch_size or self.n, self.n)
        self.generator, self.training = generator, training

    def __len__(self) -> int:
        return self.n

    def at_rest(self) -> Batches:
        """Return batches of the same in order, as they are to validate on."""
        source: Any = self.source
        if hasattr(source, "training"):
            source = copy.copy(source)
            source.training = False
        return Batches(source, self.batch_size, self.generator, training=False)

    def __iter__(self) -> Iterator[Batch]:
        device = self.generator.device
        if self.training and self.batch_size < self.n:
            order = torch.randperm(self.n, generator=self.generator, device=device)
        else:  # of a single batch the order does not matter
            order = torch.arange(self.n, device=device)
        for which in order.split(self.batch_size):
            yield self.source.batch(which)


@dataclass(frozen=True)
class Rows:
    """Rows in memory with their targets and weights, tensors on one device."""

    inputs: torch.Tensor
    targets: torch.Tensor
    weight: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, which: torch.Tensor) -> Batch:
        """Return some rows."""
        weight = None if self.weight is None else self.weight.index_select(0, which)
        inputs = self.inputs.index_select(0, which)
        targets = self.targets.index_select(0, which)
        return Batch((inputs,), targets, weight, len(which))


class Feed(ABC):
    """What clips become on their way into a net, and its outputs on their way out.

    Attributes
    ----------
    dtype, predict_dtype : dtype
        Of training and of prediction.
    """

    dtype: Any
    predict_dtype: Any

    def read(
        self, estimator: Any, X: Any, *, reset: bool, dtype: Any
    ) -> tuple[Any, ClipLayout]:
        """Return clips as the other methods take them, checked, and their layout."""
        return validate_frames(estimator, X, reset=reset, dtype=dtype)

    def learn(self, data: LabelledClips, coding: Any, seed: int) -> Self:
        """Return the feed with what it learns of the clips to train on."""
        return self

    def batches(
        self,
        data: LabelledClips,
        generator: torch.Generator,
        batch_size: int | None,
        *,
        training: bool,
    ) -> Any:
        """Return batches; each loop over them is a pass over the clips."""
        source = self.source(data, generator, training=training)
        return Batches(source, batch_size, generator, training=training)

    def source(
        self, data: LabelledClips, generator: torch.Generator, *, training: bool
    ) -> Source:
        """Return what batches are taken from, unless a feed makes these itself."""
        raise NotImplementedError

    def for_prediction(self, clips: Any) -> Any:
        """Return clips that were read for training as :meth:`logits` takes them."""
        return clips

    @abstractmethod
    def logits(self, net: Any, clips: Any, layout: ClipLayout) -> Any:
        """Return the outputs of a net for each clip, float64."""

    def unit_layers(
        self, layers: Sequence[NetLayer], names: Sequence[str], n_features: int
    ) -> list[UnitLayer]:
        """Return layers of a net, the output last, as functions of frames.

        ``names`` are those of the outputs.
        """
        raise TypeError(
            "Units of this net do not see frames, but statistics of windows: there is "
            "no excerpt that drives them. Put skdeepmir.MultiTimescalePooler before a "
            "DropoutMLPClassifier, and look at that."
        )

    def _unit_layer(
        self,
        layer: NetLayer,
        inputs: Callable[[torch.Tensor], Any],
        scaling: tuple[np.ndarray, np.ndarray],
        names: Sequence[str] | None,
        starts: Callable[[int], np.ndarray] | None = None,
    ) -> UnitLayer:
        """Return a layer as a function of frames, of which ``inputs`` are made."""

        def net(x: torch.Tensor) -> torch.Tensor:
            values = layer.function(inputs(x))
            return values.reshape(len(x), -1, values.shape[-1]).double()

        mean, scale = scaling
        with torch.no_grad():
            shortest = torch.zeros(1, 1, len(mean), dtype=torch.float64)
            n_units = net(shortest).shape[2]
        return UnitLayer(
            layer.name,
            numbered(n_units) if names is None else names,
            net,
            all_spans(layer.span, n_units),
            layer.hop,
            mean,
            scale,
            starts=starts,
            is_local=layer.span is not None,
        )


@dataclass(frozen=True)
class RowFeed(Feed):
    """The feed of nets that see a row at a time, with the target of its clip."""

    dtype: Any
    predict_dtype = np.float64

    def inputs(self, rows: np.ndarray, dtype: Any = np.float64) -> np.ndarray:
        """Return what the net sees of rows (n, n_features), which are of ``dtype``."""
        return rows

    def row_tensor(self, x: torch.Tensor) -> torch.Tensor:
        """Do the same to a tensor, with gradients."""
        return x

    def scaling(self, n_features: int) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and scale of what the net sees, in the units of rows."""
        return np.zeros(n_features), np.ones(n_features)

    def unit_layers(
        self, layers: Sequence[NetLayer], names: Sequence[str], n_features: int
    ) -> list[UnitLayer]:
        """Return layers of a net, the output last, as functions of frames."""
        scaling = self.scaling(n_features)

        def rows(x: torch.Tensor) -> torch.Tensor:
            return self.row_tensor(x.flatten(0, 1))

        *hidden, output = layers
        found = [self._unit_layer(layer, rows, scaling, None) for layer in hidden]
        return [*found, self._unit_layer(output, rows, scaling, names)]

    def read(
        self, estimator: Any, X: Any, *, reset: bool, dtype: Any
    ) -> tuple[np.ndarray, ClipLayout]:
        """Return the rows of all clips below each other."""
        return validate_clips(estimator, X, reset=reset, dtype=dtype)

    def source(
        self, data: LabelledClips, generator: torch.Generator, *, training: bool
    ) -> Rows:
        """Return the rows."""
        inputs = tensor_of(self.inputs(data.clips, self.dtype)).to(generator.device)
        return Rows(inputs, *data.tensors(self.dtype, generator.device))

    def for_prediction(self, clips: np.ndarray) -> np.ndarray:
        """Return rows in the precision of prediction."""
        return clips.astype(self.predict_dtype, copy=False)

    def logits(self, net: Any, clips: np.ndarray, layout: ClipLayout) -> np.ndarray:
        """Return the mean logits of the rows of each clip."""
        parts = []
        for start in range(0, len(clips), ROWS_AT_ONCE):
            inputs = self.inputs(clips[start : start + ROWS_AT_ONCE])
            parts.append(net(tensor_of(inputs)).numpy())
        return mean_of_clips(np.concatenate(parts), layout)


def standardized(
    rows: np.ndarray, mean: np.ndarray, scale: np.ndarray, dtype: Any
) -> np.ndarray:
    """Return rows on the scale of what was learned from.

    Raises a ``ValueError`` if values are so far away that sums would not be finite.
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


def standardized_tensor(
    x: torch.Tensor, mean: np.ndarray, scale: np.ndarray
) -> torch.Tensor:
    """Return frames on the scale of what was learned from, with gradients."""
    return (x - torch.as_tensor(mean, dtype=x.dtype)) / torch.as_tensor(
        scale, dtype=x.dtype
    )


def scale_of(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return what features are divided by: deviations, 1 where they are constant."""
    return np.where(are_constant(mean, variance), 1, np.sqrt(np.maximum(variance, 0)))


def are_constant(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return which features are constant: rounding leaves some deviation."""
    return np.sqrt(np.maximum(variance, 0)) <= 1e-6 * np.abs(mean) + 1e-12
