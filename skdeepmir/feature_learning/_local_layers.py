"""Layers of local filters as plain arrays, and how they learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from skdeepmir._training._data import Batch, tensor_of
from skdeepmir._training._gradient import GradientStep
from skdeepmir.feature_learning._excerpt_batches import ExcerptBatches
from skdeepmir.feature_learning._schedule import LocalSchedule
from skdeepmir.feature_learning._stages import PROBES, Stages
from skdeepmir.feature_learning._steps import PretrainingStep, Stage
from skdeepmir.nets import LocalNet

PATCHES_AT_ONCE = 64  # that go through the layers, to bound memory


@dataclass(frozen=True)
class LocalLayer:
    """The filters of a layer.

    Attributes
    ----------
    weights : ndarray
        Filters, see :class:`~skdeepmir.nets.LocallyConnected`.
    decoder : ndarray or None
        What restores the input, of the same shape; None takes the filters.
    """

    weights: np.ndarray
    decoder: np.ndarray | None


@dataclass(frozen=True)
class LocalStack:
    """Layers of local filters upon each other.

    Attributes
    ----------
    shape : dict
        What a ``LocalNet`` is made by, but the numbers of filters.
    layers : sequence of LocalLayer
        From the bottom up.
    """

    shape: dict[str, Any]
    layers: Sequence[LocalLayer] = ()

    def topped(self, layer: LocalLayer) -> LocalStack:
        """Return the stack with one more layer."""
        return replace(self, layers=[*self.layers, layer])

    def net(self, n_maps: Sequence[int]) -> LocalNet:
        """Return a net of so many maps with these layers, further ones unset."""
        per_layer = {
            name: values[: len(n_maps)] if isinstance(values, list) else values
            for name, values in self.shape.items()
        }
        net = LocalNet(n_maps=n_maps, initialization=None, **per_layer)
        with torch.no_grad():
            for layer, block in zip(self.layers, net.blocks, strict=False):
                block.filters.weight.copy_(tensor_of(layer.weights))
        return net.requires_grad_(False).eval()

    def fitted_net(self, dtype: torch.dtype = torch.float64) -> LocalNet:
        """Return the net of these layers."""
        return self.net([layer.weights.shape[2] for layer in self.layers]).to(dtype)

    def top(self, patches: np.ndarray) -> np.ndarray:
        """Return what the next layer sees of patches (n, n_frames, n_features).

        Maps are (n, n_frames, n_bands, n_maps).
        """
        if not self.layers:
            return patches[..., np.newaxis]
        net = self.fitted_net(torch.float32)
        with torch.no_grad():
            maps = net.maps(tensor_of(patches))[-1]
            return net.blocks[-1].passed_on(maps).permute(3, 0, 1, 2).numpy()

    def units(self, patches: np.ndarray, layers: Sequence[int]) -> np.ndarray:
        """Return the units of some layers side by side (n, n_units)."""
        net = self.fitted_net(getattr(torch, str(patches.dtype)))
        parts = []
        with torch.no_grad():
            for start in range(0, len(patches), PATCHES_AT_ONCE):
                part = tensor_of(patches[start : start + PATCHES_AT_ONCE])
                maps = net.maps(part)
                parts.append(torch.cat([maps[k].flatten(0, 2) for k in layers]).T)
        return torch.cat(parts).numpy()


class ReconstructionCost(nn.Module):
    """The objective of reconstruction ICA with pooling [1]_, for each patch.

    Of an input x it is ``|D W x - x|^2 + cost * sum_j sqrt(eps + p_j (W x)^2)``, over
    the number of values of x, where D is the transpose of W, or a decoder of its own,
    and p_j takes the mean over a window of places.

    Parameters
    ----------
    block : LocalBlock
        Filters W, and the windows.
    decoder : Tensor or None
        The filters of D; None takes those of W.
    cost : float
        What sparse pooled units are worth.

    References
    ----------
    .. [1] Q. V. Le, A. Karpenko, J. Ngiam and A. Ng. ICA with reconstruction cost for
       efficient overcomplete feature learning. NIPS 2011.
    """

    def __init__(self, block: Any, decoder: torch.Tensor | None, cost: float) -> None:
        super().__init__()
        self.block, self.cost = block, cost
        self.decoder = None if decoder is None else nn.Parameter(decoder)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return error and cost of patches.

        Parameters
        ----------
        x : Tensor of shape (n, n_frames, n_bands, n_maps)
            What the layer sees.

        Returns
        -------
        parts : Tensor of shape (n, 2)
            Squared error of what is restored, and cost of pooled units.
        """
        seen = x.permute(1, 2, 3, 0).contiguous()
        maps = self.block.filters(seen)
        restored = self.block.filters.spread(maps, self.decoder)
        error = (restored - seen).square().sum((0, 1, 2))
        cost = self.block.pool(maps).sum((0, 1, 2))
        return torch.stack([error, self.cost * cost], 1) / seen[..., 0].numel()

    @torch.no_grad()
    def limit_norms(self) -> None:
        """Scale filters of a decoder of its own down to norm 1.

        Otherwise the code would become small, and its cost with it, while the decoder
        makes up for that.
        """
        if self.decoder is not None:
            norms = self.decoder.flatten(3).norm(dim=3).clamp(min=1.0)
            self.decoder /= norms[..., None, None, None]


