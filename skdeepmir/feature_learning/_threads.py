"""One thread for training, whatever was set outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import threadpoolctl

from skdeepmir.framewise import one_blas_thread

_LOCK = threading.Lock()
_BEFORE: list[int] = []  # torch's threads, as each found them that is inside


@contextmanager
def one_thread() -> Iterator[None]:
    """Return a context in which NumPy and torch use one thread.

    torch has to be told by itself: the number that a user set once reaches its matrix
    products past the limit for OpenMP, and is set again when a thread first uses it.
    """
    import torch

    with _LOCK:  # what another thread set that is inside is not what was found
        before = torch.get_num_threads()
        before = _BEFORE[0] if _BEFORE else before
        _BEFORE.append(before)
    # Selected, so that BLAS is not put back to what it was here, with others inside.
    openmp = threadpoolctl.ThreadpoolController().select(user_api="openmp")
    try:
        with one_blas_thread(), openmp.limit(limits=1):
            torch.set_num_threads(1)
            yield
    finally:
        torch.set_num_threads(before)
        with _LOCK:
            _BEFORE.pop()
