"""Where nets compute, and on how many threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import threadpoolctl


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


def limit_threads(n_threads: int | None, user_api: str | None = "openmp") -> Any:
    """Return a context in which torch uses so many threads (None: as it would).

    Parameters
    ----------
    n_threads : int or None
        How many.
    user_api : {"openmp", None}, default="openmp"
        torch's threads, whose limit holds for the calling thread only: fits in several
        threads do not undo each other's. None limits NumPy's as well.

    Returns
    -------
    context : context manager
        Puts back what it found.
    """
    import torch  # noqa: F401  # what is not loaded yet is not limited

    return threadpoolctl.threadpool_limits(n_threads, user_api=user_api)


def torch_dtype(dtype: Any) -> Any:
    """Return torch's name for a dtype of NumPy."""
    import torch

    return getattr(torch, np.dtype(dtype).name)
