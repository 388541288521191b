"""Bad audio: refused by name, never taken for numbers, never waited for."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile as sf
from sklearn.base import clone

from skdeepmir import (
    DropoutMLPClassifier,
    GaussianChordRecognizer,
    SpectrogramExtractor,
    check_audio,
)
from skdeepmir.audio import AudioError, AudioWarning
from skdeepmir.testing import make_bad_audio
from skdeepmir.testing._material import assert_is_owed, slowness

from ._clock import pauses
from ._figures import Figure, Outcome

HERE = Path(__file__).parent
LATE = 2.0  # s on a nominal machine
RSS_LIMIT = 150.0  # MB above what imports and good files take
FORMATS = {
    "wav": {},
    "flac": {},
    "ogg": {},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {},
    "aiff": {},
    "w64": {},
    "au": {},
}
# A row, or what is wrong with all of them.
NAMED_LABELS = (
    "row 0 ", "row 1 ", "row 2 ", "clip 1", "1 class", "8 clips", "passed",
)  # fmt: skip
WAYS = [(n_jobs, on_error) for n_jobs in (1, 2) for on_error in ("raise", "nan")]
DENIED = f"""
import os, sys, warnings
from skdeepmir import SpectrogramExtractor
extractor = SpectrogramExtractor(n_jobs=2, verbose=False)
extractor.transform(sys.argv[1:2] * 2)  # what it imports may be root's alone
if os.geteuid() == 0:
    os.setuid(65534)
for n_jobs, on_error in {WAYS}:
    extractor.set_params(n_jobs=n_jobs, on_error=on_error)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            print(extractor.transform(sys.argv[1:])[1].max(), caught[-1].message)
        except ValueError as error:
            print(error)
