"""Pipelines where labels are few."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skdeepmir import few_shot_curve, make_pipeline
from skdeepmir.model_selection import FewShotSplit
from skdeepmir.plotting import FewShotDisplay


def rows_of(n_groups=12, n_clips=3, n_classes=3, seed=0):
    """Return rows of classes, each group with clips of one class."""
    rng = np.random.RandomState(seed)
    groups = np.repeat(np.arange(n_groups), n_clips)
    y = groups % n_classes
    X = rng.randn(len(y), 4) + 3 * np.eye(4)[y]
    return X, np.array(["a", "b", "c"])[y], groups


def test_no_group_is_on_both_sides_and_shots_are_nested(global_random_seed):
    X, y, groups = rows_of()
    cv = FewShotSplit((1, 2, 4), n_draws=5, random_state=global_random_seed)
    splits = list(cv.split(X, y, groups))
    assert len(splits) == cv.get_n_splits() == 15
    for first in range(0, 15, 3):
        draw = splits[first : first + 3]
        for n, (train, test) in zip((1, 2, 4), draw, strict=True):
            assert sorted(y[train]) == ["a"] * n + ["b"] * n + ["c"] * n
            assert not set(groups[train]) & set(groups[test])
            np.testing.assert_array_equal(test, draw[0][1])
            assert set(draw[0][0]) <= set(train)
            # Each class has two groups to train on: both, from two shots on.
            n_groups = [len(set(groups[train][y[train] == c])) for c in "abc"]
            assert n_groups == [min(n, 2)] * 3
    tests = {tuple(test) for _, test in splits}
    assert len(tests) > 1


def test_groups_may_span_classes(global_random_seed):
    speakers, digits = np.divmod(np.arange(60) % 30, 5)
    cv = FewShotSplit((2, 5), n_draws=4, random_state=global_random_seed)
    for train, test in cv.split(digits, digits, speakers):
        assert not set(speakers[train]) & set(speakers[test])
        assert set(digits[test]) == set(range(5))


def test_without_groups_each_clip_is_one():
    X, y, _ = rows_of()
    for train, test in FewShotSplit(3, n_draws=3, random_state=0).split(X, y):
        assert not set(train) & set(test)
        assert len(train) == 9
        assert len(test) == 18


def test_a_splitter_works_in_scikit_learn_and_repeats_itself():
    X, y, groups = rows_of()
    cv = FewShotSplit((1, 2), n_draws=3, random_state=0)
    scores = [
        cross_val_score(KNeighborsClassifier(1), X, y, groups=groups, cv=cv)
        for _ in "ab"
    ]
    assert scores[0].shape == (6,)
    np.testing.assert_array_equal(*scores)


def test_a_curve_rises_and_is_tested_against_the_baseline():
    X, y, groups = rows_of()
    pipelines = {"guess": DummyClassifier(), "nearest": KNeighborsClassifier(1)}
    options = {"groups": groups, "n_draws": 6, "random_state": 0, "verbose": False}
    curve = few_shot_curve(pipelines, X, y, shots=(1, 4), **options)
    scores = curve.scores
    assert len(scores) == 2 * 2 * 6
    assert list(scores.columns[:4]) == ["pipeline", "shots", "draw", "accuracy"]
    assert (scores["n_train"] == 3 * scores["shots"]).all()
    counts = scores.groupby(["pipeline", "shots"])["draw"].nunique()
    assert (counts == 6).all()
    summary = curve.summary()
    one, four = summary.loc[(1, "nearest")], summary.loc[(4, "nearest")]
    assert four["mean"] > one["mean"] > 0.6
    assert one["p_value"] < 0.05
    expected = scores.query("pipeline == 'nearest' and shots == 1")["accuracy"]
    assert one["mean"] == pytest.approx(expected.mean())
    assert one["se"] == pytest.approx(expected.std() / np.sqrt(6))
    assert np.isnan(summary.loc[(1, "guess"), "p_value"])
    assert "nearest" in repr(curve)
    assert "shots" in curve._repr_html_()
    display = curve.plot()
    assert isinstance(display, FewShotDisplay)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["guess", "nearest"]


def test_the_p_value_is_that_of_the_paired_t_test():
    from scipy.stats import ttest_rel

    X, y, groups = rows_of(seed=3)
    pipelines = {"nearest": KNeighborsClassifier(1), "bayes": GaussianNB()}
    curve = few_shot_curve(
        pipelines,
        X,
        y,
        groups=groups,
        shots=3,
        n_draws=8,
        random_state=1,
        verbose=False,
    )
    by_draw = curve.scores.pivot(index="draw", columns="pipeline", values="accuracy")
    expected = ttest_rel(by_draw["bayes"], by_draw["nearest"])
    found = curve.summary().loc[(3, "bayes")]
    assert found["p_value"] == pytest.approx(expected.pvalue)
    assert (found["low"], found["high"]) == pytest.approx(
        tuple(expected.confidence_interval())
    )


class Fitted(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_fits_ = getattr(self, "n_fits_", 0) + 1
        return self

    def transform(self, X):
        return X + self.n_fits_


def test_what_was_learned_elsewhere_stays_as_it_is():
    X, y, _ = rows_of()
    learner = Fitted().fit(X)
    pipeline = make_pipeline(FrozenEstimator(learner), KNeighborsClassifier(1))
    few_shot_curve(
        {"frozen": pipeline}, X, y, shots=1, n_draws=2, random_state=0, verbose=False
    )
    assert learner.n_fits_ == 1


def test_a_pipeline_that_fails_has_no_score_and_keeps_the_others():
    X, y, _ = rows_of()
    pipelines = {"nearest": KNeighborsClassifier(1), "bad": GaussianNB(priors=[1.0])}
    with pytest.warns(match="bad.*failed"):
        curve = few_shot_curve(
            pipelines, X, y, shots=1, n_draws=2, random_state=0, verbose=False
        )
    assert curve.summary().loc[(1, "bad"), "n_scored"] == 0
    assert "nan" in repr(curve)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shots": (2, 1)}, "shots"),
        ({"shots": 0}, "shots"),
        ({"shots": ()}, "shots"),
        ({"shots": 50}, "50 .*shots"),
        ({"n_draws": 1}, "n_draws=1"),
        ({"n_draws": 0}, "n_draws=0"),
        ({"baseline": "other"}, "baseline"),
        ({"y": np.zeros(36)}, "one class"),
        ({"y": np.arange(30) % 3}, "30"),
        ({"y": np.eye(3)[np.arange(36) % 3].astype(int)}, "one class per clip"),
        ({"groups": [None] * 36}, "groups"),
        ({"groups": np.zeros(36)}, "groups|split"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_bad_input_is_named(changes, message):
    X, y, groups = rows_of()
    given = {"y": y, "groups": groups, "random_state": 0, "verbose": False} | changes
    with pytest.raises(ValueError, match=message):
        few_shot_curve({"nearest": KNeighborsClassifier(1)}, X, given.pop("y"), **given)
