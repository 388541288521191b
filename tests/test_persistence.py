import io
import json
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest
import sklearn
import skops.io
import torch
from own_nets import FrameNet, PlainNet
from saved_files import assert_same_outputs, make_clips, members_of, write_forged
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import RocCurveDisplay
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    TunedThresholdClassifierCV,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from test_common import (
    CLASSIFIERS,
    EVENT_DETECTORS,
    NOTE_TRANSCRIBERS,
    PIPELINES,
    REGRESSORS,
    SEQUENCE_LABELLERS,
    TRANSFORMERS,
)

import skdeepmir
from skdeepmir import (
    BandShifter,
    BeatSynchronousExtractor,
    ClipNormalizer,
    DBNFeatureLearner,
    FrameTransformer,
    MultiTimescalePooler,
    SpectrogramExtractor,
    baselines,
)
from skdeepmir.persistence import (
    MANIFEST,
    ModelFileError,
    load,
    save,
)

ESTIMATORS = TRANSFORMERS + SEQUENCE_LABELLERS + REGRESSORS + CLASSIFIERS
ESTIMATORS += EVENT_DETECTORS + NOTE_TRANSCRIBERS + PIPELINES[:1]


def make_input(estimator):
    if isinstance(estimator, SpectrogramExtractor | BeatSynchronousExtractor):
        rng = np.random.RandomState(0)
        return [0.1 * rng.randn(8000 + 500 * i) for i in range(2)], None
    clips, labels = make_clips()
    if estimator in REGRESSORS:
        return clips, [len(label) for label in labels]
    if estimator in SEQUENCE_LABELLERS:
        return clips, [np.arange(len(clip)) // 9 for clip in clips]
    if estimator in EVENT_DETECTORS:
        return clips, [[0.5, 1.0 + i / 10] for i, _ in enumerate(clips)]
    if estimator in NOTE_TRANSCRIBERS:
        return clips, [[(0.5, 1.0 + i / 10, 60)] for i, _ in enumerate(clips)]
    if "RidgeClassifier" in str(estimator):  # of rows only
        return np.array([clip.mean(axis=0) for clip in clips]), labels
    return clips, labels


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_public_estimators_give_the_same_bits(estimator, tmp_path):
    X, y = make_input(estimator)
    estimator = clone(estimator).fit(X, y)  # which other tests have as well
    save(estimator, tmp_path / "a")
    again = load(tmp_path / "a", trusted=[FrameNet, PlainNet])
    assert_same_outputs(estimator, again, X)


def test_every_public_estimator_is_tried():
    tested = {type(estimator).__name__ for estimator in ESTIMATORS}
    public = {
        name
        for name in skdeepmir.__all__
        if hasattr(getattr(skdeepmir, name), "get_params")
    }
    assert public == tested


@pytest.mark.parametrize("name", baselines.__all__)
def test_every_baseline_can_be_saved(name, tmp_path):
    baseline = getattr(baselines, name)(verbose=False)
    save(baseline, tmp_path / "a")
    assert str(load(tmp_path / "a")) == str(baseline)


@pytest.mark.parametrize(
    "last",
    [
        LogisticRegression(),
        make_pipeline(SelectKBest(k=3), SVC(probability=False)),
        SGDClassifier(random_state=np.random.RandomState(0)),
        MLPClassifier((3,), max_iter=5, random_state=0),
        KNeighborsClassifier(3, algorithm="brute"),
        CalibratedClassifierCV(LogisticRegression(), cv=KFold(2)),
        TunedThresholdClassifierCV(LogisticRegression(), cv=2, thresholds=5),
        make_pipeline(SimpleImputer(), SVC()),
        VotingClassifier([("a", LogisticRegression()), ("b", SVC())]),
        make_pipeline(FunctionTransformer(np.log1p), SVC(class_weight={"jazz": 2.0})),
        make_pipeline(
            ColumnTransformer([("scaled", StandardScaler(), slice(0, 4))]), SVC()
        ),
        GridSearchCV(SVC(), {"C": [1, 10], "kernel": ["rbf", "linear"]}, cv=2),
        GridSearchCV(LogisticRegression(), {"C": [1.0]}, cv=2, scoring="f1_macro"),
        GridSearchCV(
            LogisticRegression(),
            {"C": [1.0]},
            cv=KFold(2, shuffle=True, random_state=0),
            scoring=["accuracy", "f1_macro"],
            refit="accuracy",
        ),
    ],
    ids=lambda estimator: str(estimator)[:40].replace("\n", " "),
)
@pytest.mark.filterwarnings("ignore")  # MLPClassifier has not converged
def test_pipelines_with_scikit_learn_give_the_same_bits(last, tmp_path):
    clips, labels = make_clips()
    model = make_pipeline(ClipNormalizer(), MultiTimescalePooler(), last)
    model.fit(clips, labels)
    save(model, tmp_path / "a")
    assert_same_outputs(model, load(tmp_path / "a"), clips)


def test_searches_over_estimators_of_both_packages(tmp_path):
    clips, labels = make_clips()
    search = GridSearchCV(
        make_pipeline(
            FrameTransformer(make_pipeline(StandardScaler())),
            DBNFeatureLearner((4,), max_epochs=1, finetune_epochs=0, random_state=0),
            MultiTimescalePooler(),
            LogisticRegression(),
        ),
        {"dbnfeaturelearner__visible": ["gaussian"], "logisticregression__C": [1, 2]},
        cv=2,
    ).fit(clips, labels)
    save(search, tmp_path / "a")
    again = load(tmp_path / "a")
    assert_same_outputs(search, again, clips)
    assert again.best_params_ == search.best_params_
    ours, theirs = search.cv_results_, again.cv_results_
    np.testing.assert_array_equal(ours["mean_test_score"], theirs["mean_test_score"])


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["Jäzz", "techno"] * 4, dtype=object),
        np.array([True, False] * 4),
        np.array([3, -7] * 4, dtype=np.int16),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_classes_keep_type_and_values(labels, tmp_path):
    clips, _ = make_clips()
    model = make_pipeline(MultiTimescalePooler(), LogisticRegression())
    save(model.fit(clips, labels), tmp_path / "a")
    again = load(tmp_path / "a")
    assert again.classes_.dtype == labels.dtype
    assert again.classes_.tolist() == model.classes_.tolist()
    assert_same_outputs(model, again, clips)


