"""Imports point downward only, and importing the package costs next to nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import skdeepmir

PACKAGE = Path(skdeepmir.__file__).parent
# From the bottom up; a module imports only from those before it (or its own package).
ORDER = [
    "frames",
    "_progress",
    "audio",
    "datasets",
    "_sklearn",
    "spectrogram",
    "pooling",
    "framewise",
    "tagging",
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


def test_import_loads_no_heavy_package():
    code = (
        "import sys, skdeepmir; heavy = {'torch', 'librosa', 'matplotlib', 'sklearn', "
        "'scipy', 'numba', 'pandas', 'skorch'} & set(sys.modules); assert not heavy, "
        "heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_extractor_class_loads_neither_torch_nor_librosa_nor_matplotlib():
    code = (
        "import sys; from skdeepmir import SpectrogramExtractor; "
        "heavy = {'torch', 'librosa', 'matplotlib'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
