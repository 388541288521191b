"""Where nets compute, and in which numbers."""

from __future__ import annotations

from typing import Any

import numpy as np


def choose_device(name: str) -> str:
    """Return the torch device that a ``device`` parameter means.

    Parameters
    ----------
    name : {"cpu", "cuda", "auto"}
        The parameter.

    Returns
    -------
    device : {"cpu", "cuda"}
        "auto" is a GPU if there is one.

    Raises
    ------
    ValueError
        If a GPU is asked for and there is none.
    """
    if name == "cpu":
        return name
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if name == "auto":
        return "cpu"
    raise ValueError(
        f"device={name!r}, but torch finds no GPU here. Use 'auto' or 'cpu', or "
        "install torch for your GPU."
    )


def torch_dtype(dtype: Any) -> Any:
    """Return torch's name for a dtype of NumPy."""
    import torch

    return getattr(torch, np.dtype(dtype).name)
