"""Tables that fit a terminal: columns of text are cut, the widest first, and what was cut is named."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final

__all__ = ["fitted", "padded", "text_width"]

_GAP: Final = 2
_NARROWEST: Final = 19  # a time is not cut


def text_width(text: str) -> int:
    """Count the cells of a terminal that a text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def padded(text: str, width: int, *, right: bool) -> str:
    """Fill a text with spaces up to a width in cells."""
    space = " " * (width - text_width(text))
    return space + text if right else text + space


def fitted(lines: Sequence[list[str]], right: Sequence[int], room: int) -> tuple[list[list[str]], list[str]]:
    """Fit a table to a width: cut columns of text, then leave out the last columns.

    Args:
        lines: The rows, the header first.
        right: Columns of numbers, which are not cut, as the first column is not.
        room: The width, in cells.

    Returns:
        The rows that fit, and the titles of the columns in which something is cut or that are left out.
    """
    widths = [max(text_width(line[column]) for line in lines) for column in range(len(lines[0]))]
    cut: set[int] = set()
    while (over := sum(widths) + _GAP * (len(widths) - 1) - room) > 0:
        least = [max(_NARROWEST, text_width(title)) for title in lines[0]]
        texts = [column for column in range(1, len(widths)) if column not in right and widths[column] > least[column]]
        if texts:
            widest = max(texts, key=lambda column: widths[column])
            widths[widest] = max(least[widest], widths[widest] - over)
            cut.add(widest)
        elif len(widths) > 1:
            cut.add(len(widths) - 1)
            widths.pop()
        else:
            break
    rows = [[_cut(cell, width) for cell, width in zip(line, widths, strict=False)] for line in lines]
    return rows, [lines[0][column] for column in sorted(cut)]


def _cut(text: str, width: int) -> str:
    if text_width(text) <= width:
        return text
    while text_width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"
