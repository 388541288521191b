import itertools

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepmir.decoding import binary_transitions, viterbi, viterbi_binary

CHANCES = {"p_start": 0.25, "p_on": 0.125, "p_off": 0.25}


def best_path(odds, p_start, p_on, p_off):
    """Return the best of all paths of a note; of equal ones, the last that is off."""
    with np.errstate(divide="ignore"):
        log_start = np.log([1 - p_start, p_start])
        log_step = np.log([[1 - p_on, p_on], [p_off, 1 - p_off]])
    # One of the states has a log score of 0, so that infinite odds are certain.
    scores = np.column_stack([np.minimum(-odds, 0), np.minimum(odds, 0)])
    found, best = None, -np.inf
    for backwards in itertools.product((0, 1), repeat=len(odds)):
        path = backwards[::-1]
        score = log_start[path[0]] + scores[0, path[0]]
        for t in range(1, len(path)):
            score += log_step[path[t - 1], path[t]] + scores[t, path[t]]
        if score > best + 1e-9:
            found, best = path, score
    return found


ODDS = st.sampled_from([-np.inf, -3.3, -1.0, -0.4, 0.0, 0.7, 1.9, 4.2, np.inf])
CHANCE = st.sampled_from([0.0, 0.1, 0.35, 0.5, 1.0])


@given(odds=st.lists(ODDS, min_size=1, max_size=7), chances=st.tuples(*[CHANCE] * 3))
def test_the_path_is_the_best_of_all_even_where_some_are_impossible(odds, chances):
    odds = np.array(odds)
    names = dict(zip(CHANCES, chances, strict=True))
    expected = best_path(odds, **names)
    if expected is None:
        with pytest.raises(ValueError, match="No path .* note 0: .* frame"):
            viterbi_binary(odds[:, None], **names)
    else:
        path = viterbi_binary(odds[:, None], **names)
        assert path[:, 0].tolist() == list(map(bool, expected))


@pytest.fixture
def odds(global_random_seed):
    return 2 * np.random.RandomState(global_random_seed).randn(400, 90)


def test_it_equals_librosa_and_the_general_algorithm_for_each_note(odds):
    rng = np.random.RandomState(0)
    start, on, off = rng.uniform(0.01, 0.4, (3, odds.shape[1]))
    paths = viterbi_binary(odds, p_start=start, p_on=on, p_off=off)
    assert paths.dtype == bool and paths.flags.c_contiguous
    assert 0 < paths.mean() < 1
    steps = np.array([[1 - on, on], [off, 1 - off]]).transpose(2, 0, 1)
    theirs = librosa.sequence.viterbi_binary(
        1 / (1 + np.exp(-odds.T)), steps, p_state=np.full(90, 0.5), p_init=start
    )
    np.testing.assert_array_equal(paths, theirs.T)
    for k in range(0, 90, 13):
        scores = np.column_stack([np.zeros(len(odds)), odds[:, k]])
        path = viterbi(scores, np.log(steps[k]), np.log([1 - start[k], start[k]]))
        np.testing.assert_array_equal(paths[:, k], path)


def test_of_equal_paths_that_which_is_off_last_is_taken():
    even = {"p_start": 0.5, "p_on": 0.5, "p_off": 0.5}
    assert not viterbi_binary(np.zeros((5, 3)), **even).any()
    path = viterbi_binary(np.array([[0.0], [2.0], [0.0], [2.0], [0.0]]), **even)
    assert path[:, 0].tolist() == [False, True, False, True, False]


def test_notes_and_songs_are_decoded_each_as_if_alone(odds):
    songs = [odds[:150], odds[150:], odds[:1]]
    paths = viterbi_binary(songs, **CHANCES)
    assert isinstance(paths, list)
    for song, path in zip(songs, paths, strict=True):
        np.testing.assert_array_equal(path, viterbi_binary(song, **CHANCES))
        few = viterbi_binary(song[:, 5:8], **CHANCES)
        np.testing.assert_array_equal(path[:, 5:8], few)


def test_it_takes_views_of_any_type_and_changes_nothing(odds):
    narrow = odds.astype(np.float32)
    expected = viterbi_binary(narrow.astype(float), **CHANCES)
    for given_odds in (narrow, np.asfortranarray(narrow), narrow.tolist()):
        np.testing.assert_array_equal(viterbi_binary(given_odds, **CHANCES), expected)
    kept = odds.copy()
    odds.flags.writeable = False
    viterbi_binary(odds[::-1, ::-2], **CHANCES)
    np.testing.assert_array_equal(odds, kept)


def test_rounding_does_not_add_up_over_a_long_song():
    song = np.full((200_000, 1), 7.1)
    song[100_000:] = -7.1
    path = viterbi_binary(song, **CHANCES)
    assert path[:100_000].all() and not path[100_000:].any()


