"""Read tables as text; whatever shifts, hides or swallows cells is an error."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skdeepmir._errors import did_you_mean
from skdeepmir._groups import clean_name
from skdeepmir._printable import printable
from skdeepmir.datasets._collections import counted

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons"}
SHOWN = 60  # characters of a cell in an error
# What Excel reads in the first line, for the delimiter.
SEPARATOR = re.compile(r'"?sep=([,;\t])"?[ ,;\t]*(?=[\r\n]|$)', re.I)


@dataclass(frozen=True)
class Table:
    """The cells of a file, as they are in it, or of a data frame, as text."""

    name: str  # of the file or the parameter, for errors
    header: list[str]  # names of the columns, composed and without spaces around them
    rows: list[list[Any]]  # text, or lists of tags in data frames
    lines: list[int]  # where each row begins; the first line of a file is 1
    delimiter: str = ","
    unit: str = "line"  # what `lines` count; "row" of a data frame, from 0

    def at(self, row: int) -> str:
        """Return the file and line of a row, for errors."""
        return f"{self.name}, {self.unit} {self.lines[row]}"

    def places(self, rows: Collection[int], most: int = 10) -> str:
        """Return the lines of several rows, for errors: "line 3", "lines 3, 5"."""
        listed = ", ".join(str(self.lines[row]) for row in list(rows)[:most])
        more = ", ..." if len(rows) > most else ""
        return f"{self.unit}{'' if len(rows) == 1 else 's'} {listed}{more}"

    def check_columns(self, names: Iterable[str]) -> None:
        """Raise a ``ValueError`` unless there are these columns."""
        for name in names:
            if name not in self.header:
                raise ValueError(
                    f"{self.name} has no column {name!r}; found {self.header}."
                    f"{self._hint(name)}"
                )

    def column(self, name: str) -> list[str]:
        """Return the cells of a column, composed and without spaces around them."""
        number = self.header.index(name)
        cells = (row[number] for row in self.rows)
        return [clean_name(c if isinstance(c, str) else "|".join(c)) for c in cells]

    def raw_column(self, name: str) -> list[Any]:
        """Return the cells of a column as they are, such as paths."""
        number = self.header.index(name)
        return [row[number] for row in self.rows]

    def keep(self, rows: Iterable[int]) -> Table:
        """Return a table of these rows."""
        kept = list(rows)
        lines = [self.lines[row] for row in kept]
        return replace(self, rows=[self.rows[row] for row in kept], lines=lines)

    def rows_by(self, names: Iterable[str], what: str) -> dict[str, int]:
        """Return the row of each name; a name with two rows is an error."""
        found: dict[str, int] = {}
        for row, name in enumerate(names):
            other = found.setdefault(name, row)
            if other != row:
                raise ValueError(
                    f"{self.at(row)}: {what} {name!a} is also in {self.unit} "
                    f"{self.lines[other]}; expected it once. Remove one of them."
                )
        return found

    def _hint(self, name: str) -> str:
        for delimiter, other in DELIMITERS.items():
            if len(self.header) == 1 and delimiter in self.header[0]:
                expected = DELIMITERS.get(self.delimiter, f"{self.delimiter!r}")
                return f" Its cells are separated by {other}: save it with {expected}."
        for other in self.header:
            if other.casefold() == name.casefold():
                return f" Rename {other!a} to {name!a}: case matters."
        return did_you_mean(name, self.header)


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{str(path)!a}, line {line} is not valid UTF-8 ({error}). Save the "
            "file as UTF-8, in Excel as 'CSV UTF-8'."
        ) from error


def read_table(
    path: Path,
    columns: Collection[str] = (),
    *,
    optional: Collection[str] = (),
    delimiter: str = ",",
    source: str = "",
    is_ragged: bool = False,
    is_strict: bool = True,
) -> Table:
    """Return the cells of a table; it must have `columns`, and may have `optional`."""
    # In other columns, cells may have line breaks. A first line such as ``sep=;``
    # replaces `delimiter`. `source` is where the file comes from, for errors. Rows of a
    # ragged table may have more or fewer cells than the header; in a strict one, text
    # after a closing quote, or a space before an opening one, is an error.
    if source and not os.path.isfile(path):
        raise ValueError(f"{str(path)!a} is missing; it comes from {source}.")
    text = read_text(path)
    if found := SEPARATOR.match(text):
        delimiter, text = found[1], text[found.end() :]
    rows, lines = _split(path, text, delimiter, is_strict)
    if not rows:
        raise ValueError(f"{str(path)!a} is empty; expected a header and rows.")
    header = [clean_name(name) for name in rows[0]]
    table = Table(f"{str(path)!a}", header, rows[1:], lines[1:], delimiter)
    for name in header:
        if name and header.count(name) > 1:
            raise ValueError(
                f"{str(path)!a}, line {lines[0]} names {header.count(name)} columns "
                f"{name!a}; expected one. Rename or remove the others."
            )
    table.check_columns(columns)
    _check_line_breaks(
        path, replace(table, rows=rows, lines=lines), {*columns, *optional}
    )
    if source and not table.rows:
        raise ValueError(f"{str(path)!a} has no rows; expected a header and clips.")
    if not is_ragged:
        _check_cells(table)
    return table


def _split(
    path: Path, text: str, delimiter: str, is_strict: bool
) -> tuple[list[list[str]], list[int]]:
    """Return the cells of each row that isn't blank, and the line where it begins."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, strict=is_strict
    )
    rows: list[list[str]] = []
    lines: list[int] = []
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return rows, lines
        except csv.Error as error:
            if "field limit" in str(error):
                raise ValueError(
                    f"{str(path)!a}, line {line} has a cell of more than "
                    f"{csv.field_size_limit()} characters; expected short text. "
                    "Shorten it, or close the quote before it."
                ) from error
            reason = f", or within a cell ({error})"
            raise _open_quote(path, line, reason) from error
        for cell in row if is_strict else []:
            if cell[:1].isspace() and cell.lstrip().startswith('"'):
                raise ValueError(
                    f"{str(path)!a}, line {line} has a space before a quote, in "
                    f"{cell[:SHOWN]!a}; expected quotes around the whole cell. Remove "
                    "the spaces after the delimiters."
                )
        if any(cell.strip() for cell in row):
            rows.append(row)
            lines.append(line)


