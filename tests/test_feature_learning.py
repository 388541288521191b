from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import skorch.callbacks
import torch
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skdeepmir import (
    DBNFeatureLearner,
    MultiTimescalePooler,
    load_clips,
    save_clips,
)
from skdeepmir._sklearn import CallbackSupportMixin
from skdeepmir._training._data import Batch, LabelledClips, held_out
from skdeepmir.feature_learning import DivergenceError, _frame_batches
from skdeepmir.feature_learning._frame_batches import FrameBatches
from skdeepmir.feature_learning._rbm import RBM, ContrastiveDivergence
from skdeepmir.feature_learning._steps import Stage
from skdeepmir.frames import ClipLayout
from skdeepmir.nets import DenoisingAutoencoder


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


def make_clips(n_clips=12, n_features=6, seed=0):
    """Return clips of two classes that differ in how two features go together."""
    rng = np.random.RandomState(seed)
    clips, y = [], np.arange(n_clips) % 2
    for label in y:
        frames = rng.randn(rng.randint(30, 60), n_features)
        frames[:, 1] = frames[:, 0] * (1 if label else -1) + 0.1 * rng.randn(
            len(frames)
        )
        clips.append((frames * 5 + 3).astype(np.float32))
    return clips, y


def step_of(machine, rng, **changes):
    given = {
        "batch_size": 20,
        "cd_steps": 1,
        "persistent": False,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "sparsity_target": None,
        "precision": "float32",
    }
    given = SimpleNamespace(**given | changes)
    stage = Stage(0, given, [1.0], None, None, rng, torch.Generator())
    step = ContrastiveDivergence(machine, stage)
    step.begin_epoch(0, 0)
    return step


def batch_of(frames):
    frames = torch.from_numpy(frames)
    return Batch((frames,), frames, None, len(frames))


def free_energy(v, weights, visible_bias, hidden_bias, visible):
    energy = -torch.nn.functional.softplus(hidden_bias + v @ weights).sum(1)
    if visible == "binary":
        return energy - v @ visible_bias
    return energy + 0.5 * (v - visible_bias).square().sum(1)


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
@pytest.mark.parametrize("cd_steps", [1, 3])
def test_a_step_follows_the_difference_of_free_energies(visible, cd_steps):
    rng = np.random.default_rng(0)
    machine = RBM.initial(7, 5, visible, 0.3, rng)
    before = [
        torch.tensor(array.copy(), dtype=torch.float64, requires_grad=True)
        for array in (machine.weights, machine.visible_bias, machine.hidden_bias)
    ]
    v0 = rng.random((20, 7), dtype=np.float32)
    step = step_of(machine, rng, cd_steps=cd_steps)
    step(batch_of(v0))
    vk = step.seen[20:].double()  # what the Gibbs steps made of it, held fixed
    energies = [
        free_energy(v, *before, visible).mean()
        for v in (torch.tensor(v0, dtype=torch.float64), vk)
    ]
    (energies[0] - energies[1]).backward()
    learned = step.model
    after = learned.weights, learned.visible_bias, learned.hidden_bias
    for array, parameter in zip(after, before, strict=True):
        change = array - parameter.detach().numpy()
        np.testing.assert_allclose(change, -parameter.grad.numpy(), atol=1e-6)


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
def test_free_energy_equals_the_sum_over_all_hidden_states(visible):
    rng = np.random.default_rng(0)
    machine = RBM.initial(4, 3, visible, 1.0, rng)
    machine.visible_bias[:], machine.hidden_bias[:] = rng.random(4), rng.random(3)
    v = rng.random((5, 4))
    states = np.array([[i >> k & 1 for k in range(3)] for i in range(8)])
    linear = v @ machine.weights @ states.T + states @ machine.hidden_bias
    own = v @ machine.visible_bias
    if visible == "gaussian":
        own = -0.5 * np.square(v - machine.visible_bias).sum(axis=1)
    expected = -np.log(np.exp(linear + own[:, np.newaxis]).sum(axis=1))
    np.testing.assert_allclose(machine.free_energy(v), expected, rtol=1e-6)


