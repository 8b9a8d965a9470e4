"""`artfs diff`: what changed from one version to another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from artfs.cli.arguments import REF
from artfs.cli.command import command as artfs_command
from artfs.cli.documents import entry_document
from artfs.cli.output import Document, json_option, json_text, print_documents, print_line, shown
from artfs.cli.settings import Settings
from artfs.cli.text import KINDS, size_text
from artfs.format.node import Entry, Kind
from artfs.names import VersionRef

if TYPE_CHECKING:
    from artfs.store.tree.diff import Difference

__all__ = ["command"]


@artfs_command("diff", examples=("artfs diff animals:v0 animals:v1", "artfs diff animals:best animals --json"))
@click.argument("old", type=REF)
@click.argument("new", type=REF)
@json_option
@click.pass_obj
def command(settings: Settings, old: VersionRef, new: VersionRef, as_json: bool) -> None:
    """Show what changed from one version to another.

    Lists the paths that were added (A), removed (D) and modified (M), with the bytes that this makes. Takes time for
    what changed, not for what is there. Times do not count as a change. Exits 0 whether or not there is a difference.
    """
    with settings.open_store() as store:
        before, after = store.version(old), store.version(new)
        summary = _Summary()
        differences = summary.watch(store.diff(before, after))
        if as_json:
            head = b'{"old":"%s:%s","new":"%s:%s","changes":['
            names = (old.name.encode(), before.name.encode(), new.name.encode(), after.name.encode())
            print_documents(map(_document, differences), before=head % names, after=b"]")
            summary.close_json()
            return
        for difference in differences:
            print_line(_line(difference))
        print_line(summary.text())


class _Summary:
    """Counts what goes by."""

    def __init__(self) -> None:
        self._counts = {"added": 0, "removed": 0, "modified": 0}
        self._bytes = {"added": 0, "removed": 0}

    def watch(self, differences: Iterator[Difference]) -> Iterator[Difference]:
        """Pass differences on."""
        for difference in differences:
            self._counts[difference.what] += 1
            old, new = _size(difference.old), _size(difference.new)
            if difference.old is None or difference.new is None or difference.old.digest != difference.new.digest:
                self._bytes["added"] += new
                self._bytes["removed"] += old
            yield difference

    def text(self) -> str:
        """One line for people."""
        counts = ", ".join(f"{count:,} {what}" for what, count in self._counts.items())
        return f"{counts}; +{size_text(self._bytes['added'])} -{size_text(self._bytes['removed'])}"

    def close_json(self) -> None:
        """End the JSON document."""
        import msgspec

        from artfs.cli.output import write

        summary = {**self._counts, "bytes_added": self._bytes["added"], "bytes_removed": self._bytes["removed"]}
        write(b',"summary":' + msgspec.json.encode(summary) + b"}\n")


def _size(entry: Entry | None) -> int:
    """Its own bytes: a directory's are those of the files that are listed beside it."""
    return 0 if entry is None or entry.kind == Kind.DIRECTORY else entry.size


_LETTERS = {"added": "A", "removed": "D", "modified": "M"}


def _line(difference: Difference) -> str:
    old, new = difference.old, difference.new
    what = _LETTERS[difference.what]
    kinds = [entry.kind for entry in (new, old) if entry is not None]
    slash = "/" if kinds[0] == Kind.DIRECTORY else ""
    change = _size(new) - _size(old)
    return f"{what} {change:>+15,} {shown(difference.path)}{slash}{_note(old, new)}"


def _note(old: Entry | None, new: Entry | None) -> str:
    """What changed besides contents."""
    if old is None or new is None:
        return ""
    if old.kind != new.kind:
        return f" ({KINDS[old.kind]} -> {KINDS[new.kind]})"
    if old.mode != new.mode:
        return f" (mode {old.mode:04o} -> {new.mode:04o})"
    return ""


def _document(difference: Difference) -> Document:
    document: Document = {**json_text("path", difference.path), "change": difference.what}
    for side, entry in (("old", difference.old), ("new", difference.new)):
        if entry is not None:
            document[side] = entry_document(b"", entry)
            del document[side]["path"]
    return document
