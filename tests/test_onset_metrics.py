import json
import pickle
import warnings
from pathlib import Path

import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.model_selection import cross_validate
from undefined_scores import only_warning, quietly

from skdeepmir.frames import object_array
from skdeepmir.metrics import (
    ONSET_SCORERS,
    get_scorer,
    get_scorer_names,
    onset_f1,
    onset_report,
    onset_scorer,
    onset_scores,
)

MIR_EVAL = Path(__file__).parents[2] / "shared/data/metrics/mir_eval/onset"
RATIOS = ("precision", "recall", "f")

# Matched within 25 ms: 3 of 4 references, 3 of 5 detections, +10, 0 and -20 ms.
REFERENCE = [0.1, 0.5, 1.0, 2.0]
DETECTED = [0.11, 0.5, 0.53, 1.5, 1.98]
SILENT = [[], []], [[], []]


def ratios(scores):
    return [getattr(scores, name) for name in RATIOS]


# Known answers


def test_scores_by_hand():
    scores = onset_scores([REFERENCE], [DETECTED])
    assert ratios(scores) == pytest.approx([3 / 5, 3 / 4, 2 / 3])
    assert scores[-3:] == (4, 5, 3)
    assert scores.mean_error == pytest.approx(-0.01 / 3)
    assert scores.mean_absolute_error == pytest.approx(0.01)
    assert onset_f1([REFERENCE], [DETECTED]) == scores.f


@pytest.mark.skipif(not MIR_EVAL.exists(), reason="no recordings")
def test_scores_of_mir_evals_own_pairs_are_its_own():
    pairs = sorted(MIR_EVAL.glob("ref*.txt"))
    assert len(pairs) >= 10
    for reference in pairs:
        number = reference.stem.removeprefix("ref")
        expected = json.loads((MIR_EVAL / f"output{number}.json").read_text())
        detected = MIR_EVAL / f"est{number}.txt"
        scores = quietly(*(onset_scores, [reference], [detected]), window=0.05, merge=0)
        assert ratios(scores) == pytest.approx(
            [expected[name] for name in ("Precision", "Recall", "F-measure")], abs=1e-6
        )


TIMES = st.lists(st.integers(0, 400), max_size=12).map(
    lambda hundredths: np.sort(np.array(hundredths, float)) / 100
)


@given(TIMES, TIMES, st.sampled_from([0.0, 0.01, 0.025, 0.05, 0.3]))
def test_scores_are_those_of_mir_eval(reference, detected, window):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of clips without onsets
        f, precision, recall = mir_eval.onset.f_measure(reference, detected, window)
    scores = quietly(onset_scores, [reference], [detected], window=window, merge=0)
    assert ratios(scores) == pytest.approx([precision, recall, f], abs=1e-12)


def test_the_window_includes_its_ends():
    assert onset_f1([[1.0, 2.0]], [[1.025, 1.975]]) == 1
    assert onset_f1([[1.0]], [[1.026]]) == 0
    assert onset_f1([[1.0]], [[1.026]], window=0.03) == 1


def test_only_references_that_are_close_are_merged():
    chord, later = [1.0, 1.01, 1.02], [1.5]
    scores = onset_scores([chord + later], [[1.01, 1.5]])
    assert ratios(scores) == [1, 1, 1] and scores.n_reference == 2
    apart = onset_scores([chord + later], [[1.01, 1.5]], merge=0)
    assert apart.n_reference == 4 and apart.recall == 0.5
    twice = onset_scores([chord + later], [[1.0, 1.02, 1.5]])
    assert twice.n_detected == 3 and twice.precision == pytest.approx(2 / 3)
    # 30 ms apart are two, and a row of onsets is not merged into one.
    assert onset_scores([[1.0, 1.031]], [[1.0]]).n_reference == 2
    row = np.arange(10) * 0.02
    assert onset_scores([row], [row]).n_reference == 5


# Several clips


def test_pooled_scores_count_onsets_and_those_of_clips_do_not():
    y_true, y_pred = [REFERENCE, [1.0]], [DETECTED, [1.0]]
    pooled = onset_scores(y_true, y_pred)
    assert ratios(pooled) == pytest.approx([4 / 6, 4 / 5, 8 / 11])
    clips = onset_scores(y_true, y_pred, average="clips")
    assert ratios(clips) == pytest.approx([(0.6 + 1) / 2, (0.75 + 1) / 2, 5 / 6])
    assert clips[-3:] == pooled[-3:] == (5, 6, 4)
    assert clips.mean_error == pytest.approx(-0.01 / 6)
    assert pooled.mean_error == pytest.approx(-0.01 / 4)
    assert onset_f1(y_true, y_pred, average="clips") == clips.f


def test_clips_are_arrays_lists_tables_or_files(tmp_path):
    expected = onset_scores([REFERENCE] * 2, [DETECTED] * 2)
    path = tmp_path / "clip.onsets"
    path.write_text("".join(f"{time}\n" for time in REFERENCE))
    for y_true in (
        [np.array(REFERENCE), REFERENCE],
        np.array([REFERENCE] * 2),
        object_array([np.array(REFERENCE)] * 2),
        [path, str(path)],
        np.array([str(path)] * 2),
    ):
        assert onset_scores(y_true, [DETECTED] * 2) == expected