def test_it_reconstructs_better_than_scikit_learn(digits):
    X, _ = digits
    theirs = BernoulliRBM(40, learning_rate=0.05, batch_size=20, n_iter=10).fit(X)
    hidden = theirs.transform(X)
    mean = 1 / (1 + np.exp(-(hidden @ theirs.components_ + theirs.intercept_visible_)))
    learner = DBNFeatureLearner((40,), visible="binary", batch_size=20, random_state=0)
    ours = learner.inverse_transform(learner.fit_transform(X))
    assert np.square(X - ours).mean() < np.square(X - mean).mean()


@pytest.mark.parametrize("visible", ["binary", "gaussian"])
@pytest.mark.parametrize(
    ("pretraining", "persistent"),
    [("rbm", False), ("rbm", True), ("denoising_autoencoder", False)],
)
def test_errors_fall_and_reconstructions_beat_the_mean(
    digits, visible, pretraining, persistent
):
    X = digits[0] if visible == "binary" else digits[0] * 3 + 7
    learner = DBNFeatureLearner(
        (50, 30),
        visible=visible,
        pretraining=pretraining,
        persistent=persistent,
        batch_size=20,
        max_epochs=15,
        random_state=0,
    ).fit(X)
    for errors in learner.reconstruction_errors_:
        assert len(errors) == 15 and errors[-1] < errors[0]
    restored = learner.inverse_transform(learner.transform(X))
    limit = 0.9 if persistent else 0.5
    assert np.square(X - restored).mean() < limit * X.var(axis=0).mean()


@pytest.mark.parametrize("corruption", ["masking", "salt_and_pepper", "gaussian"])
def test_corruption_does_what_it_is_called(corruption):
    generator = torch.Generator().manual_seed(0)
    coder = DenoisingAutoencoder(
        50, 50, corruption=0.3, corruption_kind=corruption, generator=generator
    )
    with torch.no_grad():  # puts out what it sees
        for layer in (coder.encoder, coder.decoder):
            layer.weight.copy_(torch.eye(50))
        batch = torch.empty(200, 50).uniform_(0.2, 0.8, generator=generator)
        corrupted = coder(batch)
        assert torch.equal(coder.eval()(batch), batch)
    batch, difference = batch.numpy(), (corrupted - batch).numpy()
    if corruption == "gaussian":  # as the rectifier leaves it where it is positive
        change = difference[batch > 0.7]
        assert abs(np.median(np.abs(change)) - 0.3 * 0.6745) < 0.02
        return
    changed = np.abs(difference) > 1e-6
    assert abs(changed.mean() - 0.3) < 0.02
    extremes = {np.float32(0)}
    if corruption == "salt_and_pepper":
        extremes = {batch.min(), batch.max()}
    assert set(np.unique(corrupted.numpy()[changed])) == extremes


def test_bfloat16_learns_as_well(digits):
    X, _ = digits
    errors = [
        DBNFeatureLearner((60,), visible="binary", precision=precision, random_state=0)
        .fit(X)
        .reconstruction_errors_[0][-1]
        for precision in ("float32", "bfloat16")
    ]
    assert abs(errors[1] / errors[0] - 1) < 0.03


def test_a_sparsity_target_is_approached(digits):
    X, _ = digits
    free, sparse = (
        DBNFeatureLearner(
            (40,),
            visible="binary",
            sparsity_target=target,
            sparsity_cost=1.0,
            random_state=0,
        )
        .fit_transform(X)
        .mean()
        for target in (None, 0.05)
    )
    assert sparse < 0.1 < free


