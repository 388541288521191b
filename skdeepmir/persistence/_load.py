"""Load estimators from files, after all checks: ``load``."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import re
import tokenize
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any

import skdeepmir
from skdeepmir._disk import shown, user_path
from skdeepmir._errors import ModelFileError
from skdeepmir._printable import printable
from skdeepmir._warnings import warn_user
from skdeepmir.persistence._forgeries import (
    check_arrays,
    check_files,
    check_loaders,
    check_parts,
    check_schema,
)

# A file is the ZIP that skops writes (schema.json, one .npy for each array), with a
# manifest as one more member and a comment that ends it: SEAL and the SHA-256 of all
# bytes before the hexadecimal digits.
FORMAT = 2
#: What the comment of a saved model begins with.
SEAL = b"skdeepmir estimator, SHA-256 "
#: Hexadecimal digits of SHA-256, which end a saved model.
DIGITS = 64
#: The member of a saved model that says what it holds.
MANIFEST = "skdeepmir.json"
# Types that skops does not trust by itself, but that trusted estimators contain.
TRUSTED = (
    "numpy.dtype",
    "skdeepmir.baselines._log_above_floor",
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
DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")  # of a module, and a name in it
# What skops, zipfile and the classes in a file raise where its content is invalid.
BAD_VALUES = (AttributeError, RuntimeError, TypeError, ValueError)
BAD_CONTENT = (*BAD_VALUES, ArithmeticError, EOFError, ImportError, LookupError)
BAD_HEADER = (SyntaxError, tokenize.TokenError)  # of an array: a Python literal
BAD_FILE = (*BAD_CONTENT, *BAD_HEADER, MemoryError, zipfile.BadZipFile)


def load(path: str | os.PathLike[str], *, trusted: Sequence[Any] | None = None) -> Any:
    """Load an estimator from a file that :func:`save` wrote.

    Parameters
    ----------
    path : str or PathLike
        The file. ``~`` is the home folder.
    trusted : sequence of class, function or str, default=None
        What else the file may name, beside estimators of scikit-learn and this package:
        steps and modules of your own, as objects or as text such as "my_nets.MyNet".
        Only pass what you know, and what may be called with any arguments: the writer
        of the file chose them.

    Returns
    -------
    estimator : estimator
        It predicts and transforms as the saved one: bit for bit on the same machine
        with the same versions of libraries, elsewhere up to rounding errors.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ModelFileError
        If the file is not from :func:`save`, is damaged, comes from a newer version of
        this package, or names anything outside of scikit-learn and this package that
        is not in ``trusted``; it says what. It is a ValueError.
    TypeError
        If ``trusted`` holds anything but classes, functions and names of them, such as
        a module, whose every import could be called then.

    Warns
    -----
    UserWarning
        If another version of scikit-learn saved it.

    Notes
    -----
    Nothing that a file names is imported or called before all of it is checked, so a
    file from elsewhere runs no code of its own. The checksum detects damage; it does
    not prove who wrote the file. Results, and parameters that name a folder
    (``cache_dir``, ``memory``), are those of its writer.

    Examples
    --------
    See :func:`save`.
    """
    import sklearn

    names = names_of(trusted)
    given, path = path, Path(user_path(path))
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file {shown(given)}. Expected one from skdeepmir.save."
        )
    try:
        estimator, saved = unsealed(path.read_bytes(), names)
    except ModuleNotFoundError as error:  # of what is trusted
        missing = printable(str(error.name))
        raise ModelFileError(
            f"{str(path)!a} cannot be loaded. It needs the module {missing!a}, which "
            "Python does not find: the file holds no code. Get the module from whoever "
            "saved the file, and put it beside your program or on PYTHONPATH; if it is "
            "part of a package, install that."
        ) from error
    except BAD_FILE as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        # What skops and NumPy say may hold what stands in the file.
        text = printable(f"{kind}{error}")
        raise ModelFileError(f"{str(path)!a} cannot be loaded. {text}") from error
    if saved.split(".")[:2] != sklearn.__version__.split(".")[:2]:
        warn_user(
            f"{str(path)!a} was saved with scikit-learn {saved!a}, but "
            f"{sklearn.__version__} is installed; results may differ. Install the "
            "version it was saved with, or fit and save it again."
        )
    return estimator


@functools.cache
def trusted_names() -> frozenset[str]:
    """Return the names that may stand in a file besides those that skops trusts."""
    from sklearn import feature_selection, model_selection
    from sklearn.base import BaseEstimator
    from sklearn.metrics import get_scorer, get_scorer_names

    names = (name for name in dir(skdeepmir) if name[0].isupper())  # without rooms
    public = [getattr(skdeepmir, name) for name in names]
    ours = [c for c in public if isinstance(c, type) and issubclass(c, BaseEstimator)]
    splitters = [
        c
        for c in vars(model_selection).values()
        if isinstance(c, type) and hasattr(c, "split")
    ]
    scores = [get_scorer(name)._score_func for name in get_scorer_names()]
    tests = [feature_selection.chi2, feature_selection.f_classif]
    named = [*ours, *splitters, *scores, *tests, type(Path())]
    return frozenset({*TRUSTED, *(f"{c.__module__}.{c.__name__}" for c in named)})


def names_of(trusted: Sequence[Any] | None) -> frozenset[str]:
    """Return the names by which files know what a user trusts."""
    trusted = () if trusted is None else trusted
    if isinstance(trusted, str) or not isinstance(trusted, Iterable):
        raise TypeError(
            f"trusted={trusted!a} must be a list of classes, functions or their names, "
            "such as trusted=['my_nets.MyNet']."
        )
    names = set()
    for part in trusted:
        is_named = isinstance(part, type | FunctionType | BuiltinFunctionType)
        name = part
        if is_named:
            # Some functions of torch do not know their module; files name the root.
            name = f"{part.__module__ or 'torch'}.{part.__name__}"
        if not isinstance(name, str) or not DOTTED.fullmatch(name):
            raise TypeError(
                f"trusted holds {part!a}; expected classes, functions or their names "
                "with the module that defines them, such as 'my_nets.MyNet'. (A whole "
                "module cannot be trusted: a file could call whatever it imports.)"
            )
        names.add(name)
    return frozenset(names)


def unsealed(sealed: bytes, trusted: frozenset[str] = frozenset()) -> tuple[Any, str]:
    """Check a file; return its estimator and the scikit-learn that saved it.

    ``trusted`` are names that may stand in it as well.
    """
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    _check_seal(sealed)
    with zipfile.ZipFile(io.BytesIO(sealed)) as archive:
        _check_sizes(archive, len(sealed))
        if archive.comment[:-DIGITS] != SEAL or not sealed.startswith(b"PK\3\4"):
            raise ValueError("It has bytes before or after its ZIP: it was forged.")
        manifest = json.loads(archive.read(MANIFEST))
        _check_versions(manifest)
        members = members_of(archive)
        if members != manifest["members"]:
            raise ValueError("Its members differ from its manifest: it was forged.")
        contents = {name: archive.read(name) for name in members}
    schema = json.loads(contents["schema.json"])
    check_schema(schema)
    check_arrays(contents)
    known = trusted_names() | trusted
    bad = sorted(set(skops.io.get_untrusted_types(data=sealed)) - known)
    if bad:
        raise ValueError(
            f"It names {', '.join(map(ascii, bad))}; expected names of scikit-learn, "
            "of skdeepmir or among what you trust. If you know and trust all of them, "
            f"pass load(..., trusted={bad!a}), or the classes and functions "
            "themselves; else do not use the file."
        )
    check_loaders(schema, trusted)
    check_files(schema, members)
    with warnings.catch_warnings():  # load gives one warning for all
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        estimator = skops.io.loads(sealed, trusted=sorted(known))
    check_parts(estimator)
    if type(estimator).__name__ != manifest["class"]:
        raise ValueError(f"It holds a {type(estimator).__name__}: it was forged.")
    return estimator, manifest["versions"]["sklearn"]


def members_of(archive: zipfile.ZipFile) -> dict[str, dict[str, Any]]:
    """Return size and SHA-256 of all members but the manifest."""
    contents = {n: archive.read(n) for n in archive.namelist() if n != MANIFEST}
    return {
        name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in contents.items()
    }


def _check_seal(sealed: bytes) -> None:
    """Refuse files that are not ours or are damaged."""
    body, digits = sealed[:-DIGITS], sealed[-DIGITS:]
    if not body.endswith(SEAL):
        found = "empty" if not sealed else "not a file of skdeepmir.save, or cut off"
        if sealed.startswith(b"\x80"):
            found = "a pickle, which could run arbitrary code"
        elif sealed.startswith(b"PK"):
            found = "a ZIP file of another kind, or cut off"
        raise ValueError(
            f"It is {found}; expected a file from skdeepmir.save. Save it again."
        )
    if hashlib.sha256(body).hexdigest().encode() != digits:
        raise ValueError("Its checksum is wrong: it is damaged. Copy or save it again.")


def _check_sizes(archive: zipfile.ZipFile, n_bytes: int) -> None:
    """Refuse members that are compressed, or claim more bytes than the file has."""
    infos = archive.infolist()
    for info in infos:
        is_plain = info.compress_type == zipfile.ZIP_STORED
        if not is_plain or info.file_size != info.compress_size:
            raise ValueError(
                f"Its member {info.filename!a} is compressed, which save never does."
            )
    total = sum(info.file_size for info in infos)
    if total > n_bytes or len({info.filename for info in infos}) < len(infos):
        raise ValueError(
            f"Its members claim {total} of {n_bytes} bytes, or one name twice: it was "
            "forged."
        )


def _check_versions(manifest: dict[str, Any]) -> None:
    from packaging.version import Version

    if manifest["format"] != FORMAT:
        raise ValueError(
            f"It has format {manifest['format']!a}; this version reads {FORMAT}. "
            "Update it: pip install -U skdeepmir."
        )
    versions = manifest["versions"]
    if not isinstance(versions["sklearn"], str):
        raise ValueError(f"It has version {versions['sklearn']!a} of scikit-learn.")
    saved, installed = versions["skdeepmir"], skdeepmir.__version__
    if Version(saved) > Version(installed):
        raise ValueError(
            f"It was saved with skdeepmir {saved}, but {installed} is installed. "
            "Update it: pip install -U skdeepmir."
        )
