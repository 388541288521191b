"""Detectors of onsets beside their peers, on one core.

``onsets.py accuracy FOLDER``: FOLDER holds audio files, each beside its ``.onsets``.
The kind of material is what stands between the first and the last "_" of a name. Each
system detects in each file once, by a fit to the other folds. F is that of all onsets
together, at 25 ms; p is of the difference to SuperFlux, by a sign-flip test over files.
``--elsewhere N`` trains on N synthesised clips only, ``--add N`` on these and on the
folds. ``--systems`` chooses rows.

``onsets.py speed``: three minutes from samples to onsets, beside the same net frame by
frame and beside librosa. ``onsets.py live``: the cost of a block of 10 ms.
``onsets.py memory``: the peak memory for files of unequal length.
"""

from _rounds import measure  # first: it pins the threads

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import librosa
import numpy as np
import soundfile
import torch
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, clone

from skdeepmir import (
    OnsetDetector,
    SpectralFluxDetector,
    make_onset_pipeline,
    save,
)
from skdeepmir.datasets import make_onset_clips
from skdeepmir.metrics import onset_report, onset_scores
from skdeepmir.onsets import read_onsets

COLUMNS = ("F", "P", "R", "mean error (ms)", "mean abs. error (ms)")


class LibrosaDetector(BaseEstimator):
    """librosa's detector as it is, on audio files."""

    def __init__(self, sample_rate=22050, hop_length=512):
        self.sample_rate = sample_rate
        self.hop_length = hop_length

    def fit(self, X, y):
        """Learn nothing."""
        self.fitted_ = True
        return self

    def predict(self, X):
        """Return the onsets of files."""
        found = np.empty(len(X), dtype=object)
        for i, path in enumerate(X):
            samples, _ = librosa.load(path, sr=self.sample_rate)
            found[i] = librosa.onset.onset_detect(
                y=samples,
                sr=self.sample_rate,
                hop_length=self.hop_length,
                units="time",
            )
        return found


def systems(cache_dir, **options):
    """Return the rows of the table; the options are of all nets."""

    def net(name, extraction=None, **parameters):
        given = {"random_state": 0, "verbose": False, **options, **parameters}
        detector = OnsetDetector(name, **given)
        return make_onset_pipeline(
            detector, cache_dir=cache_dir, verbose=False, **(extraction or {})
        )

    def flux(**parameters):
        detector = SpectralFluxDetector(**parameters)
        return make_onset_pipeline(detector, cache_dir=cache_dir, verbose=False)

    plain = {"near": 0, "activation": "tanh"}
    return {
        "librosa's default": LibrosaDetector(),
        "SuperFlux": flux(lag=2, max_size=3),
        "spectral flux": flux(),
        "rnn": net("rnn"),
        "causal_rnn": net("causal_rnn"),
        "conv": net("conv"),
        "conv, tanh, exact targets": net("conv", **plain),
        "conv, tanh, fuzzy targets": net("conv", activation="tanh"),
        "conv, one window (46 ms)": net("conv", {"n_fft": 1024}),
        "rnn, tanh cells, 3 x 25": net(
            "rnn", cell="rnn", n_layers=3, n_units=25, dropout=0.0
        ),
        "causal_rnn, tanh cells, 3 x 20": net(
            "causal_rnn", cell="rnn", n_layers=3, n_units=20, dropout=0.0
        ),
    }


def read(folder, n_folds):
    """Return files, onsets, kinds and folds."""
    files = sorted(p for p in Path(folder).iterdir() if p.suffix != ".onsets")
    target = np.empty(len(files), dtype=object)
    target[:] = [read_onsets(p.with_suffix(".onsets")) for p in files]
    kinds = np.array([p.stem.partition("_")[2].rpartition("_")[0] for p in files])
    folds = np.zeros(len(files), dtype=int)
    for kind in np.unique(kinds):
        mine = np.flatnonzero(kinds == kind)
        folds[mine] = np.arange(len(mine)) % n_folds
    return [str(p) for p in files], target, kinds, folds


