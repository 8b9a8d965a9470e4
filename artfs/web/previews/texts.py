"""Previews of text: as it is, JSON, and tables that are text."""

from __future__ import annotations

import csv
import json
import re
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artfs.documents.document import Document
    from artfs.web.previews.source import Source

__all__ = ["MAX_ROWS", "table_document", "text_preview"]

MAX_ROWS: Final = 100
_LONGEST_CELL: Final = 2000
_COLUMNS: Final = re.compile(r'\s*\{\s*"columns"\s*:\s*')
_DATA: Final = re.compile(r'\s*,\s*"data"\s*:\s*\[')
_SEPARATOR: Final = re.compile(r"\s*,?\s*")


def text_preview(source: Source) -> Document:
    """Preview a file that is text."""
    text = getincrementaldecoder("utf-8-sig")().decode(source.head)  # what is cut off at the end is left out
    name = source.name.lower()
    if name.endswith((b".csv", b".tsv")):
        table = _delimited(text, "\t" if name.endswith(b".tsv") else ",", cut=source.cut)
        if table is not None:
            return table
    if text.lstrip().startswith(("{", "[")):
        table = _wandb_table(text, cut=source.cut)
        if table is not None:
            return table
        if name.endswith(b".json") or (not source.cut and _is_json(text)):
            return {"kind": "json", "text": text, "cut": source.cut}
    return {"kind": "text", "text": text, "cut": source.cut}


def table_document(columns: list[Document], rows: list[list[Any]], *, cut: bool, total: int | None = None) -> Document:
    """Return a preview of rows, with long cells cut off."""
    shown = [[_cell(value) for value in row] for row in rows[:MAX_ROWS]]
    document: Document = {"kind": "table", "columns": columns, "rows": shown, "cut": cut or len(rows) > MAX_ROWS}
    if total is not None:
        document["total_rows"] = total
    return document


def _cell(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST_CELL:
        return f"{value[:_LONGEST_CELL]}…"
    return value


def _delimited(text: str, delimiter: str, *, cut: bool) -> Document | None:
    """Return the table of a CSV file, whose first row names the columns; None if it is none."""
    lines = text.splitlines(keepends=True)
    if cut and len(lines) > 1:
        del lines[-1]  # the end of it is missing
    rows = []
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            rows.append(row)
            if len(rows) > MAX_ROWS + 1:
                break
    except csv.Error:
        return None
    if not rows:
        return None
    return table_document([{"name": name} for name in rows[0]], list(rows[1:]), cut=cut)


def _wandb_table(text: str, *, cut: bool) -> Document | None:
    """Return the rows of a table as W&B keeps it, of one that is cut off those that are whole; None if it is none."""
    start = _COLUMNS.match(text)
    if start is None:
        return None
    try:
        columns, end = json.JSONDecoder().raw_decode(text, start.end())
    except (ValueError, RecursionError):
        return None
    data = _DATA.match(text, end)
    if data is None or not isinstance(columns, list):
        return None
    rows = list(_rows(text, data.end()))
    return table_document([{"name": str(name)} for name in columns], rows, cut=cut)


def _rows(text: str, at: int) -> Iterator[list[Any]]:
    decode = json.JSONDecoder().raw_decode
    for _number in range(MAX_ROWS + 1):
        match = _SEPARATOR.match(text, at)
        try:
            row, at = decode(text, match.end() if match else at)
        except (ValueError, RecursionError):
            return
        if not isinstance(row, list):
            return
        yield row


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
