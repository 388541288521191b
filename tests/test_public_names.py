"""Public names are told once, load when they are used, and are suggested."""

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import skdeepmir
from skdeepmir import frames

ROOT = Path(__file__).parents[1]


def test_every_public_name_exists():
    assert {"ConvTagger", "compare", "metrics", "load"} <= {*skdeepmir.__all__}
    for name in skdeepmir.__all__:
        assert getattr(skdeepmir, name) is not None


ROOMS = [
    found
    for name in skdeepmir.__all__
    if inspect.ismodule(found := getattr(skdeepmir, name))
]


@pytest.mark.parametrize("module", [skdeepmir, *ROOMS], ids=lambda m: m.__name__)
def test_dir_lists_public_names_only(module):
    assert dir(module) == sorted(module.__all__)
    assert not [name for name in dir(module) if name.startswith("_")]


def test_documentation_names_what_it_imports():
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    texts += [*ROOT.glob("examples/*.py"), *ROOT.glob("skdeepmir/**/*.py")]
    assert len(texts) > 100
    starred = [path for path in texts if "import *" in path.read_text("utf-8")]
    assert not starred


def test_a_star_import_brings_every_public_name():
    found = {}
    exec("from skdeepmir import *", found)
    assert {*skdeepmir.__all__} <= {*found}


@pytest.mark.parametrize(
    "module, misspelt, right",
    [
        ("skdeepmir", "ConvTager", "ConvTagger"),
        ("skdeepmir", "spectrogramextractor", "SpectrogramExtractor"),
        ("skdeepmir", "BLSTMChordRecogniser", "BLSTMChordRecognizer"),
        (
            "skdeepmir.chord_recognition",
            "GaussianRecognizer",
            "GaussianChordRecognizer",
        ),
        ("skdeepmir.datasets", "load_manifst", "load_manifest"),
        ("skdeepmir.metrics", "auctag", "auc_tag"),
        ("skdeepmir.baselines", "mfcc_smv", "mfcc_svm"),
        ("skdeepmir.frames", "stack_clip", "stack_clips"),
    ],
)
def test_a_misspelt_name_is_suggested(module, misspelt, right):
    with pytest.raises(ImportError, match=f"{misspelt!r} from {module!r}.*{right!r}"):
        exec(f"from {module} import {misspelt}", {})
    with pytest.raises(AttributeError, match=f"{module!r}.*{misspelt!r}.*{right!r}"):
        getattr(importlib.import_module(module), misspelt)
    assert not hasattr(importlib.import_module(module), misspelt)


@pytest.mark.parametrize(
    "name, right, room",
    [
        ("load_manifest", "load_manifest", "datasets"),
        ("mfcc_svm", "mfcc_svm", "baselines"),
        ("auctag", "auc_tag", "metrics"),
        ("NetFrameClasifier", "NetFrameClassifier", ""),
        ("GaussianRecogniser", "GaussianChordRecognizer", ""),
        ("TrainingDisplays", "TrainingDisplay", "plotting"),
    ],
)
def test_a_name_of_a_room_is_suggested_with_it(name, right, room):
    where = f" from 'skdeepmir.{room}'" if room else ""
    with pytest.raises(ImportError, match=rf"Did you mean '{right}'{where}\?"):
        exec(f"from skdeepmir import {name}", {})


def test_a_name_like_no_other_gets_no_suggestion():
    with pytest.raises(ImportError, match="'Qqq' from 'skdeepmir'") as caught:
        exec("from skdeepmir import Qqq", {})
    assert "Did you mean" not in str(caught.value)
    assert getattr(skdeepmir, "Qqq", "nothing") == "nothing"


def test_a_terminal_shows_one_suggestion():
    for line in ["skdeepmir.ConvTager", "from skdeepmir import ConvTager"]:
        code = [sys.executable, "-c", f"import skdeepmir; {line}"]
        done = subprocess.run(code, capture_output=True, text=True)
        assert done.stderr.count("Did you mean") == 1


def test_private_modules_are_still_imported_by_name():
    for name in ["frames", "_disk"]:
        code = f"from skdeepmir import {name}; assert {name}.__name__"
        subprocess.run([sys.executable, "-c", code], check=True)
    assert frames.__name__ == "skdeepmir.frames"
