"""Plan distributed versions: processes add parts one by one, and one consumes them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artfs.errors import ConflictError
from artfs.format.operations import PartAdded, PartsTaken, Tree, VersionFields
from artfs.names import parse_artifact_name, parse_distributed_id

if TYPE_CHECKING:
    from artfs.catalog.commands.plan import Plan

__all__ = ["NewPart", "PartSet", "add_part", "consume_parts"]


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part that a process adds.

    Attributes:
        group: The name that the processes have for the version (the distributed id).
        name: The artifact's name.
        tree: The contents, which are stored.
        fields: Description, metadata and tags for the version.
        aliases: To be moved to the version.
        run: The run that adds it.
    """

    group: str
    name: str
    tree: Tree
    fields: VersionFields
    aliases: Sequence[str] = ()
    run: str | None = None


@dataclass(frozen=True, slots=True)
class PartSet:
    """The parts that a version is made of.

    Attributes:
        group: The name that the processes have for it (the distributed id).
        count: Number of parts.
    """

    group: str
    count: int


def add_part(plan: Plan, new: NewPart) -> int:
    """Add a part; returns its number.

    Raises:
        InvalidInputError: Name or group is not allowed.
        NotFoundError: There is no such run.
    """
    parse_artifact_name(new.name)
    parse_distributed_id(new.group)
    if new.run is not None:
        plan.view.resolve_run(new.run)
    number = len(plan.view.parts(new.name, new.group))
    plan.ops.append(
        PartAdded(new.group, new.name, number, new.tree, new.fields, plan.now_ns, tuple(new.aliases), new.run)
    )
    return number


def consume_parts(plan: Plan, name: str, parts: PartSet) -> list[str]:
    """Consume the parts that a version is made of, which is being logged.

    Returns:
        The runs that added them.

    Raises:
        ConflictError: Parts were added or consumed since the version was made.
    """
    found = plan.view.parts(name, parts.group)
    if len(found) != parts.count:
        raise ConflictError(
            f"{name} was added to, or finished, meanwhile: finish it once, when all processes have added"
        )
    if parts.count:
        plan.ops.append(PartsTaken(parts.group, name, parts.count))
    return [part.run for part in found if part.run is not None]
