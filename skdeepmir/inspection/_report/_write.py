"""``inspection_report``: what each unit of a layer answers to, as one file."""

from __future__ import annotations

import html
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import RandomState
from sklearn.utils import check_random_state

import skdeepmir
from skdeepmir._disk import target_file, written_whole
from skdeepmir._errors import check_whole, is_number
from skdeepmir._page import (
    Page,
    escaped,
    names_of_clips,
    picture_of_weights,
)
from skdeepmir._printable import printable
from skdeepmir._progress import progress
from skdeepmir._units import CONTEXT
from skdeepmir._warnings import warn_user
from skdeepmir.inspection._layers import Answers, chosen_units, is_single
from skdeepmir.inspection._optimal import ascend
from skdeepmir.inspection._report._classes import Classes
from skdeepmir.inspection._report._excerpts import SHORTEST, Gallery, Part
from skdeepmir.inspection._report._sections import (
    Told,
    card,
    index_section,
    sorted_areas,
    unit_section,
)
from skdeepmir.inspection._report._source import Source

MOST_UNITS = 64  # that are shown unless units are named
# Starts and steps of the search for an optimal stimulus: those of optimal_stimulus for
# units that see few frames. Where they see more, these took 9 to 50 s for each unit of
# a ConvTagger; a start of 40 steps, under 1 s, lost 0.3 to 8 % of four units' answers.
SHORT, LONG = (8, 200), (1, 40)
FEW_FRAMES = 16
NAMED = 5  # clips that a warning names
NO_SCRIPT = "Players need JavaScript, which is switched off."
EXPLAINED = (
    "For each unit: the excerpts of clips that it answers to most, one of each clip, "
    "and the stimulus that it would answer to most of all. What stands beside an "
    "excerpt, so that it can be heard, is pale."
)
AREA = (
    "AUC is the area under the ROC curve of a unit's best answer to each clip, one "
    "class against all others: 1 tells them apart, 0.5 is chance. Among many units "
    "some are good at it by luck: score those that you choose on other clips."
)


def inspection_report(
    estimator: Any,
    clips: Any,
    path: str | bytes | PathLike[Any],
    y: Any = None,
    *,
    layer: int | str = -1,
    units: Sequence[int | str] | None = None,
    n: int = 8,
    extractor: Any = None,
    sample_rate: float | None = None,
    frame_rate: float | None = None,
    clip_names: Sequence[str] | None = None,
    random_state: int | RandomState | None = 0,
    verbose: bool = True,
) -> Path:
    """Write a page on which one sees and hears what units answer to, as one file.

    Any browser shows it, without a connection. Each unit has its filter (of the first
    layer of a learner), the stimulus that it answers to most, turned back into sound,
    and the excerpts of clips that it answers to most, with spectrograms and players. A
    list of all units leads to each.

    Parameters
    ----------
    estimator : estimator
        A fitted estimator that has units, or a fitted pipeline with one. Behind an
        extractor, clips are audio and can be heard.
    clips : list of path or ndarray
        Clips, as the estimator takes them. They are read one at a time.
    path : str, bytes or PathLike
        The file; one that exists is replaced.
    y : array-like of shape (n_clips,) or (n_clips, n_tags), default=None
        Classes or tags of the clips, for a table of the area under the ROC curve (AUC)
        of each unit. Clips without a label (-1, None, NaN) are left out of it.
    layer : int or str, default=-1
        A layer, see :func:`list_layers`; the last by default.
    units : sequence of int or str, default=None
        Units in the order in which they are shown, by number or name. None takes the
        64 of the largest AUC for any class or, without ``y``, those whose best answers
        to clips vary most.
    n : int, default=8
        Excerpts of each unit, each of another clip.
    extractor : SpectrogramExtractor, default=None
        What the frames were made with, if clips are frames: with it they can be heard.
    sample_rate : float, default=None
        Sample rate of waveforms (Hz). None takes that of the extractor.
    frame_rate : float, default=None
        Frames per second of clips of frames (Hz). None takes that of ``extractor`` and,
        if there is none, counts frames.
    clip_names : sequence of str, default=None
        Names of clips; None takes the names of files, or numbers.
    random_state : int, RandomState instance or None, default=0
        Seed of the optimal stimuli.
    verbose : bool, default=True
        Whether to show progress if it takes more than two seconds.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    ValueError
        If there are no clips, no such layer or unit, or another number of labels or
        names than of clips.
    OSError
        If the folder does not exist, or ``path`` is a folder or a device.

    Warns
    -----
    UserWarning
        If clips cannot be read (any more). The page says so as well.

    Notes
    -----
    Excerpts that are shorter than a second are widened, as nobody could hear what they
    are of; of longer ones at most ten seconds are shown. Sound is mono MP3 of at most
    22,050 Hz, and is in the file once if several units share an excerpt. Names stay
    text, and a Content-Security-Policy lets the browser load nothing.

    Optimal stimuli are sought as by :func:`optimal_stimulus` where units see at most 16
    frames, and else from a single start in 40 steps, which the page says: of deep nets
    all starts would take a minute for each unit.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepmir import ConvTagger, SpectrogramExtractor, make_pipeline
    >>> from skdeepmir.datasets import make_instrument_clips
    >>> from skdeepmir.inspection import inspection_report
    >>> clips = make_instrument_clips(n_clips=12, n_instruments=6, duration=0.5,
    ...                               random_state=0)
    >>> tagger = make_pipeline(
    ...     SpectrogramExtractor(n_mels=16),
    ...     ConvTagger((4,), excerpt_length=16, max_epochs=1, verbose=False,
    ...                random_state=0),
    ... ).fit(clips.data, clips.target)
    >>> path = inspection_report(
    ...     tagger, clips.data, Path(tempfile.mkdtemp()) / "units.html", clips.target,
    ...     units=[0], n=2, verbose=False,
    ... )
    >>> path.stat().st_size < 1_000_000
    True
    """
    check_whole("n", n, 1)
    for name, value in {"sample_rate": sample_rate, "frame_rate": frame_rate}.items():
        if value is not None and not (is_number(value) and 0 < value < np.inf):
            raise ValueError(f"{name}={value!r}; expected a finite number above 0.")
    target = target_file(path)
    source = Source.of(
        estimator,
        clips,
        layer,
        extractor=extractor,
        sample_rate=sample_rate,
        frame_rate=frame_rate,
    )
    n_clips = len(source.clips)
    names = _names(source, clip_names)
    classes = None if y is None else Classes.of(y, n_clips)
    wished = None if units is None else _numbers(source, units)
    answers = source.answers(verbose)
    areas = None if classes is None else classes.auc(answers.best)
    chosen = _worthiest(answers.best, areas) if wished is None else wished
    told = [
        Told(
            unit,
            printable(source.layer.unit_names[unit]),
            []
            if classes is None or areas is None
            else sorted_areas(classes.names, areas[unit]),
        )
        for unit in chosen
    ]
    gallery = Gallery()
    rng = check_random_state(random_state)
    seeds = rng.randint(np.iinfo(np.int32).max, size=source.layer.n_units)
    for unit in progress(
        told, total=len(told), label="Optimal stimuli", unit="unit", verbose=verbose
    ):
        _add_optimal(unit, source, gallery, RandomState(seeds[unit.number]))
    problems = _add_cards(told, source, names, answers, int(n), gallery, verbose)
    page = Page(
        "skdeepmir.inspection._report",
        "report",
        f"Units of {printable(source.layer.name)}",
        _subtitle(estimator, n_clips),
    )
    main = _intro(source, classes) + index_section(told)
    main += "".join(unit_section(unit, source.layer.name) for unit in told)
    about = _about(problems, names)
    with written_whole(target) as file:
        file.write(page.render(main, about and f"<p>{about}</p>", gallery.sounds))
    if problems:
        warn_user(f"{target.name!a}: {html.unescape(about)}")
    return target


