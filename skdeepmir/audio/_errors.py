"""The error of a bad clip, and warnings about several."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

SHOWN = 10  # rows that a message lists


class AudioError(ValueError):
    """Raised for a clip that cannot be used; says which, why, and what to do about it.

    Parameters
    ----------
    code : str
        One word for the kind of problem, such as ``"missing"`` or ``"undecodable"``;
        ``"bad_x"`` where X is not a set of clips at all.
    found : str
        What was found, as the end of a sentence that begins with the file's name.
    fix : str
        What was expected and what the user can do.
    path : str, optional
        The file; waveforms have none.
    row : int, optional
        The position of the clip in X.
    bad_rows : tuple of int, default=()
        All rows that were found to be bad, where several were checked.
    """

    def __init__(
        self,
        code: str,
        found: str,
        fix: str,
        path: str | None = None,
        row: int | None = None,
        bad_rows: tuple[int, ...] = (),
    ) -> None:
        self.code, self.found, self.fix = code, found, fix
        self.path, self.row, self.bad_rows = path, row, bad_rows
        # ascii(): a newline or an escape sequence in a name must not reach a terminal.
        what = "X" if code == "bad_x" else "the waveform"
        if path is not None:
            what = ascii(path)
        message = f"{what} {found} ({code}). {fix}"
        if row is not None:
            message = f"row {row}: {message}"
        if len(bad_rows) > 1:
            message += f" [{_listed(bad_rows)}]"
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        # Without this the error could not come back from a worker process.
        args = (self.code, self.found, self.fix, self.path, self.row, self.bad_rows)
        return type(self), args

    def at_row(self, row: int, bad_rows: tuple[int, ...] = ()) -> AudioError:
        """Return the same error with the position of the clip in X.

        Parameters
        ----------
        row : int
            The position.
        bad_rows : tuple of int, default=()
            Those of all clips that cannot be used, if they are known.

        Returns
        -------
        located : AudioError
            Neither it nor its cause has a traceback: errors that are kept as values
            would keep all frames, and what is in them, until garbage is collected.
        """
        located = type(self)(self.code, self.found, self.fix, self.path, row, bad_rows)
        if self.__cause__ is not None:
            located.__cause__ = self.__cause__.with_traceback(None)
        return located


class _ClipsWarning(UserWarning):
    """Warn of several clips at once; a subclass says what is the matter with them."""

    what = ""  # the end of "2 rows are"

    def __init__(self, done: str, problems: Iterable[AudioError]) -> None:
        self.done, self.problems = done, tuple(problems)
        rows = tuple(error.row for error in self.problems)
        text = "; ".join(str(error) for error in self.problems[:3])
        more = "" if len(rows) <= 3 else f"; and {len(rows) - 3} more"
        super().__init__(f"{_listed(rows, self.what)} ({done}): {text}{more}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.done, self.problems)


class AudioWarning(_ClipsWarning):
    """Warns of clips that cannot be used, where that is not an error.

    Parameters
    ----------
    done : str
        What was done with them, such as "removed".
    problems : iterable of AudioError
        One for each, with its row.
    """

    what = "bad"


class DoubtfulAudioWarning(_ClipsWarning):
    """Warns of clips that can be used, but are probably not what was meant.

    Parameters
    ----------
    done : str
        What was done with them, such as "used as they are".
    problems : iterable of AudioError
        What is doubtful about each, with its row; with the code "cancelled" or
        "unscaled", see :func:`skdeepmir.check_audio`.
    """

    what = "doubtful"


def _listed(rows: tuple[int | None, ...], what: str = "bad") -> str:
    listed = ", ".join(str(row) for row in rows[:SHOWN])
    more = ", ..." if len(rows) > SHOWN else ""
    plural = "1 row is" if len(rows) == 1 else f"{len(rows)} rows are"
    return f"{plural} {what}: {listed}{more}"
