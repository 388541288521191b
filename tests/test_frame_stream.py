"""What moment frames stand for, also behind a pipeline, and frames of streams."""

import pickle
import sys

import numpy as np
import pytest
import threadpoolctl
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline as make_scikit_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from skdeepmir import (
    BandShifter,
    ClipNormalizer,
    DBNFeatureLearner,
    FrameStacker,
    FrameTransformer,
    MultiTimescalePooler,
    SpectrogramExtractor,
    _threads,
    make_pipeline,
)
from skdeepmir._frame_rates import FrameClock, clock_of
from skdeepmir.audio import AudioError
from skdeepmir.spectrogram import FrameStream

RATE = 8000


def noise(n_samples, seed=0):
    return np.random.RandomState(seed).uniform(-1, 1, n_samples).astype(np.float32)


@pytest.fixture(scope="module")
def waves():
    return [noise(4000, seed) for seed in range(4)]


def spectrum(**options):
    options = {"n_fft": 512, "hop_length": 80, "n_mels": 10, **options}
    return SpectrogramExtractor(sample_rate=RATE, verbose=False, **options)


class Told(BaseEstimator):
    """Keeps what a pipeline tells it of frames."""

    def __init__(self, *, frame_rate=None, frame_offset=None):
        self.frame_rate, self.frame_offset = frame_rate, frame_offset

    def fit(self, X, y=None):
        clock = clock_of(self.frame_rate)
        self.frame_rate_, self.frame_offset_ = float(clock), clock.offset
        self.sample_rate_, self.n_windows_ = clock.sample_rate, clock.n_windows
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def score(self, X, y=None):
        return self.frame_offset_

    delay_ = 0.5

    def stream(self, blocks):
        for block in blocks:
            yield block.sum(axis=1)


def told(pipeline):
    last = pipeline[-1]
    return last.frame_rate_, last.frame_offset_, last.sample_rate_, last.n_windows_


@pytest.mark.parametrize(
    "options, offset, n_windows",
    [
        ({}, 0, 1),
        ({"center": False}, 256 / RATE, 1),
        ({"center": False, "n_fft": (256, 1024, 512)}, 512 / RATE, 3),
        ({"n_fft": (256, 512), "kind": "mfcc", "n_mfcc": 4}, 0, 2),
        ({"n_fft": (256, 512), "deltas": 2}, 0, 6),
        ({"n_fft": (256, 512), "kind": "magnitude"}, 0, 1),  # of unequal widths
        ({"kind": "cqt", "n_bins": 12, "fmin": 400.0, "n_fft": (256, 512)}, 0, 1),
    ],
)
def test_a_pipeline_tells_what_moment_frames_stand_for(
    waves, options, offset, n_windows
):
    pipeline = make_pipeline(spectrum(**options), Told()).fit(waves)
    assert told(pipeline) == (100, pytest.approx(offset), RATE, n_windows)
    assert pipeline[0].frame_offset == pytest.approx(offset)
    assert type(pipeline[0].frame_rate) is float
    assert pipeline[1].frame_rate is None
    assert told(pickle.loads(pickle.dumps(pipeline))) == told(pipeline)


@pytest.mark.parametrize(
    "steps, rate, offset, n_windows",
    [
        ([FrameTransformer(StandardScaler())], 100, 32, 2),
        ([FrameTransformer(make_scikit_pipeline(StandardScaler()))], 100, 32, 2),
        ([FunctionTransformer(), "passthrough", BandShifter()], 100, 32, 2),
        ([FrameTransformer(PCA(4))], 100, 32, 1),
        ([FrameTransformer(SelectKBest(k=4))], 100, 32, 1),
        ([DBNFeatureLearner((3,), verbose=False, random_state=0)], 100, 32, 1),
        ([FrozenEstimator(FrameTransformer(PCA(4)))], 100, 32, 1),
        ([FrameStacker(3, hop=2)], 50, 32, 1),
        # The middle of 9 frames of 10 ms is 40 ms after the first.
        ([MultiTimescalePooler(windows=9, output="windows")], 25, 72, 1),
    ],
    ids=str,
)
def test_steps_between_change_what_they_change(waves, steps, rate, offset, n_windows):
    extractor = spectrum(center=False, n_fft=(256, 512))
    if isinstance(steps[0], FrozenEstimator):
        steps[0].estimator.fit(extractor.transform(waves))
    pipeline = make_pipeline(extractor, *steps, Told()).fit(waves, [0, 1, 0, 1])
    expected = rate, pytest.approx(offset / 1000), RATE, n_windows
    assert told(pipeline) == expected
    assert FrameClock.__name__.encode() not in pickle.dumps(pipeline)


