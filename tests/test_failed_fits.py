"""A fit that fails, for whatever reason, leaves the estimator as it was."""

import copy
import inspect
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np
import pytest
from reliability.determinism import ESTIMATORS, LEARNERS, NETS, example, outputs
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from small_nets import Stop

import skdeepmir
from skdeepmir import ConvTagger, DivergenceError, FrameStacker

PACKAGE = str(Path(skdeepmir.__file__).parent)
ONE_OF_EACH = {type(e): name for name, e in reversed(ESTIMATORS.items())}.values()
SHARES = (0.3, 0.6, 1)  # of a fit, after which it is interrupted


@pytest.fixture(autouse=True)
def _few_epochs():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@contextmanager
def interrupted(last):
    """Raise a KeyboardInterrupt as a function of the package is called.

    ``last`` is the number of calls before that; a list of those that there were is
    yielded.
    """
    calls = []

    def watch(frame, event, argument):
        code = frame.f_code
        is_ours = event == "call" and code.co_filename.startswith(PACKAGE)
        # Numbers of threads belong to the process, and to the tests that follow; what
        # a generator raises as it is closed goes nowhere.
        if not is_ours or "_threads" in code.co_filename:
            return
        if code.co_flags & inspect.CO_GENERATOR:
            return
        calls.append(code.co_qualname)
        if len(calls) > last:
            sys.setprofile(None)
            raise KeyboardInterrupt(calls[-1])

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def fitted_example(name):
    """Return a fitted estimator, its clips, and other clips and labels."""
    estimator, clips, y = example(name, 0)
    others, labels = clips[:6], None if y is None else y[:6]
    if hasattr(clips[0], "shape") and clips[0].ndim == 2:
        others = [np.ascontiguousarray(clip[:, 1:]) for clip in others]
    if name in ("templates", "blstm", "rnn", "gaussian"):
        labels = [2 - label for label in labels]
    return estimator.fit(clips, y), clips, others, labels


def assert_unchanged(estimator, before, clips):
    state, made = before
    assert joblib.hash(vars(estimator)) == state
    assert joblib.hash(outputs(estimator, clips)) == made


def snapshot(estimator, clips):
    return joblib.hash(vars(estimator)), joblib.hash(outputs(estimator, clips))


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_ctrl_c_anywhere_leaves_what_was_fitted(name):
    estimator, clips, others, labels = fitted_example(name)
    before = snapshot(estimator, clips)
    copied = clone(estimator)
    with interrupted(np.inf) as calls:
        copied.fit(others, labels)
    for share in SHARES:
        last = round(share * (len(calls) - 1))
        with pytest.raises(KeyboardInterrupt), interrupted(last):
            estimator.fit(others, labels)
        assert_unchanged(estimator, before, clips)


@pytest.mark.parametrize("name", ["mfcc", "pooler", "rbm", "tagger", "bagging"])
def test_ctrl_c_leaves_an_unfitted_one_unfitted(name):
    estimator, _, others, labels = fitted_example(name)
    estimator = clone(estimator)
    before = joblib.hash(vars(estimator))
    copied = clone(estimator)
    with interrupted(np.inf) as calls:
        copied.fit(others, labels)
    with pytest.raises(KeyboardInterrupt), interrupted(len(calls) - 1):
        estimator.fit(others, labels)
    assert joblib.hash(vars(estimator)) == before


@pytest.mark.parametrize(
    "name", [n for n, e in ESTIMATORS.items() if hasattr(e, "partial_fit")]
)
def test_ctrl_c_undoes_a_pass(name):
    estimator, clips, y = example(name, 0)
    options = {} if name in LEARNERS else {"classes": [0, 1]}
    estimator.partial_fit(clips, y, **options)
    before = snapshot(estimator, clips)
    copied = copy.deepcopy(estimator)
    with interrupted(np.inf) as calls:
        copied.partial_fit(clips[:5], y[:5])
    for share in SHARES:
        last = round(share * (len(calls) - 1))
        with pytest.raises(KeyboardInterrupt), interrupted(last):
            estimator.partial_fit(clips[:5], y[:5])
        assert_unchanged(estimator, before, clips)


