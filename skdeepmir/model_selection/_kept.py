"""Finished parts of comparisons in a folder, from which the next one goes on."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skdeepmir._disk import (
    make_folder,
    read_checked,
    remove_strays,
    user_path,
    warn_unusable,
    write_checked,
)
from skdeepmir._warnings import warn_user
from skdeepmir.frames import object_array
from skdeepmir.model_selection._answers import Answers


@dataclass
class KeptPart:
    """What a fitted pipeline answered on a test set, and how long it took.

    Attributes
    ----------
    answers : Answers
        Its predictions.
    fit_time, predict_time : float
        Seconds.
    scores : dict of str to dict
        The scores (by name) of each scorer, by what the scorer is made of.
    problems : dict of str to list of str
        What scorers warned of, likewise.
    warnings : list of str
        What was warned of meanwhile, with the kind of the warning before it.
    """

    answers: Answers
    fit_time: float
    predict_time: float
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class PartStore:
    """Finished parts on disk, one checked file for each, of arrays and JSON.

    Nothing is a pickle. A file is written whole or not at all. Several processes may
    share a folder; a part is computed by one of them while others wait for it.

    Parameters
    ----------
    folder : str or PathLike
        The folder; made if it is missing.
    """

    def __init__(self, folder: Any) -> None:
        self.folder = Path(user_path(folder))
        self.problem: Exception | None = None
        with self._reporting():
            make_folder("cache_dir", self.folder)
            (self.folder / "locks").mkdir(exist_ok=True)
            remove_strays(self.folder, r"[0-9a-f]{64}\.part")

    def read(self, key: str, *, loud: bool = True) -> KeptPart | None:
        """Return a part, or None if there is none, or it is damaged."""
        path = self._path(key)
        body = None
        try:
            with self._reporting():
                body = read_checked(path)
            return None if body is None else _decoded_part(body)
        except ValueError as error:
            problem = str(error)
        if loud:
            warn_user(
                f"cache_dir: the finished part {str(path)!a} is damaged: {problem}. It "
                "is computed again."
            )
        return None

    def write(self, key: str, part: KeptPart) -> None:
        """Keep a part; readers find the old one or the new one, whole."""
        body = _encoded_part(part)
        with self._reporting():
            write_checked(self._path(key), body)

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[None]:
        """Let no other process compute the same part."""
        import filelock

        with contextlib.ExitStack() as stack:
            with self._reporting():
                lock = filelock.FileLock(
                    self.folder / "locks" / key, poll_interval=0.05
                )
                stack.enter_context(lock)
            yield

    def warn_of_problem(self, problem: Exception | None) -> None:
        """Warn, once, that the folder cannot be used."""
        if problem is not None:
            message = (
                f"cache_dir={str(self.folder)!a} cannot be used: finished parts are "
                "not kept. Make it writable, free some space, or choose another folder."
            )
            warn_unusable(self.folder, problem, message)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.part"

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """Go on without the folder where it cannot be used."""
        try:
            yield
        except (OSError, NotImplementedError) as error:  # or it has no locks
            self.problem = error


def _encoded_part(part: KeptPart) -> bytes:
    arrays: list[np.ndarray] = []
    tree = {name: getattr(part, name) for name in part.__dataclass_fields__}
    tree["answers"] = vars(part.answers)
    text = json.dumps(_encoded(tree, arrays)).encode()
    buffer = io.BytesIO()
    named: dict[str, Any] = {f"a{i}": array for i, array in enumerate(arrays)}
    np.savez(buffer, **named, tree=np.frombuffer(text, np.uint8))
    return buffer.getvalue()


def _decoded_part(body: bytes) -> KeptPart:
    try:
        with np.load(io.BytesIO(body), allow_pickle=False) as arrays:
            tree = _decoded(json.loads(arrays["tree"].tobytes()), arrays)
        return KeptPart(**{**tree, "answers": Answers(**tree["answers"])})
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:  # forged
        raise ValueError(f"it is of another format ({error})") from error


def _encoded(value: Any, arrays: list[np.ndarray]) -> Any:
    """Return a value as JSON has it, with arrays put aside."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {"dict": {name: _encoded(item, arrays) for name, item in value.items()}}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encoded(item, arrays) for item in value]}
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1:
        return {"objects": [_encoded(item, arrays) for item in value]}
    if isinstance(value, np.ndarray) and _is_plain(value.dtype):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    raise TypeError(f"it has a {type(value).__name__}, which is neither array nor text")


def _is_plain(dtype: np.dtype) -> bool:
    """Tell whether arrays, which may be structured, are read without pickle."""
    if dtype.names is None:
        return dtype.kind in "biufUSMm"
    return all(_is_plain(dtype[name]) for name in dtype.names)


def _decoded(value: Any, arrays: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "array":
        return arrays[f"a{inner}"]
    if kind == "dict":
        return {name: _decoded(item, arrays) for name, item in inner.items()}
    items = [_decoded(item, arrays) for item in inner]
    if kind == "objects":
        return object_array(items)
    return tuple(items) if kind == "tuple" else items
