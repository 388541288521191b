"""Onset detectors: clips and annotations, predictions, files, live, bad input."""

import json
from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from skdeepmir import OnsetDetector, load, make_onset_pipeline, save
from skdeepmir._training._excerpts import Augmentation
from skdeepmir._training._sequences import SequenceClips, SequenceFeed
from skdeepmir.metrics import onset_scores
from skdeepmir.nets import SequenceBatch
from skdeepmir.onset_detection._coding import OnsetCodes
from skdeepmir.onsets import read_onsets, write_onsets

RATE = 50.0  # frames per second
NETS = ("conv", "rnn", "causal_rnn")
FAST = {
    "frame_rate": RATE,
    "random_state": 0,
    "verbose": False,
    "n_units": 12,
    "batch_size": 2,
}
# Recurrent nets learn as much in few epochs of large steps, convolutional ones don't.
QUICK = {**FAST, "max_epochs": 20, "learning_rate": 0.03}


def make_clips(n=4, n_frames=150, seed=0):
    """Return clips of noise with louder frames, and when these are, in seconds."""
    rng = np.random.RandomState(seed)
    clips, times = [], []
    for i in range(n):
        frames = np.arange(12 + i, n_frames - 5, 23)
        clip = rng.rand(n_frames, 6)
        clip[frames] += 4
        clips.append(clip)
        times.append(frames / RATE)
    return clips, times


def blocks_of(clip, n):
    return np.split(clip, range(n, len(clip), n))


@pytest.fixture(scope="module")
def fitted():
    clips, times = make_clips()
    return {
        net: OnsetDetector(
            net, **{**FAST, "max_epochs": 80} if net == "conv" else QUICK
        ).fit(clips, times)
        for net in NETS
    }


# Predictions


@pytest.mark.parametrize("net", NETS)
def test_onsets_of_other_clips_are_found_within_a_frame(fitted, net):
    clips, times = make_clips(3, 200, seed=1)
    found = fitted[net].predict(clips)
    assert found.dtype == object and found.shape == (3,)
    scores = onset_scores(times, found)
    assert scores.f > 0.9 and scores.mean_absolute_error < 0.5 / RATE
    assert fitted[net].score(clips, times) == scores.f


@pytest.mark.parametrize("net", NETS)
def test_activations_are_given_for_each_frame_in_the_container_of_clips(fitted, net):
    clips, _ = make_clips(3)
    listed = fitted[net].predict_activations(clips)
    stacked = fitted[net].predict_activations(np.stack(clips))
    assert [part.shape for part in listed] == [(150,)] * 3
    assert stacked.shape == (3, 150)
    np.testing.assert_allclose(np.stack(listed), stacked, atol=1e-6)
    assert 0 <= stacked.min() and stacked.max() <= 1


