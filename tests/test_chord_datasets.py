"""Chords: recordings matched with annotations on disk, and synthetic songs."""

from pathlib import Path
from types import SimpleNamespace

import mir_eval
import numpy as np
import pytest
from collection_files import mirdata_set, relative, write

from skdeepmir import SpectrogramExtractor, chords
from skdeepmir.datasets import (
    load_billboard,
    load_isophonics,
    load_mirdata,
    load_rwc_popular,
    make_chord_clips,
)
from skdeepmir.datasets._chord_generator import _draw_song, lead_voices
from skdeepmir.datasets._chord_progressions import (
    INTERVALS,
    MAJOR,
    MINOR,
    PITCH_NAMES,
    VOCABULARIES,
    draw_chords,
)

SAMPLE_RATE = 22050


# Isophonics ---------------------------------------------------------------------------

BEATLES = "annotations/chordlab/The Beatles"
QUEEN = "annotations/chordlab/Queen/Greatest Hits I"


def test_isophonics_names_match_whatever_their_numbers_case_and_punctuation(tmp_path):
    write(
        tmp_path,
        f"{BEATLES}/02_-_With_the_Beatles/01_-_It_Won't_Be_Long.lab",
        f"{BEATLES}/10CD1_-_The_Beatles/CD1_-_01_-_Back_in_the_USSR.lab",
        f"{BEATLES}/10CD2_-_The_Beatles/CD2_-_12_-_Revolution_9.lab",
        f"{QUEEN}/01 Bohemian Rhapsody.lab",
        "annotations/keylab/The Beatles/02_-_With_the_Beatles/01_-_Not_Chords.lab",
        "audio/With The Beatles/01. it wont be long.flac",
        "audio/White Album/1-01 Back In The U.S.S.R..wav",
        "audio/White Album/12 - Revolution 9.wav",
        "audio/Queen - Greatest Hits I - 01 - Bohemian Rhapsody.wav",
        "audio/Queen - Greatest Hits I - 02 - Another One.wav",
        "audio/.hidden/01 Bohemian Rhapsody.wav",
    )
    bunch = load_isophonics(tmp_path)
    assert bunch.titles.tolist() == [
        "Bohemian Rhapsody",
        "It Won't Be Long",
        "Back in the USSR",
        "Revolution 9",
    ]
    assert relative(bunch.data, tmp_path / "audio") == [
        "Queen - Greatest Hits I - 01 - Bohemian Rhapsody.wav",
        "With The Beatles/01. it wont be long.flac",
        "White Album/1-01 Back In The U.S.S.R..wav",
        "White Album/12 - Revolution 9.wav",
    ]
    # The two discs of an album are one group.
    assert bunch.groups.tolist() == [
        "Queen: Greatest Hits I",
        "The Beatles: With the Beatles",
        "The Beatles: The Beatles",
        "The Beatles: The Beatles",
    ]
    assert all("chordlab" in path for path in bunch.target)
    assert bunch.folds is None and "3 groups" in bunch.DESCR
    by_artist = load_isophonics(tmp_path, groups="artist", artists=["the beatles"])
    assert by_artist.groups.tolist() == ["The Beatles"] * 3


def test_isophonics_albums_artists_and_numbers_decide_between_equal_titles(tmp_path):
    write(
        tmp_path,
        "lab/Queen/Jazz/03 Jealousy.lab",
        "lab/Zweieck/Zwielicht/05 Jealousy.lab",
        "lab/Queen/Innuendo/01 Intro.lab",
        "audio/Queen/Jazz/03 Jealousy.wav",
        "audio/Queen/Live/03 Jealousy.wav",
        "audio/Zweieck/05 Jealousy.wav",
        "audio/01 Intro.wav",
        "audio/07 Intro.wav",
    )
    bunch = load_isophonics(tmp_path / "lab", audio_folder=tmp_path / "audio")
    assert relative(bunch.data, tmp_path / "audio") == [
        "01 Intro.wav",
        "Queen/Jazz/03 Jealousy.wav",
        "Zweieck/05 Jealousy.wav",
    ]


