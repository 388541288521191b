"""Clips that can be used but are hardly what was meant: they are kept, and told."""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile
from joblib import parallel_config

from skdeepmir import SpectrogramExtractor, check_audio, drop_bad_audio
from skdeepmir.audio import (
    AudioError,
    AudioWarning,
    DoubtfulAudioWarning,
    check_waveform,
    stream_audio,
)

RATE = 22050


def music(seconds=1.0, seed=0):
    t = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.RandomState(seed).randn(len(t))
    return 0.2 * np.sin(2 * np.pi * 330 * t) + 0.05 * noise


LEFT, OTHER = music(), music(seed=1)
SILENCE = np.zeros_like(LEFT)
DITHER = np.random.RandomState(2).randint(-1, 2, (2, len(LEFT))) / 32768


def part(share):
    """Return two channels that cancel in a share of the time, and are alike before."""
    sign = np.where(np.arange(len(LEFT)) < (1 - share) * len(LEFT), 1, -1)
    return np.stack([LEFT, sign * LEFT])


CANCELLED = {
    "turned over": np.stack([LEFT, -LEFT]),
    "nearly as loud": np.stack([LEFT, -0.99 * LEFT]),
    "with dither": np.stack([LEFT, -LEFT]) + DITHER,
    "soft": np.stack([LEFT, -LEFT]) / 100,
    "four channels": np.stack([LEFT, -LEFT, OTHER, -OTHER]),
    "float32": np.stack([LEFT, -LEFT]).astype(np.float32),
    "int16": np.stack([LEFT, -LEFT] * np.array(32767)).astype(np.int16),
    "int32": np.stack([LEFT, -LEFT] * np.array(2**31 - 1)).astype(np.int32),
    "most of it": part(0.8),
    "all that sounds": np.stack([LEFT, -LEFT]) * (np.arange(len(LEFT)) > 18000),
    "all above the dither": np.stack([LEFT, -LEFT]) * (LEFT > 0.15) + DITHER,
    "a few samples": np.stack([LEFT, -LEFT])[:, :500],
}
FINE = {
    "mono": LEFT,
    "one channel": LEFT[np.newaxis],
    "the same twice": np.stack([LEFT, LEFT]),
    "two that differ": np.stack([LEFT, OTHER]),
    "one silent": np.stack([LEFT, SILENCE]),
    "half as loud": np.stack([LEFT, -0.5 * LEFT]),
    "a tenth softer": np.stack([LEFT, -0.9 * LEFT]),
    "silence": np.stack([SILENCE, SILENCE]),
    "dither": DITHER,
    "a part of it": part(0.3),
    "a few samples": np.stack([LEFT, LEFT])[:, :500],
}


def found(X):
    table = check_audio(X, verbose=False)
    return list(zip(table["row"], table["code"], strict=True))


@pytest.mark.parametrize("name", CANCELLED)
def test_channels_that_cancel_are_listed(name):
    assert found([LEFT, CANCELLED[name]]) == [(1, "cancelled")]


@pytest.mark.parametrize("name", FINE)
def test_channels_that_do_not_are_not(name):
    assert found([FINE[name]]) == []


@pytest.mark.parametrize(
    "suffix, subtype",
    [
        ("wav", "PCM_16"),
        ("wav", "PCM_24"),
        ("wav", "FLOAT"),
        ("flac", None),
        ("mp3", None),
    ],
)
def test_files_whose_channels_cancel_are_listed(suffix, subtype, tmp_path):
    paths = []
    for name in ("turned over", "most of it"):
        y = np.tile(CANCELLED[name], 2)
        paths += [str(tmp_path / f"{name}.{suffix}"), str(tmp_path / f"ok.{suffix}")]
        soundfile.write(paths[-2], y.T, RATE, subtype=subtype)
        soundfile.write(paths[-1], np.abs(y.T), RATE, subtype=subtype)
    soundfile.write(paths[-1], LEFT, RATE, subtype=subtype)
    assert found(paths) == [(0, "cancelled"), (2, "cancelled")]
    path, problem, fix = check_audio(paths).loc[0, ["path", "problem", "fix"]]
    assert path == ascii(paths[0]) and "100 %" in problem and "channel" in fix
    assert len(list(stream_audio(paths[0]))) == 1  # it is read like any other


