"""Files of ``skdeepmir.save`` with something hostile inside, their checksums right."""

import hashlib
import io
import json
import os
import pickle

import joblib
import numpy as np
import skops.io
from saved_files import described, members_of, packed, sealed
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdeepmir import MultiTimescalePooler
from skdeepmir.persistence import MANIFEST, SEAL, load, save


class Payload:
    """An object that runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("echo this must never be seen",)


def save_models(folder):
    """Return the paths of models as users save them."""
    rng = np.random.RandomState(0)
    X, y = rng.rand(30, 4), np.array(["jazz", "techno"] * 15)
    clips = [X[i : i + 3] for i in range(0, 30, 3)]
    pooled = make_pipeline(
        MultiTimescalePooler(), StandardScaler(), LogisticRegression()
    ).fit(clips, y[:10])
    forest = RandomForestClassifier(2, random_state=0).fit(X, y)
    named = LogisticRegression().fit(X, y.astype(object))
    paths = []
    models = {"pooled": pooled, "forest": forest, "named": named}
    models["vectors"] = SVC().fit(X, y)
    models["boosting"] = GradientBoostingClassifier(n_estimators=2).fit(X, y)
    for name, model in models.items():
        paths.append(folder / f"{name}.skdeepmir")
        save(model, paths[-1])
    return paths


def forged(members, **options):
    """Return a file whose checksum is right, and its manifest if it can be read."""
    try:
        members = described(members)
    except (KeyError, TypeError, ValueError):  # what is hostile is the manifest
        pass
    return packed(members, **options)


def hostile_models(data):
    """Yield (name, file): a model with a payload in each possible place."""
    members = members_of(io.BytesIO(data))
    for name in members:
        for kind, content in payloads().items():
            yield f"{kind} as {name}", forged({**members, name: content})
    for name in ["x.npy", "x.bin", "x.npz", "x.pkl", "../x.py", "/x.py", "x.py", "x/"]:
        yield f"more: {name}", forged({**members, name: payloads()["pickle"]})
    pickled = payloads()["pickle"]
    yield "comment", forged(members, comment=pickled + SEAL)
    yield "prefix", forged(members, prefix=pickled)
    manifest = json.loads(members[MANIFEST])
    for key in manifest:
        for value in ("os.system", [], {"skdeepmir": "0", "sklearn": {}}, 10**400):
            text = json.dumps({**manifest, key: value}).encode()
            if key != "members":
                yield f"{key} {value!s:.30}", forged({**members, MANIFEST: text})
    schema = json.loads(members["schema.json"])
    array = next(name for name in members if name.endswith(".npy"))
    for i, loader in enumerate(LOADERS):
        is_plain = loader in ("FunctionNode", "TypeNode", "ObjectNode")
        for module, name in NAMES if is_plain else [NAMES[i % len(NAMES)]]:
            node = hostile_node(module, name, loader, array)
            for place, other in placed(schema, node):
                text = json.dumps(other).encode()
                file = forged({**members, "schema.json": text})
                yield f"{module}.{name} as {loader} {place}", file


def misfits(path):
    """Yield (name, file): models of a file whose arrays do not fit together."""
    manifest = members_of(path)[MANIFEST]
    for name, change in MISFITS.get(path.stem, {}).items():
        model = load(path)
        change(model)
        members = members_of(io.BytesIO(skops.io.dumps(model)))
        yield f"{path.stem}: {name}", forged({**members, MANIFEST: manifest})


def _replaced(attribute, change):
    def apply(model):
        setattr(model, attribute, change(getattr(model, attribute)))

    return apply


MISFITS = {
    "boosting": {
        "60 trees in a stage": _replaced("estimators_", lambda a: a.repeat(60, axis=1)),
        "60 columns": _replaced("n_trees_per_iteration_", lambda n: 60 * n),
    },
    "vectors": {
        "impossible counts": _replaced(
            "_n_support", lambda n: n + np.array([10**6, -(10**6)], dtype=n.dtype)
        ),
        "few coefficients": _replaced("_dual_coef_", lambda a: a[:, :1].copy()),
        "no intercepts": _replaced("_intercept_", lambda a: a[:0].copy()),
    },
}


def payloads():
    """Return contents that would run code if they were unpickled."""
    objects = np.array([Payload()], dtype=object)
    file, stored, compressed = io.BytesIO(), io.BytesIO(), io.BytesIO()
    joblib.dump(Payload(), file)
    np.save(stored, objects, allow_pickle=True)
    np.savez_compressed(compressed, objects)
    return {
        "pickle": pickle.dumps(Payload()),
        "joblib": file.getvalue(),
        "objects": stored.getvalue(),
        "npz": compressed.getvalue(),
        "code": b"import os; os.system('echo this must never be seen')",
    }


NAMES = [
    ("os", "system"),
    ("posix", "system"),
    ("builtins", "eval"),
    ("builtins", "__import__"),
    ("subprocess", "Popen"),
    ("pickle", "loads"),
    ("antigravity", "geohash"),
    ("sklearn.utils", "os.system"),
    ("sklearn.pipeline", "Pipeline.__init__.__globals__"),
    ("skdeepmir.persistence", "load"),
]
LOADERS = """
    DictNode DefaultDictNode ListNode SetNode TupleNode BytesNode BytearrayNode
    FunctionNode MethodNode PartialNode TypeNode ConstructorFromReduceNode ObjectNode
    OperatorFuncNode NdArrayNode MaskedArrayNode DTypeNode RandomStateNode
    RandomGeneratorNode SparseMatrixNode TreeNode LossNode UnknownNode
