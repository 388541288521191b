"""What a comparison takes as folds and scores, and what it says and shows."""

import io
import re
import sys
from typing import ClassVar

import mir_eval
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold, PredefinedSplit
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from skdeepmir import compare
from skdeepmir.baselines import chroma_templates
from skdeepmir.datasets import make_chord_clips
from skdeepmir.frames import object_array
from skdeepmir.metrics import (
    CHORD_SCORERS,
    TAG_SCORERS,
    auc_tag,
    get_scorer,
    get_scorer_names,
    score_chords,
    tag_report,
)
from skdeepmir.model_selection import Comparison
from skdeepmir.model_selection._monitor import Monitor

RNG = np.random.RandomState(0)
Y = np.arange(60) % 3
X = RNG.randn(60, 4) + Y[:, np.newaxis] * 0.5
TAGS = np.stack([Y == 0, X[:, 0] > 0], axis=1).astype(int)
FOLDS = np.arange(60) // 20
PIPELINES = {"guess": DummyClassifier(), "linear": LogisticRegression()}
TAGGERS = {"linear": OneVsRestClassifier(LogisticRegression())}


def expected_folds(y=Y, folds=FOLDS):
    return compare(PIPELINES, X, y, cv=PredefinedSplit(folds), verbose=False).folds


@pytest.mark.parametrize(
    "cv",
    [
        FOLDS,
        FOLDS.tolist(),
        FOLDS.astype(str).astype(object),
        pd.Series(FOLDS * 10.0, index=range(100, 160)),
        pd.DataFrame({"fold": FOLDS}),
        [(FOLDS != i, FOLDS == i) for i in range(3)],
        [[np.flatnonzero(FOLDS != i).tolist(), FOLDS == i] for i in range(3)],
        (pair for pair in PredefinedSplit(FOLDS).split()),
    ],
)
def test_folds_may_be_given_in_many_ways(cv):
    found = compare(PIPELINES, X, Y, cv=cv, verbose=False).folds
    assert found["accuracy"].equals(expected_folds()["accuracy"])


def test_folds_are_sorted_as_numbers_and_minus_one_is_never_tested():
    cv = np.array(["10", "9", "-1"], dtype=object)[FOLDS]
    folds = compare(PIPELINES, X, Y, cv=cv, verbose=False).folds
    expected = expected_folds(folds=np.array([1, 0, -1])[FOLDS])
    assert folds["accuracy"].equals(expected["accuracy"])
    mask = FOLDS == 2
    (score,) = compare({"a": LogisticRegression()}, X, Y, cv=mask, verbose=False).folds[
        "accuracy"
    ]
    assert score == LogisticRegression().fit(X[~mask], Y[~mask]).score(X[mask], Y[mask])


@pytest.mark.parametrize(
    "cv, match",
    [
        (True, "cv=True"),
        ("5", "cv='5'"),
        (2.5, "cv=2.5"),
        ([], "empty"),
        (FOLDS[1:], "59 clips.* 60 "),
        ([None, *FOLDS[1:]], "clip 0 has no fold"),
        (np.r_[np.nan, FOLDS[1:]], "clip 0 has no fold"),
        (np.zeros(60, int), "fold 0"),
        ((FOLDS != 0, FOLDS == 0), "item 0 .*60 entries"),
        ([(FOLDS != 0, FOLDS == 3)], "test rows of split 0.* 0 of them True"),
        ([([0, 1], [60])], "test rows of split 0 have 60; expected 0 to 59"),
        ([([-1, 1], [2])], "training rows of split 0 have -1"),
        ([([0.5, 1], [2])], "training rows of split 0 .*float64"),
        ([([0, 1], [])], r"test rows of split 0 have shape \(0,\)"),
    ],
)
def test_what_makes_no_folds_is_refused(cv, match):
    with pytest.raises(ValueError, match=match):
        compare(PIPELINES, X, Y, cv=cv, verbose=False)


