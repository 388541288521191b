"""Notes in MIDI files."""

from __future__ import annotations

import io
import os
from collections import defaultdict
from typing import Any

import numpy as np

from skdeepmir._disk import annotation_target, written_whole
from skdeepmir._errors import check_whole
from skdeepmir.notes._notes import (
    NOTE_DTYPE,
    arranged,
    extend_by_pedal,
    notes_of_columns,
    rounded_notes,
)

# pretty_midi reads files by mido too, but takes the tempo from the first track alone,
# drops notes that are not ended, and lets a pedal hold those of its own track only.

MIDI = (".mid", ".midi")

_DRUMS = 9  # the channel, from 0
_SUSTAIN = 64  # the controller of the pedal
_DOWN = 64  # the least of its values at which it is down
_TEMPO = 500_000  # microseconds per beat, where a file says nothing
_RATE = 2000  # ticks per second of files that we write
_LATEST_TICK = 2**53  # a float has no room for later ones

_Channel = tuple[int, int]  # port, channel
_Change = tuple[int, int]  # tick, value from then on
_Note = tuple[int, int, int, int]  # first tick, last tick, pitch, velocity


def read_midi(content: bytes, name: str, *, with_pedal: bool) -> np.ndarray:
    """Return the notes of the channels of a file, held by the pedal or not."""
    file = _parse(content, name)
    tempo: list[_Change] = [(0, _TEMPO)]
    pedal: dict[_Channel, list[_Change]] = defaultdict(list)
    notes: dict[_Channel, list[_Note]] = defaultdict(list)
    end = max(
        (sum(message.time for message in track) for track in file.tracks), default=0
    )
    if end > _LATEST_TICK:
        raise _broken(name, f"it lasts more than {_LATEST_TICK} ticks")
    for track in file.tracks:
        _read_track(track, end, tempo, pedal, notes)
    seconds = _clock(file.ticks_per_beat, tempo, name)
    found = []
    for channel, rows in notes.items():
        table = np.array(rows, dtype=np.int64).reshape(-1, 4)
        columns = {
            "onset": seconds(table[:, 0]),
            "offset": seconds(table[:, 1]),
            "pitch": table[:, 2].astype(float),
            "velocity": table[:, 3].astype(float),
        }
        checked = arranged(notes_of_columns(columns, name, "note {}".format))
        if with_pedal:
            checked = extend_by_pedal(
                checked, seconds(_times_down(pedal[channel], end))
            )
        found.append(checked)
    return np.concatenate([np.empty(0, NOTE_DTYPE), *found])


def _parse(content: bytes, name: str) -> Any:
    """Return a file of mido."""
    import mido

    try:
        file = mido.MidiFile(file=io.BytesIO(content))
    except EOFError as error:
        raise _broken(name, "it ends too early") from error
    except (OSError, ValueError, LookupError, mido.KeySignatureError) as error:
        raise _broken(name, str(error)) from error
    n_tracks = int.from_bytes(content[10:12])
    if len(file.tracks) != n_tracks:
        raise _broken(name, f"it has {n_tracks} tracks by its header")
    if file.type not in (0, 1, 2):
        raise _broken(name, f"it has the format {file.type}")
    if file.type == 2 and len(file.tracks) > 1:
        raise ValueError(
            f"{name}: it has format 2 with {len(file.tracks)} tracks, each a piece of "
            "its own; expected format 0 or 1. Save each track as a file."
        )
    return file


def _broken(name: str, problem: str) -> ValueError:
    return ValueError(
        f"{name}: it is damaged, or not a MIDI file ({problem}). Get or save it again."
    )


def _read_track(
    track: Any,
    end: int,
    tempo: list[_Change],
    pedal: dict[_Channel, list[_Change]],
    notes: dict[_Channel, list[_Note]],
) -> None:
    """Add what a track tells to the rest."""
    sounding: dict[tuple[_Channel, int], list[_Change]] = defaultdict(list)
    tick, port = 0, 0
    for message in track:
        tick += message.time
        kind = message.type
        if kind == "set_tempo":
            tempo.append((tick, message.tempo))
        elif kind == "midi_port":
            port = message.port
        elif kind == "control_change" and message.control == _SUSTAIN:
            pedal[port, message.channel].append((tick, message.value >= _DOWN))
        elif kind in ("note_on", "note_off") and message.channel != _DRUMS:
            channel, pitch = (port, message.channel), message.note
            begun = sounding[channel, pitch]
            if kind == "note_on" and message.velocity:
                begun.append((tick, message.velocity))
                continue
            # It ends all that began before; of a note that begins at this tick, and
            # none before it, it is the end as well.
            ended = [(start, velocity) for start, velocity in begun if start < tick]
            notes[channel] += [
                (start, tick, pitch, velocity) for start, velocity in ended
            ]
            sounding[channel, pitch] = begun[len(ended) :] if ended else []
    for (channel, pitch), begun in sounding.items():
        notes[channel] += [(start, end, pitch, v) for start, v in begun if start < end]


