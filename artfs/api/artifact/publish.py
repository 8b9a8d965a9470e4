"""Log an artifact as a new version, or save edits to a logged one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from msgspec import UNSET

from artfs.api.artifact.base import ArtifactBase
from artfs.api.artifact.metadata import aliases_of, tags_of
from artfs.api.artifact.newer_version import create_merged, warn_of_losses
from artfs.api.projects import project_in
from artfs.api.tracking import current_run
from artfs.catalog import NewVersion, PartSet, Version, VersionEdit, current_actor, encode_metadata, merge_metadata
from artfs.errors import ArtifactFinalizedError, InvalidInputError
from artfs.names import LATEST, VersionRef
from artfs.store.store import Store
from artfs.store.tree.merge_choices import MergeChoices

__all__ = ["check_unlogged", "log", "log_again", "push_edits"]


def check_unlogged(artifact: ArtifactBase) -> None:
    """Refuse an artifact that is logged.

    Raises:
        ArtifactFinalizedError: It is.
    """
    if not artifact.is_draft():
        raise ArtifactFinalizedError(f"artifact {artifact.name} is logged already: begin a new_draft()")


def log(
    store: Store,
    artifact: ArtifactBase,
    *,
    run: str | None = None,
    project: str | None = None,
    aliases: Sequence[str] | str | None = None,
    tags: Sequence[str] | str | None = None,
    if_changed: bool = False,
    parts: PartSet | None = None,
    merge: bool | None = None,
    choices: MergeChoices | None = None,
) -> None:
    """Make a version of an artifact's contents; the artifact is that version afterwards.

    Args:
        store: Where it is logged; contents that were added to another store are copied.
        artifact: Not logged yet.
        run: The run that logs it.
        project: That of a name without one; empty: none. None: that of `run`, or of the current one.
        aliases: To be moved here; `latest` moves anyway.
        tags: Besides those that the artifact has.
        if_changed: Take the latest version instead when its contents are the same.
        parts: The parts of other processes that are in it.
        merge: Of a draft of a version: put its changes onto a newer version, or refuse if there is one. None: make a
            version of its contents, with a warning if that loses something.
        choices: The sides that a merge takes where both changed a path; only of one.

    Raises:
        NewerVersionError: There is a newer version, and `merge` is False.
        MergeConflictError: Paths were changed in both.
        ArtifactFinalizedError: The artifact is logged already.
        TypeMismatchError: An artifact of another type has the name.
        InvalidInputError: An alias, a tag or the metadata break a rule.
        StorageError: The store cannot be written; nothing was published.
    """
    check_unlogged(artifact)
    if project is None:
        project = project_in(store, run or current_run(store))
    artifact.put_in_project(project or None)
    contents = artifact.contents
    version = NewVersion(
        name=artifact.full_name,
        type=artifact.type,
        aliases=aliases_of(aliases),
        description=artifact.description or "",
        metadata=encode_metadata(artifact.metadata),
        tags=tags_of([*artifact.tags, *tags_of(tags)]),
        ttl_ns=artifact.ttl_ns,
        logged_by=run,
        parts=parts,
    )
    tree = contents.tree(store)
    if run is not None:
        contents.origins.record(store, run)
    if merge is not None:
        logged = create_merged(store, artifact, version, tree, if_changed=if_changed, choices=choices)
    else:
        if not contents.copied_from(store):
            warn_of_losses(store, artifact)
        logged = store.catalog.create_version(version, tree, current_actor(run), if_changed=if_changed)
    contents.close()
    artifact.become(store, logged.version)


def log_again(
    store: Store,
    artifact: ArtifactBase,
    *,
    run: str,
    aliases: Sequence[str] | str | None = None,
    tags: Sequence[str] | str | None = None,
) -> None:
    """Make a version that is there an output of a run, too; edits of it are saved.

    Args:
        store: The run's store, which has the version.
        artifact: Logged.
        run: The run.
        aliases: To be moved here; `latest` stays.
        tags: Besides those that the artifact has.

    Raises:
        InvalidInputError: It is in another store; or an alias, a tag or the metadata break a rule.
        NotFoundError: The version was deleted.
        StorageError: The store cannot be written.
    """
    if artifact.store.path != store.path:
        raise InvalidInputError(
            f"{artifact.name} is in another store than the run: log what its new_draft() gives, which copies it"
        )
    named = aliases_of(aliases)
    artifact.tags = [*artifact.tags, *tags_of(tags)]
    push_edits(store, artifact.version_ref, artifact)
    artifact.become(store, store.catalog.log_again(artifact.version_ref, run, current_actor(run), aliases=named))


def push_edits(store: Store, ref: VersionRef, artifact: ArtifactBase) -> None:
    """Publish what differs from the saved version; what others changed meanwhile stays.

    Raises:
        TypeError: A value of the metadata is of a wrong type.
        InvalidInputError: A value breaks a rule; nothing was published.
    """
    actor = current_actor()
    saved, saved_aliases = artifact.saved.version, artifact.saved.aliases
    aliases, tags = aliases_of(artifact.aliases), tuple(tags_of(artifact.tags))
    metadata, description = encode_metadata(artifact.metadata), artifact.description or ""
    if saved is not None:
        edit = VersionEdit(
            description=UNSET if description == saved.description else description,
            metadata=UNSET if metadata == saved.metadata else metadata,
            tags=UNSET if tags == saved.tags else tags,
            ttl_ns=UNSET if artifact.ttl_ns == saved.ttl_ns else artifact.ttl_ns,
        )
        if edit != VersionEdit():
            store.catalog.edit_version(ref, lambda now: _merged(edit, saved, now), actor)
    for alias in aliases:
        if alias not in saved_aliases:
            store.catalog.set_alias(ref, alias, actor)
    dropped = [alias for alias in saved_aliases if alias not in aliases and alias != LATEST]
    if dropped:
        with store.catalog.view() as view:
            current = view.aliases_of(view.resolve(ref))
        for alias in dropped:
            if alias in current:  # one that was removed or moved elsewhere meanwhile is no longer this version's
                store.catalog.remove_alias(ref.name, alias, actor)


def _merged(edit: VersionEdit, saved: Version, now: Version) -> VersionEdit:
    """Apply edited tags and metadata to the version as it is now: what others added or removed stays so."""
    if edit.metadata is not UNSET:
        edit = replace(edit, metadata=merge_metadata(saved.metadata, edit.metadata, now.metadata))
    if edit.tags is UNSET:
        return edit
    wanted = [tag for tag in edit.tags if tag in now.tags or tag not in saved.tags]
    others = [tag for tag in now.tags if tag not in saved.tags and tag not in wanted]
    return replace(edit, tags=(*wanted, *others))
