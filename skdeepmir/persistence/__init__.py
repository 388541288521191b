"""Fitted estimators in one file, without pickle: ``save`` and ``load``."""

from skdeepmir._errors import ModelFileError
from skdeepmir._public import suggest_names
from skdeepmir.persistence._load import DIGITS, MANIFEST, SEAL, load
from skdeepmir.persistence._save import save

__all__ = ["DIGITS", "MANIFEST", "SEAL", "ModelFileError", "load", "save"]

suggest_names(__name__)
