"""Warnings of fits that ended badly, or too soon."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdeepmir._training._gradient import scheduled_rate, told_rate
from skdeepmir._warnings import warn_user

ALLOWED_LOSS = 10  # times that of guessing, without a warning
# A loss still falls if it lost so much of its fall in the later half of the training.
LATE_SHARE = 0.25
# What is not worth a warning, as shares of the loss of guessing.
SMALL_LOSS = 0.3
SMALL_FALL = 0.01


def warn_of_loss(
    given: Any, losses: np.ndarray, validation_losses: np.ndarray, guessing: float
) -> None:
    """Warn of a loss far above that of guessing, or that still falls at the end.

    Parameters
    ----------
    given : SimpleNamespace
        Parameters of the estimator.
    losses, validation_losses : ndarray of shape (n_epochs,)
        Losses of each epoch; the second is empty where nothing was validated.
    guessing : float
        The loss of guessing.
    """
    if losses[-1] > ALLOWED_LOSS * guessing:
        warn_user(
            f"Training ended with a loss of {losses[-1]:.3g}, where guessing has "
            f"{guessing:.3g}. Lower {told_rate(given)} (optimizer="
            f"{given.optimizer!r}), or scale the input, as with StandardScaler.",
            ConvergenceWarning,
        )
        return
    if given.warm_start or len(losses) < given.max_epochs:
        return
    curves = [losses, validation_losses] if len(validation_losses) else [losses]
    half = _half(given)
    if not all(_still_falls(curve, half, guessing) for curve in curves):
        return
    told = {
        epoch: f"{losses[epoch]:.3g} after epoch {epoch + 1}" for epoch in (0, half)
    }
    advice = ", or set early_stopping=True and many epochs"
    if given.early_stopping:
        advice = ": early_stopping has not ended it"
    warn_user(
        f"Training ended after max_epochs={given.max_epochs} although the loss still "
        f"fell: it was {', '.join(told.values())} and {losses[-1]:.3g} at the end, "
        f"where guessing has {guessing:.3g}. Raise max_epochs (to "
        f"{3 * given.max_epochs}, say) or the learning rate "
        f"({told_rate(given)}){advice}.",
        ConvergenceWarning,
    )


def _half(given: Any) -> int:
    """Return the epoch at whose end half of the training is over.

    That is, the sum of learning rates: where they fall, early epochs teach most.
    """
    n = given.max_epochs
    rates = np.cumsum([scheduled_rate(given, epoch, 0) for epoch in range(n)])
    return min(int(np.searchsorted(rates, rates[-1] / 2)), max(n - 2, 0))


def _still_falls(losses: np.ndarray, half: int, guessing: float) -> bool:
    """Whether much of the fall of a loss, that is not small, came late."""
    n_near = max(1, len(losses) // 10)  # of which means are taken
    near_half = losses[max(0, half - n_near // 2) : half + n_near // 2 + 1]
    last = losses[-n_near:].mean()
    late, fall = near_half.mean() - last, losses[0] - last
    is_small = last < SMALL_LOSS * guessing or late < SMALL_FALL * guessing
    return bool(not is_small and late > LATE_SHARE * fall)