def test_labels_shape_the_features():
    clips, y = make_clips(24)
    test_clips, test_y = make_clips(24, seed=1)
    scores = []
    for labels in (np.full(24, -1), y):
        learner = DBNFeatureLearner((20,), batch_size=20, random_state=0)
        learner.fit(clips, labels)
        pooler = MultiTimescalePooler("mean")
        means = pooler.fit_transform(learner.transform(clips))
        classifier = LogisticRegression(max_iter=1000).fit(means, y)
        test_means = pooler.transform(learner.transform(test_clips))
        scores.append(classifier.score(test_means, test_y))
    assert scores[1] >= 0.9
    assert learner.loss_curve_[-1] < 0.5 * learner.loss_curve_[0]
    assert list(learner.classes_) == [0, 1]


@pytest.mark.parametrize("missing", [-1, None, np.nan])
def test_clips_without_label_only_pretrain(missing):
    clips, y = make_clips()
    labels = y.copy() if missing == -1 else np.array(["a", "b"], dtype=object)[y]
    labels[::3] = missing
    learner = DBNFeatureLearner((4,), max_epochs=1, finetune_epochs=2, random_state=0)
    learner.fit(clips, labels)
    assert list(learner.classes_) == ([0, 1] if missing == -1 else ["a", "b"])
    assert len(learner.fit(clips, labels.astype(object)).classes_) == 2
    labels[:] = missing
    assert not hasattr(learner.fit(clips, labels), "classes_")
    assert len(learner.loss_curve_) == 0


def test_several_tags_at_once():
    clips, y = make_clips()
    tags = np.stack([y, 1 - y, np.ones_like(y)], axis=1)
    learner = DBNFeatureLearner((4,), max_epochs=1, finetune_epochs=3, random_state=0)
    learner.fit(clips, tags)
    assert len(learner.loss_curve_) == 3
    tags[::2] = -1  # no labels
    assert len(learner.fit(clips, tags).loss_curve_) == 3
    assert len(learner.fit(clips, np.full_like(tags, -1)).loss_curve_) == 0


@pytest.mark.parametrize(
    "y, message",
    [
        ([1] * 12, "y has 1 class"),
        ([0.5] * 11 + [0.7], "Unknown label type"),
        ([0, 1], "y has 2 labels, but X has 12"),
        (np.full((12, 2), 3), "row 0 has 3; expected 0 or 1"),
        (np.array(["a", 1] * 6, dtype=object), "row 1 is 1, but row 0 is 'a'"),
    ],
)
def test_bad_labels_are_refused(y, message):
    clips, _ = make_clips()
    with pytest.raises(ValueError, match=message):
        DBNFeatureLearner((4,), max_epochs=1).fit(clips, y)


@pytest.mark.parametrize(
    "layers, names",
    [
        ("last", ["dbn1_0", "dbn1_1"]),
        ("all", ["dbn0_0", "dbn0_1", "dbn0_2", "dbn1_0", "dbn1_1"]),
        ((0,), ["dbn0_0", "dbn0_1", "dbn0_2"]),
    ],
)
def test_layers_are_chosen_and_named(layers, names):
    clips, _ = make_clips()
    learner = DBNFeatureLearner((3, 2), layers=layers, max_epochs=1, random_state=0)
    features = learner.fit_transform(clips)
    assert list(learner.feature_names_) == names
    assert features[0].shape[1] == len(names)
    every = DBNFeatureLearner((3, 2), layers="all", max_epochs=1, random_state=0)
    both = every.fit_transform(clips)[0]
    place = [list(every.feature_names_).index(name) for name in names]
    np.testing.assert_array_equal(features[0], both[:, place])
    assert learner.inverse_transform(features)[0].shape == clips[0].shape


def test_typical_clips_score_higher():
    clips, _ = make_clips(40)
    learner = DBNFeatureLearner((20,), max_epochs=20, random_state=0).fit(clips)
    odd = [clip[:, ::-1] * 3 for clip in clips]
    assert learner.score_samples(clips).min() > learner.score_samples(odd).max()
    np.testing.assert_array_equal(
        learner.score_samples(clips), learner.score_samples(clips)
    )


