"""Limit the threads of NumPy and torch for a while.

The order of sums depends on the number of threads, so that results would differ between
the workers of a search and the process that began it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import threadpoolctl

_LOCK = threading.Lock()
_BLAS: dict[str, Any] = {  # of one_blas_thread
    "n_inside": 0,
    "found": [],
}
_LOADED: dict[str, Any] = {  # libraries, and how many modules there were with them
    "controller": None,
    "n_modules": 0,
}
_TORCH: dict[str, int] = {"n_inside": 0, "found": 0}  # of limit_threads
_HERE = threading.local()  # how deep this thread is inside limit_threads


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Return a context in which NumPy multiplies matrices on one thread."""
    # BLAS has one number for all threads of a process: the first that comes in sets it,
    # the last puts it back.
    with _LOCK:
        if _BLAS["n_inside"] == 0:
            _BLAS["found"] = [
                (library, library.get_num_threads())
                for library in _libraries("blas").lib_controllers
            ]
            for library, _ in _BLAS["found"]:
                _set_threads(library, 1)
        _BLAS["n_inside"] += 1
    try:
        yield
    finally:
        with _LOCK:
            _BLAS["n_inside"] -= 1
            if _BLAS["n_inside"] == 0:
                for library, n_threads in _BLAS["found"]:
                    _set_threads(library, n_threads)


def _libraries(user_api: str) -> threadpoolctl.ThreadpoolController:
    """Return the libraries of a kind that are loaded, which come with modules."""
    # Looking for them takes some ms: more than a block of live frames may.
    n_modules = len(sys.modules)
    if _LOADED["n_modules"] != n_modules:
        _LOADED["controller"] = threadpoolctl.ThreadpoolController()
        _LOADED["n_modules"] = n_modules
    return _LOADED["controller"].select(user_api=user_api)


def _set_threads(library: Any, n_threads: int) -> None:
    # From 3.8 on, threadpoolctl does nothing while another thread limits OpenBLAS.
    set_threads = getattr(library, "_real_set_num_threads", library.set_num_threads)
    set_threads(n_threads)


@contextmanager
def limit_threads(n_threads: int | None) -> Iterator[None]:
    """Return a context in which torch uses `n_threads` threads; None sets no limit."""
    # torch has to be told besides OpenMP: the number that a user set once reaches its
    # matrix products past that limit, and is set again when a thread first uses torch.
    if n_threads is None:
        yield
        return
    import torch

    n_threads = int(n_threads)  # NumPy's integers are not accepted

    # Selected, so that BLAS is not put back as well, with others inside.
    openmp = _libraries("openmp")
    depth = getattr(_HERE, "depth", 0)
    with _LOCK:
        # Asked in every thread, because that sets what the user once set.
        before = torch.get_num_threads()
        if _TORCH["n_inside"] == 0:
            _TORCH["found"] = before
        elif depth == 0:  # what another thread set is not what was found
            before = _TORCH["found"]
        _TORCH["n_inside"] += 1
    _HERE.depth = depth + 1
    try:
        with openmp.limit(limits=n_threads):
            torch.set_num_threads(n_threads)
            yield
    finally:
        _HERE.depth = depth
        with _LOCK:
            _TORCH["n_inside"] -= 1
            torch.set_num_threads(before)
