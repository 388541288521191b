"""What tells one part of a comparison from all others: its pipeline and its data."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import os
import pickle
import sys
from collections.abc import Hashable, Iterable, Mapping
from importlib.metadata import version
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any

import joblib
import numpy as np

import skdeepmir
from skdeepmir._disk import path_name, user_path
from skdeepmir._sklearn import plain
from skdeepmir.frames import PATH_TYPES, as_sequence
from skdeepmir.model_selection._folds import takes_groups
from skdeepmir.model_selection._protocol import ClipSet, Protocol, file_digest

FORMAT = 1
# Parameters that change how long something takes, or where it is kept.
IMMATERIAL = frozenset(
    ("n_jobs", "verbose", "cache_dir", "cache_size", "memory", "checkpoint_dir")
)
WRAPPED = ("__func__", "fget", "fset")  # what methods and properties are made of
LIBRARIES = ("scikit-learn", "numpy", "scipy", "torch", "librosa", "soundfile", "soxr")


class Fingerprints:
    """Names for the parts of a comparison, which change with all that they depend on.

    Parameters
    ----------
    pipelines : dict of str to estimator
        The pipelines.
    protocol : Protocol
        What they are fitted to and tested on; files are read once.
    """

    def __init__(self, pipelines: dict[str, Any], protocol: Protocol) -> None:
        self.protocol = protocol
        self.pipelines = {
            name: described(pipeline, f"pipeline {name!a}")
            for name, pipeline in pipelines.items()
        }
        self.takes_groups = {
            name: takes_groups(pipeline, "fit") for name, pipeline in pipelines.items()
        }
        versions = [skdeepmir.__version__, *map(version, LIBRARIES)]
        self.common = [FORMAT, versions]
        self.train = _Contents(protocol.clips)
        self.test = self.train
        if protocol.elsewhere is not None:
            self.test = _Contents(protocol.elsewhere)

    def of_part(self, name: str, i: int) -> str:
        """Return the name of a pipeline on a split, whatever it is called here."""
        train, test = self.protocol.splits[i]
        groups = None
        if self.protocol.clips.groups is not None and self.takes_groups[name]:
            groups = joblib.hash(self.protocol.clips.groups[train].tolist())
        data = [*self.train.of(train), groups, *self.test.of(test)]
        return _digest([*self.common, self.pipelines[name], data])

    def of_metric(self, scorer: Any, name: str) -> str:
        """Return the name of a scorer, whatever its column is called."""
        return _digest(described(scorer, f"scoring={name!a}"))


class _Contents:
    """What clips and labels of a set hold, one text for each."""

    def __init__(self, clips: ClipSet) -> None:
        self.X = _ids_of_clips(clips.X)
        self.y = clips.y
        if self.y.dtype == object:
            self.y = np.array([_label_id(label) for label in self.y], dtype=object)

    def of(self, rows: np.ndarray) -> list[str]:
        """Return what some rows hold."""
        return [_digest([self.X[row] for row in rows]), joblib.hash(self.y[rows])]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _ids_of_clips(X: Any) -> list[str]:
    items = as_sequence(X)
    if isinstance(items, list):
        return [_clip_id(item) for item in items]
    if isinstance(items, np.ndarray) and items.dtype.kind in "biufc":
        kind = f"{items.dtype} {items.shape[1:]} ".encode()
        rows = (np.ascontiguousarray(row).tobytes() for row in items)
        return [hashlib.blake2b(kind + row).hexdigest() for row in rows]
    whole = joblib.hash(X)
    return [f"{whole} {row}" for row in range(items.shape[0])]


def _clip_id(clip: Any) -> str:
    """Return the digest of a file, wherever it is, or of an array."""
    if not isinstance(clip, PATH_TYPES):
        return joblib.hash(clip, coerce_mmap=True)
    if os.path.isfile(user_path(clip)):
        return file_digest(clip).hex()
    return f"missing {path_name(clip)}"


def _label_id(label: Any) -> str:
    """Return what a label says, or the file of an annotation."""
    if isinstance(label, PATH_TYPES) and os.path.isfile(user_path(label)):
        return f"{path_name(label)} {file_digest(label).hex()}"
    return joblib.hash(label, coerce_mmap=True)


def described(value: Any, owner: str) -> Any:
    """Return what an estimator, or another object, is made of, as JSON has it.

    Classes and functions are described by their source, so that one that is changed is
    another. ``owner`` is what an error speaks of.
    """
    try:
        return _described(value, ())
    except (pickle.PicklingError, TypeError, AttributeError, RuntimeError) as error:
        raise ValueError(
            f"cache_dir: {owner} cannot be told from others, because one of its parts "
            f"cannot be pickled ({error}). Use functions and classes of a module, or "
            "leave cache_dir out."
        ) from error


def _described(value: Any, outer: tuple[int, ...]) -> Any:
    value = plain(value)
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return repr(value)
    if id(value) in outer:
        return "itself"
    describe = functools.partial(_described, outer=(*outer, id(value)))
    cls: Any = type(value)
    kind = cls.__qualname__
    if isinstance(value, type):
        bases = [base for base in value.__mro__ if base is not object]
        return [[*_source(base), _members(base, describe)] for base in bases]
    if isinstance(value, BuiltinFunctionType):
        return _source(value)
    if isinstance(value, FunctionType):
        # Two on one line have the same source.
        body = _body(value.__code__)
        given = value.__defaults__, value.__kwdefaults__, _enclosed(value)
        return [*_source(value), body, *map(describe, given)]
    if isinstance(value, MethodType):
        return [describe(value.__self__), value.__name__]
    if isinstance(value, functools.partial):
        return [kind, *map(describe, (value.func, value.args, value.keywords))]
    if isinstance(value, list | tuple):
        return [kind, *map(describe, value)]
    if isinstance(value, Mapping):
        return [kind, _items(value.items(), describe)]
    value = getattr(value, "detach", lambda: value)()  # of a tensor
    if hasattr(value, "__array__"):
        return joblib.hash(np.asarray(value))
    parts = _parts(value)
    if not parts:
        return joblib.hash(value)
    return [describe(cls), _items(parts.items(), describe)]


def _parts(value: Any) -> dict[str, Any]:
    """Return the parameters of an estimator, or the attributes of another object."""
    if hasattr(value, "get_params"):
        parts = value.get_params(deep=False)
        return {name: part for name, part in parts.items() if name not in IMMATERIAL}
    return getattr(value, "__dict__", {})


def _items(items: Iterable[tuple[Any, Any]], describe: Any) -> list[Any]:
    return sorted(([repr(key), describe(item)] for key, item in items), key=str)


@functools.lru_cache(maxsize=1000)
def _source(code: Hashable) -> list[Any]:
    name = f"{code.__module__}.{getattr(code, '__qualname__', '')}"
    try:
        return [name, _digest(inspect.getsource(code))]  # type: ignore[arg-type]
    except (OSError, TypeError):  # of a console, or not written in Python
        return [name]


def _body(code: CodeType) -> list[Any]:
    """Return what a function does, wherever it stands."""
    constants: list[Any] = []
    for value in code.co_consts:
        if isinstance(value, CodeType):
            constants.append(_body(value))
        else:  # the order of a set differs between processes
            is_set = isinstance(value, frozenset)
            constants.append(sorted(map(repr, value)) if is_set else repr(value))
    return [code.co_code.hex(), list(code.co_names), constants]


def _enclosed(function: FunctionType) -> list[Any]:
    """Return the variables around a function that it uses, if they are set."""
    return [
        cell.cell_contents
        for cell in function.__closure__ or ()
        if cell != type(cell)()  # an empty one has no contents
    ]


def _members(cls: type, describe: Any) -> list[Any]:
    """Return what is in a class whose source does not tell it from its like.

    It was made by a function, or typed into a console.
    """
    home = sys.modules.get(cls.__module__)
    is_found = getattr(home, cls.__name__, None) is cls
    if is_found and len(_source(cls)) > 1:
        return []
    found: dict[str, Any] = {}
    for name, member in vars(cls).items():
        parts = [getattr(member, part, None) for part in WRAPPED]
        functions = [p for p in (member, *parts) if isinstance(p, FunctionType)]
        is_value = not name.startswith("__") and isinstance(
            member, bool | int | float | str | bytes | list | tuple | dict | type
        )
        found[name] = functions or (member if is_value else None)
    return _items(found.items(), describe)
