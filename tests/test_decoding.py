import subprocess
import sys

import numpy as np
import pytest
import torch
from decoded_paths import all_paths, markov_step, total_scores

from skdeepmir.decoding import (
    beam_search,
    estimate_transitions,
    scale_self_transition,
    viterbi,
)

OCTAVE = np.array([[(i + k) % 12 for i in range(12)] + [12] for k in range(12)])


def assert_best(log_prob, log_transition, log_initial):
    """The path is of the highest score of all, and the score is that of the path."""
    n_frames, n_states = log_prob.shape
    arrays = log_prob, log_transition, log_initial
    scores = total_scores(all_paths(n_frames, n_states), *arrays)
    path, score = viterbi(*arrays, return_score=True)
    assert path.dtype == np.int64 and path.shape == (n_frames,)
    tolerance = 1e-5 if log_prob.dtype == np.float32 else 1e-12
    assert score == pytest.approx(scores.max(), abs=tolerance)
    (own,) = total_scores(path[np.newaxis], *arrays)
    assert score == pytest.approx(own, abs=1e-6)


def any_switch(rng, n):
    return rng.normal(size=(n, n))


def same_switch(rng, n):
    """All switches cost the same, also where some states are better left than kept."""
    transition = np.full((n, n), rng.normal())
    transition[np.diag_indices(n)] = rng.normal(size=n)
    return transition


def switch_by_source(rng, n):
    transition = np.repeat(rng.normal(size=(n, 1)), n, axis=1)
    transition[np.diag_indices(n)] = rng.normal(size=n)
    return transition


def switch_by_target(rng, n):
    return switch_by_source(rng, n).T.copy()


def sticky(rng, n):
    transition = same_switch(rng, n)
    transition[np.diag_indices(n)] = transition.max() + 1
    return transition


TRANSITIONS = [any_switch, same_switch, switch_by_source, switch_by_target, sticky]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", TRANSITIONS)
@pytest.mark.parametrize("n_frames, n_states", [(1, 4), (6, 1), (6, 2), (5, 5), (3, 9)])
def test_viterbi_equals_brute_force(n_frames, n_states, make, dtype):
    for seed in range(20):
        rng = np.random.RandomState(seed)
        log_prob = rng.normal(size=(n_frames, n_states)).astype(dtype)
        transition = make(rng, n_states) if n_states > 1 else np.array([[-0.5]])
        assert_best(log_prob, transition, rng.normal(size=n_states))


@pytest.mark.parametrize("make", TRANSITIONS)
def test_viterbi_equals_brute_force_where_steps_and_states_are_impossible(make):
    n_possible = 0
    for seed in range(60):
        rng = np.random.RandomState(seed)
        log_prob, initial = rng.normal(size=(5, 4)), rng.normal(size=4)
        log_prob[rng.rand(5, 4) < 0.3] = -np.inf
        initial[rng.rand(4) < 0.3] = -np.inf
        transition = make(rng, 4)
        if make is any_switch:
            transition[rng.rand(4, 4) < 0.4] = -np.inf
        else:
            stays = np.diag_indices(4)
            diagonal = np.where(rng.rand(4) < 0.3, -np.inf, transition[stays])
            if seed % 3 == 0:  # no switch at all
                transition[:] = -np.inf
            transition[stays] = diagonal
        scores = total_scores(all_paths(5, 4), log_prob, transition, initial)
        if scores.max() == -np.inf:
            with pytest.raises(ValueError, match="No path through log_prob"):
                viterbi(log_prob, transition, initial)
        else:
            n_possible += 1
            assert_best(log_prob, transition, initial)
    assert 20 < n_possible < 60


@pytest.mark.parametrize("make", TRANSITIONS)
def test_of_equal_paths_the_last_states_are_the_lowest(make):
    for seed in range(60):
        rng = np.random.RandomState(seed)
        arrays = [np.rint(rng.normal(size=(5, 4))), np.rint(make(rng, 4))]
        arrays.append(np.rint(rng.normal(size=4)))
        paths = all_paths(5, 4)
        scores = total_scores(paths, *arrays)
        best = paths[scores == scores.max()]
        expected = min(best.tolist(), key=lambda path: path[::-1])
        np.testing.assert_array_equal(viterbi(*arrays), expected)