def test_a_clip_on_both_sides_is_told_of():
    with pytest.warns(UserWarning, match="clips are on both sides of 1 of 1 .*3"):
        compare(PIPELINES, X, Y, cv=[(range(40), [3, 50, 51])], verbose=False)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_names_of_the_field_stand_beside_those_of_scikit_learn():
    names = get_scorer_names()
    assert names == sorted(set(names)) and {"accuracy", "auc_tag"} < set(names)
    for name in names:
        assert callable(get_scorer(name))
    tagger = TAGGERS["linear"].fit(X, TAGS)
    for name, scorer in TAG_SCORERS.items():
        if name != "precision_at_3":
            assert get_scorer(name)(tagger, X, TAGS) == scorer(tagger, X, TAGS)
    assert get_scorer("precision_at_2")(tagger, X, TAGS) == TAGS.mean()
    assert get_scorer("wcsr_sevenths") == CHORD_SCORERS["sevenths"]
    own = make_scorer(accuracy_score)
    assert get_scorer(own) is own


@pytest.mark.parametrize(
    "name, near",
    [("wcsr_majmim", "wcsr_majmin"), ("auctag", "auc_tag"), ("acuracy", "accuracy")],
)
def test_a_misspelt_score_has_a_suggestion(name, near):
    with pytest.raises(ValueError, match=f"'{name}' .*Did you mean '{near}'"):
        get_scorer(name)
    with pytest.raises(ValueError, match=near):
        compare(PIPELINES, X, Y, scoring=["accuracy", name])


def explode(X):
    raise AssertionError("nothing may be extracted")


NEVER = {
    "first": make_pipeline(FunctionTransformer(explode), LogisticRegression()),
    "last": make_pipeline(FunctionTransformer(explode), LinearSVC()),
}
NUMBERS = {"it": make_pipeline(FunctionTransformer(explode), DummyRegressor())}


@pytest.mark.parametrize(
    "pipelines, y, scoring, match",
    [
        (NEVER, Y, "neg_log_loss", "predict_proba.*'last'.*LinearSVC"),
        ({"it": GridSearchCV(NEVER["last"], {})}, Y, "roc_auc_ovr", "'it'.*LinearSVC"),
        (NEVER, Y, "roc_auc", "roc_auc.*3 values.*multi_class"),
        (NEVER, Y, "auc_tag", "auc_tag.*'first'"),
        (NEVER, Y, "wcsr_majmin", "wcsr_majmin"),
        (NEVER, TAGS, "wcsr_majmin", "2 tags of 60 clips .it scores annotations"),
        (NUMBERS, X[:, 0], "accuracy", "accuracy.*'it'.*numbers.*continuous"),
        (NUMBERS, Y, "f1_macro", "f1_macro.*'it'"),
        (NEVER, Y, accuracy_score, "accuracy_score"),
        (NEVER, TAGS, auc_tag, "auc_tag is a metric"),
        (NEVER, TAGS, "precision_at_3", "k=3"),
        (NEVER, Y, ["accuracy", "accuracy"], "twice"),
        (NEVER, Y, ["accuracy", accuracy_score], "accuracy_score"),
        (NEVER, Y, {"fold": "accuracy"}, "'fold'"),
        (NEVER, Y, {3: "accuracy"}, "3 cannot be"),
        (NEVER, Y, {"a": 3}, "scoring=3"),
        (NEVER, Y, [], "empty"),
        (NEVER, Y, lambda y_true, y_pred: 1.0, r"scoring takes \(y_true, y_pred\)"),
        (NEVER, Y, {"of 4": lambda e, X, y, w: 1.0}, "'of 4' takes .*w"),
        (NEVER, Y, {"keyed": lambda e, X, y, *, k: 1.0}, "'keyed' takes .*k"),
        (NEVER, Y, mir_eval.onset.f_measure, "'reference_onsets' would be the"),
        (NEVER, Y, {"mine": lambda y_true, y_pred, k=3: 1.0}, "'mine'.*'y_true'"),
        (NEVER, Y, {"made": Monitor}, "'made' is the class Monitor"),
        (NEVER, Y, len, "scoring takes"),
    ],
)
def test_scores_that_cannot_be_are_refused_before_anything_is_extracted(
    pipelines, y, scoring, match
):
    with pytest.raises(ValueError, match=match):
        compare(pipelines, X, y, scoring=scoring, verbose=False)


