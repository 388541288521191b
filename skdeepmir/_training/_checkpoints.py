"""Files from which a fit that was killed goes on."""

from __future__ import annotations

import io
import pickle
import warnings
from pathlib import Path
from typing import Any

import joblib
import torch

from skdeepmir._disk import written_whole

FORMAT = 1
# What may differ between the fit that was killed and the one that goes on.
IMMATERIAL = ("callbacks", "checkpoint_dir", "n_threads", "verbose")


class Checkpoint:
    """The file of one fit in a folder.

    Its name is a hash of the estimator's class and parameters, and of what it is fitted
    to, so that fits share a folder (folds, candidates) and none goes on from another.

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
    state : dict or None
        What was saved; None if nothing was, or it is damaged.
    """

    state: dict[str, Any] | None
    kept: dict[str, Any]

    def __init__(self, folder: Any, estimator: Any, *data: Any) -> None:
        parameters = {
            name: value
            for name, value in estimator.get_params(deep=False).items()
            if name not in IMMATERIAL
        }
        key = joblib.hash((FORMAT, type(estimator).__qualname__, parameters, data))
        folder = Path(folder).expanduser()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise ValueError(
                f"checkpoint_dir={str(folder)!a} is a file, or in one; expected a "
                "folder, which is made if it is missing."
            ) from error
        self.path = folder / f"{type(estimator).__name__}-{key}.pt"
        self.kept = {}
        self.state = self._load()

    def _load(self) -> dict[str, Any] | None:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return torch.load(
                io.BytesIO(content), map_location="cpu", weights_only=True
            )
        except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
            warnings.warn(
                f"The checkpoint {str(self.path)!a} is damaged ({error}); training "
                "begins anew.",
                UserWarning,
                stacklevel=4,
            )
            return None

    def keep(self, name: str, value: Any) -> Any:
        """Return a value as the fit that is gone on from had it.

        It is saved with every state.
        """
        if self.state is not None:
            value = self.state["kept"][name]
        self.kept[name] = value
        return value

    def save(self, state: dict[str, Any]) -> None:
        """Replace the file: readers find the old state or the new one, whole."""
        buffer = io.BytesIO()
        torch.save({**state, "kept": self.kept}, buffer)
        with written_whole(self.path) as file:
            file.write(buffer.getbuffer())

    def remove(self) -> None:
        """Delete the file: the fit is complete."""
        self.path.unlink(missing_ok=True)
