"""Upstream of a draft: the artifact that it commits to, and whether a version came that the draft does not have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from artfs.catalog import Artifact, Catalog, Version, View
from artfs.drafts.commit.attempt import attempted_root
from artfs.drafts.db.schema import Origin
from artfs.errors import NewerVersionError

__all__ = ["Upstream", "newer_version_error", "upstream_of"]


@dataclass(frozen=True, slots=True)
class Upstream:
    """The artifact that a draft commits to, as the catalog has it now.

    Attributes:
        artifact: Its name: a draft follows its artifact when that is renamed.
        newest: Its newest version that is not deleted; None: it has none.
        newest_ref: The reference of that version; empty: it has none.
        is_ahead: That version is newer than the one that the draft began at or was last committed as, and is not known
            to the draft: a version of the draft's contents would lack what is in it.
        follows: Serial of the newest version that is there or was known to the draft: as of `NewVersion`.
    """

    artifact: str
    newest: Version | None
    newest_ref: str
    is_ahead: bool
    follows: int


def upstream_of(catalog: Catalog, directory: Path, origin: Origin) -> Upstream:
    """Find the upstream of a draft.

    Args:
        catalog: Of the store.
        directory: The draft's.
        origin: The draft's.
    """
    attempted = attempted_root(directory)
    with catalog.view() as view:
        artifact = _artifact_of(view, origin)
        newest = None if artifact is None else view.latest(artifact.serial)
        known = max(origin.base, origin.seen)
        name = origin.artifact if artifact is None else artifact.name
        if newest is None:
            return Upstream(name, None, "", is_ahead=False, follows=known)
        # A version of the contents that the draft began at, or was about to publish, has nothing that it lacks.
        is_ahead = newest.serial > known and newest.tree.root not in (attempted, origin.base_root)
        return Upstream(name, newest, str(view.ref(newest)), is_ahead, max(known, newest.serial))


def _artifact_of(view: View, origin: Origin) -> Artifact | None:
    """The artifact that a draft is of, under whatever name; else the one that has the draft's name for it."""
    if origin.base and origin.base_ref.partition(":")[0] == origin.artifact:
        base = view.by_serial(origin.base)
        artifact = view.artifact(base.artifact) if isinstance(base, Version) else None
        if artifact is not None and not artifact.deleted:
            return artifact
    return view.artifact_by_name(origin.artifact)


def newer_version_error(origin: Origin, upstream: Upstream) -> NewerVersionError:
    """Make the error for a plain commit of a draft whose upstream is ahead."""
    began = f"{origin.base_ref}, which this draft is made from" if origin.base else "this draft, which began empty"
    return NewerVersionError(
        f"{upstream.newest_ref} is newer than {began}: commit with --merge to put what was changed here onto"
        f" {upstream.newest_ref}, or with --replace to make a version of what is here alone"
    )