@pytest.mark.parametrize("n_states", [7, 8, 25, 33])
def test_equal_switches_give_the_path_of_the_general_algorithm(n_states):
    rng = np.random.RandomState(n_states)
    log_prob = rng.normal(size=(400, n_states))
    transition = np.full((n_states, n_states), -2.0)
    transition[np.diag_indices(n_states)] = rng.normal(-1, 2, size=n_states)
    general = transition.copy()
    general[0, 1] -= 1e-9  # no longer the same: takes the general way
    general[1, 0] -= 1e-9
    path, score = viterbi(log_prob, transition, return_score=True)
    expected, expected_score = viterbi(log_prob, general, return_score=True)
    np.testing.assert_array_equal(path, expected)
    assert score == pytest.approx(expected_score, abs=1e-6)


def textbook_viterbi(log_prob, log_transition, log_initial):
    best, origins = log_initial + log_prob[0], []
    for row in log_prob[1:]:
        candidates = best[:, np.newaxis] + log_transition
        origins.append(candidates.argmax(axis=0))
        best = candidates.max(axis=0) + row
    path = [best.argmax()]
    for origin in reversed(origins):
        path.append(origin[path[-1]])
    return np.array(path[::-1])


@pytest.mark.parametrize("make", TRANSITIONS)
@pytest.mark.parametrize("n_states", [15, 16, 17, 32, 50])
def test_viterbi_equals_the_textbook_with_many_states(n_states, make):
    for seed in range(5):
        rng = np.random.RandomState(seed)
        log_prob, initial = rng.normal(size=(60, n_states)), rng.normal(size=n_states)
        transition = make(rng, n_states)
        np.testing.assert_array_equal(
            viterbi(log_prob, transition, initial),
            textbook_viterbi(log_prob, transition, initial),
        )


@pytest.mark.parametrize("make", [any_switch, sticky])
def test_float32_does_not_drift_over_a_long_song(make):
    rng = np.random.RandomState(0)
    log_prob = (rng.normal(size=(100_000, 6)) - 30).astype(np.float32)
    transition = make(rng, 6).astype(np.float32).astype(np.float64)
    path = viterbi(log_prob, transition)
    exact, exact_score = viterbi(
        log_prob.astype(np.float64), transition, return_score=True
    )
    assert np.mean(path != exact) < 1e-4
    zeros = np.zeros(6)
    (score,) = total_scores(path[np.newaxis], log_prob, transition, zeros)
    assert score == pytest.approx(exact_score, abs=1e-2)  # of some -3,000,000


def test_several_songs_are_decoded_each_as_if_alone():
    rng = np.random.RandomState(0)
    songs = [rng.normal(size=(n, 5)).astype(np.float32) for n in [7, 1, 30] * 30]
    transition, initial = rng.normal(size=(5, 5)), rng.normal(size=5)
    paths, scores = viterbi(songs, transition, initial, return_score=True)
    assert isinstance(paths, list) and scores.shape == (90,)
    for song, path, score in zip(songs, paths, scores, strict=True):
        alone = viterbi(song, transition, initial, return_score=True)
        np.testing.assert_array_equal(path, alone[0])
        assert score == alone[1]
    ragged = np.empty(90, dtype=object)
    ragged[:] = songs
    for other in (ragged, tuple(songs)):
        for path, same in zip(paths, viterbi(other, transition, initial), strict=True):
            np.testing.assert_array_equal(path, same)
    stacked = np.stack(songs[::3])
    for path, same in zip(
        paths[::3], viterbi(stacked, transition, initial), strict=True
    ):
        np.testing.assert_array_equal(path, same)


def test_viterbi_takes_lists_views_and_read_only_arrays_and_changes_nothing():
    rng = np.random.RandomState(0)
    log_prob = rng.normal(size=(6, 3))
    transition, initial = rng.normal(size=(3, 3)), rng.normal(size=3)
    expected = viterbi(log_prob, transition, initial)
    arguments = [log_prob, transition, initial]
    as_lists = [a.tolist() for a in arguments]
    np.testing.assert_array_equal(viterbi(*as_lists), expected)
    views = [np.asfortranarray(log_prob), transition.T.copy().T, initial]
    np.testing.assert_array_equal(viterbi(*views), expected)
    copies = [a.copy() for a in arguments]
    for a in arguments:
        a.flags.writeable = False
    np.testing.assert_array_equal(viterbi(*arguments), expected)
    for a, copy in zip(arguments, copies, strict=True):
        np.testing.assert_array_equal(a, copy)


