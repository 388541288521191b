import gc
import os
import pickle

import librosa
import numpy as np
import pytest
import soundfile

from skdeepmir import audio
from skdeepmir.audio import AudioError, Frames
from skdeepmir.audio._fourier_kernel import lane_spectra
from skdeepmir.audio._spectra import hann, scipy_spectra

RATE = 22050


@pytest.fixture(scope="module")
def music():
    rng = np.random.RandomState(0)
    t = np.arange(2 * RATE) / RATE
    tone = 0.3 * np.sin(2 * np.pi * 440 * t) + 0.1 * np.sin(2 * np.pi * 1234 * t)
    return (tone * np.exp(-t) + 0.05 * rng.randn(len(t))).astype(np.float32)


@pytest.mark.parametrize(
    "n_fft, hop_length", [(1024, 512), (2048, 441), (512, 160), (1000, 300)]
)
def test_magnitude_equals_librosa(music, n_fft, hop_length):
    ours = audio.hann_spectrogram(
        music, n_fft=n_fft, hop_length=hop_length, power=False
    )
    theirs = np.abs(librosa.stft(music, n_fft=n_fft, hop_length=hop_length)).T
    assert np.abs(ours - theirs).max() <= 1e-4 * theirs.max()


@pytest.mark.parametrize("n_fft", [8, 16, 64, 1024, 2048])
@pytest.mark.parametrize("hop_length", [1, 3, 64, 441, 3000])
@pytest.mark.parametrize("banded", [False, True])
def test_the_kernel_equals_scipy(n_fft, hop_length, banded):
    rng = np.random.RandomState(0)
    y = rng.randn(n_fft + 37 * hop_length).astype(np.float32)
    weights = rng.rand(5, n_fft // 2 + 1) * (rng.rand(5, n_fft // 2 + 1) < 0.5)
    weights[3] = 0  # a filter without bins, as narrow mel filters are
    filters = audio.BandedMatrix(weights) if banded else None
    window = hann(n_fft)
    expected = np.empty((38, 5 if banded else n_fft // 2 + 1), np.float32)
    frames = Frames(y, 0, 38)
    scipy_spectra(frames.views(n_fft, hop_length), window, filters, expected)
    spectra = np.full_like(expected, np.nan)
    bands = None if filters is None else filters.bands
    lane_spectra(*frames, hop_length, window, bands, spectra)
    assert np.abs(spectra - expected).max() <= 3e-6 * expected.max()


def test_filters_give_the_same_for_a_frame_beside_any_others():
    rng = np.random.RandomState(0)
    weights = rng.rand(21, 300) * (rng.rand(21, 300) < 0.1)
    weights[3] = 0
    spectra = rng.rand(50, 300).astype(np.float32)
    found = np.full((3, 50, 21), np.nan, np.float32)
    filters = audio.BandedMatrix(weights)
    for size, out in zip((1, 7, 50), found, strict=True):
        for i in range(0, 50, size):
            filters.apply(spectra[i : i + size], out[i : i + size])
    np.testing.assert_allclose(found[0], spectra @ weights.T, rtol=1e-5)
    np.testing.assert_array_equal(found[1:], found[:1].repeat(2, axis=0))


@pytest.mark.parametrize("start", [-100, 0, 30, 5000])
def test_zeros_stand_in_for_what_lies_beyond_both_ends(start):
    y = np.random.RandomState(0).randn(200).astype(np.float32)
    padded = np.concatenate([np.zeros(100), y, np.zeros(9000)]).astype(np.float32)
    inside = Frames(padded, start + 100, 20)
    beyond = Frames(y, start, 20)
    np.testing.assert_array_equal(beyond.views(64, 7), inside.views(64, 7))
    spectra = np.full((2, 20, 33), np.nan, np.float32)
    for frames, out in zip((beyond, inside), spectra, strict=True):
        lane_spectra(*frames, 7, hann(64), None, out)
    np.testing.assert_array_equal(*spectra)


def test_without_centre_frame_0_begins_with_the_first_sample(music):
    ours = audio.hann_spectrogram(
        music, n_fft=1024, hop_length=512, center=False, power=False
    )
    theirs = np.abs(librosa.stft(music, n_fft=1024, hop_length=512, center=False)).T
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1e-4 * theirs.max()


def test_a_440_hz_sine_peaks_in_its_bin():
    y = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    spectra = audio.hann_spectrogram(y, n_fft=2048, hop_length=512)
    assert (spectra[5:-5].argmax(axis=1) == round(440 * 2048 / RATE)).all()


def test_log_mel_equals_librosa(music):
    filters = audio.mel_filters(RATE, 2048, 128, 0.0, RATE / 2)
    ours = audio.to_decibels(
        audio.hann_spectrogram(music, n_fft=2048, hop_length=512, filters=filters)
    )
    mel = librosa.feature.melspectrogram(y=music, sr=RATE)
    assert np.abs(ours.T - librosa.power_to_db(mel, top_db=None)).max() <= 1e-3


@pytest.mark.parametrize(
    "hop_length, fmin, n_bins, bins_per_octave",
    [(512, 32.7, 84, 12), (441, 32.7, 84, 12), (1024, 55, 100, 24), (256, 100, 7, 12)],
)
def test_constant_q_equals_librosa(music, hop_length, fmin, n_bins, bins_per_octave):
    options = {"fmin": fmin, "n_bins": n_bins, "bins_per_octave": bins_per_octave}
    ours = audio.constant_q(music, sample_rate=RATE, hop_length=hop_length, **options)
    theirs = np.abs(
        librosa.cqt(music, sr=RATE, hop_length=hop_length, tuning=0.0, **options)
    ).T
    assert np.abs(ours - theirs).max() <= 1e-4 * theirs.max()


def test_chroma_equals_librosa(music):
    low = librosa.note_to_hz("C1")
    magnitudes = audio.constant_q(
        music,
        sample_rate=RATE,
        hop_length=512,
        fmin=low,
        n_bins=252,
        bins_per_octave=36,
    )
    ours = audio.chroma(magnitudes, fmin=low, bins_per_octave=36)
    theirs = librosa.feature.chroma_cqt(y=music, sr=RATE, tuning=0).T
    assert np.abs(ours - theirs).max() <= 1e-4


def test_deltas_equal_librosa(music):
    frames = audio.hann_spectrogram(music, n_fft=512, hop_length=512)[:, :20]
    (ours,) = audio.append_deltas([frames], 2)
    for order in (1, 2):
        theirs = librosa.feature.delta(frames.T, order=order, mode="nearest").T
        part = ours[:, order * 20 : (order + 1) * 20]
        assert np.abs(part - theirs).max() <= 1e-4 * np.abs(theirs).max()


def test_files_are_mixed_down_and_resampled(tmp_path, music):
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([music, 0 * music], axis=1), RATE, subtype="FLOAT")
    y, rate = audio.read_audio(path)
    assert rate == RATE
    np.testing.assert_allclose(y, music / 2, atol=1e-6)
    y, rate = audio.read_audio(path, sample_rate=11025)
    assert rate == 11025 and len(y) == len(music) // 2
    expected = librosa.resample(music / 2, orig_sr=RATE, target_sr=11025)
    np.testing.assert_allclose(y, expected, atol=1e-4)


def test_integer_samples_are_scaled_by_their_type():
    y = np.array([0.0, 0.5, -1.0, 0.25], dtype=np.float32)
    np.testing.assert_allclose(
        audio.check_waveform((y * 32768).astype(np.int16)), y, atol=1e-6
    )
    np.testing.assert_allclose(
        audio.check_waveform((y * 128 + 128).astype(np.uint8)), y, atol=1e-6
    )
    np.testing.assert_allclose(
        audio.check_waveform((y * 32768).astype(">i2")), y, atol=1e-6
    )


def bad_files(folder, music):
    soundfile.write(folder / "good.wav", music, RATE)
    good = (folder / "good.wav").read_bytes()
    soundfile.write(folder / "good.flac", music, RATE)
    flac = (folder / "good.flac").read_bytes()
    (folder / "zero.wav").write_bytes(b"")
    (folder / "page.mp3").write_bytes(b"<!DOCTYPE html><html>404</html>")
    (folder / "noise.wav").write_bytes(bytes(range(256)) * 8)
    (folder / "cut.flac").write_bytes(flac[: len(flac) // 2])
    soundfile.write(folder / "none.wav", music[:0], RATE)
    (folder / "folder.wav").mkdir()
    os.symlink(folder / "nowhere", folder / "dangling.wav")
    os.mkfifo(folder / "pipe.wav")
    nan = music.copy()
    nan[7] = np.nan
    soundfile.write(folder / "nan.wav", nan, RATE, subtype="FLOAT")
    slow = bytearray(good)
    slow[24:28] = (1).to_bytes(4, "little")
    (folder / "slow.wav").write_bytes(bytes(slow))
    return {
        "missing.wav": "missing",
        "dangling.wav": "missing",
        "zero.wav": "empty",
        "none.wav": "empty",
        "page.mp3": "undecodable",
        "noise.wav": "undecodable",
        "cut.flac": "truncated",
        "folder.wav": "not_a_file",
        "pipe.wav": "not_a_file",
        "nan.wav": "not_finite",
        "slow.wav": "bad_header",
    }


def test_every_bad_file_gets_its_code_and_is_named(tmp_path, music):
    for name, code in bad_files(tmp_path, music).items():
        with pytest.raises(AudioError) as caught:
            audio.read_audio(tmp_path / name)
        assert caught.value.code == code, (name, caught.value)
        assert name in str(caught.value)


def test_the_same_fault_has_the_same_traceback(tmp_path):
    # scikit-learn counts failed fits by the text of their tracebacks.
    (tmp_path / "page.wav").write_bytes(b"<!DOCTYPE html><html>404</html>")
    causes = []
    for _ in range(2):
        with pytest.raises(AudioError) as caught:
            audio.read_audio(tmp_path / "page.wav")
        causes.append(caught.value.__cause__)  # kept: another has another address
    assert str(causes[0]) == str(causes[1])


@pytest.mark.parametrize(
    "path", ["", "a\0b.wav", "https://example.org/a.wav", "\ud800.wav"]
)
def test_what_is_no_path_is_refused(path):
    with pytest.raises(AudioError, match="bad_path"):
        audio.read_header(path)


def test_the_error_survives_pickling():
    error = AudioError(
        "empty", "has no samples", "Leave it out.", "a\nb.wav", 3, (3, 5)
    )
    copied = pickle.loads(pickle.dumps(error))
    assert str(copied) == str(error)
    assert (copied.row, copied.code, copied.bad_rows) == (3, "empty", (3, 5))
    assert "\n" not in str(error)


def test_ctrl_c_while_a_file_is_closed_does_not_close_it_twice(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "clip.wav", np.zeros(100), 8000)
    library, closed = soundfile._snd, []

    class Interrupted:
        def __getattr__(self, name):
            return getattr(library, name)

        def sf_close(self, file):
            closed.append(file)
            library.sf_close(file)
            raise KeyboardInterrupt

    monkeypatch.setattr(soundfile, "_snd", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        audio.read_audio(tmp_path / "clip.wav")
    gc.collect()
    assert len(closed) == 1