@pytest.mark.parametrize(
    "scoring", ["accuracy", "auc_tag", "roc_auc", "precision_at_2"]
)
def test_scores_of_classes_and_tags_are_refused_for_chords(scoring):
    songs = make_chord_clips(n_clips=4, duration=2.0, random_state=0)
    chords = {"it": make_pipeline(FunctionTransformer(explode), chroma_templates())}
    for y in (songs.target, [["C:maj"]] * 4):
        with pytest.raises(ValueError, match=f"'{scoring}' .*'it'.*annotation"):
            compare(chords, songs.data, y, scoring=scoring, cv=2, verbose=False)


def test_several_scores_come_from_one_fit():
    scoring = ["accuracy", "f1_macro", "neg_log_loss"]
    result = compare(PIPELINES, X, Y, scoring=scoring, cv=3, verbose=False)
    assert result.metrics == scoring and result.metric == "accuracy"
    for name in scoring:
        alone = compare(PIPELINES, X, Y, scoring=name, cv=3, verbose=False)
        assert alone.folds[name].equals(result.folds[name])
        times = ["fit_time", "predict_time"]
        mine, other = result.summary(name), alone.summary()
        pd.testing.assert_frame_equal(
            mine.drop(columns=times), other.drop(columns=times)
        )
    with pytest.raises(ValueError, match="metric='f1' .*'f1_macro'"):
        result.summary("f1")
    named = {"one": "accuracy", "two": make_scorer(accuracy_score)}
    result = compare(PIPELINES, X, Y, scoring=named, cv=3, verbose=False)
    assert result.folds["one"].equals(result.folds["two"])


def test_a_score_that_fails_costs_no_other():
    def fails(estimator, X, y):
        raise RuntimeError("no such luck")

    with pytest.warns(Warning, match="score 'own' of pipeline 'a'.*no such luck"):
        result = compare(
            {"a": LogisticRegression()},
            *(X, Y),
            scoring={"own": fails, "accuracy": "accuracy"},
            cv=2,
            verbose=False,
        )
    assert result.folds["accuracy"].notna().all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.parametrize("value", ["good", None, np.ones(2), {"p": [1.0]}])
def test_what_is_no_score_is_named(value):
    with pytest.raises(ValueError, match=r"scorer 'mine' gave .*expected a number"):
        compare(
            {"a": LogisticRegression()},
            *(X, Y),
            scoring={"mine": lambda estimator, X, y: value},
            cv=2,
            verbose=False,
        )


def test_names_of_scores_may_be_an_array():
    names = np.array(["accuracy", "f1_macro"])
    for scoring in (names, pd.Series(names)):
        result = compare(TAGGERS, X, TAGS, scoring=scoring, cv=2, verbose=False)
        assert result.metrics == names.tolist()


def test_predictions_and_scores_of_clips_are_kept():
    groups = np.arange(60) // 4
    result = compare(PIPELINES, X, Y, groups=groups, cv=3, verbose=False)
    table = result.predictions
    assert list(table) == "pipeline fold clip group true predicted scores".split()
    assert (table["true"] == Y[table["clip"]]).all()
    assert (table["group"] == groups[table["clip"]]).all()
    for name in PIPELINES:
        rows = table[table["pipeline"] == name]
        assert sorted(rows["clip"]) == list(range(60))
        scores = np.stack(rows["scores"].tolist())
        np.testing.assert_array_equal(scores.argmax(axis=1), rows["predicted"])
        hits = result.clip_scores.query("pipeline == @name")["accuracy"]
        assert (hits == (rows["true"] == rows["predicted"])).all()
        by_fold = hits.groupby(rows["fold"]).mean().to_numpy()
        folds = result.folds.query("pipeline == @name")["accuracy"]
        np.testing.assert_allclose(by_fold, folds)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_tags_have_scores_of_clips():
    scoring = ["auc_clip", "precision_at_2", "auc_tag"]
    result = compare(TAGGERS, X, TAGS, scoring=scoring, cv=[(FOLDS > 0, FOLDS == 0)])
    table = result.clip_scores
    assert "auc_tag" not in table
    assert (
        table["auc_clip"].isna().tolist()
        == (TAGS[FOLDS == 0].sum(axis=1) != 1).tolist()
    )
    for metric in scoring[:2]:
        assert table[metric].mean() == pytest.approx(result.folds[metric][0])


