"""Where to compute: on the processor, or on a GPU of NVIDIA, AMD or Apple."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import fields, is_dataclass
from typing import Any

import torch

GPUS = ("cuda", "mps")  # the order of "auto"


def is_there(name: str) -> bool:
    """Whether torch can compute on a device."""
    if name == "cuda":
        return torch.cuda.is_available()
    return name == "cpu" or torch.backends.mps.is_available()


def choose_device(name: str, precision: str = "float32") -> str:
    """Return the torch device to train on that a ``device`` parameter means."""
    if name == "auto":
        usable = (d for d in GPUS if is_there(d) and _computes_in(d, precision))
        return next(usable, "cpu")
    if not is_there(name):
        raise ValueError(_missing(name))
    if not _computes_in(name, precision):
        raise ValueError(
            f"device={name!r} cannot compute with precision={precision!r}. Use "
            "precision='float32', or device='cpu'."
        )
    return name


def predicting_device(name: str, dtype: torch.dtype) -> torch.device:
    """Return where to predict in a dtype: on the GPU that is asked for, or without one.

    A net that was trained on a GPU predicts on any machine.
    """
    if name == "auto":
        name = choose_device(name, str(dtype))
    usable = is_there(name) and _computes_in(name, str(dtype))
    return torch.device(name if usable else "cpu")


def _computes_in(name: str, precision: str) -> bool:
    return name != "mps" or not precision.endswith("float64")


def _missing(name: str) -> str:
    """Say that a device is missing, why, and what is there."""
    version = torch.__version__
    if name == "mps":
        what = "GPU of Apple"
        is_built, built = torch.backends.mps.is_built(), "for macOS on Apple silicon"
    else:
        what, toolkit = "CUDA GPU", torch.version.cuda or torch.version.hip
        is_built, built = toolkit is not None, f"for CUDA {toolkit}"
    if is_built:
        why = f"torch {version} is built {built}, but finds no such GPU or its driver"
    else:
        why = f"torch {version} is built without {'CUDA' if name == 'cuda' else 'MPS'}"
    here = [repr(device) for device in (*GPUS, "cpu") if is_there(device)]
    return (
        f"device={name!r}, but torch sees no {what} ({why}). Use "
        f"{' or '.join(here)}, or 'auto', which takes the best that is there; or "
        "install a torch that is built for your GPU (https://pytorch.org/get-started)."
    )


class Placed:
    """A net on a device that takes inputs from the processor and gives outputs there.

    Parameters
    ----------
    net : nn.Module or callable
        The net.
    device : torch.device
        Where it computes.
    """

    def __init__(self, net: Any, device: torch.device) -> None:
        self.net, self.device = net, device

    def __call__(self, inputs: Any) -> torch.Tensor:
        """Return the outputs of a batch."""
        context: Any = nullcontext()
        if torch.is_autocast_enabled("cpu"):  # what a feed asks for holds here as well
            context = torch.autocast(self.device.type, torch.bfloat16)
        with context:
            return self.net(moved(inputs, self.device)).cpu()


def moved(inputs: Any, device: torch.device) -> Any:
    """Return a batch, a tensor or a dataclass of tensors, on a device."""
    if isinstance(inputs, torch.Tensor):
        return inputs.to(device)
    if isinstance(inputs, list):
        return [moved(part, device) for part in inputs]
    if is_dataclass(inputs):
        parts = (getattr(inputs, field.name) for field in fields(inputs))
        return type(inputs)(*(moved(part, device) for part in parts))  # type: ignore
    return inputs
