"""The feed of nets that see sequences and label each frame, such as recurrent ones."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from scipy.special import log_softmax

from skdeepmir import decoding
from skdeepmir._training._data import (
    Batch,
    Feed,
    LabelledClips,
    scale_of,
    standardized,
    standardized_tensor,
    tensor_of,
)
from skdeepmir._training._excerpts import Augmentation
from skdeepmir._training._frame_labels import ClassNumbers
from skdeepmir._units import NetLayer, UnitLayer
from skdeepmir.chords._vocabularies import NO_LABEL
from skdeepmir.frames import ClipLayout, length_buckets
from skdeepmir.nets import SequenceBatch


class SequenceClips:
    """Clips with labels of frames, in batches of excerpts of about one length.

    In training each pass draws as many excerpts of a clip as cover it once, each moved
    by random semitones. Places are drawn as if excerpts could hang over either end by
    half; those that would are moved inside, so that ends are learned from as well as
    the rest. Otherwise a pass has all clips as they are.

    Parameters
    ----------
    feed : SequenceFeed
        How excerpts are made, standardised, moved and masked.
    clips : list of ndarray of shape (n_frames_i, n_features)
        Clips.
    labels : sequence of ndarray of shape (n_frames_i,) or (n_frames_i, n_labels)
        What ``feed.labels`` describes, such as numbers of classes.
    batch_size : int or None
        Excerpts of a batch; None puts all into one.
    generator : torch.Generator
        Draws, and says on which device batches are.
    training : bool
        Whether excerpts are drawn.
    """

    def __init__(
        self,
        feed: SequenceFeed,
        clips: Sequence[np.ndarray],
        labels: Any,
        batch_size: int | None,
        generator: torch.Generator,
        *,
        training: bool,
    ) -> None:
        self.feed, self.inputs, self.targets = feed, clips, labels
        self.batch_size, self.generator = batch_size, generator
        self.training = training
        self.n_frames = np.array(list(map(len, clips)))
        self.excerpt_length = feed.excerpt_length or int(self.n_frames.max())

    def __len__(self) -> int:
        return len(self.inputs)

    def at_rest(self) -> SequenceClips:
        """Return batches of the whole clips, as they are to validate on."""
        same = copy.copy(self)
        same.training = False
        return same

    def __iter__(self) -> Iterator[Batch]:
        if not self.training:
            pads = self.feed.pads
            for clips in length_buckets(self.n_frames, self.batch_size, pads=pads):
                n = self.n_frames[clips]
                yield self._stack(clips, 0 * n, n, 0 * n)
            return
        n_parts = -(-self.n_frames // self.excerpt_length)
        clips = np.repeat(np.arange(len(self.inputs)), n_parts)
        lengths = np.minimum(self.n_frames[clips], self.excerpt_length)
        starts = self._draw(self.n_frames[clips] + 1) - lengths // 2
        starts = np.clip(starts, 0, self.n_frames[clips] - lengths)
        semitones = 0 * starts
        if self.feed.transposition is not None:
            keys = self.feed.transposition.semitones
            semitones = self._draw(np.full(len(clips), len(keys))) + keys[0]
        order = np.argsort(self._draw(np.full(len(clips), 2**24)), kind="stable")
        order = order[np.argsort(lengths[order], kind="stable")]
        size = self.batch_size or len(order)
        batches = [order[k : k + size] for k in range(0, len(order), size)]
        if not self.feed.pads:
            batches = [part for rows in batches for part in _split(rows, lengths[rows])]
        for place in torch.randperm(
            len(batches), generator=self.generator, device=self.generator.device
        ).tolist():
            rows = batches[place]
            yield self._stack(clips[rows], starts[rows], lengths[rows], semitones[rows])

    def _draw(self, n: np.ndarray) -> np.ndarray:
        """Return a random integer from 0 up to each of ``n``."""
        device = self.generator.device
        dtype = torch.float32 if device.type == "mps" else torch.float64
        draws = torch.rand(len(n), generator=self.generator, device=device, dtype=dtype)
        return (draws.cpu().double().numpy() * n).astype(np.int64)

    def _stack(
        self,
        clips: np.ndarray,
        starts: np.ndarray,
        lengths: np.ndarray,
        semitones: np.ndarray,
    ) -> Batch:
        feed, frames, labels, previous = self.feed, [], [], []
        for i, start, n, k in zip(clips, starts, lengths, semitones, strict=True):
            # Frames around an excerpt are seen, but not learned from.
            before = min(start, feed.context)
            after = min(self.n_frames[i] - start - n, feed.context)
            part = self.inputs[i][start - before : start + n + after]
            own = self.targets[i][start : start + n]
            own = _surrounded(own, before, after, feed.labels.unknown)
            if self.training and feed.mix:
                part, own = self._mixed(part, own)
            part = (part - feed.mean) / feed.scale
            if k:
                part = feed.transposition.shift(part, k)
                own = feed.transposition.relabel(own, k)
            frames.append(part)
            labels.append(own)
            if feed.sees_previous:
                earlier = np.array([NO_LABEL])
                if start and not before:
                    earlier = self.targets[i][start - 1 : start]
                if k:
                    earlier = feed.transposition.relabel(earlier, k)
                earlier = np.concatenate([earlier, own[:-1]])
                previous.append(np.where(earlier < 0, feed.n_classes, earlier))
        n_known = sum(int(feed.labels.known(own).sum()) for own in labels)
        device = self.generator.device
        stacked = stack_sequences(frames, device)
        x, before_each = stacked.frames, None
        if self.training:
            x = feed.augmentation.apply(x, self.generator)
        if feed.sees_previous:
            before_each = _padded(previous, feed.n_classes).to(device)
        inputs = SequenceBatch(x, stacked.lengths, before_each)
        targets = _padded(labels, feed.labels.unknown).to(device)
        weight = None
        if self.training and feed.class_weight is not None:
            of_frames = [feed.class_weight[own].astype(feed.dtype) for own in labels]
            weight = _padded(of_frames, 0).to(device)
        return Batch((inputs,), targets, weight, n_known)

    def _mixed(
        self, part: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return an excerpt, at random with another one over it and its labels."""
        n, feed = len(part), self.feed
        chance, level, i = self._draw(np.array([1 << 16, 1 << 16, len(self.inputs)]))
        if chance >= feed.mix * (1 << 16) or self.n_frames[i] < n:
            return part, labels
        (start,) = self._draw(self.n_frames[i : i + 1] - n + 1)
        moved = feed.augmentation.shift_level * (level / (1 << 15) - 1) * feed.scale
        others = self.targets[i][start : start + n]
        mixed = np.maximum(part, self.inputs[i][start : start + n] + moved)
        return mixed.astype(part.dtype), feed.labels.mixed(labels, others)


