"""Deleted versions and discarded drafts that gc has not removed: what `artfs undelete` lists."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from artfs.cli.render.output import size_text
from artfs.documents.document import Document, duration_text, iso_time, local_time
from artfs.drafts.discarded import DiscardedDrafts
from artfs.drafts.registry import room_of

if TYPE_CHECKING:
    from artfs.store import Store

__all__ = ["DeletedItem", "deleted_items"]

_MINUTE: Final = 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class DeletedItem:
    """A version or a draft that can be brought back.

    Attributes:
        ref: The version's reference; of a draft its name.
        size: Bytes of the version, or those that the draft takes on the disk.
        draft: The draft's number; None: it is a version.
        artifact_deleted: The version's artifact is deleted too, and comes back with it.
        deleted_ns: When it was deleted (nanoseconds since 1970); None: not known, and the next gc may remove it.
        aliases: Those that were deleted with the version.
    """

    HEADER: ClassVar = ("WHAT", "SIZE", "ALIASES", "DELETED", "KEPT FOR", "BACK WITH")

    ref: str
    size: int
    draft: int | None = None
    artifact_deleted: bool = False
    deleted_ns: int | None = None
    aliases: tuple[str, ...] = ()

    def left_ns(self, grace_ns: int) -> int:
        """Nanoseconds for which gc keeps it from now on; 0: the next one removes it."""
        return 0 if self.deleted_ns is None else max(0, self.deleted_ns + grace_ns - time.time_ns())

    def cells(self, grace_ns: int) -> tuple[str, ...]:
        """The row of the table.

        Args:
            grace_ns: How long gc keeps what was deleted (nanoseconds).
        """
        what = f"{self.ref} and its artifact" if self.artifact_deleted else self.ref
        way = f"artfs undelete {self.ref}"
        if self.draft is not None:
            what, way = f"draft {self.ref}", f"artfs undelete --draft {self.draft}"
        deleted = "" if self.deleted_ns is None else local_time(self.deleted_ns)
        left = self.left_ns(grace_ns)
        kept = duration_text(left // _MINUTE * _MINUTE) if left >= _MINUTE else "next gc"
        return what, size_text(self.size), ",".join(self.aliases), deleted, kept, way

    def document(self, grace_ns: int) -> Document:
        """The JSON object; `grace_ns` as for `cells`."""
        return {
            "kind": "version" if self.draft is None else "draft",
            "ref": self.ref if self.draft is None else None,
            "draft": None if self.draft is None else self.ref,
            "number": self.draft,
            "size": self.size,
            "artifact_deleted": self.artifact_deleted,
            "aliases": list(self.aliases),
            "kept_seconds": self.left_ns(grace_ns) // 1_000_000_000,
            "deleted": None if self.deleted_ns is None else iso_time(self.deleted_ns),
        }


def deleted_items(store: Store) -> list[DeletedItem]:
    """List the deleted versions of a store, by artifact, then its discarded drafts."""
    found: list[DeletedItem] = []
    with store.catalog.view() as view:
        for version in view.all_versions():
            artifact = view.artifact(version.artifact)
            name = None if artifact is None else view.name_row(artifact.name)
            if artifact is None or name is None or name.owner != artifact.serial:
                continue  # another artifact has had its name since
            if version.deleted and not version.removed:
                ref = f"{artifact.name}:{version.name}"
                deletion = view.deletion(version)
                when, aliases = (None, ()) if deletion is None else (deletion.deleted_ns, deletion.aliases)
                found.append(DeletedItem(ref, version.size, None, artifact.deleted, when, aliases))
    drafts = DiscardedDrafts(store.layout.drafts).list()
    found += [DeletedItem(d.name, room_of(d.path), d.number, deleted_ns=d.discarded_ns) for d in drafts]
    return found
