"""The built site; ``make docs`` builds it and runs these tests.

Others of the gallery, which need no site, are in ``test_gallery.py``.
"""

import ast
import functools
import importlib
import inspect
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

pytest_plugins = ["browser"]
pytestmark = pytest.mark.site

ROOT = Path(__file__).parents[1]
SITE = ROOT / "docs" / "_build" / "html"
EXAMPLES = sorted(path.stem for path in (ROOT / "examples").glob("*.py"))
WRITTEN = ["start", "guide", "systems", "contributing"]
OF_EACH_KIND = [
    "index.html",
    "api/index.html",
    "api/skdeepmir.metrics.html",
    "api/generated/skdeepmir.ConvTagger.html",
    "api/generated/skdeepmir.compare.html",
    "api/generated/skdeepmir.chords.VOCABULARIES.html",
    "auto_examples/index.html",
    "auto_examples/compare_pipelines.html",
    "guide/clips.html",
    "start/index.html",
    "systems/index.html",
    "changelog.html",
]
LOADING = {"script", "img", "audio", "video", "source", "iframe", "embed", "object"}
LOADED_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "manifest"}
AWAY = re.compile(r"(?:https?:)?//")
SCHEME = re.compile(r"[a-z][a-z+.-]*:|//", re.IGNORECASE)
IN_STYLES = re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//[^)]*""")
PROGRESS = re.compile(r"\d%\||it/s|s/it|\repoch", re.IGNORECASE)
SPHINX = re.compile(r":[a-z]+:`")  # roles, which mean nothing in a notebook
MAX_PAGE = 6e6  # bytes, sounds included


class Reader(HTMLParser):
    """Collects what a page links to and loads, and the places on it."""

    def __init__(self):
        super().__init__()
        self.places, self.links, self.loaded = set(), [], []

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        self.places |= {told[name] for name in ("id", "name") if told.get(name)}
        address = told.get("href") or told.get("src") or told.get("data")
        if not address or tag == "base":
            return
        self.links.append(address)
        loads = LOADED_LINKS & set(told.get("rel", "").split())
        if tag in LOADING or (tag == "link" and loads):
            self.loaded.append(address)


@functools.cache
def read(path):
    """Return what is on a page of the site."""
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


@functools.cache
def all_pages():
    assert (SITE / "index.html").is_file(), "There is no site yet: run `make docs`."
    return sorted(p for p in SITE.rglob("*.html") if "_static" not in p.parts)


def gallery_page(name):
    return SITE / "auto_examples" / f"{name}.html"


def has_player(name):
    return "<audio" in gallery_page(name).read_text(encoding="utf-8")


def test_links_lead_to_pages_and_places_that_there_are():
    lost = []
    for page in all_pages():
        for address in read(page).links:
            if SCHEME.match(address):
                continue
            path, _, place = address.partition("#")
            target = page.parent / unquote(path.split("?")[0]) if path else page
            target = target.resolve()
            if target.is_dir():
                target /= "index.html"
            is_lost = not target.is_file()
            if not is_lost and place and target.suffix == ".html":
                is_lost = unquote(place) not in read(target).places
            if is_lost:
                lost.append(f"{page.relative_to(SITE)}: {address}")
    assert lost == []


def test_nothing_is_loaded_from_elsewhere():
    away = [
        f"{page.relative_to(SITE)}: {address}"
        for page in all_pages()
        for address in read(page).loaded
        if AWAY.match(address)
    ]
    for style in [*SITE.rglob("*.css"), *all_pages()]:
        away += IN_STYLES.findall(style.read_text(encoding="utf-8"))
    assert away == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_ask_nothing_of_the_network(visit, dark):
    page = visit(SITE / OF_EACH_KIND[0], dark=dark)
    background = "getComputedStyle(document.body).backgroundColor"
    for name in OF_EACH_KIND:
        page.goto((SITE / name).as_uri(), wait_until="load")
        shown = [int(n) for n in re.findall(r"\d+", page.evaluate(background))[:3]]
        assert (max(shown) < 128) == dark
    assert page.outside == []
    assert page.alarms == []


