import random
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from collection_files import Dataset, mirdata_set, write

from skdeepmir.datasets import (
    load_gtzan,
    load_magnatagatune,
    load_mirdata,
    load_mtg_jamendo,
)


def names(bunch, folder):
    return [path.removeprefix(f"{folder}/") for path in bunch.data]


def in_part(bunch, part):
    return bunch.data[bunch.splits[part]]


# MagnaTagATune ------------------------------------------------------------------------

# mp3_path, artist, tags
CLIPS = [
    ("f/bach-cantata-30-59.mp3", "Bach", ["classical", "female vocal"]),
    ("0/ann-song-0-29.mp3", "Ann", ["guitar", "woman"]),
    ("0/ann-song-29-58.mp3", "Ann", ["guitar"]),
    ("c/bob-tune-0-29.mp3", "Bob", ["clasical", "classic", "guitar"]),
    ("e/ann-end-0-29.mp3", "Ann", []),
]


def magnatagatune(folder, clips=CLIPS, quote=""):
    tags = sorted({tag for _, _, given in clips for tag in given})
    annotations = ["\t".join(["clip_id", *tags, "mp3_path"])]
    info = [
        "clip_id\ttrack_number\ttitle\tartist\talbum\tmp3_path",
        '999\t1\ta "b"\t\t\t',
    ]
    for number, (path, artist, given) in enumerate(clips):
        cells = [str(number), *(str(int(tag in given)) for tag in tags), path]
        annotations.append("\t".join(f"{quote}{cell}{quote}" for cell in cells))
        info.append(f"{number}\t1\tA title\t{artist}\tAn album\t{path}")
        write(folder, path)
    write(folder, "annotations_final.csv", text="\n".join(annotations) + "\n")
    write(folder, "clip_info_final.csv", text="\n".join(info) + "\n")
    return tags


def top50_lists(folder, train, valid, test):
    for part, paths in [("train", train), ("valid", valid), ("test", test)]:
        np.save(folder / f"{part}.npy", [f"{7}\t{path}" for path in paths])


@pytest.mark.parametrize("quote", ["", '"'])
def test_the_folder_setting_keeps_untagged_clips_and_needs_no_lists(tmp_path, quote):
    magnatagatune(tmp_path, quote=quote)
    bunch = load_magnatagatune(tmp_path, setting="folders")
    assert names(bunch, tmp_path) == [path for path, _, _ in CLIPS]
    assert {k: v.tolist() for k, v in bunch.splits.items()} == {
        "train": [1, 2],
        "valid": [3],
        "test": [0, 4],
    }
    assert list(bunch.groups) == ["Bach", "Ann", "Ann", "Bob", "Ann"]
    assert list(bunch.folds) == ["f", "0", "0", "c", "e"]
    for row, (_, _, given) in enumerate(CLIPS):
        assert set(bunch.target_names[bunch.target[row] == 1]) == set(given)
    assert (bunch.setting, bunch.split) == ("folders", "usual")


def test_the_description_says_how_many_test_artists_are_in_train(tmp_path):
    magnatagatune(tmp_path)
    bunch = load_magnatagatune(tmp_path, setting="folders")
    assert "setting 'folders', split 'usual'" in bunch.DESCR
    assert "1 of 2 artists in test, with 50.0 % of its clips" in bunch.DESCR


def test_the_most_frequent_tags_come_first_and_rare_ones_are_cut(tmp_path):
    clips = [
        (f"0/{n}.mp3", f"artist {n}", [f"tag {m:03}" for m in range(n, 60)])
        for n in range(60)
    ]
    magnatagatune(tmp_path, clips)
    bunch = load_magnatagatune(tmp_path, setting="folders")
    assert list(bunch.target_names) == [f"tag {m:03}" for m in range(59, 9, -1)]
    assert list(bunch.target.sum(axis=0)) == list(range(60, 10, -1))


