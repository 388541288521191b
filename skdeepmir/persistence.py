"""Fitted estimators in one file, without pickle: ``save`` and ``load``."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import skdeepmir
from skdeepmir._disk import written_whole

# A file is the ZIP that skops writes (schema.json, one .npy for each array), with a
# manifest as one more member and a comment that ends it: SEAL and the SHA-256 of all
# bytes before the hexadecimal digits.
FORMAT = 1
SEAL = b"skdeepmir estimator, SHA-256 "
DIGITS = 64
MANIFEST = "skdeepmir.json"
SKOPS_PROTOCOL = 2  # older ones are never written; skops checks them less strictly
# What skops does not trust by itself, and what sits in estimators that are.
TRUSTED = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
)
# What skops, zipfile and the classes in a file raise where its content is no good.
BAD_VALUES = (AttributeError, RuntimeError, TypeError, ValueError)
BAD_CONTENT = (*BAD_VALUES, ArithmeticError, EOFError, ImportError, LookupError)
BAD_FILE = (*BAD_CONTENT, MemoryError, zipfile.BadZipFile)


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write an estimator to one file, for :func:`load`.

    Parameters
    ----------
    estimator : estimator
        Of this package or scikit-learn, fitted or not; pipelines, searches and what
        else holds estimators, too.
    path : str or PathLike
        The file; one that exists is replaced when the new one is complete. ``~`` is the
        home folder.

    Raises
    ------
    TypeError
        If it is no estimator or holds what could not be loaded safely: a function, an
        object of another package or a class of your own. The message says where.
    ValueError
        If it would not be the same after :func:`load`.
    FileNotFoundError
        If the folder of the file does not exist.

    Notes
    -----
    There is no pickle inside, and no code: the file is a ZIP of JSON and ``.npy``
    members, not compressed, with a checksum. What was written is read back and
    compared before the file takes its name.

    Histogram gradient boosting and the search trees of nearest neighbours
    (``algorithm="brute"`` has none) cannot be saved: scikit-learn does not check the
    indices inside, so that a forged file could crash the process. Those of decision
    trees and forests are checked here.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeepmir import MultiTimescalePooler, load, save
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
            "scikit-learn or skdeepmir, before the path."
        )
    path = Path(path).expanduser()
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {str(path.parent)!a} for {path.name!a}. Create it."
        )
    data = _dumped(estimator)
    _refuse_what_is_not_trusted(data)
    sealed = _sealed(data, type(estimator).__name__)
    _refuse_what_changes(data, sealed)
    with written_whole(path) as file:
        file.write(sealed)


def load(path: str | os.PathLike[str]) -> Any:
    """Return the estimator of a file that :func:`save` wrote.

    Parameters
    ----------
    path : str or PathLike
        The file. ``~`` is the home folder.

    Returns
    -------
    estimator : estimator
        It predicts and transforms as the one that was saved, bit for bit.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not from :func:`save`, damaged, of a newer version of this
        package, or names what is neither scikit-learn's nor ours.

    Warns
    -----
    UserWarning
        If another version of scikit-learn saved it.

    Notes
    -----
    Nothing that a file names is imported or called before all of it is checked, so a
    file from elsewhere runs no code of its own. The checksum tells of damage, not who
    wrote it: results, and parameters that name a folder (``cache_dir``, ``memory``),
    are those of whoever did.

    Examples
    --------
    See :func:`save`.
    """
    import sklearn

    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file {str(path)!a}. Expected one from skdeepmir.save."
        )
    try:
        estimator, saved = _unsealed(path.read_bytes())
    except BAD_FILE as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise ValueError(f"{str(path)!a} cannot be loaded. {kind}{error}") from error
    if saved.split(".")[:2] != sklearn.__version__.split(".")[:2]:
        warnings.warn(
            f"{str(path)!a} was saved with scikit-learn {saved!a}, this is "
            f"{sklearn.__version__}; results may differ. Install the version it was "
            "saved with, or fit and save it again.",
            stacklevel=2,
        )
    return estimator


def _trusted() -> list[str]:
    """Return the names that may stand in a file besides those that skops trusts."""
    from sklearn import feature_selection, model_selection
    from sklearn.base import BaseEstimator
    from sklearn.metrics import get_scorer, get_scorer_names

    public = [getattr(skdeepmir, name) for name in skdeepmir._HOMES]
    ours = [c for c in public if isinstance(c, type) and issubclass(c, BaseEstimator)]
    splitters = [
        c
        for c in vars(model_selection).values()
        if isinstance(c, type) and hasattr(c, "split")
    ]
    scores = [get_scorer(name)._score_func for name in get_scorer_names()]
    tests = [feature_selection.chi2, feature_selection.f_classif]
    named = [*ours, *splitters, *scores, *tests, type(Path())]
    return sorted({*TRUSTED, *(f"{c.__module__}.{c.__name__}" for c in named)})


def _dumped(estimator: Any) -> bytes:
    """Return the ZIP that skops writes."""
    import skops.io

    try:
        return skops.io.dumps(estimator)
    except RecursionError as error:
        raise TypeError(
            "estimator refers to itself, or is nested too deeply to be saved."
        ) from error
    except BAD_VALUES as error:
        place, found = _unsaveable(estimator, "estimator")
        raise TypeError(
            f"{place} is {_described(found)}, which cannot be saved ({error}). Keep "
            "what was learned in NumPy arrays."
        ) from error


def _unsaveable(value: Any, place: str) -> tuple[str, Any]:
    """Return where skops fails, and at what."""
    import skops.io
    from sklearn.base import BaseEstimator

    inside: Any = ()
    if isinstance(value, dict | BaseEstimator):
        inside = (value if isinstance(value, dict) else vars(value)).items()
    elif isinstance(value, list | tuple):
        inside = enumerate(value)
    for key, child in inside:
        try:
            skops.io.dumps(child)
        except BAD_VALUES:
            return _unsaveable(child, f"{place}.{key}")
    return place, value


def _described(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"a {type(value).__module__}.{type(value).__name__}"


def _refuse_what_is_not_trusted(data: bytes) -> None:
    """Raise a TypeError that names types, and where the first of each is."""
    import skops.io

    bad = set(skops.io.get_untrusted_types(data=data)) - set(_trusted())
    if not bad:
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read("schema.json"))
    places: dict[str, str] = {}
    for place, node in _nodes(schema):
        name = f"{node['__module__']}.{node['__class__']}"
        if node["__loader__"] == "MethodNode":
            name += f".{node['content']['func']}"
        places.setdefault(name, place)
    found = ", ".join(f"{name} ({places.get(name, '?')})" for name in sorted(bad))
    raise TypeError(
        f"Found {found}; expected estimators of scikit-learn and skdeepmir that hold "
        "numbers, strings and NumPy arrays. Functions and classes of your own cannot "
        "be registered yet, and search trees of scikit-learn are not safe to load. "
        "Leave it out or put another estimator in its place."
    )


def _nodes(part: Any, place: str = "estimator") -> Iterator[tuple[str, dict]]:
    """Yield all objects of a schema of skops, with the attribute where each sits."""
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
    """Yield what a ZIP of skops says, without what differs for equal estimators."""
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
    """Return a digest of a member that passes over the gaps between fields."""
    import numpy as np

    if content.startswith(np.lib.format.MAGIC_PREFIX):
        array = np.load(io.BytesIO(content), allow_pickle=False)
        if array.dtype.names:
            fields = [array[name].tobytes() for name in array.dtype.names]
            content = repr((array.dtype, array.shape)).encode() + b"".join(fields)
    return hashlib.sha256(content).hexdigest()


def _refuse_what_changes(data: bytes, sealed: bytes) -> None:
    try:
        again = _dumped(_unsealed(sealed)[0])
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
            "members": _members(archive),
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
        archive.comment = SEAL + bytes(DIGITS)
    body = file.getvalue()[:-DIGITS]
    return body + hashlib.sha256(body).hexdigest().encode()


def _unsealed(sealed: bytes) -> tuple[Any, str]:
    """Check a file; return its estimator and the scikit-learn that saved it."""
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    _check_seal(sealed)
    with zipfile.ZipFile(io.BytesIO(sealed)) as archive:
        _check_sizes(archive, len(sealed))
        manifest = json.loads(archive.read(MANIFEST))
        _check_versions(manifest)
        members = _members(archive)
        if members != manifest["members"]:
            raise ValueError("Its members are not those of its manifest: a forgery.")
        _check_schema(json.loads(archive.read("schema.json")), members)
    trusted = _trusted()
    bad = sorted(set(skops.io.get_untrusted_types(data=sealed)) - set(trusted))
    if bad:
        raise ValueError(
            f"It names {', '.join(bad)!a}; expected only what is scikit-learn's or "
            "skdeepmir's. Such a file is not from skdeepmir.save: do not use it."
        )
    with warnings.catch_warnings():  # load gives one warning for all
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        estimator = skops.io.loads(sealed, trusted=trusted)
    _check_trees(estimator)
    if type(estimator).__name__ != manifest["class"]:
        raise ValueError(f"It holds a {type(estimator).__name__}: it was forged.")
    return estimator, str(manifest["versions"]["sklearn"])


def _members(archive: zipfile.ZipFile) -> dict[str, dict[str, Any]]:
    """Return size and SHA-256 of all members but the manifest."""
    contents = {n: archive.read(n) for n in archive.namelist() if n != MANIFEST}
    return {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }


def _check_seal(sealed: bytes) -> None:
    """Refuse what is not ours, and all that was damaged."""
    body, digits = sealed[:-DIGITS], sealed[-DIGITS:]
    if not body.endswith(SEAL):
        found = "empty" if not sealed else "no file of skdeepmir.save, or cut"
        if sealed.startswith(b"\x80"):
            found = "a pickle, which could run any code"
        elif sealed.startswith(b"PK"):
            found = "a ZIP file of something else, or cut"
        raise ValueError(
            f"It is {found}; expected a file from skdeepmir.save. Save it again."
        )
    if hashlib.sha256(body).hexdigest().encode() != digits:
        raise ValueError("Its checksum is wrong: it is damaged. Copy or save it again.")


def _check_sizes(archive: zipfile.ZipFile, n_bytes: int) -> None:
    """Refuse members that would grow when they are read."""
    infos = archive.infolist()
    for info in infos:
        is_plain = info.compress_type == zipfile.ZIP_STORED
        if not is_plain or info.file_size != info.compress_size:
            raise ValueError(
                f"Its member {info.filename!a} is compressed; expected none to be."
            )
    total = sum(info.file_size for info in infos)
    if total > n_bytes or len({info.filename for info in infos}) < len(infos):
        raise ValueError(
            f"Its members claim {total} bytes of {n_bytes}, or one name twice: it was "
            "forged."
        )


def _check_versions(manifest: dict[str, Any]) -> None:
    from packaging.version import Version

    if manifest["format"] != FORMAT:
        raise ValueError(
            f"It has format {manifest['format']!a}; this version reads {FORMAT}. "
            "Update it: pip install -U skdeepmir."
        )
    saved, installed = manifest["versions"]["skdeepmir"], skdeepmir.__version__
    if Version(saved) > Version(installed):
        raise ValueError(
            f"It was saved with skdeepmir {saved}, this is {installed}. Update it: pip "
            "install -U skdeepmir."
        )


def _check_schema(schema: dict[str, Any], members: dict[str, Any]) -> None:
    """Refuse what skops would accept from a forged file."""
    for name in members:
        if not name.endswith((".npy", ".bin", "schema.json")):  # .npz is compressed
            raise ValueError(f"Its member {name!a} is of no kind that save writes.")
    if schema["protocol"] < SKOPS_PROTOCOL:
        raise ValueError(f"It has protocol {schema['protocol']!a} of skops, too old.")
    _count(schema, {})


def _count(part: Any, counts: dict[Any, int]) -> int:
    """Count what is in a part of a schema.

    Objects that occur again have the same size each time; else a short file could
    describe one that has no end.
    """
    if not isinstance(part, dict | list):
        return 1
    inner = part.values() if isinstance(part, dict) else part
    n = 1 + sum(_count(value, counts) for value in inner)
    known = part.get("__id__") if isinstance(part, dict) else None
    if known is not None and not isinstance(known, dict):
        if counts.setdefault(known, n) != n:
            raise ValueError("An object of it has two contents: it was forged.")
    return n


def _check_trees(estimator: Any) -> None:
    """Refuse decision trees that would be read beyond their end, or without end."""
    import numpy as np
    from sklearn.tree._tree import Tree

    inside, seen = [estimator], set()
    while inside:
        value = inside.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            inside += value.values()
        elif isinstance(value, list | tuple | set):
            inside += value
        elif isinstance(value, np.ndarray):
            inside += value.ravel().tolist() if value.dtype.hasobject else []
        elif isinstance(value, Tree):
            left, right = value.children_left, value.children_right
            place = np.arange(value.node_count)
            is_leaf = left == -1
            is_good = (place < left) & (left < len(place))
            is_good &= (place < right) & (right < len(place))
            is_good &= (value.feature >= 0) & (value.feature < value.n_features)
            if not (is_good | is_leaf).all():
                raise ValueError("A decision tree in it has no end: it was forged.")
        else:
            inside += getattr(value, "__dict__", {}).values()
