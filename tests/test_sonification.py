"""Clicks over recordings and notes beside them, in memory and as files."""

import numpy as np
import pytest
import soundfile

from skdeepmir.audio import AudioError
from skdeepmir.notes import write_notes
from skdeepmir.onsets import write_onsets
from skdeepmir.sonification import sonify_notes, sonify_onsets

RATE = 8000
TIMES = [0.25, 0.5, 1.0]


def tone(seconds=1.5, height=0.4):
    t = np.arange(round(seconds * RATE)) / RATE
    return (height * np.sin(2 * np.pi * 100 * t)).astype(np.float32)


def starts(clicks):
    """Return where sound begins after 10 ms of silence, in seconds."""
    heard = np.flatnonzero(np.abs(clicks) > 1e-3)
    gaps = np.diff(heard, prepend=-RATE)
    return heard[gaps > 0.01 * RATE] / RATE


def test_clicks_are_where_the_onsets_are():
    song = tone()
    samples, rate = sonify_onsets(song, TIMES, sample_rate=RATE, level=0.5)
    assert rate == RATE and samples.shape == song.shape and samples.dtype == np.float32
    clicks = samples - song
    np.testing.assert_allclose(starts(clicks), TIMES, atol=1 / RATE)
    assert np.abs(clicks).max() == pytest.approx(0.5 * 0.4, rel=1e-3)


def test_references_sound_an_octave_lower_and_on_the_other_channel():
    song = np.zeros(2 * RATE)
    samples, _ = sonify_onsets(
        song, [0.5], reference=[1.25], sample_rate=RATE, separate=True
    )
    left, right = samples
    assert starts(left) == pytest.approx([0.5]) and starts(right) == pytest.approx(
        [1.25]
    )
    high, low = (np.abs(np.fft.rfft(channel)).argmax() / 2 for channel in samples)
    assert high == pytest.approx(2 * low, rel=0.02)
    both, _ = sonify_onsets(song, [0.5], reference=[1.25], sample_rate=RATE)
    np.testing.assert_allclose(both, left + right, atol=1e-6)