""".split()


def hostile_node(module, name, loader, array):
    """Return a node that calls or imports a name, in the form that a loader takes."""
    named = {"__module__": module, "__class__": name, "__id__": 10**6}
    text = _node("builtins", "str", "JsonNode", content='"id"')
    arguments = _node("builtins", "tuple", "TupleNode", content=[text])
    function = {**named, "__loader__": "FunctionNode", "__id__": 10**6 + 1}
    listed = {"ListNode", "SetNode", "TupleNode", "NdArrayNode"}
    content = {
        "DictNode": {"id": text},
        "DefaultDictNode": {"main": text, "default_factory": function},
        "MethodNode": {"func": "system", "obj": function},
        "PartialNode": {
            "func": function,
            "args": arguments,
            "kwds": text,
            "namespace": text,
        },
        "MaskedArrayNode": {"data": function, "mask": function},
        "RandomGeneratorNode": {"bit_generator": function, "seed_seq": function},
    }.get(loader, [text] if loader in listed else arguments)
    return {
        **named,
        "__loader__": loader,
        "content": content,
        "key_types": _node("builtins", "list", "ListNode", content=[function]),
        "type": "json" if loader == "NdArrayNode" else "scipy",
        "shape": arguments,
        "attrs": arguments,
        "__reduce__": {"args": arguments},
        **({} if loader == "NdArrayNode" else {"file": array}),
    }


def placed(schema, node):
    """Yield (place, schema) with a node in place of all, and of an attribute."""
    yield "as all", {**node, "protocol": schema["protocol"]}
    other = json.loads(json.dumps(schema))
    attributes = other["content"]["content"]
    attributes[next(iter(attributes))] = node
    yield "inside", other


def _node(module, name, loader, **more):
    node = {"__module__": module, "__class__": name, "__loader__": loader, **more}
    node["__id__"] = 10**7 + int(
        hashlib.sha256(repr(node).encode()).hexdigest()[:6], 16
    )
    return node


def mutants(models, rng):
    """Yield (kind, file) without end: "damaged" ones, and "forged" with checksums."""
    while True:
        data = models[rng.randint(len(models))]
        yield "damaged", _with_other_bytes(data, rng)
        members = members_of(io.BytesIO(data))
        name = list(members)[rng.randint(len(members))]
        if rng.rand() < 0.25:
            yield "forged", sealed(_with_other_bytes(data, rng))
        elif name.endswith(".json") or rng.rand() < 0.5:
            name = name if name.endswith(".json") else "schema.json"
            yield "forged", forged({**members, name: _other_json(members[name], rng)})
        else:
            other = _with_other_bytes(members[name][:200], rng) + members[name][200:]
            yield "forged", forged({**members, name: other})


def _with_other_bytes(data, rng):
    mutant = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randint(len(mutant))
        mutant[place] ^= 1 << rng.randint(8)
        if rng.rand() < 0.1:
            del mutant[place : place + rng.randint(1, 20)]
        if not mutant:
            mutant += b"?"
    return bytes(mutant)


VALUES = (None, True, -1, 0, 10**9, 2**70, 1e308, "", "os.system", [], {}, [[]], "1")


def _other_json(text, rng):
    """Return JSON with a value replaced or removed, or text with other bytes."""
    if rng.rand() < 0.3:
        return _with_other_bytes(text, rng)
    whole = json.loads(text)
    spots = list(_spots(whole))
    part, key = spots[rng.randint(len(spots))]
    if rng.rand() < 0.2:
        del part[key]
    elif rng.rand() < 0.3:  # what stands elsewhere
        other, other_key = spots[rng.randint(len(spots))]
        part[key] = json.loads(json.dumps(other[other_key]))
    else:
        value = VALUES[rng.randint(len(VALUES))]
        is_json = key == "content" and isinstance(part[key], str)
        part[key] = json.dumps(value) if is_json else value
    return json.dumps(whole).encode()


def _spots(part):
    for key, value in part.items() if isinstance(part, dict) else enumerate(part):
        yield part, key
        if isinstance(value, dict | list):
            yield from _spots(value)
