"""Models, clips and labels in read-only memory maps, as workers of joblib get them."""

import inspect
import itertools
import warnings

import joblib
import numpy as np
import pytest
import torch
from reliability.determinism import ESTIMATORS, LEARNERS, example, outputs
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

MORE = ("predict_log_proba", "predict_activations")


@pytest.fixture
def mapped(tmp_path):
    """Return what maps all arrays in a value; whatever warns is an error."""
    numbers = itertools.count()

    def map_arrays(value):
        path = tmp_path / str(next(numbers))  # one that is mapped stays as it is
        joblib.dump(value, path)
        return joblib.load(path, mmap_mode="r")

    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)  # not once for a process
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield map_arrays
    torch.set_warn_always(before)


def all_outputs(estimator, clips):
    found = outputs(estimator, clips)
    for name in MORE:
        if hasattr(estimator, name):
            found[name] = getattr(estimator, name)(clips)
    for name in ("coefs_", "intercepts_"):
        if hasattr(estimator, name):
            found[name] = getattr(estimator, name)
    if hasattr(estimator, "module_"):
        found["module_"] = [t.numpy() for t in estimator.module_.state_dict().values()]
    if hasattr(estimator, "inverse_transform") and "transform" in found:
        found["inverse"] = estimator.inverse_transform(found["transform"])
    return joblib.hash(found, coerce_mmap=True)


def test_maps_are_read_only_and_torch_warns_of_them(mapped):
    array = mapped(np.arange(3.0))
    assert isinstance(array, np.memmap) and not array.flags.writeable
    for _ in range(2):
        with pytest.raises(UserWarning, match="not writable"):
            torch.from_numpy(array)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_fits_and_predictions_are_the_same(name, mapped):
    estimator, clips, y = example(name, 0)
    weights = {}
    if "sample_weight" in inspect.signature(estimator.fit).parameters:
        weights = {"sample_weight": np.arange(1.0, 9)}
    if name == "augmented":
        weights = {}  # its classifier takes none
    expected = all_outputs(estimator.fit(clips, y, **weights), clips)
    read_only = mapped(clips)
    assert all_outputs(mapped(estimator), read_only) == expected
    again = clone(estimator).fit(read_only, mapped(y), **mapped(weights))
    assert all_outputs(again, read_only) == expected


@pytest.mark.parametrize(
    "name", [n for n, e in ESTIMATORS.items() if hasattr(e, "partial_fit")]
)
def test_passes_go_on_from_maps(name, mapped):
    estimator, clips, y = example(name, 0)
    options = {} if name in LEARNERS else {"classes": np.array([0, 1])}
    estimator.partial_fit(clips, y, **options)
    there = mapped(estimator)
    expected = all_outputs(estimator.partial_fit(clips, y), clips)
    assert all_outputs(there.partial_fit(mapped(clips), mapped(y)), clips) == expected


@pytest.mark.parametrize(
    "name", [n for n, e in ESTIMATORS.items() if hasattr(e, "warm_start")]
)
def test_warm_starts_go_on_from_maps(name, mapped):
    estimator, clips, y = example(name, 0)
    there = mapped(estimator.set_params(warm_start=True).fit(clips, y))
    expected = all_outputs(estimator.fit(clips, y), clips)
    assert all_outputs(there.fit(clips, y), clips) == expected
