"""Piano recordings with their notes: collections on disk, and synthetic clips."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from collection_files import mirdata_set, relative, write

from skdeepmir.datasets import (
    load_maestro,
    load_manifest,
    load_maps,
    load_mirdata,
    load_poliner_ellis,
    make_piano_clips,
    render_notes,
)
from skdeepmir.datasets._piano import _next_of_pitch, _sum_modes, draw_piano, play_notes
from skdeepmir.datasets._piano_music import LIFT, write_piece
from skdeepmir.notes import NOTE_DTYPE, check_notes, note_roll

SAMPLE_RATE = 22050


# MAPS ---------------------------------------------------------------------------------


@pytest.fixture
def maps(tmp_path):
    for piano, kind, name in (
        ("AkPnBcht", "MUS", "MUS-chpn-p19"),
        ("AkPnBcht", "MUS", "MUS-bk_xmas1"),
        ("AkPnBcht", "ISOL/NO", "ISOL_NO_F_S0_M23"),
        ("ENSTDkCl", "MUS", "MUS-chpn-p19"),
    ):
        path = f"{piano}/{kind}/MAPS_{name}_{piano}"
        write(tmp_path, f"{path}.mid", f"{path}.txt", f"{path}.wav")
    write(tmp_path, "ENSTDkCl/readme.txt", "ENSTDkCl/other.mid")
    return tmp_path


def test_maps_tests_on_real_pianos_and_trains_on_other_pieces(maps):
    bunch = load_maps(maps)
    assert relative(bunch.data, maps) == [
        "AkPnBcht/MUS/MAPS_MUS-bk_xmas1_AkPnBcht.wav",
        "AkPnBcht/MUS/MAPS_MUS-chpn-p19_AkPnBcht.wav",
        "ENSTDkCl/MUS/MAPS_MUS-chpn-p19_ENSTDkCl.wav",
    ]
    assert all(path.endswith(".mid") for path in bunch.target)
    assert bunch.groups.tolist() == ["bk_xmas1", "chpn-p19", "chpn-p19"]
    assert bunch.instruments.tolist() == ["AkPnBcht", "AkPnBcht", "ENSTDkCl"]
    splits = {part: rows.tolist() for part, rows in bunch.splits.items()}
    assert splits == {"train": [0], "valid": [], "test": [2]}


def test_maps_has_other_kinds_and_text(maps):
    bunch = load_maps(maps, kinds=["ISOL", "MUS"], annotations="txt")
    assert bunch.kinds.tolist() == ["ISOL", "MUS", "MUS", "MUS"]
    assert bunch.groups[0] == "NO_F_S0_M23" and bunch.target[0].endswith(
        "M23_AkPnBcht.txt"
    )
    assert bunch.splits["train"].tolist() == [0, 1]
    with pytest.raises(
        ValueError, match=r"no annotations of RAND; .*\['ISOL', 'MUS'\]"
    ):
        load_maps(maps, kinds=["RAND"])
    with pytest.raises(ValueError, match="kinds='MUS' is not a list"):
        load_maps(maps, kinds="MUS")
    with pytest.raises(ValueError, match="kinds.*'mus'"):
        load_maps(maps, kinds=["mus"])


def test_maps_missing_recordings_raise_or_are_dropped(maps):
    (maps / "AkPnBcht/MUS/MAPS_MUS-chpn-p19_AkPnBcht.wav").unlink()
    with pytest.raises(ValueError, match=r"1 of 3 .*p19_AkPnBcht\.\*'.*audio_folder="):
        load_maps(maps)
    with pytest.warns(UserWarning, match="1 of 3 audio files"):
        bunch = load_maps(maps, missing="drop")
    assert len(bunch.data) == len(bunch.target) == len(bunch.kinds) == 2
    assert bunch.splits["test"].tolist() == [1]


def test_maps_files_of_one_name_are_ambiguous(maps):
    write(maps, "copy/MAPS_MUS-chpn-p19_ENSTDkCl.mid")
    with pytest.raises(
        ValueError, match="2 files .*annotation of 'MAPS_MUS-chpn-p19_E"
    ):
        load_maps(maps)


# MAESTRO ------------------------------------------------------------------------------


ROWS = [
    ("Alban Berg", "Sonata, Op. 1", "train", "2018/a.midi", "2018/a.wav"),
    ("Franz Liszt", "Gnomenreigen", "validation", "2018/b.midi", "2018/b.wav"),
    ("Alban Berg", "Sonata, Op. 1", "train", "2004/c.midi", "2004/c.wav"),
    ("J. S. Bach", "Fugue", "test", "2004/d.midi", "2004/d.wav"),
]
COLUMNS = [
    "canonical_composer",
    "canonical_title",
    "split",
    "midi_filename",
    "audio_filename",
]


def maestro_csv(rows=ROWS):
    lines = [COLUMNS, *([f'"{cell}"' for cell in row] for row in rows)]
    return "\n".join(map(",".join, lines))


@pytest.fixture
def maestro(tmp_path):
    for row in ROWS:
        write(tmp_path, *row[3:])
    write(tmp_path, "maestro-v3.0.0.csv", text=maestro_csv())
    return tmp_path


def test_maestro_keeps_its_split_and_groups_by_work(maestro):
    bunch = load_maestro(maestro)
    assert relative(bunch.data, maestro) == [row[4] for row in ROWS]
    assert relative(bunch.target, maestro) == [row[3] for row in ROWS]
    assert bunch.groups[0] == bunch.groups[2] == "Alban Berg: Sonata, Op. 1"
    assert bunch.composers[3] == "J. S. Bach" and bunch.titles[3] == "Fugue"
    splits = {part: rows.tolist() for part, rows in bunch.splits.items()}
    assert splits == {"train": [0, 2], "valid": [1], "test": [3]}


@pytest.mark.parametrize("by_column", [True, False])
def test_maestro_is_read_from_json_as_well(maestro, by_column):
    table = maestro / "maestro-v3.0.0.csv"
    expected = load_maestro(maestro)
    content = [dict(zip(COLUMNS, row, strict=True), year=2018) for row in ROWS]
    if by_column:
        content = {
            name: {str(i): row[name] for i, row in enumerate(content)}
            for name in content[0]
        }
    table.unlink()
    write(maestro, "maestro-v2.0.0.json", text=json.dumps(content))
    bunch = load_maestro(maestro)
    for name in ("data", "target", "groups"):
        assert bunch[name].tolist() == expected[name].tolist()
    assert bunch.DESCR == expected.DESCR


@pytest.mark.parametrize(
    "text", ["[1]", "{", "[]", '{"split": {"0": 1}, "a": {}}', "[" * 100_000]
)
def test_maestro_refuses_json_that_is_not_its_table(maestro, text):
    (maestro / "maestro-v3.0.0.csv").unlink()
    write(maestro, "maestro-v3.0.0.json", text=text)
    with pytest.raises(ValueError, match=r"maestro-v3\.0\.0\.json'"):
        load_maestro(maestro)


def test_maestro_takes_compressed_recordings_from_elsewhere(maestro, tmp_path_factory):
    audio = tmp_path_factory.mktemp("audio")
    write(audio, *[row[4].replace(".wav", ".flac") for row in ROWS])
    bunch = load_maestro(maestro, audio_folder=audio)
    assert relative(bunch.data, audio)[0] == "2018/a.flac"


@pytest.mark.parametrize("name", ["2018/b.wav", "2018/b.midi"])
def test_maestro_missing_files_raise_or_are_dropped(maestro, name):
    (maestro / name).unlink()
    with pytest.raises(ValueError, match=f"1 of 4 .*{name}'"):
        load_maestro(maestro)
    with pytest.warns(UserWarning, match=f"1 of 4 .*{name}'"):
        bunch = load_maestro(maestro, missing="drop")
    assert len(bunch.data) == 3 and bunch.splits["valid"].tolist() == []
    assert bunch.splits["test"].tolist() == [2]


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([(*ROWS[0][:2], "dev", *ROWS[0][3:])], "line 2 .*'dev'.*'validation'"),
        ([ROWS[0], ROWS[0]], "line 3.*2018/a.wav.*line 2"),
        ([(*ROWS[0][:4], "../../a.wav")], "'../../a.wav', which leads out"),
    ],
    ids=["part", "twice", "outside"],
)
def test_maestro_names_the_line_that_is_wrong(maestro, rows, match):
    write(maestro, "maestro-v3.0.0.csv", text=maestro_csv(rows))
    with pytest.raises(ValueError, match=match):
        load_maestro(maestro)


def test_maestro_needs_one_table(maestro):
    write(maestro, "maestro-v2.0.0.csv", text=maestro_csv())
    with pytest.raises(ValueError, match="2 files .*table of MAESTRO"):
        load_maestro(maestro)
    for path in maestro.glob("*.csv"):
        path.unlink()
    with pytest.raises(ValueError, match=r"no table of MAESTRO; .*v3\.0\.0\.csv"):
        load_maestro(maestro)


# Poliner and Ellis --------------------------------------------------------------------


def test_poliner_ellis_pairs_by_name_and_splits_by_folder(tmp_path):
    for folder in ("train", "Validation", "test"):
        write(tmp_path, f"mid/{folder}/{folder}1.MID", f"wav/{folder}1.wav")
    bunch = load_poliner_ellis(tmp_path)
    assert relative(bunch.data, tmp_path / "wav") == [
        "Validation1.wav",
        "test1.wav",
        "train1.wav",
    ]
    splits = {part: rows.tolist() for part, rows in bunch.splits.items()}
    assert splits == {"train": [2], "valid": [0], "test": [1]}
    assert bunch.groups.tolist() == ["Validation1", "test1", "train1"]


def test_poliner_ellis_pieces_in_two_folders_are_paired_in_each(tmp_path):
    write(tmp_path, "real/a.mid", "real/a.wav", "synth/a.mid", "synth/a.flac")
    bunch = load_poliner_ellis(tmp_path)
    assert relative(bunch.data, tmp_path) == ["real/a.wav", "synth/a.flac"]
    assert relative(bunch.target, tmp_path) == ["real/a.mid", "synth/a.mid"]
    assert bunch.groups.tolist() == ["a", "a"] and bunch.splits is None
    (tmp_path / "real/a.wav").unlink()
    with pytest.raises(ValueError, match=r"1 of 2 .*real/a\.\*'"):
        load_poliner_ellis(tmp_path)


def test_poliner_ellis_without_midi_is_an_error(tmp_path):
    write(tmp_path, "a.wav")
    with pytest.raises(ValueError, match="no MIDI files"):
        load_poliner_ellis(tmp_path)


def test_broken_links_to_midi_files_are_errors(tmp_path):
    write(tmp_path, "a.wav")
    (tmp_path / "a.mid").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"broken link: .*a\.mid'"):
        load_poliner_ellis(tmp_path)


# mirdata and tables -------------------------------------------------------------------


def note_data(**changes):
    """Return what mirdata's NoteData has."""
    notes = {
        "intervals": np.array([[0.5, 1.0], [0.0, 0.7]]),
        "interval_unit": "s",
        "pitches": np.array([440.0, 261.6]),
        "pitch_unit": "hz",
        "confidence": np.array([90.0, 70.0]),
        "confidence_unit": "velocity",
    }
    return SimpleNamespace(**{**notes, **changes})