@pytest.mark.parametrize("name", [*NETS, *LEARNERS])
def test_divergence_leaves_what_was_fitted(name):
    estimator, clips, others, labels = fitted_example(name)
    rate = estimator.learning_rate
    before = snapshot(estimator, clips)
    estimator.set_params(learning_rate=1e39)
    with pytest.raises(DivergenceError):
        estimator.fit(others, labels)
    assert_unchanged(estimator.set_params(learning_rate=rate), before, clips)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("full disk")])
def test_a_callback_that_raises_leaves_what_was_fitted(error, tmp_path):
    estimator, clips, others, labels = fitted_example("tagger")
    before = snapshot(estimator, clips)
    estimator.set_params(callbacks=[Stop(2, error)], checkpoint_dir=tmp_path)
    with pytest.raises(type(error)):
        estimator.fit(others, labels)
    assert list(tmp_path.iterdir())  # the fit can go on
    estimator.set_params(callbacks=None, checkpoint_dir=None)
    assert_unchanged(estimator, before, clips)


FAULTS = {  # that show late: what else is passed to fit, and parameters
    "voting": ({"y": [0] * 5 + [None]}, {}),
    "support vectors": ({"y": [0, 1] * 3}, {"voting": "soft"}),
    "bagging": ({"y": [0, 1] * 3, "groups": [0, 0, 0, 0, 0, np.nan]}, {}),
    "augmented": ({"y": [0, 1] * 3}, {"variants": [FrameStacker(2)]}),
    "pooler": ({"y": [1] * 5}, {}),
    "shifter": ({}, {"n_bands": 11}),
    "pca": ({"y": [1] * 6}, {"transformer": PCA(n_components=40)}),
    "gaussian": ({"y": [[2, 1]] * 6}, {}),
    "templates": ({"y": [[2, 1]] * 6}, {}),
    "blstm": ({"y": [[2, 1]] * 6}, {}),
    "onsets": ({"y": [[0.1]] * 5 + [[90.0]]}, {}),
    "live onsets": ({"y": [[0.1]] * 6}, {"n_layers": 1, "warm_start": True}),
    "flux": ({"y": [[]] * 6}, {}),
    "piano": ({"y": [[(0.1, 0.4, 60)]] * 5 + [[(0.1, 0.4, 440)]]}, {}),
    "piano vectors": (
        {"y": [[(0.1, 0.4, 60)]] * 6},
        {"net": "multi_note", "warm_start": True},
    ),
    "tagger": ({"y": [1] * 6}, {}),
    "regressor": ({"y": [1, 2, 3, 4, 5, "six"]}, {}),
    "mlp": ({"y": [0, 1] * 3}, {"validation_fraction": 0.99, "early_stopping": True}),
    "timescales": ({"y": [0, 1] * 3}, {"windows": (4, -4)}),
    "rbm": ({"y": [1] * 6}, {}),
    "mel": ({"y": [1] * 5}, {"n_mels": 20}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_refused_late_leaves_what_was_fitted(name):
    arguments, parameters = FAULTS[name]
    estimator, clips, others, _ = fitted_example(name)
    was = {parameter: getattr(estimator, parameter) for parameter in parameters}
    before = snapshot(estimator, clips)
    estimator.set_params(**parameters)
    with pytest.raises(ValueError):
        estimator.fit(others, **arguments)
    assert_unchanged(estimator.set_params(**was), before, clips)


def test_a_tagger_that_diverged_on_other_features_takes_those_it_knows():
    rng = np.random.RandomState(0)
    y = np.arange(8) % 2
    clips, wider = ([rng.rand(20, n) for _ in y] for n in (8, 10))
    tagger = ConvTagger((4,), excerpt_length=8, max_epochs=2, verbose=False)
    expected = tagger.fit(clips, y).predict_proba(clips)
    with pytest.raises(DivergenceError):
        tagger.set_params(learning_rate=1e39).fit(wider, y)
    np.testing.assert_array_equal(tagger.predict_proba(clips), expected)
    with pytest.raises(ValueError, match="clip 0 has 10 features.*8"):
        tagger.predict(wider)
