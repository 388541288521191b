"""What scikit-learn has for any estimator works on clips; what can't is listed."""

import inspect
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import sklearn.inspection
import sklearn.model_selection
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_balanced
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import resample, shuffle
from sklearn.utils.discovery import all_displays, all_estimators

from skdeepmir import ClipLookup, ClipVotingClassifier, ConvTagger, MultiTimescalePooler
from skdeepmir.frames import object_array

RNG = np.random.RandomState(0)
Y = np.arange(18) % 3
CLIPS = [RNG.rand(4 + n % 3, 3) + 0.5 * label for n, label in enumerate(Y)]
ROWS = np.arange(18)[:, np.newaxis]
TARGETS = {
    "classes": Y,
    "binary": (Y > 0).astype(int),
    "tags": np.column_stack([Y > 1, Y > 0]).astype(int),
    "some": np.where(np.arange(18) < 12, Y, -1),  # the others have no label
    "numbers": Y + 1.0,
    "several": np.column_stack([Y, Y + 1.0]),
}
CLASSES = dict(all_estimators())


@pytest.fixture(autouse=True)
def _what_fits_in_few_steps_is_enough():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


class Model:
    """Pipelines on clips themselves, or on their numbers."""

    def __init__(self, clips=None):
        self.clips = clips

    def features(self, function="mean"):
        return make_pipeline(ClipLookup(self.clips), MultiTimescalePooler(function))

    def classifier(self):
        return make_pipeline(self.features(), LogisticRegression(C=100))

    def regressor(self):
        return make_pipeline(self.features(), Ridge(0.1))

    def fitted(self, X, y):
        return self.classifier().fit(X, y)

    def search(self, kind, **options):
        return kind(self.classifier(), {"logisticregression__C": [1, 100]}, **options)


# What a meta-estimator is made of, and the target it is for.
META = {
    "AdaBoostClassifier": (lambda C, m: C(m.classifier(), n_estimators=2), "classes"),
    "AdaBoostRegressor": (lambda C, m: C(m.regressor(), n_estimators=2), "numbers"),
    "BaggingClassifier": (lambda C, m: C(m.classifier(), 2, random_state=0), "classes"),
    "BaggingRegressor": (lambda C, m: C(m.regressor(), 2, random_state=0), "numbers"),
    "CalibratedClassifierCV": (lambda C, m: C(m.classifier(), cv=2), "classes"),
    "ClassifierChain": (lambda C, m: C(m.classifier()), "tags"),
    "ColumnTransformer": (
        lambda C, m: make_pipeline(
            C([("clips", m.features(), [0])]), LogisticRegression(C=100)
        ),
        "classes",
    ),
    "FeatureUnion": (
        lambda C, m: make_pipeline(
            C([("mean", m.features()), ("max", m.features("max"))]),
            LogisticRegression(C=100),
        ),
        "classes",
    ),
    "FixedThresholdClassifier": (lambda C, m: C(m.classifier()), "binary"),
    "FrozenEstimator": (
        lambda C, m: C(m.fitted(CLIPS if m.clips is None else ROWS, Y)),
        "classes",
    ),
    "GridSearchCV": (lambda C, m: m.search(C, cv=2), "classes"),
    "HalvingGridSearchCV": (lambda C, m: m.search(C, cv=2), "classes"),
    "HalvingRandomSearchCV": (lambda C, m: m.search(C, cv=2), "classes"),
    "MultiOutputClassifier": (lambda C, m: C(m.classifier()), "tags"),
    "MultiOutputRegressor": (lambda C, m: C(m.regressor()), "several"),
    "OneVsOneClassifier": (lambda C, m: C(m.classifier()), "classes"),
    "OneVsRestClassifier": (lambda C, m: C(m.classifier()), "classes"),
    "OutputCodeClassifier": (lambda C, m: C(m.classifier(), code_size=9), "classes"),
    "Pipeline": (lambda C, m: C([("all", m.classifier())]), "classes"),
    "RANSACRegressor": (
        lambda C, m: C(m.regressor(), min_samples=9, random_state=0),
        "numbers",
    ),
    "RFE": (lambda C, m: C(m.classifier()), "classes"),
    "RFECV": (lambda C, m: C(m.classifier(), cv=2), "classes"),
    "RandomizedSearchCV": (lambda C, m: m.search(C, cv=2, n_iter=1), "classes"),
    "RegressorChain": (lambda C, m: C(m.regressor()), "several"),
    "SelectFromModel": (lambda C, m: C(m.classifier()), "classes"),
    "SelfTrainingClassifier": (lambda C, m: C(m.classifier()), "some"),
    "SequentialFeatureSelector": (lambda C, m: C(m.classifier(), cv=2), "classes"),
    "StackingClassifier": (lambda C, m: C([("a", m.classifier())], cv=2), "classes"),
    "StackingRegressor": (lambda C, m: C([("a", m.regressor())], cv=2), "numbers"),
    "TransformedTargetRegressor": (
        lambda C, m: C(m.regressor(), func=np.log, inverse_func=np.exp),
        "numbers",
    ),
    "TunedThresholdClassifierCV": (
        lambda C, m: C(m.classifier(), cv=2, thresholds=5),
        "binary",
    ),
    "VotingClassifier": (lambda C, m: C([("a", m.classifier())]), "classes"),
    "VotingRegressor": (lambda C, m: C([("a", m.regressor())]), "numbers"),
}
# These check that X is a table of numbers: clips go in by number.
BY_NUMBER = {
    "AdaBoostRegressor",
    "ClassifierChain",
    "OneVsOneClassifier",
    "RANSACRegressor",
    "RegressorChain",
    "SelfTrainingClassifier",
}
# These take a column of numbers, or one that holds the clips, but no list.
BY_COLUMN = {
    "BaggingClassifier",
    "BaggingRegressor",
    "ColumnTransformer",
    "OutputCodeClassifier",
}
# These can't take clips at all; what they do, they do to what a pooler gives.
AFTER_POOLING = {
    "AdaBoostClassifier": "weighs samples, but a Pipeline of scikit-learn cannot",
    "RFE": "chooses among columns of X",
    "RFECV": "chooses among columns of X",
    "SelectFromModel": "chooses among columns of X",
    "SequentialFeatureSelector": "chooses among columns of X",
}
CHAINS = {"ClassifierChain", "RegressorChain"}


