"""The reference page of the Python API, made from its docstrings."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import artfs
from artfs.api.artifact.manifest import Manifest
from artfs.api.artifact.manifest_entry import ManifestEntry
from artfs.api.public import ArtifactCollection, ArtifactType
from artfs.format.reference import Reference
from artfs.references import Found, Handler, Reader, register
from artfs.store.tree.diff import Difference
from manual.docstring import Docstring, parse

__all__ = ["gaps", "page"]

_INTRODUCTION = Path(__file__).with_suffix(".md")
_CLASSES: dict[str, type] = {
    "artfs.Run": artfs.Run,
    "artfs.Artifact": artfs.Artifact,
    "Manifest": Manifest,
    "ManifestEntry": ManifestEntry,
    "artfs.Api": artfs.Api,
    "ArtifactCollection": ArtifactCollection,
    "ArtifactType": ArtifactType,
    "Difference": Difference,
    "artfs.references.Handler": Handler,
    "artfs.references.Reader": Reader,
    "artfs.references.Found": Found,
    "Reference": Reference,
}
_MADE = {"artfs.Artifact", "artfs.Api"}  # the others are given, not made
_FUNCTIONS: dict[str, Callable[..., object]] = {"artfs.init": artfs.init, "artfs.references.register": register}
# What the modules of the API use of each other, and nobody else should.
_INTERNAL = {
    "become",
    "began_at",
    "begin_at",
    "contents",
    "find_again_by",
    "finish_at_exit",
    "keep_files_in",
    "of_version",
    "row",
    "saved",
    "store",
    "ttl_ns",
    "version_ref",
    "wait_for_nothing",
}


def page() -> str:
    """The page as Markdown."""
    parts = [_INTRODUCTION.read_text("utf-8"), *_function("artfs.init", "##", artfs.init)]
    for title, class_ in _CLASSES.items():
        parts += _class(title, class_)
    parts += _function("artfs.references.register", "##", register)
    tree = inspect.cleandoc(artfs.errors.__doc__ or "").split("\n\n")[1]
    parts += ["## Errors\n", "All are in `artfs.errors`.\n", textwrap.indent(textwrap.dedent(tree), "    ") + "\n"]
    return "\n".join(parts)


def gaps() -> list[str]:
    """Which parameters no docstring describes, or describes and are not there."""
    found = []
    for title, function in _documented():
        said = set(parse(function.__doc__).items.get("Args", {}))
        taken = set(inspect.signature(function).parameters) - {"self"}
        found += [f"{title}: {name} is not described" for name in sorted(taken - said)]
        found += [f"{title}: {name} is described and not there" for name in sorted(said - taken)]
        if not parse(function.__doc__).text:
            found.append(f"{title}: has no docstring")
    return found


def _documented() -> Iterator[tuple[str, Callable[..., object]]]:
    yield from _FUNCTIONS.items()
    for title in _MADE:
        yield title, _CLASSES[title]
    for title, class_ in _CLASSES.items():
        for name, member in _members(class_):
            function = member.fget if isinstance(member, property) else member
            if callable(function):
                yield f"{title}.{name}", function


def _members(class_: type) -> list[tuple[str, object]]:
    members: dict[str, object] = {}
    for base in reversed(class_.__mro__):  # what it is before what is done with it
        if base.__module__.startswith("artfs"):
            members |= {
                name: member
                for name, member in vars(base).items()
                if not name.startswith("_")
                and name not in _INTERNAL
                and (inspect.isfunction(member) or isinstance(member, property))
            }
    return list(members.items())


def _class(title: str, class_: type) -> list[str]:
    said = parse(class_.__doc__)
    parts = [f"## {title}\n"]
    if title in _MADE:
        parts += [_code(f"{title}{_signature(class_)}")]
    else:
        said.items.pop("Args", None)
    parts += _text(said)
    members = _members(class_)
    for name, member in members:
        if isinstance(member, property):
            parts += [f"### {title.rpartition('.')[2]}.{name}\n", *_text(_of_property(member))]
    for name, member in members:
        if inspect.isfunction(member):
            parts += _function(f"{title.rpartition('.')[2]}.{name}", "###", member)
    return parts


def _of_property(member: property) -> Docstring:
    said = parse(member.__doc__)
    if member.fset is not None:
        said.text[0] += " May be set."
    return said


def _function(title: str, level: str, function: Callable[..., object]) -> list[str]:
    return [f"{level} {title}\n", _code(title + _signature(function)), *_text(parse(function.__doc__))]


def _code(line: str) -> str:
    return textwrap.indent(line, "    ") + "\n"


def _text(said: Docstring) -> list[str]:
    parts = [f"{text}\n" for text in said.text]
    lines = [
        f"- `{name}`: {text}" for title in ("Args", "Attributes") for name, text in said.items.get(title, {}).items()
    ]
    lines += [f"- Returns: {text}" for text in said.prose.values()]
    lines += [f"- Raises `{name}`: {text}" for name, text in said.items.get("Raises", {}).items()]
    return parts + (["\n".join(lines) + "\n"] if lines else [])


def _signature(function: Callable[..., object]) -> str:
    signature = inspect.signature(function)
    shown: list[str] = []
    keywords = False
    for parameter in signature.parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keywords:
            keywords = True
            shown.append("*")
        shown.append(_parameter(parameter))
    returns = signature.return_annotation
    after = "" if returns in {signature.empty, "None", None} else f" -> {_annotation(returns)}"
    one_line = f"({', '.join(shown)}){after}"
    if len(one_line) < 90:  # as wide as a page reads well
        return one_line
    return "(\n" + "".join(f"    {each},\n" for each in shown) + f"){after}"


def _parameter(parameter: inspect.Parameter) -> str:
    if parameter.kind is parameter.VAR_KEYWORD:
        return f"**{parameter.name}"
    default = "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
    return f"{parameter.name}: {_annotation(parameter.annotation)}{default}"


def _default(value: object) -> str:
    return value.__name__ if inspect.isfunction(value) else repr(value)


def _annotation(annotation: object) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