def test_a_step_that_only_tells_a_rate_keeps_the_sample_rate(waves):
    class Halved(BaseEstimator):
        def fit(self, X, y=None):
            self.is_fitted_ = True
            return self

        def transform(self, X):
            return [clip[::2] for clip in X]

        def _frame_rate_after(self, rate):
            return rate / 2

    pipeline = make_pipeline(spectrum(center=False), Halved(), Told()).fit(waves)
    assert told(pipeline) == (50, 0, RATE, 1)


def test_a_search_over_windows_knows_the_moments_of_each(waves):
    pipeline = make_pipeline(spectrum(center=False), FrameTransformer(PCA(2)), Told())
    grid = {
        "spectrogramextractor__n_fft": [128, 512],
        "spectrogramextractor__hop_length": [40, 80],
    }
    search = GridSearchCV(pipeline, grid, cv=2).fit(waves)
    for params, score in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        assert score == params["spectrogramextractor__n_fft"] / 2 / RATE
    assert told(search.best_estimator_)[:2] == (200, 256 / RATE)
    again = clone(search.best_estimator_).set_params(spectrogramextractor__center=True)
    assert told(again.fit(waves))[:2] == (200, 0)


def test_a_pipeline_of_scikit_learn_is_told_by_hand_or_by_one_of_ours(waves):
    extractor = spectrum(center=False)
    by_hand = make_scikit_pipeline(extractor, Told(frame_rate=extractor.frame_rate))
    assert told(by_hand.fit(waves)) == (100, 0, None, 1)
    inside = make_pipeline(make_scikit_pipeline(extractor, Told())).fit(waves)
    assert told(inside[0]) == (100, 256 / RATE, RATE, 1)


def test_a_frame_rate_that_the_user_gave_comes_back_with_the_rest_told(waves):
    given = np.float32(100.001)
    pipeline = make_pipeline(spectrum(center=False), Told(frame_rate=given)).fit(waves)
    assert told(pipeline) == (float(given), 256 / RATE, RATE, 1)
    assert pipeline[1].frame_rate is given
    with pytest.raises(ValueError, match=r"told.*frame_rate=99.*100"):
        pipeline.set_params(told__frame_rate=99).fit(waves)
    assert pipeline[1].frame_rate == 99


@pytest.mark.parametrize("name, value", [("frame_rate", "fast"), ("frame_rate", [9])])
def test_a_value_that_is_no_number_is_left_for_the_step_to_refuse(waves, name, value):
    pooler = MultiTimescalePooler(**{name: value})
    with pytest.raises(InvalidParameterError, match=name):
        make_pipeline(spectrum(), pooler).fit(waves)
    assert getattr(pooler, name) == value


def test_another_offset_than_that_of_the_extractor_is_refused(waves):
    pipeline = make_pipeline(spectrum(center=False), Told(frame_offset=0.0))
    with pytest.raises(ValueError, match=r"told.*frame_offset=0\b.*0\.032"):
        pipeline.fit(waves)
    pipeline.set_params(told__frame_offset=0.032).fit(waves)


@pytest.mark.parametrize(
    "change, facts",
    [
        ({"center": True}, r"frame_offset_=0\.032.* 0 s"),
        ({"n_fft": 1024}, r"frame_offset_=0\.032.* 0\.064 s"),
        ({"sample_rate": 16000, "hop_length": 160, "n_fft": 1024}, r"8000.*16000"),
        ({"sample_rate": 16000}, r"sample_rate_=8000.* 16000 Hz"),
        ({"hop_length": 40}, r"frame_rate_=100.* 200 per second"),
    ],
)
def test_predictions_for_other_frames_than_in_fit_are_refused(waves, change, facts):
    pipeline = make_pipeline(spectrum(center=False), Told()).fit(waves)
    kept = make_pipeline(spectrum(center=False), FrozenEstimator(pipeline[1]))
    pipeline[0].set_params(**change)
    with pytest.raises(ValueError, match=rf"told \(Told\).*{facts}"):
        pipeline.predict(waves)
    kept.fit(waves).predict(waves)
    kept[0].set_params(**change)
    with pytest.raises(ValueError, match=rf"\(Told\).*{facts}.*frozen"):
        kept.fit(waves)


