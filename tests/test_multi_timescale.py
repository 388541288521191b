"""MultiTimescaleTagger: its net by hand, windows of ragged clips, what it learns."""

import numpy as np
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from small_nets import clips_and_labels, seeded

from skdeepmir import (
    DropoutMLPClassifier,
    MultiTimescalePooler,
    MultiTimescaleTagger,
    load,
    save,
)
from skdeepmir._training._windows import WindowedClips, stack_windows
from skdeepmir.nets import MLP, MultiTimescaleNet, WindowBatch

FUNCTIONS = ("mean", "var", "max", "min")


def tagger(**parameters):
    defaults = {
        "windows": (8, 16, "clip"),
        "n_units": 10,
        "max_epochs": 30,
        "learning_rate": 0.01,
        "random_state": 0,
        "verbose": False,
    }
    return MultiTimescaleTagger(**{**defaults, **parameters})


def windows_of(counts, n_features=5, seed=0):
    """Return a batch of random windows; counts[scale][clip] is how many."""
    rows = [
        torch.randn(sum(n), n_features, generator=seeded(seed), dtype=torch.float64)
        for n in counts
    ]
    return WindowBatch(rows, [torch.tensor(n) for n in counts])


def net(n_scales, **parameters):
    made = MultiTimescaleNet(5, 3, n_scales, 7, generator=seeded(), **parameters)
    return made.double().eval()


@pytest.mark.parametrize("pooling", ["mean", "max", "both"])
@pytest.mark.parametrize("activation", ["logistic", "relu", "tanh", "softplus"])
def test_a_net_equals_a_loop_over_windows(pooling, activation):
    made = net(2, pooling=pooling, activation=activation)
    batch = windows_of([[3, 1, 4], [1, 1, 2]])
    apply = {
        "logistic": torch.sigmoid,
        "relu": torch.relu,
        "tanh": torch.tanh,
        "softplus": torch.nn.functional.softplus,
    }[activation]
    expected = []
    for clip in range(3):
        pooled = []
        for layer, windows, n in zip(
            made.hidden, batch.windows, batch.n_windows, strict=True
        ):
            first = int(n[:clip].sum())
            units = [
                apply(layer.weight @ windows[k] + layer.bias)
                for k in range(first, first + int(n[clip]))
            ]
            if pooling in ("mean", "both"):
                pooled.append(sum(units) / len(units))
            if pooling in ("max", "both"):
                pooled.append(torch.stack(units).amax(0))
        expected.append(made.output.weight @ torch.cat(pooled) + made.output.bias)
    torch.testing.assert_close(made(batch), torch.stack(expected))


def test_one_scale_with_one_window_is_a_perceptron():
    made = net(1)
    perceptron = MLP(5, 3, (7,), activation="logistic").double()
    perceptron.load_state_dict(made.state_dict())
    batch = windows_of([[1, 1, 1, 1]])
    torch.testing.assert_close(made(batch), perceptron(batch.windows[0]))


def test_gradients_reach_every_branch_and_match_differences():
    made = net(2, pooling="both").train()
    batch = windows_of([[3, 1], [2, 1]])
    weights = [p.detach().requires_grad_() for p in made.parameters()]
    names = [name for name, _ in made.named_parameters()]

    def loss(*weights):
        state = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(made, state, (batch,)).square().sum()

    assert torch.autograd.gradcheck(loss, weights)


def test_wrong_windows_are_refused():
    made = net(2)
    for batch in (windows_of([[2]]), windows_of([[2], [1]], n_features=4)):
        with pytest.raises(ValueError, match="expected 2 of"):
            made(batch)
    with pytest.raises(ValueError, match="pooling="):
        net(1, pooling="sum")
    with pytest.raises(ValueError, match="activation="):
        net(1, activation="maxout")


def test_batches_hold_the_windows_of_their_clips():
    rng = np.random.RandomState(0)
    clips = [
        [np.full((n, 2), 10.0 * i + s) + rng.rand(n, 2) for s, n in enumerate(counts)]
        for i, counts in enumerate([(3, 1), (1, 1), (4, 2), (2, 1)])
    ]
    stacked = stack_windows(clips, np.zeros((2, 2)), np.ones((2, 2)), torch.float64)
    data = WindowedClips(stacked, torch.arange(4), torch.arange(4.0))
    rows = torch.tensor([2, 0, 2])
    (batch,), y, weight, _ = data.batch(rows)
    assert len(data) == 4 and len(batch) == 3
    assert y.tolist() == weight.tolist() == [2, 0, 2]
    for s in range(2):
        expected = np.concatenate([clips[i][s] for i in rows])
        np.testing.assert_array_equal(batch.windows[s].numpy(), expected)
        assert batch.n_windows[s].tolist() == [len(clips[i][s]) for i in rows]


