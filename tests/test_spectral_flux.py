import librosa
import numpy as np
import pytest

from skdeepmir import SpectralFluxDetector, SpectrogramExtractor, make_pipeline
from skdeepmir.datasets import make_onset_clips
from skdeepmir.metrics import onset_scores
from skdeepmir.onset_detection import make_onset_pipeline

RATE = 22050


def with_clicks(times, duration=3.0, seed=0):
    """Return a quiet noise with clicks, each of which begins with its sample."""
    rng = np.random.RandomState(seed)
    waveform = 1e-4 * rng.randn(int(duration * RATE))
    burst = rng.randn(400) * np.exp(-np.arange(400) / 60)
    for start in np.round(np.array(times) * RATE).astype(int):
        waveform[start : start + 400] += 0.5 * burst
    return waveform.astype(np.float32)


TIMES = [np.array([0.4, 0.9, 1.13, 2.005]), np.array([0.123, 1.5, 1.62, 2.4])]


@pytest.mark.parametrize("lag, max_size", [(1, 1), (2, 3), (3, 5), (1, 4)])
def test_the_activation_is_the_onset_strength_of_librosa(lag, max_size):
    frames = -60 * np.random.RandomState(0).rand(50, 20)
    detector = SpectralFluxDetector(
        lag, max_size, threshold=0.1, shift=0.0, frame_rate=100.0
    ).fit([frames])
    (activation,) = detector.predict_activations([frames])
    expected = librosa.onset.onset_strength(
        S=frames.T, lag=lag, max_size=max_size, center=False
    )
    np.testing.assert_allclose(activation, expected, rtol=0, atol=1e-12)


