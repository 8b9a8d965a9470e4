"""Drafts that a staging mount serves, by number and by name."""

from __future__ import annotations

import errno
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artfs.drafts.control.stage_request import DiscardRequest, StageRequest, UndeleteRequest
from artfs.drafts.discarded import DiscardedDrafts
from artfs.drafts.draft import Draft
from artfs.drafts.namespace.inodes import os_error
from artfs.drafts.registry import DraftLocation, DraftRegistry
from artfs.errors import ArtfsError, ConflictError, NotFoundError
from artfs.files.ballast import Ballast
from artfs.fuse.staging.inode_numbers import WRITING, split
from artfs.fuse.staging.recovery.server_recovery import ServerRecovery
from artfs.store import Store

__all__ = ["ServedDraft", "ServedDrafts"]

_log = logging.getLogger(__name__)
_OWN_ROW: Final = 1
"""Dirty rows of a new draft: `mkdir` sets the mode of its directory."""


@dataclass(slots=True)
class ServedDraft:
    """A draft that is served.

    Attributes:
        location: The draft's directory, number and name.
        draft: The draft.
        checkpoint_blocked: The storer has yet to open the snapshot of a commit, which a checkpoint would change.
    """

    location: DraftLocation
    draft: Draft
    checkpoint_blocked: bool = False


