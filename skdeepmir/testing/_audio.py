"""Checks for estimators whose X is audio: files and waveforms, good and bad.

scikit-learn's checks pass arrays of numbers, so they do not cover paths.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from skdeepmir._disk import user_path
from skdeepmir.audio import AudioError, AudioWarning
from skdeepmir.testing._clips import assert_same, output, set_seeds
from skdeepmir.testing._files import CHECKS
from skdeepmir.testing._material import (
    LIMIT,
    assert_equal_bits,
    assert_finite,
    assert_is_owed,
    assert_refused,
    fitted,
    is_refused,
    make_material,
    set_everywhere,
    watched,
)


def check_audio_estimator(
    estimator: Any, folder: str | os.PathLike[str] | None = None
) -> list[str]:
    """Check that an estimator reads audio as it should, and refuses what is bad.

    Parameters
    ----------
    estimator : estimator
        A transformer of audio, such as :class:`~skdeepmir.SpectrogramExtractor`, or a
        pipeline that begins with one and needs at most one label (0 or 1) per clip. A
        parameter ``max_duration`` is set to 60 s.
    folder : str or PathLike, default=None
        Where to write the files of :func:`make_bad_audio` and a few more; None makes a
        temporary folder.

    Returns
    -------
    names : list of str
        The checks that ran, over 200: one for each case of :func:`make_bad_audio`, as
        in ``"check_item[zero_byte]"``, and those of names, containers, order and
        changes of files. Those of ``on_error="nan"`` and ``truncated="accept"`` run if
        the estimator itself has the parameter.

    Raises
    ------
    AssertionError
        At the first check that fails: it names the check and the case, what was found,
        and the rule.

    Examples
    --------
    >>> from skdeepmir import SpectrogramExtractor
    >>> from skdeepmir.testing import check_audio_estimator
    >>> extractor = SpectrogramExtractor("mel", n_mels=8, verbose=False)
    >>> len(check_audio_estimator(extractor)) > 200
    True
    """
    temporary = tempfile.TemporaryDirectory() if folder is None else nullcontext(folder)
    names = []
    with temporary as folder:
        made = make_material(Path(user_path(folder)))
        estimator = set_everywhere(estimator, max_duration=LIMIT)
        set_seeds(estimator)
        for check in _list_checks(estimator):
            _run(check.__name__, partial(check, clone(estimator), made), names)
        learned = fitted(clone(estimator), made)
        for check, cases in _list_cases(estimator, made.cases):
            for case in cases:
                name = f"{check.__name__}[{case.name}]"
                _run(name, partial(check, learned, made, case), names)
    return names


def _run(name, check, names):
    try:
        check()
    except AssertionError as error:
        found, cause = str(error), error
    except (ValueError, TypeError, OSError) as error:  # where none is owed
        found, cause = f"{type(error).__name__}: {error}", error
    else:
        names.append(name)
        return
    rule = check.func.__doc__.splitlines()[0]
    raise AssertionError(f"{name}: {found.rstrip('. ')}. Rule: {rule}") from cause


def _list_checks(estimator):
    checks = list(CHECKS)
    own = estimator.get_params(deep=False)
    if "on_error" in own:
        checks += [check_bad_row_of_array_as_nan, check_all_rows_bad_as_nan]
    if "max_duration" in own:
        checks += [check_no_limit_of_duration]
    return checks


def _list_cases(estimator, cases):
    """Return the checks that are run for cases, with their cases."""
    own = estimator.get_params(deep=False)
    items = [case for case in cases if case.scope == "item"]
    refused = [case for case in items if is_refused(case)]
    sets = [case for case in cases if case.scope == "collection"]
    checks = [(check_item, items), (check_item_in_fit, refused)]
    checks += [(check_collection, sets)]
    if "on_error" in own:
        checks += [(check_item_as_nan, refused)]
    if "truncated" in own:
        cut = [case for case in refused if case.code == "truncated"]
        checks += [(check_truncated_accepted, cut)]
    return checks


# Checks of one case each. The estimator is fitted already.


def check_item(estimator, made, case):
    """Expect a clip among good ones to be refused by name, or not to change them."""
    X = [made.files[0], case.value, made.files[1]]
    if is_refused(case):
        watched(case, lambda: assert_refused(lambda: output(estimator, X), case, 1))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        rows = watched(case, lambda: output(estimator, X))
    assert_finite(rows, 3)
    alone = output(estimator, made.files[:1]), output(estimator, made.files[1:2])
    assert_same(rows[:1], alone[0])
    assert_same(rows[2:], alone[1])


def check_item_in_fit(estimator, made, case):
    """Expect a bad clip to be refused by name in ``fit``."""
    X = [*made.files[:3], case.value, *made.files[4:]]
    estimator = clone(estimator)
    fit = estimator.fit
    if not hasattr(estimator, "predict"):
        fit = estimator.fit_transform  # fit alone may look at headers only
    watched(case, lambda: assert_refused(lambda: fit(X, made.y), case, 3))


def check_item_as_nan(estimator, made, case):
    """Expect a frame of NaN for a bad clip, one warning, and other clips unchanged."""
    expected = output(estimator, made.files[:2])
    estimator = fitted(clone(estimator).set_params(on_error="nan"), made)
    X = [made.files[0], case.value, made.files[1]]
    rows, problems = watched(case, lambda: _with_problems(estimator, X))
    assert len(problems) == 1, f"there are {len(problems)} problems"
    assert_is_owed(problems[0], case, 1)
    assert_equal_bits([rows[0], rows[2]], expected)
    expected_shape = (1, expected[0].shape[1])
    assert rows[1].shape == expected_shape, f"its shape is {rows[1].shape}"
    assert rows[1].dtype == rows[0].dtype, f"its dtype is {rows[1].dtype}"
    assert np.isnan(rows[1]).all(), "its frame is not NaN"


def _with_problems(estimator, X):
    """Return an output and the problems of the one warning that came with it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = output(estimator, X)
    found = [w.message for w in caught if isinstance(w.message, AudioWarning)]
    assert len(found) == 1, f"there were {len(found)} warnings of audio"
    return rows, found[0].problems