def test_object_arrays_are_written_without_pickle(tmp_path):
    extractor = SpectrogramExtractor("mfcc").fit(*make_input(SpectrogramExtractor()))
    assert extractor.feature_names_.dtype == object
    save(extractor, tmp_path / "a")
    for name, content in members_of(tmp_path / "a").items():
        if name.endswith(".npy"):
            np.load(io.BytesIO(content), allow_pickle=False)
    names = load(tmp_path / "a").feature_names_
    assert names.dtype == object and names.tolist() == extractor.feature_names_.tolist()


def test_unfitted_estimators_keep_their_parameters(tmp_path):
    model = SpectrogramExtractor(
        "mfcc", n_fft=(512, 1024), fmin=30.5, cache_dir=tmp_path / "features"
    )
    save(model, tmp_path / "a")
    again = load(tmp_path / "a")
    assert again.get_params() == model.get_params()
    assert isinstance(again.n_fft, tuple)


def test_tables_and_their_settings_are_kept(tmp_path):
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"bass": [0.0, 1.0], "treble": [2.0, 4.0]})
    scaler = StandardScaler().set_output(transform="pandas").fit(table)
    save(scaler, tmp_path / "a")
    again = load(tmp_path / "a")
    pd.testing.assert_frame_equal(again.transform(table), scaler.transform(table))
    assert again.feature_names_in_.tolist() == ["bass", "treble"]


def test_sets_are_the_same_after_loading(tmp_path):
    words = {f"word{i}" for i in range(200)} - {f"word{i}" for i in range(0, 200, 3)}
    save(FunctionTransformer(kw_args={"stop": words}), tmp_path / "a")
    assert load(tmp_path / "a").kw_args == {"stop": words}


def test_learning_goes_on_after_loading(tmp_path):
    clips, _ = make_clips()
    learner = DBNFeatureLearner((4,), random_state=0).partial_fit(clips)
    save(learner, tmp_path / "a")
    again = load(tmp_path / "a").partial_fit(clips)
    assert_same_outputs(learner.partial_fit(clips), again, clips)


def test_the_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save(BandShifter(), "~/a")
    assert (tmp_path / "a").exists() and isinstance(load("~/a"), BandShifter)


def test_manifest_tells_versions_and_members(saved):
    members = members_of(saved)
    manifest = json.loads(members.pop(MANIFEST))
    assert manifest["format"] == 2 and manifest["class"] == "Pipeline"
    assert manifest["versions"]["skdeepmir"] == skdeepmir.__version__
    assert manifest["versions"].keys() > {"sklearn", "numpy", "skops"}
    assert manifest["members"].keys() == members.keys()
    with zipfile.ZipFile(saved) as archive:
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}


def make_local():
    class Local(BandShifter):
        pass

    return Local()


class Holder(StandardScaler):
    pass


def holding(value, scaler=None):
    scaler = scaler or StandardScaler()
    scaler.extra_ = value
    return make_pipeline(MultiTimescalePooler(), scaler)