def test_gaps_are_watched_on_held_out_clips():
    clips, _ = make_clips(40)
    learner = DBNFeatureLearner((8, 4), max_epochs=(3, 2), random_state=0).fit(clips)
    assert [len(gaps) for gaps in learner.free_energy_gaps_] == [3, 2]
    assert np.isfinite(np.concatenate(learner.free_energy_gaps_)).all()
    learner.set_params(validation_fraction=0).fit(clips)
    assert np.isnan(np.concatenate(learner.free_energy_gaps_)).all()


@pytest.mark.parametrize("pretraining", ["rbm", "dbm", "denoising_autoencoder", None])
def test_constant_features_silence_and_single_frames_stay_finite(pretraining):
    def learner(*sizes):
        return DBNFeatureLearner(
            sizes, pretraining=pretraining, finetune_epochs=3, random_state=0
        )

    clips, y = make_clips()
    clips = [np.column_stack([clip, np.full(len(clip), 1 / 3)]) for clip in clips]
    clips += [np.zeros((20, 7)), np.ones((1, 7))]
    for labels in (None, [*y, 0, 1]):
        features = learner(4, 3).fit(clips, labels).transform(clips)
        assert all(np.isfinite(clip).all() for clip in features)
    silence = [np.zeros((9, 3))] * 4  # fewer frames than a batch
    for labels in (None, [0, 1, 0, 1]):
        features = learner(4, 3).fit(silence, labels).transform(silence)
        assert all(np.isfinite(clip).all() for clip in features)
    one = learner(4).fit([np.ones((1, 3))])
    assert one.transform([np.ones((1, 3))])[0].shape == (1, 4)


def test_a_deep_boltzmann_machine_that_diverges_is_noticed(digits):
    learner = DBNFeatureLearner(
        (8, 4), visible="binary", pretraining="dbm", max_epochs=0, learning_rate=1e5,
        random_state=0,
    )  # fmt: skip
    with pytest.raises(DivergenceError, match="all layers together diverges"):
        learner.fit(digits[0])


def test_training_that_diverges_is_noticed(digits):
    for rate in (0.3, 1.0, 100.0):  # after some epochs, and within the first
        with pytest.raises(DivergenceError, match="layer 0 diverges.*learning_rate"):
            DBNFeatureLearner((50,), learning_rate=rate).fit(100 * digits[0])
    clips, y = make_clips()
    with pytest.raises(DivergenceError, match="finetune_learning_rate"):
        DBNFeatureLearner((4,), finetune_learning_rate=1e30).fit(clips, y)


def test_a_binary_layer_that_saturates_is_noticed():
    clips, _ = make_clips()
    with pytest.raises(DivergenceError, match="layer 1 diverges"):
        DBNFeatureLearner((5, 4), learning_rate=(0.005, 1e6)).fit(clips)


def test_a_refused_refit_keeps_the_old_one():
    clips, y = make_clips()
    learner = DBNFeatureLearner((4,), max_epochs=1, finetune_epochs=1).fit(clips, y)
    with pytest.raises(ValueError, match="1 class"):
        learner.fit([clip[:, :3] for clip in clips], np.ones(12))
    assert list(learner.classes_) == [0, 1] and learner.n_features_in_ == 6


