"""What commands write: results to standard output, all else to standard error."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TextIO

from skdeepmir._printable import printable


def one_line(text: object) -> str:
    """Return a text without line breaks, and with what no terminal shows escaped."""
    lines = (line.strip() for line in str(text).splitlines())
    return printable(" ".join(line for line in lines if line))


def say(text: str = "") -> None:
    """Write a line of results."""
    print(text)


def tell(text: object) -> None:
    """Write a line about the work to standard error, above a bar if there is one."""
    from tqdm import tqdm

    if sys.stderr is not None:
        tqdm.write(f"skdeepmir: {one_line(text)}", file=sys.stderr)


def complain(text: str) -> None:
    """Write why a command ends, if standard error is open: print takes the other."""
    if sys.stderr is not None:
        print(f"skdeepmir: {text}", file=sys.stderr)


def check_writable(option: str, folder: Path) -> None:
    """Refuse a folder in which nothing can be written, before any work starts."""
    try:
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(
            f"{option}: nothing can be written to {str(folder)!a} ({error.strerror}). "
            "Choose another folder."
        ) from error


def table(rows: Sequence[Sequence[object]]) -> str:
    """Return rows in columns; the last one is as long as it is."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    widths[-1] = 0
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


@contextlib.contextmanager
def plain_streams() -> Iterator[None]:
    """Escape what the terminal's encoding lacks, and show warnings in one line each."""
    streams: list[Any] = [
        stream for stream in (sys.stdout, sys.stderr) if _is_plain(stream)
    ]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            stream.reconfigure(errors=errors)


def _is_plain(stream: Any) -> bool:
    return hasattr(stream, "reconfigure") and not stream.closed


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    tell(f"warning: {message}")


def flush() -> None:
    """Write what is left, which fails where nobody reads."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def leave_closed_pipes() -> bool:
    """Tell whether standard output or error lost its reader; write no more there."""
    found = False
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed and _is_unread(stream):
            found = True
            _discard(stream)
    return found


def leave_full_disks() -> None:
    """Write no more to what cannot be written, as Python flushes at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except OSError:
            _discard(stream)


def _is_unread(stream: TextIO) -> bool:
    import select

    try:
        stream.flush()  # what could not be written is still there, if it is buffered
        if not hasattr(select, "poll"):
            return False
        poll = select.poll()
        poll.register(stream.fileno(), 0)
    except BrokenPipeError:
        return True
    except io.UnsupportedOperation:  # no file
        return False
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))


def _discard(stream: TextIO) -> None:
    """Send the rest nowhere, as Python flushes at its end once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
