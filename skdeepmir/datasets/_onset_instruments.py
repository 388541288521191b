"""Instruments for onset clips: percussion, held tones, and notes that start exactly.

As in `_synthesis`, waveforms are float64 (n_samples,), times are in seconds, and what
is random is drawn from `rng`, an np.random.RandomState.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.signal import lfilter

from skdeepmir.datasets._synthesis import (
    Instrument,
    Note,
    _decaying_sine,
    _highpass,
    _lowpass,
    draw_instrument,
)

EARLY = 0.1  # s of a note in which its early peak is looked for
MOST_PARTIALS = 60
# Modes of a membrane, relative to the lowest one.
MEMBRANE = np.array([1, 1.59, 2.14, 2.3, 2.65, 2.92, 3.5])
# Modes of a free bar; of a thick tuned one, the second lies at about 4.
BAR = np.array([1, 2.76, 5.4, 8.93, 13.3])
TUNED_BAR = np.array([1, 4, 10, 17.5])


class Voice(NamedTuple):
    """An instrument that can hold its tone: bowed, blown, sung or from a keyboard."""

    lowest_pitch: float
    slope: float  # dB per octave by which partials fall
    partials: np.ndarray  # (MOST_PARTIALS,) factors on their amplitudes
    attack: float
    shape: float  # of the attack: below 1 it starts fast, above 1 slowly
    release: float
    opening: float  # s until the spectrum has all its brightness
    noise: float  # breath or bow, relative to the tone
    chiff: float  # noise at the start, relative to the tone
    noise_cutoff: float
    vibrato_rate: float
    vibrato_depth: float  # semitones
    tremolo: float  # how deep loudness follows the vibrato, 0 to 1
    scoop: float  # semitones below the note at which it starts
    flutter: float  # how much loudness wavers at random, 0 to 1
    players: int  # who play the same notes, a little out of tune


class Piece(NamedTuple):
    """One percussion instrument."""

    kind: str
    frequency: float  # of the lowest mode
    ratios: np.ndarray  # of all modes to the lowest one
    decay: float  # of the modes: time to fall by 60 dB
    modes: float  # level of the modes
    bend: float  # by which factor the pitch starts too high
    noise: float  # level of the noise
    noise_decay: float
    band: tuple[float, float]  # Hz, of the noise
    attack: float
    bursts: int  # of noise, one after the other: hands that clap


# ------------------------------------------------------------------------- onset


def find_start(sound: np.ndarray, sample_rate: int) -> int:
    """Return the first sample that reaches a tenth of the early peak of a note."""
    level = np.abs(sound)
    return int(np.argmax(level >= 0.1 * level[: int(EARLY * sample_rate)].max()))


# -------------------------------------------------------------------- percussion


def _log_uniform(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


# For each kind: frequency, decay, level of modes, bend, level of noise, its decay, the
# lower and the upper edge of its band, attack.
PIECES = {
    "kick": ((40, 75), (0.12, 0.6), (1, 1), (1, 3.5), (0.02, 0.4), (0.01, 0.05),
             (500, 1000), (2000, 6000), (0.0005, 0.004)),
    "snare": ((140, 260), (0.08, 0.25), (0.3, 1), (1, 1.4), (0.3, 1.2), (0.08, 0.35),
              (800, 2000), (6000, 12000), (0.0003, 0.002)),
    "tom": ((65, 200), (0.2, 0.8), (1, 1), (1, 1.6), (0.03, 0.3), (0.02, 0.1),
            (300, 800), (2000, 5000), (0.0005, 0.004)),
    "closed hat": ((300, 600), (0.03, 0.12), (0, 0.3), (1, 1), (0.7, 1), (0.03, 0.15),
                   (4000, 8000), (9000, 16000), (0.0003, 0.003)),
    "open hat": ((300, 600), (0.2, 0.8), (0, 0.3), (1, 1), (0.7, 1), (0.25, 1.2),
                 (3500, 7000), (9000, 16000), (0.0005, 0.004)),
    "ride": ((250, 500), (0.6, 3), (0.3, 1), (1, 1), (0.15, 0.6), (0.3, 2.0),
             (2500, 5000), (8000, 14000), (0.0003, 0.002)),
    "crash": ((200, 400), (0.8, 3), (0.2, 0.6), (1, 1), (0.6, 1), (0.8, 3),
              (1500, 4000), (8000, 15000), (0.001, 0.01)),
    "hand drum": ((90, 450), (0.06, 0.5), (1, 1), (1, 1.3), (0.05, 0.6), (0.01, 0.06),
                  (600, 1500), (2500, 7000), (0.0003, 0.003)),
    "wood": ((400, 2500), (0.03, 0.15), (1, 1), (1, 1.02), (0.02, 0.3), (0.005, 0.02),
             (1000, 2500), (4000, 9000), (0.0002, 0.001)),
    "metal": ((500, 4000), (0.2, 2.5), (1, 1), (1, 1), (0.01, 0.2), (0.005, 0.03),
              (2000, 4000), (6000, 14000), (0.0002, 0.001)),
    "shaker": ((300, 600), (0.03, 0.1), (0, 0), (1, 1), (1, 1), (0.06, 0.2),
               (2500, 6000), (8000, 15000), (0.008, 0.035)),
    "brush": ((140, 260), (0.05, 0.2), (0, 0.1), (1, 1), (1, 1), (0.1, 0.35),
              (1000, 3000), (5000, 12000), (0.004, 0.02)),
    "clap": ((300, 600), (0.03, 0.1), (0, 0), (1, 1), (1, 1), (0.08, 0.35),
             (700, 1200), (2500, 6000), (0.0005, 0.002)),
}  # fmt: skip


def draw_piece(kind: str, rng: np.random.RandomState) -> Piece:
    """Draw one percussion instrument of a kind."""
    values = [
        _log_uniform(rng, *span) if span[0] > 0 else float(rng.uniform(*span))
        for span in PIECES[kind]
    ]
    frequency, decay, modes, bend, noise, noise_decay, low, high, attack = values
    if kind in ("kick", "snare", "tom", "hand drum"):
        ratios = MEMBRANE
    elif kind in ("wood", "metal"):
        ratios = BAR
    else:
        ratios = np.sort(rng.uniform(1, 24, 20))
    return Piece(
        kind=kind,
        frequency=frequency,
        ratios=ratios * 2 ** rng.normal(0, 0.03, len(ratios)),
        decay=decay,
        modes=modes,
        bend=bend,
        noise=noise,
        noise_decay=noise_decay,
        band=(low, high),
        attack=attack,
        bursts=rng.randint(2, 5) if kind == "clap" else 1,
    )


def hit(
    piece: Piece, velocity: float, sample_rate: int, rng: np.random.RandomState
) -> np.ndarray:
    """Strike a piece; a soft stroke is duller and a little shorter."""
    longest = max(piece.decay if piece.modes else 0, piece.noise_decay)
    n_samples = int((0.7 * longest + 0.06) * sample_rate)
    time = np.arange(n_samples) / sample_rate
    sound = np.zeros(n_samples)
    if piece.modes:
        sound += piece.modes * _ring(piece, velocity, time, sample_rate, rng)
    if piece.noise:
        sound += piece.noise * _rattle(piece, velocity, time, sample_rate, rng)
    sound *= np.minimum(1, (time + 1 / sample_rate) / piece.attack)
    sound *= np.minimum(1, (time[-1] - time) / 0.01)
    return velocity * sound / (np.abs(sound).max() + 1e-9)


def _ring(piece, velocity, time, sample_rate, rng):
    """Sum the modes of a piece, at a peak of 1."""
    # Where it is hit changes from stroke to stroke.
    weights = np.exp(rng.normal(0, 0.35, len(piece.ratios)))
    falloff = 0.7 if len(weights) < 10 else 0.05
    weights *= np.exp(-np.arange(len(weights)) * falloff * (1.5 - velocity))
    sweep = 1 + (piece.bend - 1) * velocity * np.exp(-time / 0.025)
    turns = 2 * np.pi * np.cumsum(sweep) / sample_rate
    sound = np.zeros(len(time))
    for k, frequency in enumerate(piece.frequency * piece.ratios):
        if frequency < 0.45 * sample_rate:
            decay = piece.decay * velocity**0.15 / (1 + 0.4 * min(k, 5))
            if piece.bend == 1:
                start = weights[k]
                sound += _decaying_sine(frequency, start, decay, len(time), sample_rate)
            else:
                fall = np.exp(-6.9 * time / decay)
                sound += weights[k] * fall * np.sin(frequency * turns)
    return sound / (np.abs(sound).max() + 1e-9)


def _rattle(piece, velocity, time, sample_rate, rng):
    """Noise of wires, jingles or hands, at a peak of 1."""
    low, high = piece.band
    noise = _lowpass(
        rng.normal(size=len(time)), high * (0.4 + 0.6 * velocity), sample_rate
    )
    noise = _highpass(noise, low, sample_rate)
    envelope = np.exp(-6.9 * time / (piece.noise_decay * velocity**0.15))
    for _ in range(piece.bursts - 1):
        # Hands meet some milliseconds apart, each heard for a moment.
        late = rng.uniform(0.005, 0.011)
        short = np.exp(-time / 0.003)
        envelope = np.where(time < late, short, _shift(envelope, late, sample_rate))
    noise *= envelope
    return noise / (np.abs(noise).max() + 1e-9)


def _shift(values, seconds, sample_rate):
    n = int(seconds * sample_rate)
    return np.r_[np.zeros(n), values[: len(values) - n]]


# ------------------------------------------------------------ plucked and struck


def draw_pitched_percussion(rng: np.random.RandomState) -> tuple[str, Instrument]:
    """Draw a string or bar that is plucked or struck, with its name."""
    name = str(rng.choice(["guitar", "harp", "bass", "piano", "piano", "mallets"]))
    timbre = "struck" if name in ("piano", "mallets") else "plucked"
    lowest = {"guitar": 40, "harp": 45, "bass": 28, "piano": 33, "mallets": 53}[name]
    instrument = draw_instrument(timbre, rng)._replace(
        lowest_pitch=lowest + rng.randint(0, 18),
        attack=_log_uniform(rng, 0.0005, 0.02),
        decay=_log_uniform(rng, 1, 15),
        noise=_log_uniform(rng, 0.005, 0.3),
    )
    if name == "piano":
        instrument = instrument._replace(
            inharmonicity=_log_uniform(rng, 5e-5, 1e-3),
            brightness=_log_uniform(rng, 2, 20),
        )
    elif name == "mallets":
        # Few partials, far apart.
        instrument = instrument._replace(
            inharmonicity=_log_uniform(rng, 0.05, 1.0),
            brightness=_log_uniform(rng, 0.7, 2.5),
            decay=_log_uniform(rng, 0.15, 3),
        )
    return name, instrument


# -------------------------------------------------------------------- held tones

# For each kind: lowest pitch, slope, attack, release, noise, vibrato in semitones.
VOICES = {
    "strings": ((36, 60), (-12, -4), (0.02, 0.35), (0.05, 0.4),
                (0.005, 0.15), (0.02, 0.6)),
    "winds": ((45, 70), (-16, -6), (0.01, 0.15), (0.03, 0.2),
              (0.005, 0.3), (0.01, 0.4)),
    "brass": ((36, 60), (-14, -3), (0.015, 0.15), (0.04, 0.2),
              (0.002, 0.05), (0.01, 0.3)),
    "voice": ((43, 62), (-14, -5), (0.015, 0.2), (0.03, 0.2),
              (0.005, 0.1), (0.05, 1.0)),
    "keys": ((40, 60), (-10, -2), (0.004, 0.2), (0.02, 0.3),
             (0.001, 0.02), (0.003, 0.1)),
}  # fmt: skip


def draw_voice(rng: np.random.RandomState, kind: str | None = None) -> Voice:
    """Draw an instrument that holds its tones."""
    kind = kind or str(rng.choice(list(VOICES)))
    lowest, slope, attack, release, noise, vibrato = VOICES[kind]
    partials = 10 ** (rng.normal(0, 4, MOST_PARTIALS) / 20)
    if kind == "winds":
        # From closed pipes (odd harmonics only) to open ones.
        partials[1::2] *= rng.uniform(0.03, 1)
    return Voice(
        lowest_pitch=rng.uniform(*lowest),
        slope=rng.uniform(*slope),
        partials=partials,
        attack=_log_uniform(rng, *attack),
        shape=_log_uniform(rng, 0.5, 3),
        release=_log_uniform(rng, *release),
        opening=_log_uniform(rng, 0.02, 0.25),
        noise=_log_uniform(rng, *noise),
        chiff=_log_uniform(rng, 0.01, 0.5),
        noise_cutoff=_log_uniform(rng, 1500, 9000),
        vibrato_rate=rng.uniform(3.5, 7.5),
        vibrato_depth=_log_uniform(rng, *vibrato),
        tremolo=rng.choice([0, rng.uniform(0, 0.5)]),
        scoop=rng.choice([0, rng.uniform(0, 1.5)]),
        flutter=rng.uniform(0, 0.4),
        players=rng.choice([1, 1, 1, 2, 3]),
    )


def sing(
    voice: Voice,
    note: Note,
    legato: bool,
    sample_rate: int,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Hold a tone: attack, vibrato, tremolo, a swell or a fall in loudness, release."""
    # Slurred notes start and end faster, without a new stroke or breath.
    attack = min(voice.attack, 0.03) if legato else voice.attack
    attack *= rng.uniform(0.7, 1.4) * (1.3 - 0.4 * note.velocity)
    release = min(voice.release, 0.08) if legato else voice.release
    n_samples = int((note.duration + release) * sample_rate)
    time = np.arange(n_samples) / sample_rate
    rise = np.minimum(1, (time + 1 / sample_rate) / attack) ** voice.shape
    fall = 10 ** (-3 * np.maximum(0, time - note.duration) / release)
    # Loudness moves from dB to dB between points: swells, and falls after the attack.
    points = np.r_[0, rng.uniform(-9, 5, 1 + int(2 * note.duration))]
    if rng.uniform() < 0.4:
        points[:] = 0
    level = np.interp(time, np.linspace(0, note.duration + 0.01, len(points)), points)
    loudness = 10 ** (level / 20)
    loudness *= 1 + voice.flutter * _drift(n_samples, 6, sample_rate, rng)
    n_partials = min(MOST_PARTIALS, max(1, int(0.45 * sample_rate / note.frequency)))
    k = np.arange(1, n_partials + 1)
    slope = voice.slope - 6 * (1 - note.velocity)
    amplitudes = voice.partials[:n_partials] * k ** (slope / 6.02)
    start = 1 if legato else rng.uniform(0.4, 0.95)
    opening = start + (1 - start) * (1 - np.exp(-time / voice.opening))
    sound = np.zeros(n_samples)
    for _ in range(voice.players):
        turns, wave = _vibrato(voice, note, legato, time, sample_rate, rng)
        tone = _partials(opening * np.exp(1j * turns), amplitudes)
        sound += tone * (1 + voice.tremolo * wave)
    sound /= np.abs(sound).max()
    breath = _lowpass(rng.normal(size=n_samples), voice.noise_cutoff, sample_rate)
    breath *= 1 + 0.7 * _drift(n_samples, 10, sample_rate, rng)
    burst = 0 if legato else voice.chiff * np.exp(-time / (0.5 * attack + 0.005))
    sound += breath * (voice.noise + burst) * 0.3
    sound *= rise * fall * loudness
    return note.velocity * sound / (np.abs(sound).max() + 1e-9)


