"""Onsets: recordings matched with annotations on disk, and synthetic clips."""

from types import SimpleNamespace

import numpy as np
import pytest
from collection_files import mirdata_set, relative, write

from skdeepmir.datasets import (
    load_manifest,
    load_mdb_drums,
    load_mirdata,
    load_onset_db,
    make_onset_clips,
)
from skdeepmir.datasets._onset_generator import KINDS, Song, _perform
from skdeepmir.datasets._onset_instruments import (
    PIECES,
    VOICES,
    draw_piece,
    draw_pitched_percussion,
    draw_voice,
    find_start,
    hit,
    sing,
)
from skdeepmir.datasets._synthesis import Note, midi_to_hz, play_note

SAMPLE_RATE = 22050


# Böck's set ---------------------------------------------------------------------------


@pytest.fixture
def onset_db(tmp_path):
    write(tmp_path, "annotations/sb_Media-1(1.9-11.9).onsets", text="0.1\n0.12\n0.5\n")
    write(tmp_path, "annotations/sb_Media-1(12-22.0).onsets", text="# none\n")
    write(tmp_path, "annotations/ah_test_oud_pt2.onsets", text="1.5\n")
    write(
        tmp_path,
        "audio/Media-1(1.9-11.9).flac",
        "audio/Media-1(12-22.0).wav",
        "audio/ah_test_oud_pt2.flac",
        "audio/no annotation.flac",
    )
    write(tmp_path, "splits/8-fold_cv_random_0.fold", text="ah_test_oud_pt2\n\n")
    write(tmp_path, "splits/8-fold_cv_random_7.fold", text="sb_Media-1(1.9-11.9)\n")
    return tmp_path


def test_onset_db_files_match_by_name_with_or_without_initials(onset_db):
    bunch = load_onset_db(onset_db)
    assert relative(bunch.data, onset_db / "audio") == [
        "ah_test_oud_pt2.flac",
        "Media-1(1.9-11.9).flac",
        "Media-1(12-22.0).wav",
    ]
    assert bunch.target.dtype == object
    for found, expected in zip(bunch.target, [[1.5], [0.11, 0.5], []], strict=True):
        np.testing.assert_allclose(found, expected)
    assert bunch.groups.tolist() == ["test_oud", "Media-1", "Media-1"]
    assert bunch.folds.tolist() == [0, 7, -1]
    assert "3 clips, 3 onsets, 2 groups" in bunch.DESCR
    np.testing.assert_array_equal(
        load_onset_db(onset_db, merge=0).target[1], [0.1, 0.12, 0.5]
    )


def test_onset_db_needs_no_folds_and_takes_audio_from_elsewhere(onset_db):
    bunch = load_onset_db(onset_db / "annotations", audio_folder=onset_db / "audio")
    assert bunch.folds is None and len(bunch.data) == 3


def test_onset_db_missing_recordings_raise_or_are_dropped(onset_db):
    (onset_db / "audio/ah_test_oud_pt2.flac").unlink()
    with pytest.raises(ValueError, match=r"1 of 3 .*test_oud_pt2\.\*'.*audio_folder="):
        load_onset_db(onset_db)
    with pytest.warns(UserWarning, match="1 of 3 audio files"):
        bunch = load_onset_db(onset_db, missing="drop")
    assert bunch.folds.tolist() == [7, -1]
    assert len(bunch.data) == len(bunch.target) == len(bunch.groups) == 2


def test_onset_db_bad_annotations_name_file_and_line(onset_db):
    write(onset_db, "annotations/ah_test_oud_pt2.onsets", text="0.5\nsoon\n")
    with pytest.raises(ValueError, match=r"oud_pt2\.onsets': line 2 .*'soon'"):
        load_onset_db(onset_db)
    write(onset_db, "annotations/ah_test_oud_pt2.onsets", text="0.5\n0.25\n")
    with pytest.raises(ValueError, match=r"oud_pt2\.onsets': line 2 is at 0.25 s"):
        load_onset_db(onset_db)


def test_onset_db_broken_links_to_annotations_are_errors(onset_db):
    (onset_db / "annotations/gone.onsets").symlink_to(onset_db / "nowhere")
    write(onset_db, "audio/gone.wav")
    with pytest.raises(FileNotFoundError, match=r"gone\.onsets'"):
        load_onset_db(onset_db)


