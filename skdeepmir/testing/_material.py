"""Files and assertions of the audio checks."""

from __future__ import annotations

import os
import random
import threading
import time
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf
from sklearn.base import clone

from skdeepmir.audio import AudioError, path_name
from skdeepmir.testing._bad_audio import BadAudio, make_bad_audio
from skdeepmir.testing._bad_files import RATE, tone
from skdeepmir.testing._clips import assert_same

N_CLIPS = 6
SECONDS = 20.0  # after which a case is said to hang: it should take milliseconds
# Bytes, and the seconds that one idle core of 2025 takes to compress so many.
WORK, NOMINAL = 1 << 20, 0.03
HOURS, LIMIT = 0.05, 60.0  # of the long file, and the seconds that are allowed
# A careless reader blocks for ever on these, so they are read in another thread.
BLOCKING = ("fifo", "device", "as_dash")


class Material(NamedTuple):
    """Files, waveforms and cases of the checks."""

    folder: Path  # empty at first, for files that a check writes
    files: list[str]
    waveforms: list[np.ndarray]  # the same clips, of equal length
    y: np.ndarray
    cases: list[BadAudio]


def make_material(folder):
    """Write the files of the checks, and bad ones."""
    cases = make_bad_audio(folder / "bad", hours=HOURS)
    good = folder / "good"
    good.mkdir(exist_ok=True)
    files, waveforms = [], []
    for i in range(N_CLIPS):
        y = tone(0.5, freq=220.0 * (i + 1)) + 0.01 * np.sin(np.arange(RATE // 2) ** 2)
        files.append(write(good / f"clip {i}.wav", y))
        waveforms.append(sf.read(files[-1], dtype="float32")[0])
    return Material(folder, files, waveforms, np.arange(N_CLIPS) % 2, cases)


def is_refused(case):
    """Tell whether a case is to be refused here: root may read any file."""
    is_readable = case.code == "denied" and os.access(case.value, os.R_OK)
    return case.expect == "error" and not is_readable


def write(path, y):
    """Write a waveform and return its path."""
    sf.write(path, y, RATE, subtype="PCM_16")
    return str(path)


def set_everywhere(estimator, **values):
    """Return a copy in which parameters of these names are set, also of its steps."""
    estimator = clone(estimator)
    for name in estimator.get_params():
        if (last := name.split("__")[-1]) in values:
            estimator.set_params(**{name: values[last]})
    return estimator


def fitted(estimator, made):
    """Return an estimator fitted to the good files."""
    return estimator.fit(made.files, made.y)


def assert_finite(rows, n_clips):
    """Assert that there are ``n_clips`` rows of finite numbers."""
    assert len(rows) == n_clips, f"{n_clips} clips became {len(rows)}"
    for i, row in enumerate(rows):
        assert np.size(row), f"row {i} is empty"
        assert np.isfinite(row).all(), f"row {i} is not finite"


def assert_equal_bits(a, b):
    """Assert that two outputs are the same, bit for bit."""
    assert_same(a, b, rtol=0, atol=0)


def assert_refused(call, case, row):
    """Assert that a call raises the error of a bad item; return it."""
    try:
        call()
    except AudioError as error:
        assert_is_owed(error, case, row)
        return error
    raise AssertionError(f"no AudioError with the code {case.code!r}")


def assert_is_owed(error, case, row):
    """Assert that an error says all that it should about a bad item."""
    message = str(error)
    assert error.code == case.code, f"the code is not {case.code!r}: {message}"
    assert error.row == row, f"the row is {error.row}, expected {row}: {message}"
    for text in (f"row {row}:", f"({case.code})", error.found, error.fix):
        assert text and text in message, f"the message does not say {text!r}: {message}"
    if isinstance(case.value, str | bytes | os.PathLike):
        name = ascii(path_name(case.value))
        assert name in message, f"the message does not name {name}: {message}"
    assert message.isprintable(), f"the message has control characters: {message!a}"


def slowness(clock=time.perf_counter):
    """Return how many times longer work takes now than on an idle nominal machine."""
    # Compressing releases Python's lock, so that other threads of this process count
    # only where they take processors.
    work = random.Random(0).randbytes(WORK)
    start = clock()
    zlib.compress(work)
    return max(1.0, (clock() - start) / NOMINAL)


def patience(seconds=SECONDS, clock=time.perf_counter):
    """Return seconds of a nominal machine in seconds of this one."""
    return seconds * slowness(clock)


def ends(thread, seconds=SECONDS):
    """Tell whether a thread ends within some seconds of a nominal machine."""
    thread.join(seconds)
    if thread.is_alive():
        thread.join(patience(seconds) - seconds)
    return not thread.is_alive()


def watched(case, call):
    """Return what a call returns; fail if it takes too long."""
    if case.name in BLOCKING:
        return _from_thread(call)
    start = time.process_time()  # other programs do not count
    try:
        return call()
    finally:
        seconds = time.process_time() - start
        if seconds > SECONDS:
            limit = patience(SECONDS, time.process_time)
            assert seconds < limit, f"it took {seconds:.1f} s"


def _from_thread(call):
    outcome = []

    def run():
        try:
            outcome.append((call(), None))
        except (AssertionError, ValueError, TypeError, OSError) as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ends(thread), "it hangs: there is no answer"
    assert outcome, "it raised no error of the usual kinds"
    value, error = outcome[0]
    if error is not None:
        raise error
    return value
