"""The page of a report: sections as HTML, facts and clips as JSON, written whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import skdeepmir
from skdeepmir._disk import target_file, written_whole
from skdeepmir._page import Page, as_json
from skdeepmir._printable import printable
from skdeepmir._warnings import warn_user
from skdeepmir.model_selection._report._clips import Clips, Limits
from skdeepmir.model_selection._report._items import Told, tell
from skdeepmir.model_selection._report._sections import (
    alarms,
    pipelines_section,
    protocol_section,
    scores_section,
    versions_section,
)

if TYPE_CHECKING:
    from skdeepmir.model_selection._comparison import Comparison

MEGABYTE = 1_000_000
RESERVED = 4_000  # bytes for what is said of the clips that were left out
NO_SCRIPT = (
    "Confusion matrices, clips and their sound need JavaScript, which is switched off."
)
LONG = 12.0  # seconds from which an excerpt needs the width of the page


def write_report(comparison: Comparison, path: Any, audio: Any, limits: Limits) -> Path:
    """Write the report of a comparison; see ``Comparison.to_html``."""
    target = target_file(path)
    records = comparison.records
    told = Told("", [], [], {})
    if records is not None:
        told = tell(records, comparison.pipelines, limits.target_names)
    clips = Clips.of(records, told, audio, limits)
    frame = Page(
        "skdeepmir.model_selection._report",
        "report",
        comparison._title(),
        _subtitle(comparison),
    )
    main = _main(comparison)
    facts = _facts(comparison, told, clips)
    page = _rendered(frame, main, facts, [], "")
    room = limits.max_size * MEGABYTE - len(page) - RESERVED
    blocks = []
    for clip, block in clips.blocks(room):
        text = as_json(block)
        if len(text) > room:
            break
        room -= len(text) + 60
        blocks.append((clip, text))
    n_left = clips.n_clips - len(blocks)
    facts["without"] = clips.why_without(n_left)

    def about() -> str:
        return clips.about([clip for clip, _ in blocks])

    page = _rendered(frame, main, facts, blocks, about())
    while blocks and len(page) > limits.max_size * MEGABYTE:  # of many long names
        blocks.pop()
        n_left += 1
        facts["without"] = clips.why_without(n_left)
        page = _rendered(frame, main, facts, blocks, about())
    with written_whole(target) as file:
        file.write(page)
    for text in clips.complaints(n_left, target.name):
        warn_user(text)
    return target


def _main(comparison: Comparison) -> str:
    """Return the body, in which the script puts clips."""
    return (
        f"{alarms(comparison)}\n"
        '<section aria-labelledby="scores">\n<h2 id="scores">Scores</h2>\n'
        f'{scores_section(comparison)}\n</section>\n<div id="clips"></div>\n'
        f'<noscript><p class="quiet">{NO_SCRIPT}</p></noscript>\n'
        + pipelines_section(comparison)
        + protocol_section(comparison)
        + versions_section(comparison)
    )


def _rendered(
    page: Page, main: str, facts: dict[str, Any], blocks: list[Any], about: str
) -> bytes:
    told = [(f"clip-{clip}", text) for clip, text in blocks]
    return page.render(main, about, [("facts", as_json(facts)), *told])


def _subtitle(comparison: Comparison) -> str:
    parts = [", ".join(map(printable, comparison.metrics))]
    setting = comparison.records and comparison.records.setting
    if setting:
        parts.append(f"compared {setting.ended}")
    parts.append(f"skdeepmir {skdeepmir.__version__}")
    return " · ".join(parts)


def _facts(comparison: Comparison, told: Told, clips: Clips) -> dict[str, Any]:
    """Return what the script needs besides clips."""
    names = comparison.pipelines
    return {
        "kind": told.kind,
        "pipelines": list(map(printable, names)),
        "items": told.items,
        "truth": told.truth,
        "said": [told.said.get(name) for name in names],
        "matrices": [told.matrices.get(name) for name in names],
        "lists": told.lists,
        "clips": clips.described(),
        "has_folds": comparison.folds["fold"].nunique() > 1,
        "is_long": clips.excerpt >= LONG,
        "without": "",
    }
