"""Notes in tables, MIDI and .jams files: what is read, and what is refused."""

import io
import json
import re
from pathlib import Path

import mido
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepmir.notes import (
    NOTE_DTYPE,
    UNKNOWN_VELOCITY,
    check_notes,
    extend_by_pedal,
    read_notes,
    write_jams,
    write_midi,
    write_notes,
)

ROWS = [(0.0, 1.0, 60, 70), (0.5, 2.0, 64, 80), (0.5, 0.75, 67, 127)]
WITHOUT = [(*row[:3], UNKNOWN_VELOCITY) for row in ROWS]
SUFFIXES = [".tsv", ".csv", ".mid", ".midi", ".jams"]
SHARED = Path(__file__).parents[2] / "shared" / "data"
PIECES = sorted(SHARED.glob("piano/*.tsv"))


def write(path, notes):
    writers = {".jams": write_jams, ".tsv": write_notes, ".csv": write_notes}
    writers.get(path.suffix, write_midi)(path, notes)


def read(tmp_path, name, content, **options):
    """Return the notes of a file with some content."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_notes(path, **options)


# Tables


@pytest.mark.parametrize(
    "name, text, expected",
    [
        ("a.tsv", "0\t1\t60\t70\n.5\t2\t64\t80\n0.5\t7.5e-1\t67\t127\n", ROWS),
        (
            "a.TSV",
            "\ufeff# by hand\r\n\r\n0\t1\t60\r\n.5\t2\t64\r\n.5\t.75\t67",
            WITHOUT,
        ),
        ("a.csv", "0.5,0.75,67,127\n0,1,60,70\n0.5,2,64,80\n", ROWS),
        (
            "a.csv",
            "name;Velocity;PITCH;Offset Time;onset_time\n"
            'x;127;67;.75;.5\n"y";70;60;1;0\n;80;64.0;2;.5\n',
            ROWS,
        ),
        (
            "MAPS.txt",
            "OnsetTime\tOffsetTime\tMidiPitch\r\n0\t1\t60\r\n\n.5\t2\t64\n.5 .75 67",
            WITHOUT,
        ),
        (
            "a.txt",
            "0 1 60 70\n0.5  2\t64 80\n.5 .75 67 127 # the end\n# 1 2 60 1",
            ROWS,
        ),
        ("a.tsv", "start\tend\tmidi_note\n0\t1\t60\n.5\t2\t64\n.5\t.75\t67\n", WITHOUT),
    ],
)
def test_tables_of_all_forms(tmp_path, name, text, expected):
    found = read(tmp_path, name, text)
    assert found.dtype == NOTE_DTYPE and found.tolist() == expected
    for path in (str(tmp_path / name), bytes(tmp_path / name)):
        assert read_notes(path, offsets="key").tolist() == expected


def test_both_conventions_of_a_table_that_has_them(tmp_path):
    text = "key_offset\tonset\toffset\tpitch\n0.5\t0\t1\t60\n2\t1.5\t2\t62\n"
    assert read(tmp_path, "a.tsv", text)["offset"].tolist() == [1, 2]
    found = read(tmp_path, "a.tsv", text, offsets="key")
    assert found["offset"].tolist() == [0.5, 2]
    with pytest.raises(ValueError, match="offsets='both'.*'pedal', 'key'"):
        read_notes(tmp_path / "a.tsv", offsets="both")


def test_overlapping_notes_of_a_file_are_cut_or_kept(tmp_path):
    text = "0\t5\t60\n1\t2\t60\n"
    assert read(tmp_path, "a.tsv", text)["offset"].tolist() == [1, 2]
    found = read(tmp_path, "a.tsv", text, overlaps="keep")
    assert found["offset"].tolist() == [5, 2]


@pytest.mark.parametrize("text", ["", "\n \n", "# silence\n", "\ufeff", "HEADER\n"])
@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".txt"])
def test_a_table_without_notes_is_an_annotation(tmp_path, suffix, text):
    gap = "," if suffix == ".csv" else "\t"
    text = text.replace("HEADER", gap.join(["onset", "offset", "pitch"]))
    found = read(tmp_path, f"a{suffix}", text)
    assert found.shape == (0,) and found.dtype == NOTE_DTYPE


HEADER = "onset\toffset\tpitch\tvelocity\n"


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("a.tsv", f"{HEADER}0\t1\t60\n", "line 2 .*3 cells.*4"),
        ("a.tsv", "0\t1\t60\t70\n0\t1\n", "line 2 .*2 cells.*4"),
        ("a.tsv", "0\t1\t60\t70\t8\n", "line 1 .*5 cells"),
        ("a.tsv", "0\t1\n", "line 1 .*2 cells"),
        ("a.tsv", "0 1 60\n", "line 1 names.*'onset'"),
        (
            "a.tsv",
            "onset\tpitch\n0\t60\n",
            r"line 1 .*\['onset', 'pitch'\].*'offset' is",
        ),
        (
            "a.tsv",
            f"{HEADER}\n0,5\t1\t60\t70\n",
            "line 3 .*'0,5'.*onset.*decimal point",
        ),
        ("a.tsv", f"{HEADER}0\t1\tC4\t70\n", "line 2 .*'C4'.*pitch"),
        ("a.tsv", f"{HEADER}0\t1\t6_0\t70\n", "line 2 .*'6_0'.*pitch"),
        ("a.tsv", f"{HEADER}0\t1\t60\t\n", "line 2 .*''.*velocity"),
        ("a.tsv", f"{HEADER}0\t1\t60\t200\n", "line 2 .*velocity 200"),
        ("a.tsv", f"{HEADER}0\t1\t440\t70\n", "line 2 .*pitch 440.*Hz"),
        ("a.tsv", f"{HEADER}0\t1\t60\t70\n-1\t1\t60\t70", "onset of line 3 .*-1.0 s"),
        ("a.tsv", f"{HEADER}0\tnan\t60\t70\n", "offset of line 2 .*nan"),
        ("a.tsv", f"{HEADER}2\t0.5\t60\t70\n", "line 2 .*2.0 s .*0.5 s.*duration"),
        ("a.tsv", f"{HEADER}44100\t88200\t60\t70\n", "line 2 .*sample indices"),
        ("a.txt", "0.11\t1.08\t415.30\n", "line 1 .*415.3;.*Hz"),
        ("a.csv", '0,1,60\n"' + "x" * 200_000, "line 2 .*limit"),
        ("a.lab", "0 1 60\n", "'.lab'.*'.tsv', .*'.jams'"),
        ("a.tsv", b"0\t1\t60\n\xff\xfe\n", "UTF-8"),
    ],
)
def test_tables_that_are_wrong_are_named_with_the_line(tmp_path, name, text, message):
    where = re.escape(str(tmp_path / name))
    with pytest.raises(ValueError, match=f"^'{where}'.*{message}"):
        read(tmp_path, name, text)


# MIDI


def midi(*tracks, **options):
    """Return a file from (absolute tick, message) of each track."""
    file = mido.MidiFile(**{"type": 1, "ticks_per_beat": 100, **options})
    for events in tracks:
        track, now = file.add_track(), 0
        for tick, message in events:
            track.append(message.copy(time=tick - now))
            now = tick
    content = io.BytesIO()
    file.save(file=content)
    return content.getvalue()


def on(pitch, velocity=64, channel=0):
    return mido.Message("note_on", note=pitch, velocity=velocity, channel=channel)


def off(pitch, channel=0):
    return mido.Message("note_off", note=pitch, channel=channel)


def pedal(value, channel=0):
    return mido.Message("control_change", control=64, value=value, channel=channel)


def tempo(microseconds):
    return mido.MetaMessage("set_tempo", tempo=microseconds)


NOTE = [(0, on(60)), (100, off(60))]


def pretty(path):
    """Return the notes that pretty_midi finds."""
    pretty_midi = pytest.importorskip("pretty_midi")
    file = pretty_midi.PrettyMIDI(str(path))
    notes = [
        (note.start, note.end, note.pitch, note.velocity)
        for instrument in file.instruments
        if not instrument.is_drum
        for note in instrument.notes
    ]
    return check_notes(notes, pitches=None)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_times_follow_the_tempo_whatever_track_has_its_changes(tmp_path, place):
    # 0.5 s per beat of 100 ticks, from tick 100 on 0.2 s, from tick 300 on 1 s.
    changes = [(100, tempo(999)), (100, tempo(200_000)), (300, tempo(1_000_000))]
    notes = [(50, on(60)), (150, off(60)), (250, on(62)), (400, off(62))]
    tracks = [[], notes]
    tracks.insert(place, changes)
    found = read(tmp_path, "a.mid", midi(*tracks))
    assert found["onset"].tolist() == pytest.approx([0.25, 0.5 + 0.3])
    assert found["offset"].tolist() == pytest.approx([0.5 + 0.1, 0.9 + 1.0])
    if place == 0:
        np.testing.assert_allclose(
            pretty(tmp_path / "a.mid")["offset"], found["offset"]
        )


def test_notes_of_all_tracks_and_channels_but_drums(tmp_path):
    content = midi(
        [(0, tempo(1_000_000))],
        [
            (0, on(60, 50)),
            (0, on(61, channel=9)),
            (50, off(60)),
            (60, off(61, channel=9)),
        ],
        # The end of a note of one track leaves the same note of another alone.
        [(25, on(60, 90)), (75, off(60)), (80, on(0, 1, 3)), (90, on(0, 0, 3))],
    )
    found = read(tmp_path, "a.mid", content)
    expected = [(0, 0.25, 60, 50), (0.25, 0.75, 60, 90), (0.8, 0.9, 0, 1)]
    np.testing.assert_array_equal(found, np.array(expected, NOTE_DTYPE))
    np.testing.assert_array_equal(found, pretty(tmp_path / "a.mid"))


def test_notes_of_several_channels_may_overlap(tmp_path):
    content = midi(NOTE, [(50, on(60, channel=1)), (150, off(60, channel=1))])
    cut = read(tmp_path, "a.mid", content)
    assert cut["offset"].tolist() == [0.25, 0.75]
    kept = read(tmp_path, "a.mid", content, overlaps="keep")
    assert kept["offset"].tolist() == [0.5, 0.75]


def test_ends_of_notes_that_overlap_or_have_no_length(tmp_path):
    second = [(0, tempo(1_000_000))]
    again = [(0, on(60)), (10, on(60)), (20, off(60)), (30, off(60))]
    assert read(tmp_path, "a.mid", midi(second, again)).tolist() == [
        (0, 0.1, 60, 64),
        (0.1, 0.2, 60, 64),
    ]
    at_once = [(0, on(60)), (10, on(60)), (10, off(60)), (30, off(60))]
    found = read(tmp_path, "a.mid", midi(second, at_once))
    assert found["offset"].tolist() == [0.1, 0.3]
    np.testing.assert_array_equal(found, pretty(tmp_path / "a.mid"))
    silent = [(5, on(60)), (5, off(60)), (6, off(61)), (20, on(62)), (25, off(62))]
    assert read(tmp_path, "a.mid", midi(second, silent))["pitch"].tolist() == [62]


def test_notes_that_are_not_ended_last_until_the_end_of_the_file(tmp_path):
    content = midi([(0, on(60)), (50, on(62)), (100, on(64))], [(100, pedal(0))])
    assert read(tmp_path, "a.mid", content).tolist() == [
        (0, 0.5, 60, 64),
        (0.25, 0.5, 62, 64),
    ]


def test_the_pedal_holds_notes_of_its_channel_in_any_track(tmp_path):
    seconds = [(0, tempo(1_000_000))]
    notes = [(0, on(60)), (10, on(62)), (20, off(60)), (25, off(62)), (60, on(60))]
    notes += [(70, off(60)), (70, on(65, channel=1)), (75, off(65, channel=1))]
    changes = [(5, pedal(63)), (15, pedal(64)), (22, pedal(127)), (40, pedal(10))]
    changes += [(50, pedal(90)), (90, pedal(0)), (95, pedal(127, 1))]
    content = midi(seconds, changes, notes)
    held = read(tmp_path, "a.mid", content)
    assert held["offset"].tolist() == pytest.approx([0.4, 0.4, 0.9, 0.75])
    keys = read_notes(tmp_path / "a.mid", offsets="key")
    assert keys["offset"].tolist() == pytest.approx([0.2, 0.25, 0.7, 0.75])
    found = extend_by_pedal(keys[keys["pitch"] < 65], [[0.15, 0.4], [0.5, 0.9]])
    np.testing.assert_allclose(found["offset"], held["offset"][:3])


def test_a_pedal_that_is_not_released_holds_until_the_end_of_the_file(tmp_path):
    content = midi([(0, pedal(127)), *NOTE, (300, pedal(127))])
    assert read(tmp_path, "a.mid", content)["offset"].tolist() == [1.5]


def test_a_change_of_pedal_at_one_tick_ends_what_it_held(tmp_path):
    changes = [(50, pedal(127)), (200, pedal(0)), (200, pedal(127)), (400, pedal(0))]
    content = midi(NOTE, changes)
    assert read(tmp_path, "a.mid", content)["offset"].tolist() == [1.0]


def test_channels_of_several_ports_are_not_mixed(tmp_path):
    port = mido.MetaMessage("midi_port", port=1)
    content = midi([(0, pedal(127)), *NOTE, (300, pedal(0))], [(0, port), *NOTE])
    kept = read(tmp_path, "a.mid", content, overlaps="keep")
    assert sorted(kept["offset"].tolist()) == [0.5, 1.5]


def test_formats_of_midi(tmp_path):
    for format in (0, 1, 2):
        content = midi(NOTE, type=format)
        assert read(tmp_path, "a.mid", content).tolist() == [(0, 0.5, 60, 64)]
    with pytest.raises(ValueError, match=r"a.mid'.*format 2 .*2 tracks.*Save"):
        read(tmp_path, "a.mid", midi(NOTE, NOTE, type=2))
    for content in (midi(), midi([]), midi([(5, tempo(9))], [(9, pedal(127))])):
        assert read(tmp_path, "a.mid", content).shape == (0,)


@pytest.mark.parametrize("frames, per_second", [(25, 25), (29, 30 / 1.001), (30, 30)])
def test_ticks_may_be_parts_of_frames_of_film(tmp_path, frames, per_second):
    content = bytearray(midi([(0, tempo(1)), *NOTE]))
    content[12:14] = bytes([256 - frames, 40])
    found = read(tmp_path, "a.mid", bytes(content))
    assert found["offset"][0] == pytest.approx(100 / (40 * per_second))


def track(*events):
    body = b"".join(events)
    return b"MTrk" + len(body).to_bytes(4) + body


HEAD = b"MThd\0\0\0\6\0\0\0\1\0\x64"
ON, OFF = b"\0\x90\x3c\x40", b"\x64\x80\x3c\x40"


def test_running_status_and_tracks_without_an_end_are_read(tmp_path):
    for events in (
        [ON, OFF],
        [ON, b"\x64\x3c\0"],
        [ON, b"\x64\x3c\0", b"\0\xff\x2f\0"],
    ):
        found = read(tmp_path, "a.mid", HEAD + track(*events))
        assert found.tolist() == [(0, 0.5, 60, 64)]


@pytest.mark.faults
@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "too early"),
        (b"RIFF\0\0\0\0RMID", "MThd"),
        (HEAD, "too early"),
        (HEAD + track(ON, OFF)[:-2], "too early"),
        (HEAD + b"MTrx" + track(ON)[4:], "MTrk"),
        (HEAD + track(b"\0\x3c\x40"), "running status"),
        (HEAD + track(b"\0\x90\x3c\xff"), "data byte"),
        (HEAD + track(b"\0\xff\x51\1\0"), "index"),
        (HEAD + track(b"\0\xff\x51\3\0\0\0"), "no length"),
        (HEAD + track(b"\0\xff\x59\2\x50\0"), "key"),
        (HEAD + track(b"\0\xff\x54\5\xff\0\0\0\0"), "7"),
        (HEAD + track(b"\xff" * 9 + ON), "ticks"),
        (HEAD + track(b"\xff" * 999 + ON), "ticks"),
        (HEAD[:-2] + b"\0\0" + track(ON, OFF), "no length"),
        (HEAD[:9] + b"\7" + HEAD[10:] + track(ON, OFF), "format 7"),
        (HEAD[:10] + b"\xff\xff" + HEAD[12:] + track(ON, OFF), "65535 tracks"),
    ],
)
def test_broken_midi_is_named(tmp_path, content, message):
    where = re.escape(str(tmp_path / "a.mid"))
    with pytest.raises(ValueError, match=f"^'{where}': .*damaged.*{message}"):
        read(tmp_path, "a.mid", content)


def test_a_midi_note_after_all_pieces_is_refused(tmp_path):
    content = midi([(10**7, on(60)), (2 * 10**7, off(60))])
    with pytest.raises(ValueError, match=r"a.mid': the onset of note 0 .*50000.0 s"):
        read(tmp_path, "a.mid", content)


# JAMS


def jams(data, namespace="note_midi", **fields):
    other = {"namespace": "beat", "data": [{"time": 9, "duration": 0, "value": 1}]}
    mine = {"namespace": namespace, "data": data, **fields}
    return json.dumps({"annotations": [other, mine]})


def entries(notes):
    return [{"time": a, "duration": b - a, "value": pitch} for a, b, pitch, _ in notes]


def test_jams_of_several_namespaces(tmp_path):
    for content in (
        jams(entries(ROWS)),
        jams(entries((a, b, pitch + 0.4, v) for a, b, pitch, v in ROWS), "pitch_midi"),
        jams(
            entries((a, b, 440 * 2 ** ((p - 69) / 12), v) for a, b, p, v in ROWS),
            "note_hz",
        ),
    ):
        assert read(tmp_path, "a.jams", content).tolist() == WITHOUT
    content = jams(entries(ROWS), sandbox={"velocity": [70, 80, 127]})
    assert read(tmp_path, "a.jams", content).tolist() == ROWS
    assert len(read(tmp_path, "a.jams", jams([]))) == 0


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "not JSON"),
        (jams([], "chord"), r"\['beat', 'chord'\].*'note_midi'"),
        (jams([{"time": 0, "duration": 1}]), "entry 0 .*'value'"),
        (jams([{"time": 0, "duration": "x", "value": 60}]), "entry 0 .*'x'"),
        (jams([{"time": 0, "duration": 1, "value": "C4"}]), "entry 0 .*'C4'.*MIDI"),
        (jams([{"time": 0, "duration": 1, "value": 10**400}]), "entry 0 .*MIDI"),
        (jams([{"time": 0, "duration": 1, "value": 0}], "note_hz"), "entry 0 .*0;.*Hz"),
        (jams([{"time": 0, "duration": 1, "value": 200}]), "entry 0 .*pitch 200"),
        (jams([{"time": 1, "duration": 0, "value": 60}]), "entry 0 .*1.0 s"),
        (
            jams(entries(ROWS), sandbox={"velocity": [1]}),
            r"velocities \[1\].*list of 3",
        ),
        (
            jams(entries(ROWS), sandbox={"velocity": [1, "f", 3]}),
            "velocity 'f' .*entry 1",
        ),
        (
            jams(entries(ROWS), sandbox={"velocity": [1, 2, 10**400]}),
            "velocity 1000.* entry 2",
        ),
    ],
)
def test_jams_that_are_wrong_are_named_with_the_entry(tmp_path, content, message):
    with pytest.raises(ValueError, match=f"a.jams'.*{message}"):
        read(tmp_path, "a.jams", content)


# What is written


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("notes", [ROWS, [], [(2.0000004, 2.0000005, 60, 1)]])
def test_files_round_trip(tmp_path, suffix, notes):
    path = tmp_path / f"song{suffix}"
    for _ in range(2):  # the second time, it replaces the file
        write(path, notes)
    found, expected = read_notes(path), check_notes(notes)
    for field, error in (("onset", 2.51e-4), ("offset", 5.01e-4), ("pitch", 0)):
        np.testing.assert_allclose(found[field], expected[field], rtol=0, atol=error)
    assert found["velocity"].tolist() == expected["velocity"].tolist()
    once = path.read_bytes()
    write(path, found)
    assert path.read_bytes() == once
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


NOTES = st.lists(
    st.tuples(
        st.floats(0, 3), st.floats(1e-5, 2), st.integers(0, 2), st.integers(1, 127)
    ),
    max_size=8,
)


@given(notes=NOTES, suffix=st.sampled_from([".tsv", ".mid", ".jams"]))
def test_what_was_written_is_read_and_written_again_alike(tmp_factory, notes, suffix):
    path = tmp_factory / f"a{suffix}"
    write(path, [(onset, onset + n, *rest) for onset, n, *rest in notes])
    found, once = read_notes(path), path.read_bytes()
    write(path, found)
    np.testing.assert_array_equal(read_notes(path), found)
    assert path.read_bytes() == once


@pytest.fixture(scope="module")
def tmp_factory(tmp_path_factory):
    return tmp_path_factory.mktemp("notes")


def test_others_read_our_files(tmp_path):
    write(tmp_path / "a.tsv", ROWS)
    table = pd.read_csv(tmp_path / "a.tsv", sep="\t")
    assert check_notes(table).tolist() == ROWS
    write_midi(tmp_path / "a.mid", ROWS, program=6)
    (program,) = [
        message.program
        for message in mido.MidiFile(tmp_path / "a.mid").tracks[0]
        if message.type == "program_change"
    ]
    assert program == 6
    np.testing.assert_allclose(pretty(tmp_path / "a.mid").tolist(), ROWS)


def test_a_jams_file_has_the_fields_of_the_schema(tmp_path):
    path = tmp_path / "song.jams"
    write_jams(path, ROWS, duration=5.5, title="Ein Lied")
    content = json.loads(path.read_text())
    assert content["file_metadata"]["title"] == "Ein Lied"
    (annotation,) = content["annotations"]
    assert annotation["namespace"] == "note_midi" and annotation["duration"] == 5.5
    entry = {"time": 0.5, "duration": 1.5, "value": 64, "confidence": None}
    assert annotation["data"][1] == entry
    for notes, duration in [(ROWS, 2.0), ([], 0.0)]:
        write_jams(path, notes)
        assert json.loads(path.read_text())["file_metadata"]["duration"] == duration


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_cannot_be_written_leaves_no_file(tmp_path, suffix):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        write(tmp_path / "nowhere" / f"a{suffix}", ROWS)
    with pytest.raises(ValueError, match=f"a{suffix}'.*note 0 .*pitch 440"):
        write(tmp_path / f"a{suffix}", [(0, 1, 440)])
    wrong = {".jams": write_midi}.get(suffix, write_jams)
    with pytest.raises(ValueError, match=f"'{suffix}'; .* call write_"):
        wrong(tmp_path / f"a{suffix}", ROWS)
    for program in (-1, 128, 0.5):
        with pytest.raises(ValueError, match=f"program={program}"):
            write_midi(tmp_path / "a.mid", ROWS, program=program)
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_missing_or_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("a.mid", "https://x.org/a.mid", "~/a.tsv", b"\xff.mid", "a\0.mid"):
        with pytest.raises((FileNotFoundError, ValueError), match="no file|null|NUL"):
            read_notes(name)
    for suffix in SUFFIXES:
        write(Path(f"~/a{suffix}"), ROWS)
        assert read_notes(f"~/a{suffix}".encode()).tolist() == ROWS
    (tmp_path / "folder.mid").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no file .*folder.mid.*notes"):
        read_notes(tmp_path / "folder.mid")
    with pytest.raises(IsADirectoryError, match=r"folder.mid"):
        write_midi(tmp_path / "folder.mid", ROWS)


@pytest.mark.skipif(not PIECES, reason="needs ../shared/data")
def test_real_pieces_keep_their_notes_on_the_way_through_midi(tmp_path):
    path = PIECES[0]
    table = pd.read_csv(path, sep="\t").sort_values(["onset", "pitch"])
    found = read_notes(path)
    for field in NOTE_DTYPE.names:
        np.testing.assert_array_equal(found[field], table[field])
    keys = read_notes(path, offsets="key", overlaps="keep")
    np.testing.assert_array_equal(keys["offset"], table["key_offset"])
    write_midi(tmp_path / "a.mid", found)
    again = read_notes(tmp_path / "a.mid")
    assert len(again) == len(found)
    np.testing.assert_allclose(again["onset"], found["onset"], rtol=0, atol=2.51e-4)
    np.testing.assert_allclose(again["offset"], pretty(tmp_path / "a.mid")["offset"])