def test_isophonics_refuses_ambiguous_recordings(tmp_path):
    write(
        tmp_path,
        "Queen/Jazz/03 Jealousy.lab",
        "a/03 Jealousy.wav",
        "b/03 Jealousy.wav",
    )
    message = r"2 files .* 'Jealousy': .*a/03 .*b/03 "
    with pytest.raises(ValueError, match=message):
        load_isophonics(tmp_path)


def test_isophonics_refuses_one_recording_for_two_songs(tmp_path):
    write(
        tmp_path,
        "Queen/Jazz/03 Jealousy.lab",
        "Queen/Live/03 Jealousy.lab",
        "audio/03 Jealousy.wav",
    )
    with pytest.raises(ValueError, match="Jealousy.wav' matches .*Jazz.* and .*Live"):
        load_isophonics(tmp_path)


def test_isophonics_does_not_take_another_artists_song_of_that_title(tmp_path):
    write(
        tmp_path,
        "Queen/Jazz/03 Jealousy.lab",
        "Zweieck/Zwielicht/05 Jealousy.lab",
        "audio/Zweieck/05 Jealousy.wav",
    )
    with pytest.warns(UserWarning, match="1 of 2 audio files"):
        bunch = load_isophonics(tmp_path, missing="drop")
    assert bunch.groups.tolist() == ["Zweieck: Zwielicht"]


def test_isophonics_missing_recordings_raise_or_are_dropped(tmp_path):
    write(tmp_path, "Queen/Jazz/1 Mustapha.lab", "Queen/Jazz/2 Jealousy.lab")
    with pytest.raises(ValueError, match="2 of 2 audio files"):
        load_isophonics(tmp_path, missing="drop")
    write(tmp_path, "Jealousy.wav")
    with pytest.raises(ValueError, match=r"1 of 2 .*Mustapha.*audio_folder="):
        load_isophonics(tmp_path)
    with pytest.warns(UserWarning, match="1 of 2 audio files"):
        bunch = load_isophonics(tmp_path, missing="drop")
    assert bunch.titles.tolist() == ["Jealousy"]
    assert len(bunch.data) == len(bunch.target) == len(bunch.groups) == 1


def test_isophonics_artists_without_albums_are_their_own_album(tmp_path):
    write(tmp_path, "chordlab/Zweieck/01_-_Duell.lab", "01_-_Duell.wav")
    assert load_isophonics(tmp_path).groups.tolist() == ["Zweieck: Zweieck"]


def test_isophonics_folders_and_choices_are_checked(tmp_path):
    with pytest.raises(ValueError, match="no chord annotations.*chordlab"):
        load_isophonics(tmp_path)
    with pytest.raises(ValueError, match="'.*nowhere' is not a folder"):
        load_isophonics(tmp_path / "nowhere")
    write(tmp_path, "Queen/Jazz/Jealousy.lab", "Jealousy.wav")
    with pytest.raises(ValueError, match="'.*nowhere' is not a folder"):
        load_isophonics(tmp_path, audio_folder=tmp_path / "nowhere")
    with pytest.raises(ValueError, match="groups='song' .*'artist'"):
        load_isophonics(tmp_path, groups="song")
    with pytest.raises(ValueError, match=r"artists has 'Quen', .*\['Queen'\]"):
        load_isophonics(tmp_path, artists=["Quen"])
    write(tmp_path, "chordlab/Jealousy.lab")
    with pytest.raises(ValueError, match="chordlab/Jealousy.lab'"):
        load_isophonics(tmp_path)


# Billboard ----------------------------------------------------------------------------

INDEX = """id,chart_date,target_rank,actual_rank,title,artist,peak_rank,weeks_on_chart
1,1987-07-11,82,,,,,
3,1961-07-03,56,57,I Don't Mind,James Brown,47,8
33,1978-02-11,99,100,Crazy On You,Heart,35,19
73,1976-06-12,49,49,Crazy On You,Heart,35,19
280,1967-01-07,87,88,It Takes Two,"Marvin Gaye,Kim Weston",14,12
319,1976-06-26,14,15,I Want You,Marvin Gaye,15,13
"""


