"""Parsers of the command line: their errors are one line, their epilogs examples."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from skdeepmir._command_line._output import one_line


class UsageError(ValueError):
    """Raised for options that do not fit together, or values that there are not."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where to read on; leave with 2."""
        text = one_line(message).rstrip(".")
        self.exit(2, f"{self.prog}: error: {text}. See {self.prog} --help.\n")


def add_command(
    subparsers: Any,
    name: str,
    run: Callable[[argparse.Namespace], int],
    *,
    usage: str,
    summary: str,
    description: str = "",
    examples: Sequence[str] = (),
) -> argparse.ArgumentParser:
    """Add the parser of a command, which ``run`` carries out.

    ``usage`` is what stands before the options.
    """
    paragraphs = [summary, *textwrap.dedent(description).strip().split("\n\n")]
    parser: argparse.ArgumentParser = subparsers.add_parser(
        name,
        usage=f"skdeepmir {name} {usage}[options]",
        help=f"{summary[0].lower()}{summary[1:].rstrip('.')}",
        description="\n\n".join(textwrap.fill(text, 79) for text in paragraphs if text),
        epilog="\n".join(["examples:", *(f"  {line}" for line in examples)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_debug(parser, default=argparse.SUPPRESS)  # keeps what stands before the command
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_debug(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Add --debug."""
    parser.add_argument(
        "--debug",
        action="store_true",
        help="show where an error comes from, as SKDEEPMIR_DEBUG=1 does",
        **options,
    )


def some_path(text: str) -> str:
    """Return a path; what is empty would be the working folder."""
    if not text:
        raise argparse.ArgumentTypeError("'' is not a path")
    return text


def number(smallest: int) -> Callable[[str], int]:
    """Return a type of arguments: whole numbers that are at least `smallest`."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = smallest - 1
        if value < smallest:
            raise argparse.ArgumentTypeError(
                f"{text!a} is not a whole number from {smallest} up"
            )
        return value

    return read


def above_zero(text: str) -> float:
    """Return a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!a} is not a number above 0")
    return value


def number_of_jobs(text: str) -> int:
    """Return a number of jobs as joblib means it."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value == 0:
        raise argparse.ArgumentTypeError(
            f"{text!a} is not a number of jobs: 1, 2, ... or -1 for all cores"
        )
    return value
