import matplotlib
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

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
    with pytest.raises(ValueError, match="12 features, but there are 7 frequencies"):
        FilterDisplay.from_estimator(learner, frequencies=np.arange(7))
    with pytest.raises(ValueError, match=r"image_shape=\(5, 5\) has 25 pixels"):
        FilterDisplay.from_estimator(learner, image_shape=(5, 5))
    with pytest.raises(ValueError, match=r"'inputs'\] has 5 clips, but y has 4"):
        ProjectionDisplay.from_features({"inputs": np.ones((5, 2))}, [0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"'a'\] has shape \(4, 3\)"):
        ProjectionDisplay({"a": np.ones((4, 3))}, [0, 1, 0, 1]).plot()
    with pytest.raises(TypeError, match="Pipeline has no layers"):
        FilterDisplay.from_estimator(make_pipeline(learner))
