"""Deadlines in seconds of a nominal machine, so that a busy one misses none of them."""

import random
import time
import zlib

WORK = random.Random(0).randbytes(4 << 20)
NOMINAL = 0.12  # seconds that one idle core of 2025 takes to compress that


def slowness():
    """Return how many times longer work takes now than on an idle nominal machine.

    At least 1. It is compressing, for which Python's lock is not held, so that other
    threads of this process count only where they take processors.
    """
    start = time.perf_counter()
    zlib.compress(WORK)
    return max(1.0, (time.perf_counter() - start) / NOMINAL)


def pauses(seconds, pause=1.0):
    """Yield seconds to wait, until so many seconds of a nominal machine are over.

    To be waited for in a loop whose ``else`` says what came too late.
    """
    while seconds > 0:
        start = time.perf_counter()
        yield min(pause, seconds)
        waited = time.perf_counter() - start
        seconds -= waited / slowness()