def test_notes_of_mirdata_become_annotations(tmp_path):
    named = note_data(pitches=np.array([69.0, 60.0]), pitch_unit="midi")
    likely = note_data(confidence=np.array([0.9, 0.8]), confidence_unit="likelihood")
    dataset = mirdata_set(tmp_path, notes=[note_data(), named, likely])
    bunch = load_mirdata(dataset, target="notes")
    expected = [(0.0, 0.7, 60, 70), (0.5, 1.0, 69, 90)]
    assert bunch.target[0].tolist() == bunch.target[1].tolist() == expected
    assert bunch.target[2]["velocity"].tolist() == [64, 64]
    assert bunch.target_names is None
    dataset = mirdata_set(tmp_path, midi_path=["a.mid", "b.MIDI"])
    assert load_mirdata(dataset, target="midi_path").target.tolist() == [
        "a.mid",
        "b.MIDI",
    ]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"interval_unit": "ticks"}, "track 'a' .*interval_unit='ticks'"),
        ({"pitch_unit": "note_name"}, "track 'a' .*pitch_unit='note_name'"),
        ({"intervals": np.zeros((2, 2))}, "track 'a': note 0 .*ends at 0"),
    ],
)
def test_wrong_notes_of_mirdata_name_the_track(tmp_path, changes, match):
    dataset = mirdata_set(tmp_path, notes=[note_data(**changes), note_data()])
    with pytest.raises(ValueError, match=match):
        load_mirdata(dataset, target="notes")