def _times_down(changes: list[_Change], end: int) -> np.ndarray:
    """Return the ticks at which the pedal goes down and up, in rows."""
    times: list[tuple[int, int]] = []
    since = None
    for tick, is_down in sorted(changes, key=lambda change: change[0]):
        if is_down and since is None:
            since = tick
        elif not is_down and since is not None:
            times.append((since, tick))
            since = None
    if since is not None:
        times.append((since, end))
    return np.array(times, dtype=np.int64).reshape(-1, 2)


def _clock(division: int, tempo: list[_Change], name: str) -> Any:
    """Return a function from ticks to seconds."""
    per_beat = float(division)
    if division < 0:  # ticks per frame of film, 24 to 30 of which are a second
        frames = -(division >> 8)
        per_beat = (division & 0xFF) * (30 / 1.001 if frames == 29 else frames)
        tempo = [(0, 1_000_000)]  # a beat is a second
    if not per_beat or not all(value for _, value in tempo):
        raise _broken(name, "its ticks have no length")
    # Of changes at the same tick, the last holds.
    starts, values = np.array(sorted(tempo, key=lambda change: change[0]), float).T
    lengths = values / (1e6 * per_beat)  # seconds per tick
    passed = np.concatenate([[0.0], np.cumsum(np.diff(starts) * lengths[:-1])])

    def seconds(ticks: np.ndarray) -> np.ndarray:
        at = np.searchsorted(starts, ticks, side="right") - 1
        return passed[at] + (ticks - starts[at]) * lengths[at]

    return seconds


def write_midi(
    path: str | bytes | os.PathLike[Any], notes: Any, *, program: int = 0
) -> None:
    """Write notes to a MIDI file.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file, ``.mid`` or ``.midi``; one that exists is replaced. ``~`` is the home
        folder.
    notes : array-like of shape (n_notes, 3) or (n_notes, 4), or table
        Notes, as for :func:`check_notes`; any MIDI note number may occur. Times are
        rounded to half a millisecond, and a note lasts at least that. No pedal is
        written: each note is as long as it sounds.
    program : int, default=0
        Instrument of General MIDI, from 0; the default is a grand piano.

    Raises
    ------
    FileNotFoundError
        If the folder of the file does not exist.
    ValueError
        If the file has another extension, the notes are refused by
        :func:`check_notes`, or ``program`` is not a whole number from 0 to 127.

    Notes
    -----
    The file has format 0, with 1000 ticks per beat at 120 beats per minute.

    See Also
    --------
    skdeepmir.notes.write_notes : Tables.
    skdeepmir.notes.write_jams : JAMS.
    skdeepmir.notes.read_notes : The other way round.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skdeepmir.notes import read_notes, write_midi
    >>> path = Path(tempfile.mkdtemp()) / "song.mid"
    >>> write_midi(path, [[0.1, 1.2, 60, 80], [0.5, 1.0, 64, 70]])
    >>> read_notes(path).tolist()
    [(0.1, 1.2, 60, 80), (0.5, 1.0, 64, 70)]
    """
    import mido

    check_whole("program", program)
    if program > 127:
        raise ValueError(f"program={program}, expected a number from 0 to 127.")
    writers = {
        ".jams": "write_jams or to_jams",
        **dict.fromkeys((".tsv", ".csv"), "write_notes or to_tsv"),
    }
    target = annotation_target(path, MIDI, "read_notes", writers)
    found = rounded_notes(notes, f"notes for {str(target)!a}", _RATE)
    ticks = np.rint(np.stack([found["offset"], found["onset"]]) * _RATE).astype(
        np.int64
    )
    # Of changes at the same tick, ends come first.
    rows = [
        (tick, is_on, pitch, velocity if is_on else 0)
        for is_on in (0, 1)
        for tick, pitch, velocity in zip(
            ticks[is_on].tolist(),
            found["pitch"].tolist(),
            found["velocity"].tolist(),
            strict=True,
        )
    ]
    track = mido.MidiTrack(
        [
            mido.MetaMessage("set_tempo", tempo=_TEMPO),
            mido.Message("program_change", program=int(program)),
        ]
    )
    now = 0
    for tick, is_on, pitch, velocity in sorted(rows):
        kind = "note_on" if is_on else "note_off"
        track.append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    file = mido.MidiFile(type=0, ticks_per_beat=_RATE * _TEMPO // 1_000_000)
    file.tracks.append(track)
    with written_whole(target) as out:
        file.save(file=out)
