"""The source of classes and functions, by which one that was changed is noticed."""

from __future__ import annotations

import functools
import inspect
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any

# Their versions tell what is in them.
LIBRARIES = frozenset(("abc", "builtins", "numpy", "sklearn", "torch", "typing"))
# What Python notes of a class beside what is in it.
LEFT_OUT = frozenset(
    "__annotations__ __dict__ __firstlineno__ __static_attributes__ __weakref__".split()
)


def sources_of(code: Any) -> list[str]:
    """Return the source of a function, or of a class and its bases.

    Of a method it is that of the class, of another object that of its class. What has
    no source, as in a console, gives what Python has made of it; what libraries have
    written, nothing.
    """
    while isinstance(code, functools.partial):
        code = code.func
    if isinstance(code, MethodType):
        code = code.__self__
    if not isinstance(code, type | FunctionType | BuiltinFunctionType):
        code = type(code)
    parts = getattr(code, "__mro__", (code,))
    return [_source(part) for part in parts if not is_of_library(part)]


def is_of_library(part: Any) -> bool:
    """Tell whether a class or function is of a library, whose version says enough."""
    return str(part.__module__).partition(".")[0] in LIBRARIES


@functools.lru_cache(maxsize=1000)
def _source(part: Any) -> str:
    try:
        source = inspect.getsource(part)
        if isinstance(part, type) and f"class {part.__name__}" not in source:
            raise OSError("a line of another file that has its number")
        # Of several on a line each has the same.
        is_alone = getattr(part, "__name__", "") != "<lambda>"
        return source if is_alone else source + repr(_compiled(part))
    except (OSError, TypeError):  # of a console, or not written in Python
        if not isinstance(part, type):
            return repr(_compiled(part))
        own = {name: p for name, p in vars(part).items() if name not in LEFT_OUT}
        return repr([part.__qualname__, _compiled(own)])


def _compiled(value: Any) -> Any:
    """Return what Python has made of some code, the same in every process."""
    value = getattr(value, "fget", getattr(value, "__func__", value))
    if isinstance(value, FunctionType):
        given = value.__defaults__, value.__kwdefaults__
        return _compiled((value.__code__, *given))
    if isinstance(value, CodeType):
        names = value.co_names + value.co_varnames
        return [value.co_code, names, _compiled(value.co_consts)]
    if isinstance(value, dict):
        return [(name, _compiled(value[name])) for name in sorted(value, key=str)]
    if isinstance(value, frozenset):
        return sorted(map(repr, value))
    if isinstance(value, list | tuple):
        return [*map(_compiled, value)]
    is_plain = isinstance(value, bool | int | float | complex | str | bytes)
    return value if is_plain else type(value).__qualname__