def test_windows_are_pooled_and_standardised_scale_by_scale():
    clips, y = clips_and_labels()
    fitted = tagger(functions=FUNCTIONS, max_epochs=1).fit(clips, y)
    assert fitted.window_frames_ == (8, 16, None)
    for s, window in enumerate((8, 16, "clip")):
        pooler = MultiTimescalePooler(FUNCTIONS, windows=window, output="windows")
        scaler = StandardScaler().fit(np.concatenate(pooler.fit_transform(clips)))
        np.testing.assert_allclose(fitted.mean_[s], scaler.mean_, rtol=1e-5)
        np.testing.assert_allclose(fitted.scale_[s], scaler.scale_, rtol=1e-5)


def test_a_prediction_equals_pooler_scaler_and_net_by_hand():
    clips, y = clips_and_labels()
    fitted = tagger().fit(clips, y)
    clip = clips[3].astype(np.float64)
    windows, n_windows = [], []
    for s, window in enumerate((8, 16, "clip")):
        pooler = MultiTimescalePooler(FUNCTIONS, windows=window, output="windows")
        rows = pooler.fit_transform([clip])[0]
        windows.append(torch.from_numpy((rows - fitted.mean_[s]) / fitted.scale_[s]))
        n_windows.append(torch.tensor([len(rows)]))
    logit = fitted.module_(WindowBatch(windows, n_windows)).item()
    np.testing.assert_allclose(fitted.decision_function([clip])[0], logit, rtol=1e-5)


def test_one_scale_predicts_as_a_perceptron_on_windows_with_its_weights():
    clips, y = clips_and_labels()
    fitted = tagger(windows=8).fit(clips, y)
    pooler = MultiTimescalePooler(FUNCTIONS, windows=8, output="windows")
    rows = [
        (windows - fitted.mean_[0]) / fitted.scale_[0]
        for windows in pooler.fit_transform([clip.astype(float) for clip in clips])
    ]
    perceptron = DropoutMLPClassifier(
        (10,), activation="logistic", max_epochs=1, verbose=False
    ).fit(rows, y)
    perceptron.weights_ = fitted.weights_
    np.testing.assert_allclose(
        perceptron.decision_function(rows), fitted.decision_function(clips), rtol=1e-4
    )


def test_seconds_are_frames_at_the_frame_rate():
    clips, y = clips_and_labels()
    seconds = tagger(windows=(0.4, 0.8), frame_rate=20.0).fit(clips, y)
    frames = tagger(windows=(8, 16)).fit(clips, y)
    assert seconds.window_frames_ == (8, 16)
    np.testing.assert_array_equal(
        seconds.predict_proba(clips), frames.predict_proba(clips)
    )


def test_the_order_of_windows_does_not_matter():
    clips, y = clips_and_labels()
    fitted = tagger(windows=(6,), overlap=0.0).fit(clips, y)
    clip = clips[0]  # 30 frames: five windows side by side
    shuffled = clip.reshape(5, 6, -1)[[3, 0, 4, 1, 2]].reshape(clip.shape)
    a, b = fitted.decision_function([clip, shuffled])
    np.testing.assert_allclose(a, b, rtol=1e-6)


def test_many_clips_are_predicted_as_each_alone():
    clips, y = clips_and_labels()
    fitted = tagger().fit(clips, y)
    many = [clip.astype(np.float64) for clip in clips] * 30  # more than one block
    together = fitted.decision_function(many)
    alone = np.concatenate([fitted.decision_function([clip]) for clip in many[:12]])
    np.testing.assert_allclose(together, np.tile(alone, 30), rtol=1e-6)


def test_every_kind_of_net_learns():
    clips, y = clips_and_labels()
    for parameters in (
        {},
        {"windows": "clip"},
        {"windows": 8},
        {"pooling": "max"},
        {"pooling": "both"},
        {"activation": "relu", "initialization": "he"},
        {"dropout": 0.2, "input_dropout": 0.2},
        {"functions": ("mean", "moment3", "median")},
        {"precision": "bfloat16"},
        {"batch_size": 5},
    ):
        assert tagger(**parameters).fit(clips, y).score(clips, y) == 1, parameters


