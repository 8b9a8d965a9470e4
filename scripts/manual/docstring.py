"""Docstrings in Google's style, taken apart."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

__all__ = ["Docstring", "parse"]

_SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")
_ITEM = re.compile(r"(\w+): (.*)")


@dataclass(slots=True)
class Docstring:
    """What a docstring says.

    Attributes:
        text: Its paragraphs, each one line.
        items: By section, what is said of each name.
        prose: By section, what is said there of no name (`Returns`).
    """

    text: list[str] = field(default_factory=list)
    items: dict[str, dict[str, str]] = field(default_factory=dict)
    prose: dict[str, str] = field(default_factory=dict)


def parse(raw: str | None) -> Docstring:
    """Take a docstring apart."""
    found = Docstring()
    for block in inspect.cleandoc(raw or "").split("\n\n"):
        head, _newline, rest = block.partition("\n")
        if head.removesuffix(":") in _SECTIONS and head.endswith(":"):
            _section(found, head.removesuffix(":"), inspect.cleandoc(rest))
        elif block:
            found.text.append(" ".join(line.strip() for line in block.splitlines()))
    return found


def _section(found: Docstring, title: str, body: str) -> None:
    if title in {"Returns", "Yields"}:
        found.prose[title] = " ".join(line.strip() for line in body.splitlines())
        return
    items = found.items.setdefault(title, {})
    name = ""
    for line in body.splitlines():
        match = _ITEM.fullmatch(line)
        if match:
            name = match[1]
            items[name] = match[2]
        else:
            items[name] += " " + line.strip()
