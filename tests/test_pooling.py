import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.base import clone

from skdeepmir import MultiTimescalePooler
from skdeepmir._validation import validate_clips
from skdeepmir.preprocessing._pooling import FUNCTIONS


def reference(x):
    x = x.astype(np.float64)
    return np.concatenate(
        [
            x.mean(0),
            x.std(0),
            x.var(0),
            x.min(0),
            x.max(0),
            np.median(x, 0),
            stats.skew(x),
            stats.kurtosis(x),
            stats.moment(x, 3),
            stats.moment(x, 4),
        ]
    )


@pytest.mark.parametrize("offset", [0, 1000])
def test_statistics_equal_scipy_also_under_an_offset(offset):
    clip = np.random.RandomState(0).gamma(2, size=(70, 3)) + offset
    pooled = MultiTimescalePooler(FUNCTIONS).fit_transform([clip])
    np.testing.assert_allclose(pooled[0], reference(clip), rtol=1e-7, atol=1e-9)


def test_several_windows_equal_a_loop_over_windows():
    clip = np.random.RandomState(0).rand(101, 4)
    pooler = MultiTimescalePooler(FUNCTIONS, windows=(10, 7, "clip"))
    expected = [
        np.mean(
            [reference(clip[s : s + w]) for s in range(0, 101 - w + 1, hop)], axis=0
        )
        for w, hop in ((10, 5), (7, 4))
    ]
    pooled = pooler.fit_transform([clip])[0]
    np.testing.assert_allclose(
        pooled, np.concatenate([*expected, reference(clip)]), atol=1e-9
    )


@pytest.mark.parametrize("overlap, hops", [(0, (9, 4, 1)), (0.8, (2, 1, 1))])
def test_any_overlap_equals_a_loop_over_windows(overlap, hops):
    clip = np.random.RandomState(0).gamma(2, size=(47, 5))
    windows = (9, 4, 1)
    options = {"windows": windows, "overlap": overlap}
    expected = [
        [reference(clip[s : s + w]) for s in range(0, 47 - w + 1, hop)]
        for w, hop in zip(windows, hops, strict=True)
    ]
    means = np.concatenate([np.mean(rows, axis=0) for rows in expected])
    with np.errstate(invalid="ignore"):  # scipy's skewness of one frame is NaN
        means = np.nan_to_num(means)
    pooled = MultiTimescalePooler(FUNCTIONS, **options).fit_transform([clip])[0]
    np.testing.assert_allclose(pooled, means, atol=1e-9)
    for w, rows in zip(windows, expected, strict=True):
        pooler = MultiTimescalePooler(FUNCTIONS, windows=w, overlap=overlap)
        (sequence,) = pooler.set_params(output="windows").fit_transform([clip])
        np.testing.assert_allclose(sequence, np.nan_to_num(rows), atol=1e-9)


