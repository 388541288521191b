import json
import re
import warnings

import mir_eval
import numpy as np
import pytest

from skdeepmir.chords import (
    NO_CHORD,
    UNSCORED,
    VOCABULARIES,
    check_intervals,
    decode,
    encode,
    frame_intervals,
    label_frames,
    merge_intervals,
    parse,
    read_chords,
    simplify,
    transpose,
    transposition_table,
    vocabulary_of,
    write_jams,
    write_lab,
)

# The metric of mir_eval that compares as each vocabulary does.
METRICS = {
    "majmin": mir_eval.chord.majmin,
    "majmin_inv": mir_eval.chord.majmin_inv,
    "sevenths": mir_eval.chord.sevenths,
    "tetrads": mir_eval.chord.tetrads,
    "full": mir_eval.chord.tetrads_inv,
}
ROOTS = ["C", "C#", "Db", "D", "Eb", "E", "Fb", "E#", "F#", "G", "Ab", "A", "Bb", "Cb"]
QUALITIES = [
    *("", ":maj", ":min", ":aug", ":dim", ":sus2", ":sus4", ":maj7", ":min7", ":7"),
    *(":dim7", ":hdim7", ":minmaj7", ":maj6", ":min6", ":9", ":maj9", ":min9", ":11"),
    *(":13", ":min11", ":maj13", ":min13", ":1", ":5", ":maj(9)", ":maj(2)", ":(1,3)"),
    *(":min(*b3)", ":sus4(b7)", ":7(#9)", ":aug(b7)", ":maj(*5)", ":min(b6)", ":(*5)"),
]
BASSES = ["", "/3", "/b3", "/5", "/b7", "/7", "/2", "/6", "/9", "/4", "/bb7", "/#5"]
LABELS = [r + q + b for r in ROOTS for q in QUALITIES for b in BASSES] + ["N", "X"]
TIMES = [[0.0, 1.0], [1.0, 2.5], [2.5, 4.0]]
NAMES = ["N", "C:maj", "A:min7"]


# Labels


def test_parse_is_mir_evals_encode():
    for label in LABELS:
        root, bitmap, bass = mir_eval.chord.encode(label)
        assert parse(label) == (root, tuple(bitmap), bass)
    assert parse(np.str_("G:7")) == parse("G:7")


@pytest.mark.parametrize(
    "label, meant",
    [
        ("H:dur", "B:maj"),
        ("Hm", "B:min"),
        ("Fis:moll", "F#:min"),
        ("Cm", "C:min"),
        ("C:m", "C:min"),
        ("Am7", "A:min7"),
        ("CM7", "C:maj7"),
        ("C:major", "C:maj"),
        ("c:maj", "C:maj"),
        ("C:MAJ", "C:maj"),
        (" C:maj\n", "C:maj"),
        ("B♭:m7", "Bb:min7"),
        ("C#m7b5", "C#:hdim7"),
        ("C/E", "C:maj/3"),
        ("Esus2/B", "E:sus2/5"),
        ("C(9)", "C:maj(9)"),
        ("NC", "N"),
        ("n.c.", "N"),
        ("x", "X"),
    ],
)
def test_a_label_that_is_not_hartes_gets_a_suggestion(label, meant):
    parse(meant)
    facts = f"^{re.escape(repr(label))} .* {re.escape(repr(meant))}"
    with pytest.raises(ValueError, match=facts):
        parse(label)


@pytest.mark.parametrize("label", ["foo", "", "Zm", "C:blue", "G:7(#9", "1.5"])
def test_nothing_is_suggested_for_what_is_not_a_chord(label):
    with pytest.raises(ValueError, match=f"^{re.escape(repr(label))} ") as caught:
        parse(label)
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    "label, meant", [("C:aug7", "C:aug(b7)"), ("D:maj11/3", "D:maj9(11)/3")]
)
def test_qualities_that_mir_eval_lacks(label, meant):
    parse(meant)
    with pytest.raises(ValueError, match=f"^{label!r} .* {re.escape(repr(meant))}"):
        parse(label)


