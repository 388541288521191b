import json
import pickle
import warnings
from pathlib import Path

import mir_eval
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, cross_validate
from undefined_scores import only_warning, quietly

from skdeepmir.frames import object_array
from skdeepmir.metrics import (
    NOTE_SCORERS,
    frame_accuracy,
    frame_f1,
    frame_scorer,
    frame_scores,
    get_scorer,
    get_scorer_names,
    note_f1,
    note_scorer,
    note_scores,
    transcription_report,
)
from skdeepmir.metrics._notes import NoteRules, count_matches
from skdeepmir.notes import NOTE_DTYPE, check_notes, note_roll, write_notes

MIR_EVAL = Path(__file__).parents[2] / "shared/data/metrics/mir_eval"
FIXTURES = ("transcription", "transcription_velocity")
needs_fixtures = pytest.mark.skipif(
    not MIR_EVAL.exists(), reason="needs ../shared/data/metrics/mir_eval"
)
RATIOS = ("precision", "recall", "f")

# By onset, 3 of 4 references and 3 of 5 detections are right, one with its offset.
REFERENCE = [[0.1, 0.5, 60], [0.5, 1.5, 64], [0.5, 1.0, 67], [2.0, 3.0, 60]]
DETECTED = [
    [0.14, 0.9, 60],
    [0.5, 1.65, 64],
    [0.5, 1.0, 68],
    [1.96, 2.2, 60],
    [1.99, 2.5, 72],
]
SILENT = [[], []], [[], []]


def ratios(scores):
    return [getattr(scores, name) for name in RATIOS]


def read_fixture(path):
    """Return rows of onset, offset, hertz and perhaps velocity."""
    return np.loadtxt(path, ndmin=2, comments="#")


def notes_by_hertz(rows, dtype=NOTE_DTYPE):
    """Return notes of rows of onset, offset, hertz and perhaps velocity."""
    notes = np.zeros(len(rows), dtype)
    notes["onset"], notes["offset"] = rows[:, :2].T
    pitch = 69 + 12 * np.log2(rows[:, 2] / 440)
    notes["pitch"] = pitch.round() if dtype == NOTE_DTYPE else pitch
    notes["velocity"] = rows[:, 3] if rows.shape[1] > 3 else 64
    return notes


def theirs(reference, detected, *, offsets, velocities=False, **options):
    """Return precision, recall, F and overlap as by mir_eval, of rows with pitches."""
    sides = []
    for rows in (reference, detected):
        rows = np.reshape(np.asarray(rows, float), (len(rows), 4))
        sides += [rows[:, :2], mir_eval.util.midi_to_hz(rows[:, 2])]
        if velocities:
            sides.append(rows[:, 3])
    module = mir_eval.transcription
    if velocities:
        module = mir_eval.transcription_velocity
    if not offsets:
        options["offset_ratio"] = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of clips without notes
        return module.precision_recall_f1_overlap(*sides, **options)


# Known answers


def test_scores_by_hand():
    scores = note_scores([REFERENCE], [DETECTED])
    assert ratios(scores) == pytest.approx([3 / 5, 3 / 4, 2 / 3])
    assert scores[-3:] == (4, 5, 3)
    overlaps = [0.36 / 0.8, 1 / 1.15, 0.2 / 1.04]
    assert scores.overlap_ratio == pytest.approx(np.mean(overlaps))
    assert note_f1([REFERENCE], [DETECTED]) == scores.f
    strict = note_scores([REFERENCE], [DETECTED], offsets=True)
    assert strict.n_hits == 1 and strict.overlap_ratio == pytest.approx(overlaps[1])
    longer = {"offsets": True, "offset_ratio": 1.0}
    assert note_scores([REFERENCE], [DETECTED], **longer).n_hits == 3
    assert note_f1([REFERENCE], [DETECTED], onset_window=0.03) == pytest.approx(2 / 9)


