"""Checks for estimators on clips: scikit-learn's check suite for ragged data.

``check_clip_estimator(estimator)`` raises an ``AssertionError`` at the first rule that
is broken, and returns the names of the checks that it ran.
"""

from __future__ import annotations

import copy
import pickle
from functools import wraps
from typing import Any, Literal

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skdeepmir._errors import check_choice

N_CLIPS, N_FRAMES, N_FEATURES = 6, 30, 5
FRAME_RATE = 10.0  # of clips with events, in Hz
# What estimators raise that read clips in another way.
RAISED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def check_clip_estimator(
    estimator: Any, *, labels: Literal["clips", "frames", "events", "notes"] = "clips"
) -> list[str]:
    """Check that an estimator treats a clip as a sample, whatever the container.

    Parameters
    ----------
    estimator : estimator
        A transformer, classifier or regressor on clips of frames, or a transformer on
        waveforms (if its tag ``input_tags.string`` says that it takes paths).
    labels : {"clips", "frames", "events", "notes"}, default="clips"
        Whether it learns a label for each clip, one for each frame, when events are, in
        seconds, or which notes are played. For "events" and "notes" the estimator's
        ``frame_rate`` must be 10.

    Returns
    -------
    names : list of str
        The checks that ran.

    Raises
    ------
    AssertionError
        At the first check that fails: it names the check, what was found, and what to
        change.

    Examples
    --------
    >>> from skdeepmir import MultiTimescalePooler
    >>> from skdeepmir.testing import check_clip_estimator
    >>> len(check_clip_estimator(MultiTimescalePooler())) > 8
    True
    """
    kinds = {
        "clips": "frames",
        "frames": "labelled frames",
        "events": "timed frames",
        "notes": "played frames",
    }
    check_choice("labels", labels, kinds)
    kind = kinds[labels]
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


def owing(advice):
    """Decorate a check, so that it fails with its name, what was found, and advice."""

    def decorate(check):
        @wraps(check)
        def told(estimator, kind):
            try:
                check(estimator, kind)
            except AssertionError as error:
                found, cause = str(error), error
            except RAISED as error:  # where none is owed
                found, cause = f"{type(error).__name__}: {error}", error
            else:
                return
            name = type(estimator).__name__
            raise AssertionError(
                f"{check.__name__}: {name}: {found.rstrip('. ')}. {advice}"
            ) from cause

        return told

    return decorate


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
    if kind == "timed frames":
        y = [np.arange(3, n, 4) / FRAME_RATE for n in lengths]
    if kind == "played frames":
        starts = [np.arange(1, n - 3, 4) / FRAME_RATE for n in lengths]
        y = [np.stack([t, t + 0.2, 60 + 0 * t], axis=1) for t in starts]
    return clips, y


def set_seeds(estimator):
    """Set ``random_state`` of an estimator and of those inside it."""
    names = [n for n in estimator.get_params() if n.split("__")[-1] == "random_state"]
    estimator.set_params(**dict.fromkeys(names, 3))


def output(estimator, X):
    """Return the output of a fitted estimator for X."""
    assert estimator is not None, "fit returned None; let it return self"
    if hasattr(estimator, "transform"):
        return estimator.transform(X)
    methods = ("predict_proba", "predict_activations", "predict")
    method = next((name for name in methods if hasattr(estimator, name)), "predict")
    return getattr(estimator, method)(X)


def assert_same(a, b, rtol=1e-5, atol=1e-6):
    """Assert that two outputs hold the same clips, whatever the container."""
    assert len(a) == len(b), f"{len(a)} clips became {len(b)}"
    for i, (clip_a, clip_b) in enumerate(zip(a, b, strict=True)):
        try:
            np.testing.assert_allclose(clip_a, clip_b, rtol=rtol, atol=atol)
        except AssertionError as error:
            raise AssertionError(f"clip {i} differs: {error}") from error