def test_a_convolutional_net_gives_for_a_clip_what_it_gives_frame_by_frame(fitted):
    clips, _ = make_clips(1, 1100, seed=5)  # longer than what goes through at once
    detector = fitted["conv"]
    net = detector.module_
    x = (clips[0] - detector.mean_) / detector.scale_
    x = torch.from_numpy(np.pad(x, ((7, 7), (0, 0)), mode="edge"))[None]
    with torch.inference_mode():
        alone = [float(net.inside(x[:, t : t + 15])) for t in range(len(clips[0]))]
    whole = detector.predict_activations(clips)[0]
    np.testing.assert_allclose(whole, expit(alone), atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
@pytest.mark.parametrize("n_layers", [1, 3])
def test_the_kernel_of_a_causal_net_computes_what_torch_does(cell, n_layers):
    clips, times = make_clips(2)
    detector = OnsetDetector(
        "causal_rnn", cell=cell, n_layers=n_layers, max_epochs=2, threshold=0.5, **FAST
    ).fit(clips, times)
    x = torch.from_numpy((clips[0] - detector.mean_) / detector.scale_)[None]
    with torch.inference_mode():
        logits = detector.module_(SequenceBatch(x, torch.tensor([len(clips[0])])))
    found = detector.predict_activations(clips[:1])[0]
    np.testing.assert_allclose(found, expit(logits[0, :, 0].numpy()), atol=1e-5)


@pytest.mark.parametrize("net, sees_future", [("rnn", True), ("causal_rnn", False)])
def test_a_causal_net_does_not_see_the_future(fitted, net, sees_future):
    clips, _ = make_clips(1)
    changed = clips[0].copy()
    changed[100:] += 10
    before, after = fitted[net].predict_activations([clips[0], changed])
    assert np.array_equal(before[:100], after[:100]) is not sees_future


def test_the_threshold_is_tuned_on_validation_clips_or_taken():
    clips, times = make_clips()
    X_val, y_val = make_clips(2, seed=7)
    net = OnsetDetector("rnn", max_epochs=40, **FAST)
    tuned = net.fit(clips, times, X_val=X_val, y_val=y_val).threshold_
    assert 0.5 < tuned <= 0.8
    shy = net.set_params(onset_weight=0.02)  # activations are low
    tuned = shy.fit(clips, times, X_val=X_val, y_val=y_val).threshold_
    assert 0 < tuned < 0.5
    net.set_params(onset_weight=1.0)
    assert net.set_params(threshold=0.3).fit(clips, times).threshold_ == 0.3
    net.threshold_ = 1.0  # may be set afterwards
    assert all(len(part) == 0 for part in net.predict(clips))


def test_paths_and_arrays_of_times_are_learned_alike(tmp_path):
    clips, times = make_clips(3)
    paths = []
    for i, own in enumerate(times):
        paths.append(tmp_path / f"{i}.onsets")
        write_onsets(paths[-1], own)
    net = OnsetDetector("rnn", max_epochs=3, threshold=0.5, **FAST)
    expected = net.fit(clips, times).predict_activations(clips)
    for y in (paths, [str(p) for p in paths], [own.tolist() for own in times]):
        found = net.fit(clips, y).predict_activations(clips)
        np.testing.assert_array_equal(found, expected)
    assert net.score(clips, paths) == net.score(clips, times)


def test_files_hold_what_was_detected(fitted, tmp_path):
    clips, _ = make_clips(2)
    for write, suffix in (("to_txt", "txt"), ("to_txt", "csv"), ("to_jams", "jams")):
        paths = [tmp_path / f"{i}.{suffix}" for i in range(2)]
        written = getattr(fitted["conv"], write)(clips, paths)
        for path, times, found in zip(
            paths, written, fitted["conv"].predict(clips), strict=True
        ):
            assert np.array_equal(times, found)
            np.testing.assert_allclose(read_onsets(path), times, atol=1e-6)
    with pytest.raises(ValueError, match=r"1 files.*2 clips"):
        fitted["conv"].to_txt(clips, paths[:1])
    with pytest.raises(ValueError, match=r"0.jams.*call write_jams or to_jams"):
        fitted["conv"].to_txt(clips, paths)
    about = json.loads(paths[0].read_text())["file_metadata"]
    assert about["duration"] == pytest.approx(149 / RATE)  # not that of the last onset
    assert len(fitted["conv"].to_jams([clips[0][:1]], paths[:1])) == 1  # one frame


def test_rows_are_frames_with_an_onset_or_without():
    rng = np.random.RandomState(0)
    y = rng.randint(2, size=60)
    X = rng.rand(60, 4) + 3 * y[:, None]
    settings = {"n_units": 8, "max_epochs": 15, "learning_rate": 0.03}
    net = OnsetDetector("rnn", random_state=0, verbose=False, **settings).fit(X, y)
    assert np.array_equal(net.predict(X), y) and net.score(X, y) == 1.0
    assert net.predict_activations(X).shape == (60,)
    with pytest.raises(ValueError, match=r"rows have no times"):
        net.to_txt(X, ["x.txt"] * 60)


def test_frames_that_begin_with_their_first_sample_have_an_offset():
    clips, times = make_clips()
    late = [own + 0.2 for own in times]  # frame t stands for t / RATE + 0.2
    net = OnsetDetector("rnn", frame_offset=0.2, **QUICK)
    found = net.fit(clips, late).predict(clips)
    assert net.frame_offset_ == 0.2
    assert onset_scores(late, found).mean_absolute_error < 0.5 / RATE


# Live


@pytest.mark.parametrize("net", ["conv", "causal_rnn"])
@pytest.mark.parametrize("n", [1, 7, 33, 150])
def test_live_detection_equals_that_of_the_whole_clip(fitted, net, n):
    (clip, *_), _ = make_clips(1, seed=2)
    found = list(fitted[net].stream(blocks_of(clip, n)))
    offline = fitted[net].predict([clip])[0]
    if net == "causal_rnn":
        assert found == offline.tolist()  # to the bit
    else:
        np.testing.assert_allclose(found, offline, atol=1e-5)
    assert len(found) > 4


def test_activations_of_a_causal_net_do_not_depend_on_blocks_to_the_bit(fitted):
    (clip, *_), _ = make_clips(1, seed=3)
    clip = clip.astype(np.float32)
    whole = fitted["causal_rnn"].predict_activations([clip])[0]
    for n in (1, 7, 64):
        live = fitted["causal_rnn"]._live()
        parts = [live.push(part) for part in blocks_of(clip, n)]
        assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("net", ["conv", "causal_rnn"])
def test_a_live_onset_is_told_within_the_stated_delay(fitted, net):
    (clip, *_), _ = make_clips(1, seed=2)
    live = fitted[net].live()
    assert live.delay == fitted[net].delay_
    for t, frame in enumerate(clip):
        now = t / RATE  # the moment of the newest frame
        assert all(
            now - onset <= live.delay + 0.5 / RATE for onset in live.push([frame])
        )


def test_empty_blocks_change_nothing(fitted):
    clips, _ = make_clips(1)
    empty = np.empty((0, 6))
    found = list(fitted["conv"].stream([empty, clips[0], empty]))
    assert found == list(fitted["conv"].stream(clips))
    assert list(fitted["conv"].stream([])) == []


def test_blocks_that_cannot_be_used_are_named(fitted):
    clips, _ = make_clips(1)
    for block, message in (
        (np.zeros((3, 5)), r"block 1 .*\(3, 5\).*6"),
        (np.full((3, 6), np.nan), "block 1 .*NaN"),
        (np.full((3, 6), "1"), "block 1 .*U1"),
        (np.full((3, 6), 1j), "block 1 .*complex"),
        (np.ma.masked_less(np.eye(6), 1), "block 1: frame 0 .*mask"),
    ):
        with pytest.raises(ValueError, match=message):
            list(fitted["causal_rnn"].stream([clips[0], block]))
    with pytest.raises(ValueError, match="whole clips.*causal_rnn"):
        list(fitted["rnn"].stream(clips))
    assert not hasattr(fitted["rnn"], "delay_")


def test_a_finished_stream_takes_nothing_more(fitted):
    clips, _ = make_clips(1)
    live = fitted["causal_rnn"].live()
    live.push(clips[0])
    live.finish()
    for call in (live.finish, lambda: live.push(clips[0])):
        with pytest.raises(ValueError, match="finished"):
            call()


def test_parameters_changed_after_a_fit_are_checked_when_live(fitted):
    detector = deepcopy(fitted["causal_rnn"])
    for name, value in (("net", "cnn"), ("wait", -1), ("smooth", 4)):
        changed = deepcopy(detector).set_params(**{name: value})
        with pytest.raises(ValueError, match=f"{name}"):
            changed.live()


# Bad input


@pytest.mark.parametrize(
    "y, message",
    [
        ([[0.5, 0.2], [1.0]], r"y: clip 0.*0\.2"),
        ([[0.5], [-1.0, 2.0]], r"y: clip 1.*-1"),
        ([[0.5], [44100.0]], r"y: clip 1.*44100.*3"),
        ([[0.5], [np.nan]], r"y: clip 1.*nan"),
        ([[0.5], "missing.onsets"], r"y: clip 1.*missing"),
        ([[], []], "no onset"),
        ([[0.5]], r"1.*2"),
        ("song.onsets", "one path"),
    ],
)
def test_annotations_that_cannot_be_used_are_named(y, message):
    clips, _ = make_clips(2)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        OnsetDetector(threshold=0.5, max_epochs=1, **FAST).fit(clips, y)


def test_peak_picking_is_checked_before_training():
    clips, times = make_clips(2)
    for threshold in ("tune", 0.5):
        detector = OnsetDetector(threshold=threshold, smooth=4, max_epochs=1, **FAST)
        with pytest.raises(ValueError, match="smooth=4"):
            detector.fit(clips, times)
        assert not hasattr(detector, "n_features_in_")


def test_a_single_clip_leaves_none_to_tune_a_threshold_on():
    clips, times = make_clips(1)
    with pytest.raises(ValueError, match="1 clips .*threshold"):
        OnsetDetector(**FAST).fit(clips, times)


def test_a_frame_rate_is_needed():
    clips, times = make_clips(2)
    with pytest.raises(ValueError, match="frame_rate=None"):
        OnsetDetector(threshold=0.5).fit(clips, times)


@pytest.mark.parametrize("net", NETS)
def test_one_frame_silence_and_no_onsets_have_results(fitted, net):
    clips = [np.zeros((1, 6)), np.zeros((80, 6)), np.full((80, 6), 0.5)]
    found = fitted[net].predict(clips)
    assert [part.shape for part in fitted[net].predict_activations(clips)] == [
        (1,),
        (80,),
        (80,),
    ]
    assert len(found[2]) <= 1


def test_validation_clips_without_onsets_leave_the_threshold_at_a_half():
    clips, times = make_clips(3)
    net = OnsetDetector("rnn", max_epochs=2, **FAST)
    with pytest.warns(UserWarning, match="no onset in the clips to validate"):
        net.fit(clips, times, X_val=clips[:1], y_val=[[]])
    assert net.threshold_ == 0.8


def test_windows_must_be_as_wide_as_each_other():
    clips, times = make_clips(2)
    with pytest.raises(ValueError, match=r"n_windows=4.*6 features"):
        OnsetDetector(n_windows=4, threshold=0.5, **FAST).fit(clips, times)


# With others


def test_saved_pickled_and_resumed_detectors_are_the_same(fitted, tmp_path):
    clips, _ = make_clips(2, seed=4)
    for net in NETS:
        save(fitted[net], tmp_path / f"{net}.skops")
        loaded = load(tmp_path / f"{net}.skops")
        assert loaded.threshold_ == fitted[net].threshold_
        for a, b in zip(loaded.predict(clips), fitted[net].predict(clips), strict=True):
            assert np.array_equal(a, b)


def test_annotations_go_with_their_clips_into_folds():
    clips, times = make_clips(4)
    y = np.empty(4, dtype=object)
    y[:] = times
    net = OnsetDetector("rnn", threshold=0.4, **QUICK)
    assert cross_val_score(net, clips, y, cv=2).min() > 0.8


def click_track(rng, sample_rate, n=9):
    """Return noise with loud clicks, and when these are."""
    times = 0.3 + 0.25 * np.arange(n) + rng.uniform(-0.05, 0.05, n)
    wave = 0.001 * rng.randn(int(2.8 * sample_rate))
    for time in times:
        start = round(time * sample_rate)
        wave[start : start + 200] += 0.5 * np.exp(-np.arange(200) / 40)
    return wave.astype(np.float32), times


def test_a_search_goes_from_audio_to_seconds_at_any_hop():
    rng = np.random.RandomState(0)
    waves, times = zip(*(click_track(rng, 8000) for _ in range(4)), strict=True)
    y = np.empty(4, dtype=object)
    y[:] = times
    detector = OnsetDetector(
        "rnn",
        n_units=8,
        batch_size=1,
        max_epochs=30,
        learning_rate=0.01,
        threshold=0.4,
        random_state=0,
        verbose=False,
    )
    pipeline = make_onset_pipeline(
        detector, sample_rate=8000, n_mels=12, n_fft=(128, 256), verbose=False
    )
    search = GridSearchCV(
        pipeline, {"spectrogramextractor__hop_length": [80, 100]}, cv=2, n_jobs=2
    ).fit(list(waves), y)
    assert search.best_score_ > 0.9
    best = search.best_estimator_
    assert best[-1].n_windows_ == 2 and best[-1].sample_rate_ == 8000
    scores = onset_scores(times, best.predict(list(waves)))
    assert scores.f > 0.95 and scores.mean_absolute_error <= 0.005


@pytest.mark.parametrize("net", ["conv", "rnn"])
def test_a_pipeline_is_fitted_again_to_frames_of_other_windows(net):
    rng = np.random.RandomState(0)
    waves, times = zip(*(click_track(rng, 8000) for _ in range(2)), strict=True)
    few = {"max_epochs": 1, "threshold": 0.5, "random_state": 0, "verbose": False}
    detector = OnsetDetector(net, n_units=4, **few)
    options = {"sample_rate": 8000, "n_mels": 12, "verbose": False}
    pipeline = make_onset_pipeline(detector, **options)
    for windows in ((128, 256, 512), (256,), (128, 256)):
        pipeline.set_params(spectrogramextractor__n_fft=windows)
        fresh = clone(pipeline).fit(waves, times)
        pipeline.fit(waves, times)
        assert pipeline[-1].n_windows_ == len(windows)
        for a, b in zip(
            pipeline.predict_activations(waves),
            fresh.predict_activations(waves),
            strict=True,
        ):
            assert np.array_equal(a, b)


@pytest.mark.parametrize("net", NETS)
def test_a_warm_start_goes_on_with_frames_of_the_same_moments_alone(net):
    clips, times = make_clips(3)
    given = {**FAST, "warm_start": True, "max_epochs": 2, "threshold": 0.5}
    detector = OnsetDetector(net, **given).fit(clips, times)
    before = detector.predict_activations(clips)
    detector.fit(clips, times)
    expected = detector.predict_activations(clips)
    assert not any(map(np.array_equal, before, expected))
    for change, message in (
        ({"frame_rate": RATE / 2}, "frame_rate=25 .*50 "),
        ({"frame_offset": 0.1}, "frame_offset=0.1 .*0 "),
    ):
        detector.set_params(**change)
        with pytest.raises(ValueError, match=message):
            detector.fit(clips, times)
        detector.set_params(frame_rate=RATE, frame_offset=None)
    found = detector.predict_activations(clips)
    assert all(map(np.array_equal, found, expected))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"hop_length": 100}, "frame_rate=80 .*100 "),
        ({"sample_rate": 16000, "hop_length": 160}, "sample_rate=16000 .*8000 "),
        ({"center": False}, "frame_offset=0.032 .*0 "),
    ],
)
def test_a_warm_start_in_a_pipeline_refuses_another_front_end(change, message):
    rng = np.random.RandomState(0)
    waves, times = zip(*(click_track(rng, 8000) for _ in range(2)), strict=True)
    few = {"max_epochs": 1, "threshold": 0.5, "random_state": 0, "verbose": False}
    detector = OnsetDetector("rnn", n_units=4, warm_start=True, **few)
    options = {"n_mels": 12, "n_fft": (256, 512), "verbose": False}
    pipeline = make_onset_pipeline(detector, sample_rate=8000, **options)
    pipeline.fit(waves, times).fit(waves, times)
    pipeline[0].set_params(**change)
    longer = [np.tile(wave, 2) for wave in waves]  # as long at twice the sample rate
    with pytest.raises(ValueError, match=message):
        pipeline.fit(longer, times)


