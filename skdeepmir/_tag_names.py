"""Names of tags: the columns of data frames, or those that a user lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skdeepmir._bases import ClassifierMixin, available_if
from skdeepmir.frames import UNORDERED, ClipsLike, LabelsLike

NOT_NAMES = ("None", "nan", "<NA>", "NaT")  # of what is not a string
MOST_SHOWN = 12


def names_of(y: Any, name: str = "y") -> tuple[str, ...] | None:
    """Return the names of the columns of tags, or None where they have none.

    Arrays have none, nor have data frames whose columns are numbered from 0, or of a
    single column, which holds labels. Names that are not strings are spelled out, and
    those of several levels joined by a slash.
    """
    columns = getattr(y, "column_names", getattr(y, "columns", None))  # pyarrow first
    if columns is None or len(columns) < 2:
        return None
    columns = list(columns)
    if columns == list(range(len(columns))):
        return None
    return check_names(columns, f"{name}.columns")


def check_names(names: Any, what: str) -> tuple[str, ...]:
    """Return names as strings; ``what`` says whose they are in an error."""
    if isinstance(names, UNORDERED):
        raise ValueError(
            f"{what} is a {type(names).__name__}, which has no order; expected a list "
            "of names, in the order of the tags."
        )
    found: dict[str, int] = {}
    for i, name in enumerate(names):
        text = "/".join(map(str, name)) if isinstance(name, tuple) else str(name)
        is_text = isinstance(name, str)
        if not text.strip() or not (is_text or _is_name(name, text)):
            raise ValueError(f"{what}[{i}] is {name!r}; expected the name of a tag.")
        if text in found:
            raise ValueError(
                f"{what} has {text!r} twice, at {found[text]} and {i}; expected a "
                "different name for each tag."
            )
        found[text] = i
    return tuple(found)


def _is_name(name: Any, text: str) -> bool:
    is_one = isinstance(name, tuple) or not hasattr(name, "__len__")
    return is_one and text not in NOT_NAMES


def check_same_names(
    found: tuple[str, ...] | None,
    expected: tuple[str, ...] | None,
    name: str,
    whose: str,
) -> None:
    """Raise a ``ValueError`` unless columns have the names ``expected``, in order.

    ``whose`` are the latter. Columns without names are taken by their place.
    """
    if found is None or expected is None or found == expected:
        return
    _refuse_others(found, expected, name, whose)
    i = next(i for i, tag in enumerate(found) if tag != expected[i])
    raise ValueError(
        f"{name} has {found[i]!r} in column {i}, where {whose} has "
        f"{expected[i]!r}; expected the same order. Reorder its columns: "
        f"{_shown(expected)}."
    )


def _shown(names: Sequence[str]) -> str:
    """Return names for a message, which does not grow with their number."""
    n_more = len(names) - MOST_SHOWN
    shown = ", ".join(map(repr, names[:MOST_SHOWN]))
    return f"{shown} and {n_more} more" if n_more > 0 else shown


def _refuse_others(
    found: tuple[str, ...], expected: tuple[str, ...], name: str, whose: str
) -> None:
    """Raise a ``ValueError`` that lists missing and unknown tags, if there are any."""
    missing = [tag for tag in expected if tag not in found]
    unknown = [tag for tag in found if tag not in expected]
    if missing or unknown:
        problems = [
            *([f"lacks {_shown(missing)}"] if missing else []),
            *([f"has {_shown(unknown)} besides"] if unknown else []),
        ]
        raise ValueError(
            f"{name} has other columns than {whose}: it {', and it '.join(problems)}; "
            f"expected {_shown(expected)}. Select these columns, and add 0 for those "
            "that it lacks if they are on none of its clips."
        )


def aligned(
    y: Any, names: tuple[str, ...] | None, name: str = "y", whose: str = "the estimator"
) -> Any:
    """Return tags with their columns in the order of ``names``.

    Tags without names are returned as they are, and a ``ValueError`` lists those that
    are missing or unknown.
    """
    found = None if names is None else names_of(y, name)
    if found is None or names is None or found == names:
        return y
    _refuse_others(found, names, name, whose)
    return np.asarray(y)[:, [found.index(tag) for tag in names]]


def fitted_names(estimator: Any) -> tuple[str, ...] | None:
    """Return the names of the tags of a fitted estimator, or of what predicts in it."""
    while estimator is not None:
        names = getattr(estimator, "tag_names_", None)
        if names is not None:
            return tuple(names)
        steps = getattr(estimator, "steps", None)
        inner = getattr(estimator, "estimator_", None)
        inner = getattr(estimator, "best_estimator_", inner)
        estimator = steps[-1][1] if steps else inner
    return None


def _has_tags(estimator: Any) -> bool:
    if not getattr(estimator, "_tag_dtype", "not fitted"):
        raise AttributeError(
            f"{type(estimator).__name__} was fitted to classes, one label a clip: "
            "predict(X) gives the names that y had."
        )
    return True


class TagMixin(ClassifierMixin):
    """A classifier of clips whose targets may be tags that have names."""

    def score(
        self, X: ClipsLike, y: LabelsLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the accuracy of the predicted labels, or of whole rows of tags.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.
        y : array-like of shape (n_clips,) or (n_clips, n_tags)
            True labels, or 0 and 1 for each tag. The columns of a data frame are taken
            by their names (``tag_names_``), whatever their order.
        sample_weight : array-like of shape (n_clips,), default=None
            Weights of the clips.

        Returns
        -------
        score : float
            Share of the clips that are right, in all tags.
        """
        return super().score(X, aligned(y, fitted_names(self)), sample_weight)

    @available_if(_has_tags)
    def predict_tags(self, X: ClipsLike) -> list[list[str]]:
        """Predict the tags of each clip by name.

        Parameters
        ----------
        X : list of ndarray, ndarray of 3 dimensions, or array-like of 2 dimensions
            See :meth:`fit`.

        Returns
        -------
        tags : list of list of str
            For each clip the tags that :meth:`predict` gives it, in the order of
            ``tag_names_``; numbers of columns where tags have no names. Estimators that
            were fitted to classes lack the method.
        """
        estimator: Any = self
        present = np.asarray(estimator.predict(X)) == 1
        names: Any = fitted_names(self) or range(present.shape[1])
        return [[names[k] for k in np.flatnonzero(row)] for row in present]
