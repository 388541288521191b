import copy
import hashlib
import io
import json
import pickle
import subprocess
import sys
import textwrap
import warnings
import zipfile

import joblib
import numpy as np
import pytest
import sklearn
import skops.io
import torch
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    TunedThresholdClassifierCV,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM
from test_common import (
    CLASSIFIERS,
    REGRESSORS,
    SEQUENCE_LABELLERS,
    TRANSFORMERS,
)

import skdeepmir
from skdeepmir import (
    BandShifter,
    ClipNormalizer,
    DBNFeatureLearner,
    FrameTransformer,
    MultiTimescalePooler,
    SpectrogramExtractor,
)
from skdeepmir.persistence import (
    DIGITS,
    MANIFEST,
    SEAL,
    ModelFileError,
    load,
    save,
)

ESTIMATORS = TRANSFORMERS + SEQUENCE_LABELLERS + REGRESSORS + CLASSIFIERS


def make_clips(n_clips=8, n_features=6, seed=0):
    rng = np.random.RandomState(seed)
    labels = np.array(["jazz", "techno"] * (n_clips // 2))
    clips = [
        rng.rand(20 + i, n_features) + (label == "jazz")
        for i, label in enumerate(labels)
    ]
    return clips, labels


def make_input(estimator):
    if isinstance(estimator, SpectrogramExtractor):
        rng = np.random.RandomState(0)
        return [0.1 * rng.randn(8000 + 500 * i) for i in range(2)], None
    clips, labels = make_clips()
    if estimator in REGRESSORS:
        return clips, [len(label) for label in labels]
    if estimator in SEQUENCE_LABELLERS:
        return clips, [np.arange(len(clip)) // 9 for clip in clips]
    if "RidgeClassifier" in str(estimator):  # of rows only
        return np.array([clip.mean(axis=0) for clip in clips]), labels
    return clips, labels


def outputs(estimator, X):
    names = ("predict", "predict_proba", "decision_function", "transform")
    return {
        name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)
    }


def assert_same_outputs(estimator, other, X):
    expected, found = outputs(estimator, X), outputs(other, X)
    assert expected and expected.keys() == found.keys()
    for name in expected:
        assert type(expected[name]) is type(found[name])
        for a, b in zip(expected[name], found[name], strict=True):
            a, b = np.asarray(a), np.asarray(b)
            assert a.dtype == b.dtype and a.shape == b.shape
            if a.dtype == object:
                assert a.tolist() == b.tolist()
            else:
                assert a.tobytes() == b.tobytes()


@pytest.fixture
def saved(tmp_path):
    clips, labels = make_clips()
    model = make_pipeline(
        MultiTimescalePooler(), StandardScaler(), LogisticRegression()
    ).fit(clips, labels)
    path = tmp_path / "model.skdeepmir"
    save(model, path)
    return path


def members_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_forged(path, members, *, manifest=None, compression=zipfile.ZIP_STORED):
    """Write a file whose manifest and checksum are right, whatever is inside."""
    described = json.loads(members[MANIFEST])
    described["members"] = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in members.items()
        if name != MANIFEST
    }
    described.update(manifest or {})
    members = {**members, MANIFEST: json.dumps(described).encode()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.comment = SEAL + bytes(DIGITS)
    write_sealed(path, file.getvalue())


def write_sealed(path, data):
    body = data[:-DIGITS]
    path.write_bytes(body + hashlib.sha256(body).hexdigest().encode())


def forge_schema(path, node, *, into=None):
    """Put an object into the schema, in place of all or as one attribute."""
    members = members_of(path)
    schema = json.loads(members["schema.json"])
    if into is None:
        schema = {**node, "protocol": schema["protocol"]}
    else:
        schema["content"]["content"][into] = node
    members["schema.json"] = json.dumps(schema).encode()
    write_forged(path, members)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_public_estimators_give_the_same_bits(estimator, tmp_path):
    X, y = make_input(estimator)
    save(estimator.fit(X, y), tmp_path / "a")
    assert_same_outputs(estimator, load(tmp_path / "a"), X)


def test_every_public_estimator_is_tried():
    tested = {type(estimator).__name__ for estimator in ESTIMATORS}
    public = {
        name
        for name in skdeepmir.__all__
        if hasattr(getattr(skdeepmir, name), "get_params")
    }
    assert public == tested


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
    assert manifest["format"] == 1 and manifest["class"] == "Pipeline"
    assert manifest["versions"]["skdeepmir"] == skdeepmir.__version__
    assert manifest["versions"].keys() > {"sklearn", "numpy", "skops"}
    assert manifest["members"].keys() == members.keys()
    with zipfile.ZipFile(saved) as archive:
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}


class Doubler(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self


class OwnShifter(BandShifter):
    pass


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
        (make_pipeline(OwnShifter()), r"OwnShifter \(estimator\.steps\.0\.1\)"),
        (Doubler(), "Doubler"),
        (holding(torch.nn.Linear(2, 2)), r"steps\.1\.1\.extra_ is a torch.*Linear"),
        (holding(torch.ones(2)), r"extra_ is a torch\.Tensor"),
        (holding([1, {"a": torch.ones(2)}]), r"extra_\.1\.a is a torch\.Tensor"),
        (holding(StandardScaler().fit), r"StandardScaler\.fit \(.*extra_"),
        (holding(subprocess.Popen), r"subprocess\.Popen \(.*extra_"),
        (holding(skops.io.loads), r"loads \(.*extra_"),
        (holding(np.zeros(2, [("a", object)])), r"extra_ is a numpy\.ndarray"),
        (holding(np.array([print, 1])), r"print \(.*extra_"),
        (holding({(1, 2): 3}), r"extra_ is a builtins\.dict"),
        (holding(open), r"open \(.*extra_"),
        (
            HistGradientBoostingClassifier(max_iter=1).fit([[0], [1]], [0, 1]),
            r"TreePredictor.*not safe",
        ),
        (StandardScaler, "the class StandardScaler; expected an estimator"),
        ([StandardScaler()], r"a builtins\.list; expected an estimator"),
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


@pytest.mark.parametrize(
    "field, value",
    [("left_child", 10**6), ("right_child", 0), ("feature", 99), ("left_child", -7)],
)
def test_load_refuses_forged_trees(field, value, tmp_path):
    rng = np.random.RandomState(0)
    X = rng.rand(60, 3)
    model = RandomForestClassifier(1, random_state=0).fit(X, X[:, 0] > rng.rand(60))
    path = tmp_path / "a"
    save(model, path)
    members = members_of(path)
    for name, content in members.items():
        if name.endswith(".npy"):
            array = np.load(io.BytesIO(content))
            if array.dtype.names and field in array.dtype.names:
                array[field][0] = value
                file = io.BytesIO()
                np.save(file, array)
                members[name] = file.getvalue()
    write_forged(path, members)
    with pytest.raises(ValueError, match="decision tree"):
        load(path)


def test_save_refuses_estimators_that_hold_themselves(tmp_path):
    model = holding(None)
    model.steps[1][1].extra_ = model
    with pytest.raises(TypeError, match="refers to itself"):
        save(model, tmp_path / "a")


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
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere.* Create it"):
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


def foreign_files():
    scaler = StandardScaler().fit([[0.0], [1.0]])
    dumped = io.BytesIO()
    joblib.dump(scaler, dumped)
    return {
        "empty": b"",
        "pickle": pickle.dumps(scaler),
        "a pickle": dumped.getvalue(),
        "a ZIP file": skops.io.dumps(scaler),
        "no file of": b"hello" * 100,
    }


@pytest.mark.parametrize("found", foreign_files())
def test_load_refuses_files_of_others(found, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(foreign_files()[found])
    with pytest.raises(ValueError, match=f"a' cannot be loaded. It is .*{found}"):
        load(path)


@pytest.mark.parametrize("kept", [1, 30, 0.5, -1])
def test_load_refuses_cut_files(kept, saved):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(kept * len(data)) if kept == 0.5 else kept])
    with pytest.raises(ValueError, match="cannot be loaded.*cut"):
        load(saved)


def test_load_refuses_all_of_many_damaged_files(saved):
    data = saved.read_bytes()
    rng = np.random.RandomState(0)
    for position in rng.randint(len(data), size=400):
        mutant = bytearray(data)
        mutant[position] ^= 1 << rng.randint(8)
        saved.write_bytes(mutant)
        with pytest.raises(ModelFileError, match="model.skdeepmir' cannot be loaded"):
            load(saved)


def test_forged_mutants_raise_nothing_but_value_errors(saved):
    data = saved.read_bytes()
    rng = np.random.RandomState(0)
    n_refused = 0
    for position in rng.randint(len(data) - DIGITS, size=400):
        mutant = bytearray(data)
        mutant[position] ^= 1 << rng.randint(8)
        write_sealed(saved, bytes(mutant))
        try:
            load(saved)
        except ValueError:
            n_refused += 1
    assert n_refused > 300  # of the rest, unused bytes of the ZIP were hit


def test_mutants_of_the_schema_raise_nothing_but_value_errors(saved):
    members = members_of(saved)
    data = members["schema.json"]
    rng = np.random.RandomState(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for position in rng.randint(len(data), size=150):
            mutant = bytearray(data)
            mutant[position] = rng.choice([*b'01x"[]{}:,nt'])
            write_forged(saved, {**members, "schema.json": bytes(mutant)})
            try:
                load(saved)
            except ValueError:
                pass


@pytest.mark.parametrize(
    "manifest, message",
    [
        ({"format": 2}, "has format 2; this version reads 1. Update"),
        ({"versions": {"skdeepmir": "99.0", "sklearn": "1.9"}}, "99.0.*Update"),
        ({"versions": {"skdeepmir": "x y", "sklearn": "1.9"}}, "Invalid version"),
        ({"versions": None}, "cannot be loaded"),
        ({"class": "SVC"}, "It holds a Pipeline"),
        ({"members": {}}, "not those of its manifest"),
    ],
    ids=str,
)
def test_load_checks_the_manifest(manifest, message, saved):
    write_forged(saved, members_of(saved), manifest=manifest)
    with pytest.raises(ValueError, match=message):
        load(saved)


@pytest.mark.parametrize("change", ["other", "extra", "missing"])
def test_load_refuses_other_members_than_the_manifest_tells(change, saved):
    members = members_of(saved)
    told = json.loads(members[MANIFEST])["members"]
    array = next(name for name in members if name.endswith(".npy"))
    if change == "other":
        members[array] = members[array][:-1] + b"?"
    elif change == "extra":
        members["more.npy"] = members[array]
    else:
        del members[array]
    write_forged(saved, members, manifest={"members": told})
    with pytest.raises(ValueError, match="not those of its manifest"):
        load(saved)


def test_load_refuses_compressed_members(saved):
    bomb = {**members_of(saved), "bomb.npy": bytes(50_000_000)}
    write_forged(saved, bomb, compression=zipfile.ZIP_DEFLATED)
    assert saved.stat().st_size < 100_000
    with pytest.raises(ValueError, match="is compressed; expected none"):
        load(saved)


def test_load_refuses_members_that_claim_more_than_the_file(saved):
    write_forged(saved, {**members_of(saved), "bomb.npy": bytes(9)})
    data = bytearray(saved.read_bytes())
    with zipfile.ZipFile(saved) as archive:
        name = data.index(b"bomb.npy", archive.start_dir)
    sizes = name - 46 + 20  # of the entry of the directory that ends with the name
    data[sizes : sizes + 8] = (10**8).to_bytes(4, "little") * 2
    write_sealed(saved, bytes(data))
    with pytest.raises(ValueError, match="claim 1000.* bytes of"):
        load(saved)


def test_load_refuses_a_member_twice(saved):
    members = members_of(saved)
    file = io.BytesIO(saved.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate"):
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("schema.json", members["schema.json"])
    write_sealed(saved, file.getvalue())
    with pytest.raises(ValueError, match="one name twice"):
        load(saved)


def test_load_refuses_sparse_members(saved):
    frame = {"__class__": "spmatrix", "__module__": "scipy.sparse._matrix"}
    node = {**frame, "__loader__": "SparseMatrixNode", "type": "scipy", "__id__": 7}
    bomb = io.BytesIO()
    np.savez_compressed(bomb, data=np.zeros(10**6))
    for name in ("x.npz", "x.bin", "x.npy"):
        write_forged(saved, {**members_of(saved), name: bomb.getvalue()})
        forge_schema(saved, {**node, "file": name}, into="memory")
        with pytest.raises(ModelFileError, match="SparseMatrix|magic string"):
            load(saved)


def test_load_refuses_compressed_arrays_under_the_name_of_plain_ones(saved):
    members = members_of(saved)
    bomb = io.BytesIO()
    np.savez_compressed(bomb, data=np.zeros(10**6))
    array = next(name for name in members if name.endswith(".npy"))
    write_forged(saved, {**members, array: bomb.getvalue()})
    with pytest.raises(ModelFileError, match="magic string"):
        load(saved)


@pytest.mark.parametrize("name", ["x.npz", "x.npy", "x.bin", "x.py", "../x"])
def test_load_refuses_members_that_no_object_has(name, saved):
    members = members_of(saved)
    array = next(name for name in members if name.endswith(".npy"))
    write_forged(saved, {**members, name: members[array]})
    with pytest.raises(ModelFileError, match=f"'{name}' .*belongs to no object"):
        load(saved)


def test_load_refuses_what_stands_before_the_zip(saved):
    write_sealed(saved, pickle.dumps("a") + saved.read_bytes())
    with pytest.raises(ModelFileError, match="something before or after its ZIP"):
        load(saved)


def test_load_refuses_headers_that_numpy_cannot_parse(saved):
    members = members_of(saved)
    array = next(name for name in members if name.endswith(".npy"))
    broken = members[array].replace(b"}", b" ", 1)  # tokenize fails on that
    write_forged(saved, {**members, array: broken})
    with pytest.raises(ModelFileError, match="TokenError"):
        load(saved)


@pytest.mark.parametrize("is_forest", [True, False])
def test_load_refuses_trees_that_read_beyond_rows(is_forest, tmp_path):
    rng = np.random.RandomState(0)
    X = rng.rand(60, 3)
    y = X[:, 0] > rng.rand(60)
    model = RandomForestClassifier(2, random_state=0).fit(X, y)
    changed = model if is_forest else model.estimators_[1]
    changed.n_features_in_ = 2  # rows of two would be taken, and three read
    with pytest.raises(ValueError, match="reads 3 features, but rows have 2"):
        save(model, tmp_path / "a")


def make_rows(n_rows=40):
    rng = np.random.RandomState(0)
    X = rng.rand(n_rows, 3)
    return X, {2: X[:, 0] > 0.5, 3: rng.randint(3, size=n_rows), None: X[:, 0]}


@pytest.mark.parametrize(
    "model, n_classes",
    [
        (SVC(), 2),
        (SVC(), 3),
        (SVC(kernel="linear"), 3),
        (SVC(kernel="precomputed"), 2),
        (SVC(kernel="precomputed"), 3),
        (SVC(probability=True, random_state=0), 2),
        (SVC(probability=True, random_state=0), 3),
        (NuSVC(nu=0.3), 3),
        (SVR(), None),
        (SVR(epsilon=5.0), None),  # no support vectors
        (SVR(kernel="precomputed"), None),
        (OneClassSVM(), None),
        (GradientBoostingClassifier(n_estimators=3), 2),
        (GradientBoostingClassifier(n_estimators=3), 3),
        (GradientBoostingClassifier(n_estimators=3, init="zero"), 3),
        (GradientBoostingClassifier(n_estimators=3, init=LogisticRegression()), 3),
        (GradientBoostingRegressor(n_estimators=3), None),
        (GradientBoostingRegressor(n_estimators=3, init=SVR()), None),
        (KMeans(3, n_init=1), None),
        (MiniBatchKMeans(3, n_init=1), None),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:The `probability` parameter")
def test_estimators_whose_arrays_are_checked_give_the_same_bits(
    model, n_classes, tmp_path
):
    X, targets = make_rows()
    if "precomputed" in str(model):
        X = X @ X.T
    model.fit(X, targets[n_classes])
    save(model, tmp_path / "a")
    assert_same_outputs(model, load(tmp_path / "a"), X)


@pytest.mark.parametrize(
    "model, attribute, change",
    [
        (SVC(), "_n_support", lambda n: n + np.array([99, 0, -99], n.dtype)),
        (SVC(), "_n_support", lambda n: n[:2].copy()),
        (SVC(), "_dual_coef_", lambda a: a[:1].copy()),
        (SVC(), "_dual_coef_", lambda a: a[:, :1].copy()),
        (SVC(), "_intercept_", lambda a: a[:1].copy()),
        (SVC(), "_probA", lambda a: np.ones(1)),
        (SVC(), "support_vectors_", lambda a: a[:, :2].copy()),
        (SVC(), "shape_fit_", lambda shape: (1, shape[1])),
        (SVC(), "kernel", lambda _: "precomputed"),
        (SVC(), "_impl", lambda _: "epsilon_svr"),
        (SVC(kernel="precomputed"), "support_", lambda a: a + a.dtype.type(40)),
        (SVC(kernel="precomputed"), "kernel", lambda _: "rbf"),
        (SVR(), "_n_support", lambda n: n + n.dtype.type(1)),
        (OneClassSVM(), "_dual_coef_", lambda a: a[:, 1:].copy()),
        (KMeans(3, n_init=1), "cluster_centers_", lambda a: a[:, :2].copy()),
        (KMeans(3, n_init=1), "_n_threads", lambda _: 10**9),
    ],
)
def test_load_refuses_arrays_that_do_not_fit(model, attribute, change, tmp_path):
    X, targets = make_rows()
    if model.get_params().get("kernel") == "precomputed":
        X = X @ X.T
    model = clone(model).fit(X, targets[None if isinstance(model, SVR) else 3])
    setattr(model, attribute, change(getattr(model, attribute)))
    with pytest.raises(ValueError, match="do not fit: it was forged"):
        save(model, tmp_path / "a")  # which reads what it wrote


def without_trees(stages):
    stages = copy.deepcopy(stages)
    stages[0, 0].tree_ = None
    return stages


@pytest.mark.parametrize(
    "attribute, change",
    [
        ("estimators_", lambda stages: stages.repeat(60, axis=1)),
        ("estimators_", without_trees),
        ("n_trees_per_iteration_", lambda n: n + 1),
        ("init_", lambda _: DummyClassifier().fit([[0], [0]], [0, 1])),
        ("classes_", lambda classes: classes[:2]),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_load_refuses_boosting_that_writes_beyond_its_columns(
    attribute, change, tmp_path
):
    X, targets = make_rows()
    model = GradientBoostingClassifier(n_estimators=3).fit(X, targets[3])
    setattr(model, attribute, change(getattr(model, attribute)))
    with pytest.raises(ValueError, match="boosting in it do not fit"):
        save(model, tmp_path / "a")


def test_load_refuses_boosting_with_trees_of_classes(tmp_path):
    X, targets = make_rows()
    model = GradientBoostingClassifier(n_estimators=1).fit(X, targets[2])
    forest = RandomForestClassifier(1, random_state=0).fit(X, targets[2])
    model.estimators_[0, 0].tree_ = forest.estimators_[0].tree_
    with pytest.raises(ValueError, match="boosting in it do not fit"):
        save(model, tmp_path / "a")


def test_forests_of_outliers_give_the_same_bits(tmp_path):
    X = np.random.RandomState(0).rand(40, 3)
    model = IsolationForest(n_estimators=5, max_features=2, random_state=0).fit(X)
    save(model, tmp_path / "a")
    assert_same_outputs(model, load(tmp_path / "a"), X)


def test_load_refuses_old_protocols_of_skops(saved):
    members = members_of(saved)
    schema = json.loads(members["schema.json"])
    schema["protocol"] = 1
    write_forged(saved, {**members, "schema.json": json.dumps(schema).encode()})
    with pytest.raises(ValueError, match="protocol 1 of skops"):
        load(saved)


def test_load_refuses_references_that_explode(saved):
    def reference(i):
        return {**frame, "__id__": i, "content": []}

    frame = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode"}
    laughs = {**frame, "__id__": 1, "content": []}
    for i in range(2, 60):
        laughs = {**frame, "__id__": i, "content": [laughs, reference(i - 1)]}
    forge_schema(saved, laughs, into="steps")
    with pytest.raises(ValueError, match="has two contents"):
        load(saved)


def test_load_refuses_arrays_that_claim_too_much(saved):
    members = members_of(saved)
    array = next(name for name in members if name.endswith(".npy"))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)}
    )
    write_forged(saved, {**members, array: header.getvalue()})
    with pytest.raises(ValueError, match="cannot be loaded"):
        load(saved)


def test_load_warns_once_of_another_scikit_learn(saved):
    members = members_of(saved)
    ours = f'"{sklearn.__version__}'.encode()
    assert members["schema.json"].replace(b"\\", b"").count(ours) > 2
    members["schema.json"] = members["schema.json"].replace(ours[1:], b"1.2.7")
    versions = {"skdeepmir": "0.0.1", "sklearn": "1.2.7"}
    write_forged(saved, members, manifest={"versions": versions})
    with pytest.warns(UserWarning, match=r"scikit-learn '1\.2\.7', this is") as record:
        load(saved)
    assert len(record) == 1 and record[0].filename == __file__


def test_load_does_not_warn_otherwise(saved):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(saved)


def function(module, name, loader="FunctionNode"):
    return {"__module__": module, "__class__": name, "__loader__": loader, "__id__": 7}


TEXT = {**function("builtins", "str", "JsonNode"), "__id__": 8, "content": '"id"'}
ARGUMENTS = {**function("builtins", "tuple", "TupleNode"), "__id__": 9}
ARGUMENTS["content"] = [TEXT]
HOSTILE = [
    ("os.system", function("os", "system")),
    ("builtins.eval", function("builtins", "eval")),
    ("builtins.eval", function("builtins", "eval", "TypeNode")),
    (
        "subprocess.Popen",
        {
            **function("subprocess", "Popen", "ConstructorFromReduceNode"),
            "content": ARGUMENTS,
        },
    ),
    (
        "posix.system",
        {
            **function("posix", "system", "NdArrayNode"),
            "type": "json",
            "content": [TEXT],
            "shape": ARGUMENTS,
        },
    ),
    (
        "os.system",
        {**function("os", "system", "ListNode"), "content": [TEXT]},
    ),
    (
        "os.system",
        {**function("os", "system", "ObjectNode"), "content": TEXT},
    ),
    (
        "operator.methodcaller",
        {
            **function("operator", "methodcaller", "OperatorFuncNode"),
            "attrs": ARGUMENTS,
        },
    ),
    ("antigravity.geohash", function("antigravity", "geohash")),
]


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name, node", HOSTILE, ids=lambda v: str(v)[:60])
def test_load_refuses_and_names_what_is_not_trusted(name, node, whole, saved):
    forge_schema(saved, node, into=None if whole else "memory")
    with pytest.raises(ValueError, match=f"It names '.*{name}.*do not use it"):
        load(saved)


def test_hostile_files_run_nothing(saved, tmp_path):
    original = saved.read_bytes()
    for i, (_, node) in enumerate(HOSTILE):
        for into in (None, "memory"):
            saved.write_bytes(original)
            forge_schema(saved, node, into=into)
            (tmp_path / f"{i}{into}.hostile").write_bytes(saved.read_bytes())
    for name, content in foreign_files().items():
        (tmp_path / f"{name}.hostile").write_bytes(content)
    saved.write_bytes(original)
    code = f"""
        import pathlib, sys
        from skdeepmir.persistence import load
        load({str(saved)!r})  # imports what is needed
        events = []
        def watch(event, arguments):
            # NumPy parses the headers of arrays, without running them.
            parses = event == "compile" and arguments[1] == "<unknown>"
            writes = event == "open" and set("wax+") & set(str(arguments[1]))
            if event.split(".")[0] in {{
                "compile", "exec", "import", "os", "pickle", "socket", "subprocess"
            }} and event not in {{"os.listdir", "os.scandir"}} and not parses or writes:
                events.append((event, str(arguments)))
        sys.addaudithook(watch)
        load({str(saved)!r})
        assert not events, events
        files = sorted(pathlib.Path({str(tmp_path)!r}).glob("*.hostile"))
        assert len(files) == {2 * len(HOSTILE) + len(foreign_files())}
        for path in files:
            try:
                load(path)
            except ValueError:
                pass
            else:
                raise SystemExit(f"{{path}} was loaded")
        assert not events, events
        import pickle
        pickle.loads(pickle.dumps(pathlib.Path("a")))
        assert events  # the hook does see it
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_errors_show_names_of_hostile_files_on_one_line(saved):
    node = {**function("builtins\x1b[31m", "str\n\u202e", "MethodNode")}
    node["content"] = {"func": "a", "obj": TEXT}
    forge_schema(saved, node, into="memory")
    with pytest.raises(ModelFileError, match=r"builtins\\x1b\[31m.*str\\n") as caught:
        load(saved)
    assert str(caught.value).isprintable()
