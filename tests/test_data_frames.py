"""Clips that are data frames: their columns have names and an order."""

import warnings

import numpy as np
import pandas as pd
import pytest
from reliability.determinism import ESTIMATORS, LEARNERS, example, outputs
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from small_nets import net

from skdeepmir import ClipNormalizer, FrameTransformer, MultiTimescalePooler
from skdeepmir.frames import object_array

NAMES = [f"band {i}" for i in range(12)]
MOVED = ["band 1", "band 0", *NAMES[2:]]
OF_AUDIO = ("mel", "cqt", "mfcc", "beats")
TAKE_FRAMES = [name for name in ESTIMATORS if name not in OF_AUDIO]


@pytest.fixture(autouse=True)
def _what_warns_is_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def in_frames(clips, library=pd, names=NAMES):
    return [
        library.DataFrame({name: clip[:, k] for k, name in enumerate(names)})
        for clip in clips
    ]


def library_of(name):
    return pd if name == "pandas" else pytest.importorskip("polars")


def assert_same_outputs(found, expected):
    assert found.keys() == expected.keys()
    for method in expected:
        for a, b in zip(found[method], expected[method], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("name", "library"),
    [(name, "pandas") for name in TAKE_FRAMES]
    + [(name, "polars") for name in ("pooler", "pca", "rbm", "mlp", "gaussian")],
)
def test_columns_keep_their_order(name, library):
    estimator, clips, y = example(name, 0)
    expected = outputs(estimator.fit(clips, y), clips)
    tables = in_frames(clips, library_of(library))
    estimator.fit(tables, y)
    assert estimator.feature_names_in_.tolist() == NAMES
    assert_same_outputs(outputs(estimator, tables), expected)
    method = "transform" if hasattr(estimator, "transform") else "predict"
    names = list(MOVED)
    one_moved = [*tables[:5], tables[5][names], *tables[6:]]
    for X, clip in ((one_moved, 5), ([table[names] for table in tables], 0)):
        with pytest.raises(ValueError, match=f"clip {clip} .*'band 1'.*'band 0'"):
            getattr(estimator, method)(X)
    with pytest.raises(ValueError, match="clip 5 .*'band 1'.*clip 0 has 'band 0'"):
        estimator.fit(one_moved, y)
    assert_same_outputs(outputs(estimator, tables), expected)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        getattr(estimator, method)(clips)


def test_a_refit_forgets_names():
    clips = [np.random.RandomState(0).rand(9, 12)] * 2
    scaler = FrameTransformer(StandardScaler()).fit(in_frames(clips))
    scaler.fit(clips).transform(clips)
    assert not hasattr(scaler, "feature_names_in_")
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        scaler.transform(in_frames(clips))


@pytest.mark.parametrize("pack", [object_array, pd.Series, tuple])
def test_any_container_of_tables_is_told_apart(pack):
    clips = [np.random.RandomState(i).rand(9 + i, 12) for i in range(3)]
    tables = in_frames(clips)
    pooler = MultiTimescalePooler().fit(pack(tables))
    expected = pooler.transform(tables)
    np.testing.assert_array_equal(pooler.transform(pack(tables)), expected)
    tables[2] = tables[2][MOVED]
    with pytest.raises(ValueError, match="clip 2 has the column 'band 1' .* 0"):
        pooler.transform(pack(tables))


def test_numbers_are_no_names_as_in_scikit_learn():
    clips = [np.random.RandomState(i).rand(9, 12) for i in range(2)]
    normalizer = ClipNormalizer().fit([pd.DataFrame(clip) for clip in clips])
    assert not hasattr(normalizer, "feature_names_in_")
    moved = [pd.DataFrame(clip)[[1, 0, *range(2, 12)]] for clip in clips]
    expected = normalizer.transform([clip[:, [1, 0, *range(2, 12)]] for clip in clips])
    np.testing.assert_array_equal(normalizer.transform(moved), expected)


def test_names_beside_numbers_are_refused_as_by_scikit_learn():
    clips = [pd.DataFrame(np.ones((9, 2)), columns=list("ab")) for _ in range(2)]
    clips[1].columns = ["a", 1]
    with pytest.raises(TypeError, match="clip 1 has the column 1"):
        ClipNormalizer().fit(clips)
    with pytest.raises(TypeError):
        ClipNormalizer().fit(clips[1])


def test_tables_beside_arrays_have_no_names_but_one_order():
    clips = [np.random.RandomState(i).rand(9, 12) for i in range(3)]
    tables = in_frames(clips)
    normalizer = ClipNormalizer().fit([clips[0], *tables[1:]])
    assert not hasattr(normalizer, "feature_names_in_")
    with pytest.raises(ValueError, match="clip 2 .* where clip 1 has 'band 0'"):
        normalizer.fit([clips[0], tables[1], tables[2][MOVED]])


def test_another_number_of_columns_is_told_as_of_arrays():
    clips = [np.random.RandomState(i).rand(9, 12) for i in range(2)]
    tables = in_frames(clips)
    normalizer = ClipNormalizer().fit(tables)
    with pytest.raises(ValueError, match="clip 1 has 11 features"):
        normalizer.transform([tables[0], tables[1][NAMES[1:]]])


def test_validation_clips_have_the_same_columns():
    clips = [np.random.RandomState(i).rand(9, 12) for i in range(4)]
    tables, y = in_frames(clips), [0, 1, 0, 1]
    mlp = net(max_epochs=1)
    moved = [tables[0], tables[1][MOVED]]
    with pytest.raises(ValueError, match="clip 1 .*'band 1'.*fitted with 'band 0'"):
        mlp.fit(tables, y, X_val=moved, y_val=[0, 1])
    assert not hasattr(mlp, "feature_names_in_")


@pytest.mark.parametrize("name", ["rbm", "mlp"])
def test_a_pass_goes_on_with_the_same_columns(name):
    estimator, clips, y = example(name, 0)
    options = {} if name in LEARNERS else {"classes": [0, 1]}
    tables = in_frames(clips)
    estimator.partial_fit(tables, y, **options).partial_fit(tables, y)
    with pytest.raises(ValueError, match="clip 0 has the column 'band 1'"):
        estimator.partial_fit([table[MOVED] for table in tables], y)


def test_outputs_are_named_after_columns():
    clips = [np.random.RandomState(i).rand(9, 12) for i in range(2)]
    tables = in_frames(clips)
    pooler = MultiTimescalePooler("mean").set_output(transform="pandas")
    pooled = pooler.fit_transform(tables)
    assert pooled.columns.tolist() == [f"mean_clip_{name}" for name in NAMES]
    for transformer, expected in (
        (StandardScaler(), NAMES),
        (PCA(2), ["pca0", "pca1"]),
    ):
        found = FrameTransformer(transformer).fit(tables).feature_names_
        assert found.tolist() == expected
