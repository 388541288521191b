"""Frames equal librosa's for any window, hop and length, however a clip comes in."""

import os
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import example, given
from hypothesis import strategies as st

from skdeepmir import SpectrogramExtractor, audio
from skdeepmir.audio import _files, _librosa
from skdeepmir.spectrogram import _recipe
from skdeepmir.testing._material import patience

RATE = 8000
KINDS = ("magnitude", "power", "mel", "log_mel", "mfcc")
SIZES = st.one_of(st.integers(1, 400), st.integers(0, 200).map(lambda n: 2 * n + 1))


def lengths(n_fft, hop_length):
    """Return lengths around multiples of the hop, with and without the window."""
    around = st.integers(-2, 2)
    multiples = st.integers(0, 12).map(lambda k: k * hop_length)
    extra = st.sampled_from([0, n_fft, n_fft // 2])
    return st.builds(lambda *parts: max(1, sum(parts)), multiples, around, extra)


@st.composite
def cases(draw):
    """Return n_fft, hop_length, center and the length of a clip."""
    n_fft = draw(SIZES)
    # Where frames of one sample are centred, librosa refuses to hop over some.
    hop_length = draw(st.integers(1, 200)) if n_fft > 1 else 1
    n_samples = draw(lengths(n_fft, hop_length))
    center = draw(st.booleans()) if n_samples >= n_fft else True
    return n_fft, hop_length, center, n_samples


def noise(n_samples, seed=0):
    return (0.1 * np.random.RandomState(seed).randn(n_samples)).astype(np.float32)


def by_librosa(y, kind, n_fft, hop_length, center, sample_rate=RATE):
    stft = {"n_fft": n_fft, "hop_length": hop_length, "center": center}
    with warnings.catch_warnings():  # windows longer than clips, filters without bins
        warnings.simplefilter("ignore", UserWarning)
        if kind in ("magnitude", "power"):
            magnitude = np.abs(librosa.stft(y, **stft)).T
            return magnitude if kind == "magnitude" else magnitude**2
        mel = librosa.feature.melspectrogram(y=y, sr=sample_rate, n_mels=8, **stft)
        if kind == "mel":
            return mel.T
        decibels = librosa.power_to_db(mel, top_db=None)
        if kind == "log_mel":
            return decibels.T
        return librosa.feature.mfcc(S=decibels, n_mfcc=5).T


def extractor(kind, n_fft, hop_length, center, **parameters):
    options = {"sample_rate": RATE, "n_mels": 8, "n_mfcc": 5, "verbose": False}
    return SpectrogramExtractor(
        kind,
        n_fft=n_fft,
        hop_length=hop_length,
        center=center,
        **{**options, **parameters},
    )


def assert_close(frames, expected):
    assert frames.shape == expected.shape
    limit = 1e-4 * np.abs(expected).max() + 1e-9
    assert np.abs(frames - expected).max() <= limit


@given(case=cases())
@example(case=(1, 1, True, 1))
@example(case=(1, 7, False, 14))
@example(case=(255, 100, True, 200))
@example(case=(255, 100, True, 201))
@example(case=(255, 100, False, 255))
@pytest.mark.parametrize("kind", KINDS)
def test_frames_equal_librosa(kind, case):
    n_fft, hop_length, center, n_samples = case
    y = noise(n_samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        (frames,) = extractor(kind, n_fft, hop_length, center).fit_transform([y])
    expected = by_librosa(y, kind, n_fft, hop_length, center)
    n_frames = audio.count_frames(
        n_samples, n_fft=n_fft, hop_length=hop_length, center=center
    )
    assert n_frames == len(frames) == len(expected)
    assert_close(frames, expected)


@given(case=cases(), block=st.integers(1, 500))
def test_odd_windows_give_the_same_bits_in_blocks_and_from_a_file(case, block):
    n_fft, hop_length, center, n_samples = case
    y = noise(n_samples)
    made = extractor("power", n_fft | 1, hop_length, center, deltas=2)
    (whole,) = made.fit_transform([y])
    width = n_fft // 2 + 1  # without deltas, whose sums differ in the last bits
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(_recipe, "WHOLE", 0)
        patch.setattr(_recipe, "BLOCK", block)
        patch.setattr(_files, "BLOCK", block)
        path = Path(folder, "clip.wav")
        soundfile.write(path, y, RATE, subtype="FLOAT")
        for frames in made.transform([y, path]):
            assert_close(frames, whole)
            np.testing.assert_array_equal(*(f[:, :width] for f in (frames, whole)))


@pytest.mark.parametrize("sizes", [(255, 101), (255, 512), (512, 255, 1), (31, 30)])
@pytest.mark.parametrize("n_samples", [1000, 1001, 999])
@pytest.mark.parametrize("kind", ["magnitude", "mfcc"])
def test_each_of_several_windows_equals_librosa(sizes, n_samples, kind):
    y = noise(n_samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        (frames,) = extractor(kind, sizes, 100, True).fit_transform([y])
    expected = [by_librosa(y, kind, n_fft, 100, True) for n_fft in sizes]
    longest = expected[int(np.argmax(sizes))]
    assert len(frames) == len(longest)  # others may have one more or less at the end
    widths = [part.shape[1] for part in expected]
    parts = np.split(frames, np.cumsum(widths)[:-1], axis=1)
    for part, other in zip(parts, expected, strict=True):
        n_frames = min(len(part), len(other))
        assert n_frames >= len(part) - 1
        assert_close(part[:n_frames], other[:n_frames])


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 44100 / 1.1])
def test_no_size_of_window_loses_the_bin_of_half_the_sample_rate(sample_rate):
    for n_fft in range(1, 800):
        made = extractor("power", n_fft, 100, True, sample_rate=sample_rate)
        recipe = made._recipe()
        assert len(recipe.feature_names()) == n_fft // 2 + 1


def test_equal_clips_in_an_array_have_as_many_frames_as_in_a_list():
    X = np.stack([noise(1000, seed) for seed in range(3)])
    made = extractor("power", 255, 100, True)
    frames = made.fit_transform(X)
    assert frames.shape == (3, 10, 128)
    np.testing.assert_array_equal(frames[1], made.transform([X[1]])[0])
    X[1, 0] = np.nan
    made.set_params(on_error="nan")
    with pytest.warns(audio.AudioWarning):
        assert made.fit_transform(X).shape == (3, 10, 128)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("n_samples", [100, 500, 2000])
def test_deltas_equal_librosa_with_the_mode_that_is_documented(order, n_samples):
    """The default mode is another at four frames of either end, and nowhere else."""
    y = noise(n_samples)
    (frames,) = extractor("mfcc", 256, 100, True).fit_transform([y])
    (extended,) = extractor("mfcc", 256, 100, True, deltas=order).fit_transform([y])
    deltas = extended[:, 5 * order :]
    nearest = librosa.feature.delta(frames, axis=0, order=order, mode="nearest")
    assert_close(deltas, nearest)
    if len(frames) < 9:
        with pytest.raises(librosa.ParameterError, match="interp"):
            librosa.feature.delta(frames, axis=0, order=order)
        return
    default = librosa.feature.delta(frames, axis=0, order=order)
    assert_close(deltas[4:-4], default[4:-4])
    differ = np.abs(deltas - default).max(axis=1) > 1e-3 * np.abs(default).max()
    assert differ[:4].any() and differ[-4:].any()


def test_librosa_is_imported_by_one_at_a_time(monkeypatch):
    monkeypatch.setattr(_librosa, "COMPILING", ())
    other = threading.Thread(target=_librosa.import_librosa.__wrapped__)
    with _librosa._lock():
        other.start()
        other.join(0.2)
        assert other.is_alive()
    other.join(patience())
    assert not other.is_alive()


@pytest.mark.slow
def test_processes_that_import_librosa_first_do_not_spoil_its_cache(tmp_path):
    # What two of them compile at once is mixed in numba's cache, and crashes later.
    code = (
        "from skdeepmir.audio._librosa import import_librosa as load; import numpy as n"
        "\nfound = load().util.peak_pick(n.arange(9.0) % 3, pre_max=1, post_max=1, "
        "pre_avg=1, post_avg=1, delta=0, wait=0)\nprint(len(found))"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE
        )

    both = [start(), start()]
    outputs = [process.communicate()[0] for process in both]
    last = start()
    outputs.append(last.communicate()[0])
    assert [process.returncode for process in (*both, last)] == [0, 0, 0]
    assert len(set(outputs)) == 1


def test_librosa_is_imported_where_no_lock_can_be(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "missing"))
    with _librosa._lock():
        assert _librosa.import_librosa.__wrapped__().__name__ == "librosa"