def test_no_initial_scores_prefer_no_state():
    rng = np.random.RandomState(0)
    log_prob, transition = rng.normal(size=(6, 3)), rng.normal(size=(3, 3))
    path, score = viterbi(log_prob, transition, return_score=True)
    same = viterbi(log_prob, transition, np.zeros(3), return_score=True)
    np.testing.assert_array_equal(path, same[0])
    assert score == same[1]


@pytest.mark.parametrize("make", [any_switch, same_switch])
def test_an_impossible_song_names_the_first_frame_without_a_state(make):
    log_prob = np.zeros((6, 3))
    log_prob[4] = -np.inf
    transition = make(np.random.RandomState(0), 3)
    songs = [np.zeros((2, 3)), log_prob]
    with pytest.raises(ValueError, match="song 1 .* frame 4"):
        viterbi(songs, transition)
    log_prob[4, 2], log_prob[5] = 0, (0, -np.inf, -np.inf)
    forbidden = transition.copy()
    forbidden[2, :2] = forbidden[0, 2] = -np.inf
    with pytest.raises(ValueError, match="frame 5.*smoothing"):
        viterbi(log_prob, forbidden)
    with pytest.raises(ValueError, match="frame 0"):
        viterbi(np.zeros((2, 3)), transition, np.full(3, -np.inf))


def bad_value(shape, value):
    array = np.zeros(shape)
    array[-1, -1] = value
    return array


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((np.zeros(3), np.zeros((3, 3))), r"log_prob .*\(3,\)"),
        ((np.zeros((0, 3)), np.zeros((3, 3))), r"log_prob .*\(0, 3\)"),
        (([], np.zeros((3, 3))), r"log_prob .*\(0,\)"),
        (
            ([np.zeros((2, 3)), np.zeros(3)], np.zeros((3, 3))),
            r"log_prob of song 1 .*\(3,\)",
        ),
        ((np.zeros((2, 3)), np.zeros((3, 2))), r"log_transition .*\(3, 2\)"),
        ((np.zeros((2, 3)), np.zeros((4, 4))), "log_prob .* 3 .*log_transition .* 4"),
        (
            (np.zeros((2, 3)), np.zeros((3, 3)), np.zeros(2)),
            r"log_initial .*\(2,\)",
        ),
        ((bad_value((2, 3), np.nan), np.zeros((3, 3))), r"log_prob .*nan .*\(1, 2\)"),
        ((bad_value((2, 3), np.inf), np.zeros((3, 3))), "log_prob .* inf "),
        ((bad_value((2, 3), 1e308), np.zeros((3, 3))), r"log_prob .* 1e\+308"),
        ((np.zeros((2, 3)), bad_value((3, 3), np.nan)), "log_transition .* nan "),
        ((np.zeros((2, 3)), bad_value((3, 3), np.inf)), "log_transition .* inf "),
        ((np.zeros((2, 3)), np.zeros((3, 3)), [0, np.nan, 0]), "log_initial .* nan "),
        (
            (np.zeros((2, 3), np.float32), bad_value((3, 3), 1e300)),
            "log_transition .* inf ",
        ),
    ],
)
def test_viterbi_refuses_what_is_not_log_scores(arguments, message):
    with pytest.raises(ValueError, match=message):
        viterbi(*arguments)


def recurrent_step(seed, n_symbols, calls=None, to_state=np.asarray):
    """A random net whose state remembers all symbols that came before."""
    rng = np.random.RandomState(seed)
    recurrent, given = rng.normal(size=(4, 4)), rng.normal(size=(n_symbols + 1, 4))
    out, inputs = rng.normal(size=(4, n_symbols)), rng.normal(size=(20, 4))

    def step(t, previous, state):
        if calls is not None:
            calls.append((t, previous.copy()))
        hidden, age = state
        hidden = np.tanh(np.asarray(hidden) @ recurrent + given[previous] + inputs[t])
        return 3 * hidden @ out, (to_state(hidden), age + 1)

    return step, (to_state(np.zeros((1, 4))), to_state(np.zeros(1)))


def scores_by_hand(step, state, paths):
    """Run each path on its own, from beginning to end."""
    scores = np.zeros(len(paths))
    for row, path in enumerate(paths):
        own, previous = state, np.array([-1])
        for t, symbol in enumerate(path):
            log_prob, own = step(t, previous, own)
            scores[row] += log_prob[0, symbol]
            previous = np.array([symbol])
    return scores


