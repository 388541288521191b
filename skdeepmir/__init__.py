"""scikit-learn-compatible estimators for deep learning on music audio.

Public names are loaded when they are first used (PEP 562): importing the package costs
next to nothing. ``__init__.pyi`` lists them.
"""

from skdeepmir._public import load_lazily

__version__ = "0.1.0.dev0"

__getattr__, __dir__, __all__ = load_lazily(__name__, __file__)
