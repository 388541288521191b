"""The feed of nets that see excerpts of clips, such as convolutional ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from skdeepmir._training._data import (
    Batch,
    Feed,
    LabelledClips,
    dtype_of,
    scale_of,
    standardized_tensor,
    tensor_of,
)
from skdeepmir._units import NetLayer, UnitLayer
from skdeepmir.frames import ClipLayout

EQUALIZER_BANDS = 8  # between which random curves are straight
EXCERPTS_AT_ONCE = 4  # in predictions: fast, and little memory


@dataclass(frozen=True)
class Augmentation:
    """Random changes of excerpts in training.

    Attributes
    ----------
    shift_bands : int
        Most bands that an excerpt is moved up or down; edges are repeated.
    mask_bands, mask_frames : int
        Most neighbouring bands and frames that are set to zero.
    mixup : float
        Largest share of another excerpt (and its target) that is added in.
    shift_level : float
        Most by which all values of an excerpt move up or down together.
    equalize : float
        Deviation of a smooth random curve over the bands that is added to all frames of
        an excerpt, in the units of its values: deviations, of standardised ones.
    """

    shift_bands: int = 0
    mask_bands: int = 0
    mask_frames: int = 0
    mixup: float = 0.0
    shift_level: float = 0.0
    equalize: float = 0.0

    def apply(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return shifted and masked excerpts (batch, n_frames, n_features)."""
        batch, n_frames, n_features = x.shape
        if self.shift_bands:
            moved = _draw(2 * self.shift_bands + 1, batch, generator) - self.shift_bands
            bands = torch.arange(n_features, device=x.device) - moved[:, None]
            bands = bands.clamp(0, n_features - 1)
            x = x.gather(2, bands[:, None].expand(-1, n_frames, -1))
        if self.shift_level:
            share = torch.rand(batch, 1, 1, generator=generator, device=x.device)
            x = x + self.shift_level * (2 * share - 1).to(x.dtype)
        if self.equalize:
            gains = torch.randn(
                (batch, 1, EQUALIZER_BANDS), generator=generator, device=x.device
            )
            curve = nn.functional.interpolate(
                gains, n_features, mode="linear", align_corners=True
            )
            x = x + self.equalize * curve.to(x.dtype)
        for largest, axis in ((self.mask_bands, 2), (self.mask_frames, 1)):
            if largest:
                n = x.shape[axis]
                width = _draw(min(largest, n) + 1, batch, generator)[:, None]
                first = _draw(n, batch, generator)[:, None]
                place = torch.arange(n, device=x.device)
                masked = (place >= first) & (place < first + width)
                x = x.masked_fill(masked.unsqueeze(3 - axis), 0)
        return x


def _draw(n: int, size: int, generator: torch.Generator) -> torch.Tensor:
    return torch.randint(n, (size,), generator=generator, device=generator.device)


