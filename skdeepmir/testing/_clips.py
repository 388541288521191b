"""Checks for estimators on clips: scikit-learn's check suite for ragged data.

``check_clip_estimator(estimator)`` raises an ``AssertionError`` at the first rule that
is broken, and returns the names of the checks that it ran.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

N_CLIPS, N_FRAMES, N_FEATURES = 6, 30, 5


def check_clip_estimator(
    estimator: Any, *, labels: Literal["clips", "frames"] = "clips"
) -> list[str]:
    """Check that an estimator treats a clip as a sample, whatever the container.

    Parameters
    ----------
    estimator : estimator
        A transformer, classifier or regressor on clips of frames, or a transformer on
        waveforms (if its tag ``input_tags.string`` says that it takes paths).
    labels : {"clips", "frames"}, default="clips"
        Whether it learns a label for each clip, or one for each frame.

    Returns
    -------
    names : list of str
        The checks that ran.

    Raises
    ------
    AssertionError
        At the first check that fails.

    Examples
    --------
    >>> from skdeepmir import MultiTimescalePooler
    >>> from skdeepmir.testing import check_clip_estimator
    >>> len(check_clip_estimator(MultiTimescalePooler())) > 8
    True
    """
    if labels not in ("clips", "frames"):
        raise ValueError(f"labels={labels!r} must be 'clips' or 'frames'.")
    kind = "labelled frames" if labels == "frames" else "frames"
    if get_tags(estimator).input_tags.string:
        kind = "waveforms"
    checks = [
        check_list_equals_array,
        check_order_of_clips,
        check_clip_alone,
        check_unequal_lengths,
        check_fit_leaves_inputs_alone,
        check_clone_is_unfitted,
        check_same_seed_same_output,
        check_global_generator_untouched,
        check_bad_clip_is_named,
        check_no_clips,
        check_round_trips,
    ]
    if kind != "waveforms":
        checks += [check_container_is_mirrored, check_refit, check_wrong_width]
    for check in checks:
        check(clone(estimator), kind)
    return [check.__name__ for check in checks]


def make_clips(kind, lengths=None, seed=0):
    """Return clips of noise, a waveform or a matrix of frames each, and labels."""
    rng = np.random.RandomState(seed)
    lengths = [N_FRAMES] * N_CLIPS if lengths is None else lengths
    y = np.arange(len(lengths)) % 2
    if kind == "waveforms":
        clips = [0.1 * rng.randn(n * 100).astype(np.float32) for n in lengths]
    else:
        clips = [
            rng.rand(n, N_FEATURES).astype(np.float32) + k
            for n, k in zip(lengths, y, strict=True)
        ]
    if kind == "labelled frames":
        y = [np.full(n, k) for n, k in zip(lengths, y, strict=True)]
    return clips, y


def set_seeds(estimator):
    """Set ``random_state`` of an estimator and of those inside it."""
    names = [n for n in estimator.get_params() if n.split("__")[-1] == "random_state"]
    estimator.set_params(**dict.fromkeys(names, 3))


def output(estimator, X):
    """Return the output of a fitted estimator for X."""
    if hasattr(estimator, "transform"):
        return estimator.transform(X)
    method = "predict_proba" if hasattr(estimator, "predict_proba") else "predict"
    return getattr(estimator, method)(X)


def assert_same(a, b, rtol=1e-5, atol=1e-6):
    """Assert that two outputs hold the same clips, whatever the container."""
    assert len(a) == len(b), f"{len(a)} clips became {len(b)}"
    for clip_a, clip_b in zip(a, b, strict=True):
        np.testing.assert_allclose(clip_a, clip_b, rtol=rtol, atol=atol)


def check_list_equals_array(estimator, kind):
    """Expect a list of equal clips to give what one array of them gives."""
    clips, y = make_clips(kind)
    stacked = np.stack(clips)
    assert_same(
        output(clone(estimator).fit(clips, y), clips),
        output(clone(estimator).fit(stacked, y), stacked),
    )


def check_order_of_clips(estimator, kind):
    """Reordering clips reorders the output."""
    clips, y = make_clips(kind)
    order = np.random.RandomState(1).permutation(len(clips))
    estimator.fit(clips, y)
    result = output(estimator, clips)
    assert_same(
        [result[i] for i in order], output(estimator, [clips[i] for i in order])
    )


def check_clip_alone(estimator, kind):
    """Expect a clip alone to give what it gives in a set."""
    clips, y = make_clips(kind)
    estimator.fit(clips, y)
    assert_same(output(estimator, clips)[2:3], output(estimator, [clips[2]]))


def check_unequal_lengths(estimator, kind):
    """Clips of unequal lengths are one sample each, in lists and object arrays."""
    clips, y = make_clips(kind, lengths=[30, 7, 12, 50, 25, 9])
    packed = np.empty(len(clips), dtype=object)
    packed[:] = clips
    result = output(estimator.fit(clips, y), clips)
    assert len(result) == len(clips)
    assert_same(result, output(estimator, packed))
    assert_same(result, output(estimator, tuple(clips)))


def check_container_is_mirrored(estimator, kind):
    """Frames come back as a list from a list and as a 3-D array from one."""
    if hasattr(estimator, "predict"):
        return
    clips, y = make_clips(kind)
    from_list = output(estimator.fit(clips, y), clips)
    if isinstance(from_list, np.ndarray) and from_list.ndim == 2:
        return  # one row a clip
    from_array = output(estimator, np.stack(clips))
    assert isinstance(from_list, list), f"a list became a {type(from_list).__name__}"
    assert from_array.ndim == 3, f"a 3-D array became one of {from_array.ndim}"


def check_fit_leaves_inputs_alone(estimator, kind):
    """``fit`` changes neither parameters nor clips."""
    clips, y = make_clips(kind)
    before, parameters = copy.deepcopy(clips), estimator.get_params()
    assert estimator.fit(clips, y) is estimator, "fit must return self"
    assert_same(before, clips, rtol=0, atol=0)
    for name, value in estimator.get_params().items():
        assert value is parameters[name], f"fit changed the parameter {name}"


def check_clone_is_unfitted(estimator, kind):
    """Expect a clone of a fitted estimator to have forgotten everything."""
    clips, y = make_clips(kind)
    copied = clone(estimator.fit(clips, y))
    if not get_tags(estimator).requires_fit:
        return
    try:
        check_is_fitted(copied)
    except NotFittedError:
        return
    raise AssertionError("the clone of a fitted estimator is fitted")


def check_same_seed_same_output(estimator, kind):
    """Two fits with the same seed give the same bits."""
    clips, y = make_clips(kind)
    set_seeds(estimator)
    first = output(clone(estimator).fit(clips, y), clips)
    second = output(clone(estimator).fit(clips, y), clips)
    assert_same(first, second, rtol=0, atol=0)


def check_global_generator_untouched(estimator, kind):
    """With a seed of its own an estimator leaves NumPy's global generator alone."""
    clips, y = make_clips(kind)
    set_seeds(estimator)
    _, keys, place, *_ = np.random.get_state()
    output(estimator.fit(clips, y), clips)
    _, keys_after, place_after, *_ = np.random.get_state()
    untouched = place == place_after and (keys == keys_after).all()
    assert untouched, "the global generator was used"


