"""The parts of a version that several processes make together: added one by one, taken all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from artfs.catalog import tables
from artfs.catalog.runs import MisfitError
from artfs.catalog.schema import Part, part_key
from artfs.errors import ConflictError
from artfs.format.operations import PartAdded, PartsTaken, Tree, VersionFields
from artfs.names import parse_artifact_name, parse_distributed_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artfs.catalog.plans.plan import Plan
    from artfs.catalog.tables import Txn

__all__ = ["NewPart", "Together", "add_part", "apply_part", "take_parts"]


@dataclass(frozen=True, slots=True)
class NewPart:
    """What a process adds.

    Attributes:
        group: What the processes call the version (the distributed id).
        name: The artifact's name.
        tree: What is added, stored.
        fields: What it says of the version.
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
class Together:
    """The parts that a version is made of.

    Attributes:
        group: What the processes call it (the distributed id).
        count: How many parts there are.
    """

    group: str
    count: int


def add_part(plan: Plan, new: NewPart) -> int:
    """Add a part; gives its number.

    Raises:
        InvalidInputError: Name or group is not allowed.
        NotFoundError: There is no such run.
    """
    parse_artifact_name(new.name)
    parse_distributed_id(new.group)
    if new.run is not None:
        plan.view.known_run(new.run)
    number = len(plan.view.parts(new.name, new.group))
    plan.ops.append(
        PartAdded(new.group, new.name, number, new.tree, new.fields, plan.now_ns, tuple(new.aliases), new.run)
    )
    return number


def take_parts(plan: Plan, name: str, together: Together) -> list[str]:
    """Let a version that is being logged take the parts that it is made of.

    Returns:
        The runs that added them.

    Raises:
        ConflictError: Parts were added or taken since it was made.
    """
    parts = plan.view.parts(name, together.group)
    if len(parts) != together.count:
        raise ConflictError(
            f"{name} was added to, or finished, meanwhile: finish it once, when all processes have added"
        )
    if together.count:
        plan.ops.append(PartsTaken(together.group, name, together.count))
    return [part.run for part in parts if part.run is not None]


def apply_part(txn: Txn, op: PartAdded | PartsTaken) -> None:
    """Apply one operation.

    Raises:
        MisfitError: It does not fit the tables.
    """
    count = sum(1 for _row in tables.PARTS.scan(txn, part_key(op.name, op.group)))
    if isinstance(op, PartAdded):
        if op.number != count:
            raise MisfitError(f"a part of {op.name} is out of turn")
        part = Part(op.group, op.name, op.number, op.tree, op.fields, op.added_ns, op.aliases, op.run)
        tables.PARTS.put(txn, part_key(op.name, op.group, op.number), part)
        return
    if op.count != count:
        raise MisfitError(f"{op.name} has {count} parts, not {op.count}")
    for number in range(count):
        tables.PARTS.delete(txn, part_key(op.name, op.group, number))
