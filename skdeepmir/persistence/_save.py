"""Save estimators to files: ``save``."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import skdeepmir
from skdeepmir._disk import target_file, written_whole
from skdeepmir.persistence._forgeries import OWN_LOADERS
from skdeepmir.persistence._load import (
    BAD_FILE,
    BAD_VALUES,
    DIGITS,
    FORMAT,
    MANIFEST,
    SEAL,
    members_of,
    trusted_names,
    unsealed,
)

NOT_OWN = ("joblib", "numpy", "scipy", "sklearn", "skdeepmir", "skops")
DEEPEST = 150  # levels that skops writes and reads without a RecursionError


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Save an estimator to a file that :func:`load` reads.

    Parameters
    ----------
    estimator : estimator
        An estimator of this package or scikit-learn, fitted or not; also pipelines,
        searches and other meta-estimators, with steps, functions and modules of your
        own (``load`` has to be told to trust these).
    path : str or PathLike
        The file; one that exists is replaced when the new one is complete. ``~`` is the
        home folder.

    Raises
    ------
    TypeError
        If it is not an estimator, or holds something that could not be loaded safely,
        such as a tensor, a function without a name or one of Python's own. The message
        says where.
    ValueError
        If it would not be the same after :func:`load`.
    FileNotFoundError
        If the folder of the file does not exist.

    Notes
    -----
    The file holds no pickle and no code: it is an uncompressed ZIP of JSON and ``.npy``
    members, with a checksum. What was written is read back and compared before the file
    takes its name.

    Classes and functions of your own, and of other packages, stand in the file by name
    and not with their code: their module must be importable where it is loaded. Define
    them at the top level of a file that is imported, not in a script or notebook, whose
    module is called ``__main__``.

    Histogram gradient boosting and the search trees of nearest neighbours
    (``algorithm="brute"`` has none) cannot be saved: scikit-learn does not check the
    indices inside, so that a forged file could crash the process. This package checks
    the indices of decision trees and forests, and that the arrays of gradient boosting,
    of support vector machines (SVC, NuSVC, SVR, NuSVR, OneClassSVM) and of KMeans and
    MiniBatchKMeans fit together. Other estimators with compiled code are checked by
    scikit-learn only, when it loads them and predicts.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skdeepmir import MultiTimescalePooler, load, make_pipeline, save
    >>> rng = np.random.RandomState(0)
    >>> clips = [rng.rand(30, 4), rng.rand(20, 4) + 1]
    >>> model = make_pipeline(MultiTimescalePooler(), LogisticRegression())
    >>> path = Path(tempfile.mkdtemp()) / "genres.skdeepmir"
    >>> save(model.fit(clips, ["jazz", "techno"]), path)
    >>> load(path).predict(clips)
    array(['jazz', 'techno'], dtype='<U6')
    """
    from sklearn.base import BaseEstimator

    if not isinstance(estimator, BaseEstimator):
        raise TypeError(
            f"estimator is {_described(estimator)}; expected an estimator of "
            "scikit-learn or skdeepmir as the first argument."
        )
    path = target_file(path)
    data = _dumped(estimator)
    own = _own_names(data)
    sealed = _sealed(data, type(estimator).__name__)
    _refuse_what_changes(data, sealed, own)
    with written_whole(path) as file:
        file.write(sealed)


def _dumped(estimator: Any) -> bytes:
    """Return the ZIP that skops writes."""
    import skops.io

    _check_nesting(estimator, "estimator", {}, set())
    try:
        return skops.io.dumps(estimator)
    except RecursionError as error:  # of a caller that is deep inside
        raise TypeError("estimator is nested too deeply to be saved.") from error
    except BAD_VALUES as error:
        place, found = _unsaveable(estimator, "estimator")
        raise TypeError(
            f"{place} is {_described(found)}, which cannot be saved ({error}). Keep "
            "what was learned in NumPy arrays."
        ) from error


