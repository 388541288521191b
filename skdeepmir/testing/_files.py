"""Checks of how an estimator handles files: names, containers, order, changes."""

from __future__ import annotations

import copy
import os
import pickle
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skdeepmir.frames import object_array
from skdeepmir.testing._bad_audio import BadAudio
from skdeepmir.testing._clips import assert_same, output
from skdeepmir.testing._material import (
    N_CLIPS,
    assert_equal_bits,
    assert_finite,
    assert_is_owed,
    assert_refused,
    fitted,
    set_everywhere,
    write,
)


def check_files_and_waveforms_agree(estimator, made):
    """Expect the same output for a file and its samples, in any mixture."""
    expected = output(fitted(estimator, made), made.files)
    assert_finite(expected, N_CLIPS)
    assert_equal_bits(output(estimator, made.waveforms), expected)
    pairs = zip(made.files, made.waveforms, strict=True)
    mixed = [pair[i % 2] for i, pair in enumerate(pairs)]
    assert_equal_bits(output(estimator, mixed), expected)


def check_fit_to_waveforms(estimator, made):
    """Expect the same output after a fit to waveforms and one to their files."""
    expected = output(fitted(estimator, made), made.files)
    again = clone(estimator).fit(made.waveforms, made.y)
    assert_equal_bits(output(again, made.files), expected)


def check_2d_array_is_a_list_of_waveforms(estimator, made):
    """Waveforms of equal length give the same as rows of one array."""
    expected = output(fitted(estimator, made), made.waveforms)
    assert_same(output(estimator, np.stack(made.waveforms)), expected)


def check_lists_of_floats(estimator, made):
    """Expect lists of floats to be taken for waveforms."""
    expected = output(fitted(estimator, made), made.waveforms[:2])
    assert_same(output(estimator, [y.tolist() for y in made.waveforms[:2]]), expected)


def check_unequal_lengths(estimator, made):
    """Waveforms of any length are one sample each."""
    clips = [y[: 900 * (i + 3)] for i, y in enumerate(made.waveforms)]
    rows = output(fitted(estimator, made), clips)
    assert_finite(rows, N_CLIPS)
    assert_same(rows[2:3], output(estimator, clips[2:3]))


def check_types_of_paths(estimator, made):
    """Expect a str, a Path, bytes and a NumPy str to name the same file."""
    expected = output(fitted(estimator, made), made.files)
    for kind in (Path, os.fsencode, np.str_):
        assert_equal_bits(output(estimator, [kind(f) for f in made.files]), expected)


def check_containers(estimator, made):
    """Paths give the same output in any container, whatever its index."""
    expected = output(fitted(estimator, made), made.files)
    packed = object_array(made.files)
    table = pd.DataFrame({"file": made.files}, index=range(9, 9 - N_CLIPS, -1))
    for X in (
        tuple(made.files),
        packed,
        packed[:, np.newaxis],
        np.array(made.files),
        table["file"],
        table,
        object_array(made.waveforms),
        tuple(made.waveforms),
    ):
        assert_equal_bits(output(estimator, X), expected)
        again = clone(estimator).fit(X, made.y)
        assert_equal_bits(output(again, made.files), expected)


def check_order(estimator, made):
    """Reordering clips reorders the output."""
    order = np.random.RandomState(1).permutation(N_CLIPS)
    rows = output(fitted(estimator, made), made.files)
    assert_same(
        output(estimator, [made.files[i] for i in order]), [rows[i] for i in order]
    )


def check_subset(estimator, made):
    """Expect a clip to give alone what it gives in a set."""
    rows = output(fitted(estimator, made), made.files)
    for i, file in enumerate(made.files):
        assert_same(output(estimator, [file]), rows[i : i + 1])


def check_same_file_twice(estimator, made):
    """Expect two equal rows for a file that occurs twice."""
    rows = output(fitted(estimator, made), [made.files[0], *made.files[:2]])
    assert_same(rows[:1], rows[1:2])


