"""Log a version that several processes make together: each adds a part, one finishes it."""

from __future__ import annotations

from collections.abc import Sequence

from artfs.api.artifact.base import ArtifactBase
from artfs.api.artifact.metadata import aliases_of, tags_of
from artfs.api.artifact.publish import check_unlogged, log
from artfs.api.projects import project_in
from artfs.catalog import DistributedPart, NewPart, PartSet, current_actor, decode_metadata, encode_metadata
from artfs.errors import ConflictError, InvalidInputError
from artfs.format.node import Entry, Kind
from artfs.format.operations import VersionFields
from artfs.names import parse_distributed_id, quoted
from artfs.store.store import Store

__all__ = ["add_part", "finish"]


def add_part(
    store: Store,
    artifact: ArtifactBase,
    group: str,
    *,
    run: str,
    aliases: Sequence[str] | str | None,
    tags: Sequence[str] | str | None,
) -> None:
    """Store an artifact as a part of a version; nothing can be added to it from then on.

    Args:
        store: The store of the version.
        artifact: Not logged yet.
        group: The name by which the processes find together.
        run: The run that adds it.
        aliases: For the version.
        tags: For the version.

    Raises:
        ArtifactFinalizedError: The artifact is logged already.
        InvalidInputError: An alias, a tag, the metadata or the group break a rule.
    """
    check_unlogged(artifact)
    artifact.put_in_project(project_in(store, run))
    fields = VersionFields(
        artifact.description or "",
        encode_metadata(artifact.metadata),
        tuple(tags_of([*artifact.tags, *tags_of(tags)])),
        artifact.ttl_ns,
    )
    named = aliases_of(aliases)
    group = parse_distributed_id(group)
    tree = artifact.contents.tree(store)
    artifact.contents.origins.record(store, run)
    store.catalog.add_part(NewPart(group, artifact.full_name, tree, fields, named, run), current_actor(run))
    artifact.finalize()


def finish(
    store: Store,
    artifact: ArtifactBase,
    group: str,
    *,
    run: str,
    aliases: Sequence[str] | str | None,
    tags: Sequence[str] | str | None,
) -> None:
    """Log an artifact together with the parts of all processes.

    Aliases and tags are united. Of metadata and description the artifact's count, then those of the last part.

    Args:
        store: The store of the parts.
        artifact: Not logged yet; it is the version afterwards.
        group: The name by which the processes find together.
        run: The run that logs it.
        aliases: Besides those of the parts.
        tags: Besides those of the parts.

    Raises:
        ArtifactFinalizedError: The artifact is logged already.
        ConflictError: Two processes added different files at one path; or one adds, or finishes, just now; or there
            is nothing to log, as when it is finished already.
        InvalidInputError: An alias, a tag, the metadata or the group break a rule.
    """
    check_unlogged(artifact)
    group = parse_distributed_id(group)
    artifact.put_in_project(project_in(store, run))
    artifact.contents.tree(store)
    with store.catalog.view() as view:
        parts = view.parts(artifact.full_name, group)
    if not parts and not artifact.contents.entries:
        raise ConflictError(
            f"nothing was added to {artifact.full_name} with the distributed id {group!r}, or it is finished already: "
            "finish it once"
        )
    for part in parts:
        _merge(store, artifact, part)
    metadata: dict[str, object] = {}
    for part in parts:
        metadata |= decode_metadata(part.fields.metadata)
    artifact.metadata = metadata | artifact.metadata
    artifact.description = artifact.description or next((p.fields.description for p in reversed(parts)), "")
    log(
        store,
        artifact,
        run=run,
        aliases=[*(alias for part in parts for alias in part.aliases), *aliases_of(aliases)],
        tags=[*(tag for part in parts for tag in part.fields.tags), *tags_of(tags)],
        parts=PartSet(group, len(parts)),
    )


def _merge(store: Store, artifact: ArtifactBase, part: DistributedPart) -> None:
    tree = part.tree
    top = Entry(b"", Kind.DIRECTORY, tree.mode, tree.mtime_ns, tree.size, tree.digest, tree.entries, tree.root)
    for path, entry in store.walk(top):
        try:
            artifact.contents.add(path, entry, overwrite=False)
        except InvalidInputError as error:
            raise ConflictError(
                f"two processes added {quoted(path)} to {part.name} with other contents: give each a path of its own"
            ) from error