@pytest.mark.parametrize("label", [b"C:maj", None, 3, np.nan])
def test_labels_are_str(label):
    found = f"{re.escape(repr(label))} .*type {type(label).__name__}"
    with pytest.raises(ValueError, match=f"^{found}"):
        parse(label)
    with pytest.raises(ValueError, match=rf"labels\[1\] is {found}"):
        encode(["N", label], "majmin")


def test_one_label_is_not_a_sequence():
    with pytest.raises(ValueError, match=r"labels is 'C:maj'.*\['C:maj'\]"):
        encode("C:maj", "majmin")


# Vocabularies


def test_vocabularies_are_quality_major_and_end_with_no_chord():
    sizes = {name: len(labels) for name, labels in VOCABULARIES.items()}
    assert sizes == {
        "majmin": 25,
        "majmin_inv": 73,
        "sevenths": 61,
        "tetrads": 169,
        "full": 601,
    }
    for labels in VOCABULARIES.values():
        assert labels[-1] == NO_CHORD
        chords = [parse(label) for label in labels]
        assert len(set(chords)) == len(labels)
        for i, chord in enumerate(chords[:-1]):
            first = chords[i - i % 12]
            assert chord == (i % 12, first.bitmap, first.bass)
    kinds = [label[2:] for label in VOCABULARIES["majmin_inv"][:-1:12]]
    assert kinds == ["maj", "maj/3", "maj/5", "min", "min/b3", "min/5"]


def test_inversions_of_full_are_on_chord_tones():
    chords = [parse(label) for label in VOCABULARIES["full"][:-1]]
    for label in VOCABULARIES["tetrads"][:-1]:
        root, bitmap, _ = parse(label)
        basses = [c.bass for c in chords if (c.root, c.bitmap) == (root, bitmap)]
        assert basses == np.flatnonzero(bitmap).tolist()


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_simplified_labels_are_equal_to_the_metric(vocabulary):
    simplified = simplify(LABELS, vocabulary).tolist()
    said = set(simplified) - {UNSCORED}
    assert said <= set(VOCABULARIES[vocabulary])
    scores = METRICS[vocabulary](LABELS, simplified)
    can = np.array([label != UNSCORED for label in simplified])
    assert (scores[can] == 1).all() and can.any() and (~can).any()
    # What becomes X is ignored by the metric, or is equal to no label it has.
    on_c = {parse(LABELS[i]): LABELS[i] for i in np.flatnonzero(~can & (scores >= 0))}
    rivals = [r for r in VOCABULARIES[vocabulary] if r[0] == "C"]
    for label in (label for chord, label in on_c.items() if chord.root in (0, -1)):
        assert not METRICS[vocabulary]([label] * len(rivals), rivals).any()


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_vocabularies_say_their_own_labels(vocabulary):
    labels = VOCABULARIES[vocabulary]
    np.testing.assert_array_equal(encode(labels, vocabulary), np.arange(len(labels)))
    assert simplify(labels, vocabulary).tolist() == list(labels)
    assert vocabulary_of(vocabulary) == vocabulary_of(list(labels)) == labels


@pytest.mark.parametrize(
    "label, expected",
    [
        ("C:9", ["C:maj", "C:maj", "C:7", "C:7", "C:7"]),
        ("Db:min/b3", ["C#:min", "C#:min/b3", "C#:min", "C#:min", "C#:min/b3"]),
        ("C:maj/2", ["X", "X", "X", "X", "X"]),
        ("C:maj/6", ["C:maj", "X", "X", "C:maj6", "C:maj6/6"]),
        ("C:dim", ["X", "X", "X", "C:dim", "C:dim"]),
        ("C:5", ["X", "X", "X", "X", "X"]),
        ("N", ["N"] * 5),
        ("X", ["X"] * 5),
    ],
)
def test_simplify_by_hand(label, expected):
    assert [simplify([label], name)[0] for name in VOCABULARIES] == expected


