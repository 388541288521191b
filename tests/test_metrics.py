import itertools
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC
from undefined_scores import only_warning

from skdeepmir import DropoutMLPClassifier
from skdeepmir.metrics import (
    TAG_SCORERS,
    auc_clip,
    auc_tag,
    average_precision_tag,
    mean_and_se,
    mirex2009_tag_scores,
    precision_at_k,
    tag_report,
)

# Four clips, three tags; the third has all clips.
Y = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1], [0, 0, 1]])
S = np.array([[0.9, 0.1, 0.8], [0.2, 0.7, 0.3], [0.6, 0.2, 0.5], [0.7, 0.3, 0.1]])


def random_case(seed, n_clips=40, n_tags=12, levels=None, rate=0.3):
    """Return tags and scores; with ``levels``, scores of few values, 0 among them."""
    rng = np.random.RandomState(seed)
    y = (rng.rand(n_clips, n_tags) < rate).astype(int)
    if levels is None:
        return y, rng.randn(n_clips, n_tags)
    return y, rng.randint(levels[0], levels[1] + 1, y.shape) / 4


def evaluator_area(truth, affinities):
    """Area as by TagClassificationAffinityEvaluator.java, rule by rule."""
    points = sorted(zip(affinities, truth, strict=True), key=lambda p: -p[0])
    positives, negatives = sum(truth), len(truth) - sum(truth)

    def rate(count, total):  # NaN, of 0 / 0, becomes 0
        return count / total if total else 0.0

    curve, true_positives, false_positives = [], 0, 0
    last_affinity = 0.0  # it is never set again
    for affinity, applies in points:
        if affinity != last_affinity:
            curve.append(
                (rate(false_positives, negatives), rate(true_positives, positives))
            )
        if applies:
            true_positives += 1
        else:
            false_positives += 1
    if not curve:
        curve.append((0.0, 0.0))
    curve.append((rate(false_positives, negatives), rate(true_positives, positives)))
    return sum(
        (y1 + y2) / 2 * (x2 - x1) for (x1, y1), (x2, y2) in itertools.pairwise(curve)
    )


def evaluator_precision(truth, affinities, k):
    points = sorted(zip(affinities, truth, strict=True), key=lambda p: -p[0])
    hits = 0
    for count, (_, applies) in enumerate(points, start=1):
        hits += applies
        if count == k:
            return hits / count
    return 0.0  # never reached


def pairs_area(truth, scores):
    """Share of pairs of a positive and a negative in the right order."""
    wins = [
        1.0 if p > n else 0.5 if p == n else 0.0
        for p in scores[truth == 1]
        for n in scores[truth == 0]
    ]
    return np.mean(wins) if wins else np.nan


# Known answers


@pytest.mark.parametrize("strict_mirex", [False, True])
def test_areas_by_hand(strict_mirex):
    # Tag 0: 0.9 beats both 0.2 and 0.7, 0.6 one of them: 3 of 4 pairs. Tag 1: 0.7
    # beats both 0.1 and 0.3, 0.2 one of them.
    kwargs = {"strict_mirex": strict_mirex}
    assert auc_tag(Y[:, :2], S[:, :2], **kwargs) == 0.75
    # Clip 0: 0.9 and 0.8 beat 0.1. Clip 1: 0.7, 0.3 beat 0.2. Clip 3: 0.1 beats none.
    areas, _ = only_warning(auc_clip, Y, S, average=None, **kwargs)
    undefined = 0.0 if strict_mirex else np.nan
    np.testing.assert_array_equal(areas, [1, 1, undefined, 0])


def test_average_precision_by_hand():
    # Ranked, tag 0 is 1 0 1 0: (1/1 + 2/3) / 2. Tag 1 is 1 0 1 0 too. Tag 2: all.
    values = average_precision_tag(Y, S, average=None)
    np.testing.assert_allclose(values, [5 / 6, 5 / 6, 1])
    assert average_precision_tag(Y, S) == pytest.approx((5 / 6 + 5 / 6 + 1) / 3)


