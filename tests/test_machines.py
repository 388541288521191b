import os
import subprocess

import machines
import pytest


def test_files_that_are_left_out_are_there():
    folder = machines.ROOT / "tests"
    for name in machines.NOT_NUMERICAL:
        assert (folder / f"test_{name}.py").exists(), name


@pytest.mark.parametrize(
    "summary, expected",
    [
        ("2 failed, 9 passed, 3 xfailed, 27 warnings in 9.8s (0:15:07)", [9, 2, 0, 3]),
        ("1 failed, 4 passed, 5 skipped, 2 errors in 0.1s", [4, 3, 5, 0]),
        ("1 error in 0.1s", [0, 1, 0, 0]),
        ("Segmentation fault", [0, 0, 0, 0]),
    ],
)
def test_counts_are_those_of_pytest(summary, expected):
    assert machines.counts(summary) == expected


def test_spinning_processes_end_when_the_tests_do(monkeypatch):
    started = []
    begin = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda *args: started.append(begin(*args)) or started[-1]
    )
    with pytest.raises(RuntimeError, match="tests broke off"):
        with machines.spinning(2):
            assert [process.poll() for process in started] == [None, None]
            raise RuntimeError("tests broke off")
    for process in started:
        assert process.returncode is not None
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


def test_a_missing_environment_says_how_to_get_it():
    with pytest.raises(SystemExit, match=r"make \.venv-3\.0/installed.*--python 3\.0="):
        machines.interpreter("3.0", {})
