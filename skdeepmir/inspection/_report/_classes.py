"""How well the answers of units tell classes or tags apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepmir._printable import printable
from skdeepmir._tag_names import names_of
from skdeepmir._validation import read_some_labels


@dataclass(frozen=True)
class Classes:
    """The classes or tags of clips.

    Attributes
    ----------
    names : tuple of str
        What they are called.
    hits : ndarray of shape (n_known, n_classes), dtype=bool
        Which clips with a label are of each.
    known : ndarray of shape (n_clips,), dtype=bool
        Which clips have a label.
    """

    names: tuple[str, ...]
    hits: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, y: Any, n_clips: int) -> Classes | None:
        """Read labels or tags; None if no clip has one."""
        found = read_some_labels(y, n_clips)
        if found is None:
            return None
        labels, known = found
        if labels.ndim == 2:
            names = names_of(y) or [f"tag {i}" for i in range(labels.shape[1])]
            return cls(tuple(map(printable, names)), labels != 0, known)
        classes = np.unique(labels)
        hits = labels[:, np.newaxis] == classes
        return cls(tuple(printable(name) for name in classes.tolist()), hits, known)

    def auc(self, answers: np.ndarray) -> np.ndarray:
        """Return the area under the ROC curve of each unit's answers for each class.

        Parameters
        ----------
        answers : ndarray of shape (n_clips, n_units)
            A unit's best answer to each clip.

        Returns
        -------
        areas : ndarray of shape (n_units, n_classes)
            One class against all others; NaN of those that all labelled clips are of,
            or none.
        """
        from scipy.stats import rankdata

        # The statistic of Mann and Whitney: ranks serve all classes.
        ranks = rankdata(answers[self.known], axis=0)  # (n_known, n_units)
        hits = self.hits.astype(np.float64)
        n_hits = hits.sum(axis=0)
        n_pairs = n_hits * (len(hits) - n_hits)
        won = ranks.T @ hits - n_hits * (n_hits + 1) / 2  # (n_units, n_classes)
        return np.divide(
            won, n_pairs, out=np.full(won.shape, np.nan), where=n_pairs > 0
        )

    def not_scored(self) -> dict[str, list[str]]:
        """Return the classes that all clips are of, and those that none is of."""
        n_hits = self.hits.sum(axis=0)
        found = {"all clips have": n_hits == len(self.hits), "no clip has": n_hits == 0}
        return {
            what: [name for name, it in zip(self.names, chosen, strict=True) if it]
            for what, chosen in found.items()
            if chosen.any()
        }
