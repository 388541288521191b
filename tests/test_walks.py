"""Folders with links, loops and names in two spellings: no file is lost in silence."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from collection_files import relative, write

from skdeepmir import SpectrogramExtractor
from skdeepmir.audio import AudioError
from skdeepmir.datasets import (
    load_audio_folder,
    load_billboard,
    load_gtzan,
    load_isophonics,
    load_onset_db,
    load_rwc_popular,
)

NFC, NFD = "M\u00fasica", "Mu\u0301sica"


def link(folder, name, target):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    os.symlink(target, folder / name)


@pytest.fixture
def silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_links_to_classes_albums_and_files_are_followed(tmp_path, silent):
    here, there = tmp_path / "here", tmp_path / "there"
    write(there, "jazz/a.wav", "album/deep/b.wav", "c.wav")
    write(here, "rock/d.wav")
    link(here, "jazz", there / "jazz")
    link(here, "rock/album", there / "album")
    link(here, "rock/c.wav", there / "c.wav")
    bunch = load_audio_folder(here, groups=r"(\w)\.wav")
    assert relative(bunch.data, here) == [
        "jazz/a.wav",
        "rock/album/deep/b.wav",
        "rock/c.wav",
        "rock/d.wav",
    ]
    assert list(bunch.target) == [0, 1, 1, 1] and list(bunch.groups) == list("abcd")
    link(tmp_path, "root", here)
    assert len(load_audio_folder(tmp_path / "root").data) == 4


@pytest.mark.parametrize("target", ["itself", "root", "above", "album"])
def test_a_link_to_a_folder_above_is_told_and_not_walked_again(tmp_path, target):
    root = tmp_path / "root"
    write(root, "jazz/album/a.wav")
    targets = {"root": root, "above": tmp_path, "album": root / "jazz" / "album"}
    loop = root / "jazz" / "album" / "again"
    link(root, "jazz/album/again", targets.get(target, loop))
    with pytest.warns(UserWarning, match="1 link, .*again', (leads|is broken)") as told:
        bunch = load_audio_folder(root)
    assert relative(bunch.data, root) == ["jazz/album/a.wav"]
    assert len(told) == 1 and told[0].filename == __file__


def test_two_folders_that_lead_to_each_other_are_listed_once(tmp_path):
    write(tmp_path, "jazz/a.wav", "rock/b.wav")
    link(tmp_path, "jazz/more", tmp_path / "rock")
    link(tmp_path, "rock/more", tmp_path / "jazz")
    with pytest.warns(UserWarning, match="2 folders, .*jazz/more'.* .*rock'"):
        bunch = load_audio_folder(tmp_path)
    assert relative(bunch.data, tmp_path) == ["jazz/a.wav", "rock/b.wav"]


def test_folders_that_all_lead_to_each_other_are_listed_once(tmp_path):
    names = [f"a{n}" for n in range(8)]
    write(tmp_path, *(f"{name}/{name}.wav" for name in names))
    for name in names:
        for other in {*names} - {name}:
            link(tmp_path, f"{name}/to {other}", tmp_path / other)
    with pytest.warns(UserWarning, match="56 folders, .*a0/to a1'.*/a1'") as told:
        bunch = load_audio_folder(tmp_path)
    assert relative(bunch.data, tmp_path) == [f"{name}/{name}.wav" for name in names]
    assert len(told) == 1 and told[0].filename == __file__


@pytest.mark.parametrize("alias", ["Metal", "Zydeco"])
def test_a_class_with_two_names_has_its_own(tmp_path, alias):
    write(tmp_path, "Rock/a.wav", "Rock/album/b.wav")
    link(tmp_path, alias, "Rock")
    with pytest.warns(UserWarning, match=f"1 folder, .*{alias}'.*Rock'"):
        bunch = load_audio_folder(tmp_path)
    assert bunch.target_names.tolist() == ["Rock"] and len(bunch.data) == 2


def test_an_album_in_two_classes_is_listed_once(tmp_path):
    write(tmp_path, "albums/best/a.wav", "albums/best/live/b.wav", "albums/new/c.wav")
    link(tmp_path, "set/jazz/best", "../../albums/best")
    link(tmp_path, "set/rock/best", "../../albums/best")
    link(tmp_path, "set/rock/new", "../../albums/new")
    link(tmp_path, "set/soul", "../albums/best/live")
    with pytest.warns(UserWarning, match="2 folders, .*rock/best'.*jazz/best'"):
        bunch = load_audio_folder(tmp_path / "set")
    found = ["jazz/best/a.wav", "jazz/best/live/b.wav", "rock/new/c.wav"]
    assert relative(bunch.data, tmp_path / "set") == found


def test_a_link_to_a_folder_around_its_own_on_the_disk_is_a_loop(tmp_path):
    write(tmp_path, "albums/rock/r.wav", "albums/jazz/j.wav")
    link(tmp_path, "set/Rock", "../albums/rock")
    link(tmp_path, "albums/rock/up", "..")
    with pytest.warns(UserWarning, match="1 link, .*Rock/up', .* back"):
        bunch = load_audio_folder(tmp_path / "set")
    assert relative(bunch.data, tmp_path / "set") == ["Rock/r.wav"]


def test_a_file_with_several_names_is_listed_once(tmp_path):
    write(tmp_path, "store/a.wav", "set/jazz/b.wav", "set/c.wav", "set/jazz/notes.txt")
    link(tmp_path, "set/rock/a.wav", tmp_path / "store/a.wav")
    link(tmp_path, "set/soul/again.wav", "../rock/a.wav")
    link(tmp_path, "set/again/b.wav", "../jazz/b.wav")
    link(tmp_path, "set/rock/notes.txt", "../jazz/notes.txt")
    link(tmp_path, "set/rock/c.wav", "../c.wav")  # which lies in no class itself
    with pytest.warns(UserWarning) as told:
        bunch = load_audio_folder(tmp_path / "set")
    found = ["jazz/b.wav", "rock/a.wav", "rock/c.wav"]
    assert relative(bunch.data, tmp_path / "set") == found
    again, stray = (str(warning.message) for warning in told)
    assert (
        "2 files, such as" in again and "again/b.wav'" in again and "'c.wav'" in stray
    )


def test_links_to_nothing_are_told_or_listed_for_the_extractor_to_name(tmp_path):
    rng = np.random.RandomState(0)
    for name in ("jazz/a.wav", "rock/b.wav"):
        (tmp_path / name).parent.mkdir()
        soundfile.write(tmp_path / name, rng.randn(4000) / 9, 22050)
    link(tmp_path, "jazz/lost.wav", tmp_path / "nowhere.wav")
    bunch = load_audio_folder(tmp_path)
    row = relative(bunch.data, tmp_path).index("jazz/lost.wav")
    with pytest.raises(AudioError) as caught:
        SpectrogramExtractor().fit(bunch.data).transform(bunch.data)
    assert (caught.value.code, caught.value.row) == ("missing", row)
    link(tmp_path, "pop", tmp_path / "not mounted")
    link(tmp_path, "rock/album", tmp_path / "not mounted")
    with pytest.warns(UserWarning, match="2 links, .*/pop', .*broken"):
        assert len(load_audio_folder(tmp_path).data) == 3


def test_folders_that_may_not_be_read_are_told(tmp_path, monkeypatch):
    write(tmp_path, "jazz/a.wav", "jazz/secret/b.wav", "rock/c.wav")
    scandir = os.scandir

    def refuse(folder):
        if Path(folder).name == "secret":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything
    with pytest.warns(UserWarning, match="1 folder .*jazz/secret', .* read"):
        assert len(load_audio_folder(tmp_path).data) == 2
    with pytest.raises(PermissionError, match="jazz/secret'"):
        load_audio_folder(tmp_path / "jazz" / "secret")


@pytest.fixture
def forbidden(tmp_path, monkeypatch):
    """A folder in which nothing can be reached; root could otherwise read it."""
    folder = tmp_path / "forbidden"
    folder.mkdir()
    status = os.stat

    def refuse(path, *args, **kwargs):
        if not isinstance(path, int):
            found = os.path.realpath(path)
            if found.startswith(f"{folder}{os.sep}"):
                raise PermissionError(13, "Permission denied", os.fspath(path))
        return status(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", refuse)
    return folder


@pytest.mark.parametrize("name", ["jazz/more", "jazz/b.wav", "jazz/b.lab"])
def test_links_into_folders_that_may_not_be_read_are_told(tmp_path, forbidden, name):
    root = tmp_path / "root"
    write(root, "jazz/a.wav")
    link(root, name, forbidden / "inside")
    with pytest.warns(UserWarning, match=f"1 folder or link, .*{name}', .* read"):
        assert relative(load_audio_folder(root).data, root) == ["jazz/a.wav"]
    write(root, "N001-M01-T01.lab", "RM-P001.wav")
    with pytest.warns(UserWarning, match=f"1 folder or link, .*{name}', .* read"):
        assert len(load_rwc_popular(root).data) == 1


@pytest.mark.parametrize(
    "load", [load_audio_folder, load_gtzan, load_isophonics, load_onset_db]
)
def test_a_folder_that_may_not_be_read_is_an_error(forbidden, load):
    with pytest.raises(PermissionError, match="forbidden/inside'"):
        load(forbidden / "inside")


def test_files_in_no_class_folder_are_told(tmp_path):
    write(tmp_path, "jazz/a.WAV", "b.wav", "c.Mp3", "notes.txt", ".d.wav")
    with pytest.warns(UserWarning, match="2 files, such as 'b.wav', .*class"):
        assert relative(load_audio_folder(tmp_path).data, tmp_path) == ["jazz/a.WAV"]
    with pytest.raises(ValueError, match="1 file, 'a.WAV', .*class"):
        load_audio_folder(tmp_path / "jazz")


@pytest.mark.parametrize("name", ["b.ape", "b.M4B", "b.wv"])
def test_files_of_formats_that_no_decoder_knows_are_told(tmp_path, name):
    write(tmp_path, "jazz/a.wav", f"jazz/{name}", "jazz/video.mp4/c.wav")
    with pytest.warns(UserWarning, match=f"1 file, 'jazz/{name}', .*format"):
        assert len(load_audio_folder(tmp_path).data) == 2


def test_a_class_in_two_spellings_is_one(tmp_path, silent):
    write(tmp_path, f"{NFC}/a.wav", f"{NFD}/b.wav", "Jazz/c.wav", "jazz/d.wav")
    if len(os.listdir(tmp_path)) < 4:
        pytest.skip("this file system joins spellings itself")
    bunch = load_audio_folder(tmp_path)
    assert bunch.target_names.tolist() == ["Jazz", NFC, "jazz"]
    label = {
        Path(path).name: name
        for path, name in zip(bunch.data, bunch.target_names[bunch.target], strict=True)
    }
    assert label == {"a.wav": NFC, "b.wav": NFC, "c.wav": "Jazz", "d.wav": "jazz"}
    assert all(os.path.isfile(path) for path in bunch.data)
    gtzan = load_gtzan(tmp_path, filtered=False)
    assert gtzan.target_names.tolist() == ["Jazz", NFC, "jazz"]


@pytest.mark.parametrize("on_disk", [NFC, NFD])
@pytest.mark.parametrize("asked", [NFC, NFD])
def test_groups_match_names_in_either_spelling(tmp_path, on_disk, asked):
    write(tmp_path, f"jazz/{on_disk} 1.wav", "jazz/Abba 1.wav")
    mapping = {f"jazz/{asked} 1.wav": asked, "jazz/Abba 1.wav": "Abba "}
    for groups in (mapping, rf"/(Abba|{asked}) "):
        assert list(load_audio_folder(tmp_path, groups=groups).groups) == ["Abba", NFC]


@pytest.mark.parametrize(
    "groups",
    [
        r"/(a)?",
        r"/(a*)",
        r"(?:(a)|b)\.wav",
        {"jazz/a.wav": "a", "jazz/b.wav": None},
        {"jazz/a.wav": "a", "jazz/b.wav": np.nan},
        {"jazz/a.wav": "a", "jazz/b.wav": " "},
        {"jazz/a.wav": "a"},
    ],
)
def test_files_without_a_group_are_named(tmp_path, groups):
    write(tmp_path, "jazz/a.wav", "jazz/b.wav")
    with pytest.raises(ValueError, match="1 of 2 files, 'jazz/b.wav'"):
        load_audio_folder(tmp_path, groups=groups)


# Chords -------------------------------------------------------------------------------


def test_collections_of_chords_follow_links_and_tell_of_loops(tmp_path):
    store, root = tmp_path / "store", tmp_path / "root"
    write(store, "Jazz/01 Mustapha.lab", "audio/01 Mustapha.flac")
    link(root, "chordlab/Queen/Jazz", store / "Jazz")
    link(root, "audio", store / "audio")
    bunch = load_isophonics(root)
    assert relative(bunch.data, root) == ["audio/01 Mustapha.flac"]
    assert list(bunch.groups) == ["Queen: Jazz"]
    link(store, "Jazz/loop", root)
    with pytest.warns(UserWarning, match="1 link, .*/loop', .* back") as told:
        assert len(load_isophonics(root).data) == 1
    assert len(told) == 1 and told[0].filename == __file__


def test_an_artist_of_isophonics_with_two_names_counts_once(tmp_path):
    write(tmp_path, "chordlab/The Beatles/Help!/01_-_Help!.lab", "audio/Help!.wav")
    link(tmp_path, "chordlab/Beatles", "The Beatles")
    with pytest.warns(UserWarning, match="1 folder, .*/Beatles'.*The Beatles'"):
        bunch = load_isophonics(tmp_path)
    assert list(bunch.groups) == ["The Beatles: Help!"]


def test_an_annotation_that_is_a_link_to_nothing_is_named(tmp_path):
    write(tmp_path, "audio/RM-P001.wav", "audio/RM-P002.wav", "N001-M01-T01.lab")
    link(tmp_path, "N002-M01-T02.lab", tmp_path / "nowhere.lab")
    with pytest.raises(ValueError, match="1 of 2 annotations .*N002-M01-T02.lab"):
        load_rwc_popular(tmp_path)


def test_a_recording_that_is_a_link_to_nothing_is_missing(tmp_path):
    write(tmp_path, "0003/full.lab", "0004/full.lab", "0004/audio.wav")
    (tmp_path / "billboard-2.0-index.csv").write_text(
        "id,title,artist\n3,I Don't Mind,James Brown\n4,You've Got a Friend,Tata\n"
    )
    link(tmp_path, "0003/audio.flac", tmp_path / "nowhere.flac")
    with pytest.raises(ValueError, match="1 of 2 audio files .*0003/audio.flac"):
        load_billboard(tmp_path)
