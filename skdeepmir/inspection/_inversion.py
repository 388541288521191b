"""Sound from spectra: ``invert``."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any, overload

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from skdeepmir import audio
from skdeepmir._errors import refuse_masked
from skdeepmir._printable import printable
from skdeepmir.audio._librosa import import_librosa
from skdeepmir.frames import as_sequence, what_is_no_set
from skdeepmir.inspection._layers import steps_before_units
from skdeepmir.sonification import Sound
from skdeepmir.spectrogram import SpectrogramExtractor
from skdeepmir.spectrogram._recipe import MEL_KINDS, Recipe

MEL_STEPS = 50  # after which mel bands are restored to 1e-5 of their size
LOUDEST = 1e15  # power; what it makes stays finite in single precision
FAINT = 1e-20  # power below which ratios mean nothing


@overload
def invert(
    spectra: NDArray[Any],
    extractor: Any,
    *,
    n_iter: int = 32,
    random_state: int | np.random.RandomState | None = 0,
) -> Sound: ...
@overload
def invert(
    spectra: list[Any],
    extractor: Any,
    *,
    n_iter: int = 32,
    random_state: int | np.random.RandomState | None = 0,
) -> list[Sound]: ...
def invert(
    spectra: Any,
    extractor: Any,
    *,
    n_iter: int = 32,
    random_state: int | np.random.RandomState | None = 0,
) -> Sound | list[Sound]:
    """Make sound whose spectra are like these, so that frames can be heard.

    Spectra have no phases. These are sought by the fast Griffin-Lim algorithm [1]_, of
    librosa. Mel bands first become the non-negative spectrum that explains them best,
    by Richardson and Lucy's iteration.

    Parameters
    ----------
    spectra : array-like of shape (n_frames, n_features), or list of these
        Frames, such as ``optimal_stimulus(...).frames`` or what an extractor made; an
        array of 3 dimensions is a list.
    extractor : SpectrogramExtractor or Pipeline
        What makes such frames, which need not be fitted. Of a fitted pipeline, the
        steps from its extractor up to what has units (or all, if nothing has) are
        undone by their ``inverse_transform``.
    n_iter : int, default=32
        Passes of the Griffin-Lim algorithm; more hardly sound better.
    random_state : int, RandomState instance or None, default=0
        Draws the first phases.

    Returns
    -------
    sound : Sound or list of Sound
        Samples (n_samples,), float32, and their rate in Hz, as
        ``IPython.display.Audio(*sound)`` takes them: as loud as the frames say, scaled
        down where samples would leave -1 ... 1.

    Raises
    ------
    TypeError
        If there is no :class:`~skdeepmir.SpectrogramExtractor`, or a step cannot be
        undone.
    ValueError
        If frames have another width than the extractor gives, are not finite, or are of
        a kind that cannot be inverted (chroma).

    Notes
    -----
    Of frames that hold several spectra, that of the longest window is inverted, without
    its derivatives. MFCCs have lost the fine structure of the bands: what comes back is
    the envelope, as noise. Constant-Q frames are scaled as their spectra tell.

    References
    ----------
    .. [1] N. Perraudin, P. Balazs and P. L. Søndergaard. A fast Griffin-Lim algorithm.
       WASPAA 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepmir import SpectrogramExtractor
    >>> from skdeepmir.inspection import invert
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050).astype(np.float32)
    >>> extractor = SpectrogramExtractor("log_mel", verbose=False)
    >>> sound = invert(extractor.fit_transform([tone])[0], extractor)
    >>> peak = np.abs(np.fft.rfft(sound.samples, 22050)).argmax()
    >>> bool(435 < peak < 445)
    True
    """
    if not isinstance(n_iter, Integral) or isinstance(n_iter, bool) or n_iter < 1:
        raise ValueError(f"n_iter={n_iter!r} must be a whole number from 1 up.")
    if found := what_is_no_set(spectra):
        raise ValueError(f"spectra is {found}; expected frames, or a list of these.")
    recipe, others = _extraction(extractor)
    spectra = as_sequence(spectra)  # of Series and arrays of objects, a list
    is_list = isinstance(spectra, list) or np.ndim(spectra) == 3
    matrices = list(spectra) if is_list else [spectra]
    rng = check_random_state(random_state)
    sounds = []
    for i, matrix in enumerate(matrices):
        place = f"spectra[{i}]" if is_list else "spectra"
        frames = _undone(_checked(matrix, place), others, place)
        columns = _spectrum(recipe, frames, place)
        samples = _samples(recipe, columns, int(n_iter), rng)
        peak = np.abs(samples).max(initial=0.0)
        samples = samples / max(peak, 1.0)
        sounds.append(Sound(samples.astype(np.float32), float(recipe.sample_rate)))
    return sounds if is_list else sounds[0]


def _extraction(extractor: Any) -> tuple[Recipe, list[Any]]:
    """Return what makes spectra of sound, and the steps after it."""
    steps = steps_before_units(extractor)
    for place, step in enumerate(steps):
        if isinstance(step, SpectrogramExtractor):
            return step._recipe(), steps[place + 1 :]
    raise TypeError(
        f"extractor is {printable(type(extractor).__name__)}; expected a "
        "SpectrogramExtractor, or a Pipeline that holds one before what has units: "
        "only its spectra can be made audible."
    )


def _checked(matrix: ArrayLike, place: str) -> np.ndarray:
    refuse_masked(place, matrix, "frame")
    if np.iscomplexobj(matrix):
        raise ValueError(f"{place} is complex; expected real frames.")
    frames = np.asarray(matrix, dtype=np.float64)
    if frames.ndim != 2 or len(frames) == 0:
        raise ValueError(
            f"{place} has shape {frames.shape}; expected (n_frames, n_features), of "
            "one frame or more."
        )
    if not np.isfinite(frames).all():
        raise ValueError(f"{place} contains NaN or infinity; expected finite numbers.")
    return frames


def _undone(frames: np.ndarray, steps: list[Any], place: str) -> np.ndarray:
    """Return frames as they were before some steps."""
    for step in reversed(steps):
        if not hasattr(step, "inverse_transform"):
            raise TypeError(
                f"{place} went through {type(step).__name__}, which has no "
                "inverse_transform. Pass frames from before that step, and the "
                "extractor alone."
            )
        frames = np.asarray(step.inverse_transform([frames])[0], dtype=np.float64)
    return frames


def _spectrum(recipe: Recipe, frames: np.ndarray, place: str) -> np.ndarray:
    """Return the columns of the longest window, without derivatives."""
    if recipe.kind == "chroma":
        raise ValueError(
            "kind='chroma' does not tell octaves apart, and cannot be inverted. Use "
            "kind='cqt'."
        )
    names = recipe.feature_names()
    if frames.shape[1] != len(names):
        raise ValueError(
            f"{place} has {frames.shape[1]} features, but the extractor gives "
            f"{len(names)}; expected frames that it could have made."
        )
    width = len(names) // (1 + recipe.deltas)
    if recipe.is_constant_q:
        return frames[:, :width]
    sizes = recipe.window_sizes
    widths = [len(recipe._fourier_names(n_fft)) for n_fft in sizes]
    longest = int(np.argmax(sizes))
    start = sum(widths[:longest])
    return frames[:, start : start + widths[longest]]


def _samples(
    recipe: Recipe, frames: np.ndarray, n_iter: int, rng: np.random.RandomState
) -> np.ndarray:
    """Return samples of spectra (n_frames, n_features)."""
    if recipe.kind == "mfcc":
        padded = np.zeros((len(frames), recipe.n_mels))
        padded[:, : frames.shape[1]] = frames
        frames = scipy.fft.idct(padded, axis=1, norm="ortho")
    if recipe._in_decibels:
        power = 10 ** (np.minimum(frames, 10 * np.log10(LOUDEST)) / 10)
        power[power <= recipe.amin * (1 + 1e-6)] = 0  # that much or less
    elif recipe.kind in ("magnitude", "cqt"):
        power = np.square(frames.clip(0, np.sqrt(LOUDEST)))
    else:
        power = frames.clip(0, LOUDEST)
    if recipe.is_constant_q:
        return _of_constant_q(recipe, np.sqrt(power), n_iter, rng)
    return _of_fourier(recipe, power, n_iter, rng)


def _of_fourier(
    recipe: Recipe, power: np.ndarray, n_iter: int, rng: np.random.RandomState
) -> np.ndarray:
    librosa, n_fft, hop = import_librosa(), max(recipe.window_sizes), recipe.hop_length
    if recipe.kind in MEL_KINDS:
        bounds = recipe.sample_rate, n_fft, recipe.n_mels, recipe.fmin, recipe.fmax
        power = _below_mel(power, audio.mel_weights(*bounds))
    else:
        whole = np.zeros((len(power), n_fft // 2 + 1))
        whole[:, recipe._bins(n_fft)] = power
        power = whole
    n_samples = (len(power) - 1) * hop + (hop if recipe.center else n_fft)
    # The outermost frames go on where windows reach beyond them; librosa's own way
    # without centres divides by the zeros at the edges of windows.
    n_before = 0 if recipe.center else -(-(n_fft // 2) // hop)
    n_around = n_before, -(-n_fft // hop)
    power = np.pad(power, (n_around, (0, 0)), mode="edge")
    samples = librosa.griffinlim(
        np.sqrt(power).T, n_iter=n_iter, hop_length=hop, n_fft=n_fft, random_state=rng
    )
    first = n_before * hop - (0 if recipe.center else n_fft // 2)
    return np.asarray(samples)[first : first + n_samples]


def _below_mel(power: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Return non-negative spectra whose mel bands these are.

    Richardson and Lucy's iteration: each step lowers the divergence of Kullback and
    Leibler.
    """
    sums = filters.sum(axis=0)
    seen = sums > 0
    filters = filters[:, seen]
    found = power @ filters / sums[seen]
    for _ in range(MEL_STEPS):
        ratios = power / np.maximum(found @ filters.T, FAINT)
        found *= (ratios @ filters) / sums[seen]
    whole = np.zeros((len(power), len(sums)))
    whole[:, seen] = found
    return whole


