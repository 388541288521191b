"""Metrics that warn of undefined scores: the one warning, or none of them."""

import warnings

from sklearn.exceptions import UndefinedMetricWarning


def only_warning(function, *args, **kwargs):
    """Return a result, and the message of the one warning, which names this line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = function(*args, **kwargs)
    assert [w.category for w in caught] == [UndefinedMetricWarning]
    assert caught[0].filename == __file__
    return result, str(caught[0].message)


def quietly(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return function(*args, **kwargs)
