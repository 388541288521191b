"""Onsets as data: their files, what they must be, merged, to frames and back."""

import json
import re
import warnings
from pathlib import Path

import mir_eval
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepmir.onsets import (
    NEAR_ONSET,
    NO_ONSET,
    ONSET,
    check_onsets,
    frame_targets,
    frame_times,
    merge_onsets,
    read_onsets,
    write_jams,
    write_onsets,
)

TIMES = [0.0, 0.175, 0.175, 1.5]
SUFFIXES = [".onsets", ".txt", ".csv", ".jams"]
SHARED = Path(__file__).parents[2] / "shared" / "data"
SHARED_FILES = [
    *sorted(SHARED.glob("onsets/*.onsets")),
    *sorted(SHARED.glob("metrics/mir_eval/onset/*.txt")),
]
ONSETS = st.lists(st.floats(0, 20), max_size=60).map(sorted)


def write(path, times, **keywords):
    (write_jams if path.suffix == ".jams" else write_onsets)(path, times, **keywords)


# Files


@pytest.mark.parametrize(
    "name, text",
    [
        ("a.onsets", "0\n0.175\n.175\n1.5e0\n"),
        ("a.ONSETS", "\ufeff# by hand\r\n\r\n0.0\r\n0.175\r\n0.175\r\n  1.5  "),
        ("a.txt", "0 kick\n0.175\tsnare drum\n0.175  C#4\n1.5 # the end\n  # 2.5\n"),
        ("a.csv", "0\n0.175\n0.175\n1.5\n"),
        ("a.csv", "0,onset\n0.175,time\n0.175,\n1.5,\n"),
        ("a.csv", "Seconds\n0\n0.175\n0.175\n1.5\n"),
        ("a.csv", "# by hand\n\nlabel,Onset time\nkick,0\n\na,0.175\n,0.175\nb,1.5\n"),
        ("a.csv", '\ufeff"","time"\r\n"0","0"\r\n"1","0.175"\r\n2,0.175\r\n3,1.5'),
        ("a.csv", "label;ONSET\n1,5;0\n0,5;0.175\nx;0.175\ny;1.5\n"),
        ("a.csv", "time\tlabel, say\n0\ta\n0.175\tb\n0.175\t\n1.5\tc\n"),
    ],
)
def test_text_files_of_all_forms(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text.encode())
    for given_path in (path, str(path), bytes(path)):
        times = read_onsets(given_path)
        assert times.dtype == np.float64 and times.tolist() == TIMES


@pytest.mark.parametrize("text", ["", "\n \n", "# no onsets\n", "\ufeff"])
@pytest.mark.parametrize("suffix", SUFFIXES[:3])
def test_a_file_without_onsets_is_an_annotation(tmp_path, suffix, text):
    path = tmp_path / f"a{suffix}"
    path.write_text(text, encoding="utf-8")
    times = read_onsets(path)
    assert times.shape == (0,) and times.dtype == np.float64


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("times", [TIMES, [], [2.0000004]])
def test_files_round_trip(tmp_path, suffix, times):
    path = tmp_path / f"song{suffix}"
    for _ in range(2):  # the second time, it replaces the file
        write(path, times)
    np.testing.assert_allclose(read_onsets(path), times, rtol=0, atol=5.1e-7)
    once = path.read_bytes()
    write(path, read_onsets(path))
    assert path.read_bytes() == once
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_mir_eval_and_pandas_read_our_files(tmp_path):
    write_onsets(tmp_path / "a.onsets", TIMES)
    write_onsets(tmp_path / "a.csv", TIMES)
    assert mir_eval.io.load_events(str(tmp_path / "a.onsets")).tolist() == TIMES
    assert pd.read_csv(tmp_path / "a.csv")["time"].tolist() == TIMES


@pytest.mark.skipif(not SHARED_FILES, reason="needs ../shared/data")
def test_files_of_others_are_read_as_mir_eval_reads_them():
    assert {path.suffix for path in SHARED_FILES} == {".onsets", ".txt"}
    for path in SHARED_FILES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of mir_eval, on empty files
            expected = mir_eval.io.load_events(str(path))
        np.testing.assert_array_equal(read_onsets(path), expected)


