"""The same seed gives the same bits, wherever and with how many threads it is run."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
import torch
from joblib import parallel_config
from reliability.determinism import (
    ESTIMATORS,
    LEARNERS,
    NETS,
    differing,
    digest,
    digests,
    example,
    public_estimators,
    with_threads,
)
from sklearn.model_selection import GridSearchCV, cross_val_predict

from skdeepmir._threads import limit_threads, one_blas_thread
from skdeepmir.testing._material import patience

WIDE = {"n_features": 96, "longest": 200}  # so that BLAS would use several threads
PREDICTORS = [
    name for name, e in ESTIMATORS.items() if hasattr(e, "predict") and name != "rnn"
]


@pytest.fixture(scope="module")
def expected(global_random_seed):
    return digests(global_random_seed)


@pytest.fixture(scope="module")
def expected_of_wide(global_random_seed):
    names = [name for name in ESTIMATORS if name != "rnn"]  # its beams take long
    return with_threads(1, global_random_seed, names=names, **WIDE)


def test_all_public_estimators_take_part():
    assert {type(estimator).__name__ for estimator in ESTIMATORS.values()} == (
        public_estimators()
    )


def test_two_runs_are_equal_and_another_seed_is_not(expected, global_random_seed):
    assert differing(digests(global_random_seed), expected) == []
    assert differing(digests(global_random_seed + 1), expected) == list(ESTIMATORS)


@pytest.mark.parametrize("name", [*NETS, *LEARNERS, "own frames", "own tagger"])
def test_global_generators_stay_as_they_are(name, global_random_seed):
    # Fits in other threads draw from them, one at a time, what they would alone.
    before = torch.default_generator.get_state(), np.random.get_state()[1].copy()
    digests(global_random_seed, names=[name])
    assert torch.equal(torch.default_generator.get_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_give_what_one_process_gives(expected, global_random_seed, backend):
    found = digests(global_random_seed, n_jobs=2, backend=backend)
    assert differing(found, expected) == []


def test_dask_gives_what_one_process_gives(expected, global_random_seed):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    )
    names = ["mel", "pca", "rbm", "gaussian", "bagging"]
    with cluster, distributed.Client(cluster):
        found = digests(global_random_seed, n_jobs=2, backend="dask", names=names)
    assert differing(found, {name: expected[name] for name in names}) == []


def test_numbers_of_threads_do_not_matter(expected_of_wide, global_random_seed):
    names = list(expected_of_wide)
    found = with_threads(2, global_random_seed, names=names, **WIDE)
    assert differing(found, expected_of_wide) == []


def test_threads_side_by_side_do_not_matter(expected_of_wide, global_random_seed):
    names = list(expected_of_wide)
    found = with_threads(
        2, global_random_seed, names=names, n_jobs=2, backend="threading", **WIDE
    )
    assert differing(found, expected_of_wide) == []


def test_another_process_gives_the_same(expected, global_random_seed):
    code = (
        "import json; from reliability.determinism import digests; "
        f"print(json.dumps(digests({global_random_seed})))"
    )
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": str(Path(__file__).parent),
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
    }
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True
    )
    assert differing(json.loads(run.stdout.splitlines()[-1]), expected) == []


@pytest.mark.parametrize("name", PREDICTORS)
def test_cross_validation_does_not_depend_on_the_workers(name, global_random_seed):
    estimator, clips, y = example(name, global_random_seed)
    predicted = []
    for n_jobs in (1, 2):
        with parallel_config(backend="loky", n_jobs=n_jobs):
            predicted.append(cross_val_predict(estimator, clips, y, cv=2))
    for a, b in zip(*predicted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_search_ends_with_the_same_weights_for_any_number_of_jobs(
    global_random_seed,
):
    estimator, clips, y = example("mlp", global_random_seed)
    grid = {"learning_rate": [0.001, 0.01]}
    searches = [
        GridSearchCV(estimator, grid, cv=2, n_jobs=n_jobs).fit(clips, y)
        for n_jobs in (1, 2)
    ]
    scores = [search.cv_results_["split1_test_score"] for search in searches]
    np.testing.assert_array_equal(*scores)
    one, two = (search.best_estimator_.weights_ for search in searches)
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def blas_threads():
    libraries = threadpoolctl.ThreadpoolController().select(user_api="blas")
    return {library.get_num_threads() for library in libraries.lib_controllers}


def test_blas_stays_on_one_thread_until_the_last_is_done():
    entered, go_on = threading.Event(), threading.Event()

    def hold():
        with one_blas_thread():
            entered.set()
            go_on.wait(patience())

    with threadpoolctl.threadpool_limits(2):
        other = threading.Thread(target=hold)
        other.start()
        assert entered.wait(patience())
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
        go_on.set()
        other.join()
        assert blas_threads() == {2}


def test_training_on_one_thread_puts_back_what_the_user_set():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with limit_threads(1), limit_threads(1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        assert digest("autoencoder", 0) == digest("autoencoder", 0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
