"""Figures 12 and 13: nothing grows over many files, nor with the length of one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from ._figures import Figure, Outcome

SOAK = Path(__file__).with_name("_soak.py")


def run(*arguments, **environment):
    """Run the soak in a process of its own; return what it found."""
    command = [sys.executable, str(SOAK), *map(str, arguments)]
    environment = {**os.environ, **environment}
    return json.loads(subprocess.check_output(command, env=environment, text=True))


def soak(effort):
    """Work through two hours of audio in 1,000 files, 2 % broken, again and again."""
    n_files, duration, n_rounds = (1000, 7.2, 50) if effort.is_full else (200, 2, 5)
    found = run(
        *("soak", effort.folder, n_files, duration, n_rounds, effort.seed),
        PYTHONMALLOC="malloc",  # which counts all objects
    )
    text = (
        f"{found['clips']} clips ({found['broken']} broken) in "
        f"{found['seconds']:.0f} s, {found['wrong']} wrong; "
    )
    for name, growth in found["growth"].items():
        size = [sizes[name] / 1e6 for sizes in found["memory"]]
        text += (
            f"{name.replace('_', ' ')}: {size[0]:.1f} MB after the first round, "
            f"{size[-1]:.1f} at the end, {growth:.1f} B a clip; "
        )
    text += f"{found['open_files']} open files; {found['stray_files']} stray files"
    # What is resident beyond what is in use, the allocator keeps. A short run cannot
    # tell growth from what is kept for later.
    limit = 20 if effort.is_full else 1000
    reached = found["growth"]["in_use"] < limit and found["open_files"] < 20
    return Outcome(text, reached and not found["wrong"] + found["stray_files"])


def peak(effort):
    """Extract files of several lengths, and one of them in pieces."""
    hours = (0.1, 1, 3) if effort.is_full else (0.02, 0.2)
    n_pieces = 720 if effort.is_full else 72
    found = {}
    for n_hours in hours:
        path = effort.folder / f"{n_hours}.flac"
        write_noise(path, 3600 * n_hours)
        found[f"{n_hours} h"] = run("peak", effort.folder, path)
    pieces = []
    for i in range(n_pieces):
        pieces.append(effort.folder / f"{i}.wav")
        write_noise(pieces[-1], 5)
    found[f"{n_pieces} clips of 5 s"] = run("peak", effort.folder, *pieces)
    text = ", ".join(f"{name}: {mb:.0f} MB" for name, mb in found.items())
    return Outcome(text, max(found.values()) <= 150)


def write_noise(path, duration):
    """Write noise second by second."""
    rng = np.random.default_rng(0)
    second = (1000 * rng.standard_normal(44100)).astype(np.int16)
    with soundfile.SoundFile(path, "w", 44100, 1, subtype="PCM_16") as file:
        for i in range(round(duration)):
            file.write(np.roll(second, i))


FIGURES = [
    Figure(
        12,
        "soak: growth of memory in use, open files and stray files",
        ">= 50,000 clips, 0 wrong, < 20 B a clip, 0, 0",
        soak,
    ),
    Figure(
        13,
        "peak memory above imports, one file of 0.1 / 1 / 3 h, 1 h as 720 clips",
        "<= 150 MB at every length",
        peak,
    ),
]
