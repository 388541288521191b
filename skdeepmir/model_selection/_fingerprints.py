"""What tells one part of a comparison from all others: its pipeline and its data."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pickle
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import joblib
import numpy as np

import skdeepmir
from skdeepmir._disk import path_name, user_path
from skdeepmir._sklearn import plain
from skdeepmir._sources import is_of_library, sources_of
from skdeepmir.frames import PATH_TYPES, as_sequence
from skdeepmir.model_selection._folds import takes_groups
from skdeepmir.model_selection._protocol import ClipSet, Protocol, file_digest
from skdeepmir.preprocessing import ClipLookup

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
        bases = [base for base in value.__mro__ if not is_of_library(base)]
        return [*_source(value), [_members(base, describe) for base in bases]]
    if isinstance(value, BuiltinFunctionType):
        return _source(value)
    if isinstance(value, FunctionType):
        given = value.__defaults__, value.__kwdefaults__, _enclosed(value)
        return [*_source(value), *map(describe, given)]
    if isinstance(value, MethodType):
        return [describe(value.__self__), value.__name__]
    if isinstance(value, functools.partial):
        return [kind, *map(describe, (value.func, value.args, value.keywords))]
    if isinstance(value, list | tuple):
        return [kind, *map(describe, value)]
    if isinstance(value, Mapping):
        return [kind, _items(value.items(), describe)]
    if isinstance(value, ClipLookup) and value.clips is not None:
        return [_source(cls), _ids_of_clips(value._all_clips())]
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


def _source(code: Any) -> list[str]:
    name = f"{code.__module__}.{getattr(code, '__qualname__', '')}"
    return [name, _digest(sources_of(code))]


def _enclosed(function: FunctionType) -> list[Any]:
    """Return the variables around a function that it uses, if they are set."""
    return [
        cell.cell_contents
        for cell in function.__closure__ or ()
        if cell != type(cell)()  # an empty one has no contents
    ]


def _members(cls: type, describe: Any) -> list[Any]:
    """Return what is in a class that a function made, whose like have its source."""
    home = sys.modules.get(cls.__module__)
    if getattr(home, cls.__name__, None) is cls:
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