@pytest.fixture
def billboard(tmp_path):
    write(tmp_path, "billboard-2.0-index.csv", text=INDEX)
    for number in ("0003", "0033", "0073", "0280", "0319"):
        write(
            tmp_path,
            f"McGill-Billboard/{number}/full.lab",
            f"McGill-Billboard/{number}/majmin.lab",
        )
    write(
        tmp_path,
        "audio/1960s/James Brown/I Don't Mind/audio.flac",
        "audio/0073.wav",
        "audio/0280/audio.wav",
        "audio/319.wav",
    )
    return tmp_path


def test_billboard_numbers_and_names_match_and_duplicates_are_dropped(billboard):
    bunch = load_billboard(billboard)
    # Number 33 is the same song as 73, and has no recording.
    assert bunch.ids.tolist() == [3, 73, 280, 319]
    assert relative(bunch.data, billboard / "audio") == [
        "1960s/James Brown/I Don't Mind/audio.flac",
        "0073.wav",
        "0280/audio.wav",
        "319.wav",
    ]
    assert relative(bunch.target, billboard / "McGill-Billboard") == [
        f"{number}/full.lab" for number in ("0003", "0073", "0280", "0319")
    ]
    assert bunch.titles[0] == "I Don't Mind"
    # A duet counts as its first singer's.
    assert bunch.groups.tolist() == ["James Brown", "Heart", *["Marvin Gaye"] * 2]
    assert "5 are annotated" in bunch.DESCR


def test_billboard_duplicates_can_be_kept_and_share_a_group(billboard):
    with pytest.raises(ValueError, match=r"1 of 5 .*'0033\.\*'.*0003\.flac"):
        load_billboard(billboard, duplicates="keep")
    write(billboard, "audio/0033.wav")
    bunch = load_billboard(
        billboard, duplicates="keep", groups="song", annotation="majmin"
    )
    assert bunch.ids.tolist() == [3, 33, 73, 280, 319]
    assert bunch.groups[1] == bunch.groups[2] == "Heart: Crazy On You"
    assert bunch.target[1].endswith("0033/majmin.lab")
    # With a recording for both, the first number is the one that stays.
    assert load_billboard(billboard).ids.tolist() == [3, 33, 280, 319]


def test_billboard_missing_recordings_are_dropped_on_request(billboard):
    (billboard / "audio/319.wav").unlink()
    with pytest.warns(UserWarning, match="1 of 4 audio files"):
        bunch = load_billboard(billboard, missing="drop")
    assert bunch.ids.tolist() == [3, 73, 280]
    assert len(bunch.groups) == len(bunch.titles) == len(bunch.target) == 3


def test_billboard_refuses_what_is_ambiguous(billboard):
    write(billboard, "audio/319.flac")
    with pytest.raises(ValueError, match="2 files .* recording of 0319"):
        load_billboard(billboard)
    write(billboard, "other/0319/full.lab")
    with pytest.raises(ValueError, match="2 files .* annotation of 0319"):
        load_billboard(billboard)


def test_billboard_index_and_annotations_must_be_there(billboard):
    with pytest.raises(ValueError, match=r"'0003/majmin7\.lab'"):
        load_billboard(billboard, annotation="majmin7")
    with pytest.raises(ValueError, match="annotation='salami' .*'full'"):
        load_billboard(billboard, annotation="salami")
    write(billboard, "McGill-Billboard/0001/full.lab")
    with pytest.raises(ValueError, match="title and artist for 1, .*0001/full.lab"):
        load_billboard(billboard)
    write(billboard, "billboard-2.0-index.csv", text="id,title\n1,Song\n")
    with pytest.raises(ValueError, match="billboard-2.0-index.csv' .*column 'artist'"):
        load_billboard(billboard)
    (billboard / "billboard-2.0-index.csv").unlink()
    with pytest.raises(ValueError, match="billboard-2.0-index.csv is missing"):
        load_billboard(billboard)


