"""The stages of a fit of a convolutional learner: layer upon layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from skdeepmir._training._data import LabelledClips
from skdeepmir.feature_learning._conv_rbm import ConvBeliefNet, ConvRBM
from skdeepmir.feature_learning._conv_step import ConvContrastiveDivergence
from skdeepmir.feature_learning._excerpt_batches import ExcerptBatches
from skdeepmir.feature_learning._stages import PROBES, Stages
from skdeepmir.feature_learning._steps import Stage

WEIGHT_SCALE = 0.01  # deviation of first weights


class ConvStages(Stages):
    """What runs the stages of a fit of a ``ConvDBNFeatureLearner``."""

    def learn_layers(
        self, data: LabelledClips, held_out: Any, earlier: ConvBeliefNet | None = None
    ) -> None:
        """Train layer upon layer, from those of an earlier pass if there was one."""
        for layer, rates in enumerate(self.schedule.rates):
            batches = self._batches(data, self.rng)
            n_probes = math.ceil(PROBES / batches.length)
            probes, others = batches.draw(n_probes, self.rng), None
            if held_out is not None:
                others = self._batches(held_out, None).draw(n_probes, self.rng)
            if earlier is None:
                machine = self._first_machine(layer, probes)
            else:
                machine = earlier.machines[layer]
            drawing = self.rng, self._seeded()
            stage = Stage(layer, self.given, rates, probes, others, *drawing)
            self._pretrain(ConvContrastiveDivergence(machine, stage), batches)

    def _batches(self, data: LabelledClips, rng: Any) -> ExcerptBatches:
        length = int(data.layout.n_frames.max())
        length = max(min(length, self.schedule.excerpt_length), self.schedule.n_seen)
        learned = self.learned
        return ExcerptBatches(
            data,
            learned.scaling,
            learned.net.top,
            length,
            self.given.batch_size,
            rng,
            self.device,
        )

    def _first_machine(self, layer: int, inputs: np.ndarray) -> ConvRBM:
        schedule, target = self.schedule, self.given.sparsity_target
        pool_length, n_channels = schedule.pool_lengths[layer], inputs.shape[2]
        shape = schedule.filter_lengths[layer], n_channels, schedule.sizes[layer]
        weights = self.rng.standard_normal(shape, dtype=np.float32)
        visible_bias = np.zeros(n_channels, np.float32)
        hidden_bias = np.zeros(schedule.sizes[layer], np.float32)
        if layer:
            frequency = np.clip(inputs.mean(axis=(0, 1)), 0.01, 0.99)
            visible_bias[:] = np.log(frequency / (1 - frequency))
        if target is not None:  # detectors begin as rare as they are to be
            hidden_bias[:] = math.log(target / (1 - pool_length * target))
        return ConvRBM(
            np.float32(WEIGHT_SCALE) * weights,
            visible_bias,
            hidden_bias,
            "binary" if layer else "gaussian",
            pool_length,
        )
