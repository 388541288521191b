"""Imports point downward only, and importing the package costs next to nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skdeepmir

PACKAGE = Path(skdeepmir.__file__).parent
# From the bottom up; a module imports only from those before it (or its own package).
ORDER = [
    "_warnings",
    "_errors",
    "_workers",
    "_disk",
    "frames",
    "chords",
    "_decoding_kernel",
    "decoding",
    "_progress",
    "_threads",
    "_groups",
    "_printable",
    "metrics",
    "model_selection",
    "audio",
    "feature_store",
    "datasets",
    "_labels",
    "_sklearn",
    "screening",
    "spectrogram",
    "_pooling_kernel",
    "pooling",
    "preparation",
    "framewise",
    "nets",
    "_training",
    "feature_learning",
    "tagging",
    "chord_recognition",
    "persistence",
    "baselines",
    "plotting",
    "evaluation",
    "testing",
]


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module == "skdeepmir":
            names = [f"skdeepmir.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (n.split(".")[1] for n in names if n.startswith("skdeepmir."))


def test_imports_point_downward():
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if module == "__init__":
            continue
        for other in imported_modules(path):
            assert other == module or ORDER.index(other) < ORDER.index(module), (
                f"{path} imports {other}, which stands above it"
            )


@pytest.mark.parametrize(
    "statement, heavy",
    [
        (
            "import skdeepmir",
            "torch librosa matplotlib sklearn scipy numba pandas skorch",
        ),
        ("from skdeepmir import SpectrogramExtractor", "torch librosa matplotlib"),
    ],
)
def test_imports_load_no_heavy_package(statement, heavy):
    code = (
        f"import sys; {statement}; loaded = set({heavy.split()}) & set(sys.modules); "
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