def _parts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what an estimator or a container holds, with names or numbers."""
    import numpy as np
    from sklearn.base import BaseEstimator

    if isinstance(value, dict | BaseEstimator):
        yield from (value if isinstance(value, dict) else vars(value)).items()
    elif isinstance(value, np.ndarray) and value.dtype.hasobject:
        yield from enumerate(value.ravel().tolist())
    elif isinstance(value, list | tuple):
        yield from enumerate(value)


def _check_nesting(value: Any, place: str, above: dict[int, str], done: set) -> None:
    """Refuse what refers to itself or is nested too deeply for skops."""
    # The error of skops differs between versions of Python and depths of the caller.
    if id(value) in above:
        raise TypeError(
            f"estimator refers to itself: {place} is {above[id(value)]} again. Leave "
            "it out."
        )
    if len(above) > DEEPEST:
        raise TypeError(
            f"estimator is nested too deeply to be saved: {place[:80]}... is more than "
            f"{DEEPEST} levels down."
        )
    if id(value) in done:
        return
    inside = {**above, id(value): place}
    for key, child in _parts(value):
        _check_nesting(child, f"{place}.{key}", inside, done)
    done.add(id(value))


def _unsaveable(value: Any, place: str) -> tuple[str, Any]:
    """Return the place and the value at which skops fails."""
    import skops.io

    for key, child in _parts(value):
        try:
            skops.io.dumps(child)
        except BAD_VALUES:
            return _unsaveable(child, f"{place}.{key}")
    return place, value


def _described(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"a {type(value).__module__}.{type(value).__name__}"


def _own_names(data: bytes) -> frozenset[str]:
    """Return the names that whoever loads the file has to trust.

    Others are refused; the error names each, and where it first occurs.
    """
    import skops.io

    try:
        strange = set(skops.io.get_untrusted_types(data=data)) - trusted_names()
    except BAD_VALUES as error:  # of methods of a class, for example
        raise TypeError(
            f"estimator holds something that cannot be saved ({error}). Functions must "
            "stand at the top level of a module, not in a class."
        ) from error
    if not strange:
        return frozenset()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read("schema.json"))
    found: dict[str, list[tuple[str, dict]]] = {name: [] for name in sorted(strange)}
    for place, node in _nodes(schema):
        name = f"{node['__module__']}.{node['__class__']}"
        if node["__loader__"] == "MethodNode":
            name += f".{node['content']['func']}"
        if name in found:
            found[name].append((place, node))
    bad = [
        f"{name} ({nodes[0][0] if nodes else '?'})"
        for name, nodes in found.items()
        if not nodes or not all(_is_own(node) for _, node in nodes)
    ]
    if bad:
        raise TypeError(
            f"Found {', '.join(bad)}; expected estimators of scikit-learn and "
            "skdeepmir, and classes and functions of your own that a module defines at "
            "its top level, which hold numbers, strings and NumPy arrays. Lambdas, "
            "functions of Python and NumPy, tensors and search trees of scikit-learn "
            "are not safe to load. Leave it out or use another."
        )
    return frozenset(strange)


def _is_own(node: dict) -> bool:
    """Tell whether a node of the schema is something that a user can trust by name."""
    home, loader = node["__module__"], node["__loader__"]
    root = home.split(".")[0]
    is_found = hasattr(sys.modules.get(home), node["__class__"])
    if loader not in OWN_LOADERS or not is_found:
        return False
    if root == "torch":  # layers and activations, as parameters of a module
        return loader != "ObjectNode"
    return root not in NOT_OWN and root not in sys.stdlib_module_names - {"__main__"}


def _nodes(part: Any, place: str = "estimator") -> Iterator[tuple[str, dict]]:
    """Yield all objects of a skops schema, with the attribute that holds each."""
    if isinstance(part, dict):
        if isinstance(part.get("__loader__"), str):
            yield place, part
        if part.get("__loader__") == "SetNode":  # its order is not that of the next
            part = {**part, "content": sorted(part["content"], key=_without_id)}
        for key, child in part.items():
            is_frame = key in ("content", "__reduce__", "args")
            yield from _nodes(child, place if is_frame else f"{place}.{key}")
    elif isinstance(part, list):
        for i, child in enumerate(part):
            yield from _nodes(child, f"{place}.{i}")


def _without_id(node: dict) -> str:
    return json.dumps({key: node[key] for key in sorted(node) if key != "__id__"})


def _facts(data: bytes) -> Iterator[tuple[str, dict]]:
    """Yield the content of a skops ZIP that is the same for equal estimators."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for place, node in _nodes(json.loads(archive.read("schema.json"))):
            plain = {
                key: value
                for key, value in node.items()
                if key != "__id__" and not isinstance(value, dict | list)
            }
            if isinstance(plain.get("file"), str):
                plain["file"] = _digest(archive.read(plain["file"]))
            yield place, plain


def _digest(content: bytes) -> str:
    """Return a digest of a member that ignores the padding between fields."""
    import numpy as np

    if content.startswith(np.lib.format.MAGIC_PREFIX):
        array = np.load(io.BytesIO(content), allow_pickle=False)
        if array.dtype.names:
            fields = [array[name].tobytes() for name in array.dtype.names]
            content = repr((array.dtype, array.shape)).encode() + b"".join(fields)
    return hashlib.sha256(content).hexdigest()


def _refuse_what_changes(data: bytes, sealed: bytes, own: frozenset[str]) -> None:
    try:
        again = _dumped(unsealed(sealed, own)[0])
    except BAD_FILE as error:
        raise ValueError(f"estimator cannot be loaded again: {error}") from error
    for old, new in itertools.zip_longest(_facts(data), _facts(again)):
        if old != new:
            raise ValueError(
                f"{(old or new)[0]} would not be the same after loading; expected "
                "plain values, and keys of dicts to be str, int or float."
            )


def _sealed(data: bytes, class_name: str) -> bytes:
    """Add the manifest and the checksum to the ZIP that skops wrote."""
    import numpy
    import sklearn
    import skops

    packages = (skdeepmir, sklearn, numpy, skops)
    file = io.BytesIO(data)
    with zipfile.ZipFile(file, "a") as archive:
        manifest = {
            "format": FORMAT,
            "class": class_name,
            "versions": {p.__name__: p.__version__ for p in packages},
            "members": members_of(archive),
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
        archive.comment = SEAL + bytes(DIGITS)
    body = file.getvalue()[:-DIGITS]
    return body + hashlib.sha256(body).hexdigest().encode()