@pytest.mark.parametrize("n_frames, n_symbols", [(1, 3), (4, 3), (3, 5), (6, 2)])
def test_a_beam_that_holds_all_paths_is_exact(n_frames, n_symbols):
    for seed in range(5):
        step, state = recurrent_step(seed, n_symbols)
        paths = all_paths(n_frames, n_symbols)
        scores = scores_by_hand(step, state, paths)
        path, score = beam_search(
            step,
            n_frames,
            beam_width=n_symbols ** max(1, n_frames - 1),
            state=state,
            return_score=True,
        )
        assert path.dtype == np.int64
        np.testing.assert_array_equal(path, paths[scores.argmax()])
        assert score == pytest.approx(scores.max(), abs=1e-12)


def test_the_score_is_that_of_the_path_and_wider_beams_find_better_ones_on_average():
    means = []
    for options in ({"beam_width": 1}, {"beam_width": 3}, {"beam_width": 100}):
        found = []
        for seed in range(20):
            step, state = recurrent_step(seed, 4)
            path, score = beam_search(
                step, 8, state=state, return_score=True, **options
            )
            (own,) = scores_by_hand(step, state, path[np.newaxis])
            assert score == pytest.approx(own, abs=1e-10)
            found.append(score)
        means.append(np.mean(found))
    assert means[0] < means[1] < means[2]


def test_a_beam_of_one_is_greedy():
    step, state = recurrent_step(0, 5)
    path = beam_search(step, 10, beam_width=1, state=state)
    previous, own, expected = np.array([-1]), state, []
    for t in range(10):
        log_prob, own = step(t, previous, own)
        previous = log_prob.argmax(axis=1)
        expected.append(previous[0])
    np.testing.assert_array_equal(path, expected)


@pytest.mark.parametrize("make", [any_switch, same_switch])
def test_one_path_per_symbol_equals_viterbi_on_a_markov_model(make):
    for seed in range(10):
        rng = np.random.RandomState(seed)
        arrays = rng.normal(size=(40, 7)), make(rng, 7), rng.normal(size=7)
        path, score = beam_search(
            markov_step(*arrays), 40, beam_width=7, per_symbol=1, return_score=True
        )
        expected, expected_score = viterbi(*arrays, return_score=True)
        np.testing.assert_array_equal(path, expected)
        assert score == pytest.approx(expected_score, abs=1e-9)


@pytest.mark.parametrize("per_symbol", [1, 2, 3])
def test_no_more_than_so_many_paths_end_in_a_symbol(per_symbol):
    calls = []
    step, state = recurrent_step(0, 4, calls)
    beam_search(step, 8, beam_width=100, per_symbol=per_symbol, state=state)
    most = [np.bincount(previous).max() for t, previous in calls if t > 0]
    assert max(most) == per_symbol
    assert calls[0][1].tolist() == [-1]
    assert [len(previous) for _, previous in calls][-1] == 4 * per_symbol


def test_per_symbol_keeps_the_best_paths_of_each_symbol():
    after_one = np.array([[2.0, -2.0], [2.0, -np.inf]])  # for paths [0] and [1]
    kept = []

    def step(t, previous, state):
        kept.append(previous.tolist())
        return [np.array([[3.0, 2.0]]), after_one, np.zeros((2, 2))][t], None

    # Paths 00, 10 and 01 are worth 5, 4 and 1.
    beam_search(step, 3, beam_width=2)
    assert kept[2] == [0, 0]
    kept.clear()
    path = beam_search(step, 3, beam_width=2, per_symbol=1)
    assert kept[2] == [0, 1]
    np.testing.assert_array_equal(path, [0, 0, 0])


def test_equal_scores_keep_the_better_beginning_then_the_lower_symbol():
    calls = []

    def step(t, previous, state):
        calls.append(previous.tolist())
        return np.zeros((len(previous), 5)), None

    path, score = beam_search(step, 4, beam_width=3, return_score=True)
    assert calls == [[-1], [0, 1, 2], [0, 1, 2], [0, 1, 2]]
    np.testing.assert_array_equal(path, [0, 0, 0, 0])
    assert score == 0


