"""What must hold for any input: pooling, metrics, chords, decoders, frames, spectra."""

import re
import tempfile
import warnings
from pathlib import Path

import mir_eval
import numpy as np
import pytest
import soundfile
from decoded_paths import all_paths, markov_step, total_scores
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score
from undefined_scores import quietly

from skdeepmir import (
    ClipNormalizer,
    FrameStacker,
    MultiTimescalePooler,
    SpectrogramExtractor,
    chords,
)
from skdeepmir.decoding import beam_search, estimate_transitions, viterbi
from skdeepmir.frames import pack_clips, split_clips, stack_clips
from skdeepmir.metrics import (
    auc_clip,
    auc_tag,
    average_precision_tag,
    mirex2009_tag_scores,
    precision_at_k,
    segmentation_score,
    tag_report,
    wcsr,
)
from skdeepmir.preprocessing._pooling import FUNCTIONS
from skdeepmir.spectrogram import _recipe

SEED = st.integers(0, 2**32 - 1)
# What times values that vary by about 1; a power of two, so that it rounds nothing.
POWERS = st.integers(-99, 99)
QUALITIES = (
    *("", ":maj", ":min", ":7", ":maj7", ":min7", ":dim", ":aug", ":sus4", ":hdim7"),
    *(":maj6", ":minmaj7", ":9", ":maj(9)", ":min(*5)", ":maj/3", ":min/b3", ":7/b7"),
)
LABELS = st.one_of(
    st.sampled_from(["N", "X"]),
    st.builds(
        "{}{}{}".format,
        st.sampled_from("ABCDEFG"),
        st.sampled_from(["", "b", "#", "bb", "##"]),
        st.sampled_from(QUALITIES),
    ),
)


def noise(rng, n_frames, n_features=2):
    """Return frames of noise, some of whose features are constant or nearly so."""
    frames = rng.gamma(2.0, size=(n_frames, n_features))
    if rng.rand() < 0.3:
        frames[:, 0] = rng.randn()
    if rng.rand() < 0.3:
        frames[rng.randint(n_frames)] *= 100
    return frames


def ragged(rng, longest=12):
    return [noise(rng, rng.randint(1, longest)) for _ in range(rng.randint(1, 4))]


def statistics(window):
    """Return all statistics of a window, in plain NumPy."""
    deviation = window - window.mean(axis=0)
    second, third, fourth = (np.mean(deviation**k, axis=0) for k in (2, 3, 4))
    varies = second > 1e-20 * np.square(window).mean(axis=0)
    safe = np.where(varies, second, 1)
    return {
        "mean": window.mean(axis=0),
        "std": np.sqrt(second),
        "var": second,
        "min": window.min(axis=0),
        "max": window.max(axis=0),
        "median": np.median(window, axis=0),
        "skewness": np.where(varies, third / safe**1.5, 0),
        "kurtosis": np.where(varies, fourth / safe**2 - 3, 0),
        "moment3": third,
        "moment4": fourth,
    }


@given(SEED, st.integers(1, 9), st.sampled_from([0, 0.25, 0.5, 0.8]), POWERS)
def test_pooling_equals_plain_numpy_at_any_magnitude(seed, length, overlap, power):
    clips = ragged(np.random.RandomState(seed))
    pooler = MultiTimescalePooler(
        FUNCTIONS, windows=length, overlap=overlap, output="windows"
    )
    loud = pooler.fit_transform([np.ldexp(clip, power) for clip in clips])
    degrees = {"var": 2, "moment3": 3, "moment4": 4, "skewness": 0, "kurtosis": 0}
    for clip, windows in zip(clips, loud, strict=True):
        size = min(length, len(clip))
        hop = max(1, round(size * (1 - overlap)))
        starts = range(0, len(clip) - size + 1, hop)
        assert len(windows) == len(starts)
        for start, found in zip(starts, windows, strict=True):
            expected = statistics(clip[start : start + size])
            parts = zip(FUNCTIONS, found.reshape(len(FUNCTIONS), -1), strict=True)
            for name, part in parts:
                part = np.ldexp(part, -power * degrees.get(name, 1))
                largest = 1 + np.abs(clip).max() ** degrees.get(name, 1)
                np.testing.assert_allclose(
                    part, expected[name], rtol=1e-6, atol=1e-9 * largest, err_msg=name
                )


