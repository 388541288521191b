import re
from itertools import pairwise

import matplotlib.pyplot
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skdeepmir import (
    DBNFeatureLearner,
    DropoutMLPClassifier,
    FrameStacker,
    TemplateChordRecognizer,
)
from skdeepmir.chords import write_jams, write_lab
from skdeepmir.metrics import chord_confusion
from skdeepmir.plotting import (
    ChordConfusionDisplay,
    ChordDisplay,
    FilterDisplay,
    ProjectionDisplay,
    TrainingDisplay,
)

pytestmark = pytest.mark.usefixtures("pictures")


@pytest.fixture(scope="module")
def learner():
    rng = np.random.RandomState(0)
    clips = [rng.rand(40, 12) for _ in range(10)]
    return DBNFeatureLearner(
        (5, 3), max_epochs=2, finetune_epochs=3, random_state=0
    ).fit(clips, [0, 1] * 5)


def test_filters_are_sorted_by_their_peak(learner):
    filters = np.eye(4)[[2, 0, 3, 1]]
    display = FilterDisplay(filters, frequencies=np.arange(4) * 100.0).plot()
    assert list(display.order_) == [1, 3, 0, 2]
    assert display.ax_.get_ylabel() == "frequency (Hz)"
    drawn = display.ax_.collections[0].get_array().reshape(4, 4)
    np.testing.assert_array_equal(drawn, np.eye(4))
    display = FilterDisplay.from_estimator(learner)
    assert display.ax_.figure is display.figure_


def test_filters_of_images_are_drawn_as_images(learner):
    display = FilterDisplay.from_estimator(learner, image_shape=(3, 4))
    picture = display.ax_.images[0].get_array()
    assert picture.shape == (2 * 4 - 1, 3 * 5 - 1)
    np.testing.assert_allclose(picture[:3, :4], learner.weights_[0][:, 0].reshape(3, 4))


def test_training_is_drawn(learner):
    display = TrainingDisplay.from_estimator(learner)
    errors, gaps, loss = display.axes_
    assert [len(line.get_xdata()) for line in errors.lines] == [2, 2]
    assert len(gaps.lines) == 2 and len(loss.lines[0].get_xdata()) == 3


def test_features_are_projected_side_by_side(learner):
    rng = np.random.RandomState(0)
    features = {"inputs": rng.rand(12, 5), "a$b": rng.rand(12, 3)}
    display = ProjectionDisplay.from_features(features, [0, 1] * 6, random_state=0)
    assert [ax.get_title() for ax in display.axes_] == ["inputs", "a$b"]
    assert all(len(ax.collections) == 2 for ax in display.axes_)
    display.figure_.canvas.draw()


def test_missing_labels_are_grey_and_many_have_no_legend():
    points = np.random.RandomState(0).rand(30, 2)
    y = np.array(["a", "b", None] * 10, dtype=object)
    display = ProjectionDisplay({"inputs": points}, y).plot()
    assert len(display.axes_[0].collections) == 3
    (legend,) = display.figure_.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]
    display = ProjectionDisplay({"inputs": points}, np.arange(30)).plot()
    assert display.figure_.legends == []


def test_all_layers_together_have_a_curve_of_their_own():
    clips = [np.random.RandomState(0).rand(40, 6)] * 4
    learner = DBNFeatureLearner(
        (5, 3), pretraining="dbm", max_epochs=2, joint_epochs=3, random_state=0
    )
    display = TrainingDisplay.from_estimator(learner.fit(clips))
    labels = [line.get_label() for line in display.axes_[0].lines]
    assert labels == ["layer 0", "layer 1", "all together"]