# RWC-Popular --------------------------------------------------------------------------

CHORDS = "AIST.RWC-MDB-P-2001.CHORD/RWC_Pop_Chords"
PIECES = """Piece No.,Cat. Suffix,Tr. No.,Title,Artist (Vocal),Singer Information
No. 1,M01,Tr. 01,Eien no replica,Kazuo Nishi,Male
No. 17,M02,Tr. 01,Magic,Kazuo Nishi,Male
No. 100,M07,Tr. 02,Syounen,Hiromi Yoshii,Female
"""


@pytest.fixture
def rwc(tmp_path):
    names = ("N001-M01-T01", "N017-M02-T01", "N100-M07-T02")
    write(tmp_path, *[f"{CHORDS}/{name}.lab" for name in names])
    write(
        tmp_path,
        "audio/RM-P001.wav",
        "audio/rwc-p-m02/1.wav",
        "audio/N100-M07-T02.flac",
        "audio/rwc-p-m03/1.wav",
    )
    return tmp_path


def test_rwc_pieces_match_by_number_or_by_disc_and_track(rwc):
    bunch = load_rwc_popular(rwc)
    assert relative(bunch.data, rwc / "audio") == [
        "RM-P001.wav",
        "rwc-p-m02/1.wav",
        "N100-M07-T02.flac",
    ]
    assert relative(bunch.target, rwc / CHORDS)[1] == "N017-M02-T01.lab"
    assert bunch.groups.tolist() == bunch.titles.tolist()
    assert bunch.titles.tolist() == ["RM-P001", "RM-P017", "RM-P100"]
    assert "groups: the song" in bunch.DESCR


def test_rwc_table_gives_singers_and_titles(rwc):
    write(rwc, "metadata-master/rwc-p.csv", text=PIECES)
    bunch = load_rwc_popular(rwc)
    assert bunch.groups.tolist() == ["Kazuo Nishi", "Kazuo Nishi", "Hiromi Yoshii"]
    assert bunch.titles.tolist() == ["Eien no replica", "Magic", "Syounen"]
    assert "groups: the singer" in bunch.DESCR
    write(rwc, "metadata-master/rwc-p.csv", text=PIECES.replace("No. 17", "No. 18"))
    with pytest.raises(ValueError, match="rwc-p.csv' .* piece 17, "):
        load_rwc_popular(rwc)


def test_rwc_tables_of_the_newer_release_become_annotations(tmp_path):
    write(
        tmp_path,
        "chords/RWC-P/RWC_P001.csv",
        text="t_start;t_end;chord\n0.0;0.104;N\n0.104;1.858;Ab:min\n",
    )
    write(tmp_path, "RWC_P001.wav")
    intervals, labels = load_rwc_popular(tmp_path).target[0]
    np.testing.assert_array_equal(intervals, [[0.0, 0.104], [0.104, 1.858]])
    assert labels.tolist() == ["N", "Ab:min"]
    bad = "t_start;t_end;chord\n0;soon;C:maj\n"
    write(tmp_path, "chords/RWC-P/RWC_P001.csv", text=bad)
    with pytest.raises(ValueError, match=r"RWC_P001.csv', line 2 .*'soon'"):
        load_rwc_popular(tmp_path)


def test_rwc_refuses_ambiguous_and_missing_files(rwc):
    (rwc / "audio/RM-P001.wav").unlink()
    with pytest.raises(ValueError, match=r"1 of 3 .*'RM-P001\.\*'"):
        load_rwc_popular(rwc)
    with pytest.warns(UserWarning, match="1 of 3 audio files"):
        assert load_rwc_popular(rwc, missing="drop").titles[0] == "RM-P017"
    write(rwc, "audio/rwc-p-m01/1.wav", "audio/RWC_P001.wav")
    with pytest.raises(ValueError, match="2 files .* RM-P001"):
        load_rwc_popular(rwc)
    with pytest.raises(ValueError, match="no chord annotations.*'N001-M01"):
        load_rwc_popular(rwc / "audio")


