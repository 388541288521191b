"""Tables as text: what shifts, hides or swallows cells is an error with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from skdeepmir._groups import clean_name
from skdeepmir._printable import printable

DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons"}
SHOWN = 60  # characters of a cell in an error


@dataclass(frozen=True)
class Table:
    """The cells of a file, as they are there.

    Attributes
    ----------
    path : Path
        The file.
    header : list of str
        Names of the columns, composed (NFC) and without spaces around them.
    rows : list of list of str
        Cells.
    lines : list of int
        The line of each row, from 1 with the first line of the file.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def at(self, row: int) -> str:
        """Return where a row is, for errors."""
        return f"{str(self.path)!a}, line {self.lines[row]}"

    def check_columns(self, names: Iterable[str]) -> None:
        """Raise a ``ValueError`` unless there are these columns."""
        for name in names:
            if name not in self.header:
                raise ValueError(
                    f"{str(self.path)!a} has no column {name!r}; found {self.header}."
                    f"{self._other_delimiter()}"
                )

    def column(self, name: str) -> list[str]:
        """Return the cells of a column, composed and without spaces around them."""
        number = self.header.index(name)
        return [clean_name(row[number]) for row in self.rows]

    def raw_column(self, name: str) -> list[str]:
        """Return the cells of a column as they are, such as paths."""
        number = self.header.index(name)
        return [row[number] for row in self.rows]

    def keep(self, rows: Iterable[int]) -> Table:
        """Return a table of these rows."""
        kept = list(rows)
        lines = [self.lines[row] for row in kept]
        return Table(self.path, self.header, [self.rows[row] for row in kept], lines)

    def rows_by(self, names: Iterable[str], what: str) -> dict[str, int]:
        """Return the row of each name; one with two rows is an error."""
        found: dict[str, int] = {}
        for row, name in enumerate(names):
            other = found.setdefault(name, row)
            if other != row:
                raise ValueError(
                    f"{self.at(row)}: {what} {name!a} is that of line "
                    f"{self.lines[other]} too; expected it once. Remove one of them."
                )
        return found

    def _other_delimiter(self) -> str:
        for delimiter, name in DELIMITERS.items():
            if len(self.header) == 1 and delimiter in self.header[0]:
                return f" It has {name} between its cells: save it with others."
        return ""


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{str(path)!a}, line {line} is no table row or other text in UTF-8 "
            f"({error}). Save the file as UTF-8, in Excel as 'CSV UTF-8'."
        ) from error


def read_table(
    path: Path,
    columns: Iterable[str] = (),
    *,
    delimiter: str = ",",
    source: str = "",
    is_ragged: bool = False,
    is_strict: bool = True,
) -> Table:
    """Return the cells of a table.

    Parameters
    ----------
    path : Path
        The file.
    columns : iterable of str
        Columns that must be there.
    delimiter : str, default=","
        What stands between cells.
    source : str, default=""
        Where the file comes from, for the error if it is missing or has no rows.
    is_ragged : bool, default=False
        Whether rows may have more or fewer cells than the header.
    is_strict : bool, default=True
        Whether text after a closing quote is an error.
    """
    if source and not path.is_file():
        raise ValueError(f"{str(path)!a} is missing; it comes from {source}.")
    rows, lines = _split(path, delimiter, is_strict)
    if not rows:
        raise ValueError(f"{str(path)!a} is empty; expected a header and rows.")
    header = [clean_name(name) for name in rows[0]]
    table = Table(path, header, rows[1:], lines[1:])
    for name in header:
        if name and header.count(name) > 1:
            raise ValueError(
                f"{str(path)!a}, line {lines[0]} names {header.count(name)} columns "
                f"{name!a}; expected one. Rename or remove the others."
            )
    table.check_columns(columns)
    if source and not table.rows:
        raise ValueError(f"{str(path)!a} has no rows; expected a header and clips.")
    if not is_ragged:
        _check_cells(table, delimiter)
    return table


def _split(
    path: Path, delimiter: str, is_strict: bool
) -> tuple[list[list[str]], list[int]]:
    """Return the cells of each line that isn't blank, and its number."""
    text = io.StringIO(read_text(path), newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=is_strict)
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    while True:
        fault = ""
        try:
            row = next(reader)
        except StopIteration:
            return rows, lines
        except csv.Error as error:
            fault = f" ({error})"
        if fault or reader.line_num > line:
            raise ValueError(
                f'{str(path)!a}, line {line} is no table row: a quote (") in it is not '
                f"closed on that line, or within a cell{fault}. Remove it, or put the "
                'whole cell between quotes and double those inside: "7"" mix.wav".'
            )
        if len(row) > 1 or (row and row[0].strip()):
            rows.append(row)
            lines.append(line)
        line += 1


def _check_cells(table: Table, delimiter: str) -> None:
    """Refuse rows that are not as long as the header, or go beyond its names."""
    n_named = len(table.header)
    while n_named and not table.header[n_named - 1]:
        n_named -= 1
    for number, row in enumerate(table.rows):
        if len(row) != len(table.header) or any(row[n_named:]):
            shown = [cell[:SHOWN] for cell in row[: len(table.header) + 1]]
            absent = printable(", ".join(table.header[len(row) : n_named]))
            raise ValueError(
                f"{table.at(number)} has {len(row)} cells, {shown}"
                f"{absent and ', and gives no '}{absent}; expected {n_named}, as in "
                f"the header: {table.header[:n_named]}. Put a cell that has "
                f"{DELIMITERS.get(delimiter, delimiter)} in it between quotes "
                '("), and leave none out.'
            )
