"""Tags in a sparse matrix are what they are in an array, as in scikit-learn."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from reliability.determinism import ESTIMATORS, example, outputs
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import GridSearchCV, cross_val_predict
from small_nets import assert_same_weights, net, problem

from skdeepmir import FrameTransformer, GroupBaggingClassifier

FORMATS = ("csr", "csc", "coo", "lil", "dok")
TAGGERS = ("tagger", "mlp", "pretrained", "denoised", "timescales")
LEARNERS = ("rbm", "dbm", "autoencoder")


@pytest.fixture(autouse=True)
def _few_epochs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def tags_of(n=8):
    return np.array([[1, 0, 1, 0], [0, 1, 0, 0]] * (n // 2))


def sparse(tags, kind="csr"):
    return scipy.sparse.csr_array(tags).asformat(kind)


def assert_same_outputs(a, b, clips):
    found, expected = outputs(a, clips), outputs(b, clips)
    assert found.keys() == expected.keys()
    for method, value in expected.items():
        for one, other in zip(found[method], value, strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype


@pytest.mark.parametrize("name", [*TAGGERS, *LEARNERS, "regressor"])
def test_fits_are_the_same(name):
    tags, found = tags_of(), []
    for y in (tags, *(sparse(tags, kind) for kind in FORMATS[:3])):
        estimator, clips, _ = example(name, 0)
        found.append(estimator.fit(clips, y))
    for estimator in found[1:]:
        assert_same_outputs(estimator, found[0], clips)


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_has_passes_and_validation_clips(kind):
    X, y = problem(40)
    tags = np.eye(3, dtype=np.int8)[y]
    parameters = {"early_stopping": True, "tune_thresholds": True, "pos_weight": 2.0}
    nets = [
        net(**parameters)
        .fit(X, make(tags), X_val=X[:9], y_val=make(tags[:9]))
        .partial_fit(X, make(tags))
        for make in (np.asarray, lambda part: sparse(part, kind))
    ]
    assert_same_weights(*nets)
    np.testing.assert_array_equal(nets[0].thresholds_, nets[1].thresholds_)
    first = [net().partial_fit(X, make(tags)) for make in (np.asarray, sparse)]
    assert_same_weights(*first)
    assert nets[0].score(X, sparse(tags, kind)) == nets[0].score(X, tags)


def test_searches_and_bags_take_them():
    X, y = problem(40)
    tags = np.eye(3, dtype=int)[y]
    bag = GroupBaggingClassifier(net(max_epochs=1), 2, random_state=0)
    found = []
    for make in (np.asarray, sparse):
        search = GridSearchCV(net(), {"max_epochs": [1, 2]}, cv=2).fit(X, make(tags))
        found.append(
            [
                search.cv_results_["mean_test_score"],
                cross_val_predict(net(max_epochs=1), X, make(tags), cv=2),
                bag.fit(X, make(tags)).predict_proba(X),
                bag.oob_score_,
            ]
        )
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_transformer_of_frames_gets_the_tags_of_clips():
    clips = [np.random.RandomState(i).rand(5 + i, 6) for i in range(4)]
    tags = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])

    def distances(X, y):
        return np.abs(X.T @ y).sum(axis=1)

    found = [
        FrameTransformer(SelectKBest(distances, k=2)).fit_transform(clips, y)
        for y in (tags, sparse(tags))
    ]
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["mlp", "voting", "augmented", "bagging", "rbm"])
def test_a_single_column_is_a_label_for_each_clip(name):
    column = np.array([[0], [1]] * 4)
    found = []
    for y in (column, sparse(column)):
        estimator, clips, _ = example(name, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataConversionWarning)
            found.append(estimator.fit(clips, y))
    assert_same_outputs(*found, clips)


@pytest.mark.parametrize("name", [n for n in ESTIMATORS if n in TAGGERS + LEARNERS])
@pytest.mark.parametrize(("row", "value"), [(3, 2.0), (5, np.nan)])
def test_what_is_no_tag_is_named(name, row, value):
    tags = tags_of().astype(float)
    tags[row, 1] = value
    estimator, clips, _ = example(name, 0)
    messages = []
    for y in (tags, sparse(tags)):
        with pytest.raises(ValueError, match=f"row {row}") as raised:
            estimator.fit(clips, y)
        messages.append(str(raised.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("name", ["mlp", "rbm", "regressor", "pooler"])
def test_too_few_rows_are_told(name):
    estimator, clips, _ = example(name, 0)
    with pytest.raises(ValueError, match="y has 6 labels, but X has 8 clips"):
        estimator.fit(clips, sparse(tags_of(6)))
