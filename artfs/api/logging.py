"""Log a draft: its contents become a version, and the `Artifact` is that version from then on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from artfs.api.described import aliases_of, tags_of
from artfs.catalog import NewVersion, current_actor, encode_metadata
from artfs.errors import ArtifactFinalizedError

if TYPE_CHECKING:
    from artfs.api.state import ArtifactState
    from artfs.catalog import Together
    from artfs.store.store import Store

__all__ = ["log"]


def log(
    store: Store,
    artifact: ArtifactState,
    *,
    run: str | None = None,
    aliases: Sequence[str] | str | None = None,
    tags: Sequence[str] | str | None = None,
    if_changed: bool = False,
    together: Together | None = None,
) -> None:
    """Make a version of a draft.

    Args:
        store: Where it is logged; what was added to a draft of another store is copied.
        artifact: The draft; it is the logged artifact afterwards.
        run: The run that logs it.
        aliases: To be moved here; `latest` moves anyway.
        tags: Besides those that the draft has.
        if_changed: Take the latest version instead when its contents are the same.
        together: The parts of other processes that are in it.

    Raises:
        ArtifactFinalizedError: The artifact is logged already.
        TypeMismatchError: The name is borne by an artifact of another type.
        InvalidInputError: An alias, a tag or the metadata break a rule.
        StorageError: The store cannot be written; nothing was published.
    """
    if not artifact.is_draft():
        raise ArtifactFinalizedError(f"artifact {artifact.name} is logged already: begin a new_draft()")
    draft = artifact.contents
    version = NewVersion(
        name=artifact.base_name,
        type=artifact.type,
        aliases=aliases_of(aliases),
        description=artifact.description or "",
        metadata=encode_metadata(artifact.metadata),
        tags=tags_of([*artifact.tags, *tags_of(tags)]),
        ttl_ns=artifact.ttl_ns,
        logged_by=run,
        together=together,
    )
    tree = draft.tree(store)
    logged = store.catalog.create_version(version, tree, current_actor(run), if_changed=if_changed)
    draft.close()
    artifact.become(store, logged.version)
