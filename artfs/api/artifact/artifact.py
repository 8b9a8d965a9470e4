"""The public class `Artifact`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from artfs.api import lineage, tracking
from artfs.api.artifact.add_methods import AddMethods
from artfs.api.artifact.base import logged_only
from artfs.api.artifact.metadata import aliases_of
from artfs.api.artifact.publish import log, push_edits
from artfs.api.artifact.read_methods import ReadMethods
from artfs.api.projects import project_in, with_project_stated
from artfs.api.store_pool import StoreLike, shared_store
from artfs.catalog import Version, current_actor
from artfs.errors import ArtifactNotLoggedError, InvalidInputError, NotFoundError
from artfs.lineage.graph import Direction
from artfs.names import DEFAULT_TYPE, parse_wanted_name
from artfs.store.store import Store
from artfs.store.tree.merge_choices import MergeChoices

if TYPE_CHECKING:
    from artfs.api.run.run import Run

__all__ = ["Artifact", "artifacts_of", "link"]


class Artifact(ReadMethods, AddMethods):
    """A versioned directory with a name and a type.

    One that you make is unlogged: add to it, then log it with `Run.log_artifact`, or with `save` outside of a run. From
    then on it is a version, as are those that `Run.use_artifact` and `Api.artifact` give: its contents are final, and
    its description, metadata, tags, aliases and time to live are changed by editing them and `save`.

    Args:
        name: The artifact's name: letters, digits, `_`, `.` and `-`. It is in the project of the run that logs it;
            `PROJECT/NAME` and `/NAME` say another, or none.
        type: Its type, as `dataset` or `model`.
        description: Free text.
        metadata: A JSON object; copied.
        incremental: Only False: what adds to a version begins with its `new_draft`.
        use_as: Without effect here; for scripts that were written for W&B.
        store: Where contents are stored as they are added: a store or its directory; by default `$ARTFS_STORE`, or the
            user's own. Logging elsewhere copies them.

    Raises:
        InvalidInputError: Name, type or metadata break a rule, or `incremental` is True.
        TypeError: A value of the metadata is of a wrong type.
    """

    def __init__(
        self,
        name: str,
        type: str = DEFAULT_TYPE,  # noqa: A002 - the name that W&B's users write
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        incremental: bool = False,
        use_as: str | None = None,
        *,
        store: StoreLike = None,
    ) -> None:
        del use_as
        if incremental:
            raise InvalidInputError(
                f"incremental=True is not there: begin with Api().artifact({name!r}).new_draft(), and log that"
            )
        super().__init__(name, type, description, metadata, store)

    @classmethod
    def of_version(cls, store: Store, version: Version) -> Self:
        """Return the logged artifact of a version.

        Args:
            store: The store that has it.
            version: Its row in the catalog.

        Raises:
            NotFoundError: The store has no such version.
        """
        with store.catalog.view() as view:
            row = view.artifact(version.artifact)
        if row is None:
            raise NotFoundError(f"artifact {version.artifact} does not exist: `artfs ls` shows which do")
        artifact = cls(row.name, row.type)
        artifact.become(store, version)
        return artifact

    # Publishing

    def save(
        self,
        merge: bool | None = None,
        *,
        mine: Sequence[str] = (),
        theirs: Sequence[str] = (),
        project: str | None = None,
        settings: object = None,
    ) -> None:
        """Log the artifact, as an output of this process's run if there is one; or push its edits.

        What `new_draft` gave becomes a version as it is, like everything that is logged. Where another version came
        since the draft was made, that one's changes would not be in it: a warning names them. With `merge=True` the
        version has both: a path that was changed in only one of the two is as it is there.

        Args:
            merge: Of a draft that `new_draft` gave: put its changes onto a version that came since, or with False
                refuse to log it if there is one.
            mine: Paths to take from here where both changed them; a directory is all below it, `.` is all.
            theirs: Paths to take from the version that came; of several that a path is in, the longest counts.
            project: That of a name without one, outside of runs; None: `$ARTFS_PROJECT`, else none.
            settings: Without effect; for scripts that were written for W&B.

        Raises:
            NewerVersionError: Another version came since, and `merge` is False; nothing was logged.
            MergeConflictError: Paths were changed in both, each in its own way (`conflicts` has all); nothing was
                logged.
            InvalidInputError: What was edited breaks a rule, or a path of `mine` or `theirs` has no conflict; nothing
                was pushed.
            TypeError: A value of the metadata is of a wrong type.
            TypeMismatchError: An artifact of another type has the name.
            NotFoundError: The version was deleted meanwhile.
            StorageError: The store cannot be written.
        """
        del settings
        if self._version is None:
            if (mine or theirs) and not merge:
                raise InvalidInputError("mine and theirs are for a merge: add merge=True")
            choices = MergeChoices(mine, theirs) if merge else None
            store = shared_store(self.contents.store)
            run = tracking.current_run(store)
            given = project if run is None else None
            log(store, self, run=run, project=given, merge=merge, choices=choices)
            return
        push_edits(self.store, self.version_ref, self)
        self.become(self.store, self.store.version(self.version_ref))

    @logged_only
    def delete(self, delete_aliases: bool = False) -> None:
        """Delete the version; `artfs undelete` takes it back until gc.

        Args:
            delete_aliases: Also when it has aliases other than `latest`.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
            VersionInUseError: It has aliases.
        """
        self.store.catalog.delete_version(self.version_ref, current_actor(), delete_aliases=delete_aliases)
        self._deleted = True

    def wait(self, timeout: float | timedelta | None = None) -> Self:
        """Return the artifact: what is logged is there already.

        Args:
            timeout: Not needed.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged, and is not one that a disabled run was to log.
        """
        del timeout
        if self._waits and self.is_draft():
            raise ArtifactNotLoggedError(f"artifact {self.name} has no wait yet: log it first")
        return self

    def wait_for_nothing(self) -> None:
        """Have `wait` return although nobody logs the artifact."""
        self._waits = False

    @logged_only
    def new_draft(self) -> Artifact:
        """Return a new unlogged artifact with the contents and the description of this version.

        Change it and log it: `save(merge=True)` keeps what other versions brought since.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
        """
        named = with_project_stated(self.full_name)
        new = Artifact(named, self.type, self.description, self.metadata, store=self.store)
        new.begin_at(self.store, self.row)
        return new

    @logged_only
    def restore(self, description: str | None = None, aliases: Sequence[str] | str | None = None) -> Artifact:
        """Make the next version with the contents of this earlier one; nothing is copied.

        Metadata, tags and time to live are those of this version, which `source_name` of the new one names. In a run,
        the new version is an output of it.

        Args:
            description: Of the new version; None: as this one has it.
            aliases: To be moved to it, besides `latest`.

        Returns:
            The new version.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
            ConflictError: This is the newest version.
            NotFoundError: The version was deleted meanwhile.
        """
        who = current_actor(tracking.current_run(self.store))
        named = aliases_of(aliases)
        version = self.store.catalog.restore(self.version_ref, who, description=description, aliases=named)
        return Artifact.of_version(self.store, version)

    # Links

    @logged_only
    def link(self, target_path: str, aliases: Sequence[str] | str | None = None) -> Artifact:
        """Put the version under another name, too; in a run, the link is made by it.

        Args:
            target_path: The other name; in the project of the run, unless it says another.
            aliases: Of the link, besides `latest`.

        Returns:
            The link; the one that is there already if there is one.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
            InvalidInputError: A name or alias is not allowed, or the name is its own.
            NotFoundError: The version was deleted meanwhile.
            TypeMismatchError: An artifact of another type has the name.
        """
        return link(self, target_path, aliases, tracking.current_run(self.store))

    @logged_only
    def unlink(self) -> None:
        """Delete the link with its aliases; its source stays.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
            InvalidInputError: It is no link.
        """
        if not self.is_link:
            raise InvalidInputError(f"{self.name} is no link: delete() deletes a version")
        self.delete(delete_aliases=True)

    @property
    @logged_only
    def linked_artifacts(self) -> list[Artifact]:
        """The links to it; of a link, all links to its source."""
        with self.store.catalog.view() as view:
            links = view.links(self.row)
        return artifacts_of(self.store, links)

    @property
    @logged_only
    def source_artifact(self) -> Artifact:
        """The version that it is a link to; of any other itself.

        Raises:
            NotFoundError: The source was deleted; the link is whole without it.
        """
        with self.store.catalog.view() as view:
            source = view.source(self.row)
            if source.deleted:
                raise NotFoundError(f"{view.ref(source)}, which {self.name} is a link to, was deleted")
        return self if source.serial == self.row.serial else Artifact.of_version(self.store, source)

    # Lineage

    @logged_only
    def logged_by(self) -> Run | None:
        """The run that logged it first; None if it was logged outside of runs.

        Others may have logged it again, or the same contents (`if_changed`), or added a part (`upsert_artifact`): it is
        among the `logged_artifacts` of these too.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
        """
        from artfs.api.run.run import Run  # noqa: PLC0415 # the one circle: a run makes artifacts, an artifact finds runs

        row = lineage.logged_by(self.store, self.row)
        return None if row is None else Run(self.store, row)

    @property
    def history_step(self) -> int | None:
        """The last step that its run had logged before it; None before it is logged, outside of runs, without steps."""
        return None if self._version is None else lineage.step_when_logged(self.store, self.row)

    @logged_only
    def used_by(self) -> list[Run]:
        """The runs that used it, in the order of time.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
        """
        from artfs.api.run.run import Run  # noqa: PLC0415 # the one circle: a run makes artifacts, an artifact finds runs

        return [Run(self.store, row) for row in lineage.used_by(self.store, self.row)]

    @logged_only
    def ancestors(self, depth: int | None = None) -> list[Artifact]:
        """The versions that went into it by way of runs, the nearest first; deleted ones left out.

        Args:
            depth: Number of runs to go back; None: all.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
            InvalidInputError: `depth` is negative.
        """
        return artifacts_of(self.store, lineage.reachable(self.store, self.row, Direction.UP, depth))

    @logged_only
    def descendants(self, depth: int | None = None) -> list[Artifact]:
        """The versions that it went into by way of runs, the nearest first; deleted ones left out.

        Args:
            depth: Number of runs to go on; None: all.

        Raises:
            ArtifactNotLoggedError: The artifact is not logged.
            InvalidInputError: `depth` is negative.
        """
        return artifacts_of(self.store, lineage.reachable(self.store, self.row, Direction.DOWN, depth))

    def __reduce__(self) -> tuple[Callable[[str, int, int], Artifact], tuple[str, int, int]]:
        """Pickle a logged artifact as its store and version; edits that were not saved stay behind."""
        if self._version is None:
            raise ArtifactNotLoggedError(
                f"artifact {self.name} is a draft of this process: log it before others get it"
            )
        path = os.fspath(self.store.path)  # text: a Path that Python 3.13 pickled is none for 3.11
        return _reopened, (path, self._version.artifact, self._version.index)


def link(artifact: Artifact, target_path: str, aliases: Sequence[str] | str | None, run: str | None) -> Artifact:
    """Link a logged artifact for a run, or for none."""
    store, named = artifact.store, aliases_of(aliases)
    name = parse_wanted_name(target_path, project_in(store, run))
    logged = store.catalog.link(artifact.version_ref, name, current_actor(run), aliases=named)
    return Artifact.of_version(store, logged.version)


def artifacts_of(store: Store, versions: Sequence[Version]) -> list[Artifact]:
    """Return the logged artifacts of versions, in their order."""
    return [Artifact.of_version(store, version) for version in versions]


def _reopened(store_path: str | Path, artifact: int, index: int) -> Artifact:
    """Return the artifact that another process, or an earlier one, pickled.

    Raises:
        NotFoundError: The version was deleted meanwhile.
        StoreNotFoundError: The store is not there.
    """
    store = shared_store(store_path, create=False)
    with store.catalog.view() as view:
        version = view.version(artifact, index)
    if version is None:
        raise NotFoundError(f"version v{index} of artifact {artifact} in {store_path} was deleted: use another")
    return Artifact.of_version(store, version)


_reopened.__module__ = "artfs.api.artifact"  # the name in every pickle, whichever module it is defined in