def test_training_that_breaks_off_leaves_the_learner_as_it_was():
    clips, _ = make_clips()
    learner = DBNFeatureLearner((5,), random_state=0, learning_rate=1e6)
    with pytest.raises(DivergenceError):
        learner.fit(clips)
    with pytest.raises(NotFittedError):
        learner.transform(clips)
    learner.set_params(learning_rate="auto").partial_fit(clips)
    expected = learner.transform(clips)
    for fit in (learner.fit, learner.partial_fit):
        with pytest.raises(DivergenceError):
            learner.set_params(learning_rate=1e6)
            fit([clip * 2 for clip in clips])
        assert learner.n_passes_ == 1
        for a, b in zip(learner.transform(clips), expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("missing", [np.nan, -1, None])
@pytest.mark.parametrize("container", [list, pd.Series])
def test_labels_may_be_missing_in_any_container(missing, container):
    clips, _ = make_clips(4)
    learner = DBNFeatureLearner((3,), max_epochs=1, finetune_epochs=1, random_state=0)
    learner.fit(clips, container(["a", missing, "b", "a"]))
    assert list(learner.classes_) == ["a", "b"]


def test_values_beyond_0_and_1_are_not_binary():
    clips = [np.ones((3, 2)), np.full((3, 2), 1.5)]
    with pytest.raises(ValueError, match="clip 1 has values from 1.5 to 1.5"):
        DBNFeatureLearner(visible="binary").fit(clips)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes"),
        ({"learning_rate": (0.1,)}, "learning_rate"),
        ({"max_epochs": (1, 2)}, "max_epochs"),
        ({"layers": (3,)}, "layers"),
        ({"learning_rate": (0.1, 0.0, 0.1)}, "learning_rate"),
        ({"max_epochs": (1.5, 1, 1)}, "max_epochs"),
        ({"corruption_level": 1.5}, "corruption_level"),
        ({"device": "gpu"}, "device"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        DBNFeatureLearner(**parameters).fit([np.ones((9, 2))])


def test_a_stream_of_clips_is_learned_pass_by_pass():
    clips, _ = make_clips(40)
    learner = DBNFeatureLearner((10,), learning_rate=0.05, random_state=0)
    errors = []
    for _ in range(10):
        for start in range(0, 40, 10):
            assert learner.partial_fit(clips[start : start + 10]) is learner
        errors.append(learner.reconstruction_errors_[0][-1])
    assert learner.n_passes_ == 40
    assert errors[-1] < 0.9 * errors[0]  # 0.8, and a fiftieth of it is noise
    np.testing.assert_allclose(
        learner.mean_, np.concatenate(clips).mean(axis=0), rtol=1e-4
    )


def test_a_stream_keeps_its_sizes():
    clips, _ = make_clips()
    learner = DBNFeatureLearner((4,), random_state=0).partial_fit(clips)
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        learner.set_params(hidden_layer_sizes=(5,)).partial_fit(clips)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="device='cuda', but torch sees no CUDA GPU"):
        DBNFeatureLearner((4,), device="cuda").fit([np.ones((9, 2))])


@pytest.mark.parametrize("n_values", [50, 1 << 24])
def test_every_frame_comes_once_a_pass_with_its_label(n_values, monkeypatch):
    monkeypatch.setattr(_frame_batches, "VALUES_AT_ONCE", n_values)
    clips = [np.full((n, 1), 10 * n) + np.arange(n)[:, None] for n in (3, 30, 7, 12)]
    layout = ClipLayout("list", np.array([3, 30, 7, 12]))
    data = LabelledClips(clips, layout, layout.n_frames, None)
    rng = np.random.default_rng(0)
    batches = FrameBatches(data, None, np.float32, 4, rng, with_targets=True)
    for _ in range(2):
        taken = [(batch.inputs[0].numpy(), batch.targets.numpy()) for batch in batches]
        frames, labels = zip(*taken, strict=True)
        expected = np.sort(np.concatenate(clips), axis=0)
        np.testing.assert_array_equal(np.sort(np.concatenate(frames), axis=0), expected)
        for part, numbers in zip(frames, labels, strict=True):
            # A clip of n frames counts on from 10 n.
            assert ((part[:, 0] >= 10 * numbers) & (part[:, 0] < 11 * numbers)).all()


def test_clips_on_disk_give_the_same_features(tmp_path, monkeypatch):
    clips, _ = make_clips(40)
    save_clips(tmp_path / "clips.npy", clips)
    learner = DBNFeatureLearner((5,), max_epochs=2, random_state=0)
    expected = learner.fit_transform(clips)
    on_disk = learner.fit_transform(load_clips(tmp_path / "clips.npy"))
    np.testing.assert_array_equal(np.concatenate(on_disk), np.concatenate(expected))
    monkeypatch.setattr(_frame_batches, "VALUES_AT_ONCE", 1000)
    in_groups = learner.fit(load_clips(tmp_path / "clips.npy"))
    assert in_groups.reconstruction_errors_[0][-1] < 1.5


def test_it_is_searched_over_in_a_pipeline():
    clips, y = make_clips(16)
    pipeline = make_pipeline(
        DBNFeatureLearner(max_epochs=2, finetune_epochs=5, random_state=0),
        MultiTimescalePooler(),
        SVC(),
    )
    grid = {"dbnfeaturelearner__hidden_layer_sizes": [(3,), (6, 4)]}
    scores = [
        GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs)
        .fit(clips, y)
        .cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*scores)


