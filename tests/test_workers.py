"""Workers of joblib end with the process that they work for, whatever they do."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from reliability import _jobs, killed_jobs

pytestmark = pytest.mark.faults
WORK = """
import multiprocessing, os, threading, time
import numpy as np
from joblib import Parallel, delayed

def work(seconds, is_late=False):
    if is_late:
        parent = os.getppid()
        os.write(1, b"waits for its parent's end\\n")
        while os.getppid() == parent:
            time.sleep(0.01)
    from skdeepmir import ClipNormalizer
    ClipNormalizer().fit_transform([np.ones((3, 2))])
    os.write(1, b"at work with %d threads\\n" % threading.active_count())
    time.sleep(seconds)

"""
POOL = """
with Parallel(n_jobs=2, backend={backend!r}) as parallel:
    parallel(delayed(work)({seconds}, {is_late}) for _ in range(2))
    os.write(1, b"idle\\n")
    time.sleep(1000)
"""
PROCESS = """
process = multiprocessing.get_context("fork").Process(target=work, args=(0,))
process.start()
process.join()
"""


def start(script):
    return subprocess.Popen(
        [sys.executable, "-c", WORK + script],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    "backend, seconds, is_late, n_lines",
    [
        pytest.param("loky", 0.1, False, 3, id="idle"),
        pytest.param("loky", 1000, True, 2, id="not yet begun"),
        pytest.param("multiprocessing", 1000, False, 2, id="busy"),
    ],
)
def test_workers_end_with_a_killed_parent(backend, seconds, is_late, n_lines):
    parent = start(POOL.format(backend=backend, seconds=seconds, is_late=is_late))
    try:
        lines = [parent.stdout.readline() for _ in range(n_lines)]
        assert (b"idle\n" in lines) == (n_lines == 3) and b"" not in lines
        assert len(_jobs.members(parent.pid)) >= 3
        parent.kill()  # nobody waits for it: until the test ends, it is a zombie
        assert killed_jobs.ends_soon(parent.pid, seconds=10)
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.communicate()


def test_processes_that_are_no_workers_are_not_watched():
    output, _ = start(PROCESS).communicate()
    assert output == b"at work with 1 threads\n"


def test_the_main_process_is_not_watched():
    before = threading.active_count()
    from skdeepmir._workers import leave_with_parent

    leave_with_parent()
    assert threading.active_count() == before
