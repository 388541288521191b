"""Activations of onsets while frames come in: of causal and of convolutional nets."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.special import expit

from skdeepmir._threads import limit_threads
from skdeepmir._training._data import standardized, tensor_of


class RecurrentActivations:
    """Activations by a causal recurrent net, bit for bit the same in any blocks.

    Parameters
    ----------
    net : OnsetRecurrentNet
        A fitted net of one direction.
    feed : SequenceFeed
        What standardises frames.
    """

    look_ahead = 0

    def __init__(self, net: Any, feed: Any) -> None:
        self.feed = feed
        layers = list(net.recurrent.layers)

        def stacked(name: str, some: list[Any]) -> np.ndarray:
            # From (1, n_gates * n_units, n_below) each to (n, n_below, ...).
            weights = [
                layer.get_parameter(name).detach()[0].numpy().T for layer in some
            ]
            shape = (0, layers[0].n_units, len(layers[0].get_parameter("bias")[0]))
            return np.ascontiguousarray(weights or np.empty(shape))

        self.weights = (
            layers[0].cell == "lstm",
            stacked("inputs", layers[:1])[0],
            stacked("inputs", layers[1:]),
            stacked("recurrent", layers),
            stacked("bias", layers),
            net.recurrent.output.weight.detach().numpy()[0].copy(),
            net.recurrent.output.bias.detach().numpy().copy(),
        )
        n_units, n_below = layers[0].n_units, layers[0].n_inputs // 2
        self.state = np.zeros((1 + 2 * len(layers), max(n_units, n_below)))
        self.state[0] = np.nan  # nothing rises in the first frame

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Return the activations of frames (n_frames, n_features)."""
        from skdeepmir.onset_detection._recurrent_kernel import run

        logits = np.empty(len(frames))
        if len(frames):
            inputs = standardized(
                frames, self.feed.mean, self.feed.scale, self.feed.predict_dtype
            )
            inputs = np.ascontiguousarray(inputs, dtype=np.float64)
            run(inputs, *self.weights, self.state, logits)
        return expit(logits)

    def finish(self) -> np.ndarray:
        """Return nothing: all are known."""
        return np.empty(0)


class ConvActivations:
    """Activations by a convolutional net, which sees some frames of the future.

    Parameters
    ----------
    net : OnsetConvNet
        A fitted net.
    feed : SequenceFeed
        What standardises frames.
    n_threads : int or None
        Threads of torch.
    """

    def __init__(self, net: Any, feed: Any, n_threads: int | None) -> None:
        self.net, self.feed, self.n_threads = net, feed, n_threads
        self.look_ahead = net.margin
        self.held: np.ndarray | None = None  # frames that outputs to come look at

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Return the activations of frames whose context is known."""
        if not len(frames):
            return np.empty(0)
        new = standardized(
            frames, self.feed.mean, self.feed.scale, self.feed.predict_dtype
        )
        held = self.held
        if held is None:
            held = np.repeat(new[:1], self.look_ahead, axis=0)
        return self._take(np.concatenate([held, new]))

    def finish(self) -> np.ndarray:
        """Return the activations of the last frames."""
        if self.held is None:
            return np.empty(0)
        last = np.repeat(self.held[-1:], self.look_ahead, axis=0)
        return self._take(np.concatenate([self.held, last]))

    def _take(self, frames: np.ndarray) -> np.ndarray:
        context = 2 * self.look_ahead
        self.held = frames[-context:] if context else frames[:0]
        if len(frames) <= context:
            self.held = frames
            return np.empty(0)
        with torch.inference_mode(), limit_threads(self.n_threads):
            logits = self.net.inside(tensor_of(frames)[None])[0, :, 0]
        return expit(logits.double().numpy())
