"""Players for onset clips: what they play, and on which instrument.

Times are in seconds from the start of the clip. Whatever is random is drawn from `rng`,
an np.random.RandomState.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from skdeepmir.datasets._onset_instruments import (
    Piece,
    draw_piece,
    draw_pitched_percussion,
    draw_voice,
    hit,
    sing,
)
from skdeepmir.datasets._synthesis import (
    RESONANCES,
    SCALES,
    Note,
    midi_to_hz,
    play_note,
)


class Setting(NamedTuple):
    """Tempo and key, which all parts of a song have in common."""

    beat: float
    tonic: int
    scale: tuple


class Sound(NamedTuple):
    """A note or a stroke, and when it begins."""

    time: float
    wave: np.ndarray


# Gives the sounds from start to end at a sample rate.
Play = Callable[[float, float, int, np.random.RandomState], list[Sound]]


class Part(NamedTuple):
    """One player: what gives its sounds, and how it is recorded."""

    play: Play
    resonances: np.ndarray  # of its body
    level: float  # dB
    drive: float  # of an amplifier that distorts, 0 for none


def draw_setting(rng: np.random.RandomState) -> Setting:
    """Draw a tempo and a key."""
    tonic, scale = rng.randint(12), SCALES[rng.randint(len(SCALES))]
    return Setting(float(rng.uniform(0.35, 0.9)), tonic, scale)


class Style(NamedTuple):
    """How a part is played: what its notes have in common."""

    lengths: np.ndarray  # beats between notes
    rest: float  # probability, as those below
    chord: float
    n_notes: int  # of a chord at most
    spread: float  # s from the first to the last note of a chord
    held: tuple[float, float]  # duration relative to the time until the next note
    slur: float
    repeat: float
    leap: int  # steps of the scale at most
    softest: float  # velocity


def _draw_style(sustained: bool, rng: np.random.RandomState) -> Style:
    lengths = rng.choice([0.25, 0.5, 0.5, 1, 1, 2], size=rng.randint(1, 5))
    low = rng.uniform(0.2, 1)
    return Style(
        lengths=lengths,
        rest=rng.uniform(0, 0.3),
        chord=rng.choice([0, rng.uniform(0, 1)]),
        n_notes=rng.randint(2, 6),
        spread=rng.choice([0.003, 0.01, 0.03]),
        held=(low, low + rng.uniform(0, 0.4)) if sustained else (low, 4 * low),
        slur=rng.choice([0, rng.uniform(0, 1)]) if sustained else 0,
        repeat=rng.choice([0, rng.uniform(0, 0.6)]),
        leap=rng.randint(1, 6),
        softest=rng.uniform(0.15, 0.7),
    )


def _draw_body(timbre: str, rng: np.random.RandomState) -> np.ndarray:
    """Draw resonances: some broad ones of the timbre, and many that are narrow."""
    broad = np.array(RESONANCES[timbre], dtype=float)
    broad[:, 0] *= 2 ** rng.normal(0, 0.5, len(broad))
    broad[:, 2] += rng.normal(0, 4, len(broad))
    n = rng.randint(25)
    # Partials with vibrato rise and fall as they cross these.
    narrow = np.column_stack(
        [
            150 * 2 ** rng.uniform(0, 5.5, n),
            rng.uniform(0.03, 0.1, n),
            rng.normal(0, 6, n),
        ]
    )
    return np.vstack([broad, narrow])


def draw_percussive(setting: Setting, level: float, rng: np.random.RandomState) -> Part:
    """Draw a player of a string or bar that is plucked or struck."""
    name, instrument = draw_pitched_percussion(rng)
    style = _draw_style(False, rng)
    if name == "bass":
        style = style._replace(chord=0)
    frequencies = _pitches(instrument.lowest_pitch, 26, setting)

    def play(start, end, sample_rate, rng):
        return [
            Sound(time, play_note(instrument, note, sample_rate, rng))
            for time, note, _ in _write_notes(
                style, frequencies, setting.beat, start, end, rng
            )
        ]

    drive = rng.uniform(1, 8) if name == "guitar" and rng.uniform() < 0.25 else 0.0
    return Part(play, _draw_body(instrument.timbre, rng), level, drive)


def draw_sustained(setting: Setting, level: float, rng: np.random.RandomState) -> Part:
    """Draw a player of an instrument that holds its tones."""
    voice = draw_voice(rng)
    style = _draw_style(True, rng)
    frequencies = _pitches(voice.lowest_pitch, 24, setting)

    def play(start, end, sample_rate, rng):
        return [
            Sound(time, sing(voice, note, slurred, sample_rate, rng))
            for time, note, slurred in _write_notes(
                style, frequencies, setting.beat, start, end, rng
            )
        ]

    return Part(play, _draw_body(rng.choice(["blown", "bowed"]), rng), level, 0.0)


def draw_drums(setting: Setting, level: float, rng: np.random.RandomState) -> Part:
    """Draw a kit with a groove, or a few percussion instruments."""
    if rng.uniform() < 0.7:
        kinds = ["kick", "snare", rng.choice(["closed hat", "ride", "shaker"])]
        extra = ["open hat", "crash", "tom", "tom", "ride", "clap", "metal", "wood"]
        kinds += list(rng.choice(extra, rng.randint(0, 4), replace=False))
        if rng.uniform() < 0.1:
            kinds[1] = "brush"
    else:
        pool = ["hand drum"] * 4 + ["wood", "metal", "shaker", "tom", "clap"]
        kinds = ["hand drum", *rng.choice(pool, rng.randint(0, 4), replace=False)]
    pieces = [draw_piece(str(kind), rng) for kind in kinds]
    steps = rng.choice([12, 16, 16])
    grid = np.array([_draw_pattern(piece, steps, rng) for piece in pieces])
    levels = rng.uniform(0.3, 1, len(pieces))
    swing = rng.choice([0, rng.uniform(0, 0.3)])
    ornaments = rng.uniform(0, 0.12)

    def play(start, end, sample_rate, rng):
        sounds = []
        step = setting.beat / (steps // 4)
        for i in range(int((end - start) / step)):
            time = start + (i + swing * (i % 2)) * step
            for piece, row, loudness in zip(pieces, grid, levels, strict=True):
                if rng.uniform() >= row[i % steps]:
                    continue
                # Accents, strokes in between, and ghost notes.
                velocity = loudness * rng.choice([1, 1, 0.6, 0.25])
                for late, factor in _strokes(piece, ornaments, step, rng):
                    wave = hit(piece, velocity * factor, sample_rate, rng)
                    human = rng.normal(0, 0.004)
                    sounds.append(Sound(time + late + human, wave))
        return sounds

    return Part(play, _draw_body("drum", rng), level, 0.0)


def _draw_pattern(piece: Piece, steps: int, rng: np.random.RandomState) -> np.ndarray:
    """Return the probability of a stroke on each step of a bar."""
    per_beat = steps // 4
    pattern = rng.choice([0, 0, 0, 0.3, 0.9], size=steps)
    strong = np.arange(steps) % per_beat == 0
    if piece.kind in ("closed hat", "ride", "shaker"):
        every = rng.choice([1, 2, per_beat])
        pattern = np.where(np.arange(steps) % every == 0, 0.9, 0.1)
    elif piece.kind == "kick":
        pattern[strong] = rng.choice([0.2, 0.95], size=int(strong.sum()))
    elif piece.kind in ("snare", "clap", "brush"):
        pattern = 0.15 * (rng.uniform(size=steps) < 0.4)
        pattern[[per_beat, 3 * per_beat]] = 0.95
    elif piece.kind in ("crash", "open hat", "tom"):
        pattern = np.where(rng.uniform(size=steps) < 0.12, 0.5, 0.0)
    return pattern.astype(float)


def _strokes(
    piece: Piece, ornaments: float, step: float, rng: np.random.RandomState
) -> list[tuple[float, float]]:
    """Return when after the step, and how loud, to strike: once, a flam or a roll."""
    draw = rng.uniform()
    if piece.kind in ("kick", "shaker", "clap", "crash") or draw >= ornaments:
        return [(0.0, 1.0)]
    if draw < ornaments / 2:
        return [(-rng.uniform(0.012, 0.05), rng.uniform(0.3, 0.7)), (0.0, 1.0)]
    n = rng.randint(2, 5)
    return [(k * max(step / n, 0.04), rng.uniform(0.4, 1)) for k in range(n)]


def _write_notes(
    style: Style,
    frequencies: np.ndarray,
    beat: float,
    start: float,
    end: float,
    rng: np.random.RandomState,
) -> list[tuple[float, Note, bool]]:
    """Return times, notes and whether they are slurred, from start to end."""
    notes = []
    place, time, slurred = rng.randint(len(frequencies)), start, False
    while time < end:
        length = max(beat * rng.choice(style.lengths), 0.07)
        if rng.uniform() < style.rest:
            slurred = False
            time += length
            continue
        if rng.uniform() >= style.repeat:
            step = rng.randint(-style.leap, style.leap + 1)
            place = np.clip(place + step, 0, len(frequencies) - 1)
            slurred &= step != 0
        else:
            slurred = False
        n_notes = (
            rng.randint(2, style.n_notes + 1) if rng.uniform() < style.chord else 1
        )
        places = (place + rng.randint(2, 4) * np.arange(n_notes)) % len(frequencies)
        next_slurred = rng.uniform() < style.slur
        held = length if next_slurred else length * rng.uniform(*style.held)
        velocity = rng.uniform(style.softest, 1)
        human = rng.normal(0, 0.006)
        for i, p in enumerate(places):
            late = human + i / n_notes * style.spread * rng.uniform(0.5, 1)
            loudness = velocity * rng.uniform(0.7, 1)
            note = Note(time + late, held, frequencies[p], loudness)
            notes.append((time + late, note, bool(slurred)))
        slurred = next_slurred
        time += length
    return notes


def _pitches(lowest: float, span: int, setting: Setting) -> np.ndarray:
    """Return the notes of a scale within `span` semitones, in Hz."""
    low = round(lowest)
    notes = [
        p for p in range(low, low + span) if (p - setting.tonic) % 12 in setting.scale
    ]
    return midi_to_hz(np.array(notes, dtype=float))