def test_what_is_impossible_names_song_note_and_frame():
    songs = [np.zeros((4, 3)), np.zeros((6, 3))]
    songs[1][4, 2] = np.inf
    with pytest.raises(ValueError, match="song 1 .* note 2: .* frame 4"):
        viterbi_binary(songs, p_start=0, p_on=0, p_off=0.5)


@pytest.mark.parametrize(
    ("log_odds", "chances", "message"),
    [
        (np.zeros(4), {}, r"log_odds has shape \(4,\).*\(n_frames, n_notes\)"),
        (np.zeros((0, 4)), {}, r"log_odds has shape \(0, 4\)"),
        ([np.eye(2), np.zeros((2, 0))], {}, r"log_odds of song 1 has shape \(2, 0\)"),
        (np.array([[0, 0], [0, np.nan]]), {}, "log_odds is NaN in frame 1 for note 1"),
        (np.eye(3), {"p_on": [0.1, 0.2]}, r"p_on has shape \(2,\).*\(3,\)"),
        (np.eye(3), {"p_off": [0.1, 1.5, 0]}, r"p_off\[1\] is 1.5"),
        (np.eye(3), {"p_start": np.nan}, "p_start is nan"),
        (np.eye(3), {"p_on": -0.1}, r"p_on is -0.1"),
        (np.eye(3), {"p_on": "0.1"}, "p_on='0.1'"),
        (np.eye(3), {"p_on": 0.1j}, "p_on=0.1j"),
        (np.eye(3), {"p_off": [[0.1], [0.1, 0.2]]}, "p_off.*inhomogeneous"),
        (np.eye(3), {"p_off": np.ma.masked_less([0, 1, 1], 1)}, "p_off: note 0.*mask"),
        (np.ma.masked_less(np.eye(3), 1), {}, "log_odds: frame 0.*mask"),
    ],
)
def test_bad_odds_and_probabilities_are_named(log_odds, chances, message):
    with pytest.raises(ValueError, match=message):
        viterbi_binary(log_odds, **{**CHANCES, **chances})


def test_transitions_are_counted_within_rolls():
    first = np.array([[0, 1, 1, 0, 0, 1], [1, 0, 1, 0, 1, 0]]).T
    second = np.array([[1, 1, 0], [0, 0, 1]], dtype=bool).T
    p_start, p_on, p_off = binary_transitions([first, second], smoothing=0)
    np.testing.assert_allclose(p_start, [1 / 2, 1 / 2])
    np.testing.assert_allclose(p_on, [2 / 3, 3 / 4])
    np.testing.assert_allclose(p_off, [2 / 4, 3 / 3])


def test_a_note_that_is_never_on_is_switched_off_like_the_others(global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    roll = np.repeat(rng.rand(500, 6) < 0.2, 10, axis=0)
    roll[:, 5] = False
    p_start, p_on, p_off = binary_transitions([roll])
    often = p_off[:5]
    assert often.min() < p_off[5] < often.max()
    assert 0 < p_on[5] < p_on[:5].min() / 10
    for chance in (p_start, p_on, p_off):
        assert chance.shape == (6,)
        assert ((chance > 0) & (chance < 1)).all()
    plain = binary_transitions([roll[:, :5]], smoothing=0)
    near = binary_transitions([roll[:, :5]], smoothing=1e-6)
    np.testing.assert_allclose(near, plain, atol=1e-5)


@pytest.mark.parametrize(
    ("rolls", "smoothing", "message"),
    [
        (np.eye(3), 1, r"roll 0 has shape \(3,\).*passed as \[roll\]"),
        ([np.eye(3), np.eye(2)], 1, r"roll 1 has shape \(2, 2\).*3 notes"),
        ([np.diag([1, 1, 90])], 1, "roll 0 has 90.* in frame 2 for note 2"),
        ([np.full((2, 2), np.nan)], 1, "roll 0 has nan in frame 0 for note 0"),
        ([np.ma.masked_less(np.eye(2), 1)], 1, "roll 0: frame 0.*mask"),
        ([], 1, "0 rolls"),
        ([np.zeros((0, 4))], 1, "1 rolls without a frame"),
        ([np.eye(3)], -1, "smoothing=-1"),
        ([[[1, 0], [1, 1], [0, 1]]], 0, "Note 0 is never off.*p_on"),
        ([[[0, 0], [0, 1], [0, 1]]], 0, "Note 0 is never on.*p_off"),
    ],
)
def test_what_is_not_a_roll_is_named(rolls, smoothing, message):
    with pytest.raises(ValueError, match=message):
        binary_transitions(rolls, smoothing=smoothing)
