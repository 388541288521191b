"""Notes as data: what they must be, held by a pedal, to rolls of frames and back."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepmir.notes import (
    NEAR_OFFSET,
    NEAR_ONSET,
    NOTE_DTYPE,
    OFFSET,
    ONSET,
    SOUNDING,
    UNKNOWN_VELOCITY,
    check_notes,
    extend_by_pedal,
    note_roll,
    note_targets,
    roll_notes,
)

ROWS = [(0.0, 1.0, 60, 70), (0.5, 2.0, 64, 80), (0.5, 0.75, 67, 127)]
TABLE = pd.DataFrame(ROWS, columns=NOTE_DTYPE.names)
NOTES = st.lists(
    st.tuples(
        st.floats(0, 9, width=16),
        st.floats(0.0625, 3, width=16),
        st.integers(59, 62),
        st.integers(1, 127),
    ),
    max_size=8,
).map(lambda rows: [(onset, onset + n, *rest) for onset, n, *rest in rows])


# What notes must be


@pytest.mark.parametrize(
    "notes",
    [
        ROWS,
        ROWS[::-1],
        np.array(ROWS),
        np.array(ROWS, dtype=object),
        np.array(ROWS, dtype=NOTE_DTYPE)[[1, 0, 2]],
        TABLE,
        TABLE[["velocity", "pitch", "offset", "onset"]].assign(name="x"),
        TABLE.astype("Float64"),
    ],
)
def test_checked_notes_are_a_sorted_structured_array_of_their_own(notes):
    found = check_notes(notes)
    assert found.dtype == NOTE_DTYPE and found.tolist() == ROWS
    assert not np.shares_memory(found, np.asarray(notes))
    pd.testing.assert_frame_equal(pd.DataFrame(found), TABLE)


def test_notes_need_no_velocity():
    without = [row[:3] for row in ROWS]
    for notes in (without, np.array(without), TABLE.drop(columns="velocity")):
        assert check_notes(notes)["velocity"].tolist() == [UNKNOWN_VELOCITY] * 3


@pytest.mark.parametrize("notes", [[], (), np.empty((0, 3)), TABLE[:0]])
def test_no_notes_are_an_annotation(notes):
    for found in (check_notes(notes, duration=1), extend_by_pedal(notes, [[0, 1]])):
        assert found.dtype == NOTE_DTYPE and found.shape == (0,)
    assert not note_roll(notes, 3, 10).any()
    assert roll_notes(np.zeros((0, 88)), 10).shape == (0,)


@pytest.mark.parametrize(
    "notes, message",
    [
        (0.5, "0.5"),
        (None, "None"),
        ("song.mid", "'song.mid'.*read_notes"),
        ([0.5, 1.0, 60], r"\(3,\).*\[\["),
        ([[0.5, 1.0]], r"\(1, 2\)"),
        ([[0.5, 1.0, 60], [1, 2]], "inhomogeneous"),
        (np.zeros((9, 88)), r"\(9, 88\).*roll_notes"),
        ([[]], r"\(1, 0\)"),
        ({}, "{}"),
        (TABLE.drop(columns="pitch"), r"\['pitch'\]"),
        (np.array(ROWS, dtype=NOTE_DTYPE)[["onset", "pitch"]], r"\['offset'\]"),
        ([[0, 1, True]], "the pitch of note 0 .*True.*bool"),
        ([[0, 1, 60], [0, "1", 60]], "the offset of note 1 .*'1'.*str"),
        ([[None, 1, 60]], "the onset of note 0 .*None"),
        (TABLE.astype("Float64").replace({"velocity": {80: None}}), "velocity.*note 1"),
        (np.ma.array(ROWS, mask=np.eye(3, 4, 0)), "note 0 .*mask"),
        (np.ma.array(np.array(ROWS, NOTE_DTYPE), mask=[0, 0, 1]), "note 2 .*mask"),
        ([[0, 1, 10**400]], "too large"),
        ([[np.nan, 1, 60]], "the onset of note 0 .*nan.*finite"),
        ([[0, np.inf, 60]], "the offset of note 0 .*inf.*finite"),
        ([[0.1, 1, 60], [-0.5, 1, 60]], "the onset of note 1 .*-0.5 s"),
        ([[44100, 88200, 60]], "the onset of note 0 .*44100.0 s.*sample indices"),
        ([[0, 88200, 60]], "the offset of note 0 .*88200.0 s.*milliseconds"),
        ([[0, 1, 60], [1.5, 1.5, 60]], "note 1 .*1.5 s .*1.5 s;.*Leave it out"),
        ([[1.5, 0.5, 60]], "note 0 .*1.5 s .*0.5 s;.*duration"),
        ([[0, 1, 20]], "note 0 .*pitch 20;.*21 to 108"),
        ([[0, 1, 109]], "note 0 .*pitch 109;.*21 to 108"),
        ([[0, 1, 60.5]], "note 0 .*pitch 60.5;.*Hz"),
        ([[0, 1, 440]], "note 0 .*pitch 440;.*Hz"),
        ([[0, 1, np.nan]], "note 0 .*pitch nan"),
        ([[0, 1, 60, 0]], "note 0 .*velocity 0;.*1 to 127"),
        ([[0, 1, 60, 128]], "note 0 .*velocity 128"),
        ([[0, 1, 60, 0.5]], "note 0 .*velocity 0.5"),
    ],
)
def test_bad_notes(notes, message):
    with pytest.raises(ValueError, match=f"^y: clip 3: .*{message}"):
        check_notes(notes, name="y: clip 3")
    with pytest.raises(ValueError, match=f"^notes: .*{message}"):
        note_roll(notes, 30, 10)


def test_pitches_may_be_those_of_another_instrument():
    low = [[0, 1, 0], [0, 1, 127]]
    assert check_notes(low, pitches=None)["pitch"].tolist() == [0, 127]
    with pytest.raises(ValueError, match=r"note 1 .*pitch 127;.*0 to 100.*widen"):
        check_notes(low, pitches=(0, 100))
    for pitches in [(21,), (108, 21), (0, 128), (-1, 60), (0.5, 60), "ab", 88]:
        with pytest.raises(ValueError, match=f"^pitches={re.escape(repr(pitches))}"):
            check_notes(ROWS, pitches=pitches)


def test_a_note_ends_where_its_pitch_begins_again():
    notes = [
        (0, 5, 60, 9),
        (1, 2, 60, 8),
        (1, 3, 61, 7),
        (3, 4, 60, 6),
        (2, 2.5, 61, 5),
    ]
    found = check_notes(notes)
    assert found["offset"].tolist() == [1, 2, 2, 2.5, 4]
    kept = check_notes(notes, overlaps="keep")
    assert kept["offset"].tolist() == [5, 2, 3, 2.5, 4]
    np.testing.assert_array_equal(check_notes(kept), found)
    with pytest.raises(ValueError, match="overlaps='drop'.*'cut', 'keep'"):
        check_notes(notes, overlaps="drop")


def test_of_notes_with_the_same_pitch_and_onset_the_longest_stays():
    notes = [(1, 2, 60, 90), (1, 3, 60, 50), (1, 3, 60, 70), (1, 2, 61, 40)]
    assert check_notes(notes).tolist() == [(1, 3, 60, 70), (1, 2, 61, 40)]
    assert len(check_notes(notes, overlaps="keep")) == 4


def test_notes_are_cut_at_the_end_and_dropped_soon_after():
    notes = [(0, 9, 60), (2.9, 3, 62)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_notes(notes, duration=3)["offset"].tolist() == [3, 3]
        assert len(check_notes([*notes, (3.5, 4, 64)], duration=3, warn=False)) == 2
    with pytest.warns(UserWarning, match=r"^y: 1 of 3 .*3.5 s.*\(3.0 s\)") as caught:
        assert len(check_notes([*notes, (3.5, 4, 64)], duration=3.0, name="y")) == 2
    assert caught[0].filename == __file__
    message = r"^y: the onset of note 0 .*4.1 s.*\(3.0 s\).*milliseconds.*recording"
    with pytest.raises(ValueError, match=message):
        check_notes([(4.1, 5, 60)], duration=3, name="y")
    with pytest.raises(ValueError, match="duration=0"):
        check_notes(notes, duration=0)


# The pedal


def test_the_pedal_holds_notes_until_it_goes_up_or_their_pitch_begins_again():
    notes = [(0, 1, 60), (0, 1, 62), (3, 3.5, 62), (4, 5, 64)]
    held = extend_by_pedal(notes, [[0.5, 4.5]])
    assert held["offset"].tolist() == [4.5, 3, 4.5, 5]
    # A key that is released as the pedal goes down is held, one as it goes up is not.
    assert extend_by_pedal([(0, 1, 60)], [[1, 2]])["offset"] == 2
    assert extend_by_pedal([(0, 1, 60)], [[0, 1]])["offset"] == 1
    assert extend_by_pedal([(0, 1, 60)], [])["offset"] == 1
    assert extend_by_pedal([(0, 1, 60)], [[1.5, 2]])["offset"] == 1


def test_times_of_the_pedal_that_overlap_are_one_and_a_change_of_pedal_is_two():
    assert extend_by_pedal([(0, 1, 60)], [[2, 5], [0.5, 3], [0, 2]])["offset"] == 5
    assert extend_by_pedal([(0, 1, 60)], [[0.5, 3], [3, 5]])["offset"] == 3


@pytest.mark.parametrize(
    "pedal, message",
    [
        ([0.5, 1], r"\(2,\)"),
        ([[0.5, 1, 2]], r"\(1, 3\)"),
        ([[0.5, 1], [2]], "inhomogeneous"),
        ([["a", "b"]], "type"),
        ([[0, 1], [2, 1]], "row 1 .*2.0 s .*1.0 s"),
        ([[-1, 1]], "row 0 .*-1.0 s"),
        ([[0, np.nan]], "row 0 .*nan"),
        ([[0, np.inf]], "row 0 .*inf"),
        (np.ma.array([[0.0, 1.0]], mask=True), "row 0 .*mask"),
    ],
)
def test_bad_pedals(pedal, message):
    with pytest.raises(ValueError, match=f"^pedal.*{message}"):
        extend_by_pedal(ROWS, pedal)


# Rolls


def bits(targets, bit):
    return np.flatnonzero(targets & bit).tolist()


def test_targets_by_hand():
    notes = [(0.18, 0.42, 60), (0.71, 0.72, 60), (0.4, 0.7, 62)]
    targets = note_targets(notes, 10, 10, pitches=(60, 62))
    assert targets.dtype == np.uint8 and targets.shape == (10, 3)
    assert not targets[:, 1].any()
    assert bits(targets[:, 0], SOUNDING) == [2, 3, 7]  # a frame at least
    assert bits(targets[:, 0], ONSET) == [2, 7]
    assert bits(targets[:, 0], NEAR_ONSET) == [1, 2, 3, 6, 7, 8]
    assert bits(targets[:, 0], OFFSET) == [4, 8]
    assert bits(targets[:, 0], NEAR_OFFSET) == [3, 4, 5, 7, 8, 9]
    assert bits(targets[:, 2], SOUNDING) == [4, 5, 6]
    far = note_targets(notes, 10, 10, pitches=(60, 62), near=10**30)
    assert bits(far[:, 2], NEAR_ONSET) == list(range(10))
    exact = note_targets(notes, 10, 10, pitches=(60, 62), near=0)
    assert bits(exact, NEAR_ONSET) == bits(exact, ONSET)


def test_the_offset_moves_frames_and_what_has_none_is_left_out():
    notes = [(0.1, 0.2, 60), (0.1, 0.5, 62), (0.6, 0.8, 60), (0.9, 1.2, 62)]
    targets = note_targets(notes, 4, 10, offset=0.4, pitches=(60, 62))
    assert bits(targets[:, 0], SOUNDING) == [2, 3]
    assert bits(targets[:, 0], ONSET) == [2] and bits(targets[:, 0], OFFSET) == []
    assert bits(targets[:, 2], SOUNDING) == [0] and bits(targets[:, 2], ONSET) == []
    assert bits(targets[:, 2], OFFSET) == [1]
    assert note_roll(notes, 0, 10).shape == (0, 88)
    with pytest.raises(ValueError, match=r"the onset of note 0 .*2.0 s.*\(0.9 s\)"):
        note_roll([(2, 3, 60)], 10, 10)


@given(
    notes=NOTES,
    frame_rate=st.sampled_from([10.0, 31.25, 22050 / 512]),
    offset=st.sampled_from([0.0, 0.25]),
)
def test_a_roll_is_what_a_loop_over_its_notes_makes(notes, frame_rate, offset):
    n_frames = 400
    roll = np.zeros((n_frames, 4), dtype=bool)
    for onset, end, pitch, _ in check_notes(notes).tolist():
        first = int(np.floor((onset - offset) * frame_rate + 0.5 + 1e-9))
        stop = int(np.floor((end - offset) * frame_rate + 0.5 + 1e-9))
        roll[max(first, 0) : max(stop, first + 1, 0), pitch - 59] = True
    options = {"offset": offset, "pitches": (59, 62)}
    found = note_roll(notes, n_frames, frame_rate, **options)
    np.testing.assert_array_equal(found, roll)
    targets = note_targets(notes, n_frames, frame_rate, **options)
    np.testing.assert_array_equal(targets & SOUNDING > 0, roll)
    assert (roll[targets & ONSET > 0]).all()
    back = roll_notes(found, frame_rate, **options)
    np.testing.assert_array_equal(
        note_roll(back, n_frames, frame_rate, **options), roll
    )
    assert len(roll_notes(found, frame_rate, min_frames=500, **options)) == 0


def test_notes_of_a_roll_by_hand():
    roll = np.zeros((6, 88), dtype=int)
    roll[0:2, 0], roll[3, 0], roll[5, 87] = [50, 70], 1, 99
    notes = roll_notes(roll, 10, offset=0.05)
    assert notes["onset"].tolist() == [0.05, 0.35, 0.55]
    assert notes["offset"].tolist() == pytest.approx([0.25, 0.45, 0.65])
    assert notes["pitch"].tolist() == [21, 21, 108]
    assert notes["velocity"].tolist() == [70, 1, 99]
    assert roll_notes(roll, 10, min_frames=2)["velocity"].tolist() == [70]
    for unknown in (roll > 0, (roll > 0).astype(np.float32)):
        notes = roll_notes(unknown, 10)
        assert notes["velocity"].tolist() == [UNKNOWN_VELOCITY] * 3


def test_what_a_roll_has_before_second_0_is_left_out():
    roll = np.zeros((6, 88), dtype=bool)
    roll[0:2, 0] = roll[2:6, 1] = True
    notes = roll_notes(roll, 10, offset=-0.3)
    assert notes[["onset", "pitch"]].tolist() == [(0.0, 22)]
    assert notes["offset"] == pytest.approx(0.3)


@pytest.mark.parametrize(
    "roll, message",
    [
        (np.zeros((88, 5)), r"\(88, 5\).*\(n_frames, 88\).*Transpose"),
        (np.zeros(88), r"\(88,\)"),
        ([[0], [0, 1]], "inhomogeneous"),
        (np.full((2, 88), "a"), "type"),
        (np.eye(2, 88) * 0.7, "frame 0 .*0.7 at pitch 21.*>= 0.5"),
        (np.eye(2, 88) * 128, "frame 0 .*128"),
        (-np.eye(2, 88), "frame 0 .*-1"),
        (np.full((2, 88), np.nan), "frame 0 .*nan"),
        (np.ma.array(np.eye(2, 88), mask=np.eye(2, 88)), "frame 0 .*mask"),
    ],
)
def test_bad_rolls(roll, message):
    with pytest.raises(ValueError, match=f"^roll.*{message}"):
        roll_notes(roll, 10)


def test_any_number_of_frames_may_be_near():
    near = note_targets([(0.2, 0.3, 60)], 5, 10, near=10**400)[:, 60 - 21]
    assert bits(near, NEAR_ONSET) == bits(near, NEAR_OFFSET) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "parameter, values",
    [
        ("frame_rate", [0, np.nan, "10"]),
        ("offset", [np.inf, None]),
        ("n_frames", [-1, 1.5]),
        ("near", [-1, 0.5]),
        ("min_frames", [0, 1.5]),
    ],
)
def test_bad_parameters_of_rolls(parameter, values):
    for value in values:
        with pytest.raises(ValueError, match=f"^{parameter}={value!r}"):
            if parameter == "min_frames":
                roll_notes(np.eye(88), 10, min_frames=value)
            else:
                given = {"n_frames": 5, "frame_rate": 10, parameter: value}
                note_targets([(0, 1, 60)], **given)
