"""How the version that a draft was committed as differs from what the draft shows, since a merge."""

from __future__ import annotations

import shlex
from itertools import islice
from typing import Final

from artfs.drafts.db.schema import Origin
from artfs.format.node import Kind
from artfs.names import printable
from artfs.store.tree.diff import diff_trees
from artfs.store.tree.pages import Pages

__all__ = ["differs_from_shown"]

_COUNTED_AT_MOST: Final = 10_000


def differs_from_shown(origin: Origin, directory: str = "", pages: Pages | None = None) -> str:
    """Say how the version that a draft was last committed as differs from what the draft showed then.

    Args:
        origin: The draft's, which was merged and shows other contents than its base.
        directory: Where the draft is, for the command that lists the differences; empty: without that.
        pages: Reads both trees to count the differences; None: they are not counted.
    """
    ref = origin.base_ref
    counts = "" if pages is None else _counts(origin, pages)
    lists = f"`artfs diff {ref} {printable(shlex.quote(directory))}` lists that, " if directory else ""
    opens = f"`artfs stage {ref.partition(':')[0]} --as OTHER` opens a draft that shows it"
    return f"{ref} differs from what this draft shows{': ' * bool(counts)}{counts}; {lists}{opens}"


def _counts(origin: Origin, pages: Pages) -> str:
    """Say how many files and symlinks are in only one of the two, and how many in both but not alike."""
    found = list(islice(diff_trees(origin.shown_root, origin.base_root, pages), _COUNTED_AT_MOST + 1))
    if len(found) > _COUNTED_AT_MOST:
        return f"at more than {_COUNTED_AT_MOST:,} paths"
    files = [each for each in found if Kind.DIRECTORY not in {entry.kind for entry in (each.old, each.new) if entry}]
    number = {what: sum(each.what == what for each in files) for what in ("added", "removed", "modified")}
    said = []
    if added := number["added"]:
        said.append(f"{added:,} {'file' if added == 1 else 'files'} of it {_are(added)} not shown here")
    if removed := number["removed"]:
        said.append(f"{removed:,} shown here {_are(removed)} not in it")
    if modified := number["modified"]:
        said.append(f"{modified:,} {_are(modified)} not as shown here")
    return ", ".join(said)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