@owing(
    "Read a list of 2-D arrays (n_frames, n_features) and a 3-D array alike: each item "
    "is a clip. FrameTransformer makes transformers of scikit-learn do so, "
    "ClipVotingClassifier its classifiers."
)
def check_list_equals_array(estimator, kind):
    """Expect a list of equal clips to give what one array of them gives."""
    clips, y = make_clips(kind)
    fits = [clone(estimator).fit(make(clips), y) for make in (copy.deepcopy, np.stack)]
    assert_same(output(fits[0], clips), output(fits[1], np.stack(clips)))


@owing("Give one output for each clip, in the order of the clips.")
def check_order_of_clips(estimator, kind):
    """Reordering clips reorders the output."""
    clips, y = make_clips(kind)
    order = np.random.RandomState(1).permutation(len(clips))
    estimator.fit(clips, y)
    result = output(estimator, clips)
    assert len(result) == len(clips), f"{len(clips)} clips became {len(result)}"
    assert_same(
        [result[i] for i in order], output(estimator, [clips[i] for i in order])
    )


@owing(
    "After fit, let nothing depend on the other clips of X: learn means, scales and "
    "sizes in fit, and keep them."
)
def check_clip_alone(estimator, kind):
    """Expect a clip alone to give what it gives in a set."""
    clips, y = make_clips(kind)
    estimator.fit(clips, y)
    assert_same(output(estimator, clips)[2:3], output(estimator, [clips[2]]))


@owing(
    "Do not make one array of X: clips have different numbers of frames. Loop over "
    "them, or stack their frames and split them again (np.concatenate, np.split)."
)
def check_unequal_lengths(estimator, kind):
    """Clips of unequal lengths are one sample each, in lists and object arrays."""
    clips, y = make_clips(kind, lengths=[30, 7, 12, 50, 25, 9])
    packed = np.empty(len(clips), dtype=object)
    packed[:] = clips
    result = output(estimator.fit(clips, y), clips)
    assert len(result) == len(clips), f"{len(clips)} clips became {len(result)}"
    assert_same(result, output(estimator, packed))
    assert_same(result, output(estimator, tuple(clips)))


@owing("Return frames in the container of X: a list for a list, 3-D for 3-D.")
def check_container_is_mirrored(estimator, kind):
    """Frames come back as a list from a list and as a 3-D array from one."""
    if hasattr(estimator, "predict"):
        return
    clips, y = make_clips(kind)
    from_list = output(estimator.fit(clips, y), clips)
    if isinstance(from_list, np.ndarray) and from_list.ndim == 2:
        return  # one row a clip
    from_array = output(estimator, np.stack(clips))
    found = type(from_list).__name__
    assert isinstance(from_list, list), f"a list became a {found}."
    ndim = getattr(from_array, "ndim", type(from_array).__name__)
    assert ndim == 3, f"a 3-D array became one of {ndim} dimensions."


@owing(
    "Let fit return self, store what it learns in attributes that end in _, and change "
    "copies only."
)
def check_fit_leaves_inputs_alone(estimator, kind):
    """``fit`` changes neither parameters nor clips."""
    clips, y = make_clips(kind)
    before, parameters = copy.deepcopy(clips), estimator.get_params()
    fitted = estimator.fit(clips, y)
    assert fitted is estimator, f"fit returned a {type(fitted).__name__}."
    for i, (old, new) in enumerate(zip(before, clips, strict=True)):
        assert np.array_equal(old, new), f"fit changed clip {i} in place."
    for name, value in estimator.get_params().items():
        assert value is parameters[name], f"fit changed the parameter {name}."


@owing(
    "Assign what fit learns to attributes that end in _ in fit, and nothing but "
    "parameters in __init__."
)
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
    raise AssertionError("the clone of a fitted estimator is fitted.")


@owing(
    "Take a random_state, and in fit every random number from "
    "check_random_state(self.random_state); keep no state between fits."
)
def check_same_seed_same_output(estimator, kind):
    """Two fits with the same seed give the same bits."""
    clips, y = make_clips(kind)
    set_seeds(estimator)
    first = output(clone(estimator).fit(clips, y), clips)
    second = output(clone(estimator).fit(clips, y), clips)
    assert_same(first, second, rtol=0, atol=0)


