import os
import types

import numpy as np
import pytest

from skdeepmir.datasets import load_audio_folder, load_manifest


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_folder_has_a_class_per_sub_folder(tmp_path):
    touch(
        tmp_path,
        "rock/queen_2.mp3",
        "rock/album/abba_1.WAV",
        "jazz/ella_1.flac",
        "jazz/notes.txt",
        "jazz/._ella_1.flac",
    )
    bunch = load_audio_folder(tmp_path, groups=r"([^/_]+)_\d")
    assert list(bunch.target_names[bunch.target]) == ["jazz", "rock", "rock"]
    assert list(bunch.groups) == ["ella", "abba", "queen"]
    assert all(path.startswith(str(tmp_path)) for path in bunch.data)
    table = {"rock/queen_2.mp3": 1, "rock/album/abba_1.WAV": 2, "jazz/ella_1.flac": 3}
    assert list(load_audio_folder(tmp_path, groups=table).groups) == [3, 2, 1]


def test_files_that_no_decoder_knows_are_told(tmp_path):
    touch(tmp_path, "rock/a.wav", "rock/b.m4a")
    with pytest.warns(UserWarning, match=r"1 file, 'rock/b.m4a', is"):
        load_audio_folder(tmp_path)


def test_bad_folders_and_groups_are_named(tmp_path):
    with pytest.raises(ValueError, match="is no folder"):
        load_audio_folder(tmp_path / "nowhere")
    touch(tmp_path, "stray.wav")
    with pytest.raises(ValueError, match="no sub-folder with audio"):
        load_audio_folder(tmp_path)
    (tmp_path / "stray.wav").unlink()
    touch(tmp_path, "rock/a.wav")
    with pytest.raises(ValueError, match="no group for 1 of 1 files, 'rock/a"):
        load_audio_folder(tmp_path, groups=r"(\d+)")
    with pytest.raises(ValueError, match="groups='rock' has no parenthesis"):
        load_audio_folder(tmp_path, groups="rock")


@pytest.mark.parametrize("system", ["posix", "nt"])
def test_names_of_devices_are_refused_on_windows_only(system, tmp_path, monkeypatch):
    touch(tmp_path, "stems/aux.wav")
    path = manifest(tmp_path, "path,label\nstems/aux.wav,x\n")
    there = types.SimpleNamespace(**{**vars(os), "name": system})
    monkeypatch.setattr("skdeepmir.datasets._loaders.os", there)
    if system == "nt":
        with pytest.raises(ValueError, match="aux.wav', which is a device on Windows"):
            load_manifest(path, root=tmp_path)
    else:
        (name,) = load_manifest(path, root=tmp_path).data
        assert name == str(tmp_path / "stems" / "aux.wav")


def manifest(folder, text):
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_manifest_keeps_its_order_and_reads_groups_and_folds(tmp_path):
    path = manifest(
        tmp_path,
        "path,task,label,group,fold\nb.wav,x,rock,g1,2\na.wav,x,jazz,g2,1\n"
        "a.wav,y,loud|rock,g2,1\n",
    )
    bunch = load_manifest(path, where={"task": "x"})
    assert list(bunch.data) == [str(tmp_path / "b.wav"), str(tmp_path / "a.wav")]
    assert list(bunch.target_names[bunch.target]) == ["rock", "jazz"]
    assert list(bunch.groups) == ["g1", "g2"] and list(bunch.folds) == ["2", "1"]
    tags = load_manifest(path, where={"task": "y"})
    np.testing.assert_array_equal(tags.target, [[1, 1]])


def test_a_manifest_lists_annotation_files_as_the_target(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("path,label,chords\na.wav,,a.lab\nb.wav,,sub/b.lab\n")
    with pytest.raises(ValueError, match="lists 2 annotation files that do not exist"):
        load_manifest(table, annotations="chords")
    touch(tmp_path, "a.lab", "sub/b.lab")
    bunch = load_manifest(table, annotations="chords")
    assert list(bunch.target) == [str(tmp_path / p) for p in ("a.lab", "sub/b.lab")]
    assert bunch.target_names is None and bunch.groups is None
    table.write_text("path,chords\na.wav,a.lab\nb.wav,\n")
    with pytest.raises(ValueError, match="gives no chords for 'b.wav'"):
        load_manifest(table, annotations="chords")
    with pytest.raises(ValueError, match="where='task=a' is a str"):
        load_manifest(table, where="task=a")
    with pytest.raises(ValueError, match="no column 'beats'"):
        load_manifest(table, annotations="beats")


@pytest.mark.parametrize(
    "text, message",
    [
        ("file,label\na,b\n", "no column 'path'"),
        ("path,label\n", "no rows"),
        ("path,label\na.wav,x\na.wav,y\n", "'a.wav' more than once"),
        ("path,label\na.wav,\n", "no label for 'a.wav'"),
    ],
)
def test_bad_manifests_are_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_manifest(manifest(tmp_path, text))
