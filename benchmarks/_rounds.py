"""Interleaved rounds: every contender once per round, in shuffled order."""

import os

for _variable in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ.setdefault(f"{_variable}_NUM_THREADS", "1")

import random
import statistics
import time


def measure(contenders, n_rounds=9):
    """Print median time and median ratio to the first contender, per round."""
    times = {name: [] for name in contenders}
    for call in contenders.values():
        call()
    order = list(contenders)
    for _ in range(n_rounds):
        random.shuffle(order)
        for name in order:
            start = time.perf_counter()
            contenders[name]()
            times[name].append(time.perf_counter() - start)
    reference = next(iter(contenders))
    print("| | median (ms) | ratio to the first [min-max] |\n| --- | --- | --- |")
    for name, own in times.items():
        ratios = [r / t for r, t in zip(times[reference], own, strict=True)]
        print(
            f"| {name} | {1e3 * statistics.median(own):.2f} "
            f"| {statistics.median(ratios):.2f}x "
            f"[{min(ratios):.2f}-{max(ratios):.2f}] |"
        )
    print(flush=True)