def _names(source: Source, given: Sequence[str] | None) -> list[str]:
    """Return what clips are called."""
    n_clips = len(source.clips)
    if given is None:
        return list(names_of_clips(source.clips, range(n_clips)).values())
    if isinstance(given, str | bytes) or len(given) != n_clips:
        raise ValueError(
            f"clip_names has {len(given)} names, but there are {n_clips} clips; "
            "expected one for each."
        )
    return [printable(name) for name in given]


def _worthiest(answers: np.ndarray, areas: np.ndarray | None) -> list[int]:
    """Return the units that tell classes, or else clips, apart best."""
    worth = answers.var(axis=0)
    if areas is not None:
        worth = np.where(np.isfinite(areas), areas, 0).max(axis=1)
    return np.argsort(-worth, kind="stable")[:MOST_UNITS].tolist()


def _numbers(source: Source, units: Sequence[int | str]) -> list[int]:
    """Return the numbers of units, each once."""
    if is_single(units) or not len(units):
        raise ValueError(
            f"units={units!r}; expected a list of at least one unit, such as [0]."
        )
    return list(dict.fromkeys(chosen_units(source.layer, units)))


def _effort(source: Source) -> tuple[int, int]:
    """Return starts and steps of the search for optimal stimuli."""
    n_frames = int(np.diff(source.layer.spans, axis=1).max())
    return SHORT if n_frames <= FEW_FRAMES else LONG


