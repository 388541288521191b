"""The feature store: extractions, stale and damaged entries, kills, memory, clips.

``python benchmarks/store.py --help`` lists the parts; all of them take some minutes.
"""

from _rounds import measure  # first: it pins the threads

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import soundfile
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skdeepmir import (
    FeatureStore,
    MultiTimescalePooler,
    SpectrogramExtractor,
    audio,
    load_clips,
    save_clips,
)

KEY = {"parameters": {"kind": "benchmark"}, "versions": {}}


def write_clips(folder, n_clips, n_samples=22050):
    rng = np.random.RandomState(0)
    paths = []
    for i in range(n_clips):
        paths.append(Path(folder, f"{i}.flac"))
        soundfile.write(paths[-1], 0.1 * rng.randn(n_samples), 22050)
        os.utime(paths[-1], (1e9, 1e9))
    return paths


def count_extractions(folder):
    """Fit the same grid search plainly, with ``Pipeline(memory=)`` and with a store."""
    paths, y = write_clips(folder, 50), [0, 1] * 25
    n_decoded = 0
    stream = audio.stream_audio

    def counting(*args, **options):
        nonlocal n_decoded
        n_decoded += 1
        return stream(*args, **options)

    audio.stream_audio = counting
    print("| grid search: 50 clips, 5 folds, 4 candidates | 1st run | 2nd run |")
    print("| --- | --- | --- |")
    for name, options, memory in (
        ("plain", {}, None),
        ("Pipeline(memory=)", {}, str(Path(folder, "joblib"))),
        ("cache_dir=", {"cache_dir": Path(folder, "store")}, None),
    ):
        counts = []
        for _ in range(2):
            n_decoded = 0
            pipeline = make_pipeline(
                SpectrogramExtractor(verbose=False, **options),
                MultiTimescalePooler(),
                LogisticRegression(max_iter=50),
                memory=memory,
            )
            grid = {"logisticregression__C": [0.01, 0.1, 1, 10]}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # convergence
                GridSearchCV(pipeline, grid, cv=5).fit(paths, y)
            counts.append(n_decoded)
        print(f"| {name} | {counts[0]} | {counts[1]} |")
    audio.stream_audio = stream
    print(flush=True)