def _open_quote(path: Path, line: int, reason: str) -> ValueError:
    return ValueError(
        f'{str(path)!a}, line {line} is not a table row: a quote (") in it is not '
        f"closed on that line{reason}. Remove it, or quote the whole cell and double "
        'the quotes inside: "7"" mix.wav".'
    )


def _check_line_breaks(path: Path, table: Table, used: Collection[str]) -> None:
    """Refuse cells that may have swallowed rows, and line breaks in used ones."""
    for row, line in zip(table.rows, table.lines, strict=True):
        for number, cell in enumerate(row):
            parts = re.split(r"\r\n|\r|\n", cell)
            if len(parts) == 1:
                continue
            name = table.header[number] if number < len(table.header) else ""
            if not used or name in used or _is_swallowed(table, number, parts):
                reason = f", so that a cell of {name!a} has a line break in it"
                raise _open_quote(path, line, reason)


def _is_swallowed(table: Table, number: int, lines: list[str]) -> bool:
    """Tell whether lines of a cell may be rows, between two quotes in its column."""
    n_delimiters = [line.count(table.delimiter) for line in lines]
    n_whole = len(table.header) - 1
    between = zip(lines[1:-1], n_delimiters[1:-1], strict=True)
    return (
        n_delimiters[0] >= n_whole - number
        and n_delimiters[-1] >= number
        and all(found >= n_whole for line, found in between if line.strip())
    )


def _check_cells(table: Table) -> None:
    """Refuse rows that lack cells, or have some beyond the names of the header."""
    n_named = len(table.header)
    while n_named and not table.header[n_named - 1]:
        n_named -= 1
    for number, row in enumerate(table.rows):
        if len(row) < n_named or any(cell.strip() for cell in row[n_named:]):
            shown = [cell[:SHOWN] for cell in row[: len(table.header) + 1]]
            absent = printable(", ".join(table.header[len(row) : n_named]))
            raise ValueError(
                f"{table.at(number)} has {counted(len(row), 'cell', 'cells')}, {shown}"
                f"{absent and ', and gives no '}{absent}; expected {n_named}, as in "
                f"the header: {table.header[:n_named]}. Quote cells that contain "
                f"{DELIMITERS.get(table.delimiter, table.delimiter)}, and leave none "
                "out."
            )
