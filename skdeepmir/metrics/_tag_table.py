"""The table that ``tag_report`` returns, imported where it is made: it needs pandas."""

from __future__ import annotations

from typing import Any

import pandas as pd

DECIMALS = "{:.3f}".format


class TagReport(pd.DataFrame):
    """A row of scores for each tag, and rows for all of them.

    A data frame of which ``print`` and notebooks show every row and column, whatever
    the options of pandas say. What is selected of it is an ordinary data frame.

    Attributes
    ----------
    averages : DataFrame of shape (2, n_columns)
        "macro" and "micro", see :func:`tag_report`. They are shown below the tags, but
        are no rows of the table, so that ``report["f_score"].mean()`` is over tags.
    """

    _metadata = ["averages"]
    averages: pd.DataFrame

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __str__(self) -> str:
        lines = self._with_averages().to_string(float_format=DECIMALS).splitlines()
        return "\n".join([*lines[:-2], "", *lines[-2:]])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._with_averages().to_html(float_format=DECIMALS, border=0)

    def _with_averages(self) -> pd.DataFrame:
        return pd.concat([pd.DataFrame(self), self.averages])