def blocks_of(y, size):
    """Cut a waveform into blocks of a size, or of random ones: some are empty."""
    ends = np.arange(size or 0, y.shape[-1], size or 1)
    if size is None:
        rng = np.random.RandomState(1)
        sizes = rng.choice([0, 1, 5, 80, 300, 1000], size=y.shape[-1])
        ends = np.cumsum(sizes)
        ends = ends[ends < y.shape[-1]]
    return np.split(y, ends, axis=-1)


def streamed(extractor, y, size):
    return np.concatenate(list(extractor.stream(blocks_of(y, size))))


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_fft": (256, 1024, 512)},
        {"n_fft": (441, 882), "kind": "mel", "hop_length": 100},  # not powers of two
        {"n_fft": 333, "kind": "magnitude", "hop_length": 7},
        {"n_fft": 512, "kind": "mfcc", "n_mfcc": 5, "deltas": 2},
        {"n_fft": 441, "kind": "mfcc", "n_mfcc": 5, "deltas": 1, "hop_length": 300},
        {"n_fft": 64, "kind": "power", "fmin": 500.0, "log": True},
        {"n_fft": 128, "hop_length": 1000},  # samples between frames are left out
        {"n_fft": (128, 100), "hop_length": 5000},  # longer than small blocks wait for
    ],
    ids=str,
)
def test_frames_of_a_stream_are_those_of_the_whole_bit_for_bit(options, center):
    extractor = spectrum(center=center, **options)
    y = noise(12000)
    (whole,) = extractor.transform([y])
    for size in (7, 441, 44100, None):
        np.testing.assert_array_equal(streamed(extractor, y, size), whole)
    short = y[:1500]
    np.testing.assert_array_equal(
        streamed(extractor, short, 1), extractor.transform([short])[0]
    )


@pytest.mark.parametrize("n_samples", [1, 255, 256, 257, 511, 512, 513, 1024])
@pytest.mark.parametrize("deltas", [0, 1])
def test_streams_shorter_than_a_window_are_padded(n_samples, deltas):
    y = noise(n_samples)
    for center in (True, False):
        extractor = spectrum(center=center, deltas=deltas)
        (whole,) = extractor.transform([y])
        np.testing.assert_array_equal(streamed(extractor, y, 100), whole)
        if n_samples < 512:
            extractor.set_params(short="raise")
            with pytest.raises(AudioError, match=rf"has {n_samples} samples.*512"):
                list(extractor.stream([y]))


@pytest.mark.parametrize(
    "y",
    [
        (10000 * noise(3000)).astype(np.int16),
        (100 * noise(3000) + 128).astype(np.uint8),
        noise(3000).astype(np.float64),
        noise(6000).reshape(2, 3000),
        noise(24000).reshape(8, 3000),
        np.asfortranarray(noise(24000).reshape(8, 3000)),
        (10000 * noise(9000)).astype(np.int16).reshape(3000, 3).T,
    ],
    ids=lambda y: f"{y.dtype}-{y.shape}",
)
def test_numbers_and_channels_are_taken_as_of_whole_waveforms(y):
    extractor = spectrum(center=False)
    (whole,) = extractor.transform([y])
    for size in (1, 441, None):
        np.testing.assert_array_equal(streamed(extractor, y, size), whole)


def test_lists_and_empty_blocks_are_blocks():
    extractor = spectrum(center=False)
    y = noise(1000)
    blocks = [[], y[:600].tolist(), np.empty((2, 0)), [], y[600:], []]
    frames = np.concatenate(list(extractor.stream(blocks)))
    np.testing.assert_array_equal(frames, extractor.transform([y])[0])


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("deltas", [0, 2])
@pytest.mark.parametrize("n_fft", [512, 401])
def test_a_frame_is_complete_after_the_delay_that_is_stated(center, deltas, n_fft):
    extractor = spectrum(center=center, deltas=deltas, n_fft=n_fft)
    stream = FrameStream(extractor)
    n_samples = n_frames = 0
    for sample in noise(1500):
        n_samples += 1
        for _ in stream.push([sample]):
            moment = n_frames / extractor.frame_rate + extractor.frame_offset
            assert n_samples / RATE == pytest.approx(moment + stream.delay)
            n_frames += 1
    assert n_frames > 8