def test_displays_say_what_is_wrong(learner):
    with pytest.raises(NotFittedError):
        FilterDisplay.from_estimator(DBNFeatureLearner())
    with pytest.raises(NotFittedError):
        TrainingDisplay.from_estimator(DBNFeatureLearner())
    with pytest.raises(ValueError, match="12 features.* 7 frequencies"):
        FilterDisplay.from_estimator(learner, frequencies=np.arange(7))
    with pytest.raises(ValueError, match=r"12 features.*image_shape=\(5, 5\) .*25"):
        FilterDisplay.from_estimator(learner, image_shape=(5, 5))
    with pytest.raises(ValueError, match=r"'inputs'\] has 5 .*y has 4"):
        ProjectionDisplay.from_features({"inputs": np.ones((5, 2))}, [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"'a'\] .*\(4, 3\)"):
        ProjectionDisplay({"a": np.ones((4, 3))}, [0, 1, 0, 1]).plot()
    with pytest.raises(TypeError, match="^Pipeline .*DBNFeatureLearner"):
        FilterDisplay.from_estimator(make_pipeline(learner))
    net = DropoutMLPClassifier((2,), max_epochs=5, random_state=0, verbose=False)
    net.fit(np.eye(12).repeat(3, axis=0), np.arange(36) % 2)
    for display in (FilterDisplay, TrainingDisplay):
        with pytest.raises(TypeError, match="^DropoutMLP.*DBNFeatureLearner"):
            display.from_estimator(net)


# 8 s: C major, then A minor, of which the estimate is half a second late.
REFERENCE = ([[0, 4.0], [4.0, 8.0]], ["C:maj", "A:min"])
ESTIMATE = ([[0, 4.5], [4.5, 8.0]], ["C:maj", "A:min7/b3"])


def chromagram_of_two_chords(frame_rate=10):
    chromagram = np.zeros((8 * frame_rate, 12))
    chromagram[: 4 * frame_rate, [0, 4, 7]] = 1
    chromagram[4 * frame_rate :, [9, 0, 4]] = 1
    return chromagram


def bars(ax, height):
    """Return start and end of the bars at a height."""
    boxes = [patch.get_bbox() for patch in ax.patches]
    return [
        (pytest.approx(box.x0), pytest.approx(box.x1))
        for box in boxes
        if (box.y0 + box.y1) / 2 == pytest.approx(height)
    ]


def written(display):
    return [text.get_text() for text in display.axes_[1].texts]


def test_chords_are_drawn_under_their_chromagram():
    chromagram = chromagram_of_two_chords()
    display = ChordDisplay(chromagram, 10, estimate=ESTIMATE, reference=REFERENCE)
    assert display.plot() is display
    top, bottom = display.axes_
    np.testing.assert_array_equal(top.images[0].get_array(), chromagram.T)
    assert top.images[0].get_extent() == [-0.05, 7.95, -0.5, 11.5]
    labels = [label.get_text() for label in top.get_yticklabels()]
    assert labels[:2] == ["C", "C#"] and top.get_ylim() == (-0.5, 11.5)
    assert top.get_xlim() == bottom.get_xlim() == (0, 8)
    assert [t.get_text() for t in bottom.get_yticklabels()] == [
        "reference",
        "estimate",
        "wrong",
    ]
    assert bars(bottom, 0) == [(0, 4), (4, 8)]
    assert bars(bottom, -1) == [(0, 4.5), (4.5, 8)]
    assert bars(bottom, -0.5) == [(4, 4.5)]  # A:min7/b3 is right in majmin
    assert written(display) == ["C", "Am", "C", "Am7/b3"]
    display.figure_.canvas.draw()


def test_only_what_wcsr_counts_as_wrong_is_marked():
    reference = ([[0, 1], [1, 2], [2, 3], [4, 8]], ["X", "C:sus4", "G", "N"])
    estimate = ([[0, 3], [3, 8]], ["C:maj", "D:maj"])
    display = ChordDisplay(
        chromagram_of_two_chords(), 10, estimate=estimate, reference=reference
    ).plot()
    assert bars(display.axes_[1], -0.5) == [(2, 3), (4, 8)]


def test_an_estimate_alone_has_one_strip():
    estimate = ([[0, 3], [3, 5], [5, 6], [6, 8]], ["N", "X", "C:min", "C:maj"])
    display = ChordDisplay(chromagram_of_two_chords(), 10, estimate=estimate).plot()
    ax = display.axes_[1]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["estimate"]
    assert written(display) == ["N", "X", "Cm", "C"]
    no_chord, unscored, minor, major = ax.patches
    assert unscored.get_hatch() and not no_chord.get_hatch()
    red, green, blue, _ = no_chord.get_facecolor()
    assert red == green == blue
    assert sum(minor.get_facecolor()) < sum(major.get_facecolor())


def test_labels_that_do_not_fit_are_left_out():
    times = np.arange(0, 240, 2.0)
    labels = ["C:maj", "A:min"] * 60
    times, labels = [*times, 240, 240.2], [*labels, "G:maj"]
    intervals = np.column_stack([times[:-1], times[1:]])
    chromagram = np.zeros((2410, 12))
    display = ChordDisplay(chromagram, 10, estimate=(intervals, labels)).plot()
    display.figure_.canvas.draw()
    assert set(written(display)) == {"C", "Am"} and len(written(display)) == 120
    extents = [text.get_window_extent() for text in display.axes_[1].texts]
    for left, right in pairwise(extents):
        assert left.x1 < right.x0
    assert 8 < display.figure_.get_figwidth() <= 20


def test_equal_neighbours_are_one_chord():
    times = np.arange(80) / 10
    estimate = (np.column_stack([times, times + 0.1]), ["C:maj"] * 80)
    display = ChordDisplay(chromagram_of_two_chords(), 10, estimate=estimate).plot()
    assert bars(display.axes_[1], 0) == [(0, 8)] and written(display) == ["C"]


def test_chords_may_be_files_or_labels_of_frames(tmp_path):
    write_lab(tmp_path / "a.lab", *REFERENCE)
    write_jams(tmp_path / "b.jams", *ESTIMATE)
    chromagram = chromagram_of_two_chords()
    frames = ["C:maj"] * 45 + ["A:min"] * 35
    for reference, estimate, change in (
        (tmp_path / "a.lab", str(tmp_path / "b.jams"), 4.5),
        (REFERENCE, np.array(frames, dtype=object), 4.45),
    ):
        display = ChordDisplay.from_predictions(
            reference, estimate, chromagram=chromagram, frame_rate=10
        )
        assert bars(display.axes_[1], 0) == [(0, 4), (4, 8)]
        assert bars(display.axes_[1], -0.5) == [(4, change)]
    display = ChordDisplay.from_predictions(
        None, frames, chromagram=chromagram, frame_rate=10
    )
    assert bars(display.axes_[1], 0)[0] == (0, 4.45)


def test_chords_are_drawn_from_an_estimator():
    chroma = chromagram_of_two_chords()
    recognizer = TemplateChordRecognizer(frame_rate=10).fit([chroma])
    figure = matplotlib.pyplot.figure(layout="constrained")
    part = figure.subfigures(2, 1)[1]
    display = ChordDisplay.from_estimator(recognizer, chroma, REFERENCE, figure=part)
    assert display.figure_ is part and display.axes_[0].figure is part
    np.testing.assert_array_equal(display.chromagram, chroma)
    assert bars(display.axes_[1], -1) == [(0, 3.95), (3.95, 8)]
    three_octaves = np.repeat(chroma[:, None], 3, axis=1).reshape(80, 36)
    pipeline = make_pipeline(FrameStacker(1), recognizer).fit([three_octaves])
    display = ChordDisplay.from_estimator(pipeline, three_octaves)
    np.testing.assert_allclose(display.chromagram, chroma)
    fine = TemplateChordRecognizer(frame_rate=10, bins_per_octave=36)
    fine.fit([np.repeat(chroma, 3, axis=1)])
    display = ChordDisplay.from_estimator(fine, np.repeat(chroma, 3, axis=1))
    np.testing.assert_allclose(display.chromagram, chroma)
    display = ChordDisplay.from_estimator(
        fine, np.repeat(chroma, 3, axis=1), chromagram=2 * chroma
    )
    np.testing.assert_array_equal(display.chromagram, 2 * chroma)


def test_chord_displays_say_what_is_wrong():
    chroma = chromagram_of_two_chords()
    for shape, hint in (((12, 80), "chromagram.T"), ((0, 12), ""), ((5,), "")):
        with pytest.raises(ValueError, match=f"{re.escape(str(shape))}.*{hint}"):
            ChordDisplay(np.zeros(shape), 10, estimate=ESTIMATE).plot()
    with pytest.raises(ValueError, match="frame_rate=0"):
        ChordDisplay(chroma, 0, estimate=ESTIMATE).plot()
    with pytest.raises(ValueError, match="reference: row 0: 'H' "):
        wrong = ([[0, 8]], ["H"])
        ChordDisplay(chroma, 10, estimate=ESTIMATE, reference=wrong).plot()
    with pytest.raises(NotFittedError):
        ChordDisplay.from_estimator(TemplateChordRecognizer(frame_rate=10), chroma)
    with pytest.raises(ValueError, match="^TemplateChordRecognizer .*frame_rate"):
        ChordDisplay.from_estimator(TemplateChordRecognizer().fit([chroma]), chroma)
    odd = TemplateChordRecognizer(frame_rate=10).fit([np.ones((4, 20))])
    with pytest.raises(ValueError, match=r"\(4, 20\).*chromagram="):
        ChordDisplay.from_estimator(odd, np.ones((4, 20)))


def test_confusions_are_drawn_in_percent():
    display = ChordConfusionDisplay.from_predictions([REFERENCE], [ESTIMATE])
    ax = display.ax_
    assert list(display.percent_.index) == list(display.percent_.columns) == ["C", "A"]
    np.testing.assert_allclose(display.percent_, [[100, 0], [12.5, 87.5]])
    np.testing.assert_allclose(ax.images[0].get_array(), display.percent_)
    assert [text.get_text() for text in ax.texts] == ["100", "12", "88"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["C", "A"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("estimate", "reference")
    confusion = chord_confusion([REFERENCE], [ESTIMATE], by="quality")
    _, ax = matplotlib.pyplot.subplots()
    display = ChordConfusionDisplay(confusion).plot(ax=ax)
    assert display.ax_ is ax and display.figure_ is ax.figure
    # There is no minor seventh in the reference, only in the estimate.
    assert list(display.percent_.index) == ["maj", "min", "min7"]
    assert display.percent_.loc["min7"].isna().all()


def test_confusions_of_intervals_and_of_frames():
    frames = [["C:maj"] * 8 + ["G:maj"] * 2], [["C:maj"] * 6 + ["G:maj"] * 4]
    display = ChordConfusionDisplay.from_predictions(*frames, by="interval")
    assert list(display.percent_.index) == ["maj"]
    assert list(display.percent_.columns) == [*range(12), "N"]
    assert display.percent_.loc["maj", [0, 7]].tolist() == [80, 20]
    assert "semitones" in display.ax_.get_xlabel()
    with pytest.raises(ValueError, match="^confusion .*'X'"):
        ChordConfusionDisplay.from_predictions([["X"]], [["C:maj"]])
