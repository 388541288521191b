"""Data frames of pandas, polars or pyarrow as tables of text."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

import numpy as np

from skdeepmir._groups import clean_name, is_missing
from skdeepmir.datasets._tables import Table

LISTS = (list, tuple, set, frozenset, np.ndarray)


def is_data_frame(value: Any) -> bool:
    """Tell whether a value is a table with named columns."""
    shape = getattr(value, "shape", ())
    return hasattr(value, "columns") and isinstance(shape, tuple) and len(shape) == 2


def table_of(
    frame: Any, name: str, columns: Collection[str], *, optional: Collection[str] = ()
) -> Table:
    """Return the cells of a data frame as :func:`read_table` does those of a file.

    Lists of tags stay lists; what is in other columns than these is left out.
    """
    names = list(getattr(frame, "column_names", frame.columns))
    header = [clean_name(str(column)) for column in names]
    table = Table(name, header, [], list(range(frame.shape[0])), unit="row")
    used = {*columns, *optional}
    for column in header:
        if column in used and header.count(column) > 1:
            raise ValueError(
                f"{name} has {header.count(column)} columns {column!a}; expected one. "
                "Rename or remove the others."
            )
    try:
        table.check_columns(columns)
    except ValueError as error:
        index = getattr(getattr(frame, "index", None), "names", ())
        if set(columns) & set(index):
            raise ValueError(
                f"{error} It is in the index: pass {name}.reset_index()."
            ) from error
        raise
    read = [
        _cells(table, column, frame[name]) if column in used else [""] * len(frame)
        for column, name in zip(header, names, strict=True)
    ]
    table.rows.extend(list(row) for row in zip(*read, strict=True))
    return table


def _cells(table: Table, column: str, cells: Any) -> list[str | list[str]]:
    to_list = getattr(cells, "to_pylist", None) or cells.to_list
    return [
        _tags(table, column, row, cell) if isinstance(cell, LISTS) else as_text(cell)
        for row, cell in enumerate(to_list())
    ]


def _tags(table: Table, column: str, row: int, cell: Any) -> list[str]:
    tags = sorted(cell) if isinstance(cell, set | frozenset) else list(cell)
    for tag in tags:
        if not isinstance(tag, str) or not tag.strip():
            raise ValueError(
                f"{table.at(row)} has {tag!r} in a list of {column!r}; expected "
                "strings that are not empty."
            )
    return [clean_name(tag) for tag in tags]


def as_text(cell: Any) -> str:
    """Return a cell as a file would have it: "" for none, "1" for 1.0."""
    if isinstance(cell, str):
        return str(cell)
    if isinstance(cell, bytes | os.PathLike):
        return os.fsdecode(cell)
    if is_missing(cell):
        return ""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))  # pandas makes floats of integers beside empty cells
    return str(cell)
