"""Nets that standardise what they see, and those that take it as it is."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import assert_same_weights, net, problem

from skdeepmir import (
    ConvRegressor,
    ConvTagger,
    DropoutMLPClassifier,
    MultiTimescaleTagger,
    load,
    save,
)

SHORT = {"max_epochs": 3, "random_state": 0, "verbose": False}
OTHERS = [
    ConvTagger((4,), excerpt_length=8, **SHORT),
    ConvRegressor((4,), excerpt_length=8, **SHORT),
    MultiTimescaleTagger((4, "clip"), n_units=6, **SHORT),
]


def scaled_outside(**parameters):
    return make_pipeline(StandardScaler(), net(standardize=False, **parameters))


def decibels(n=200):
    """Return statistics of log-mel bands, as far from 0 and 1 as these are, and y."""
    rng, y = np.random.RandomState(0), np.arange(n) % 2
    means = rng.uniform(-80, -20, size=30) + 2 * y[:, None] * rng.randn(30)
    return means + rng.randn(n, 30) * rng.uniform(1, 10, size=30), y


def test_decibels_are_learned_as_they_come():
    X, y = decibels()
    options = {"max_epochs": 10, "hidden_layer_sizes": (64, 64)}
    score = net(**options).fit(X[:150], y[:150]).score(X[150:], y[150:])
    raw = net(**options, standardize=False).fit(X[:150], y[:150])
    assert score > 0.9 > 0.8 > raw.score(X[150:], y[150:])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("offset", [0, 1e5])
def test_it_is_a_scaler_in_front(dtype, offset):
    X, y = problem()
    X = (20 * X.astype(np.float64) + offset).astype(dtype)
    inside, outside = net().fit(X, y), scaled_outside().fit(X, y)
    np.testing.assert_allclose(inside.mean_, outside[0].mean_, rtol=1e-12)
    np.testing.assert_allclose(inside.scale_, outside[0].scale_, rtol=1e-6)
    np.testing.assert_allclose(
        inside.predict_proba(X), outside.predict_proba(X), atol=2e-4
    )


def test_values_are_not_rounded_before_they_are_centred():
    X, y = problem()
    far = X.astype(np.float64) + 1e5  # float32 would leave steps of 0.008
    near = net().fit(X.astype(np.float64), y)
    np.testing.assert_allclose(
        net().fit(far, y).predict_proba(far), near.predict_proba(X), atol=1e-4
    )


@pytest.mark.parametrize("n_rows", [1, 3, 4097])
def test_frames_count_by_the_weight_of_their_clip(n_rows):
    rng = np.random.RandomState(0)
    clips = [rng.rand(n_rows + i, 4) * [1, 10, 100, 0] - 50 for i in range(6)]
    weights = np.array([1.0, 2, 0, 1, 3, 1])
    mlp = net(max_epochs=1, batch_size=None)
    fitted = mlp.fit(clips, [0, 1, 0, 1, 0, 1], sample_weight=weights)
    rows = np.concatenate(clips)
    of_rows = np.repeat(weights, [len(clip) for clip in clips])
    mean = np.average(rows, axis=0, weights=of_rows)
    variance = np.average(np.square(rows - mean), axis=0, weights=of_rows)
    np.testing.assert_allclose(fitted.mean_, mean, rtol=1e-12)
    np.testing.assert_allclose(fitted.scale_[:3], np.sqrt(variance[:3]), rtol=1e-12)
    assert fitted.scale_[3] == 1  # constant


def test_clips_that_are_held_out_are_not_learned_from():
    X, y = decibels()
    early = net(early_stopping=True, validation_fraction=0.5).fit(X, y)
    given = net().fit(X[:100], y[:100], X_val=X[100:] + 1000, y_val=y[100:])
    assert not np.allclose(early.mean_, X.mean(axis=0), rtol=1e-3)
    np.testing.assert_allclose(given.mean_, X[:100].mean(axis=0))
    assert given.validation_scores_[-1] < early.validation_scores_[-1]


def test_passes_learn_the_scale_of_all_clips_so_far():
    X, y = decibels()
    weights = np.random.RandomState(0).uniform(0.5, 2, len(y))
    fitted = net()
    for part in map(slice, (0, 1, 50, 60), (1, 50, 60, 200)):  # one has no deviations
        fitted.partial_fit(X[part], y[part], [0, 1], sample_weight=weights[part])
    mean = np.average(X, axis=0, weights=weights)
    variance = np.average((X - mean) ** 2, axis=0, weights=weights)
    assert fitted.n_rows_seen_ == pytest.approx(weights.sum())
    np.testing.assert_allclose(fitted.mean_, mean, rtol=1e-12)
    np.testing.assert_allclose(fitted.var_, variance, rtol=1e-9)
    for _ in range(20):
        fitted.partial_fit(X, y)
    assert fitted.score(X, y) > 0.7  # .75 has a fit of 20 epochs


@pytest.mark.parametrize("sizes", [(16,), ()])
@pytest.mark.parametrize("activation", ["relu", "maxout"])
def test_a_pass_keeps_what_the_net_gives_when_the_scale_changes(sizes, activation):
    X, y = decibels()
    options = {"hidden_layer_sizes": sizes, "activation": activation}
    fitted = net(**options, precision="float64").fit(X, y)
    before, scale = fitted.decision_function(X), fitted.scale_
    fitted.set_params(learning_rate=1e-12).partial_fit(3 * X[:100] + 40, y[:100])
    assert not np.allclose(fitted.scale_, scale)
    np.testing.assert_allclose(fitted.decision_function(X), before, atol=1e-6)


@pytest.mark.filterwarnings("ignore:Training ended")
def test_warm_starts_and_later_parameters_keep_the_scale():
    X, y = decibels()
    fitted = net(warm_start=True).fit(X, y)
    mean, probabilities = fitted.mean_, fitted.predict_proba(X)
    fitted.set_params(standardize=False)
    np.testing.assert_array_equal(fitted.predict_proba(X), probabilities)
    fitted.fit(X + 1, y)
    np.testing.assert_array_equal(fitted.mean_, mean)
    fitted.set_params(warm_start=False).fit(X, y)
    assert not hasattr(fitted, "mean_") and not hasattr(fitted, "scale_")


def test_a_finished_checkpoint_and_a_file_have_the_scale(tmp_path):
    X, y = decibels()
    first = net(checkpoint_dir=tmp_path).fit(X, y)
    again = net(checkpoint_dir=tmp_path).fit(X, y)
    save(again, tmp_path / "net")
    for other in (again, load(tmp_path / "net")):
        np.testing.assert_array_equal(first.predict_proba(X), other.predict_proba(X))
        np.testing.assert_array_equal(first.scale_, other.scale_)


def test_a_learner_scales_its_input_itself():
    X, y = problem()
    rbm = {"pretraining": "rbm", "pretraining_epochs": 1, "activation": "logistic"}
    fits = [net(**rbm, standardize=kind).fit(X, y) for kind in (True, False)]
    assert_same_weights(*fits)
    assert not hasattr(fits[0], "mean_")
    (learner,) = {fit.learner_ for fit in fits[:1]}
    pretrained = net(pretrained=learner, activation="logistic").fit(X, y)
    assert not hasattr(pretrained, "mean_")


def test_denoising_auto_encoders_see_what_the_net_sees():
    X, y = decibels()
    options = {"pretraining": "denoising_autoencoder", "pretraining_epochs": 2}
    inside, outside = net(**options).fit(X, y), scaled_outside(**options).fit(X, y)
    np.testing.assert_allclose(
        inside.predict_proba(X), outside.predict_proba(X), atol=1e-3
    )


@pytest.mark.parametrize("size", [1e170, 1e300])
def test_values_without_a_variance_are_refused(size):
    X, y = decibels()
    with pytest.raises(ValueError, match=r"X has values up to .*e\+.* Scale X"):
        net().fit(X * size, y)
    fitted = net().fit(X, y)
    with pytest.raises(ValueError, match="X has values .* deviations away"):
        fitted.predict(X * 1e40)


@pytest.mark.parametrize("estimator", OTHERS, ids=lambda e: type(e).__name__)
def test_others_take_features_as_they_are_as_well(estimator):
    rng, y = np.random.RandomState(0), np.arange(12) % 2
    clips = [rng.rand(12, 5) + label for label in y]
    raw = clone(estimator).set_params(standardize=False).fit(clips, y)
    assert not raw.mean_.any() and (raw.scale_ == 1).all()
    fitted = clone(estimator).fit(clips, y)
    assert fitted.mean_.all() and raw.mean_.shape == fitted.mean_.shape
    moved = [clip + 1 for clip in clips]
    again = clone(estimator).fit(moved, y)
    np.testing.assert_allclose(
        again.predict(moved), fitted.predict(clips), rtol=1e-3, atol=1e-3
    )


def test_rows_are_left_as_they_were():
    X, y = decibels()
    before = X.copy()
    X.flags.writeable = False
    net().fit(X, y).predict(X)
    np.testing.assert_array_equal(X, before)


def test_the_parameter_is_told_of():
    assert "standardize : bool, default=True" in DropoutMLPClassifier.__doc__
    with pytest.raises(ValueError, match="'standardize' parameter"):
        net(standardize="yes").fit(*problem())
