import pickle
import warnings
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import soundfile
from scipy import stats
from scipy.sparse import coo_matrix, csr_array
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning, UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    StratifiedGroupKFold,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdeepmir import (
    DropoutMLPClassifier,
    GroupBaggingClassifier,
    TemplateChordRecognizer,
    compare,
)
from skdeepmir.baselines import chroma_hmm, chroma_templates
from skdeepmir.datasets import make_chord_clips
from skdeepmir.metrics import CHORD_SCORERS, TAG_SCORERS, auc_clip, score_chords
from skdeepmir.model_selection import corrected_t_test

RNG = np.random.RandomState(0)
Y = np.arange(60) % 3
X = RNG.randn(60, 4) + Y[:, np.newaxis] * 0.5
GROUPS = np.arange(60) // 4
PIPELINES = {"guess": DummyClassifier(), "linear": LogisticRegression()}


def test_folds_are_those_of_scikit_learn_and_the_same_for_all():
    result = compare(PIPELINES, X, Y, cv=KFold(4), verbose=False)
    for name, estimator in PIPELINES.items():
        folds = result.folds[result.folds["pipeline"] == name]
        expected = cross_val_score(estimator, X, Y, cv=KFold(4))
        np.testing.assert_array_equal(folds["accuracy"], expected)
        assert result.summary().loc[name, "mean"] == pytest.approx(expected.mean())
        assert (folds[["fit_time", "predict_time"]] > 0).all(axis=None)


def test_workers_give_the_same_scores():
    one = compare(PIPELINES, X, Y, groups=GROUPS, verbose=False)
    two = compare(PIPELINES, X, Y, groups=GROUPS, n_jobs=2, verbose=False)
    np.testing.assert_array_equal(one.folds["accuracy"], two.folds["accuracy"])


def test_corrected_t_test_by_hand():
    d = np.array([0.1, 0.2, 0.15, 0.05, 0.3])
    t = d.mean() / np.sqrt((1 / 5 + 1 / 4) * d.var(ddof=1))
    assert corrected_t_test(d, 1 / 4) == pytest.approx(2 * stats.t.sf(t, 4))
    # Without the correction it is the usual paired test.
    usual = stats.ttest_rel(d, np.zeros(5)).pvalue
    assert corrected_t_test(d, 0) == pytest.approx(usual)
    assert corrected_t_test(np.zeros(5), 1 / 4) == 1


def test_groups_on_both_sides_are_warned_about():
    with pytest.warns(UserWarning, match="group .*both sides of 3 of 3 "):
        compare(PIPELINES, X, Y, groups=np.arange(60) % 7, cv=KFold(3), verbose=False)


@pytest.mark.filterwarnings("error::UserWarning")
def test_whole_groups_give_no_warning():
    compare(PIPELINES, X, Y, groups=GROUPS, cv=GroupKFold(3), verbose=False)


def test_files_with_the_same_bytes_on_both_sides_are_warned_about(tmp_path):
    from skdeepmir.baselines import mel_svm

    rng = np.random.RandomState(0)
    paths = [str(tmp_path / f"{i}.wav") for i in range(8)]
    for i, path in enumerate(paths):
        sound = rng.randn(3000) * 0.1 if i != 7 else np.zeros(3000)
        soundfile.write(path, sound, 22050)
    (tmp_path / "7.wav").write_bytes((tmp_path / "0.wav").read_bytes())
    with pytest.warns(UserWarning, match="files .*both sides .*0.wav"):
        compare({"a": mel_svm()}, paths, [0, 1] * 4, cv=KFold(2), verbose=False)


@pytest.mark.usefixtures("pictures")
def test_table_and_picture(tmp_path):
    result = compare(PIPELINES, X, Y, cv=3, verbose=False, baseline="linear")
    assert result.to_markdown().count("\n") == 3
    assert "| linear | " in result.to_markdown()
    display = result.plot()
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["guess", "linear"]
    display.figure_.savefig(tmp_path / "picture.png")


