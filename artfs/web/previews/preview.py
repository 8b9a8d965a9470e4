"""The preview of a file: its format decides which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from artfs.web.previews.numbers import array_preview, tensors_preview
from artfs.web.previews.parquet import parquet_preview
from artfs.web.previews.signatures import format_of, is_html, is_text
from artfs.web.previews.texts import text_preview

if TYPE_CHECKING:
    from artfs.documents.document import Document
    from artfs.web.previews.source import Source

__all__ = ["make_preview"]

_HEX_BYTES: Final = 512
_READERS: Final[Mapping[str, Callable[[Source], Document | None]]] = {
    "array": array_preview,
    "parquet": parquet_preview,
}
_SHOWN_BY_BROWSERS: Final = frozenset({"image", "audio", "video"})


def make_preview(source: Source) -> Document:
    """Return a preview: `kind`, and what that kind has (docs/WEB.md)."""
    head = source.head
    found = format_of(head)
    if found is not None:
        reader = _READERS.get(found.kind)
        document = reader(source) if reader is not None else None
        if document is not None:
            return document
        if found.kind in _SHOWN_BY_BROWSERS:
            return {"kind": found.kind, "note": found.note, "cut": False}
        return {"kind": found.kind, "note": found.note, **_bytes(source)}
    if is_html(head, source.name):
        return {"kind": "html", "cut": False}
    if is_text(head):
        return text_preview(source)
    return tensors_preview(source) or {"kind": "other", "note": "No preview of this format", **_bytes(source)}


def _bytes(source: Source) -> Document:
    return {"hex": source.head[:_HEX_BYTES].hex(" ", 1), "cut": source.size > _HEX_BYTES}
