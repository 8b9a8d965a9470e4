"""Plan: the operations of a change in the making, with the rules for serials and aliases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from artfs.format.operations import AliasRemoved, AliasSet, Op
from artfs.names import parse_artifact_name

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

    def new_serial(self) -> int:
        """Issue a serial."""
        self._next_serial += 1
        return self._next_serial - 1

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