@needs_fixtures
def test_notes_of_mir_evals_own_pairs_have_its_scores():
    pairs = sorted((MIR_EVAL / "transcription").glob("ref*.txt"))
    assert len(pairs) >= 10
    for path in pairs:
        number = path.stem.removeprefix("ref")
        expected = json.loads(path.with_name(f"output{number}.json").read_text())
        clips = [
            [notes_by_hertz(read_fixture(each))]
            for each in (path, path.with_name(f"est{number}.txt"))
        ]
        for offsets, end in ((True, ""), (False, "_no_offset")):
            scores = note_scores(*clips, offsets=offsets)
            names = ("Precision", "Recall", "F-measure", "Average_Overlap_Ratio")
            assert scores[:4] == pytest.approx(
                [expected[name + end] for name in names], abs=1e-6
            )


@needs_fixtures
def test_notes_with_velocities_of_mir_evals_own_pairs_have_its_scores():
    # It takes the MIDI numbers of these files for hertz, so that neighbours match.
    hertz = np.dtype([(name, "f8") for name in NOTE_DTYPE.names])
    for number in (0, 1, 2):
        folder = MIR_EVAL / "transcription_velocity"
        expected = json.loads((folder / f"output{number}.json").read_text())
        rows = [read_fixture(folder / f"{side}{number}.txt") for side in ("ref", "est")]
        for offsets, end in ((True, ""), (False, "_no_offset")):
            clip = tuple(notes_by_hertz(each, hertz) for each in rows)
            rules = NoteRules(offsets=offsets, velocities=True)
            counts = count_matches([clip], rules)
            found = [*(counts.values(name)[0] for name in RATIOS)]
            names = ("Precision", "Recall", "F-measure")
            assert found == pytest.approx(
                [expected[name + end] for name in names], abs=1e-6
            )
            overlap = expected[f"Average_Overlap_Ratio{end}"]
            assert counts.mean_of_hits("overlap") == pytest.approx(overlap, abs=1e-6)
        # As what they are, MIDI numbers:
        scores = note_scores([rows[0]], [rows[1]], velocities=True)
        assert scores[:4] == pytest.approx(
            theirs(*rows, offsets=False, velocities=True), abs=1e-6
        )


def in_seconds(rows):
    """Return notes in order, on which the matching of mir_eval depends."""
    notes = [[a / 100, (a + n) / 100, *rest] for a, n, *rest in rows]
    return sorted(notes, key=lambda note: (note[0], note[2]))


NOTES = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.integers(1, 30),
        st.sampled_from([60, 61, 72]),
        st.integers(1, 127),
    ),
    max_size=14,
).map(in_seconds)


@given(NOTES, NOTES, st.booleans(), st.booleans(), st.sampled_from([0.0, 0.05, 0.2]))
def test_scores_are_those_of_mir_eval_also_where_notes_can_be_matched_in_many_ways(
    reference, detected, offsets, velocities, window
):
    options = {"offsets": offsets, "velocities": velocities}
    scores = quietly(
        *(note_scores, [reference], [detected]), onset_window=window, **options
    )
    expected = theirs(reference, detected, onset_tolerance=window, **options)
    assert scores[:4] == pytest.approx(expected, abs=1e-9)


def test_the_windows_include_their_ends():
    note = [1.0, 2.0, 60]
    for found, is_hit in (
        ([1.05, 2.0, 60], True),
        ([0.95, 2.2, 60], True),
        ([1.051, 2.0, 60], False),
        ([1.0, 2.201, 60], False),
        ([1.0, 1.799, 60], False),
    ):
        assert note_f1([[note]], [[found]], offsets=True) == is_hit
    short = [1.0, 1.1, 60]  # 50 ms at least
    assert note_f1([[short]], [[[1.0, 1.15, 60]]], offsets=True) == 1
    assert note_f1([[short]], [[[1.0, 1.16, 60]]], offsets=True) == 0


def test_many_notes_that_may_be_swapped_are_matched_in_little_memory():
    onsets = np.repeat(np.arange(3000) / 10, 4)
    pitches = np.resize([50, 50, 50, 64], len(onsets))
    notes = np.column_stack([onsets, onsets + 0.05, pitches])
    assert note_scores([notes], [notes[:-5]], offsets=True).n_hits == len(notes) - 5


# Frames


