import matplotlib
import numpy as np
import pytest

from skdeepmir import DBNFeatureLearner
from skdeepmir.plotting import FilterDisplay, ProjectionDisplay, TrainingDisplay

matplotlib.use("agg")


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
