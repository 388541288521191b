"""GroupBaggingClassifier: whole groups are drawn, probabilities averaged."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepmir import DropoutMLPClassifier, GroupBaggingClassifier, compare


class Remember(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted to."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.X_, self.y_, self.classes_ = X, y, np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


def problem(n=60):
    rng = np.random.RandomState(0)
    y = np.arange(n) % 3
    return rng.randn(n, 4) + np.eye(4)[y] * 2, y, np.arange(n) // 6


def test_whole_groups_are_drawn():
    X, y, groups = problem()
    X[:, 0], X[:, 1] = groups, np.arange(60)
    bag = GroupBaggingClassifier(Remember(), 20, random_state=0)
    bag.fit(X, y, groups=groups)
    n_drawn = []
    for member in bag.estimators_:
        drawn, counts = np.unique(member.X_[:, 0], return_counts=True)
        assert (counts % 6 == 0).all() and len(member.X_) == 60
        for group in drawn:
            clips = member.X_[member.X_[:, 0] == group][:, 1]
            assert len(set(clips)) == 6
        n_drawn.append(len(drawn))
    assert np.mean(n_drawn) / 10 == pytest.approx(1 - 0.9**10, abs=0.1)
    assert len({member.random_state for member in bag.estimators_}) == 20


def test_without_bootstrap_all_clips_are_seen_by_all():
    X, y, _ = problem()
    bag = GroupBaggingClassifier(Remember(), 3, bootstrap=False, random_state=0)
    for member in bag.fit(X, y).estimators_:
        np.testing.assert_array_equal(member.X_, X)
    assert not hasattr(bag, "oob_score_")


@pytest.mark.parametrize("kind", ["classes", "tags"])
@pytest.mark.parametrize("combination", ["arithmetic", "geometric"])
def test_probabilities_are_means(kind, combination):
    X, y, _ = problem()
    y = y if kind == "classes" else np.stack([y == 0, y > 0], 1).astype(int)
    net = DropoutMLPClassifier((8,), max_epochs=3, verbose=False)
    bag = GroupBaggingClassifier(net, 4, combination=combination, random_state=0)
    p = bag.fit(X, y).predict_proba(X)
    members = np.array([member.predict_proba(X) for member in bag.estimators_])
    expected = members.mean(0)
    if combination == "geometric":
        expected = np.exp(np.log(members).mean(0))
        if kind == "classes":
            total = expected.sum(1, keepdims=True)
        else:
            total = expected + np.exp(np.log(1 - members).mean(0))
        expected = expected / total
    np.testing.assert_allclose(p, expected)
    decided = bag.classes_[p.argmax(1)] if kind == "classes" else p > 0.5
    np.testing.assert_array_equal(bag.predict(X), decided)


def test_a_class_that_a_member_did_not_see_has_probability_zero_there():
    X, y, _ = problem()
    bag = GroupBaggingClassifier(LogisticRegression(), 4, random_state=0)
    bag.fit(X, y, groups=y)  # a group for each class
    seen = [set(member.classes_.tolist()) for member in bag.estimators_]
    assert {0, 1, 2} not in seen or len(set(map(len, seen))) > 1
    p = bag.predict_proba(X)
    np.testing.assert_allclose(p.sum(1), 1)
    assert p.shape == (60, 3)


def test_out_of_bag_clips_are_of_groups_that_were_not_seen():
    X, y, groups = problem()
    names = np.random.RandomState(1).permutation(10)  # known by the group alone
    X = np.hstack([X * 0, np.eye(10)[groups] * 10])
    y = names[groups] % 2
    by_clip = GroupBaggingClassifier(LogisticRegression(), 20, random_state=0)
    assert by_clip.fit(X, y).oob_score_ == 1
    by_group = GroupBaggingClassifier(LogisticRegression(), 20, random_state=0)
    assert by_group.fit(X, y, groups=groups).oob_score_ < 0.7


def test_same_seed_same_result_over_workers():
    X, y, groups = problem()
    net = DropoutMLPClassifier((8,), max_epochs=3, verbose=False)
    a, b = (
        GroupBaggingClassifier(net, 4, n_jobs=n, random_state=0)
        .fit(X, y, groups=groups)
        .predict_proba(X)
        for n in (1, 2)
    )
    np.testing.assert_array_equal(a, b)


def test_groups_reach_it_in_a_pipeline():
    X, y, groups = problem()
    X[:, 0] = groups
    bag = GroupBaggingClassifier(Remember(), 3, random_state=0)
    alone = bag.fit(X, y, groups=groups).estimators_[0].X_[:, 1]
    pipeline = make_pipeline(StandardScaler(), bag)

    def seen():
        return pipeline[-1].estimators_[0].X_[:, 1]

    pipeline.fit(X, y, groupbaggingclassifier__groups=groups)
    expected = StandardScaler().fit(X[:, 1:2]).transform(alone[:, None])[:, 0]
    np.testing.assert_allclose(seen(), expected)
    with config_context(enable_metadata_routing=True):
        pipeline.fit(X, y, groups=groups)
    np.testing.assert_allclose(seen(), expected)


def test_compare_passes_groups_on():
    X, y, groups = problem()
    asked = []

    class Asked(GroupBaggingClassifier):
        def fit(self, X, y, groups=None):
            asked.append(groups)
            return super().fit(X, y, groups)

    bag = Asked(LogisticRegression(), 3, random_state=0, verbose=False)
    compare({"one": LogisticRegression(), "bag": bag}, X, y, groups=groups, cv=2)
    assert len(asked) == 2
    assert all(len(np.unique(g)) == 5 for g in asked)


def test_bad_input_is_named():
    X, y, groups = problem()
    with pytest.raises(ValueError, match="y has 1 class, 1, in all 60 rows"):
        GroupBaggingClassifier(LogisticRegression()).fit(X, 0 * y + 1)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        GroupBaggingClassifier(LogisticRegression()).fit(X, y, groups=groups[:-1])
    with pytest.raises(ValueError, match="groups: 60 clips have no group"):
        GroupBaggingClassifier(LogisticRegression()).fit(X, y, groups=[None] * 60)
    with pytest.raises(ValueError, match="Scaler is not a classifier"):

        class Scaler(StandardScaler):
            def predict_proba(self, X):
                return X

        GroupBaggingClassifier(Scaler()).fit(X, y)
