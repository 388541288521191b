import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepmir.decoding import pick_peaks
from skdeepmir.onset_detection._tuning import best_threshold, picked_clips

RATE = 100


def f_measure(threshold, activations, onsets, parameters, offset=0.0, window=0.025):
    """Return the pooled F by mir_eval's matching."""
    n_events = n_hits = 0
    for activation, reference in zip(activations, onsets, strict=True):
        frames = pick_peaks(activation, **parameters, threshold=threshold)
        found = frames / RATE + offset
        n_hits += len(mir_eval.util.match_events(reference, found, window))
        n_events += len(reference) + len(found)
    return 2 * n_hits / n_events


def noisy_clips(seed, n_clips=3, n_frames=300, noise=0.7, offset=0.0):
    """Return activations with peaks at onsets and others, and the onsets."""
    rng = np.random.RandomState(seed)
    activations, onsets = [], []
    for _ in range(n_clips):
        frames = np.sort(rng.choice(n_frames, 20, replace=False))
        activation = noise * rng.rand(n_frames)
        activation[frames] += rng.rand(20)
        activations.append(activation.astype(np.float32))
        onsets.append(frames / RATE + offset + 0.001 * rng.randn(20))
    return activations, [np.sort(times) for times in onsets]


PICKERS = [
    {},
    {"smooth": 3, "pre_max": 3, "post_max": 1},
    {"pre_max": 2, "post_max": 2, "pre_avg": 10, "post_avg": 7},
    {"pre_max": 0, "post_max": 1, "wait": 4},
    {"wait": 3, "interpolate": True},
]


@given(st.integers(0, 1000), st.sampled_from(PICKERS), st.sampled_from([0.0, 0.023]))
def test_no_threshold_is_better(seed, parameters, offset):
    activations, onsets = noisy_clips(seed, offset=offset)
    threshold = best_threshold(
        activations, onsets, parameters, frame_rate=RATE, offset=offset
    )
    clips = activations, onsets, parameters, offset
    own = f_measure(threshold, *clips)
    assert own > 0.3
    others = [f_measure(other, *clips) for other in np.linspace(0, 1.7, 40)]
    assert own >= max(others) - 1e-3


@pytest.mark.parametrize("parameters", PICKERS, ids=str)
@pytest.mark.parametrize("shift", [0.0, -0.017])
def test_f_at_each_threshold_is_that_of_the_peaks_that_are_picked(parameters, shift):
    activations, onsets = noisy_clips(0)
    clips = picked_clips(activations, onsets, parameters, frame_rate=RATE)
    thresholds = np.linspace(0.05, 1.5, 30)
    expected = [
        f_measure(t, activations, onsets, parameters, offset=shift) for t in thresholds
    ]
    found = clips.f_measures(thresholds, 0.025, shift)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_between_clear_peaks_and_noise_the_threshold_is_in_the_middle():
    activation, onsets = np.zeros(300), np.array([50, 120, 200]) / RATE
    activation[[50, 120, 200]] = 0.9, 0.7, 0.8
    activation[[90, 150]] = 0.3, 0.2
    for clips, times in (([activation], [onsets]), ([activation] * 2, [onsets] * 2)):
        threshold = best_threshold(clips, times, {}, frame_rate=RATE)
        assert threshold == pytest.approx(0.5)


def test_one_of_many_levels_is_found_beside_many_others():
    rng = np.random.RandomState(0)
    activation = 0.5 * rng.rand(20_000)
    frames = np.arange(20, 20_000, 20)
    activation[frames] = rng.uniform(0.5004, 1, size=len(frames))
    threshold = best_threshold([activation], [frames / RATE], {}, frame_rate=RATE)
    clips = [activation], [frames / RATE], {}
    assert f_measure(threshold, *clips) >= 1 - 1e-3