def test_a_vocabulary_of_ones_own():
    own = ["Bb:maj", "C:7/3", "N"]
    labels = ["A#:maj", "Bb", "Bb:maj/3", "C:9/3", "C:7", "N", "X"]
    assert encode(labels, own).tolist() == [0, 0, -1, 1, -1, 2, -1]
    assert simplify(labels, own).tolist() == [*own[:1] * 2, "X", own[1], "X", "N", "X"]
    # The labels of a named one are that one, inversions included.
    assert simplify(["C:7/3"], list(VOCABULARIES["majmin"])).tolist() == ["C:maj"]


@pytest.mark.parametrize(
    "vocabulary, message",
    [
        ("majmax", "vocabulary='majmax' .*'majmin'"),
        ([], "vocabulary .*empty"),
        (["C:maj", "X"], "vocabulary .*'X'"),
        (["C:maj", "N", "C:maj"], "'C:maj' and 'C:maj'"),
        (["C#:maj", "Db"], "'C#:maj' and 'Db'"),
        (["C:dur"], "'C:dur' .*'C:maj'"),
        (["C:maj", 3], r"vocabulary\[1\] is 3 .*int"),
    ],
)
def test_bad_vocabularies(vocabulary, message):
    with pytest.raises(ValueError, match=message):
        vocabulary_of(vocabulary)


def test_decode_undoes_encode():
    codes = np.random.RandomState(0).randint(-1, 601, 500)
    np.testing.assert_array_equal(encode(decode(codes, "full"), "full"), codes)
    assert encode([], "majmin").shape == decode([], "majmin").shape == (0,)
    assert encode([], "majmin").dtype == np.int64
    assert simplify([], "majmin").dtype == object


@pytest.mark.parametrize(
    "codes, message",
    [
        ([0.5], "float64"),
        ([25], "codes .* 25,.* 24"),
        ([-2], "codes .* -2"),
        (["N"], "<U1"),
    ],
)
def test_bad_codes(codes, message):
    with pytest.raises(ValueError, match=message):
        decode(codes, "majmin")


def test_each_distinct_label_is_read_once(monkeypatch):
    from skdeepmir.chords import _vocabularies

    calls = []
    original = _vocabularies.parse

    def counting(label):
        calls.append(label)
        return original(label)

    monkeypatch.setattr(_vocabularies, "parse", counting)
    encode(["C:maj", "N", "D:min7"] * 1000, "majmin")
    assert sorted(calls) == ["C:maj", "D:min7", "N"]


# Transposition


@pytest.mark.parametrize("semitones", [-13, -1, 0, 1, 7, 12])
def test_transposition_moves_the_root_alone(semitones):
    moved = transpose(LABELS, semitones)
    for before, after in zip(map(parse, LABELS), map(parse, moved), strict=True):
        assert after[1:] == before[1:]
        assert after.root == (before.root + semitones) % 12 or before.root < 0
    assert moved[-2:].tolist() == ["N", "X"]
    assert not any(label[1:2] == "b" for label in moved)


def test_transposition_needs_whole_semitones():
    with pytest.raises(ValueError, match=r"semitones=0.5"):
        transpose(["C"], 0.5)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_transposition_table_rolls_blocks_of_twelve(vocabulary):
    table = transposition_table(vocabulary)
    n_kinds = len(VOCABULARIES[vocabulary]) // 12
    for k in range(12):
        blocks = np.arange(12 * n_kinds).reshape(n_kinds, 12)
        expected = [*np.roll(blocks, -k, axis=1).ravel(), 12 * n_kinds]
        np.testing.assert_array_equal(table[k], expected)


def test_transposition_table_of_a_vocabulary_that_is_not_closed():
    with pytest.raises(ValueError, match=r"vocabulary .*'B:maj' .*'C:maj'"):
        transposition_table([*VOCABULARIES["majmin"][1:]])
    flats = [f"{root}:7" for root in "C Db D Eb E F Gb G Ab A Bb B".split()]
    np.testing.assert_array_equal(transposition_table(flats)[3], np.roll(range(12), -3))


