"""Changes of a draft as lines and documents, and their counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artfs.cli.render.output import shown, size_text
from artfs.documents.document import Document, json_text

if TYPE_CHECKING:
    from artfs.drafts.commit.status import Change, Totals
    from artfs.drafts.view import FrozenDraft
    from artfs.store import Store

__all__ = ["ChangeLine", "ChangeSummary", "change_lines"]

_WORDS = {"A": "added", "D": "removed", "M": "modified", "!": "incomplete"}


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A change with its bytes and entries."""

    change: Change
    total: Totals

    @property
    def is_directory(self) -> bool:
        """Tell if it is of a directory."""
        return self.change.path.endswith(b"/")

    def text(self) -> str:
        """Line for people."""
        size = f"{self.total.size:,}" if self.change.kind != "M" or not self.is_directory else ""
        more = f" ({self.total.entries:,} in it)" if self.total.entries else ""
        return f"{self.change.kind} {size:>15} {shown(self.change.path)}{more}"

    def document(self) -> Document:
        """Document for programs."""
        document: Document = {
            **json_text("path", self.change.path.removesuffix(b"/")),
            "change": _WORDS[self.change.kind],
            "directory": self.is_directory,
            "size": self.total.size,
        }
        return {**document, "entries": self.total.entries} if self.is_directory else document


def change_lines(rows: FrozenDraft, store: Store) -> Iterator[ChangeLine]:
    """List the changes of a draft, by path; the time grows with them, not with the draft."""
    from artfs.drafts.commit.status import SubtreeTotals, changes

    totals = SubtreeTotals(rows, store.pages)
    return (ChangeLine(change, totals.total_of(change)) for change in changes(rows, store.pages))


class ChangeSummary:
    """Counts of the changes that went through `watch`."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_WORDS, 0)
        self._bytes = 0

    def watch(self, lines: Iterator[ChangeLine]) -> Iterator[ChangeLine]:
        """Count lines and pass them on; a directory counts with all that is in it."""
        for line in lines:
            self._counts[line.change.kind] += 1 + line.total.entries
            self._bytes += line.total.size if line.change.kind != "D" else 0
            yield line

    def counts_text(self) -> str:
        """The counts in a few words."""
        if not any(self._counts.values()):
            return "nothing changed"
        return ", ".join(
            f"{self._counts[kind]:,} {what}" for kind, what in _WORDS.items() if kind != "!" or self._counts[kind]
        )

    def text(self) -> str:
        """One line for people."""
        counts = self.counts_text()
        if not any(self._counts.values()):
            return counts
        return f"{counts}; {size_text(self._bytes)} in what was added and modified"

    def document(self) -> Document:
        """Document for programs."""
        return {**{what: self._counts[kind] for kind, what in _WORDS.items()}, "bytes": self._bytes}
