"""What an artifact is: a draft with contents that are being gathered, or a version in a store."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any

from artfs.api import logged
from artfs.api.contents import Contents
from artfs.api.described import Described
from artfs.api.entry import ManifestEntry
from artfs.api.guard import logged_only
from artfs.api.manifest import DraftEntries, Manifest, VersionEntries
from artfs.api.saving import Saved
from artfs.api.stores import StoreLike, shared_store
from artfs.catalog import Version, decode_metadata
from artfs.errors import ArtifactNotLoggedError, InvalidInputError
from artfs.format.node import Entry
from artfs.names import VersionRef
from artfs.store.store import Store

__all__ = ["ArtifactState"]


class ArtifactState(Described):
    """The part of `Artifact` that knows what it is: a draft until `become`, from then on that version.

    Args:
        name: Of the artifact, without version.
        type: Of the artifact.
        description: Free text.
        metadata: A JSON object; copied.
        store: Where contents of the draft are stored.
    """

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002 - the name that W&B's users write
        description: str | None,
        metadata: Mapping[str, Any] | None,
        store: StoreLike,
    ) -> None:
        super().__init__(name, type, description, metadata)
        self._contents: Contents | None = Contents(store)
        self._store: Store | None = None
        self._version: Version | None = None
        self._saved = Saved()
        self._aliases: list[str] = []
        self._final = False
        self._deleted = False

    def become(self, store: Store, version: Version) -> None:
        """Turn a draft into a version that is in the store, which stays readable as long as this object is there."""
        if self._version is None or self._version.serial != version.serial:
            store.hold(version)
            weakref.finalize(self, store.release, version.serial).atexit = False
        with store.catalog.view() as view:
            artifact, self._aliases = view.artifact(version.artifact), view.aliases_of(version)
        if artifact is not None:
            self._type = artifact.type
            self._base_name = artifact.name
        self._store, self._version, self._contents = store, version, None
        self._final = True
        self._description = version.description
        self._metadata = decode_metadata(version.metadata)
        self._tags = list(version.tags)
        self._ttl_ns, self._ttl_set = version.ttl_ns, True
        self._saved = Saved(version, tuple(self._aliases))

    def finalize(self) -> None:
        """Let nothing more be added. Logging does it too."""
        self._final = True

    def is_draft(self) -> bool:
        """Whether it is not logged."""
        return self._version is None

    def is_finalized(self) -> bool:
        """Whether its contents can change no more."""
        return self._final

    @property
    def base_name(self) -> str:
        """The name without version."""
        return self._base_name

    @property
    def name(self) -> str:
        """The name, of a logged artifact with its version: `animals:v0`."""
        return self._base_name if self._version is None else f"{self._base_name}:{self._version.name}"

    @property
    def qualified_name(self) -> str:
        """As `name`: one store has one artifact of a name."""
        return self.name

    @property
    def source_name(self) -> str:
        """The version that this one is a link to, as it was called then; its own name if it is none."""
        return (self._version.source if self._version is not None else None) or self.name

    @property
    def id(self) -> str | None:
        """Identifies the version in its store; None of a draft."""
        return None if self._version is None else f"{self._version.serial:08x}"

    @property
    def state(self) -> str:
        """`PENDING` while it is a draft, then `COMMITTED`, at last `DELETED`."""
        if self._deleted:
            return "DELETED"
        return "PENDING" if self._version is None else "COMMITTED"

    @property
    @logged_only
    def version(self) -> str:
        """`v0`, `v1` and so on."""
        return self.row.name

    @property
    @logged_only
    def created_at(self) -> str:
        """When it was logged: UTC, in ISO 8601."""
        return datetime.fromtimestamp(self.row.created_ns / 1e9, UTC).isoformat(timespec="milliseconds")

    @property
    @logged_only
    def aliases(self) -> list[str]:
        """Its aliases, which may be edited in place; `save` pushes the changes."""
        return self._aliases

    @aliases.setter
    def aliases(self, aliases: Sequence[str]) -> None:
        if self._version is None:
            raise ArtifactNotLoggedError(f"artifact {self.name} has no aliases yet: give them when it is logged")
        self._aliases = list(aliases)

    @property
    def ttl_ns(self) -> int | None:
        """The time to live in nanoseconds."""
        return self._ttl_ns

    @property
    def digest(self) -> str:
        """Identifies the contents: equal contents, equal digest."""
        return (self.contents.top.digest if self._version is None else self._version.digest).hex()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return self.contents.top.size if self._version is None else self._version.size

    @property
    @logged_only
    def file_count(self) -> int:
        """Number of files, links and references."""
        return len(self.manifest.entries)

    @property
    def manifest(self) -> Manifest:
        """All entries by path, of a draft those added so far."""
        if self._version is None:
            return Manifest(DraftEntries(self.contents, self._entry), self.digest, self.size)
        entries = VersionEntries(self._live, self._version, self._entry)
        return Manifest(entries, self.digest, self.size)

    @property
    def contents(self) -> Contents:
        """What a draft holds.

        Raises:
            ArtifactFinalizedError: It is logged.
        """
        if self._contents is None:
            raise InvalidInputError(f"artifact {self.name} is logged: begin a new_draft()")
        return self._contents

    @property
    def row(self) -> Version:
        """The row of a logged artifact's version in the catalog.

        Raises:
            ArtifactNotLoggedError: It is a draft.
        """
        if self._version is None:
            raise ArtifactNotLoggedError(f"artifact {self.name} has no version yet: log it first")
        return self._version

    @property
    def store(self) -> Store:
        """The store of a logged artifact.

        Raises:
            ArtifactNotLoggedError: It is a draft.
        """
        return self._live()

    def _live(self) -> Store:
        """The store; opened again where it was closed or its index made again, or in a child that was forked since."""
        if self._store is None:
            raise ArtifactNotLoggedError(f"artifact {self.name} is in no store yet: log it first")
        if not self._store.current:
            self._store = shared_store(self._store.path, create=False)
        return self._store

    @property
    def _ref(self) -> VersionRef:
        with self._live().catalog.view() as view:
            return view.ref(self.row)

    def _entry(self, path: bytes, row: Entry) -> ManifestEntry:
        return ManifestEntry(path, row, self._open_entry, self._download_entry)

    @property
    def saved(self) -> Saved:
        """What the store says of it, as of the last look."""
        return self._saved

    def _open_entry(self, entry: ManifestEntry) -> IO[bytes]:
        return logged.open_entry(self._live(), entry)

    def _download_entry(self, entry: ManifestEntry, root: str | os.PathLike[str] | None) -> str:
        return logged.download_entry(self._live(), entry, root or logged.default_root(self.name))

    def __repr__(self) -> str:
        return f"<Artifact {self.name} ({self.type})>"