def _of_constant_q(
    recipe: Recipe, magnitudes: np.ndarray, n_iter: int, rng: np.random.RandomState
) -> np.ndarray:
    librosa = import_librosa()
    parameters = {
        "sr": recipe.sample_rate,
        "hop_length": recipe.hop_length,
        "fmin": recipe.fmin,
        "bins_per_octave": recipe.bins_per_octave,
    }
    n_samples = len(magnitudes) * recipe.hop_length
    # The longest filters need room.
    n_more = -(-recipe.longest_window() // recipe.hop_length)
    silence = np.zeros((n_more, magnitudes.shape[1]))
    try:
        with warnings.catch_warnings():  # of low octaves, which have few samples
            warnings.filterwarnings("ignore", "n_fft=.* is too large", UserWarning)
            samples = librosa.griffinlim_cqt(
                np.concatenate([magnitudes, silence]).T,
                n_iter=n_iter,
                random_state=rng,
                **parameters,
            )[:n_samples]
    except librosa.ParameterError as error:
        raise ValueError(
            f"librosa cannot invert constant-Q frames of hop_length="
            f"{recipe.hop_length}: {error}. Use a multiple of 2 to the power of the "
            "octaves less one."
        ) from error
    again = audio.constant_q(
        samples.astype(np.float32),
        hop_length=recipe.hop_length,
        **recipe._constant_q_parameters(),
    )[: len(magnitudes)]
    # The sum over overlapping filters is too loud.
    size = float(np.square(again, dtype=np.float64).sum())
    gain = float((again * magnitudes).sum()) / size if size > 0 else 1.0
    return np.asarray(samples) * gain
