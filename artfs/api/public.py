"""`Api`: find artifacts, versions and runs in a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from artfs.api import tracking
from artfs.api.artifact.artifact import Artifact
from artfs.api.projects import current_project
from artfs.api.run.ids import run_id_of
from artfs.api.run.run import Run
from artfs.api.store_pool import StoreLike, shared_store
from artfs.catalog import Artifact as Row
from artfs.catalog import View, current_actor
from artfs.errors import InvalidInputError, NotFoundError
from artfs.names import (
    ArtifactName,
    VersionRef,
    parse_artifact_type,
    parse_project,
    parse_ref,
    parse_tag,
    parse_wanted_name,
    project_of,
    quoted,
)
from artfs.store.store import Store

__all__ = ["Api", "ArtifactCollection", "ArtifactType"]


@dataclass(frozen=True, slots=True)
class ArtifactCollection:
    """An artifact with all its versions.

    Attributes:
        name: Its name, without project.
        type: Its type.
        description: Free text.
        created_at: The time at which its first version was logged: UTC, in ISO 8601.
        aliases: All aliases of its versions.
        store: The store that has it.
        project: The project that it is in; None: none.
    """

    name: str
    type: str
    description: str
    created_at: str
    aliases: tuple[str, ...]
    store: Store
    project: str | None = None

    def artifacts(self) -> list[Artifact]:
        """Its versions, the newest first."""
        return Api(self.store).artifacts(f"{self.project or ''}/{self.name}")

    def __reduce__(self) -> tuple[object, ...]:
        values = self.name, self.type, self.description, self.created_at, self.aliases
        return _reopened, (type(self), values, os.fspath(self.store.path), self.project)

    versions = artifacts


@dataclass(frozen=True, slots=True)
class ArtifactType:
    """A type that artifacts have.

    Attributes:
        name: The type.
        store: The store that has them.
    """

    name: str
    store: Store

    def collections(self) -> list[ArtifactCollection]:
        """The artifacts of the type, by name."""
        return Api(self.store).artifact_collections(type=self.name)

    def __reduce__(self) -> tuple[object, ...]:
        return _reopened, (type(self), (self.name,), os.fspath(self.store.path))


def _collection(store: Store, view: View, artifact: Row) -> ArtifactCollection:
    return ArtifactCollection(
        artifact.name.rpartition("/")[2],
        artifact.type,
        artifact.description,
        datetime.fromtimestamp(artifact.created_ns / 1e9, UTC).isoformat(timespec="milliseconds"),
        tuple(alias.name for alias in view.aliases(artifact.serial)),
        store,
        project_of(artifact.name),
    )


def _listed(refs: str | Iterable[str]) -> list[str]:
    return [refs] if isinstance(refs, str) else list(refs)


def _reopened(kind: Callable[..., object], values: tuple[object, ...], store: str, *more: object) -> object:
    """Make again what another process pickled: the store stands for itself by its path."""
    return kind(*values, shared_store(store, create=False), *more)


class Api:
    """Finds artifacts, versions and runs in a store.

    Args:
        store: The store or its directory; None: `$ARTFS_STORE`, else the user's own.
        overrides: `project`: that of names without one, and the one that is listed; None: names are in the project of
            the run, else of `$ARTFS_PROJECT`, else in none, and lists have all. Others have no effect.
        timeout: Without effect; for scripts that were written for W&B.
        api_key: Without effect; it is not kept.

    Raises:
        StoreError: There is none, or it cannot be used.
        InvalidInputError: The project is not allowed.
    """

    _project: str | None = None  # of what an earlier artfs pickled, too

    def __init__(
        self,
        store: StoreLike = None,
        overrides: Mapping[str, object] | None = None,
        timeout: int | None = None,
        api_key: str | None = None,
    ) -> None:
        del timeout, api_key
        if project := (overrides or {}).get("project"):
            self._project = parse_project(str(project))
        self._place = os.fspath(shared_store(store, create=False).path)  # under this name in pickles

    @property
    def _store(self) -> Store:
        return shared_store(self._place, create=False)

    def _full_name(self, name: str) -> ArtifactName:
        return parse_wanted_name(name, self._project or current_project(self._store))

    def _ref(self, text: str) -> VersionRef:
        return parse_ref(text, self._project or current_project(self._store))

    def _listed_project(self, path: str | None) -> str | None:
        """The project of `PROJECT` or `ENTITY/PROJECT`, or that of `overrides`; None: all."""
        return (path.rpartition("/")[2] if path else None) or self._project

    def artifact(self, name: str, type: str | None = None) -> Artifact:  # noqa: A002 - W&B's word
        """Find a version.

        Args:
            name: `[[ENTITY/]PROJECT/]NAME`, alone or with `:vN` or `:ALIAS`.
            type: The type that it must have; None: any.

        Raises:
            InvalidInputError: The reference is malformed.
            NotFoundError: There is none, or none of the type.
        """
        store = self._store
        parsed = self._ref(name)
        pinned = tracking.pinned(store, tracking.current_run(store), parsed)
        with store.catalog.view() as view:
            version = view.resolve(pinned)
            artifact = view.artifact(version.artifact)
        if type is not None and artifact is not None and artifact.type != type:
            raise NotFoundError(f"artifact {parsed.name} is of type {artifact.type}, not {type}")
        return Artifact.of_version(store, version)

    def artifact_exists(self, name: str, type: str | None = None) -> bool:  # noqa: A002 - W&B's word
        """Return True if there is such a version.

        Args:
            name: `[[ENTITY/]PROJECT/]NAME`, alone or with `:vN` or `:ALIAS`.
            type: The type that it must have; None: any.

        Raises:
            InvalidInputError: The reference is malformed.
        """
        try:
            self.artifact(name, type)
        except NotFoundError:
            return False
        return True

    def artifacts(
        self,
        type_name: str | None = None,
        name: str | None = None,
        per_page: int = 50,
        tags: Iterable[str] | str | None = None,
        order: str | None = None,
        *,
        type: str | None = None,  # noqa: A002 - as `artifact` calls it
    ) -> list[Artifact]:
        """List the versions of an artifact: `artifacts(type_name, name)`, or `artifacts(name)`.

        Args:
            type_name: The type that it must have; without `name`, the artifact.
            name: The artifact, `[[ENTITY/]PROJECT/]NAME`.
            per_page: Without effect: all are in the list.
            tags: Only versions that have this tag, or all of these.
            order: `-version_index`, the newest first, also if None; or `+version_index`; `-` and `+` are enough.
            type: The type that it must have; None: any.

        Raises:
            InvalidInputError: A name, tag or order is not allowed.
            NotFoundError: There is no such artifact, or none of the type.
            TypeError: No artifact is named.
        """
        del per_page
        if name is None:
            type_name, name = None, type_name
        if name is None:
            raise TypeError("artifacts() needs the name of an artifact")
        type, order = type_name or type, order or "-version_index"  # noqa: A001 - the parameter
        if order not in {"-", "+", "-version_index", "+version_index", "version_index"}:
            raise InvalidInputError(f"order {order!r} is not allowed: use '+version_index' or '-version_index'")
        wanted = {parse_tag(tag) for tag in ((tags,) if isinstance(tags, str) else tags or ())}
        store = self._store
        full_name = self._full_name(name)
        with store.catalog.view() as view:
            artifact = view.resolve_artifact(full_name)
            if type not in {None, artifact.type}:
                raise NotFoundError(f"artifact {name} is of type {artifact.type}, not {type}")
            versions = view.versions(artifact.serial, newest_first=order.startswith("-"))
            found = [version for version in versions if wanted <= set(version.tags)]
        return [Artifact.of_version(store, version) for version in found]

    def artifact_types(self, project: str | None = None) -> list[ArtifactType]:
        """The types that artifacts have, by name.

        Args:
            project: Only of this project, `PROJECT` or `ENTITY/PROJECT`; None: of that of `overrides`, else of all.
        """
        store, wanted = self._store, self._listed_project(project)
        with store.catalog.view() as view:
            names = sorted({one.type for one in view.artifacts() if wanted in {None, project_of(one.name)}})
        return [ArtifactType(name, store) for name in names]

    def artifact_type(self, type_name: str, project: str | None = None) -> ArtifactType:
        """A type that artifacts have.

        Args:
            type_name: The type.
            project: Only of this project, `PROJECT` or `ENTITY/PROJECT`; None: of that of `overrides`, else of all.

        Raises:
            NotFoundError: No artifact has it.
        """
        for found in self.artifact_types(project):
            if found.name == type_name:
                return found
        raise NotFoundError(f"no artifact is of type {type_name}: `artfs ls` shows which types there are")

    def artifact_collection(self, type_name: str, name: str) -> ArtifactCollection:
        """An artifact with all its versions.

        Args:
            type_name: The type that it must have.
            name: Its name, `[[ENTITY/]PROJECT/]NAME`.

        Raises:
            InvalidInputError: The type or name is malformed.
            NotFoundError: There is none, or none of the type.
        """
        wanted, full_name, store = parse_artifact_type(type_name), self._full_name(name), self._store
        with store.catalog.view() as view:
            artifact = view.resolve_artifact(full_name)
            if artifact.type == wanted:
                return _collection(store, view, artifact)
        raise NotFoundError(f"there is no artifact {name} of type {type_name}: `artfs ls` shows which there are")

    def artifact_collections(
        self,
        project_name: str | None = None,
        type_name: str | None = None,
        per_page: int = 50,
        *,
        type: str | None = None,  # noqa: A002 - as `artifact` calls it
    ) -> list[ArtifactCollection]:
        """The artifacts of a type, by name: `artifact_collections(project_name, type_name)`, or with the type alone.

        Args:
            project_name: Only those of this project, `PROJECT` or `ENTITY/PROJECT`; None: of that of `overrides`, else
                all. Without `type_name`, the type.
            type_name: The type.
            per_page: Without effect: all are in the list.
            type: The type.

        Raises:
            InvalidInputError: The type is malformed.
            TypeError: No type is named.
        """
        del per_page
        project = self._listed_project(project_name if type_name or type else None)
        named = type_name or type or project_name
        if named is None:
            raise TypeError("artifact_collections() needs a type")
        wanted = parse_artifact_type(named)
        store = self._store
        with store.catalog.view() as view:
            return [
                _collection(store, view, artifact)
                for artifact in view.artifacts()
                if artifact.type == wanted and project in {None, project_of(artifact.name)}
            ]

    def export(
        self,
        refs: str | Iterable[str],
        file: str | os.PathLike[str] | BinaryIO,
        *,
        since: str | Iterable[str] = (),
        aliases: bool = False,
        overwrite: bool = False,
    ) -> list[str]:
        """Write versions into one file, for another store: contents, metadata, and the runs that made and used them.

        Args:
            refs: The versions, `NAME:vN` or `NAME:ALIAS`.
            file: The file, which has its name when it is whole; or a binary file object that is open for writing.
            since: Versions that the other store has: their contents are left out.
            aliases: With the aliases of the versions.
            overwrite: Replace a file that is there.

        Returns:
            The versions, as `NAME:vN`.

        Raises:
            NotFoundError: There is no such version.
            ConflictError: The file exists.
            StorageError: The file cannot be written, or the store not be read.
        """
        from artfs.transfer import bundle_file, export_bundle  # noqa: PLC0415 # most programs do without

        store = self._store
        versions, known = ([store.version(self._ref(ref)) for ref in _listed(some)] for some in (refs, since))
        with ExitStack() as opened:
            if isinstance(file, str | os.PathLike):
                file = opened.enter_context(bundle_file(file, overwrite=overwrite))
            return list(export_bundle(store, versions, file.write, since=known, aliases=aliases).refs)

    def import_file(self, file: str | os.PathLike[str] | BinaryIO, *, move_aliases: bool = False) -> list[Artifact]:
        """Take the versions of a file that `export` or `artfs export` wrote, all at once or none.

        A version keeps its number where that is free, else it gets the next one. One that is here is recognised.

        Args:
            file: The file, or a binary file object that is open for reading.
            move_aliases: Move aliases that name other versions here.

        Returns:
            The versions as they are here.

        Raises:
            SourceError: The file cannot be read, is damaged, or a newer artfs wrote it.
            ConflictError: The file lacks contents that are not here (`since`), or an artifact has another type here.
            StorageError: The store cannot be written. Nothing was published.
        """
        from artfs.transfer import import_bundle, open_bundle, read_bundle  # noqa: PLC0415 # most programs do without

        store = self._store
        with ExitStack() as opened:
            name = "the file"
            if isinstance(file, str | os.PathLike):
                name = quoted(os.fspath(file))
                file = opened.enter_context(open_bundle(file))
            done = import_bundle(store, read_bundle(file, name), current_actor(), move_aliases=move_aliases)
        here = [parse_ref(f"{one.version.artifact}:v{one.index}") for one in done.received.versions]
        return [Artifact.of_version(store, store.version(ref)) for ref in here]

    def runs(
        self,
        path: str | None = None,
        filters: Mapping[str, object] | None = None,
        order: str = "+created_at",
        per_page: int = 50,
        include_sweeps: bool = True,
    ) -> list[Run]:
        """The runs by when they were started.

        Args:
            path: `PROJECT` or `ENTITY/PROJECT`: only runs of that project, whatever the entity; None or empty: of that
                of `overrides`, else all. An order does in its place.
            filters: Only an empty one: W&B's filters are not there.
            order: `+created_at`, the oldest first, or `-created_at`; `+` and `-` are enough.
            per_page: Without effect: all are in the list.
            include_sweeps: Without effect.

        Raises:
            InvalidInputError: The order is not allowed, or a filter is given.
        """
        del per_page, include_sweeps
        if path and path[0] in "+-":
            path, order = "", path
        if filters:
            raise InvalidInputError("filters are not there: choose from what runs() returns")
        project = self._listed_project(path)
        if order not in {"-", "+", "-created_at", "+created_at", "created_at"}:
            raise InvalidInputError(f"order {order!r} is not allowed: use '+created_at' or '-created_at'")
        store = self._store
        with store.catalog.view() as view:
            rows = list(view.runs(newest_first=order.startswith("-")))
        runs = [Run(store, row) for row in rows]
        return runs if project is None else [run for run in runs if run.project == project]

    def run(self, path: str) -> Run:
        """Find a run.

        Args:
            path: Its id, or what `artfs.init` was given as such; with or without entity and project before it
                (`ENTITY/PROJECT/ID`), which are not looked at.

        Raises:
            InvalidInputError: The id is malformed.
            NotFoundError: There is none.
        """
        store = self._store
        with store.catalog.view() as view:
            row = view.resolve_run(run_id_of(path.rpartition("/")[2]))
        return Run(store, row)
