import librosa
import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from skdeepmir.decoding import PeakPicker, pick_peaks


def weighted_mean(values, t, weights):
    half = len(weights) // 2
    around = range(max(0, t - half), min(len(values), t + half + 1))
    total = sum(weights[i - t + half] for i in around)
    return sum(weights[i - t + half] * values[i] for i in around) / total


def peaks_by_definition(
    activation,
    threshold=0.5,
    smooth=1,
    pre_max=1,
    post_max=1,
    pre_avg=0,
    post_avg=0,
    wait=0,
    interpolate=False,
):
    """Return the peaks, one condition after the other."""
    values, peaks = np.asarray(activation, dtype=float), []
    if smooth > 1:
        weights = np.hamming(smooth)
        values = [weighted_mean(values, t, weights) for t in range(len(values))]
    for t, value in enumerate(values):
        is_highest = value == max(values[max(0, t - pre_max) : t + post_max + 1])
        begins = t == 0 or values[t - 1] != value
        level = 0
        if pre_avg or post_avg:
            level = np.mean(values[max(0, t - pre_avg) : t + post_avg + 1])
        waited = not peaks or t - peaks[-1] > wait
        if is_highest and begins and waited and value - level >= threshold:
            peaks.append(t)
    if interpolate:
        return [t + top_of_parabola(values, t) for t in peaks]
    return peaks


def top_of_parabola(values, t):
    if t in (0, len(values) - 1) or values[t - 1] == values[t] == values[t + 1]:
        return 0
    if values[t - 1] > values[t]:  # with pre_max=0
        return 0
    a, b, _ = np.polyfit([-1, 0, 1], values[t - 1 : t + 2], 2)
    return -b / (2 * a)


LENGTHS = st.integers(0, 6)
PARAMETERS = st.fixed_dictionaries(
    {
        "threshold": st.sampled_from([-np.inf, 0.0, 0.31, 0.5]),
        "smooth": st.sampled_from([1, 1, 3, 7]),
        "pre_max": LENGTHS,
        "post_max": LENGTHS,
        "pre_avg": LENGTHS,
        "post_avg": LENGTHS,
        "wait": LENGTHS,
        "interpolate": st.booleans(),
    }
).map(
    lambda p: {
        **p,
        "interpolate": p["interpolate"] and p["post_max"] > 0,
    }
)
SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(0, 80), PARAMETERS)
def test_peaks_are_those_of_the_definition(seed, n_frames, parameters):
    activation = np.random.RandomState(seed).rand(n_frames)
    peaks = pick_peaks(activation, **parameters)
    assert peaks.dtype == (np.float64 if parameters["interpolate"] else np.int64)
    expected = peaks_by_definition(activation, **parameters)
    np.testing.assert_allclose(peaks, expected, rtol=0, atol=1e-6)


@given(st.lists(st.integers(0, 3), max_size=40), LENGTHS, LENGTHS, LENGTHS)
def test_plateaus_are_those_of_the_definition(levels, pre_max, post_max, wait):
    parameters = {
        "pre_max": pre_max,
        "post_max": post_max,
        "wait": wait,
        "threshold": 1,
    }
    peaks = pick_peaks(levels, **parameters)
    np.testing.assert_array_equal(peaks, peaks_by_definition(levels, **parameters))


def blocks_of(activation, sizes):
    start = 0
    while start < len(activation):
        size = next(sizes)
        yield activation[start : start + size]
        start += size


@given(SEEDS, st.integers(0, 200), PARAMETERS, st.sampled_from([1, 7, None]))
def test_blocks_of_any_size_give_the_same_bits(seed, n_frames, parameters, size):
    rng = np.random.RandomState(seed)
    activation = rng.rand(n_frames).round(rng.randint(1, 9)).astype(np.float32)
    sizes = iter(lambda: size or rng.randint(0, 40), -1)
    picker = PeakPicker(**parameters)
    found = [picker.push(block) for block in blocks_of(activation, sizes)]
    found.append(picker.finish())
    np.testing.assert_array_equal(
        np.concatenate(found), pick_peaks(activation, **parameters), strict=True
    )


