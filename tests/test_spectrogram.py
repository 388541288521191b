import gc
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import soundfile
from joblib import parallel_config
from sklearn.base import clone
from sound_files import assert_equal_clips, write_clips

from skdeepmir import SpectrogramExtractor, audio
from skdeepmir.audio import AudioError, AudioWarning, _files
from skdeepmir.spectrogram import _recipe

KINDS = ("magnitude", "power", "mel", "log_mel", "mfcc", "cqt", "chroma")


@pytest.fixture
def clips():
    rng = np.random.RandomState(0)
    return [0.1 * rng.randn(n).astype(np.float32) for n in (5000, 12000, 9000)]


@pytest.fixture
def paths(tmp_path, clips):
    return write_clips(tmp_path, clips)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_finite_named_float32_frames(kind, clips):
    extractor = SpectrogramExtractor(kind, deltas=1)
    for clip, frames in zip(clips, extractor.fit_transform(clips), strict=True):
        assert frames.dtype == np.float32 and np.isfinite(frames).all()
        assert frames.shape == (1 + len(clip) // 512, len(extractor.feature_names_))


def test_magnitude_of_1024_samples_has_513_bins(clips):
    frames = SpectrogramExtractor("magnitude", n_fft=1024).fit_transform(clips)
    assert frames[0].shape[1] == 513


@pytest.mark.parametrize("kind", KINDS)
def test_silence_and_single_samples_give_finite_frames(kind):
    short = [
        np.zeros(1, np.float32),
        np.zeros(9000, np.float32),
        np.ones(1, np.float32),
    ]
    for frames in SpectrogramExtractor(kind, deltas=2).fit_transform(short):
        assert np.isfinite(frames).all() and len(frames) >= 1


def test_paths_in_any_container_equal_waveforms(paths, clips):
    extractor = SpectrogramExtractor()
    expected = extractor.fit_transform(clips)
    for X in (
        paths,
        tuple(paths),
        [Path(p) for p in paths],
        np.array(paths),
        np.array(paths, dtype=object),
        pd.Series(paths),
        pl.Series(paths),
    ):
        assert_equal_clips(extractor.fit_transform(X), expected)


def test_equal_waveforms_in_one_array_give_a_3d_array():
    X = np.random.RandomState(0).randn(3, 4000).astype(np.float32)
    frames = SpectrogramExtractor().fit_transform(X)
    assert frames.shape == (3, 8, 128)
    np.testing.assert_array_equal(
        frames[1], SpectrogramExtractor().transform([X[1]])[0]
    )


@pytest.mark.parametrize("center", [True, False])
def test_several_windows_stand_side_by_side_and_mean_the_same_moment(center):
    click = np.zeros(22050, np.float32)
    click[11025] = 1
    frames = SpectrogramExtractor(
        "power", n_fft=(1024, 2048, 4096), hop_length=512, center=center
    ).fit_transform([click])[0]
    parts = np.split(frames, [513, 1538], axis=1)
    loudest = {int(part.sum(axis=1).argmax()) for part in parts}
    assert len(loudest) == 1


def test_frequency_limits_select_bins():
    X = [np.ones(4000, np.float32)]
    extractor = SpectrogramExtractor("magnitude", n_fft=1024, fmin=100, fmax=1000)
    frames = extractor.fit_transform(X)[0]
    assert frames.shape[1] == len(extractor.feature_names_) == 42
    assert extractor.feature_names_[0] == "magnitude_107.7hz"


def test_n_jobs_and_backends_give_the_same_bits(paths):
    expected = SpectrogramExtractor().fit_transform(paths)
    for backend in ("threading", "loky"):
        with parallel_config(backend):
            frames = SpectrogramExtractor(n_jobs=2).fit_transform(paths)
        assert_equal_clips(frames, expected)


def test_one_error_names_the_row_the_file_and_all_bad_rows(paths):
    X = [paths[0], "missing.wav", paths[1], "gone.wav"]
    with pytest.raises(AudioError, match=r"row 1: 'missing.wav' .*\[2 rows .*: 1, 3\]"):
        SpectrogramExtractor().fit_transform(X)


def test_an_error_while_decoding_in_a_worker_names_row_and_file(tmp_path, paths):
    soundfile.write(tmp_path / "nan.wav", np.full(900, np.nan), 22050, subtype="FLOAT")
    X = [*paths, str(tmp_path / "nan.wav")]
    with (
        parallel_config("loky"),
        pytest.raises(AudioError, match="row 3: .*nan.wav.*not_finite"),
    ):
        SpectrogramExtractor(n_jobs=2).fit_transform(X)


def test_paths_and_waveforms_may_be_mixed(paths, clips):
    extractor = SpectrogramExtractor()
    mixed = extractor.transform([paths[0], clips[1], Path(paths[2]), list(clips[0])])
    alone = [*extractor.transform(clips), extractor.transform(clips[:1])[0]]
    assert_equal_clips(mixed, alone)


def test_channels_of_a_waveform_are_mixed_down(clips):
    extractor = SpectrogramExtractor()
    stereo = np.stack([clips[0], clips[0]])
    mixed = extractor.transform([stereo, clips[0][np.newaxis], clips[0]])
    for frames in mixed[:2]:
        np.testing.assert_array_equal(frames, mixed[2])
    with pytest.raises(AudioError, match=r"did you mean y\.T"):
        extractor.transform([stereo.T])


def test_bad_clips_become_nan_and_the_others_stay_as_they_are(paths, clips, tmp_path):
    cut = tmp_path / "cut.wav"
    cut.write_bytes(Path(paths[0]).read_bytes()[:-1001])
    extractor = SpectrogramExtractor("mfcc", on_error="nan", n_jobs=2)
    X = [paths[0], tmp_path / "none.wav", clips[1], cut, clips[2] * np.nan]
    with pytest.warns(
        AudioWarning, match=r"3 rows are bad: 1, 3, 4 \(made NaN"
    ) as caught:
        frames = extractor.fit(X).transform(X)
    found = [(error.row, error.code) for error in caught[0].message.problems]
    assert found == [(1, "missing"), (3, "truncated"), (4, "not_finite")]
    assert caught[0].filename == __file__
    for row in (1, 3, 4):
        assert frames[row].shape == (1, 20) and np.isnan(frames[row]).all()
    for row in (0, 2):
        alone = SpectrogramExtractor("mfcc").transform([X[row]])[0]
        np.testing.assert_array_equal(frames[row], alone)


def test_a_bad_row_of_an_array_has_as_many_frames_as_the_others(clips):
    X = np.stack([clip[:2000] for clip in clips[:3]])
    X[1, 3] = np.inf
    for kind, parameters in (("log_mel", {"center": False}), ("cqt", {})):
        extractor = SpectrogramExtractor(kind, on_error="nan", **parameters)
        with pytest.warns(AudioWarning, match="1 row is bad: 1"):
            frames = extractor.fit_transform(X)
        assert np.isnan(frames[1]).all() and np.isfinite(frames[[0, 2]]).all()


def test_what_there_is_of_a_cut_file_can_be_accepted(paths, clips, tmp_path):
    cut = tmp_path / "cut.wav"
    cut.write_bytes(Path(paths[0]).read_bytes()[:-1000])
    strict = SpectrogramExtractor(cache_dir=tmp_path / "store")
    accepting = clone(strict).set_params(truncated="accept")
    frames = accepting.transform([cut])[0]
    assert 0 < len(frames) <= len(strict.transform([paths[0]])[0])
    with pytest.raises(AudioError, match=r"\(truncated\)"):
        strict.transform([cut])  # although the store has features of it


def test_files_beyond_max_duration_are_refused_with_and_without_a_store(
    paths, tmp_path
):
    duration = audio.read_header(paths[0])
    duration = duration.n_samples / duration.sample_rate
    for cache_dir in (None, tmp_path / "store"):
        extractor = SpectrogramExtractor(max_duration=duration, cache_dir=cache_dir)
        extractor.transform(paths[:1])
        extractor.set_params(max_duration=duration / 2)
        with pytest.raises(AudioError, match="too_long.*max_duration"):
            extractor.transform(paths[:1])


@pytest.mark.parametrize("X", ["one.wav", Path("one.wav"), b"one.wav"])
def test_a_lone_path_is_no_set_of_clips(X):
    with pytest.raises(ValueError, match=r"pass \[path\]"):
        SpectrogramExtractor().fit(X)


def test_labels_of_the_wrong_length_are_noticed_before_extraction(clips):
    with pytest.raises(ValueError, match="y has 2 labels, but X has 3 clips"):
        SpectrogramExtractor().fit(clips, [0, 1])


def test_a_clip_that_would_overflow_is_refused():
    loud = np.full(4000, 1e30, np.float32)
    with pytest.raises(AudioError, match="row 0: .* overflows"):
        SpectrogramExtractor().fit_transform([loud])


def test_short_clips_can_be_refused(clips):
    with pytest.raises(AudioError, match="row 1: .*too_short"):
        SpectrogramExtractor(short="raise").fit_transform([clips[0], clips[0][:9]])
    with pytest.raises(AudioError, match="too_short"):
        SpectrogramExtractor("cqt", short="raise").fit_transform(clips)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"n_fft": (1024, 0)}, "n_fft"),
        ({"fmax": 20000}, "fmax"),
        ({"kind": "mfcc", "n_mfcc": 200}, "n_mfcc"),
        ({"kind": "mfcc", "log": True}, "log=True"),
        ({"kind": "cqt", "center": False}, "center=False"),
        ({"kind": "chroma", "bins_per_octave": 10}, "multiple of 12"),
        ({"kind": "cqt", "sample_rate": 8000}, "sample_rate=8000"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(parameters, message, clips):
    with pytest.raises(ValueError, match=message):
        SpectrogramExtractor(**parameters).fit(clips)


def test_it_is_quiet(clips, capfd):
    SpectrogramExtractor().fit_transform(clips)
    assert capfd.readouterr() == ("", "")


BLOCK_CASES = [
    *({"kind": kind} for kind in KINDS),
    {"kind": "log_mel", "center": False, "deltas": 2},
    {"kind": "power", "n_fft": (512, 4096), "hop_length": 441},
    {"kind": "mfcc", "n_fft": 1000, "deltas": 1},
    {"kind": "mel", "n_fft": 256, "hop_length": 5000},
    {"kind": "cqt", "hop_length": 441, "log": True, "deltas": 2},
]


@pytest.mark.parametrize("parameters", BLOCK_CASES, ids=str)
@pytest.mark.parametrize("length", [5000, 70_001])
def test_blocks_equal_the_whole_clip(parameters, length, tmp_path, monkeypatch):
    rng = np.random.RandomState(0)
    loudness = np.repeat([1, 1e-3, 0.1, 0], length // 4 + 1)[:length]
    y = (0.1 * loudness * rng.randn(length)).astype(np.float32)
    soundfile.write(tmp_path / "44.wav", y, 44100, subtype="FLOAT")
    extractor = SpectrogramExtractor(**parameters)
    whole = extractor.fit_transform([y])
    resampled = extractor.transform([tmp_path / "44.wav"])
    monkeypatch.setattr(_recipe, "WHOLE", 0)
    monkeypatch.setattr(_recipe, "BLOCK", 3001)
    monkeypatch.setattr(_files, "BLOCK", 3001)
    for expected, X in ((whole, y), (resampled, tmp_path / "44.wav")):
        (frames,) = extractor.transform([X])
        assert frames.shape == expected[0].shape
        assert np.abs(frames - expected[0]).max() <= 1e-5 * np.abs(expected[0]).max()


@pytest.mark.parametrize("kind", ["log_mel", "cqt"])
def test_memory_beyond_the_output_does_not_grow_with_length(kind, tmp_path):
    """Peaks are those of a process of its own; each test file is 20 minutes long."""
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(20 * 60 * 22050, np.float32), 22050)
    code = f"""
import resource, sys
import numpy as np
from skdeepmir import SpectrogramExtractor
extractor = SpectrogramExtractor({kind!r}, cache_dir={str(tmp_path / "store")!r})
extractor.fit_transform([np.zeros(30000, np.float32)])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
frames = extractor.transform([{str(path)!r}])[0]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, frames.nbytes)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    growth, n_bytes = map(int, result.stdout.split())
    assert n_bytes > 16_000_000
    assert growth * 1024 < 60_000_000  # the waveform alone takes 106 MB


def test_a_bad_clip_keeps_nothing_alive(paths):
    extractor = SpectrogramExtractor("mfcc", on_error="nan")
    gc.disable()
    try:
        with pytest.warns(AudioWarning):
            frames = extractor.transform([paths[0], "none.wav", __file__])
        is_alive = weakref.ref(frames[0])
        del frames
        assert is_alive() is None
    finally:
        gc.enable()
