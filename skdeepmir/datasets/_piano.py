"""A synthetic piano: strings, hammers, dampers, pedal and soundboard, drawn at random.

Waveforms are float64 arrays (n_samples,), times are in seconds, pitches and velocities
are MIDI numbers, and what is random is drawn from `rng`, an np.random.RandomState.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.signal import fftconvolve

from skdeepmir.datasets._onset_generator import _colour
from skdeepmir.datasets._onset_instruments import _log_uniform
from skdeepmir.datasets._onset_parts import _draw_body
from skdeepmir.datasets._synthesis import _lowpass, midi_to_hz

KEYS = np.arange(128)
MOST_PARTIALS = 72
N_MODES = 3  # of one partial: strings that are coupled, and one out of tune
N_KNOCKS = 8
DECAY = 3 * np.log(10)  # an amplitude falls by 60 dB within DECAY / rate
# Time in which the fundamental first falls by 60 dB, at these pitches.
PITCHES = (21, 36, 48, 60, 72, 84, 96, 108)
DECAYS = (14.0, 10.0, 7.5, 5.0, 2.5, 1.2, 0.6, 0.35)
RESTRIKE = 0.06  # s to fall by 60 dB under the hammer that strikes again
QUIETEST = -75  # dB below the strongest mode at which modes are left out


class Piano(NamedTuple):
    """One instrument; arrays have a row for each MIDI note number."""

    frequencies: np.ndarray  # (128, MOST_PARTIALS, N_MODES)
    rates: np.ndarray  # (128, MOST_PARTIALS, N_MODES) of the decay, 1/s
    weights: np.ndarray  # (128, MOST_PARTIALS, N_MODES) complex, of a hard hammer
    levels: np.ndarray  # (128,)
    cutoffs: np.ndarray  # (128,) Hz, above which a hammer at velocity 64 is dull
    slopes: np.ndarray  # (128,) dB per octave above these
    hardening: float  # how fast the cutoff rises with velocity
    dynamics: float  # exponent of the velocity in the level
    rise: float  # s of contact of the hammer with the string of middle C
    dampings: np.ndarray  # (128,) rates of the dampers, 1/s; 0 where there are none
    knock: float  # level of the hammer's noise
    knock_modes: tuple[np.ndarray, np.ndarray]  # (n, 2) Hz and rate, (n,) weights
    hiss: float  # Hz, up to which it is loudest
    thump: float  # level of the dampers' noise
    resonance: float  # level of the strings that ring while the pedal is down
    resonances: np.ndarray  # of the soundboard


def draw_piano(rng: np.random.RandomState) -> Piano:
    """Draw a piano: a grand or an upright, new or worn, well in tune or less so."""
    fundamental, modes, rates, weights = _draw_strings(rng)
    register = (KEYS - 64) / 44
    levels = rng.normal(0, 1.2, 128) + rng.uniform(-4, 3) * register
    levels -= rng.uniform(0, 4) * register**2
    n = rng.randint(12, 30)
    knocks = np.column_stack(
        [60 * 2 ** rng.uniform(0, 5, n), DECAY / np.exp(rng.uniform(-3.8, -1.8, n))]
    )
    dampings = DECAY / (
        np.interp(KEYS, (21, 40, 60, 88), (0.6, 0.35, 0.2, 0.1))
        * _log_uniform(rng, 0.5, 2)
    )
    return Piano(
        frequencies=modes,
        rates=rates,
        weights=weights,
        levels=10 ** (levels / 20),
        cutoffs=_log_uniform(rng, 280, 1100) * (fundamental / 261.6) ** 0.3,
        slopes=rng.uniform(8, 16) + 10 * np.clip((KEYS - 66) / 30, -0.5, 1.4),
        hardening=rng.uniform(0.3, 1.0),
        dynamics=rng.uniform(1.2, 2.2),
        rise=_log_uniform(rng, 0.002, 0.018),
        dampings=np.where(KEYS > rng.randint(87, 92), 0.0, dampings),
        knock=_log_uniform(rng, 0.03, 0.4),
        knock_modes=(knocks, rng.normal(0, 1, n)),
        hiss=_log_uniform(rng, 1200, 6000),
        thump=_log_uniform(rng, 0.0005, 0.01),
        resonance=_log_uniform(rng, 0.01, 0.08),
        resonances=_draw_body("struck", rng),
    )


def _draw_strings(
    rng: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return fundamentals, and frequencies, rates and weights of all modes."""
    k = np.arange(1, MOST_PARTIALS + 1)
    # Two bridges: treble strings are stiff because they are short, bass strings thick
    # (F. Rigaud, B. David and L. Daudet, DAFx 2011).
    stiffness = np.exp(0.0926 * KEYS - 13.64) + np.exp(-0.0847 * KEYS - 5.82)
    stiffness *= _log_uniform(rng, 0.5, 1.8) * np.exp(rng.normal(0, 0.1, 128))
    # Octaves are tuned wide, so that the partials of stiff strings agree.
    away = (KEYS - 69) / 40
    cents = rng.choice([3, 3, 12]) * rng.normal() + _log_uniform(rng, 3, 20) * away**3
    cents += rng.normal(0, _log_uniform(rng, 0.3, 3), 128)
    fundamental = midi_to_hz(KEYS + cents / 100)
    stretch = np.sqrt(1 + stiffness[:, None] * k**2)
    frequencies = fundamental[:, None] * k * stretch / stretch[:, :1]

    shape = (128, MOST_PARTIALS)
    times = np.exp(np.interp(KEYS, PITCHES, np.log(DECAYS)))
    times *= _log_uniform(rng, 0.5, 1.6) * np.exp(rng.normal(0, 0.15, 128))
    damping = _log_uniform(rng, 1e-7, 6e-7) * (
        frequencies**2 - fundamental[:, None] ** 2
    )
    fast = DECAY / times[:, None] + damping
    fast *= np.exp(rng.normal(0, 0.3, shape))
    slow = fast / rng.uniform(2, 6, shape)
    after = 10 ** (rng.normal(rng.uniform(-20, -8), 4, shape) / 20)
    mistuned = rng.normal(0, _log_uniform(rng, 0.2, 2.5), (128, 1))
    beating = rng.uniform(0.05, 0.6, shape) * np.clip((KEYS[:, None] - 26) / 20, 0.1, 1)
    modes = np.stack(
        [
            frequencies,
            frequencies + rng.normal(0, 0.3, shape),
            frequencies * 2 ** (mistuned / 1200),
        ],
        axis=-1,
    )
    rates = np.stack([fast, slow, (fast + slow) / 2], axis=-1)
    place = rng.uniform(0.105, 0.15)
    gains = (0.12 + np.abs(np.sin(np.pi * k * place))) * k**-0.3
    gains = gains * 10 ** (rng.normal(0, 3.5, shape) / 20)
    # A soundboard is too small for the lowest frequencies.
    edge = _log_uniform(rng, 60, 140)
    gains /= np.sqrt(1 + (edge / frequencies) ** 4)
    gains = gains * np.where(rng.uniform(size=shape) < 0.5, -1, 1)
    weights = np.stack([1 - beating, after, beating], axis=-1) * gains[..., None]
    weights = weights * np.exp(1j * rng.normal(0, 0.5, (*shape, N_MODES)))
    return fundamental, modes, rates, weights