def check_fit_leaves_inputs_alone(estimator, made):
    """No method changes its arguments."""
    parameters = estimator.get_params()
    for X in (list(made.files), copy.deepcopy(made.waveforms)):
        before, y = copy.deepcopy(X), made.y.copy()
        assert estimator.fit(X, y) is estimator, "fit must return self"
        output(estimator, X)
        assert len(X) == N_CLIPS and (y == made.y).all()
        for a, b in zip(X, before, strict=True):
            assert type(a) is type(b) and np.array_equal(a, b), "X was changed"
    for name, value in estimator.get_params().items():
        is_step = hasattr(value, "get_params") or name.endswith("steps")
        if not is_step:  # a pipeline puts fitted ones there
            assert value is parameters[name], f"fit changed the parameter {name}"


def check_read_only_waveforms(estimator, made):
    """Waveforms need not be writable."""
    frozen = copy.deepcopy(made.waveforms)
    for y in frozen:
        y.setflags(write=False)
    expected = output(fitted(estimator, made), made.waveforms)
    assert_equal_bits(output(estimator.fit(frozen, made.y), frozen), expected)


def check_fit_transform(estimator, made):
    """Fitting and transforming at once gives what both give one after the other."""
    if hasattr(estimator, "predict"):
        return
    expected = output(fitted(clone(estimator), made), made.files)
    assert_same(estimator.fit_transform(made.files, made.y), expected)


def check_clone(estimator, made):
    """Expect a clone to have the parameters and none of the fitted attributes."""
    copied = clone(fitted(estimator, made))
    for name, value in estimator.get_params(deep=False).items():
        if isinstance(value, str | float | int | tuple | None):
            assert copied.get_params(deep=False)[name] == value, name
    if get_tags(estimator).requires_fit:
        try:
            check_is_fitted(copied)
        except NotFittedError:
            return
        raise AssertionError("the clone of a fitted estimator is fitted")


def check_round_trips(estimator, made):
    """Pickled and deep copies give the same bits."""
    expected = output(fitted(estimator, made), made.files)
    for copied in (pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)):
        assert_equal_bits(output(copied, made.files), expected)


def check_refit(estimator, made):
    """Expect a second fit to forget the first, also one that failed."""
    expected = output(fitted(clone(estimator), made), made.files)
    estimator.fit(np.stack(made.waveforms)[:, :4000], made.y)
    assert_equal_bits(output(fitted(estimator, made), made.files), expected)
    missing = BadAudio("", "item", str(made.folder / "none.wav"), "error", "missing")
    X = [missing.value, *made.files[1:]]
    assert_refused(lambda: estimator.fit(X, made.y), missing, 0)
    assert_equal_bits(output(fitted(estimator, made), made.files), expected)


def check_n_jobs(estimator, made):
    """One worker and two give the same bits, and the same error."""
    one = fitted(set_everywhere(estimator, n_jobs=1), made)
    two = fitted(set_everywhere(estimator, n_jobs=2), made)
    assert_equal_bits(output(two, made.files), output(one, made.files))
    (cut,) = (case for case in made.cases if case.name == "wav_cut_half")
    X = [*made.files[:4], cut.value, made.files[5]]
    first = assert_refused(lambda: output(one, X), cut, 4)
    assert str(assert_refused(lambda: output(two, X), cut, 4)) == str(first)


def check_global_generator_untouched(estimator, made):
    """With a seed of its own an estimator leaves NumPy's global generator alone."""
    before = np.random.get_state()
    output(fitted(estimator, made), made.files)
    after = np.random.get_state()
    same = all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert same, "the global generator was used"


def check_all_bad_rows_are_listed(estimator, made):
    """One error lists all rows whose files cannot even be opened."""
    by_name = {case.name: case for case in made.cases}
    X = list(made.files)
    for row, name in ((1, "missing"), (3, "zero_byte"), (4, "none")):
        X[row] = by_name[name].value
    fitted(estimator, made)
    error = assert_refused(lambda: output(estimator, X), by_name["missing"], 1)
    assert error.bad_rows == (1, 3, 4), f"bad_rows is {error.bad_rows}"
    assert "1, 3, 4" in str(error), f"the message does not list them: {error}"


