"""The excerpt that drives a unit most of all: ``optimal_stimulus``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skdeepmir._errors import is_number
from skdeepmir._threads import limit_threads
from skdeepmir._units import UnitLayer
from skdeepmir.inspection._layers import chosen_units, find_units, is_single

# Shares of the norm. Of what a start has that the unit does not care about, as much
# stays as there was: starts are faint.
FIRST_NORM, FIRST_STEP = 0.03, 0.1
SMALLEST_STEP = 1e-4  # likewise, at which a start is done
SHRINK, GROWTH = 0.5, 1.3  # of steps that do not raise the answer, and that do


@dataclass(frozen=True)
class OptimalStimulus:
    """The excerpt of a norm that drives a unit most.

    Attributes
    ----------
    layer, unit, unit_name : str, int, str
        Which unit.
    frames : ndarray of shape (n_frames, n_features), float64
        The excerpt, in the units of what the net sees.
    answer : float
        What the unit answers.
    answers : ndarray of shape (n_starts,)
        Where each start ended.
    norm : float
        Largest norm of the standardised excerpt.
    """

    layer: str
    unit: int
    unit_name: str
    frames: NDArray[np.float64]
    answer: float
    answers: NDArray[np.float64]
    norm: float


def optimal_stimulus(
    estimator: Any,
    unit: int | str,
    *,
    layer: int | str = -1,
    norm: float | None = None,
    n_starts: int = 8,
    max_iter: int = 200,
    n_frames: int | None = None,
    smooth: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> OptimalStimulus:
    """Make the excerpt that drives a unit most, as Le et al. (2012) did [1]_.

    Of all excerpts whose standardised values have a norm of at most ``norm``, the one
    with the largest answer is sought by projected gradient ascent.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted learner or net, or a pipeline that holds one (its last step that has
        units).
    unit : int or str
        Number or name of the unit; see :func:`list_layers`.
    layer : int or str, default=-1
        Number of the layer, negative from the top, or its name.
    norm : float, default=None
        Largest norm, in deviations. None is the root of the number of values that the
        unit sees: what excerpts have on average. More than a norm is not bounded: the
        excerpt may be one that no sound has.
    n_starts : int, default=8
        Random excerpts that the ascent begins with, side by side; the best is returned.
    max_iter : int, default=200
        Most steps of each.
    n_frames : int, default=None
        Frames of the excerpt; None takes those that the unit sees (of nets that see
        whole clips, 41).
    smooth : float, default=0.0
        Deviation, in frames and bands, of the Gaussian that the gradient is smoothed
        with. What drives deep units most often looks like noise, which no recording
        has; 1 or 2 keep to spectra that sound like something, with a smaller answer.
    random_state : int, RandomState instance or None, default=None
        Draws where the ascent begins.

    Returns
    -------
    stimulus : OptimalStimulus
        The excerpt and the answer to it.

    Raises
    ------
    TypeError
        If the estimator has no units.
    ValueError
        If a layer or unit is unknown, or a number out of range.

    See Also
    --------
    top_stimuli : The excerpts of clips that drive it most.

    Notes
    -----
    Each start has a step of its own along its gradient, which grows where it raises the
    answer and shrinks where it does not; such steps are not taken. Starts are faint,
    as what the unit does not care about stays in them; where there is no gradient, one
    of the whole norm is drawn instead. What the unit does not see stays at the mean.

    References
    ----------
    .. [1] Q. V. Le et al. Building high-level features using large scale unsupervised
       learning. ICML 2012.

    Examples
    --------
    A unit of one layer answers most to what looks like its weights.

    >>> import numpy as np
    >>> from skdeepmir import DBNFeatureLearner
    >>> from skdeepmir.inspection import optimal_stimulus
    >>> clips = np.random.RandomState(0).rand(4, 20, 6)
    >>> learner = DBNFeatureLearner((5,), max_epochs=1, random_state=0).fit(clips)
    >>> stimulus = optimal_stimulus(learner, 2, random_state=0)
    >>> found = (stimulus.frames - learner.mean_) / learner.scale_
    >>> float(np.corrcoef(found[0], learner.weights_[0][:, 2])[0, 1].round(3))
    1.0
    """
    _check(norm, n_starts, max_iter, n_frames, smooth)
    if not is_single(unit):
        raise ValueError(f"unit={unit!r} must be one number or name.")
    chosen_layer = find_units(estimator).layer(layer)
    (number,) = chosen_units(chosen_layer, unit)
    return ascend(
        chosen_layer,
        number,
        norm=norm,
        n_starts=int(n_starts),
        max_iter=int(max_iter),
        n_frames=n_frames,
        smooth=float(smooth),
        rng=check_random_state(random_state),
    )


def ascend(
    layer: UnitLayer,
    number: int,
    *,
    norm: float | None,
    n_starts: int,
    max_iter: int,
    n_frames: int | None,
    rng: np.random.RandomState,
    smooth: float = 0.0,
) -> OptimalStimulus:
    """Return the optimal stimulus of a unit of a layer."""
    import torch

    first, end = (int(edge) for edge in layer.spans[number])
    position = -(-max(0, -first) // layer.hop)  # the first that sees no edge
    shift = position * layer.hop
    length = max(end + shift, 1) if n_frames is None else int(n_frames)
    n_features = len(layer.mean)
    seen = torch.zeros(length, n_features, dtype=torch.float64)
    low, high = (0, n_features) if layer.bands is None else layer.bands[number]
    seen[max(first + shift, 0) : end + shift, int(low) : int(high)] = 1
    if not layer.is_local or n_frames is not None:
        seen[:, int(low) : int(high)] = 1
    radius = math.sqrt(float(seen.sum())) if norm is None else float(norm)
    mean, scale = (
        torch.as_tensor(a, dtype=torch.float64) for a in (layer.mean, layer.scale)
    )

    def answers_to(z: Any) -> Any:
        answers = layer.net(z * scale + mean)
        return answers[:, min(position, answers.shape[1] - 1), number]

    def projected(z: Any) -> Any:
        norms = z.flatten(1).norm(dim=1).clamp(min=1e-300)
        return z * (radius / norms).clamp(max=1)[:, None, None]

    across = [_gaussian(n, smooth) for n in (length, n_features)]

    def smoothed(x: Any) -> Any:
        return (across[0] @ x @ across[1]) * seen if smooth else x * seen

    def risen(z: Any) -> tuple[Any, Any]:
        """Return answers, and the directions of norm 1 in which they rise."""
        z = z.detach().requires_grad_(True)
        answers = answers_to(z)
        (gradient,) = torch.autograd.grad(answers.sum(), z)
        gradient = smoothed(gradient)
        size = gradient.flatten(1).norm(dim=1).clamp(min=1e-300)
        return answers.detach(), gradient / size[:, None, None]

    def drawn(share: float) -> Any:
        """Return random excerpts of a share of the norm."""
        z = rng.standard_normal((n_starts, length, n_features))
        z = smoothed(torch.from_numpy(z))
        norms = z.flatten(1).norm(dim=1).clamp(min=1e-300)
        return z * (share * radius / norms)[:, None, None]

    with limit_threads(1):
        z = drawn(FIRST_NORM)
        step = torch.full((n_starts,), FIRST_STEP * radius, dtype=torch.float64)
        current, slope = risen(z)
        for _ in range(max_iter):
            moved = projected(z + step[:, None, None] * slope)
            is_flat = (slope == 0).all(2).all(1)
            if bool(is_flat.any()):  # as where a rectifier is off
                moved = torch.where(is_flat[:, None, None], drawn(1.0), moved)
            after, slope_there = risen(moved)
            rose = after > current
            step = torch.where(rose, GROWTH * step, SHRINK * step)
            step = torch.where(is_flat & rose, FIRST_STEP * radius, step)
            step = step.clamp(max=2 * radius)
            current = torch.where(rose, after, current)
            z = torch.where(rose[:, None, None], moved, z)
            slope = torch.where(rose[:, None, None], slope_there, slope)
            if bool((step < SMALLEST_STEP * radius).all()):
                break
        best = int(current.argmax())
        frames = (z[best] * scale + mean).numpy()
    return OptimalStimulus(
        layer.name,
        number,
        layer.unit_names[number],
        frames,
        float(current[best]),
        current.numpy(),
        radius,
    )


def _gaussian(n: int, deviation: float) -> Any:
    """Return a matrix that smooths, whose direction still rises: it is definite."""
    import torch

    place = torch.arange(n, dtype=torch.float64)
    return (-0.5 * ((place[:, None] - place) / max(deviation, 1e-9)).square()).exp()


def _check(norm: Any, n_starts: Any, max_iter: Any, n_frames: Any, smooth: Any) -> None:
    if not is_number(smooth) or not 0 <= smooth < math.inf:
        raise ValueError(f"smooth={smooth!r} must be a number from 0 up.")
    frames = 1 if n_frames is None else n_frames
    counts = {"n_starts": n_starts, "max_iter": max_iter, "n_frames": frames}
    for name, value in counts.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name}={value!r} must be a whole number from 1 up.")
    if norm is not None and (not is_number(norm) or not 0 < norm < math.inf):
        raise ValueError(f"norm={norm!r} must be a number above 0, or None.")
