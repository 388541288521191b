import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedKFold,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier

from skdeepmir import compare
from skdeepmir.metrics import TAG_SCORERS
from skdeepmir.model_selection import MultilabelStratifiedGroupKFold, tag_rate_errors


def artists_with_tags(seed, n_artists=150, n_tags=20):
    """Return tags of skewed frequency, and artists who have favourites and 1-20 clips.

    Every tag is in at least ten artists' clips.
    """
    rng = np.random.RandomState(seed)
    artists = np.repeat(np.arange(n_artists), rng.zipf(1.8, n_artists).clip(1, 20))
    rates = 0.5 / np.arange(1, n_tags + 1)
    favour = rng.beta(2 * rates, 2 * (1 - rates), (n_artists, n_tags))
    y = (rng.uniform(size=(len(artists), n_tags)) < favour[artists]).astype(int)
    first = np.flatnonzero(np.diff(artists, prepend=-1))
    for tag in range(n_tags):
        y[rng.choice(first, 10, replace=False), tag] = 1
    order = rng.permutation(len(y))
    return y[order], artists[order]


def folds(cv, y, groups=None):
    return list(cv.split(np.zeros(len(y)), y, groups))


def assert_equal_folds(one, two):
    for (train, test), (other_train, other_test) in zip(one, two, strict=True):
        np.testing.assert_array_equal(train, other_train)
        np.testing.assert_array_equal(test, other_test)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("n_splits", [2, 5])
def test_groups_stay_whole_and_every_clip_is_tested_once(n_splits, shuffle):
    y, artists = artists_with_tags(0)
    cv = MultilabelStratifiedGroupKFold(n_splits, shuffle=shuffle)
    splits = folds(cv, y, artists)
    assert len(splits) == n_splits == cv.get_n_splits()
    for train, test in splits:
        assert not set(artists[train]) & set(artists[test])
        np.testing.assert_array_equal(
            np.sort(np.concatenate([train, test])), np.arange(len(y))
        )
    tested = np.concatenate([test for _, test in splits])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(y)))


def test_shares_are_exact_where_they_can_be():
    # Each kind of artist is there twice: one goes to each fold.
    y = np.repeat([[1, 0, 1], [1, 0, 1], [0, 1, 0], [0, 1, 0]], 3, axis=0)
    artists = np.repeat(["a", "b", "c", "d"], 3)
    for seed in range(5):
        cv = MultilabelStratifiedGroupKFold(2, random_state=seed)
        splits = folds(cv, y, artists)
        np.testing.assert_array_equal(tag_rate_errors(y, splits), 0)


def test_each_fold_has_one_of_as_many_rare_groups():
    y = np.zeros((40, 2), dtype=int)
    y[:5, 0] = 1
    y[5:25, 1] = 1
    for seed in range(5):
        cv = MultilabelStratifiedGroupKFold(5, random_state=seed)
        for _, test in folds(cv, y):
            assert list(y[test].sum(axis=0)) == [1, 4] and len(test) == 8


@pytest.mark.parametrize("seed", range(3))
def test_rates_are_nearer_than_those_of_group_k_fold(seed):
    y, artists = artists_with_tags(seed)
    ours, theirs = (
        np.array([tag_rate_errors(y, folds(cv, y, artists)) for cv in splitters])
        for splitters in (
            [MultilabelStratifiedGroupKFold(5, random_state=i) for i in range(5)],
            [GroupKFold(5, shuffle=True, random_state=i) for i in range(5)],
        )
    )
    assert ours.mean() < 0.6 * theirs.mean()
    assert ours.max(axis=1).mean() < 0.8 * theirs.max(axis=1).mean()
    assert (
        ours.mean() < 0.6 * tag_rate_errors(y, folds(GroupKFold(5), y, artists)).mean()
    )


def test_without_groups_rates_are_much_nearer_than_those_of_k_fold():
    y, _ = artists_with_tags(0)
    cv = MultilabelStratifiedGroupKFold(5, random_state=0)
    ours = tag_rate_errors(y, folds(cv, y))
    theirs = tag_rate_errors(y, KFold(5, shuffle=True, random_state=0).split(y))
    assert ours.mean() < 0.25 * theirs.mean()
    sizes = [len(test) for _, test in folds(cv, y)]
    assert max(sizes) - min(sizes) <= 3


