"""Frames that follow the beat."""

import warnings

import numpy as np
import pytest
import soundfile
from sklearn.base import clone

from skdeepmir import (
    BeatSynchronousExtractor,
    ConvTagger,
    MultiTimescalePooler,
    SpectrogramExtractor,
    load,
    make_pipeline,
    save,
)
from skdeepmir.audio import AudioError
from skdeepmir.testing import check_audio_estimator

RATE = 22050
BEAT = 0.5  # s


def clicks(n_beats=16, first=0.25):
    """Return a click on each beat, and its times."""
    times = first + BEAT * np.arange(n_beats)
    samples = np.zeros(int(RATE * (times[-1] + 0.4)), dtype=np.float32)
    burst = np.exp(-np.arange(400) / 60) * np.sin(np.arange(400))
    for time in times:
        start = int(RATE * time)
        samples[start : start + 400] += burst
    return samples, times


def tones(pitches):
    """Return a tone of each pitch (MIDI), one per beat, each with an attack."""
    t = np.arange(int(RATE * BEAT)) / RATE
    decay = np.exp(-3 * t)
    parts = [
        decay * np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * t) for p in pitches
    ]
    return np.concatenate(parts).astype(np.float32)


@pytest.fixture(scope="module")
def extractor():
    return BeatSynchronousExtractor(verbose=False)


def test_beats_are_where_clicks_are(extractor):
    samples, times = clicks()
    (found,) = extractor.beat_times([samples])
    distances = np.abs(found[:, np.newaxis] - times).min(axis=1)
    assert len(found) >= 12
    assert distances.max() < 0.03


def test_a_frame_of_a_beat_has_the_note_of_that_beat(extractor):
    pitches = [60, 64, 67, 71, 62, 65, 69, 60, 64, 67, 71, 62]
    samples = tones(pitches)
    (times,) = extractor.beat_times([samples])
    (frames,) = extractor.fit_transform([samples])
    # The first frame ends with the first beat, unless that is the beginning.
    starts = times if times[0] == 0 else np.r_[0, times]
    assert len(frames) == len(starts)
    heard = frames[:, :12].argmax(axis=1)
    played = [pitches[min(int((t + 0.1) / BEAT), 11)] % 12 for t in starts]
    assert np.mean(heard == played) > 0.8
    assert frames.shape[1] == len(extractor.feature_names_) == 24
    assert frames.dtype == np.float32


def test_frames_are_means_of_those_between_beats():
    samples, _ = clicks()
    mel = SpectrogramExtractor(n_mels=8, hop_length=300, verbose=False)
    beats = BeatSynchronousExtractor([mel], aggregate="median", verbose=False)
    (frames,), (times,) = beats.fit_transform([samples]), beats.beat_times([samples])
    (every,) = mel.fit_transform([samples])
    edges = np.rint(times * mel.frame_rate).astype(int)
    np.testing.assert_allclose(
        frames[1], np.median(every[edges[0] : edges[1]], axis=0), rtol=1e-6
    )
    np.testing.assert_allclose(frames[0], np.median(every[: edges[0]], axis=0))


def test_files_and_waveforms_agree_and_rows_stay(extractor, tmp_path):
    samples, _ = clicks()
    path = tmp_path / "clicks.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    short = samples[: RATE // 10]
    found = extractor.fit_transform([path, short, samples])
    np.testing.assert_array_equal(found[0], found[2])
    assert len(found) == 3


def test_silence_is_one_frame_and_is_told(extractor):
    samples, _ = clicks()
    with pytest.warns(UserWarning, match=r"1 of 2 clips \(row 1\)"):
        frames = extractor.fit_transform([samples, np.zeros(RATE, np.float32)])
    assert frames[1].shape == (1, 24)
    assert np.isfinite(frames[1]).all()


def test_bars_are_pooled_beats(extractor):
    clips = [clicks()[0], clicks(12)[0]] * 4
    y = [0, 1] * 4
    tagger = ConvTagger(
        (4, 4),
        filters="time",
        filter_length=(2, 2),
        pool_length=(4, 2),
        excerpt_length=16,
        max_epochs=2,
        random_state=0,
        verbose=False,
    )
    pipeline = make_pipeline(extractor, tagger).fit(clips, y)
    assert pipeline.predict(clips).shape == (8,)
    assert pipeline[-1].frame_rate_ is None


def test_seconds_are_refused_behind_beats(extractor):
    pipeline = make_pipeline(extractor, MultiTimescalePooler(windows=(1.0,)))
    with pytest.raises(ValueError, match="frame_rate"):
        pipeline.fit([clicks()[0]])


def test_low_sample_rates_have_fewer_octaves():
    samples = clicks()[0][::3]
    slow = BeatSynchronousExtractor(sample_rate=7350, verbose=False)
    assert slow.fit_transform([samples])[0].shape[1] == 24


def test_it_is_cloned_and_saved(extractor, tmp_path):
    samples, _ = clicks()
    save(extractor.fit([samples]), tmp_path / "beats")
    expected = extractor.transform([samples])[0]
    for twin in (load(tmp_path / "beats"), clone(extractor)):
        np.testing.assert_array_equal(twin.transform([samples])[0], expected)


def test_bad_input_is_named(extractor, tmp_path):
    with pytest.raises(AudioError, match="nothing.wav"):
        extractor.fit([tmp_path / "nothing.wav"])
    with pytest.raises(ValueError, match="start_bpm"):
        clone(extractor).set_params(start_bpm=0).fit([clicks()[0]])
    with pytest.raises(ValueError, match="ConvTagger"):
        BeatSynchronousExtractor([ConvTagger()]).fit([clicks()[0]])
    with pytest.raises(ValueError, match="empty"):
        BeatSynchronousExtractor([]).fit([clicks()[0]])
    with pytest.raises(ValueError, match="2 entries|2 labels|y has"):
        extractor.fit([clicks()[0]], [0, 1])


@pytest.mark.slow
def test_it_reads_and_refuses_audio_as_it_should(extractor):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # silent clips have no beat
        assert len(check_audio_estimator(extractor)) > 200