@pytest.mark.skipif(
    not hasattr(CallbackSupportMixin, "set_callbacks"), reason="scikit-learn < 1.9"
)
def test_callbacks_see_every_epoch():
    class Counter:
        max_propagation_depth = None
        n_epochs = 0

        def setup(self, *args, **kwargs):
            pass

        def teardown(self, *args, **kwargs):
            pass

        def on_fit_task_begin(self, *args, **kwargs):
            pass

        def on_fit_task_end(self, *args, **kwargs):
            self.n_epochs += 1

    clips, y = make_clips()
    counter = Counter()
    learner = DBNFeatureLearner((4, 3), max_epochs=2, finetune_epochs=3, random_state=0)
    learner.set_callbacks(counter).fit(clips, y)
    assert counter.n_epochs == 2 + 2 + 3 + 1  # and the fit itself


@pytest.mark.skipif(
    not hasattr(CallbackSupportMixin, "set_callbacks"), reason="scikit-learn < 1.9"
)
@pytest.mark.parametrize("pretraining", ["rbm", "dbm"])
def test_a_scoring_monitor_sees_the_learner_after_each_epoch(pretraining):
    from sklearn.callback import ScoringMonitor

    def restoring(learner, X, y):
        restored = learner.inverse_transform(learner.transform(X))
        error = np.square(np.concatenate(restored) - np.concatenate(X)).mean()
        return {"error": float(error)}

    clips, y = make_clips()
    monitor = ScoringMonitor(scoring=restoring)
    learner = DBNFeatureLearner(
        (8, 4),
        pretraining=pretraining,
        max_epochs=3,
        joint_epochs=2,
        finetune_epochs=2,
        random_state=0,
        verbose=False,
    )
    learner.set_callbacks(monitor).fit(clips, y)
    log = monitor.get_logs().data_as_pandas
    assert len(log) == 3 + 3 + 2 + (2 if pretraining == "dbm" else 0)
    assert log["error"].between(1, 100).all()


def test_some_clip_is_held_out_of_few():
    clips, _ = make_clips(4)
    learner = DBNFeatureLearner((4,), max_epochs=2, random_state=0).fit(clips)
    assert np.isfinite(learner.free_energy_gaps_[0]).all()
    learner.fit(clips[:1])
    assert np.isnan(learner.free_energy_gaps_[0]).all()


def test_curves_of_a_stream_go_on():
    clips, _ = make_clips()
    learner = DBNFeatureLearner((4, 3), random_state=0)
    for n_passes in (1, 2, 3):
        learner.partial_fit(clips)
        assert learner.n_passes_ == n_passes
        assert [len(c) for c in learner.reconstruction_errors_] == [n_passes] * 2


def test_a_stream_does_not_change_its_kind():
    clips, _ = make_clips()
    learner = DBNFeatureLearner((4, 3), random_state=0).partial_fit(clips)
    with pytest.raises(ValueError, match="pretraining='dbm' cannot go on"):
        learner.set_params(pretraining="dbm").partial_fit(clips)


def test_new_clips_of_a_binary_layer_are_checked(digits):
    learner = DBNFeatureLearner((4,), visible="binary", max_epochs=1).fit(digits[0])
    with pytest.raises(ValueError, match="expects 0 to 1"):
        learner.transform(digits[0] * 16)


def test_values_beyond_float32_are_named():
    with pytest.raises(ValueError, match="3.4e38"):
        DBNFeatureLearner((4,)).fit(np.eye(6) * 1e300)