def _vibrato(voice, note, legato, time, sample_rate, rng):
    """Return the phase of one player's tone, and the wave of the vibrato."""
    wave = np.sin(2 * np.pi * voice.vibrato_rate * time + rng.uniform(0, 2 * np.pi))
    wave *= np.clip((time - 0.1) / 0.3, 0, 1)
    bend = voice.vibrato_depth * wave
    bend += 0.1 * _drift(len(time), 2, sample_rate, rng)
    if voice.players > 1:
        bend += rng.normal(0, 0.08)
    if not legato:
        bend -= voice.scoop * rng.uniform(0, 1) * np.exp(-time / 0.05)
    frequency = note.frequency * 2 ** (bend / 12)
    return 2 * np.pi * np.cumsum(frequency) / sample_rate, wave


def _partials(turn, amplitudes):
    """Return the sum of amplitudes[k] times the imaginary part of turn ** (k + 1)."""
    # Horner's rule: a polynomial needs no sine for each partial.
    turn = turn.astype(np.complex64)
    tone = np.zeros_like(turn)
    for amplitude in amplitudes[::-1].astype(np.float32):
        tone += amplitude
        tone *= turn
    return tone.imag.astype(float)


def _drift(n_samples, rate, sample_rate, rng):
    """Wandering at random, slower than `rate` Hz, at 1 at most."""
    pole = np.exp(-2 * np.pi * rate / sample_rate)
    noise = lfilter([1 - pole], [1, -pole], rng.normal(size=n_samples))
    return noise / (np.abs(noise).max() + 1e-9)
