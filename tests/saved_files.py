"""Model files for tests: saved, and forged with right checksums."""

import hashlib
import io
import json
import zipfile

import numpy as np

from skdeepmir.persistence import (
    DIGITS,
    MANIFEST,
    SEAL,
)


def make_clips(n_clips=8, n_features=6, seed=0):
    rng = np.random.RandomState(seed)
    labels = np.array(["jazz", "techno"] * (n_clips // 2))
    clips = [
        rng.rand(20 + i, n_features) + (label == "jazz")
        for i, label in enumerate(labels)
    ]
    return clips, labels


def outputs(estimator, X):
    names = ("predict", "predict_proba", "decision_function", "transform")
    names += ("predict_activations",)
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


def members_of(file):
    """Return the members of a path or a binary file by name."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def described(members, changes=None):
    """Return members with a manifest that describes them, but for some changes."""
    manifest = json.loads(members[MANIFEST])
    manifest["members"] = {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in members.items()
        if name != MANIFEST
    }
    return {**members, MANIFEST: json.dumps({**manifest, **(changes or {})}).encode()}


def packed(members, *, comment=SEAL, prefix=b"", compression=zipfile.ZIP_STORED):
    """Return a file with the right checksum, whatever is inside."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.comment = comment + bytes(DIGITS)
    return sealed(prefix + file.getvalue())


def sealed(data):
    """Return a file with the right checksum at its end."""
    body = data[:-DIGITS]
    return body + hashlib.sha256(body).hexdigest().encode()


def write_forged(path, members, *, manifest=None, **options):
    """Write a file whose manifest and checksum are right, whatever is inside."""
    path.write_bytes(packed(described(members, manifest), **options))


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
