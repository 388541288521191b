"""Type checkers tell what a user writes wrong, and only that."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import skdeepmir

SCRIPT = Path(__file__).parent / "user_script.py"
LINES = SCRIPT.read_text(encoding="utf-8").splitlines()
TWO_MISTAKES = 'ConvTagger(max_epochs="3", chanels=3)  # wrong'
PACKAGE = Path(skdeepmir.__file__).parent
# Of other packages mypy would read for half a minute.
SETTINGS = "[mypy]\n[mypy-torch.*,matplotlib.*]\nfollow_imports = skip\n"


def as_a_user(folder, *command):
    """Run a checker on the script in a folder that is not the package's."""
    # As installed: a type checker finds what Python finds.
    environment = {
        **os.environ,
        "PYTHONPATH": str(PACKAGE.parent),
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",  # of newer versions
    }
    done = subprocess.run(
        [sys.executable, "-m", *command, str(SCRIPT)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def functions_of(found):
    """Return what a user may call of a public object: it, or its public methods."""
    if not inspect.isclass(found):
        return [inspect.unwrap(found)]
    members = [
        member
        for base in found.__mro__
        if base.__module__.startswith("skdeepmir")
        for name, member in vars(base).items()
        if name == "__init__" or not name.startswith("_")
    ]
    # Properties, class methods and scikit-learn's available_if have them inside.
    inner = [
        getattr(m, "fget", None) or getattr(m, "__func__", None) or getattr(m, "fn", m)
        for m in members
    ]
    functions = [inspect.unwrap(m) for m in inner if inspect.isfunction(m)]
    return [f for f in functions if f.__module__.startswith("skdeepmir")]


def public_functions():
    rooms = [getattr(skdeepmir, name) for name in skdeepmir.__all__]
    for room in [skdeepmir, *filter(inspect.ismodule, rooms)]:
        own = [
            n
            for n, v in vars(room).items()
            if getattr(v, "__module__", "") == room.__name__
        ]
        for name in getattr(room, "__all__", own):
            if name[0] != "_" and callable(getattr(room, name)):
                yield from functions_of(getattr(room, name))


def test_every_public_function_has_types():
    untyped = set()
    for function in public_functions():
        signature = inspect.signature(function)
        kinds = {p.name: p.annotation for p in signature.parameters.values()}
        kinds |= {"self": Any, "cls": Any, "return": signature.return_annotation}
        if inspect.Signature.empty in kinds.values():
            untyped.add(f"{function.__module__}.{function.__qualname__}")
    assert not untyped


def wrong_lines():
    return {i for i, line in enumerate(LINES, 1) if line.endswith("# wrong")}


# What is an error by default is one with --strict, which has some more.
@pytest.mark.parametrize(
    "options", [["--strict"], pytest.param([], marks=pytest.mark.slow)]
)
def test_mypy_flags_the_wrong_lines_alone(tmp_path, options):
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    shown = as_a_user(tmp_path, "mypy", *options)
    errors = [line for line in shown.splitlines() if ": error: " in line]
    assert {int(line.split(":")[1]) for line in errors} == wrong_lines(), shown
    twice = [line for line in errors if f":{LINES.index(TWO_MISTAKES) + 1}: " in line]
    assert len(twice) == 2


def test_pyright_flags_the_wrong_lines_alone(tmp_path):
    command = ["pyright", "--pythonpath", sys.executable, "--outputjson"]
    found = json.loads(as_a_user(tmp_path, *command))["generalDiagnostics"]
    errors = [d for d in found if d["severity"] == "error"]
    assert {d["range"]["start"]["line"] + 1 for d in errors} == wrong_lines(), errors
