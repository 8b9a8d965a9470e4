"""Differences of two trees as lines, and as one document with their sums."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from artfs.cli.render.output import print_documents, print_line, shown, size_text, write
from artfs.cli.render.reference_change import reference_change
from artfs.documents.differences import DifferenceCounts, difference_document, own_size
from artfs.documents.document import KINDS, Document
from artfs.format.node import Entry, Kind

if TYPE_CHECKING:
    from artfs.store.tree.diff import Difference

__all__ = ["counts_text", "print_differences", "print_differences_json"]


def counts_text(counts: DifferenceCounts) -> str:
    """Return the sums of differences as one line for people."""
    numbers = ", ".join(f"{count:,} {what}" for what, count in counts.counts.items())
    return f"{numbers}; +{size_text(counts.sizes['added'])} -{size_text(counts.sizes['removed'])}"


def print_differences(differences: Iterable[Difference]) -> None:
    """Write a line for each difference."""
    for difference in differences:
        print_line(_line(difference))


def print_differences_json(head: Document, differences: Iterable[Difference], counts: DifferenceCounts) -> None:
    """Write one JSON object, with the differences as they come and their sums behind them.

    Args:
        head: First members of the object.
        differences: They pass `counts`.
        counts: Makes the member `summary`.
    """
    import msgspec

    before = msgspec.json.encode(head)[:-1] + b',"changes":['
    print_documents(map(difference_document, differences), before=before, after=b"]")
    write(b',"summary":' + msgspec.json.encode(counts.document()) + b"}\n")


_LETTERS = {"added": "A", "removed": "D", "modified": "M"}


def _line(difference: Difference) -> str:
    old, new = difference.old, difference.new
    what = _LETTERS[difference.what]
    kinds = [entry.kind for entry in (new, old) if entry is not None]
    slash = "/" if kinds[0] == Kind.DIRECTORY else ""
    change = own_size(new) - own_size(old)
    return f"{what} {change:>+15,} {shown(difference.path)}{slash}{_note(old, new)}"


def _note(old: Entry | None, new: Entry | None) -> str:
    """Describe changes other than of contents, and what a reference was to and is to."""
    if old is None or new is None:
        return ""
    if old.kind != new.kind:
        return f" ({KINDS[old.kind]} -> {KINDS[new.kind]})"
    if old.mode != new.mode:
        return f" (mode {old.mode:04o} -> {new.mode:04o})"
    change = reference_change(old, new)
    return f" ({change})" if change else ""
