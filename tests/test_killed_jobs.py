"""Jobs that are killed, interrupted or find the disk full lose next to nothing.

Kills, Ctrl-C, damage and full disks in a search are figure 7 of the reliability table.
"""

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from reliability import _jobs, killed_jobs

from skdeepmir.testing._material import patience

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def searches(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searches")
    return killed_jobs.BrokenSearches(folder, np.random.RandomState(0))


def wait_for_epochs(folder, process):
    while not _jobs.noted(folder, "epoch") and process.is_alive():
        time.sleep(0.02)


def test_workers_of_a_killed_search_do_not_outlive_it(searches, tmp_path):
    options = {"n_jobs": 2, "max_epochs": 100_000}
    process = _jobs.start(_jobs.search, tmp_path, *searches.job, **options)
    wait_for_epochs(tmp_path, process)
    assert len(_jobs.members(process.pid)) >= 3
    assert _jobs.interrupt(process, 0)
    assert killed_jobs.ends_soon(process.pid, seconds=patience(60))


def test_ctrl_c_ends_a_search_in_workers_and_the_next_goes_on(searches, tmp_path):
    process = _jobs.start(_jobs.search, tmp_path, *searches.job, n_jobs=2)
    wait_for_epochs(tmp_path, process)
    assert _jobs.interrupt(process, 0, signal.SIGINT, to_group=True)
    assert process.exitcode == _jobs.INTERRUPTED
    assert killed_jobs.ends_soon(process.pid, seconds=patience(60))
    assert _jobs.result_of(tmp_path) is None
    _jobs.finish(_jobs.search, tmp_path, *searches.job)
    searches.judge(tmp_path, 2)
    assert searches.tally.lost == []


@pytest.mark.parametrize("dies_in, backend", [("fit", "loky"), ("file", "dask")])
def test_killed_workers_cost_what_they_were_at(dies_in, backend, searches):
    searches.kill_worker(dies_in, backend)
    assert searches.tally.lost == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_extraction_goes_on(number, tmp_path):
    paths, _ = _jobs.make_files(tmp_path / "audio", 40)
    results, n_computed = [], []
    for name, delays in (("whole", []), ("broken", [0.02, 0.05, 0.1])):
        folder = tmp_path / name
        folder.mkdir()
        n_broken = 0
        for delay in delays:
            process = _jobs.start(_jobs.extract, folder, paths)
            while not (folder / "features" / "entries").exists():
                time.sleep(0.002)
            n_broken += _jobs.interrupt(process, delay, number)
        _jobs.finish(_jobs.extract, folder, paths)
        results.append(_jobs.result_of(folder))
        n_computed.append(len(_jobs.noted(folder, "file")) - n_broken)
    assert n_broken > 0 and results[0] == results[1]
    assert n_computed[0] == 40 and n_computed[1] <= 40


@pytest.mark.parametrize("name", _jobs.NETS)
def test_fits_of_every_net_go_on(name, tmp_path):
    rng = np.random.RandomState(len(name))
    parameters = {"max_epochs": 25, "early_stopping": True, "n_iter_no_change": 30}
    job = (name, 0, parameters)
    for folder in ("whole", "broken"):
        (tmp_path / folder).mkdir()
    _jobs.finish(_jobs.fit, tmp_path / "whole", *job)
    expected = _jobs.result_of(tmp_path / "whole")
    first, other = rng.permutation(range(1, 12))[:2]
    _jobs.end(_jobs.start(_jobs.fit, tmp_path / "broken", *job, int(first)))
    process = _jobs.start(_jobs.fit, tmp_path / "broken", *job, int(other))
    _jobs.end(process)
    assert process.exitcode == -signal.SIGKILL
    for n_left in (25 - first - other, 0):  # the second time, it is finished
        _jobs.finish(_jobs.fit, tmp_path / "broken", *job)
        found = _jobs.result_of(tmp_path / "broken")
        assert found["fitted"] == expected["fitted"]
        assert len(found["epochs"]) == n_left


def test_ctrl_c_leaves_a_fit_and_keeps_its_checkpoint(tmp_path):
    parameters = {"max_epochs": 10**6}
    process = _jobs.start(_jobs.fit, tmp_path, "DropoutMLPClassifier", 0, parameters)
    while not list(tmp_path.glob("fits/*.pt")):
        time.sleep(0.01)
    assert _jobs.interrupt(process, 0.05, signal.SIGINT)
    assert process.exitcode == _jobs.INTERRUPTED
    assert _jobs.result_of(tmp_path) is None
    (file,) = tmp_path.glob("fits/*")
    assert file.suffix == ".pt"


def test_full_disks_cost_checkpoints_but_no_fit_and_no_saved_model(tmp_path):
    process = _jobs.start(_jobs.write_forever, tmp_path, 0)
    while not list(tmp_path.glob("fits/*.pt")):
        time.sleep(0.01)
    assert _jobs.interrupt(process, 0.02)
    _jobs.finish(_jobs.write_to_full_disk, tmp_path, 0, 500)
    found = _jobs.result_of(tmp_path)
    assert found["refused"]
    (message,) = found["messages"]
    assert f"checkpoint_dir={str(tmp_path / 'fits')!a} cannot be used" in message
    assert "File too large" in message
    parts = [path for path in tmp_path.rglob("*.part") if path.parent.name != "fits"]
    assert len(parts) <= 1  # of the process that was killed
    _jobs.finish(_jobs.read_back, tmp_path, 0)  # the old model, the old checkpoint
    assert len(_jobs.noted(tmp_path, "read")) == 1


@pytest.fixture
def open_folder():
    """Return a folder that other users may enter, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


def test_folders_that_may_only_be_read_serve_what_they_have(open_folder):
    paths, _ = _jobs.make_files(open_folder / "audio", 3)
    _jobs.finish(_jobs.extract, open_folder, paths[:-1])
    stored = _jobs.result_of(open_folder)
    parameters = [{"random_state": 0}, {"random_state": 1}]
    expected = []
    for k, options in enumerate(parameters):
        folder = open_folder / f"expected-{k}"
        folder.mkdir()
        job = ("DropoutMLPClassifier", 0, options)
        _jobs.finish(_jobs.fit, folder, *job)
        expected.append(_jobs.result_of(folder)["fitted"])
    _jobs.finish(_jobs.fit, open_folder, "DropoutMLPClassifier", 0, parameters[0])
    writable = [open_folder / name for name in ("log", "result")]
    for path in writable:
        path.chmod(0o666)
    for path in open_folder.rglob("*"):
        if path not in writable:
            path.chmod(0o555 if path.is_dir() else 0o444)
    _jobs.finish(_jobs.read_only, open_folder, paths, parameters)
    found = _jobs.result_of(open_folder)
    assert found["results"][0] == stored
    assert found["results"][2:] == expected
    assert _jobs.noted(open_folder, "file") == ["0.wav", "1.wav", "2.wav"]
    assert len(_jobs.noted(open_folder, "fit")) == 1  # the one that is not there
    served, computed, taken, trained = found["messages"]
    assert served == taken == []
    assert len(computed) == len(trained) == 1
    assert "The feature store" in computed[0] and "cannot be used" in computed[0]
    assert "checkpoint_dir=" in trained[0] and "cannot be used" in trained[0]
    assert os.access(open_folder, os.R_OK)
