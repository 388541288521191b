"""Deadlines in seconds of a nominal machine, which busy machines can meet."""

import time

from skdeepmir.testing._material import slowness


def pauses(seconds, pause=1.0):
    """Yield seconds to sleep, until seconds of a nominal machine are over."""
    while seconds > 0:
        start = time.perf_counter()
        yield min(pause, seconds)
        waited = time.perf_counter() - start
        seconds -= waited / slowness()