def test_onset_db_refuses_what_is_ambiguous(onset_db):
    write(onset_db, "wav/ah_test_oud_pt2.wav")
    with pytest.raises(ValueError, match=r"2 files .*'test_oud_pt2': .*flac.*wav"):
        load_onset_db(onset_db)
    (onset_db / "wav/ah_test_oud_pt2.wav").unlink()
    write(onset_db, "detected/ah_test_oud_pt2.onsets", text="1.0\n")
    with pytest.raises(ValueError, match="2 files .*annotation of 'test_oud_pt2'"):
        load_onset_db(onset_db)


def test_onset_db_folds_are_checked(onset_db):
    splits = "splits/8-fold_cv_random_7.fold"
    write(onset_db, splits, text="x.onsets\ntest_oud_pt2.onsets\n")
    with pytest.raises(ValueError, match=r"_7\.fold': line 2 has 'test_oud.*fold 0 "):
        load_onset_db(onset_db)
    write(onset_db, splits, text="x\ny\n")
    with pytest.warns(UserWarning, match="2 names, such as 'x', are in the lists"):
        assert load_onset_db(onset_db).folds.tolist() == [0, -1, -1]
    write(onset_db, f"copy/{splits}", text="x\n")
    with pytest.raises(ValueError, match="2 files .*list of fold 7"):
        load_onset_db(onset_db)


@pytest.mark.parametrize("load", [load_onset_db, load_mdb_drums])
def test_folders_and_merge_are_checked(tmp_path, load):
    with pytest.raises(ValueError, match="'.*nowhere' is not a folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no .*annotations.*expected files such as"):
        load(tmp_path)
    for merge in (-1, np.nan, "0.03", True):
        with pytest.raises(ValueError, match="merge=.*seconds"):
            load(tmp_path, merge=merge)


# MDB Drums ----------------------------------------------------------------------------


@pytest.fixture
def mdb(tmp_path):
    for song in ("MusicDelta_Punk", "MusicDelta_Rock"):
        write(
            tmp_path,
            f"MDB Drums/annotations/class/{song}_class.txt",
            text="0.02 \t KD \n0.025\t HH \n\n0.3\tSD\n",
        )
        write(
            tmp_path,
            f"MDB Drums/annotations/subclass/{song}_subclass.txt",
            text="0.02\tKD\n0.025\tOHH\n0.3\tSDG\n",
        )
        write(
            tmp_path,
            f"MDB Drums/audio/full_mix/{song}_MIX.wav",
            f"MDB Drums/audio/drum_only/{song}_Drum.wav",
            f"MDB Drums/audio/multi-tracks/{song}/{song}_RAW/{song}_RAW_01_01.wav",
        )
    return tmp_path


def test_mdb_drums_songs_have_the_onsets_of_all_drums_together(mdb):
    bunch = load_mdb_drums(mdb)
    assert relative(bunch.data, mdb / "MDB Drums/audio/full_mix") == [
        "MusicDelta_Punk_MIX.wav",
        "MusicDelta_Rock_MIX.wav",
    ]
    np.testing.assert_allclose(bunch.target[0], [0.0225, 0.3])
    assert bunch.groups.tolist() == ["MusicDelta_Punk", "MusicDelta_Rock"]
    assert bunch.folds is None
    alone = load_mdb_drums(mdb, audio="drum_only", merge=0)
    assert alone.data[0].endswith("drum_only/MusicDelta_Punk_Drum.wav")
    np.testing.assert_array_equal(alone.target[0], [0.02, 0.025, 0.3])


def test_mdb_drums_classes_can_be_chosen(mdb):
    bunch = load_mdb_drums(mdb, classes=["HH", "SD"])
    np.testing.assert_array_equal(bunch.target[0], [0.025, 0.3])
    bunch = load_mdb_drums(mdb, annotation="subclass", classes=["OHH"])
    np.testing.assert_array_equal(bunch.target[1], [0.025])
    with pytest.raises(ValueError, match=r"'OHH'.*\['HH', 'KD', 'SD'\].*'class'"):
        load_mdb_drums(mdb, classes=["OHH"])
    for parameter in ("audio", "annotation"):
        with pytest.raises(ValueError, match=f"{parameter}='x'"):
            load_mdb_drums(mdb, **{parameter: "x"})


