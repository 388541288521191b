import numpy as np
import pytest
import sklearn
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepmir import FrameTransformer


def clips_of(n_features=6, seed=0):
    rng = np.random.RandomState(seed)
    return [rng.randn(n, n_features) @ np.diag(range(1, 7)) for n in (40, 25, 60)]


def test_it_equals_the_transformer_on_stacked_frames():
    clips = clips_of()
    expected = StandardScaler().fit_transform(np.concatenate(clips))
    scaled = FrameTransformer(StandardScaler()).fit_transform(clips)
    assert [len(clip) for clip in scaled] == [40, 25, 60]
    np.testing.assert_allclose(np.concatenate(scaled), expected)
    back = FrameTransformer(StandardScaler()).fit(clips).inverse_transform(scaled)
    np.testing.assert_allclose(np.concatenate(back), np.concatenate(clips))


def test_it_is_fitted_on_a_bounded_sample():
    scaler = FrameTransformer(StandardScaler(), max_frames=30, random_state=0)
    scaler.fit(clips_of())
    assert scaler.transformer_.n_samples_seen_ == 30


@pytest.mark.parametrize(
    "pca",
    [PCA(whiten=True), make_pipeline(StandardScaler(with_std=False), PCA(whiten=True))],
    ids=str,
)
def test_constant_bands_do_not_blow_up_on_new_clips(pca):
    train = clips_of()
    for clip in train:
        clip[:, 3] = -100 + 1e-7 * np.sin(np.arange(len(clip)))  # rounding errors
    new = [clip + 0.5 for clip in clips_of(seed=1)]
    whitened = FrameTransformer(pca).fit(train).transform(new)
    assert max(np.abs(clip).max() for clip in whitened) < 10


def test_without_the_floor_they_do():
    train = clips_of()
    for clip in train:  # weak, but far above the rounding errors of any eigensolver
        clip[:, 3] = -100 + 1e-4 * np.sin(np.arange(len(clip)))
    pca = FrameTransformer(PCA(whiten=True), whitening_floor=0).fit(train)
    assert max(np.abs(clip).max() for clip in pca.transform(clips_of(seed=1))) > 1e4


def test_frames_get_their_clips_labels():
    clips = clips_of()
    lda = FrameTransformer(LinearDiscriminantAnalysis())
    assert lda.fit_transform(clips, [0, 1, 0])[0].shape == (40, 1)


def test_annotations_of_clips_may_be_a_list():
    clips = [np.random.RandomState(n).rand(n, 3) for n in (4, 5)]
    chords = [([[0, 1], [1, 2]], ["C:maj", "N"]), ([[0, 2]], ["C:maj"])]
    of_frames = [["C:maj"] * len(clip) for clip in clips]
    plain = FrameTransformer(StandardScaler()).fit_transform(clips)
    for y in (chords, of_frames, [*chords[:1], *of_frames[1:]]):
        transformed = FrameTransformer(StandardScaler()).fit_transform(clips, y)
        for a, b in zip(plain, transformed, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_global_table_setting_leaves_clips_alone():
    with sklearn.config_context(transform_output="pandas"):
        scaled = FrameTransformer(StandardScaler()).fit_transform(clips_of())
    assert all(type(clip) is np.ndarray for clip in scaled)


def test_a_seed_reaches_what_is_random_inside():
    rng = np.random.RandomState(0)
    clips = [rng.rand(200, 140) for _ in range(3)]  # PCA(60) is then randomised
    before = np.random.get_state()[1].tolist()
    first, second = (
        FrameTransformer(PCA(60), random_state=0).fit(clips).transformer_
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.components_, second.components_)
    assert np.random.get_state()[1].tolist() == before
    own = FrameTransformer(PCA(60, random_state=3), random_state=0).fit(clips)
    alone = PCA(60, random_state=3).fit(np.concatenate(clips))
    np.testing.assert_allclose(own.transformer_.mean_, alone.mean_)
    assert own.transformer_.random_state == 3
