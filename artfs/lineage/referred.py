"""What versions refer to elsewhere, as graphs show it: few objects are named, and of many that they are many."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from artfs.errors import IntegrityError
from artfs.format.node import Kind
from artfs.format.reference import decode_reference
from artfs.names import printable
from artfs.store.tree.pages import Pages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artfs.catalog import Version, View
    from artfs.format.node import Entry

__all__ = ["Referred", "referred_by"]

_LOOKED_AT: Final = 100
"""Entries of a version: a graph may have thousands of versions, and each of them millions of entries."""
_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class Referred:
    """The references of a version.

    Attributes:
        count: References among the entries that were looked at.
        complete: All entries were looked at.
        uris: Those of the first.
        below: What all URIs that were looked at are below, as `s3://bucket/prefix/`; empty if they have no such thing.
    """

    count: int
    complete: bool
    uris: tuple[str, ...]
    below: str

    @property
    def text(self) -> str:
        """The references in a few words for people."""
        first = printable(self.uris[0])
        if not self.complete:
            return f"refers to at least {self.count} {'object' if self.count == 1 else 'objects'}, the first {first}"
        if self.count == 1:
            return f"refers to {first}"
        return f"refers to {self.count} objects" + (
            f" below {printable(self.below)}" if self.below else f", {first} ..."
        )


def referred_by(view: View, version: Version) -> Referred | None:
    """Look at the first entries of a version for references; return None if there are none, or the contents are gone.

    Args:
        view: The catalog, which has the tree.
        version: The version, which may be deleted.
    """
    if version.removed:
        return None
    try:
        looked = list(islice(_entries(Pages(view.node), version.tree.root), _LOOKED_AT))
        uris = [decode_reference(entry).uri for entry in looked if entry.kind == Kind.REFERENCE]
    except IntegrityError:  # lineage outlives contents: it is `artfs fsck` that tells of damage
        return None
    if not uris:
        return None
    return Referred(len(uris), len(looked) == version.tree.entries, tuple(uris[:_NAMED]), _above(uris))


def _above(uris: list[str]) -> str:
    """Return the longest prefix, with a slash at its end, that all URIs have; empty if that is no more than `s3://`."""
    above = uris[0]
    while above.count("/") > 2:
        above = above.rstrip("/").rpartition("/")[0] + "/"
        if all(uri.startswith(above) for uri in uris):
            break
    return above if above.count("/") > 2 else ""


def _entries(pages: Pages, node: bytes) -> Iterator[Entry]:
    """Yield the entries below a directory, each directory before its contents."""
    for _position, entry in pages.iterate(node):
        yield entry
        if entry.kind == Kind.DIRECTORY:
            yield from _entries(pages, entry.node)
