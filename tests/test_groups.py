"""A clip without a group is named wherever groups come in."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from skdeepmir import GroupBaggingClassifier
from skdeepmir._groups import check_groups
from skdeepmir.datasets import load_mirdata
from skdeepmir.model_selection import MultilabelStratifiedGroupKFold

NFC, NFD = "Bj\u00f6rk", "Bjo\u0308rk"
MISSING = [None, np.nan, float("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), "", " \t"]
MISSING += ["nan", "None", "<NA>", "NaT", b"", "NA ", "N/A", "n/a", "#N/A", "NULL"]
MISSING += ["null", "none", np.ma.masked, np.array(np.nan), np.array(None)]
ENTRIES = {
    "splitter": lambda groups: list(
        MultilabelStratifiedGroupKFold(2).split(np.zeros(6), [0, 1] * 3, groups)
    ),
    "bag": lambda groups: GroupBaggingClassifier(LogisticRegression()).fit(
        np.zeros((6, 1)), [0, 1] * 3, groups=groups
    ),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("missing", MISSING, ids=repr)
def test_clips_without_a_group_are_named_and_counted(entry, missing):
    groups = ["a", "b", "c", missing, "d", missing]
    with pytest.raises(ValueError) as caught:
        ENTRIES[entry](groups)
    message = str(caught.value)
    assert "2 clips have no group: 3, 5;" in message
    is_text = isinstance(missing, str) and missing.strip()
    assert (f"{missing!r}, which counts as missing" in message) == bool(is_text)


@pytest.mark.parametrize(
    "groups",
    [
        np.array([1.0, np.nan, 2.0]),
        pd.Series([1, None, 2], dtype="Int64"),
        pd.Series(["a", None, "b"], dtype="string"),
        pd.Series(["a", None, "b"], dtype="category"),
        pd.DataFrame({"artist": ["a", None, "b"]}),
        np.array(["a", np.nan, "b"]),  # where NumPy has spelled NaN out
        np.ma.array(["a", "secret", "b"], mask=[0, 1, 0]),
        np.array(["2020-01-01", "NaT", "2020-01-02"], dtype="datetime64[D]"),
        (1, None, 2),
    ],
    ids=lambda groups: f"{type(groups).__name__} {getattr(groups, 'dtype', '')}",
)
def test_containers_keep_what_is_missing(groups):
    with pytest.raises(ValueError, match="groups: clip 1 has (no group|.*as missing)"):
        check_groups(groups, 3)


@pytest.mark.parametrize(
    "groups, message",
    [
        (["a", "b"], "groups has 2 entries, but X has 3 clips"),
        (np.zeros((3, 2)), r"groups has shape \(3, 2\)"),
        (np.zeros((1, 3)), r"groups has shape \(1, 3\)"),
        (np.array("a"), r"groups has shape \(\)"),
        ("abc", "groups is a str"),
        ({"a": 1, "b": 2, "c": 3}, "groups is a dict"),
        (iter("abc"), "groups is a str_.*iterator"),
        (["a", "b", ["c", "d"]], r"clip 2 has \['c', 'd'\]"),
        ([("a", "b")] * 3, r"clip 0 has \('a', 'b'\)"),
        (["311", "a", 311], "clip 2 has 311, but clip 0 has '311'"),
        (["a", "b", np.int64(3)], "clip 2 has 3, but clip 0 has 'a'"),
        (["a", "b", np.float64("nan")], r"clip 2 has no group \(nan\)"),
        (["a", "b", "None"], "clip 2 has the group 'None', which counts .*'None .band"),
    ],
)
def test_what_are_no_groups_is_named(groups, message):
    with pytest.raises(ValueError, match=message):
        check_groups(groups, 3)


@pytest.mark.parametrize(
    "groups, expected",
    [
        (["a ", "\u00a0a", "b"], ["a", "a", "b"]),
        ([NFC, NFD, "Bjork"], [NFC, NFC, "Bjork"]),
        (np.array([NFD, "x", "y"]), [NFC, "x", "y"]),
        ([3, 1, 3], [3, 1, 3]),
        (np.array([[3], [1], [3]]), [3, 1, 3]),
        (np.array([True, False, True]), [True, False, True]),
        ([2**63 + 1, -1, 2**63], [2**63 + 1, -1, 2**63]),
        ([2**53 + 1, 0.5, 2**53], [2**53 + 1, 0.5, 2**53]),
        ([np.array("a "), "a", "b"], ["a", "a", "b"]),
        (np.array([1, 2, 2], dtype=object), [1, 2, 2]),
        (pd.Series([5, 6, 5], index=[9, 8, 7]), [5, 6, 5]),
    ],
)
def test_groups_are_strings_in_one_spelling_or_numbers(groups, expected):
    assert check_groups(groups, 3).tolist() == expected


@pytest.mark.filterwarnings("ignore:2 of 2 tags occur in fewer groups")
def test_an_artist_in_two_spellings_is_in_one_fold():
    artists = [NFC, NFD, "Abba", "Abba "] * 3
    y = np.arange(12) // 2 % 2
    for _, test in MultilabelStratifiedGroupKFold(2).split(y, y, artists):
        assert len(test) == 6
        assert len({artists[i][0] for i in test}) == 1


@pytest.mark.parametrize("missing", MISSING, ids=repr)
def test_tracks_of_mirdata_without_a_group_are_named(missing):
    tracks = {
        key: SimpleNamespace(audio_path=__file__, genre="rock", artist=artist)
        for key, artist in {"x": "Ann", "y": missing, "z": missing}.items()
    }
    tiny = SimpleNamespace(name="tiny", track_ids=list(tracks), track=tracks.get)
    with pytest.raises(ValueError, match="groups .* 2 of 3 .* 'y'"):
        load_mirdata(tiny, target="genre", groups="artist")


def test_tracks_of_mirdata_whose_groups_do_not_fit_are_named():
    tracks = {
        key: SimpleNamespace(audio_path=__file__, genre="rock", artist=artist)
        for key, artist in {"x": "Ann", "y": np.int64(3)}.items()
    }
    tiny = SimpleNamespace(name="tiny", track_ids=list(tracks), track=tracks.get)
    with pytest.raises(ValueError, match="track 'y' has 3, but track 'x' has 'Ann'"):
        load_mirdata(tiny, target="genre", groups="artist")


def test_labels_of_mirdata_are_in_one_spelling_and_of_one_kind():
    def load(*genres):
        tracks = {
            f"track {n}": SimpleNamespace(audio_path=__file__, genre=genre)
            for n, genre in enumerate(genres)
        }
        tiny = SimpleNamespace(name="tiny", track_ids=list(tracks), track=tracks.get)
        return load_mirdata(tiny, target="genre")

    assert load(NFC, f" {NFD}", "None").target_names.tolist() == [NFC, "None"]
    assert load([NFC, "x "], ["x", NFD]).target.tolist() == [[1, 1], [1, 1]]
    for bad in (np.nan, "  "):
        with pytest.raises(ValueError, match="1 of 2 .*'track 1'"):
            load("rock", bad)
    for bad in ("", None, np.nan, " "):
        with pytest.raises(ValueError, match="the tag .* for track 'track 1'"):
            load(["rock"], ["pop", bad])
    with pytest.raises(TypeError, match="has 3 for track 'track 1'"):
        load("rock", 3)
    with pytest.raises(TypeError, match="has 3 for track 'track 1'"):
        load(["rock"], ["pop", 3])