def test_superflux_does_not_hear_a_glide():
    frames = np.full((60, 40), -40.0)
    frames[np.arange(60), 5 + np.arange(60) // 3] = 0.0  # a band in 3 frames
    frames[30:, 35:] = -10.0

    def highest(lag, max_size):
        detector = SpectralFluxDetector(
            lag, max_size, threshold=0.1, shift=0.0, frame_rate=100.0
        ).fit([frames])
        activation = detector.predict_activations([frames])[0]
        return activation.argmax(), np.sort(activation)[::-1]

    place, flux = highest(2, 3)
    assert place in (30, 31) and np.count_nonzero(flux > 0.01) == 2
    assert np.count_nonzero(highest(2, 1)[1] > 0.01) > 30


@pytest.mark.parametrize("name", ["flux", "superflux"])
@pytest.mark.parametrize("center", [True, False])
def test_clicks_at_known_times_are_all_found_within_5_ms(name, center):
    pipeline = make_onset_pipeline(name, center=center, verbose=False)
    pipeline.fit([with_clicks(times) for times in TIMES], TIMES)
    others = [np.array([0.35, 0.71, 1.25, 1.4, 2.2]), np.array([0.6, 2.5])]
    clips = [with_clicks(times, seed=1) for times in others]
    scores = onset_scores(others, pipeline.predict(clips))
    assert scores.f == 1 and scores.n_reference == 7
    assert scores.mean_absolute_error < 0.005


@pytest.mark.parametrize("late", [-0.05, 0.0, 0.03])
def test_a_constant_lateness_is_taken_out(late):
    frames = np.full((300, 8), -40.0)
    onsets = np.array([0.5, 1.0, 1.7, 2.2])
    for time in onsets:
        frames[round((time + late) * 100) :][:20] += 30.0
    tuned = SpectralFluxDetector(frame_rate=100.0).fit([frames], [onsets])
    assert tuned.shift_ == pytest.approx(-late, abs=0.006)
    np.testing.assert_allclose(tuned.predict([frames])[0], onsets, atol=0.006)
    assert tuned.score([frames], [onsets]) == 1
    kept = SpectralFluxDetector(shift=0.0, frame_rate=100.0).fit([frames], [onsets])
    assert kept.shift_ == 0
    np.testing.assert_allclose(kept.predict([frames])[0], onsets + late, atol=0.006)


@pytest.fixture(scope="module")
def clips():
    return make_onset_clips(n_clips=4, duration=4.0, random_state=0)


@pytest.fixture(scope="module")
def fitted(clips):
    pipeline = make_onset_pipeline("flux", verbose=False)
    return pipeline.fit(clips.data, clips.target)


def test_the_tuned_threshold_and_shift_are_better_than_others(clips, fitted):
    best = fitted.score(clips.data, clips.target)
    assert best > 0.5
    detector, frames = fitted[-1], fitted[:-1].transform(clips.data)
    found = detector.threshold_, detector.shift_
    try:
        for threshold in (0.3, 0.5, 0.8, 1.5, 3.0):
            for shift in (-0.02, 0.0, 0.02):
                detector.threshold_, detector.shift_ = threshold, shift
                assert detector.score(frames, clips.target) < best + 2e-3
    finally:
        detector.threshold_, detector.shift_ = found


@pytest.mark.parametrize("lag, max_size", [(1, 1), (3, 3)])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_live_equals_offline_bit_for_bit(clips, size, lag, max_size):
    extractor = SpectrogramExtractor(n_mels=20, hop_length=220, verbose=False)
    frames = extractor.transform(clips.data[:2])
    detector = SpectralFluxDetector(
        lag, max_size, threshold=0.5, shift=-0.01, frame_rate=extractor.frame_rate
    ).fit(frames)
    for clip, expected in zip(frames, detector.predict(frames), strict=True):
        blocks = [clip[i : i + size] for i in range(0, len(clip), size)]
        assert len(expected) > 3
        assert list(detector.stream([clip[:0], *blocks])) == expected.tolist()


def test_the_delay_is_from_the_onset_to_the_frame_that_tells_it():
    frames = np.full((300, 4), -40.0)
    frames[100:] = 0.0
    given = {"threshold": 5.0, "pre_avg": 0, "post_avg": 0, "frame_rate": 100.0}
    for shift in (-0.02, 0.0, 0.01):
        detector = SpectralFluxDetector(**given, shift=shift).fit([frames])
        live = detector.live()
        told = [live.push(frame[np.newaxis]) for frame in frames]
        (place,) = np.flatnonzero([len(times) for times in told])
        assert live.delay == detector.delay_
        assert place / 100 - told[place][0] == pytest.approx(detector.delay_, abs=1e-9)


def test_samples_that_come_in_give_the_onsets_of_the_whole_waveform(clips):
    pipeline = make_onset_pipeline("superflux", center=False, verbose=False)
    pipeline.fit(clips.data, clips.target)
    (expected,) = pipeline.predict(clips.data[:1])
    blocks = np.array_split(clips.data[0], 40)
    found = pipeline.stream(blocks, sample_rate=clips.sample_rate)
    assert len(expected) > 3 and list(found) == expected.tolist()


def test_with_a_threshold_and_a_shift_nothing_is_learned_from_annotations():
    frames = np.full((100, 4), -40.0)
    frames[50:] = 0.0
    given = {"threshold": 5.0, "frame_rate": 100.0}
    detector = SpectralFluxDetector(**given, shift=0.01).fit([frames])
    assert (detector.threshold_, detector.shift_) == (5.0, 0.01)
    np.testing.assert_allclose(detector.predict([frames])[0], [0.51], atol=1e-9)
    for tuned in (SpectralFluxDetector(**given), SpectralFluxDetector(shift=0.0)):
        with pytest.raises(ValueError, match="SpectralFluxDetector requires y"):
            tuned.fit([frames])


def test_a_shift_is_tuned_for_the_threshold_that_is_given():
    frames = np.full((400, 4), -60.0)
    frames[100:110] = frames[300:310] = 0.0
    frames[200:210] = frames[350:360] = -40.0
    onsets = [np.array([1.05, 2.0, 3.05, 3.5])]  # late for the loud ones only
    loud = SpectralFluxDetector(threshold=40.0, frame_rate=100.0)
    assert loud.fit([frames], onsets).shift_ == pytest.approx(0.05, abs=0.006)


def test_silence_constant_frames_and_single_frames_have_no_onset(fitted):
    silent = [np.zeros(n, np.float32) for n in (1, 3000, 44_100)]
    for times in fitted.predict(silent):
        assert times.shape == (0,) and times.dtype == np.float64


def test_clips_without_onsets_are_refused_if_none_has_one():
    clip = np.random.RandomState(0).rand(100, 4)
    detector = SpectralFluxDetector(frame_rate=100.0)
    with pytest.raises(ValueError, match="No clip has an onset"):
        detector.fit([clip] * 2, [[], []])
    detector.fit([clip] * 2, [[], [0.5]])


def test_audio_that_is_cut_off_does_not_begin_there():
    clip = np.zeros((100, 4))
    clip[[30, 60]] = 20.0
    clip[99] = 30.0
    detector = SpectralFluxDetector(shift=0.0, frame_rate=100.0)
    detector.fit([clip] * 2, [[0.3, 0.6]] * 2)
    found = detector.predict([clip])[0]
    np.testing.assert_allclose(found, [0.3, 0.6], atol=0.01)
    for n in (1, 33, 100):
        blocks = np.split(clip, range(n, 100, n))
        assert list(detector.stream(blocks)) == found.tolist()


def test_wrong_annotations_are_named():
    clip = np.random.RandomState(0).rand(100, 4)
    detector = SpectralFluxDetector(frame_rate=100.0)
    with pytest.raises(ValueError, match="clip 1.*44100"):
        detector.fit([clip] * 2, [[0.5], [44100.0]])
    with pytest.raises(ValueError, match="clip 0.*earlier"):
        detector.fit([clip] * 2, [[0.5, 0.2], [0.5]])


def test_parameters_of_a_detector_are_none_of_the_front_end():
    with pytest.raises(TypeError, match=r"threshold.*SpectralFluxDetector"):
        make_onset_pipeline("superflux", threshold=0.5)
    assert make_onset_pipeline("superflux", verbose=False)[-1].threshold == "tune"


def test_without_a_frame_rate_nothing_can_be_tuned():
    clip = np.random.RandomState(0).rand(100, 4)
    with pytest.raises(ValueError, match="frame_rate=None"):
        SpectralFluxDetector().fit([clip], [[0.5]])


def test_another_sample_rate_is_refused_in_a_pipeline(fitted):
    other = SpectrogramExtractor(sample_rate=44100, hop_length=440, n_mels=138)
    with pytest.raises(ValueError, match=r"44100(?s:.*)22050|22050(?s:.*)44100"):
        make_pipeline(other, fitted[-1]).predict([np.zeros(44100)])