def test_a_table_lists_files_of_notes(tmp_path):
    write(tmp_path, "a.wav", "a.mid")
    write(tmp_path, "songs.csv", text="path,notes\na.wav,a.mid\n")
    bunch = load_manifest(tmp_path / "songs.csv", annotations="notes")
    assert relative(bunch.target, tmp_path) == ["a.mid"]


# Synthetic clips ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def clips():
    return make_piano_clips(n_clips=4, duration=(2.0, 3.0), random_state=0)


def test_clips_have_waveforms_notes_and_pianos(clips):
    assert clips.sample_rate == SAMPLE_RATE
    assert sorted(clips.groups.tolist()) == [0, 0, 1, 1]
    for clip, notes in zip(clips.data, clips.target, strict=True):
        duration = len(clip) / SAMPLE_RATE
        assert clip.dtype == np.float32 and 2 <= duration <= 3
        assert 0.05 < np.abs(clip).max() < 1
        assert notes.dtype == NOTE_DTYPE and len(notes)
        np.testing.assert_array_equal(check_notes(notes, duration=duration), notes)


def test_the_same_seed_gives_the_same_clips_with_offsets_by_pedal_or_by_key(clips):
    keys = make_piano_clips(
        n_clips=4, duration=(2.0, 3.0), offsets="key", random_state=0
    )
    longer = 0
    for i in range(4):
        np.testing.assert_array_equal(keys.data[i], clips.data[i])
        np.testing.assert_array_equal(
            keys.target[i][["onset", "pitch"]], clips.target[i][["onset", "pitch"]]
        )
        assert np.all(keys.target[i]["offset"] <= clips.target[i]["offset"])
        longer += np.sum(keys.target[i]["offset"] < clips.target[i]["offset"])
    assert longer > 10


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"n_clips": 0}, ValueError),
        ({"duration": 0.5}, ValueError),
        ({"sample_rate": 4000}, ValueError),
        ({"offsets": "hands"}, ValueError),
        ({"n_clips": 2.5}, TypeError),
    ],
)
def test_wrong_parameters_are_errors_that_name_them(parameters, error):
    (name,) = parameters
    with pytest.raises(error, match=name):
        make_piano_clips(**parameters)