"""


def _corpus(effort):
    """Return the cases, an extractor that refuses the long one, and good files."""
    hours = 3.0 if effort.is_full else 0.05
    cases = make_bad_audio(effort.folder / "bad", seed=effort.seed, hours=hours)
    extractor = SpectrogramExtractor(
        "mel" if effort.is_full else "log_mel",
        n_mels=16,
        max_duration=7200.0 if effort.is_full else 60.0,
        verbose=False,
    )
    good = [str(effort.folder / "bad" / f"good_{i}.wav") for i in range(3)]
    return cases, extractor, good


def _answer(call, seconds=30.0):
    """Return what a call returned or raised, or None if it takes too long."""
    answers = []

    def run():
        try:
            answers.append(call())
        except Exception as error:  # what is counted
            answers.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    for pause in pauses(seconds):
        thread.join(pause)
        if answers:
            return answers[0]
    return None


def _is_owed(error, case, row):
    """Tell whether an error says which row, which file and what."""
    if not isinstance(error, AudioError):
        return False
    try:
        assert_is_owed(error, case, row)
    except AssertionError:
        return False
    return True


def _denied(case, good):
    """Tell for each way whether an unprivileged user is told that a file is denied."""
    case_folder = Path(case.value).parent
    for folder in (case_folder, *case_folder.parents[:1]):
        folder.chmod(0o755)
    command = [sys.executable, "-c", DENIED, good[0], case.value]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    starts = {"raise": "row 1: ", "nan": "nan 1 row is bad: 1 ("}
    return {
        way: line.startswith(starts[way[1]])
        and f"row 1: {case.value!a}" in line
        and "(denied)" in line
        for way, line in zip(WAYS, done.stdout.splitlines(), strict=True)
    }


def _item_is_handled(extractor, case, good, alone):
    """Tell whether an item between good clips is handled as expected."""
    X = [good[0], case.value, good[1]]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = _answer(lambda: extractor.transform(X))
    if case.expect == "error" and extractor.on_error == "raise":
        return _is_owed(rows, case, 1)
    if not isinstance(rows, list):
        return False
    found = [w.message for w in caught if isinstance(w.message, AudioWarning)]
    same = np.array_equal(rows[0], alone[0]) and np.array_equal(rows[2], alone[1])
    if case.expect == "ok":
        return same and not found and bool(np.isfinite(rows[1]).all())
    problems = [e for warning in found for e in warning.problems]
    is_named = len(problems) == 1 and _is_owed(problems[0], case, 1)
    return same and is_named and bool(np.isnan(rows[1]).all())


def _collection_is_handled(extractor, case):
    rows = _answer(lambda: extractor.transform(case.value))
    if case.expect == "error":
        return isinstance(rows, AudioError) and rows.code == "bad_x"
    is_whole = not isinstance(rows, Exception | None) and len(rows) == len(case.value)
    return is_whole and all(np.isfinite(row).all() for row in rows)


def _labels_are_handled(case, seed):
    rng = np.random.default_rng(seed)
    clips = [rng.random((9 + i, 5), dtype=np.float32) for i in range(8)]
    y, learner = case.value, DropoutMLPClassifier(max_epochs=1, verbose=False)
    if "chord" in case.name:  # a class like another, except to what knows chords
        learner = GaussianChordRecognizer()
        y = [np.full(len(c), label) for c, label in zip(clips, y, strict=True)]
    try:
        is_learned = len(clone(learner).fit(clips, y).predict(clips)) == 8
    except ValueError as error:
        if case.name == "y_tag_lists":
            return "row 0 " in str(error) and "MultiLabelBinarizer" in str(error)
        is_named = any(text in str(error) for text in NAMED_LABELS)
        return case.expect == "error" and is_named
    return case.expect == "ok" and is_learned


def measure_handling(effort):
    """Give all cases to an extractor (the labels to learners), in four ways."""
    cases, extractor, good = _corpus(effort)
    (denied,) = (case for case in cases if case.code == "denied")
    denied_is_handled = _denied(denied, good)
    labels = [case for case in cases if case.scope == "labels"]
    wrong_labels = [c.name for c in labels if not _labels_are_handled(c, effort.seed)]
    found, reached = [], True
    for n_jobs, on_error in WAYS:
        one = clone(extractor).set_params(n_jobs=n_jobs, on_error=on_error)
        alone = one.fit(good).transform(good)
        wrong = list(wrong_labels)
        for case in cases:
            if case.scope == "collection":
                is_right = _collection_is_handled(one, case)
            elif case is denied:
                is_right = denied_is_handled[n_jobs, on_error]
            elif case.scope == "item":
                is_right = _item_is_handled(one, case, good, alone)
            if case.scope != "labels" and not is_right:
                wrong.append(case.name)
        reached &= not wrong
        text = f"{len(cases) - len(wrong)} of {len(cases)} n_jobs={n_jobs} {on_error}"
        found.append(text + (f" (not {', '.join(wrong[:5])})" if wrong else ""))
    return Outcome("; ".join(found), reached)


def measure_silence(effort):
    """Count bad items that gave numbers, and those without an answer in 2 s."""
    # Seconds are those of a nominal machine, here and in measure_first_error.
    cases, extractor, good = _corpus(effort)
    silent, late, n_bad, n_items = [], [], 0, 0
    extractor.fit(good).transform(good)  # kernels are compiled before the clock runs
    for case in cases:
        is_denied = case.code == "denied" and not os.access(case.value, os.R_OK)
        is_item = case.scope == "item" and (case.code != "denied" or is_denied)
        if not is_item:
            continue
        n_items, n_bad = n_items + 1, n_bad + (case.expect == "error")
        answer = _answer(lambda c=case: extractor.transform([good[0], c.value]), LATE)
        if answer is None:
            late.append(case.name)
        elif isinstance(answer, list) and case.expect == "error":
            silent.append(case.name)
    found = f"{len(silent)} of {n_bad} silent, {len(late)} of {n_items} late"
    return Outcome(f"{found} {' '.join(silent + late)}".strip(), not silent + late)


def _write_sources(folder, formats, seed, seconds):
    rng = np.random.default_rng(seed)
    paths = {}
    for extension in formats:
        rate = 48000 if extension == "opus" else 22050
        n = int(seconds * rate)
        y = 0.3 * np.sin(np.arange(n) / 9) + 0.05 * rng.standard_normal(n)
        paths[extension] = folder / f"source.{extension}"
        sf.write(paths[extension], y, rate, **FORMATS[extension])
    return paths


def measure_cuts(effort):
    """Cut files of five formats at each percent of their length."""
    seconds = 10.0 if effort.is_full else 2.0
    sources = _write_sources(effort.folder, list(FORMATS)[:5], effort.seed, seconds)
    noticed, n_cuts, alarms = Counter(), 0, 0
    for extension, path in sources.items():
        data, X = path.read_bytes(), [str(path)]
        for percent in range(1, 100):
            cut = effort.folder / f"{percent}.{extension}"
            cut.write_bytes(data[: len(data) * percent // 100])
            X.append(str(cut))
        rows = check_audio(X, verbose=False)["row"].tolist()
        alarms += 0 in rows
        n_cuts += 99
        noticed[extension] = len(set(rows) - {0})
    total = noticed.total()
    counts = ", ".join(f"{name} {count}" for name, count in noticed.items())
    found = f"{total} of {n_cuts} ({counts}); {alarms} of {len(sources)} whole files"
    return Outcome(found, total >= n_cuts * 490 / 495 and not alarms)


def measure_mutants(effort):
    """Extract features of damaged files in processes that are watched."""
    n_mutants, seconds = (100_000, 300.0) if effort.is_full else (100_000, 5.0)
    _write_sources(effort.folder, FORMATS, effort.seed, 0.3)
    deadline = time.monotonic() + seconds
    first, bad, peaks, codes = 0, [], [], Counter()
    while first < n_mutants and time.monotonic() < deadline:
        words = [effort.folder, effort.seed, first, n_mutants]
        words.append(deadline - time.monotonic())
        process = subprocess.Popen(
            [sys.executable, str(HERE / "_mutants.py"), *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders write there
            text=True,
        )
        # Backstop for a process that waits, which takes no processor time.
        timer = threading.Timer(seconds + 60 * slowness(), process.kill)
        timer.start()
        for line in process.stdout:
            kind, *rest = line.split(maxsplit=1)
            if kind == "at":
                first = int(rest[0]) + 1
            elif kind == "code":
                codes[rest[0].strip()] += 1
            elif kind == "uncoded":
                bad.append(rest[0].strip())
            else:
                peaks.append(float(rest[0]))
        status = process.wait()
        timer.cancel()
        if status == -signal.SIGPROF:
            bad.append(f"{first - 1} took over 2 s")
        elif status:
            bad.append(f"{first - 1} ended the process with {status}")
    peak = max(peaks, default=0.0)
    found = (
        f"{len(bad)} of {first:,} mutants; {codes.total():,} refused with "
        f"{len(codes)} codes; {peak:.0f} MB above good files"
    )
    if bad:
        found += f" ({'; '.join(bad[:3])})"
    return Outcome(found, not bad and first > 0 and peak <= RSS_LIMIT)


def measure_rows(effort):
    """Put bad clips at random among good ones, and take the bad ones as NaN."""
    n_clips, n_bad = (10_000, 500) if effort.is_full else (1_000, 50)
    cases, extractor, _ = _corpus(effort)
    bad = [c for c in cases if (c.scope, c.expect) == ("item", "error")]
    bad = [c for c in bad if c.code != "denied"]  # root may read it
    good_folder = effort.folder / "good"
    good_folder.mkdir()
    rng = random.Random(effort.seed)
    good = []
    for i in range(40):
        y = 0.3 * np.sin(np.arange(2500 + 40 * i) * (0.02 + 0.005 * i))
        path = good_folder / f"{i}.{rng.choice(('wav', 'flac', 'ogg', 'mp3'))}"
        sf.write(path, y, 22050)
        good += [str(path), y.astype(np.float32)]
    extractor.set_params(on_error="nan", n_jobs=2)
    alone = [extractor.transform([clip])[0] for clip in good]
    rows_of_bad = set(rng.sample(range(n_clips), n_bad))
    picked = [rng.randrange(len(good)) for _ in range(n_clips)]
    X = [
        rng.choice(bad).value if i in rows_of_bad else good[picked[i]]
        for i in range(n_clips)
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = extractor.transform(X)
    found = [w.message for w in caught if isinstance(w.message, AudioWarning)]
    reported = {error.row for error in found[0].problems} if found else set()
    n_nan = sum(bool(np.isnan(rows[i]).all()) for i in rows_of_bad)
    n_equal = sum(
        np.array_equal(rows[i], alone[picked[i]])
        for i in range(n_clips)
        if i not in rows_of_bad
    )
    exact = len(found) == 1 and reported == rows_of_bad
    text = f"{len(rows):,} rows of {n_clips:,}; {len(reported)} of {n_bad} bad found, "
    text += f"{n_nan} NaN; {n_equal:,} of {n_clips - n_bad:,} good bit for bit"
    counts = (len(rows), n_nan, n_equal) == (n_clips, n_bad, n_clips - n_bad)
    return Outcome(text, exact and counts)


def measure_first_error(effort):
    """Put one bad file at the end of many good ones, and wait for the error."""
    n_files, limit = (10_000, 10.0) if effort.is_full else (2_000, 10.0)
    extensions = ("wav", "flac", "ogg", "mp3")
    sources = _write_sources(effort.folder, extensions, effort.seed, 5.0)
    X = []
    for i in range(n_files - 1):
        extension = extensions[i % 4]
        X.append(str(effort.folder / f"{i}.{extension}"))
        shutil.copyfile(sources[extension], X[-1])
    X.append(str(effort.folder / "last.mp3"))
    Path(X[-1]).write_text("<!DOCTYPE html>")
    extractor = SpectrogramExtractor(verbose=False)
    extractor.fit_transform(X[:4])  # imports
    start = time.perf_counter()
    try:
        extractor.fit_transform(X)
    except AudioError as error:
        seconds, row = (time.perf_counter() - start) / slowness(), error.row
        found = f"{seconds:.1f} s for {n_files:,} files"
        return Outcome(found, seconds <= limit and row == n_files - 1)
    return Outcome("no error", False)


def measure_checks(effort):
    """Run the checks of scikit-learn, and our own of audio."""
    command = [sys.executable, str(HERE / "_checked.py")]
    done = subprocess.run(
        [*command, "full" if effort.is_full else "quick"],
        env={**os.environ, "SCIPY_ARRAY_API": "1"},  # else checks are skipped
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    counts = json.loads(done.stdout.splitlines()[-1])
    found = (
        f"{len(counts['failed'])} failures and {counts['expected']} expected ones of "
        f"{counts['checks']:,} checks of {counts['estimators']} estimators; "
        f"{sum(counts['audio_checks'])} checks of {counts['on_audio']} on audio passed"
    )
    if counts["failed"]:
        found += f" ({'; '.join(counts['failed'][:3])})"
    n_audio = counts["audio_checks"]
    is_whole = len(n_audio) == counts["on_audio"] and min(n_audio) >= 40
    return Outcome(found, is_whole and not counts["failed"] + [0] * counts["expected"])


FIGURES = [
    Figure(
        1,
        "bad and odd inputs handled as expected",
        "158 of 158, with n_jobs 1 and 2, raise and nan",
        measure_handling,
    ),
    Figure(
        2,
        "bad inputs answered with numbers; inputs without an answer in 2 s",
        "0; 0",
        measure_silence,
    ),
    Figure(
        3,
        "cut files noticed, 5 formats at 99 points; whole files refused",
        ">= 490 of 495; 0",
        measure_cuts,
    ),
    Figure(
        4,
        "mutants of 8 formats: crash, over 2 s, error without a code; memory",
        f"0 of 100,000; <= {RSS_LIMIT:.0f} MB above good files",
        measure_mutants,
    ),
    Figure(
        5,
        "bad clips at random: rows, bad ones found, good ones as alone",
        "10,000; 500; 9,500 bit for bit",
        measure_rows,
    ),
    Figure(
        6,
        "time to the error of a bad file at the end",
        "<= 10 s for 10,000 files",
        measure_first_error,
    ),
    Figure(
        15,
        "failed checks of estimators, expected ones among them; of audio",
        "0 and 0 for all; 0 of >= 40",
        measure_checks,
    ),
]