def test_no_page_scrolls_sideways_on_a_phone(visit):
    page, wide = visit(SITE / "index.html", width=390), []
    names = [path.relative_to(SITE) for path in all_pages()]
    for name in names:
        is_name = name.parts[:2] == ("api", "generated")
        if not is_name or str(name) in OF_EACH_KIND:
            page.goto((SITE / name).as_uri(), wait_until="load")
            if page.overflow() > 0:
                wide.append(f"{name}: {page.overflow()} pixels")
    assert wide == []


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("ConvTagger", "api/generated/skdeepmir.ConvTagger.html"),
        ("wcsr", "api/generated/skdeepmir.metrics.wcsr.html"),
    ],
)
def test_the_search_finds_names(visit, word, place):
    page = visit(f"{(SITE / 'search.html').as_uri()}?q={word}")
    page.wait_for_selector(f"#search-results a[href*='{place}']")
    assert page.outside == []


def test_players_play(visit):
    page = visit(SITE / "index.html")
    names = [name for name in EXAMPLES if has_player(name)]
    assert len(names) >= 15
    for name in names:
        page.goto(gallery_page(name).as_uri(), wait_until="load")
        page.evaluate("document.querySelector('audio').play()")
        page.wait_for_function("document.querySelector('audio').currentTime > 0.1")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_a_picture_and_a_notebook(name):
    page = gallery_page(name).read_text(encoding="utf-8")
    has_picture = f"sphx_glr_{name}_001.png" in page
    assert has_picture
    assert not PROGRESS.search(re.sub(r"data:[^\"']*", "", page))
    assert len(page.encode()) < MAX_PAGE
    (notebook,) = (SITE / "_downloads").rglob(f"{name}.ipynb")
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert {"code", "markdown"} <= {cell["cell_type"] for cell in cells}
    told = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    assert not SPHINX.search("\n".join(told))
    assert any((SITE / "_downloads").rglob(f"{name}.py"))


def test_the_gallery_is_large_and_each_example_is_led_to():
    assert len(EXAMPLES) >= 15
    pages = [path for part in WRITTEN for path in (SITE / part).rglob("*.html")]
    led_to = {
        Path(link.split("#")[0]).name for page in pages for link in read(page).links
    }
    assert {f"{name}.html" for name in EXAMPLES} - led_to == set()


@functools.cache
def api_pages():
    """Return the module that writes the reference."""
    sys.path.insert(0, str(ROOT / "docs" / "_ext"))
    try:
        return importlib.import_module("api_pages")
    finally:
        sys.path.pop(0)


@functools.cache
def public_names():
    """Return the paths of public names, as the site tells them, with the objects."""
    paths = {path for room in api_pages().public_names().values() for path in room}
    return {path: api_pages().resolve(path) for path in sorted(paths)}


def own_methods(found):
    """Yield the names of public methods that are defined in the package."""
    for name, method in inspect.getmembers(found, inspect.isroutine):
        module = getattr(inspect.unwrap(method), "__module__", None) or ""
        if not name.startswith("_") and module.startswith("skdeepmir"):
            yield name, method


def told_parameters(text, place):
    """Return the parameters that a page describes, below a signature."""
    text = text.partition(f'id="{place}"')[2].partition('<dt class="sig ')[0]
    told = re.findall(r"<dt[^>]*><strong>(.*?)</strong>", text)
    return {name.strip(" *\\") for names in told for name in names.split(",")}


def test_each_public_name_has_a_page_with_all_its_parameters():
    missing = []
    for path, found in public_names().items():
        page = SITE / "api" / "generated" / f"{path}.html"
        text = page.read_text(encoding="utf-8")
        assert path in read(page).places
        is_class = inspect.isclass(found)
        described = [(path, found)] if callable(found) else []
        if is_class:
            described += [(f"{path}.{name}", m) for name, m in own_methods(found)]
            if issubclass(found, Exception | Warning):  # users do not make them
                described = described[1:]
        for place, what in described:
            names = {*inspect.signature(what).parameters} - {"self"}
            lacking = names - told_parameters(text, place)
            missing += [f"{place}: {name}" for name in sorted(lacking)]
    assert missing == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_an_example_imports_leads_to_it(name):
    tree = ast.parse((ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8"))
    missing = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and "skdeepmir" in node.module:
            for alias in node.names:
                path, _ = api_pages().find_page(f"{node.module}.{alias.name}")
                links = read(SITE / "api" / "generated" / f"{path}.html").links
                if not any(f"/auto_examples/{name}.html" in link for link in links):
                    missing.append(path)
    assert missing == []


def test_each_estimator_tells_of_the_methods_that_users_call():
    for path, found in public_names().items():
        if hasattr(found, "get_params"):
            places = read(SITE / "api" / "generated" / f"{path}.html").places
            methods = {
                f"{path}.{name}"
                for name in dir(found)
                if not name.startswith("_") and callable(getattr(found, name))
            }
            assert methods - places == set()