def test_states_may_be_tensors():
    step, state = recurrent_step(0, 4)
    expected = beam_search(step, 8, beam_width=5, state=state)
    step, state = recurrent_step(0, 4, to_state=torch.as_tensor)
    np.testing.assert_array_equal(
        beam_search(step, 8, beam_width=5, state=state), expected
    )


def test_impossible_symbols_are_never_kept():
    widths = []

    def step(t, previous, state):
        widths.append(len(previous))
        scores = np.zeros((len(previous), 3))
        scores[:, 1:] = -np.inf
        scores[previous == 0, 2] = -1
        return scores, None

    beam_search(step, 4, beam_width=10)
    assert widths == [1, 1, 2, 3]  # 2 may follow 0 alone


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_frames": 0}, "n_frames=0"),
        ({"beam_width": 0}, "beam_width=0"),
        ({"beam_width": 2.5}, "beam_width=2.5"),
        ({"per_symbol": 0}, "per_symbol=0"),
    ],
)
def test_beam_search_refuses_numbers_below_one(options, message):
    step = markov_step(np.zeros((3, 2)), np.zeros((2, 2)), np.zeros(2))
    with pytest.raises(ValueError, match=message):
        beam_search(step, **{"n_frames": 3, **options})


@pytest.mark.parametrize(
    "scores, message",
    [
        (lambda n: np.zeros(3), r"\(3,\) .*frame 1;.*\(3, 3\)"),
        (lambda n: np.zeros((n + 1, 3)), r"\(4, 3\) .*frame 1"),
        (lambda n: np.zeros((n, 2)), r"\(3, 2\) .*frame 1"),
        (lambda n: np.full((n, 3), np.nan), "NaN or .inf at frame 1"),
        (lambda n: np.full((n, 3), np.inf), "NaN or .inf at frame 1"),
        (lambda n: np.full((n, 3), -np.inf), "impossible .*frame 1"),
    ],
)
def test_beam_search_refuses_bad_scores_and_names_the_frame(scores, message):
    def step(t, previous, state):
        return (scores(len(previous)) if t else np.zeros((1, 3))), None

    with pytest.raises(ValueError, match=message):
        beam_search(step, 3)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 0)])
def test_beam_search_refuses_bad_shapes_in_the_first_frame(shape):
    with pytest.raises(ValueError, match=r"frame 0;.*\(1, n_symbols\)"):
        beam_search(lambda t, previous, state: (np.zeros(shape), None), 3)


@pytest.mark.parametrize(
    "state, error, message",
    [
        ([0], TypeError, "state .*list .*frame 0"),
        ({"h": np.zeros(1)}, TypeError, "state .*dict .*frame 0"),
        ((None, 5), TypeError, "state .*int .*frame 0"),
        (np.zeros((2, 1, 4)), ValueError, "state .*length 2 .*frame 0; .*1"),
    ],
)
def test_beam_search_refuses_states_that_are_not_rows_of_paths(state, error, message):
    def step(t, previous, state):
        return np.zeros((len(previous), 3)), state

    with pytest.raises(error, match=message):
        beam_search(step, 3, state=state)


def test_transitions_are_counted_and_smoothed():
    sequences = [[0, 0, 1, 2, 0], np.array([2, 2, 2], np.int8), [1], []]
    counts = np.array([[1, 1, 0], [0, 0, 1], [1, 0, 2]])
    for smoothing in (0, 0.5, 1):
        expected = counts + smoothing
        expected = expected / expected.sum(axis=1, keepdims=True)
        transition = estimate_transitions(sequences, 3, smoothing=smoothing)
        assert transition.dtype == np.float64
        np.testing.assert_allclose(transition, expected, rtol=1e-15)


def test_steps_from_and_to_unknown_frames_are_not_counted():
    known = estimate_transitions([[0, 1, 1], [1, 0]], 2)
    unknown = estimate_transitions([[-1, 0, 1, 1, -1, -1, 1, 0, -1]], 2)
    np.testing.assert_array_equal(known, unknown)
    np.testing.assert_array_equal(
        estimate_transitions([[-1, -1], [0, -1, 1]], 2), np.full((2, 2), 0.5)
    )


