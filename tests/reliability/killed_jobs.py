"""Figures 7 to 11: jobs that are killed, interrupted, or find the disk full."""

import os
import signal
import time
import warnings
from itertools import count

import numpy as np

from skdeepmir import FeatureStore

from . import _jobs
from ._clock import pauses
from ._figures import Figure, Outcome

LONG = 300  # seconds
N_FILES = 12
N_FITS = 7  # two candidates on three folds, and the best on all clips


class Tally:
    """Count faults, and list those that were not survived."""

    def __init__(self):
        self.injected, self.lost = 0, []

    def check(self, is_right, what):
        """Note a failure unless all is right."""
        if not is_right:
            self.lost.append(what)

    def outcome(self, what):
        """Return the line of the table."""
        found = f"{self.injected} {what}, {len(self.lost)} failures"
        return Outcome("; ".join([found, *self.lost[:3]]), not self.lost)


# Figure 7


class BrokenSearches:
    """Searches that are interrupted and run again until they end."""

    def __init__(self, folder, rng):
        self.folder, self.rng, self.tally = folder, rng, Tally()
        self.n_folders = 0
        self.job = _jobs.make_files(folder / "audio", N_FILES)
        whole = self.new_folder("unbroken")
        _jobs.finish(_jobs.search, whole, *self.job)  # compiles as well
        start = time.perf_counter()
        _jobs.finish(_jobs.search, self.new_folder("timed"), *self.job)
        self.duration = time.perf_counter() - start
        self.expected = _jobs.result_of(whole)

    def new_folder(self, name):
        """Make a folder whose name begins with ``name``."""
        self.n_folders += 1
        folder = self.folder / f"{name}-{self.n_folders}"
        folder.mkdir()
        return folder

    def send(self, number, n_faults, n_jobs=None):
        """Send a signal to searches at random moments, ``n_faults`` times."""
        sent, before = 0, self.n_folders
        while sent < n_faults:
            if self.n_folders > before + 10 * (n_faults + 1):
                raise RuntimeError(f"Signal {number} does not reach searches.")
            folder = self.new_folder(f"signal-{number}-{n_jobs}")
            of_folder = 0
            while True:
                process = _jobs.start(_jobs.search, folder, *self.job, n_jobs)
                # Workers need seconds to start.
                delay = self.rng.uniform(0, self.duration + 8 * bool(n_jobs))
                if sent == n_faults:
                    delay = LONG
                # Ctrl-C in a terminal goes to all processes of a group.
                to_group = number == signal.SIGINT
                if not _jobs.interrupt(process, delay, number, to_group):
                    break
                self.tally.check(_jobs.result_of(folder) is None, f"{folder}: a result")
                sent, of_folder = sent + 1, of_folder + 1
                if n_jobs:
                    self.tally.check(ends_soon(process.pid), f"{folder}: orphans")
                self.tally.injected += 1
            self.judge(folder, of_folder * (n_jobs or 1))

    def damage(self, n_faults):
        """Flip a bit of a file that a killed search left, then run it again."""
        for _ in range(n_faults):
            folder = self.new_folder("damage")
            process = _jobs.start(_jobs.search, folder, *self.job)
            was_killed = _jobs.interrupt(process, self.rng.uniform(0.5, self.duration))
            files = sorted(p for p in folder.glob("f*s/**/*") if p.is_file())
            files = [path for path in files if path.stat().st_size]
            if files:
                flip(files[self.rng.randint(len(files))], self.rng)
            _jobs.finish(_jobs.search, folder, *self.job)
            self.tally.injected += 1
            self.judge(folder, was_killed + 1)

    def fill_disk(self, n_faults):
        """Run searches where no file can exceed some bytes."""
        for _ in range(n_faults):
            folder = self.new_folder("full")
            limit = self.rng.randint(1000, 8000)
            _jobs.finish(_jobs.search, folder, *self.job, disk_limit=int(limit))
            self.tally.injected += 1
            # Nothing is stored: files are computed again for each fold.
            self.tally.check(_jobs.result_of(folder) == self.expected, str(folder))
            parts = list(folder.glob("**/*.part"))
            self.tally.check(not parts, f"{folder}: {len(parts)} partial files")

    def kill_worker(self, dies_in, backend):
        """Let a worker kill itself once."""
        folder = self.new_folder(f"worker-{dies_in}-{backend}")
        options = {"n_jobs": 2, "backend": backend, "dies_in": dies_in}
        _jobs.finish(_jobs.search, folder, *self.job, **options)
        self.tally.injected += 1
        failed = _jobs.noted(folder, "error") == ["TerminatedWorkerError"]
        self.tally.check(failed == (backend == "loky"), f"{folder}: error {failed}")
        self.tally.check((folder / "died").exists(), f"{folder}: no worker died")
        if failed:
            _jobs.finish(_jobs.search, folder, *self.job)
        self.judge(folder, 2)

    def judge(self, folder, n_repeated):
        """Compare the result, and the work done, with those of an unbroken search."""
        right = _jobs.result_of(folder) == self.expected
        self.tally.check(right, f"{folder.name}: {_jobs.result_of(folder)}")
        for word, due in (("file", N_FILES), ("fit", N_FITS)):
            done = len(_jobs.noted(folder, word))
            self.tally.check(
                due <= done <= due + n_repeated,
                f"{folder.name}: {done} {word}s where {due} are due",
            )