def is_meta(estimator):
    names = {"estimator", "estimators", "regressor", "steps"}
    names |= {"transformers", "transformer_list"}
    return bool(names & set(inspect.signature(estimator).parameters))


def test_every_meta_estimator_is_listed():
    assert {name for name, kind in CLASSES.items() if is_meta(kind)} == {*META}
    assert len(META) >= 33


def works(name, model, X):
    """Tell whether a meta-estimator can be fitted; if so, it must have learned."""
    make, target = META[name]
    y = TARGETS[target]
    meta = clone(make(CLASSES[name], model))
    try:
        meta.fit(X, y)
        if name == "SelectFromModel":
            meta.transform(X)
    except (ValueError, TypeError):
        return False
    assert meta.predict(X).shape == y.shape
    truth = TARGETS["classes"] if target == "some" else y
    assert meta.score(X, truth) > 0.8
    return True


@pytest.mark.filterwarnings("ignore:X has 2 columns:UserWarning")  # of chains
@pytest.mark.parametrize("name", META)
def test_meta_estimators_take_clips_as_listed(name):
    found = {
        "list": works(name, Model(), CLIPS),
        "column": works(name, Model(), object_array(CLIPS)[:, np.newaxis]),
        "numbers": works(name, Model(CLIPS), ROWS),
    }
    assert found == {
        "list": name not in {*BY_NUMBER, *BY_COLUMN, *AFTER_POOLING},
        "column": name not in {*BY_NUMBER, *AFTER_POOLING},
        "numbers": name not in AFTER_POOLING,
    }


@pytest.mark.parametrize("name", AFTER_POOLING)
def test_what_cannot_take_clips_follows_a_pooler(name):
    meta = CLASSES[name](LogisticRegression(C=100))
    model = make_pipeline(MultiTimescalePooler(), meta)
    if not hasattr(meta, "predict"):
        model = make_pipeline(*model, LogisticRegression(C=100))
    assert model.fit(CLIPS, Y).score(CLIPS, Y) > 0.8


