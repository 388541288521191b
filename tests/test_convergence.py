"""Fits that end too soon say so, and those that do not keep quiet."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from small_nets import clips_and_labels

from skdeepmir import (
    BLSTMChordRecognizer,
    ConvRegressor,
    ConvTagger,
    DropoutMLPClassifier,
    MultiTimescaleTagger,
    OnsetDetector,
    PianoTranscriber,
)

X, Y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
QUIET = {"random_state": 0, "verbose": False}
RATE = {"frame_rate": 10.0, "threshold": 0.5}
SCHEDULES = ["linear", "constant", "exponential", "adaptive"]


def mlp(max_epochs, **options):
    return DropoutMLPClassifier((64,), max_epochs=max_epochs, **QUIET, **options)


def found(fit):
    """Return the warnings of a fit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit()
    return [w for w in caught if issubclass(w.category, ConvergenceWarning)]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("n_epochs", [4, 10])
def test_a_fit_that_ends_too_soon_warns(schedule, n_epochs):
    net = mlp(n_epochs, learning_rate_schedule=schedule)
    (warning,) = found(lambda: net.fit(X, Y))
    assert warning.filename == __file__
    text = str(warning.message)
    facts = f"max_epochs={n_epochs}", f"{net.loss_curve_[0]:.3g}", f"to {3 * n_epochs}"
    facts += ("learning_rate='auto', which is 0.001",)
    assert all(fact in text for fact in facts)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_fit_that_learned_is_quiet(schedule):
    net = mlp(100, learning_rate_schedule=schedule)
    assert not found(lambda: net.fit(X, Y))
    assert net.score(X, Y) > 0.95


def test_the_defaults_are_quiet():
    digits, y = load_digits(return_X_y=True)
    rows = StandardScaler().fit_transform(digits[:600])
    assert not found(lambda: DropoutMLPClassifier((64,), **QUIET).fit(rows, y[:600]))


def test_every_net_warns():
    clips, y = clips_and_labels(20)
    y = y + 2 * (np.arange(20) % 4 > 1)  # half of which nothing tells
    chords = [np.resize(["C:maj", "G:maj", "N"], len(clip)) for clip in clips]
    onsets = [np.arange(0.5, len(clip) / 10) for clip in clips]
    notes = [[(0.5, 2.0, 60)] for _ in clips]
    conv = {"excerpt_length": 16, "max_epochs": 8, **QUIET}
    for net, target in (
        (ConvTagger((8,), learning_rate=0.01, **conv), y),
        (ConvRegressor((4,), learning_rate=0.005, **conv), y % 2 * 1.0),
        (MultiTimescaleTagger((5, 10), max_epochs=3, **QUIET), y),
        (BLSTMChordRecognizer(n_units=4, max_epochs=5, **QUIET), chords),
        (OnsetDetector("rnn", n_units=4, max_epochs=5, **RATE, **QUIET), onsets),
        (PianoTranscriber("svm", max_epochs=5, frame_rate=10.0, **QUIET), notes),
    ):
        (warning,) = found(lambda net=net, target=target: net.fit(clips, target))
        assert "max_epochs" in str(warning.message)


def test_what_cannot_be_learned_is_not_trained_for_longer():
    y = np.random.RandomState(0).permutation(Y)
    noise = np.random.RandomState(1).randn(*X.shape)
    assert not found(lambda: mlp(30, dropout=0.9).fit(noise, y))


def test_validation_that_got_no_better_is_enough():
    rng = np.random.RandomState(0)
    noise, y = rng.randn(60, 5), np.arange(60) % 2
    settings = {"learning_rate": 0.01, "learning_rate_schedule": "constant"}
    net = mlp(30, dropout=0.0, input_dropout=0.0, **settings)
    assert found(lambda: net.fit(noise, y))
    others = rng.randn(60, 5)
    assert not found(lambda: net.fit(noise, y, X_val=others, y_val=y))


def test_early_stopping_that_has_ended_nothing_is_no_reason_to_be_quiet():
    (warning,) = found(lambda: mlp(4, early_stopping=True).fit(X, Y))
    assert "early_stopping has not ended it" in str(warning.message)
    assert not found(lambda: mlp(40, early_stopping=True).fit(X, Y))
    rng = np.random.RandomState(0)
    stopped = mlp(40, early_stopping=True, n_iter_no_change=2, tol=0.05)
    assert not found(lambda: stopped.fit(X, rng.permutation(Y)))
    assert stopped.n_iter_ < 40


def test_what_ends_a_fit_on_purpose_is_quiet():
    assert not found(lambda: mlp(4, warm_start=True).fit(X, Y))
    net = mlp(4)
    for _ in range(3):
        assert not found(lambda: net.partial_fit(X, Y, classes=[0, 1, 2]))
    assert not found(lambda: mlp(1).fit(X, Y))


def test_a_finished_fit_warns_again(tmp_path):
    nets = [mlp(5, checkpoint_dir=tmp_path) for _ in range(2)]
    first, second = (found(lambda net=net: net.fit(X, Y)) for net in nets)
    assert str(first[0].message) == str(second[0].message)


def test_a_loss_beyond_guessing_gets_another_warning():
    net = mlp(3, learning_rate=5.0, learning_rate_schedule="constant")
    (warning,) = found(lambda: net.fit(X, Y))
    assert "Lower learning_rate=5.0" in str(warning.message)
