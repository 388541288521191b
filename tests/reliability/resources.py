"""Figures 12 and 13: nothing grows over many files, nor with the length of one."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from ._figures import Figure, Outcome

SOAK = Path(__file__).with_name("_soak.py")


def run(*arguments):
    """Run the soak in a process of its own; return what it found."""
    command = [sys.executable, str(SOAK), *map(str, arguments)]
    return json.loads(subprocess.check_output(command, text=True))


def soak(effort):
    """Work through two hours of audio in 1,000 files, 2 % broken, again and again."""
    n_files, duration, n_rounds = (1000, 7.2, 50) if effort.is_full else (200, 2, 5)
    found = run("soak", effort.folder, n_files, duration, n_rounds, effort.seed)
    size = found["megabytes"]
    text = (
        f"{found['clips']} clips ({found['broken']} broken) in "
        f"{found['seconds']:.0f} s, {found['wrong']} wrong; resident: {size[0]} MB "
        f"after the first round, {max(size)} at most, {size[-1]} at the end, "
        f"{found['bytes_per_clip']:.0f} B a clip; {found['open_files']} open files; "
        f"{found['stray_files']} stray files"
    )
    # A short run cannot tell growth from what is kept for later.
    limit = 20 if effort.is_full else 20_000
    reached = found["bytes_per_clip"] < limit and found["open_files"] < 20
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
        "soak: growth of memory, open files and stray files",
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