# Annotations


def test_a_checked_annotation_is_arrays_of_its_own():
    given = np.array(TIMES)
    intervals, labels = check_intervals(given, tuple(NAMES))
    intervals[0, 0] = 0.5
    assert given[0, 0] == 0 and labels.dtype == object and labels.tolist() == NAMES


def test_gaps_stay_and_overlaps_of_rounding_are_trimmed():
    given = [[0, 1.0005], [1, 2], [2.5, 3]]
    intervals, _ = check_intervals(given, ["N", "C", "D"])
    np.testing.assert_array_equal(intervals, [[0, 1], [1, 2], [2.5, 3]])


@pytest.mark.parametrize(
    "intervals, labels, message",
    [
        ([], [], "empty"),
        (np.empty((0, 2)), [], "empty"),
        ([0, 1], ["N"], r"intervals .*\(2,\)"),
        ([[0, 1, 2]], ["N"], r"intervals .*\(1, 3\)"),
        ([[0, 1], [2]], ["N", "C"], "intervals .*inhomogeneous"),
        ([["a", "b"]], ["N"], "intervals .*'a'"),
        ([[0, 1]], ["N", "C"], "1 intervals .*2 labels"),
        ([[0, np.nan]], ["N"], r"row 0 .*\[0.0, nan\]"),
        ([[0, 1], [1, np.inf]], ["N", "C"], r"row 1 .*\[1.0, inf\]"),
        ([[-1, 1]], ["N"], r"row 0 \(-1.0 to 1.0, 'N'\) .*negative"),
        ([[0, 1], [2, 2]], ["N", "C"], r"row 1 \(2.0 to 2.0, 'C'\) ends"),
        ([[0, 1], [3, 2]], ["N", "C"], r"row 1 \(3.0 to 2.0, 'C'\) ends"),
        ([[1, 2], [0, 1]], ["N", "C"], "row 1 .*before row 0;.*order"),
        ([[0, 2], [1, 3]], ["N", "C"], "row 1 .*before row 0 .*2.0;.*overlap"),
        ([[0, 2], [1.9, 3]], ["N", "C"], "row 1 .*overlap"),
        ([[0, 5e-4], [0, 1]], ["N", "C"], "row 1 .*overlap"),
        ([[0, 1], [1, 2]], ["N", "H:dur"], "row 1: 'H:dur' .* 'B:maj'"),
        ([[0, 1]], [b"N"], r"labels\[0\] is b'N' .*bytes"),
        ([[0, 441000], [441000, 1323000]], ["N", "C"], "1323000.0.*sample indices"),
    ],
)
def test_bad_annotations(intervals, labels, message):
    with pytest.raises(ValueError, match=f"^annotation: .*{message}"):
        check_intervals(intervals, labels)
    with pytest.raises(ValueError, match="^'song.lab': "):
        check_intervals(intervals, labels, name="'song.lab'")


def test_sample_indices_are_seen_by_the_duration():
    given = [[0, 20000], [20000, 29000]]
    check_intervals(given, ["N", "C"])
    with pytest.raises(ValueError, match=r"29000.0.* 3 s.*sample rate"):
        check_intervals(given, ["N", "C"], duration=3)


def test_what_lies_after_the_audio_is_cut_off():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        intervals, labels = check_intervals(TIMES, NAMES, duration=3.2)
        whole, _ = check_intervals(TIMES, NAMES, duration=60)
    assert intervals[-1].tolist() == [2.5, 3.2] and labels.tolist() == NAMES
    np.testing.assert_array_equal(whole, TIMES)
    with pytest.warns(UserWarning, match="^annotation: .*4.0 s.* 2.5 s") as caught:
        intervals, labels = check_intervals(TIMES, NAMES, duration=2.5)
    assert caught[0].filename == __file__
    assert intervals.tolist() == TIMES[:2] and labels.tolist() == NAMES[:2]


