"""What examples of the gallery and pages of the site have; no site is built."""

import ast
import importlib
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SECTIONS = ["start", "guide", "systems", "contributing"]
MAX_LINES = 80  # of code, without the text between
TITLE = re.compile(r"\n?(?P<title>.+)\n(?P<line>=+)\n\n\S")
# Those that make clips with classes take recordings of the reader, too.
FOLDER = 'os.environ.get("SKDEEPMIR_FOLDER")'


def imported_names(tree):
    """Yield the modules of ours that a script imports from, and the names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("skdeepmir"):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)


def lines_of_code(tree):
    """Return the numbers of the lines that statements below the docstring are on."""
    nodes = [node for part in tree.body[1:] for node in ast.walk(part)]
    spans = [(n.lineno, n.end_lineno) for n in nodes if hasattr(n, "lineno")]
    return {line for first, last in spans for line in range(first, last + 1)}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_short_story_of_public_names(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(lines_of_code(tree)) <= MAX_LINES
    title = TITLE.match(ast.get_docstring(tree, clean=False))
    assert title and len(title["line"]) >= len(title["title"])
    assert "\n# %%\n" in text  # text between cells
    for module, name in imported_names(tree):
        assert module != "argparse"
        if name is not None:
            assert "._" not in module
            assert name in importlib.import_module(module).__all__, f"{module}.{name}"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_on_clips_with_classes_takes_those_of_the_reader(path):
    text = path.read_text(encoding="utf-8")
    assert "make_instrument_clips(" not in text or FOLDER in text


def test_examples_that_come_first_are_there(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    first = importlib.import_module("gallery_pages").FIRST
    assert {*first} <= {path.name for path in EXAMPLES}


@pytest.mark.parametrize("section", SECTIONS)
def test_each_page_is_in_the_contents_of_its_section(section):
    folder = ROOT / "docs" / section
    listed = (folder / "index.rst").read_text(encoding="utf-8").split()
    pages = {path.stem for path in folder.glob("*.rst")} - {"index"}
    assert pages <= {*listed} or "*" in listed


def test_pages_of_names_that_are_gone_are_removed(tmp_path, monkeypatch):
    pytest.importorskip("sphinx", reason="sphinx is not installed")
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    api_pages = importlib.import_module("api_pages")
    pages = tmp_path / "api"
    gone = pages / "skdeepmir.gone.rst", pages / "generated" / "skdeepmir.Gone.rst"
    kept = pages / "index.rst", pages / "generated" / "skdeepmir.compare.rst"
    (pages / "generated").mkdir(parents=True)
    for page in (*gone, *kept):
        page.touch()
    api_pages.write_pages(SimpleNamespace(srcdir=tmp_path), None)
    assert not any(page.exists() for page in gone)
    assert all(page.exists() for page in (*kept, pages / "skdeepmir.metrics.rst"))
