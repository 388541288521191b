"""Music for a piano: two hands, harmonies, textures, rubato, dynamics and pedal.

Textures are written in beats, then played at a tempo that wavers. Whatever is random is
drawn from `rng`, an np.random.RandomState.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from skdeepmir.datasets._synthesis import SCALES

LOWEST, HIGHEST = 21, 108
SHORTEST = 0.05  # s for which a key is down at least
LIFT = 0.02  # s from a key's release to its next stroke at least
REST = 0.05  # s before the end of a clip in which no note begins


class Stroke(NamedTuple):
    """One key, in beats from the start of a bar."""

    beat: float
    length: float
    pitch: int
    accent: float = 0.0  # relative to the dynamics, in MIDI velocities


class Bar(NamedTuple):
    """The harmony that both hands play in."""

    scale: np.ndarray  # all pitches of the key
    chord: np.ndarray  # all pitches of the harmony
    beats: float
    beat: float  # s


class Sketch(NamedTuple):
    """A piece as it is written."""

    strokes: list[Stroke]
    times: tuple[np.ndarray, np.ndarray]  # beats, and seconds of these
    changes: np.ndarray  # s at which the harmony changes
    is_pedalled: bool


class Hand(NamedTuple):
    """Where a hand plays, and how."""

    centre: float
    detached: float  # length of a key relative to its place in the rhythm
    division: int  # strokes per beat of its figures


# ------------------------------------------------------------------------ textures


def _around(pitches: np.ndarray, centre: float, reach: float) -> np.ndarray:
    """Return the pitches of a set within so many semitones of a centre, 1 at least."""
    near = pitches[np.abs(pitches - centre) <= reach]
    return near if len(near) else pitches[[np.argmin(np.abs(pitches - centre))]]


def _grid(bar: Bar, division: int) -> np.ndarray:
    return np.arange(round(bar.beats * division)) / division


def _melody(bar: Bar, hand: Hand, rng: np.random.RandomState) -> list[Stroke]:
    """Step and leap in a rhythm of its own, with a grace note here and there."""
    pitches = _around(bar.scale, hand.centre, 10)
    place, beat, strokes = rng.randint(len(pitches)), 0.0, []
    while beat < bar.beats - 1e-6:
        length = min(rng.choice([0.25, 0.5, 0.5, 1, 1, 1.5, 2]), bar.beats - beat)
        if rng.uniform() > 0.1:
            pitch = pitches[place]
            if rng.uniform() < 0.05:
                strokes.append(Stroke(beat - 0.12, 0.1, pitch + rng.randint(1, 3), -8))
            strokes.append(Stroke(beat, length, pitch, 8 if beat % 1 == 0 else 3))
        step = rng.choice([-1, 1, -2, 2, 0, rng.randint(-5, 6)])
        place = int(np.clip(place + step, 0, len(pitches) - 1))
        beat += length
    return strokes


def _doubled(intervals: tuple[int, ...]) -> Callable[..., list[Stroke]]:
    def play(bar: Bar, hand: Hand, rng: np.random.RandomState) -> list[Stroke]:
        below = rng.choice(intervals)
        strokes = _melody(bar, hand, rng)
        return strokes + [s._replace(pitch=s.pitch - below) for s in strokes]

    return play


def _accompanied(bar: Bar, hand: Hand, rng: np.random.RandomState) -> list[Stroke]:
    """Sing a melody over chords in the same hand."""
    strokes = _melody(bar, hand, rng)
    for stroke in [s for s in strokes if s.length >= 0.5 and rng.uniform() < 0.7]:
        below = bar.chord[(bar.chord < stroke.pitch - 2)][-rng.randint(1, 4) :]
        kept = below[below > stroke.pitch - 13]
        strokes += [Stroke(stroke.beat, stroke.length, p, -10) for p in kept]
    return strokes


def _chords(bar: Bar, hand: Hand, rng: np.random.RandomState) -> list[Stroke]:
    """Strike chords of two to five notes, on the beat or off it, or hold them."""
    n_notes = rng.randint(2, 6)
    every = rng.choice([bar.beats, 2, 1, 1, 0.5])
    offbeat = every <= 1 and rng.uniform() < 0.3
    strokes = []
    for beat in np.arange(every / 2 if offbeat else 0, bar.beats, every):
        centre = hand.centre + rng.choice([0, 0, rng.randint(-5, 6)])
        near = _around(bar.chord, centre, 9)
        chosen = rng.choice(near, min(n_notes, len(near)), replace=False)
        chosen = chosen[chosen - chosen.min() <= 14]
        strokes += [Stroke(beat, every, p) for p in chosen]
    return strokes


def _run(bar: Bar, hand: Hand, rng: np.random.RandomState) -> list[Stroke]:
    """Run up and down the scale, or all keys."""
    pitches = np.arange(LOWEST, HIGHEST + 1) if rng.uniform() < 0.15 else bar.scale
    pitches = _around(pitches, hand.centre, rng.choice([8, 12, 18]))
    times = _grid(bar, max(2, hand.division))
    steps = np.where(rng.uniform(size=len(times)) < 0.08, -1, 1).cumprod()
    places = rng.randint(len(pitches)) + np.cumsum(steps)
    # The run turns back at its ends.
    period = max(1, 2 * (len(pitches) - 1))
    places = np.minimum(places % period, -places % period)
    length = times[1] - times[0] if len(times) > 1 else 1
    return [Stroke(t, length, p) for t, p in zip(times, pitches[places], strict=True)]


def _arpeggio(bar: Bar, hand: Hand, rng: np.random.RandomState) -> list[Stroke]:
    """Break the chord up over one to three octaves; keys may stay down."""
    pitches = _around(bar.chord, hand.centre, rng.choice([7, 12, 18]))
    n = len(pitches)
    order = [
        np.arange(n),
        np.arange(n)[::-1],
        np.r_[np.arange(n), np.arange(n)[-2:0:-1]],
        rng.permutation(n),
    ][rng.randint(4)]
    times = _grid(bar, hand.division)
    length = 1 / hand.division * rng.choice([1, 1, 1, 3])
    played = np.resize(pitches[order], len(times))
    return [Stroke(t, length, p) for t, p in zip(times, played, strict=True)]


def _alberti(bar: Bar, hand: Hand, rng: np.random.RandomState) -> list[Stroke]:
    """Break a chord of three: low, high, middle, high."""
    low, middle, high = np.resize(_around(bar.chord, hand.centre, 8)[:3], 3)
    figure = [low, high, middle, high] if rng.uniform() < 0.6 else [low, middle, high]
    times = _grid(bar, hand.division)
    return [
        Stroke(t, 1 / hand.division, figure[i % len(figure)], 4 if t % 1 == 0 else -3)
        for i, t in enumerate(times)
    ]


def _stride(bar: Bar, hand: Hand, rng: np.random.RandomState) -> list[Stroke]:
    """Alternate bass notes and chords."""
    low = _around(bar.chord, hand.centre - 14, 7)
    strokes = []
    for beat in np.arange(0, bar.beats, 1):
        if beat % 2 == 0:
            bass = rng.choice(low)
            strokes.append(Stroke(beat, 1, bass, 5))
            if rng.uniform() < 0.3:
                strokes.append(Stroke(beat, 1, bass - 12))
        else:
            near = _around(bar.chord, hand.centre, 7)[: rng.randint(2, 5)]
            strokes += [Stroke(beat, 1, p, -5) for p in near]
    return strokes


def _octaves(bar: Bar, hand: Hand, rng: np.random.RandomState) -> list[Stroke]:
    pitches = _around(bar.chord, hand.centre, 10)
    every = rng.choice([bar.beats, 1, 1, 0.5])
    strokes = []
    for beat in np.arange(0, bar.beats, every):
        pitch = rng.choice(pitches)
        strokes += [Stroke(beat, every, pitch), Stroke(beat, every, pitch - 12)]
    return strokes


def _trill(bar: Bar, hand: Hand, rng: np.random.RandomState) -> list[Stroke]:
    """Alternate two neighbours, or two halves of a chord, fast."""
    if rng.uniform() < 0.6:
        low = [rng.choice(_around(bar.scale, hand.centre, 8))]
        high = [low[0] + rng.randint(1, 3)]
    else:
        near = _around(bar.chord, hand.centre, 9)
        cut = rng.randint(1, max(2, len(near)))
        low, high = list(near[:cut][-2:]), list(near[cut:][:2])
    step = rng.uniform(0.06, 0.13) / bar.beat
    times = np.arange(0, min(bar.beats, rng.choice([1, 2, 4])), step)
    return [
        Stroke(t, step, p, rng.normal(0, 4) - 4)
        for i, t in enumerate(times)
        for p in (low, high)[i % 2]
    ]


def _repeated(bar: Bar, hand: Hand, rng: np.random.RandomState) -> list[Stroke]:
    """Strike the same keys again and again."""
    near = _around(bar.chord, hand.centre, 8)
    keys = rng.choice(near, min(len(near), rng.choice([1, 1, 2, 3])), replace=False)
    times = _grid(bar, max(2, hand.division))
    length = times[1] - times[0] if len(times) > 1 else 1
    return [Stroke(t, length, p, rng.normal(0, 3)) for t in times for p in keys]


def _rest(bar: Bar, hand: Hand, rng: np.random.RandomState) -> list[Stroke]:
    return []


RIGHT = (
    (_melody, 4), (_doubled((12,)), 1.5), (_doubled((3, 4, 8, 9)), 1.5),
    (_accompanied, 3), (_chords, 3), (_run, 2.5), (_arpeggio, 2.5), (_trill, 1),
    (_repeated, 1), (_octaves, 0.7), (_alberti, 0.7), (_rest, 0.7),
)  # fmt: skip
LEFT = (
    (_melody, 2), (_accompanied, 1), (_chords, 3), (_run, 1), (_arpeggio, 3),
    (_alberti, 2), (_stride, 2), (_octaves, 2), (_trill, 0.5), (_repeated, 0.7),
    (_rest, 0.7),
)  # fmt: skip


def _draw_texture(
    textures: tuple, rng: np.random.RandomState
) -> Callable[..., list[Stroke]]:
    weights = np.array([weight for _, weight in textures])
    return textures[rng.choice(len(textures), p=weights / weights.sum())][0]


# -------------------------------------------------------------------------- pieces


def write_piece(
    duration: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return (n_notes, 4) onset, release, pitch, velocity, and (n, 2) of the pedal."""
    start = rng.uniform(0.02, min(0.6, duration / 4))
    if rng.uniform() < 0.15:
        sketch = _scatter(start, duration, rng)
    else:
        sketch = _compose(start, duration, rng)
    notes = _perform(sketch.strokes, sketch.times, duration, rng)
    if not sketch.is_pedalled:
        return notes, np.empty((0, 2))
    return notes, _press_pedal(sketch.changes, duration, rng)


