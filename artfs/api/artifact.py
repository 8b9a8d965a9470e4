"""`Artifact`: a draft that is being filled, or a version in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from artfs.api import lineage
from artfs.api.capture import current_run
from artfs.api.filling import Filling
from artfs.api.guard import logged_only
from artfs.api.logging import log
from artfs.api.saving import push
from artfs.api.stores import StoreLike, shared_store
from artfs.api.using import Using
from artfs.catalog import Version, current_actor
from artfs.errors import ArtifactNotLoggedError, InvalidInputError, NotFoundError
from artfs.names import DEFAULT_TYPE
from artfs.store.store import Store, root_entry

if TYPE_CHECKING:
    from artfs.api.run import Run

__all__ = ["Artifact"]


class Artifact(Using, Filling):
    """A versioned directory with a name and a type.

    One that you make is a draft: add to it, then log it with `Run.log_artifact`, or with `save` outside of a run. From
    then on it is a version, as are those that `Run.use_artifact` and `Api.artifact` give: its contents are final, and
    its description, metadata, tags, aliases and time to live are changed by editing them and `save`.

    Args:
        name: The artifact's name: letters, digits, `_`, `.` and `-`.
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
        """The logged artifact of a version.

        Args:
            store: Where it is.
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

    def save(self) -> None:
        """Log a draft, as an output of the run that is going on in this process, if any; or push what was edited.

        Raises:
            InvalidInputError: What was edited breaks a rule; nothing was pushed.
            TypeError: A value of the metadata is of a wrong type.
            TypeMismatchError: The name of a draft is borne by an artifact of another type.
            NotFoundError: The version was deleted meanwhile.
            StorageError: The store cannot be written.
        """
        if self._version is None:
            store = shared_store(self.contents.store)
            log(store, self, run=current_run(store))
            return
        push(self._live(), self._ref, self)
        self.become(self._live(), self._live().version(self._ref))

    @logged_only
    def delete(self, delete_aliases: bool = False) -> None:
        """Delete the version; `artfs undelete` takes it back until gc.

        Args:
            delete_aliases: Also when it has aliases other than `latest`.

        Raises:
            ArtifactNotLoggedError: It is a draft.
            VersionInUseError: It has aliases.
        """
        self._live().catalog.delete_version(self._ref, current_actor(), delete_aliases=delete_aliases)
        self._deleted = True

    @logged_only
    def wait(self, timeout: float | timedelta | None = None) -> Self:
        """Give the artifact back: what is logged is there already.

        Args:
            timeout: Not needed.

        Raises:
            ArtifactNotLoggedError: It is a draft.
        """
        del timeout
        return self

    @logged_only
    def new_draft(self) -> Artifact:
        """Begin a draft with the contents and the description of this version.

        Raises:
            ArtifactNotLoggedError: It is a draft.
        """
        draft = Artifact(self._base_name, self.type, self.description, self.metadata, store=self._live())
        draft.contents.fill(self._live().walk(root_entry(self.row)), self._live())
        return draft

    # Where it comes from

    @logged_only
    def logged_by(self) -> Run | None:
        """The run that logged it first; None if it was logged outside of runs.

        Others may have logged the same contents (`if_changed`), or added a part (`upsert_artifact`): it is among
        the `logged_artifacts` of these too.

        Raises:
            ArtifactNotLoggedError: It is a draft.
        """
        return lineage.logged_by(self._live(), self.row)

    @logged_only
    def used_by(self) -> list[Run]:
        """The runs that used it, in the order of time.

        Raises:
            ArtifactNotLoggedError: It is a draft.
        """
        return lineage.used_by(self._live(), self.row)

    @logged_only
    def ancestors(self, depth: int | None = None) -> list[Artifact]:
        """The versions that went into it by way of runs, the nearest first; deleted ones left out.

        Args:
            depth: How many runs to go back; None: all.

        Raises:
            ArtifactNotLoggedError: It is a draft.
            InvalidInputError: `depth` is negative.
        """
        found = lineage.ancestors(self._live(), self.row, depth)
        return [Artifact.of_version(self._live(), version) for version in found]

    @logged_only
    def descendants(self, depth: int | None = None) -> list[Artifact]:
        """The versions that it went into by way of runs, the nearest first; deleted ones left out.

        Args:
            depth: How many runs to go on; None: all.

        Raises:
            ArtifactNotLoggedError: It is a draft.
            InvalidInputError: `depth` is negative.
        """
        found = lineage.descendants(self._live(), self.row, depth)
        return [Artifact.of_version(self._live(), version) for version in found]

    def __reduce__(self) -> tuple[Callable[[Path, int, int], Artifact], tuple[Path, int, int]]:
        """A logged artifact goes to worker processes as its store and version; what was edited and not saved stays."""
        if self._version is None:
            raise ArtifactNotLoggedError(
                f"artifact {self.name} is a draft of this process: log it before others get it"
            )
        return _reopened, (self._live().path, self._version.artifact, self._version.index)


def _reopened(place: Path, artifact: int, index: int) -> Artifact:
    """The artifact that another process, or an earlier one, pickled.

    Raises:
        NotFoundError: The version was deleted meanwhile.
        StoreNotFoundError: The store is not there.
    """
    store = shared_store(place, create=False)
    with store.catalog.view() as view:
        version = view.version(artifact, index)
    if version is None:
        raise NotFoundError(f"version v{index} of artifact {artifact} in {place} was deleted: use another")
    return Artifact.of_version(store, version)