def test_a_jams_file_has_the_fields_of_the_schema(tmp_path):
    path = tmp_path / "song.jams"
    write_jams(path, TIMES, duration=5.5, title="Ein Lied")
    content = json.loads(path.read_text())
    assert set(content) == {"file_metadata", "annotations", "sandbox"}
    assert content["file_metadata"]["duration"] == 5.5
    assert content["file_metadata"]["title"] == "Ein Lied"
    (annotation,) = content["annotations"]
    assert annotation["namespace"] == "onset" and annotation["duration"] == 5.5
    assert annotation["data"][1] == {
        "time": 0.175,
        "duration": 0.0,
        "value": None,
        "confidence": None,
    }
    for times, duration in [(TIMES, 1.5), ([], 0.0)]:
        write_jams(path, times)
        assert json.loads(path.read_text())["file_metadata"]["duration"] == duration


def jams(*onsets):
    beats = {"namespace": "beat", "data": [{"time": 9, "duration": 0, "value": 1}]}
    return json.dumps(
        {"annotations": [beats, *({"namespace": "onset", "data": d} for d in onsets)]}
    )


ROWS = [{"time": time, "duration": 0, "value": None} for time in TIMES]


@pytest.mark.parametrize(
    "onsets",
    [
        [ROWS],
        [{"time": TIMES, "duration": [0] * 4, "value": [None] * 4}],
        [[{"time": time} for time in TIMES]],
        [[], {"time": []}, ROWS, ROWS[:1]],
    ],
)
def test_the_first_annotation_of_a_jams_file_with_onsets_is_read(tmp_path, onsets):
    path = tmp_path / "song.jams"
    path.write_text(jams(*onsets))
    assert read_onsets(path).tolist() == TIMES
    path.write_text(jams([], []))
    assert read_onsets(path).tolist() == []


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.onsets", "0.5\n\nnext\n", "line 3 .*'next'"),
        ("a.onsets", "0.5\n0,7\n", r"line 2 .*'0,7'.*decimal point"),
        ("a.onsets", "time\n0.5\n", "line 1 .*'time'.*'#'"),
        ("a.txt", "0.5\n-0.1\n", "line 2 .*-0.1 s; .*from 0"),
        ("a.txt", "# x\n0.5\n0.7\n0.6\n", "line 4 .*0.6 s.*line 3, at 0.7 s.*order"),
        ("a.txt", "0.5\nnan\n", "line 2 .*nan.*finite"),
        ("a.txt", "0.5\ninf\n", "line 2 .*inf.*finite"),
        ("a.txt", "0.5\n\n88200\n", "line 3 .*88200.0.*sample indices"),
        ("a.txt", "x" * 10_000, "line 1 .{99,300}$"),
        ("a.txt", "0.5\n1_5\n", "line 2 .*'1_5'"),
        ("a.csv", "time\n1_5\n", "line 2 .*'1_5'"),
        ("a.csv", "time,label\n0.5,a\n\nb,c\n", "line 4 .*'b'"),
        ("a.csv", "label,time\na,0.5\nb\n", "line 3 .*1 columns.*column 2"),
        ("a.csv", "label,time\na,0.5\nb,\n", "line 3 .*''"),
        ("a.csv", "time;label\n0,5;a\n", "line 2 .*'0,5'.*decimal point"),
        ("a.csv", "O.5,kick\n0.7,kick\n", "line 1 .*'O.5'"),
        ("a.csv", "O.5\n0.7\n", "line 1 .*'O.5'"),
        ("a.csv", "id,begin\n1,0.5\n", r"line 1 .*\['id', 'begin'\].*'onset_time'"),
        ("a.csv", "time\n0.5\n0.4\n", "line 3 .*0.4 s.*line 2, at 0.5 s"),
        ("a.csv", '0.5\n"' + "x" * 200_000, "line 2 .*limit"),
        ("a.jams", "{", "not JSON"),
        ("a.jams", "[" * 100_000, "not JSON"),
        ("a.jams", f"[{'9' * 5000}]", "not JSON"),
        ("a.jams", "{}", "'annotations'"),
        ("a.jams", jams(), r"\['beat'\]; .*'onset'"),
        ("a.jams", jams([], [{"duration": 0}]), "annotation 2, entry 0 .*'time'"),
        ("a.jams", jams([{"time": "x"}]), "annotation 1, entry 0 .*'x'.*seconds"),
        ("a.jams", jams([{"time": None}]), "annotation 1, entry 0 .*None.*seconds"),
        ("a.jams", jams([{"time": True}]), "annotation 1, entry 0 .*True.*seconds"),
        ("a.jams", jams([{"time": "1_5"}]), "annotation 1, entry 0 .*'1_5'.*seconds"),
        ("a.jams", jams([{"time": 10**400}]), "annotation 1, entry 0 .*seconds"),
        ("a.jams", jams([{"time": 2}, {"time": 1}]), "entry 1 .*1.0 s.*entry 0, .*2.0"),
        ("a.jams", jams({"duration": []}), "annotation 1 .*'time'"),
        ("a.lab", "0.5\n", "'.lab'.*'.onsets', '.txt', '.csv' or '.jams'"),
        ("a", "0.5\n", "''"),
    ],
)
def test_files_that_are_wrong_are_named_with_the_place(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=f"^'{re.escape(str(path))}'.*{message}"):
        read_onsets(path)


