"""Seeds of the tests, pictures without windows, and a saved model.

``SKDEEPMIR_TESTS_GLOBAL_RANDOM_SEED`` is what the fixture ``global_random_seed`` gives
to tests that must hold under any seed: a number, "any" (one of 0 to 99, drawn for the
run) or "all" of these; 42 by default. A number or "any" also is the seed of Hypothesis.

``SKDEEPMIR_TESTS_HYPOTHESIS_PROFILE=thorough`` tries twenty times as many examples.
"""

import os
import random

import hypothesis
import pytest
import soundfile
from saved_files import make_clips
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepmir import MultiTimescalePooler, save
from skdeepmir.audio._librosa import import_librosa
from skdeepmir.chords import write_lab
from skdeepmir.datasets import make_chord_clips

collect_ignore = ["user_script.py"]  # which is wrong, for type checkers

import_librosa()  # before test files of two workers do so at once

VARIABLE = "SKDEEPMIR_TESTS_GLOBAL_RANDOM_SEED"
DEFAULT_SEED = 42

hypothesis.settings.register_profile(
    "default",
    derandomize=True,
    max_examples=25,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],  # a matter of the machine
)
hypothesis.settings.register_profile(
    "thorough", hypothesis.settings.get_profile("default"), max_examples=500
)
hypothesis.settings.load_profile(
    os.environ.get("SKDEEPMIR_TESTS_HYPOTHESIS_PROFILE", "default")
)


def _asked_seeds():
    """Return the seeds that the variable asks for."""
    asked = os.environ.get(VARIABLE, str(DEFAULT_SEED))
    if asked == "all":
        return list(range(100))
    if asked == "any":
        return [random.SystemRandom().randrange(100)]
    if not asked.isdecimal():
        raise pytest.UsageError(
            f"{VARIABLE}={asked!r} must be a whole number, 'any' or 'all'."
        )
    return [int(asked)]


SEEDS = _asked_seeds()


@pytest.fixture(scope="session", params=SEEDS)
def global_random_seed(request):
    """Return a seed under which the test must hold, as under any other."""
    return request.param


@pytest.fixture
def pictures():
    """Draw without windows, and close the figures in the end."""
    import matplotlib.pyplot as plt

    before = plt.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


@pytest.fixture
def saved(tmp_path):
    """Return the path of a saved pipeline."""
    clips, labels = make_clips()
    model = make_pipeline(
        MultiTimescalePooler(), StandardScaler(), LogisticRegression()
    ).fit(clips, labels)
    path = tmp_path / "model.skdeepmir"
    save(model, path)
    return path


@pytest.fixture
def annotated_songs(tmp_path):
    """Return a table of four recordings of two songs with ``.lab`` files."""
    songs = make_chord_clips(n_clips=4, duration=6.0, random_state=0)
    rows = ["path,annotation,group"]
    for i, (y, chords) in enumerate(zip(songs.data, songs.target, strict=True)):
        soundfile.write(tmp_path / f"{i}.flac", y, songs.sample_rate)
        write_lab(tmp_path / f"{i}.lab", *chords)
        rows.append(f"{i}.flac,{i}.lab,{songs.groups[i]}")
    table = tmp_path / "songs.csv"
    table.write_text("\n".join(rows))
    return table


def pytest_report_header():
    """Say how to run with the same seed again."""
    return None if len(SEEDS) > 1 else f"{VARIABLE}={SEEDS[0]}"


def pytest_itemcollected(item):
    """Let Hypothesis draw other examples where another seed was asked for."""
    test = getattr(item, "obj", None)
    if SEEDS in ([DEFAULT_SEED], list(range(100))):
        return
    if hypothesis.is_hypothesis_test(test):
        hypothesis.seed(SEEDS[0])(test)