def test_mdb_drums_bad_lines_and_missing_songs_are_named(mdb):
    punk = "MDB Drums/annotations/class/MusicDelta_Punk_class.txt"
    write(mdb, punk, text="0.02 KD\n0.3\n")
    with pytest.raises(ValueError, match=r"Punk_class\.txt': line 2 has '0.3'.*class"):
        load_mdb_drums(mdb)
    (mdb / "MDB Drums/audio/full_mix/MusicDelta_Punk_MIX.wav").unlink()
    with pytest.raises(ValueError, match=r"1 of 2 .*MusicDelta_Punk_MIX\.\*'"):
        load_mdb_drums(mdb)
    with pytest.warns(UserWarning, match="1 of 2 audio files"):
        bunch = load_mdb_drums(mdb, missing="drop")
    assert bunch.titles.tolist() == ["MusicDelta_Rock"]


# mirdata and tables -------------------------------------------------------------------


def test_mirdata_times_and_paths_of_onsets_become_annotations(tmp_path):
    beats = [SimpleNamespace(times=np.array([0.5, 1.0]), positions=None)] * 2
    bunch = load_mirdata(mirdata_set(tmp_path, beats=beats), target="beats")
    np.testing.assert_array_equal(bunch.target[1], [0.5, 1.0])
    assert bunch.target_names is None
    dataset = mirdata_set(tmp_path, path=["a.onsets", "b.jams"])
    bunch = load_mirdata(dataset, target="path")
    assert bunch.target.tolist() == ["a.onsets", "b.jams"]
    beats = [SimpleNamespace(times=np.array([1.0, 0.5]))] * 2
    with pytest.raises(ValueError, match="track 'a': onset 1 is at 0.5 s"):
        load_mirdata(mirdata_set(tmp_path, beats=beats), target="beats")


def test_a_table_lists_files_of_onsets(tmp_path):
    write(tmp_path, "a.wav", "a.onsets")
    write(tmp_path, "songs.csv", text="path,onsets\na.wav,a.onsets\n")
    bunch = load_manifest(tmp_path / "songs.csv", annotations="onsets")
    assert relative(bunch.target, tmp_path) == ["a.onsets"]


# Synthetic clips ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def clips():
    return make_onset_clips(n_clips=8, duration=(2.0, 4.0), random_state=0)


def test_clips_have_onsets_in_order_at_least_30_ms_apart(clips):
    for waveform, times in zip(clips.data, clips.target, strict=True):
        assert waveform.dtype == np.float32 and 0 < np.abs(waveform).max() < 1
        assert np.isfinite(waveform).all()
        assert 2 <= len(waveform) / SAMPLE_RATE <= 4
        assert times.dtype == np.float64 and np.all(np.diff(times) >= 0.03 - 1e-9)
        assert np.all((times >= 0) & (times < len(waveform) / SAMPLE_RATE))
    assert sum(map(len, clips.target)) > 60
    assert np.bincount(clips.groups).tolist() == [2, 2, 2, 2]
    assert sorted(set(clips.kinds)) == sorted(KINDS)
    # The clips of a song are of one kind.
    assert len(set(zip(clips.groups, clips.kinds, strict=True))) == 4


def test_same_seed_same_bits_and_another_seed_other_clips():
    a, b, c = (
        make_onset_clips(n_clips=2, duration=1.0, kinds=["mix"], random_state=seed)
        for seed in (3, np.random.RandomState(3), 4)
    )
    for i in range(2):
        np.testing.assert_array_equal(a.data[i], b.data[i])
        np.testing.assert_array_equal(a.target[i], b.target[i])
        assert not np.array_equal(a.data[i], c.data[i])
    assert set(a.kinds) == {"mix"}


@pytest.mark.parametrize("sample_rate", [8000, 44100])
def test_energy_rises_at_the_onsets_of_drums(sample_rate):
    clips = make_onset_clips(
        n_clips=2,
        duration=4.0,
        sample_rate=sample_rate,
        kinds=["drums"],
        snr=60,
        random_state=1,
    )
    n = sample_rate // 100
    rises = []
    for waveform, times in zip(clips.data, clips.target, strict=True):
        for start in np.round(times * sample_rate).astype(int):
            if n < start < len(waveform) - n:
                before, after = waveform[start - n : start], waveform[start : start + n]
                rises.append(np.sum(after**2) > 1.5 * np.sum(before**2))
    assert np.mean(rises) > 0.8