def test_the_offset_and_the_window_count():
    activations, onsets = noisy_clips(0, offset=0.1)
    near = best_threshold(activations, onsets, {}, frame_rate=RATE, offset=0.1)
    wide = best_threshold(activations, onsets, {}, frame_rate=RATE, window=0.11)
    late = best_threshold(activations, onsets, {}, frame_rate=RATE)
    right = f_measure(near, activations, onsets, {}, offset=0.1)
    assert right > f_measure(late, activations, onsets, {}, offset=0.1) + 0.05
    assert wide != late


def test_constant_activations_and_clips_without_onsets_have_a_threshold():
    flat, onsets = np.full(50, 0.4), np.array([0.0])
    threshold = best_threshold([flat], [onsets], {}, frame_rate=RATE)
    assert f_measure(threshold, [flat], [onsets], {}) == 1
    activations, onsets = noisy_clips(0)
    onsets[1], activations[2] = np.empty(0), np.empty(0)
    threshold = best_threshold(activations, onsets, {}, frame_rate=RATE)
    assert 0 < threshold < 1.7


@pytest.mark.parametrize(
    "activation, onsets, fact", [([0.2], [], "onset"), ([], [0.1], "frame")]
)
def test_without_onsets_or_frames_there_is_nothing_to_tune(activation, onsets, fact):
    clips = [np.array(activation)] * 2
    with pytest.raises(ValueError, match=f"No clip has an? {fact}"):
        best_threshold(clips, [np.array(onsets)] * 2, {}, frame_rate=RATE)


def test_the_expected_threshold_is_taken_unless_f_shows_that_it_is_wrong():
    rng = np.random.RandomState(0)
    onsets = np.arange(20, 480, 20)
    picker = {"wait": 2}

    def activation(peak):
        found = 0.1 * rng.rand(500)
        found[onsets] = peak
        return [found], [onsets / 100]

    for peak, expected in ((0.9, 0.5), (0.45, 0.45), (0.3, 0.3)):
        clips = activation(peak)
        tuned = best_threshold(*clips, picker, frame_rate=100.0, expected=0.5)
        assert tuned == expected, peak
    false = 0.6 * np.ones(500)
    false[onsets] = 0.9
    false[1::2] = 0.0
    tuned = best_threshold(
        [false], [onsets / 100], picker, frame_rate=100.0, expected=0.5
    )
    assert 0.6 <= tuned <= 0.9


def with_peaks(*strengths):
    """Return an activation with a peak at each onset, and the onsets."""
    frames = 20 + 20 * np.arange(len(strengths))
    activation = np.zeros(frames[-1] + 20)
    activation[frames] = strengths
    return [activation], [frames / RATE]


def test_one_onset_of_twenty_does_not_show_it():
    clips = with_peaks(*[0.9] * 19, 0.4)  # F is .97 at 0.5, and 1 at 0.4
    assert best_threshold(*clips, {}, frame_rate=RATE, expected=0.5) == 0.5


@pytest.mark.parametrize("n_low, tuned", [(4, 0.5), (34, 0.4)])
def test_an_f_within_two_standard_errors_does_not_show_it(n_low, tuned):
    # 16 of 100 onsets are never found; F is .89, or .67, at 0.5 and .91 at 0.4.
    clips = with_peaks(*[0.9] * (84 - n_low), *[0.4] * n_low, *[0.0] * 16)
    assert best_threshold(*clips, {}, frame_rate=RATE, expected=0.5) == tuned


def test_a_thousandth_of_f_does_not_move_the_threshold():
    (activation,), onsets = with_peaks(*[0.9] * 1000)
    activation[50] = 0.85  # a false peak
    threshold = best_threshold([activation], onsets, {}, frame_rate=RATE)
    assert threshold == pytest.approx(0.45)


def test_clips_without_a_peak_have_a_threshold_all_the_same():
    clips = [np.array([0.3])], [np.array([0.0])], {"threshold": 0.0}
    rates = {"frame_rate": 100.0, "needs_next": True}  # nothing ends with a peak
    assert best_threshold(*clips, **rates) == 0.3
    assert best_threshold(*clips, expected=0.8, **rates) == 0.8
    assert picked_clips(*clips, **rates).best_shift(0.025) == 0.0