def test_files_that_are_missing_or_not_text(tmp_path):
    path = tmp_path / "song.onsets"
    with pytest.raises(FileNotFoundError, match="no file .*song.onsets.*onset"):
        read_onsets(path)
    path.write_bytes(b"0.5\n\xff\xfe\n")
    with pytest.raises(ValueError, match="song.onsets' .*UTF-8"):
        read_onsets(path)
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(FileNotFoundError, match="no file .*folder.txt"):
        read_onsets(tmp_path / "folder.txt")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_cannot_be_written_leaves_no_file(tmp_path, suffix):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        write(tmp_path / "nowhere" / f"a{suffix}", TIMES)
    for times, message in [([1, 0.5], "onset 1 .*0.5 s"), ([np.nan], "onset 0 .*nan")]:
        with pytest.raises(ValueError, match=f"a{suffix}'.*{message}"):
            write(tmp_path / f"a{suffix}", times)
    wrong = tmp_path / ("a.onsets" if suffix == ".jams" else "a.jams")
    with pytest.raises(ValueError, match=f"{wrong.suffix!r}.*'{suffix}'"):
        (write_jams if suffix == ".jams" else write_onsets)(wrong, TIMES)
    with pytest.raises(ValueError, match="onset 3 .*1.5 s.*0.3 s"):
        write_jams(tmp_path / "a.jams", TIMES, duration=0.3)
    assert list(tmp_path.iterdir()) == []


def test_files_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for suffix in SUFFIXES:
        write(Path(f"~/a{suffix}"), TIMES)
        assert (tmp_path / f"a{suffix}").is_file()
        assert read_onsets(f"~/a{suffix}".encode()).tolist() == TIMES
    with pytest.raises(FileNotFoundError, match=r"'~/b.txt' \(that is, "):
        read_onsets("~/b.txt")


# What times must be


@pytest.mark.parametrize(
    "times",
    [
        [0, 1, 1, 3],
        (0.0, 1, np.float32(1), np.int64(3)),
        np.array([0, 1, 1, 3], dtype=np.uint8),
        np.array([0, 1, 1, 3], dtype=object),
        pd.Series([0, 1, 1, 3], index=list("abcd")),
        pd.Series([0, 1, 1, 3], dtype="Float64"),
    ],
)
def test_checked_onsets_are_an_array_of_its_own(times):
    found = check_onsets(times)
    assert found.dtype == np.float64 and found.tolist() == [0, 1, 1, 3]
    assert not np.shares_memory(found, np.asarray(times))


@pytest.mark.parametrize("times", [[], (), np.empty(0), pd.Series([], dtype=object)])
def test_no_onsets_are_an_annotation(times):
    for found in (check_onsets(times, duration=1), merge_onsets(times)):
        assert found.shape == (0,) and found.dtype == np.float64
    assert frame_targets(times, 3, 10).tolist() == [NO_ONSET] * 3


@pytest.mark.parametrize(
    "times, message",
    [
        (0.5, "0.5.*read_onsets"),
        (None, "None"),
        ("song.onsets", "'song.onsets'.*read_onsets"),
        ([[0.5, 1]], r"\(1, 2\)"),
        ([[0.5], [1, 2]], "inhomogeneous"),
        ([0.5, True], "onset 1 .*True.*bool"),
        (np.array([False, True]), "onset 0 .*bool"),
        ([0.5, "1"], "onset 1 is '1'.*str"),
        (np.array(["1"]), "onset 0 .*str"),
        ([0.5, None], "onset 1 is None"),
        ([0.5, 1j], "onset 1 is 1j.*complex"),
        (pd.Series([1.5, None], dtype="Float64"), "onset 1 .*(<NA>|nan)"),
        (np.array([1, 2], dtype="datetime64[s]"), "onset 0 .*datetime64"),
        (np.array([1, 2], dtype="timedelta64[s]"), "onset 0 .*timedelta64"),
        ([0.5, 10**400], "too large.*sample indices"),
        (np.ma.array([1.0, 2.0], mask=[False, True]), "onset 1 .*mask"),
        ({0.5, 1.0}, "0.5"),
        ([0.5, np.nan], "onset 1 .*nan.*finite"),
        ([0.5, np.inf], "onset 1 .*inf.*finite"),
        ([-0.5, 1], "onset 0 .*-0.5 s; .*from 0"),
        ([0.5, 0.7, 0.6], "onset 2 .*0.6 s.*onset 1, at 0.7 s.*order"),
        ([0.5, 44100], "onset 1 .*44100.0 s.*sample indices"),
        (pd.Series([[0.5, 1.0]]).to_numpy(), "onset 0 .*list.*one clip"),
    ],
)
def test_bad_onsets(times, message):
    for function in (check_onsets, merge_onsets):
        with pytest.raises(ValueError, match=f"^onsets: .*{message}"):
            function(times)
    with pytest.raises(ValueError, match=f"^onsets: .*{message}"):
        frame_targets(times, 10, 10.0)
    with pytest.raises(ValueError, match=f"^y: clip 3: .*{message}"):
        check_onsets(times, name="y: clip 3")