def _add_optimal(
    unit: Told, source: Source, gallery: Gallery, rng: RandomState
) -> None:
    """Tell of a unit's filter and optimal stimulus."""
    layer = source.layer
    if source.filters is not None:
        weights = np.atleast_2d(source.filters[unit.number])
        unit.pictures.append((picture_of_weights(weights), "Filter"))
    n_starts, max_iter = _effort(source)
    found = ascend(
        layer,
        unit.number,
        norm=None,
        n_starts=n_starts,
        max_iter=max_iter,
        n_frames=None,
        rng=rng,
    )
    unusual = (found.frames - layer.mean) / layer.scale
    what = "Optimal stimulus, beside the mean frame"
    unit.pictures.append((picture_of_weights(unusual), what))
    media, said = source.heard(found.frames, SHORTEST)
    said = f"answer {found.answer:.3g}. {said}"
    unit.optimal = "<h3>Optimal stimulus</h3>"
    if not media.sound:
        unit.optimal += f'<p class="said">{escaped(said)}</p>'
        return
    name = f"the optimal stimulus of {unit.name}"
    stage, player = gallery.stage(
        ("optimal", unit.number), media, name, f"Spectrogram of {name}"
    )
    edges = "0.00 s", f"{media.seconds:.2f} s"
    unit.optimal += f'<div class="card">{card("", said, stage, edges, player)}</div>'


def _add_cards(
    told: Sequence[Told],
    source: Source,
    names: Sequence[str],
    answers: Answers,
    n: int,
    gallery: Gallery,
    verbose: bool,
) -> dict[int, str]:
    """Tell of the excerpts of units; return what is wrong with clips."""
    wanted: dict[int, list[tuple[int, int]]] = {}  # of a clip: places of unit and card
    for i, unit in enumerate(told):
        best = np.argsort(-answers.best[:, unit.number], kind="stable")[:n].tolist()
        unit.cards = [""] * len(best)
        for rank, clip in enumerate(best):
            wanted.setdefault(clip, []).append((i, rank))
    problems = {}
    bar = progress(
        sorted(wanted),
        total=len(wanted),
        label="Excerpts",
        unit="clip",
        verbose=verbose,
    )
    for clip in bar:  # each is read once
        spans = [source.span(told[i].number, clip, answers) for i, _ in wanted[clip]]
        different = list(dict.fromkeys(spans))
        parts = dict(zip(different, source.parts(clip, different), strict=True))
        for (i, rank), span in zip(wanted[clip], spans, strict=True):
            part, media = parts[span]
            if media.problem:
                problems[clip] = media.problem
            unit = told[i]
            said = f"answer {answers.best[clip, unit.number]:.3g}"
            unit.cards[rank] = _card(
                source, (clip, *span), part, media, names[clip], said, unit, gallery
            )
    return problems


def _card(
    source: Source,
    key: tuple[int, ...],
    part: Part,
    media: Any,
    name: str,
    said: str,
    unit: Told,
    gallery: Gallery,
) -> str:
    """Return what is seen and heard of an excerpt."""
    if not media.picture:
        said = f"{said}. This clip {media.problem}."
        return card(name, said, "", None, "")
    first, end = part.first, part.end
    edges = [part.start, part.start + part.length]
    what = "Spectrogram" if source.sample_rate is not None else "Frames"
    if source.clock is None:
        times = f"frames {first:.0f} to {end:.0f}"
        texts = tuple(f"{edge:.0f}" for edge in edges)
    else:
        if source.sample_rate is None:
            first, end, *edges = source.seconds(first, end, *edges)
        times = f"{first:.2f} to {end:.2f} s"
        texts = tuple(f"{edge:.2f} s" for edge in edges)
    about = f"{name}, {times}"
    stage, player = gallery.stage(
        key,
        media,
        f"{about}, for {unit.name}",
        f"{what} of {about}",
        part.own(part.start, part.length),
    )
    return card(name, f"{times} · {said}", stage, texts, player)


def _intro(source: Source, classes: Classes | None) -> str:
    lines = [EXPLAINED]
    if _effort(source) == LONG:
        n_starts, max_iter = LONG
        lines.append(
            f"As units see many frames, optimal stimuli were sought from {n_starts} "
            f"random start in at most {max_iter} steps; optimal_stimulus seeks longer."
        )
    if not source.layer.is_local:
        lines.append(
            f"Units see whole clips: {CONTEXT} frames to either side of where they "
            "answer are shown."
        )
    if classes is not None:
        lines.append(AREA)
        lines += [
            f"Not scored, as {what} it: {', '.join(names)}."
            for what, names in classes.not_scored().items()
        ]
    found = "".join(f"<p>{escaped(line)}</p>" for line in lines)
    return f'{found}<noscript><p class="quiet">{NO_SCRIPT}</p></noscript>'


def _about(problems: dict[int, str], names: Sequence[str]) -> str:
    """Return which clips could not be read, as HTML without elements."""
    if not problems:
        return ""
    some = [f"{names[i]} {problem}" for i, problem in list(problems.items())[:NAMED]]
    more = len(problems) - len(some)
    text = "; ".join(some) + (f"; and {more} more" if more else "")
    what = "clip" if len(problems) == 1 else "clips"
    return html.escape(
        printable(
            f"{len(problems)} {what} could not be read in full, or at all: {text}."
        )
    )


def _subtitle(estimator: Any, n_clips: int) -> str:
    steps = getattr(estimator, "steps", [("", estimator)])
    what = ", ".join(type(step).__name__ for _, step in steps)
    return f"{what} · {n_clips} clips · skdeepmir {skdeepmir.__version__}"
