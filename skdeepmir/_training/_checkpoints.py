"""Files from which a fit that was killed goes on."""

from __future__ import annotations

import contextlib
import io
import pickle
from collections.abc import Iterator
from numbers import Integral
from pathlib import Path
from typing import Any

import joblib
import torch

import skdeepmir
from skdeepmir._disk import (
    make_folder,
    read_checked,
    remove_strays,
    user_path,
    warn_unusable,
    write_checked,
)
from skdeepmir._sklearn import parameters_of
from skdeepmir._sources import sources_of
from skdeepmir._training._devices import choose_device
from skdeepmir._warnings import warn_user

FORMAT = 3
# What may differ between the fit that was killed and the one that goes on.
IMMATERIAL = ("callbacks", "checkpoint_dir", "verbose")
FINISHED_KEYS = {"result"}
STATE_KEYS = {"kept", "stage", "progress", "best", "step"}
FILE = r"\w+-[0-9a-f]{32}(-finished)?\.pt"


class Checkpoint:
    """The files of one fit in a folder.

    Their names are a hash of the estimator's class, of its source and parameters
    (without callbacks, but for those of predictions alone), of what it is fitted to,
    and of the versions that train it, so that fits share a folder (folds, candidates)
    and none goes on from another. One holds the state after an epoch, the other what
    the fit ended with: that is kept where every such fit is the same, which takes an
    int ``random_state`` and no callback that could change it.

    A folder that cannot be used costs the checkpoints, not the fit: there is one
    warning.

    Parameters
    ----------
    folder : str or PathLike
        The folder; made if missing.
    estimator : estimator
        What is fitted.
    *data : object
        What it is fitted to.

    Attributes
    ----------
    finished : dict or None
        What an earlier fit ended with; None if there was none, or it is damaged.
    state : dict or None
        What was saved last, likewise.
    """

    finished: dict[str, Any] | None
    state: dict[str, Any] | None

    def __init__(self, folder: Any, estimator: Any, *data: Any) -> None:
        self.folder = Path(user_path(folder))
        self._is_usable = True
        parameters = vars(parameters_of(estimator))
        self._is_repeatable = (
            isinstance(parameters["random_state"], Integral)
            and parameters["callbacks"] is None
        )
        of_predictions = getattr(estimator, "_parameters_of_predictions", ())
        if parameters["callbacks"] is not None:  # which may predict
            of_predictions = ()
        for name in (*IMMATERIAL, *of_predictions):
            parameters.pop(name)
        device, precision = parameters["device"], parameters["precision"]
        parameters["device"] = choose_device(device, precision)  # what "auto" means
        # Workers may see arrays as memory maps.
        key = joblib.hash(
            (
                (FORMAT, skdeepmir.__version__, torch.__version__),
                type(estimator).__qualname__,
                sources_of(type(estimator)),
                parameters,
                data,
            ),
            coerce_mmap=True,
        )
        name = f"{type(estimator).__name__}-{key}"
        self._path = self.folder / f"{name}.pt"
        self._finished_path = self.folder / f"{name}-finished.pt"
        with self._reporting():
            make_folder("checkpoint_dir", self.folder)
            remove_strays(self.folder, FILE)
        self.finished = self.state = None
        if self._is_repeatable:
            finished = self._load(self._finished_path, FINISHED_KEYS)
            self.finished = finished and finished["result"]
        if not self.finished:
            self.state = self._load(self._path, STATE_KEYS)
        self._kept = {} if self.state is None else self.state["kept"]

    @property
    def n_epochs(self) -> int:
        """Epochs that were made, in all stages."""
        ended = (self.kept("stages") or {}).get("stages", [])
        stages = ended if self.state is None else [*ended, self.state]
        return sum(stage["progress"]["n_epochs"] for stage in stages)

    def keep(self, name: str, value: Any) -> Any:
        """Return a value as the fit that is gone on from had it.

        It is saved with every state.
        """
        return self._kept.setdefault(name, value)

    def kept(self, name: str) -> Any:
        """Return what was kept under a name, or None."""
        return self._kept.get(name)

    def state_of(self, stage: int) -> dict[str, Any] | None:
        """Return the state to go on from, if the fit was killed in this stage."""
        if self.state is None or self.state["stage"] != stage:
            return None
        return self.state

    def save(self, state: dict[str, Any]) -> None:
        """Replace the state: readers find the old one or the new one, whole."""
        self._write(self._path, {**state, "kept": self._kept})

    def complete(self, result: dict[str, Any]) -> None:
        """Keep what the fit ended with, if it would be the same; delete the state."""
        may_differ = not self._is_repeatable or "stopped_by_callback" in self._kept
        if self.finished is None and not may_differ:
            self._write(self._finished_path, {"result": result})
        self.remove()

    def remove(self) -> None:
        """Delete the state."""
        with self._reporting():
            self._path.unlink(missing_ok=True)

    def _load(self, path: Path, keys: set[str]) -> dict[str, Any] | None:
        problem = "it is of another format"
        body = None
        try:
            with self._reporting():
                body = read_checked(path)
            if body is None:
                return None
            state = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
            if isinstance(state, dict) and keys <= state.keys():
                return state
        except (ValueError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
            problem = str(error)  # it was forged
        warn_user(
            f"The checkpoint {str(path)!a} is damaged: {problem}. Training begins anew."
        )
        return None

    def _write(self, path: Path, state: dict[str, Any]) -> None:
        if not self._is_usable:
            return
        buffer = io.BytesIO()
        torch.save(state, buffer)
        with self._reporting():
            write_checked(path, buffer.getbuffer())

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """Go on without the folder where it cannot be used."""
        try:
            yield
        except OSError as error:
            if self._is_usable:
                message = (
                    f"checkpoint_dir={str(self.folder)!a} cannot be used; training "
                    "goes on without it from here on. Make it writable, free some "
                    "space, or choose another folder."
                )
                warn_unusable(self.folder, error, message)
            self._is_usable = False