def check_bad_clip_is_named(estimator, kind):
    """NaN, no frames and wrong dimensions each name the clip, in fit and after."""
    clips, y = make_clips(kind)
    with_nan = clips[3].copy()
    with_nan[2] = np.nan
    fitted = clone(estimator).fit(clips, y)
    for bad in (with_nan, clips[3][:0], clips[3][np.newaxis, np.newaxis]):
        X = [*clips[:3], bad, *clips[4:]]
        name = "row 3" if kind == "waveforms" else "clip 3"
        expect_value_error(lambda X=X: clone(estimator).fit(X, y), name)
        expect_value_error(lambda X=X: output(fitted, X), name)


def check_no_clips(estimator, kind):
    """Expect an empty list to be refused."""
    expect_value_error(lambda: estimator.fit([], []), "0 ")


def check_refit(estimator, kind):
    """Expect a second fit on frames of another width to forget the first."""
    clips, y = make_clips(kind)
    estimator.fit(clips, y)
    narrow = [clip[:, :3] for clip in clips]
    output(estimator.fit(narrow, y), narrow)
    assert estimator.n_features_in_ == 3


def check_wrong_width(estimator, kind):
    """Frames of another width, and one array after a fit on clips, are refused."""
    clips, y = make_clips(kind)
    estimator.fit(clips, y)
    expect_value_error(lambda: output(estimator, [clips[0], clips[1][:, :3]]), "clip 1")
    expect_value_error(lambda: output(estimator, clips[0]), "pass [X]")


def check_round_trips(estimator, kind):
    """Pickled and deep copies give the same output."""
    clips, y = make_clips(kind)
    result = output(estimator.fit(clips, y), clips)
    for copied in (pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)):
        assert_same(result, output(copied, clips), rtol=0, atol=0)


def expect_value_error(call, text):
    """Assert that a call raises a ``ValueError`` whose message holds a text."""
    try:
        call()
    except ValueError as error:
        assert text in str(error), f"the message does not say {text!r}: {error}"
    else:
        raise AssertionError(f"no ValueError that says {text!r}")
