"""What is to be done to the catalog: operations in the making, and the version that they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from artfs.errors import NotFoundError
from artfs.format.operations import AliasRemoved, AliasSet, Op
from artfs.names import parse_artifact_name

if TYPE_CHECKING:
    from artfs.catalog.schema import AliasRow, Artifact
    from artfs.catalog.view import View

__all__ = ["Plan", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """The version that a plan is about: its artifact's serial and its index."""

    artifact: int
    index: int


class Plan:
    """Operations in the making.

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

    def serial(self) -> int:
        """Give out a serial."""
        self._next_serial += 1
        return self._next_serial - 1

    def artifact(self, name: str) -> Artifact:
        """The artifact of that name.

        Raises:
            NotFoundError: There is none.
        """
        artifact = self.view.artifact_by_name(parse_artifact_name(name))
        if artifact is None:
            raise NotFoundError(f"artifact {name} does not exist: `artfs ls` shows which do")
        return artifact

    def point(self, artifact: int, name: str, index: int) -> None:
        """Let an alias name version `index`; nothing if it does already."""
        row = self.view.alias(artifact, name)
        if row is None:
            self.ops.append(AliasSet(self.serial(), artifact, name, index, None))
        elif row.index != index:
            self.ops.append(AliasSet(row.serial, artifact, name, index, row.index))

    def drop(self, row: AliasRow) -> None:
        """Remove an alias."""
        self.ops.append(AliasRemoved(row.serial, row.artifact, row.name, row.index))
