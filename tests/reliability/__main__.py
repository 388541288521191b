"""Print the reliability table."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from ._figures import Effort

MODULES = ("audio_input", "killed_jobs", "resources", "determinism", "hostile_files")


def all_figures():
    """Return the figures of all modules by number."""
    modules = [import_module(f".{name}", __package__) for name in MODULES]
    return sorted((f for m in modules for f in m.FIGURES), key=lambda f: f.number)


def measure(figure, seed, is_full, seeds=range(100)):
    """Measure a figure in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix=f"figure-{figure.number}-"))
    try:
        return figure.measure(Effort(seed, is_full, folder, seeds))
    finally:
        shutil.rmtree(folder)


def seed_range(text):
    """Return the seeds that ``0-99`` or ``7`` stands for."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def main():
    """Measure the figures that were asked for; exit with 1 if one is not reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability")
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--quick", action="store_true", help="5 minutes (the default)")
    effort.add_argument("--full", action="store_true", help="some hours")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="+", help="numbers of figures")
    parser.add_argument(
        "--seeds",
        type=seed_range,
        default="0-99",
        metavar="FIRST-LAST",
        help="of figure 20 in full, which can so be run in parts",
    )
    parser.add_argument("--out", type=Path, help="write the table here as JSON")
    args = parser.parse_args()

    print("| # | figure | goal | found | reached | s |", "| - " * 6 + "|", sep="\n")
    rows = []
    for figure in all_figures():
        if args.only and figure.number not in args.only:
            continue
        start = time.perf_counter()
        found, reached = measure(figure, args.seed, args.full, args.seeds)
        rows.append(
            {
                "number": figure.number,
                "figure": figure.name,
                "goal": figure.goal,
                "found": found,
                "reached": "yes" if reached else "no",
                "seconds": round(time.perf_counter() - start, 1),
            }
        )
        cells = [str(cell).replace("|", "\\|") for cell in rows[-1].values()]
        print("|", " | ".join(cells), "|", flush=True)
        if args.out:  # after each: an error in the next leaves what was found
            report = {"seed": args.seed, "full": args.full, "figures": rows}
            args.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    sys.exit(any(row["reached"] == "no" for row in rows))


if __name__ == "__main__":
    main()