def test_the_report_has_a_row_for_each_group_and_one_for_all():
    y_true, y_pred = [REFERENCE, [1.0], REFERENCE, []], [DETECTED, [1.0], [], []]
    groups = ["drums", "flute", "drums", "silence"]
    report = onset_report(y_true, y_pred, groups=groups)
    assert list(report.index) == ["drums", "flute", "silence", "all"]
    assert report["n_clips"].tolist() == [2, 1, 1, 4]
    for name, rows in {"drums": [0, 2], "flute": [1], "all": range(4)}.items():
        some = [[y[i] for i in rows] for y in (y_true, y_pred)]
        line = report.loc[name, list(onset_scores(*some)._fields)]
        assert tuple(line) == pytest.approx(onset_scores(*some))
    assert report.loc["silence", [*RATIOS, "mean_error"]].isna().all()
    with pytest.raises(ValueError, match="clip 1.*'all'"):
        onset_report(y_true, y_pred, groups=["a", "all", "b", "b"])
    assert list(onset_report(y_true, y_pred).index) == ["all"]


# What is not defined


def test_nothing_to_find_and_nothing_found_is_zero_with_one_warning_each():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores = onset_scores([[]], [[]])
    assert ratios(scores) == [0, 0, 0] and scores[-3:] == (0, 0, 0)
    assert np.isnan([scores.mean_error, scores.mean_absolute_error]).all()
    assert [str(w.message).partition(" ")[0] for w in caught] == list(RATIOS)
    f, message = only_warning(onset_f1, [[], []], [[], []])
    assert f == 0 and message.startswith("f is not defined")


def test_one_side_without_onsets_has_an_f_of_zero():
    for pair, name in ((([1.0], []), "precision"), (([], [1.0]), "recall")):
        y_true, y_pred = ([side] for side in pair)
        assert onset_f1(y_true, y_pred) == 0  # no warning: it is defined
        scores, message = only_warning(onset_scores, y_true, y_pred)
        assert ratios(scores) == [0, 0, 0] and message.startswith(name)


def test_silent_clips_are_left_out_of_means_over_clips():
    y_true, y_pred = [REFERENCE, [], []], [DETECTED, [], [1.0]]
    f, message = only_warning(onset_f1, y_true, y_pred, average="clips")
    assert f == pytest.approx((2 / 3 + 0) / 2) and "1 of 3 clips" in message
    f, message = only_warning(onset_f1, *SILENT, average="clips")
    assert f == 0 and "2 of 2 clips" in message


# Bad input


@pytest.mark.parametrize(
    ("y_true", "y_pred", "match"),
    [
        ([[1.0]], [[1.0], [2.0]], "1 clips.* 2"),
        ([1.0, 2.0], [1.0, 2.0], r"y_true.*1\.0.*\[y_true\]"),
        ("clip.onsets", ["clip.onsets"], "y_true.*'clip.onsets'"),
        ([[1.0], [np.nan]], [[1.0], [1.0]], r"y_true\[1\]"),
        ([[1.0]], [[2.0, 1.0]], r"y_pred\[0\]"),
        ([[1.0]], [[-1.0]], r"y_pred\[0\]"),
        ([None], [[1.0]], r"y_true\[0\]"),
        ([], [], "y_true"),
    ],
)
def test_what_cannot_be_scored_is_named(y_true, y_pred, match):
    with pytest.raises(ValueError, match=match):
        onset_scores(y_true, y_pred)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"y_true\[1\].*gone\.onsets"):
        onset_f1([[1.0], tmp_path / "gone.onsets"], [[1.0], [1.0]])


@pytest.mark.parametrize(
    "options",
    [{"window": -0.1}, {"window": np.nan}, {"merge": "x"}, {"average": "macro"}],
)
def test_parameters_are_checked(options):
    ((name, _),) = options.items()
    for function in (onset_scores, onset_f1):
        with pytest.raises(ValueError, match=name):
            function([[1.0]], [[1.0]], **options)
    with pytest.raises(ValueError, match=name):
        onset_scorer(**options)
    with pytest.raises(ValueError, match="score"):
        onset_scorer("f2")


# Scorers


class Late(BaseEstimator):
    """Detects the onsets in X, too late."""

    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def fit(self, X, y):
        return self

    def predict(self, X):
        return object_array([np.asarray(times) + self.seconds for times in X])


def test_scorers_are_found_by_name_and_score_pooled_onsets():
    assert list(ONSET_SCORERS) == ["onset_f1", "onset_precision", "onset_recall"]
    assert set(ONSET_SCORERS) < set(get_scorer_names())
    scores = onset_scores([REFERENCE, [1.0]], [DETECTED, [1.0]])
    for name, expected in zip(RATIOS, ratios(scores), strict=True):
        scorer = get_scorer(f"onset_{name.replace('f', 'f1')}")
        again = pickle.loads(pickle.dumps(scorer))
        for each in (scorer, again):
            assert each(Late(), [DETECTED, [1.0]], [REFERENCE, [1.0]]) == expected


def test_scorers_take_a_window_and_work_in_cross_validation():
    X = object_array([np.arange(1, n) / 2 for n in (3, 4, 5, 6)])
    scoring = {
        "near": "no",
        "25 ms": onset_scorer(),
        "50 ms": onset_scorer(window=0.05),
    }
    del scoring["near"]
    found = cross_validate(Late(0.04), X, X, cv=2, scoring=scoring)
    assert found["test_25 ms"].tolist() == [0, 0]
    assert found["test_50 ms"].tolist() == [1, 1]
