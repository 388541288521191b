"""Sections of a report that need no script: what was compared, how, and how it went."""

from __future__ import annotations

import base64
import html
import io
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from skdeepmir._page import escaped, hidden, quoted, table
from skdeepmir.model_selection._monitor import duration
from skdeepmir.model_selection._setting import Parameter, Setting

if TYPE_CHECKING:
    from skdeepmir.model_selection._comparison import Comparison

MOST_PICTURES = 6


def alarms(comparison: Comparison) -> str:
    """Return leaks, failures and other warnings."""
    setting = setting_of(comparison)
    if setting is None:
        return ""
    has_folds = comparison.folds["fold"].nunique() > 1
    failures = [
        f"fold {failure.fold}: {failure.text}" if has_folds else failure.text
        for failure in setting.failures
    ]
    found = ""
    for title, texts in {
        "Training and test clips overlap": setting.leaks,
        "What failed": failures,
    }.items():
        if texts:
            found += (
                f'<div class="alarm" role="note"><h2>{title}</h2>{_list(texts)}</div>'
            )
    if setting.warnings:
        n = len(setting.warnings)
        title = "1 warning" if n == 1 else f"{n} warnings"
        found += hidden(f"{title} of fits and scores", _list(setting.warnings))
    return found


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escaped(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>"


def scores_section(comparison: Comparison) -> str:
    """Return scores with tests, times and pictures."""
    header, rows = comparison._table(None)
    found = table("scores", header, rows)
    note = comparison._note()
    found += f'<p class="quiet">{html.escape(note)}</p>'
    pictures = [
        _picture(comparison, name) for name in comparison.metrics[:MOST_PICTURES]
    ]
    found += pictures[0]
    if len(pictures) > 1:
        found += hidden("Pictures of the other scores", "".join(pictures[1:]))
    if len(comparison.pipelines) > 2:
        pairs = "".join(_pairs(comparison, name) for name in comparison.metrics)
        found += hidden("Differences of all pairs", pairs)
    folds = comparison.folds
    has_several = folds["fold"].nunique() > 1
    where = "Scores of each fold" if has_several else "Scores as numbers"
    rows = [list(map(_number, row)) for row in folds.itertuples(index=False)]
    return found + hidden(where, table(where, list(folds.columns), rows))


def _number(value: Any) -> Any:
    """Return a value for a table: numbers with three decimals, NaN as nothing."""
    if isinstance(value, float):
        return "" if value != value else f"{value:.3f}"
    return value


def _pairs(comparison: Comparison, metric: str) -> str:
    found = comparison.differences(metric)
    header = ["second against first", "difference", "from", "to", "p", "p (Holm)"]
    rows = [
        [f"{row[1]} against {row[0]}", *map(_number, row[2:])]
        for row in found.itertuples(index=False)
    ]
    return f"<h3>{escaped(metric)}</h3>{table(metric, header, rows)}"


def _picture(comparison: Comparison, metric: str) -> str:
    """Return the picture of a score as SVG, and as words for those who see none."""
    import matplotlib
    from matplotlib.figure import Figure

    names = comparison.pipelines
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": metric}):
        figure = Figure((7, 0.9 + 0.32 * len(names)), layout="constrained")
        figure.patch.set_alpha(0)
        ax = figure.subplots()
        ax.patch.set_alpha(0)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
        comparison.plot(ax, metric=metric)
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # of scripts without a font
            figure.savefig(file, format="svg", metadata={"Date": None})
    means = comparison.folds.groupby("pipeline")[metric].mean()
    words = "; ".join(f"{name} {means[name]:.3f}" for name in names)
    alt = quoted(f"{metric} of all pipelines: {words}")
    data = base64.b64encode(file.getvalue()).decode()
    return f'<figure><img alt="{alt}" src="data:image/svg+xml;base64,{data}"></figure>'


def pipelines_section(comparison: Comparison) -> str:
    """Return the parameters of each pipeline, those that are not defaults first."""
    setting = setting_of(comparison)
    if setting is None:
        return ""
    found = '<section aria-labelledby="pipelines"><h2 id="pipelines">Pipelines</h2>'
    for name, parameters in setting.parameters.items():
        baseline = " (baseline)" if name == comparison.baseline else ""
        found += f"<h3>{escaped(name)}{baseline}</h3>{_parameters(name, parameters)}"
    return f"{found}</section>"


def _parameters(name: str, parameters: list[Parameter]) -> str:
    seeds = [p for p in parameters if p.is_seed]
    own = [[p.name, p.value] for p in parameters if not p.is_default]
    rest = [[p.name, p.value] for p in parameters if p.is_default]
    label = f"parameters of {name}"
    found = (
        table(label, [], own, "facts") if own else '<p class="quiet">Defaults only.</p>'
    )
    if seeds:
        text = ", ".join(f"{p.name}={p.value}" for p in seeds)
        if any(p.value == "None" for p in seeds):
            text += ". None: another run may differ"
        found += f'<p class="quiet">Seeds: {escaped(text)}.</p>'
    if rest:
        found += hidden(f"{len(rest)} defaults", table(label, [], rest, "facts"))
    return found


def protocol_section(comparison: Comparison) -> str:
    """Return what was trained and tested on."""
    folds = comparison.folds.drop_duplicates("fold")
    rows: list[list[str]] = [["baseline", comparison.baseline]]
    records, setting = comparison.records, setting_of(comparison)
    if setting is not None:
        rows.insert(0, ["folds", setting.cv])
    for name, column in {"trained on": "n_train", "tested on": "n_test"}.items():
        values = sorted(set(folds[column]))
        sizes = f"{values[0]}" if len(values) == 1 else f"{values[0]} to {values[-1]}"
        rows.append([name, f"{sizes} clips" + (" each" if len(folds) > 1 else "")])
    if records is not None:
        no = "none: similar clips may be on both sides of a split"
        groups = no if records.groups is None else f"{records.n_groups}, kept apart"
        rows.append(["groups", groups])
    if setting is not None:
        rows.append(["took", duration(setting.seconds)])
    body = table("protocol", [], rows, "facts")
    return (
        '<section aria-labelledby="protocol"><h2 id="protocol">Protocol</h2>'
        f"{body}</section>"
    )


def versions_section(comparison: Comparison) -> str:
    """Return the versions of all that computed."""
    setting = setting_of(comparison)
    if setting is None:
        return ""
    shown = "".join(
        f"<h3>{escaped(title)}</h3>{table(title, [], list(facts.items()), 'facts')}"
        for title, facts in setting.versions.items()
    )
    return (
        '<section aria-labelledby="versions"><h2 id="versions">Versions</h2>'
        f"{hidden('Machine and packages', shown)}</section>"
    )


def setting_of(comparison: Comparison) -> Setting | None:
    """Return how a comparison came about, if that is known."""
    return None if comparison.records is None else comparison.records.setting
