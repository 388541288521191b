"""Run in a process of its own: many files, a few of them broken, again and again.

``python _soak.py soak FOLDER N_FILES DURATION N_ROUNDS SEED`` and
``python _soak.py peak FOLDER FILE...`` print JSON.
"""

import ctypes
import gc
import json
import os
import re
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from scipy.stats import theilslopes

from skdeepmir import DropoutMLPClassifier, MultiTimescalePooler, SpectrogramExtractor

SAMPLE_RATE = 22050
FORMATS = ("wav", "flac", "ogg", "mp3")
BREAKS = {
    "empty": lambda data: b"",
    "undecodable": lambda data: b"<!DOCTYPE html><title>404</title>" * 40,
    "truncated": lambda data: data[: 2 * len(data) // 3],
}


def waveform(row, duration, seed):
    """Return two notes, high for odd rows, with noise."""
    rng = np.random.default_rng((seed, row))
    t = np.arange(int(duration * SAMPLE_RATE)) / SAMPLE_RATE
    f0 = (110 + 660 * (row % 2)) * rng.uniform(0.9, 1.1)
    y = sum(np.sin(2 * np.pi * f0 * k * t) / k for k in (1, 2, 3))
    return 0.2 * y + 0.01 * rng.standard_normal(len(t))


def write_files(folder, n_files, duration, seed):
    """Write clips of several formats, every fiftieth broken; return paths and codes."""
    paths, broken = [], {}
    for row in range(n_files):
        path = folder / f"{row}.{FORMATS[row // 2 % len(FORMATS)]}"
        soundfile.write(path, waveform(row, duration, seed), SAMPLE_RATE)
        if row % 50 == 25:
            code = list(BREAKS)[row // 50 % len(BREAKS)]
            path.write_bytes(BREAKS[code](path.read_bytes()))
            broken[row] = code
        paths.append(str(path))
    return paths, broken


def resident():
    """Return the bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class _MallocInfo(ctypes.Structure):
    """What mallinfo2 returns, of all arenas."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks "
        "fordblks keepcost".split()
    ]


class Memory(NamedTuple):
    """Bytes of this process."""

    resident: int
    in_use: int  # given out by malloc and not given back


def memory():
    """Return the memory left after freeing all that can be freed (glibc only)."""
    # With PYTHONMALLOC=malloc the bytes in use are those of Python's objects as well as
    # of arrays, tensors and decoders. More may be resident: pages used in part.
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.malloc_trim(0)
    libc.mallinfo2.restype = _MallocInfo
    info = libc.mallinfo2()
    return Memory(resident(), info.uordblks + info.hblkhd)


def growth(sizes, n_clips):
    """Return bytes per clip: the median slope over all pairs of later rounds."""
    # The first fifth fills caches and thread pools.
    sizes = sizes[len(sizes) // 5 :]
    return theilslopes(sizes).slope / n_clips


def soak(folder, n_files, duration, n_rounds, seed):
    """Extract, pool and fit in rounds; count what is wrong and what grows."""
    paths, broken = write_files(folder, n_files, duration, seed)
    good = [row for row in range(n_files) if row not in broken]
    y = [row % 2 for row in good]
    extractor = SpectrogramExtractor(
        "log_mel", n_mels=40, on_error="nan", n_jobs=2, verbose=False
    )
    alone = SpectrogramExtractor("log_mel", n_mels=40, verbose=False)
    expected = [alone.transform([paths[row]])[0].sum(dtype=float) for row in good]
    n_wrong, sizes = 0, []
    start = time.perf_counter()
    for _ in range(n_rounds):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            frames = extractor.fit_transform(paths)
        (warning,) = caught
        n_wrong += {e.row: e.code for e in warning.message.problems} != broken
        n_wrong += sum(not np.isnan(frames[row]).all() for row in broken)
        n_wrong += sum(
            frames[row].sum(dtype=float) != total
            for row, total in zip(good, expected, strict=True)
        )
        pooled = MultiTimescalePooler().fit_transform([frames[row] for row in good])
        net = DropoutMLPClassifier((16,), max_epochs=20, random_state=0, verbose=False)
        n_wrong += net.fit(pooled, y).score(pooled, y) < 0.9
        del frames, pooled, net
        sizes.append(memory())
    return {
        "clips": n_rounds * n_files,
        "broken": n_rounds * len(broken),
        "wrong": int(n_wrong),
        "seconds": time.perf_counter() - start,
        "memory": [size._asdict() for size in sizes],
        "growth": {
            name: growth([getattr(size, name) for size in sizes], n_files)
            for name in Memory._fields
        },
        "open_files": len(os.listdir("/proc/self/fd")),
        "stray_files": len(list(folder.iterdir())) - n_files,
    }


def peak(folder, *paths):
    """Extract files; return the megabytes that this took above imports."""
    # The features of long files are memory maps of the store.
    extractor = SpectrogramExtractor(
        cache_dir=folder / f"store-{os.getpid()}", max_duration=None, verbose=False
    )
    extractor.transform([np.zeros(30_000, np.float32)])
    # Not ru_maxrss: it begins with that of the process that started this one.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident()
    extractor.transform(list(paths))
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return (1024 * int(line) - before) / 1e6


if __name__ == "__main__":
    what, folder, *arguments = sys.argv[1:]
    if what == "soak":
        n_files, duration, n_rounds, seed = arguments
        found = soak(
            Path(folder), int(n_files), float(duration), int(n_rounds), int(seed)
        )
    else:
        found = peak(Path(folder), *arguments)
    print(json.dumps(found))
