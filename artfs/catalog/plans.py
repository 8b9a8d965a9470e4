"""From what a user asks to operations: the rules of the catalog.

Each function looks at the catalog as it stands under the write lock, refuses what the rules forbid, and adds
operations to a `Plan`. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from artfs.catalog.metadata import decode_metadata
from artfs.catalog.parts import Together, take_parts
from artfs.catalog.schema import EdgeKind
from artfs.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    TypeMismatchError,
    VersionInUseError,
)
from artfs.format.operations import (
    AliasRemoved,
    AliasSet,
    ArtifactCreated,
    ArtifactDeleted,
    ArtifactEdited,
    ArtifactRenamed,
    ArtifactUndeleted,
    Op,
    Tree,
    VersionCreated,
    VersionDeleted,
    VersionEdited,
    VersionFields,
    VersionUndeleted,
)
from artfs.format.runs import RunLogged
from artfs.names import (
    DEFAULT_TYPE,
    LATEST,
    Alias,
    VersionRef,
    parse_alias,
    parse_artifact_name,
    parse_artifact_type,
    parse_tag,
    printable,
)

if TYPE_CHECKING:
    from artfs.catalog.schema import AliasRow, Artifact, Version
    from artfs.catalog.view import View
    from artfs.format.runs import Learnt

__all__ = [
    "NewVersion",
    "Plan",
    "Target",
    "VersionEdit",
    "check_text",
    "delete_artifact",
    "delete_versions",
    "edit_artifact",
    "edit_version",
    "keep_last",
    "link",
    "log_version",
    "remove_alias",
    "rename",
    "set_alias",
    "undelete_version",
]

_EMPTY_METADATA = b"{}"
_MAX_TEXT_BYTES = 1 << 20


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
    metadata: bytes = _EMPTY_METADATA
    tags: Sequence[str] = ()
    ttl_ns: int | None = None
    logged_by: str | None = None
    source: str | None = None
    how: Learnt = "api"
    together: Together | None = None


@dataclass(frozen=True, slots=True)
class VersionEdit:
    """What to change of a version; what is UNSET stays.

    Attributes:
        description: Free text.
        metadata: Canonical JSON (`encode_metadata`).
        tags: All the tags it is to have.
        ttl_ns: Nanoseconds to live from its creation; None: for ever.
    """

    description: str | UnsetType = UNSET
    metadata: bytes | UnsetType = UNSET
    tags: Sequence[str] | UnsetType = UNSET
    ttl_ns: int | UnsetType | None = UNSET


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
    fields = _fields(new.description, new.metadata, new.tags, new.ttl_ns)
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


def set_alias(plan: Plan, ref: VersionRef, alias: str) -> Target:
    """Let an alias name a version.

    Raises:
        InvalidInputError: The alias is not allowed.
        NotFoundError: There is no such version.
    """
    alias = _own_alias(alias)
    version = plan.view.resolve(ref)
    plan.point(version.artifact, alias, version.index)
    return Target(version.artifact, version.index)


def remove_alias(plan: Plan, name: str, alias: str) -> None:
    """Remove an alias.

    Raises:
        InvalidInputError: It is `latest`.
        NotFoundError: There is none.
    """
    alias = _own_alias(alias)
    row = plan.view.alias(plan.artifact(name).serial, alias)
    if row is None:
        raise NotFoundError(f"{name} has no alias {printable(alias)}: `artfs alias ls {name}` shows its aliases")
    plan.drop(row)


def edit_version(plan: Plan, ref: VersionRef, edit: VersionEdit | Callable[[Version], VersionEdit]) -> Target:
    """Change what can be changed of a version.

    Raises:
        InvalidInputError: A value is not allowed.
        NotFoundError: There is no such version.
    """
    version = plan.view.resolve(ref)
    wanted = edit if isinstance(edit, VersionEdit) else edit(version)
    fields = _fields(
        version.description if wanted.description is UNSET else wanted.description,
        version.metadata if wanted.metadata is UNSET else wanted.metadata,
        version.tags if wanted.tags is UNSET else wanted.tags,
        version.ttl_ns if wanted.ttl_ns is UNSET else wanted.ttl_ns,
    )
    if fields != version.fields:
        plan.ops.append(VersionEdited(version.artifact, version.index, fields, version.fields))
    return Target(version.artifact, version.index)


def edit_artifact(plan: Plan, name: str, description: str) -> int:
    """Change an artifact's description; gives its serial.

    Raises:
        InvalidInputError: The description is not allowed.
        NotFoundError: There is no such artifact.
    """
    artifact = plan.artifact(name)
    description = check_text(description, "description")
    if description != artifact.description:
        plan.ops.append(ArtifactEdited(artifact.serial, description, artifact.description))
    return artifact.serial


def rename(plan: Plan, name: str, new: str) -> int:
    """Give an artifact another name; gives its serial.

    Raises:
        InvalidInputError: The new name is not allowed.
        NotFoundError: There is no such artifact.
        ConflictError: The new name is taken, or its version numbers were another artifact's once.
    """
    artifact = plan.artifact(name)
    row = plan.view.name(parse_artifact_name(new))
    if row is not None and row.serial:
        raise ConflictError(f"artifact {new} exists: choose another name")
    if row is not None and row.owner != artifact.serial:
        raise ConflictError(
            f"{new} was the name of another artifact, whose version numbers are never used again: choose another name"
        )
    plan.ops.append(ArtifactRenamed(artifact.serial, new, name))
    return artifact.serial


def delete_versions(plan: Plan, name: str, indexes: Sequence[int], *, delete_aliases: bool) -> list[Target]:
    """Delete versions; `latest` falls back to the newest left, or goes with the last.

    Raises:
        NotFoundError: One of them does not exist.
        VersionInUseError: One of them has aliases besides `latest`, and `delete_aliases` was not given.
    """
    artifact = plan.artifact(name)
    doomed = dict.fromkeys(indexes)
    for index in doomed:
        plan.view.resolve(VersionRef(parse_artifact_name(name), index))
    _drop_aliases(plan, artifact, doomed, delete_aliases=delete_aliases)
    latest = plan.view.alias(artifact.serial, LATEST)
    if latest is not None and latest.index in doomed:
        left = (v.index for v in plan.view.versions(artifact.serial, newest_first=True) if v.index not in doomed)
        newest = next(left, None)
        if newest is None:
            plan.drop(latest)
        else:
            plan.point(artifact.serial, LATEST, newest)
    plan.ops.extend(VersionDeleted(artifact.serial, index) for index in doomed)
    return [Target(artifact.serial, index) for index in doomed]


def keep_last(plan: Plan, name: str, count: int, *, delete_aliases: bool) -> list[Target]:
    """Delete all versions but the newest ones, and but those that have aliases unless `delete_aliases`.

    Raises:
        InvalidInputError: `count` is not positive.
        NotFoundError: There is no such artifact.
    """
    if count < 1:
        raise InvalidInputError("at least one version must be kept: delete the artifact to delete all")
    artifact = plan.artifact(name)
    older = [version.index for version in plan.view.versions(artifact.serial, newest_first=True)][count:]
    named = set() if delete_aliases else {row.index for row in plan.view.aliases(artifact.serial)}
    doomed = sorted(set(older) - named)
    return delete_versions(plan, name, doomed, delete_aliases=delete_aliases)


def delete_artifact(plan: Plan, name: str, *, delete_aliases: bool) -> int:
    """Delete an artifact and all its versions; gives its serial.

    Raises:
        NotFoundError: There is no such artifact.
        VersionInUseError: It has aliases besides `latest`, and `delete_aliases` was not given.
    """
    artifact = plan.artifact(name)
    live = [version.index for version in plan.view.versions(artifact.serial)]
    delete_versions(plan, name, live, delete_aliases=delete_aliases)
    plan.ops.append(ArtifactDeleted(artifact.serial, name))
    return artifact.serial


def undelete_version(plan: Plan, name: str, index: int) -> Target:
    """Take back the deletion of a version, and that of its artifact too if nobody else bore its name since.

    Raises:
        NotFoundError: No such version was deleted, or gc has taken it.
        ConflictError: It is not deleted.
    """
    row = plan.view.name(parse_artifact_name(name))
    version = None if row is None else plan.view.version(row.owner, index, deleted=True)
    artifact = None if version is None else plan.view.artifact(version.artifact)
    # An artifact that was renamed since stands in the row of its old name as the last owner: that name is not its own.
    if row is None or version is None or artifact is None or artifact.name != name:
        raise NotFoundError(f"there is no deleted version {name}:v{index} to bring back")
    if not version.deleted:
        raise ConflictError(f"{name}:v{index} is not deleted")
    if version.removed:
        raise NotFoundError(f"{name}:v{index} cannot be brought back: gc has removed its contents")
    if artifact.deleted:
        plan.ops.append(ArtifactUndeleted(artifact.serial, name))
    plan.ops.append(VersionUndeleted(artifact.serial, index))
    latest = plan.view.alias(artifact.serial, LATEST)
    if latest is None or latest.index < index:
        plan.point(artifact.serial, LATEST, index)
    return Target(artifact.serial, index)


def _drop_aliases(plan: Plan, artifact: Artifact, doomed: dict[int, None], *, delete_aliases: bool) -> None:
    rows = [row for row in plan.view.aliases(artifact.serial) if row.index in doomed and row.name != LATEST]
    if rows and not delete_aliases:
        names = ", ".join(f"{printable(row.name)} (v{row.index})" for row in rows[:5])
        more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
        raise VersionInUseError(
            f"{artifact.name} has aliases for what is to be deleted: {names}{more};"
            " delete them too with --delete-aliases"
        )
    for row in rows:
        plan.drop(row)


def _own_alias(alias: str) -> Alias:
    if parse_alias(alias) == LATEST:
        raise InvalidInputError("the alias latest is kept by the store: it always names the newest version")
    return Alias(alias)


def _fields(description: str, metadata: bytes, tags: Sequence[str], ttl_ns: int | None) -> VersionFields:
    if metadata != _EMPTY_METADATA:
        decode_metadata(metadata)
    if ttl_ns is not None and not 0 < ttl_ns < 1 << 63:
        raise InvalidInputError("a time to live must be positive")
    return VersionFields(
        check_text(description, "description"), metadata, tuple(dict.fromkeys(map(parse_tag, tags))), ttl_ns
    )


def check_text(text: str, what: str) -> str:
    """Give text back that can be written.

    Raises:
        InvalidInputError: It cannot be: no Unicode, or too long.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"the {what} holds text that is not Unicode") from error
    if size > _MAX_TEXT_BYTES:
        raise InvalidInputError(f"the {what} of {size} bytes is too long: at most {_MAX_TEXT_BYTES} are allowed")
    return text