def test_folds_of_tags_keep_groups_whole(recwarn):
    rng = np.random.RandomState(0)
    tags, groups = rng.randint(0, 2, (60, 3)), np.arange(60) // 4
    pipelines = {"a": DummyClassifier()}
    compare(pipelines, X, tags, groups=groups, cv=3, verbose=False)
    assert not [w for w in recwarn if "both sides" in str(w.message)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_failing_pipeline_raises():
    with pytest.raises(ValueError, match="0 clips|could not convert|Expected 2D"):
        compare({"a": LogisticRegression()}, np.array(["x"] * 60), Y, verbose=False)


def test_labels_and_groups_of_the_wrong_length_are_named():
    with pytest.raises(ValueError, match="y has 59 .*X has 60 "):
        compare(PIPELINES, X, Y[:-1], verbose=False)
    with pytest.raises(ValueError, match="groups has 59 .*X has 60"):
        compare(PIPELINES, X, Y, groups=GROUPS[:-1], verbose=False)


@pytest.mark.parametrize(
    "pipelines, baseline, message",
    [([1], None, r"pipelines=\[1\] .*dict"), (PIPELINES, "svm", "baseline='svm' ")],
)
def test_bad_arguments_are_named(pipelines, baseline, message):
    with pytest.raises(ValueError, match=message):
        compare(pipelines, X, Y, baseline=baseline, verbose=False)


@pytest.mark.parametrize(
    "found, fact",
    [
        (None, "None"),
        ("best", "'best'"),
        ([0.5, 0.5], "0.5, 0.5"),
        ({}, "{}"),
        ({"fold": 1}, "'fold': 1"),
        ({"kept": 1.0, "mean": None}, "'mean': None"),
    ],
)
def test_what_a_scorer_returns_is_a_number_or_some_with_names(found, fact):
    options = {"cv": 2, "verbose": False, "scoring": {"odd": lambda *given: found}}
    with (
        pytest.warns(FitFailedWarning),
        pytest.raises(ValueError, match=f"'odd' gave .*{fact}"),
    ):
        compare({"guess": DummyClassifier()}, X, Y, **options)


def test_two_scores_of_one_name_are_refused():
    scoring = {"a": lambda *given: {"b": 0.1}, "b": lambda *given: {"b": 0.9}}
    with pytest.warns(FitFailedWarning, match="'b' .*another scorer"):
        found = compare({"guess": DummyClassifier()}, X, Y, cv=2, scoring=scoring)
    assert (found.folds["b"] == 0.1).all()


@pytest.mark.parametrize(
    "options, fact",
    [
        ({"pipelines": {1: DummyClassifier()}}, "1 is not text"),
        ({"X": X[:0], "y": Y[:0]}, "no clips"),
        ({"X_test": X[:0], "y_test": Y[:0]}, "X_test.*no clips"),
        ({"cv": [([0, 0, 1], [2, 2])]}, "test rows of split 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(options, fact):
    given = {"pipelines": {"guess": DummyClassifier()}, "X": X, "y": Y, **options}
    with pytest.raises(ValueError, match=fact):
        compare(**given, verbose=False)


def test_what_is_not_an_estimator_is_refused_before_anything_is_fitted():
    with pytest.raises(TypeError, match="LogisticRegression|instance"):
        compare({"a": Fails(always=True), "b": LogisticRegression}, X, Y)


class Recorder(StratifiedGroupKFold):
    """Inner folds that remember which groups they were given."""

    seen: ClassVar[list] = []

    def split(self, X, y=None, groups=None):
        type(self).seen.append(groups)
        return super().split(X, y, groups)


@pytest.mark.parametrize("inside", [False, True])
def test_groups_reach_searches_inside_a_fold(inside):
    search = GridSearchCV(SVC(), {"C": [0.1, 1]}, cv=Recorder(2))
    pipeline = make_pipeline(StandardScaler(), search) if inside else search
    Recorder.seen.clear()
    compare({"tuned": pipeline}, X, Y, groups=GROUPS, cv=GroupKFold(3), verbose=False)
    assert len(Recorder.seen) == 3
    for groups in Recorder.seen:
        assert len(groups) == 40 and set(groups) < set(GROUPS)


def test_groups_do_not_matter_to_folds_that_are_given():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        folds = PredefinedSplit(np.asarray(GROUPS) % 3)
        compare(PIPELINES, X, Y, groups=GROUPS, cv=folds, verbose=False)


def test_recognisers_of_chords_are_compared_on_annotations():
    songs = make_chord_clips(n_clips=6, duration=4.0, random_state=0)
    pipelines = {"templates": chroma_templates(), "HMM": chroma_hmm()}
    options = {"cv": 3, "groups": songs.groups, "verbose": False}
    scorer = CHORD_SCORERS["majmin"]
    result = compare(pipelines, songs.data, songs.target, scoring=scorer, **options)
    assert result.folds["score"].between(0, 1).all() and len(result.folds) == 6
    listed = list(songs.target)
    again = compare(pipelines, songs.data, listed, scoring=scorer, **options)
    assert (again.folds["score"] == result.folds["score"]).all()
    every = compare(pipelines, songs.data, listed, scoring=score_chords, **options)
    assert list(every.metrics) == list(CHORD_SCORERS)
    assert (every.folds["majmin"] == result.folds["score"]).all()


FIRST = X[0]


class Fails(LogisticRegression):
    """Refuses training sets without clip 0, or all."""

    def __init__(self, always=False):
        super().__init__()
        self.always = always

    def fit(self, X, y):
        if self.always or not (X == FIRST).all(axis=1).any():
            raise RuntimeError("this solver wants clip 0")
        return super().fit(X, y)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_fit_that_fails_costs_no_other_score(n_jobs):
    pipelines = {**PIPELINES, "picky": Fails()}
    options = {"cv": KFold(4), "verbose": False, "baseline": "linear"}
    with pytest.warns(FitFailedWarning, match="'picky' .*fold 0 of 4.*clip 0") as told:
        result = compare(pipelines, X, Y, n_jobs=n_jobs, **options)
    assert len([w for w in told if w.category is FitFailedWarning]) == 1
    scores = result.folds.pivot(index="fold", columns="pipeline", values="accuracy")
    whole = compare(PIPELINES, X, Y, **options).folds["accuracy"]
    np.testing.assert_array_equal(
        scores[["guess", "linear"]].T.to_numpy().ravel(), whole
    )
    np.testing.assert_array_equal(scores["picky"][1:], scores["linear"][1:])
    row = result.summary().loc["picky"]
    assert (row.n_scored, row.n_failed) == (3, 1)
    assert row["mean"] == pytest.approx(scores["linear"][1:].mean())
    assert row.se == pytest.approx(stats.sem(scores["linear"][1:]))
    assert (row.difference, row.p_value) == (0, 1)
    assert "(3 of 4 folds)" in result.to_markdown()


def test_differences_are_over_the_folds_that_both_pipelines_have():
    with pytest.warns(FitFailedWarning):
        result = compare(
            {"picky": Fails(), "guess": DummyClassifier()},
            *(X, Y),
            cv=KFold(4),
            verbose=False,
        )
    scores = result.folds.pivot(index="fold", columns="pipeline", values="accuracy")
    difference = (scores["guess"] - scores["picky"])[1:].to_numpy()
    row = result.summary().loc["guess"]
    assert row.difference == pytest.approx(difference.mean())
    assert row.p_value == pytest.approx(corrected_t_test(difference, 1 / 3))
    assert (row.n_scored, row.n_failed) == (4, 0)


@pytest.mark.usefixtures("pictures")
def test_a_pipeline_that_always_fails_has_no_score_and_does_not_end_the_others():
    with pytest.warns(FitFailedWarning) as told:
        result = compare(
            {"never": Fails(always=True), **PIPELINES}, X, Y, cv=3, verbose=False
        )
    assert len([w for w in told if w.category is FitFailedWarning]) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summary = result.summary()
        assert len(result.plot().ax_.get_yticklabels()) == 3
    assert summary["n_failed"].tolist() == [3, 0, 0]
    assert summary["mean"].isna().tolist() == [True, False, False]
    assert summary["p_value"].isna().all()  # the baseline is the one that failed
    with pytest.warns(FitFailedWarning), pytest.raises(RuntimeError, match="clip 0"):
        compare({"never": Fails(always=True)}, X, Y, verbose=False)


TAGGERS = {
    "forest": RandomForestClassifier(5, random_state=0),
    "neighbours": KNeighborsClassifier(3),
    "linear": OneVsRestClassifier(LogisticRegression()),
    "prior": DummyClassifier(),
    "bag": GroupBaggingClassifier(
        RandomForestClassifier(3), 2, random_state=0, verbose=False
    ),
    "net": DropoutMLPClassifier((4,), max_epochs=1, random_state=0, verbose=False),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.filterwarnings("ignore:Label not 1 is present", "ignore:Label .* is pres")
@pytest.mark.parametrize("metric", ["auc_clip", "auc_tag"])
def test_a_tag_that_a_training_fold_lacks_or_always_has_is_not_a_failure(metric):
    rng = np.random.RandomState(0)
    tags = rng.randint(0, 2, (60, 5))
    tags[30:, 3], tags[30:, 4] = 0, 1  # fold 0 is trained on these
    cv = PredefinedSplit(np.repeat([0, 1], 30))
    scorer = TAG_SCORERS[metric]
    result = compare(TAGGERS, X, tags, cv=cv, scoring=scorer, verbose=False)
    assert result.folds["score"].between(0, 1).all()
    assert not result.summary()["n_failed"].any()
    options = {"cv": cv, "scoring": scorer, "verbose": False}
    sparse = compare(TAGGERS, X, csr_array(tags), **options)
    np.testing.assert_array_equal(sparse.folds["score"], result.folds["score"])


def test_forests_give_tags_that_they_never_saw_no_probability():
    tags = np.zeros((60, 3), dtype=int)
    tags[:, 0], tags[:, 1] = Y == 0, 1
    forest = RandomForestClassifier(5, random_state=0).fit(X, tags)
    truth = np.tile([0, 1, 1], (60, 1))  # the second always, the third never seen
    scorer = pickle.loads(pickle.dumps(TAG_SCORERS["precision_at_3"]))
    assert scorer(forest, X, truth) == pytest.approx(2 / 3)
    # Only a clip that the forest is sure of ranks the first tag as high as the second.
    p = forest.predict_proba(X)[0][:, 1]
    by_hand = auc_clip(truth, np.column_stack([p, np.ones(60), np.zeros(60)]))
    assert TAG_SCORERS["auc_clip"](forest, X, truth) == pytest.approx(by_hand)


@pytest.mark.parametrize("form", [csr_array, coo_matrix])
def test_sparse_tags_give_the_scores_of_dense_ones(form):
    tags = np.random.RandomState(0).randint(0, 2, (60, 3))
    pipelines = {"a": OneVsRestClassifier(LogisticRegression())}
    options = {"groups": GROUPS, "cv": 3, "verbose": False}
    dense = compare(pipelines, X, tags, **options)
    sparse = compare(pipelines, X, form(tags), **options)
    np.testing.assert_array_equal(dense.folds["accuracy"], sparse.folds["accuracy"])


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, "", "  ", "nan"])
@pytest.mark.parametrize("form", [list, pd.Series, lambda g: np.array(g, dtype=object)])
def test_a_clip_without_a_group_is_named(missing, form):
    groups = [f"artist {g}" for g in GROUPS]
    groups[7] = missing
    with pytest.raises(ValueError, match="groups: clip 7 "):
        compare(PIPELINES, X, Y, groups=form(groups), verbose=False)


@pytest.mark.parametrize("blank", ["", " \t", np.str_("\u2003")])
@pytest.mark.parametrize("form", [list, np.array, pd.Series])
def test_blank_text_is_not_a_label(blank, form):
    labels = ["a", "b", "c"] * 20
    labels[7] = blank
    with pytest.raises(ValueError, match="clip 7 has no label"):
        compare(PIPELINES, X, form(labels), verbose=False)
    labels[7] = "nan"  # a label, whatever it means
    compare({"guess": DummyClassifier()}, X, labels, cv=KFold(2), verbose=False)


def test_missing_tags_and_values_are_named():
    tags = np.stack([Y == 0, Y == 1], axis=1).astype(float)
    tags[9, 1] = np.nan
    for y in (tags, tags.tolist(), pd.DataFrame(tags), tags[:, 1]):
        for pipelines in (PIPELINES, {"mean": DummyRegressor()}):
            with pytest.raises(ValueError, match="clip 9 has no label .nan"):
                compare(pipelines, X, y, verbose=False)


def test_what_is_masked_is_named():
    hidden = np.arange(60) == 8
    for y in (np.ma.array(Y, mask=hidden), np.ma.array(Y.astype(str), mask=hidden)):
        with pytest.raises(ValueError, match="y: row 8 .*mask"):
            compare(PIPELINES, X, y, verbose=False)
    masked = np.ma.array(X, mask=np.zeros(X.shape))
    masked[8, 2] = np.ma.masked
    with pytest.raises(ValueError, match="X: row 8 .*mask"):
        compare(PIPELINES, masked, Y, verbose=False)
    plain = np.ma.array(Y)
    result = compare(PIPELINES, X, plain, cv=KFold(2), verbose=False)
    expected = compare(PIPELINES, X, Y, cv=KFold(2), verbose=False)
    assert (result.folds["accuracy"] == expected.folds["accuracy"]).all()


def test_all_annotations_that_cannot_be_used_are_named_before_the_first_fit(tmp_path):
    songs = make_chord_clips(n_clips=6, duration=2.0, random_state=0)
    (tmp_path / "bad.lab").write_text("0 1 C:maj\n1 2 H:dur\n")
    y = list(songs.target)
    y[1], y[3], y[4] = tmp_path / "bad.lab", ([[0, 1]], ["C", "D"]), "gone.lab"
    never = make_pipeline(Fails(always=True), TemplateChordRecognizer())
    search = GridSearchCV(never, {})
    options = {"scoring": CHORD_SCORERS["majmin"], "verbose": False}
    for pipeline in (never, search):
        with pytest.raises(ValueError, match="3 of 6 ") as raised:
            compare({"it": pipeline}, songs.data, y, **options)
        for fact in ("clip 1", "bad.lab", "H:dur", "clip 3", "clip 4", "gone.lab"):
            assert fact in str(raised.value)
    frames = [["C:maj", "N"]] * 5 + [np.array(["C:maj", "H:dur"])]
    with pytest.raises(ValueError, match="clip 5: .*H:dur"):
        compare({"it": never}, songs.data, frames, **options)


def test_fewer_groups_than_folds_are_refused():
    tags = np.stack([Y == 0, Y == 1], axis=1)
    chords = {"mean": DummyRegressor()}
    accuracy = {"verbose": False, "scoring": "accuracy"}
    for pipelines, y in ((PIPELINES, Y), (TAGGERS, tags), (chords, Y)):
        options = accuracy if pipelines is not chords else {"scoring": "r2"}
        with pytest.raises(ValueError, match="2 groups.* 5 folds"):
            compare(pipelines, X, y, groups=GROUPS > 6, **options)


@pytest.mark.parametrize("scoring", ["acuracy", "auc_tag", 3, ["accuracy", "f1"], {}])
def test_an_unknown_scorer_is_refused_once_before_the_first_fit(scoring):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="scoring"):
            compare({"it": Fails(True)}, X, Y, scoring=scoring, verbose=False)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_tags_without_a_score_are_named_once(n_jobs):
    tags = np.stack([Y == 0, Y == 1, np.arange(60) == 0], axis=1).astype(int)
    taggers = {name: TAGGERS[name] for name in ("prior", "neighbours")}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compare(
            taggers,
            *(X, tags),
            cv=KFold(3),
            scoring=TAG_SCORERS["auc_tag"],
            n_jobs=n_jobs,
            verbose=False,
        )
    (warning,) = caught
    assert warning.category is UndefinedMetricWarning and warning.filename == __file__
    for fact in ("2 of 3 folds", "Fold 1: 1 of 3 tags", "number 2"):
        assert fact in str(warning.message)


def test_groups_are_named_as_they_are_written():
    for groups in (GROUPS, GROUPS.astype(str), GROUPS.astype(np.int8)):
        with pytest.warns(UserWarning, match="group .*both sides") as caught:
            compare(PIPELINES, X, Y, groups=groups, cv=KFold(4), verbose=False)
        assert "np." not in str(caught[0].message)


def test_a_clip_without_a_label_is_named():
    labels = [f"genre {label}" for label in Y]
    labels[4] = np.nan
    with pytest.raises(ValueError, match="clip 4 has no label"):
        compare(PIPELINES, X, labels, verbose=False)


@pytest.mark.filterwarnings("error::UserWarning")
def test_an_artist_in_two_spellings_is_one_group():
    names = np.array(["Bj\u00f6rk", "Bjo\u0308rk", "Abba", "Abba ", "Cher", "Cher"])
    result = compare(PIPELINES, X, Y, groups=names[GROUPS % 6], cv=3, verbose=False)
    assert set(result.folds["n_test"]) == {24, 20, 16}
    with pytest.raises(ValueError, match="groups: 3"):
        compare(PIPELINES, X, Y, groups=names[GROUPS % 6], cv=GroupKFold(4))