def test_confusion_of_classes_tags_and_chords():
    result = compare(PIPELINES, X, Y, cv=3, verbose=False)
    table = result.confusion("linear", target_names=np.array(["a", "b\n", "c"]))
    assert table.index.tolist() == ["a", "b\\n", "c"] == table.columns.tolist()
    rows = result.predictions.query("pipeline == 'linear'")
    expected = pd.crosstab(rows["true"], rows["predicted"]).to_numpy()
    np.testing.assert_array_equal(table, expected)
    for problem in ({"pipeline": "svm"}, {"target_names": ["a"]}):
        with pytest.raises(ValueError, match=next(iter(problem))):
            result.confusion(**{"pipeline": "linear", **problem})
    tags = compare(TAGGERS, X, TAGS, cv=3, verbose=False)
    counts = tags.confusion("linear", target_names=["drums", "voice"])
    truth, predicted = (
        np.stack(tags.predictions[column].tolist()) for column in ("true", "predicted")
    )
    report = tag_report(truth, predicted)
    assert counts.index.tolist() == ["drums", "voice"]
    named = pd.DataFrame(TAGS, columns=["drums", "voice"])
    again = compare(TAGGERS, X, named, cv=3, verbose=False)
    assert again.confusion("linear").equals(counts)
    there = compare(TAGGERS, X[:40], named[:40], X_test=X[40:], y_test=TAGS[40:])
    assert there.confusion("linear").index.tolist() == ["drums", "voice"]
    recall = counts["true_positive"] / counts[["true_positive", "false_negative"]].sum(
        axis=1
    )
    np.testing.assert_allclose(recall, report["recall"])
    framed = pd.DataFrame(TAGS, columns=["drums", "voice"])
    named = compare(TAGGERS, X, framed, cv=3, verbose=False).confusion("linear")
    pd.testing.assert_frame_equal(named, counts)
    numbers = {"mean": DummyRegressor()}
    result = compare(numbers, X, X[:, 0], scoring="r2", verbose=False)
    with pytest.raises(ValueError, match="'mean' predicts numbers"):
        result.confusion("mean")


class AlwaysC(BaseEstimator):
    """Calls everything C, at a frame rate that depends on the fold."""

    def fit(self, X, y):
        self.frame_rate_ = 4.0 * len(X)
        return self

    def predict(self, X):
        n_frames = round(4 * self.frame_rate_)
        return object_array([np.full(n_frames, "C:maj") for _ in X])


def test_confusion_of_chords_is_in_seconds_at_the_rate_of_each_fold(tmp_path):
    files = [tmp_path / f"{i}.lab" for i in range(3)]
    for file in files:
        file.write_text("0 1 C:maj\n1 4 A:min\n")
    cv = [([0, 1], [2]), ([2], [0, 1])]
    for y in (files, [str(file) for file in files]):
        result = compare(
            {"it": AlwaysC()}, np.zeros((3, 1)), y, cv=cv, scoring="wcsr_majmin"
        )
        table = result.confusion("it", by="quality")
        np.testing.assert_allclose(table.loc["maj", "maj"], 3, atol=0.3)
        np.testing.assert_allclose(table.loc["min", "maj"], 9, atol=0.4)


@pytest.mark.parametrize("cv", [3, [(FOLDS > 0, FOLDS == 0)]])
def test_a_pipeline_alone_is_shown_without_differences(cv):
    result = compare({"it": LogisticRegression()}, X, Y, cv=cv, verbose=False)
    assert re.search(r"^1 pipeline,(?s:.*)pipeline +accuracy +fit", str(result))
    assert "| accuracy | fit (s) |" in result.to_markdown()
    for text in (str(result), result._repr_html_(), result.to_latex()):
        assert "to it" not in text and "difference" not in text


@pytest.mark.usefixtures("pictures")
def test_confusion_is_drawn(tmp_path):
    names = ["pop", "r$b$", "jazz"]
    result = compare(PIPELINES, X, Y, cv=3, verbose=False)
    display = result.plot_confusion("linear", target_names=names)
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == names
    display.figure_.savefig(tmp_path / "picture.png")
    songs = make_chord_clips(n_clips=4, duration=2.0, random_state=0)
    chords = compare(
        {"it": chroma_templates(verbose=False)},
        *(songs.data, songs.target),
        scoring=score_chords,
        cv=2,
        verbose=False,
    )
    assert chords.confusion("it", by="quality").loc["maj"].sum() > 0
    assert chords.plot_confusion("it").percent_ is not None
    with pytest.raises(ValueError, match="tags"):
        compare(TAGGERS, X, TAGS, verbose=False).plot_confusion("linear")


