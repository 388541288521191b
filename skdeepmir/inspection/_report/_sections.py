"""Sections of the page: the list of units, and one for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from skdeepmir._page import escaped, hidden, quoted, table

MOST_CLASSES = 8  # of a table before it is asked for more


@dataclass
class Told:
    """What the page tells of a unit.

    Attributes
    ----------
    number : int
        The unit.
    name : str
        Its name.
    areas : list of (str, float)
        AUC by class, the best first.
    pictures : list of (str, str)
        Small pictures as data URLs, and what they are.
    optimal : str
        HTML of the optimal stimulus.
    cards : list of str
        HTML of its excerpts, best first.
    """

    number: int
    name: str
    areas: list[tuple[str, float]]
    pictures: list[tuple[str, str]] = field(default_factory=list)
    optimal: str = ""
    cards: list[str] = field(default_factory=list)


def index_section(units: Sequence[Told]) -> str:
    """Return the list of units."""
    lines = []
    for unit in units:
        best = ""
        if unit.areas:
            name, area = unit.areas[0]
            best = f" <span>{area:.2f}</span> {escaped(name)}"
        link = f'<a href="#unit-{unit.number}">{escaped(unit.name)}</a>'
        lines.append(f"<li>{link}{best}</li>")
    return (
        '<nav aria-labelledby="units"><h2 id="units">Units</h2>'
        f'<ul class="index">{"".join(lines)}</ul></nav>'
    )


def unit_section(unit: Told, layer: str) -> str:
    """Return what is told of a unit."""
    place = f"unit-{unit.number}"
    top = ""
    if unit.areas:
        name, area = unit.areas[0]
        top = f" · AUC {area:.3f} for {escaped(name)}"
    pictures = "".join(
        f'<figure><img src="{source}" alt="{quoted(f"{what} of {unit.name}")}">'
        f"<figcaption>{escaped(what)}</figcaption></figure>"
        for source, what in unit.pictures
    )
    if pictures:
        pictures = f'<div class="pictures">{pictures}</div>'
    cards = "".join(f"<li>{card}</li>" for card in unit.cards)
    return (
        f'<section class="unit" id="{place}" aria-labelledby="{place}-name">\n'
        f'<header><h2 id="{place}-name">{escaped(unit.name)}</h2>'
        f'<p class="quiet">{escaped(layer)}{top} · <a href="#units">all units</a></p>'
        f"</header>\n<div>{unit.optimal}{pictures}{_areas(unit)}</div>\n"
        f'<div><h3>Top stimuli</h3><ol class="cards">{cards}</ol></div>\n</section>\n'
    )


def card(
    name: str, said: str, stage: str, edges: tuple[str, ...] | None, player: str
) -> str:
    """Return a picture with its name above, and its times and player below."""
    head = f'<div class="name">{escaped(name)}</div>' if name else ""
    axis = ""
    if edges is not None:
        axis = f'<div class="axis"><span>{edges[0]}</span><span>{edges[1]}</span></div>'
    return f'{head}<div class="said">{escaped(said)}</div>{stage}{axis}{player}'


def sorted_areas(names: Sequence[str], areas: np.ndarray) -> list[tuple[str, float]]:
    """Return the classes that are scored, the best first."""
    order = np.argsort(-areas, kind="stable")
    return [(names[i], float(areas[i])) for i in order if np.isfinite(areas[i])]


def _areas(unit: Told) -> str:
    if not unit.areas:
        return ""
    label = f"AUC of {unit.name}"
    header = ["class", "AUC"]
    rows = [(name, f"{area:.3f}") for name, area in unit.areas]
    found = f"<h3>AUC</h3>{table(label, header, rows[:MOST_CLASSES])}"
    if rest := rows[MOST_CLASSES:]:
        more = table(f"{label}, other classes", header, rest)
        found += hidden(f"{len(rest)} more", more)
    return found
