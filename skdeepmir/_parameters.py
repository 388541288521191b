"""Parameters told once: type, default, limits and text stand in one place.

A class that :func:`parameters` decorates lists its own parameters as annotated fields.
From these and those of its bases it gets its constructor, scikit-learn's constraints,
and the section "Parameters" of its docstring.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import numpy as np

from skdeepmir._sklearn import Interval, StrOptions

T = TypeVar("T")

Count = Annotated[int, Interval(Integral, 0, None, closed="left")]
Size = Annotated[int, Interval(Integral, 1, None, closed="left")]
Share = Annotated[float, Interval(Real, 0, 1, closed="left")]
Positive = Annotated[float, Interval(Real, 0, None, closed="neither")]
NotNegative = Annotated[float, Interval(Real, 0, None, closed="left")]
Finite = Annotated[float, Interval(Real, None, None, closed="neither")]
Sizes = Annotated[Sequence[int], "array-like"]
RandomState = Annotated[int | np.random.RandomState | None, "random_state"]
Verbose = Annotated[bool | int, "verbose"]

SECTIONS = ("Attributes", "See Also", "Notes", "References", "Examples")
KINDS: dict[Any, str] = {
    type(None): "None",
    Any: "object",
    Sequence: "tuple",
    list: "list",
    tuple: "tuple",
}


def parameter(
    text: str | None = None,
    *,
    default: Any = dataclasses.MISSING,
    kw_only: bool = True,
    kind: str = "",
) -> Any:
    """Describe a parameter of an estimator.

    Parameters
    ----------
    text : str or None, default=None
        What it means and why it has this default, for the docstring. None takes the
        text of the base class, of which only the default is changed.
    default : object, optional
        The default; without one the parameter must be passed.
    kw_only : bool, default=True
        Whether it is passed by name only.
    kind : str, default=""
        Its type for the docstring, where the annotation does not say it well.
    """
    told = {"text": text and inspect.cleandoc(text), "kind": kind}
    return dataclasses.field(default=default, kw_only=kw_only, metadata=told)


@typing.dataclass_transform(kw_only_default=True, field_specifiers=(parameter,))
def parameters(cls: type[T]) -> type[T]:
    """Give a class its constructor, constraints and documentation."""
    doc, hints = cls.__doc__, typing.get_type_hints(cls, include_extras=True)
    made: Any = dataclasses.dataclass(repr=False, eq=False, kw_only=True)(cls)
    told = {}
    ordered = _in_order(made)
    silent = {f.name for f in dataclasses.fields(made)} - {f.name for f in ordered}
    if silent:
        raise TypeError(
            f"{cls.__name__} has parameters without a text: "
            f"{', '.join(sorted(silent))}. Write parameter(text, default=...) for each."
        )
    for field in ordered:
        texts = [f.metadata for f in _versions(made, field.name) if f.metadata["text"]]
        kind = texts[0]["kind"] or _kind(hints[field.name])
        if field.default is not dataclasses.MISSING:
            kind = f"{kind}, default={_shown(field.default)}"
        told[field.name] = kind, texts[0]["text"]
    made._parameter_constraints = {name: _constraints(hints[name]) for name in told}
    signature, types_of = inspect.signature(made.__init__), typing.get_type_hints(made)
    shown = [
        signature.parameters[name].replace(annotation=types_of[name]) for name in told
    ]
    made.__init__.__signature__ = signature.replace(
        parameters=[signature.parameters["self"], *shown]
    )
    made.__doc__ = _documented(inspect.cleandoc(doc or ""), told)
    return made


def _in_order(cls: Any) -> list[dataclasses.Field[Any]]:
    """Return the parameters: own ones first, then those of bases; by name last."""
    found: dict[str, dataclasses.Field[Any]] = {}
    for base in cls.__mro__:
        fields = vars(base).get("__dataclass_fields__", {})
        for name in inspect.get_annotations(base):  # as they are written
            if name in fields and fields[name].metadata.get("text"):
                found.setdefault(name, cls.__dataclass_fields__[name])
    return sorted(found.values(), key=lambda field: bool(field.kw_only))


def _versions(cls: Any, name: str) -> list[dataclasses.Field[Any]]:
    """Return how a class and its bases describe a parameter, the class first."""
    described = [vars(base).get("__dataclass_fields__", {}) for base in cls.__mro__]
    return [fields[name] for fields in described if name in fields]


def _documented(doc: str, told: dict[str, tuple[str, str]]) -> str:
    """Insert the section "Parameters" in front of the others."""
    lines = doc.splitlines()
    starts = [
        i
        for i, line in enumerate(lines[:-1])
        if line in SECTIONS and lines[i + 1] == "-" * len(line)
    ]
    start = min(starts, default=len(lines))
    section = ["Parameters", "----------"]
    for name, (kind, text) in told.items():
        section += [
            f"{name} : {kind}",
            *(f"    {t}".rstrip() for t in text.split("\n")),
        ]
    before = lines[:start] if start < len(lines) else [*lines, ""]
    return "\n".join([*before, *section, "", *lines[start:]]).rstrip() + "\n"


def _shown(default: Any) -> str:
    return f'"{default}"' if isinstance(default, str) else repr(default)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    is_union = get_origin(hint) in (typing.Union, types.UnionType)
    return get_args(hint) if is_union else (hint,)


def _kind(hint: Any) -> str:
    """Return a type as numpydoc has it."""
    parts = []
    for part in _alternatives(hint):
        if get_origin(part) is Annotated:
            part = get_args(part)[0]
            if len(_alternatives(part)) > 1:
                parts.append(_kind(part))
                continue
        if get_origin(part) is Literal:
            values = ", ".join(f'"{value}"' for value in get_args(part))
            parts.append(f"{{{values}}}" if len(get_args(part)) > 1 else values)
        elif part is np.random.RandomState:
            parts.append("RandomState instance")
        elif get_origin(part) is Sequence:
            parts.append(f"tuple of {_kind(get_args(part)[0])}")
        else:
            parts.append(KINDS.get(part) or part.__name__)
    listed = ", ".join(parts[:-1])
    return f"{listed} or {parts[-1]}" if listed else parts[-1]


def _constraints(hint: Any) -> list[Any] | str:
    """Return what scikit-learn checks of a parameter."""
    if Any in _alternatives(hint):
        return "no_validation"
    found: list[Any] = []
    for part in _alternatives(hint):
        if get_origin(part) is Annotated:
            found += part.__metadata__
        elif get_origin(part) is Literal:
            found.append(StrOptions(set(get_args(part))))
        elif part is type(None):
            found.append(None)
        else:
            found.append("boolean" if part is bool else get_origin(part) or part)
    return found
