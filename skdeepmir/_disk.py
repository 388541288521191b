"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".part"  # the last suffix of files that are not finished


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name only when all went well.

    Readers see the old file or the new one, never half of it, and several processes may
    write the same file at once. A killed process leaves a file with the suffix
    ``TEMPORARY`` behind.

    Parameters
    ----------
    path : Path
        The file; its folder exists.

    Yields
    ------
    file : binary file
        What to write to.
    """
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}{TEMPORARY}")
    try:
        with open(part, "xb") as file:
            yield file
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