# mirdata ------------------------------------------------------------------------------


def test_mirdata_chords_become_annotations(tmp_path):
    annotations = [
        SimpleNamespace(intervals=np.array([[0.0, 1.0]]), labels=["N"]),
        SimpleNamespace(intervals=np.array([[0, 1], [1, 2]]), labels=["C", "G:7"]),
    ]
    dataset = mirdata_set(tmp_path, chords=annotations, album=["x", "y"])
    bunch = load_mirdata(dataset, target="chords", groups="album")
    assert bunch.target_names is None and bunch.target.shape == (2,)
    intervals, labels = bunch.target[1]
    np.testing.assert_array_equal(intervals, [[0.0, 1.0], [1.0, 2.0]])
    assert labels.tolist() == ["C", "G:7"] and labels.dtype == object
    assert "2 annotations from chords" in bunch.DESCR


def test_mirdata_paths_of_chords_become_annotations(tmp_path):
    dataset = mirdata_set(tmp_path, chords_path=["a.lab", Path("b.jams")])
    bunch = load_mirdata(dataset, target="chords_path")
    assert bunch.target.tolist() == ["a.lab", "b.jams"] and bunch.target_names is None


def test_mirdata_tracks_with_and_without_annotations_are_refused(tmp_path):
    dataset = mirdata_set(tmp_path, chords_path=["a.lab", "none"])
    with pytest.raises(TypeError, match="target is 'none' for track 'b'"):
        load_mirdata(dataset, target="chords_path")
    dataset = mirdata_set(tmp_path, chords_path=["a.lab", None])
    with pytest.raises(ValueError, match="1 of 2 tracks, 'b'"):
        load_mirdata(dataset, target="chords_path")


# Synthetic songs ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def clips():
    return make_chord_clips(n_clips=8, duration=(6.0, 9.0), random_state=0)


def test_annotations_cover_the_clips_without_gaps(clips):
    for waveform, (intervals, labels) in zip(clips.data, clips.target, strict=True):
        assert intervals.shape == (len(labels), 2) and labels.dtype == object
        assert intervals[0, 0] == 0 and np.all(intervals[:, 1] > intervals[:, 0])
        np.testing.assert_array_equal(intervals[1:, 0], intervals[:-1, 1])
        assert intervals[-1, 1] == pytest.approx(len(waveform) / SAMPLE_RATE)
        assert np.all(labels[1:] != labels[:-1])
        assert waveform.dtype == np.float32 and np.abs(waveform).max() < 1
        assert np.isfinite(waveform).all()
    assert np.bincount(clips.groups).tolist() == [2, 2, 2, 2]
    assert clips.sample_rate == SAMPLE_RATE


def test_same_seed_same_bits_and_another_seed_other_clips():
    a, b, c = (
        make_chord_clips(n_clips=2, duration=2.0, random_state=seed)
        for seed in (3, np.random.RandomState(3), 4)
    )
    for x, y, z in zip(a.data, b.data, c.data, strict=True):
        np.testing.assert_array_equal(x, y)
        assert not np.array_equal(x, z)
    np.testing.assert_array_equal(a.target[0][0], b.target[0][0])
    assert a.target[0][1].tolist() == b.target[0][1].tolist()


def test_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()
    make_chord_clips(n_clips=1, duration=2.0, random_state=0)
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def test_some_songs_begin_without_chord(clips):
    first = [labels[0] for _, labels in clips.target]
    assert 0 < first.count("N") < len(first)
    for _, labels in clips.target:
        assert "N" not in labels[1:]


def many_labels(vocabulary):
    rng = np.random.RandomState(1)
    songs = [_draw_song(rng) for _ in range(30)]
    drawn = [draw_chords(s.key, s.beat, 0.0, 60.0, vocabulary, rng) for s in songs]
    return [chord.label for song in drawn for chord in song]


