"""Notes as a piano roll, hits, misses and false notes told apart."""

import re

import matplotlib.pyplot
import numpy as np
import pytest
from matplotlib.colors import to_hex

from skdeepmir.metrics import note_f1
from skdeepmir.notes import write_notes
from skdeepmir.plotting import RollDisplay

pytestmark = pytest.mark.usefixtures("pictures")
REFERENCE = [[0.5, 1.0, 60], [1.0, 2.0, 64], [1.5, 2.0, 67]]
FOUND = [[0.52, 0.9, 60], [1.0, 1.2, 64], [1.5, 2.0, 79]]  # two hits, a false note
RATE = 100.0


def bars(display):
    """Return (onset, offset, pitch) of the bars of each kind, by their labels."""
    return {
        bar.get_label(): [
            (*path.vertices[[0, 1], 0].round(6), path.vertices[:4, 1].mean())
            for path in bar.get_paths()
        ]
        for bar in display.axes_[-1].collections
    }


def test_hits_misses_and_false_notes_are_told_apart():
    display = RollDisplay(FOUND, reference=REFERENCE)
    assert display.plot() is display
    assert bars(display) == {
        "hits: 2": [(0.52, 0.9, 60), (1.0, 1.2, 64)],
        "_annotated": [(0.5, 1.0, 60), (1.0, 2.0, 64)],
        "misses: 1": [(1.5, 2.0, 67)],
        "false notes: 1": [(1.5, 2.0, 79)],
    }
    assert (display.n_hits_, display.n_misses_, display.n_false_notes_) == (2, 1, 1)
    (ax,) = display.axes_
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["hits: 2", "misses: 1", "false notes: 1"]
    assert ax.get_title("left") == "note F = 0.667 at ±50 ms"
    assert note_f1([REFERENCE], [FOUND]) == pytest.approx(2 / 3)

    display.figure_.canvas.draw()


def test_the_three_kinds_differ_in_colour_and_without_colours():
    display = RollDisplay(FOUND, reference=REFERENCE).plot()
    kinds = [b for b in display.axes_[0].collections if b.get_label()[0] != "_"]
    colours = {
        to_hex((*bar.get_facecolor(), *bar.get_edgecolor())[-1]) for bar in kinds
    }
    looks = {(bar.get_hatch(), len(bar.get_facecolor())) for bar in kinds}
    assert len(colours) == len(looks) == len(kinds) == 3


def test_offsets_count_if_asked_for():
    display = RollDisplay(FOUND, reference=REFERENCE, offsets=True).plot()
    assert (display.n_hits_, display.n_misses_, display.n_false_notes_) == (1, 2, 2)
    assert "offsets" in display.axes_[0].get_title("left")
    strict = RollDisplay.from_predictions(REFERENCE, FOUND, onset_window=0.01)
    assert (strict.n_hits_, strict.n_misses_) == (1, 2)


def test_keys_have_names_and_black_ones_are_shaded():
    (ax,) = RollDisplay(FOUND).plot().axes_
    names = dict(
        zip(ax.get_yticks(), [t.get_text() for t in ax.get_yticklabels()], strict=True)
    )
    assert names[60] == "C4" and names[69] == "A4" and 61 not in names
    rows = {patch.get_y() + patch.get_height() / 2 for patch in ax.patches}
    assert {61, 63, 66, 68, 70} <= rows and not rows & {60, 62, 64, 65, 67, 69, 71}
    low, high = ax.get_ylim()
    assert low < 60 and high > 79
    (ax,) = RollDisplay([[0, 1, 21], [0, 1, 108]]).plot().axes_
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == [f"C{octave}" for octave in range(1, 9)]


def test_notes_are_drawn_below_their_spectrogram():
    frames = np.random.RandomState(0).rand(250, 8)
    display = RollDisplay(
        FOUND, frames=frames, frame_rate=RATE, offset=0.02, reference=REFERENCE
    ).plot()
    spectrogram, roll = display.axes_
    np.testing.assert_array_equal(spectrogram.images[0].get_array(), frames.T)
    assert {ax.get_xlim() for ax in display.axes_} == {(0, 2.52)}
    assert spectrogram.get_legend() and not roll.get_legend()


def test_a_transcription_alone_has_no_score():
    display = RollDisplay(FOUND).plot()
    (ax,) = display.axes_
    assert [*bars(display)] == ["notes: 3"] and ax.get_title("left") == ""
    assert display.n_hits_ is display.n_misses_ is display.n_false_notes_ is None


def test_clips_without_notes_are_drawn():
    display = RollDisplay([], reference=[]).plot()
    assert display.n_hits_ == display.n_misses_ == display.n_false_notes_ == 0
    assert display.axes_[0].get_title("left") == ""  # F is not defined
    missed = RollDisplay([], reference=REFERENCE).plot()
    assert missed.n_misses_ == 3 and "0.000" in missed.axes_[0].get_title("left")
    missed.figure_.canvas.draw()


def test_notes_may_be_files_and_figures_those_of_the_user(tmp_path):
    write_notes(tmp_path / "a.tsv", REFERENCE)
    write_notes(tmp_path / "b.csv", FOUND)
    part = matplotlib.pyplot.figure(layout="constrained").subfigures(2, 1)[1]
    display = RollDisplay.from_predictions(
        str(tmp_path / "a.tsv"), tmp_path / "b.csv", figure=part
    )
    assert display.figure_ is part and display.axes_[0].figure is part
    assert (display.n_hits_, display.n_misses_) == (2, 1)


@pytest.mark.parametrize(
    "change, facts",
    [
        ({"frame_rate": None}, "frame_rate=None"),
        ({"frames": np.zeros(5)}, r"frames.*\(5,\).*n_bands"),
        ({"frames": np.full((5, 2), np.nan)}, "frames.*NaN"),
        ({"offset": np.inf}, "offset=inf"),
        ({"onset_window": -1}, "onset_window=-1"),
        ({"offsets": "both"}, "offsets=.both."),
        ({"offset_ratio": np.nan}, "offset_ratio=nan"),
        ({"offset_min": None}, "offset_min=None"),
        ({"notes": [[0.5, 0.2, 60]]}, "notes.*0.2"),
        ({"reference": [[0.5, 1.0, 440.0]]}, "reference.*440"),
        ({"reference": [[22050.0, 44100.0, 60]]}, r"reference.*22050.*2\.0"),
    ],
)
def test_displays_of_notes_say_what_is_wrong(change, facts):
    given = {"notes": FOUND, "frames": np.zeros((200, 4)), "frame_rate": RATE}
    with pytest.raises(ValueError, match=re.compile(facts, re.DOTALL)):
        RollDisplay(**given | change).plot()
