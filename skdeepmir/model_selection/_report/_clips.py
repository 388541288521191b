"""The clips of a report: which, in what order, and what of each is embedded."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from skdeepmir._disk import path_name, user_path
from skdeepmir._printable import printable
from skdeepmir._progress import progress_bar
from skdeepmir._sklearn import _num_samples
from skdeepmir.frames import PATH_TYPES, as_sequence
from skdeepmir.model_selection._records import Records
from skdeepmir.model_selection._report._items import Told
from skdeepmir.model_selection._report._media import (
    Media,
    media_of_frames,
    media_of_sound,
)

EXCERPT, SONG = 10.0, 30.0  # seconds
AT_ONCE = 8  # clips for each worker between two looks at the size
NAMED = 5  # files that a warning names


@dataclass(frozen=True)
class Limits:
    """What a user asked of a report; see ``Comparison.to_html``."""

    target_names: Any = None
    sample_rate: float | None = None
    excerpt: float | None = None
    max_size: float = 25.0
    n_jobs: int | None = None
    verbose: bool = True


@dataclass
class Clips:
    """The clips that were tested on."""

    told: Told
    given: Any  # a list, an array, or None where they are not there
    sample_rate: float | None
    limits: Limits
    excerpt: float
    names: dict[int, str]
    groups: Any
    kind: str  # "files", "waveforms", "frames" or ""
    problems: dict[int, str] = field(default_factory=dict)
    blank: set[int] = field(default_factory=set)  # neither heard nor seen

    @classmethod
    def of(
        cls, records: Records | None, told: Told, audio: Any, limits: Limits
    ) -> Clips:
        """Find the clips of a comparison, or those that are given instead."""
        setting = None if records is None else records.setting
        given, rate = None, limits.sample_rate
        if audio is not None:
            n_clips = 0 if records is None else len(records.y)
            if _num_samples(audio) != n_clips:
                raise ValueError(
                    f"audio has {_num_samples(audio)} clips; expected {n_clips}, one "
                    "for each row of X (of X_test, if that was given)."
                )
            given = as_sequence(audio)
        elif setting is not None:
            given = setting.clips
        if rate is None and setting is not None:
            rate = setting.sample_rate
        if given is not None and not isinstance(given, list):
            given = np.asarray(given) if hasattr(given, "__array__") else None
        numbers = sorted({clip for _, clip in told.items})
        kind = _kind_of(given, numbers, rate, audio is not None)
        if audio is not None and kind == "frames":
            raise ValueError(
                "audio has waveforms, but sample_rate is None, and no pipeline has an "
                "extractor that tells it. Pass sample_rate."
            )
        default = SONG if told.kind == "chords" else EXCERPT
        excerpt = float(default if limits.excerpt is None else limits.excerpt)
        names = _names(given, numbers)
        groups = None if records is None else records.groups
        return cls(told, given, rate, limits, excerpt, names, groups, kind)

    @property
    def n_clips(self) -> int:
        """Number of different clips."""
        return len(self.names)

    def described(self) -> dict[int, dict[str, str]]:
        """Return names and groups by the number of clips."""
        if self.groups is None:
            return {clip: {"name": name} for clip, name in self.names.items()}
        return {
            clip: {"name": name, "group": printable(self.groups[clip])}
            for clip, name in self.names.items()
        }

    def blocks(self, room: float) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield clips with what is embedded, the worst first, until told to stop."""
        if not self.kind or room <= 0:
            return
        items: dict[int, list[int]] = {}
        for item in np.argsort(-self.told.badness, kind="stable").tolist():
            items.setdefault(self.told.items[item][1], []).append(item)
        order = list(items)
        n_at_once = AT_ONCE * effective_n_jobs(self.limits.n_jobs)
        bar = progress_bar(
            total=len(order),
            label="Writing the report",
            unit="clip",
            verbose=self.limits.verbose,
        )
        workers = Parallel(n_jobs=self.limits.n_jobs, require="sharedmem")
        try:
            for first in range(0, len(order), n_at_once):
                some = order[first : first + n_at_once]
                found = workers(
                    delayed(self._media)(clip, items[clip][0]) for clip in some
                )
                for clip, media in zip(some, found, strict=True):
                    yield clip, self._block(clip, media, items[clip])
                    bar.update()
        finally:
            bar.close()

    def _media(self, clip: int, worst: int) -> Media:
        assert self.given is not None
        each = self.given[clip]
        if isinstance(each, PATH_TYPES) or self.kind == "waveforms":
            start = self.told.focus(worst, self.excerpt)
            return media_of_sound(
                each, self.sample_rate, self.excerpt, start, self.told.kind
            )
        if each is None:
            return Media(problem="it was not kept with the comparison")
        seconds = self.told.seconds(worst)
        return replace(media_of_frames(each), seconds=seconds, duration=seconds)

    def _block(self, clip: int, media: Media, items: list[int]) -> dict[str, Any]:
        if media.problem:
            self.problems[clip] = media.problem
        if not media.picture:
            self.blank.add(clip)
        details = {item: self.told.details(item) for item in items}
        return {
            "sound": base64.b64encode(media.sound).decode(),
            "picture": media.picture,
            "start": round(media.start, 3),
            "seconds": round(media.seconds, 3),
            "duration": round(media.duration, 3),
            "problem": printable(media.problem),
            "items": {item: each for item, each in details.items() if each},
        }

    def why_without(self, n_left: int) -> str:
        """Return what a card says in place of sound and picture."""
        if not self.kind or not n_left:
            return ""
        size = f"{self.limits.max_size:g} MB"
        return f"Left out of this file, which is to have at most {size}."

    def about(self, embedded: Sequence[int]) -> str:
        """Return the last lines of the page, as HTML."""
        n_embedded = len(embedded)
        n_shown = len(set(embedded) - self.blank)
        if not self.n_clips:
            return ""
        if not self.kind:
            text = (
                "There is no sound: the clips were not kept with the comparison. "
                "to_html(audio=...) takes them."
            )
            return f"<p>{html.escape(text)}</p>"
        what = "The frames" if self.kind == "frames" else "Sound and picture"
        lines = [f"{what} of {n_shown} of {self.n_clips} tested clips are embedded."]
        if self.kind != "frames":
            lines[0] += f" Excerpts have at most {self.excerpt:g} s (MP3)."
        if n_embedded < self.n_clips:
            lines.append(
                f"The other {self.n_clips - n_embedded}, of which pipelines get more "
                f"right, are left out, so that this file has at most "
                f"{self.limits.max_size:g} MB (max_size)."
            )
        if self.problems:
            lines.append(
                f"{len(self.problems)} could not be read in full, or at all: "
                f"{self._named()}."
            )
        return "".join(f"<p>{html.escape(line)}</p>" for line in lines)

    def complaints(self, n_left: int, target: str) -> list[str]:
        """Return what the user is warned of."""
        found = []
        if self.kind and n_left:
            found.append(
                f"{target!a} has no sound and picture of {n_left} of {self.n_clips} "
                f"clips, because of max_size={self.limits.max_size:g} (MB). Those that "
                "pipelines get wrong came first. Raise it, or shorten excerpt."
            )
        if self.problems:
            found.append(
                f"{target!a}: {len(self.problems)} clips could not be read in full, or "
                f"at all: {self._named()}."
            )
        return found

    def _named(self) -> str:
        some = list(self.problems.items())[:NAMED]
        more = len(self.problems) - len(some)
        text = "; ".join(f"{self.names[clip]} {problem}" for clip, problem in some)
        return printable(text) + (f"; and {more} more" if more else "")