def ends_soon(group, seconds=10):
    """Wait for all processes of a group to end; return whether they do."""
    for pause in pauses(seconds, 0.5):
        if not _jobs.members(group):
            return True
        time.sleep(pause)
    return not _jobs.members(group)


def flip(path, rng):
    """Flip a random bit of a file."""
    content = bytearray(path.read_bytes())
    position = rng.randint(8 * len(content))
    content[position // 8] ^= 1 << position % 8
    path.write_bytes(content)


def survive(effort):
    """Measure figure 7."""
    searches = BrokenSearches(effort.folder, np.random.RandomState(effort.seed))
    if effort.is_full:
        searches.send(signal.SIGKILL, 90)
        searches.send(signal.SIGINT, 50)
        searches.send(signal.SIGKILL, 8, n_jobs=2)
        searches.send(signal.SIGINT, 6, n_jobs=2)
        searches.damage(20)
        searches.fill_disk(18)
        for _ in range(2):
            for dies_in in ("file", "fit"):
                for backend in ("loky", "dask"):
                    searches.kill_worker(dies_in, backend)
    else:
        searches.send(signal.SIGKILL, 2)
        searches.send(signal.SIGINT, 1)
        searches.damage(1)
        searches.fill_disk(1)
    return searches.tally.outcome("faults")


# Figure 8


def share(effort):
    """Measure figure 8."""
    rng = np.random.RandomState(effort.seed)
    n_keys, n_kills, pause = (3000, 100, 0.3) if effort.is_full else (150, 4, 0.1)
    audio = effort.folder / "a.wav"
    audio.write_bytes(b"any")
    os.utime(audio, (1e9, 1e9))
    seeds = count()

    def begin():
        job = (effort.folder, audio, next(seeds), n_keys, 0.002)
        return _jobs.start(_jobs.fill_store, *job)

    processes, killed = [begin() for _ in range(8)], 0
    while killed < n_kills:
        k = rng.randint(8)
        killed += _jobs.interrupt(processes[k], rng.uniform(0, pause))
        processes[k] = begin()
    for process in processes:
        _jobs.end(process, 300)
    n_failed = sum(process.exitcode != 0 for process in processes)
    n_wrong = len(_jobs.noted(effort.folder, "wrong"))
    ratio = len(_jobs.noted(effort.folder, "computes")) / n_keys
    return Outcome(
        f"8 with {killed} kills: {n_wrong} wrong, {n_failed} failed; "
        f"{ratio:.3f} computations for each of {n_keys} keys",
        n_wrong == n_failed == 0 and ratio <= 1.05,
    )


# Figure 9


def damages(good, other, rng):
    """Return damaged content of an entry, and what was done to it."""
    kind = rng.choice(["bit", "cut", "longer", "other", "version", "zeros", "pickle"])
    middle = rng.randint(len(good))
    if kind == "bit":
        content = bytearray(good)
        content[middle] ^= 1 << rng.randint(8)
        return kind, bytes(content)
    return kind, {
        "cut": good[:middle],
        "longer": good + bytes(rng.randint(1, 100)),
        "other": other,
        "version": good.replace(b"features 1", b"features 2", 1),
        "zeros": good[:middle] + bytes(len(good) - middle),
        "pickle": b"cos\nsystem\n(S'exit 1'\ntR." + good[26:],
    }[kind]


def serve(effort):
    """Measure figure 9."""
    rng = np.random.RandomState(effort.seed)
    store = FeatureStore(effort.folder / "features")
    audio = effort.folder / "a.wav"
    expected = np.arange(60, dtype=np.float32).reshape(20, 3)
    n_served, n_injected, kinds = 0, 0, set()

    def write_audio(content):
        audio.write_bytes(content)
        os.utime(audio, (1e9, 1e9))

    def fetch(number, frames):
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            return store.fetch(audio, {"number": number}, lambda: [frames])

    write_audio(b"any")
    fetch(0, expected)
    (entry,) = store.entries()
    good = entry.path.read_bytes()
    fetch(1, -expected)
    (other,) = (e.path.read_bytes() for e in store.entries() if e.path != entry.path)
    for number in range(5000 if effort.is_full else 500):
        kind, content = damages(good, other, rng)
        if content == good:  # nothing but zeros was there
            continue
        entry.path.write_bytes(content)
        n_served += not np.array_equal(fetch(0, expected), expected)
        n_served += entry.path.read_bytes() != good
        n_injected += 1
        kinds.add(kind)
        if number % 10 == 0:  # another file of the same name, size and time
            write_audio(f"{number:04d}".encode())
            n_served += not np.array_equal(fetch(0, expected + 1), expected + 1)
            write_audio(b"any")
            n_injected += 1
    return Outcome(f"{n_served} of {n_injected}, {len(kinds) + 1} kinds", n_served == 0)


# Figure 10


def write_and_die(effort):
    """Measure figure 10."""
    rng = np.random.RandomState(effort.seed)
    tally = Tally()
    for _ in range(200 if effort.is_full else 8):
        tally.injected += 1
        folder = effort.folder / str(tally.injected)
        folder.mkdir()
        process = _jobs.start(_jobs.write_forever, folder, effort.seed)
        while not list(folder.glob("fits/*.pt")):
            time.sleep(0.005)
        tally.check(_jobs.interrupt(process, rng.uniform(0, 0.1)), "not killed")
        _jobs.finish(_jobs.read_back, folder, effort.seed)
        tally.check(len(_jobs.noted(folder, "read")) == 1, f"{folder.name}: unreadable")
        if tally.injected % 4 == 0:
            tally.injected += 1
            limit = int(rng.randint(10, 2000))
            _jobs.finish(_jobs.write_to_full_disk, folder, effort.seed, limit)
            found = _jobs.result_of(folder)
            tally.check(found["refused"], "save said nothing of the full disk")
            told = [m for m in found["messages"] if "cannot be used" in m]
            tally.check(len(told) == 1, f"messages {found['messages']}")
            _jobs.finish(_jobs.read_back, folder, effort.seed)
            tally.check(len(_jobs.noted(folder, "read")) == 2, "unreadable when full")
    return tally.outcome("kills and full disks")


# Figure 11

SETTINGS = [
    {},
    {"early_stopping": True, "n_iter_no_change": 20},
    {"optimizer": "sgd", "momentum": 0.9},
    {"optimizer": "adagrad", "learning_rate_schedule": "exponential"},
    {"learning_rate_schedule": "adaptive", "n_iter_no_change": 2, "tol": 0.01},
]


def resume(effort):
    """Measure figure 11."""
    rng = np.random.RandomState(effort.seed)
    n_seeds, n_breaks = (10, 10) if effort.is_full else (5, 1)
    tally = Tally()
    for seed in range(n_seeds):
        name = _jobs.NETS[seed % len(_jobs.NETS)]
        options = SETTINGS[(seed + seed // 5) % 5]
        whole = effort.folder / f"{seed}"
        whole.mkdir()
        job = (name, effort.seed + seed, options)
        _jobs.finish(_jobs.fit, whole, *job)
        expected = _jobs.result_of(whole)
        for at in rng.permutation(range(1, 12))[:n_breaks]:
            folder = effort.folder / f"{seed}-{at}"
            folder.mkdir()
            tally.injected += 1
            what = f"{name}, seed {seed}, {options}, epoch {at}"
            process = _jobs.start(_jobs.fit, folder, *job, int(at))
            _jobs.end(process)
            tally.check(process.exitcode == -signal.SIGKILL, f"{what}: not killed")
            _jobs.finish(_jobs.fit, folder, *job)
            found = _jobs.result_of(folder)
            same = found["fitted"] == expected["fitted"]
            tally.check(same, f"{what}: other weights")
            rest = found["epochs"] == expected["epochs"][at:]
            tally.check(rest, f"{what}: epochs {found['epochs']}")
    return tally.outcome("breaks")


FIGURES = [
    Figure(
        7,
        "kill -9, Ctrl-C, killed workers, damage and full disks in a search: survived "
        "with equal scores, at most one file and one fit of each worker repeated",
        "200 of 200",
        survive,
    ),
    Figure(
        8,
        "processes on one store: wrong values; computations of each key",
        "8 with 100 kills: 0; at most 1.05",
        share,
    ),
    Figure(
        9,
        "damaged, foreign-version or stale entries of the store that are served",
        "0 of 5,000",
        serve,
    ),
    Figure(
        10,
        "checkpoints and models that cannot be read after kill -9 or on a full disk",
        "0 of 200",
        write_and_die,
    ),
    Figure(11, "resumed fits equal to the bit, seeds by breaks", "10 x 10", resume),
]
