"""Clips to learn from: generated (``make_*``) or on disk (``load_*``)."""

from skdeepmir.datasets._generators import make_instrument_clips, make_tag_clips
from skdeepmir.datasets._loaders import load_audio_folder, load_manifest

__all__ = [
    "load_audio_folder",
    "load_manifest",
    "make_instrument_clips",
    "make_tag_clips",
]