def test_the_usual_split_comes_from_lists_which_may_name_features(tmp_path):
    magnatagatune(tmp_path)
    top50_lists(
        tmp_path,
        ["c/bob-tune-0-29.mp3"],
        ["0/ann-song-0-29.npy"],
        ["f/bach-cantata-30-59.mp3"],
    )
    bunch = load_magnatagatune(tmp_path)
    assert names(bunch, tmp_path) == [CLIPS[0][0], CLIPS[1][0], CLIPS[3][0]]
    assert in_part(bunch, "train") == [str(tmp_path / "c/bob-tune-0-29.mp3")]
    assert bunch.splits["test"].tolist() == [0]
    assert "published: train 15244, valid 1529, test 4332" in bunch.DESCR


def test_lists_of_the_160_tag_setting_are_text(tmp_path):
    magnatagatune(tmp_path)
    for part, row in [("train", 4), ("valid", 1), ("test", 0)]:
        write(tmp_path, f"{part}_160.txt", text=CLIPS[row][0] + "\n")
    bunch = load_magnatagatune(tmp_path, setting="all160")
    assert {k: v.tolist() for k, v in bunch.splits.items()} == {
        "train": [2],
        "valid": [1],
        "test": [0],
    }


@pytest.mark.parametrize(
    "setting, list_name, source",
    [("top50", "valid.npy", "minzwon"), ("all160", "train_160.txt", "Hamel et al.")],
)
def test_a_missing_list_is_named_with_its_source(tmp_path, setting, list_name, source):
    magnatagatune(tmp_path)
    np.save(tmp_path / "train.npy", ["0\tf/bach-cantata-30-59.mp3"])
    with pytest.raises(ValueError, match=f"{list_name}'.*{source}.*setting='folders'"):
        load_magnatagatune(tmp_path, setting=setting)


def test_lists_that_do_not_fit_are_refused(tmp_path):
    magnatagatune(tmp_path)
    paths = [path for path, _, _ in CLIPS]
    top50_lists(tmp_path, paths[:1], paths[1:2], ["f/unknown.mp3"])
    with pytest.raises(ValueError, match="test.npy' .*'f/unknown.mp3'"):
        load_magnatagatune(tmp_path)
    top50_lists(tmp_path, paths[:1], paths[1:2], paths[:1])
    with pytest.raises(ValueError, match="for train and test"):
        load_magnatagatune(tmp_path)


