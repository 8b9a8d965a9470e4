"""Settings of one command line: its store, and the run that it belongs to."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from artfs.api.environment import announced_project, announced_run, default_project, default_store
from artfs.names import parse_store_path

if TYPE_CHECKING:
    from artfs.catalog import Version
    from artfs.names import ArtifactName, EntryPath, PathRef, VersionRef
    from artfs.store import Store

__all__ = ["Settings"]


@dataclass(slots=True)
class Settings:
    """Settings of one command line.

    Attributes:
        store: Value of `--store`; None: `default_store`.
        project: The project of names without one: value of `--project`, else that of the run that this
            command is part of, else `$ARTFS_PROJECT`; None: no project.
    """

    store: str | None = None
    project: str | None = field(default_factory=lambda: announced_project() or default_project())

    @property
    def store_path(self) -> Path:
        """Absolute path of the store."""
        return parse_store_path(self.store) if self.store else default_store()

    @property
    def has_store(self) -> bool:
        """True if the store is there."""
        return os.path.exists(self.store_path / "format.json")

    def open_or_make_store(self) -> Store:
        """Open the store; where there is none make one, and say so, as its path may be mistyped.

        Raises:
            StoreNotFoundError: There is none, nor the directory above it, and the user named it.
            StoreError: It cannot be used.
        """
        from artfs.cli.render.output import print_note

        is_new = not self.has_store
        if is_new and (self.store or os.environ.get("ARTFS_STORE")):
            self._refuse_missing_parent()
        store = self.open_store(create=True)
        if is_new:
            print_note(f"made a store in {self.store_path}")
        return store

    def _refuse_missing_parent(self) -> None:
        from artfs.errors import StoreNotFoundError

        path = self.store_path
        with suppress(PermissionError, NotADirectoryError):  # opening it says why
            if not path.parent.exists():
                raise StoreNotFoundError(
                    f"there is no store at {path}, nor a directory {path.parent}: look at --store and $ARTFS_STORE, and"
                    " if the disk is mounted, or make a store there with `artfs init`"
                )

    def open_store(self, *, create: bool = False, shared: bool = False) -> Store:
        """Open the store.

        Raises:
            StoreError: There is none (and `create` is False), or it cannot be used.
        """
        from artfs.kv import crash_marker
        from artfs.store import open_store

        crash_marker.install(self.store_path / "index")
        return open_store(self.store_path, create=create, shared=shared)

    def open_store_of(self, name: ArtifactName) -> Store:
        """Open the store to change an artifact.

        Raises:
            NotFoundError: There is nothing where the store would be, and so no artifact either.
            StoreError: It cannot be used.
        """
        from artfs.errors import NotFoundError, StoreNotFoundError

        try:
            return self.open_store()
        except StoreNotFoundError as error:
            if self.store_path.exists():
                raise
            raise NotFoundError(f"artifact {name} does not exist: {error}") from error

    def locate(self, store: Store, named: PathRef) -> tuple[VersionRef, EntryPath]:
        """Find out where the reference ends and the path begins in `REF/PATH`."""
        with store.catalog.view() as view:
            return view.locate(named)

    def run_in(self, store: Store) -> str | None:
        """Find the run that this command is part of, if it is a run of that store."""
        if announced_run() is None:
            return None
        from artfs.api.tracking import current_run

        return current_run(store)

    def version_to_read(self, store: Store, ref: VersionRef) -> Version:
        """Resolve a reference to a version. In a run it becomes an input, and an alias is pinned.

        Raises:
            NotFoundError: There is none.
            StorageError: The run's pins can be neither read nor written.
        """
        run = self.run_in(store)
        if run is None:
            return store.version(ref)
        from artfs.api.tracking import pinned
        from artfs.catalog import current_actor

        return store.catalog.use_version(run, pinned(store, run, ref), current_actor(run))
