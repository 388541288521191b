"""What the tests of bad audio and of bad labels share."""

import pickle
import threading

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skdeepmir.audio import AudioError
from skdeepmir.testing._material import ends


def set_all(estimator, **values):
    """Return a copy in which parameters of these names are set, also inside."""
    estimator = clone(estimator)
    names = estimator.get_params()
    for name in names:
        if name.split("__")[-1] in values:
            estimator.set_params(**{name: values[name.split("__")[-1]]})
    return estimator


def outcome(estimator, X):
    if hasattr(estimator, "transform"):
        return estimator.transform(X)
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(X)
    if hasattr(estimator, "predict_activations"):
        return estimator.predict_activations(X)
    if isinstance(estimator, Pipeline) and hasattr(estimator[-1], "to_txt"):
        # There may be no onset, but each frame has an activation.
        return estimator[-1].predict_activations(estimator[:-1].transform(X))
    return estimator.predict(X)


def answer(call):
    """Return what a call returns or raises, or fail if it hangs."""
    result = []

    def run():
        try:
            result.append(call())
        except (AudioError, AssertionError) as error:
            result.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ends(thread) and result, "it hangs: there is no answer"
    return result[0]


def check_error(error, case, row):
    """Assert that an error says of a bad item what it owes."""
    assert isinstance(error, AudioError), f"{case.name}: {error!r} is no AudioError"
    assert (error.code, error.row) == (case.code, row), f"{case.name}: {error}"
    message = str(error)
    assert message.startswith(f"row {row}: "), f"{case.name}: {message}"
    assert f"({case.code})" in message and error.fix, f"{case.name}: {message}"
    if isinstance(case.value, str):
        assert ascii(case.value) in message, f"{case.name}: {message}"
    assert message.isprintable(), case.name
    assert str(pickle.loads(pickle.dumps(error))) == message


def raised(call):
    try:
        return call()
    except AudioError as error:
        return error


def check_row(row, name):
    row = np.asarray(row)
    assert row.size, f"{name}: empty"
    assert row.dtype.kind not in "fc" or np.isfinite(row).all(), f"{name}: not finite"
