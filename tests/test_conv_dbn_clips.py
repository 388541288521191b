"""ConvDBNFeatureLearner on clips: shapes, odd input, passes, going on after a kill."""

import re
import tracemalloc

import numpy as np
import pytest
import skorch.callbacks
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skdeepmir import (
    ConvDBNFeatureLearner,
    MultiTimescalePooler,
    SpectrogramExtractor,
    load,
    load_clips,
    make_pipeline,
    save,
    save_clips,
)
from skdeepmir.feature_learning import DivergenceError
from skdeepmir.feature_learning._whitening import Whitening
from skdeepmir.plotting import FilterDisplay, TrainingDisplay


def make_clips(n_clips=8, n_features=6, longest=60, seed=0):
    rng = np.random.RandomState(seed)
    mixing = rng.randn(n_features, n_features)
    return [rng.randn(longest - 5 * i, n_features) @ mixing + 3 for i in range(n_clips)]


def learner(*args, **options):
    defaults = {
        "n_filters": (5, 4),
        "filter_length": (4, 3),
        "pool_length": (3, 2),
        "n_components": 80,
        "excerpt_length": 24,
        "max_epochs": 2,
        "random_state": 0,
        "verbose": False,
    }
    return ConvDBNFeatureLearner(*args, **defaults | options)


@pytest.fixture(scope="module")
def clips():
    return make_clips()


@pytest.fixture(scope="module")
def fitted(clips):
    return learner(layers="all").fit(clips)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 5, 17, 60])
