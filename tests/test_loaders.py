import os
import re
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from collection_files import manifest, write

from skdeepmir.datasets import load_audio_folder, load_manifest


def test_a_folder_has_a_class_per_sub_folder(tmp_path):
    write(
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
    write(tmp_path, "rock/a.wav", "rock/b.m4a")
    with pytest.warns(UserWarning, match="1 file, 'rock/b.m4a', .*format"):
        load_audio_folder(tmp_path)


def test_bad_folders_and_groups_are_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere' is not a folder"):
        load_audio_folder(tmp_path / "nowhere")
    write(tmp_path, "stray.wav")
    with pytest.raises(ValueError, match="no sub-folder .*'stray.wav'"):
        load_audio_folder(tmp_path)
    (tmp_path / "stray.wav").unlink()
    write(tmp_path, "rock/a.wav")
    with pytest.raises(ValueError, match="1 of 1 files, 'rock/a.wav'"):
        load_audio_folder(tmp_path, groups=r"(\d+)")
    with pytest.raises(ValueError, match="groups='rock' .*parenthes"):
        load_audio_folder(tmp_path, groups="rock")


GROUPS = {"jazz/a.wav": "x", "rock/b.wav": "y"}


@pytest.mark.parametrize(
    "form",
    [
        lambda root: pd.Series(GROUPS),
        lambda root: {Path(path): group for path, group in GROUPS.items()},
        lambda root: {str(root / path): group for path, group in GROUPS.items()},
        lambda root: {root / path: group for path, group in GROUPS.items()},
        lambda root: {f"./{path}": group for path, group in GROUPS.items()},
    ],
)
def test_groups_may_be_a_series_and_have_paths_of_any_kind(tmp_path, form):
    write(tmp_path, *GROUPS)
    bunch = load_audio_folder(tmp_path, groups=form(tmp_path))
    assert bunch.groups.tolist() == ["x", "y"]


@pytest.mark.parametrize(
    "groups, error, facts",
    [
        (pd.DataFrame(GROUPS, index=[0]), TypeError, "groups is a DataFrame; .*jazz/a"),
        (["x", "y"], TypeError, "groups is a list; expected a regular expression"),
        (len, TypeError, "groups is a builtin_function_or_method; expected"),
        (3, TypeError, "groups is a int; expected"),
        (re.compile(b"(.)"), TypeError, "groups is a pattern of bytes; expected"),
        ("(", ValueError, r"groups='\(' is not a regular expression"),
        (pd.Series(["x", "y"]), ValueError, "'jazz/a.wav'.*no such key, but .* as 0"),
        ({"b.wav": "x"}, ValueError, "'jazz/a.wav': .*no such key, but .* 'b.wav'"),
        ({}, ValueError, "'jazz/a.wav': it is empty"),
        (
            pd.Series(["x", "y"], index=["a.wav", "a.wav"]),
            ValueError,
            "groups has 'a.wav' more than once",
        ),
        (
            {**GROUPS, "rock/b.wav": "None"},
            ValueError,
            "'rock/b.wav'.*'None', which counts as missing",
        ),
        ({**GROUPS, "rock/b.wav": 1}, ValueError, "'rock/b.wav' has 1, .*'jazz/a.wav'"),
    ],
)
def test_groups_of_another_kind_are_named(tmp_path, groups, error, facts):
    write(tmp_path, *GROUPS)
    with pytest.raises(error, match=facts):
        load_audio_folder(tmp_path, groups=groups)


@pytest.mark.parametrize("system", ["posix", "nt"])
def test_names_of_devices_are_refused_on_windows_only(system, tmp_path, monkeypatch):
    write(tmp_path, "stems/aux.wav")
    path = manifest(tmp_path, "path,label\nstems/aux.wav,x\n")
    there = types.SimpleNamespace(**{**vars(os), "name": system})
    monkeypatch.setattr("skdeepmir.datasets._loaders.os", there)
    if system == "nt":
        with pytest.raises(ValueError, match="aux.wav', .*device"):
            load_manifest(path, root=tmp_path)
    else:
        (name,) = load_manifest(path, root=tmp_path).data
        assert name == str(tmp_path / "stems" / "aux.wav")


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
    with pytest.raises(ValueError, match="2 annotation files"):
        load_manifest(table, annotations="chords")
    write(tmp_path, "a.lab", "sub/b.lab")
    bunch = load_manifest(table, annotations="chords")
    assert list(bunch.target) == [str(tmp_path / p) for p in ("a.lab", "sub/b.lab")]
    assert bunch.target_names is None and bunch.groups is None
    table.write_text("path,chords\na.wav,a.lab\nb.wav,\n")
    with pytest.raises(ValueError, match="line 3 .* chords .*'b.wav'"):
        load_manifest(table, annotations="chords")
    with pytest.raises(ValueError, match="where='task=a'"):
        load_manifest(table, where="task=a")
    with pytest.raises(ValueError, match="column 'beats'"):
        load_manifest(table, annotations="beats")


@pytest.mark.parametrize(
    "text, message",
    [
        ("file,label\na,b\n", "column 'path'"),
        ("path,label\n", "no rows"),
        ("path,label\na.wav,x\na.wav,y\n", "'a.wav' .* lines 2 and 3"),
        ("path,label\na.wav,\n", "line 2 .* label for 'a.wav'"),
    ],
)
def test_bad_manifests_are_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load_manifest(manifest(tmp_path, text))


def test_what_is_no_manifest_is_named(tmp_path):
    for other in ([("a.wav", "x")], {"path": ["a.wav"]}, None):
        kind = type(other).__name__
        with pytest.raises(TypeError, match=f"manifest is a {kind}; .*data frame"):
            load_manifest(other)
    with pytest.raises(ValueError, match="manifest=.* is a folder"):
        load_manifest(tmp_path)
    for path in (tmp_path / "none.csv", tmp_path / "no" / "table.csv"):
        with pytest.raises(FileNotFoundError, match=f"'{re.escape(str(path))}'"):
            load_manifest(path)


def test_the_values_that_rows_can_be_chosen_by_are_named(tmp_path):
    path = manifest(tmp_path, "path,label,fold\na.wav,x,1\nb.wav,y,2\n")
    with pytest.raises(ValueError, match="where=.*'fold' has '1', '2'"):
        load_manifest(path, where={"fold": 1.0})
    assert len(load_manifest(path, where={"fold": 1}).data) == 1
