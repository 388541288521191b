"""Hostile models, archives, tables and names: figures 16 to 18."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt

from skdeepmir.datasets import _archives, extract_archive
from skdeepmir.testing._material import slowness

from ._figures import Figure, Outcome
from ._hostile_archives import MAX_BYTES, MAX_FILES, hostile_archives, hostile_tables
from ._hostile_names import NAMES, faults_of, render_all

QUICK = (300, 2)  # mutants of models, and seconds for them at most
FULL = (100_000, 460)


def watched(what, folder, *numbers):
    """Return what a process of its own found that loads hostile files."""
    command = [sys.executable, Path(__file__).with_name("_watched.py"), what, folder]
    done = subprocess.run(
        [*map(str, command), *map(str, numbers)],
        capture_output=True,
        text=True,
        timeout=600 * slowness(),
    )
    if done.returncode:
        raise RuntimeError(f"{what} ended with {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def measure_models(effort):
    """Load models with payloads, damage and forgeries."""
    found = watched(
        "models", effort.folder, effort.seed, *(FULL if effort.is_full else QUICK)
    )
    counts, loaded = found["counts"], found["loaded"]
    wrong = len(found["others"])
    text = (
        f"{found['n_events']} events, {wrong} other errors or loads of "
        f"{sum(counts.values())} files: of {counts['payloads']} with payloads, "
        f"{counts['misfits']} with arrays that do not fit and {counts['damaged']} "
        f"damaged {sum(loaded.values()) - loaded['forged']} loaded; of "
        f"{counts['forged']} mutants with forged checksums {loaded['forged']} loaded "
        f"as other numbers, {found['n_predicted']} predicted"
    )
    if wrong or found["n_events"]:
        text += f"; such as {(found['others'] + found['events'])[0]}"
    is_safe = not wrong and not found["n_events"] and found["is_awake"]
    was_tried = counts["payloads"] > 100 and counts["misfits"] == 5
    was_tried &= min(counts["damaged"], counts["forged"], found["n_predicted"]) > 10
    return Outcome(text, is_safe and was_tried)


def measure_archives(effort):
    """Extract hostile archives, and read hostile tables."""
    faults, largest = [], 0
    archives = hostile_archives()
    for number, (name, (content, _)) in enumerate(archives.items()):
        place = effort.folder / f"{number}" / "inside"
        place.mkdir(parents=True)
        path = place / "archive"
        path.write_bytes(content)
        largest = max(largest, _extracted_bytes(path, faults, name))
        left = [p for p in place.parent.rglob("*") if p not in (place, path)]
        if left:
            faults.append(f"{name} left {left[0].name!a}")
    tables = effort.folder / "tables"
    tables.mkdir()
    n_tables = 0
    for name, call, _ in hostile_tables(tables):
        n_tables += 1
        try:
            call()
        except ValueError:
            continue
        faults.append(f"{name} was not refused")
    total = len(archives) + n_tables
    text = (
        f"{len(faults)} of {total} ({len(archives)} archives, {n_tables} tables) not "
        f"refused or with files left; at most {largest} bytes written, "
        f"{MAX_BYTES} allowed"
    )
    if faults:
        text += f"; such as {faults[0]}"
    return Outcome(text, not faults and largest <= MAX_BYTES)


def _extracted_bytes(path, faults, name):
    """Try to extract; return how many bytes were in the folder before it went."""
    sizes = [0]
    remove = _archives.shutil.rmtree

    def measured(folder):
        files = [p for p in Path(folder).rglob("*") if p.is_file()]
        sizes.append(sum(p.stat().st_size for p in files))
        remove(folder)

    _archives.shutil.rmtree = measured
    try:
        extract_archive(
            path, path.parent / "data", max_bytes=MAX_BYTES, max_files=MAX_FILES
        )
        faults.append(f"{name} was not refused")
    except ValueError:
        pass
    finally:
        _archives.shutil.rmtree = remove
    return max(sizes)


def measure_names(effort):
    """Render reports and pictures with hostile names."""
    faults, n_rendered = [], 0
    backend = plt.get_backend()
    plt.switch_backend("agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fonts without a letter, too long labels
        for what, text in render_all():
            n_rendered += 1
            fault = faults_of(what, text)
            if fault:
                faults.append(fault)
    plt.switch_backend(backend)
    text = f"{len(faults)} of {n_rendered} renderings of {len(NAMES)} names each"
    if faults:
        text += f"; such as {faults[0]}"
    return Outcome(text, not faults and n_rendered >= 12)


FIGURES = [
    Figure(
        16,
        "hostile model files: audit events; other errors than ModelFileError, and "
        "tampered models loaded",
        "0; 0 of 100 000",
        measure_models,
    ),
    Figure(
        17,
        "hostile archives and tables: files written or listed outside, bytes over the "
        "limit",
        "0 of 30",
        measure_archives,
    ),
    Figure(
        18,
        "hostile names in Markdown, HTML, CSV, text and pictures: unescaped or crashed",
        "0 of 12 names in 4 forms",
        measure_names,
    ),
]