def test_labels_are_stratified_as_by_scikit_learn():
    labels = np.repeat(["drum", "flute", "voice"], [40, 25, 10])
    cv = MultilabelStratifiedGroupKFold(5, random_state=0)
    counts = [
        np.unique(labels[test], return_counts=True)[1] for _, test in folds(cv, labels)
    ]
    theirs = StratifiedKFold(5, shuffle=True, random_state=0)
    expected = [
        np.unique(labels[test], return_counts=True)[1]
        for _, test in theirs.split(labels, labels)
    ]
    np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize("convert", [csr_array, pd.DataFrame, np.ndarray.tolist])
def test_tags_come_in_any_container(convert):
    y, artists = artists_with_tags(0)
    cv = MultilabelStratifiedGroupKFold(3, random_state=0)
    X = np.zeros(len(y))
    expected = list(cv.split(X, y, artists))
    assert_equal_folds(cv.split(X, convert(y), artists.tolist()), expected)
    assert_equal_folds(cv.split(list(X), convert(y), pd.Series(artists)), expected)
    np.testing.assert_array_equal(
        tag_rate_errors(convert(y), expected), tag_rate_errors(y, expected)
    )


def test_names_of_groups_do_not_matter():
    y, artists = artists_with_tags(0)
    cv = MultilabelStratifiedGroupKFold(3, random_state=0)
    names = np.array([f"artist {number:03}" for number in artists])
    assert_equal_folds(folds(cv, y, names), folds(cv, y, artists))


def test_a_seed_gives_the_same_folds_and_none_gives_new_ones():
    y, artists = artists_with_tags(0)
    seeded = MultilabelStratifiedGroupKFold(3, random_state=7)
    state = np.random.get_state()
    assert_equal_folds(folds(seeded, y, artists), folds(seeded, y, artists))
    np.testing.assert_array_equal(np.random.get_state()[1], state[1])
    assert np.random.get_state()[2] == state[2]
    generators = [np.random.RandomState(7), np.random.RandomState(8)]
    tests = [
        np.concatenate([test for _, test in folds(cv, y, artists)])
        for cv in [seeded, *(MultilabelStratifiedGroupKFold(3) for _ in range(2))]
        + [MultilabelStratifiedGroupKFold(3, random_state=g) for g in generators]
    ]
    np.testing.assert_array_equal(tests[0], tests[3])
    assert len({test.tobytes() for test in tests}) == 4


def test_without_shuffling_folds_are_always_the_same():
    y, artists = artists_with_tags(0)
    cv = MultilabelStratifiedGroupKFold(3, shuffle=False)
    assert_equal_folds(folds(cv, y, artists), folds(cv, y, artists))


def test_copies_and_repr():
    cv = MultilabelStratifiedGroupKFold(3, random_state=1)
    assert repr(cv) == (
        "MultilabelStratifiedGroupKFold(n_splits=3, random_state=1, shuffle=True)"
    )
    y, artists = artists_with_tags(0)
    expected = folds(cv, y, artists)
    for copy in (pickle.loads(pickle.dumps(cv)), clone(cv, safe=False)):
        assert repr(copy) == repr(cv)
        assert_equal_folds(folds(copy, y, artists), expected)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_cross_validation_and_searches_take_it():
    y, artists = artists_with_tags(0, n_tags=4)
    X = np.random.RandomState(0).randn(len(y), 3) + y[:, :3]
    cv = MultilabelStratifiedGroupKFold(3, random_state=0)
    classifier = OneVsRestClassifier(LogisticRegression())
    results = cross_validate(
        classifier, X, y, groups=artists, cv=cv, scoring=TAG_SCORERS
    )
    assert np.isfinite(results["test_auc_tag"]).all()
    search = GridSearchCV(
        classifier, {"estimator__C": [0.1, 1]}, cv=cv, scoring=TAG_SCORERS["auc_tag"]
    )
    assert np.isfinite(search.fit(X, y, groups=artists).best_score_)


