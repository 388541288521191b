"""The excerpts of a report: which part of a clip is shown, seen and heard."""

from __future__ import annotations

import base64
from collections.abc import Hashable
from dataclasses import dataclass, field

from skdeepmir._page import Media, as_json, quoted

SHORTEST, LONGEST = 1.0, 10.0  # seconds that are heard; less is a click
SHORTEST_FRAMES = 32  # that are seen where nothing tells seconds
WHOLE = 0.995  # share of a picture from which on nothing of it is beside the excerpt


@dataclass(frozen=True)
class Part:
    """A part of a clip, and where in it is what a unit answers to.

    Attributes
    ----------
    start, length : float
        What is shown: seconds, or frames where nothing tells seconds.
    first, end : float
        What the unit sees, in the same unit.
    """

    start: float
    length: float
    first: float
    end: float

    @classmethod
    def around(
        cls, first: float, end: float, total: float, shortest: float, longest: float
    ) -> Part:
        """Widen an excerpt to what can be seen and heard, inside of its clip."""
        first, end = min(max(first, 0.0), total), min(end, total)
        length = min(max(end - first, shortest), longest, total)
        middle = (first + end) / 2
        start = min(max(middle - length / 2, 0.0), total - length)
        return cls(start, length, first, end)

    def own(self, start: float, length: float) -> tuple[float, float]:
        """Return what the unit sees as shares of what is shown in the end."""
        if not length:
            return 0.0, 1.0
        edges = (self.first - start) / length, (self.end - start) / length
        return max(0.0, edges[0]), min(1.0, edges[1])


@dataclass
class Gallery:
    """Pictures and sounds, each in the page once.

    Attributes
    ----------
    sounds : list of (str, str)
        Ids and JSON of the sounds.
    """

    sounds: list[tuple[str, str]] = field(default_factory=list)
    _numbers: dict[Hashable, int] = field(default_factory=dict)
    _drawn: set[int] = field(default_factory=set)
    _heard: set[int] = field(default_factory=set)

    def stage(
        self,
        key: Hashable,
        media: Media,
        name: str,
        alt: str,
        own: tuple[float, float] = (0.0, 1.0),
    ) -> tuple[str, str]:
        """Return the HTML of a picture and of the place of its player."""
        number = self._numbers.setdefault(key, len(self._numbers))
        if media.sound and number not in self._heard:
            self._heard.add(number)
            sound = base64.b64encode(media.sound).decode()
            self.sounds.append((f"sound-{number}", as_json(sound)))
        attributes = player = ""
        if media.sound:
            attributes = (
                f' data-sound="sound-{number}" data-seconds="{media.seconds:.4f}" '
                f'data-name="{quoted(name)}"'
            )
            player = '<div class="player"></div>'
        image = ""
        if media.picture:
            source = f'data-like="picture-{number}"'
            if number not in self._drawn:
                self._drawn.add(number)
                source = f'id="picture-{number}" src="{media.picture}"'
            image = f'<img {source} alt="{quoted(alt)}">'
        return f'<div class="stage"{attributes}>{image}{_mark(own)}</div>', player


def _mark(own: tuple[float, float]) -> str:
    """Return a drawing that pales what stands beside the excerpt itself."""
    first, end = (round(1000 * share) for share in own)
    if end - first >= 1000 * WHOLE:
        return ""
    rests = [(0, first), (end, 1000 - end)]
    drawn = "".join(
        f'<rect class="rest" x="{x}" width="{width}" height="10"/>'
        for x, width in rests
        if width
    )
    drawn += "".join(
        f'<line class="edge" x1="{x}" x2="{x}" y2="10"/>' for x in (first, end)
    )
    return (
        '<svg class="own" viewBox="0 0 1000 10" preserveAspectRatio="none" '
        f'aria-hidden="true">{drawn}</svg>'
    )
