"""Tables of results as Markdown, LaTeX, HTML and text, with names escaped for each."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from skdeepmir._printable import printable


class Table(NamedTuple):
    """Cells as plain text: a header, and a row for each pipeline."""

    header: list[str]
    rows: list[list[str]]

    def escaped(self, escape: Callable[[str], str]) -> Table:
        """Return the table with every cell made safe."""
        return Table(
            list(map(escape, self.header)),
            [list(map(escape, row)) for row in self.rows],
        )


def make_table(
    summaries: dict[str, Any], names: Sequence[str], baseline: str, n_folds: int
) -> Table:
    """Return a table of the summaries of several metrics."""
    header = ["pipeline"]
    width = 3 if len(names) > 1 else 1  # a pipeline alone is compared to none
    for metric in summaries:
        header += [metric, f"to {baseline}", "p"][:width]
    rows = []
    for place, name in enumerate(names):
        row = [name]
        for summary in summaries.values():
            row += _cells(summary.iloc[place], name == baseline, n_folds)[:width]
        line = summary.iloc[place]
        rows.append([*row, _seconds(line["fit_time"]), _seconds(line["predict_time"])])
    return Table([*header, "fit (s)", "predict (s)"], rows)


def _cells(row: Any, is_baseline: bool, n_folds: int) -> list[str]:
    score = "none" if np.isnan(row["mean"]) else f"{row['mean']:.3f}"
    if not np.isnan(row["se"]):
        score += f" ± {row['se']:.3f}"
    if row["n_scored"] < n_folds:
        score += f" ({row['n_scored']:.0f} of {n_folds} folds)"
    if is_baseline or np.isnan(row["difference"]):
        return [score, "", ""]
    difference = f"{row['difference']:+.3f}"
    if np.isnan(row["p_value"]):
        return [score, difference, ""]
    difference += f" ({row['low']:+.3f} to {row['high']:+.3f})"
    p_value = "<0.001" if row["p_value"] < 0.0005 else f"{row['p_value']:.3f}"
    return [score, difference, p_value]


def _seconds(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.1f}"


def title_of(folds: Any, n_pipelines: int) -> str:
    """Return what was compared on what."""
    first = folds.drop_duplicates("fold")
    n_tested, n_folds = int(first["n_test"].sum()), len(first)
    where = f"{n_folds} folds" if n_folds > 1 else "one test set"
    pipelines = "1 pipeline" if n_pipelines == 1 else f"{n_pipelines} pipelines"
    return f"{pipelines}, {where}, {n_tested} clips tested"


def note_of(test: str, is_alone: bool, records: Any) -> str:
    """Return what a table means by its errors and intervals."""
    interval = "In parentheses: 95 % interval of the difference; it and p by"
    if test == "folds":
        note = "±: standard error over folds."
        return (
            note if is_alone else f"{note} {interval} the corrected resampled t-test."
        )
    if records is None:
        return ""
    n_groups = records.n_groups
    what, tested = "groups", f"{n_groups} groups of test clips"
    if records.groups is None:
        what, tested = "clips", f"{n_groups} test clips"
    note = f"±: standard error over {tested}"
    if is_alone:
        return f"{note}."
    note += f". {interval} sign flips of {what}"
    if n_groups < 6:
        note += (
            f", of which there are too few for an interval, and for a p under "
            f"{2.0 ** (1 - n_groups):g}"
        )
    return f"{note}."


def as_markdown(table: Table) -> str:
    """Return a table for Markdown."""
    header, rows = table.escaped(_in_markdown)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def as_text(table: Table) -> str:
    """Return a table in columns of equal width."""
    header, rows = table.escaped(printable)
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = []
    for cells in lines:
        first = cells[0].ljust(widths[0])
        rest = [c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True)]
        texts.append("  ".join([first, *rest]).rstrip())
    return "\n".join(texts)


def as_html(table: Table, title: str, note: str) -> str:
    """Return a table for notebooks."""
    header, rows = table.escaped(lambda cell: html.escape(printable(cell)))
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join(
        f"<tr><th>{row[0]}</th>" + "".join(f"<td>{c}</td>" for c in row[1:]) + "</tr>"
        for row in rows
    )
    return (
        f"<table><caption>{html.escape(title)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p>{html.escape(note)}</p>"
    )


def as_latex(table: Table) -> str:
    """Return a tabular with the rules of booktabs."""
    header, rows = table.escaped(_in_latex)
    columns = "l" + "r" * (len(header) - 1)
    lines = [f"{' & '.join(cells)} \\\\" for cells in [header, *rows]]
    return "\n".join(
        [
            f"\\begin{{tabular}}{{{columns}}}",
            "\\toprule",
            lines[0],
            "\\midrule",
            *lines[1:],
            "\\bottomrule",
            "\\end{tabular}",
        ]
    )


def _in_markdown(name: str) -> str:
    """Escape a name for a cell of a Markdown table."""
    text = html.escape(printable(name), quote=False)
    return re.sub(r"([\\`*\[\]|$])", r"\\\1", text)


LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
}


def _in_latex(name: str) -> str:
    """Escape a name for a cell of a LaTeX table."""
    text = "".join(LATEX.get(character, character) for character in printable(name))
    return re.sub(r"(?<![\w-])-(?=\d|inf)", "$-$", text)  # the sign of a number
