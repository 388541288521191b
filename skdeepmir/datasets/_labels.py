"""Labels and tags to numbers, of which those of two collections agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, NamedTuple

import numpy as np

from skdeepmir._errors import check_choice, did_you_mean
from skdeepmir._groups import clean_name
from skdeepmir._warnings import warn_user
from skdeepmir.datasets._collections import counted

MOST_SHOWN = 5  # labels that a message names
FEW = 30  # clips of which chance tells nothing: every tag that a source lacks is told
CHANCE = 0.05  # how likely a source may lack some tag though it was annotated for all


class Targets(NamedTuple):
    """Labels as numbers: ``target_names``, ``target``, and the clips that are left."""

    names: np.ndarray
    numbers: np.ndarray  # (n_kept,) indices, or (n_kept, n_tags) of 0 and 1
    kept: np.ndarray  # (n_kept,) numbers of the clips


def check_target_names(
    target_names: Any, unknown: str, *, are_text: bool = True
) -> list[Any] | None:
    """Return names of classes or tags in one spelling; refuse what gives no order."""
    check_choice("unknown", unknown, ("raise", "drop"))
    if target_names is None:
        if unknown == "drop":
            raise ValueError(
                "unknown='drop' leaves out labels that target_names does not have, but "
                "target_names is None; expected a list of names."
            )
        return None
    is_ordered = isinstance(target_names, Iterable) and not isinstance(
        target_names, str | bytes | Set | Mapping
    )
    given = np.array(list(target_names), dtype=object) if is_ordered else np.array([])
    names = [clean_name(n) if isinstance(n, str) else n for n in given.tolist()]
    if not names or not all(isinstance(n, str | int | np.integer) for n in names):
        raise ValueError(
            f"target_names={target_names!r}; expected a list of the names of classes "
            "or tags, in their order, such as the target_names of the other collection."
        )
    names = [str(name) if are_text else name for name in names]
    for name in names:
        if name == "" or names.count(name) > 1:
            found = "an empty name" if name == "" else f"{name!a} more than once"
            raise ValueError(
                f"target_names has {found}; expected the name of each class or tag, "
                "once."
            )
    return names


def encode_classes(
    labels: Sequence[str],
    target_names: list[str] | None = None,
    unknown: str = "raise",
    at: Callable[[list[int]], str] = str,
) -> Targets:
    """Return the classes of clips as numbers; `at` says in errors where clips stand."""
    if target_names is None:
        names, numbers = np.unique(np.array(labels), return_inverse=True)
        return Targets(names, numbers, np.arange(len(labels)))
    number = {name: i for i, name in enumerate(target_names)}
    _check_known([[label] for label in labels], target_names, unknown, at, False)
    kept = [row for row, label in enumerate(labels) if label in number]
    if not kept:
        raise ValueError(
            f"No clip has one of target_names={target_names}; found the labels "
            f"{_listed(sorted(set(labels)))}."
        )
    numbers = np.array([number[labels[row]] for row in kept], dtype=np.intp)
    return Targets(np.array(target_names), numbers, np.array(kept))


def encode_tags(
    tags: Sequence[Sequence[Any]],
    target_names: list[str] | None = None,
    unknown: str = "raise",
    at: Callable[[list[int]], str] = str,
) -> Targets:
    """Return the tags of clips as 0 and 1; `at` says in errors where clips stand."""
    if target_names is None:
        names = np.array(sorted(set().union(*tags)))
    else:
        _check_known(tags, target_names, unknown, at, True)
        names = np.array(target_names)
    column = {name: number for number, name in enumerate(names.tolist())}
    target = np.zeros((len(tags), len(names)), dtype=int)
    for row, clip in zip(target, tags, strict=True):
        row[[column[tag] for tag in clip if tag in column]] = 1
    if target_names is not None:
        _warn_of_absent_tags(names, target)
    return Targets(names, target, np.arange(len(tags)))


def _check_known(
    labels: Sequence[Sequence[str]],
    target_names: list[str],
    unknown: str,
    at: Callable[[list[int]], str],
    are_tags: bool,
) -> None:
    """Raise or warn where clips have labels that are not among the names."""
    known = set(target_names)
    rows = defaultdict(list)
    for row, clip in enumerate(labels):
        for label in clip:
            if label not in known:
                rows[label].append(row)
    if not rows:
        return
    hint = did_you_mean(str(min(rows)), map(str, target_names))
    listed = _listed([f"{label!a} ({at(rows[label])})" for label in sorted(rows)], str)
    found = f"target_names has {len(known)} names, but not {listed}"
    if unknown == "raise":
        raise ValueError(
            f"{found}.{hint} Add what is missing to target_names, or leave such labels "
            "out with unknown='drop'."
        )
    n_clips = len({row for found in rows.values() for row in found})
    clips = counted(n_clips, "clip", "clips")
    lost = f"such tags of {clips}" if are_tags else clips
    warn_user(f"{found}: left out {lost}.")


def _warn_of_absent_tags(names: np.ndarray, target: np.ndarray) -> None:
    """Warn of tags that were asked for and that no clip has."""
    absent = names[~target.any(axis=0)].tolist()
    if absent:
        warn_user(
            f"No clip has {_listed(absent)} of target_names: "
            f"{'it counts' if len(absent) == 1 else 'they count'} as absent (0) in all "
            f"{len(target)}. If the collection was not annotated for "
            f"{'it' if len(absent) == 1 else 'them'}, learn and evaluate without."
        )


def warn_of_unannotated_tags(
    names: np.ndarray, target: np.ndarray, column: str, sources: Sequence[str]
) -> bool:
    """Warn of tags that no clip of a source has, but those of others do, if any."""
    # An absent tag is a 0, whether the annotators heard nothing or never listened.
    found, code = np.unique(np.array(sources), return_inverse=True)
    if len(found) < 2 or len(code) < 2 * len(found):
        return False  # a column that tells nearly all clips apart is no collection
    n_clips = np.bincount(code)
    has = np.zeros((len(found), len(names)), dtype=int)
    np.add.at(has, code, target)
    elsewhere = has.sum(axis=0) - has
    rate = elsewhere / (len(code) - n_clips)[:, None]
    chance = (1 - rate) ** n_clips[:, None]  # that none of so many clips has the tag
    lacks = (has == 0) & (elsewhere > 0)
    doubtful = (lacks & (chance < CHANCE / len(names))).any(axis=1)
    doubtful |= ~((has > 0) & (elsewhere > 0)).any(axis=1) & has.any(axis=1)
    doubtful |= len(code) < FEW
    doubtful &= lacks.any(axis=1)
    if not doubtful.any():
        return False
    parts = [
        f"{found[i].item()!a} never has {_listed(names[lacks[i]].tolist())}"
        for i in np.flatnonzero(doubtful)[:MOST_SHOWN]
    ]
    if more := int(doubtful.sum()) - len(parts):
        parts.append(f"and {counted(more, 'other', 'others')}")
    shared = names[~lacks.any(axis=0)].tolist()
    few = f"{shared}" if len(shared) <= MOST_SHOWN else f"[...] ({len(shared)} tags)"
    keep = f", or keep what all have with target_names={few} and unknown='drop'"
    warn_user(
        f"Of the {column}s, {'; '.join(parts)}: these tags count as absent (0) there. "
        f"If they were not annotated, load a {column} at a time with "
        f"where={{{column!r}: ...}}{keep if shared else ''}."
    )
    return True


def _listed(labels: Sequence[str], show: Callable[[str], str] = ascii) -> str:
    more = f" and {len(labels) - MOST_SHOWN} more" if len(labels) > MOST_SHOWN else ""
    return ", ".join(map(show, labels[:MOST_SHOWN])) + more