@pytest.mark.parametrize("duration", [0, -1, np.nan, np.inf])
def test_a_duration_is_above_zero(duration):
    with pytest.raises(ValueError, match=f"duration={duration}"):
        check_intervals(TIMES, NAMES, duration=duration)


def test_an_annotation_after_the_audio():
    with pytest.raises(ValueError, match="5.0 s.* 4 s"):
        check_intervals([[5, 6]], ["N"], duration=4)


# Frames


def test_frames_lie_at_their_centres():
    given = [[0.5, 1.0], [1.0, 1.25], [2.0, 3.0]]
    frames = label_frames(given, ["C", "D", "E"], 12, 4.0)
    assert "".join(frames) == "XXCCDXXXEEEE"
    assert "".join(label_frames(given, ["C", "D", "E"], 15, 4.0)[-4:]) == "EXXX"
    assert label_frames(given, ["C", "D", "E"], 0, 4.0).tolist() == []


def test_label_frames_by_a_loop():
    rng = np.random.RandomState(0)
    times = np.sort(rng.uniform(0.5, 20, 30)).reshape(-1, 2)
    labels = rng.choice(VOCABULARIES["full"], len(times))
    frames = label_frames(times, labels, 250, 10.766)
    for t, frame in enumerate(frames):
        inside = [
            n for (s, e), n in zip(times, labels, strict=True) if s <= t / 10.766 < e
        ]
        assert [frame] == (inside or [UNSCORED])


@pytest.mark.parametrize("seed", range(20))
def test_frames_come_back_from_their_intervals(seed):
    rng = np.random.RandomState(seed)
    frame_rate = rng.choice([10.0, 22050 / 512, 44100 / 4096, 7.3, 100 / 3])
    frames = rng.choice(["N", "X", "C:maj", "A:min/b3"], rng.randint(1, 5000))
    intervals, labels = frame_intervals(frames, frame_rate)
    assert (labels[1:] != labels[:-1]).all()
    assert intervals[0, 0] == 0
    np.testing.assert_array_equal(intervals[1:, 0], intervals[:-1, 1])
    back = label_frames(intervals, labels, len(frames), frame_rate)
    np.testing.assert_array_equal(back, frames)
    longer, labels = frame_intervals(
        frames, frame_rate, duration=len(frames) / frame_rate
    )
    back = label_frames(longer, labels, len(frames), frame_rate)
    np.testing.assert_array_equal(back, frames)


def test_frames_come_back_from_a_file(tmp_path):
    rng = np.random.RandomState(1)
    frames = rng.choice(["N", "C:maj"], 3000)
    for write, name in [(write_lab, "a.lab"), (write_jams, "a.jams")]:
        write(tmp_path / name, *frame_intervals(frames, 22050 / 2048))
        back = label_frames(*read_chords(tmp_path / name), 3000, 22050 / 2048)
        np.testing.assert_array_equal(back, frames)


def test_the_last_chord_ends_with_the_audio():
    frames = ["N", "N", "C", "C", "D"]
    assert frame_intervals(frames, 2, duration=1.9)[0].tolist() == [
        [0, 0.75],
        [0.75, 1.75],
        [1.75, 1.9],
    ]
    intervals, labels = frame_intervals(frames, 2, duration=1.5)
    assert intervals.tolist() == [[0, 0.75], [0.75, 1.5]]
    assert labels.tolist() == ["N", "C"]
    assert frame_intervals(["C"], 2)[0].tolist() == [[0, 0.25]]


def test_bad_frames():
    with pytest.raises(ValueError, match="frames .*empty"):
        frame_intervals([], 10)
    with pytest.raises(ValueError, match="frame_rate=0"):
        frame_intervals(["N"], 0)
    with pytest.raises(ValueError, match="duration=0"):
        frame_intervals(["N"], 1, duration=0)
    with pytest.raises(ValueError, match="n_frames=1.5"):
        label_frames(TIMES, NAMES, 1.5, 10)
    with pytest.raises(ValueError, match="n_frames=-1"):
        label_frames(TIMES, NAMES, -1, 10)
    with pytest.raises(ValueError, match="frame_rate=nan"):
        label_frames(TIMES, NAMES, 10, np.nan)


