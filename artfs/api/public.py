"""Find what is in a store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from artfs.api import capture
from artfs.api.artifact import Artifact
from artfs.api.run import Run
from artfs.api.stores import StoreLike, shared_store
from artfs.catalog import Version
from artfs.errors import InvalidInputError, NotFoundError
from artfs.names import parse_artifact_name, parse_artifact_type, parse_ref, parse_tag
from artfs.store.store import Store

__all__ = ["Api", "ArtifactCollection", "ArtifactType"]


@dataclass(frozen=True, slots=True)
class ArtifactCollection:
    """An artifact with all its versions.

    Attributes:
        name: Its name.
        type: Its type.
        description: Free text.
        created_at: When its first version was logged: UTC, in ISO 8601.
        aliases: All aliases of its versions.
        store: Where it is.
    """

    name: str
    type: str
    description: str
    created_at: str
    aliases: tuple[str, ...]
    store: Store

    def artifacts(self) -> list[Artifact]:
        """Its versions, the newest first."""
        return Api(self.store).artifacts(self.name)

    versions = artifacts


@dataclass(frozen=True, slots=True)
class ArtifactType:
    """A type that artifacts have.

    Attributes:
        name: The type.
        store: Where they are.
    """

    name: str
    store: Store

    def collections(self) -> list[ArtifactCollection]:
        """The artifacts of the type, by name."""
        return Api(self.store).artifact_collections(self.name)


class Api:
    """Looks into a store.

    Args:
        store: The store or its directory; None: `$ARTFS_STORE`, else the user's own.

    Raises:
        StoreError: There is none, or it cannot be used.
    """

    def __init__(self, store: StoreLike = None) -> None:
        self._place = shared_store(store, create=False).path

    @property
    def _store(self) -> Store:
        return shared_store(self._place, create=False)

    def artifact(self, ref: str, type: str | None = None) -> Artifact:  # noqa: A002 - W&B's word
        """Find a version.

        Args:
            ref: `NAME`, `NAME:vN` or `NAME:ALIAS`.
            type: The type that it must have; None: any.

        Raises:
            InvalidInputError: The reference is malformed.
            NotFoundError: There is none, or none of the type.
        """
        store = self._store
        parsed = parse_ref(ref)
        pinned = capture.pinned(store, capture.current_run(store), parsed)
        with store.catalog.view() as view:
            version = view.resolve(pinned)
            artifact = view.artifact(version.artifact)
        if type is not None and artifact is not None and artifact.type != type:
            raise NotFoundError(f"artifact {parsed.name} is of type {artifact.type}, not {type}")
        return Artifact.of_version(store, version)

    def artifact_exists(self, ref: str, type: str | None = None) -> bool:  # noqa: A002 - W&B's word
        """Whether there is such a version.

        Args:
            ref: `NAME`, `NAME:vN` or `NAME:ALIAS`.
            type: The type that it must have; None: any.

        Raises:
            InvalidInputError: The reference is malformed.
        """
        try:
            self.artifact(ref, type)
        except NotFoundError:
            return False
        return True

    def artifacts(
        self,
        name: str,
        type: str | None = None,  # noqa: A002 - W&B's word
        order: str = "-version_index",
        tags: Iterable[str] | str | None = None,
    ) -> list[Artifact]:
        """List the versions of an artifact.

        Args:
            name: The artifact.
            type: The type that it must have; None: any.
            order: `-version_index`, the newest first, or `+version_index`; `-` and `+` are enough.
            tags: Only versions that have this tag, or all of these.

        Raises:
            InvalidInputError: A name, tag or order is not allowed.
            NotFoundError: There is no such artifact, or none of the type.
        """
        if order not in {"-", "+", "-version_index", "+version_index", "version_index"}:
            raise InvalidInputError(f"order {order!r} is not allowed: use '+version_index' or '-version_index'")
        wanted = {parse_tag(tag) for tag in ((tags,) if isinstance(tags, str) else tags or ())}
        store = self._store
        found: list[Version] = []
        with store.catalog.view() as view:
            artifact = view.artifact_by_name(parse_artifact_name(name))
            if artifact is None:
                raise NotFoundError(f"artifact {name} does not exist: `artfs ls` shows which do")
            if type not in {None, artifact.type}:
                raise NotFoundError(f"artifact {name} is of type {artifact.type}, not {type}")
            versions = view.versions(artifact.serial, newest_first=order.startswith("-"))
            found = [version for version in versions if wanted <= set(version.tags)]
        return [Artifact.of_version(store, version) for version in found]

    def artifact_types(self) -> list[ArtifactType]:
        """The types that artifacts have, by name."""
        store = self._store
        with store.catalog.view() as view:
            names = sorted({artifact.type for artifact in view.artifacts()})
        return [ArtifactType(name, store) for name in names]

    def artifact_collections(self, type: str) -> list[ArtifactCollection]:  # noqa: A002 - W&B's word
        """The artifacts of a type, by name.

        Args:
            type: The type.

        Raises:
            InvalidInputError: The type is malformed.
        """
        wanted = parse_artifact_type(type)
        store = self._store
        with store.catalog.view() as view:
            return [
                ArtifactCollection(
                    artifact.name,
                    artifact.type,
                    artifact.description,
                    datetime.fromtimestamp(artifact.created_ns / 1e9, UTC).isoformat(timespec="milliseconds"),
                    tuple(alias.name for alias in view.aliases(artifact.serial)),
                    store,
                )
                for artifact in view.artifacts()
                if artifact.type == wanted
            ]

    def runs(self, order: str = "+created_at") -> list[Run]:
        """All runs, by when they were started.

        Args:
            order: `+created_at`, the oldest first, or `-created_at`; `+` and `-` are enough.

        Raises:
            InvalidInputError: The order is not allowed.
        """
        if order not in {"-", "+", "-created_at", "+created_at", "created_at"}:
            raise InvalidInputError(f"order {order!r} is not allowed: use '+created_at' or '-created_at'")
        store = self._store
        with store.catalog.view() as view:
            rows = list(view.runs(newest_first=order.startswith("-")))
        return [Run(store, row) for row in rows]

    def run(self, id: str) -> Run:  # noqa: A002 - W&B's word
        """Find a run.

        Args:
            id: Its id.

        Raises:
            InvalidInputError: The id is malformed.
            NotFoundError: There is none.
        """
        store = self._store
        with store.catalog.view() as view:
            row = view.known_run(id)
        return Run(store, row)
