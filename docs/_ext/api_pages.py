"""Write a page for each public room, and resolve references by the names users import.

A name has its page under the shortest path that it can be imported from:
``skdeepmir.ConvTagger``, ``skdeepmir.metrics.auc_tag``.
"""

import functools
import inspect
import itertools
import pprint
import re
import sys
from collections import defaultdict
from pathlib import Path
from types import ModuleType

from docutils import nodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.nodes import get_node_source, make_refnode

import skdeepmir


@functools.cache
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
    """Write the pages of rooms and of constants, before Sphinx looks for pages.

    Those of names that are gone, which an earlier build wrote, are removed.
    """
    folder = Path(app.srcdir) / "api"
    known = {*public_names(), *itertools.chain(*public_names().values())}
    for page in [*folder.glob("skdeepmir*.rst"), *folder.glob("generated/*.rst")]:
        if page.stem not in known:
            page.unlink()
    rooms = [".. list-table::", "   :widths: 30 70", ""]
    for room, paths in public_names().items():
        text = inspect.getdoc(sys.modules[room]).splitlines()[0]
        rooms += [f"   * - :doc:`{room}`", f"     - {text}"]
        _write(folder / f"{room}.rst", _room_page(room, paths))
        for path in filter(_is_constant, paths):
            _write(folder / "generated" / f"{path}.rst", _constant_page(path))
    _write(folder / "rooms.inc", "\n".join(rooms) + "\n")


def _room_page(room, paths):
    """Return the page of a room: what it is for, and its names with their summaries."""
    lines = [room, "=" * len(room), ""]
    lines += [f".. automodule:: {room}", "   :no-members:"]
    lines += ["", ".. currentmodule:: skdeepmir"]
    is_class = {path: inspect.isclass(resolve(path)) for path in paths}
    classes = [path for path in paths if is_class[path]]
    constants = [path for path in paths if _is_constant(path)]
    functions = [path for path in paths if path not in (*classes, *constants)]
    for title, group in (("Classes", classes), ("Functions", functions)):
        if group:
            lines += ["", f".. rubric:: {title}", "", ".. autosummary::"]
            lines += ["   :toctree: generated", "   :nosignatures:", ""]
            lines += [f"   ~{path.removeprefix('skdeepmir.')}" for path in group]
    if constants:
        lines += ["", ".. rubric:: Constants", "", ".. list-table::"]
        lines += ["   :class: autosummary", ""]
        for path in constants:
            text = " ".join(constant_text(path)).split(". ")[0].rstrip(".:")
            lines += [f"   * - :data:`~{path}`", f"     - {text}."]
        lines += ["", ".. toctree::", "   :hidden:", ""]
        lines += [f"   generated/{path}" for path in constants]
    return "\n".join(lines) + "\n"


def _is_constant(path):
    return not (inspect.isclass(resolve(path)) or inspect.isroutine(resolve(path)))


def _constant_page(path):
    """Return the page of a constant: what its comment ``#:`` says, and its value."""
    name, value = path.rsplit(".", 1)[-1], resolve(path)
    lines = [name, "=" * len(name), "", f".. py:data:: {path}", ""]
    lines += [f"   {line}".rstrip() for line in constant_text(path)]
    shown = pprint.pformat(value, compact=True, sort_dicts=False)
    lines += ["", "   .. code-block:: python", ""]
    lines += [f"      {line}" for line in shown.splitlines()]
    lines += ["", f".. minigallery:: {path}", "   :add-heading: Gallery examples"]
    return "\n".join(lines) + "\n"


def constant_text(path):
    """Return the lines of the comment ``#:`` in front of a public constant."""
    room, name = path.rsplit(".", 1)
    for module in [each for each in sys.modules if each.startswith(f"{room}.")]:
        if vars(sys.modules[module]).get(name) is resolve(path):
            texts = ModuleAnalyzer.for_module(module).find_attr_docs()
            if ("", name) in texts:
                return texts["", name]
    raise LookupError(f"{path} has no comment '#:' that says what it is.")


def _write(path, text):
    """Write a file unless it has this text, so that Sphinx need not read it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, encoding="utf-8")


@functools.cache
def paths_by_name():
    """Return what ``wcsr``, ``metrics.wcsr`` or ``preprocessing.BandShifter`` mean."""
    found = defaultdict(list)
    for room, paths in public_names().items():
        for path in paths:
            name = path.rsplit(".", 1)[-1]
            known = {path, name, f"{room}.{name}"}
            for short in {each.removeprefix("skdeepmir.") for each in known}:
                found[short].append(path)
    return dict(found)


def find_page(target):
    """Return the path of the public name that a name means, and the place on its page.

    Methods have places of their own, attributes of fitted estimators have none.
    """
    parts = target.removeprefix("skdeepmir.").split(".")
    for end in range(len(parts), 0, -1):
        paths = paths_by_name().get(".".join(parts[:end]), [])
        if len(paths) == 1:
            path, found = paths[0], resolve(paths[0])
            for name in parts[end:]:
                if not hasattr(found, name):
                    return path, path
                found = getattr(found, name)
            return path, ".".join([path, *parts[end:]])
    return None


def find_reference(app, env, node, contnode):
    """Resolve ``compare`` or ``skdeepmir.pipeline.Pipeline.fit`` to its page.

    What others' docstrings refer to, such as those inherited from scikit-learn, becomes
    plain text, since their sites are not asked. So do unknown names in single
    backticks, most of which are parameters.
    """
    target = node.get("reftarget", "")
    domain, kind = node.get("refdomain"), node.get("reftype")
    is_foreign = _is_foreign(node, target)
    found = domain == "py" and not is_foreign and find_page(target)
    if found:
        path, place = found
        page = f"api/generated/{path}"
        return make_refnode(app.builder, node["refdoc"], page, place, contnode, place)
    if is_foreign or (kind == "obj" and not target.startswith("skdeepmir.")):
        return nodes.inline("", "", *contnode.children)
    return None  # of which Sphinx warns


def _is_foreign(node, target):
    """Return whether a reference is to another project, or in a docstring of one."""
    docstring = get_node_source(node).partition("docstring of ")[2]
    if docstring and not docstring.startswith("skdeepmir."):
        return True
    package = target.partition(".")[0]
    return "." in target and package != "skdeepmir" and package in sys.modules


def drop_versions(app, what, name, found, options, lines):
    """Leave out since when methods that are inherited have been in scikit-learn."""
    if (getattr(found, "__module__", None) or "").startswith("sklearn"):
        text = re.sub(r"(?m)^( *)\.\. version\w+:: .*(\n\1 +.*)*", "", "\n".join(lines))
        lines[:] = text.split("\n")


def setup(app):
    """Connect what is above."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", drop_versions)
    app.connect("config-inited", write_pages)
    app.connect("missing-reference", find_reference)
    return {"parallel_read_safe": True}
