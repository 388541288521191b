"""``skdeepmir info``: what a bug report should say."""

from __future__ import annotations

import argparse
from typing import Any

from skdeepmir._command_line._output import say
from skdeepmir._command_line._parsers import add_command


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "info",
        run,
        usage="",
        summary="Print what a bug report should say.",
        description="""
            Versions, machine, devices, threads and folders of caches, as
            skdeepmir.show_versions() prints them.
            """,
        examples=(
            "skdeepmir info",
            "skdeepmir info --cache-dir results/features    # how large it is",
        ),
    )
    parser.add_argument(
        "--cache-dir",
        metavar="DIR",
        help="a folder with features of files (cache_dir of an extractor) to look at",
    )


def run(args: argparse.Namespace) -> int:
    """Print it."""
    from skdeepmir._show_versions import show_versions
    from skdeepmir.spectrogram import FeatureStore

    # First, as it may be refused.
    store = None if args.cache_dir is None else FeatureStore(args.cache_dir)
    show_versions()
    if store is not None:
        entries = store.entries()
        n_bytes = sum(entry.n_bytes for entry in entries)
        say("\nFeature store:")
        say(f"{'folder':>15}: {str(store.folder)!a}")
        say(f"{'entries':>15}: {len(entries)}, {n_bytes / 1e6:.1f} MB")
        say(f"{'used last':>15}: {_last_used(entries)}")
    return 0


def _last_used(entries: list[Any]) -> str | None:
    from datetime import datetime

    if not entries:
        return None
    return datetime.fromtimestamp(entries[-1].last_used).isoformat(" ", "seconds")