@pytest.mark.parametrize(
    "estimator, message",
    [
        (FunctionTransformer(lambda X: X), r"<lambda> \(estimator\.func\)"),
        (make_pipeline(FunctionTransformer(print)), r"print \(estimator\.steps.*func"),
        (make_pipeline(make_local()), r"Local \(estimator\.steps\.0\.1\)"),
        (FunctionTransformer(np.linalg.norm), r"norm \(estimator\.func\)"),
        (holding(torch.nn.Linear(2, 2)), r"steps\.1\.1\.extra_ .*torch.*Linear"),
        (holding(torch.ones(2)), r"extra_ .*torch\.Tensor"),
        (holding([1, {"a": torch.ones(2)}]), r"extra_\.1\.a .*torch\.Tensor"),
        (holding(StandardScaler().fit), r"StandardScaler\.fit \(.*extra_"),
        (holding(RocCurveDisplay.from_estimator), "top level of a module"),
        (holding(subprocess.Popen), r"subprocess\.Popen \(.*extra_"),
        (holding(skops.io.loads), r"loads \(.*extra_"),
        (holding(np.zeros(2, [("a", object)])), r"extra_ .*numpy\.ndarray"),
        (holding(np.array([print, 1])), r"print \(.*extra_"),
        (holding({(1, 2): 3}), r"extra_ .*builtins\.dict"),
        (holding(open), r"open \(.*extra_"),
        (
            HistGradientBoostingClassifier(max_iter=1).fit([[0], [1]], [0, 1]),
            "TreePredictor",
        ),
        (StandardScaler, "the class StandardScaler;"),
        ([StandardScaler()], r"builtins\.list;"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_save_refuses_what_is_not_safe_and_says_where(estimator, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        save(estimator, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "forest", [RandomForestClassifier(5), GradientBoostingClassifier(n_estimators=5)]
)
def test_forests_give_the_same_bits(forest, tmp_path):
    clips, labels = make_clips()
    model = make_pipeline(MultiTimescalePooler(), forest).fit(clips, labels)
    save(model, tmp_path / "a")
    assert_same_outputs(model, load(tmp_path / "a"), clips)


def test_save_refuses_estimators_that_hold_themselves(tmp_path):
    model, in_a_list = holding(None), []
    model.steps[1][1].extra_ = model
    in_a_list.append({"a": np.array([in_a_list, 1], dtype=object)})
    for estimator, place in (
        (model, r"steps\.1\.1\.extra_ is estimator "),
        (
            holding(in_a_list),
            r"extra_\.0\.a\.0 is estimator\.steps\.1\.1\.extra_ ",
        ),
    ):
        with pytest.raises(TypeError, match=f"itself: .*{place}"):
            save(estimator, tmp_path / "a")


def test_what_is_held_twice_does_not_refer_to_itself(tmp_path):
    shared = np.arange(3.0)
    save(holding([shared, shared, {"a": shared}]), tmp_path / "a")
    assert load(tmp_path / "a").steps[1][1].extra_[2]["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("depth_of_caller", [0, 7, 50, 95])
def test_save_refuses_what_is_nested_too_deeply(depth_of_caller, tmp_path):
    nested = StandardScaler()
    for _ in range(60):
        nested = holding(nested)

    def save_from(depth):
        return save_from(depth - 1) if depth else save(nested, tmp_path / "a")

    with pytest.raises(TypeError, match="^estimator .*too deep"):
        save_from(depth_of_caller)


@pytest.mark.parametrize(
    "value",
    [{True: 1, False: 2}, {1: "a", "1": "b"}, {None: 1}],
    ids=str,
)
def test_save_refuses_what_would_change(value, tmp_path):
    with pytest.raises((TypeError, ValueError), match="extra_"):
        save(holding(value), tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_save_names_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        save(BandShifter(), tmp_path / "nowhere" / "a")


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    before = saved.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("skdeepmir._disk.os.replace", full)
    with pytest.raises(OSError, match="No space"):
        save(BandShifter(), saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_load_names_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file .*nowhere"):
        load(tmp_path / "nowhere")


def test_load_names_the_module_that_is_missing(tmp_path, monkeypatch):
    (tmp_path / "nets_of_ann.py").write_text("def twice(X):\n    return 2 * X\n")
    monkeypatch.syspath_prepend(tmp_path)
    from nets_of_ann import twice

    save(FunctionTransformer(twice), tmp_path / "a")
    monkeypatch.undo()
    monkeypatch.delitem(sys.modules, "nets_of_ann")
    with pytest.raises(ModelFileError, match="a' .* module 'nets_of_ann'.*PYTHONPATH"):
        load(tmp_path / "a", trusted=["nets_of_ann.twice"])


def test_load_warns_once_of_another_scikit_learn(saved):
    members = members_of(saved)
    ours = f'"{sklearn.__version__}'.encode()
    assert members["schema.json"].replace(b"\\", b"").count(ours) > 2
    members["schema.json"] = members["schema.json"].replace(ours[1:], b"1.2.7")
    versions = {"skdeepmir": "0.0.1", "sklearn": "1.2.7"}
    write_forged(saved, members, manifest={"versions": versions})
    with pytest.warns(UserWarning, match=r"scikit-learn '1\.2\.7'") as record:
        load(saved)
    assert len(record) == 1 and record[0].filename == __file__


def test_load_does_not_warn_otherwise(saved):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(saved)
