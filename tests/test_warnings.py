"""Warnings point to the line of the user that led to them."""

import threading
import warnings

import numpy as np
import pytest
import soundfile
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepmir import (
    ClipNormalizer,
    DropoutMLPClassifier,
    GaussianChordRecognizer,
    SpectrogramExtractor,
    chords,
    compare,
    drop_bad_audio,
)
from skdeepmir._warnings import warn_user
from skdeepmir.metrics import TAG_SCORERS, auc_tag
from skdeepmir.model_selection import MultilabelStratifiedGroupKFold

RNG = np.random.RandomState(0)
X = RNG.rand(20, 3)
TAGS = np.stack([np.arange(20) % 2, np.arange(20) < 1], axis=1).astype(int)
GOOD, BAD = RNG.rand(3000), np.full(3000, np.nan)
CANCELLED = np.array([[1.0], [-1.0]]) * GOOD
NET = DropoutMLPClassifier((4,), max_epochs=2, random_state=0, verbose=False)
TUNED = clone(NET).set_params(tune_thresholds=True)
CLIPS = [RNG.rand(20, 12) for _ in range(4)]


RISES = {
    "doubtful": lambda: SpectrogramExtractor().fit_transform([GOOD, CANCELLED]),
    "doubtful, transformed": lambda: SpectrogramExtractor().transform([CANCELLED]),
    "doubtful in a pipeline": lambda: make_pipeline(
        make_pipeline(SpectrogramExtractor())
    ).fit_transform([CANCELLED]),
    "made NaN": lambda: SpectrogramExtractor(on_error="nan").transform([BAD]),
    "removed": lambda: drop_bad_audio([BAD, GOOD]),
    "one frame": lambda: ClipNormalizer("mean").fit_transform(X),
    "no convergence": lambda: (
        clone(NET)
        .set_params(optimizer="sgd", learning_rate=1e4, batch_size=5)
        .fit(X, TAGS[:, 0])
    ),
    "thresholds": lambda: TUNED.fit(X, TAGS),
    "thresholds in a search": lambda: GridSearchCV(
        make_pipeline(StandardScaler(), TUNED), {}, cv=2, error_score="raise"
    ).fit(X, TAGS),
    "annotations": lambda: GaussianChordRecognizer(frame_rate=10.0).fit(
        CLIPS, [([[0, 99]], ["C"])] * 4
    ),
    "intervals": lambda: chords.check_intervals([[0, 9]], ["C"], duration=2),
    "metric": lambda: auc_tag(TAGS * 0, X[:, :2]),
    "metric in a search": lambda: GridSearchCV(
        DummyClassifier(), {}, cv=2, scoring=TAG_SCORERS["auc_tag"]
    ).fit(X, TAGS),
    "splitter": lambda: list(MultilabelStratifiedGroupKFold(2).split(X, TAGS)),
    "splitter and metric in compare": lambda: compare(
        {"prior": DummyClassifier()},
        *(X, TAGS),
        groups=np.arange(20),
        scoring=TAG_SCORERS["auc_tag"],
        verbose=False,
    ),
}


@pytest.mark.parametrize("rise", RISES.values(), ids=RISES)
def test_warnings_point_to_the_user(rise):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rise()
    assert {warning.filename for warning in caught} == {__file__}


def test_folders_that_cannot_be_used_point_to_the_user(tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("skdeepmir.spectrogram._store.written_whole", full)
    monkeypatch.setattr("skdeepmir._disk.written_whole", full)
    soundfile.write(tmp_path / "clip.wav", GOOD, 22050)
    store = SpectrogramExtractor(cache_dir=tmp_path / "store")
    net = clone(NET).set_params(checkpoint_dir=tmp_path / "checkpoints")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ConvergenceWarning)
        store.fit_transform([tmp_path / "clip.wav"])
        net.fit(X, TAGS[:, 0])
    assert ["cannot be used" in str(warning.message) for warning in caught] == [
        True
    ] * 2
    assert {warning.filename for warning in caught} == {__file__}


def test_a_thread_without_a_line_of_the_user_still_warns():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(target=warn_user, args=("late", RuntimeWarning))
        thread.start()
        thread.join()
    assert [(str(w.message), w.category) for w in caught] == [("late", RuntimeWarning)]