@pytest.mark.usefixtures("pictures")
def test_long_names_of_classes_are_inside_the_picture_of_the_confusion():
    names = ["a" * 12, "b" * 12, "c" * 12]
    result = compare(PIPELINES, X, Y, verbose=False)
    display = result.plot_confusion("linear", target_names=names)
    display.figure_.canvas.draw()
    for text in display.ax_.get_xticklabels() + display.ax_.get_yticklabels():
        box = text.get_window_extent()
        assert min(box.x0, box.y0) >= 0


def test_the_table_is_what_is_printed_and_shown():
    pipelines = {"a|b <i>": DummyClassifier(), "50 % of $x_1$": LogisticRegression()}
    scoring = ["accuracy", "f1_macro"]
    result = compare(pipelines, X, Y, cv=3, scoring=scoring, verbose=False)
    text, page = str(result), result._repr_html_()
    for shown in (text, page, result.to_markdown(), result.to_latex()):
        for _, row in result.summary("f1_macro").iterrows():
            assert f"{row['mean']:.3f}" in shown
    for row in text.splitlines()[2:5]:
        assert len(re.split(r"\s{2,}", row)) in (5, 9)
    assert "a|b <i>" in text and "3 folds" in text and "t-test" in text
    assert "a|b &lt;i&gt;" in page and "<i>" not in page
    assert page.count("<tr>") == 3
    lines = result.to_latex("accuracy").splitlines()
    assert all(line.count(" & ") == 5 for line in lines if line.endswith("\\\\"))
    assert r"50 \% of \$x\_1\$" in lines[5] and r"a\textbar{}b" in lines[4]
    assert "$\\pm$" in lines[4] and "f1" not in "".join(lines)
    single = compare(pipelines, X, Y, cv=[(FOLDS > 0, FOLDS == 0)], verbose=False)
    assert "sign flips" in str(single) and "20 clips" in str(single)


def test_few_groups_are_owned_up_to():
    groups = np.arange(60) % 4
    test = {"X_test": X, "y_test": Y, "groups_test": groups, "verbose": False}
    text = str(compare(PIPELINES, X, Y, **test))
    assert "4 groups" in text and "0.125" in text and "(-inf to +inf)" in text


def test_a_comparison_without_predictions_says_so():
    folds = compare(PIPELINES, X, Y, cv=3, verbose=False).folds
    result = Comparison(folds, ["accuracy"], baseline="guess")
    assert result.summary()["p_value"].notna().sum() == 1
    for ask in (lambda: result.predictions, lambda: result.confusion("guess")):
        with pytest.raises(ValueError, match="without predictions"):
            ask()


class Terminal(io.StringIO):
    """Standard error of a terminal."""

    def isatty(self):
        return True


def told(monkeypatch, stream, **options):
    monkeypatch.setattr(sys, "stderr", stream)
    compare(PIPELINES, X, Y, cv=3, **options)
    return stream.getvalue()


def test_each_part_has_a_line_in_a_log(monkeypatch):
    lines = told(monkeypatch, io.StringIO()).splitlines()
    assert len(lines) == 6 and "\r" not in "".join(lines)
    scores = compare(PIPELINES, X, Y, cv=3, verbose=False).folds
    for i, line in enumerate(lines):
        name = list(PIPELINES)[i % 2]
        assert line.startswith(f"[{i + 1}/6] {name}, fold {i // 2}: accuracy ")
        row = scores.query("pipeline == @name and fold == @i // 2")
        assert f" {row['accuracy'].iloc[0]:.3f}" in line
        assert (" left" in line) == (i < 5)


def test_a_terminal_has_a_bar_besides(monkeypatch):
    text = told(monkeypatch, Terminal())
    assert text.count("accuracy") == 6 and "Comparing" in text and "\r" in text


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_nothing_is_said_unless_verbose(monkeypatch, stream):
    assert told(monkeypatch, stream(), verbose=False) == ""