def test_precision_at_k_by_hand():
    # Best two: clip 0 tags 0, 2 (2 true), clip 1 tags 1, 2 (2), clip 2 tags 0, 2 (2),
    # clip 3 tags 0, 1 (0).
    assert precision_at_k(Y, S, k=2) == 6 / 8
    assert precision_at_k(Y, S, k=2, strict_mirex=True) == 6 / 8
    assert precision_at_k(Y, S, k=3) == Y.mean()


def test_precision_at_k_divides_by_k_however_few_tags_a_clip_has():
    y = np.array([[1, 0, 0, 0], [0, 0, 0, 0]])
    for strict_mirex in (False, True):
        assert precision_at_k(y, y + 0.5, k=3, strict_mirex=strict_mirex) == 1 / 6


def test_tied_scores_count_half_and_in_mirex_by_order():
    y, s = np.array([[1], [0]]), np.array([[0.5], [0.5]])
    assert auc_tag(y, s) == 0.5
    assert auc_tag(y, s, strict_mirex=True) == 1
    assert auc_tag(y[::-1], s, strict_mirex=True) == 0
    assert auc_tag(y, 0 * s, strict_mirex=True) == 0.5


def test_mirex_merges_zeros_with_the_last_score_above_them():
    # The curve has no point between 0.5 and the zeros: a perfect ranking has 0.5.
    y, s = np.array([[1], [0], [0]]), np.array([[0.5], [0.0], [0.0]])
    assert auc_tag(y, s) == 1
    assert auc_tag(y, s, strict_mirex=True) == 0.5


def test_mirex_curve_begins_after_leading_zeros():
    # Nothing is above the zeros: the first point is (1/2, 1), what is before is lost.
    y, s = np.array([[1], [0], [0]]), np.array([[0.0], [0.0], [-1.0]])
    assert auc_tag(y, s, strict_mirex=True) == pytest.approx(0.5)
    assert auc_tag(y, s) == pytest.approx(0.75)


def test_tied_tags_at_rank_k_count_by_their_share():
    y = np.array([[1, 0, 1, 0]])
    s = np.array([[0.5, 0.5, 0.5, 0.9]])
    # Tag 3 is first (wrong); of the three tied ones, two of which are true, one.
    assert precision_at_k(y, s, k=2) == pytest.approx((0 + 2 / 3) / 2)
    assert precision_at_k(y, s, k=2, strict_mirex=True) == (0 + 1) / 2


# Slow twins


@pytest.mark.parametrize("levels", [None, (0, 1), (0, 4), (-3, 3), (-4, 0), (0, 0)])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_strict_mode_is_the_evaluator_rule_by_rule(seed, levels):
    y, s = random_case(seed, levels=levels)
    y[:, 0], y[:, 1], y[2], y[3] = 0, 1, 0, 1
    of_tags = [evaluator_area(t, a) for t, a in zip(y.T, s.T, strict=True)]
    of_clips = [evaluator_area(t, a) for t, a in zip(y, s, strict=True)]
    np.testing.assert_allclose(
        auc_tag(y, s, average=None, strict_mirex=True), of_tags, atol=1e-12
    )
    np.testing.assert_allclose(
        auc_clip(y, s, average=None, strict_mirex=True), of_clips, atol=1e-12
    )
    overall = evaluator_area(y.ravel(), s.ravel())
    assert auc_tag(y, s, average="micro", strict_mirex=True) == pytest.approx(overall)
    scores = mirex2009_tag_scores(y, s)
    assert list(scores) == ["AUC-Tag", "AUC-Clip", "P@3", "P@6", "P@9", "P@12", "P@15"]
    assert scores["AUC-Tag"] == pytest.approx(np.mean(of_tags), abs=1e-12)
    assert scores["AUC-Clip"] == pytest.approx(np.mean(of_clips), abs=1e-12)
    for k in (3, 6, 9, 12, 15):
        precisions = [evaluator_precision(*row, k) for row in zip(y, s, strict=True)]
        expected = pytest.approx(np.mean(precisions), abs=1e-12)
        assert scores[f"P@{k}"] == expected
        assert precision_at_k(y, s, k=k, strict_mirex=True) == expected


