"""Collections that must line up: data frames, pinned names, parts, sources, groups."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from collection_files import manifest, mirdata_set, write

from skdeepmir.datasets import (
    load_audio_folder,
    load_gtzan,
    load_manifest,
    load_mirdata,
    load_mtg_jamendo,
)

DATA = Path(__file__).parents[2] / "shared" / "data" / "labels.csv"
recordings = pytest.mark.skipif(not DATA.exists(), reason=f"no recordings at {DATA}")
ROWS = {
    "path": ["a.wav", "b.wav", "c.wav"],
    "label": ["flute", "cello", "flute"],
    "fold": [1, 2, 1],
    "group": ["x", "y", "z"],
    "split": ["train", "validation", "test"],
}


@pytest.fixture(autouse=True)
def _what_warns_is_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def table(folder, rows):
    return manifest(folder, pd.DataFrame(rows).to_csv(index=False))


# Data frames --------------------------------------------------------------------------


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_a_data_frame_is_read_as_its_file_is(tmp_path, library):
    of_file = load_manifest(table(tmp_path, ROWS))
    bunch = load_manifest(library.DataFrame(ROWS), root=tmp_path)
    for name in ("data", "target", "target_names", "groups", "folds"):
        np.testing.assert_array_equal(bunch[name], of_file[name])
        assert bunch[name].dtype == of_file[name].dtype
    assert {part: rows.tolist() for part, rows in bunch.splits.items()} == {
        "train": [0],
        "valid": [1],
        "test": [2],
    }
    assert load_manifest(library.DataFrame(ROWS)).data.tolist() == ROWS["path"]


def test_cells_of_a_data_frame_need_not_be_text():
    frame = pd.DataFrame(
        {
            "path": [Path("a.wav"), Path("b.wav"), Path("c.wav")],
            "label": pd.Categorical(["x", "y", "x"]),
            "fold": [1.0, 2.0, np.nan],
            "notes": [{"any": "thing"}, None, [1]],
        },
        index=[7, 7, 9],
    )
    bunch = load_manifest(frame, where={"fold": [1.0, 2]})
    assert bunch.folds.tolist() == ["1", "2"] and bunch.data.tolist()[1] == "b.wav"
    with pytest.raises(ValueError, match="manifest, row 2 gives no fold for 'c.wav'"):
        load_manifest(frame)
    numbers = pd.DataFrame({"path": ["a", "b"], "label": [7, 3]})
    assert load_manifest(numbers).target_names.tolist() == ["3", "7"]


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_lists_in_a_data_frame_are_tags(library):
    frame = library.DataFrame(
        {"path": ["a.wav", "b.wav", "c.wav"], "label": [["b", "a"], [], ["b"]]}
    )
    bunch = load_manifest(frame)
    assert bunch.target_names.tolist() == ["a", "b"]
    np.testing.assert_array_equal(bunch.target, [[1, 1], [0, 0], [0, 1]])
    bad = library.DataFrame({"path": ["a.wav", "b.wav"], "label": [["a"], ["b", " "]]})
    with pytest.raises(ValueError, match="manifest, row 1 has ' ' .*'label'"):
        load_manifest(bad)


@pytest.mark.parametrize(
    "frame, facts",
    [
        (pd.DataFrame({"path": ["a"], "tag": ["x"]}), "manifest has no column 'label'"),
        (
            pd.DataFrame({"label": ["x"]}, index=pd.Index(["a"], name="path")),
            r"no column 'path'.*manifest.reset_index\(\)",
        ),
        (
            pd.DataFrame([["a", "x", "y"]], columns=["path", "label", "label"]),
            "manifest has 2 columns 'label'",
        ),
        (
            pd.DataFrame({"path": ["a", "b"], "label": ["x", None]}),
            "manifest, row 1 gives no label for 'b'",
        ),
        (
            pd.DataFrame({"path": ["a", "b", "a"], "label": ["x"] * 3}),
            "manifest lists 'a' more than once, in rows 0 and 2",
        ),
        (pd.DataFrame({"path": [], "label": []}), "manifest has a header, but no rows"),
    ],
)
def test_bad_data_frames_are_named_with_the_row(frame, facts):
    with pytest.raises(ValueError, match=facts):
        load_manifest(frame)


# Rows to choose -----------------------------------------------------------------------


def test_rows_are_chosen_by_one_of_several_values(tmp_path):
    path = table(tmp_path, ROWS)
    chosen = load_manifest(path, where={"group": ["z", "x"], "label": "flute"})
    assert chosen.groups.tolist() == ["x", "z"]
    several = [("z", "x"), {"z", "x"}, np.array(["z", "x"]), pd.Series(["z", "x"])]
    for values in (*several, lambda group: group != "y"):
        found = load_manifest(path, where={"group": values})
        assert found.groups.tolist() == ["x", "z"]


@pytest.mark.parametrize(
    "where, facts",
    [
        ({"label": "flut"}, "'label' has 'flute', 'cello', not 'flut'.*mean 'flute'"),
        ({"label": ["cello", "flite"]}, "not 'flite'.*mean 'flute'"),
        ({"lable": "flute"}, "no column 'lable'.*mean 'label'"),
        ({"label": []}, "no values for 'label'"),
        ({"label": "cello", "fold": 1}, "no row meets all.*'label' and 'fold'"),
        ({"label": str.isupper}, "no row meets all.*'label'"),
        ([("label", "flute")], "where=.* is a list"),
    ],
)
def test_values_and_columns_that_are_not_there_are_named(tmp_path, where, facts):
    for rows in (table(tmp_path, ROWS), pd.DataFrame(ROWS)):
        with pytest.raises(ValueError, match=facts):
            load_manifest(rows, where=where)


# Names that are pinned ----------------------------------------------------------------


def test_classes_of_two_collections_have_the_same_numbers(tmp_path):
    train = load_manifest(table(tmp_path, ROWS))
    rows = {"path": ["d.wav", "e.wav"], "label": ["flute", "flute"]}
    test = load_manifest(pd.DataFrame(rows), target_names=train.target_names)
    assert test.target.tolist() == [1, 1]
    assert test.target_names.tolist() == train.target_names.tolist()
    turned = load_manifest(pd.DataFrame(ROWS), target_names=["flute", "horn", "cello"])
    assert turned.target.tolist() == [0, 2, 0]
    digits = pd.DataFrame({"path": ["a", "b"], "label": ["7", "3"]})
    assert load_manifest(digits, target_names=range(10)).target.tolist() == [7, 3]


def test_labels_that_are_not_pinned_are_named_or_left_out(tmp_path):
    path = table(tmp_path, ROWS)
    with pytest.raises(ValueError, match=r"not 'cello' \(line 3\).*mean 'cella'"):
        load_manifest(path, target_names=["cella", "flute"])
    with pytest.raises(ValueError, match=r"not 'flute' \(rows 0, 2\)"):
        load_manifest(pd.DataFrame(ROWS), target_names=["cello"])
    with pytest.warns(UserWarning, match=r"'cello' \(line 3\): left out .*1 clip"):
        bunch = load_manifest(path, target_names=["flute"], unknown="drop")
    assert bunch.target.tolist() == [0, 0] and bunch.groups.tolist() == ["x", "z"]
    assert [Path(name).name for name in bunch.data] == ["a.wav", "c.wav"]
    assert bunch.splits["test"].tolist() == [1] and "valid" not in bunch.splits
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(ValueError, match="No clip .*horn.*'cello', 'flute'"),
    ):
        load_manifest(path, target_names=["horn"], unknown="drop")


def test_tags_of_two_collections_have_the_same_columns():
    a = pd.DataFrame({"path": ["a", "b"], "label": ["drums|flute", "horn"]})
    b = pd.DataFrame({"path": ["c", "d", "e"], "label": ["horn", "flute|oboe", "oboe"]})
    train = load_manifest(a)
    with pytest.raises(ValueError, match=r"not 'oboe' \(rows 1, 2\)"):
        load_manifest(b, target_names=train.target_names)
    with pytest.warns(UserWarning) as caught:
        test = load_manifest(b, target_names=train.target_names, unknown="drop")
    said = [str(warning.message) for warning in caught]
    assert len(said) == 2 and "'oboe' (rows 1, 2): left out" in said[0]
    assert "tags of 2 clips" in said[0]
    assert "No clip has 'drums'" in said[1]
    np.testing.assert_array_equal(test.target, [[0, 0, 1], [0, 1, 0], [0, 0, 0]])
    single = pd.DataFrame({"path": ["f"], "label": ["horn"]})
    with pytest.warns(UserWarning, match="No clip has 'drums', 'flute'"):
        alone = load_manifest(single, target_names=train.target_names, multilabel=True)
    np.testing.assert_array_equal(alone.target, [[0, 0, 1]])
    whole = load_manifest(a, multilabel=False)
    assert whole.target_names.tolist() == ["drums|flute", "horn"]


@pytest.mark.parametrize(
    "options, facts",
    [
        ({"target_names": "flute"}, "target_names='flute'; expected a list"),
        ({"target_names": {"flute", "cello"}}, "target_names=.*expected a list"),
        ({"target_names": []}, "target_names=.*expected a list"),
        ({"target_names": ["flute", None]}, "target_names=.*expected a list"),
        ({"target_names": ["flute", "cello", "flute "]}, "'flute' more than once"),
        ({"unknown": "drop"}, "unknown='drop'.*target_names is None"),
        ({"unknown": "ignore"}, "unknown='ignore' must be one of"),
        ({"multilabel": "yes"}, "multilabel='yes' must be"),
        ({"annotations": "label", "target_names": ["a"]}, "annotations='label'"),
    ],
)
def test_options_that_pin_nothing_are_named(options, facts):
    with pytest.raises(ValueError, match=facts):
        load_manifest(pd.DataFrame(ROWS), **options)


def test_classes_of_folders_are_pinned(tmp_path):
    write(tmp_path, "jazz/a.wav", "rock/b.wav")
    bunch = load_audio_folder(tmp_path, target_names=["pop", "rock", "jazz"])
    assert bunch.target.tolist() == [2, 1] and bunch.splits is None
    with pytest.raises(ValueError, match=r"not 'jazz' \('jazz/a.wav'\)"):
        load_audio_folder(tmp_path, target_names=["pop", "rock"])
    with pytest.warns(UserWarning, match="'jazz' .*left out .*1 clip"):
        bunch = load_audio_folder(
            tmp_path, target_names=["rock"], unknown="drop", groups={"rock/b.wav": "x"}
        )
    assert bunch.target.tolist() == [0] and bunch.groups.tolist() == ["x"]


def test_genres_of_gtzan_and_tags_of_jamendo_are_pinned(tmp_path):
    for part, name in (("train", "blues"), ("valid", "rock"), ("test", "blues")):
        file = f"{name}/{name}.{part}.wav"
        write(tmp_path, f"genres/{file}")
        write(tmp_path, f"{part}_filtered.txt", text=file)
    names = ["rock", "pop", "blues"]
    assert load_gtzan(tmp_path, target_names=names).target.tolist() == [2, 2, 0]
    with pytest.warns(UserWarning, match="'rock' .*: left out .*1 clip"):
        bunch = load_gtzan(tmp_path, target_names=["blues"], unknown="drop")
    assert {part: len(rows) for part, rows in bunch.splits.items()} == {
        "train": 1,
        "valid": 0,
        "test": 1,
    }
    header = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"
    for n, part in enumerate(["train", "validation", "test"]):
        write(tmp_path, f"audio/14/{n}.mp3")
        row = f"track_{n}\tartist_{n}\talbum\t14/{n}.mp3\t9.5\trock\ttag {n}"
        stem = f"data/splits/split-0/autotagging_top50tags-{part}.tsv"
        write(tmp_path, stem, text=f"{header}\n{row}\n")
    with pytest.raises(ValueError, match=r"not 'tag 1' \('track_1'\), 'tag 2'"):
        load_mtg_jamendo(tmp_path, target_names=["tag 0", "rock"])
    with pytest.warns(UserWarning, match="left out .*2 clips"):
        bunch = load_mtg_jamendo(
            tmp_path, target_names=["tag 0", "rock"], unknown="drop"
        )
    np.testing.assert_array_equal(bunch.target, [[1, 1], [0, 1], [0, 1]])


def test_labels_of_mirdata_are_pinned(tmp_path):
    dataset = mirdata_set(tmp_path, {"test": ["b"]}, genre=["jazz", "rock"], n=[4, 2])
    bunch = load_mirdata(dataset, target="genre", target_names=["rock", "pop", "jazz"])
    assert bunch.target.tolist() == [2, 0]
    with pytest.raises(ValueError, match=r"not 'jazz' \(track 'a'\)"):
        load_mirdata(dataset, target="genre", target_names=["rock"])
    with pytest.warns(UserWarning, match=r"4 \(track 'a'\): left out .*1 clip"):
        bunch = load_mirdata(dataset, target="n", target_names=[2], unknown="drop")
    assert bunch.target.tolist() == [0] and bunch.splits["test"].tolist() == [0]
    assert [Path(name).name for name in bunch.data] == ["b.wav"]


# Parts --------------------------------------------------------------------------------


def test_parts_are_indices_and_may_leave_clips_out():
    parts = ["Test", "val", "", "train", "extra", None, "training"]
    frame = pd.DataFrame({"path": list("abcdefg"), "label": "x", "split": parts})
    splits = load_manifest(frame).splits
    assert list(splits) == ["train", "valid", "test", "extra"]
    assert [rows.tolist() for rows in splits.values()] == [[3, 6], [1], [0], [4]]
    assert load_manifest(frame[["path", "label"]]).splits is None
    with pytest.warns(UserWarning, match="column 'splits', which is not read"):
        assert load_manifest(frame.rename(columns={"split": "splits"})).splits is None


# Tags that were not annotated ---------------------------------------------------------


def merged(column="source", labels=("piano|drums", "piano", "calm|happy", "happy")):
    rows = {"path": list("abcd"), "label": labels, column: ["one"] * 2 + ["two"] * 2}
    return pd.DataFrame(rows)


@pytest.mark.parametrize("column", ["source", "collection", "dataset", "corpus"])
def test_tags_that_a_source_never_has_are_told(column):
    with pytest.warns(UserWarning) as caught:
        bunch = load_manifest(merged(column))
    (message,) = [str(warning.message) for warning in caught]
    assert f"Of the {column}s, 'one' never has 'calm', 'happy';" in message
    assert "'two' never has 'drums', 'piano'" in message
    assert caught[0].filename == __file__
    assert bunch.target.shape == (4, 4)
    with pytest.warns(UserWarning, match=r"'two' never has 'drums'.*=\['piano'\]"):
        load_manifest(merged(labels=["piano|drums", "piano", "piano", "piano"]))
    load_manifest(merged(labels=["piano|drums", "piano", "piano", "drums"]))


@pytest.mark.parametrize("where", [["one", "two"], lambda task: task != "three"])
def test_tags_of_merged_values_of_any_column_are_told(where):
    with pytest.warns(UserWarning, match="Of the tasks, 'one' never has 'calm'"):
        load_manifest(merged("task"), where={"task": where})
    rows = merged("task").assign(dataset="all", source=["a", "b", "c", "d"])
    with pytest.warns(UserWarning, match="Of the tasks, 'one' never has 'calm'"):
        load_manifest(rows, where={"task": where})
    load_manifest(rows.assign(fold=rows["task"]), where={"fold": ["one", "two"]})


def test_tags_that_a_source_lacks_by_chance_are_not_told():
    rng = np.random.RandomState(0)
    tags = np.array([f"tag {k}" for k in range(30)])
    labels = [list(tags[rng.rand(30) < 1 / (2 + np.arange(30))]) for _ in range(300)]
    rows = {"path": [f"{i}.wav" for i in range(300)], "label": labels}
    load_manifest(pd.DataFrame({**rows, "source": rng.choice(list("abcde"), 300)}))
    load_manifest(pd.DataFrame({**rows, "source": rows["path"]}))  # each its own
    sources = np.where([clip[:1] == ["tag 0"] for clip in labels], "a", "b")
    with pytest.warns(UserWarning, match="'b' never has 'tag 0'"):
        load_manifest(pd.DataFrame({**rows, "source": sources}))


# Groups by a regular expression -------------------------------------------------------


def test_a_regular_expression_that_groups_nothing_or_all_is_told(tmp_path):
    names = [f"rock/{band}_{n}.wav" for band in ("abba", "queen") for n in range(3)]
    write(tmp_path, *names)
    assert len({*load_audio_folder(tmp_path, groups=r"/(\w+)_").groups}) == 2
    with pytest.warns(UserWarning, match="6 of 6 files alone.*'abba_0' for 'rock/abba"):
        load_audio_folder(tmp_path, groups=r"/(\w+)\.")
    with pytest.warns(UserWarning, match="all 6 files into one group.*'rock'"):
        load_audio_folder(tmp_path, groups=r"(\w+)/")
    load_audio_folder(tmp_path, groups={name: name for name in names})


# Recordings ---------------------------------------------------------------------------


@recordings
def test_recordings_line_up():
    notes = {"task": "instrument_family_note"}
    everything = load_manifest(DATA, where=notes)
    names = everything.target_names
    banks = ["splendid", "growlybass", "wartuba"]
    train = load_manifest(DATA, where={**notes, "source": banks}, target_names=names)
    assert set(names[train.target]) == {"bass", "brass", "piano"}
    others = {**notes, "source": lambda source: source not in banks}
    test = load_manifest(DATA, where=others, target_names=names)
    known = dict(zip(everything.data, everything.target, strict=True))
    both = np.concatenate([train.data, test.data])
    assert {*both} == {*known} and len(both) == len(known)
    found = np.concatenate([train.target, test.target])
    assert [known[path] for path in both] == found.tolist()


@recordings
def test_recordings_have_parts_and_no_doubtful_tags():
    tags = load_manifest(DATA, where={"task": "tagging"})
    assert tags.target.shape == (520, 8)
    parts = {part: len(rows) for part, rows in tags.splits.items()}
    assert parts == {"train": 305, "valid": 45, "test": 170}
    load_audio_folder(DATA.parent / "esc10", groups=r"/\d-(\d+)-")
