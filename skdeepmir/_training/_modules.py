"""Modules of users in place of our nets: how they are made and called."""

from __future__ import annotations

import copy
import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from skdeepmir._errors import did_you_mean
from skdeepmir.nets import SequenceBatch

# The global generators of torch belong to all threads of a process.
GLOBAL_GENERATORS = threading.RLock()
SIZES = "n_features, n_outputs"


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """Let torch's global generators draw what a generator would, and put them back.

    Modules draw from them, as ``nn.Dropout`` and first weights do. One thread does so
    at a time, so that fits in other threads draw what they would alone.
    """
    kind = generator.device.type
    home = torch if kind == "cpu" else getattr(torch, kind)
    with GLOBAL_GENERATORS:
        before, on_processor = home.get_rng_state(), torch.get_rng_state()
        try:
            if kind != "cpu":
                seed = torch.randint(
                    2**31, (), generator=generator, device=generator.device
                )
                torch.default_generator.manual_seed(int(seed))
            home.set_rng_state(generator.get_state())
            yield
            generator.set_state(home.get_rng_state())
        finally:
            torch.set_rng_state(on_processor)
            home.set_rng_state(before)


def keywords_of(factory: Any) -> tuple[dict[str, inspect.Parameter], bool]:
    """Return what a factory takes beside the sizes, and whether it takes any name."""
    try:
        found = [*inspect.signature(factory).parameters.values()]
    except (TypeError, ValueError):  # not callable, or not written in Python
        return {}, True
    sizes = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    named = [p for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    keywords = {p.name: p for p in named if p not in sizes[:2]}
    return keywords, any(p.kind is p.VAR_KEYWORD for p in found)


def check_keywords(factory: Any, names: Any, prefix: str = "") -> None:
    """Raise a ``ValueError`` if a factory does not take all of these names."""
    keywords, takes_any = keywords_of(factory)
    for name in names:
        if takes_any or name in keywords:
            continue
        takes = ", ".join(prefix + known for known in keywords) or "nothing else"
        raise ValueError(
            f"module={name_of(factory)} has no parameter {prefix + str(name)!r}."
            f"{did_you_mean(str(name), keywords, prefix)} Beside ({SIZES}) it takes "
            f"{takes}."
        )


def name_of(factory: Any) -> str:
    """Return how a class, a function or another callable is called."""
    while isinstance(factory, functools.partial):
        factory = factory.func
    return getattr(factory, "__qualname__", None) or type(factory).__qualname__


def make_module(
    factory: Any,
    keywords: dict[str, Any],
    sizes: tuple[int, int],
    generator: torch.Generator,
    probe: Callable[[nn.Module], Any],
    *,
    is_new: bool,
) -> nn.Module:
    """Return a new module of a user's, in which nothing is lazy any more.

    Parameters
    ----------
    factory : callable
        The class, or a function that returns a module.
    keywords : dict
        What it is called with beside the sizes; copies of it, which training changes.
    sizes : tuple of int
        Features and outputs.
    generator : torch.Generator
        Draws first weights, on the processor.
    probe : callable
        Calls the module with frames, to see whether it does what it has to.
    is_new : bool
        Whether it was not made before; else it is called only if weights get their
        shapes from that.
    """
    name = name_of(factory)
    if isinstance(factory, nn.Module):
        raise ValueError(
            f"module is an instance of {name}; expected the class, module={name}, or a "
            f"function f({SIZES}) that returns a new module. What the constructor "
            "takes beside these goes into module_params."
        )
    _check_signature(factory, keywords)
    with drawing_from(generator):
        net = factory(*sizes, **copy.deepcopy(keywords))
        if not isinstance(net, nn.Module):
            raise TypeError(
                f"module={name} returned a {type(net).__name__} for {SIZES} = {sizes}; "
                "expected a torch.nn.Module."
            )
        if is_new:
            with drawing_from(torch.Generator()):
                _check_new(name, net, factory(*sizes, **copy.deepcopy(keywords)))
        net.float()  # as the frames of the probe
        states = [*net.parameters(), *net.buffers()]
        if is_new or any(map(is_lazy, states)):
            with torch.no_grad():
                probe(net.eval())
    _check_state(name, net)
    if not any(p.requires_grad for p in net.parameters()):
        raise ValueError(
            f"module={name} has no parameters that can be trained; expected some with "
            "requires_grad=True. Layers in a list or dict are not seen: use "
            "nn.ModuleList or nn.ModuleDict."
        )
    return net


def _check_signature(factory: Any, keywords: dict[str, Any]) -> None:
    check_keywords(factory, keywords)
    try:
        inspect.signature(factory).bind(0, 0, **keywords)
    except ValueError:  # not written in Python
        return
    except TypeError as error:
        raise ValueError(
            f"module={name_of(factory)} cannot be called with ({SIZES}) and "
            f"module_params={keywords!r}: {error}."
        ) from error


def _check_new(name: str, net: nn.Module, other: nn.Module) -> None:
    """Refuse a module whose weights another has: each fit would change the others."""
    known = set(map(id, other.parameters()))
    shared = [place for place, p in net.named_parameters() if id(p) in known]
    if shared:
        raise ValueError(
            f"module={name} returned a module that has {shared[0]!r} in common with "
            "the one before, so that fits would change each other's weights; expected "
            "new layers from each call. Make them inside, or pass what they start from "
            "in module_params, which are copied."
        )


def _check_state(name: str, net: nn.Module) -> None:
    """Refuse what cannot be kept as arrays of real numbers."""
    for place, value in net.state_dict().items():
        if not isinstance(value, torch.Tensor):
            raise ValueError(
                f"module={name} has {place!r} in its state, a {type(value).__name__}; "
                "expected tensors. Keep it in a buffer (register_buffer), or out of "
                "the state."
            )
    for place, value in (*net.named_parameters(), *net.named_buffers()):
        if value.is_complex():
            raise ValueError(
                f"module={name} has complex numbers in {place!r}; expected real ones. "
                "Keep real and imaginary parts, as torch.view_as_real gives them, and "
                "call torch.view_as_complex in forward."
            )


@dataclass(frozen=True)
class ClipCaller:
    """Call a module with excerpts of clips (batch, n_frames, n_features).

    Attributes
    ----------
    net : nn.Module
        The module.
    n_outputs : int
        Logits that it must put out for each excerpt.
    generator : torch.Generator
        Draws whatever it draws.
    """

    net: nn.Module
    n_outputs: int
    generator: torch.Generator

    def __call__(self, x: Any, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Return the outputs (batch, n_outputs)."""
        with drawing_from(self.generator):
            try:
                outputs = self.net(x)
            except ValueError as error:
                if not self.net.training or len(x) > 1:
                    raise
                raise ValueError(  # of batch normalisation
                    f"The module {type(self.net).__qualname__} failed on a batch of "
                    f"one clip, the last of an epoch ({error}). Choose another "
                    "batch_size, after which more clips are left."
                ) from error
            return self._checked(outputs, x, (len(x), self.n_outputs))

    def _checked(
        self, outputs: Any, x: torch.Tensor, expected: tuple[int, ...]
    ) -> torch.Tensor:
        name, given = type(self.net).__qualname__, f"frames of shape {tuple(x.shape)}"
        if not isinstance(outputs, torch.Tensor):
            raise TypeError(
                f"The module {name} returned a {type(outputs).__name__} for {given}; "
                f"expected a tensor of shape {expected}."
            )
        if tuple(outputs.shape) != expected or not outputs.is_floating_point():
            kind = str(outputs.dtype).removeprefix("torch.")
            raise ValueError(
                f"The module {name} returned {kind} values of shape "
                f"{tuple(outputs.shape)} for {given}; expected logits of shape "
                f"{expected}."
            )
        if torch.is_grad_enabled() and not outputs.requires_grad:
            raise ValueError(
                f"The module {name} returned logits that do not depend on parameters "
                "to be trained, as after detach(), numpy() or in no_grad(); expected "
                "logits that have a gradient."
            )
        return outputs


class FrameCaller(ClipCaller):
    """Call a module with sequences; it puts out logits for each frame.

    A module whose ``forward`` takes a ``mask`` gets one (batch, n_frames): True where
    there are frames, False where shorter sequences are padded.
    """

    def __call__(self, x: Any, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Return the outputs (batch, n_frames, n_outputs)."""
        frames, more = x.frames, {}
        if takes_mask(self.net):
            more["mask"] = mask_of(x)
        with drawing_from(self.generator):
            outputs = self.net(frames, **more)
            return self._checked(outputs, frames, (*frames.shape[:2], self.n_outputs))


def takes_mask(net: nn.Module) -> bool:
    """Whether a module knows what padding is."""
    try:
        return "mask" in inspect.signature(net.forward).parameters
    except (TypeError, ValueError):  # compiled
        return False


def mask_of(batch: SequenceBatch) -> torch.Tensor:
    """Return where the frames of sequences are, (n_sequences, n_frames)."""
    place = torch.arange(batch.frames.shape[1], device=batch.lengths.device)
    return place < batch.lengths[:, None]
