"""Write a page for each public room, and resolve references by the names users import.

A name has its page under the shortest path that it can be imported from:
``skdeepmir.ConvTagger``, ``skdeepmir.metrics.auc_tag``.
"""

import inspect
from pathlib import Path
from types import ModuleType

from docutils import nodes
from sphinx.util.nodes import make_refnode

import skdeepmir

KINDS = {
    "Estimators and classes": inspect.isclass,
    "Functions": inspect.isroutine,
    "Constants": lambda found: not inspect.isclass(found),
}


def public_names():
    """Return the public names of each room, by the paths that the site calls them."""
    top = [n for n in skdeepmir.__all__ if not _is_room(getattr(skdeepmir, n))]
    rooms = sorted(set(skdeepmir.__all__) - set(top))
    found, told = {}, set()
    for room in rooms:
        names = getattr(skdeepmir, room).__all__
        told.update(set(names) & set(top))
        found[f"skdeepmir.{room}"] = [
            f"skdeepmir.{name}" if name in top else f"skdeepmir.{room}.{name}"
            for name in names
        ]
    rest = [f"skdeepmir.{name}" for name in top if name not in told]
    return {"skdeepmir": rest, **found}


def resolve(path):
    """Return the object that a public path such as skdeepmir.metrics.wcsr leads to."""
    found = skdeepmir
    for name in path.split(".")[1:]:
        found = getattr(found, name)
    return found


def _is_room(found):
    return isinstance(found, ModuleType)


def write_pages(app, config):
    """Write the pages of rooms, before Sphinx looks for pages."""
    folder = Path(app.srcdir) / "api"
    for room, paths in public_names().items():
        lines = [room, "=" * len(room), ""]
        lines += [f".. automodule:: {room}", "   :no-members:", ""]
        lines += [".. currentmodule:: skdeepmir"]
        rest = list(paths)
        for title, is_kind in KINDS.items():
            own = [path for path in rest if is_kind(resolve(path))]
            rest = [path for path in rest if path not in own]
            own = [path.removeprefix("skdeepmir.") for path in own]
            if own:
                lines += ["", f".. rubric:: {title}", "", ".. autosummary::"]
                lines += ["   :toctree: generated", "   :nosignatures:", ""]
                lines += [f"   {path}" for path in own]
        _write(folder / f"{room}.rst", "\n".join(lines) + "\n")


def _write(path, text):
    """Write a file unless it has this text, so that Sphinx need not read it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, encoding="utf-8")


def find_reference(app, env, node, contnode):
    """Resolve ``compare`` or ``skdeepmir.pipeline.Pipeline`` to its page."""
    target = node.get("reftarget", "")
    if node.get("refdomain") == "py":
        name = target.rsplit(".", 1)[-1]
        for paths in public_names().values():
            for path in paths:
                if path.endswith(f".{name}"):
                    page = f"api/generated/{path}"
                    return make_refnode(
                        app.builder, node["refdoc"], page, path, contnode, path
                    )
    if node.get("refdomain") == "std" and node.get("reftype") in ("ref", "term"):
        if target in SCIKIT_LEARN:
            return nodes.inline("", "", *contnode.children)
    return None


# Labels of scikit-learn's own pages, in docstrings that are inherited from it.
SCIKIT_LEARN = ("metadata_routing", "pipeline", "developing_callback", "fitted")


def setup(app):
    """Connect what is above."""
    app.connect("config-inited", write_pages)
    app.connect("missing-reference", find_reference)
    return {"parallel_read_safe": True}