def test_the_factor_scales_the_odds_of_staying():
    rng = np.random.RandomState(0)
    sequences = [rng.randint(5, size=200)]
    plain = estimate_transitions(sequences, 5)
    scaled = scale_self_transition(plain, 7.5)
    np.testing.assert_allclose(scaled.sum(axis=1), 1)
    stay, leave = np.diag(plain), 1 - np.diag(plain)
    odds = np.diag(scaled) / (1 - np.diag(scaled))
    np.testing.assert_allclose(odds, 7.5 * stay / leave)
    off = ~np.eye(5, dtype=bool)
    shares = (scaled / (1 - np.diag(scaled))[:, None])[off]
    np.testing.assert_allclose(shares, (plain / leave[:, None])[off])
    np.testing.assert_allclose(scale_self_transition(plain, 1), plain, rtol=1e-15)
    np.testing.assert_allclose(
        scale_self_transition(scale_self_transition(plain, 4), 0.25), plain
    )


def test_scaling_leaves_its_argument_alone():
    transition = np.full((2, 2), 0.5)
    scale_self_transition(transition, 3)
    np.testing.assert_array_equal(transition, np.full((2, 2), 0.5))


def test_tied_transitions_equal_those_of_all_transposed_sequences():
    rng = np.random.RandomState(0)
    sequences = [rng.randint(-1, 13, size=50) for _ in range(3)]
    transposed = [np.where(s < 0, -1, row[s]) for s in sequences for row in OCTAVE]
    for options in ({"smoothing": 0}, {"smoothing": 2.5}):
        tied = estimate_transitions(sequences, 13, transpositions=OCTAVE, **options)
        expected = estimate_transitions(transposed, 13, **options)
        np.testing.assert_allclose(tied, expected, rtol=1e-13)
        for row in OCTAVE:
            np.testing.assert_allclose(tied[np.ix_(row, row)], tied, rtol=1e-13)


@pytest.mark.parametrize(
    "sequences, options, message",
    [
        ([0, 1, 1], {}, r"sequence 0 .*\(\)"),
        ([[0, 1], [0.5, 1.0]], {}, "sequence 1 .*float64"),
        ([[0, 1], [0, 2, 1]], {}, "sequence 1 .* 2 .*frame 1"),
        ([[0, 1, -2]], {}, "sequence 0 .*-2 .*frame 2"),
        ([[0, 1]], {"n_states": 0}, "n_states=0"),
        ([[0, 1]], {"smoothing": -1}, "smoothing=-1"),
        ([[0, 1]], {"smoothing": np.nan}, "smoothing=nan"),
        ([[-1, -1]], {"smoothing": 0}, "state 0.*smoothing=0"),
        (
            [[0, 1]],
            {"transpositions": np.zeros((2, 3), int)},
            r"transpositions .*\(2, 3\)",
        ),
        ([[0, 1]], {"transpositions": [[0, 1], [0.5, 1]]}, "transpositions .*float64"),
        ([[0, 1]], {"transpositions": [[1, 0], [0, 1]]}, "Row 0 of transpositions"),
        ([[0, 1]], {"transpositions": [[0, 1], [1, 0], [1, 0]]}, "Row 2 of transpo"),
        ([[0, 1]], {"transpositions": [[0, 1], [0, 0]]}, "2 rows of transpositions"),
    ],
)
def test_estimates_refuse_what_they_cannot_count(sequences, options, message):
    with pytest.raises(ValueError, match=message):
        estimate_transitions(sequences, **{"n_states": 2, **options})


def test_a_state_that_is_never_left_needs_smoothing():
    with pytest.raises(ValueError, match="state 1 .*smoothing=0"):
        estimate_transitions([[0, 0, 1]], 2, smoothing=0)


@pytest.mark.parametrize(
    "transition, factor, message",
    [
        (np.full((2, 3), 0.5), 1, r"transition .*\(2, 3\)"),
        (np.log(np.full((2, 2), 0.5)), 1, "transition .*negative"),
        ([[0.5, np.nan], [0.5, 0.5]], 1, "transition .*NaN"),
        ([[0.5, 0.5], [0, 0]], 1, "Row 1 of transition is all 0"),
        (np.full((2, 2), 0.5), 0, "self_transition.* 0;"),
        (np.full((2, 2), 0.5), np.inf, "self_transition.* inf;"),
    ],
)
def test_scaling_refuses_what_is_not_probabilities(transition, factor, message):
    with pytest.raises(ValueError, match=message):
        scale_self_transition(transition, factor)


def test_importing_the_decoders_loads_no_numba():
    code = "import sys, skdeepmir.decoding; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