def test_the_delay_of_common_settings():
    assert FrameStream(spectrum(center=False)).delay == pytest.approx(256 / RATE)
    assert FrameStream(spectrum()).delay == pytest.approx(256 / RATE)
    longer = FrameStream(spectrum(center=False, n_fft=(256, 1024), deltas=1))
    assert longer.delay == pytest.approx(512 / RATE + 4 * 80 / RATE)


@pytest.mark.parametrize("hop_length, size", [(80, 1), (80, 441), (20000, 3)])
def test_memory_does_not_grow_with_the_length_of_a_stream(hop_length, size):
    stream = FrameStream(spectrum(hop_length=hop_length, deltas=1))
    block, held = noise(size), []
    for _ in range(8):
        for _ in range(1500 // size):
            stream.push(block)
        held.append(len(pickle.dumps(stream)))
    assert max(held[4:]) <= max(held[:4]) + 4 * (4096 + 441)


def test_a_buffer_may_be_used_again():
    extractor = spectrum(center=False)
    y = noise(4000)
    stream, buffer, frames = FrameStream(extractor), np.empty(250, np.float32), []
    for block in np.split(y, 16):
        buffer[:] = block
        frames.append(stream.push(buffer))
        buffer[:] = 7
    frames.append(stream.finish())
    np.testing.assert_array_equal(np.concatenate(frames), extractor.transform([y])[0])


@pytest.mark.parametrize(
    "bad, code, facts",
    [
        (np.array([0, np.nan, 0]), "not_finite", "sample 1 is nan"),
        (np.array([np.inf]), "not_finite", "sample 0 is inf"),
        (np.array([1e20]), "not_finite", "too loud|so loud"),
        (np.array(["a"]), "bad_type", "dtype"),
        (1.5, "bad_type", r"1\.5"),
        (None, "bad_type", "object|None"),
        (np.zeros((100, 2)), "bad_shape", r"\(100, 2\).*y\.T"),
        (np.zeros((2, 100)), "bad_shape", "2 channels.* 1"),
        (np.zeros((0, 5)), "empty", "no samples"),
    ],
    ids=str,
)
def test_a_block_that_cannot_be_used_is_named_and_left_out(bad, code, facts):
    extractor = spectrum(center=False)
    y = noise(1000)
    stream = FrameStream(extractor)
    frames = [stream.push(y[:300]), stream.push(y[300:500])]
    with pytest.raises(AudioError, match=rf"block 2\b.*({facts})") as caught:
        stream.push(bad)
    assert caught.value.code == code
    frames += [stream.push(y[500:]), stream.finish()]
    np.testing.assert_array_equal(np.concatenate(frames), extractor.transform([y])[0])


@pytest.mark.parametrize("blocks", [[], [[]], [np.empty((2, 0))]], ids=str)
def test_a_stream_without_samples_is_the_error_of_an_empty_waveform(blocks):
    with pytest.raises(AudioError, match="has no samples") as caught:
        list(spectrum().stream(blocks))
    assert caught.value.code == "empty"


def test_samples_that_are_not_scaled_are_told_of_once():
    stream = FrameStream(spectrum())
    with pytest.warns(UserWarning, match="unscaled.*divide by 32768") as caught:
        for _ in range(4):
            stream.push(20000 * noise(1000).astype(float))
    assert len(caught) == 1


def test_a_finished_stream_takes_nothing_more():
    stream = FrameStream(spectrum())
    stream.push(noise(1000))
    stream.finish()
    for call in (lambda: stream.push(noise(5)), stream.finish):
        with pytest.raises(ValueError, match="finished"):
            call()


def test_what_cannot_be_streamed_is_refused_at_once():
    extractor = spectrum()
    with pytest.raises(ValueError, match=r"44100.* 8000 Hz"):
        extractor.stream([], sample_rate=44100)
    with pytest.raises(ValueError, match=r"44100.* 8000 Hz"):
        FrameStream(extractor, sample_rate=44100)
    with pytest.raises(ValueError, match="sample_rate='8000'"):
        FrameStream(extractor, sample_rate="8000")
    FrameStream(extractor, sample_rate=8000.0)
    for kind in ("cqt", "chroma"):
        with pytest.raises(ValueError, match=f"kind='{kind}'.*log_mel"):
            spectrum(kind=kind, n_bins=12, fmin=400.0).stream([])
    with pytest.raises(ValueError, match="n_mels"):
        spectrum(n_mels=0).stream([])
    for blocks in (noise(1000), noise(1000).reshape(2, 500), "song.wav"):
        with pytest.raises(ValueError, match=r"blocks is .*\[y\]"):
            extractor.stream(blocks)


def test_frames_come_before_all_blocks_are_there():
    def blocks():
        for block in np.split(noise(4000), 16):
            taken.append(block)
            yield block

    taken = []
    frames = next(iter(spectrum(center=False).stream(blocks())))
    assert len(frames) == 3 and len(taken) == 3


def shifted():
    return make_scikit_pipeline(BandShifter(), "passthrough")


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [FrameTransformer(StandardScaler())],
        ["passthrough", shifted(), FrameTransformer(StandardScaler())],
        [make_pipeline(shifted())],
    ],
    ids=str,
)
def test_a_pipeline_streams_through_steps_that_work_frame_by_frame(waves, steps):
    pipeline = make_pipeline(spectrum(center=False), *steps, Told()).fit(waves)
    if steps:
        expected = pipeline[:-1].transform(waves[:1])[0]
        frames = pipeline[:-1].stream(blocks_of(waves[0], 441))
        np.testing.assert_array_equal(np.concatenate(list(frames)), expected)
    else:
        expected = pipeline[0].transform(waves[:1])[0]
    found = pipeline.stream(blocks_of(waves[0], 441), sample_rate=RATE)
    np.testing.assert_array_equal(np.concatenate(list(found)), expected.sum(axis=1))
    around = make_pipeline(GridSearchCV(pipeline, {}, cv=2)).fit(waves)
    found = around.stream(blocks_of(waves[0], 441), sample_rate=RATE)
    np.testing.assert_array_equal(np.concatenate(list(found)), expected.sum(axis=1))


