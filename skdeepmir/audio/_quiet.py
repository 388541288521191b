"""Keep libmpg123, inside libsndfile, from writing to the terminal."""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_lock = threading.Lock()
_n_quiet = 0  # threads that decode


@contextmanager
def quiet_decoder() -> Iterator[None]:
    """Discard what C code prints as errors, where the C library allows it."""
    # That is glibc, whose `stderr` is a variable. What Python writes goes elsewhere and
    # is still seen; the file descriptor, which other programs inherit, stays as it is.
    global _n_quiet
    stream = _c_stream()
    if stream is None:
        yield
        return
    variable, terminal, nowhere = stream
    with _lock:
        _n_quiet += 1
        variable.value = nowhere
    try:
        yield
    finally:
        with _lock:
            _n_quiet -= 1
            if _n_quiet == 0:
                variable.value = terminal


@cache
def _c_stream() -> tuple[ctypes.c_void_p, int | None, int | None] | None:
    """Return C's variable ``stderr``, its value, and a stream that leads nowhere."""
    if platform.libc_ver()[0] != "glibc":
        return None
    library = ctypes.CDLL(None)
    library.fopen.restype = ctypes.c_void_p
    nowhere = library.fopen(os.fsencode(os.devnull), b"w")
    variable = ctypes.c_void_p.in_dll(library, "stderr")
    return (variable, variable.value, nowhere) if nowhere else None