def test_a_doubtful_clip_is_kept_and_told_by_its_row(tmp_path):
    path = str(tmp_path / "turned.wav")
    soundfile.write(path, CANCELLED["turned over"].T, RATE)
    X = [LEFT, path, CANCELLED["turned over"], OTHER]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert drop_bad_audio(X) is X
    for n_jobs, backend in ((1, "threading"), (2, "loky")):
        extractor = SpectrogramExtractor("power", n_fft=512, n_jobs=n_jobs)
        with parallel_config(backend), pytest.warns(DoubtfulAudioWarning) as told:
            frames = extractor.fit_transform(X)
        # loky has warnings of its own, such as of workers that have grown.
        caught = [w for w in told if w.category is DoubtfulAudioWarning]
        assert len(caught) == 1 and caught[0].filename == __file__
        assert "2 rows are doubtful: 1, 2 " in str(caught[0].message)
        doubts = [(e.row, e.code, e.path) for e in caught[0].message.problems]
        assert doubts == [(1, "cancelled", path), (2, "cancelled", None)]
        assert max(f.max() for f in frames[1:3]) < 1e-6 * frames[0].max()


def test_bad_and_doubtful_clips_are_told_apart(tmp_path):
    X = [CANCELLED["turned over"], "none.wav", LEFT, LEFT * 32768]
    with (
        pytest.warns(AudioWarning) as of_bad,
        pytest.warns(DoubtfulAudioWarning) as of_doubtful,
    ):
        SpectrogramExtractor("mfcc", on_error="nan").fit_transform(X)
    bad, doubtful = (
        [(e.row, e.code) for e in caught.pop(kind).message.problems]
        for caught, kind in (
            (of_bad, AudioWarning),
            (of_doubtful, DoubtfulAudioWarning),
        )
    )
    assert bad == [(1, "missing")]
    assert doubtful == [(0, "cancelled"), (3, "unscaled")]
    assert found(X) == sorted(bad + doubtful)
    with pytest.warns(AudioWarning, match="1 row is bad: 1"):
        assert len(drop_bad_audio(X)) == 3


def test_features_from_the_store_are_not_listened_to(tmp_path):
    path = tmp_path / "turned.wav"
    soundfile.write(path, CANCELLED["turned over"].T, RATE)
    extractor = SpectrogramExtractor("mfcc", cache_dir=tmp_path / "store")
    with pytest.warns(DoubtfulAudioWarning):
        extractor.transform([path])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extractor.transform([path])


SAMPLES = np.round(LEFT * 32767)
UNSCALED = {
    "int64": SAMPLES.astype(np.int64),
    "uint16": (SAMPLES + 32768).astype(np.uint16),
    "uint32": np.abs(SAMPLES).astype(np.uint32),
    "uint64": np.abs(SAMPLES).astype(np.uint64),
    "float32": SAMPLES.astype(np.float32),
    "float64": SAMPLES,
    "list": SAMPLES.astype(int).tolist(),
    "soft": (SAMPLES / 100).astype(np.int64),
    "stereo": np.stack([SAMPLES, SAMPLES]).astype(np.int64),
    "24 bits": (LEFT * 2**23).astype(np.int64),
    "series": pd.Series(SAMPLES.astype(int)),
    "8 bits": (LEFT * 127 + 128).astype(np.int64),
    "8 bits as float64": np.round(LEFT * 127 + 128),
    "32 bits": (LEFT * 2**31).astype(np.int64),
    "32 bits as float64": LEFT * 2**31,
}
HINTS = {
    "uint16": "pass (y - 32768.0) / 32768",
    "float32": "divide by 32768.",
    "float64": "divide by 32768.",
    "24 bits": "divide by 8388608.",
    "8 bits": "astype('uint8')",
    "8 bits as float64": "pass (y - 128.0) / 128",
    "32 bits": "astype('int32')",
    "32 bits as float64": "divide by 2147483648.",
}
SCALED = {
    "int16": SAMPLES.astype(np.int16),
    "int32": (LEFT * 2**31).astype(np.int32),
    "int8": (LEFT * 127).astype(np.int8),
    "uint8": (LEFT * 127 + 128).astype(np.uint8),
    "float64": LEFT,
    "loud": 4 * LEFT,
    "noise": np.random.RandomState(0).randn(5000),
    "silence": np.zeros(5000, dtype=np.int64),
    "a square wave": np.sign(LEFT).astype(np.int64),
}