def _compose(start: float, duration: float, rng: np.random.RandomState) -> Sketch:
    """Write bars for two hands until the time is over."""
    tonic, scale = rng.randint(12), SCALES[rng.randint(2)]
    everything = np.arange(LOWEST, HIGHEST + 1)
    pitches = everything[np.isin((everything - tonic) % 12, scale)]
    beat = np.exp(rng.uniform(np.log(0.3), np.log(1.1)))
    beats = rng.choice([2, 3, 4, 4])
    n_bars = int((duration - start) / (0.6 * beat * beats)) + 2
    dynamics, louder = rng.uniform(30, 95), rng.uniform(0, 12)
    per_section = rng.choice([1, 2, 2, 4, 8])
    spread = rng.choice([7, 7, 15])  # of the places of hands on the keyboard
    strokes: list[Stroke] = []
    changes: list[float] = []
    colour = rng.uniform(0, 0.25)
    degree = 0
    for number in range(n_bars):
        if number % per_section == 0:
            right, left = _draw_texture(RIGHT, rng), _draw_texture(LEFT, rng)
            hands = [
                Hand(
                    np.clip(rng.normal(centre, spread), LOWEST + 5, HIGHEST - 5),
                    rng.choice([0.4, 0.65, 0.85, 0.95, 1.05]),
                    rng.choice([1, 2, 2, 3, 4, 4, 6, 8]),
                )
                for centre in (74, 48)
            ]
            loudness = dynamics + rng.normal(0, 10)
        degree = (degree + rng.choice([0, 3, 4, 1, 5, 2])) % len(scale)
        thirds = [degree, degree + 2, degree + 4, degree + 6]
        size = 4 if rng.uniform() < colour else 3
        chord = [tonic + scale[d % len(scale)] for d in thirds[:size]]
        if rng.uniform() < colour:
            chord = [c + rng.choice([0, 1, -1]) for c in chord]
        harmony = everything[np.isin(everything % 12, np.array(chord) % 12)]
        bar = Bar(pitches, harmony, float(beats), beat)
        first = number * beats
        changes.append(first)
        if beats == 4 and rng.uniform() < 0.3:
            changes.append(first + 2)
        for texture, hand, level in ((right, hands[0], 4), (left, hands[1], -4)):
            # Figures faster than hands can move are slowed down.
            fastest = max(1, int(beat / 0.065))
            played = hand._replace(division=min(hand.division, fastest))
            for s in texture(bar, played, rng):
                swell = louder * np.sin(2 * np.pi * (first + s.beat) / (4 * beats))
                strokes.append(
                    Stroke(
                        first + s.beat,
                        s.length * hand.detached,
                        s.pitch,
                        loudness + level + swell + s.accent,
                    )
                )
    times = _rubato(start, beat, n_bars * beats, rng)
    starts = np.interp(changes, *times)
    return Sketch(strokes, times, starts, rng.uniform() < 0.8)