@given(st.lists(st.integers(0, 2), max_size=40), LENGTHS, st.integers(1, 5))
def test_plateaus_that_blocks_cut_have_one_peak(levels, post_max, size):
    parameters = {"pre_max": 0, "post_max": post_max, "threshold": 1}
    picker = PeakPicker(**parameters)
    blocks = [levels[i : i + size] for i in range(0, len(levels), size)]
    found = [picker.push(block) for block in blocks] + [picker.finish()]
    np.testing.assert_array_equal(
        np.concatenate(found), peaks_by_definition(levels, **parameters)
    )


@pytest.mark.parametrize(
    "parameters, expected",
    [
        ({}, 1),
        ({"post_max": 0}, 0),
        ({"post_max": 3, "post_avg": 2}, 3),
        ({"post_max": 2, "post_avg": 4, "smooth": 5}, 6),
    ],
)
def test_a_peak_is_told_as_soon_as_the_frames_to_come_cannot_change_it(
    parameters, expected
):
    picker = PeakPicker(threshold=0.1, **parameters)
    assert picker.look_ahead == expected
    activation = np.zeros(40)
    activation[20] = 1
    told = [len(picker.push([value])) for value in activation]
    assert np.flatnonzero(told).tolist() == [20 + expected]


def test_a_picker_keeps_no_more_than_it_needs_and_begins_anew_after_the_end():
    picker = PeakPicker(smooth=5, pre_max=3, post_max=2)
    activation = np.random.RandomState(0).rand(500)
    first = [picker.push(activation[i : i + 10]) for i in range(0, 500, 10)]
    assert len(picker._values) <= 3 + 2 + 2 + 2 + 1
    first.append(picker.finish())
    again = [picker.push(activation), picker.finish()]
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(again))
    assert len(again[0]) > 10


def test_the_first_frame_of_a_plateau_is_its_peak():
    np.testing.assert_array_equal(pick_peaks([0, 1, 1, 1, 0, 1, 1]), [1, 5])
    np.testing.assert_array_equal(pick_peaks([0, 1, 1, 0], interpolate=True), [1.5])


@pytest.mark.parametrize("smooth", [1, 5, 21])
@pytest.mark.parametrize("level", [0.1, 1 / 3, 0.7])
def test_a_constant_activation_has_one_peak_at_its_beginning(level, smooth):
    constant = np.full(50, level)
    peaks = pick_peaks(constant, threshold=level, smooth=smooth)
    np.testing.assert_array_equal(peaks, [0])
    means = {"pre_avg": 7, "post_avg": 5, "smooth": smooth}
    assert len(pick_peaks(constant, threshold=1e-9, **means)) == 0
    assert len(pick_peaks(constant, threshold=0, **means)) == 1


def test_a_single_frame_and_no_frame():
    for parameters in ({}, {"interpolate": True}, {"smooth": 7}):
        assert pick_peaks([0.6], **parameters).tolist() == [0]
        assert pick_peaks([0.4], **parameters).tolist() == []
        assert pick_peaks([], **parameters).tolist() == []
    assert PeakPicker().finish().tolist() == []


def test_windows_are_cut_at_the_ends():
    edges = [0.9, 0.1, 0.1, 0.1, 0.8]
    wide = {"pre_max": 30, "post_max": 30, "pre_avg": 30, "post_avg": 30}
    np.testing.assert_array_equal(pick_peaks(edges, pre_max=2, post_max=2), [0, 4])
    np.testing.assert_array_equal(pick_peaks(edges, **wide), [0])


def test_parabolas_find_the_top_between_frames():
    tops = np.array([10.3, 25.5, 39.8, 60.0])
    frames = np.arange(80)[:, np.newaxis]
    activation = np.maximum(0, 1 - 0.1 * (frames - tops) ** 2).max(axis=1)
    peaks = pick_peaks(activation, interpolate=True)
    np.testing.assert_allclose(peaks, tops, rtol=0, atol=1e-12)