class ServedDrafts:
    """All drafts of a store; each is opened when a request first needs it.

    Args:
        registry: All drafts of the store.
        store: Open in this process.
        recovery: Opens drafts, in which files may be open from before.
        timed: Writing sets a file's times, since the kernel does not.

    Attributes:
        removed: Directories of discarded drafts, which the storer has to delete.
        changed_ns: Time of the last stage or discard; 0: none yet.
        ballast: Disk space given up to remove things on a full disk.
    """

    def __init__(self, registry: DraftRegistry, store: Store, recovery: ServerRecovery, *, timed: bool) -> None:
        self._registry = registry
        self._store = store
        self._recovery = recovery
        self._timed = timed
        self._locations = {location.number: location for location in registry.list()}
        self._opened: dict[int, ServedDraft] = {}
        self._discarded = DiscardedDrafts(store.layout.drafts)
        self.removed: list[Path] = []
        self.changed_ns = 0
        self.ballast = Ballast(store.layout.drafts / "ballast")
        self.ballast.allocate()

    @property
    def replaying(self) -> bool:
        """Requests may be such that the server before has carried out."""
        return self._recovery.replaying

    def locations(self) -> list[DraftLocation]:
        """Locations of all drafts, by number."""
        return [self._locations[number] for number in sorted(self._locations)]

    def opened(self) -> list[ServedDraft]:
        """Drafts that are open in this process."""
        return list(self._opened.values())

    def by_number(self, number: int) -> ServedDraft:
        """Find a draft by its number.

        Raises:
            OSError: ESTALE: it was discarded.
        """
        found = self._opened.get(number)
        if found is not None:
            return found
        location = self._locations.get(number)
        if location is None:
            raise os_error(errno.ESTALE)
        draft = self._recovery.open_draft(number, location.path, self._store, timed=self._timed)
        if fault := draft.log_fault():
            _log.warning("draft %s: %s", location.name, fault)
        served = self._opened[number] = ServedDraft(location, draft)
        return served

    def by_name(self, name: str) -> ServedDraft | None:
        """Find a draft by its name; None if there is none."""
        for location in self._locations.values():
            if location.name == name:
                return self.by_number(location.number)
        return None

    def by_directory(self, directory: str) -> ServedDraft | None:
        """Find a draft by its directory; None if it was discarded."""
        for location in self._locations.values():
            if str(location.path) == directory:
                return self.by_number(location.number)
        return None

    def writers(self, number: int) -> list[str]:
        """The runs whose changes of a draft are in no version; none of a draft that cannot be read."""
        try:
            draft = self.by_number(number).draft
            return draft.writers() if draft.is_dirty() else []
        except (OSError, ArtfsError) as error:
            _log.warning("draft %d cannot be listed: %s", number, error)
            return []

    def file_opened(self, handle: int) -> Draft:
        """Note that a file was opened; its handle says which and how. Return its draft."""
        number, local = split(handle & ~WRITING)
        draft = self.by_number(number).draft
        if not handle & WRITING:
            draft.inode_use.opened(local, writing=False)
        elif self._recovery.writers.record_open(handle):
            draft.inode_use.opened(local, writing=True)
        return draft

    def file_closed(self, handle: int) -> ServedDraft | None:
        """Note that a file was closed, and return its draft; None if that was discarded."""
        number, local = split(handle & ~WRITING)
        writing = bool(handle & WRITING)
        new = not writing or self._recovery.writers.record_close(handle)
        if number not in self._locations:
            return None
        served = self.by_number(number)
        if new:
            served.draft.inode_use.closed(local, writing)
        return served

    def stage(self, request: StageRequest, owner: tuple[int, int]) -> tuple[ServedDraft, str]:
        """Create a draft; return it with the version that it shows.

        A request that the server before has carried out finds the draft that was made for it.

        Args:
            request: What the draft is made from.
            owner: User and group of the draft.

        Raises:
            ArtfsError: It cannot be created.
        """
        try:
            location, base = self._registry.stage(self._store, request, owner)
        except ConflictError:
            found = self.by_name(request.draft_name) if self.replaying else None
            if found is None or found.draft.origin.artifact != request.artifact or found.draft.is_dirty(_OWN_ROW):
                raise
            return found, found.draft.origin.base_ref
        self._locations[location.number] = location
        self.changed_ns = time.time_ns()
        return self.by_number(location.number), base

    def discard(self, request: DiscardRequest) -> int:
        """Close a draft, if it has no changes that are in no version or that is forced.

        Returns:
            Its number if it had such changes, which are kept until gc; 0 if nothing is kept.

        Raises:
            NotFoundError: There is none of that name.
            ConflictError: It has changes that are in no version, and `force` was not said; or it is open for writing.
        """
        served = self.by_name(request.name)
        if served is None:
            if self.replaying:
                return 0
            raise NotFoundError(f"no draft {request.name} is open")
        changed = served.draft.is_dirty() or served.draft.damage is not None
        if changed and not request.force:
            raise ConflictError(
                f"{request.name} has changes that are in no version: commit them, or add --force to close it without"
            )
        if served.draft.inode_use.open_for_writing():
            raise ConflictError(f"files in {request.name} are open for writing: close them first")
        if request.now or not changed:
            self.remove(served)
            return 0
        self._close(served)
        kept = self._discarded.keep(served.location)
        self._forget(served)
        return kept.number

    def undelete(self, request: UndeleteRequest) -> ServedDraft:
        """Open a discarded draft again.

        A request that the server before has carried out finds the draft that is open since.

        Raises:
            ArtfsError: It cannot be opened.
        """
        try:
            location = self._discarded.bring_back(request.number, request.as_name)
        except NotFoundError:
            found = self.by_name(request.as_name) if self.replaying else None
            if found is None:
                raise
            return found
        self._locations[location.number] = location
        self.changed_ns = time.time_ns()
        return self.by_number(location.number)

    def remove(self, served: ServedDraft) -> None:
        """Close a draft and remove all that is in it."""
        self._close(served)
        self.removed.append(self._registry.detach(served.location))
        self._forget(served)

    def _close(self, served: ServedDraft) -> None:
        del self._opened[served.location.number]
        served.draft.close()

    def _forget(self, served: ServedDraft) -> None:
        del self._locations[served.location.number]
        self.changed_ns = time.time_ns()

    def forget(self, number: int, local: int, count: int) -> None:
        """Drop lookups of an inode that the kernel forgot; its draft may be discarded by now."""
        served = self._opened.get(number)
        if served is None:
            return
        try:
            served.draft.inode_use.forget(local, count)
        except OSError as error:
            if not self.ballast.release_after(error):
                raise
            served.draft.inode_use.forget(local, count)

    def record_refused(self, draft: Draft, local: int, offset: int, piece: bytes) -> None:
        """Record that a write was refused, with the ballast's space if the disk has no other."""
        record = self.ballast.retrying(draft.files.record_refused)
        try:
            record(local, offset, piece)
        except (OSError, ArtfsError) as error:
            _log.error("a refused write of inode %d cannot be recorded yet: %s", local, error)

    def free_space(self) -> os.statvfs_result:
        """Statistics of the file system that holds the drafts."""
        return os.statvfs(self._store.layout.drafts)

    def close(self) -> None:
        """Close all drafts; they stay as they are."""
        for served in self._opened.values():
            served.draft.close()
        self._opened.clear()
        self.ballast.release()
