"""The loop that trains nets: optimisers, seeds, callbacks, checkpoints."""

import multiprocessing
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import skorch.callbacks
import torch
from joblib import parallel_config
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepmir import DropoutMLPClassifier
from skdeepmir._errors import DivergenceError
from skdeepmir._sklearn import EpochWatch
from skdeepmir._training import _loop
from skdeepmir._training._optimizers import NesterovSGD, nesterov_momentum


def problem(n=120, n_classes=3, seed=0):
    X, y = make_classification(
        n, 10, n_informative=6, n_classes=n_classes, random_state=seed
    )
    return X.astype(np.float32), y


def net(**parameters):
    defaults = {
        "max_epochs": 4,
        "batch_size": 16,
        "learning_rate_schedule": "constant",
        "random_state": 0,
        "verbose": False,
    }
    sizes = parameters.pop("hidden_layer_sizes", (12, 8))
    return DropoutMLPClassifier(sizes, **{**defaults, **parameters})


def assert_same_weights(a, b):
    assert a.weights_.keys() == b.weights_.keys()
    for name, weights in a.weights_.items():
        np.testing.assert_array_equal(weights, b.weights_[name])


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
def progress(items, **kwargs):  # is called in the fit
    assert "torch" in sys.modules
    seen.append(sys.modules["torch"].get_num_threads())
    return items