class Excerpts:
    """Excerpts of clips: new random ones in each pass of training, else the middle.

    Parameters
    ----------
    feed : ExcerptFeed
        What standardises and augments them, and how long they are.
    clips : list of ndarray of shape (n_frames_i, n_features)
        Clips; shorter ones than an excerpt are repeated.
    targets : Tensor of shape (n_clips,) or (n_clips, n_outputs)
        Targets.
    weight : Tensor or None
        What each loss counts.
    generator : torch.Generator
        Draws, and says on which device excerpts are.
    training : bool
        Whether excerpts are drawn and changed.
    """

    def __init__(
        self,
        feed: ExcerptFeed,
        clips: list[np.ndarray],
        targets: torch.Tensor,
        weight: torch.Tensor | None,
        generator: torch.Generator,
        *,
        training: bool,
    ) -> None:
        self.feed, self.inputs, self.targets, self.weight = feed, clips, targets, weight
        self.generator, self.training = generator, training
        self.augmentation = feed.augmentation

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, which: torch.Tensor) -> Batch:
        """Return an excerpt of each of some clips."""
        n, device = len(which), which.device
        where = [0.5] * n
        if self.training:
            where = torch.rand(n, generator=self.generator, device=device).tolist()
        frames = np.stack(
            [
                excerpt(self.inputs[i], self.feed.length, share)
                for i, share in zip(which.tolist(), where, strict=True)
            ]
        )
        x = torch.from_numpy((frames - self.feed.mean) / self.feed.scale).to(device)
        y = self.targets.index_select(0, which)
        weight = None if self.weight is None else self.weight.index_select(0, which)
        if self.training:
            x = self.augmentation.apply(x, self.generator)
            if self.augmentation.mixup:
                x, y, weight = self._mixed(x, y, weight)
        return Batch((x, weight), y, weight, n)

    def _mixed(
        self, x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Add to each excerpt a share of another of the batch.

        Its target and weight become such that its loss is the same mean of the losses
        that it would have with either target.
        """
        n = len(x)
        share = torch.rand(n, 1, generator=self.generator, device=x.device).to(x.dtype)
        share *= self.augmentation.mixup
        other = torch.randperm(n, generator=self.generator, device=x.device)
        if y.ndim == 1:
            y = nn.functional.one_hot(y, self.feed.n_outputs).to(x.dtype)
        x = x + share[:, :, None] * (x[other] - x)
        if weight is None:
            return x, y + share * (y[other] - y), None
        mine = (1 - share) * (weight if weight.ndim == 2 else weight[:, None])
        others = share * (weight if weight.ndim == 2 else weight[:, None])[other]
        total = mine + others
        y = (mine * y + others * y[other]) / total.clamp(min=torch.finfo(x.dtype).tiny)
        return x, y, total if weight.ndim == 2 else total[:, 0]


def excerpt(clip: np.ndarray, length: int, share: float) -> np.ndarray:
    """Return ``length`` frames of a clip, from the share ``share`` of all places."""
    if len(clip) < length:
        clip = np.tile(clip, (-(-length // len(clip)), 1))
    first = min(int(share * (len(clip) - length + 1)), len(clip) - length)
    return clip[first : first + length]


@dataclass(frozen=True)
class ExcerptFeed(Feed):
    """The feed of nets that are trained on random excerpts of clips.

    They predict from the mean over all excerpts of a clip.

    Attributes
    ----------
    length : int
        Frames of an excerpt.
    precision : {"float32", "float64", "bfloat16"}
        Of training and prediction.
    augmentation : Augmentation
        What is done to excerpts in training.
    n_outputs : int
        Logits; where targets are numbers of classes, as many as there are of these.
    mean, scale : ndarray of shape (n_features,), or None
        What standardises the features; learned unless they are known beforehand.
    standardize : bool
        Whether they are learned, or 0 and 1.
    frame_rate : float or None
        Frames per second.
    """

    length: int
    precision: str
    augmentation: Augmentation = Augmentation()
    n_outputs: int = 0
    mean: Any = None
    scale: Any = None
    standardize: bool = True
    frame_rate: float | None = None

    @cached_property
    def dtype(self) -> Any:
        """Dtype of training and prediction."""
        return dtype_of(self.precision)

    @property
    def predict_dtype(self) -> Any:
        """Dtype of prediction."""
        return self.dtype

    def learn(self, data: LabelledClips, coding: Any, seed: int) -> ExcerptFeed:
        """Return the feed with the scale of the frames of these clips."""
        n_features, dtype = data.clips[0].shape[1], self.dtype
        mean, scale = np.zeros(n_features), np.ones(n_features)
        if self.mean is not None:
            mean, scale = self.mean, self.scale
        elif self.standardize:
            mean, variance = data.mean_and_variance()
            scale = scale_of(mean, variance)
        return replace(
            self,
            n_outputs=coding.n_outputs,
            length=min(int(self.length), max(map(len, data.clips))),
            mean=mean.astype(dtype),
            scale=scale.astype(dtype),
        )

    def source(
        self, data: LabelledClips, generator: torch.Generator, *, training: bool
    ) -> Excerpts:
        """Return an excerpt of each clip at a time."""
        targets, weight = data.tensors(self.dtype, generator.device)
        clips = data.clips
        return Excerpts(self, clips, targets, weight, generator, training=training)

    def logits(
        self, net: Any, clips: list[np.ndarray], layout: ClipLayout
    ) -> np.ndarray:
        """Return the mean logits of the excerpts of each clip."""
        return np.array([p.mean(axis=0) for p in self.all_logits(net, clips, layout)])

    def all_logits(
        self, net: Any, clips: list[np.ndarray], layout: ClipLayout
    ) -> list[np.ndarray]:
        """Return the logits of all excerpts of each clip, (n_excerpts_i, n_outputs)."""
        return [self._of_clip(net, clip) for clip in clips]

    def unit_layers(
        self, layers: Sequence[NetLayer], names: Sequence[str], n_features: int
    ) -> list[UnitLayer]:
        """Return layers of a net, the output last, as functions of frames.

        The output has a position for each excerpt, hidden layers for each of their
        steps.
        """
        scaling = self.mean.astype(np.float64), self.scale.astype(np.float64)

        def frames(x: torch.Tensor) -> torch.Tensor:
            return standardized_tensor(x, *scaling)

        def excerpts(x: torch.Tensor) -> torch.Tensor:
            x = frames(x)
            if x.shape[1] < self.length:
                times = -(-self.length // x.shape[1])
                x = x.repeat(1, times, 1)[:, : self.length]
            starts = self._starts(x.shape[1]).tolist()
            parts = [x[:, s : s + self.length] for s in starts]
            return torch.stack(parts, 1).flatten(0, 1)

        *hidden, output = layers
        answer = output.function

        def by_parts(x: torch.Tensor) -> torch.Tensor:
            return torch.cat([answer(part) for part in x.split(EXCERPTS_AT_ONCE)])

        hop = max(1, self.length // 2)
        output = replace(output, function=by_parts, span=(0, self.length), hop=hop)
        found = [self._unit_layer(layer, frames, scaling, None) for layer in hidden]
        last = self._unit_layer(output, excerpts, scaling, names, self._starts)
        return [*found, last]

    def intervals(self, n_frames: int) -> np.ndarray:
        """Return when the excerpts of a clip begin and end, (n_excerpts, 2) seconds."""
        starts = self._starts(n_frames)
        ends = np.minimum(starts + self.length, n_frames)
        # As in annotations: frame t is at second t / frame_rate, its centre.
        edges = np.stack([starts, ends], axis=1) - 0.5
        return np.maximum(edges, 0) / self.frame_rate

    def _starts(self, n_frames: int) -> np.ndarray:
        """Return the first frames of the excerpts of a clip."""
        last = max(n_frames - self.length, 0)
        return np.append(np.arange(0, last, max(1, self.length // 2)), last)

    def autocast(self, device_type: str = "cpu") -> torch.autocast:
        """Return the context in which nets compute where training did not set one."""
        is_half = self.precision == "bfloat16"
        return torch.autocast(device_type, torch.bfloat16, is_half)

    def _of_clip(self, net: Any, clip: np.ndarray) -> np.ndarray:
        if len(clip) < self.length:
            clip = excerpt(clip, self.length, 0)
        starts = self._starts(len(clip))
        # One array for all: what is kept between large temporaries holds their memory.
        logits = np.empty((len(starts), self.n_outputs))
        for k in range(0, len(starts), EXCERPTS_AT_ONCE):
            part = np.stack(
                [clip[s : s + self.length] for s in starts[k : k + EXCERPTS_AT_ONCE]]
            )
            with np.errstate(over="ignore"):  # noticed below
                inputs = tensor_of((part - self.mean) / self.scale)
            with self.autocast():
                logits[k : k + len(part)] = net(inputs).double().numpy()
        if not np.isfinite(logits).all():
            raise ValueError(
                f"X has values up to {np.abs(clip).max():.3g}, of which the net makes "
                "numbers that are not finite. Scale X as it was for fit."
            )
        return logits
