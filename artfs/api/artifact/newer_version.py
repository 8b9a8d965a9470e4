"""Versions that came since a `new_draft`: what a version of its contents would lack, and merging with them."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import islice
from typing import Final

from msgspec.structs import replace as replace_fields

from artfs.api.artifact.base import ArtifactBase
from artfs.catalog import LoggedVersion, NewVersion, Version, current_actor
from artfs.errors import ConflictError, InvalidInputError, NewerVersionError
from artfs.format.node import Entry, Kind
from artfs.format.operations import Tree
from artfs.names import quoted
from artfs.store.store import Store, root_entry
from artfs.store.tree.merge_choices import MergeChoices

__all__ = ["create_merged", "warn_of_losses"]

_MAX_TRIES: Final = 100
_LOOKED_AT: Final = 1000
_NAMED_AT_MOST: Final = 5


def _newer(store: Store, artifact: ArtifactBase) -> tuple[Version, str] | None:
    """The newest version and its reference, if it came after the one that a draft began at."""
    base = artifact.began_at
    with store.catalog.view() as view:
        row = view.artifact_by_name(artifact.full_name)
        newest = None if row is None else view.latest(row.serial)
        if base is None or newest is None or newest.serial <= base.serial or newest.tree.root == base.tree.root:
            return None
        return newest, str(view.ref(newest))


def warn_of_losses(store: Store, artifact: ArtifactBase) -> None:
    """Warn if a version of the draft's contents would lack what a newer version has, and name some of it."""
    base = artifact.began_at
    found = _newer(store, artifact)
    if base is None or found is None:
        return
    newest, ref = found
    lost = [
        quoted(difference.path)
        for difference in islice(store.diff(base, newest), _LOOKED_AT)
        if _differs(artifact.contents.entries.get(difference.path), difference.new)
    ]
    if lost:
        more = f" and {len(lost) - _NAMED_AT_MOST} more" if len(lost) > _NAMED_AT_MOST else ""
        named = ", ".join(lost[:_NAMED_AT_MOST])
        warnings.warn(
            f"{ref} is newer than {artifact.full_name}:{base.name}, which this draft was made from; the next version"
            f" does not have what was changed there: {named}{more}; save(merge=True) keeps it",
            stacklevel=4,
        )


def _differs(ours: Entry | None, theirs: Entry | None) -> bool:
    """Return whether a path is another here than there; a directory is what is in it."""
    kinds = {entry.kind for entry in (ours, theirs) if entry is not None}
    if not kinds - {Kind.DIRECTORY}:
        return False
    if ours is None or theirs is None:
        return True
    return (ours.kind, ours.mode, ours.digest) != (theirs.kind, theirs.mode, theirs.digest)


def create_merged(
    store: Store,
    artifact: ArtifactBase,
    version: NewVersion,
    tree: Tree,
    *,
    if_changed: bool,
    choices: MergeChoices | None,
) -> LoggedVersion:
    """Log a draft's contents; where a newer version came, put the draft's changes onto that, or refuse.

    Args:
        store: Where it is logged.
        artifact: What `new_draft` gave.
        version: Describes the version.
        tree: The contents.
        if_changed: Give the latest version when it has the same contents.
        choices: Put the changes onto a newer version, and take these sides at conflicts; None: refuse.

    Raises:
        InvalidInputError: It is no draft of a version in this store, or a side was chosen where there is no conflict.
        NewerVersionError: There is a newer version, and `choices` is None.
        MergeConflictError: Paths were changed in both.
    """
    base = artifact.began_at
    if base is None or artifact.contents.copied_from(store):
        raise InvalidInputError(
            f"artifact {artifact.full_name} was not made by new_draft() of a version in this store: leave merge out"
        )
    ours = replace_fields(tree, mode=base.tree.mode)  # a draft here has no mode of its own for the top
    for _ in range(_MAX_TRIES):
        found = _newer(store, artifact)
        to_log, follows = tree, base.serial
        if found is not None:
            newest, ref = found
            if choices is None:
                raise NewerVersionError(
                    f"{ref} is newer than {artifact.full_name}:{base.name}, which this draft was made from:"
                    f" save(merge=True) puts its changes onto {ref}, save() makes a version of its contents alone"
                )
            to_log = artifact.contents.merge_with(store, root_entry(newest), ref, ours, root_entry(base), choices)
            follows = newest.serial
        described = replace(version, follows=follows)
        try:
            return store.catalog.create_version(
                described, to_log, current_actor(version.logged_by), if_changed=if_changed
            )
        except NewerVersionError:
            continue
    raise ConflictError("other versions were logged first again and again: save again")
