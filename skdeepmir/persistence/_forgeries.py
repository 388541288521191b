"""Checks against forged files that skops would accept."""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Iterator, Mapping
from types import FunctionType
from typing import Any

SKOPS_PROTOCOL = 2  # older ones are never written; skops checks them less strictly
# Objects with a member of their own, and its suffix. Sparse matrices are compressed.
SUFFIXES = {"NdArrayNode": ".npy", "BytesNode": ".bin", "BytearrayNode": ".bin"}

# Objects that may be of a user's own: load imports them, and calls none of them.
OWN_LOADERS = ("ObjectNode", "TypeNode", "FunctionNode")

MAX_FEATURES = 10**6  # of a boosting: rows of so many are predicted
MAX_THREADS = 1024  # of the clusters: a process with too many ends


def check_schema(schema: dict[str, Any]) -> None:
    """Refuse schemas that skops would check less strictly, or that have no end."""
    if schema["protocol"] < SKOPS_PROTOCOL:
        raise ValueError(f"It has skops protocol {schema['protocol']!a}, too old.")
    _count(schema, {})


def check_arrays(contents: Mapping[str, bytes]) -> None:
    """Refuse members that are not arrays, or not of the size that they claim."""
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
    """Refuse members that belong to no object."""
    named = {"schema.json", *_files(schema)}
    if named != set(members):
        raise ValueError(
            f"Its member {min(named ^ set(members))!a} is missing, or belongs to no "
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


def check_loaders(part: Any, names: Collection[str]) -> None:
    """Refuse nodes that would call, or take a method of, what a user trusts by name."""
    if isinstance(part, dict) and "__loader__" in part:
        name = f"{part.get('__module__')}.{part.get('__class__')}"
        if name in names and part["__loader__"] not in OWN_LOADERS:
            raise ValueError(
                f"Its {part['__loader__']!a} would call {name!a}, which save never "
                "writes: it was forged."
            )
    if isinstance(part, dict | list):
        for value in part.values() if isinstance(part, dict) else part:
            check_loaders(value, names)


def _count(part: Any, counts: dict[Any, int]) -> int:
    """Count what is in a part of a schema."""
    # Objects that occur again must have the same size each time; else a short file
    # could describe one without end.
    if not isinstance(part, dict | list):
        return 1
    inner = part.values() if isinstance(part, dict) else part
    n = 1 + sum(_count(value, counts) for value in inner)
    known = part.get("__id__") if isinstance(part, dict) else None
    if known is not None and not isinstance(known, dict):
        if counts.setdefault(known, n) != n:
            raise ValueError("An object in it has two contents: it was forged.")
    return n


def check_parts(value: Any, seen: set[int] | None = None) -> None:
    """Refuse estimators whose compiled code would read or write beyond their arrays."""
    # Parts come first: checking a boosting predicts with its initial estimator.
    import numpy as np
    from sklearn.tree._tree import Tree

    seen = set() if seen is None else seen
    if id(value) in seen or isinstance(value, type | FunctionType):
        return
    seen.add(id(value))
    inside: Any = ()
    if isinstance(value, dict):
        inside = value.values()
    elif isinstance(value, list | tuple | set):
        inside = value
    elif isinstance(value, np.ndarray):
        inside = value.ravel().tolist() if value.dtype.hasobject else ()
    else:
        inside = getattr(value, "__dict__", {}).values()
    for part in inside:
        check_parts(part, seen)
    if isinstance(value, Tree):
        _check_nodes(value)
    else:
        _check_estimator(value)


def _check_nodes(tree: Any) -> None:
    import numpy as np

    left, right = tree.children_left, tree.children_right
    place = np.arange(tree.node_count)
    is_leaf = left == -1
    is_good = (place < left) & (left < len(place))
    is_good &= (place < right) & (right < len(place))
    is_good &= (tree.feature >= 0) & (tree.feature < tree.n_features)
    if not len(place) or not (is_good | is_leaf).all():
        raise ValueError("A decision tree in it has invalid nodes: it was forged.")


def _check_estimator(value: Any) -> None:
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
    from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

    _check_width(value)
    boosting = GradientBoostingClassifier | GradientBoostingRegressor
    if isinstance(value, boosting) and hasattr(value, "estimators_"):
        _check_boosting(value)
    vectors = SVC | NuSVC | SVR | NuSVR | OneClassSVM
    if isinstance(value, vectors) and hasattr(value, "support_"):
        _check_vectors(value)
    if isinstance(value, KMeans | MiniBatchKMeans) and hasattr(
        value, "cluster_centers_"
    ):
        _check_centres(value)


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


def _check_boosting(boosting: Any) -> None:
    """Refuse trees that would write columns or read values beyond their arrays."""
    import numpy as np
    from sklearn.base import is_classifier
    from sklearn.tree._tree import Tree

    n_classes = len(boosting.classes_) if is_classifier(boosting) else 2
    n_columns = 1 if n_classes == 2 else n_classes
    stages = np.asarray(boosting.estimators_, dtype=object)
    trees = [getattr(member, "tree_", None) for member in stages.ravel()]
    is_good = stages.shape[1:] == (n_columns,) and len(stages) > 0
    is_good &= boosting.n_trees_per_iteration_ == n_columns
    is_good &= all(isinstance(t, Tree) and t.value.shape[1:] == (1, 1) for t in trees)
    is_good &= boosting.n_features_in_ <= MAX_FEATURES  # else what follows is too large
    if is_good:
        rows = np.zeros((2, boosting.n_features_in_), dtype=np.float32)
        is_good = boosting._raw_predict_init(rows).shape == (2, n_columns)
    if not is_good:
        raise ValueError(
            "The trees of a gradient boosting in it do not fit together: it was forged."
        )


def _check_vectors(machine: Any) -> None:
    """Refuse support vectors whose arrays do not fit together."""
    import numpy as np
    from sklearn.base import is_classifier

    support, vectors = machine.support_, machine.support_vectors_
    counts, n = np.asarray(machine._n_support), len(support)
    if is_classifier(machine):
        n_classes = len(machine.classes_)
        n_rows, n_pairs = n_classes - 1, n_classes * (n_classes - 1) // 2
        is_good = n_rows > 0 and counts.shape == (n_classes,) and counts.sum() == n
    else:
        n_rows, n_pairs = 1, 1
        is_good = counts.tolist() == [n, n]
    n_seen, width = machine.shape_fit_
    is_good &= bool((counts >= 0).all() and (support >= 0).all())
    is_good &= bool((support < n_seen).all())
    is_good &= machine._dual_coef_.shape == (n_rows, n)
    is_good &= machine._intercept_.shape == (n_pairs,)
    n_scales = len(machine._probA)
    is_good &= n_scales in (0, n_pairs) and len(machine._probB) == n_scales
    is_good &= machine.n_features_in_ == width
    if machine.kernel == "precomputed":
        is_good &= vectors.size == 0 and n_seen == width
    else:
        is_good &= vectors.shape == (n, width)
    # A function as the kernel, sparse vectors and another solver are never written.
    is_plain = isinstance(machine.kernel, str) and not machine._sparse
    if not is_good or not is_plain or "_impl" in vars(machine):
        raise ValueError(
            "The arrays of a support vector machine in it do not fit together: it was "
            "forged."
        )


def _check_centres(clusters: Any) -> None:
    expected = (clusters.n_clusters, clusters.n_features_in_)
    is_good = clusters.cluster_centers_.shape == expected
    if not is_good or not 1 <= clusters._n_threads <= MAX_THREADS:
        raise ValueError(
            "The cluster centres in it do not fit its parameters: it was forged."
        )
