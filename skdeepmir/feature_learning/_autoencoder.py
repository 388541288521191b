"""Training of one layer as a denoising auto-encoder with tied weights."""

from __future__ import annotations

import numpy as np

from skdeepmir.feature_learning._rbm import RBM


class Denoising:
    """What trains a layer to restore frames from corrupted ones, batch by batch.

    The decoder has the transposed weights of the encoder, so that the arrays of an
    :class:`RBM` describe the layer. The loss is that against the *clean* frames:
    squared error for Gaussian input, cross-entropy for input from 0 to 1.

    Parameters
    ----------
    machine : RBM
        The layer; its arrays are updated by :meth:`write_back`.
    corruption : {"masking", "salt_and_pepper", "gaussian"}
        What is done to frames: a share of the values becomes 0, or the smallest or
        largest of the batch at random, or all get normal noise.
    corruption_level : float
        The share, or the deviation of the noise.
    weight_decay : float
        Cost of half the squared weights.
    device : str
        Where to compute.
    rng : numpy.random.Generator
        Draws the corruption.
    """

    def __init__(
        self,
        machine: RBM,
        *,
        corruption: str,
        corruption_level: float,
        weight_decay: float,
        device: str,
        rng: np.random.Generator,
    ) -> None:
        import torch

        self.machine, self.device, self.rng = machine, torch.device(device), rng
        self.corruption, self.corruption_level = corruption, corruption_level
        self.weight_decay = weight_decay
        self.arrays = [machine.weights, machine.visible_bias, machine.hidden_bias]
        self.parameters = [
            torch.tensor(array, device=self.device, requires_grad=True)
            for array in self.arrays
        ]
        self.optimizer = torch.optim.SGD(self.parameters, lr=1.0)

    def step(self, batch: np.ndarray, learning_rate: float, momentum: float) -> None:
        """Learn from a batch (n, n_visible)."""
        import torch
        from torch.nn import functional

        weights, visible_bias, hidden_bias = self.parameters
        clean = torch.from_numpy(batch).to(self.device)
        corrupted = torch.from_numpy(self._corrupt(batch)).to(self.device)
        hidden = torch.sigmoid(torch.addmm(hidden_bias, corrupted, weights))
        restored = torch.addmm(visible_bias, hidden, weights.T)
        if self.machine.visible == "binary":
            loss = functional.binary_cross_entropy_with_logits(
                restored, clean, reduction="sum"
            )
        else:
            loss = 0.5 * functional.mse_loss(restored, clean, reduction="sum")
        loss = loss / len(batch) + 0.5 * self.weight_decay * weights.square().sum()
        self.optimizer.param_groups[0].update(lr=learning_rate, momentum=momentum)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def write_back(self) -> None:
        """Write what was learned to the layer's arrays."""
        for array, parameter in zip(self.arrays, self.parameters, strict=True):
            array[...] = parameter.detach().cpu().numpy()

    def _corrupt(self, batch: np.ndarray) -> np.ndarray:
        if self.corruption == "gaussian":
            noise = self.rng.standard_normal(batch.shape, dtype=np.float32)
            return batch + np.float32(self.corruption_level) * noise
        uniform = self.rng.random(batch.shape, dtype=np.float32)
        replaced = uniform < self.corruption_level
        if self.corruption == "masking":
            return np.where(replaced, np.float32(0), batch)
        is_low = uniform < self.corruption_level / 2
        extremes = np.where(is_low, batch.min(), batch.max())
        return np.where(replaced, extremes, batch)