def test_features_are_slower_frames_however_short_the_clip(fitted, clips, n_frames):
    (features,) = fitted.transform([clips[0][:n_frames]])
    of_first = -(-n_frames // 3)
    assert features.shape == (-(-of_first // 2), 9)
    assert fitted.hop_ == 6
    assert features.min() > 0
    assert features.max() < 1


def test_lower_layers_are_averaged_to_the_rate_of_the_topmost(clips, fitted):
    alone = learner(layers=(0,)).fit(clips)
    assert alone.hop_ == 3
    fast, both = alone.transform(clips)[1], fitted.transform(clips)[1]
    expected = [fast[i : i + 2].mean(axis=0) for i in range(0, len(fast), 2)]
    np.testing.assert_allclose(both[:, :5], expected, rtol=1e-12)
    assert fitted.feature_names_.tolist()[4:6] == ["convdbn0_4", "convdbn1_0"]


def test_channels_are_white(clips):
    frames = np.concatenate(clips)
    whitening = Whitening.of(clips, 4)
    channels = whitening.apply(frames)
    np.testing.assert_allclose(channels.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(
        channels.T @ channels / len(frames), np.eye(4), atol=1e-5
    )
    everything = Whitening.of(clips, 80)
    assert len(everything.components) == 6
    back = everything.invert(everything.apply(frames))
    np.testing.assert_allclose(back, frames, atol=1e-4)
    plain = Whitening.of(clips, None).apply(frames)
    np.testing.assert_allclose(plain.std(axis=0), 1, rtol=1e-5)


def test_fewer_frames_than_components_have_fewer_components():
    clips = [np.random.RandomState(0).randn(5, 20)]
    found = learner(n_components=80, excerpt_length=24).fit(clips)
    assert found.n_components_ == 4  # what five frames differ in
    assert np.isfinite(found.transform(clips)[0]).all()


def test_constant_features_and_silent_clips_are_no_obstacle(clips):
    still = [np.hstack([clip, np.full((len(clip), 1), 7.0)]) for clip in clips]
    still.append(np.tile(still[0][:1], (30, 1)))  # a clip of one frame, held
    found = learner().fit(still)
    assert found.n_components_ == 6
    assert all(np.isfinite(f).all() for f in found.transform(still))
    assert (found.dewhitening_[:, 6] == 0).all()
    same = [np.full((20, 6), 3.0)] * 3
    found = learner().fit(same)
    assert found.n_components_ == 1
    assert np.isfinite(found.transform(same)[0]).all()


def test_layouts_and_precisions_agree(fitted):
    table = np.stack([clip[:20] for clip in make_clips()])
    found = fitted.transform(table)
    assert found.shape == (8, 4, 9)
    for one, other in zip(found, fitted.transform(list(table)), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(fitted.transform([table[3]])[0], found[3])
    single = fitted.transform(table.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, found, atol=1e-5)


def test_reconstructions_have_the_frames_of_what_they_are_of(fitted, clips):
    features = fitted.transform(clips)
    back = fitted.inverse_transform(features)
    assert [len(b) for b in back] == [6 * len(f) for f in features]
    rows = np.concatenate(clips)
    of_rows = learner().fit(rows)
    assert of_rows.inverse_transform(of_rows.transform(rows)).shape == rows.shape
    with pytest.raises(ValueError, match="8 features, expected the 9"):
        fitted.inverse_transform([f[:, :8] for f in features])


def test_learning_lowers_the_error_and_makes_data_more_probable_than_noise():
    rng = np.random.RandomState(0)
    steps = rng.randn(40, 80, 1) * np.ones(6)  # features that go together
    steps = steps + 0.3 * rng.randn(40, 80, 6)
    options = {"n_components": None, "max_epochs": 15, "batch_size": 4}
    options |= {"n_filters": 10, "filter_length": 3, "pool_length": 2}
    found = learner(**options).fit(list(steps))
    errors = found.reconstruction_errors_[0]
    assert errors[-1] < 0.7 * errors[0]
    noise = rng.randn(*steps.shape) * steps.std()
    assert (
        found.score_samples(list(steps)).mean()
        > found.score_samples(list(noise)).mean()
    )
    assert np.shape(found.score_samples(list(steps))) == (40,)
    assert np.isfinite(found.free_energy_gaps_[0]).all()


def test_passes_go_on_with_the_same_channels(clips):
    stream = learner(batch_size=4)
    stream.partial_fit(clips[:4])
    before = stream.components_.copy()
    stream.partial_fit(clips[4:]).partial_fit(clips[:1])
    np.testing.assert_array_equal(stream.components_, before)
    assert stream.n_passes_ == 3
    assert [len(errors) for errors in stream.reconstruction_errors_] == [3, 3]
    with pytest.raises(ValueError, match="pool_length"):
        stream.set_params(pool_length=1).partial_fit(clips)


def test_a_fit_that_was_killed_goes_on_to_the_same_bits(clips, tmp_path):
    class Break(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            self.n = getattr(self, "n", 0) + 1
            if self.n == 3:  # in the second layer
                raise RuntimeError("killed")

    whole = learner().fit(clips)
    broken = learner(checkpoint_dir=tmp_path, callbacks=[Break()])
    with pytest.raises(RuntimeError, match="killed"):
        broken.fit(clips)
    assert not hasattr(broken, "weights_")
    again = learner(checkpoint_dir=tmp_path).fit(clips)
    for name in ("weights_", "hidden_biases_", "reconstruction_errors_"):
        for one, other in zip(getattr(again, name), getattr(whole, name), strict=True):
            np.testing.assert_array_equal(one, other)


def test_training_stops_early_and_tells_callbacks(clips):
    class Count(skorch.callbacks.Callback):
        def on_train_begin(self, net, **kwargs):
            self.begun = getattr(self, "begun", 0) + 1

    counting = Count()
    options = {"max_epochs": 20, "early_stopping": True, "tol": 1.0}
    found = learner(n_iter_no_change=2, callbacks=[counting], **options)
    found.fit(clips[:6], X_val=clips[6:])
    assert counting.begun == 2
    assert found.n_iter_ < 40


def test_bfloat16_learns_nearly_the_same(clips):
    one, half = (learner(precision=p).fit(clips) for p in ("float32", "bfloat16"))
    errors = [found.reconstruction_errors_[0][-1] for found in (one, half)]
    assert errors[1] == pytest.approx(errors[0], rel=0.05)


def test_more_steps_and_a_binary_second_layer_learn(clips):
    found = learner(cd_steps=2, sparsity_target=None).fit(clips)
    assert all(np.isfinite(w).all() for w in found.weights_)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"excerpt_length": 10}, "excerpt_length=10.* 15 frames"),
        ({"sparsity_target": 0.4}, "sparsity_target=0.4.*1 / 3"),
        ({"filter_length": (4, 3, 2)}, "filter_length=.*2 layers"),
        ({"pool_length": 0}, "pool_length"),
        ({"n_filters": ()}, "n_filters"),
        ({"n_filters": (5, 0)}, "n_filters"),
        ({"layers": (0, 2)}, "layers"),
        ({"learning_rate": (0.1,)}, "learning_rate"),
        ({"early_stopping": True, "validation_fraction": 0}, "validation_fraction"),
        ({"n_components": 0}, "n_components"),
        ({"n_filters": True}, "n_filters"),
    ],
    ids=str,
)
def test_impossible_parameters_are_named(clips, options, message):
    with pytest.raises(ValueError, match=message):
        learner(**options).fit(clips)


def test_values_beyond_single_precision_are_refused(clips):
    with pytest.raises(ValueError, match=r"size .*e\+200"):
        learner().fit([clip * 1e200 for clip in clips])


def test_divergence_is_told_and_leaves_the_learner_as_it_was(clips):
    found = learner().fit(clips)
    before = [w.copy() for w in found.weights_]
    with pytest.raises(DivergenceError, match="layer 0 diverges.*learning_rate"):
        found.set_params(learning_rate=1e6, max_epochs=5).fit(clips)
    for one, other in zip(found.weights_, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_memory_does_not_grow_with_what_is_on_disk(tmp_path):
    rng = np.random.RandomState(0)
    peaks = []
    for n_clips in (5, 40):
        save_clips(
            tmp_path / str(n_clips), [rng.randn(2000, 40).astype(np.float32)] * n_clips
        )
        clips = load_clips(tmp_path / str(n_clips))
        tracemalloc.start()
        learner(n_filters=5, filter_length=3, pool_length=3, max_epochs=1).fit(clips)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 1e6


def test_a_pipeline_knows_the_rate_of_the_features():
    rng = np.random.RandomState(0)
    audio = [rng.randn(22050).astype(np.float32) for _ in range(6)]
    spectra = SpectrogramExtractor(n_mels=8, hop_length=220, verbose=False)
    features = learner(n_filters=5, filter_length=4, pool_length=4)
    pooler = MultiTimescalePooler(windows=(0.5,), output="windows")
    pipeline = make_pipeline(spectra, features, pooler).fit(audio)
    assert pipeline[-1].frame_rate_ == pytest.approx(22050 / 220 / 4)
    clock = features._frame_rate_after(spectra._frame_rate_after(None))
    # The middle of four frames, and that of an even filter.
    assert clock.offset == pytest.approx((1.5 + 0.5) * 220 / 22050)


def test_a_search_over_filters_and_a_saved_pipeline(clips, tmp_path):
    pipeline = make_pipeline(
        learner(n_filters=3, filter_length=2, pool_length=2),
        MultiTimescalePooler(),
        LogisticRegression(),
    )
    grid = {"convdbnfeaturelearner__filter_length": [2, 3]}
    y = np.arange(8) % 2
    search = GridSearchCV(pipeline, grid, cv=2).fit(clips, y)
    save(search.best_estimator_, tmp_path / "model")
    np.testing.assert_array_equal(
        load(tmp_path / "model").predict_proba(clips), search.predict_proba(clips)
    )


def test_filters_are_drawn_as_patches(fitted):
    display = FilterDisplay.from_estimator(fitted)
    assert fitted.filters_.shape == (5, 4, 6)
    assert len(display.figure_.axes) >= 1
    assert TrainingDisplay.from_estimator(fitted).figure_ is not None
    assert re.search("frame", display.ax_.get_xlabel())