class MeanCost(nn.Module):
    """The mean over patches of error and cost together."""

    def forward(self, parts: torch.Tensor, targets: Any, weight: Any) -> torch.Tensor:
        """Return the loss."""
        return parts.sum(1).mean()


class LocalStep(PretrainingStep, GradientStep):
    """The step of a layer of local filters.

    Parameters
    ----------
    block : LocalBlock
        The filters, with first weights.
    decoder : Tensor or None
        Those that restore the input.
    stage : Stage
        What it goes by.
    """

    def __init__(self, block: Any, decoder: torch.Tensor | None, stage: Stage) -> None:
        PretrainingStep.__init__(self, stage, "gaussian")
        given, generator = stage.given, stage.generator
        module = ReconstructionCost(block, decoder, given.sparsity_cost)
        dtype = torch.float64 if given.precision == "float64" else torch.float32
        module = module.requires_grad_(True).to(generator.device, dtype)
        GradientStep.__init__(
            self,
            module,
            MeanCost(),
            SimpleNamespace(precision=given.precision, gradient_clipping=None),
            generator,
            optimizer=torch.optim.Adam(module.parameters(), lr=1.0),
            after=module.limit_norms,
            advice="Lower its learning_rate.",
        )
        self.dtype = dtype

    @property
    def model(self) -> LocalLayer:
        """The layer."""
        weights, decoder = self.module.block.filters.weight, self.module.decoder
        return LocalLayer(_array(weights), None if decoder is None else _array(decoder))

    def outputs(self, *inputs: Any) -> torch.Tensor:
        """Return the parts of the objective."""
        return super().outputs(*(x.to(self.dtype) for x in inputs))

    def begin_epoch(self, n_epochs: int, n_reductions: int) -> None:
        """Set the learning rate."""
        self.set_rate(n_epochs)
        self.module.train()
        for group in self.optimizer.param_groups:
            group.update(lr=self.rate)

    def evaluate(self, batch: Batch) -> tuple[torch.Tensor, Any]:
        """Return the objective of patches that are not learned from."""
        return GradientStep.evaluate(self, batch)

    def end_epoch(self, loss: float, n_epochs: int) -> float:
        """Return the objective; measure what held-out patches have more of it."""
        GradientStep.end_epoch(self, loss, n_epochs)
        gap = np.nan
        if self.stage.held_out is not None:
            held_out, probes = (
                self._objective(patches)
                for patches in (self.stage.held_out, self.stage.probes)
            )
            gap = held_out - probes
        self.gaps.append(gap)
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return what the next step depends on."""
        return GradientStep.state_dict(self) | PretrainingStep.state_dict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        GradientStep.load_state_dict(self, state)
        PretrainingStep.load_state_dict(self, state)

    def _objective(self, patches: np.ndarray) -> float:
        patches_here = tensor_of(patches).to(self.device)
        return float(self.evaluate(Batch((patches_here,), patches_here, None, 1))[0])


def _array(parameter: torch.Tensor) -> np.ndarray:
    return parameter.detach().cpu().numpy().astype(np.float32)


class LocalStages(Stages):
    """What runs the stages of a fit of a ``LocalFeatureLearner``."""

    schedule: LocalSchedule

    def learn_layers(
        self, data: Any, held_out: Any, earlier: LocalStack | None = None
    ) -> None:
        """Train layer upon layer, from those of an earlier pass if there was one."""
        for layer, rates in enumerate(self.schedule.rates):
            batches = self._batches(data, self.rng)
            n_probes = -(-PROBES // batches.length)
            probes, others = batches.draw(n_probes, self.rng), None
            if held_out is not None:
                others = self._batches(held_out, None).draw(n_probes, self.rng)
            generator = self._seeded()
            net = self.learned.net.net(self.schedule.sizes[: layer + 1])
            block = net.blocks[layer].to(self.device)
            decoder = self._set(block.filters, generator, earlier, layer)
            stage = Stage(layer, self.given, rates, probes, others, self.rng, generator)
            self._pretrain(LocalStep(block, decoder, stage), batches)

    def _batches(self, data: Any, rng: Any) -> ExcerptBatches:
        learned = self.learned
        return ExcerptBatches(
            data,
            learned.scaling,
            learned.net.top,
            learned.net.shape["n_frames"],
            self.given.batch_size,
            rng,
            self.device,
        )

    def _set(
        self,
        filters: Any,
        generator: torch.Generator,
        earlier: LocalStack | None,
        layer: int,
    ) -> torch.Tensor | None:
        """Set the first filters; return those of the decoder, if it has its own."""
        weight, device = filters.weight, self.device
        with torch.no_grad():
            if earlier is None:
                filters.reset(generator)
                return None if self.given.tied else weight.detach().clone()
            found = earlier.layers[layer]
            weight.copy_(tensor_of(found.weights))
        return None if found.decoder is None else tensor_of(found.decoder).to(device)