@owing(
    "Draw random numbers from check_random_state(self.random_state), not from "
    "np.random itself, and do not seed the latter."
)
def check_global_generator_untouched(estimator, kind):
    """With a seed of its own an estimator leaves NumPy's global generator alone."""
    clips, y = make_clips(kind)
    set_seeds(estimator)
    _, keys, place, *_ = np.random.get_state()
    output(estimator.fit(clips, y), clips)
    _, keys_after, place_after, *_ = np.random.get_state()
    untouched = place == place_after and (keys == keys_after).all()
    assert untouched, "the state of np.random is another after fit."


@owing(
    "Look at each clip before it is used, also after fit, and raise a ValueError that "
    "gives its number, such as 'clip 3 has NaN' ('row 3' for waveforms)."
)
def check_bad_clip_is_named(estimator, kind):
    """NaN, no frames and wrong dimensions each name the clip, in fit and after."""
    clips, y = make_clips(kind)
    with_nan = clips[3].copy()
    with_nan[2] = np.nan
    fitted = clone(estimator).fit(clips, y)
    for what, bad in (
        ("NaN", with_nan),
        ("no frames", clips[3][:0]),
        (f"{clips[3].ndim + 2} dimensions", clips[3][np.newaxis, np.newaxis]),
    ):
        X = [*clips[:3], bad, *clips[4:]]
        name = "row 3" if kind == "waveforms" else "clip 3"
        refuses(lambda X=X: clone(estimator).fit(X, y), name, f"fit, {what} in {name}")
        refuses(lambda X=X: output(fitted, X), name, f"after fit, {what} in {name}")


@owing("Raise a ValueError that says that X has 0 clips.")
def check_no_clips(estimator, kind):
    """Expect an empty list to be refused."""
    refuses(lambda: estimator.fit([], []), "0 ", "fit, an empty list")


@owing(
    "Let fit forget the fit before: set n_features_in_ and all else anew, as by "
    "validate_data(reset=True)."
)
def check_refit(estimator, kind):
    """Expect a second fit on frames of another width to forget the first."""
    clips, y = make_clips(kind)
    estimator.fit(clips, y)
    narrow = [clip[:, :3] for clip in clips]
    output(estimator.fit(narrow, y), narrow)
    found = getattr(estimator, "n_features_in_", "missing")
    assert found == 3, f"after a fit on 3 features n_features_in_ is {found}."


@owing(
    "Compare the width of each clip with n_features_in_ and raise a ValueError that "
    "gives its number; refuse a bare matrix after a fit on clips, and say: for a "
    "single clip pass [X]."
)
def check_wrong_width(estimator, kind):
    """Frames of another width, and one array after a fit on clips, are refused."""
    clips, y = make_clips(kind)
    estimator.fit(clips, y)
    X = [clips[0], clips[1][:, :3]]
    refuses(lambda: output(estimator, X), "clip 1", "3 features in clip 1")
    refuses(lambda: output(estimator, clips[0]), "pass [X]", "one matrix as X")


@owing(
    "Keep what fit learns in arrays, numbers and strings, which can be pickled and "
    "copied: no lambda, open file, generator or lock."
)
def check_round_trips(estimator, kind):
    """Pickled and deep copies give the same output."""
    clips, y = make_clips(kind)
    result = output(estimator.fit(clips, y), clips)
    try:
        copies = pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)
    except pickle.PicklingError as error:
        raise AssertionError(f"PicklingError: {error}.") from error
    for copied in copies:
        assert_same(result, output(copied, clips), rtol=0, atol=0)


def refuses(call, text, case):
    """Assert that a call raises a ``ValueError`` whose message holds a text."""
    try:
        call()
    except ValueError as error:
        assert text in str(error), (
            f"{case}: the ValueError does not say {text!r}: {error}"
        )
    except RAISED as error:
        raise AssertionError(
            f"{case}: {type(error).__name__} instead of a ValueError: {error}"
        ) from error
    else:
        raise AssertionError(f"{case}: no ValueError.")
