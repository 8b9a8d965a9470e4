"""JSON objects of differences between trees, and their sums; keys as promised in docs/COMMANDS.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from artfs.documents.artifacts import entry_document
from artfs.documents.document import Document, json_text
from artfs.format.node import Entry, Kind

if TYPE_CHECKING:
    from artfs.store.tree.diff import Difference

__all__ = ["DifferenceCounts", "difference_document", "own_size"]


class DifferenceCounts:
    """Counts of the differences that passed.

    Attributes:
        counts: Paths that were `added`, `removed` and `modified`.
        sizes: Bytes that were `added` and `removed`, those of modified contents in both.
    """

    def __init__(self) -> None:
        self.counts = {"added": 0, "removed": 0, "modified": 0}
        self.sizes = {"added": 0, "removed": 0}

    def watch(self, differences: Iterator[Difference]) -> Iterator[Difference]:
        """Count differences and pass them on."""
        for difference in differences:
            self.counts[difference.what] += 1
            old, new = own_size(difference.old), own_size(difference.new)
            if difference.old is None or difference.new is None or difference.old.digest != difference.new.digest:
                self.sizes["added"] += new
                self.sizes["removed"] += old
            yield difference

    @property
    def found(self) -> bool:
        """True if there was a difference."""
        return any(self.counts.values())

    def document(self) -> Document:
        """Document for programs."""
        return {**self.counts, "bytes_added": self.sizes["added"], "bytes_removed": self.sizes["removed"]}


def own_size(entry: Entry | None) -> int:
    """Return the bytes of an entry itself; a directory has none, since its files are counted too."""
    return 0 if entry is None or entry.kind == Kind.DIRECTORY else entry.size


def difference_document(difference: Difference) -> Document:
    """Return one difference."""
    document: Document = {**json_text("path", difference.path), "change": difference.what}
    for side, entry in (("old", difference.old), ("new", difference.new)):
        if entry is not None:
            document[side] = entry_document(b"", entry)
            del document[side]["path"]
            if not entry.digest:  # a local file that was not read, or a local directory
                document[side].update({key: None for key in ("digest", "entries") if key in document[side]})
    return document