@pytest.mark.parametrize("kind", PIECES)
def test_a_stroke_starts_where_it_is_found_and_ends(kind):
    rng = np.random.RandomState(0)
    for sample_rate in (8000, SAMPLE_RATE):
        sound = hit(draw_piece(kind, rng), 0.5, sample_rate, rng)
        start = find_start(sound, sample_rate)
        assert start < 0.02 * sample_rate
        assert np.abs(sound[:start]).max(initial=0) < 0.06
        assert np.abs(sound).max() == pytest.approx(0.5)
        assert np.abs(sound[-5:]).max() < 0.02


@pytest.mark.parametrize("kind", VOICES)
@pytest.mark.parametrize("slurred", [False, True])
def test_a_held_tone_has_its_pitch_and_starts_where_it_is_found(kind, slurred):
    rng = np.random.RandomState(0)
    voice = draw_voice(rng, kind)._replace(vibrato_depth=0.0, scoop=0.0)
    note = Note(0.0, 0.5, midi_to_hz(69), 0.8)
    sound = sing(voice, note, slurred, SAMPLE_RATE, rng)
    start = find_start(sound, SAMPLE_RATE)
    assert start < 0.1 * SAMPLE_RATE
    early = np.abs(sound[: SAMPLE_RATE // 10]).max()
    assert np.abs(sound[:start]).max(initial=0) < 0.1 * early <= abs(sound[start])
    spectrum = np.abs(np.fft.rfft(sound, SAMPLE_RATE))  # bins of 1 Hz
    harmonics = [spectrum[440 * k - 9 : 440 * k + 10].max() for k in (1, 2, 3, 4)]
    between = [spectrum[440 * k + 200 : 440 * k + 240].max() for k in (1, 2, 3)]
    assert max(harmonics) > 5 * max(between)


def test_struck_and_plucked_notes_start_within_a_millisecond_or_so():
    rng = np.random.RandomState(0)
    for _ in range(8):
        _, instrument = draw_pitched_percussion(rng)
        sound = play_note(instrument, Note(0, 0.3, 330.0, 0.8), SAMPLE_RATE, rng)
        assert find_start(sound, SAMPLE_RATE) < 0.003 * SAMPLE_RATE


def test_merge_0_keeps_the_onsets_of_all_notes_of_a_chord():
    kept, merged = (
        make_onset_clips(
            n_clips=2, duration=2.0, kinds=["mix"], merge=merge, random_state=1
        ).target
        for merge in (0, 0.03)
    )
    assert sum(map(len, kept)) > 1.1 * sum(map(len, merged))
    assert min(np.diff(times).min() for times in kept) < 0.03


def test_a_clip_in_which_no_note_sounds_is_noise_without_onsets():
    song, rng = Song("drums", []), np.random.RandomState(0)
    waveform, times = _perform(song, SAMPLE_RATE, SAMPLE_RATE, 30.0, rng)
    assert len(waveform) == SAMPLE_RATE and 0 < np.abs(waveform).max() < 1
    assert times.shape == (0,)


def test_notes_that_nobody_hears_are_not_annotated():
    loud, drowned = (
        make_onset_clips(n_clips=4, duration=1.0, snr=snr, random_state=0).target
        for snr in (60, -30)
    )
    assert sum(map(len, drowned)) < 0.7 * sum(map(len, loud))


@pytest.mark.parametrize(
    ("error", "parameters"),
    [
        (ValueError, {"kinds": []}),
        (ValueError, {"kinds": "drums"}),
        (ValueError, {"kinds": ["drums", "speech"]}),
        (ValueError, {"n_clips": 0}),
        (ValueError, {"duration": 0.5}),
        (ValueError, {"sample_rate": 4000}),
        (ValueError, {"merge": -0.1}),
        (TypeError, {"n_clips": 2.0}),
        (TypeError, {"snr": "loud"}),
    ],
)
def test_bad_parameters_are_named(error, parameters):
    (name,) = parameters
    with pytest.raises(error, match=name):
        make_onset_clips(**parameters)
