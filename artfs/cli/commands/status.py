"""`artfs status`: what was changed in a draft."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from artfs.cli.command import command as artfs_command
from artfs.cli.output import Document, json_option, json_text, print_documents, print_line, shown, write
from artfs.cli.text import size_text
from artfs.errors import MountError, NotFoundError
from artfs.names import quoted

if TYPE_CHECKING:
    from artfs.cli.drafts import ControlDirectory
    from artfs.store import Store
    from artfs.vfs.draft.frozen import FrozenDraft
    from artfs.vfs.draft.status import Change
    from artfs.vfs.draft.weight import Weight

__all__ = ["command"]


@artfs_command("status", examples=("artfs status /mnt/stage/animals", "artfs status --json"))
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(readable=False))
@json_option
def command(directory: str, as_json: bool) -> None:
    """Show what was changed in a draft.

    DIR is the draft's directory or anything in it, by default where you are. Lists the paths that were added (A),
    removed (D) and modified (M) since the last commit, or the version below. Takes time for what changed, not for what
    is there.
    """
    from artfs.cli.drafts import find_draft
    from artfs.vfs.draft.status import changes
    from artfs.vfs.draft.weight import Scale

    draft = find_draft(directory)
    told = draft.read("status")  # which also has the rows written out to where they are read below
    with _rows(draft) as found:
        if found is None:
            if as_json:
                raise MountError(f"the store of {quoted(draft.top)} is not to be seen from here: leave --json out")
            write(told)
            return
        rows, store = found
        scale = Scale(rows, store.pages)
        summary = _Summary()
        lines = (_Line(change, scale.weigh(change)) for change in changes(rows, store.pages))
        if as_json:
            _print_json(draft, rows, summary.watch(lines), summary)
            return
        print_line(f"{rows.origin.artifact} from {rows.origin.base_ref or 'nothing'}")
        for line in summary.watch(lines):
            print_line(line.text())
        print_line(summary.text())


@contextmanager
def _rows(draft: ControlDirectory) -> Iterator[tuple[FrozenDraft, Store] | None]:
    """The draft's rows and its store; None where only the mount is to be seen, as in a container."""
    from artfs.catalog import note_deaths
    from artfs.cli.mounted import store_of
    from artfs.store import open_store
    from artfs.vfs.draft.frozen import FrozenDraft
    from artfs.vfs.draft.home import DraftsHome

    top, name = os.path.split(draft.top)
    path = store_of(top)
    with ExitStack() as stack:
        if path is None or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            yield None
            return
        note_deaths(path / "index")
        store = stack.enter_context(open_store(path))
        places = [place.path for place in DraftsHome(store.layout.drafts).list() if place.name == name]
        if not places:
            raise NotFoundError(f"{quoted(draft.top)} was discarded a moment ago")
        yield stack.enter_context(FrozenDraft(places[0], store)), store


@dataclass(frozen=True, slots=True)
class _Line:
    """A change, and what it comes to."""

    change: Change
    weight: Weight

    @property
    def is_directory(self) -> bool:
        """Whether it stands for a directory."""
        return self.change.path.endswith(b"/")

    def text(self) -> str:
        """For people."""
        size = f"{self.weight.size:,}" if self.change.kind != "M" or not self.is_directory else ""
        more = f" ({self.weight.entries:,} in it)" if self.weight.entries else ""
        return f"{self.change.kind} {size:>15} {shown(self.change.path)}{more}"

    def document(self) -> Document:
        """For programs."""
        document: Document = {
            **json_text("path", self.change.path.removesuffix(b"/")),
            "change": _WORDS[self.change.kind],
            "directory": self.is_directory,
            "size": self.weight.size,
        }
        return {**document, "entries": self.weight.entries} if self.is_directory else document


class _Summary:
    """Counts what goes by."""

    def __init__(self) -> None:
        self._counts = {"A": 0, "D": 0, "M": 0}
        self._bytes = 0

    def watch(self, lines: Iterator[_Line]) -> Iterator[_Line]:
        """Pass lines on; a directory counts with all that is in it."""
        for line in lines:
            self._counts[line.change.kind] += 1 + line.weight.entries
            self._bytes += line.weight.size if line.change.kind != "D" else 0
            yield line

    def text(self) -> str:
        """One line for people."""
        if not any(self._counts.values()):
            return "nothing changed"
        counts = ", ".join(f"{self._counts[kind]:,} {what}" for kind, what in _WORDS.items())
        return f"{counts}; {size_text(self._bytes)} in what was added and modified"

    def document(self) -> Document:
        """The same for programs."""
        return {**{what: self._counts[kind] for kind, what in _WORDS.items()}, "bytes": self._bytes}


_WORDS = {"A": "added", "D": "removed", "M": "modified"}


def _print_json(draft: ControlDirectory, rows: FrozenDraft, lines: Iterator[_Line], summary: _Summary) -> None:
    """Write an object, the changes as they come."""
    import msgspec

    head = {
        **json_text("path", os.fsencode(draft.top)),
        "draft": os.path.basename(draft.top),
        "artifact": rows.origin.artifact,
        "base": rows.origin.base_ref or None,
    }
    before = msgspec.json.encode(head)[:-1] + b',"changes":['
    print_documents((line.document() for line in lines), before=before, after=b"]")
    write(b',"summary":' + msgspec.json.encode(summary.document()) + b"}\n")
