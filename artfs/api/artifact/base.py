"""The state of an artifact: contents that are being gathered, or a version in a store."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from artfs.api.about_run import about_run
from artfs.api.artifact.manifest import AddedEntries, Manifest, VersionEntries
from artfs.api.artifact.metadata import ArtifactMetadata
from artfs.api.artifact.pending_entries import PendingEntries
from artfs.api.lineage import logged_by
from artfs.api.store_pool import StoreLike, shared_store
from artfs.catalog import Version, json_object
from artfs.errors import ArtifactFinalizedError, ArtifactNotLoggedError, InvalidInputError
from artfs.format.node import Entry
from artfs.names import ArtifactName, VersionRef, project_of
from artfs.store.store import Store, root_entry, tree_entry

__all__ = ["ArtifactBase", "SavedVersion", "logged_only", "not_final"]

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="ArtifactBase")


def logged_only(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Refuse a method or getter of an unlogged artifact, before its arguments are looked at.

    Raises:
        ArtifactNotLoggedError: The artifact is not logged.
    """

    @wraps(method)
    def checked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.is_draft():
            raise ArtifactNotLoggedError(f"artifact {self.name} has no {method.__name__} yet: log it first")
        return method(self, *args, **kwargs)

    return checked


def not_final(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Refuse a method of an artifact whose contents are final, before its arguments are looked at.

    Raises:
        ArtifactFinalizedError: The artifact is logged, or `finalize` was called.
    """

    @wraps(method)
    def checked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.is_finalized():
            raise ArtifactFinalizedError(
                f"artifact {self.name} is final, {method.__name__} would change it: begin a new_draft()"
            )
        return method(self, *args, **kwargs)

    return checked


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """A version and its aliases as the store last had them: `save` pushes what differs.

    Attributes:
        version: Its row; None before it is logged.
        aliases: Its aliases.
    """

    version: Version | None = None
    aliases: tuple[str, ...] = ()


class ArtifactBase(ArtifactMetadata):
    """The part of `Artifact` that has its state: unlogged until `become`, then that version.

    Args:
        name: Of the artifact, without version.
        type: Of the artifact.
        description: Free text.
        metadata: A JSON object; copied.
        store: The store for contents that are added.
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
        self._contents: PendingEntries | None = PendingEntries(store)
        self._store: Store | None = None
        self._version: Version | None = None
        self._began_at: Version | None = None
        self._saved = SavedVersion()
        self._aliases: list[str] = []
        self._final = False
        self._deleted = False
        self._waits = True

    def begin_at(self, store: Store, version: Version) -> None:
        """Begin with the contents of a version, which gc keeps while this object lives."""
        self._retain(store, version)
        self._began_at = version
        self.contents.load(store.walk(root_entry(version)), store)

    def _retain(self, store: Store, version: Version) -> None:
        store.retain(version)
        weakref.finalize(self, store.release, version.serial).atexit = False

    def become(self, store: Store, version: Version) -> None:
        """Turn into a version that is in the store; gc keeps its contents while this object lives."""
        if self._version is None or self._version.serial != version.serial:
            self._retain(store, version)
        with store.catalog.view() as view:
            artifact, self._aliases = view.artifact(version.artifact), view.aliases_of(version)
        if artifact is not None:
            self._type = artifact.type
            self._full_name, self._project_open = ArtifactName(artifact.name), False
        self._store, self._version, self._contents = store, version, None
        self._final = True
        self._description = version.description
        self._metadata.reload(json_object(version.metadata))
        self._tags = list(version.tags)
        self._ttl_ns, self._ttl_set = version.ttl_ns, True
        self._saved = SavedVersion(version, tuple(self._aliases))

    def finalize(self) -> None:
        """Let nothing more be added. Logging does it too."""
        self._final = True

    def is_draft(self) -> bool:
        """True until it is logged."""
        return self._version is None

    def is_finalized(self) -> bool:
        """True when its contents can change no more."""
        return self._final

    @property
    def name(self) -> str:
        """The name without project, of a logged artifact with its version: `animals:v0`."""
        return self.base_name if self._version is None else f"{self.base_name}:{self._version.name}"

    @property
    def versioned_name(self) -> str:
        """The name in the catalog with its project, of a logged artifact with its version: `zoo/animals:v0`."""
        return self.full_name if self._version is None else f"{self.full_name}:{self._version.name}"

    @property
    def qualified_name(self) -> str:
        """The name with its project, and the entity before that if it is known: `ENTITY/PROJECT/animals:v0`.

        In no project it is as `name`. Before it is logged there is neither version nor entity.
        """
        return self._qualified(self.versioned_name)

    @property
    @logged_only
    def project(self) -> str | None:
        """The project that it is in; None: none."""
        return project_of(self._full_name)

    @property
    @logged_only
    def entity(self) -> str | None:
        """The entity of the run that logged it; None outside of runs, or if that was given none."""
        row = logged_by(self.store, self.row)
        found: str | None = None if row is None else about_run(row).get("entity")
        return found

    def _qualified(self, name: str) -> str:
        """Return a name in the catalog with the entity before it; one of no project as it is."""
        entity = None if self._version is None or "/" not in name else self.entity
        return f"{entity}/{name}" if entity else name

    @property
    def source_name(self) -> str:
        """The version that this one is a link to, as it is called now; or was restored from; else its own name."""
        return self._source().rpartition("/")[2]

    @property
    def source_qualified_name(self) -> str:
        """As `source_name`, with project and entity like `qualified_name`."""
        return self._qualified(self._source())

    def _source(self) -> str:
        if self._version is not None and self.is_link:
            with self.store.catalog.view() as view:
                return str(view.ref(view.source(self._version)))
        return (self._version.source if self._version is not None else None) or self.versioned_name

    @property
    @logged_only
    def source_version(self) -> str:
        """`vN` of the version that this one is a link to; of any other its own."""
        with self.store.catalog.view() as view:
            return view.source(self.row).name

    @property
    @logged_only
    def is_link(self) -> bool:
        """True of a link to a version that has another name."""
        with self.store.catalog.view() as view:
            return view.link(self.row) is not None

    @property
    def id(self) -> str | None:
        """Identifies the version in its store; None before it is logged."""
        return None if self._version is None else f"{self._version.serial:08x}"

    @property
    def state(self) -> str:
        """`PENDING` until it is logged, then `COMMITTED`, at last `DELETED`."""
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
        """The time at which it was logged: UTC, in ISO 8601."""
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
        return (self.contents.root_page.digest if self._version is None else self._version.digest).hex()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return self.contents.root_page.size if self._version is None else self._version.size

    @property
    @logged_only
    def file_count(self) -> int:
        """Number of files, links and references."""
        return len(self.manifest.entries)

    @property
    def manifest(self) -> Manifest:
        """All entries by path, before logging those added so far."""
        entries = AddedEntries(self, self.contents) if self._version is None else VersionEntries(self, self._version)
        return Manifest(entries, self.digest, self.size)

    @property
    def began_at(self) -> Version | None:
        """The version whose contents it began with; None: it began empty."""
        return self._began_at

    @property
    def contents(self) -> PendingEntries:
        """The entries that were added so far.

        Raises:
            InvalidInputError: It is logged.
        """
        if self._contents is None:
            raise InvalidInputError(f"artifact {self.name} is logged: begin a new_draft()")
        return self._contents

    @property
    def row(self) -> Version:
        """The row of a logged artifact's version in the catalog.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
        """
        if self._version is None:
            raise ArtifactNotLoggedError(f"artifact {self.name} has no version yet: log it first")
        return self._version

    @property
    def store(self) -> Store:
        """The store of a logged artifact.

        It is opened again where it was closed, its index was rebuilt, or this process was forked since.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
        """
        if self._store is None:
            raise ArtifactNotLoggedError(f"artifact {self.name} is in no store yet: log it first")
        if not self._store.current:
            self._store = shared_store(self._store.path, create=False)
        return self._store

    @property
    def readable_store(self) -> Store:
        """The store that has the bytes of its entries, before it is logged too."""
        return self.contents.readable_store() if self._version is None else self.store

    @property
    def readable_root(self) -> Entry:
        """The root directory in `readable_store`; before it is logged, of what was added so far, which is stored.

        Raises:
            InvalidInputError: A file is still being written.
        """
        return root_entry(self._version) if self._version is not None else tree_entry(self.contents.readable_tree())

    @property
    def version_ref(self) -> VersionRef:
        """The version by the name that the artifact has now."""
        with self.store.catalog.view() as view:
            return view.ref(self.row)

    @property
    def saved(self) -> SavedVersion:
        """The version and its aliases as the store last had them."""
        return self._saved

    def __repr__(self) -> str:
        return f"<Artifact {self.name} ({self.type})>"