@given(SEED, POWERS, st.sampled_from([np.float32, np.float64]))
def test_pooling_is_finite_or_says_which_clip_is_too_large(seed, power, dtype):
    clips = [
        np.ldexp(clip, power).astype(dtype)
        for clip in ragged(np.random.RandomState(seed))
    ]
    pooler = MultiTimescalePooler(FUNCTIONS, windows=("clip", 4))
    largest = max(float(np.abs(clip).max()) for clip in clips)
    if largest**4 < float(np.finfo(dtype).max) / 10:
        assert np.isfinite(pooler.fit_transform(clips)).all()
    else:
        try:
            assert np.isfinite(pooler.fit_transform(clips)).all()
        except ValueError as error:
            assert re.match(r"clip \d+ .*large", str(error))


@given(SEED, st.randoms(use_true_random=False))
def test_pooling_follows_the_order_of_clips_and_mirrors_containers(seed, random):
    rng = np.random.RandomState(seed)
    clips = ragged(rng)
    order = random.sample(range(len(clips)), len(clips))
    pooler = MultiTimescalePooler(FUNCTIONS, windows=(3, "clip"), output="windows")
    pooled = pooler.fit_transform(clips)
    again = pooler.transform([clips[i] for i in order])
    assert isinstance(pooled, list)
    for i, part in zip(order, again, strict=True):
        np.testing.assert_array_equal(part, pooled[i])
    equal = rng.rand(3, 5, 2)
    from_array = pooler.fit_transform(equal)
    assert isinstance(from_array, np.ndarray) and from_array.ndim == 3
    np.testing.assert_array_equal(from_array, pooler.fit_transform(list(equal)))
    assert pooler.fit_transform(equal[:, 0]).shape == (3, from_array.shape[2])


@given(SEED, st.floats(-1e6, 1e6))
def test_pooling_of_shifted_frames_shifts_levels_alone(seed, shift):
    clips = ragged(np.random.RandomState(seed))
    for levels, names in (
        (True, ("mean", "min", "max", "median")),
        (False, ("std", "var", "moment3")),
    ):
        pooler = MultiTimescalePooler(names, windows=(4, "clip"))
        pooled = pooler.fit_transform(clips)
        shifted = pooler.transform([clip + shift for clip in clips])
        tolerance = 1e-9 * (1 + abs(shift)) * (1 + np.abs(pooled).max())
        np.testing.assert_allclose(shifted, pooled + shift * levels, atol=tolerance)


@given(st.integers(1, 60), st.integers(1, 30), st.floats(0, 0.95))
def test_windows_cover_the_clip_but_for_less_than_a_hop(n_frames, length, overlap):
    clip = np.arange(n_frames, dtype=float)[:, np.newaxis]
    pooler = MultiTimescalePooler(
        ("min", "max"), windows=length, overlap=overlap, output="windows"
    )
    first, last = pooler.fit_transform([clip])[0].T
    size = min(length, n_frames)
    hop = max(1, round(size * (1 - overlap)))
    assert first[0] == 0 and (last - first == size - 1).all()
    assert (np.diff(first) == hop).all() and hop <= size
    assert n_frames - 1 - last[-1] < hop