def _kind_of(given: Any, numbers: list[int], rate: Any, is_audio: bool) -> str:
    """Return what clips are, by the first of them that is there."""
    if given is None:
        return ""
    first = next((given[clip] for clip in numbers if given[clip] is not None), None)
    if isinstance(first, PATH_TYPES):
        return "files"
    if first is None or np.size(first) <= 1:
        return ""  # a row number, as ClipLookup takes, shows nothing
    shape = np.shape(first)
    is_wave = len(shape) == 1 or (is_audio and len(shape) == 2)
    return "waveforms" if rate is not None and is_wave else "frames"


def _names(given: Any, numbers: list[int]) -> dict[int, str]:
    """Return names of clips: paths below their common folder, or numbers."""
    names = {clip: f"clip {clip}" for clip in numbers}
    if not isinstance(given, list):
        return names
    paths = {
        clip: os.path.abspath(user_path(given[clip])) if _is_path(given[clip]) else ""
        for clip in numbers
    }
    folders = {os.path.dirname(path) for path in paths.values() if path}
    try:
        root = os.path.commonpath(folders) if folders else ""
    except ValueError:  # on several drives
        root = ""
    for clip, path in paths.items():
        if path:
            shown = os.path.relpath(path, root) if root else path_name(given[clip])
            names[clip] = printable(shown)
    return names


def _is_path(clip: Any) -> bool:
    return isinstance(clip, PATH_TYPES) and "\0" not in path_name(clip)
