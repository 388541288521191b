"""The page of a report: sections as HTML, facts and clips as JSON, written whole."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import skdeepmir
from skdeepmir._disk import target_file, written_whole
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
LONG = 12.0  # seconds from which an excerpt needs the width of the page


def write_report(comparison: Comparison, path: Any, audio: Any, limits: Limits) -> Path:
    """Write the report of a comparison; see ``Comparison.to_html``."""
    target = target_file(path)
    records = comparison.records
    told = Told("", [], [], {})
    if records is not None:
        told = tell(records, comparison.pipelines, limits.target_names)
    clips = Clips.of(records, told, audio, limits)
    parts = {
        "title": html.escape(comparison._title()),
        "subtitle": _subtitle(comparison),
        "alarms": alarms(comparison),
        "scores": scores_section(comparison),
        "details": pipelines_section(comparison)
        + protocol_section(comparison)
        + versions_section(comparison),
        **_own_files(),
    }
    facts = _facts(comparison, told, clips)
    page = _page(parts, facts, [], "")
    room = limits.max_size * MEGABYTE - len(page) - RESERVED
    blocks = []
    for clip, block in clips.blocks(room):
        text = _json(block)
        if len(text) > room:
            break
        room -= len(text) + 60
        blocks.append((clip, text))
    n_left = clips.n_clips - len(blocks)
    facts["without"] = clips.why_without(n_left)
    page = _page(parts, facts, blocks, clips.about([clip for clip, _ in blocks]))
    while blocks and len(page) > limits.max_size * MEGABYTE:  # of many long names
        blocks.pop()
        n_left += 1
        facts["without"] = clips.why_without(n_left)
        page = _page(parts, facts, blocks, clips.about([clip for clip, _ in blocks]))
    with written_whole(target) as file:
        file.write(page)
    for text in clips.complaints(n_left, target.name):
        warn_user(text)
    return target


def _own_files() -> dict[str, str]:
    """Return script and style, and the policy that allows these alone."""
    folder = files("skdeepmir.model_selection._report")
    read = {
        name: (folder / f"report.{kind}").read_text(encoding="utf-8")
        for name, kind in {"script": "js", "style": "css"}.items()
    }
    hashes = {
        name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for name, text in read.items()
    }
    policy = (
        "default-src 'none'; img-src data:; media-src blob:; "
        f"style-src 'sha256-{hashes['style']}'; "
        f"script-src 'sha256-{hashes['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return {**read, "policy": policy}


def _page(
    parts: dict[str, str], facts: dict[str, Any], blocks: list[Any], about: str
) -> bytes:
    template = files("skdeepmir.model_selection._report") / "report.html"
    texts = [
        f'<script type="application/json" id="clip-{clip}">{text}</script>\n'
        for clip, text in blocks
    ]
    return (
        Template(template.read_text(encoding="utf-8"))
        .substitute(parts, facts=_json(facts), blocks="".join(texts), about=about)
        .encode()
    )


def _subtitle(comparison: Comparison) -> str:
    parts = [", ".join(map(printable, comparison.metrics))]
    setting = comparison.records and comparison.records.setting
    if setting:
        parts.append(f"compared {setting.ended}")
    parts.append(f"skdeepmir {skdeepmir.__version__}")
    return html.escape(" · ".join(parts))


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


def _json(value: Any) -> str:
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
