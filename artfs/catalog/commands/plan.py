"""Plan: the operations of a change in the making, with the rules for serials and aliases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from artfs.errors import ConflictError
from artfs.format.operations import AliasRemoved, AliasSet, Op
from artfs.names import parse_artifact_name, project_of

if TYPE_CHECKING:
    from artfs.catalog.schema import AliasRow, Artifact
    from artfs.catalog.view import View

__all__ = ["Plan", "VersionKey"]


@dataclass(frozen=True, slots=True)
class VersionKey:
    """A version by its artifact's serial and its index."""

    artifact: int
    index: int


class Plan:
    """The operations of one change. Another plan replaces it when another writer was first.

    Args:
        view: The catalog, under the write lock.
        now_ns: The time (nanoseconds since 1970).

    Attributes:
        ops: The operations so far.
    """

    def __init__(self, view: View, now_ns: int) -> None:
        self.view = view
        self.now_ns = now_ns
        self.ops: list[Op] = []
        self._next_serial = view.state().next_serial
        self._named: set[str] = set()

    def new_serial(self) -> int:
        """Issue a serial."""
        self._next_serial += 1
        return self._next_serial - 1

    def take_name(self, name: str, *, instead_of: str | None = None) -> None:
        """Note that an artifact takes a name: none is a project and an artifact at once.

        Args:
            name: The name.
            instead_of: The name that the artifact gives up for it.

        Raises:
            ConflictError: It is a project, or its project is an artifact.
        """
        project = project_of(name)
        if project is None:
            others = [other for other, row in self.view.names_in(name) if row.serial]
            others += [other for other in self._named if project_of(other) == name]
            others = [other for other in others if other != instead_of]
            if others:
                raise ConflictError(f"{name} is a project, with the artifact {others[0]} in it: choose another name")
        elif project != instead_of and (project in self._named or self.view.artifact_by_name(project) is not None):
            raise ConflictError(
                f"{project} is an artifact, and {name} would make it a project too: choose another project, or give the"
                f" artifact another name with `artfs rename {project} NEW`"
            )
        self._named.add(name)

    def artifact(self, name: str) -> Artifact:
        """Return the artifact of that name.

        Raises:
            NotFoundError: There is none.
        """
        return self.view.resolve_artifact(parse_artifact_name(name))

    def set_alias(self, artifact: int, name: str, index: int) -> None:
        """Set an alias to version `index`; nothing if it is there already."""
        row = self.view.alias(artifact, name)
        if row is None:
            self.ops.append(AliasSet(self.new_serial(), artifact, name, index, None))
        elif row.index != index:
            self.ops.append(AliasSet(row.serial, artifact, name, index, row.index))

    def remove_alias(self, row: AliasRow) -> None:
        """Remove an alias."""
        self.ops.append(AliasRemoved(row.serial, row.artifact, row.name, row.index))