def test_sizes_and_rates_may_be_numbers_or_arrays():
    clips, _ = make_clips()
    learner = DBNFeatureLearner(5, max_epochs=1, random_state=0).fit(clips)
    assert [w.shape for w in learner.weights_] == [(6, 5)]
    learner.set_params(hidden_layer_sizes=np.array([5, 4])).fit(clips)
    expected = learner.transform(clips)
    learner.set_params(learning_rate=("auto", 0.05)).fit(clips)
    np.testing.assert_array_equal(learner.transform(clips)[0], expected[0])


def test_each_stage_stops_early_and_goes_back_to_its_best_epoch():
    clips, y = make_clips(30)
    y = y.copy()
    y[::3] = 1 - y[::3]  # labels that cannot be told
    options = {"batch_size": 20, "learning_rate": 0.05, "random_state": 0}
    options |= {"max_epochs": 30, "finetune_epochs": 60, "finetune_learning_rate": 0.3}
    options |= {"validation_fraction": 0.3, "early_stopping": True}
    learner = DBNFeatureLearner((8, 6), **options, n_iter_no_change=3)
    learner.fit(clips, y)
    lengths = [len(errors) for errors in learner.reconstruction_errors_]
    scores = learner.validation_scores_
    assert min(lengths) < 30 and len(scores) == len(learner.loss_curve_) < 60
    assert learner.n_iter_ == sum(lengths) + len(scores)
    best = int(np.argmax(scores)) + 1
    assert best < len(scores)
    features = np.concatenate(learner.transform(clips))
    learner.set_params(finetune_epochs=best).fit(clips, y)
    np.testing.assert_array_equal(np.concatenate(learner.transform(clips)), features)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_clips_that_may_stop_a_fit_are_not_learned_from(early_stopping):
    clips, y = make_clips(12)
    learner = DBNFeatureLearner(
        (4,), max_epochs=1, finetune_epochs=1, early_stopping=early_stopping,
        validation_fraction=0.3, random_state=0,
    )  # fmt: skip
    seed = np.random.RandomState(0).randint(2**31 - 1)
    is_held_out = held_out(12, 0.3, seed, y)
    others = [clip + out for clip, out in zip(clips, is_held_out, strict=True)]
    first, second = (learner.fit(X, y).weights_[0] for X in (clips, others))
    # Fine-tuning takes them where it may not stop early.
    assert np.array_equal(first, second) == early_stopping
    kept = [clips[i] for i in np.flatnonzero(~is_held_out)]
    np.testing.assert_allclose(
        learner.mean_, np.concatenate(kept).mean(axis=0), rtol=1e-4
    )
    first, second = (
        learner.fit(kept, y[~is_held_out], X_val=X[:3], y_val=y[:3]).weights_[0]
        for X in (clips, [clip + 1 for clip in clips])
    )
    np.testing.assert_array_equal(first, second)


def test_validation_clips_are_watched_in_every_stage():
    clips, y = make_clips(12)
    learner = DBNFeatureLearner((4,), max_epochs=2, finetune_epochs=3, random_state=0)
    learner.fit(clips[:9], y[:9], X_val=clips[9:], y_val=y[9:])
    assert len(learner.validation_scores_) == 3
    assert np.isfinite(learner.free_energy_gaps_[0]).all()
    learner.fit(clips[:9], X_val=clips[9:])
    assert np.isfinite(learner.free_energy_gaps_[0]).all()
    tags = np.stack([y, 1 - y], axis=1)
    learner.fit(clips[:9], tags[:9], X_val=clips[9:], y_val=tags[9:])
    assert len(learner.validation_scores_) == 3


