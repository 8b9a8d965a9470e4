"""Log versions: contents that are stored become the next version of a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artfs.catalog.parts import Together, take_parts
from artfs.catalog.plans.fields import EMPTY_METADATA, fields_of
from artfs.catalog.plans.plan import Plan, Target
from artfs.catalog.schema import EdgeKind
from artfs.errors import InvalidInputError, TypeMismatchError
from artfs.format.operations import ArtifactCreated, Tree, VersionCreated, VersionFields
from artfs.format.runs import RunLogged
from artfs.names import DEFAULT_TYPE, LATEST, VersionRef, parse_alias, parse_artifact_name, parse_artifact_type

if TYPE_CHECKING:
    from artfs.format.runs import Learnt

__all__ = ["NewVersion", "link", "log_version"]


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a version to be logged is called and said to be; its contents are a `Tree`.

    Attributes:
        name: The artifact's name.
        type: The artifact's type; None: as the artifact has it, `dataset` when it is new.
        aliases: To be moved here; `latest` moves anyway.
        description: Free text.
        metadata: Canonical JSON (`encode_metadata`).
        tags: Tags.
        ttl_ns: Nanoseconds to live; None: for ever.
        logged_by: The run that logs it.
        source: The version that it is a link to.
        how: How it was learnt that the run logs it.
        together: The parts that it is made of, when several processes made it.
    """

    name: str
    type: str | None = None
    aliases: Sequence[str] = ()
    description: str = ""
    metadata: bytes = EMPTY_METADATA
    tags: Sequence[str] = ()
    ttl_ns: int | None = None
    logged_by: str | None = None
    source: str | None = None
    how: Learnt = "api"
    together: Together | None = None


def log_version(plan: Plan, new: NewVersion, tree: Tree, *, if_changed: bool) -> tuple[Target, bool]:
    """Log a version: make it the next one of its name, and let `latest` and the given aliases name it.

    Returns:
        The version, and whether it is a new one; `if_changed`, it may be the latest, when that has the same contents.
        The run has then logged it too, and so has each run that added a part of a new one.

    Raises:
        InvalidInputError: A name, alias, tag or value is not allowed.
        NotFoundError: There is no such run.
        TypeMismatchError: The artifact has another type.
        ConflictError: The parts that it is made of are others meanwhile.
    """
    name = parse_artifact_name(new.name)
    type_ = None if new.type is None else parse_artifact_type(new.type)
    aliases = dict.fromkeys((*map(parse_alias, new.aliases), LATEST))
    fields = fields_of(new.description, new.metadata, new.tags, new.ttl_ns)
    artifact = plan.view.artifact_by_name(name)
    if artifact is not None and type_ not in (None, artifact.type):
        raise TypeMismatchError(
            f"artifact {name} has type {artifact.type}, not {type_}: choose another name, or leave the type out"
        )
    latest = plan.view.latest(artifact.serial) if artifact is not None and if_changed else None
    if latest is not None and latest.digest == tree.digest:
        target, created = Target(latest.artifact, latest.index), False
        runs = [] if new.logged_by is None else [plan.view.known_run(new.logged_by).id]
    else:
        target, created = _create(plan, new, tree, type_, fields), True
        runs = []
    for alias in aliases:
        plan.point(target.artifact, alias, target.index)
    if new.together is not None:
        runs += take_parts(plan, name, new.together)
    _log_too(plan, new, target, runs)
    return target, created


def link(plan: Plan, ref: VersionRef, name: str, aliases: Sequence[str], logged_by: str | None) -> tuple[Target, bool]:
    """Log the contents of a version as the next version of another artifact, made with the same type if need be.

    Raises:
        InvalidInputError: The name is not allowed, or is that of the version itself.
        NotFoundError: There is no such version.
        TypeMismatchError: The other artifact has another type.
    """
    version = plan.view.resolve(ref)
    if parse_artifact_name(name) == ref.name:
        raise InvalidInputError(f"{ref} cannot be linked to its own artifact: give it an alias instead")
    new = NewVersion(
        name,
        plan.artifact(ref.name).type,
        aliases,
        version.description,
        version.metadata,
        version.tags,
        version.ttl_ns,
        logged_by,
        str(plan.view.ref(version)),
    )
    return log_version(plan, new, version.tree, if_changed=False)


def _log_too(plan: Plan, new: NewVersion, target: Target, runs: Iterable[str]) -> None:
    """Note of runs that they logged a version, where that is not said yet."""
    version = plan.view.version(target.artifact, target.index)
    noted = {new.logged_by}
    if version is not None:
        noted = {edge.run for edge in plan.view.edges_of_version(version, EdgeKind.LOGGED)}
    plan.ops += [
        RunLogged(run, target.artifact, target.index, new.how, plan.now_ns)
        for run in dict.fromkeys(runs)
        if run not in noted
    ]


def _create(plan: Plan, new: NewVersion, tree: Tree, type_: str | None, fields: VersionFields) -> Target:
    row = plan.view.name(new.name)
    if row is not None and row.serial:
        artifact = row.serial
    else:
        artifact = plan.serial()
        plan.ops.append(ArtifactCreated(artifact, new.name, type_ or DEFAULT_TYPE, plan.now_ns))
    index = 0 if row is None else row.next_index
    if new.logged_by is not None:
        plan.view.known_run(new.logged_by)
    plan.ops.append(
        VersionCreated(
            plan.serial(),
            artifact,
            index,
            tree,
            plan.now_ns,
            fields,
            new.logged_by,
            new.source,
            new.how,
        )
    )
    return Target(artifact, index)
