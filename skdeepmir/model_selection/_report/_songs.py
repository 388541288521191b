"""What a report tells of songs with chords: shares of time, confusions, charts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skdeepmir._printable import printable
from skdeepmir.chords import UNSCORED, merge_intervals, read_chords
from skdeepmir.frames import PATH_TYPES
from skdeepmir.metrics._chord_inputs import Song, list_songs
from skdeepmir.metrics._chord_report import KINDS
from skdeepmir.metrics._chords import COMPARISONS
from skdeepmir.model_selection._report._items import Answered, Told, matrix
from skdeepmir.plotting._chords import colour_of, is_dark, short_label

HARDEST = 20
LEAST = 0.05  # seconds, below which a cell is a matter of rounding
TITLES = {"root": "by root", "quality": "by quality"}


def are_chords(predicted: Any) -> bool:
    """Tell whether a prediction for a song holds labels of chords."""
    labels = predicted[1] if isinstance(predicted, tuple) else predicted
    return len(labels) > 0 and isinstance(labels[0], str)


@dataclass
class SongsTold(Told):
    """What a report says about songs with chords."""

    songs: dict[tuple[str, int], Song] = field(default_factory=dict)
    wrong: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    has_times: bool = True
    references: list[Any] = field(default_factory=list)

    @classmethod
    def of(cls, answered: Answered, predicted: dict[str, list[Any]]) -> SongsTold:
        """Tell of songs."""
        n_items = len(answered.items)
        told = cls("chords", answered.items, [""] * n_items, {})
        told._read(answered.truth)
        badness = np.full((len(predicted), n_items), np.nan)
        for row, (pipeline, items) in enumerate(predicted.items()):
            for i, each in enumerate(items):
                if each is not None and i not in told.problems:
                    badness[row, i] = told._compare(answered, pipeline, i, each)
            told.said[pipeline] = [
                None if each is None else ("", None, _percent(1 - badness[row, i]))
                for i, each in enumerate(items)
            ]
            matrices = [told._matrix(pipeline, by) for by in TITLES]
            if any(any(map(any, found["cells"])) for found in matrices):
                told.matrices[pipeline] = matrices
        told.tell(badness)
        best = np.min(np.where(np.isfinite(badness), badness, np.inf), axis=0)
        order = [
            int(i) for i in np.argsort(-best, kind="stable") if np.isfinite(best[i])
        ]
        told.lists = [
            {
                "title": "The hardest songs",
                "text": "In order of what the best pipeline gets right.",
                "items": order[:HARDEST],
            }
        ]
        return told

    def _read(self, references: Any) -> None:
        """Read annotations; those that are gone since they were scored are problems."""
        self.references = list(references)
        for i, each in enumerate(references):
            if isinstance(each, PATH_TYPES):
                try:
                    self.references[i] = read_chords(each)
                except (ValueError, OSError) as error:
                    text = str(error).rstrip(".")
                    self.problems[i] = f"has no annotation any more: {text}"

    def _compare(self, answered: Answered, pipeline: str, i: int, given: Any) -> float:
        """Keep where a song is wrong; return the share of the scored time."""
        found = answered.of(pipeline, i)
        assert found is not None
        rate = found[0].frame_rate
        self.has_times &= rate is not None or isinstance(given, tuple)
        (song,) = list_songs([self.references[i]], [given], rate)
        self.songs[pipeline, i] = song
        times, *labels = song.pieces()
        right = COMPARISONS["majmin"](*map(list, labels))
        pieces = np.column_stack([times[:-1], times[1:]])
        self.wrong[pipeline, i] = pieces[right == 0]
        durations = np.diff(times)
        scored = durations[right >= 0].sum()
        return float(durations[right == 0].sum() / scored) if scored else np.nan

    def _matrix(self, pipeline: str, by: str) -> dict[str, Any]:
        """Return seconds by true and estimated root or quality, with their songs."""
        rows, columns, cell_of = KINDS[by]
        cells: dict[Any, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        known: dict[tuple[str, str], Any] = {}
        for (name, i), song in self.songs.items():
            if name != pipeline:
                continue
            times, *labels = song.pieces()
            for pair, seconds in zip(
                zip(*labels, strict=True), np.diff(times), strict=True
            ):
                if pair not in known:
                    row, column = (
                        cell_of(*pair) if pair[0] != UNSCORED else (None, None)
                    )
                    is_there = row in rows and column in columns
                    known[pair] = (
                        (rows.index(row), columns.index(column)) if is_there else None
                    )
                if known[pair] is not None:
                    cells[known[pair]][i] += float(seconds)
        cells = {c: songs for c, songs in cells.items() if sum(songs.values()) >= LEAST}
        # What occurs neither in references nor in estimates is left out.
        used = sorted({place for cell in cells for place in cell})
        sorted_cells = {
            (used.index(row), used.index(column)): dict(
                sorted(songs.items(), key=lambda item: -item[1])
            )
            for (row, column), songs in cells.items()
        }
        unit = "seconds" if self.has_times else "frames"
        return matrix(
            f"{TITLES[by]}, {unit}",
            [rows[place] for place in used],
            [columns[place] for place in used],
            sorted_cells,
            lambda songs: sum(songs.values()),
        )

    def details(self, item: int) -> dict[str, Any]:
        """Return the chords of a song as strips over time."""
        strips: list[dict[str, Any]] = []
        for (pipeline, i), song in self.songs.items():
            if i != item or not self.has_times:
                continue
            if not strips:
                strips.append(
                    {"name": "reference", "chords": _strip(song, "reference")}
                )
            wrong = np.round(self.wrong[pipeline, i], 3).tolist()
            chords = _strip(song, "estimate")
            strips.append(
                {"name": printable(pipeline), "chords": chords, "wrong": wrong}
            )
        return {"strips": strips} if strips else {}

    def seconds(self, item: int) -> float:
        """Return how long a song of frames lasts; 0 if that is not known."""
        ends = [song.end for (_, i), song in self.songs.items() if i == item]
        return max(ends, default=0.0) if self.has_times else 0.0

    def focus(self, item: int, seconds: float) -> float | None:
        """Return where pipelines are wrong most in so many seconds."""
        pieces = [wrong for (_, i), wrong in self.wrong.items() if i == item]
        wrong = np.concatenate([np.zeros((0, 2)), *pieces])
        if not len(wrong) or not self.has_times:
            return None
        starts = np.unique(np.append(0.0, wrong[:, 0] - 1))
        inside = _before(starts + seconds, wrong) - _before(starts, wrong)
        # Of equal ones the first, whatever their sums were rounded to.
        return float(starts[inside.round(6).argmax()])


def _before(times: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Return how much of all pieces together is before each of the times."""

    def since(edges: np.ndarray) -> np.ndarray:
        edges = np.sort(edges)
        n_before = np.searchsorted(edges, times)
        return n_before * times - np.append(0.0, np.cumsum(edges))[n_before]

    return since(pieces[:, 0]) - since(pieces[:, 1])


def _percent(share: float) -> str:
    return "not scored" if np.isnan(share) else f"{100 * share:.0f} % right"


def _strip(song: Song, side: str) -> list[list[Any]]:
    """Return the chords of one side: start, end, label, colour, whether it is dark."""
    part = getattr(song, side)
    ends = np.append(part.starts[1:], song.end)
    intervals = np.clip(np.column_stack([part.starts, ends]), song.start, song.end)
    is_long = intervals[:, 1] > intervals[:, 0]
    found = []
    for (start, end), label in zip(
        *merge_intervals(intervals[is_long], part.labels[is_long]), strict=True
    ):
        colour = "#" + "".join(f"{round(255 * x):02x}" for x in colour_of(label))
        text, dark = short_label(label), is_dark(label)
        found.append([round(start, 3), round(end, 3), text, colour, dark])
    return found
