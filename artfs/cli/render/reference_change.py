"""What changed of a reference, in a few words."""

from __future__ import annotations

from typing import Final

from artfs.cli.render.output import shown
from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference

__all__ = ["reference_change"]

_IDENTITIES: Final = (("", "uri"), ("version ", "version_id"), ("ETag ", "etag"))


def reference_change(old: Entry, new: Entry) -> str:
    """Return the old and the new URI of two references; else their versions or ETags; '' if none differs."""
    if old.kind != Kind.REFERENCE or new.kind != Kind.REFERENCE:
        return ""
    before, after = decode_reference(old), decode_reference(new)
    for word, field in _IDENTITIES:
        was, now = getattr(before, field), getattr(after, field)
        if was != now:
            return f"{word}{_text(was)} -> {_text(now)}"
    return ""


def _text(value: str | None) -> str:
    return "none" if value is None else shown(value.encode())