def test_music_lies_on_the_keyboard_and_fingers_lift_before_they_strike():
    n_pedalled, pitches, most = 0, set(), 0
    for seed in range(40):
        keys, pedal = write_piece(6.0, np.random.RandomState(seed))
        assert len(keys)
        notes = check_notes(keys, duration=6.0)
        np.testing.assert_array_equal(notes["onset"], keys[:, 0])
        again = _next_of_pitch(notes)
        assert np.all(notes["offset"] <= again - LIFT + 1e-9)
        assert np.all(pedal[:, 0] < pedal[:, 1])
        n_pedalled += len(pedal) > 0
        pitches |= set(notes["pitch"].tolist())
        most = max(most, note_roll(notes, 600, 100).sum(axis=1).max())
    assert 20 < n_pedalled < 40
    assert min(pitches) < 30 and max(pitches) > 100
    assert 8 <= most <= 30


def tone(piano, pitch=60, velocity=80, held=0.5, n_seconds=1.5):
    """Return one note that begins after 0.1 s."""
    notes = check_notes([[0.1, 0.1 + held, pitch, velocity]])
    rng = np.random.RandomState(0)
    n_samples = int(n_seconds * SAMPLE_RATE)
    return play_notes(piano, notes, np.empty((0, 2)), n_samples, SAMPLE_RATE, rng)


@pytest.fixture(scope="module")
def piano():
    return draw_piano(np.random.RandomState(1))


def level(sound, start, stop):
    """Return the level between two times, in dB."""
    part = sound[int(start * SAMPLE_RATE) : int(stop * SAMPLE_RATE)]
    return 10 * np.log10(np.mean(part**2) + 1e-20)


