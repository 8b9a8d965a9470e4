"""Plan new versions: stored contents become the next version of a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from artfs.catalog.commands.distributed import PartSet, consume_parts
from artfs.catalog.commands.plan import Plan, VersionKey
from artfs.catalog.metadata import EMPTY_METADATA, checked_fields
from artfs.catalog.schema import EdgeKind
from artfs.errors import ConflictError, InvalidInputError, NewerVersionError, TypeMismatchError
from artfs.format.operations import ArtifactCreated, Tree, VersionCreated, VersionFields, VersionLinked
from artfs.format.runs import RunLogged
from artfs.names import DEFAULT_TYPE, LATEST, VersionRef, parse_alias, parse_artifact_name, parse_artifact_type

if TYPE_CHECKING:
    from artfs.catalog.schema import Version
    from artfs.format.runs import EdgeSource

__all__ = ["NewVersion", "link", "log_again", "log_version", "restore"]


@dataclass(frozen=True, slots=True)
class NewVersion:
    """Name and fields of a version to be logged; its contents are a `Tree`.

    Attributes:
        name: The artifact's name.
        type: The artifact's type; None: as the artifact has it, `dataset` when it is new.
        aliases: To be moved here; `latest` moves anyway.
        description: Free text.
        metadata: Canonical JSON (`encode_metadata`).
        tags: Tags.
        ttl_ns: Nanoseconds to live; None: for ever.
        logged_by: The run that logs it.
        source: The version whose contents it has: that which it is a link to, or was restored from.
        how: The source of the edges from the runs.
        parts: The parts that it is made of, when several processes made it.
        follows: Serial of the newest version that it takes into account (0: of none): a newer one is a reason to
            refuse it. None: whatever is the newest.
        also_logged_by: Other runs that log it.
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
    how: EdgeSource = "api"
    parts: PartSet | None = None
    follows: int | None = None
    also_logged_by: Sequence[str] = ()


def log_version(plan: Plan, new: NewVersion, tree: Tree, *, if_changed: bool) -> tuple[VersionKey, bool]:
    """Log a version: make it the next one of its name, and set `latest` and the given aliases to it.

    Args:
        plan: The plan.
        new: Name and fields.
        tree: The contents.
        if_changed: Return the latest version if it has the same contents; the run has logged it then, too.

    Returns:
        The version, and True if it is a new one. Each run that added a part of it has logged it, too.

    Raises:
        InvalidInputError: A name, alias, tag or value is not allowed.
        NotFoundError: There is no such run.
        TypeMismatchError: The artifact has another type.
        NewerVersionError: The artifact has a newer version than the one that it follows.
        ConflictError: Parts were added or consumed since.
    """
    name = parse_artifact_name(new.name)
    type_ = None if new.type is None else parse_artifact_type(new.type)
    aliases = dict.fromkeys((*map(parse_alias, new.aliases), LATEST))
    fields = checked_fields(new.description, new.metadata, new.tags, new.ttl_ns)
    artifact = plan.view.artifact_by_name(name)
    if artifact is not None and type_ not in (None, artifact.type):
        raise TypeMismatchError(
            f"artifact {name} has type {artifact.type}, not {type_}: choose another name, or leave the type out"
        )
    latest = plan.view.latest(artifact.serial) if artifact is not None else None
    if latest is not None and new.follows is not None and latest.serial > new.follows:
        raise NewerVersionError(f"{name}:{latest.name} came meanwhile: begin at that, or merge with it")
    if if_changed and latest is not None and latest.digest == tree.digest:
        target, created = VersionKey(latest.artifact, latest.index), False
        runs = [] if new.logged_by is None else [plan.view.resolve_run(new.logged_by).id]
    else:
        target, created = _create(plan, new, tree, type_, fields), True
        runs = []
    runs += [plan.view.resolve_run(run).id for run in new.also_logged_by]
    for alias in aliases:
        plan.set_alias(target.artifact, alias, target.index)
    if new.parts is not None:
        runs += consume_parts(plan, name, new.parts)
    _add_logged_edges(plan, target, runs, new.how, maker=new.logged_by)
    return target, created


def log_again(plan: Plan, ref: VersionRef, run: str, aliases: Sequence[str]) -> VersionKey:
    """Record that a run logged a version that is there, and set aliases to it; `latest` stays where it is.

    Raises:
        InvalidInputError: An alias is not allowed.
        NotFoundError: There is no such run or version.
    """
    version = plan.view.resolve(ref)
    target = VersionKey(version.artifact, version.index)
    for alias in dict.fromkeys(map(parse_alias, aliases)):
        if alias != LATEST:
            plan.set_alias(target.artifact, alias, target.index)
    _add_logged_edges(plan, target, [plan.view.resolve_run(run).id], "api")
    return target


