"""Runs: what reads and logs artifacts, and keeps note of both."""

from __future__ import annotations

import atexit
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from artfs.api import capture, distributed
from artfs.api.artifact import Artifact
from artfs.api.logging import log
from artfs.api.stores import shared_store
from artfs.api.values import Values
from artfs.catalog import Actor, EdgeKind, current_actor, state_now
from artfs.catalog import Run as Row
from artfs.errors import ArtfsError, InvalidInputError, TypeMismatchError
from artfs.format.runs import MAX_EXIT_CODE, Outcome, RunFields
from artfs.lineage.crashes import note_crashes
from artfs.names import DEFAULT_TYPE, parse_ref
from artfs.store.store import Store

__all__ = ["Run"]


class Run:
    """A run. `artfs.init` starts one, `Api().run` finds one.

    As a context manager it is finished at the end of the block, and marked as failed if that ends in an exception.

    Args:
        store: Where it is noted.
        row: What the catalog has of it.

    Attributes:
        name: What people call it. A change is kept by `update`, and whenever an artifact is logged or the run ends.
        config: What it was started with; a dictionary to change in place, kept like `name`.
        summary: What came out; likewise.
    """

    def __init__(self, store: Store, row: Row) -> None:
        self._place = shared_store(store).path
        self._row = row
        self._pid = os.getpid()
        self.name = row.fields.name
        self.config = Values(row.fields.config)
        self.summary = Values(row.fields.summary)

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.name!r} ({self.state})>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        well = error is None or (isinstance(error, SystemExit) and not error.code)
        self.finish(exit_code=0 if well else 1)

    @property
    def id(self) -> str:
        """8 characters a-z and 0-9, by which `artfs.init(id=...)` goes on with it."""
        return self._row.id

    @property
    def store_path(self) -> Path:
        """The store that it is noted in."""
        return self._place

    @property
    def job_type(self) -> str:
        """What kind of work it does."""
        return self._row.fields.job_type

    @property
    def state(self) -> str:
        """`running`, `finished`, `failed`, or `crashed`: its process died and it had not ended."""
        with self._store.catalog.view() as view:
            return state_now(view.known_run(self.id))

    @property
    def exit_code(self) -> int | None:
        """With which it ended; None while it runs, and when that is not known."""
        with self._store.catalog.view() as view:
            return view.known_run(self.id).exit_code

    @property
    def directory(self) -> str:
        """The working directory in which it was started; empty if that is not known."""
        return self._row.directory

    @property
    def dirty(self) -> bool | None:
        """Whether tracked files differed from the commit when it was started; None if that is not known."""
        return self._row.dirty

    @property
    def created_at(self) -> str:
        """When it was first started: UTC, in ISO 8601."""
        return datetime.fromtimestamp(self._row.started_ns / 1e9, UTC).isoformat(timespec="milliseconds")

    @property
    def user(self) -> str:
        """Who started it."""
        return self._row.user

    @property
    def host(self) -> str:
        """On which machine."""
        return self._row.host

    @property
    def command(self) -> tuple[str, ...]:
        """The command line."""
        return self._row.command

    @property
    def commit(self) -> str | None:
        """The git commit that was checked out where it was started; None if there was none."""
        return self._row.git

    def use_artifact(
        self,
        artifact_or_ref: Artifact | str,
        type: str | None = None,  # noqa: A002 - W&B's word
        aliases: Sequence[str] | str | None = None,
        use_as: str | None = None,
    ) -> Artifact:
        """Use a version as an input.

        Args:
            artifact_or_ref: `NAME`, `NAME:vN`, `NAME:ALIAS`, or an artifact. A draft is logged, as by `save`.
            type: The type that it must have; None: any.
            aliases: To be given to a draft that is logged.
            use_as: Without effect here; for scripts that were written for W&B.

        Returns:
            The version, as an artifact.

        Raises:
            NotFoundError: There is none.
            TypeMismatchError: It is of another type.
            InvalidInputError: The reference is malformed, or the artifact is logged in another store.
        """
        del use_as
        store = self._store
        if isinstance(artifact_or_ref, Artifact):
            _check_type(artifact_or_ref.base_name, artifact_or_ref.type, type)
            if artifact_or_ref.is_draft():
                log(store, artifact_or_ref, aliases=aliases)
            if artifact_or_ref.store.path != store.path:
                raise InvalidInputError(
                    f"{artifact_or_ref.name} is in another store than the run: log it in {store.path}"
                )
            with store.catalog.view() as view:
                ref = view.ref(artifact_or_ref.row)  # it may have another name by now
        else:
            ref = parse_ref(artifact_or_ref)
            with store.catalog.view() as view:
                artifact = view.artifact(view.resolve(ref).artifact)
            if artifact is not None:
                _check_type(artifact.name, artifact.type, type)
        version = store.catalog.use_version(self.id, capture.pinned(store, self.id, ref), self._actor())
        return artifact_or_ref if isinstance(artifact_or_ref, Artifact) else Artifact.of_version(store, version)

    def log_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - W&B's word
        aliases: Sequence[str] | str | None = None,
        tags: Sequence[str] | str | None = None,
        *,
        if_changed: bool = False,
    ) -> Artifact:
        """Log an artifact as an output: it becomes the next version of its name, and `latest` moves to it.

        Args:
            artifact_or_path: A draft; or a file, a directory or a URI, of which one is made.
            name: What the artifact of a path is called; None: `run-<id>-<basename>`.
            type: Its type; None: as an artifact of that name has it, else `dataset`.
            aliases: Names for this version besides `latest`.
            tags: Labels of the version, besides those that a draft has.
            if_changed: Give the latest version back when its contents are the same, instead of making another. This run
                has then logged it too; the aliases move to it, and what else is said of it stays.

        Returns:
            The artifact, which is logged now.

        Raises:
            InvalidInputError: A name, alias or tag is not allowed.
            SourceError: A file cannot be read, or changed while it was.
            TypeMismatchError: The artifact has another type.
            StorageError: The store cannot be written; nothing was logged.
        """
        artifact = self._artifact(artifact_or_path, name, type)
        self.update()
        log(self._store, artifact, run=self.id, aliases=aliases, tags=tags, if_changed=if_changed)
        return artifact

    def upsert_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - W&B's word
        aliases: Sequence[str] | str | None = None,
        tags: Sequence[str] | str | None = None,
        *,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Add to a version that several processes make together; `finish_artifact` of one of them logs it.

        Args:
            artifact_or_path: A draft, or a path, as for `log_artifact`. Give the paths of each process their own place.
            name: What the artifact of a path is called; the same in all processes.
            type: Its type.
            aliases: For the version.
            tags: For the version.
            distributed_id: By which the processes find together.

        Returns:
            The draft, to which nothing more can be added.

        Raises:
            TypeError: No `distributed_id` is given.
            ArtifactFinalizedError: The artifact is logged.
            InvalidInputError: A name, alias or tag is not allowed.
        """
        if distributed_id is None:
            raise TypeError("upsert_artifact() needs a distributed_id, by which the processes find together")
        artifact = self._artifact(artifact_or_path, name, type)
        distributed.add_part(self._store, artifact, distributed_id, run=self.id, aliases=aliases, tags=tags)
        return artifact

    def finish_artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None = None,
        type: str | None = None,  # noqa: A002 - W&B's word
        aliases: Sequence[str] | str | None = None,
        tags: Sequence[str] | str | None = None,
        *,
        distributed_id: str | None = None,
    ) -> Artifact:
        """Log the version that several processes made together. Call it once, when all of them have added.

        Args:
            artifact_or_path: A draft with what this process adds, perhaps nothing; or a path, as for `log_artifact`.
            name: What the artifact of a path is called.
            type: Its type.
            aliases: Names for the version besides those that were given when it was added to.
            tags: Likewise.
            distributed_id: By which the processes find together.

        Returns:
            The artifact, which is logged now.

        Raises:
            TypeError: No `distributed_id` is given.
            ConflictError: Two processes added different files at one path; or one adds, or finishes, just now.
            ArtifactFinalizedError: The artifact is logged.
            InvalidInputError: A name, alias or tag is not allowed.
        """
        if distributed_id is None:
            raise TypeError("finish_artifact() needs a distributed_id, by which the processes find together")
        artifact = self._artifact(artifact_or_path, name, type)
        self.update()
        distributed.finish(self._store, artifact, distributed_id, run=self.id, aliases=aliases, tags=tags)
        return artifact

    def logged_artifacts(self) -> list[Artifact]:
        """The versions that it logged or added a part to, in the order of time; deleted ones left out."""
        return self._artifacts(EdgeKind.LOGGED)

    def used_artifacts(self) -> list[Artifact]:
        """The versions that it used, in the order of time; deleted ones left out."""
        note_crashes(self._store)
        return self._artifacts(EdgeKind.USED)

    def update(self) -> None:
        """Keep what was changed of name, config and summary.

        Raises:
            TypeError: A value is of a type that JSON cannot express.
            InvalidInputError: A value is not allowed.
        """
        if self.name != self._row.fields.name or self.config.changed or self.summary.changed:
            self._load(self._store.catalog.edit_run(self.id, self._edited, self._actor()))

    def finish(self, exit_code: int | None = None) -> None:
        """End the run; harmless when it has ended.

        Args:
            exit_code: Anything but 0 or None marks it as failed. Kept, if it is one (0 to 255).
        """
        atexit.unregister(self.finish_at_exit)
        try:
            self.update()
        finally:
            state: Outcome = "failed" if exit_code else "finished"
            kept = exit_code if exit_code is not None and 0 <= exit_code <= MAX_EXIT_CODE else None
            self._load(self._store.catalog.finish_run(self.id, state, self._actor(), exit_code=kept))
            capture.end(self._store, self.id)

    def finish_at_exit(self) -> None:
        """End the run as its process ends; not in a child that was forked."""
        if os.getpid() == self._pid:
            failed = getattr(sys, "last_value", None) is not None and not hasattr(sys, "ps1")
            with suppress(ArtfsError, TypeError):
                self.finish(exit_code=1 if failed else 0)

    @property
    def _store(self) -> Store:
        return shared_store(self._place, create=False)

    def _actor(self) -> Actor:
        return current_actor(self.id)

    def _edited(self, fields: RunFields) -> RunFields:
        """What is stored, with what was changed here."""
        renamed = self.name != self._row.fields.name
        return RunFields(
            self.name if renamed else fields.name,
            fields.job_type,
            self.config.over(fields.config),
            self.summary.over(fields.summary),
        )

    def _load(self, row: Row) -> None:
        self._row = row
        self.name = row.fields.name
        self.config.reload(row.fields.config)
        self.summary.reload(row.fields.summary)

    def _artifact(
        self,
        artifact_or_path: Artifact | str | os.PathLike[str],
        name: str | None,
        type_: str | None,
    ) -> Artifact:
        if isinstance(artifact_or_path, Artifact):
            return artifact_or_path
        path = os.fspath(artifact_or_path)
        if name is None:
            base = os.path.basename(path.rstrip("/")) or os.path.basename(os.path.abspath(path))
            name = re.sub(r"[^A-Za-z0-9_.-]", "_", f"run-{self.id}-{base}")[:128]
        with self._store.catalog.view() as view:
            there = view.artifact_by_name(name)
        artifact = Artifact(name, type_ or (DEFAULT_TYPE if there is None else there.type), store=self._store)
        if "://" in path:
            artifact.add_reference(path)
        elif os.path.isdir(path):
            artifact.add_dir(path)
        else:
            artifact.add_file(path)
        return artifact

    def _artifacts(self, kind: EdgeKind) -> list[Artifact]:
        store = self._store
        with store.catalog.view() as view:
            edges = view.edges_of_run(self.id, kind)
            versions = [view.version(edge.artifact, edge.index) for edge in edges]
        return [Artifact.of_version(store, version) for version in versions if version is not None]


def _check_type(name: str, found: str, wanted: str | None) -> None:
    if wanted not in {None, found}:
        raise TypeMismatchError(f"artifact {name} has type {found}, not {wanted}: ask for that one")