@given(SEED, POWERS, st.sampled_from(["peak", "mean", "standard"]))
def test_normalised_clips_are_finite_and_alike_at_any_gain(seed, power, method):
    clips = ragged(np.random.RandomState(seed))
    normalizer = ClipNormalizer(method, floor=None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Every clip has one frame", UserWarning)
        quiet = normalizer.fit_transform(clips)
        loud = normalizer.fit_transform([np.ldexp(clip, power) for clip in clips])
    gain = 0 if method == "standard" else power
    for a, b in zip(quiet, loud, strict=True):
        np.testing.assert_allclose(np.ldexp(b, -gain), a, rtol=1e-6, atol=1e-9)


def random_tags(rng):
    n_clips, n_tags = rng.randint(2, 9), rng.randint(1, 6)
    truth = (rng.rand(n_clips, n_tags) < rng.choice([0.1, 0.5, 0.9])).astype(int)
    ties = rng.rand() < 0.5
    scores = rng.randint(3, size=truth.shape) if ties else rng.randn(*truth.shape)
    return truth, scores.astype(float)


@given(SEED)
def test_tag_metrics_equal_scikit_learn_and_leave_out_what_is_undefined(seed):
    truth, scores = random_tags(np.random.RandomState(seed))
    pairs = list(zip(truth.T, scores.T, strict=True))
    areas = [roc_auc_score(t, s) if len(set(t)) == 2 else np.nan for t, s in pairs]
    precisions = [
        average_precision_score(t, s) if t.any() else np.nan for t, s in pairs
    ]
    for metric, expected in ((auc_tag, areas), (average_precision_tag, precisions)):
        found = quietly(metric, truth, scores, average=None)
        np.testing.assert_allclose(found, expected, atol=1e-12)
        mean = quietly(metric, truth, scores)
        defined = [value for value in expected if not np.isnan(value)]
        assert mean == pytest.approx(np.mean(defined)) if defined else np.isnan(mean)
    np.testing.assert_allclose(
        quietly(auc_clip, truth, scores, average=None),
        quietly(auc_tag, truth.T, scores.T, average=None),
    )


@given(SEED)
def test_tag_metrics_ignore_the_order_of_clips_and_stay_within_0_and_1(seed):
    rng = np.random.RandomState(seed)
    truth, scores = random_tags(rng)
    order = rng.permutation(len(truth))
    metrics = {
        "auc": auc_tag,
        "micro": lambda t, s: auc_tag(t, s, average="micro"),
        "clips": auc_clip,
        "ap": average_precision_tag,
        "p@1": lambda t, s: precision_at_k(t, s, k=1),
    }
    for name, metric in metrics.items():
        value = quietly(metric, truth, scores)
        again = quietly(metric, truth[order], scores[order])
        np.testing.assert_allclose(again, value, atol=1e-12, err_msg=name)
        assert np.isnan(value) or 0 <= value <= 1, name
        louder = quietly(metric, truth, 3 * scores + 1)
        np.testing.assert_allclose(louder, value, atol=1e-12, err_msg=name)
    for strict in (False, True):
        values = quietly(mirex2009_tag_scores, truth, scores, strict_mirex=strict)
        defined = [value for value in values.values() if not np.isnan(value)]
        assert all(0 <= value <= 1 for value in defined)
    report = tag_report(truth, scores > 0, zero_division=0).drop(columns="support")
    assert ((report >= 0) & (report <= 1)).all(axis=None)


def annotations(first=0.0):
    """Return a strategy of annotations without gaps, from one time to a later one."""
    lengths = st.lists(st.integers(1, 400), min_size=1, max_size=8)
    return lengths.flatmap(
        lambda steps: st.tuples(
            st.just(np.column_stack(_edges(steps, first))),
            st.lists(LABELS, min_size=len(steps), max_size=len(steps)),
        )
    )


def _edges(steps, first):
    # In binary fractions: mir_eval raises where ends differ by a rounding error.
    times = first + np.concatenate([[0], np.cumsum(steps)]) / 128
    return times[:-1], times[1:]


@given(annotations(), annotations())
def test_chord_metrics_equal_mir_eval(reference, estimate):
    (a, _), (b, _) = reference, estimate
    # mir_eval raises where an estimated chord begins when the reference ends.
    assume(a[-1, 1] not in b[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = mir_eval.chord.evaluate(*reference, *estimate)
    for vocabulary in ("root", "mirex", "thirds", "majmin", "sevenths", "tetrads_inv"):
        found = quietly(wcsr, [reference], [estimate], vocabulary=vocabulary)
        assert np.isnan(found) or 0 <= found <= 1
        undefined = np.isnan(found)
        assert (0 if undefined else found) == pytest.approx(expected[vocabulary])
    for kind in ("seg", "overseg", "underseg"):
        found = segmentation_score([reference], [estimate], kind=kind)
        assert found == pytest.approx(expected[kind], abs=1e-9)


@given(st.lists(LABELS, min_size=1, max_size=8), st.integers(-30, 30))
def test_chords_come_back_from_numbers_and_transpositions_are_a_group(labels, k):
    moved = chords.transpose(labels, k)
    sharp = chords.transpose(labels, 0)
    np.testing.assert_array_equal(chords.transpose(moved, -k), sharp)
    np.testing.assert_array_equal(chords.transpose(labels, k + 12), moved)
    np.testing.assert_array_equal(
        chords.transpose(chords.transpose(labels, 5), k),
        chords.transpose(labels, k + 5),
    )
    for vocabulary in chords.VOCABULARIES:
        codes = chords.encode(labels, vocabulary)
        simple = chords.decode(codes, vocabulary)
        np.testing.assert_array_equal(chords.encode(simple, vocabulary), codes)
        np.testing.assert_array_equal(chords.simplify(simple, vocabulary), simple)
        row = np.append(chords.transposition_table(vocabulary)[k % 12], -1)
        np.testing.assert_array_equal(chords.encode(moved, vocabulary), row[codes])


@given(st.lists(LABELS, min_size=1, max_size=40), st.floats(0.01, 100_000))
def test_frames_come_back_from_intervals_at_any_frame_rate(labels, frame_rate):
    intervals, names = chords.frame_intervals(labels, frame_rate)
    found = chords.label_frames(intervals, names, len(labels), frame_rate)
    np.testing.assert_array_equal(found, np.array(labels, dtype=object))
    merged = chords.merge_intervals(intervals, names)
    np.testing.assert_array_equal(merged[0], intervals)


@given(annotations(first=1 / 3), st.sampled_from([".lab", ".jams"]))
def test_annotations_come_back_from_files(annotation, suffix):
    write = {".lab": chords.write_lab, ".jams": chords.write_jams}[suffix]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"song{suffix}")
        write(path, *annotation)
        once = chords.read_chords(path)
        np.testing.assert_allclose(once[0], annotation[0], atol=2e-6)
        np.testing.assert_array_equal(once[1], np.array(annotation[1], dtype=object))
        written = path.read_bytes()
        write(path, *once)
        assert path.read_bytes() == written


def random_problem(seed, impossible):
    """Return log scores of frames, of steps and of the first frame; some are -inf."""
    rng = np.random.RandomState(seed)
    n_frames, n_states = rng.randint(1, 6), rng.randint(1, 5)
    shapes = (n_frames, n_states), (n_states, n_states), (n_states,)
    arrays = [rng.randn(*shape) for shape in shapes]
    if rng.rand() < 0.3:  # all switches cost the same
        stay = np.diag(arrays[1]).copy()
        arrays[1][:] = rng.randn()
        np.fill_diagonal(arrays[1], stay)
    if rng.rand() < 0.3:  # ties
        arrays = [np.round(array) for array in arrays]
    for array in arrays:
        array[rng.rand(*array.shape) < impossible] = -np.inf
    return arrays


def score_of(path, *problem):
    return total_scores(path[np.newaxis], *problem)[0]


@given(SEED, st.sampled_from([0, 0.1, 0.4]), st.integers(1, 6))
def test_decoders_find_the_best_path_or_say_that_there_is_none(seed, impossible, width):
    problem = random_problem(seed, impossible)
    n_frames, n_states = problem[0].shape
    best = total_scores(all_paths(n_frames, n_states), *problem).max()
    step, full = markov_step(*problem), n_states**n_frames
    if best == -np.inf:
        with pytest.raises(ValueError, match="log_prob .*frame"):
            viterbi(*problem)
        with pytest.raises(ValueError, match="impossible .*frame"):
            beam_search(step, n_frames, beam_width=full)
        return
    path, score = viterbi(*problem, return_score=True)
    assert score == pytest.approx(best) and score_of(path, *problem) == pytest.approx(
        best
    )
    single = [array.astype(np.float32) for array in problem]
    assert score_of(viterbi(*single), *problem) == pytest.approx(best, abs=1e-4)
    for options in ({"beam_width": full}, {"beam_width": n_states, "per_symbol": 1}):
        _, score = beam_search(step, n_frames, return_score=True, **options)
        assert score == pytest.approx(best)
    try:
        path, score = beam_search(step, n_frames, beam_width=width, return_score=True)
    except ValueError as error:  # a narrow beam may end where nothing follows
        assert re.search("impossible .*frame", str(error)) and impossible
    else:
        assert score <= best + 1e-9
        assert score == pytest.approx(score_of(path, *problem))


@given(st.lists(st.lists(st.integers(-1, 3), max_size=9), max_size=4))
def test_estimated_transitions_are_probabilities(sequences):
    sequences = [np.array(sequence, dtype=int) for sequence in sequences]
    transition = estimate_transitions(sequences, 4)
    np.testing.assert_allclose(transition.sum(axis=1), 1)
    assert (transition > 0).all()


@given(SEED, st.sampled_from(["list", "array", "rows"]), st.sampled_from("fd"))
def test_stacked_frames_come_back(seed, container, dtype):
    rng = np.random.RandomState(seed)
    clips = [clip.astype(dtype) for clip in ragged(rng)]
    X = {
        "list": clips,
        "array": rng.rand(3, 4, 2).astype(dtype),
        "rows": rng.rand(5, 2).astype(dtype),
    }[container]
    rows, layout = stack_clips(X)
    assert np.shape(rows) == (sum(map(len, X)) if container != "rows" else 5, 2)
    if container == "rows":
        assert rows is X
        return
    found, packed = split_clips(rows, layout), pack_clips(list(X), layout)
    assert type(found) is type(X) and type(packed) is type(X)
    for a, b, c in zip(found, packed, X, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, c)
        assert a.dtype == c.dtype


@given(SEED, st.integers(1, 9), st.integers(1, 4))
def test_a_stacked_frame_holds_its_neighbours(seed, n_frames, hop):
    clip = noise(np.random.RandomState(seed), 11)
    stacked = FrameStacker(n_frames, hop=hop).fit_transform([clip])[0]
    middle = n_frames // 2
    np.testing.assert_array_equal(
        stacked.reshape(len(stacked), n_frames, -1)[:, middle], clip[::hop]
    )


EXTRACTORS = [
    SpectrogramExtractor(n_fft=256, hop_length=128, n_mels=16),
    SpectrogramExtractor("mfcc", n_fft=(256, 512), n_mels=16, n_mfcc=8, deltas=2),
    SpectrogramExtractor("cqt", sample_rate=8000, n_bins=24, log=True),
]


@pytest.mark.parametrize("extractor", EXTRACTORS, ids=lambda e: e.kind)
@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=300),
    st.sampled_from([1e-6, 1.0]),
    st.integers(1, 12),
)
def test_frames_of_any_waveform_are_finite(extractor, samples, gain, n_times):
    waveform = np.tile(np.array(samples, dtype=np.float32), n_times) * np.float32(gain)
    (frames,) = extractor.fit_transform([waveform])
    assert len(frames) and np.isfinite(frames).all()


