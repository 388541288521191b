"""``show_versions`` says what a report of a bug should say."""

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement

import skdeepmir
from skdeepmir import _show_versions

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def test_it_names_versions_machine_devices_and_kernels(capsys):
    assert skdeepmir.show_versions() is None
    shown = capsys.readouterr().out
    for name in ["numpy", "scikit-learn", "torch", "librosa", "rich"]:
        assert f" {name}: {version(name)}\n" in shown
    assert f" skdeepmir: {skdeepmir.__version__}\n" in shown
    assert f" instructions: {torch.backends.cpu.get_cpu_capability()}\n" in shown
    assert f" threads: {torch.get_num_threads()}\n" in shown
    for fact in [" python: 3.", " CUDA: ", " MPS: ", "'num_threads': "]:
        assert fact in shown


def test_a_package_that_is_not_installed_is_shown_as_such(capsys, monkeypatch):
    monkeypatch.setattr(_show_versions, "OPTIONAL", ("no-such-package",))
    skdeepmir.show_versions()
    assert "no-such-package: None\n" in capsys.readouterr().out


def test_a_gpu_is_named(capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda i: f"Accelerator {i}")
    skdeepmir.show_versions()
    assert "devices: Accelerator 0\n" in capsys.readouterr().out


def test_every_dependency_is_shown():
    if not PROJECT.exists():
        pytest.skip("needs the project's file beside the tests")
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    asked = {Requirement(line).name for line in project["dependencies"]}
    assert {*_show_versions.DEPENDENCIES} == asked


def test_variables_that_matter_and_folders_of_caches_are_shown(capsys, monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    skdeepmir.show_versions()
    shown = capsys.readouterr().out
    assert "NUMBA_NUM_THREADS: '1'\n" in shown
    assert "CUDA_VISIBLE_DEVICES" not in shown
    for cache in ("numba", "models", "temporary"):
        assert f" {cache}: '" in shown


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path, monkeypatch):
    missing = tmp_path / "a" / "b"
    assert f"'{missing}', writable, " in _show_versions._folder(str(missing))
    monkeypatch.setattr("os.access", lambda path, mode: path != str(tmp_path))
    assert ", not writable, " in _show_versions._folder(str(missing))