@pytest.mark.parametrize("name", UNSCALED)
def test_samples_far_above_full_scale_are_told_and_kept(name):
    clip = UNSCALED[name]
    X = [LEFT, clip, LEFT]
    assert found(X) == [(1, "unscaled")]
    with pytest.warns(DoubtfulAudioWarning, match="1 row is doubtful: 1") as caught:
        frames = SpectrogramExtractor("magnitude").fit_transform(X)
    (problem,) = caught[0].message.problems
    assert "dB above full scale" in problem.found
    assert HINTS.get(name, "astype('int16')") in problem.fix
    mean = np.atleast_2d(np.asarray(clip)).mean(axis=0)
    np.testing.assert_allclose(check_waveform(clip), mean, rtol=1e-6)
    assert frames[1].max() > 10 * frames[0].max()


@pytest.mark.parametrize("name", SCALED)
def test_samples_in_scale_are_not(name):
    assert found([SCALED[name]]) == []


@pytest.mark.parametrize("name", UNSCALED)
def test_the_hint_brings_samples_to_full_scale(name):
    y = np.asarray(UNSCALED[name])
    (fix,) = check_audio([y])["fix"]
    if "divide by" in fix:
        y = y / float(re.search(r"divide by (\d+)", fix)[1])
    else:
        y = eval(re.search(r"pass (.*)\.$", fix)[1], {"y": y})
    assert found([y]) == []
    if name not in ("soft", "uint32", "uint64"):
        np.testing.assert_allclose(check_waveform(y), LEFT, atol=0.02)


def test_the_largest_sample_decides_wherever_it_is():
    y = SAMPLES.astype(np.int64)
    y[1000] = 2**22  # between those that are looked at while decoding
    (fix,) = check_audio([y])["fix"]
    assert "divide by 8388608" in fix
    (fix,) = check_audio([LEFT * 1e11])["fix"]
    assert f"{np.abs(LEFT * 1e11).max():.6g}" in fix


def test_what_the_hint_says_helps():
    given = UNSCALED["int64"]
    np.testing.assert_allclose(check_waveform(given.astype("int16")), LEFT, atol=1e-4)
    extractor = SpectrogramExtractor("log_mel", amin=1e-30)
    with pytest.warns(DoubtfulAudioWarning):
        (loud,) = extractor.transform([given])
    (right,) = extractor.transform([given.astype("int16")])
    np.testing.assert_allclose(loud - right, 20 * np.log10(32768), atol=1e-2)


def test_rows_of_a_table_are_told_too():
    X = np.stack([0 * SAMPLES, SAMPLES, SAMPLES]).astype(np.int64)
    for table in (X, pd.DataFrame(X)):
        assert found(table) == [(1, "unscaled"), (2, "unscaled")]
        with pytest.warns(DoubtfulAudioWarning, match="2 rows are doubtful: 1, 2"):
            assert SpectrogramExtractor().fit_transform(table).shape[0] == 3


def test_files_of_floats_out_of_scale_are_told(tmp_path):
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.tile(SAMPLES, 30), RATE, subtype="FLOAT")
    assert found([path]) == [(0, "unscaled")]
    with pytest.warns(DoubtfulAudioWarning, match="loud.wav"):
        SpectrogramExtractor().transform([path])


def test_there_is_no_doubt_about_a_clip_that_is_refused():
    X = [LEFT, np.full((2, 99), 1e30)]
    assert found(X) == [(1, "not_finite")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(AudioError, match="row 1: .*not_finite"):
            SpectrogramExtractor().fit_transform(X)


def test_the_warning_survives_pickling():
    problem = AudioError("cancelled", "has", "Look.", "a.wav", 3)
    warning = DoubtfulAudioWarning("used", [problem])
    copied = pickle.loads(pickle.dumps(warning))
    assert type(copied) is DoubtfulAudioWarning and str(copied) == str(warning)
    assert [e.row for e in copied.problems] == [3]