def test_a_note_begins_at_its_onset_and_is_damped_at_its_offset(piano):
    sound = tone(piano)
    begin = np.argmax(np.abs(sound) > 0.1 * np.abs(sound).max()) / SAMPLE_RATE
    assert 0.095 < begin < 0.115
    assert level(sound, 0, 0.09) < level(sound, 0.1, 0.2) - 60
    assert level(sound, 0.5, 0.6) > level(sound, 0.1, 0.2) - 20
    assert level(sound, 1.2, 1.4) < level(sound, 0.5, 0.6) - 30


def test_notes_have_their_pitch_and_stretched_partials(piano):
    sound = tone(piano, pitch=48, held=1.2)[int(0.15 * SAMPLE_RATE) :][: 2**14]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 2**17))
    frequencies = np.fft.rfftfreq(2**17, 1 / SAMPLE_RATE)
    found = []
    for k in (1, 6):
        near = np.abs(frequencies / (k * 130.81) - 1) < 0.03
        found.append(frequencies[near][np.argmax(spectrum[near])] / k)
    assert abs(12 * np.log2(found[0] / 130.81)) < 0.3
    assert found[1] > found[0]


def test_a_harder_stroke_is_louder_and_brighter(piano):
    soft, hard = tone(piano, velocity=30), tone(piano, velocity=110)
    assert level(hard, 0.1, 0.5) > level(soft, 0.1, 0.5) + 8
    spectra = [np.abs(np.fft.rfft(sound)) ** 2 for sound in (soft, hard)]
    frequencies = np.fft.rfftfreq(len(soft), 1 / SAMPLE_RATE)
    centres = [np.sum(frequencies * s) / np.sum(s) for s in spectra]
    assert centres[1] > 1.05 * centres[0]


def test_high_notes_die_away_sooner_and_undamped_ones_ring_on(piano):
    low, high = tone(piano, pitch=40, held=1.3), tone(piano, pitch=90, held=1.3)
    fall = [level(s, 0.1, 0.2) - level(s, 1.2, 1.3) for s in (low, high)]
    assert fall[1] > fall[0] + 10
    lifted, kept = (tone(piano, pitch=103, held=held) for held in (0.05, 0.6))
    assert abs(level(lifted, 0.2, 0.3) - level(kept, 0.2, 0.3)) < 3


def test_strings_ring_along_while_the_pedal_is_down(piano):
    notes = check_notes([[0.1, 0.3, 60, 100]])
    dry, wet = (
        play_notes(
            piano, notes, pedal, SAMPLE_RATE, SAMPLE_RATE, np.random.RandomState(0)
        )
        for pedal in (np.empty((0, 2)), np.array([[0.05, 0.6]]))
    )
    assert level(wet, 0.5, 0.6) > level(dry, 0.5, 0.6) + 3
    assert max(level(dry, 0.9, 1.0), level(wet, 0.9, 1.0)) < -100
    assert abs(level(wet, 0.1, 0.2) - level(dry, 0.1, 0.2)) < 1


def test_sums_of_modes_equal_their_definition():
    rng = np.random.RandomState(0)
    starts = rng.normal(size=5) + 1j * rng.normal(size=5)
    poles = -rng.uniform(0, 0.01, 5) + 1j * rng.uniform(0, 3, 5)
    expected = np.imag(starts @ np.exp(np.multiply.outer(poles, np.arange(1000))))
    np.testing.assert_allclose(_sum_modes(starts, poles, 1000), expected, atol=1e-5)


def test_rendered_notes_are_always_on_the_same_piano():
    notes = [[0.2, 0.5, 60, 90], [0.3, 0.8, 64, 90]]
    sound = render_notes(notes)
    assert sound.dtype == np.float32 and len(sound) == round(1.8 * SAMPLE_RATE)
    assert np.abs(sound).max() == pytest.approx(0.9)
    np.testing.assert_array_equal(sound, render_notes(notes))
    other = render_notes(notes, random_state=1)
    assert np.abs(sound - other).max() > 0.1


def test_rendered_notes_end_with_the_duration_and_may_be_none():
    assert len(render_notes([[0.0, 5.0, 60]], duration=0.5, sample_rate=8000)) == 4000
    silence = render_notes([], duration=1.0)
    assert len(silence) == SAMPLE_RATE and not silence.any()
    with pytest.raises(ValueError, match="note 0 has the pitch 440"):
        render_notes([[0.0, 1.0, 440]])
    with pytest.raises(ValueError, match="duration"):
        render_notes([], duration=-1)
