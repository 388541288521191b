"""Synthetic clips: reproducible, balanced, in tune, and strict about arguments."""

import numpy as np
import pytest

from skdeepmir.datasets._generators import make_instrument_clips, make_tag_clips
from skdeepmir.datasets._synthesis import (
    TIMBRES,
    Note,
    draw_instrument,
    draw_melody,
    draw_song,
    play,
    play_note,
    record,
)

SAMPLE_RATE = 22050
MAKERS = [make_instrument_clips, make_tag_clips]
each_maker = pytest.mark.parametrize("make_clips", MAKERS)
each_timbre = pytest.mark.parametrize("timbre", TIMBRES)


@pytest.fixture(scope="module")
def instrument_clips():
    return make_instrument_clips(n_clips=30, duration=(0.2, 0.4), random_state=0)


@pytest.fixture(scope="module")
def tag_clips():
    return make_tag_clips(n_clips=30, duration=(0.2, 0.4), random_state=0)


def same_data(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.data, b.data, strict=True))


@each_maker
def test_same_seed_same_bits(make_clips):
    a, b = (make_clips(n_clips=6, duration=(0.2, 0.4), random_state=3) for _ in "ab")
    assert same_data(a, b)
    np.testing.assert_array_equal(a.target, b.target)
    np.testing.assert_array_equal(a.groups, b.groups)


@each_maker
def test_other_seed_other_bits(make_clips):
    a, b = (make_clips(n_clips=6, duration=0.2, random_state=s) for s in (3, 4))
    assert not any(np.array_equal(x, y) for x, y in zip(a.data, b.data, strict=True))


@each_maker
def test_random_state_instance_equals_its_seed(make_clips):
    rng = np.random.RandomState(5)
    a = make_clips(n_clips=4, duration=0.2, random_state=rng)
    assert same_data(a, make_clips(n_clips=4, duration=0.2, random_state=5))


@each_maker
def test_global_generator_is_left_alone(make_clips):
    before = np.random.get_state()
    make_clips(n_clips=4, duration=0.2, random_state=0)
    after = np.random.get_state()
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_labels_do_not_depend_on_duration_sample_rate_or_snr():
    a = make_instrument_clips(n_clips=8, duration=0.2, random_state=0)
    b = make_instrument_clips(
        n_clips=8, duration=(0.2, 0.3), sample_rate=8000, snr=5, random_state=0
    )
    np.testing.assert_array_equal(a.groups, b.groups)


@pytest.mark.parametrize("name", ["instrument_clips", "tag_clips"])
def test_waveforms_are_float32_finite_and_below_full_scale(name, request):
    for waveform in request.getfixturevalue(name).data:
        assert waveform.dtype == np.float32
        assert waveform.ndim == 1
        assert np.isfinite(waveform).all()
        assert 0.1 < np.abs(waveform).max() < 1


@pytest.mark.parametrize("name", ["instrument_clips", "tag_clips"])
def test_lengths_differ_within_the_range_of_duration(name, request):
    lengths = [len(x) for x in request.getfixturevalue(name).data]
    assert len(set(lengths)) > 20
    assert 0.2 * SAMPLE_RATE <= min(lengths) <= max(lengths) <= 0.4 * SAMPLE_RATE


@each_maker
def test_one_duration_makes_equal_lengths(make_clips):
    clips = make_clips(n_clips=4, duration=0.25, sample_rate=8000, random_state=0)
    assert {len(x) for x in clips.data} == {2000}
    assert clips.sample_rate == 8000


@pytest.mark.parametrize(("n_clips", "n_instruments"), [(30, 24), (25, 9), (7, 24)])
def test_classes_are_balanced(n_clips, n_instruments):
    clips = make_instrument_clips(
        n_clips=n_clips, n_instruments=n_instruments, duration=0.1, random_state=0
    )
    counts = np.bincount(clips.target, minlength=6)
    assert counts.sum() == n_clips
    assert np.ptp(counts) <= 1


def test_every_timbre_has_as_many_instruments_as_the_others(instrument_clips):
    pairs = set(zip(instrument_clips.target, instrument_clips.groups, strict=True))
    assert len(pairs) == 24
    assert np.bincount([target for target, _ in pairs]).tolist() == [4] * 6


def test_an_instrument_has_one_timbre(instrument_clips):
    for group in np.unique(instrument_clips.groups):
        assert len(set(instrument_clips.target[instrument_clips.groups == group])) == 1


def test_clips_come_in_random_order(instrument_clips):
    assert (np.diff(instrument_clips.target) != 0).any()
    assert instrument_clips.groups[:12].tolist() != list(range(12))


def test_tag_clips_have_one_to_three_tags(tag_clips):
    assert tag_clips.target.shape == (30, 6)
    assert set(np.unique(tag_clips.target)) == {0, 1}
    assert set(tag_clips.target.sum(axis=1)) == {1, 2, 3}


def test_each_tag_is_present_and_absent_in_a_small_set():
    for seed in range(5):
        clips = make_tag_clips(n_clips=12, duration=0.1, random_state=seed)
        assert clips.target.any(axis=0).all()
        assert not clips.target.all(axis=0).any()