def test_a_class_that_only_one_time_scale_shows():
    # Only means over short windows differ: of one class they alternate.
    rng = np.random.RandomState(0)
    y = np.array(["slow", "fast"] * 12)
    periods = {"slow": 16, "fast": 2}
    clips = []
    for label in y:
        phase = np.pi * (2 * np.arange(64) + 1) / periods[label]
        clips.append(np.sign(np.sin(phase))[:, None] + 0.1 * rng.randn(64, 1))
    scores = {}
    for windows in ((8,), (16,), (8, 16)):
        net = tagger(windows=windows, functions="mean", overlap=0.0, pooling="both")
        net.set_params(max_epochs=100, dropout=0.0, input_dropout=0.0)
        fitted = net.fit(clips[:16], y[:16])
        scores[windows] = fitted.score(clips[16:], y[16:])
    assert scores[8,] == scores[8, 16] == 1 > scores[16,]


def test_tags_of_synthetic_music_are_learned():
    from skdeepmir import SpectrogramExtractor
    from skdeepmir.datasets import make_tag_clips
    from skdeepmir.metrics import auc_tag

    music = make_tag_clips(n_clips=60, duration=(0.6, 1.0), random_state=0)
    frames = SpectrogramExtractor("log_mel", n_mels=32).fit_transform(music.data)
    train = music.groups < 22
    fitted = tagger(windows=(5, 10, "clip"), n_units=100, max_epochs=40).fit(
        [frames[i] for i in np.flatnonzero(train)], music.target[train]
    )
    test = [frames[i] for i in np.flatnonzero(~train)]
    found = fitted.predict(test)
    assert found.dtype == music.target.dtype and found.shape == (16, 6)
    assert auc_tag(music.target[~train], fitted.predict_proba(test)) > 0.65


def test_a_weight_of_two_is_a_clip_that_is_there_twice():
    clips, y = clips_and_labels()
    options = {"batch_size": None, "dropout": 0, "input_dropout": 0}
    options["precision"] = "float64"
    weight = np.where(np.arange(12) < 4, 2, 1)
    weighted = tagger(**options).fit(clips, y, sample_weight=weight)
    repeated = tagger(**options).fit(clips[:4] + clips, [*y[:4], *y])
    np.testing.assert_allclose(weighted.mean_, repeated.mean_)
    np.testing.assert_allclose(
        weighted.decision_function(clips), repeated.decision_function(clips), rtol=1e-6
    )


def test_thresholds_are_tuned_on_clips_that_are_held_out():
    clips, y = clips_and_labels(24)
    tags = np.stack([y, 1 - y], axis=1)
    options = {"tune_thresholds": True, "validation_fraction": 0.25}
    fitted = tagger(**options).fit(clips, tags)
    assert fitted.thresholds_.shape == (2,)
    expected = fitted.predict_proba(clips) > fitted.thresholds_
    np.testing.assert_array_equal(fitted.predict(clips), expected)
    assert (fitted.predict(clips) == tags).mean() > 0.9


def test_balanced_tags_and_warm_starts():
    clips, _ = clips_and_labels()
    tags = np.array([[1, 0], [1, 1], [1, 0]] * 4)
    fitted = tagger(class_weight="balanced", warm_start=True).fit(clips, tags)
    first = fitted.loss_curve_[0]
    assert fitted.fit(clips, tags).loss_curve_[0] < first


def test_partial_fit_learns_pass_by_pass():
    clips, y = clips_and_labels()
    fitted = tagger()
    for _ in range(30):
        fitted.partial_fit(clips, y, classes=[0, 1])
    assert fitted.score(clips, y) == 1 and len(fitted.loss_curve_) == 30


def test_early_stopping_and_validation_clips():
    clips, y = clips_and_labels(24)
    stopped = tagger(early_stopping=True, n_iter_no_change=3, tol=1.0, max_epochs=50)
    assert stopped.fit(clips, y).n_iter_ < 50
    watched = tagger(max_epochs=4).fit(clips, y, X_val=clips[:4], y_val=y[:4])
    plain = tagger(max_epochs=4).fit(clips, y)
    assert len(watched.validation_scores_) == 4
    for name, weights in plain.weights_.items():
        np.testing.assert_array_equal(weights, watched.weights_[name])


