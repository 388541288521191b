"""What pipelines are compared on: clips, labels and groups to train and test on."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Number
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor

from skdeepmir._disk import path_name, user_path
from skdeepmir._errors import refuse_masked, telling_of
from skdeepmir._groups import check_groups
from skdeepmir._sklearn import _num_samples
from skdeepmir._tag_names import aligned, names_of
from skdeepmir._validation import (
    check_clip_labels,
    dense_labels,
    refuse_missing_labels,
    shown_label,
)
from skdeepmir._warnings import warn_user
from skdeepmir.frames import PATH_TYPES, as_sequence, object_array
from skdeepmir.model_selection._annotations import KINDS, common_kind
from skdeepmir.model_selection._folds import Split, described_cv, make_splits
from skdeepmir.model_selection._scoring import Metric, check_metrics, last_step

LISTED = 5  # labels or tags that a message names


@dataclass(frozen=True)
class ClipSet:
    """Clips with their labels, and their groups and names of tags if they have some."""

    X: Any
    y: np.ndarray
    groups: np.ndarray | None
    tag_names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Protocol:
    """Which clips pipelines are fitted to, and which they are scored on.

    Attributes
    ----------
    clips : ClipSet
        All clips, or those to train on.
    splits : list of (train, test)
        Row numbers, of ``clips`` and of where a test set is.
    elsewhere : ClipSet or None
        A test set of its own; its only split has all rows of both sets.
    cv : str
        What made the splits.
    leaks, doubts : tuple of str
        What was warned of: clips on both sides of a split, and labels that differ.
    annotates : str
        What labels are annotations of, such as "chords"; "" for other labels.
    """

    clips: ClipSet
    splits: list[Split]
    elsewhere: ClipSet | None = None
    cv: str = ""
    leaks: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    annotates: str = ""

    def place(self, fold: int) -> str:
        """Return what messages call a split."""
        if self.elsewhere is not None:
            return "on the test set"
        return f"in fold {fold} of {len(self.splits)}"

    @property
    def tested(self) -> ClipSet:
        """The clips that rows of test sets are of."""
        return self.clips if self.elsewhere is None else self.elsewhere


def read_protocol(
    pipelines: dict[str, Any],
    metrics: Sequence[Metric],
    train: tuple[Any, Any, Any],
    test: tuple[Any, Any, Any],
    cv: Any,
) -> Protocol:
    """Return the protocol that parameters of ``compare`` describe; refuse what is none.

    ``train`` and ``test`` are X, y and groups, of which the latter may all be None.
    """
    if test[0] is None:
        for name, value in zip(("y_test", "groups_test"), test[1:], strict=True):
            if value is not None:
                raise ValueError(f"{name} is given, but X_test is None. Pass X_test.")
    elif cv is not None:
        raise ValueError(
            f"cv={cv!r} is given with X_test; expected one of them: with X_test, all "
            "of X is trained on, and there are no folds."
        )
    elif test[1] is None:
        raise ValueError("y_test is None; expected a label for each clip of X_test.")
    if test[0] is not None:
        test = test[0], aligned(test[1], names_of(train[1]), "y_test", "y"), test[2]
    annotates = common_kind(map(last_step, pipelines.values()), metrics)
    clips = _read_set(pipelines, annotates, *train)
    check_metrics(metrics, pipelines, clips.y, clips.y)
    are_classes = any(is_classifier(pipeline) for pipeline in pipelines.values())
    if test[0] is None:
        splits = make_splits(cv, clips.y, clips.groups, are_classes)
        protocol = Protocol(clips, splits, cv=described_cv(cv))
    else:
        with telling_of("X_test, y_test, groups_test"):
            elsewhere = _read_set(pipelines, annotates, *test)
        doubts = _check_labels_of_test(clips.y, elsewhere.y, train[1], are_classes)
        with telling_of("y_test"):
            check_metrics(metrics, pipelines, elsewhere.y, clips.y)
        rows = np.arange(len(clips)), np.arange(len(elsewhere))
        protocol = Protocol(
            clips, [rows], elsewhere, "a test set of its own", doubts=tuple(doubts)
        )
    leaks = _leaks(protocol)
    for text in (*protocol.doubts, *leaks):
        warn_user(text)
    return replace(protocol, leaks=tuple(leaks), annotates=annotates)


def _read_set(
    pipelines: dict[str, Any], annotates: str, X: Any, y: Any, groups: Any
) -> ClipSet:
    refuse_masked("X", X)
    n_clips = _num_samples(X)
    if not n_clips:
        raise ValueError("X has no clips; expected at least one.")
    names = names_of(y)
    y = _check_targets(y, X, pipelines.values(), annotates)
    check_clip_labels(y, n_clips)
    groups = None if groups is None else check_groups(groups, n_clips)
    return ClipSet(X, y, groups, names if y.ndim == 2 else None)


def _check_targets(
    y: Any, X: Any, pipelines: Iterable[Any], annotates: str
) -> np.ndarray:
    """Return labels, values or annotations as an array, one for each clip."""
    # They are checked here, where row numbers are those of y, not of a fold.
    y = dense_labels(y)
    last = [last_step(pipeline) for pipeline in pipelines]
    if any(is_classifier(step) for step in last):
        refuse_missing_labels(y)
        return np.asarray(y)
    refuse_missing_labels(y, in_rows=any(is_regressor(step) for step in last))
    y = _targets(y)
    return KINDS[annotates].read(y, X) if annotates else y


def _targets(y: Any) -> np.ndarray:
    """Return numbers as an array, anything else as one object for each clip."""
    if hasattr(y, "shape"):
        return np.asarray(y)
    items = list(y)
    if all(isinstance(item, Number) for item in items):
        return np.asarray(items)
    return object_array(items)


def _check_labels_of_test(
    y: np.ndarray, y_test: np.ndarray, named: Any, are_classes: bool
) -> list[str]:
    """Refuse labels of another kind; tell of those that training never sees."""
    if y.ndim != y_test.ndim or y.shape[1:] != y_test.shape[1:]:
        raise ValueError(
            f"y_test has shape {y_test.shape}, but y has {y.shape}; expected labels of "
            "the same kind, tags in the same columns."
        )
    if not are_classes:
        return []
    if y.ndim == 2:
        unseen = np.flatnonzero((y == 0).all(axis=0) & (y_test != 0).any(axis=0))
        names = names_of(named) or [f"number {tag}" for tag in range(y.shape[1])]
        found = [names[tag] for tag in unseen]
        n_clips, what = int((y_test[:, unseen] != 0).any(axis=1).sum()), "tags"
    else:
        are_text = [isinstance(labels[0], str) for labels in (y, y_test)]
        if are_text[0] != are_text[1]:
            raise ValueError(
                f"y_test: clip 0 has {shown_label(y_test[0])!r}, but clip 0 of y has "
                f"{shown_label(y[0])!r}; expected labels of the same kind. Number or "
                "name the classes of both sets alike."
            )
        found = sorted(set(y_test.tolist()) - set(y.tolist()))
        n_clips, what = int(np.isin(y_test, found).sum()), "labels"
    if not found:
        return []
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return [
        f"y_test: {n_clips} of {len(y_test)} clips have {what} that no clip of y "
        f"has, {found[:LISTED]}{more}: no pipeline can learn them. Leave these "
        "clips out, or make sure that both sets code labels alike."
    ]


def _leaks(protocol: Protocol) -> list[str]:
    """Return what must be told of clips that are trained and tested on."""
    clips, elsewhere = protocol.clips, protocol.elsewhere
    sets = [clips] if elsewhere is None else [clips, elsewhere]
    found = []
    if elsewhere is None:
        found += _shared([np.arange(len(clips))], protocol, "clips")
    groups = [each.groups for each in sets if each.groups is not None]
    if len(groups) == len(sets):
        found += _shared(groups, protocol, "clips of one group")
    lists = [as_sequence(each.X) for each in sets]
    if all(isinstance(items, list) for items in lists):
        paths = [path for items in lists for path in items]
        if all(isinstance(path, PATH_TYPES) for path in paths):
            ids = content_ids(paths)
            keys = np.split(ids, np.cumsum([len(items) for items in lists])[:-1])
            found += _shared(keys, protocol, "files with the same bytes")
    return found


def _shared(keys: list[np.ndarray], protocol: Protocol, what: str) -> list[str]:
    shared = {}
    for i, (train, test) in enumerate(protocol.splits):
        common = sorted(set(keys[0][train]) & set(keys[-1][test]), key=str)
        if common:
            shared[i] = common
    if not shared:
        return []
    fold, common = next(iter(shared.items()))
    some = f"{len(common)} such, for example {shown_label(common[0])!r}"
    if protocol.elsewhere is not None:
        return [
            f"{what} are in both X and X_test ({some}): scores are too good. Leave "
            "them out of one."
        ]
    return [
        f"{what} are on both sides of {len(shared)} of {len(protocol.splits)} splits "
        f"(fold {fold}: {some}): scores are too good. Split with groups=, or remove "
        "duplicates."
    ]


def content_ids(paths: Sequence[Any]) -> np.ndarray:
    """Return an id for each file that equals another's if their bytes do."""
    by_size = defaultdict(list)
    for i, path in enumerate(paths):
        # A file that is missing is the extractor's to report, with its row.
        path = user_path(path)
        size = os.path.getsize(path) if os.path.isfile(path) else -1
        by_size[size].append(i)
    ids = np.array([path_name(path) for path in paths], dtype=object)
    for size, rows in by_size.items():
        if size < 0 or len(rows) == 1:
            continue
        first_name: dict[bytes, str] = {}
        for i in rows:
            ids[i] = first_name.setdefault(file_digest(paths[i]), ids[i])
    return ids


def file_digest(path: Any) -> bytes:
    """Return a digest of the bytes of a file."""
    with open(user_path(path), "rb") as file:
        return hashlib.file_digest(file, "blake2b").digest()