def flip_bits(folder, n_flips=1000):
    """Flip single bits in an entry and count how often it was served."""
    (path,) = write_clips(folder, 1)
    extractor = SpectrogramExtractor(cache_dir=Path(folder, "store"), verbose=False)
    (expected,) = extractor.fit_transform([path])
    (entry,) = FeatureStore(extractor.cache_dir).entries()
    good = entry.path.read_bytes()
    n_wrong = n_warnings = 0
    for position in np.random.RandomState(0).permutation(8 * len(good))[:n_flips]:
        damaged = bytearray(good)
        damaged[position // 8] ^= 1 << position % 8
        entry.path.write_bytes(damaged)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            (features,) = extractor.transform([path])
        n_warnings += len(caught)
        n_wrong += not np.array_equal(features, expected)
    print(
        f"flipped bits: {n_wrong} of {n_flips} served, {n_warnings} warnings\n",
        flush=True,
    )


def serve_and_log(folder, seed):
    """Fetch all clips in random order; log each computation before and each result."""
    paths = sorted(Path(folder).glob("*.flac"))
    random.Random(seed).shuffle(paths)
    store = FeatureStore(Path(folder, "store"))
    Path(folder, f"{os.getpid()}.works").touch()
    with open(Path(folder, "computed"), "a", buffering=1) as log:
        for path in paths:

            def compute(path=path):
                log.write(f"{path.stem}\n")
                time.sleep(0.01)  # as long as it takes to decode 30 s
                yield np.full((400, 40), int(path.stem), np.float32)

            if not (store.fetch(path, KEY, compute) == int(path.stem)).all():
                with open(Path(folder, "wrong"), "a") as wrong:
                    wrong.write(f"{path.stem}\n")


def kill_at_random(folder, n_clips=3000, n_processes=8, n_kills=50):
    """Let processes share a store, and kill a working one ``n_kills`` times."""
    write_clips(folder, n_clips, n_samples=64)
    rng = random.Random(0)
    running = []

    def start():
        command = [sys.executable, __file__, "--serve", folder, "--seed"]
        running.append(subprocess.Popen([*command, str(rng.random())]))

    def works(process):
        return Path(folder, f"{process.pid}.works").exists()

    for _ in range(n_processes):
        start()
    while not all(map(works, running)):
        time.sleep(0.05)
        assert all(process.poll() is None for process in running)
    for _ in range(n_kills):
        time.sleep(rng.uniform(0.05, 0.3))
        while not (working := [process for process in running if works(process)]):
            time.sleep(0.05)
        victim = rng.choice(working)
        assert victim.poll() is None, "all was computed before the last kill"
        victim.kill()
        victim.wait()
        running.remove(victim)
        start()
    for process in running:
        assert process.wait() == 0
    n_computed = len(Path(folder, "computed").read_text().split())
    wrong = Path(folder, "wrong")
    n_wrong = len(wrong.read_text().split()) if wrong.exists() else 0
    n_entries = len(FeatureStore(Path(folder, "store")).entries())
    print(
        f"{n_processes} processes, {n_kills} kills: {n_computed / n_clips:.3f} "
        f"computations per key, {n_wrong} wrong, {n_entries} of {n_clips} entries\n",
        flush=True,
    )


def measure_memory(folder):
    """Print the peak memory of processes that extract files of 0.1, 1 and 3 h."""
    print("| one FLAC file of 44.1 kHz stereo | 0.1 h | 1 h | 3 h |")
    print("| --- | --- | --- | --- |")
    rng = np.random.RandomState(0)
    paths = []
    for hours in (0.1, 1, 3):
        paths.append(Path(folder, f"{hours}.flac"))
        with soundfile.SoundFile(paths[-1], "w", 44100, 2) as file:
            for _ in range(int(hours * 120)):
                file.write(0.05 * rng.randn(30 * 44100, 2))
    for name, ours in (("librosa", False), ("log_mel", True), ("cqt", True)):
        for store in ([""], ["", str(Path(folder, "store"))])[ours]:
            peaks = []
            for path in paths:
                command = [sys.executable, __file__, "--peak", name, str(path), store]
                peaks.append(subprocess.check_output(command, text=True).strip())
            label = name + (", cache_dir=" if store else "")
            print(f"| {label}: MB above imports (of it output) | {' | '.join(peaks)} |")
    print(flush=True)


def print_peak(kind, path, store):
    import librosa
    import scipy.signal  # noqa: F401 (part of what is imported anyway)

    def extract(clips):
        if kind != "librosa":
            extractor = SpectrogramExtractor(
                kind, cache_dir=store or None, max_duration=None, verbose=False
            )
            return extractor.fit_transform(clips)[0]
        y = clips[0]
        if not isinstance(y, np.ndarray):
            y, _ = librosa.load(y)
        return librosa.power_to_db(librosa.feature.melspectrogram(y=y), top_db=None)

    extract([np.zeros(30000, np.float32)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    features = extract([path])
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    in_memory = 0 if isinstance(features, np.memmap) else features.nbytes / 1e6
    print(f"{peak:.0f} ({in_memory:.0f})")


def cross_validate(folder):
    """Time ``cross_val_score`` on 400 clips in memory and on disk."""
    rng = np.random.RandomState(0)
    clips = [rng.rand(1292, 128).astype(np.float32) for _ in range(400)]
    y = np.arange(400) % 2
    save_clips(Path(folder, "clips.npy"), clips)
    on_disk = load_clips(Path(folder, "clips.npy"))
    pipeline = make_pipeline(MultiTimescalePooler(), LogisticRegression())

    def score(X, n_jobs):
        cross_val_score(pipeline, X, y, cv=5, n_jobs=n_jobs)

    print("cross_val_score of 5 folds on 400 clips of 1,292 x 128")
    measure(
        {
            "in memory, n_jobs=1": lambda: score(clips, 1),
            "load_clips, n_jobs=1": lambda: score(on_disk, 1),
            "load_clips, n_jobs=2": lambda: score(on_disk, 2),
            "in memory, n_jobs=2": lambda: score(clips, 2),
        },
        n_rounds=3,
    )


PARTS = {
    "extractions": count_extractions,
    "flips": flip_bits,
    "kills": kill_at_random,
    "memory": measure_memory,
    "clips": cross_validate,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default all")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--seed", help=argparse.SUPPRESS)
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve_and_log(arguments.serve, arguments.seed)
    elif arguments.peak:
        print_peak(*arguments.peak)
    else:
        for part in arguments.parts or PARTS:
            with tempfile.TemporaryDirectory() as folder:
                PARTS[part](folder)


if __name__ == "__main__":
    main()
