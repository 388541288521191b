"""Deadlines in seconds of a nominal machine, so that a busy one misses none of them."""

import time

from skdeepmir.testing._material import slowness


def pauses(seconds, pause=1.0):
    """Yield seconds to wait, until so many seconds of a nominal machine are over.

    To be waited for in a loop whose ``else`` says what came too late.
    """
    while seconds > 0:
        start = time.perf_counter()
        yield min(pause, seconds)
        waited = time.perf_counter() - start
        seconds -= waited / slowness()