def test_same_seed_same_weights_and_checkpoints_go_on(tmp_path):
    clips, y = clips_and_labels()
    options = {"max_epochs": 6, "batch_size": 5}
    a, b = (tagger(**options).fit(clips, y) for _ in range(2))
    for name, weights in a.weights_.items():
        np.testing.assert_array_equal(weights, b.weights_[name])
    from test_training import Stop

    with pytest.raises(RuntimeError):
        stop = [Stop(4, RuntimeError("killed"))]
        tagger(checkpoint_dir=tmp_path, callbacks=stop, **options).fit(clips, y)
    resumed = tagger(checkpoint_dir=tmp_path, **options).fit(clips, y)
    for name, weights in a.weights_.items():
        np.testing.assert_array_equal(weights, resumed.weights_[name])


def test_callbacks_of_skorch_see_batches_and_scores():
    from skorch.callbacks import Callback, EpochScoring

    class Counter(Callback):
        n_clips = 0

        def on_batch_end(self, net, batch, training, **kwargs):
            self.n_clips += len(batch[0])

    clips, y = clips_and_labels()
    counter = Counter()
    scoring = EpochScoring(lambda net, X, y=None: 1.0, name="one", on_train=True)
    fitted = tagger(callbacks=[counter, scoring], batch_size=5, max_epochs=3)
    assert fitted.fit(clips, y).score(clips, y) >= 0.5
    assert counter.n_clips == 3 * 12


def test_string_labels_and_tags_are_saved_and_loaded(tmp_path):
    clips, y = clips_and_labels()
    names = np.array(["jazz", "techno"])[y]
    tags = np.stack([y, 1 - y, y], axis=1)
    for k, labels in enumerate((names, tags)):
        fitted = tagger().fit(clips, labels)
        assert (fitted.predict(clips) == labels).all()
        save(fitted, tmp_path / f"{k}.skdeepmir")
        loaded = load(tmp_path / f"{k}.skdeepmir")
        np.testing.assert_array_equal(
            loaded.predict_proba(clips), fitted.predict_proba(clips)
        )
        assert loaded.window_frames_ == (8, 16, None)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"windows": ()}, "windows=()"),
        ({"windows": (0.5,)}, "windows has 0.5; expected 'clip' or a whole number"),
        ({"windows": (8, "song")}, "windows has 'song'"),
        ({"functions": ("mean", "mode")}, "functions="),
    ],
)
def test_bad_windows_and_functions_are_named(parameters, message):
    clips, y = clips_and_labels()
    with pytest.raises(ValueError) as caught:
        tagger(**parameters).fit(clips, y)
    assert message in str(caught.value)
    assert not hasattr(tagger(), "window_frames_")


def test_windows_are_those_of_the_fit():
    clips, y = clips_and_labels()
    fitted = tagger().fit(clips, y)
    before = fitted.predict_proba(clips)
    fitted.set_params(windows=(4, 8, 12), functions=("mean", "var"))
    assert fitted.window_frames_[0] == 8
    np.testing.assert_array_equal(fitted.predict_proba(clips), before)


def test_many_windows_are_averaged_exactly_under_autocast():
    made = net(1).float()
    batch = windows_of([[2000]])
    batch.windows[0] = batch.windows[0].float()
    exact = made(batch)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(made(batch).float(), exact, atol=0.05, rtol=0.02)


def test_windows_and_functions_may_be_arrays():
    rng = np.random.RandomState(0)
    clips, y = [rng.rand(20, 3) for _ in range(6)], np.arange(6) % 2
    options = {"n_units": 3, "max_epochs": 2, "random_state": 0, "verbose": False}
    expected = MultiTimescaleTagger((4, 8), functions=("mean", "max"), **options)
    tagger = MultiTimescaleTagger(
        np.array([4, 8]), functions=np.array(["mean", "max"]), **options
    )
    np.testing.assert_array_equal(
        tagger.fit(clips, y).predict_proba(clips),
        expected.fit(clips, y).predict_proba(clips),
    )


def test_features_that_are_constant_but_for_rounding_are_not_blown_up():
    clips, y = clips_and_labels()
    rng = np.random.RandomState(0)
    for clip in clips:
        clip[:, 3] = 1000 + 1e-4 * rng.randn(len(clip))
    fitted = tagger(functions=("mean",)).fit(clips, y)
    assert (fitted.scale_[:, 3] == 1).all() and (fitted.scale_[:, :3] != 1).all()