def test_a_pickle_in_place_of_a_list_is_not_loaded(tmp_path):
    magnatagatune(tmp_path)
    paths = [path for path, _, _ in CLIPS]
    top50_lists(tmp_path, paths[:1], paths[1:2], paths[2:3])
    np.save(tmp_path / "train.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="train.npy' cannot be read"):
        load_magnatagatune(tmp_path)


def test_synonyms_are_merged_by_or_before_the_most_frequent_are_chosen(tmp_path):
    # 50 tags with three clips each, and three spellings with at most two clips each.
    common = [f"tag {m:02}" for m in range(50)]
    clips = [(f"{n}/all.mp3", "Ann", common) for n in range(3)]
    for n, spelling in enumerate(["classic", "clasical", "classical"]):
        clips.append((f"d/{n}.mp3", "Bach", [spelling]))
    clips.append(("d/two.mp3", "Bach", ["classic", "classical", "no voice"]))
    magnatagatune(tmp_path, clips)
    plain = load_magnatagatune(tmp_path, setting="folders")
    assert list(plain.target_names) == common
    bunch = load_magnatagatune(tmp_path, setting="folders", merge_synonyms=True)
    assert bunch.target_names[0] == "classical" and len(bunch.target_names) == 50
    assert list(bunch.target[:, 0]) == [0, 0, 0, 1, 1, 1, 1]
    assert "synonyms merged" in bunch.DESCR


def test_negations_are_never_merged_with_what_they_negate(tmp_path):
    clips = [("0/a.mp3", "Ann", ["no voice"]), ("0/b.mp3", "Ann", ["voice", "vocals"])]
    magnatagatune(tmp_path, clips)
    bunch = load_magnatagatune(tmp_path, setting="folders", merge_synonyms=True)
    assert sorted(bunch.target_names) == ["no vocals", "vocals"]
    np.testing.assert_array_equal(bunch.target.sum(axis=1), [1, 1])


def many_artists(n_artists=40):
    rng = np.random.RandomState(0)
    clips = [("0/untagged.mp3", "artist 0", [])]
    for artist in range(n_artists):
        tags = [t for t in ("guitar", "piano", "slow") if rng.rand() < 0.6] or ["slow"]
        for n in range(rng.randint(1, 8)):
            folder = "0123456789abcdef"[rng.randint(16)]
            clips.append((f"{folder}/{artist}-{n}.mp3", f"artist {artist}", tags))
    return clips


def test_the_split_by_artist_shares_no_artist_and_has_all_tagged_clips(tmp_path):
    clips = many_artists(150)
    magnatagatune(tmp_path, clips)
    bunch = load_magnatagatune(tmp_path, split="artist")
    artists = [set(bunch.groups[bunch.splits[p]]) for p in ("train", "valid", "test")]
    assert sum(map(len, artists)) == len(set.union(*artists)) == 150
    rows = np.concatenate(list(bunch.splits.values()))
    assert sorted(rows) == list(range(len(clips) - 1))
    sizes = [len(rows) / (len(clips) - 1) for rows in bunch.splits.values()]
    np.testing.assert_allclose(sizes, [0.7, 0.1, 0.2], atol=0.03)
    rates = [bunch.target[rows].mean(axis=0) for rows in bunch.splits.values()]
    assert np.ptp(rates, axis=0).max() < 0.1
    assert "0 of" in bunch.DESCR and "published" not in bunch.DESCR
    again = load_magnatagatune(tmp_path, split="artist")
    np.testing.assert_array_equal(again.splits["test"], bunch.splits["test"])
    everything = load_magnatagatune(tmp_path, setting="folders", split="artist")
    assert len(everything.data) == len(clips)


def test_a_part_without_a_tag_is_told_and_few_artists_refused(tmp_path):
    clips = [*many_artists(), ("0/sitar.mp3", "Ravi", ["sitar"])]
    magnatagatune(tmp_path, clips)
    with pytest.warns(UserWarning, match=r"has the tags \['sitar'\]"):
        load_magnatagatune(tmp_path, split="artist")
    magnatagatune(tmp_path)
    with pytest.raises(ValueError, match="10 artists, .* 3"):
        load_magnatagatune(tmp_path, split="artist")


def test_empty_files_are_left_out_with_one_warning_that_names_them(tmp_path):
    known = "6/norine_braun-now_and_zen-08-gently-117-146.mp3"
    magnatagatune(tmp_path, [*CLIPS, (known, "Norine Braun", ["guitar"])])
    write(tmp_path, "0/ann-song-0-29.mp3", text="")
    (tmp_path / known).unlink()
    with pytest.warns(UserWarning, match="2 clips are left out") as caught:
        bunch = load_magnatagatune(tmp_path, setting="folders")
    assert len(caught) == 1 and caught[0].filename == __file__
    assert "ann-song-0-29" in str(caught[0].message) and known in str(caught[0].message)
    assert len(bunch.data) == len(bunch.target) == len(bunch.groups) == 4
    assert in_part(bunch, "test").tolist() == [
        str(tmp_path / "f/bach-cantata-30-59.mp3"),
        str(tmp_path / "e/ann-end-0-29.mp3"),
    ]


def test_missing_clips_are_an_error_or_dropped_with_a_warning(tmp_path):
    magnatagatune(tmp_path)
    (tmp_path / CLIPS[1][0]).unlink()
    (tmp_path / CLIPS[2][0]).unlink()
    with pytest.raises(ValueError, match="2 of 5 audio files .*ann-song-0-29.*audio="):
        load_magnatagatune(tmp_path, setting="folders")
    with pytest.warns(UserWarning, match="2 of 5 audio files") as caught:
        bunch = load_magnatagatune(tmp_path, setting="folders", missing="drop")
    assert caught[0].filename == __file__
    assert names(bunch, tmp_path) == [CLIPS[n][0] for n in (0, 3, 4)]
    assert [len(bunch.splits[p]) for p in ("train", "valid", "test")] == [0, 1, 2]


def test_audio_may_lie_elsewhere(tmp_path):
    magnatagatune(tmp_path / "tables")
    for path, _, _ in CLIPS:
        write(tmp_path / "mp3", path)
    bunch = load_magnatagatune(
        tmp_path / "tables", setting="folders", audio=tmp_path / "mp3"
    )
    assert names(bunch, tmp_path / "mp3") == [path for path, _, _ in CLIPS]


@pytest.mark.parametrize(
    "annotations, message",
    [
        ("clip_id,guitar,mp3_path\n1,0,0/a.mp3\n", "separated by tabs"),
        ("clip_id\tguitar\tmp3_path\n0\t2\t0/a.mp3\n", "line 2 .* 0 nor 1"),
        ("clip_id\tguitar\tmp3_path\n0\t1\n", "line 2 has 2 .* 3"),
        ("clip_id\tguitar\tmp3_path\n0\t1\tx/a.mp3\n", "in a folder from 0 to f"),
        ("clip_id\tguitar\tmp3_path\n77\t1\t0/a.mp3\n", "no artist for 1 .*'77'"),
        ("clip_id\tguitar\tmp3_path\n", "no rows"),
    ],
)
def test_bad_annotations_are_named(tmp_path, annotations, message):
    magnatagatune(tmp_path)
    write(tmp_path, "annotations_final.csv", text=annotations)
    with pytest.raises(ValueError, match=message):
        load_magnatagatune(tmp_path, setting="folders")


def test_missing_tables_and_unknown_settings_are_named(tmp_path):
    with pytest.raises(ValueError, match="annotations_final.csv' .*mirg.city"):
        load_magnatagatune(tmp_path)
    with pytest.raises(ValueError, match="setting='top-50' .*'top50'"):
        load_magnatagatune(tmp_path, setting="top-50")
    with pytest.raises(ValueError, match="split='random' .*'artist'"):
        load_magnatagatune(tmp_path, split="random")
    magnatagatune(tmp_path)
    with pytest.raises(ValueError, match="missing='ignore' .*'drop'"):
        load_magnatagatune(tmp_path, setting="folders", missing="ignore")


# MTG-Jamendo --------------------------------------------------------------------------

HEADER = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"
TRACKS = {
    "train": [
        "track_0000214\tartist_000014\talbum_000031\t14/214.mp3\t124.6\tgenre---rock",
        "track_0000382\tartist_000020\talbum_000046\t82/382.mp3\t211.1\tgenre---rock\t"
        "instrument---drums\tmood/theme---happy",
    ],
    "validation": [
        "track_0000248\tartist_000014\talbum_000032\t48/248.mp3\t90.0\tgenre---pop"
    ],
    "test": [
        "track_0001376\tartist_000099\talbum_000046\t76/1376.mp3\t90.0\tgenre---pop"
    ],
}


def jamendo(folder, stem="autotagging_top50tags", split=0, suffix=".mp3"):
    for part, rows in TRACKS.items():
        table = f"data/splits/split-{split}/{stem}-{part}.tsv"
        write(folder, table, text="\n".join([HEADER, *rows]) + "\n")
        for row in rows:
            name = row.split("\t")[3].removesuffix(".mp3") + suffix
            write(folder / "audio", name)


def test_jamendo_rows_have_any_number_of_tags(tmp_path):
    jamendo(tmp_path)
    bunch = load_mtg_jamendo(tmp_path)
    assert names(bunch, tmp_path / "audio") == [
        "14/214.mp3",
        "82/382.mp3",
        "48/248.mp3",
        "76/1376.mp3",
    ]
    assert list(bunch.target_names) == [
        "genre---pop",
        "genre---rock",
        "instrument---drums",
        "mood/theme---happy",
    ]
    np.testing.assert_array_equal(
        bunch.target, [[0, 1, 0, 0], [0, 1, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0]]
    )
    assert list(bunch.groups) == [f"artist_0000{n}" for n in (14, 20, 14, 99)]
    assert [bunch.splits[p].tolist() for p in ("train", "valid", "test")] == [
        [0, 1],
        [2],
        [3],
    ]


@pytest.mark.parametrize(
    "subset, stem",
    [
        ("genre", "autotagging_genre"),
        ("instrument", "autotagging_instrument"),
        ("moodtheme", "autotagging_moodtheme"),
        ("all", "autotagging"),
    ],
)
def test_jamendo_subsets_splits_and_qualities_have_their_own_files(
    tmp_path, subset, stem
):
    jamendo(tmp_path, stem, split=3, suffix=".low.mp3")
    bunch = load_mtg_jamendo(tmp_path, subset=subset, split=3, quality="low")
    assert in_part(bunch, "valid") == [str(tmp_path / "audio/48/248.low.mp3")]
    with pytest.raises(ValueError, match="4 of 4 .*audio=.*quality='low'"):
        load_mtg_jamendo(tmp_path, subset=subset, split=3)
    with pytest.raises(ValueError, match="split-0.*mtg-jamendo-dataset"):
        load_mtg_jamendo(tmp_path, subset=subset)


def test_missing_jamendo_tracks_are_an_error_or_dropped_with_their_tags(tmp_path):
    jamendo(tmp_path)
    (tmp_path / "audio/82/382.mp3").unlink()
    with pytest.raises(ValueError, match="1 of 4 audio files .*382.mp3"):
        load_mtg_jamendo(tmp_path)
    with pytest.warns(UserWarning, match="1 of 4 audio files"):
        bunch = load_mtg_jamendo(tmp_path, missing="drop")
    assert bunch.target.shape == (3, 2) and len(bunch.groups) == 3
    assert bunch.splits["test"].tolist() == [2]


def test_bad_jamendo_tables_are_named(tmp_path):
    jamendo(tmp_path)
    table = tmp_path / "data/splits/split-0/autotagging_top50tags-test.tsv"
    table.write_text("\n".join([HEADER, TRACKS["train"][0]]))
    with pytest.raises(ValueError, match="'track_0000214' .*twice"):
        load_mtg_jamendo(tmp_path)
    table.write_text("\n".join([HEADER, "track_1\tartist_1\talbum_1\t01/1.mp3\t30.0"]))
    with pytest.raises(ValueError, match="-test.tsv' .* tags.*'track_1' in line 2"):
        load_mtg_jamendo(tmp_path)
    table.write_text("path,label\na.wav,rock\n")
    with pytest.raises(ValueError, match="-test.tsv' has columns"):
        load_mtg_jamendo(tmp_path)
    for option in ({"subset": "moods"}, {"split": 5}, {"quality": "best"}):
        with pytest.raises(ValueError, match="must be one of"):
            load_mtg_jamendo(tmp_path, **option)


# GTZAN --------------------------------------------------------------------------------

LISTED = {
    "train": ["blues/blues.00029.wav", "rock/rock.00000.wav"],
    "valid": ["rock/rock.00010.wav"],
    "test": ["blues/blues.00000.wav"],
}


def gtzan(folder, listed=LISTED, genres="genres_original", suffix=".wav"):
    for part, lines in listed.items():
        write(folder, f"{part}_filtered.txt", text="\n".join(lines) + "\n")
        for line in lines:
            write(folder / genres, line.replace(".wav", suffix))


@pytest.mark.parametrize("genres", ["genres_original", "genres", "."])
@pytest.mark.parametrize("suffix", [".wav", ".au"])
def test_the_filtered_split_finds_every_layout_of_gtzan(tmp_path, genres, suffix):
    gtzan(tmp_path, genres=genres, suffix=suffix)
    write(tmp_path / genres, f"blues/blues.00001{suffix}")  # filtered out
    bunch = load_gtzan(tmp_path)
    assert names(bunch, tmp_path / genres) == [
        f"blues/blues.00000{suffix}",
        f"blues/blues.00029{suffix}",
        f"rock/rock.00000{suffix}",
        f"rock/rock.00010{suffix}",
    ]
    assert list(bunch.target_names[bunch.target]) == ["blues"] * 2 + ["rock"] * 2
    assert [bunch.splits[p].tolist() for p in ("train", "valid", "test")] == [
        [1, 2],
        [3],
        [0],
    ]
    assert bunch.groups is None and "train 2, valid 1, test 1" in bunch.DESCR


def test_unfiltered_gtzan_has_every_clip_and_no_split(tmp_path):
    gtzan(tmp_path)
    write(tmp_path, "genres_original/blues/blues.00001.wav")
    bunch = load_gtzan(tmp_path, filtered=False, groups=r"/(\w+)\.")
    assert len(bunch.data) == 5 and bunch.splits is None
    assert list(bunch.groups) == ["blues"] * 3 + ["rock"] * 2


@pytest.mark.parametrize("filtered", [True, False])
def test_the_corrupt_clip_is_left_out_unless_its_header_reads(tmp_path, filtered):
    listed = LISTED | {"train": [*LISTED["train"], "jazz/jazz.00054.wav"]}
    gtzan(tmp_path, listed)
    write(tmp_path, "genres_original/jazz/jazz.00055.wav")  # not looked at
    with pytest.warns(UserWarning, match="'jazz/jazz.00054.wav'"):
        bunch = load_gtzan(tmp_path, filtered=filtered)
    assert len(bunch.data) == (4 if filtered else 5)
    soundfile.write(
        tmp_path / "genres_original/jazz/jazz.00054.wav", np.zeros(100), 22050
    )
    bunch = load_gtzan(tmp_path, filtered=filtered)
    assert len(bunch.data) == (5 if filtered else 6)
    if filtered:
        assert len(bunch.splits["train"]) == 3


def test_the_corrupt_clip_may_have_been_removed(tmp_path):
    gtzan(tmp_path, LISTED | {"train": ["jazz/jazz.00054.wav", "rock/rock.00000.wav"]})
    (tmp_path / "genres_original/jazz/jazz.00054.wav").unlink()
    with pytest.warns(UserWarning, match="'jazz/jazz.00054.wav'"):
        assert len(load_gtzan(tmp_path).data) == 3


def test_artists_of_gtzan_come_from_a_mapping(tmp_path):
    gtzan(tmp_path)
    artists = {line: line[-6] for lines in LISTED.values() for line in lines}
    assert list(load_gtzan(tmp_path, groups=artists).groups) == ["0", "2", "0", "1"]
    artists.pop("rock/rock.00010.wav")
    with pytest.raises(ValueError, match="1 of 4 files, .*rock.00010"):
        load_gtzan(tmp_path, groups=artists)


def test_missing_gtzan_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere' is not a folder"):
        load_gtzan(tmp_path / "nowhere")
    gtzan(tmp_path)
    (tmp_path / "genres_original/rock/rock.00010.wav").unlink()
    with pytest.raises(ValueError, match="1 of 4 audio files .*rock.00010.wav"):
        load_gtzan(tmp_path)
    with pytest.warns(UserWarning, match="1 of 4 audio files"):
        bunch = load_gtzan(tmp_path, missing="drop")
    assert len(bunch.data) == 3 and len(bunch.splits["valid"]) == 0
    (tmp_path / "valid_filtered.txt").unlink()
    with pytest.raises(ValueError, match="valid_filtered.txt' .*coreyker"):
        load_gtzan(tmp_path)


@pytest.mark.parametrize("text", ["          30\n          31\n", "\n"])
def test_lists_of_numbers_or_of_nothing_are_refused(tmp_path, text):
    gtzan(tmp_path)
    write(tmp_path, "train_filtered.txt", text=text)
    with pytest.raises(ValueError, match="train_filtered.txt' lists"):
        load_gtzan(tmp_path)


def test_a_clip_in_two_parts_of_gtzan_is_refused(tmp_path):
    gtzan(tmp_path, LISTED | {"valid": ["rock/rock.00000.wav"]})
    with pytest.raises(ValueError, match="'rock/rock.00000.wav' .* train and valid"):
        load_gtzan(tmp_path)


# mirdata ------------------------------------------------------------------------------


def test_mirdata_attributes_become_classes_and_groups(tmp_path):
    dataset = mirdata_set(
        tmp_path, genre=["rock", "jazz", "rock"], artist=["Ann", "Bob", "Bob"]
    )
    bunch = load_mirdata(dataset, target="genre", groups="artist")
    assert names(bunch, tmp_path) == ["a.wav", "b.wav", "c.wav"]
    assert list(bunch.target) == [1, 0, 1] and bunch.splits is None
    assert list(bunch.target_names) == ["jazz", "rock"]
    assert list(bunch.groups) == ["Ann", "Bob", "Bob"]
    assert "'tiny'" in bunch.DESCR
    by_function = load_mirdata(
        dataset,
        target=lambda track: [track.genre, "any"],
        groups=lambda track: track.artist[0],
    )
    assert list(by_function.target_names) == ["any", "jazz", "rock"]
    assert list(by_function.groups) == ["A", "B", "B"]


@pytest.mark.parametrize(
    "tags",
    [
        [["loud", "fast"], ["fast"], []],
        [{"loud", "fast"}, {"fast"}, set()],
        [{"loud": 1, "fast": True}, {"loud": 0, "fast": 2}, {}],
    ],
)
def test_mirdata_lists_and_dicts_become_tags(tmp_path, tags):
    bunch = load_mirdata(mirdata_set(tmp_path, tags=tags), target="tags")
    assert list(bunch.target_names) == ["fast", "loud"]
    np.testing.assert_array_equal(bunch.target, [[1, 1], [1, 0], [0, 0]])


def test_published_mirdata_splits_are_row_numbers_of_what_is_left(tmp_path):
    splits = {"test": ["a"], "train": ["c", "b"], "validation": ["unknown"]}
    dataset = mirdata_set(tmp_path, splits, genre=["rock", "jazz", "pop"])
    (tmp_path / "a.wav").unlink()
    with pytest.raises(ValueError, match="1 of 3 audio files .*a.wav.*download"):
        load_mirdata(dataset, target="genre")
    with pytest.warns(UserWarning, match="1 of 3 audio files"):
        bunch = load_mirdata(dataset, target="genre", missing="drop")
    assert names(bunch, tmp_path) == ["b.wav", "c.wav"]
    assert list(bunch.splits) == ["train", "valid", "test"]
    assert bunch.splits["train"].tolist() == [0, 1]
    assert bunch.data[bunch.splits["valid"]].tolist() == []
    assert list(bunch.target_names) == ["jazz", "pop"]


def test_mirdata_leaves_the_global_generator_alone(tmp_path):
    state = random.getstate()
    load_mirdata(mirdata_set(tmp_path, genre=["rock", "jazz", "pop"]), target="genre")
    assert random.getstate() == state


def test_mirdata_values_that_are_no_labels_are_named(tmp_path):
    dataset = mirdata_set(tmp_path, genre=["rock", None, ""], tempo=[99.5, 1.0, 2.0])
    with pytest.raises(ValueError, match="2 of 3 tracks, .*'b'"):
        load_mirdata(dataset, target="genre")
    with pytest.raises(TypeError, match="target is 99.5 for track 'a'"):
        load_mirdata(dataset, target="tempo")
    found = "target='mood' .*genre, tempo"
    with pytest.raises(ValueError, match=found):
        load_mirdata(dataset, target="mood")
    with pytest.raises(ValueError, match="groups='artist'"):
        load_mirdata(dataset, target=lambda track: "x", groups="artist")


def test_mirdata_sets_without_audio_are_refused(tmp_path):
    tracks = {"a": SimpleNamespace(genre="rock"), "b": SimpleNamespace(genre="jazz")}
    with pytest.raises(ValueError, match="'tiny' have no audio_path"):
        load_mirdata(Dataset(tracks), target="genre")
    with pytest.raises(ValueError, match="'tiny' of mirdata has no tracks"):
        load_mirdata(Dataset({}), target="genre")


def test_a_name_initialises_mirdata_and_a_data_set_brings_its_own(
    tmp_path, monkeypatch
):
    def initialize(name, data_home=None, version="default"):
        assert (name, data_home, version) == ("gtzan_genre", str(tmp_path), "mini")
        return mirdata_set(tmp_path, genre=["rock", "jazz", "pop"])

    monkeypatch.setitem(sys.modules, "mirdata", SimpleNamespace(initialize=initialize))
    bunch = load_mirdata(
        "gtzan_genre", target="genre", data_home=tmp_path, version="mini"
    )
    assert len(bunch.data) == 3
    with pytest.raises(ValueError, match="data_home and version"):
        load_mirdata(
            initialize("gtzan_genre", str(tmp_path), "mini"),
            target="genre",
            data_home=tmp_path,
        )


def test_without_mirdata_the_package_to_install_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mirdata", None)
    with pytest.raises(ImportError, match="pip install mirdata"):
        load_mirdata("gtzan_genre", target="genre")