def test_other_clips_to_validate_on_go_through_the_pipeline():
    rng = np.random.RandomState(0)
    waves, times = zip(*(click_track(rng, 8000) for _ in range(4)), strict=True)
    few = {"max_epochs": 1, "random_state": 0, "verbose": False}
    detector = OnsetDetector("causal_rnn", n_units=4, **few)
    options = {"sample_rate": 8000, "n_mels": 12, "verbose": False}
    pipeline = make_onset_pipeline(detector, **options)
    pipeline.fit(waves[:2], times[:2], X_val=waves[2:], y_val=times[2:])
    assert len(pipeline[-1].validation_scores_) == 1
    frames = pipeline[:-1].transform(waves)
    alone = clone(detector).set_params(
        frame_rate=pipeline[0].frame_rate, frame_offset=pipeline[0].frame_offset
    )
    alone.fit(frames[:2], times[:2], X_val=frames[2:], y_val=times[2:])
    assert alone.threshold_ == pipeline[-1].threshold_
    late = [times[2], [1.0, 500.0]]
    with pytest.raises(ValueError, match=r"y_val: clip 1: onset 1 is at 500"):
        pipeline.fit(waves[:2], times[:2], X_val=waves[2:], y_val=late)


@pytest.mark.parametrize("net", NETS)
def test_clicks_at_known_times_are_found_within_five_milliseconds(net):
    rng = np.random.RandomState(1)
    waves, times = zip(*(click_track(rng, 22050) for _ in range(8)), strict=True)
    detector = OnsetDetector(
        net,
        channels=(4, 8),
        n_units=16,
        batch_size=2,
        random_state=0,
        verbose=False,
    )
    pipeline = make_onset_pipeline(detector, n_mels=40, verbose=False).fit(
        list(waves[:5]), list(times[:5])
    )
    scores = onset_scores(times[5:], pipeline.predict(list(waves[5:])))
    assert scores.f == 1.0
    assert scores.mean_absolute_error <= 0.005


