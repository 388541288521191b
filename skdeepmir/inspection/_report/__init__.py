"""Units of a layer on one page, with pictures and sound: ``inspection_report``."""

from skdeepmir.inspection._report._write import inspection_report

__all__ = ["inspection_report"]
