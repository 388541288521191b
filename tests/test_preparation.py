import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skdeepmir import (
    AugmentedClassifier,
    BandShifter,
    ClipNormalizer,
    FrameStacker,
    MultiTimescalePooler,
)


def noise(*lengths, n_features=4, seed=0):
    rng = np.random.RandomState(seed)
    return [10 * rng.randn(n, n_features) - 40 for n in lengths]


def test_gain_does_not_change_a_normalised_clip():
    clips = noise(20, 30)
    louder = [clip + 12 for clip in clips]
    for method in ("peak", "mean", "standard"):
        normalizer = ClipNormalizer(method).fit(clips)
        for own, other in zip(
            normalizer.transform(clips), normalizer.transform(louder), strict=True
        ):
            np.testing.assert_allclose(own, other, atol=1e-12)


def test_levels_end_at_the_peak_and_the_floor():
    (levels,) = ClipNormalizer(floor=-20).fit_transform(noise(200))
    assert levels.max() == 0 and levels.min() == -20
    (uncut,) = ClipNormalizer(floor=None).fit_transform(noise(200))
    assert uncut.min() < -20


def test_standard_clips_have_mean_0_and_deviation_1_and_constants_are_0():
    (clip,) = noise(200)
    clip[:, 2] = 0.1
    (standard,) = ClipNormalizer("standard").fit_transform([clip])
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(standard.std(axis=0), [1, 1, 0, 1])


@pytest.mark.parametrize("n_frames, places", [(1, [0]), (4, [-2, -1, 0, 1])])
@pytest.mark.parametrize("hop", [1, 3])
def test_frames_are_beside_their_neighbours(n_frames, places, hop):
    clip = np.arange(14.0).reshape(7, 2)
    (stacked,) = FrameStacker(n_frames, hop=hop).fit_transform([clip])
    expected = [
        [value for k in places for value in clip[np.clip(i + k, 0, 6)]]
        for i in range(0, 7, hop)
    ]
    np.testing.assert_array_equal(stacked, expected)


def test_stacked_columns_are_named():
    frame = pd.DataFrame({"low": [1.0, 2.0], "high": [3.0, 4.0]})
    stacked = FrameStacker(3).set_output(transform="pandas").fit_transform(frame)
    assert list(stacked) == ["low@-1", "high@-1", "low", "high", "low@+1", "high@+1"]


def test_bands_move_and_come_back_but_for_the_edge():
    (clip,) = noise(5, n_features=8)
    (up,) = BandShifter(2).fit_transform([clip])
    np.testing.assert_array_equal(up[:, 2:], clip[:, :-2])
    np.testing.assert_array_equal(up[:, 0], clip[:, 0])
    (back,) = BandShifter(-2).fit_transform([up])
    np.testing.assert_array_equal(back[:, :-2], clip[:, :-2])
    with pytest.raises(ValueError, match="n_bands=-8 .*n_features=8"):
        BandShifter(-8).fit([clip])


def test_single_frames_without_a_mean_are_told():
    with pytest.warns(UserWarning, match="method='mean'"):
        ClipNormalizer("mean").fit(noise(5)[0])


@pytest.mark.parametrize("predict_variants", [True, False])
def test_without_variants_the_classifier_decides_as_alone(predict_variants):
    rng = np.random.RandomState(0)
    X, y = rng.rand(60, 3), np.arange(60) % 4
    augmented = AugmentedClassifier(SVC(), [], predict_variants=predict_variants)
    expected = SVC().fit(X, y).predict(X)
    np.testing.assert_array_equal(augmented.fit(X, y).predict(X), expected)


def bumps(n_clips=30, seed=0):
    """Return clips with a bump at a band, which is wide or narrow."""
    rng = np.random.RandomState(seed)
    y = np.arange(n_clips) % 2
    clips = []
    for label in y:
        centre = rng.randint(6, 14)
        shape = np.exp(-(((np.arange(20) - centre) / (2 if label else 1)) ** 2))
        clips.append(shape + rng.rand(rng.randint(5, 9), 20))
    return clips, y


def test_variants_help_where_they_keep_the_label():
    train, y = bumps(16)
    test, labels = bumps(200, seed=1)
    inner = make_pipeline(MultiTimescalePooler(("mean",)), SVC())
    shifts = [BandShifter(n) for n in (-3, -2, -1, 1, 2, 3)]
    plain = AugmentedClassifier(inner, []).fit(train, y).score(test, labels)
    assert plain == inner.fit(train, y).score(test, labels)
    assert AugmentedClassifier(inner, shifts).fit(train, y).score(test, labels) > plain


def test_predictions_are_means_over_variants():
    clips, y = bumps()
    inner = make_pipeline(MultiTimescalePooler(("mean",)), SVC())
    augmented = AugmentedClassifier(inner, [BandShifter(1)]).fit(clips, y)
    assert not hasattr(augmented, "predict_proba")
    score = augmented.estimator_.decision_function
    shifted = BandShifter(1).fit_transform(clips)
    expected = (score(clips) + score(shifted)) / 2
    np.testing.assert_allclose(augmented.decision_function(clips), expected)
    augmented.set_params(predict_variants=False)
    np.testing.assert_allclose(augmented.decision_function(clips), score(clips))


def test_variants_are_searched_over():
    clips, y = bumps()
    inner = make_pipeline(MultiTimescalePooler(("mean",)), SVC())
    search = GridSearchCV(
        AugmentedClassifier(inner, []),
        {"variants": [[], [BandShifter(-1), BandShifter(1)]]},
        cv=StratifiedGroupKFold(2),
        n_jobs=2,
    )
    search.fit(clips, y, groups=np.arange(len(y)) // 2)
    assert len(search.cv_results_["params"]) == 2


@pytest.mark.parametrize(
    "estimator, message",
    [
        (ClipNormalizer("loud"), "method"),
        (ClipNormalizer(floor=3), "floor"),
        (FrameStacker(0), "n_frames"),
        (FrameStacker(hop=0), "hop"),
        (BandShifter(0.5), "n_bands"),
        (AugmentedClassifier(SVC(), [3]), "variants holds 3"),
        (AugmentedClassifier(SVC(), [FrameStacker(3)]), "variant FrameStacker"),
        (AugmentedClassifier(SVC(decision_function_shape="ovo"), []), "Use 'ovr'"),
        (AugmentedClassifier(GridSearchCV(SVC(), {"C": [1]}), []), "from outside"),
        (AugmentedClassifier(Ridge(), []), "Ridge is not a classifier"),
    ],
)
def test_bad_parameters_are_named(estimator, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(noise(5, 6), [0, 1])