def play_notes(
    piano: Piano,
    notes: np.ndarray,
    pedal: np.ndarray,
    n_samples: int,
    sample_rate: int,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Play notes that sound until their offsets, before room and microphone."""
    out = np.zeros(n_samples)
    knocks = _make_knocks(piano, sample_rate, rng)
    following = _next_of_pitch(notes)
    for note, struck_again in zip(notes, following, strict=True):
        start = round(note["onset"] * sample_rate)
        n_room = n_samples - start
        if n_room <= 0:
            continue
        n_held = max(1, round((note["offset"] - note["onset"]) * sample_rate))
        until = (struck_again - note["onset"]) * sample_rate
        sound = _strike(piano, note, min(n_held, n_room), n_room, until, sample_rate)
        out[start : start + len(sound)] += sound
        knock = knocks[rng.randint(len(knocks))] * _loudness(piano, note)
        begin = max(0, start - rng.randint(int(0.003 * sample_rate) + 1))
        knock = knock[: n_samples - begin]
        out[begin : begin + len(knock)] += piano.knock * knock
        end = start + n_held
        if end < n_samples:
            thump = knocks[rng.randint(len(knocks))][: n_samples - end]
            out[end : end + len(thump)] += piano.thump * rng.uniform(0.3, 1) * thump
    out += _ring_along(piano, out, pedal, sample_rate, rng)
    return _colour(out, piano.resonances, sample_rate)


def _next_of_pitch(notes: np.ndarray) -> np.ndarray:
    """Return when the pitch of each note is struck again; inf if it is not."""
    following = np.full(len(notes), np.inf)
    order = np.lexsort((notes["onset"], notes["pitch"]))
    same = notes["pitch"][order[1:]] == notes["pitch"][order[:-1]]
    following[order[:-1][same]] = notes["onset"][order[1:][same]]
    return following


def _loudness(piano: Piano, note: np.void) -> float:
    return float((note["velocity"] / 127) ** piano.dynamics)


def _strike(
    piano: Piano,
    note: np.void,
    n_held: int,
    n_room: int,
    until: float,
    sample_rate: int,
) -> np.ndarray:
    """Return the sound of one note: struck, held, damped."""
    key = note["pitch"]
    frequencies = piano.frequencies[key]
    hardness = (note["velocity"] / 64) ** piano.hardening
    over = 1 + (frequencies[:, :1] / (piano.cutoffs[key] * hardness)) ** 2
    dull = over ** (-piano.slopes[key] / 12.04)
    weights = piano.weights[key] * dull
    weights[frequencies > min(0.46 * sample_rate, 12000)] = 0
    sizes = np.abs(weights)
    weights = weights / (np.sqrt(np.sum(sizes**2)) + 1e-12)
    kept = sizes > 10 ** (QUIETEST / 20) * sizes.max()
    poles = (2j * np.pi * frequencies[kept] - piano.rates[key][kept]) / sample_rate
    starts = weights[kept] * piano.levels[key] * _loudness(piano, note)

    # Without a damper, a string rings on until its hammer comes back.
    damping = piano.dampings[key]
    if not damping:
        slowest = DECAY / piano.rates[key][0].min()
        n_held = int(min(n_room, until, slowest * sample_rate))
    held = _sum_modes(starts, poles, n_held)
    contact = piano.rise * (261.6 / frequencies[0, 0]) ** 0.4 / hardness**0.3
    n_rise = min(len(held), max(2, int(contact * sample_rate)))
    held[:n_rise] *= np.sin(0.5 * np.pi * np.arange(n_rise) / n_rise) ** 2
    if n_held >= n_room:
        return held[:n_room]
    if n_held >= until - 0.005 * sample_rate:
        damping = DECAY / RESTRIKE
    elif not damping:
        return held
    n_damped = min(int(DECAY / damping * sample_rate), n_room - n_held)
    # Dampers stop high partials first.
    extra = damping * (0.6 + 0.4 * np.sqrt(frequencies[kept] / frequencies[0, 0]))
    after = starts * np.exp(poles * n_held)
    return np.r_[held, _sum_modes(after, poles - extra / sample_rate, n_damped)]


def _sum_modes(starts: np.ndarray, poles: np.ndarray, n_samples: int) -> np.ndarray:
    """Return the imaginary part of sum(starts * exp(poles * n)) for n < n_samples."""
    # exp(p (i block + j)) is a product: of the sum remains one matrix product.
    block = int(np.sqrt(n_samples)) + 1
    i = np.arange(-(-n_samples // block)) * block
    coarse = starts * np.exp(np.multiply.outer(i, poles))
    fine = np.exp(np.multiply.outer(poles, np.arange(block)))
    coarse = np.hstack([coarse.real, coarse.imag]).astype(np.float32)
    fine = np.vstack([fine.imag, fine.real]).astype(np.float32)
    return (coarse @ fine).ravel()[:n_samples].astype(float)


def _make_knocks(
    piano: Piano, sample_rate: int, rng: np.random.RandomState
) -> list[np.ndarray]:
    """Return some noises of hammer and keybed, which shake the soundboard."""
    modes, weights = piano.knock_modes
    n_samples = int(0.12 * sample_rate)
    poles = (2j * np.pi * modes[:, 0] - modes[:, 1]) / sample_rate
    time = np.arange(n_samples) / sample_rate
    knocks = []
    for _ in range(N_KNOCKS):
        varied = weights * np.exp(rng.normal(0, 0.4, len(weights)))
        knock = _sum_modes(varied.astype(complex), poles, n_samples)
        hiss = _lowpass(rng.normal(size=n_samples), piano.hiss, sample_rate)
        knock += hiss * np.exp(-time / rng.uniform(0.003, 0.012))
        knock *= np.minimum(1, time / 0.001) * np.minimum(1, (time[-1] - time) / 0.02)
        knocks.append(knock / np.abs(knock).max())
    return knocks


def _ring_along(
    piano: Piano,
    dry: np.ndarray,
    pedal: np.ndarray,
    sample_rate: int,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Return what all strings add while the pedal lifts their dampers."""
    out = np.zeros_like(dry)
    n_fade = int(0.25 * sample_rate)
    if not len(pedal):
        return out
    strings, partials = rng.randint(28, 90, 250), rng.randint(0, 5, 250)
    frequencies = piano.frequencies[strings, partials, 0]
    kept = frequencies < 0.45 * sample_rate
    rates = piano.rates[strings, partials, 0][kept]
    poles = (2j * np.pi * frequencies[kept] - rates) / sample_rate
    starts = np.exp(2j * np.pi * rng.uniform(size=kept.sum()))
    response = _sum_modes(starts, poles, int(2.5 * sample_rate))
    response *= piano.resonance / np.sqrt(np.sum(response**2))
    for down, up in pedal:
        start, stop = int(down * sample_rate), int(up * sample_rate)
        if stop <= start or start >= len(dry):
            continue
        end = min(len(dry), stop + n_fade)
        ringing = fftconvolve(dry[start:stop], response)[: end - start]
        fading = ringing[stop - start :]
        fading *= np.linspace(1, 0, n_fade)[: len(fading)]
        out[start : start + len(ringing)] += ringing
    return out
