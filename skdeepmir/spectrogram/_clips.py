"""One clip of a set on its way through the extractor, or what is wrong with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from skdeepmir import audio
from skdeepmir._workers import leave_with_parent
from skdeepmir.audio import AudioError


class Clips(NamedTuple):
    """The clips of X, checked."""

    items: list  # a path, a waveform or an AudioError each
    n_samples: int | None  # of each clip, where X was one array
    doubts: list  # an AudioError for each that is odd about waveforms


def checked_clip(clip, row, recipe, store, doubts):
    """Return a path, or a waveform as float32, or the error that says why not."""
    # Files whose features are in the store are not opened. What is odd about waveforms
    # is added to `doubts`.
    is_path = audio.is_path(clip)
    if is_path and store is not None and store.holds(clip, recipe.key()):
        return clip
    try:
        checked = audio.check_clip(clip, **recipe.limits)
    except AudioError as error:
        return error.at_row(row)
    if not is_path:
        doubts += [e.at_row(row) for e in audio.doubts_of_waveform(clip, checked)]
    return checked


def extract_clip(clip, row, recipe, store, on_error, reduce=audio.join_blocks):
    """Return the frames of one clip, or its error, and what is odd about it.

    ``reduce`` makes something else of the blocks of frames, which are then not kept.
    """
    leave_with_parent()
    if isinstance(clip, AudioError):  # found before
        return clip, []
    listener = audio.Listener()
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # the recipe reports them
            frames = _frames(clip, recipe, store, listener, reduce)
    except AudioError as error:
        located = error.at_row(row)
        if on_error == "nan":
            return located, []
        raise located from located.__cause__
    if isinstance(clip, np.ndarray):
        return frames, []
    doubts = listener.doubts(audio.path_name(clip))
    return frames, [doubt.at_row(row) for doubt in doubts]


def _frames(clip, recipe, store, listener, reduce):
    if store is None or isinstance(clip, np.ndarray):
        return reduce(recipe.frame_blocks(clip, listener))
    frames = store.fetch(
        clip, recipe.key(), lambda: recipe.frame_blocks(clip, listener)
    )
    recipe.refuse_long(len(frames), clip)
    return reduce([frames])
