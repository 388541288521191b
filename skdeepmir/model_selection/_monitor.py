"""What a comparison says while it runs: a line for each finished part, and the rest."""

from __future__ import annotations

import multiprocessing
import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from skdeepmir._printable import printable
from skdeepmir.model_selection._parts import Part

BAR = "{desc}: {n_fmt}/{total_fmt} |{bar}| {elapsed}{postfix}"


class Monitor:
    """Write a line for each finished part, and on a terminal a bar below them.

    Parameters
    ----------
    tasks : list of (str, int)
        Pipelines and folds that are to be computed.
    n_kept : int
        How many others are on disk.
    n_workers : int
        How many fits run at once.
    is_one_test : bool
        Whether there is a test set instead of folds.
    verbose : bool
        Whether to write at all.
    """

    def __init__(
        self,
        tasks: Sequence[tuple[str, int]],
        *,
        n_kept: int,
        n_workers: int,
        is_one_test: bool,
        verbose: bool,
    ) -> None:
        # Lines of several processes at once would tell of different things.
        is_main = multiprocessing.current_process().name == "MainProcess"
        self.stream: Any = sys.stderr
        is_there = self.stream is not None and not getattr(self.stream, "closed", False)
        self.is_shown = bool(verbose) and is_main and is_there
        self.pending = list(tasks)
        self.n_tasks = len(tasks) + n_kept
        self.n_workers = n_workers
        self.is_one_test = is_one_test
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.scores: dict[tuple[str, str], list[float]] = defaultdict(list)
        if n_kept:
            self._write(f"{n_kept} of {self.n_tasks} fits kept from before")
        self.bar = tqdm(
            total=self.n_tasks,
            desc="Comparing",
            bar_format=BAR,
            file=self.stream,
            leave=False,
            disable=not (self.is_shown and self.stream.isatty()),
        )

    def tell(self, name: str, i: int, part: Part) -> None:
        """Tell of a finished part; those that were kept only count."""
        for metric, value in part.scores.items():
            self.scores[name, metric].append(value)
        if part.kept is not None:
            seconds = part.kept.fit_time + part.kept.predict_time
            self.seconds[name].append(seconds)
        if (name, i) in self.pending:
            self.pending.remove((name, i))
            left = self._left()
            self.bar.set_postfix_str(left, refresh=False)
            self._write_line(name, i, part, left and f"; {left}")
        self.bar.update()

    def _write_line(self, name: str, i: int, part: Part, left: str) -> None:
        done = f"{self.n_tasks - len(self.pending)}/{self.n_tasks}"
        place = "" if self.is_one_test else f", fold {i}"
        text = f"{printable(name)}{place}: {self._result(name, part)}{left}"
        self._write(f"[{done}] {text}")

    def _write(self, text: str) -> None:
        """Write a line, as long as anyone reads; results must not be lost for it."""
        if not self.is_shown:
            return
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
        try:
            tqdm.write(text, file=self.stream)
        except (
            OSError,
            ValueError,
        ):  # the terminal is gone
            self.is_shown = False

    def close(self) -> None:
        """Remove the bar."""
        self.bar.close()

    def _result(self, name: str, part: Part) -> str:
        if part.error is not None:
            return printable(f"failed, {type(part.error).__name__}: {part.error}")
        texts = []
        for metric, value in part.scores.items():
            so_far = self.scores[name, metric]
            mean = f" (mean {np.mean(so_far):.3f})" if len(so_far) > 1 else ""
            texts.append(f"{printable(metric)} {value:.3f}{mean}")
        texts += [f"{printable(metric)} failed" for metric in part.errors]
        if part.was_kept:  # by another process, meanwhile
            return ", ".join([*texts, "kept from before"])
        assert part.kept is not None
        fit, predict = map(duration, (part.kept.fit_time, part.kept.predict_time))
        return ", ".join([*texts, f"fit {fit}", f"predict {predict}"])

    def _left(self) -> str:
        """Return how long the rest takes, by what each pipeline took so far."""
        if not self.pending or not self.seconds:
            return ""
        # The first fit may have computed features that others find in a cache.
        known = {name: np.mean(took[1:] or took) for name, took in self.seconds.items()}
        expected = [known[name] for name, _ in self.pending if name in known]
        untimed = list(dict.fromkeys(n for n, _ in self.pending if n not in known))
        others = f"{printable(untimed[0])} takes" if untimed else ""
        if len(untimed) > 1:
            others = f"{len(untimed)} other pipelines take"
        if not expected:
            return f"left is what {others}"
        n_busy = min(self.n_workers, len(expected))
        left = max(float(np.sum(expected)) / n_busy, float(max(expected)))
        text = f"about {duration(max(1, round(left)))} left"
        # One that has not ended yet may be a hundred times as slow.
        return f"{text}, and what {others}" if others else text


def duration(seconds: float) -> str:
    """Return seconds as a person says them."""
    if seconds < 100:
        is_short = seconds < 10 and seconds != round(seconds)
        return f"{seconds:.1f} s" if is_short else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