@pytest.mark.parametrize("extractor", EXTRACTORS, ids=lambda e: e.kind)
@given(seed=SEED, n_samples=st.integers(1, 9000), block=st.integers(64, 5000))
def test_frames_of_a_clip_in_blocks_equal_those_of_the_whole(
    extractor, seed, n_samples, block
):
    waveform = np.random.RandomState(seed).randn(n_samples).astype(np.float32)
    (whole,) = extractor.fit_transform([waveform])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_recipe, "WHOLE", 0)
        patch.setattr(_recipe, "BLOCK", block)
        (in_blocks,) = extractor.fit_transform([waveform])
    np.testing.assert_allclose(in_blocks, whole, rtol=1e-4, atol=2e-3)


def test_a_file_gives_what_its_samples_give(tmp_path, global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    waveform = rng.uniform(-1, 1, 30_000).astype(np.float32)
    path = tmp_path / "song.wav"
    soundfile.write(path, waveform, 22050, subtype="FLOAT")
    extractor = EXTRACTORS[0]
    for a, b in zip(*extractor.fit_transform([path, waveform]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_moments_of_tiny_and_huge_frames_are_those_of_scaled_ones(global_random_seed):
    clip = np.random.RandomState(global_random_seed).gamma(2, size=(30, 2))
    pooler = MultiTimescalePooler(("skewness", "kurtosis"))
    expected = [*stats.skew(clip), *stats.kurtosis(clip)]
    for gain in (1e-30, 1e-6, 1e6, 1e30):
        pooled = pooler.fit_transform([gain * clip])[0]
        np.testing.assert_allclose(pooled, expected, rtol=1e-8)
    # Squares of the variance are 0 here: nothing varies, as far as one can tell.
    np.testing.assert_array_equal(pooler.fit_transform([1e-155 * clip])[0], 0)