@pytest.mark.parametrize("name", sorted(CHAINS))
def test_chains_see_their_predictions_beside_clips(name):
    features = Model(CLIPS).features()
    beside = ColumnTransformer([("clips", features, [0])], remainder="passthrough")
    last = LogisticRegression() if name == "ClassifierChain" else Ridge()
    y = TARGETS["tags" if name == "ClassifierChain" else "several"]
    chain = CLASSES[name](make_pipeline(beside, last)).fit(ROWS, y)
    width = features.fit_transform(ROWS).shape[1]
    found = [model[-1].n_features_in_ for model in chain.estimators_]
    assert found == [width, width + 1]


@pytest.mark.parametrize("name", ["BaggingClassifier", "OneVsOneClassifier"])
@pytest.mark.parametrize(
    "inner",
    [
        ConvTagger((4,), excerpt_length=4, max_epochs=1, random_state=0, verbose=False),
        ClipVotingClassifier(LogisticRegression()),
    ],
    ids=lambda inner: type(inner).__name__,
)
def test_classifiers_of_clips_are_bagged_and_paired(name, inner):
    meta = CLASSES[name](make_pipeline(ClipLookup(CLIPS), inner)).fit(ROWS, Y)
    assert meta.predict(ROWS[:5]).shape == (5,)


# Splitters ----------------------------------------------------------------------------