def test_peaks_equal_those_of_scipy_above_a_height():
    activation = np.random.RandomState(0).rand(2000)
    expected, _ = scipy.signal.find_peaks(activation, height=0.6)
    inner = pick_peaks(activation, threshold=0.6)
    inner = inner[(inner > 0) & (inner < 1999)]  # where scipy finds none
    np.testing.assert_array_equal(inner, expected)


@pytest.mark.parametrize("seed", range(10))
def test_peaks_equal_those_of_librosa(seed):
    rng = np.random.RandomState(seed)
    activation = rng.rand(500)
    pre_max, post_max, pre_avg, post_avg, wait = (int(n) for n in rng.randint(1, 9, 5))
    delta = float(rng.choice([0.0, 0.07, 0.3]))
    peaks = pick_peaks(
        activation,
        threshold=delta,
        pre_max=pre_max,
        post_max=post_max,
        pre_avg=pre_avg,
        post_avg=post_avg,
        wait=wait,
    )
    expected = librosa.util.peak_pick(
        activation,
        pre_max=pre_max,
        post_max=post_max + 1,  # theirs end before the frame
        pre_avg=pre_avg,
        post_avg=post_avg + 1,
        delta=delta,
        wait=wait,
    )
    assert len(expected) > 20
    np.testing.assert_array_equal(peaks, expected)


def test_the_activation_is_left_alone_whatever_its_type():
    rng = np.random.RandomState(0)
    activation = rng.randint(0, 5, size=60)
    expected = pick_peaks(activation, threshold=2, smooth=3)
    assert len(expected) > 5
    for other in (activation.tolist(), activation.astype(np.float16), activation[::1]):
        found = pick_peaks(other, threshold=2, smooth=3)
        np.testing.assert_array_equal(found, expected)
    frozen = activation.astype(float)
    frozen.flags.writeable = False
    pick_peaks(frozen, threshold=2, smooth=3)
    strided = np.repeat(activation, 2).astype(float)[::2]
    np.testing.assert_array_equal(pick_peaks(strided, threshold=2, smooth=3), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_by_its_frame(value):
    activation = np.zeros(30)
    activation[17] = value
    with pytest.raises(ValueError, match="frame 17"):
        pick_peaks(activation)
    picker = PeakPicker()
    picker.push(activation[:10])
    with pytest.raises(ValueError, match="frame 17"):
        picker.push(activation[10:])


@pytest.mark.parametrize(
    "activation, shape", [(0.5, r"\(\)"), ([[0.5]], r"\(1, 1\)"), (["loud"], r"\(1,\)")]
)
def test_what_is_not_one_row_of_numbers_is_refused(activation, shape):
    with pytest.raises(ValueError, match=rf"shape {shape}.*n_frames"):
        pick_peaks(activation)


def test_masks_are_not_ignored():
    with pytest.raises(ValueError, match="frame 1 .*mask"):
        pick_peaks(np.ma.array([0.1, 0.9, 0.1], mask=[False, True, False]))


@pytest.mark.parametrize("name", ["pre_max", "post_max", "pre_avg", "post_avg", "wait"])
def test_windows_longer_than_any_clip_are_as_long_as_the_clip(name):
    activation = [0.1, 0.9, 0.2, 0.6, 0.8, 0.6]
    expected = pick_peaks(activation, threshold=0.1, **{name: 6})
    for length in (2**63 - 1, 10**30):
        found = pick_peaks(activation, threshold=0.1, **{name: length})
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "name, value",
    [
        ("threshold", np.nan),
        ("threshold", None),
        ("smooth", 0),
        ("smooth", 4),
        ("smooth", 2.0),
        ("pre_max", -1),
        ("post_max", 0.5),
        ("pre_avg", "3"),
        ("post_avg", True),
        ("wait", -3),
    ],
)
def test_parameters_out_of_range_are_named(name, value):
    for find in (lambda **p: pick_peaks([0.5], **p), PeakPicker):
        with pytest.raises(ValueError, match=f"^{name}={value!r}"):
            find(**{name: value})


def test_interpolation_needs_the_frame_after_a_peak():
    with pytest.raises(ValueError, match="post_max=0.*interpolate"):
        pick_peaks([0.5], interpolate=True, post_max=0)