@pytest.mark.parametrize("levels", [None, (0, 1), (-3, 3)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_areas_count_pairs_in_the_right_order(levels):
    y, s = random_case(0, levels=levels)
    y[:, 0], y[2] = 0, 1
    expected = [pairs_area(t, a) for t, a in zip(y.T, s.T, strict=True)]
    np.testing.assert_allclose(auc_tag(y, s, average=None), expected)
    assert auc_tag(y, s) == pytest.approx(np.nanmean(expected))
    expected = [pairs_area(t, a) for t, a in zip(y, s, strict=True)]
    np.testing.assert_allclose(auc_clip(y, s, average=None), expected)
    assert auc_clip(y, s) == pytest.approx(np.nanmean(expected))


def test_precision_at_k_is_the_mean_over_all_orders_of_tied_tags():
    y, s = random_case(1, n_clips=10, n_tags=6, levels=(0, 2))
    rng = np.random.RandomState(0)
    orders = [rng.permutation(6) for _ in range(4000)]
    means = [precision_at_k(y[:, o], s[:, o], k=3, strict_mirex=True) for o in orders]
    assert precision_at_k(y, s, k=3) == pytest.approx(np.mean(means), abs=0.005)


# scikit-learn


@pytest.mark.parametrize("levels", [None, (0, 1), (-3, 3)])
@pytest.mark.parametrize("average", ["macro", "micro", None])
def test_defined_values_are_those_of_scikit_learn(levels, average):
    y, s = random_case(2, levels=levels)
    np.testing.assert_allclose(
        auc_tag(y, s, average=average), roc_auc_score(y, s, average=average)
    )
    np.testing.assert_allclose(
        average_precision_tag(y, s, average=average),
        average_precision_score(y, s, average=average),
    )
    assert auc_clip(y, s) == pytest.approx(roc_auc_score(y, s, average="samples"))


@pytest.mark.parametrize("zero_division", [0.0, np.nan])
def test_report_is_that_of_scikit_learn(zero_division):
    y, s = random_case(3)
    predicted = (s > 0.5).astype(int)
    predicted[:, 0], y[:, 1] = 0, 0
    y[:, 2] = predicted[:, 2] = 0
    options = {"average": None, "zero_division": zero_division}
    report = tag_report(y, predicted, zero_division=zero_division)
    np.testing.assert_allclose(
        report["precision"], precision_score(y, predicted, **options)
    )
    np.testing.assert_allclose(report["recall"], recall_score(y, predicted, **options))
    np.testing.assert_allclose(report["f_score"], f1_score(y, predicted, **options))
    np.testing.assert_allclose(report["accuracy"], (y == predicted).mean(axis=0))
    for tag in range(3, 12):
        expected = balanced_accuracy_score(y[:, tag], predicted[:, tag])
        assert report.loc[tag, "balanced_accuracy"] == pytest.approx(expected)
    np.testing.assert_array_equal(report["support"], y.sum(axis=0))
    np.testing.assert_allclose(report["prevalence"], y.mean(axis=0))


def test_report_takes_names_from_a_frame_or_a_list():
    y = pd.DataFrame({"guitar": [1, 0], "voice": [0, 1]})
    assert list(tag_report(y, y.to_numpy()).index) == ["guitar", "voice"]
    assert list(tag_report(y, y, tag_names=["a", "b"]).index) == ["a", "b"]
    with pytest.raises(ValueError, match="tag_names has 1 .* 2 "):
        tag_report(y, y, tag_names=["a"])
    with pytest.raises(ValueError, match="tag_names has 'a' twice"):
        tag_report(y, y, tag_names=["a", "a"])
    with pytest.raises(ValueError, match="tag_names is a set, which has no order"):
        tag_report(y, y, tag_names={"a", "b"})


def test_report_takes_columns_by_name_and_arrays_by_place():
    y, s = random_case(3)
    names = [f"tag {k}" for k in range(y.shape[1])]
    moved = names[::-1]
    table, decided = (
        pd.DataFrame(y, columns=names),
        pd.DataFrame(s > 0.5, columns=names),
    )
    expected = tag_report(y, s > 0.5, y_score=s, tag_names=names)
    for report in (
        tag_report(table, decided[moved], y_score=s),
        tag_report(table[moved], s > 0.5, y_score=s, tag_names=names),
        tag_report(table[moved], decided, y_score=s[:, ::-1]).loc[names],
    ):
        pd.testing.assert_frame_equal(pd.DataFrame(report), pd.DataFrame(expected))
    with pytest.raises(ValueError, match="y_pred .* lacks 'tag 0', and it has 'gong'"):
        tag_report(table, decided.rename(columns={"tag 0": "gong"}))


def test_report_has_areas_where_there_are_scores():
    y, s = random_case(3)
    y[:, 1] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = tag_report(y, s > 0.5, y_score=s, zero_division=0)
    defined = np.delete(np.arange(y.shape[1]), 1)
    for column, function in (
        ("auc", roc_auc_score),
        ("average_precision", average_precision_score),
    ):
        found = report[column].to_numpy()
        expected = function(y[:, defined], s[:, defined], average=None)
        np.testing.assert_allclose(found[defined], expected)
        assert np.isnan(found[1])
        macro, micro = report.averages.loc[["macro", "micro"], column]
        assert macro == pytest.approx(expected.mean())
        assert micro == pytest.approx(function(y, s, average="micro"))
    with pytest.raises(ValueError, match="y_score has shape"):
        tag_report(y, s > 0.5, y_score=s[:, 1:])


def test_averages_of_a_report_are_those_of_scikit_learn():
    y, s = random_case(3)
    predicted = (s > 0.5).astype(int)
    averages = tag_report(y, predicted, zero_division=0).averages
    for average in ("macro", "micro"):
        row, options = averages.loc[average], {"average": average, "zero_division": 0}
        assert row["precision"] == pytest.approx(
            precision_score(y, predicted, **options)
        )
        assert row["recall"] == pytest.approx(recall_score(y, predicted, **options))
        assert row["f_score"] == pytest.approx(f1_score(y, predicted, **options))
        assert row["accuracy"] == pytest.approx((y == predicted).mean())
        assert row["support"] == y.sum()
    expected = balanced_accuracy_score(y.ravel(), predicted.ravel())
    assert averages.loc["micro", "balanced_accuracy"] == pytest.approx(expected)


def test_report_is_shown_whole_whatever_pandas_would_cut():
    y, s = random_case(3)
    names = [f"<tag> {k}" for k in range(y.shape[1])]
    options = ("display.max_columns", 2, "display.max_rows", 2, "display.width", 30)
    with pd.option_context(*options):
        report = tag_report(y, s > 0.5, y_score=s, tag_names=names)
        text, html = str(report), report._repr_html_()
        assert repr(report) == text
    for name in (*report.columns, "macro", "micro"):
        assert name in text and name in html
    assert all(name in text for name in names) and "&lt;tag&gt; 3" in html
    assert "..." not in text and len({*map(len, text.splitlines())}) == 2
    again = pickle.loads(pickle.dumps(report))
    assert str(again) == text
    assert type(report[["recall"]]) is pd.DataFrame


# What is not defined


def test_undefined_tags_are_left_out_and_counted():
    value, message = only_warning(auc_tag, Y, S)
    assert value == 0.75
    assert "1 of 3 tags have no area" in message and "left out" in message
    value, message = only_warning(auc_clip, Y, S)
    assert value == pytest.approx(2 / 3)
    assert "1 of 4 clips have no area" in message
    value, message = only_warning(average_precision_tag, Y * [1, 0, 1], S)
    assert value == pytest.approx((5 / 6 + 1) / 2)
    assert "1 of 3 tags occur in no clip" in message


def test_undefined_areas_are_nan_per_tag_and_zero_in_mirex():
    areas, _ = only_warning(auc_tag, Y, S, average=None)
    np.testing.assert_array_equal(areas, [0.75, 0.75, np.nan])
    value, message = only_warning(auc_tag, Y, S, strict_mirex=True)
    assert value == pytest.approx((0.75 + 0.75 + 0) / 3)
    assert "1 of 3 tags" in message and "count as 0" in message


@pytest.mark.parametrize("function", [auc_tag, auc_clip, average_precision_tag])
def test_nothing_defined_gives_nan(function):
    value, message = only_warning(function, np.zeros_like(Y), S)
    assert np.isnan(value)
    assert message.startswith("3 of 3" if function is not auc_clip else "4 of 4")


def test_defined_scores_give_no_warning():
    y, s = random_case(4, n_tags=20, rate=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for scores in (mirex2009_tag_scores(y, s), mirex2009_tag_scores(y, s > 0)):
            assert all(0 < score < 1 for score in scores.values())
        precision_at_k(y, s)


def test_all_scores_of_mirex_give_one_warning():
    scores, message = only_warning(mirex2009_tag_scores, Y, S)
    assert scores["AUC-Tag"] == pytest.approx(0.5)
    assert scores["AUC-Clip"] == pytest.approx(0.5)
    assert [scores["P@3"], scores["P@6"], scores["P@15"]] == [Y.mean(), 0, 0]
    assert "1 of 3 tags" in message and "1 of 4 clips" in message
    assert "P@6 is 0: there are only 3 tags" in message
    scores, message = only_warning(mirex2009_tag_scores, Y, S, strict_mirex=False)
    assert scores["AUC-Tag"] == 0.75
    assert scores["AUC-Clip"] == pytest.approx(2 / 3)
    assert scores["P@3"] == Y.mean() and np.isnan(scores["P@6"])
    assert "P@6 is nan: there are only 3 tags" in message


def test_mean_and_se_leave_out_nan():
    values = [0.7, np.nan, 0.8, 0.75]
    (mean, se), message = only_warning(mean_and_se, values)
    assert mean == pytest.approx(0.75)
    assert se == pytest.approx(0.05 / np.sqrt(3))
    assert "1 of 4 values are NaN" in message
    mean, se = mean_and_se([0.7])
    assert mean == 0.7 and np.isnan(se)
    assert np.isnan(only_warning(mean_and_se, [np.nan])[0]).all()
    with pytest.raises(ValueError, match=r"values .*\(2, 1\)"):
        mean_and_se([[0.1], [0.2]])


# Scorers


def clips_with_tags(n_clips=60, n_tags=5, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.randn(n_clips, 8).astype(np.float32)
    y = (X[:, :n_tags] + 0.5 * rng.randn(n_clips, n_tags) > 0.4).astype(int)
    return X, y


@pytest.mark.parametrize(
    "classifier",
    [
        OneVsRestClassifier(LinearSVC()),
        MultiOutputClassifier(LogisticRegression()),
        MLPClassifier((8,), max_iter=20, random_state=0),
        RandomForestClassifier(10, random_state=0),
        KNeighborsClassifier(),
        DropoutMLPClassifier((16,), max_epochs=20, random_state=0, verbose=False),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scorers_take_every_kind_of_tagger(classifier):
    X, y = clips_with_tags()
    classifier.fit(X, y)
    if hasattr(classifier, "decision_function"):
        scores = classifier.decision_function(X)
    else:
        scores = classifier.predict_proba(X)
    if isinstance(scores, list):
        scores = np.column_stack([column[:, 1] for column in scores])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        values = {name: s(classifier, X, y) for name, s in TAG_SCORERS.items()}
        assert values["auc_clip"] == pytest.approx(auc_clip(y, scores))
    assert values["auc_tag"] == pytest.approx(roc_auc_score(y, scores))
    assert values["average_precision_tag"] == pytest.approx(
        average_precision_score(y, scores)
    )
    assert values["precision_at_3"] == pytest.approx(precision_at_k(y, scores, k=3))


def test_scorers_stay_finite_where_a_fold_lacks_a_tag():
    X, y = clips_with_tags()
    y[:20, 2] = 0
    classifier, folds = OneVsRestClassifier(LogisticRegression()), KFold(3)
    for name in ("auc_tag", "average_precision_tag"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scores = cross_validate(
                classifier, X, y, cv=folds, scoring=TAG_SCORERS[name]
            )["test_score"]
        assert np.isfinite(scores).all() and scores.min() > 0.7
        messages = [str(w.message) for w in caught]
        assert len(messages) == 1 and "1 of 5 tags" in messages[0]
    with pytest.warns(UndefinedMetricWarning):
        results = cross_validate(classifier, X, y, cv=folds, scoring=TAG_SCORERS)
    assert all(np.isfinite(results[f"test_{name}"]).all() for name in TAG_SCORERS)


def test_a_search_takes_a_scorer():
    X, y = clips_with_tags()
    search = GridSearchCV(
        OneVsRestClassifier(LogisticRegression()),
        {"estimator__C": [1e-6, 1.0]},
        scoring=TAG_SCORERS["precision_at_3"],
        cv=3,
    ).fit(X, y)
    assert np.isfinite(search.best_score_)


def test_chance_is_a_half():
    X, y = clips_with_tags()
    dummy = DummyClassifier(strategy="prior").fit(X, y)
    assert TAG_SCORERS["auc_tag"](dummy, X, y) == 0.5


def test_probabilities_of_every_tag_in_a_list():
    as_list = [np.column_stack([1 - s, s]) for s in S[:, :2].T]
    assert auc_tag(Y[:, :2], as_list) == 0.75
    as_list[1] = as_list[1][:, :1]
    with pytest.raises(ValueError, match=r"y_score .*\(4, 1\) for tag 1,"):
        auc_tag(Y[:, :2], as_list)


# Input


@pytest.mark.parametrize(
    "convert", [csr_array, pd.DataFrame, np.ndarray.tolist, lambda y: y.astype(bool)]
)
def test_tags_come_in_any_container(convert):
    assert auc_tag(convert(Y[:, :2]), S[:, :2].tolist()) == 0.75
    assert auc_tag(convert(Y[:, :2]), csr_array(S[:, :2])) == 0.75
    np.testing.assert_array_equal(
        tag_report(convert(Y), convert(Y))["support"], Y.sum(axis=0)
    )


FUNCTIONS = [
    auc_tag,
    auc_clip,
    average_precision_tag,
    precision_at_k,
    mirex2009_tag_scores,
    tag_report,
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_unfit_tags_are_refused(function):
    with pytest.raises(ValueError, match=r"y_true .*\(4,\), .*\(n_clips, n_tags\)"):
        function(Y[:, 0], S[:, 0])
    with pytest.raises(ValueError, match=r"y_.* \(4, 2\), .*y_true .*\(4, 3\)"):
        function(Y, Y[:, :2])
    with pytest.raises(ValueError, match=r"y_true .*\(0, 3\)"):
        function(Y[:0], S[:0])
    with pytest.raises(ValueError, match="y_true is 2 .*clip 1 .*tag 0,"):
        function(np.where(S == 0.2, [2, 1, 1], Y), Y)
    with pytest.raises(ValueError, match="y_true is nan .*clip 3 .*tag 2,"):
        function(np.where(S == 0.1, [0, 0, np.nan], Y), Y)


@pytest.mark.parametrize("function", FUNCTIONS[:-1])
def test_nan_scores_are_named(function):
    scores = S.copy()
    scores[2, 1] = scores[3, 2] = np.nan
    with pytest.raises(ValueError, match="clip 2 .*tag 1 .*NaN, one of 2;"):
        function(Y, scores)


def test_predictions_must_be_decisions():
    with pytest.raises(ValueError, match="y_pred is 0.9 .*clip 0 .*tag 0,"):
        tag_report(Y, S)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="average='samples'"):
        auc_tag(Y, S, average="samples")
    with pytest.raises(ValueError, match="average='micro'"):
        auc_clip(Y, S, average="micro")
    for k in (0, 1.5, True):
        with pytest.raises(ValueError, match=f"k={k} "):
            precision_at_k(Y, S, k=k)
    with pytest.raises(ValueError, match="k=4 .* 3 tags"):
        precision_at_k(Y, S, k=4)
    assert only_warning(precision_at_k, Y, S, k=4, strict_mirex=True)[0] == 0


def test_infinite_scores_are_ranked():
    s = S[:, :2].copy()
    s[0, 0] = np.inf
    assert auc_tag(Y[:, :2], s) == 0.75
    assert auc_tag(Y[:, :2], s, strict_mirex=True) == 0.75


def test_inputs_stay_as_they_are():
    y, s = random_case(5)
    copies = y.copy(), s.copy()
    auc_tag(y, s, strict_mirex=True)
    auc_clip(y, s)
    precision_at_k(y, s)
    average_precision_tag(y, s)
    tag_report(y, s > 0)
    np.testing.assert_array_equal(y, copies[0])
    np.testing.assert_array_equal(s, copies[1])
