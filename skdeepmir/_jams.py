"""Read and write the parts of JAMS files that do not depend on what is annotated."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from skdeepmir._disk import listed, written_whole
from skdeepmir._errors import is_number, number_in

Entry = dict[str, Any]


def jams_entries(
    text: str, name: str, namespaces: Sequence[str], keys: Sequence[str], event: str
) -> list[tuple[str, Entry]]:
    """Return the entries of an annotation, each with its place for errors.

    That is the first annotation in one of the namespaces that has entries. Each entry
    has the keys; `event` is what it tells of, for errors.
    """
    return jams_annotation(text, name, namespaces, keys, event)[0]


def jams_annotation(
    text: str, name: str, namespaces: Sequence[str], keys: Sequence[str], event: str
) -> tuple[list[tuple[str, Entry]], dict[str, Any]]:
    """Return the entries that :func:`jams_entries` does, and their annotation."""
    annotations = _annotations(text, name)
    found = [annotation["namespace"] for annotation in annotations]
    chosen = [i for i, namespace in enumerate(found) if namespace in namespaces]
    if not chosen:
        raise ValueError(
            f"{name}: it has annotations in the namespaces {found}; expected one in "
            f"{listed(namespaces)}."
        )
    *first, last = map(repr, keys)
    wanted = f"{', '.join(first)} and {last}" if first else last
    expected = f"expected {wanted} of each {event}"
    for i in chosen:
        place = f"annotation {i}"
        entries = _entries(annotations[i], f"{name}: {place}", keys, expected)
        if entries:
            places = [f"{place}, entry {n}" for n in range(len(entries))]
            return list(zip(places, entries, strict=True)), annotations[i]
    return [], annotations[chosen[0]]


def _annotations(text: str, name: str) -> list[dict[str, Any]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:  # also numbers of 5,000 digits
        raise ValueError(
            f"{name}: it is not a JAMS file, as it is not JSON ({error}). Save it "
            "again."
        ) from error
    annotations = content.get("annotations") if isinstance(content, dict) else None
    if not isinstance(annotations, list):
        raise ValueError(
            f"{name}: it is not a JAMS file: expected an object with a list of "
            "'annotations'."
        )
    for i, annotation in enumerate(annotations):
        if not isinstance(annotation, dict) or "namespace" not in annotation:
            raise ValueError(
                f"{name}: it is not a JAMS file: annotation {i} has no 'namespace'."
            )
    return annotations


def _entries(
    annotation: dict[str, Any], name: str, keys: Sequence[str], expected: str
) -> list[Entry]:
    """Return checked entries, from a list or a dict of lists."""
    if "data" not in annotation:
        raise ValueError(f"{name} has no 'data'; {expected}.")
    data = annotation["data"]
    if isinstance(data, dict):
        for key in keys:
            if not isinstance(data.get(key), list):
                raise ValueError(f"{name} has no list of {key!r}; {expected}.")
        columns = [data[key] for key in keys]
        lengths = [len(column) for column in columns]
        if len(set(lengths)) > 1:
            raise ValueError(f"{name} has lists of {lengths} entries; {expected}.")
        data = [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]
    if not isinstance(data, list):
        raise ValueError(f"{name} has the data {data!r}; {expected}.")
    for n, entry in enumerate(data):
        if not isinstance(entry, dict):
            raise ValueError(f"{name}, entry {n} is {entry!r}; {expected}.")
        for key in keys:
            if key not in entry:
                raise ValueError(f"{name}, entry {n} has no {key!r}; {expected}.")
    return data


def jams_seconds(entry: Entry, key: str, place: str) -> float:
    """Return a time or duration of an entry."""
    found = entry[key]
    try:
        if isinstance(found, str):
            return number_in(found)
        if is_number(found):
            return float(found)
        raise TypeError(f"{type(found).__name__} is not a number")
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{place} has the {key} {reprlib.repr(found)}; expected seconds."
        ) from error


def write_jams_file(
    path: Path,
    namespace: str,
    entries: Iterable[tuple[float, float, Any]],
    *,
    duration: float,
    title: str,
    sandbox: dict[str, Any] | None = None,
) -> None:
    """Write an annotation, from time, duration and value of each entry.

    The `sandbox` of an annotation is for what its namespace has no place for.
    """
    data = [
        {
            "time": float(time),
            "duration": round(float(length), 6),
            "value": value,
            "confidence": None,
        }
        for time, length, value in entries
    ]
    annotation = {
        "namespace": namespace,
        "data": data,
        "annotation_metadata": {"annotation_tools": "skdeepmir"},
        "sandbox": sandbox or {},
        "time": 0.0,
        "duration": float(duration),
    }
    content = {
        "file_metadata": {
            "title": title,
            "artist": "",
            "release": "",
            "duration": float(duration),
            "identifiers": {},
            "jams_version": "0.3.4",
        },
        "annotations": [annotation],
        "sandbox": {},
    }
    with written_whole(path) as file:
        file.write(json.dumps(content, indent=2).encode())
