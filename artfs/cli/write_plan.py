"""What `artfs get` says of files that it would overwrite or remove, and its dry run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from artfs.cli.render.output import print_line, print_note, size_text
from artfs.documents.document import Document, json_text
from artfs.errors import ConflictError
from artfs.format.node import Entry
from artfs.names import ArtifactName, quoted

if TYPE_CHECKING:
    from artfs.store import Store
    from artfs.store.read.unsaved import UnsavedFiles

__all__ = ["note_overwritten", "overwritten_document", "print_write_plan", "unsaved_error"]

_NAMED_AT_MOST: Final = 5


def unsaved_error(artifact: ArtifactName, target: Path, unsaved: UnsavedFiles) -> ConflictError:
    """Make the error for files that no version could bring back.

    Args:
        artifact: The artifact.
        target: What is written to.
        unsaved: The files.
    """
    done = "written or removed" if unsaved.removed else "written"
    verbs = {"overwrites": unsaved.overwritten, "removes": unsaved.removed}
    forced = " and ".join(verb for verb, paths in verbs.items() if paths)
    return ConflictError(
        f"nothing was {done}, to keep {_unsaved_text(artifact, target, unsaved.paths)}; `artfs put` or a copy keeps"
        f" what is there, --force {forced} {'it' if len(unsaved.paths) == 1 else 'them'}"
    )


def note_overwritten(artifact: ArtifactName, target: Path, overwritten: Sequence[bytes]) -> None:
    """Write a line about files that were overwritten and no version has; none if there were none."""
    if overwritten:
        print_note(f"overwritten: {_unsaved_text(artifact, target, overwritten)}")


def overwritten_document(overwritten: Sequence[bytes]) -> Document:
    """Return the key `overwritten`: an array of objects with `path`."""
    return {"overwritten": [json_text("path", path) for path in overwritten]}


def _unsaved_text(artifact: ArtifactName, target: Path, unsaved: Sequence[bytes]) -> str:
    """Say which files have contents that no version has."""
    place = quoted(os.fspath(target))
    if unsaved[0] == b"":
        return f"{place} with contents that no version of {artifact} has there"
    count = len(unsaved)
    names = ", ".join(quoted(path) for path in unsaved[:_NAMED_AT_MOST])
    more = f" and {count - _NAMED_AT_MOST:,} more" if count > _NAMED_AT_MOST else ""
    files = "1 file" if count == 1 else f"{count:,} files"
    return f"{files} in {place} with contents that no version of {artifact} has there: {names}{more}"


def print_write_plan(
    store: Store, ref: str, entry: Entry, target: Path, unsaved: Sequence[bytes], *, delete: bool, as_json: bool
) -> None:
    """Show what writing an entry out would change.

    Args:
        store: Has the entry.
        ref: The version.
        entry: What would be written.
        target: Where.
        unsaved: Files that would be lost, whose contents no version has.
        delete: What the entry does not have would be removed.
        as_json: Print a document.
    """
    from artfs.cli.render.differences import print_differences, print_differences_json
    from artfs.documents.differences import DifferenceCounts
    from artfs.store.read.overwriting import changes_by_writing

    counts = DifferenceCounts()
    changes = counts.watch(changes_by_writing(store, entry, target, delete=delete))
    if as_json:
        place = json_text("path", os.fsencode(target))
        head = {"dry_run": True, "ref": ref, **place, "unsaved": [json_text("path", path) for path in unsaved]}
        print_differences_json(head, changes, counts)
        return
    print_differences(changes)
    new, changed, gone = (counts.counts[what] for what in ("added", "modified", "removed"))
    size = size_text(counts.sizes["added"])
    print_line(f"{new:,} would be written and {changed:,} overwritten with {size}, {gone:,} removed")
    if unsaved:
        artifact = ArtifactName(ref.partition(":")[0])
        print_line(f"refused without --force: {_unsaved_text(artifact, target, unsaved)}")