def _surrounded(
    labels: np.ndarray, before: int, after: int, unknown: int
) -> np.ndarray:
    """Return labels of frames between those of frames that have none."""
    widths = [(before, after), *[(0, 0)] * (labels.ndim - 1)]
    return np.pad(labels, widths, constant_values=unknown)


def _split(rows: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """Split rows where the length of the next is another."""
    return np.split(rows, np.flatnonzero(np.diff(lengths)) + 1)


def stack_sequences(
    frames: Sequence[np.ndarray], device: torch.device | str = "cpu"
) -> SequenceBatch:
    """Return sequences of frames (n_frames_i, n_features) side by side."""
    lengths = torch.tensor(list(map(len, frames)))
    return SequenceBatch(_padded(frames, 0).to(device), lengths.to(device))


def _padded(parts: Sequence[np.ndarray], value: int) -> torch.Tensor:
    shape = (len(parts), max(map(len, parts)), *parts[0].shape[1:])
    padded = np.full(shape, value, dtype=parts[0].dtype)
    for row, part in zip(padded, parts, strict=True):
        row[: len(part)] = part
    return tensor_of(padded)


@dataclass(frozen=True)
class SequenceFeed(Feed):
    """The feed of nets that see sequences of frames and put out logits for each.

    Attributes
    ----------
    dtype : dtype
        Of training.
    excerpt_length : int or None
        Frames of the excerpts that are learned from; None takes whole clips.
    augmentation : Augmentation
        What else is done to excerpts in training.
    sees_previous : bool
        Whether the net sees the label before each frame.
    predict_dtype : dtype
        Of predictions.
    n_classes : int
        Classes.
    transposition : Transposition or None
        How excerpts are moved to other keys.
    mean, scale : ndarray of shape (n_features,)
        What standardises the features.
    class_weight : ndarray of shape (n_classes,) or None
        What frames of each class count in training; None if all count the same.
    pads : bool
        Whether sequences of unequal length may be in one batch.
    context : int
        Frames that are seen to either side of an excerpt.
    mix : float
        Share of excerpts that sound together with another one.
    labels : ClassNumbers or another with its attributes
        What labels of frames are: which are unknown, and those of two excerpts at once.
    one_scale : bool
        Whether all features are divided by the same number, because they have the same
        unit and nets compare them.
    """

    dtype: Any
    excerpt_length: int | None
    augmentation: Augmentation
    sees_previous: bool = False
    predict_dtype: Any = np.float64
    n_classes: int = 0
    transposition: Any = None
    mean: Any = None
    scale: Any = None
    class_weight: Any = None
    pads: bool = True
    context: int = 0
    mix: float = 0.0
    labels: Any = field(default=ClassNumbers(), compare=False)  # not learned
    one_scale: bool = False

    def learn(self, data: LabelledClips, coding: Any, seed: int) -> SequenceFeed:
        """Return the feed with the scale of the frames of these clips, in all keys."""
        mean, variance = data.mean_and_variance()
        if coding.transposition is not None:
            # Frames are moved once they are standardised: what is usual in one key must
            # not look unusual in another.
            moments = np.stack([mean, np.square(mean) + variance])
            mean, squares = coding.transposition.mean_over_keys(moments)
            variance = squares - np.square(mean)
        if self.one_scale:
            variance = np.full_like(variance, variance.mean())
        longest = max(map(len, data.clips))
        return replace(
            self,
            excerpt_length=min(self.excerpt_length or longest, longest),
            n_classes=coding.n_outputs,
            transposition=coding.transposition,
            mean=mean.astype(self.dtype),
            scale=scale_of(mean, variance).astype(self.dtype),
        )

    def batches(
        self,
        data: LabelledClips,
        generator: torch.Generator,
        batch_size: int | None,
        *,
        training: bool,
    ) -> SequenceClips:
        """Return batches of excerpts, or of whole clips if not in training."""
        if not any(self.labels.known(labels).any() for labels in data.targets):
            part = "train" if training else "validate"
            raise ValueError(
                f"The clips to {part} on have no label that the vocabulary contains. "
                "Pass clips that have (X_val and y_val), or choose a larger vocabulary."
            )
        return SequenceClips(
            self, data.clips, data.targets, batch_size, generator, training=training
        )

    def for_prediction(self, clips: list[np.ndarray]) -> list[np.ndarray]:
        """Return clips in the precision of prediction."""
        return [clip.astype(self.predict_dtype, copy=False) for clip in clips]

    def logits(
        self, net: Any, clips: Sequence[np.ndarray], layout: ClipLayout | None = None
    ) -> list[np.ndarray]:
        """Return the logits of the frames of each clip, (n_frames_i, n_classes)."""
        return self._logits(net, self._standardized(clips))

    def mean_over_keys(
        self, net: Any, clips: Sequence[np.ndarray], layout: ClipLayout | None = None
    ) -> list[np.ndarray]:
        """Return mean log-probabilities over all keys, (n_frames_i, n_classes)."""
        clips = self._standardized(clips)
        means: list[Any] = [0.0] * len(clips)
        for k in self.transposition.semitones:
            # Column i: of the class that class i becomes k semitones up.
            columns = self.transposition.classes[k % 12]
            moved = [self.transposition.shift(clip, k) for clip in clips]
            for i, logits in enumerate(self._logits(net, moved)):
                means[i] = means[i] + log_softmax(logits, axis=1)[:, columns] / 12
        return means

    def unit_layers(
        self, layers: Sequence[NetLayer], names: Sequence[str], n_features: int
    ) -> list[UnitLayer]:
        """Return layers of a net, the output last, as functions of frames.

        Nets that see the label before each frame do not know it here.
        """
        scaling = self.mean.astype(np.float64), self.scale.astype(np.float64)

        def sequences(x: torch.Tensor) -> SequenceBatch:
            x = standardized_tensor(x, *scaling)
            lengths = torch.full((len(x),), x.shape[1])
            before = None
            if self.sees_previous:
                before = torch.full(x.shape[:2], self.n_classes)
            return SequenceBatch(x, lengths, before)

        *hidden, output = layers
        found = [self._unit_layer(layer, sequences, scaling, None) for layer in hidden]
        return [*found, self._unit_layer(output, sequences, scaling, names)]

    def search(
        self,
        net: Any,
        clips: Sequence[np.ndarray],
        discount: np.ndarray | float,
        **beam: Any,
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return log-probabilities along the best labels of each clip, and these.

        Of nets that see the label before each frame. ``discount`` (n_classes,) is taken
        off all log-probabilities; ``beam`` says how wide to search.
        """
        clips = self._standardized(clips)
        return [self._search(net, clip, discount, beam) for clip in clips]

    def _search(
        self,
        net: Any,
        clip: np.ndarray,
        discount: np.ndarray | float,
        beam: dict[str, Any],
    ) -> tuple[np.ndarray, np.ndarray]:
        sequence = stack_sequences([clip])
        inputs = net.below_last(sequence)  # (n_frames, 1, n_inputs)

        def step(t: int, previous: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
            before = tensor_of(np.where(previous < 0, self.n_classes, previous))
            frame = inputs[t].expand(len(before), -1)  # (n_hypotheses, n_inputs)
            logits, state = net.step(frame, before, state)
            return log_softmax(logits.double().numpy(), axis=1) - discount, state

        path = decoding.beam_search(step, len(clip), **beam)
        before = tensor_of(np.concatenate([[self.n_classes], path[:-1]]))[None]
        logits = net(replace(sequence, previous=before))[0]  # (n_frames, n_classes)
        return log_softmax(logits.double().numpy(), axis=1) - discount, path

    def _standardized(self, clips: Sequence[np.ndarray]) -> list[np.ndarray]:
        dtype = self.predict_dtype
        return [standardized(clip, self.mean, self.scale, dtype) for clip in clips]

    def _logits(self, net: Any, clips: Sequence[np.ndarray]) -> list[np.ndarray]:
        found: list[Any] = [None] * len(clips)
        lengths = np.array([len(clip) for clip in clips])
        for bucket in length_buckets(lengths, pads=self.pads):
            logits = net(stack_sequences([clips[i] for i in bucket]))
            for i, of_clip in zip(bucket, logits.double().numpy(), strict=True):
                found[i] = of_clip[: len(clips[i])]
        return found