def test_groups_are_routed_by_default():
    y, artists = artists_with_tags(0)

    class Recorder(MultilabelStratifiedGroupKFold):
        seen = []

        def split(self, X, y=None, groups=None):
            self.seen.append(groups)
            return super().split(X, y, groups)

    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            DummyClassifier(), {"strategy": ["prior"]}, cv=Recorder(2, random_state=0)
        )
        search.fit(y, y, groups=artists)
        cross_validate(
            search,
            y,
            y,
            cv=MultilabelStratifiedGroupKFold(2, random_state=0),
            params={"groups": artists},
        )
    # The search alone, and the searches inside two folds, which see part of them.
    assert len(Recorder.seen) == 3 and Recorder.seen[0] is not None
    inner = [set(groups) for groups in Recorder.seen[1:]]
    assert not inner[0] & inner[1] and inner[0] | inner[1] == set(artists)


def test_compare_takes_it_without_telling_of_leaks():
    y, artists = artists_with_tags(0, n_tags=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = compare(
            {"guess": DummyClassifier(strategy="prior")},
            y.astype(float),
            y,
            groups=artists,
            cv=MultilabelStratifiedGroupKFold(3, random_state=0),
            scoring=TAG_SCORERS["auc_tag"],
            verbose=False,
        )
    assert list(result.folds["score"]) == [0.5, 0.5, 0.5]


def test_rate_errors_by_hand():
    y = np.array([[1, 0], [1, 1], [1, 0], [0, 1]])  # rates 3/4 and 1/2
    splits = [([2, 3], [0, 1]), ([0, 1], [2, 3])]
    np.testing.assert_allclose(tag_rate_errors(y, splits), [0.25, 0])
    splits = [([1, 2, 3], [0]), ([0], [1, 2, 3])]
    np.testing.assert_allclose(tag_rate_errors(y, splits), [0.25, 0.5])
    np.testing.assert_allclose(
        tag_rate_errors(["a", "b", "a", "a"], [([0, 1], [2, 3])]), [0.25, 0.25]
    )
    with pytest.raises(ValueError, match="splits .*empty"):
        tag_rate_errors(y, [])


def test_rare_tags_are_counted_in_one_warning():
    y = np.zeros((12, 4), dtype=int)
    y[:, 0] = np.arange(12) % 2
    y[:6, 1] = 1  # two groups of three
    y[0, 2] = 1
    groups = np.arange(12) // 3
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        folds(MultilabelStratifiedGroupKFold(3, random_state=0), y, groups)
    assert len(caught) == 1 and caught[0].filename == __file__
    message = str(caught[0].message)
    for fact in ("3 of 4 tags", "3 folds", "number 1, in 2"):
        assert fact in message


def test_unfit_input_is_refused():
    y, artists = artists_with_tags(0)
    cv = MultilabelStratifiedGroupKFold(5, random_state=0)
    with pytest.raises(ValueError, match="n_splits=5 .* 5 groups.* 3"):
        folds(cv, y, artists % 3)
    with pytest.raises(ValueError, match="y is None"):
        next(cv.split(y))
    with pytest.raises(ValueError, match="y .*0 or 1"):
        folds(cv, 2 * y, artists)
    with pytest.raises(ValueError, match="y is continuous"):
        folds(cv, artists / 7, artists)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        folds(cv, y, artists[:-1])
    names = artists.astype(object)
    names[4] = None
    with pytest.raises(ValueError, match="clip 4 has no group"):
        folds(cv, y, names)
    with pytest.raises(ValueError, match="group: 0, 1"):
        folds(cv, y, np.full(len(y), np.nan))


def test_parameters_are_checked():
    for n_splits in (1, 2.5, "5"):
        with pytest.raises(ValueError, match=f"n_splits={n_splits!r} "):
            MultilabelStratifiedGroupKFold(n_splits)
    with pytest.raises(TypeError, match="shuffle=1 "):
        MultilabelStratifiedGroupKFold(shuffle=1)
    with pytest.raises(ValueError, match="random_state=0 .*shuffle=False"):
        MultilabelStratifiedGroupKFold(shuffle=False, random_state=0)
