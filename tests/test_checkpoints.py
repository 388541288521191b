"""Fits that are killed, and go on; fits that are finished, and taken."""

import copy
import os

import numpy as np
import pytest
import skorch.callbacks
import torch
from sklearn.base import clone
from small_nets import Stop, assert_same_weights, net, problem

from skdeepmir import DBNFeatureLearner
from skdeepmir._sklearn import EpochWatch
from skdeepmir._training import _estimator

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
    train = _estimator.train

    def counting(*args, **options):
        if "checkpoint" in options:  # no pre-training
            begun.append(options["checkpoint"] and options["checkpoint"].state)
        return train(*args, **options)

    monkeypatch.setattr(_estimator, "train", counting)
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


OWN = """
from skdeepmir import DropoutMLPClassifier

class Own(DropoutMLPClassifier):
    def _finish(self, given, training, batches):
        next(training.net.parameters()).data *= 2
"""


def test_another_estimator_of_the_same_name_is_fitted_anew(tmp_path):
    X, y = problem()
    for code in (OWN, OWN.replace("*= 2", "*= 3")):  # as in a notebook
        space = {"__name__": "__main__"}
        exec(code, space)
        own = space["Own"]((4,), max_epochs=2, random_state=0, verbose=False)
        kept = clone(own).set_params(checkpoint_dir=tmp_path).fit(X, y)
        assert_same_fit(own.fit(X, y), kept)


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


class Unpicklable(skorch.callbacks.Callback):
    def __init__(self):
        self.function = lambda: None


def test_a_warm_start_is_the_same_fit_with_other_callbacks(tmp_path):
    X, y = problem()
    first = net(warm_start=True, checkpoint_dir=tmp_path).fit(X, y)
    begun = copy.deepcopy(first)
    first.fit(X, y)
    n_files = len(list(tmp_path.iterdir()))
    begun.set_params(
        verbose=True, callbacks=[Unpicklable(), Stop(2, KeyboardInterrupt)]
    )
    with pytest.raises(KeyboardInterrupt):
        begun.fit(X, y)
    begun.set_params(callbacks=None)
    assert_same_weights(begun.fit(X, y), first)
    assert len(list(tmp_path.iterdir())) == n_files


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
            patch.setattr(EpochWatch, "end", lambda watch, state, losses: True)
            assert classifier.fit(X, y).n_iter_ == 1
        assert not list(tmp_path.iterdir())


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


class Break(skorch.callbacks.Callback):
    """Break a fit in an epoch, counted over all of its stages."""

    def __init__(self, n_epochs):
        self.n_left = n_epochs

    def on_epoch_end(self, net, **kwargs):
        self.n_left -= 1
        if self.n_left == 0:
            raise RuntimeError("killed")


def learner(**parameters):
    defaults = {"max_epochs": 2, "joint_epochs": 2, "finetune_epochs": 2}
    defaults |= {"batch_size": 20, "random_state": 0, "verbose": False}
    return DBNFeatureLearner((5, 4), **defaults | parameters)


def assert_same_learner(a, b):
    assert vars(a).keys() == vars(b).keys()
    for name in (name for name in vars(a) if name.endswith("_")):
        pair = getattr(a, name), getattr(b, name)
        for one, other in zip(*pair, strict=True) if name in LISTS else [pair]:
            np.testing.assert_array_equal(one, other)


LISTS = [f"{kind}_weights_" for kind in ("feedback", "inference")]
LISTS += ["weights_", "hidden_biases_", "visible_biases_", "inference_biases_"]
LISTS += ["reconstruction_errors_", "free_energy_gaps_"]
LEARNERS = [
    {},
    {"pretraining": "dbm", "cd_steps": 2},
    {"pretraining": "denoising_autoencoder", "corruption": "salt_and_pepper"},
    {"persistent": True, "sparsity_target": 0.1, "layers": "all"},
    {"precision": "bfloat16", "visible": "binary"},
    {"early_stopping": True, "n_iter_no_change": 1, "tol": 0.01, "max_epochs": 4},
]


@pytest.fixture
def epochs(monkeypatch):
    """Return a list with an item for each epoch that begins."""
    begun = []
    begin = EpochWatch.begin
    monkeypatch.setattr(
        EpochWatch, "begin", lambda watch: begun.append(watch) or begin(watch)
    )
    return begun


@pytest.mark.parametrize("options", LEARNERS, ids=str)
def test_a_learner_that_is_killed_in_any_stage_ends_with_the_same_bits(
    options, tmp_path, epochs
):
    X, y = problem()
    X = (X - X.min()) / np.ptp(X)
    unbroken = learner(**options).fit(X, y)
    n_stages = 4 if options.get("pretraining") == "dbm" else 3
    curves = [*unbroken.reconstruction_errors_, unbroken.loss_curve_]
    assert len(curves) == n_stages and all(map(len, curves))
    for epoch in range(1, unbroken.n_iter_ + 1):
        folder = tmp_path / str(epoch)
        broken = learner(**options, checkpoint_dir=folder, callbacks=[Break(epoch)])
        with pytest.raises(RuntimeError, match="killed"):
            broken.fit(X, y)
        assert not hasattr(broken, "weights_")
        epochs.clear()
        resumed, finished = (
            learner(**options, checkpoint_dir=folder).fit(X, y) for _ in range(2)
        )
        assert len(epochs) == unbroken.n_iter_ - (epoch - 1)  # what was not saved yet
        for other in (resumed, finished):
            assert_same_learner(unbroken, other)
        (file,) = folder.iterdir()
        assert "-finished" in file.name


def test_no_learner_goes_on_from_another(tmp_path):
    X, y = problem()
    with pytest.raises(RuntimeError):
        learner(checkpoint_dir=tmp_path, callbacks=[Break(5)]).fit(X, y)
    for options, labels in (({"cd_steps": 2}, y), ({}, None), ({}, (y + 1) % 3)):
        expected = learner(**options).fit(X, labels)
        found = learner(**options, checkpoint_dir=tmp_path).fit(X, labels)
        assert_same_learner(expected, found)