def test_onsets_soon_after_the_end_are_dropped_and_later_ones_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_onsets([0.5, 3], duration=3).tolist() == [0.5, 3]
        assert check_onsets([0.5, 3.5], duration=3, warn=False).tolist() == [0.5]
    with pytest.warns(UserWarning, match=r"^y: 2 of 3 .*3.5 s.*\(3.0 s\)") as caught:
        assert check_onsets([0.5, 3.5, 4], duration=3.0, name="y").tolist() == [0.5]
    assert caught[0].filename == __file__
    message = r"^y: onset 2 .*22050.0 s.*\(30.0 s\).*sample indices.*recording"
    with pytest.raises(ValueError, match=message):
        check_onsets([0.5, 30.9, 22050], duration=30, name="y")
    with pytest.raises(ValueError, match=r"onset 0 .*4.1 s.*\(3.0 s\)"):
        check_onsets([4.1], duration=3)


@pytest.mark.parametrize("duration", [0, -1, np.nan, np.inf, "3", True])
def test_a_duration_is_seconds_above_zero(duration):
    with pytest.raises(ValueError, match=f"duration={duration!r}"):
        check_onsets([0.5], duration=duration)


# Merging


@pytest.mark.parametrize("keep", ["mean", "first"])
@given(times=ONSETS, within=st.sampled_from([0.0, 0.01, 0.03, 0.5]))
def test_merged_onsets_are_apart_and_stay_as_they_are(keep, times, within):
    merged = merge_onsets(times, within, keep=keep)
    assert (np.diff(merged) >= within - 1e-8).all()
    np.testing.assert_array_equal(merge_onsets(merged, within, keep=keep), merged)
    if times:
        assert times[0] <= merged[0] and merged[-1] <= times[-1] + 1e-12
    if keep == "first":
        assert set(merged) <= set(times)
        for time in times:
            least = np.array(time) - merged[merged <= time]
            assert least.min() < max(within, 1e-9)


def test_merging_by_hand():
    trill = [1.0, 1.01, 1.02, 1.035]
    assert merge_onsets(trill).tolist() == pytest.approx([1.01625])
    assert merge_onsets(trill, keep="first").tolist() == [1.0, 1.035]
    assert merge_onsets(trill, 0.02).tolist() == pytest.approx([1.01, 1.035])
    assert merge_onsets([1, 1, 2]).tolist() == [1, 2]
    assert merge_onsets([1, 1, 2], 0).tolist() == [1, 1, 2]


def test_onsets_exactly_as_far_apart_are_not_merged():
    # Some of these differences are a rounding error above 0.03, others below.
    for start in np.arange(200) / 100:
        pair = [start, start + 0.03]
        assert merge_onsets(pair).tolist() == pair
        assert len(merge_onsets([start, start + 0.0299])) == 1


@pytest.mark.parametrize("within", [-0.01, np.nan, np.inf, None, True])
def test_bad_parameters_of_merging(within):
    with pytest.raises(ValueError, match=f"within={within!r}"):
        merge_onsets([0.5], within)
    with pytest.raises(ValueError, match="keep='last'.*'first'"):
        merge_onsets([0.5], keep="last")


# Frames


def test_targets_of_both_conventions_by_hand():
    times = [0.0, 0.42, 0.58, 0.61, 1.1]
    centred = frame_targets(times, 12, 10)
    assert centred.tolist() == [1, 2, 0, 2, 1, 2, 1, 2, 0, 0, 2, 1]
    assert centred.dtype == np.int64
    # Frame 0 stands for 0.2 s: the first onset has no frame, and none near.
    begun = frame_targets(times, 10, 10, offset=0.2)
    assert begun.tolist() == [0, 2, 1, 2, 1, 2, 0, 0, 2, 1]
    assert (
        frame_targets(times, 12, 10, near=0).tolist()
        == np.isin(np.arange(12), [0, 4, 6, 11]).astype(int).tolist()
    )
    assert frame_targets([0.5], 10, 10, near=99).tolist() == [2] * 5 + [1] + [2] * 4