def test_two_clips_of_a_song_share_tags_and_differ_in_sound(tag_clips):
    assert np.bincount(tag_clips.groups).tolist() == [2] * 15
    for song in range(15):
        first, second = np.flatnonzero(tag_clips.groups == song)
        np.testing.assert_array_equal(tag_clips.target[first], tag_clips.target[second])
        n = min(len(tag_clips.data[first]), len(tag_clips.data[second]))
        a, b = tag_clips.data[first][:n], tag_clips.data[second][:n]
        assert not np.array_equal(a, b)


@each_maker
def test_target_names_are_sorted_strings(make_clips):
    clips = make_clips(n_clips=1, duration=0.1, random_state=0)
    assert sorted(TIMBRES) == clips.target_names.tolist()
    assert isinstance(clips.DESCR, str)


@pytest.mark.parametrize("timbre", [t for t in TIMBRES if t != "drum"])
def test_a_440_hz_note_peaks_at_440_hz(timbre):
    for seed in range(5):
        rng = np.random.RandomState(seed)
        instrument = draw_instrument(timbre, rng)._replace(vibrato_depth=0.0)
        waveform = play_note(instrument, Note(0, 1, 440.0, 0.8), SAMPLE_RATE, rng)
        magnitude = np.abs(np.fft.rfft(waveform[:SAMPLE_RATE]))  # bins of 1 Hz
        # An organ's lower drawbars may be louder, so look near the pitch only.
        assert abs(np.argmax(magnitude[400:480]) + 400 - 440) <= 1


def test_plucked_and_struck_notes_die_away_and_bowed_notes_last():
    def late_share(timbre):
        rng = np.random.RandomState(0)
        instrument = draw_instrument(timbre, rng)._replace(decay=0.3, attack=0.002)
        waveform = play_note(instrument, Note(0, 0.5, 220.0, 0.8), SAMPLE_RATE, rng)
        early, late = waveform[:2205], waveform[8820:11025]
        return np.sum(late**2) / np.sum(early**2)

    assert late_share("plucked") < 0.1
    assert late_share("struck") < 0.1
    assert late_share("bowed") > 0.5


@each_timbre
def test_a_louder_velocity_is_louder(timbre):
    instrument = draw_instrument(timbre, np.random.RandomState(0))

    def energy(velocity):
        note = Note(0, 0.3, 220.0, velocity)
        rng = np.random.RandomState(1)
        return np.sum(play_note(instrument, note, SAMPLE_RATE, rng) ** 2)

    assert energy(1.0) > 2 * energy(0.4)


@each_timbre
def test_no_note_is_silent_or_infinite_at_a_low_sample_rate(timbre):
    for seed in range(10):
        rng = np.random.RandomState(seed)
        instrument = draw_instrument(timbre, rng)
        notes = draw_melody(instrument, draw_song(rng), 0.5, rng)
        waveform = play(instrument, notes, 0.5, 8000, rng)
        np.testing.assert_allclose(np.mean(waveform**2), 1)


def test_melodies_keep_to_the_scale_and_the_register():
    rng = np.random.RandomState(0)
    instrument, song = draw_instrument("struck", rng), draw_song(rng)
    notes = draw_melody(instrument, song, 10, rng)
    pitches = 69 + 12 * np.log2([note.frequency / 440 for note in notes])
    steps = np.round(pitches - song.tonic).astype(int) % 12
    assert set(steps) <= set(song.scale)
    assert round(instrument.lowest_pitch) <= round(pitches.min())
    assert pitches.max() < instrument.lowest_pitch + 19


def test_noise_of_a_recording_follows_snr():
    silence_then_tone = np.zeros(SAMPLE_RATE)
    silence_then_tone[11025:] = np.sin(2 * np.pi * 440 * np.arange(11025) / SAMPLE_RATE)

    def noise_share(snr):
        rng = np.random.RandomState(0)
        recording = record(silence_then_tone, SAMPLE_RATE, snr, rng)
        return np.mean(recording[:10000] ** 2) / np.mean(recording[11025:] ** 2)

    difference = 10 * np.log10(noise_share(10) / noise_share(30))
    assert 18 < difference < 21


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        ({"n_clips": 0}, ValueError),
        ({"n_clips": 2.0}, TypeError),
        ({"n_clips": True}, TypeError),
        ({"sample_rate": 100}, ValueError),
        ({"sample_rate": "22050"}, TypeError),
        ({"duration": 0}, ValueError),
        ({"duration": (2, 1)}, ValueError),
        ({"duration": np.nan}, ValueError),
        ({"duration": (1, np.inf)}, ValueError),
        ({"duration": (1, 2, 3)}, TypeError),
        ({"duration": "long"}, TypeError),
    ],
)
@each_maker
def test_bad_arguments_are_named(make_clips, argument, error):
    with pytest.raises(error, match=f"{next(iter(argument))}=.*expected"):
        make_clips(**argument)


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        ({"n_instruments": 5}, ValueError),
        ({"n_instruments": None}, TypeError),
        ({"snr": (30, 10)}, ValueError),
        ({"snr": np.inf}, ValueError),
        ({"snr": [None, 3]}, TypeError),
    ],
)
def test_bad_arguments_of_instrument_clips_are_named(argument, error):
    with pytest.raises(error, match=f"{next(iter(argument))}=.*expected"):
        make_instrument_clips(**argument)


@each_maker
def test_arguments_are_keyword_only(make_clips):
    with pytest.raises(TypeError, match="positional"):
        make_clips(10)
