"""Blocks of samples, or of frames, through the steps of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import sklearn.pipeline
from sklearn.frozen import FrozenEstimator

from skdeepmir._frame_rates import is_estimator
from skdeepmir._sklearn import BaseSearchCV
from skdeepmir.spectrogram import FrameStream, SpectrogramExtractor


def chosen(step: Any) -> Any:
    """Return what a search has chosen, or what it chooses from; other steps as such."""
    while isinstance(step, BaseSearchCV):
        step = getattr(step, "best_estimator_", step.estimator)
    return step


def has_flat_memory(pipeline: Any) -> bool:
    """Tell whether long clips go through block by block, so that none is in memory.

    They do where an extractor is followed by what keeps little of each frame, such as a
    detector of onsets that does not look at the whole clip.
    """
    steps = [step for _, step in pipeline.steps]
    return (
        len(steps) == 2
        and hasattr(steps[0], "_reduced")
        and steps[0].on_error == "raise"
        and getattr(chosen(steps[1]), "_takes_blocks", False)
    )


def reduced(pipeline: Any, X: Any) -> Any:
    """Return what the last of two steps keeps of clips, in place of their frames."""
    extractor, last = pipeline.steps[0][1], chosen(pipeline.steps[1][1])
    return last._kept_blocks(extractor._reduced(X, last._keep_blocks))


def streams(step: Any) -> bool:
    """Tell whether a step, or the last one inside it, works block by block."""
    leaves = list(_leaves("", step))
    return bool(leaves) and _works_by_blocks(leaves[-1][1])


def streamed(
    steps: list[tuple[str, Any]], blocks: Iterable[Any], options: dict[str, Any]
) -> Any:
    """Return what the last step yields; the options are the first one's."""
    leaves = [leaf for place, step in steps for leaf in _leaves(place, step)]
    for place, step in leaves:  # before anything is taken from the blocks
        if not _works_by_blocks(step):
            raise ValueError(
                f"{place} ({type(step).__name__}) needs whole clips, so that the "
                "pipeline cannot stream. Leave it out, or put a step there that works "
                "frame by frame, such as FrameTransformer, or has stream(blocks)."
            )
    for _, step in leaves:
        if hasattr(step, "stream"):
            blocks = step.stream(blocks, **options)
        else:
            blocks = _transformed(step, blocks)
        options = {}
    return blocks


def stream_delay(steps: list[tuple[str, Any]]) -> float:
    """Return the seconds that the steps wait for, one after the other."""
    leaves = [leaf for place, step in steps for leaf in _leaves(place, step)]
    return sum(
        FrameStream(step).delay
        if isinstance(step, SpectrogramExtractor)
        else (step.delay_ if hasattr(type(step), "delay_") else 0.0)
        for _, step in leaves
    )


def _leaves(place: str, step: Any) -> Iterator[tuple[str, Any]]:
    """Yield the estimators that a step applies one after the other."""
    step = chosen(step)
    if isinstance(step, FrozenEstimator):
        yield from _leaves(place, step.estimator)
    elif isinstance(step, sklearn.pipeline.Pipeline):
        for name, inner in step.steps:
            yield from _leaves(f"{place}__{name}", inner)
    elif is_estimator(step):  # "passthrough" is none
        yield place, step


def _works_by_blocks(step: Any) -> bool:
    return hasattr(step, "stream") or getattr(step, "_works_frame_by_frame", False)


def _transformed(step: Any, blocks: Iterable[Any]) -> Iterator[Any]:
    for frames in blocks:
        yield step.transform([frames])[0]