def test_neighbours_with_one_label_are_joined():
    given = [[0, 1], [1, 2], [2, 3], [3.5, 4], [4, 5]]
    intervals, labels = merge_intervals(given, ["C", "C", "D", "D", "C"])
    assert intervals.tolist() == [[0, 2], [2, 3], [3.5, 4], [4, 5]]
    assert labels.tolist() == ["C", "D", "D", "C"]
    intervals, labels = merge_intervals([[1, 2]], ["C"])
    assert intervals.tolist() == [[1, 2]] and labels.tolist() == ["C"]


# Files


def test_a_lab_file_with_comments_tabs_and_spaces(tmp_path):
    path = tmp_path / "song.LAB"
    path.write_text(
        "\ufeff# made by hand\n\n0.0\t1.0\tN\r\n 1.0  2.5   C:maj  \n"
        "2.5 4 A:min7\n  # end\n",
        encoding="utf-8",
    )
    for name in (path, str(path)):
        intervals, labels = read_chords(name)
        assert intervals.tolist() == TIMES and labels.tolist() == NAMES


@pytest.mark.parametrize("suffix", [".lab", ".jams"])
def test_files_round_trip(tmp_path, suffix):
    rng = np.random.RandomState(0)
    edges = np.sort(rng.uniform(0, 200, 41)).round(6)
    labels = rng.choice(LABELS, 40)
    path = tmp_path / f"song{suffix}"
    write = {".lab": write_lab, ".jams": write_jams}[suffix]
    for _ in range(2):  # the second time, it replaces the file
        write(path, np.column_stack([edges[:-1], edges[1:]]), labels)
    intervals, back = read_chords(path)
    np.testing.assert_allclose(intervals, np.column_stack([edges[:-1], edges[1:]]))
    assert back.tolist() == labels.tolist()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_mir_eval_reads_our_lab(tmp_path):
    write_lab(tmp_path / "song.lab", TIMES, NAMES)
    intervals, labels = mir_eval.io.load_labeled_intervals(str(tmp_path / "song.lab"))
    assert intervals.tolist() == TIMES and labels == NAMES


def test_a_jams_file_has_the_fields_of_the_schema(tmp_path):
    path = tmp_path / "song.jams"
    write_jams(path, TIMES, NAMES, duration=5.5, title="Ein Lied")
    content = json.loads(path.read_text())
    assert content["file_metadata"]["duration"] == 5.5
    assert content["file_metadata"]["title"] == "Ein Lied"
    assert set(content) == {"file_metadata", "annotations", "sandbox"}
    (annotation,) = content["annotations"]
    assert annotation["namespace"] == "chord"
    assert {"annotation_metadata", "sandbox"} <= set(annotation)
    assert annotation["data"][1] == {
        "time": 1.0,
        "duration": 1.5,
        "value": "C:maj",
        "confidence": None,
    }
    write_jams(path, TIMES, NAMES)
    assert json.loads(path.read_text())["file_metadata"]["duration"] == 4.0


def jams(namespace, data):
    beats = {"namespace": "beat", "data": [{"time": 0, "duration": 0, "value": 1}]}
    return {"annotations": [beats, {"namespace": namespace, "data": data}]}


ROWS = [
    {"time": s, "duration": e - s, "value": name, "confidence": 1.0}
    for (s, e), name in zip(TIMES, NAMES, strict=True)
]


@pytest.mark.parametrize("namespace", ["chord", "chord_harte"])
@pytest.mark.parametrize(
    "data", [ROWS, {key: [row[key] for row in ROWS] for key in ROWS[0]}]
)
def test_both_forms_of_jams(tmp_path, namespace, data):
    path = tmp_path / "song.jams"
    content = jams(namespace, data)
    content["annotations"].append({"namespace": "chord", "data": []})
    path.write_text(json.dumps(content))
    intervals, labels = read_chords(path)
    assert intervals.tolist() == TIMES and labels.tolist() == NAMES