def sign_flip(a, b, target, n_draws=10_000):
    """Return F of ``a`` minus that of ``b`` in files, and its p by flipping signs."""

    def counts(found):
        each = [onset_scores([t], [f]) for t, f in zip(target, found, strict=True)]
        return np.array([[s.n_hits, s.n_reference + s.n_detected] for s in each])

    pairs = np.stack([counts(a), counts(b)])  # (2, n_files, 2)

    def difference(parts):
        hits, total = parts[..., 0].sum(-1), parts[..., 1].sum(-1)
        return 2 * (hits[0] / total[0] - hits[1] / total[1])

    observed = difference(pairs)
    flips = np.random.RandomState(0).rand(n_draws, len(target)) < 0.5
    drawn = [
        difference(
            np.stack([np.where(f[:, None], pairs[1 - k], pairs[k]) for k in (0, 1)])
        )
        for f in flips
    ]
    return (1 + np.sum(np.abs(drawn) >= abs(observed) - 1e-12)) / (1 + n_draws)


def row(name, target, found, kinds, p, seconds):
    scores = onset_scores(target, found)
    by_kind = onset_report(target, found, groups=kinds)["f"]
    cells = [f"{scores.f:.3f}", f"{scores.precision:.3f}", f"{scores.recall:.3f}"]
    cells += [
        f"{1e3 * scores.mean_error:+.1f}",
        f"{1e3 * scores.mean_absolute_error:.1f}",
    ]
    cells += [f"{by_kind[kind]:.3f}" for kind in np.unique(kinds)]
    print(f"| {name} | {' | '.join(cells)} | {p} | {seconds:.0f} |", flush=True)


def measure_accuracy(args):
    files, target, kinds, folds = read(args.folder, args.folds)
    made = args.elsewhere or args.add
    clips = make_onset_clips(n_clips=made, random_state=0) if made else None
    columns = [*COLUMNS, *np.unique(kinds), "p", "s"]
    print("| system | " + " | ".join(columns) + " |\n| --- |" + " --- |" * len(columns))
    reference = None
    options = {"max_epochs": args.max_epochs} if args.max_epochs else {}
    for name, system in systems(args.cache_dir, **options).items():
        if args.systems and name not in args.systems:
            continue
        start = time.perf_counter()
        if args.elsewhere:
            found = detected(system, clips.data, clips.target, files)
        else:
            found = detected_in_folds(system, files, target, folds, clips, args.n_jobs)
        seconds = time.perf_counter() - start
        p = ""
        if name == "SuperFlux":
            reference = found
        elif reference is not None:
            p = f"{sign_flip(found, reference, target):.2g}"
        row(name, target, found, kinds, p, seconds)


def detected(system, train, y, test):
    """Return what a fit detects in other files."""
    return clone(system).fit(train, y).predict(test)


def detected_in_folds(system, files, target, folds, clips, n_jobs):
    """Return what fits to the other folds, and to synthesised clips, detect."""
    jobs = []
    for fold in np.unique(folds):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        X, y = [files[i] for i in train], list(target[train])
        if clips is not None:
            X, y = X + list(clips.data), y + list(clips.target)
        jobs.append(delayed(detected)(system, X, y, [files[i] for i in test]))
    found = np.empty(len(files), dtype=object)
    for fold, parts in zip(np.unique(folds), Parallel(n_jobs)(jobs), strict=True):
        found[folds == fold] = parts
    return found


def trained(name, clips):
    """Return a pipeline with a net that was trained for a moment."""
    detector = OnsetDetector(
        name, threshold=0.5, max_epochs=1, random_state=0, verbose=False
    )
    return make_onset_pipeline(detector, verbose=False).fit(clips.data, clips.target)


def frame_by_frame(pipeline, samples):
    """Return activations of a convolutional net that sees a frame at a time."""
    detector = pipeline[-1]
    (frames,) = pipeline[:-1].transform([samples])
    net, margin = detector.module_.float(), detector.module_.margin
    x = (frames - detector.mean_) / detector.scale_
    x = torch.from_numpy(np.pad(x, ((margin, margin), (0, 0)), mode="edge"))
    with torch.inference_mode():
        logits = [
            net.inside(x[None, t : t + 2 * margin + 1]) for t in range(len(frames))
        ]
    return torch.sigmoid(torch.cat(logits)).numpy().ravel()


