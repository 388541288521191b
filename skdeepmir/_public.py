"""Public names: loaded when they are first used, and suggested when misspelt."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import lazy_loader

Attached = tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]


def load_lazily(package: str, file: str) -> Attached:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    They follow from the imports in its stub, ``__init__.pyi``, for type checkers.
    """
    load, listed, names = lazy_loader.attach_stub(package, file)

    def load_or_suggest(name: str) -> Any:
        if name not in names:
            raise _missing(package, name, names)
        return load(name)

    return load_or_suggest, listed, names


def suggest_names(package: str) -> None:
    """Let a module that has ``__all__`` suggest, and list, the names in it alone."""
    # Type checkers would take any name of a module that defines __getattr__.
    module: Any = sys.modules[package]
    names = module.__all__

    def suggest(name: str) -> Any:
        raise _missing(package, name, names)

    module.__getattr__ = suggest
    module.__dir__ = lambda: sorted(names)


def _missing(package: str, name: str, names: list[str]) -> Exception:
    """Return the error of a name that a module lacks."""
    text = f"module {package!r} has no attribute {name!r}"
    if name.startswith("_"):
        return AttributeError(text, name=name, obj=sys.modules[package])
    from opcode import opmap

    hint = _suggestion(package, name, names)
    frame = sys._getframe(2)  # where the name was asked for
    if frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]:
        # Python would drop the text of an AttributeError, but lets this one through.
        file = sys.modules[package].__file__
        text = f"cannot import name {name!r} from {package!r} ({file}){hint}"
        return ImportError(text, name=package, path=file)
    # Without the module, as Python would suggest names once more (in terminals alone).
    return AttributeError(f"{text}{hint}", name=name, obj=None)


def _suggestion(package: str, name: str, names: list[str]) -> str:
    """Return a sentence with a name that is similar: here, or in a module below."""
    from difflib import get_close_matches

    # Those that come first win: names of the package before those of its modules.
    hints = {public.lower(): f"{public!r}" for public in reversed(names)}
    below = {
        public.lower(): f"{public!r} from '{package}.{room}'"
        for room in names
        for public in _names_in_source(package, room)
    }
    hints = below | hints
    wanted = name.lower()
    here = get_close_matches(wanted, [public.lower() for public in names], 1)
    near = [wanted] if wanted in hints else here or get_close_matches(wanted, hints, 1)
    return f". Did you mean {hints[near[0]]}?" if near else ""


def _names_in_source(package: str, room: str) -> list[str]:
    """Return the public names of a module of a package, without importing it."""
    import ast
    from pathlib import Path

    folder = Path(str(sys.modules[package].__file__)).parent
    files = [f"{room}/__init__.pyi", f"{room}/__init__.py", f"{room}.py"]
    found = [folder / file for file in files if (folder / file).is_file()]
    names = []
    for node in ast.parse(found[0].read_text("utf-8")).body if found else []:
        if isinstance(node, ast.ImportFrom) and found[0].suffix == ".pyi":
            names += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, ast.Assign) and ast.unparse(node).startswith("__all__ ="):
            names += ast.literal_eval(node.value)
    return names