@pytest.mark.parametrize("empty", [[], {"time": [], "duration": [], "value": []}])
def test_the_first_annotation_of_a_jams_file_that_has_chords_is_read(tmp_path, empty):
    path = tmp_path / "song.jams"
    content = jams("chord", empty)
    content["annotations"] += [
        {"namespace": "chord_harte", "data": empty},
        {"namespace": "chord", "data": ROWS},
        {"namespace": "chord", "data": ROWS[:1]},
    ]
    path.write_text(json.dumps(content))
    intervals, labels = read_chords(path)
    assert intervals.tolist() == TIMES and labels.tolist() == NAMES
    content["annotations"][-2:] = []
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="song.jams': .*empty"):
        read_chords(path)
    content["annotations"].append({"namespace": "chord", "data": [{"time": 0}]})
    path.write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match="song.jams': annotation 3, entry 0 .*'duration'"
    ):
        read_chords(path)


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.lab", "", "empty"),
        ("a.lab", "# nothing\n\n", "empty"),
        ("a.lab", "0 1 N\n\n1 2\n", "line 3 .*'1 2'"),
        ("a.lab", "0 1 N\n1 two C\n", "line 2 .*'1 two C'"),
        ("a.lab", "0 1_0 N\n", "line 1 .*'0 1_0 N'"),
        ("a.lab", "0 1 C maj\n", "line 1 .*'0 1 C maj'"),
        ("a.lab", "# x\n0 1 H:dur\n", "line 2: 'H:dur' .*'B:maj'"),
        ("a.lab", "0 2 N\n1 3 C\n", "row 1 .*before row 0"),
        ("a.lab", "0 44100 N\n", "44100.0.*sample indices"),
        ("a.jams", "{", "not JSON"),
        ("a.jams", "[]", "JAMS .*object"),
        ("a.jams", "{}", "'annotations'"),
        ("a.jams", json.dumps(jams("key", [])), r"\['beat', 'key'\]"),
        ("a.jams", json.dumps(jams("chord", [])), "annotations .*empty"),
        (
            "a.jams",
            json.dumps(jams("chord", [{}])),
            "annotation 1, entry 0 .*'time'",
        ),
        (
            "a.jams",
            json.dumps(jams("chord", {"time": [0]})),
            "annotation 1 .*'duration'",
        ),
        ("a.jams", json.dumps(jams("chord", 3)), "annotation 1 .* 3;"),
        (
            "a.jams",
            json.dumps(jams("chord", [{"time": 0, "duration": 1, "value": 3}])),
            "annotation 1, entry 0 .*value 3",
        ),
        ("a.txt", "0 1 N", "'.txt'.*'.lab' or '.jams'"),
    ],
)
def test_bad_files(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}'.*{message}"):
        read_chords(path)


def test_files_that_are_missing_or_not_text(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file .*song.lab"):
        read_chords(tmp_path / "song.lab")
    (tmp_path / "song.lab").write_bytes(b"0 1 N\xff\xfe\n")
    with pytest.raises(ValueError, match="song.lab' .*UTF-8"):
        read_chords(tmp_path / "song.lab")


@pytest.mark.parametrize("write, suffix", [(write_lab, ".lab"), (write_jams, ".jams")])
def test_bad_files_to_write(tmp_path, write, suffix):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        write(tmp_path / "nowhere" / f"a{suffix}", TIMES, NAMES)
    with pytest.raises(ValueError, match=f"'.txt'.*'{suffix}'"):
        write(tmp_path / "a.txt", TIMES, NAMES)
    with pytest.raises(ValueError, match=f"a{suffix}.*1 intervals .*2 labels"):
        write(tmp_path / f"a{suffix}", [[0, 1]], ["N", "C"])
    with pytest.raises(ValueError, match=f"a{suffix}.*row 1 .* ends"):
        write(tmp_path / f"a{suffix}", [[0, 1], [1, 1 + 1e-8]], ["N", "C"])
    assert list(tmp_path.iterdir()) == []