@pytest.mark.parametrize(
    "parameters, n_labels, validation, message",
    [
        ({"validation_fraction": 0.99}, 12, {}, "validation_fraction=0.99 of 12"),
        ({"early_stopping": True, "validation_fraction": 0}, 12, {}, "=0 leaves"),
        ({"early_stopping": True}, 1, {}, "None of the . clips to .* has a label"),
        ({}, 12, {"X_val": slice(3)}, "without y_val"),
        ({}, 12, {"y_val": [0, 1, 1]}, "without X_val"),
        ({}, 12, {"X_val": slice(3), "y_val": [0, 1]}, "y_val has 2 labels"),
        ({}, 12, {"X_val": slice(3), "y_val": [0, 1, 5]}, r"y_val .*classes.*5"),
        ({}, 12, {"X_val": slice(3), "y_val": [-1, -1, -1]}, "None of the 3 clips"),
        ({}, 12, {"X_val": slice(2), "y_val": np.eye(2)}, "same kind of labels"),
    ],
)
def test_validation_that_cannot_be_is_refused(
    parameters, n_labels, validation, message
):
    clips, y = make_clips(12)
    if n_labels == 1:  # two classes, of which the second has a single clip
        y = np.full(12, -1)
        y[0], y[1] = 0, 1
    if "X_val" in validation:
        validation = {**validation, "X_val": clips[validation["X_val"]]}
    learner = DBNFeatureLearner((4,), max_epochs=1, random_state=0, **parameters)
    with pytest.raises(ValueError, match=message):
        learner.fit(clips, y, **validation)
    assert not hasattr(learner, "weights_")


@pytest.mark.parametrize("pretraining", ["rbm", "dbm", "denoising_autoencoder"])
def test_callbacks_of_skorch_see_the_module_of_each_stage(pretraining):
    class Look(skorch.callbacks.Callback):
        def on_train_begin(self, net, **kwargs):
            modules.append(net.module_)

        def on_epoch_end(self, net, **kwargs):
            losses.append(net.history[-1, ("train_loss", "valid_loss")])
            return len(net.history) == 2  # goes on to the next stage

    clips, y = make_clips()
    modules, losses = [], []
    learner = DBNFeatureLearner(
        (4, 3), pretraining=pretraining, callbacks=[Look()], random_state=0
    ).fit(clips, y, X_val=clips[:3], y_val=y[:3])
    curves = [*learner.reconstruction_errors_, learner.loss_curve_]
    assert [len(curve) for curve in curves] == [2] * len(curves)
    assert len(set(map(id, modules))) == len(curves)
    np.testing.assert_array_equal([loss[0] for loss in losses], np.concatenate(curves))
    assert all(np.isfinite(loss[1]) for loss in losses)
    assert all(list(module.parameters()) for module in modules)


def test_threads_change_rounding_alone():
    clips, _ = make_clips()
    one, more = (
        DBNFeatureLearner((8, 4), max_epochs=2, n_threads=n, random_state=0)
        for n in (1, 2)
    )
    for a, b in zip(one.fit(clips).weights_, more.fit(clips).weights_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_tags_are_missing_for_all_or_none():
    clips, _ = make_clips(6)
    tags = np.ones((6, 3), dtype=int)
    tags[4, 1] = -1
    with pytest.raises(ValueError, match="row 4 has -1.* -1 for all tags"):
        DBNFeatureLearner((4,), max_epochs=1).fit(clips, tags)


def test_labels_of_validation_clips_need_labels_to_learn_from():
    clips, labels = make_clips(12)
    learner = DBNFeatureLearner((4,), max_epochs=1, finetune_epochs=1)
    with pytest.raises(ValueError, match="y_val .*y "):
        learner.fit(clips[:8], X_val=clips[8:], y_val=labels[8:])


def test_callbacks_that_cannot_work_are_refused_before_training():
    clips, labels = make_clips(12)
    begun = []

    class Note(skorch.callbacks.Callback):
        def on_epoch_begin(self, net, **kwargs):
            begun.append(net)

    learner = DBNFeatureLearner(
        (4,), max_epochs=1, callbacks=[Note(), skorch.callbacks.EarlyStopping()]
    )
    with pytest.raises(ValueError, match="'valid_loss'.*X_val"):
        learner.fit(clips, labels)  # fine-tuning would have nothing to watch
    assert not begun
    assert learner.fit(clips).n_iter_ == len(begun) == 1
