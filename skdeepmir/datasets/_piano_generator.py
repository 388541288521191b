"""Synthetic recordings of pianos with known notes, for tests, examples and training."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skdeepmir._errors import check_choice, check_duration
from skdeepmir.datasets._generators import (
    _CLIPS_PER_SONG,
    _MAX_SEED,
    _check_integer,
    _check_range,
)
from skdeepmir.datasets._onset_generator import _master
from skdeepmir.datasets._piano import draw_piano, play_notes
from skdeepmir.datasets._piano_music import write_piece
from skdeepmir.datasets._synthesis import _coloured_noise, _reverberate, _rms
from skdeepmir.notes import check_notes, extend_by_pedal

OFFSETS = ("pedal", "key")
TAIL = 1.0  # s for which the last note of a rendering may die away


def make_piano_clips(
    *,
    n_clips: int = 20,
    duration: float | tuple[float, float] = (8.0, 12.0),
    sample_rate: int = 22050,
    offsets: str = "pedal",
    snr: float | tuple[float, float] = (20, 60),
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Make clips of piano music with its exact notes.

    Two hands play melodies, chords, arpeggios, runs, trills, repeated notes and more
    in changing harmonies, with rubato, dynamics and, in most clips, the sustain pedal;
    some clips are notes of the whole keyboard at random. Each piano has its own tuning,
    hammers, strings, dampers and soundboard: partials are stretched by stiffness and
    die away at rates of their own, at first fast, then slowly; strings beat; a harder
    stroke is louder and brighter; undamped strings ring along. Clips are recorded in
    rooms, with noise, through various microphones and at various levels. Two clips are
    made of each piano. Leave whole pianos out when you validate (pass `groups` to a
    group splitter).

    Parameters
    ----------
    n_clips : int, default=20
        Number of clips, two per piano. The default takes a few seconds.

    duration : float or tuple of (float, float), default=(8.0, 12.0)
        Length of the clips in seconds, at least 1, drawn uniformly between the two
        values. A float makes all clips equally long. The default holds about 100 notes.

    sample_rate : int, default=22050
        Samples per second, at least 8000. The default is the field's usual rate.

    offsets : {"pedal", "key"}, default="pedal"
        When a note ends: when its string is damped, so that the sustain pedal extends
        it until its pitch is struck again, or when its key is released. The clips are
        the same. The default is the convention of :func:`~skdeepmir.notes.read_notes`
        and of the field.

    snr : float or tuple of (float, float), default=(20, 60)
        Signal-to-noise ratio of the recordings in dB, drawn uniformly between the
        two values. Lower is harder.

    random_state : int, RandomState instance or None, default=None
        Determines pianos, notes and recordings. Pass an int for the same clips in each
        call: bit for bit on one machine with the same versions of libraries.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with these attributes.

        data : list of ndarray of shape (n_samples_i,)
            Waveforms, float32, with a peak below 1.
        target : ndarray of shape (n_clips,), dtype=object
            Notes of each clip, (n_notes_i,) of dtype
            :data:`~skdeepmir.notes.NOTE_DTYPE`: onset, offset, pitch, velocity.
        groups : ndarray of shape (n_clips,)
            Piano of each clip.
        sample_rate : int
            Samples per second.
        DESCR : str
            Description of the data set.

    Raises
    ------
    TypeError
        If a number is of the wrong type.
    ValueError
        If a number is too small, or `offsets` is neither "pedal" nor "key".

    See Also
    --------
    render_notes : Play notes of one's own on such a piano.
    load_maps, load_maestro, load_poliner_ellis : Recordings with their notes.

    Examples
    --------
    >>> from skdeepmir.datasets import make_piano_clips
    >>> clips = make_piano_clips(n_clips=2, duration=2.0, random_state=0)
    >>> clips.sample_rate, [len(clip) for clip in clips.data]
    (22050, [44100, 44100])
    >>> clips.target[0].dtype.names
    ('onset', 'offset', 'pitch', 'velocity')
    """
    _check_integer("n_clips", n_clips, 1)
    _check_integer("sample_rate", sample_rate, 8000)
    shortest, longest = _check_range("duration", duration, 1.0)
    check_choice("offsets", offsets, OFFSETS)
    quietest, loudest = _check_range("snr", snr, -np.inf)
    rng = check_random_state(random_state)

    # A seed per piano and per clip: none depends on how much others draw.
    n_pianos = -(-n_clips // _CLIPS_PER_SONG)
    seeds = rng.randint(_MAX_SEED, size=n_pianos)
    groups = rng.permutation(np.arange(n_clips) // _CLIPS_PER_SONG)
    clip_seeds = rng.randint(_MAX_SEED, size=n_clips)
    data: list[Any] = [None] * n_clips
    target = np.empty(n_clips, dtype=object)
    for group, seed in enumerate(seeds):
        piano = draw_piano(np.random.RandomState(seed))
        for i in np.flatnonzero(groups == group):
            clip_rng = np.random.RandomState(clip_seeds[i])
            n_samples = round(clip_rng.uniform(shortest, longest) * sample_rate)
            keys, pedal = write_piece(n_samples / sample_rate, clip_rng)
            notes = extend_by_pedal(keys, pedal)
            played = play_notes(piano, notes, pedal, n_samples, sample_rate, clip_rng)
            noise = clip_rng.uniform(quietest, loudest)
            data[i] = _record(played, sample_rate, noise, clip_rng)
            target[i] = notes if offsets == "pedal" else check_notes(keys)
    return Bunch(
        data=data,
        target=target,
        groups=groups,
        sample_rate=int(sample_rate),
        DESCR=(
            f"{n_clips} synthetic recordings of {n_pianos} pianos. target: onset, "
            f"offset ({offsets}), pitch and velocity of each note; groups: the piano."
        ),
    )


def render_notes(
    notes: Any,
    *,
    duration: float | None = None,
    sample_rate: int = 22050,
    random_state: int | np.random.RandomState | None = 0,
) -> np.ndarray:
    """Play notes on a synthetic piano, such as those that a transcriber has found.

    Parameters
    ----------
    notes : array-like of shape (n_notes, 3) or (n_notes, 4), or table
        Onset, offset, pitch and velocity of each note, as for
        :func:`~skdeepmir.notes.check_notes`. Each sounds until its offset, so take
        offsets by the pedal where they are known.

    duration : float, default=None
        Length of the result in seconds: notes beyond it are left out. None is a second
        more than the last offset.

    sample_rate : int, default=22050
        Samples per second, at least 8000.

    random_state : int, RandomState instance or None, default=0
        Determines the piano. The default is always the same one.

    Returns
    -------
    waveform : ndarray of shape (n_samples,), float32
        Without room or noise, at a peak of 0.9; silence where there are no notes.

    Raises
    ------
    TypeError
        If `sample_rate` is not an integer.
    ValueError
        If the notes are refused by :func:`~skdeepmir.notes.check_notes`, or a number is
        too small.

    See Also
    --------
    make_piano_clips : Music on such pianos, with its notes.

    Examples
    --------
    >>> from skdeepmir.datasets import render_notes
    >>> waveform = render_notes([[0.0, 1.0, 60, 80], [0.5, 1.0, 64, 80]])
    >>> waveform.shape
    (44100,)
    """
    _check_integer("sample_rate", sample_rate, 8000)
    if duration is not None:
        check_duration(duration)
    checked = check_notes(notes, duration=duration)
    if duration is None:
        duration = checked["offset"].max(initial=0.0) + TAIL
    rng = check_random_state(random_state)
    n_samples = round(duration * sample_rate)
    played = play_notes(
        draw_piano(rng), checked, np.empty((0, 2)), n_samples, sample_rate, rng
    )
    peak = np.abs(played).max(initial=0.0)
    return (0.9 / peak * played if peak else played).astype(np.float32)


def _record(
    played: np.ndarray, sample_rate: int, snr: float, rng: np.random.RandomState
) -> np.ndarray:
    """Put a piano in a room, with noise, and record it."""
    recording = _reverberate(played, sample_rate, rng)
    noise = _coloured_noise(len(played), sample_rate, rng)
    recording += 10 ** (-snr / 20) * (_rms(recording) or 1.0) * noise
    return _master(recording, "mix", sample_rate, rng).astype(np.float32)