def test_frames_by_hand():
    # In 5 frames of 0.1 s: right, missed, substituted, false alarm, silent.
    truth, found = np.zeros((2, 5, 88), bool)
    truth[:3, 0], found[0, 0] = True, True
    found[2, 1] = found[3, [1, 2]] = True
    scores = frame_scores([truth], [found])
    assert scores[-3:] == (3, 4, 1)
    assert scores.accuracy == 1 / 6
    assert ratios(scores) == pytest.approx([1 / 4, 1 / 3, 2 / 7])
    assert scores.missed_error == scores.substitution_error == pytest.approx(1 / 3)
    assert scores.false_alarm_error == pytest.approx(2 / 3)
    assert scores.total_error == pytest.approx(4 / 3)
    assert frame_accuracy([truth], [found]) == scores.accuracy
    assert frame_f1([truth], [found]) == scores.f


def test_frames_have_the_scores_of_mir_eval(global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    truth, found = rng.rand(2, 300, 88) < 0.05
    found |= truth & (rng.rand(300, 88) < 0.6)
    found[:20] = truth[20:40] = False
    times = np.arange(300) / 100
    series = [
        [mir_eval.util.midi_to_hz(21 + np.flatnonzero(frame)) for frame in roll]
        for roll in (truth, found)
    ]
    expected = mir_eval.multipitch.metrics(times, series[0], times, series[1])[:7]
    scores = frame_scores([truth], [found])
    names = ("precision", "recall", "accuracy", "substitution_error", "missed_error")
    found = [getattr(scores, n) for n in (*names, "false_alarm_error", "total_error")]
    assert found == pytest.approx(expected, abs=1e-9)


def test_frames_may_be_those_of_notes_or_files(tmp_path):
    path = tmp_path / "clip.tsv"
    write_notes(path, REFERENCE)
    rolls = [note_roll(notes, 301, 100) for notes in (REFERENCE, DETECTED)]
    expected = frame_scores([rolls[0]], [rolls[1]])
    assert expected.n_reference == 290
    for truth in (
        REFERENCE,
        path,
        rolls[0],
        note_roll(REFERENCE, 301, 100).astype(int),
    ):
        for found in (DETECTED, rolls[1]):
            assert frame_scores([truth], [found]) == expected
    slow = frame_scores([REFERENCE], [note_roll(DETECTED, 31, 10)], frame_rate=10)
    assert slow.n_reference == 29
    # What is after the last frame of a roll is not compared.
    half = frame_scores([rolls[0][:100]], [DETECTED])
    assert half == frame_scores([rolls[0][:100]], [rolls[1][:100]])
    many = frame_scores(np.stack(rolls), np.stack(rolls))
    assert many.accuracy == 1 and many.n_hits == expected[-3] + expected[-2]
    # Two rolls may have any pitches, even so few that a table could be notes.
    few = [roll[:, 39:42] for roll in rolls]
    assert frame_scores([few[0]], [few[1]]).n_reference == few[0].sum()
    all_of_midi = note_roll(DETECTED, 301, 100, pitches=None)
    assert frame_scores([REFERENCE], [all_of_midi]) == expected


@pytest.mark.parametrize(
    ("truth", "found", "match"),
    [
        (np.zeros((5, 88), bool), np.zeros((6, 88), bool), r"y_true\[0\].*\(6, 88\)"),
        (np.zeros((5, 87), bool), [], r"y_true\[0\] has 87 pitches"),
        (np.full((5, 88), 64), [], r"y_true\[0\] has 64 in frame 0 for note 0"),
        ([], [[0.0, 1.0, 261.63]], r"y_pred\[0\].*261\.63"),
        (np.zeros((5, 88), bool), [[9.0, 9.5, 60]], r"y_pred\[0\].*9\.0"),
    ],
)
def test_what_is_not_a_roll_is_named(truth, found, match):
    with pytest.raises(ValueError, match=match):
        frame_scores([truth], [found])


# Several clips


def test_pooled_scores_count_notes_and_those_of_clips_do_not():
    y_true, y_pred = [REFERENCE, REFERENCE[:1]], [DETECTED, DETECTED[:1]]
    pooled = note_scores(y_true, y_pred)
    assert ratios(pooled) == pytest.approx([4 / 6, 4 / 5, 8 / 11])
    clips = note_scores(y_true, y_pred, average="clips")
    assert ratios(clips) == pytest.approx([(0.6 + 1) / 2, (0.75 + 1) / 2, 5 / 6])
    assert clips[-3:] == pooled[-3:] == (5, 6, 4)
    alone = [note_scores(*([y[i]] for y in (y_true, y_pred))) for i in (0, 1)]
    overlaps = np.array([each.overlap_ratio for each in alone])
    assert clips.overlap_ratio == pytest.approx(overlaps.mean())
    assert pooled.overlap_ratio == pytest.approx(overlaps @ [3, 1] / 4)
    frames = [frame_scores(*([y[i]] for y in (y_true, y_pred))) for i in (0, 1)]
    accuracy = frame_accuracy(y_true, y_pred, average="clips")
    assert accuracy == pytest.approx(np.mean([each.accuracy for each in frames]))
    n_hits, n_all = (
        sum(each.n_hits for each in frames),
        sum(each.n_reference + each.n_detected - each.n_hits for each in frames),
    )
    assert frame_accuracy(y_true, y_pred) == pytest.approx(n_hits / n_all)


def test_clips_are_arrays_tables_or_files(tmp_path):
    path = tmp_path / "clip.tsv"
    write_notes(path, REFERENCE)
    expected = note_scores([REFERENCE] * 2, [DETECTED] * 2)
    notes = check_notes(REFERENCE)
    for y_true in (
        [notes[::-1], REFERENCE],
        object_array([pd.DataFrame(notes)] * 2),
        np.array([REFERENCE] * 2),
        [path, str(path)],
    ):
        assert note_scores(y_true, [DETECTED] * 2) == expected


def test_the_report_has_a_row_for_each_group_and_one_for_all():
    y_true = [REFERENCE, REFERENCE[:1], REFERENCE, []]
    y_pred = [DETECTED, REFERENCE[:1], [], []]
    groups = ["upright", "grand", "upright", "silence"]
    report = transcription_report(y_true, y_pred, groups=groups)
    assert list(report.index) == ["grand", "silence", "upright", "all"]
    assert report["n_clips"].tolist() == [1, 1, 2, 4]
    for name, rows in {"upright": [0, 2], "grand": [1], "all": range(4)}.items():
        some = [[y[i] for i in rows] for y in (y_true, y_pred)]
        scores, line = note_scores(*some), report.loc[name]
        assert tuple(line[list(scores._fields)]) == pytest.approx(scores)
        assert line["offset_f"] == note_f1(*some, offsets=True)
        assert line["velocity_f"] == note_f1(*some, velocities=True)
        both = note_f1(*some, offsets=True, velocities=True)
        assert line["offset_velocity_f"] == both
        frames = frame_scores(*some)
        assert line["frame_accuracy"] == frames.accuracy
        assert line["frame_f"] == frames.f
        assert line["total_error"] == frames.total_error
    assert report.loc["silence"].isna().sum() == report.shape[1] - 4
    assert list(transcription_report(y_true, y_pred).index) == ["all"]


# What is not defined


def test_nothing_to_find_and_nothing_found_is_zero_with_a_warning():
    for score in (note_f1, frame_accuracy, frame_f1):
        value, message = only_warning(score, [[]], [[]])
        assert value == 0 and "not defined" in message
        assert score([[], REFERENCE], [[], []]) == 0  # without a warning: it is defined
        value, message = only_warning(
            score, [*SILENT[0], REFERENCE], [[], [], REFERENCE], average="clips"
        )
        assert value == 1 and "2 of 3 clips" in message
    assert quietly(note_scores, *SILENT) == (0,) * 7


def test_errors_of_frames_are_not_defined_where_nothing_sounds():
    scores = quietly(frame_scores, [[], REFERENCE], [DETECTED, []], average="clips")
    assert scores.total_error == scores.missed_error == 1
    assert scores.accuracy == 0
    assert quietly(frame_scores, [[]], [DETECTED]).total_error == 0


# Bad input


@pytest.mark.parametrize("score", [note_scores, frame_scores, transcription_report])
@pytest.mark.parametrize(
    ("y_true", "y_pred", "match"),
    [
        ([REFERENCE], [REFERENCE] * 2, "1 clips.* 2"),
        ("clip.tsv", ["clip.tsv"], "y_true.*'clip.tsv'"),
        ([[], [[1.0, 0.5, 60]]], [[], []], r"y_true\[1\].*note 0"),
        ([[]], [[[0.0, 1.0, 261.63]]], r"y_pred\[0\].*261\.63"),
        ([[]], [[[0.0, 1.0, 60, 200]]], r"y_pred\[0\].*200"),
        ([None], [[]], r"y_true\[0\]"),
        ([], [], "y_true"),
        (["gone.tsv"], [[]], r"y_true\[0\].*gone\.tsv"),
    ],
)
def test_what_cannot_be_scored_is_named(score, y_true, y_pred, match):
    with pytest.raises((ValueError, FileNotFoundError), match=match):
        score(y_true, y_pred)


@pytest.mark.parametrize(
    "options",
    [
        {"onset_window": -0.1},
        {"offset_min": np.nan},
        {"offset_ratio": None},
        {"offsets": 0.2},
        {"velocities": "yes"},
        {"average": "macro"},
    ],
)
def test_parameters_are_checked(options):
    ((name, _),) = options.items()
    for function in (note_scores, note_f1):
        with pytest.raises(ValueError, match=name):
            function([REFERENCE], [DETECTED], **options)
    with pytest.raises(ValueError, match=name):
        note_scorer(**options)
    for function in (frame_scores, frame_accuracy, frame_f1):
        with pytest.raises(ValueError, match="frame_rate"):
            function([REFERENCE], [DETECTED], frame_rate=0)
    with pytest.raises(ValueError, match="frame_rate"):
        frame_scorer(frame_rate=0)
    for scorer in (note_scorer, frame_scorer):
        with pytest.raises(ValueError, match="score"):
            scorer("f2")


# Scorers


class Late(BaseEstimator):
    """Transcribes the notes in X, too late."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def fit(self, X, y):
        return self

    def predict(self, X):
        later = [np.array(notes, float) for notes in X]
        for notes in later:
            notes[:, :2] += self.seconds
        return object_array(later)


def test_scorers_are_found_by_name_and_can_be_pickled():
    assert set(NOTE_SCORERS) < set(get_scorer_names())
    y, X = [REFERENCE, REFERENCE[:1]], [DETECTED, DETECTED[:1]]
    functions = {
        "note_f1": note_f1(y, X),
        "note_offset_f1": note_f1(y, X, offsets=True),
        "note_velocity_f1": note_f1(y, X, velocities=True),
        "note_offset_velocity_f1": note_f1(y, X, offsets=True, velocities=True),
        "frame_accuracy": frame_accuracy(y, X),
        "frame_f1": frame_f1(y, X),
    }
    assert list(functions) == list(NOTE_SCORERS)
    for name, expected in functions.items():
        scorer = get_scorer(name)
        for each in (scorer, pickle.loads(pickle.dumps(scorer))):
            assert each(Late(), X, y) == expected


def test_scorers_work_in_cross_validation_and_searches():
    X = object_array([REFERENCE[:n] for n in (1, 2, 3, 4)])
    scoring = {"near": note_scorer(), "far": note_scorer(onset_window=0.2)}
    found = cross_validate(Late(0.1), X, X, cv=2, scoring=scoring)
    assert found["test_near"].tolist() == [0, 0]
    assert found["test_far"].tolist() == [1, 1]
    for scorer in NOTE_SCORERS.values():
        grid = GridSearchCV(Late(), {"seconds": [0.5, 0.0]}, scoring=scorer, cv=2)
        assert grid.fit(X, X).best_params_ == {"seconds": 0.0}


@pytest.mark.parametrize("name", NOTE_SCORERS)
@pytest.mark.parametrize("average", ["pooled", "clips"])
def test_the_weighted_mean_of_clips_is_the_score_of_all(name, average):
    y, X = [REFERENCE, REFERENCE[:1], REFERENCE], [DETECTED, DETECTED[:1], []]
    X[2] = np.zeros((0, 3))
    (kind, _, score) = name.partition("_")
    scorer = get_scorer(name)
    if average == "clips":
        if kind == "frame":
            scorer = frame_scorer(score, average="clips")
        else:
            strict = {"offsets": "offset" in name, "velocities": "velocity" in name}
            scorer = note_scorer(average="clips", **strict)
    values, weights = scorer.of_clips(y, X, None)
    mean = np.average(values, weights=weights)
    assert mean == pytest.approx(scorer(Late(), X, y))
