"""The loop that trains nets: optimisers, seeds, callbacks."""

import os
import subprocess
import sys

import numpy as np
import pytest
import skorch.callbacks
import torch
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import Stop, assert_same_weights, net, problem

from skdeepmir import DBNFeatureLearner
from skdeepmir._errors import DivergenceError
from skdeepmir._training._gradient import NesterovSGD, nesterov_momentum


def test_nesterov_momentum_has_the_values_of_the_paper():
    steps = [0, 249, 250, 500, 750, 249_750]
    momenta = [nesterov_momentum(t, 0.999) for t in steps]
    np.testing.assert_allclose(momenta, [0.5, 0.5, 0.75, 5 / 6, 0.875, 0.9995 - 5e-4])
    by_the_formula = [1 - 2 ** (-1 - np.log2(t // 250 + 1)) for t in steps[:5]]
    np.testing.assert_allclose(momenta[:5], by_the_formula)
    assert nesterov_momentum(10_000, 0.9) == 0.9


def test_nesterov_sgd_takes_gradients_ahead_of_the_parameters():
    curvature = torch.tensor([1.0, 10.0], dtype=torch.float64)
    theta = torch.tensor([1.0, -2.0], dtype=torch.float64)
    rate, decay = 0.01, 0.1
    p = torch.nn.Parameter(theta.clone())
    optimizer = NesterovSGD([p], rate, momentum=0.99, weight_decay=decay)
    velocity = torch.zeros(2, dtype=torch.float64)
    for step in range(600):
        momentum = nesterov_momentum(step, 0.99)
        ahead = theta + momentum * velocity
        velocity = momentum * velocity - rate * (curvature + decay) * ahead
        theta = theta + velocity
        optimizer.zero_grad()
        (0.5 * curvature * p**2).sum().backward()
        optimizer.step()
    next_momentum = nesterov_momentum(600, 0.99)
    torch.testing.assert_close(p.data, theta + next_momentum * velocity)


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize("schedule", ["constant", "linear", "exponential", "adaptive"])
def test_every_optimizer_learns(optimizer, schedule):
    X, y = problem()
    rate = {"sgd": 0.1, "adagrad": 0.1, "adam": 0.02}[optimizer]
    classifier = net(
        optimizer=optimizer,
        learning_rate=rate,
        learning_rate_schedule=schedule,
        max_epochs=60,
        dropout=0.1,
        input_dropout=0,
    )
    assert classifier.fit(X, y).score(X, y) > 0.85


class Rates(skorch.callbacks.Callback):
    def on_train_begin(self, net, **kwargs):
        self.rates_ = []

    def on_epoch_end(self, net, **kwargs):
        self.rates_.append(net.optimizer_.param_groups[0]["lr"])


@pytest.mark.parametrize(
    "schedule, expected",
    [
        ("constant", [0.1, 0.1, 0.1, 0.1]),
        ("linear", [0.1, 0.075, 0.05, 0.025]),
        ("exponential", [0.1, 0.05, 0.025, 0.0125]),
        ("adaptive", [0.1, 0.1, 0.02, 0.004]),
    ],
)
def test_schedules_set_the_rate_of_each_epoch(schedule, expected):
    X, y = problem()
    rates = Rates()
    net(
        optimizer="sgd",
        learning_rate=0.1,
        learning_rate_schedule=schedule,
        learning_rate_decay=0.5,
        n_iter_no_change=1,
        tol=100.0,  # no epoch gains as much, but the first
        callbacks=[rates],
    ).fit(X, y)
    np.testing.assert_allclose(rates.rates_, expected)


def test_weight_decay_shrinks_weights_and_not_biases():
    X, y = problem()
    X = X + 1
    plain, decayed = (
        net(weight_decay=decay, max_epochs=30, dropout=0).fit(X, y)
        for decay in (0.0, 1.0)
    )

    def size(arrays):
        return sum(np.square(a).sum() for a in arrays)

    assert size(decayed.coefs_) < 0.5 * size(plain.coefs_)
    assert size(decayed.intercepts_) > 0.2 * size(plain.intercepts_)


def test_gradient_clipping_bounds_the_first_step():
    X, y = problem()
    steps = {"optimizer": "sgd", "learning_rate": 1.0, "momentum": 0.0}
    whole = {"batch_size": None, "max_epochs": 1, "dropout": 0, "input_dropout": 0}
    # A rate of next to nothing leaves the first weights.
    first = net(**steps, **whole).set_params(learning_rate=1e-30).fit(X, y)

    def distance(other):
        pairs = zip(first.weights_.values(), other.weights_.values(), strict=True)
        return np.sqrt(sum(np.square(a - b).sum() for a, b in pairs))

    assert distance(net(**steps, **whole).fit(X, y)) > 0.2
    clipped = net(**steps, **whole, gradient_clipping=0.1).fit(X, y)
    assert distance(clipped) == pytest.approx(0.1, rel=1e-4)


@pytest.mark.parametrize("precision", ["bfloat16", "float64"])
def test_other_precisions_learn_about_the_same(precision):
    X, y = problem(400)
    ours = net(max_epochs=20, precision=precision).fit(X, y)
    theirs = net(max_epochs=20).fit(X, y)
    difference = np.abs(ours.predict_proba(X) - theirs.predict_proba(X))
    assert 0 < difference.mean() < 0.05
    dtype = np.float64 if precision == "float64" else np.float32
    assert {w.dtype for w in ours.weights_.values()} == {np.dtype(dtype)}


def test_divergence_is_an_error_that_says_what_to_change():
    X, y = problem()
    with pytest.raises(DivergenceError, match=r"learning_rate=1e\+30.*StandardScaler"):
        net(optimizer="sgd", learning_rate=1e30).fit(X, y)


def test_training_that_ends_worse_than_guessing_is_reported():
    X, y = problem()
    with pytest.warns(ConvergenceWarning, match=r"guessing has 1.1.*learning_rate=3"):
        net(optimizer="adam", learning_rate=300.0, max_epochs=2).fit(X, y)


def test_same_seed_same_weights_over_workers_and_backends():
    X, y = problem()

    def fits(n_jobs, backend):
        with parallel_config(backend, n_jobs=n_jobs):
            result = cross_validate(
                net(hidden_layer_sizes=(64, 64)), X, y, cv=4, return_estimator=True
            )
        return result["estimator"]

    reference = fits(1, "loky")
    for n_jobs, backend in [
        (1, "loky"),
        (2, "loky"),
        (4, "loky"),
        (2, "threading"),
        (4, "threading"),
    ]:
        for a, b in zip(reference, fits(n_jobs, backend), strict=True):
            assert_same_weights(a, b)


def test_global_generators_and_threads_are_left_alone():
    X, y = problem()
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    n_threads = torch.get_num_threads()
    net(early_stopping=True).fit(X, y).predict(X)
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()
    assert torch.get_num_threads() == n_threads


def test_threads_are_those_asked_for():
    seen = []

    class Threads(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(torch.get_num_threads())

    X, y = problem()
    before = torch.get_num_threads()
    for n_threads in (1, 2, None):
        net(n_threads=n_threads, max_epochs=1, callbacks=[Threads()]).fit(X, y)
    assert seen == [1, 2, before]


FIRST_FIT = """
import sys
import numpy as np
from skdeepmir import DropoutMLPClassifier, _progress
seen = []
def progress_bar(**kwargs):  # is called in the fit
    assert "torch" in sys.modules
    seen.append(sys.modules["torch"].get_num_threads())
    return _progress.NoBar()
from skdeepmir import _sklearn
_sklearn.progress_bar = progress_bar
DropoutMLPClassifier((4,), max_epochs=1).fit(np.eye(8), np.arange(8) % 2)
assert seen == [1], seen
"""


def test_the_first_fit_of_a_process_is_limited_as_well():
    environment = {n: v for n, v in os.environ.items() if "NUM_THREADS" not in n}
    subprocess.run([sys.executable, "-c", FIRST_FIT], check=True, env=environment)


def test_a_callback_that_returns_true_stops():
    X, y = problem()
    assert net(callbacks=[Stop(2)]).fit(X, y).n_iter_ == 2


def test_ctrl_c_leaves_fit():
    X, y = problem()
    classifier = net(callbacks=[Stop(2, KeyboardInterrupt())])
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X, y)
    assert not hasattr(classifier, "weights_")


def test_skorch_callbacks_work_as_they_are():
    X, y = problem()
    scores, grads = [], []

    class Look(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            scores.append(net.history[-1])

        def on_grad_computed(self, net, named_parameters, **kwargs):
            grads.append(dict(named_parameters)["output.weight"].grad.norm().item())

    rates = Rates()
    classifier = net(
        early_stopping=True,
        max_epochs=60,
        optimizer="sgd",
        learning_rate=0.05,
        callbacks=[
            skorch.callbacks.EpochTimer(),
            skorch.callbacks.EpochScoring("accuracy", lower_is_better=False),
            skorch.callbacks.EpochScoring("accuracy", on_train=True, name="train_acc"),
            skorch.callbacks.LRScheduler("StepLR", step_size=1, gamma=0.5),
            skorch.callbacks.GradientNormClipping(1.0),
            skorch.callbacks.EarlyStopping(patience=3, threshold=0.9),
            ("look", Look()),
            rates,
        ],
    ).fit(X, y)
    assert classifier.n_iter_ == 4  # 1 + patience: no later epoch gains nine tenths
    assert len(grads) == 4 * 7  # 108 clips in batches of 16
    np.testing.assert_allclose(rates.rates_, 0.05 * 0.5 ** np.arange(4) / 2)
    last = scores[-1]
    assert last["train_loss"] == pytest.approx(classifier.loss_curve_[-1])
    assert last["valid_loss"] == pytest.approx(-classifier.validation_scores_[-1])
    assert 0 < last["accuracy"] <= 1 and 0 < last["train_acc"] <= 1 and last["dur"] > 0


def test_callbacks_get_probabilities_and_predict_on_arrays():
    X, y = problem()
    rows = (X[:5] - X.mean(axis=0)) / X.std(axis=0)  # as the module sees them
    found = {}

    class Predict(skorch.callbacks.Callback):
        def on_epoch_end(self, net, dataset_valid, **kwargs):
            found["array"] = net.predict_proba(rows.astype(float))
            found["loss"] = net.history[-1].get("loss")

    tags = np.stack([y == 0, y > 1], 1).astype(int)
    for labels, n in ((y, 3), (y > 1, 2), (tags, 2)):
        callbacks = [Predict()]
        if labels is not tags:  # scikit-learn's log loss takes them for classes
            scoring = skorch.callbacks.EpochScoring("neg_log_loss", name="loss")
            callbacks.insert(0, scoring)
        classifier = net(dropout=0, callbacks=callbacks)
        classifier.fit(X, labels, X_val=X[:30], y_val=labels[:30])
        assert found["array"].shape == (5, n)
        expected = classifier.predict_proba(X[:5])
        np.testing.assert_allclose(found["array"], expected, rtol=1e-4)
        if labels is not tags:
            score = classifier.validation_scores_[-1]
            assert found["loss"] == pytest.approx(score, rel=1e-4)


def test_skorch_checkpoints_are_written(tmp_path):
    X, y = problem()
    callbacks = [
        skorch.callbacks.Checkpoint(dirname=tmp_path / "a"),
        skorch.callbacks.TrainEndCheckpoint(dirname=tmp_path / "b"),
    ]
    net(callbacks=callbacks).fit(X, y, X_val=X, y_val=y)
    assert list((tmp_path / "a").glob("*.pt")) and list((tmp_path / "b").glob("*.pt"))


@pytest.mark.parametrize("bad", ["abc", 3, lambda net: True])
def test_what_is_no_callback_is_refused(bad):
    X, y = problem()
    with pytest.raises(TypeError, match="expected callbacks of skorch"):
        net(callbacks=[bad]).fit(X, y)


def test_callbacks_that_cannot_work_are_refused():
    X, y = problem()
    rates = skorch.callbacks.LRScheduler("StepLR", step_size=1)
    with pytest.raises(ValueError, match="LRScheduler.*'linear'.*'constant'"):
        net(callbacks=[rates], learning_rate_schedule="linear").fit(X, y)
    with pytest.raises(ValueError, match="'valid_loss'.*X_val"):
        net(callbacks=[skorch.callbacks.EarlyStopping()]).fit(X, y)
    net(callbacks=[skorch.callbacks.EarlyStopping("train_loss")]).fit(X, y)


def test_schedulers_have_nothing_to_set_without_an_optimizer():
    X, y = problem()
    rates = skorch.callbacks.LRScheduler("StepLR", step_size=1)
    learner = DBNFeatureLearner((4,), max_epochs=1, callbacks=[rates], verbose=False)
    with pytest.raises(ValueError, match="LRScheduler.*learning rate itself"):
        learner.fit(X, y)
    with pytest.raises(ValueError, match="LRScheduler.*learning rate itself"):
        learner.set_params(pretraining="denoising_autoencoder").fit(X)
    learner.set_params(pretraining=None, finetune_epochs=3).fit(X, y)
    assert learner.n_iter_ == 3


def test_batch_callbacks_change_nothing():
    X, y = problem()

    class Batches(skorch.callbacks.Callback):
        def on_batch_end(self, net, batch, training, loss, **kwargs):
            assert loss.item() > 0

    plain, watched = (
        net(early_stopping=True, callbacks=c).fit(X, y) for c in (None, [Batches()])
    )
    assert_same_weights(plain, watched)
    np.testing.assert_allclose(plain.loss_curve_, watched.loss_curve_, rtol=1e-6)


def test_scikit_learn_callbacks_see_every_epoch():
    callback = pytest.importorskip("sklearn.callback")
    X, y = problem()
    monitor = callback.ScoringMonitor(scoring="accuracy")
    classifier = net().set_callbacks(monitor, callback.ProgressBar())
    classifier.fit(X, y)
    log = monitor.get_logs().data_as_pandas
    assert len(log) == 4
    assert log["accuracy"].iloc[-1] == classifier.score(X, y)
    assert log["accuracy"].nunique() > 1


def test_scikit_learn_callbacks_see_every_epoch_of_a_search():
    callback = pytest.importorskip("sklearn.callback")
    X, y = problem()
    monitor = callback.ScoringMonitor(scoring="accuracy")
    pipeline = make_pipeline(StandardScaler(), net().set_callbacks(monitor))
    grid = {"dropoutmlpclassifier__dropout": [0.0, 0.5]}
    search = GridSearchCV(pipeline, grid, cv=KFold(2), n_jobs=2)
    search.set_callbacks(callback.ProgressBar()).fit(X, y)
    logs = monitor.get_logs()
    logs = logs if isinstance(logs, list) else [logs]
    assert sum(len(log.data_as_pandas) for log in logs) == 4 * (2 * 2 + 1)