@pytest.mark.parametrize(
    "step", [FrameStacker(3), ClipNormalizer(), FunctionTransformer()], ids=str
)
def test_a_step_that_needs_whole_clips_is_named_before_a_block_is_taken(waves, step):
    inner = make_scikit_pipeline(FrameTransformer(StandardScaler()), step)
    pipeline = make_pipeline(spectrum(), inner, Told()).fit(waves)
    name = type(step).__name__
    with pytest.raises(ValueError, match=rf"pipeline__{name.lower()} \({name}\)"):
        pipeline.stream([])


def test_the_delay_of_a_pipeline_is_that_of_its_steps(waves):
    steps = [FrameTransformer(StandardScaler()), Told()]
    pipeline = make_pipeline(spectrum(center=False, deltas=1), *steps).fit(waves)
    assert pipeline.delay_ == pytest.approx(256 / RATE + 4 * 80 / RATE + 0.5)
    assert pipeline[:-1].delay_ == pytest.approx(256 / RATE + 4 * 80 / RATE)
    with pytest.raises(NotFittedError):
        clone(pipeline).delay_  # noqa: B018


def test_pipelines_stream_if_their_last_step_does(waves):
    pooled = make_pipeline(spectrum(), MultiTimescalePooler()).fit(waves)
    assert not hasattr(pooled, "stream") and not hasattr(pooled, "delay_")
    pipeline = make_pipeline(spectrum(), Told())
    with pytest.raises(NotFittedError):
        pipeline.stream([])
    pipeline.fit(waves)
    with pytest.raises(ValueError, match=r"44100.* 8000 Hz"):
        pipeline.stream([], sample_rate=44100)
    pipeline[0].set_params(hop_length=40)
    with pytest.raises(ValueError, match="frame_rate_=100.* 200"):
        pipeline.stream([])


def test_libraries_are_looked_for_when_there_are_new_modules(monkeypatch):
    def one_thread():
        with _threads.limit_threads(1):
            assert torch.get_num_threads() == 1
        with _threads.one_blas_thread():
            inside = [library.get_num_threads() for library in libraries]
        return inside, [library.get_num_threads() for library in libraries]

    class Controller(threadpoolctl.ThreadpoolController):
        def __init__(self):
            looked.append(True)
            super().__init__()

    looked = []
    found = threadpoolctl.ThreadpoolController().select(user_api="blas")
    libraries = found.lib_controllers
    monkeypatch.setattr(_threads.threadpoolctl, "ThreadpoolController", Controller)
    monkeypatch.setitem(sys.modules, "a_module_with_a_library", threadpoolctl)
    before = [library.get_num_threads() for library in libraries]
    for _ in range(3):
        assert one_thread() == ([1] * len(libraries), before)
    assert len(looked) == 1
    monkeypatch.setitem(sys.modules, "another_one", threadpoolctl)
    one_thread()
    assert len(looked) == 2