def test_failures_and_kept_parts_are_told_of(monkeypatch, tmp_path):
    pipelines = {"never": make_pipeline(FunctionTransformer(explode), LinearSVC())}
    pipelines["guess"] = DummyClassifier()
    for first in ("[1/4]", "2 of 4 fits kept"):
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        with pytest.warns(Warning, match="'never' failed"):
            compare(pipelines, X, Y, cv=2, cache_dir=tmp_path)
        text = stream.getvalue()
        assert text.startswith(first)
        assert text.count("failed, AssertionError: nothing may be extracted") == 2


class Took:
    """A part that took some seconds."""

    error, errors, was_kept, scores = None, {}, False, {}

    def __init__(self, seconds):
        self.kept = self
        self.fit_time, self.predict_time = seconds, 0.0


def test_the_rest_is_told_by_what_each_pipeline_takes(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    tasks = [(name, i) for i in range(3) for name in ("fast", "slow")]
    monitor = Monitor(tasks, n_kept=0, n_workers=1, is_one_test=False, verbose=True)
    for task, seconds in zip(tasks, [50, 600, 10, 600, 10, 600], strict=True):
        monitor.tell(*task, Took(seconds))
    lines = sys.stderr.getvalue().splitlines()
    left = [re.search(r"about (.*?) left", line) for line in lines]
    found = [match and match[1] for match in left]
    # 2 x 50 and slow, 2 x 50 + 2 x 600, 10 + 2 x 600, 10 + 600, 600, nothing
    assert found == ["2 min", "22 min", "20 min", "10 min", "10 min", None]
    assert ["left, and what slow takes" in line for line in lines] == [True] + 5 * [
        False
    ]


class Gone(io.StringIO):
    """The end of a pipe that nobody reads any more."""

    def write(self, text):
        raise BrokenPipeError(32, "Broken pipe")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("make", [lambda: None, closed, Gone])
def test_a_comparison_ends_even_if_nobody_can_read_of_it(make, monkeypatch):
    monkeypatch.setattr(sys, "stderr", make())
    found = compare(PIPELINES, X, Y, cv=2)
    assert found.folds["accuracy"].notna().all()


def test_names_are_written_in_the_letters_of_the_terminal(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", stream)
    compare({"caf\u00e9": DummyClassifier()}, X, Y, cv=2)
    stream.flush()
    assert rb"caf\xe9, fold 1: accuracy" in stream.buffer.getvalue()


def test_two_workers_halve_the_rest(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    tasks = [("a", i) for i in range(5)]
    monitor = Monitor(tasks, n_kept=0, n_workers=2, is_one_test=False, verbose=True)
    monitor.tell("a", 0, Took(60))
    assert "about 2 min left" in sys.stderr.getvalue()


class CountedStep(FunctionTransformer):
    """Counts what it transforms."""

    seen: ClassVar[list] = []

    def transform(self, X):
        self.seen.append(len(X))
        return super().transform(X)


@pytest.mark.parametrize("nested", [False, True])
def test_test_clips_are_transformed_once_for_all_responses(nested):
    CountedStep.seen.clear()
    steps = CountedStep(), "passthrough", None, LogisticRegression()
    pipeline = Pipeline([(f"step {i}", step) for i, step in enumerate(steps)])
    if nested:
        pipeline = GridSearchCV(make_pipeline(pipeline), {}, cv=[(range(9), range(9))])
    scoring = ["accuracy", "neg_log_loss", "roc_auc_ovr"]
    cv = [(FOLDS > 0, FOLDS == 0)]
    found = compare({"a": pipeline}, X, Y, scoring=scoring, cv=cv, verbose=False)
    assert CountedStep.seen.count(20) == 1
    plain = compare({"a": steps[-1]}, X, Y, scoring=scoring, cv=cv, verbose=False)
    assert found.folds[scoring].equals(plain.folds[scoring])


def test_what_has_probabilities_only_when_fitted_is_calibrated():
    pipelines = {"a": CalibratedClassifierCV(LinearSVC(), cv=2)}
    result = compare(pipelines, X, Y, scoring="roc_auc_ovr", cv=KFold(2), verbose=False)
    assert result.folds["roc_auc_ovr"].between(0.5, 1).all()