def _rubato(
    start: float, beat: float, n_beats: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return beats and their times, at a tempo that wavers slowly and slows at ends."""
    grid = np.arange(-1, n_beats + 2, 0.25)
    walk = np.cumsum(rng.normal(0, 1, len(grid)))
    walk = walk - np.linspace(walk[0], walk[-1], len(grid))
    walk *= rng.choice([0.005, 0.03, 0.1]) / (walk.std() + 1e-9)
    phrase = rng.uniform(0, 0.15) * (1 - np.cos(2 * np.pi * grid / 16)) / 2
    seconds = np.cumsum(0.25 * beat * np.exp(walk + phrase))
    return grid, seconds - np.interp(0.13, grid, seconds) + start + 0.13 * beat


def _scatter(start: float, duration: float, rng: np.random.RandomState) -> Sketch:
    """Strike keys of the whole keyboard at random, alone or up to ten together."""
    strokes: list[Stroke] = []
    time = start
    spread = rng.uniform(0.08, 0.4)
    most = rng.choice([1, 3, 6, 10])
    while time < duration:
        length = np.exp(rng.uniform(np.log(0.08), np.log(3)))
        centre = rng.uniform(LOWEST, HIGHEST)
        reach = rng.choice([8, 15, 88])
        keys = np.arange(
            max(LOWEST, int(centre - reach)), min(HIGHEST, int(centre + reach)) + 1
        )
        n_keys = min(rng.randint(1, most + 1), len(keys))
        velocity = rng.uniform(20, 115)
        for pitch in rng.choice(keys, n_keys, replace=False):
            strokes.append(Stroke(time, length, pitch, velocity))
        time += rng.exponential(spread * (1 + n_keys / 3)) + 0.04
    changes = np.arange(start, duration, rng.uniform(1, 4))
    identity = np.array([-10.0, duration + 10])
    return Sketch(strokes, (identity, identity), changes, rng.uniform() < 0.5)


def _perform(
    strokes: list[Stroke],
    times: tuple[np.ndarray, np.ndarray],
    duration: float,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Return the notes as fingers play them: not quite together nor equally loud."""
    if not strokes:
        return np.empty((0, 4))
    beats, seconds = times
    table = np.array(strokes, dtype=float)
    onsets = np.interp(table[:, 0], beats, seconds)
    releases = np.interp(table[:, 0] + table[:, 1], beats, seconds)
    together = rng.choice([0.003, 0.008, 0.015])
    onsets = onsets + rng.normal(0, together, len(table))
    if rng.uniform() < 0.3:
        _roll_chords(onsets, table, rng)
    pitches = table[:, 2].astype(int)
    # What lies beyond the keyboard is played in the next octave.
    pitches = np.where(pitches < LOWEST, pitches + 12, pitches)
    pitches = np.where(pitches > HIGHEST, pitches - 12, pitches)
    velocities = table[:, 3] + rng.normal(0, rng.uniform(2, 7), len(table))
    releases = np.maximum(releases, onsets + SHORTEST)
    notes = np.column_stack(
        [onsets, releases, pitches, np.clip(np.round(velocities), 8, 126)]
    )
    notes = notes[(onsets >= 0) & (onsets < duration - REST)]
    return _one_key_at_a_time(notes, duration)


def _roll_chords(
    onsets: np.ndarray, table: np.ndarray, rng: np.random.RandomState
) -> None:
    """Spread some chords from the lowest to the highest note."""
    step = rng.uniform(0.01, 0.06)
    for beat in np.unique(table[:, 0]):
        if rng.uniform() < 0.3:
            chord = np.flatnonzero(table[:, 0] == beat)
            onsets[chord] += step * np.argsort(np.argsort(table[chord, 2]))


def _one_key_at_a_time(notes: np.ndarray, duration: float) -> np.ndarray:
    """Lift each key before it is struck again; leave out strokes that come too soon."""
    notes = notes[np.lexsort((notes[:, 0], notes[:, 2]))]
    kept: list[np.ndarray] = []
    for note in notes:
        if kept and kept[-1][2] == note[2]:
            if note[0] < kept[-1][0] + SHORTEST + LIFT:
                continue
            kept[-1][1] = min(kept[-1][1], note[0] - LIFT)
        kept.append(note)
    out = np.array(kept).reshape(-1, 4)
    out[:, 1] = np.minimum(out[:, 1], duration)
    return out[np.lexsort((out[:, 2], out[:, 0]))]


def _press_pedal(
    changes: np.ndarray, duration: float, rng: np.random.RandomState
) -> np.ndarray:
    """Change the pedal with the harmony: up with the chord, down just after it."""
    late, gap = rng.uniform(-0.03, 0.1), rng.uniform(0.08, 0.3)
    ups = changes + late + rng.normal(0, 0.015, len(changes))
    downs = np.maximum(ups + gap * rng.uniform(0.7, 1.3, len(changes)), changes)
    # Sometimes one pedal lasts over several harmonies, or there is none.
    kept = rng.uniform(size=len(changes)) < rng.choice([0.7, 0.95, 1])
    downs, ups = downs[kept], ups[kept]
    ends = np.r_[ups[1:], np.inf] if len(ups) else ups
    shorter = rng.uniform(size=len(downs)) < rng.choice([0, 0, 0.5])
    ends = np.where(shorter, downs + (np.minimum(ends, duration) - downs) / 2, ends)
    pedal = np.column_stack([np.maximum(downs, 0), np.minimum(ends, duration)])
    return pedal[pedal[:, 1] - pedal[:, 0] > 0.05]
