"""A comparison as one file with tables, pictures and sound: ``Comparison.to_html``."""

from skdeepmir.model_selection._report._clips import Limits
from skdeepmir.model_selection._report._page import write_report

__all__ = ["Limits", "write_report"]