def check_bad_row_of_array_as_nan(estimator, made):
    """Expect a matrix of NaN for a bad row of a 2-D array."""
    X = np.stack(made.waveforms[:3])
    expected = output(fitted(estimator, made), X)
    X[1, 7] = np.nan
    rows, problems = _with_problems(estimator.set_params(on_error="nan"), X)
    assert [(e.row, e.code) for e in problems] == [(1, "not_finite")], problems
    assert rows.shape == expected.shape, f"its shape is {rows.shape}"
    assert_equal_bits(rows[::2], expected[::2])
    assert np.isnan(rows[1]).all(), "its frames are not NaN"


def check_all_rows_bad_as_nan(estimator, made):
    """Clips that are all bad become frames of NaN; one warning names them all."""
    n_features = output(fitted(estimator, made), made.files[:1])[0].shape[1]
    X = [str(made.folder / "none.wav"), None, np.zeros(0)]
    rows, problems = _with_problems(estimator.set_params(on_error="nan"), X)
    codes = [(0, "missing"), (1, "bad_type"), (2, "empty")]
    assert [(e.row, e.code) for e in problems] == codes, problems
    assert [row.shape for row in rows] == [(1, n_features)] * 3
    assert all(np.isnan(row).all() for row in rows), "frames are not NaN"


def check_truncated_accepted(estimator, made, case):
    """Expect what comes before the end of a cut file."""
    estimator = fitted(clone(estimator).set_params(truncated="accept"), made)
    assert_finite(output(estimator, [made.files[0], case.value]), 2)


def check_no_limit_of_duration(estimator, made):
    """Expect a long file to be accepted where there is no limit."""
    (path,) = (case.value for case in made.cases if case.name == "long_silence")
    estimator.set_params(max_duration=None)
    assert_finite(output(fitted(estimator, made), [path]), 1)


def check_collection(estimator, made, case):
    """Expect a whole X to be refused, or each clip to give what it gives alone."""
    if case.expect == "ok":
        rows = output(estimator, case.value)
        assert_finite(rows, len(case.value))
        clips = np.ravel(case.value) if case.name == "x_one_column" else case.value
        for i, clip in enumerate(clips):
            assert_same(rows[i : i + 1], output(estimator, [clip]))
        return
    for call in (output, lambda e, X: clone(e).fit(X, made.y)):
        try:
            call(estimator, case.value)
        except AudioError as error:
            assert error.code == "bad_x", f"the code is not 'bad_x': {error}"
            assert "X" in str(error) and error.fix, f"what to do? {error}"
        else:
            raise AssertionError("no AudioError with the code 'bad_x'")