def test_near_frames_do_not_replace_onsets():
    assert frame_targets([0.2, 0.3], 6, 10).tolist() == [0, 2, 1, 1, 2, 0]
    assert frame_targets([0.2, 0.4], 6, 10, near=2).tolist() == [2, 2, 1, 2, 1, 2]
    assert frame_targets([0.2], 6, 10, near=10**30).tolist() == [2, 2, 1, 2, 2, 2]
    assert frame_targets([0.2], 3, 10, offset=0.5, near=4).tolist() == [2, 2, 0]
    assert frame_targets([0.2], 3, 10, offset=1e300).tolist() == [0, 0, 0]


def test_onsets_before_the_first_frame_and_after_the_last_have_none():
    assert frame_targets([0.1], 4, 10, offset=0.3).tolist() == [NO_ONSET] * 4
    # Frames beside are near all the same.
    assert frame_targets([0.2], 4, 10, offset=0.3).tolist() == [NEAR_ONSET, 0, 0, 0]
    assert frame_targets([0.3], 3, 10).tolist() == [0, 0, NEAR_ONSET]
    assert frame_targets([0.3, 0.9], 1, 10).tolist() == [NO_ONSET]
    assert frame_targets([0.5], 0, 10).tolist() == []
    with pytest.raises(ValueError, match=r"onset 1 .*1.5 s.*\(0.3 s\)"):
        frame_targets([0.3, 1.5], 4, 10)


def test_onsets_halfway_between_two_frames_belong_to_the_later_one():
    for frame in range(200):
        # Times a hundred are a rounding error above or below the half.
        targets = frame_targets([(frame + 0.5) / 100], 202, 100.0, near=0)
        assert np.flatnonzero(targets).tolist() == [frame + 1]


@given(
    times=ONSETS,
    frame_rate=st.sampled_from([100.0, 44100 / 441, 22050 / 512, 7.3]),
    offset=st.sampled_from([0.0, 2048 / 44100, 0.5]),
    near=st.integers(0, 3),
)
def test_times_come_back_within_half_a_frame(times, frame_rate, offset, near):
    n_frames = int(21 * frame_rate)
    targets = frame_targets(times, n_frames, frame_rate, offset=offset, near=near)
    found = frame_times(np.flatnonzero(targets == ONSET), frame_rate, offset=offset)
    times = np.array(times)[np.array(times) >= offset]
    distances = np.abs(times[:, None] - found)
    half = 0.5 / frame_rate + 1e-7
    assert (distances.min(axis=1, initial=np.inf) <= half).all()
    again = frame_targets(found, n_frames, frame_rate, offset=offset, near=near)
    np.testing.assert_array_equal(again == ONSET, targets == ONSET)
    for t in np.flatnonzero(targets == NEAR_ONSET):
        assert ONSET in targets[max(t - near, 0) : t + near + 1] or t < near


def test_times_of_frames():
    times = frame_times([0, 2.5], 10, offset=0.25)
    assert times.dtype == np.float64 and times.tolist() == [0.25, 0.5]
    assert frame_times([], 10).tolist() == []
    assert frame_times(np.array([[1], [2]]), 4).tolist() == [[0.25], [0.5]]
    for frames, message in [(["1"], "type"), ([True], "bool"), ([np.nan], "finite")]:
        with pytest.raises(ValueError, match=f"^frames .*{message}"):
            frame_times(frames, 10)
    with pytest.raises(ValueError, match="frames: frame 1 .*mask"):
        frame_times(np.ma.array([1, 2], mask=[False, True]), 10)


@pytest.mark.parametrize(
    "parameter, values",
    [
        ("frame_rate", [0, -1, np.nan, np.inf, None, "10", True]),
        ("offset", [np.nan, np.inf, None, "0", True]),
        ("n_frames", [-1, 1.5, None, True]),
        ("near", [-1, 0.5, None, True]),
    ],
)
def test_bad_parameters_of_frames(parameter, values):
    for value in values:
        given = {"n_frames": 5, "frame_rate": 10, parameter: value}
        with pytest.raises(ValueError, match=f"^{parameter}={value!r}"):
            frame_targets([0.1], **given)
        if parameter in ("frame_rate", "offset"):
            del given["n_frames"]
            with pytest.raises(ValueError, match=f"^{parameter}={value!r}"):
                frame_times([1], **given)