def measure_speed(args):
    torch.set_num_threads(1)
    clips = make_onset_clips(n_clips=4, random_state=0)
    song = make_onset_clips(n_clips=1, duration=180.0, random_state=1).data[0]
    rate = clips.sample_rate
    nets = {name: trained(name, clips) for name in ("conv", "rnn", "causal_rnn")}
    at_once = nets["conv"].predict_activations([song])[0]
    difference = np.abs(at_once - frame_by_frame(nets["conv"], song)).max()
    print(f"largest difference to the net frame by frame: {difference:.1e}\n")
    contenders = {
        "conv": lambda: nets["conv"].predict([song]),
        "conv, frame by frame": lambda: frame_by_frame(nets["conv"], song),
        "rnn": lambda: nets["rnn"].predict([song]),
        "causal_rnn": lambda: nets["causal_rnn"].predict([song]),
        "librosa's onset_detect": lambda: librosa.onset.onset_detect(y=song, sr=rate),
    }
    measure(contenders, n_rounds=args.rounds)


def measure_live(args):
    torch.set_num_threads(1)
    clips = make_onset_clips(n_clips=4, random_state=0)
    song = make_onset_clips(n_clips=1, duration=60.0, random_state=1).data[0]
    print("| net | median (ms) | 99th percentile (ms) | delay (ms) |")
    print("| --- | --- | --- | --- |")
    for name in ("causal_rnn", "conv"):
        pipeline, times = trained(name, clips), []
        list(pipeline.stream([song[:22050]]))  # compiles

        def blocks(hop=pipeline[0].hop_length, times=times):
            for k in range(0, len(song), hop):
                start = time.perf_counter()
                yield song[k : k + hop]
                times.append(time.perf_counter() - start)

        list(pipeline.stream(blocks()))
        median, late = 1e3 * np.quantile(times, [0.5, 0.99])
        delay = 1e3 * pipeline.delay_
        print(f"| {name} | {median:.2f} | {late:.2f} | {delay:.0f} |", flush=True)


PEAK = """
import sys
from skdeepmir import load

def peak():  # of this program alone, unlike ru_maxrss
    with open("/proc/self/status") as file:
        (line,) = [line for line in file if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024

pipeline = load(sys.argv[1])
before = peak()
pipeline.predict([sys.argv[2]])
print(before, peak())
"""


def measure_memory(args):
    clips = make_onset_clips(n_clips=4, random_state=0)
    minute = make_onset_clips(n_clips=1, duration=60.0, random_state=1).data[0]
    print(
        "| net | minutes | peak before (MiB) | peak (MiB) |\n| --- | --- | --- | --- |"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name in ("conv", "causal_rnn", "rnn"):
            model = Path(folder, f"{name}.skops")
            save(trained(name, clips), model)
            for n_minutes in (1, 10, 60):
                song = Path(folder, "song.wav")
                with soundfile.SoundFile(song, "w", clips.sample_rate, 1) as file:
                    for _ in range(n_minutes):
                        file.write(minute)
                done = subprocess.run(
                    [sys.executable, "-c", PEAK, model, song],
                    capture_output=True,
                    text=True,
                    check=True,
                )
                before, after = (f"{float(part):.0f}" for part in done.stdout.split())
                print(f"| {name} | {n_minutes} | {before} | {after} |", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sections = parser.add_subparsers(required=True)
    accuracy = sections.add_parser("accuracy")
    accuracy.set_defaults(run=measure_accuracy)
    accuracy.add_argument("folder")
    accuracy.add_argument("--cache-dir", default="results/features")
    accuracy.add_argument("--folds", type=int, default=8)
    accuracy.add_argument("--systems", nargs="*", help="names of rows")
    accuracy.add_argument("--elsewhere", type=int, metavar="N")
    accuracy.add_argument("--add", type=int, metavar="N")
    accuracy.add_argument("--max-epochs", type=int, help="of nets")
    accuracy.add_argument("--n-jobs", type=int, default=2)
    speed = sections.add_parser("speed")
    speed.set_defaults(run=measure_speed)
    speed.add_argument("--rounds", type=int, default=5)
    sections.add_parser("live").set_defaults(run=measure_live)
    sections.add_parser("memory").set_defaults(run=measure_memory)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
