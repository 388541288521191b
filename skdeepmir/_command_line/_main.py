"""``main``: the parser of all commands, and how they end."""

from __future__ import annotations

import argparse
import os
import traceback
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor

import skdeepmir
from skdeepmir._command_line import (
    _check,
    _chords,
    _compare,
    _features,
    _info,
    _onsets,
    _transcribe,
)
from skdeepmir._command_line._output import (
    complain,
    flush,
    leave_closed_pipes,
    leave_full_disks,
    one_line,
    plain_streams,
)
from skdeepmir._command_line._parsers import Parser, UsageError, add_debug

COMMANDS = (_compare, _check, _features, _chords, _onsets, _transcribe, _info)
# What input, files and machines bring about (AudioError, ModelFileError and
# DivergenceError are ValueErrors); all else is a bug, and keeps its traceback.
EXPECTED = (ValueError, OSError, MemoryError, BrokenExecutor)
FAILED, INTERRUPTED, UNREAD = 1, 130, 141  # argparse leaves with 2
BUG = (
    "This is a bug, unless a pipeline of your own has it. Please report it, with what "
    "`skdeepmir info` prints."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, default=None
        The command and its options; None takes those of the process.

    Returns
    -------
    status : int
        0; or 1 if a command found what it looks for, or failed on the data; 2 for wrong
        options; 130 if it was interrupted; 141 if nobody reads what it writes.

    Raises
    ------
    SystemExit
        After ``--help`` and ``--version``, and with 2 for arguments that cannot be
        read.
    """
    status = 0
    try:
        with plain_streams():
            try:
                status = _run(arguments)
            finally:
                flush()  # so that a closed pipe is noticed here, not at the exit
        return status
    except BrokenPipeError as error:
        return UNREAD if leave_closed_pipes() else _fail(error)
    except OSError as error:  # of output: a full disk
        leave_full_disks()
        return status or _fail(error)
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED


def make_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(
        prog="skdeepmir",
        description="Deep learning on music audio, from the terminal.",
        epilog="`skdeepmir COMMAND --help` has the options and examples of each.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"skdeepmir {skdeepmir.__version__}"
    )
    add_debug(parser)
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", dest="command", required=True
    )
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def _run(arguments: Sequence[str] | None) -> int:
    args = make_parser().parse_args(arguments)
    try:
        return int(args.run(args))
    except BrokenPipeError:
        raise
    except EXPECTED as error:
        if _is_debugging(args):
            traceback.print_exc()
        if isinstance(error, UsageError):
            args.parser.error(str(error))  # leaves
        return _fail(error)
    except Exception as error:
        error.add_note(BUG)
        raise


def _fail(error: BaseException) -> int:
    text = str(error) or type(error).__name__
    for note in getattr(error, "__notes__", []):
        text = f"{text.rstrip().rstrip('.')}. {note}"
    complain(f"error: {one_line(text)}")
    return FAILED


def _is_debugging(args: argparse.Namespace) -> bool:
    return args.debug or os.environ.get("SKDEEPMIR_DEBUG", "") not in ("", "0")