SPLITTERS = {
    "GroupKFold": {"n_splits": 2},
    "GroupShuffleSplit": {"n_splits": 2, "random_state": 0},
    "KFold": {"n_splits": 2},
    "LeaveOneGroupOut": {},
    "LeaveOneOut": {},
    "LeavePGroupsOut": {"n_groups": 2},
    "LeavePOut": {"p": 1},
    "PredefinedSplit": {"test_fold": np.arange(18) // 9},
    "RepeatedKFold": {"n_splits": 2, "n_repeats": 2},
    "RepeatedStratifiedKFold": {"n_splits": 2, "n_repeats": 2},
    "ShuffleSplit": {"n_splits": 2, "random_state": 0},
    "StratifiedGroupKFold": {"n_splits": 2},
    "StratifiedKFold": {"n_splits": 2},
    "StratifiedShuffleSplit": {"n_splits": 2, "test_size": 6},
    "TimeSeriesSplit": {"n_splits": 2},
}


def test_every_splitter_is_listed():
    public = vars(sklearn.model_selection)
    found = {n for n in sklearn.model_selection.__all__ if hasattr(public[n], "split")}
    assert found - {"BaseCrossValidator", "BaseShuffleSplit"} == {*SPLITTERS}


@pytest.mark.parametrize("name", SPLITTERS)
def test_splitters_take_clips(name):
    cv = getattr(sklearn.model_selection, name)(**SPLITTERS[name])
    groups = np.arange(18) // 3
    parts = list(cv.split(CLIPS, Y, groups if "Group" in name else None))
    assert len(parts) >= 2
    model = make_pipeline(MultiTimescalePooler(), Ridge())
    options = {"scoring": "neg_mean_squared_error"}
    if "Group" in name:
        options["groups"] = groups
    assert np.isfinite(cross_val_score(model, CLIPS, Y, cv=cv, **options)).all()


# Functions and displays ---------------------------------------------------------------

CV = StratifiedKFold(2)
TOOLS = {
    "cross_val_predict": lambda tool, m, X: tool(m, X, Y, cv=CV),
    "cross_val_score": lambda tool, m, X: tool(m, X, Y, cv=CV),
    "cross_validate": lambda tool, m, X: tool(m, X, Y, cv=CV, return_estimator=True),
    "learning_curve": lambda tool, m, X: tool(
        m, X, Y, cv=CV, train_sizes=[0.5, 1.0], shuffle=True, random_state=0
    ),
    "permutation_test_score": lambda tool, m, X: tool(
        m, X, Y, cv=CV, n_permutations=2, random_state=0
    ),
    "train_test_split": lambda tool, m, X: m.fit(*tool(X, Y, random_state=0)[::2]),
    "validation_curve": lambda tool, m, X: tool(
        m,
        X,
        Y,
        cv=CV,
        param_name="logisticregression__C",
        param_range=[1, 10],
    ),
}
NOT_TOOLS = {"check_cv", "ParameterGrid", "ParameterSampler"}
DISPLAYS = {
    "CalibrationDisplay": lambda D, m, X: D.from_estimator(m, X, Y > 0),
    "ConfusionMatrixDisplay": lambda D, m, X: D.from_estimator(m, X, Y > 0),
    "DetCurveDisplay": lambda D, m, X: D.from_estimator(m, X, Y > 0),
    "LearningCurveDisplay": lambda D, m, X: D.from_estimator(
        m, X, Y > 0, cv=CV, train_sizes=[0.7, 1.0], shuffle=True, random_state=0
    ),
    "PrecisionRecallDisplay": lambda D, m, X: D.from_estimator(m, X, Y > 0),
    "PredictionErrorDisplay": lambda D, m, X: D.from_estimator(m, X, 1.0 * (Y > 0)),
    "RocCurveDisplay": lambda D, m, X: D.from_estimator(m, X, Y > 0),
    "ValidationCurveDisplay": lambda D, m, X: D.from_estimator(
        m,
        X,
        Y > 0,
        cv=CV,
        param_name="logisticregression__C",
        param_range=[1, 10],
    ),
}
# These draw what becomes of a prediction as features change: numbers of clips have no
# order, and clips are not features. They are for columns beside the clips.
OF_FEATURES = {"DecisionBoundaryDisplay", "PartialDependenceDisplay"}


def test_every_tool_is_listed():
    names = [*sklearn.model_selection.__all__, *sklearn.inspection.__all__]
    found = {
        name
        for name in names
        if not is_listed_elsewhere(name) and not name.endswith("Display")
    }
    assert found == {*TOOLS, "partial_dependence", "permutation_importance"}
    assert {name for name, _ in all_displays()} == {*DISPLAYS, *OF_FEATURES}


def is_listed_elsewhere(name):
    return name in {*META, *SPLITTERS, *NOT_TOOLS} or name.startswith("Base")


@pytest.mark.parametrize("name", TOOLS)
def test_tools_of_model_selection_take_clips(name):
    tool = getattr(sklearn.model_selection, name)
    for clips, X in ((None, CLIPS), (CLIPS, ROWS)):
        model = make_pipeline(*Model(clips).features(), LogisticRegression(C=100))
        found = TOOLS[name](tool, model, X)
        assert found is not None


@pytest.mark.parametrize("name", DISPLAYS)
def test_displays_take_clips(name):
    kind = dict(all_displays())[name]
    for clips, X in ((None, CLIPS), (CLIPS, ROWS)):
        model = make_pipeline(*Model(clips).features(), LogisticRegression(C=100))
        display = DISPLAYS[name](kind, model.fit(X, Y > 0), X)
        assert display.ax_.has_data()
        plt.close(display.figure_)


def test_inspection_looks_at_columns_beside_clips():
    useless = RNG.rand(18)
    X = np.column_stack([np.arange(18), useless])
    clips = ColumnTransformer(
        [("clips", Model(CLIPS).features(), [0])], remainder="passthrough"
    )
    model = make_pipeline(clips, LogisticRegression(C=100)).fit(X, Y)
    found = permutation_importance(model, X, Y, n_repeats=5, random_state=0)
    assert found.importances_mean[0] > 0.2 > found.importances_mean[1]
    curve = partial_dependence(model, X, [1], grid_resolution=3)
    assert curve["average"].shape == (3, 3)
    with pytest.raises(ValueError, match="row 0 of X is .*; expected the number"):
        partial_dependence(model, X, [0], grid_resolution=3)
    with pytest.raises(ValueError):
        permutation_importance(Model().fitted(CLIPS, Y), CLIPS, Y)


def test_utilities_take_clips():
    order = shuffle(np.arange(18), random_state=0)
    found, y = shuffle(CLIPS, Y, random_state=0)
    assert all(clip is CLIPS[n] for clip, n in zip(found, order, strict=True))
    np.testing.assert_array_equal(y, Y[order])
    assert len(resample(CLIPS, n_samples=5, stratify=Y, random_state=0)) == 5


def test_imbalanced_learn_takes_numbers_of_clips():
    rows, y = ROWS[Y < 2][:8], np.array([0, 0, 0, 0, 0, 0, 1, 1])
    sampler = RandomOverSampler(random_state=0)
    again, labels = sampler.fit_resample(rows, y)
    assert np.bincount(labels).tolist() == [6, 6]
    assert {*again[labels == 1].ravel()} <= {*rows[y == 1].ravel()}
    model = make_balanced(sampler, *Model(CLIPS).features(), LogisticRegression())
    assert model.fit(rows, y).predict(ROWS).shape == (18,)
    assert model[1].n_features_in_ == 1
