import numpy as np
import pytest

from skdeepmir.frames import pack_clips, split_clips, stack_clips


def test_stack_and_split_are_inverse_for_every_container():
    ragged = [np.arange(6.0).reshape(3, 2), np.ones((1, 2)), np.zeros((4, 2))]
    for X in (ragged, np.random.RandomState(0).rand(3, 5, 2)):
        rows, layout = stack_clips(X)
        back = split_clips(rows, layout)
        assert type(back) is type(X)
        for a, b in zip(X, back, strict=True):
            np.testing.assert_array_equal(a, b)


def test_plain_rows_pass_through():
    rows = [[1.0, 2.0], [3.0, 4.0]]
    X, layout = stack_clips(rows)
    assert X is rows and not layout.has_clips


def test_containers_are_told_apart_by_type_not_length():
    equal = [np.ones((4, 2)), np.ones((4, 2))]
    assert stack_clips(equal)[1].container == "list"
    assert stack_clips(np.stack(equal))[1].container == "array"


@pytest.mark.parametrize(
    "bad, message",
    [
        (np.ones(4), "clip 1 has 1 dimension"),
        (np.ones((0, 2)), "clip 1 has no frames"),
        (np.ones((3, 5)), "clip 1 has 5 features per frame, but clip 0 has 2"),
        (np.array([[np.inf, 1.0]]), "clip 1 contains NaN or infinity: inf in frame 0"),
        (np.array([["a", "b"]]), "clip 1 has dtype"),
    ],
)
def test_a_bad_clip_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        stack_clips([np.ones((4, 2)), bad])


def test_packing_mirrors_the_container():
    clips = [np.ones((2, 3)), np.zeros((2, 3))]
    _, layout = stack_clips(np.ones((2, 5, 1)))
    assert pack_clips(clips, layout).shape == (2, 2, 3)