def test_float32_keeps_its_digits_under_an_offset():
    clip = np.random.RandomState(0).gamma(2, size=(1292, 4)) + 1000
    clip = clip.astype(np.float32)
    windows = (10, 50, 100, 400)
    pooled = MultiTimescalePooler("skewness", windows=windows).fit_transform([clip])
    exact = [
        np.mean(
            [
                stats.skew(clip[s : s + w].astype(np.float64))
                for s in range(0, 1292 - w + 1, w // 2)
            ],
            axis=0,
        )
        for w in windows
    ]
    np.testing.assert_allclose(pooled[0], np.concatenate(exact), atol=1e-6)


def test_a_clip_on_disk_is_not_copied(tmp_path):
    np.save(tmp_path / "clip.npy", np.random.RandomState(0).rand(500, 3))
    clip = np.load(tmp_path / "clip.npy", mmap_mode="r")
    rows, _ = validate_clips(MultiTimescalePooler(), [clip], reset=True, stack=False)
    assert np.shares_memory(rows[0], clip)


def test_seconds_become_frames_by_the_frame_rate():
    pooler = MultiTimescalePooler(windows=(0.5, 2), frame_rate=43.07)
    assert pooler.fit([np.ones((200, 1))]).window_frames_ == (22, 86)


def test_windows_are_slower_frames():
    clip = np.arange(40.0)[:, np.newaxis]
    pooler = MultiTimescalePooler("mean", windows=(4, 20), output="windows")
    (windows,) = pooler.fit_transform([clip])
    assert windows.shape == (19, 2)
    np.testing.assert_allclose(windows[:, 0], np.arange(19) * 2 + 1.5)
    # The long window next to each short one: they begin at 0, 10 and 20.
    assert set(windows[:, 1]) == {9.5, 19.5, 29.5}


def test_one_frame_pools_to_itself():
    row = np.array([[1.0, -2.0]])
    pooled = MultiTimescalePooler(("mean", "max", "std"), windows=(5, "clip"))
    np.testing.assert_array_equal(
        pooled.fit_transform(row)[0], [1, -2, 1, -2, 0, 0, 1, -2, 1, -2, 0, 0]
    )


def test_constant_features_have_no_skewness_rather_than_nan():
    pooled = MultiTimescalePooler(("skewness", "kurtosis")).fit_transform(
        [np.full((50, 2), 1 / 3)]
    )
    np.testing.assert_array_equal(pooled, 0)


def test_names_and_tables():
    clips = [np.ones((9, 2)), np.ones((5, 2))]
    pooler = MultiTimescalePooler(("mean", "std"), windows=(0.5,), frame_rate=10)
    table = pooler.set_output(transform="pandas").fit_transform(clips)
    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == list(pooler.feature_names_)
    assert list(pooler.get_feature_names_out(["a", "b"])) == [
        "mean_0.5s_a",
        "mean_0.5s_b",
        "std_0.5s_a",
        "std_0.5s_b",
    ]


def test_short_clips_can_be_refused():
    clips = [np.ones((9, 2)), np.ones((5, 2))]
    with pytest.raises(ValueError, match="clip 1 has 5 frames, .* 8"):
        MultiTimescalePooler(windows=8, short="raise").fit_transform(clips)


@pytest.mark.parametrize(
    "parameters",
    [
        {"functions": ("mean", "mode")},
        {"functions": ()},
        {"windows": ()},
        {"windows": (0.5,)},
        {"windows": (-1,)},
        {"windows": ("song",)},
    ],
)
def test_bad_parameters_are_named(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        MultiTimescalePooler(**parameters).fit([np.ones((9, 2))])


@pytest.mark.parametrize("form", [list, tuple, np.array, pd.Series])
def test_sizes_and_functions_may_be_any_sequence(form):
    clips = [np.random.RandomState(0).rand(30, 2)]
    options = {"frame_rate": 10.0, "output": "windows"}
    expected = MultiTimescalePooler(("mean", "max"), windows=(1.0, 2.0), **options)
    pooler = MultiTimescalePooler(
        form(["mean", "max"]), windows=form([1.0, 2.0]), **options
    )
    np.testing.assert_array_equal(
        clone(pooler).fit_transform(clips)[0], expected.fit_transform(clips)[0]
    )
    assert pooler.fit(clips).window_frames_ == (10, 20)
    assert pooler.feature_names_[0] == "mean_1s_x0"


@pytest.mark.parametrize(
    "name, value",
    [
        ("windows", np.array([])),
        ("windows", np.array([[1, 2]])),
        ("windows", np.array([1.5])),
        ("windows", {4, 8}),
        ("windows", {"clip": 1}),
        ("functions", {"mean"}),
        ("functions", np.array([])),
        ("functions", np.array([["mean"]])),
        ("functions", np.array([1, 2])),
    ],
)
def test_arrays_that_are_no_sizes_or_functions_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        MultiTimescalePooler(**{name: value}).fit([np.zeros((5, 2))])
