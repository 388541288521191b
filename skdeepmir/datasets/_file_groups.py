"""Groups of files, from a mapping of their paths or a regular expression."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from skdeepmir._groups import check_groups, is_missing, missing_text, shown_value
from skdeepmir._warnings import warn_user

FEWEST = 5  # files that are enough to doubt a regular expression
MOSTLY = 0.8  # the share of files that are alone in their groups
ABSENT = object()  # the group of a file that no key or match gives one


def group_files(names: list[str], groups: Any, root: Path) -> np.ndarray:
    """Return the group of each path relative to a folder."""
    import pandas as pd

    composed = [unicodedata.normalize("NFC", name) for name in names]
    if isinstance(groups, pd.Series):
        if not groups.index.is_unique:
            twice = groups.index[groups.index.duplicated()][0]
            raise ValueError(
                f"groups has {twice!r} more than once in its index; expected each path "
                "once. Drop the others."
            )
        groups = groups.to_dict()
    if isinstance(groups, Mapping):
        of = _by_name(groups, root)
        found = [
            of.get(name, of.get(other, ABSENT))
            for name, other in zip(names, composed, strict=True)
        ]
    else:
        pattern = _pattern(groups, names[0])
        matches = [pattern.search(name) for name in composed]
        found = [m.group(1) if m else ABSENT for m in matches]
    missing = [
        i for i, group in enumerate(found) if group is ABSENT or is_missing(group)
    ]
    if missing:
        raise ValueError(
            f"{_fault(names, missing, found[missing[0]], groups)} Give each file "
            "a group, or move files without one elsewhere."
        )
    checked = check_groups(found, len(names), [f"{name!a}" for name in names])
    if not isinstance(groups, Mapping):
        _warn_of_useless_groups(names, checked, pattern.pattern)
    return checked.astype(object)


def _warn_of_useless_groups(names: list[str], groups: np.ndarray, pattern: str) -> None:
    """Warn if a regular expression puts all files into one group, or each alone."""
    sizes = Counter(groups.tolist())
    n_alone = sum(size == 1 for size in sizes.values())
    if len(names) < FEWEST:
        return
    if len(sizes) == 1:
        found = f"puts all {len(names)} files into one group"
        effect = "no split by group is possible"
    elif n_alone >= MOSTLY * len(names):
        found = f"leaves {n_alone} of {len(names)} files alone in their groups"
        effect = "a split by group is then hardly more than one by file"
    else:
        return
    warn_user(
        f"groups={pattern!r} {found}, such as {groups[0]!r} for {names[0]!a}: "
        f"{effect}. Put the parentheses around the part of the path that files of one "
        "artist, album or speaker share."
    )


def _fault(names: list[str], missing: list[int], group: Any, groups: Any) -> str:
    """Return which files have no group, and why the first has none."""
    name = f"{names[missing[0]]!a}"
    such = "" if len(missing) == 1 else "such as "
    start = f"groups gives no group for {len(missing)} of {len(names)} files, {such}"
    if text := (group is not ABSENT and missing_text(group)):
        return f"{start}{name}: it has the group {shown_value(group)}{text}."
    if group is not ABSENT:
        return f"{start}{name} ({shown_value(group)})."
    if not isinstance(groups, Mapping):
        return f"{start}{name}, in which {groups!r} is not found."
    if not groups:
        return f"{start}{name}: it is empty."
    key = next(iter(groups))
    key = os.fspath(key) if isinstance(key, os.PathLike) else key
    return f"{start}{name}: it has no such key, but keys such as {key!r}."


def _by_name(groups: Mapping[Any, Any], root: Path) -> dict[str, Any]:
    """Return groups by relative path, in its own spelling and composed."""
    of: dict[str, Any] = {}
    exact: dict[str, Any] = {}
    above = os.path.abspath(root)
    for key, group in groups.items():
        if isinstance(key, str | os.PathLike):
            path = Path(key)
            if path.is_absolute() and path.is_relative_to(above):
                path = path.relative_to(above)
            exact[path.as_posix()] = group
            of[unicodedata.normalize("NFC", path.as_posix())] = group
    return {**of, **exact}  # a path as it is on disk comes first


def _pattern(groups: Any, name: str) -> re.Pattern[str]:
    """Return a regular expression with parentheses."""
    if isinstance(groups, str):
        try:
            groups = re.compile(unicodedata.normalize("NFC", groups))
        except re.error as error:
            raise ValueError(
                f"groups={groups!r} is not a regular expression ({error}). Correct it, "
                "or escape special characters with a backslash."
            ) from error
    if not isinstance(groups, re.Pattern) or not isinstance(groups.pattern, str):
        is_pattern = isinstance(groups, re.Pattern)
        kind = "pattern of bytes" if is_pattern else type(groups).__name__
        raise TypeError(
            f"groups is a {kind}; expected a regular expression (str) or a dict from "
            f"paths such as {name!a} to groups, such as dict(zip(df['path'], "
            "df['artist']))."
        )
    if groups.groups < 1:
        raise ValueError(
            f"groups={groups.pattern!r} has no parentheses; put them around the part "
            r"that names the group, as in '([^/]+)_\d+'."
        )
    return groups
