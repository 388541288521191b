"""Published collections of chord annotations, matched with recordings on disk."""

from skdeepmir.datasets._chord_collections._billboard import load_billboard
from skdeepmir.datasets._chord_collections._isophonics import load_isophonics
from skdeepmir.datasets._chord_collections._rwc_popular import load_rwc_popular

__all__ = ["load_billboard", "load_isophonics", "load_rwc_popular"]
