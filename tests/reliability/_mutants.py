"""Run in a process of its own: extracts features of damaged files.

``python _mutants.py FOLDER SEED FIRST LAST SECONDS`` prints the number of each mutant
before it is read, so that the parent knows which one ended the process, and what went
wrong with it; at the end the peak of memory.
"""

import random
import resource
import signal
import sys
import time
from pathlib import Path

CPU_SECONDS = 2.0  # of one file, on a nominal machine; other programs do not count


def mutate(data, rng):
    """Return bytes with one to four kinds of damage, often near the start."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(128)
        at = min(at, len(data) - 1)
        size = rng.choice((1, 1, 2, 4, 16, 256, 4096))
        kind = rng.randrange(6)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + size] = rng.randbytes(size)
        elif kind == 2:
            data[at : at + size] = bytes(size)
        elif kind == 3:
            data[at : at + size] = b"\xff" * size
        elif kind == 4:
            del data[at : at + size]
        else:
            data[at:at] = data[:size]
        if not data:
            data = bytearray(b"\0")
    return bytes(data)


def peak_mb():
    """Return the peak of memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(folder, seed, first, last, seconds):
    """Extract features of the mutants until time is up."""
    from skdeepmir import SpectrogramExtractor
    from skdeepmir.audio import AudioError
    from skdeepmir.testing._material import slowness

    sources = sorted(folder.glob("source.*"))
    contents = [path.read_bytes() for path in sources]
    extractor = SpectrogramExtractor("mel", n_mels=8, n_fft=512, verbose=False)
    extractor.fit_transform([str(path) for path in sources])  # imports
    limit = CPU_SECONDS * slowness(time.process_time)
    start_mb, deadline = peak_mb(), time.monotonic() + seconds
    mutant = folder / f"mutant-{first}"
    for number in range(first, last):
        if time.monotonic() > deadline:
            break
        rng = random.Random(f"{seed} {number}")
        mutant.write_bytes(mutate(contents[number % len(contents)], rng))
        print("at", number, flush=True)
        signal.setitimer(signal.ITIMER_PROF, limit)  # ends the process
        try:
            extractor.transform([str(mutant)])
        except AudioError as error:
            print("code", error.code)
        except Exception as error:  # what is counted
            print("uncoded", number, f"{type(error).__name__}: {error}"[:200])
        signal.setitimer(signal.ITIMER_PROF, 0)
    print("peak", round(peak_mb() - start_mb, 1))


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[2:5]]
    run(Path(sys.argv[1]), *numbers, float(sys.argv[5]))