def test_a_sum_that_is_too_loud_is_scaled_down():
    song = tone(height=0.9)
    samples, _ = sonify_onsets(song, TIMES, sample_rate=RATE, level=2.0)
    assert np.abs(samples).max() == pytest.approx(1.0)
    before = samples[: RATE // 5]  # the song before the first click, softer
    scale = before[19] / song[19]
    assert 0 < scale < 1
    np.testing.assert_allclose(before, scale * song[: RATE // 5], atol=1e-6)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "WAV"])
def test_a_file_holds_what_is_returned(tmp_path, suffix):
    soundfile.write(tmp_path / "song.flac", tone(), RATE)
    write_onsets(tmp_path / "song.onsets", TIMES)
    path = tmp_path / f"clicks.{suffix}"
    path.write_bytes(b"old")
    samples, rate = sonify_onsets(
        tmp_path / "song.flac",
        tmp_path / "song.onsets",
        reference=[0.26],
        path=str(path),
        separate=True,
    )
    written, written_rate = soundfile.read(path)
    assert written_rate == rate == RATE
    assert written.shape == samples.T.shape
    loss = np.sqrt(np.mean((written.T - samples) ** 2))
    assert loss < (0.02 if suffix == "ogg" else 1e-4)
    assert {*tmp_path.iterdir()} == {
        path,
        tmp_path / "song.flac",
        tmp_path / "song.onsets",
    }


def test_no_onsets_leave_the_recording_as_it_is():
    song = tone()
    np.testing.assert_array_equal(sonify_onsets(song, [], sample_rate=RATE)[0], song)


def test_a_click_at_the_end_is_cut_off():
    samples, _ = sonify_onsets(np.zeros(RATE), [0.999], sample_rate=RATE)
    assert len(samples) == RATE and starts(samples) == pytest.approx([0.999])


@pytest.mark.parametrize(
    "change, facts",
    [
        ({"sample_rate": None}, "sample_rate=None"),
        ({"sample_rate": 0}, "sample_rate=0"),
        ({"level": 0}, "level=0"),
        ({"level": float("nan")}, "level=nan"),
        ({"level": "loud"}, "level='loud'"),
        ({"onsets": [0.5, 0.2]}, "onsets.*0.2"),
        ({"onsets": [4000.0]}, r"4000.*1\.5"),
        ({"reference": [-1.0]}, r"reference.*-1"),
        ({"path": "clicks.mp3"}, r"clicks\.mp3.*\.wav, \.flac, \.ogg"),
        ({"path": "clicks"}, r"\.wav, \.flac, \.ogg"),
    ],
)
def test_what_cannot_be_sonified_is_named(change, facts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"audio": tone(), "onsets": TIMES, "sample_rate": RATE} | change
    with pytest.raises(ValueError, match=facts):
        sonify_onsets(given.pop("audio"), given.pop("onsets"), **given)
    assert not list(tmp_path.iterdir())


def test_a_recording_is_not_replaced_by_its_clicks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soundfile.write("song.flac", tone(), RATE)
    before = (tmp_path / "song.flac").read_bytes()
    with pytest.raises(ValueError, match=r"song\.flac"):
        sonify_onsets("song.flac", TIMES, path=tmp_path / "song.flac")
    with pytest.raises(AudioError, match=r"none\.flac"):
        sonify_onsets("none.flac", TIMES, path="song.flac")
    assert [path.name for path in tmp_path.iterdir()] == ["song.flac"]
    assert (tmp_path / "song.flac").read_bytes() == before


def test_rates_that_a_format_cannot_hold_leave_no_file(tmp_path):
    for rate, name in ((0.5 + RATE, "a.wav"), (3e6, "a.flac"), (2e5 + 1, "a.ogg")):
        with pytest.raises(ValueError, match="Hz|samples per second"):
            sonify_onsets(tone(), [0.0], sample_rate=rate, path=tmp_path / name)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        sonify_onsets(tone(), [], sample_rate=RATE, path=tmp_path / "nowhere" / "a.wav")
    assert not list(tmp_path.iterdir())


def test_recordings_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(AudioError, match="none.wav") as caught:
        sonify_onsets(tmp_path / "none.wav", [])
    assert caught.value.code == "missing"


# Notes

NOTES = [[0.25, 0.5, 69], [0.75, 1.0, 81]]  # A4, A5


def strongest(sound, start, end):
    """Return the frequency with the most energy in a part of a sound, in Hz."""
    part = sound[round(start * RATE) : round(end * RATE)]
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 8 * len(part)))
    return spectrum.argmax() * RATE / (8 * len(part))


def test_notes_are_heard_beside_the_recording():
    song = tone()
    (left, right), rate = sonify_notes(song, NOTES, sample_rate=RATE)
    assert rate == RATE and left.dtype == np.float32 and len(left) == len(song)
    np.testing.assert_allclose(left, left.max() / song.max() * song, atol=1e-6)
    assert np.abs(right[: round(0.24 * RATE)]).max() < 1e-3
    assert strongest(right, 0.3, 0.45) == pytest.approx(440, rel=0.03)
    partial = strongest(right, 0.8, 0.95) / 880
    assert partial == pytest.approx(round(partial), rel=0.03)
    levels = [np.sqrt(np.mean(np.square(channel))) for channel in (left, right)]
    assert levels[0] == pytest.approx(levels[1], rel=0.01)


def test_notes_are_heard_after_the_recording_and_the_reference():
    song = tone()
    samples, _ = sonify_notes(
        *(song, NOTES), reference=NOTES[:1], sample_rate=RATE, beside=False
    )
    assert samples.ndim == 1
    scale = samples[19] / song[19]
    np.testing.assert_allclose(samples[: len(song)], scale * song, atol=1e-6)
    silence = samples[len(song) : len(song) + RATE]
    assert not silence.any()
    assert strongest(samples[len(song) + RATE :], 0.3, 0.45) == pytest.approx(
        440, rel=0.03
    )


def test_notes_without_a_recording_are_played_beside_the_reference():
    alone, rate = sonify_notes(None, NOTES)
    assert alone.ndim == 1 and rate == 22050
    (left, right), _ = sonify_notes(None, NOTES, reference=NOTES)
    np.testing.assert_array_equal(left, right)
    (left, right), _ = sonify_notes(None, [], reference=NOTES)
    assert left.any() and not right.any()


def test_notes_never_clip_and_silence_stays_silent():
    loud = [[0.1, 1.0, pitch, 127] for pitch in range(40, 80, 3)]
    for song in (tone(height=1.0), np.zeros(RATE)):
        samples, _ = sonify_notes(song, loud, sample_rate=RATE)
        assert 0 < np.abs(samples).max() <= 1
    samples, _ = sonify_notes(np.zeros(RATE), [], sample_rate=RATE)
    assert not samples.any()


def test_files_of_notes_hold_what_is_returned(tmp_path):
    soundfile.write(tmp_path / "song.flac", tone(), RATE)
    write_notes(tmp_path / "song.tsv", NOTES)
    path = tmp_path / "both.flac"
    samples, rate = sonify_notes(
        tmp_path / "song.flac", tmp_path / "song.tsv", path=path
    )
    written, written_rate = soundfile.read(path)
    assert written_rate == rate == RATE
    np.testing.assert_allclose(written.T, samples, atol=1e-4)


@pytest.mark.parametrize(
    "change, facts",
    [
        ({"sample_rate": None}, "sample_rate=None"),
        ({"reference": NOTES}, "audio=None.*beside=False"),
        ({"notes": [[0.5, 0.2, 60]]}, "notes.*0.2"),
        ({"notes": [[4000.0, 4001.0, 60]]}, r"notes.*4000.*1\.5"),
        ({"reference": [[0, 1, 440]], "audio": None}, "reference.*440"),
        ({"path": "both.mp3"}, r"both\.mp3.*\.wav, \.flac, \.ogg"),
    ],
)
def test_notes_that_cannot_be_played_are_named(change, facts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"audio": tone(), "notes": NOTES, "sample_rate": RATE} | change
    with pytest.raises(ValueError, match=facts):
        sonify_notes(given.pop("audio"), given.pop("notes"), **given)
    assert not list(tmp_path.iterdir())
