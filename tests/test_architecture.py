"""Imports point downward only, and importing the package costs next to nothing."""

import ast
import subprocess
import sys
from pathlib import Path

from rooms import ROOMS, ROOT, paths

import skdeepmir

PACKAGE = Path(skdeepmir.__file__).parent
# From the bottom up; a module imports only from those before it (or its own package).
ORDER = [
    "_public",
    "_warnings",
    "_errors",
    "_workers",
    "_disk",
    "_sources",
    "frames",
    "_clip_files",
    "_jams",
    "_annotation_files",
    "chords",
    "onsets",
    "notes",
    "decoding",
    "_show_versions",  # says where its kernel is kept
    "_progress",
    "_threads",
    "_groups",
    "_printable",
    "_bases",
    "_tag_names",
    "metrics",
    "audio",
    "_page",
    "model_selection._splitters",  # the split by artist of a collection takes it
    "datasets",
    "_sklearn",
    "_frame_rates",
    "_parameters",
    "_validation",
    "_units",
    "_annotators",
    "spectrogram",
    "nets",
    "preprocessing",
    "_training",
    "feature_learning",
    "neural_network",
    "ensemble",
    "chord_recognition",
    "pipeline",
    "onset_detection",
    "transcription",
    "persistence",
    "baselines",
    "sonification",
    "inspection",
    "plotting",
    "model_selection",
    "testing",
    "_command_line",
    "__main__",
]


def imported_modules(path):
    """Return the names of what a file imports, below the package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module == "skdeepmir":
            names = [f"skdeepmir.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (n.partition(".")[2] for n in names if n.startswith("skdeepmir."))


def room_of(name):
    """Return the entry of ORDER that a module belongs to, and its place there."""
    rooms = [room for room in ORDER if f"{name}.".startswith(f"{room}.")]
    assert rooms, f"{name} has no place in ORDER"
    room = max(rooms, key=len)
    return room, ORDER.index(room)


def test_imports_point_downward():
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if module == "__init__":
            continue
        room, place = room_of(module)
        for other in imported_modules(path):
            below, place_below = room_of(other)
            inside = below.startswith(f"{room}.")
            assert below == room or inside or place_below < place, (
                f"{path} imports {other}, which stands above it"
            )


def test_private_names_of_sklearn_and_skorch_stand_in_one_place():
    # Those in persistence are of what files of models may hold.
    allowed = {"_sklearn.py", "_bases.py", "persistence/_forgeries.py"}
    found = [
        f"{path.relative_to(PACKAGE)}: {node.module}.{alias.name}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).as_posix() not in allowed
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (node.module or "").startswith(("sklearn", "skorch"))
        and "._" in f"{node.module}.{alias.name}"
    ]
    assert not found


def test_imports_load_no_heavy_package():
    # In one process: what the first lines must not load, the later ones may.
    steps = {
        "import skdeepmir": (
            "torch librosa matplotlib sklearn scipy numba pandas skorch"
        ),
        "from skdeepmir import make_pipeline": "torch librosa matplotlib",
        "from skdeepmir import SpectrogramExtractor": "torch librosa matplotlib",
        "from skdeepmir import GaussianChordRecognizer, compare": "torch librosa",
        "from skdeepmir import ClipVotingClassifier, FrameTransformer": "torch",
        "from skdeepmir import ConvTagger, DBNFeatureLearner": "skorch librosa",
        "from skdeepmir import OnsetDetector, PianoTranscriber": "skorch librosa",
    }
    code = "import sys\n"
    for statement, heavy in steps.items():
        code += f"{statement}\nloaded = set({heavy.split()}) & set(sys.modules)\n"
        code += f"assert not loaded, ({statement!r}, loaded)\n"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_test_belongs_to_one_room():
    listed = [path for room in ROOMS for path in paths(room)]
    files = sorted(
        f"tests/{path.name}" for path in Path(__file__).parent.glob("test_*")
    )
    assert sorted(path for path in listed if path.startswith("tests/")) == files
    assert all((ROOT / path).exists() for path in listed)