@pytest.mark.parametrize(
    "vocabulary, qualities",
    [
        ("majmin", {"maj", "min"}),
        ("sevenths", {"maj", "min", "maj7", "min7", "7"}),
        ("tetrads", set(INTERVALS)),
    ],
)
def test_each_vocabulary_has_its_qualities(vocabulary, qualities):
    labels = many_labels(vocabulary)
    assert {label.split(":")[1] for label in labels} == qualities
    assert {label.split(":")[0] for label in labels} == set(PITCH_NAMES)
    assert set(labels) <= set(chords.VOCABULARIES[vocabulary])


def test_qualities_are_those_of_mir_eval():
    for quality, steps in INTERVALS.items():
        bitmap = mir_eval.chord.quality_to_bitmap(quality)
        assert np.flatnonzero(bitmap).tolist() == sorted(steps)


@pytest.mark.parametrize("degrees", [MAJOR, MINOR])
@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_every_degree_can_be_left_and_changes_the_chord(degrees, vocabulary):
    for degree in degrees.values():
        if degree.triad == "dim" and vocabulary != "tetrads":
            continue
        followers = [degrees[name] for name in degree.followers.split()]
        allowed = [d for d in followers if vocabulary == "tetrads" or d.triad != "dim"]
        assert allowed
        for other in allowed:
            same = set(degree.qualities(vocabulary)) & set(other.qualities(vocabulary))
            assert other.root != degree.root or not same


def test_voices_move_little_and_play_all_pitch_classes():
    rng = np.random.RandomState(0)
    voicing = []
    for _ in range(200):
        root, steps = rng.randint(12), list(INTERVALS.values())[rng.randint(14)]
        pitch_classes = [(root + step) % 12 for step in steps]
        following = lead_voices(voicing, pitch_classes)
        assert sorted(p % 12 for p in following) == sorted(pitch_classes)
        assert following == sorted(following) and following[-1] - following[0] < 12
        for pitch in following if voicing else []:
            assert min(abs(pitch - other) for other in voicing) <= 4
        voicing = following
    # C major to F major keeps the C and moves two voices up by step.
    assert lead_voices([60, 64, 67], [5, 9, 0]) == [60, 65, 69]


def test_binary_templates_find_most_chords_but_not_all():
    clips = make_chord_clips(n_clips=8, duration=15.0, random_state=0)
    chroma = SpectrogramExtractor("chroma", sample_rate=SAMPLE_RATE)
    templates, names = np.zeros((24, 12)), []
    for row in range(24):
        root, quality = row % 12, ("maj", "min")[row // 12]
        templates[row, [(root + step) % 12 for step in INTERVALS[quality]]] = 1
        names.append(f"{PITCH_NAMES[root]}:{quality}")
    right = []
    frames = chroma.fit_transform(clips.data)
    for clip, (intervals, labels) in zip(frames, clips.target, strict=True):
        times = np.arange(len(clip)) / chroma.frame_rate
        place = np.searchsorted(intervals[:, 1], times, side="right")
        true = labels[np.minimum(place, len(labels) - 1)]
        estimate = np.array(names, dtype=object)[np.argmax(clip @ templates.T, axis=1)]
        right.append((estimate == true)[true != "N"])
    assert 0.5 < np.mean(np.concatenate(right)) < 0.97


@pytest.mark.parametrize(
    "parameters, error, message",
    [
        (
            {"vocabulary": "full"},
            ValueError,
            "vocabulary='full' .*'majmin'",
        ),
        ({"duration": 1.0}, ValueError, "duration=1.0 .* 2.0"),
        ({"duration": "long"}, TypeError, "duration='long'"),
        ({"n_clips": 0}, ValueError, "n_clips=0 .* 1"),
        ({"sample_rate": 22050.0}, TypeError, "sample_rate=22050.0 .*float"),
        ({"snr": (40, 20)}, ValueError, "snr=\\(40, 20\\)"),
    ],
)
def test_arguments_of_the_generator_are_checked(parameters, error, message):
    with pytest.raises(error, match=message):
        make_chord_clips(**parameters)
