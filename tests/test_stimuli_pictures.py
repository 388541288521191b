"""Excerpts that a unit answers to, and its optimal stimulus, as pictures."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest
from known_units import Detectors, noise_with_spots

from skdeepmir.inspection import optimal_stimulus, top_stimuli
from skdeepmir.plotting import StimuliDisplay

pytestmark = pytest.mark.usefixtures("pictures")
RATE = 10.0


@pytest.fixture(scope="module")
def clips():
    return noise_with_spots()


@pytest.fixture(scope="module")
def detectors(clips):
    return Detectors().fit(clips)


def drawn(ax):
    """Return the picture in axes, (n_frames, n_bands), and its extent."""
    (image,) = ax.images
    return image.get_array().T, image.get_extent()


def test_excerpts_are_drawn_with_their_seconds_the_best_first(detectors, clips):
    stimuli = top_stimuli(detectors, clips, 0, 3, frame_rate=RATE)
    display = StimuliDisplay(stimuli)
    assert display.plot() is display
    assert len(display.axes_) == 3
    for ax, clip in zip(display.axes_, [5, 4, 3], strict=True):
        picture, (start, end, low, high) = drawn(ax)
        np.testing.assert_array_equal(picture, clips[clip][10 + clip : 14 + clip])
        assert (start, end) == pytest.approx((0.95 + clip / 10, 1.35 + clip / 10))
        assert (low, high) == (-0.5, 7.5)
        assert ax.get_title() == f"clip {clip}\nanswer {stimuli.answers[5 - clip]:.3g}"
    assert display.figure_.get_suptitle() == "unit 0, layer 0"
    assert display.figure_.get_supxlabel() == "time (s)"


def test_the_optimal_stimulus_comes_first_and_shares_the_greys(detectors, clips):
    display = StimuliDisplay.from_estimator(
        *(detectors, clips, 1), n=2, frame_rate=RATE, random_state=0
    )
    assert len(display.axes_) == 3
    optimal = optimal_stimulus(detectors, 1, random_state=0)
    picture, (start, end, _, _) = drawn(display.axes_[0])
    np.testing.assert_array_equal(picture, optimal.frames)
    assert (start, end) == pytest.approx((0, len(optimal.frames) / RATE))
    assert display.axes_[0].get_title().startswith("optimal stimulus\nanswer ")
    assert len({ax.images[0].get_clim() for ax in display.axes_}) == 1


def test_frames_are_counted_where_nothing_tells_seconds(detectors, clips):
    display = StimuliDisplay.from_estimator(
        detectors, clips, 0, n=1, with_optimal=False
    )
    (ax,) = display.axes_
    assert tuple(drawn(ax)[1][:2]) == (14.5, 18.5)
    assert display.figure_.get_supxlabel() == "frame"


def test_names_of_clips_stay_text_and_long_ones_keep_their_end(detectors, clips):
    names = ["$x^2$\u202e"] * 5 + ["a/very/long/path/to/a/recording.wav"]
    stimuli = top_stimuli(detectors, clips, 0, 2)
    display = StimuliDisplay(stimuli, clip_names=names).plot()
    titles = [ax.get_title().split("\n")[0] for ax in display.axes_]
    assert titles == ["…path/to/a/recording.wav", "$x^2$\\u202e"]
    assert not display.axes_[1].title.get_parse_math()
    display.figure_.canvas.draw()


def test_a_figure_that_is_given_is_drawn_in(detectors, clips):
    figure = plt.figure()
    stimuli = top_stimuli(detectors, clips, 0, 5)
    display = StimuliDisplay(stimuli).plot(figure=figure, n_columns=np.int64(3))
    assert display.figure_ is figure
    assert len(figure.axes) == 6 and not figure.axes[5].axison


def test_what_does_not_fit_is_refused(detectors, clips):
    stimuli = top_stimuli(detectors, clips, 0, 2)
    other = optimal_stimulus(detectors, 1, random_state=0)
    with pytest.raises(ValueError, match="optimal is of unit 1.*unit 0"):
        StimuliDisplay(stimuli, other).plot()
    with pytest.raises(TypeError, match="stimuli is a list of 2"):
        StimuliDisplay([stimuli, stimuli]).plot()
    with pytest.raises(ValueError, match="clip_names has 2 names.*clip 5"):
        StimuliDisplay(stimuli, clip_names=["a", "b"]).plot()
    for columns in [0, 1.5, True]:
        with pytest.raises(ValueError, match="n_columns"):
            StimuliDisplay(stimuli).plot(n_columns=columns)
    empty = dataclasses.replace(
        stimuli, **{name: [] for name in ("clips", "answers", "excerpts")}
    )
    with pytest.raises(ValueError, match="no excerpt"):
        StimuliDisplay(empty).plot()
