"""Onsets under their spectrogram and activation."""

import re

import matplotlib.pyplot
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skdeepmir import OnsetDetector, SpectralFluxDetector, make_onset_pipeline
from skdeepmir.metrics import onset_f1
from skdeepmir.onsets import write_onsets
from skdeepmir.plotting import OnsetDisplay

pytestmark = pytest.mark.usefixtures("pictures")
REFERENCE = [0.5, 1.0, 1.5]
DETECTED = [0.51, 1.2, 1.49]  # a hit, a false alarm, a hit; a miss at 1.0
RATE = 100.0


def activation_of(times, n_frames=200):
    activation = np.zeros(n_frames)
    activation[np.round(np.array(times) * RATE).astype(int)] = 0.9
    return activation


def bars(ax):
    """Return the times at the upper and the lower end of each bar."""
    (collection,) = ax.collections
    return [segment[:, 0].tolist() for segment in collection.get_segments()]


def marks(ax):
    """Return the times of marks, by their legend, and their heights."""
    return {
        line.get_label(): (line.get_xdata().tolist(), {*line.get_ydata()})
        for line in ax.lines
    }


def lines_through(ax):
    """Return the times of lines through axes, by their colour and style."""
    return {
        (matplotlib.colors.to_hex(lines.get_color()[0]), str(lines.get_linestyle())): [
            float(segment[0, 0]) for segment in lines.get_segments()
        ]
        for lines in ax.collections
    }


def test_hits_misses_and_false_alarms_are_told_apart():
    display = OnsetDisplay(detections=DETECTED, reference=REFERENCE)
    assert display.plot() is display
    (ax,) = display.axes_
    assert bars(ax) == [[0.5, 0.51], [1.5, 1.49]]
    assert marks(ax) == {
        "misses: 1": ([1.0], {1.0}),
        "false alarms: 1": ([1.2], {0.0}),
    }
    markers = {line.get_marker() for line in ax.lines}
    colours = {line.get_color() for line in ax.lines}
    assert len(markers) == len(colours) == 2
    assert (display.n_hits_, display.n_misses_, display.n_false_alarms_) == (2, 1, 1)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["hits: 2", "misses: 1", "false alarms: 1"]
    assert ax.get_title("left") == "F = 0.667 at ±25 ms"
    assert onset_f1([REFERENCE], [DETECTED]) == pytest.approx(0.667, abs=5e-4)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["reference", "detected"]


def test_onsets_are_drawn_below_spectrogram_and_activation():
    frames = np.random.RandomState(0).rand(200, 8)
    display = OnsetDisplay(
        frames,
        frame_rate=RATE,
        offset=0.02,
        activation=activation_of(DETECTED),
        threshold=0.4,
        detections=DETECTED,
        reference=REFERENCE,
    ).plot()
    spectrogram, activation, onsets = display.axes_
    np.testing.assert_array_equal(spectrogram.images[0].get_array(), frames.T)
    extent = spectrogram.images[0].get_extent()
    assert extent == pytest.approx([0.015, 2.015, -0.5, 7.5])
    curve, threshold = activation.lines
    assert curve.get_xdata()[[0, 51]] == pytest.approx([0.02, 0.53])
    assert {*threshold.get_ydata()} == {0.4}
    for ax in (spectrogram, activation):
        found = lines_through(ax)
        assert len(found) == 3
        assert [*found.values()] == [[0.51, 1.49], [1.0], [1.2]]
    assert {ax.get_xlim() for ax in display.axes_} == {(0, 2.02)}
    assert spectrogram.get_legend() and not onsets.get_legend()
    display.figure_.canvas.draw()


def test_detections_alone_have_no_score():
    display = OnsetDisplay(
        frame_rate=RATE, activation=activation_of(DETECTED), detections=DETECTED
    ).plot()
    top, ax = display.axes_
    assert bars(ax) == [[time, time] for time in DETECTED]
    assert display.n_hits_ is None and top.get_title("left") == ""
    assert [t.get_text() for t in top.get_legend().get_texts()] == ["detections: 3"]


def test_a_clip_without_onsets_is_drawn():
    display = OnsetDisplay(detections=[], reference=[]).plot()
    assert display.n_hits_ == display.n_misses_ == display.n_false_alarms_ == 0
    assert display.axes_[0].get_title("left") == ""  # F is not defined
    display = OnsetDisplay(detections=[], reference=REFERENCE).plot()
    assert display.n_misses_ == 3 and "0.000" in display.axes_[0].get_title("left")
    display.figure_.canvas.draw()


def test_annotated_onsets_close_together_are_one():
    reference = [0.5, 0.52, 1.5]
    display = OnsetDisplay(detections=[0.51, 1.5], reference=reference).plot()
    assert (display.n_hits_, display.n_misses_) == (2, 0)
    apart = OnsetDisplay(detections=[0.51, 1.5], reference=reference, merge=0).plot()
    assert (apart.n_hits_, apart.n_misses_) == (2, 1)