def test_blocks_of_samples_give_what_the_whole_song_gives():
    rng = np.random.RandomState(2)
    waves, times = zip(*(click_track(rng, 22050) for _ in range(3)), strict=True)
    detector = OnsetDetector(
        "causal_rnn", n_units=8, max_epochs=10, threshold=0.3, random_state=0
    )
    pipeline = make_onset_pipeline(detector.set_params(verbose=False), verbose=False)
    pipeline.fit(list(waves), list(times))
    song = waves[0][:22050]
    offline = pipeline.predict([song])[0]
    assert len(offline) > 0
    for n in (1, 7, 441, 44100):
        assert list(pipeline.stream(blocks_of(song, n))) == offline.tolist()
    with pytest.raises(ValueError, match=r"(?s)44100.*22050|22050.*44100"):
        list(pipeline.stream([song], sample_rate=44100))


@pytest.mark.parametrize("net", ["conv", "causal_rnn"])
def test_long_clips_go_through_block_by_block_with_the_same_result(net, monkeypatch):
    rng = np.random.RandomState(3)
    waves, times = zip(*(click_track(rng, 8000) for _ in range(3)), strict=True)
    detector = OnsetDetector(
        net, n_units=8, max_epochs=3, threshold=0.1, random_state=0, verbose=False
    )
    pipeline = make_onset_pipeline(detector, sample_rate=8000, n_mels=12, verbose=False)
    pipeline.fit(list(waves), list(times))
    long = np.tile(np.concatenate(waves), 60)  # over 8 minutes
    in_memory = pipeline[-1].predict_activations(pipeline[:-1].transform([long]))[0]
    sizes = []
    push = type(pipeline[-1]._live()).push

    def watched(self, frames):
        sizes.append(len(frames))
        return push(self, frames)

    monkeypatch.setattr(type(pipeline[-1]._live()), "push", watched)
    found = pipeline.predict_activations([long])[0]
    assert len(sizes) > 3 and max(sizes) < 0.3 * len(found)
    np.testing.assert_allclose(found, in_memory, atol=1e-5)
    assert len(pipeline.predict([long])[0]) > 100
    stacked = pipeline.predict_activations(np.stack(waves))
    assert stacked.shape[0] == 3 and stacked.ndim == 2


def test_mixed_excerpts_have_the_larger_values_and_the_onsets_of_both():
    rng = np.random.RandomState(0)
    clips = [rng.rand(40, 3) + 2 * k for k in range(2)]
    codes = [np.zeros(40, dtype=int) for _ in clips]
    codes[0][[4, 5, 6]], codes[1][[5, 6, 20]] = (2, 1, 2), (2, 1, 1)
    feed = SequenceFeed(
        np.float64,
        None,
        Augmentation(),
        mean=np.zeros(3),
        scale=np.ones(3),
        mix=1.0,
        labels=OnsetCodes(),
    )
    generator = torch.Generator().manual_seed(0)
    batches = SequenceClips(feed, clips, codes, None, generator, training=True)
    seen = set()
    for _ in range(10):
        (batch,) = batches
        for x, y in zip(batch.inputs[0].frames.numpy(), batch.targets, strict=True):
            frames = np.flatnonzero(y == 1).tolist()
            seen.add(tuple(frames))
            if frames == [5, 6, 20]:
                assert np.array_equal(x, clips[1])  # which is larger throughout
                assert y[4] == 2
    assert (5, 6, 20) in seen and seen <= {(5,), (6, 20), (5, 6, 20)}
