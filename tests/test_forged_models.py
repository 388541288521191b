"""Files that ``save`` never wrote, which ``load`` must refuse."""

import copy
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
import skops.io
from saved_files import (
    assert_same_outputs,
    forge_schema,
    members_of,
    sealed,
    write_forged,
)
from sklearn.base import clone
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM

from skdeepmir.persistence import DIGITS, MANIFEST, ModelFileError, load, save
from skdeepmir.persistence._load import FORMAT


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


def foreign_files():
    scaler = StandardScaler().fit([[0.0], [1.0]])
    dumped = io.BytesIO()
    joblib.dump(scaler, dumped)
    return {
        "empty": b"",
        "pickle": pickle.dumps(scaler),
        "a pickle": dumped.getvalue(),
        "a ZIP file": skops.io.dumps(scaler),
        "not a file of": b"hello" * 100,
    }


@pytest.mark.parametrize("found", foreign_files())
def test_load_refuses_files_of_others(found, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(foreign_files()[found])
    with pytest.raises(ValueError, match=f"a' cannot be loaded.*{found}"):
        load(path)


@pytest.mark.parametrize("kept", [1, 30, 0.5, -1])
def test_load_refuses_cut_files(kept, saved):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(kept * len(data)) if kept == 0.5 else kept])
    with pytest.raises(ValueError, match="model.skdeepmir' .*cut"):
        load(saved)


def test_load_refuses_all_of_many_damaged_files(saved):
    data = saved.read_bytes()
    rng = np.random.RandomState(0)
    for position in rng.randint(len(data), size=400):
        mutant = bytearray(data)
        mutant[position] ^= 1 << rng.randint(8)
        saved.write_bytes(mutant)
        with pytest.raises(ModelFileError, match="model.skdeepmir' "):
            load(saved)


def test_forged_mutants_raise_nothing_but_value_errors(saved):
    data = saved.read_bytes()
    rng = np.random.RandomState(0)
    n_refused = 0
    for position in rng.randint(len(data) - DIGITS, size=400):
        mutant = bytearray(data)
        mutant[position] ^= 1 << rng.randint(8)
        saved.write_bytes(sealed(bytes(mutant)))
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
        ({"format": 99}, f"format 99;.* {FORMAT}.*Update"),
        ({"versions": {"skdeepmir": "99.0", "sklearn": "1.9"}}, "99.0.*Update"),
        ({"versions": {"skdeepmir": "x y", "sklearn": "1.9"}}, "Invalid version"),
        ({"versions": None}, "TypeError"),
        ({"class": "SVC"}, "Pipeline"),
        ({"members": {}}, "members .*manifest"),
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
    with pytest.raises(ValueError, match="members .*manifest"):
        load(saved)


def test_load_refuses_compressed_members(saved):
    bomb = {**members_of(saved), "bomb.npy": bytes(50_000_000)}
    write_forged(saved, bomb, compression=zipfile.ZIP_DEFLATED)
    assert saved.stat().st_size < 100_000
    with pytest.raises(ValueError, match="member .*compressed"):
        load(saved)


def test_load_refuses_members_that_claim_more_than_the_file(saved):
    write_forged(saved, {**members_of(saved), "bomb.npy": bytes(9)})
    data = bytearray(saved.read_bytes())
    with zipfile.ZipFile(saved) as archive:
        name = data.index(b"bomb.npy", archive.start_dir)
    sizes = name - 46 + 20  # of the entry of the directory that ends with the name
    data[sizes : sizes + 8] = (10**8).to_bytes(4, "little") * 2
    saved.write_bytes(sealed(bytes(data)))
    with pytest.raises(ValueError, match=f"1000.* of {len(data)} bytes"):
        load(saved)


def test_load_refuses_a_member_twice(saved):
    members = members_of(saved)
    file = io.BytesIO(saved.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate"):
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("schema.json", members["schema.json"])
    saved.write_bytes(sealed(file.getvalue()))
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
    with pytest.raises(ModelFileError, match=f"member '{name}' "):
        load(saved)


def test_load_refuses_what_stands_before_the_zip(saved):
    saved.write_bytes(sealed(pickle.dumps("a") + saved.read_bytes()))
    with pytest.raises(ModelFileError, match="before .*ZIP"):
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
    with pytest.raises(ValueError, match="decision tree .* 3 features.* 2:"):
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
    with pytest.raises(ValueError, match="(machine|centres) .*forged"):
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
    with pytest.raises(ValueError, match="boosting .*forged"):
        save(model, tmp_path / "a")


def test_load_refuses_boosting_with_trees_of_classes(tmp_path):
    X, targets = make_rows()
    model = GradientBoostingClassifier(n_estimators=1).fit(X, targets[2])
    forest = RandomForestClassifier(1, random_state=0).fit(X, targets[2])
    model.estimators_[0, 0].tree_ = forest.estimators_[0].tree_
    with pytest.raises(ValueError, match="boosting .*forged"):
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
    with pytest.raises(ValueError, match="skops protocol 1,"):
        load(saved)


def test_load_refuses_references_that_explode(saved):
    def reference(i):
        return {**frame, "__id__": i, "content": []}

    frame = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode"}
    laughs = {**frame, "__id__": 1, "content": []}
    for i in range(2, 60):
        laughs = {**frame, "__id__": i, "content": [laughs, reference(i - 1)]}
    forge_schema(saved, laughs, into="steps")
    with pytest.raises(ValueError, match="two contents"):
        load(saved)


def test_load_refuses_arrays_that_claim_too_much(saved):
    members = members_of(saved)
    array = next(name for name in members if name.endswith(".npy"))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)}
    )
    write_forged(saved, {**members, array: header.getvalue()})
    with pytest.raises(ValueError, match=rf"{array}.*\({10**15},\)"):
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
    with pytest.raises(ValueError, match=f"names '.*{name}"):
        load(saved)


CALLED = []


def trusted_call(*args):
    """Note that something called this."""
    CALLED.append(args)
    return 0.5


@pytest.mark.parametrize(
    "loader, content",
    [
        ("ConstructorFromReduceNode", {"content": ARGUMENTS}),
        ("ListNode", {"content": [TEXT]}),
        ("SetNode", {"content": [TEXT]}),
        ("DictNode", {"content": {}, "key_types": {**ARGUMENTS, "content": []}}),
        ("TupleNode", {"content": [TEXT]}),
        ("NdArrayNode", {"type": "json", "content": [TEXT], "shape": ARGUMENTS}),
        ("MethodNode", {"content": {"func": "__call__", "obj": TEXT}}),
        ("OperatorFuncNode", {"attrs": ARGUMENTS}),
        ("RandomStateNode", {"content": {**ARGUMENTS, "content": []}}),
    ],
)
def test_load_calls_nothing_that_is_trusted(loader, content, saved):
    node = function(__name__, "trusted_call", loader)
    forge_schema(saved, {**node, **content}, into="memory")
    with pytest.raises(ModelFileError):
        load(saved, trusted=[trusted_call])
    forge_schema(saved, function(__name__, "trusted_call"), into="memory")
    assert load(saved, trusted=[trusted_call]).memory is trusted_call
    assert CALLED == []


@pytest.mark.parametrize("name, node", HOSTILE, ids=lambda v: str(v)[:60])
def test_trust_in_one_name_is_none_in_others(name, node, saved):
    forge_schema(saved, node, into="memory")
    with pytest.raises(ModelFileError, match=f"names '.*{name}"):
        load(saved, trusted=[trusted_call, "os.path"])


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