def test_onsets_may_be_files(tmp_path):
    write_onsets(tmp_path / "a.onsets", REFERENCE)
    write_onsets(tmp_path / "b.txt", DETECTED)
    figure = matplotlib.pyplot.figure(layout="constrained")
    part = figure.subfigures(2, 1)[1]
    display = OnsetDisplay.from_predictions(
        str(tmp_path / "a.onsets"), tmp_path / "b.txt", window=0.005, figure=part
    )
    assert display.figure_ is part and display.axes_[0].figure is part
    assert (display.n_hits_, display.n_misses_, display.n_false_alarms_) == (0, 3, 3)


def test_pictures_are_wider_for_longer_clips():
    widths = [
        OnsetDisplay(detections=[end]).plot().figure_.get_figwidth()
        for end in (1.0, 30.0, 600.0)
    ]
    assert widths[0] == 8 < widths[1] < widths[2] == 100


@pytest.mark.parametrize(
    "change, facts",
    [
        ({"frame_rate": None}, "frame_rate=None"),
        ({"frame_rate": 0}, "frame_rate=0"),
        ({"frames": np.zeros(5)}, r"frames.*\(5,\).*n_bands"),
        ({"activation": np.zeros((5, 2))}, r"activation.*\(5, 2\)"),
        ({"activation": []}, r"activation.*\(0,\)"),
        ({"activation": np.full(5, np.nan)}, "activation.*NaN"),
        ({"frames": np.zeros((50, 2))}, "50 frames.*200"),
        ({"threshold": [0.5, 0.5]}, r"threshold.*\(2,\).*200"),
        ({"offset": np.nan}, "offset=nan"),
        ({"window": -1}, "window=-1"),
        ({"merge": np.nan}, "merge=nan"),
        ({"detections": [0.5, 0.2]}, "detections.*0.2"),
        ({"reference": [-0.5]}, "reference.*-0.5"),
        ({"reference": [22050.0]}, r"reference.*22050.*2\.0"),
    ],
)
def test_displays_of_onsets_say_what_is_wrong(change, facts):
    given = {"activation": np.zeros(200), "frame_rate": RATE, "detections": DETECTED}
    with pytest.raises(ValueError, match=re.compile(facts, re.DOTALL)):
        OnsetDisplay(**given | change).plot()


def strokes(times, n_frames=200, n_bands=6):
    """Return quiet frames in which all bands rise at these times."""
    frames = np.random.RandomState(0).rand(n_frames, n_bands)
    frames[np.round(np.array(times) * RATE).astype(int)] += 20
    return frames


def test_onsets_are_drawn_from_an_estimator():
    clip = strokes(REFERENCE)
    detector = SpectralFluxDetector(frame_rate=RATE, frame_offset=0.01)
    detector.fit([clip], [REFERENCE])
    figure = matplotlib.pyplot.figure(layout="constrained")
    part = figure.subfigures(2, 1)[1]
    display = OnsetDisplay.from_estimator(detector, clip, REFERENCE, figure=part)
    assert display.figure_ is part
    np.testing.assert_array_equal(display.frames, clip)
    np.testing.assert_array_equal(display.detections, detector.predict([clip])[0])
    assert display.offset == 0.01 and display.axes_[0].get_xlim() == (0, 2.01)
    assert (display.n_hits_, display.n_misses_, display.n_false_alarms_) == (3, 0, 0)
    picture = strokes([], n_bands=2)
    display = OnsetDisplay.from_estimator(detector, clip, frames=picture)
    np.testing.assert_array_equal(display.frames, picture)


@pytest.mark.parametrize(
    "lengths",
    [{}, {"smooth": 5}, {"pre_avg": 0}, {"pre_avg": 0, "post_avg": 0, "smooth": 3}],
)
def test_the_drawn_activation_is_that_of_the_threshold(lengths):
    clip = strokes(np.arange(1, 19) / 10)
    clip[::40] += 3
    detector = SpectralFluxDetector(
        frame_rate=RATE, threshold=0.5, shift=0.0, **lengths
    )
    detector.fit([clip], [REFERENCE])
    display = OnsetDisplay.from_estimator(detector, clip)
    # Whatever is not above the line is no onset, and peaks above it are.
    activation = display.activation
    above = activation >= display.threshold
    inner = activation[1:-1]
    peaks = (inner > activation[:-2]) & (inner >= activation[2:]) & above[1:-1]
    found = display.detections * RATE
    assert 10 < len(found) <= above.sum()
    detected = np.round(found).astype(int)
    assert above[detected].all()
    assert {*detected} <= {*(np.flatnonzero(peaks) + 1)}


def test_the_first_of_several_windows_is_drawn():
    wave = np.random.RandomState(0).randn(22050) * np.linspace(0, 1, 22050) ** 4
    pipeline = make_onset_pipeline(
        OnsetDetector("rnn", n_units=4, n_layers=1, max_epochs=1, random_state=0)
    ).fit([wave] * 4, [[0.5]] * 4)
    display = OnsetDisplay.from_estimator(pipeline, wave)
    whole = pipeline[:-1].transform([wave])[0]
    np.testing.assert_array_equal(display.frames, whole[:, :80])
    assert whole.shape[1] == 240
    with pytest.raises(NotFittedError):
        OnsetDisplay.from_estimator(clone(pipeline), wave)
