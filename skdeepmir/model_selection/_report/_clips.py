"""The clips of a report: which, in what order, and what of each is embedded."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from skdeepmir._page import (
    Media,
    media_of_frames,
    media_of_sound,
    names_of_clips,
)
from skdeepmir._printable import printable
from skdeepmir._progress import progress_bar
from skdeepmir._sklearn import _num_samples
from skdeepmir.frames import PATH_TYPES, as_sequence
from skdeepmir.model_selection._records import Records
from skdeepmir.model_selection._report._items import Told

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
    is_audio: bool  # not X
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
        names = names_of_clips(given, numbers)
        groups = None if records is None else records.groups
        problems = {told.items[item][1]: text for item, text in told.problems.items()}
        return cls(
            *(told, given, rate, limits, excerpt, names, groups, kind),
            is_audio=audio is not None,
            problems=problems,
        )

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
        if isinstance(each, PATH_TYPES) or _is_wave(
            each, self.sample_rate, self.is_audio
        ):
            start = self.told.focus(worst, self.excerpt)
            return media_of_sound(
                each, self.sample_rate, self.excerpt, start, self.told.kind
            )
        if each is None:
            return Media(problem="was not kept with the comparison")
        seconds = self.told.seconds(worst)
        return replace(media_of_frames(each), seconds=seconds, duration=seconds)

    def _block(self, clip: int, media: Media, items: list[int]) -> dict[str, Any]:
        if media.problem:
            self.problems[clip] = media.problem
        if not media.picture:
            self.blank.add(clip)
        details = {item: _within(media, self.told.details(item)) for item in items}
        return {
            "sound": base64.b64encode(media.sound).decode(),
            "picture": media.picture,
            "start": round(media.start, 3),
            "seconds": round(media.seconds, 3),
            "duration": round(media.duration, 3),
            "problem": printable(self.problems.get(clip, "")),
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
        if n := len(self.problems):
            found.append(
                f"{target!a}: {n} {'clip' if n == 1 else 'clips'} could not be read in "
                f"full, or at all: {self._named()}."
            )
        return found

    def _named(self) -> str:
        some = list(self.problems.items())[:NAMED]
        more = len(self.problems) - len(some)
        text = "; ".join(f"{self.names[clip]} {problem}" for clip, problem in some)
        return printable(text) + (f"; and {more} more" if more else "")


def _within(media: Media, details: dict[str, Any]) -> dict[str, Any]:
    """Return details without what lasts only outside of the excerpt."""

    def parts_of(times: Sequence[Any]) -> list[int]:
        end = media.start + media.seconds
        return [i for i, t in enumerate(times) if t[1] > media.start and t[0] < end]

    for strip in details.get("strips", ()):
        for name in {"chords", "wrong"} & set(strip):
            strip[name] = [strip[name][i] for i in parts_of(strip[name])]
        if "events" in strip:
            end = media.start + media.seconds
            strip["events"] = [  # kind, start and perhaps end and pitch
                e for e in strip["events"] if e[1] <= end and max(e[1:3]) >= media.start
            ]
    for curve in details.get("curves", ()):
        kept = parts_of(curve["times"])
        # Each excerpt stands around its centre, up to the centres beside it.
        part = slice(max(0, kept[0] - 1), kept[-1] + 2) if kept else slice(0)
        curve["times"] = curve["times"][part]
        curve["lines"] = [[name, values[part]] for name, values in curve["lines"]]
    if "curves" in details:
        details["curves"] = [c for c in details["curves"] if c["times"]]
    return details


def _kind_of(given: Any, numbers: list[int], rate: Any, is_audio: bool) -> str:
    """Return what clips are, by the first of them that is there."""
    if given is None:
        return ""
    # A row number, as ClipLookup takes, shows nothing.
    first = next((x for x in (given[clip] for clip in numbers) if _is_there(x)), None)
    if first is None:
        return ""
    if isinstance(first, PATH_TYPES):
        return "files"
    return "waveforms" if _is_wave(first, rate, is_audio) else "frames"


def _is_wave(clip: Any, rate: Any, is_audio: bool) -> bool:
    n_dims = 0 if clip is None else np.ndim(clip)
    return rate is not None and (n_dims == 1 or (is_audio and n_dims == 2))


def _is_there(clip: Any) -> bool:
    return isinstance(clip, PATH_TYPES) or (clip is not None and np.size(clip) > 1)
