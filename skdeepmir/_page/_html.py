"""Pieces of HTML: text, tables, and facts for scripts, whatever is in them."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from skdeepmir._printable import printable


def escaped(text: object) -> str:
    """Return text for HTML, whatever direction it is written in."""
    return f"<bdi>{html.escape(printable(text))}</bdi>"


def table(
    label: str,
    header: Sequence[object],
    rows: Iterable[Sequence[object]],
    kind: str = "",
) -> str:
    """Return a table that scrolls within itself; the first cell of a row names it."""
    head = "".join(f'<th scope="col">{escaped(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{escaped(row[0])}</th>'
        + "".join(f"<td>{escaped(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    head = f"<thead><tr>{head}</tr></thead>" if header else ""
    # A region that scrolls must be reached by keys.
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{quoted(label)}">'
        f'<table class="{kind}">{head}<tbody>{body}</tbody></table></div>'
    )


def quoted(text: object) -> str:
    """Return text for an attribute."""
    return html.escape(printable(text), quote=True)


def hidden(summary: str, body: str) -> str:
    """Return something that is shown when asked for."""
    return f"<details><summary>{html.escape(summary)}</summary>{body}</details>"


def as_json(value: Any) -> str:
    """Return JSON that ends no script and opens no comment, whatever is in it."""
    text = json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _finite(value: Any) -> Any:
    """Return a value with None in place of what JSON has no numbers for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