def link(
    plan: Plan, ref: VersionRef, name: str, aliases: Sequence[str], logged_by: str | None
) -> tuple[VersionKey, bool]:
    """Make the next version of another artifact a link to a version; to what that is a link to, if it is one.

    That artifact is created with the same type if need be. The link has the lineage of its source, and its own
    aliases and time to live, which is none. It has description, metadata and tags of the source as they are now.

    Returns:
        The link, and True if it is new; the newest that is there gets the aliases.

    Raises:
        InvalidInputError: The name is not allowed, or is that of the version itself.
        NotFoundError: There is no such version.
        TypeMismatchError: The other artifact has another type.
    """
    version = plan.view.source(plan.view.resolve(ref))
    if parse_artifact_name(name) in {ref.name, plan.view.ref(version).name}:
        raise InvalidInputError(f"{ref} cannot be linked to its own artifact: give it an alias instead")
    artifact = plan.view.artifact_by_name(name)
    there = [link for link in plan.view.links(version) if artifact is not None and link.artifact == artifact.serial]
    if there:
        target = VersionKey(there[-1].artifact, there[-1].index)
        for alias in dict.fromkeys(map(parse_alias, aliases)):
            plan.set_alias(target.artifact, alias, target.index)
        return target, False
    if logged_by is not None:
        plan.view.resolve_run(logged_by)
    unkept = replace(version, fields=replace(version.fields, ttl_ns=None))
    target, _created = _log_contents_of(plan, unkept, name, version.description, aliases, None)
    created = max(number for number, op in enumerate(plan.ops) if isinstance(op, VersionCreated))
    linked = VersionLinked(target.artifact, target.index, version.artifact, version.index, logged_by)
    plan.ops.insert(created + 1, linked)
    return target, True


def restore(
    plan: Plan, ref: VersionRef, description: str | None, aliases: Sequence[str], logged_by: str | None
) -> tuple[VersionKey, bool]:
    """Log the contents of an earlier version as the next version of its artifact.

    Args:
        plan: The plan.
        ref: The earlier version.
        description: Of the new version; None: that of the earlier one, whose metadata, tags and time to live it has.
        aliases: To be moved to the new version, as `latest` is.
        logged_by: The run that logs it.

    Raises:
        InvalidInputError: A value is not allowed.
        NotFoundError: There is no such version.
        ConflictError: It is the newest version.
    """
    version = plan.view.resolve(ref)
    source = plan.view.ref(version)
    if plan.view.latest(version.artifact) == version:
        raise ConflictError(f"{source} is the newest version already: name an earlier one, as `artfs log` lists them")
    description = version.description if description is None else description
    return _log_contents_of(plan, version, source.name, description, aliases, logged_by)


def _log_contents_of(
    plan: Plan, version: Version, name: str, description: str, aliases: Sequence[str], logged_by: str | None
) -> tuple[VersionKey, bool]:
    source = plan.view.ref(version)
    new = NewVersion(
        name,
        _type_of(plan, version),
        aliases,
        description,
        version.metadata,
        version.tags,
        version.ttl_ns,
        logged_by,
        str(source),
    )
    return log_version(plan, new, version.tree, if_changed=False)


def _type_of(plan: Plan, version: Version) -> str:
    artifact = plan.view.artifact(version.artifact)  # what a link is to may be deleted
    return DEFAULT_TYPE if artifact is None else artifact.type


def _add_logged_edges(
    plan: Plan, target: VersionKey, runs: Iterable[str], how: EdgeSource, *, maker: str | None = None
) -> None:
    """Record that runs logged a version, where that is not recorded yet.

    Args:
        plan: The plan.
        target: The version; it may be made by the same plan.
        runs: The runs.
        how: The source of the edges.
        maker: The run that makes it in this plan.
    """
    version = plan.view.version(target.artifact, target.index)
    recorded = {maker}
    if version is not None:
        version = plan.view.source(version)
        target = VersionKey(version.artifact, version.index)
        recorded = {edge.run for edge in plan.view.edges_of_version(version, EdgeKind.LOGGED)}
    plan.ops += [
        RunLogged(run, target.artifact, target.index, how, plan.now_ns)
        for run in dict.fromkeys(runs)
        if run not in recorded
    ]


def _create(plan: Plan, new: NewVersion, tree: Tree, type_: str | None, fields: VersionFields) -> VersionKey:
    row = plan.view.name_row(new.name)
    if row is not None and row.serial:
        artifact = row.serial
    else:
        plan.take_name(new.name)
        artifact = plan.new_serial()
        plan.ops.append(ArtifactCreated(artifact, new.name, type_ or DEFAULT_TYPE, plan.now_ns))
    index = 0 if row is None else row.next_index
    if new.logged_by is not None:
        plan.view.resolve_run(new.logged_by)
    origin = new.logged_by, new.source, new.how
    plan.ops.append(VersionCreated(plan.new_serial(), artifact, index, tree, plan.now_ns, fields, *origin))
    return VersionKey(artifact, index)