from skdeepmir import _sklearn
_sklearn.progress = progress
assert "torch" not in sys.modules
DropoutMLPClassifier((4,), max_epochs=1).fit(np.eye(8), np.arange(8) % 2)
assert seen == [1], seen
"""


def test_the_first_fit_of_a_process_is_limited_as_well():
    environment = {n: v for n, v in os.environ.items() if "NUM_THREADS" not in n}
    subprocess.run([sys.executable, "-c", FIRST_FIT], check=True, env=environment)


class Stop(skorch.callbacks.Callback):
    def __init__(self, epoch, error=None):
        self.epoch, self.error = epoch, error

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) < self.epoch:
            return False
        if self.error is not None:
            raise self.error
        return True


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
    found = {}

    class Predict(skorch.callbacks.Callback):
        def on_epoch_end(self, net, dataset_valid, **kwargs):
            found["array"] = net.predict_proba(X[:5].astype(float))
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


SETTINGS = [
    {},
    {"early_stopping": True, "n_iter_no_change": 2, "optimizer": "sgd"},
    {"learning_rate_schedule": "adaptive", "n_iter_no_change": 1, "tol": 0.05},
    {"activation": "logistic", "pretraining": "rbm", "pretraining_epochs": 1},
    {"pretraining": "denoising_autoencoder", "pretraining_epochs": 1},
]


def assert_same_fit(a, b):
    assert_same_weights(a, b)
    assert vars(a).keys() == vars(b).keys() and a.n_iter_ == b.n_iter_
    for name in ("loss_curve_", "validation_scores_", "thresholds_"):
        if hasattr(a, name):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.fixture
def trained(monkeypatch):
    """Return a list with an item for each training that begins."""
    begun = []
    train = _loop.train

    def counting(*args, **options):
        if "checkpoint" in options:  # no pre-training
            begun.append(options["checkpoint"] and options["checkpoint"].state)
        return train(*args, **options)

    monkeypatch.setattr(_loop, "train", counting)
    return begun


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_a_broken_fit_goes_on_to_the_same_weights(options, tmp_path):
    X, y = problem()
    unbroken = net(max_epochs=6, **options).fit(X, y)
    for last in (1, 3, 5):
        folder = tmp_path / str(last)
        broken = net(
            max_epochs=6,
            checkpoint_dir=folder,
            callbacks=[Stop(last, RuntimeError("killed"))],
            **options,
        )
        with pytest.raises(RuntimeError, match="killed"):
            broken.fit(X, y)
        n_files = len(list(folder.iterdir()))
        assert n_files == (last > 1)  # the callback raises before the last save
        resumed = net(max_epochs=6, checkpoint_dir=folder, **options).fit(X, y)
        assert_same_fit(unbroken, resumed)
        (file,) = folder.iterdir()
        assert "-finished" in file.name


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_a_finished_fit_is_taken_by_the_next(options, tmp_path, trained):
    X, y = problem()
    first, second = (
        net(checkpoint_dir=tmp_path, **options).fit(X, y) for _ in range(2)
    )
    assert len(trained) == 1
    assert_same_fit(first, second)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    (file,) = tmp_path.iterdir()
    n_weights = sum(weights.size for weights in first.weights_.values())
    assert file.stat().st_size < 4 * n_weights + 6000


def test_finished_fits_know_memory_maps_and_names_of_labels(tmp_path, trained):
    X, y = problem()
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    (tmp_path / "fits").mkdir()
    kinds = []
    for inputs, labels in ((X, y), (mapped, y), (X, np.array(["a", "b", "c"])[y])):
        classifier = net(checkpoint_dir=tmp_path / "fits").fit(inputs, labels)
        kinds.append(classifier.predict(X).dtype.kind)
    assert len(trained) == 2 and kinds == ["i", "i", "U"]


def test_tuned_thresholds_are_those_of_the_finished_fit(tmp_path, trained):
    X, y = problem()
    tags = (y[:, None] == range(3)).astype(int)
    options = {"tune_thresholds": True, "checkpoint_dir": tmp_path}
    first, second = (net(**options).fit(X, tags) for _ in range(2))
    assert len(trained) == 1 and first.thresholds_.std() > 0
    assert_same_fit(first, second)


def test_warm_starts_take_their_own_finished_fit(tmp_path, trained):
    X, y = problem()
    chains = []
    for _ in range(2):
        chain = net(warm_start=True, checkpoint_dir=tmp_path).fit(X, y)
        chains.append([chain.weights_, chain.fit(X, y).weights_])
    assert len(trained) == 2 and len(list(tmp_path.iterdir())) == 2
    for first, second in zip(*chains, strict=True):
        for name, weights in first.items():
            np.testing.assert_array_equal(weights, second[name])
    before, after = chains[0]
    assert any((before[name] != after[name]).any() for name in before)


@pytest.mark.parametrize(
    "options",
    [
        {"random_state": None},
        {"random_state": np.random.RandomState(0)},
        {"callbacks": [skorch.callbacks.EarlyStopping("train_loss", patience=1)]},
    ],
    ids=["None", "RandomState", "callbacks"],
)
def test_fits_that_may_differ_are_not_kept(options, tmp_path, trained):
    X, y = problem()
    net(checkpoint_dir=tmp_path, **options).fit(X, y)
    assert not list(tmp_path.iterdir())
    net(checkpoint_dir=tmp_path).fit(X, y)
    net(checkpoint_dir=tmp_path, **options).fit(X, y)
    assert len(trained) == 3 and len(list(tmp_path.iterdir())) == 1


def test_epochs_of_a_finished_fit_are_not_repeated_for_callbacks(tmp_path):
    callback = pytest.importorskip("sklearn.callback")
    X, y = problem()
    first, second = (callback.ScoringMonitor(scoring="accuracy") for _ in range(2))
    net(checkpoint_dir=tmp_path).set_callbacks(first).fit(X, y)
    first.get_logs()
    net(checkpoint_dir=tmp_path).set_callbacks(second).fit(X, y)
    with pytest.raises(ValueError, match="No logs"):
        second.get_logs()


def test_a_fit_that_a_callback_stopped_is_not_kept(tmp_path):
    X, y = problem()
    for _ in range(2):
        classifier = net(checkpoint_dir=tmp_path)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(EpochWatch, "end", lambda watch, state: True)
            assert classifier.fit(X, y).n_iter_ == 1
        assert not list(tmp_path.iterdir())


def test_a_worker_whose_parent_is_gone_stops_training(monkeypatch):
    X, y = problem()
    ended = subprocess.Popen([sys.executable, "--version"], stdout=subprocess.DEVNULL)
    ended.wait()
    parents, exits = [os.getppid(), os.getpid(), ended.pid], []
    monkeypatch.setattr(os, "_exit", exits.append)
    worker = SimpleNamespace(name="LokyProcess-1")
    monkeypatch.setattr(multiprocessing, "current_process", lambda: worker)
    for pid in parents:
        parent = SimpleNamespace(pid=pid)
        monkeypatch.setattr(multiprocessing, "parent_process", lambda p=parent: p)
        assert not exits
        net().fit(X, y)
    assert exits == [1] * 4  # in each epoch


def test_unfinished_files_go_after_a_day(tmp_path):
    X, y = problem()
    net(checkpoint_dir=tmp_path).fit(X, y)
    (file,) = tmp_path.iterdir()
    strays = [tmp_path / f"{file.name}.0123456789a{k}.part" for k in (0, 1)]
    mine = tmp_path / "mine.part"
    for path in (*strays, mine):
        path.write_bytes(b"half")
    for path in (strays[0], mine):
        os.utime(path, (1e9, 1e9))
    net(checkpoint_dir=tmp_path).fit(X, y)
    assert set(tmp_path.iterdir()) == {file, strays[1], mine}


def test_a_fit_without_seed_goes_on_as_well(tmp_path):
    X, y = problem()
    first = []

    class Look(skorch.callbacks.Callback):
        def on_train_begin(self, net, **kwargs):
            first.append(net.module_.output.weight.detach().clone())

    for callbacks in ([Stop(3, RuntimeError("killed")), Look()], [Look()]):
        classifier = net(
            random_state=None, checkpoint_dir=tmp_path, callbacks=callbacks
        )
        if len(callbacks) == 2:
            with pytest.raises(RuntimeError):
                classifier.fit(X, y)
    classifier.fit(X, y)
    assert classifier.n_iter_ == 4
    assert not torch.equal(*first)  # the second began where the first ended


def test_no_fit_goes_on_from_another(tmp_path):
    X, y = problem()
    stop = [Stop(3, RuntimeError("killed"))]
    with pytest.raises(RuntimeError):
        net(checkpoint_dir=tmp_path, callbacks=stop).fit(X, y)
    others = [
        (net(checkpoint_dir=tmp_path, dropout=0.2), X, y),
        (net(checkpoint_dir=tmp_path), X[:-1], y[:-1]),
        (net(checkpoint_dir=tmp_path), X, (y + 1) % 3),
    ]
    for classifier, other_X, other_y in others:
        plain = clone(classifier).set_params(checkpoint_dir=None).fit(other_X, other_y)
        assert_same_weights(plain, classifier.fit(other_X, other_y))
    names = [path.stem for path in tmp_path.iterdir()]
    assert sum("-finished" in name for name in names) == 3
    assert len(names) == 4  # the fit that was killed may still go on


def test_a_file_is_no_checkpoint_folder(tmp_path):
    X, y = problem()
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(ValueError, match="checkpoint_dir=.*is a file"):
            net(checkpoint_dir=path).fit(X, y)


def damages(content):
    yield b""
    yield content[: len(content) // 2]
    yield content + b"\0"
    yield b"not a checkpoint"
    for position in np.random.RandomState(0).randint(8 * len(content), size=8):
        flipped = bytearray(content)
        flipped[position // 8] ^= 1 << position % 8
        yield bytes(flipped)


@pytest.mark.parametrize("is_finished", [False, True])
def test_a_damaged_checkpoint_is_reported_and_not_used(is_finished, tmp_path, trained):
    X, y = problem()
    if is_finished:
        net(checkpoint_dir=tmp_path).fit(X, y)
    else:
        with pytest.raises(RuntimeError):
            stop = [Stop(3, RuntimeError("killed"))]
            net(checkpoint_dir=tmp_path, callbacks=stop).fit(X, y)
    (file,) = tmp_path.iterdir()
    content, expected = file.read_bytes(), net(checkpoint_dir=None).fit(X, y)
    for damaged in damages(content):
        for path in tmp_path.iterdir():
            path.unlink()
        file.write_bytes(damaged)
        with pytest.warns(UserWarning, match="is damaged: its checksum differs"):
            resumed = net(checkpoint_dir=tmp_path).fit(X, y)
        assert_same_weights(expected, resumed)
        assert trained[-1] is None


def test_a_checkpoint_under_the_name_of_another_is_not_used(tmp_path):
    X, y = problem()
    net(checkpoint_dir=tmp_path).fit(X, y)
    (other,) = tmp_path.iterdir()
    other = other.rename(tmp_path / "other")
    net(checkpoint_dir=tmp_path, dropout=0.1).fit(X, y)
    other.rename(next(tmp_path.glob("*-finished.pt")))
    with pytest.warns(UserWarning, match="is damaged"):
        net(checkpoint_dir=tmp_path, dropout=0.1).fit(X, y)