def check_error_survives_pickling(estimator, made):
    """Expect the error to be the same after pickling."""
    missing = BadAudio("", "item", str(made.folder / "none.wav"), "error", "missing")
    fitted(estimator, made)
    X = [made.files[0], missing.value]
    error = assert_refused(lambda: output(estimator, X), missing, 1)
    copied = pickle.loads(pickle.dumps(error))
    assert_is_owed(copied, missing, 1)
    assert (type(copied), str(copied)) == (type(error), str(error))


def check_no_file_stays_open(estimator, made):
    """Good and bad files are closed again."""
    cut = [c for c in made.cases if c.code in ("truncated", "undecodable")]
    fitted(estimator, made)
    output(estimator, made.files)
    before = os.listdir("/dev/fd")
    output(estimator, made.files)
    for case in cut:
        X = [made.files[0], case.value]
        assert_refused(lambda X=X: output(estimator, X), case, 1)
    assert len(os.listdir("/dev/fd")) <= len(before), "files stay open"


def check_file_deleted_after_fit(estimator, made):
    """Expect a deleted file to be named."""
    gone = write(made.folder / "gone.wav", made.waveforms[0])
    X = [made.files[0], gone, *made.files[2:]]
    estimator.fit(X, made.y)
    output(estimator, X)
    os.remove(gone)
    case = BadAudio("deleted", "item", gone, "error", "missing")
    assert_refused(lambda: output(estimator, X), case, 1)


def check_file_changed_after_fit(estimator, made):
    """Expect the new content of a file that was changed."""
    path = write(made.folder / "changed.wav", made.waveforms[0])
    X = [made.files[0], path, *made.files[2:]]
    estimator.fit(X, made.y)
    before = output(estimator, X)
    write(path, made.waveforms[3])  # of the same length
    after = output(estimator, X)
    assert_same(after[1:2], output(estimator, made.files[3:4]))
    assert_equal_bits(after[:1], before[:1])


def check_file_grown_after_fit(estimator, made):
    """Expect a file that has grown to be read to its end."""
    path = write(made.folder / "grown.wav", made.waveforms[0][:6000])
    X = [path, *made.files[1:]]
    estimator.fit(X, made.y)
    output(estimator, X)
    write(path, made.waveforms[0])
    assert_same(output(estimator, X)[:1], output(estimator, made.files[:1]))


def check_link_moved_after_fit(estimator, made):
    """Expect a link to be followed to where it points now."""
    link = made.folder / "link.wav"
    link.unlink(missing_ok=True)
    link.symlink_to(made.files[0])
    X = [str(link), *made.files[1:]]
    estimator.fit(X, made.y)
    output(estimator, X)
    link.unlink()
    link.symlink_to(made.files[3])
    assert_same(output(estimator, X)[:1], output(estimator, made.files[3:4]))


def check_relative_paths(estimator, made):
    """Relative paths start from the folder that is current when they are read."""
    names = [os.path.basename(file) for file in made.files]
    expected = output(fitted(estimator, made), made.files)
    parallel = fitted(set_everywhere(estimator, n_jobs=2), made)
    with chdir(os.path.dirname(made.files[0])):
        again = clone(estimator).fit(names, made.y)
        assert_equal_bits(output(again, names), expected)
        assert_equal_bits(output(parallel, names), expected)
    case = BadAudio("relative", "item", names[0], "error", "missing")
    with chdir(made.folder):
        error = assert_refused(lambda: output(again, names), case, 0)
        assert ascii(os.getcwd()) in str(error), f"which folder? {error}"


CHECKS = (
    check_files_and_waveforms_agree,
    check_fit_to_waveforms,
    check_2d_array_is_a_list_of_waveforms,
    check_lists_of_floats,
    check_unequal_lengths,
    check_types_of_paths,
    check_containers,
    check_order,
    check_subset,
    check_same_file_twice,
    check_fit_leaves_inputs_alone,
    check_read_only_waveforms,
    check_fit_transform,
    check_clone,
    check_round_trips,
    check_refit,
    check_n_jobs,
    check_global_generator_untouched,
    check_all_bad_rows_are_listed,
    check_error_survives_pickling,
    check_no_file_stays_open,
    check_file_deleted_after_fit,
    check_file_changed_after_fit,
    check_file_grown_after_fit,
    check_link_moved_after_fit,
    check_relative_paths,
)
