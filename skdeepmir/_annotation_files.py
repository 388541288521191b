"""Annotations given as paths or data, and their tables of text."""

from __future__ import annotations

import csv
import reprlib
from collections.abc import Callable
from typing import Any

from skdeepmir._disk import path_name
from skdeepmir._errors import number_in
from skdeepmir.frames import PATH_TYPES

Row = tuple[int, list[str]]  # number of the line, from 1, and its cells

_DELIMITERS = (";", "\t")  # of tables, where the first line has one; or commas


def read_if_path(item: Any, name: str, read: Callable[[Any], Any]) -> tuple[Any, str]:
    """Return an annotation, read if it is the path of one, and its name for errors."""
    if not isinstance(item, PATH_TYPES):
        return item, name
    try:
        return read(item), f"{name} ({path_name(item)!a})"
    except (ValueError, FileNotFoundError) as error:
        raise type(error)(f"{name}: {error}") from error


def read_words(text: str) -> list[Row]:
    """Return the words of each line that has some, up to "#"."""
    rows = (
        (number, line.partition("#")[0].split())
        for number, line in enumerate(text.splitlines(), start=1)
    )
    return [(number, words) for number, words in rows if words]


def read_table(text: str, name: str) -> list[Row]:
    """Return the cells of each line that is neither empty nor begins with "#"."""
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        return []
    delimiter = next((d for d in _DELIMITERS if d in lines[0][1]), ",")
    return [
        (number, _cells(line, delimiter, f"{name}: line {number}"))
        for number, line in lines
    ]


def _cells(line: str, delimiter: str, name: str) -> list[str]:
    try:
        (row,) = csv.reader([line], delimiter=delimiter)
    except csv.Error as error:
        raise ValueError(f"{name} is not a row of a table ({error}).") from error
    return [cell.strip() for cell in row]


def has_number(row: list[str]) -> bool:
    """Tell whether a cell is a number, as none of a header is."""
    return any(map(_is_number, row))


def _is_number(cell: str) -> bool:
    try:
        number_in(cell)
    except ValueError:
        return False
    return True


def number_of(cell: str, place: str, what: str, expected: str) -> float:
    """Return the number in a cell; an error says that it is in place of `what`."""
    try:
        return number_in(cell)
    except ValueError as error:
        raise ValueError(
            f"{place} has {reprlib.repr(cell)} in place of {what}; expected {expected}."
        ) from error
