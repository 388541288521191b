"""What a forged file could hold that skops would accept."""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

SKOPS_PROTOCOL = 2  # older ones are never written; skops checks them less strictly
# What has a member of its own, and how that ends. Sparse matrices are compressed.
SUFFIXES = {"NdArrayNode": ".npy", "BytesNode": ".bin", "BytearrayNode": ".bin"}


def check_schema(schema: dict[str, Any]) -> None:
    """Refuse schemas that skops would check less strictly, or that have no end."""
    if schema["protocol"] < SKOPS_PROTOCOL:
        raise ValueError(f"It has protocol {schema['protocol']!a} of skops, too old.")
    _count(schema, {})


def check_arrays(contents: Mapping[str, bytes]) -> None:
    """Refuse members that are no arrays, or shorter or longer than they claim."""
    import numpy as np

    for name, content in contents.items():
        if not name.endswith(".npy"):
            continue
        file = io.BytesIO(content)
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
        n_bytes = len(content) - file.tell()
        if dtype.hasobject or math.prod(shape) * (dtype.itemsize or 1) != n_bytes:
            raise ValueError(
                f"Its member {name!a} has {n_bytes} bytes for an array of shape "
                f"{shape} and dtype {str(dtype)!a}: it was forged."
            )


def check_files(schema: dict[str, Any], members: Collection[str]) -> None:
    """Refuse members that no object has."""
    named = {"schema.json", *_files(schema)}
    if named != set(members):
        raise ValueError(
            f"Its member {min(named ^ set(members))!a} is not there, or belongs to no "
            "object: it was forged."
        )


def _files(part: Any) -> Iterator[str]:
    """Yield the members that a part of a schema names."""
    if isinstance(part, dict) and "__loader__" in part and "file" in part:
        suffix = SUFFIXES.get(part["__loader__"])
        if suffix is None or not str(part["file"]).endswith(suffix):
            raise ValueError(
                f"A {part['__loader__']!a} in it takes {part['file']!a}, which save "
                "never writes: it was forged."
            )
        yield part["file"]
    if isinstance(part, dict | list):
        for value in part.values() if isinstance(part, dict) else part:
            yield from _files(value)


def _count(part: Any, counts: dict[Any, int]) -> int:
    """Count what is in a part of a schema.

    Objects that occur again have the same size each time; else a short file could
    describe one that has no end.
    """
    if not isinstance(part, dict | list):
        return 1
    inner = part.values() if isinstance(part, dict) else part
    n = 1 + sum(_count(value, counts) for value in inner)
    known = part.get("__id__") if isinstance(part, dict) else None
    if known is not None and not isinstance(known, dict):
        if counts.setdefault(known, n) != n:
            raise ValueError("An object of it has two contents: it was forged.")
    return n


def check_trees(estimator: Any) -> None:
    """Refuse decision trees that would be read beyond their end, or without end."""
    import numpy as np
    from sklearn.tree._tree import Tree

    inside, seen = [estimator], set()
    while inside:
        value = inside.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            inside += value.values()
        elif isinstance(value, list | tuple | set):
            inside += value
        elif isinstance(value, np.ndarray):
            inside += value.ravel().tolist() if value.dtype.hasobject else []
        elif isinstance(value, Tree):
            _check_nodes(value)
        else:
            _check_width(value)
            inside += getattr(value, "__dict__", {}).values()


def _check_nodes(tree: Any) -> None:
    import numpy as np

    left, right = tree.children_left, tree.children_right
    place = np.arange(tree.node_count)
    is_leaf = left == -1
    is_good = (place < left) & (left < len(place))
    is_good &= (place < right) & (right < len(place))
    is_good &= (tree.feature >= 0) & (tree.feature < tree.n_features)
    if not len(place) or not (is_good | is_leaf).all():
        raise ValueError("A decision tree in it has no end: it was forged.")


def _check_width(value: Any) -> None:
    """Refuse trees that would read more features than rows are checked to have."""
    import numpy as np
    from sklearn.ensemble import IsolationForest
    from sklearn.ensemble._forest import BaseForest
    from sklearn.ensemble._gb import BaseGradientBoosting
    from sklearn.tree import BaseDecisionTree

    trees: list[Any] = []
    if isinstance(value, BaseDecisionTree):
        trees = [getattr(value, "tree_", None)]
    elif isinstance(value, BaseForest | BaseGradientBoosting | IsolationForest):
        members = np.asarray(getattr(value, "estimators_", ()), dtype=object)
        trees = [getattr(member, "tree_", None) for member in members.ravel()]
    widths = [getattr(value, "n_features_in_", None)] * len(trees)
    if isinstance(value, IsolationForest):  # its trees may see some of the features
        widths = [len(some) for some in getattr(value, "estimators_features_", ())]
        widths = [min(width, value.n_features_in_) for width in widths]
    for tree, width in zip(trees, widths, strict=True):
        if tree is not None and tree.n_features != width:
            raise ValueError(
                f"A decision tree in it reads {tree.n_features} features, but rows "
                f"have {width!a}: it was forged."
            )
