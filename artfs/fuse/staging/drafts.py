"""The drafts that a staging mount serves, by number and by name."""

from __future__ import annotations

import errno
import os
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from artfs.errors import ConflictError, NotFoundError
from artfs.fuse.staging.again import Again, NameChanges
from artfs.fuse.staging.ballast import Ballast
from artfs.fuse.staging.numbers import WRITING, split
from artfs.fuse.staging.openfiles import OpenFiles
from artfs.store import Store
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.home import DraftPlace, DraftsHome
from artfs.vfs.draft.opening import DiscardRequest, StageRequest, open_draft

__all__ = ["Drafts", "OpenDraft"]


@dataclass(slots=True)
class OpenDraft:
    """A draft that is served.

    Attributes:
        place: Where it is, and what it is called.
        draft: The draft.
        names: What changes names in it: the draft itself, but for a process that takes another's place.
        held: No checkpoint now: a commit has not seen yet what is frozen.
    """

    place: DraftPlace
    draft: Draft
    names: NameChanges
    held: bool = False


class Drafts:
    """All open drafts; each is opened when it is first asked for.

    Args:
        home: Where they are.
        store: Open in this process.
        open_files: What is open for writing.
        purge: No process served this mount before this one, so that nobody has anything open.
        timed: Writing sets a file's times, since the kernel does not.

    Attributes:
        removed: What is left of drafts that were closed.
        changed_ns: When one was last opened or closed; 0: not yet.
        catching_up: Requests may be such that the process before this one has carried out already.
        ballast: Room to remove things on a full disk.
    """

    def __init__(self, home: DraftsHome, store: Store, open_files: OpenFiles, *, purge: bool, timed: bool) -> None:
        self._home = home
        self._store = store
        self._purge = purge
        self._timed = timed
        self._places = {place.number: place for place in home.list()}
        self._open: dict[int, OpenDraft] = {}
        self._open_files = open_files
        self._known_writers: dict[int, Counter[int]] = defaultdict(Counter)
        for handle, count in open_files.known.items():
            number, local = split(handle & ~WRITING)
            self._known_writers[number][local] = count
        self.removed: list[Path] = []
        self.changed_ns = 0
        self.catching_up = not purge
        self.ballast = Ballast(store.layout.drafts / "ballast")

    def places(self) -> list[DraftPlace]:
        """Where the drafts are, by number."""
        return [self._places[number] for number in sorted(self._places)]

    def opened(self) -> list[OpenDraft]:
        """Those that somebody has asked for."""
        return list(self._open.values())

    def by_number(self, number: int) -> OpenDraft:
        """A draft.

        Raises:
            OSError: ESTALE: it was closed.
        """
        found = self._open.get(number)
        if found is not None:
            return found
        place = self._places.get(number)
        if place is None:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        draft = Draft(place.path, self._store, purge=self._purge, timed=self._timed)
        opened = self._open[number] = OpenDraft(place, draft, Again(draft) if self.catching_up else draft)
        for local in self._known_writers[number].elements():
            opened.draft.opened(local, writing=True)
        return opened

    def file_opened(self, handle: int) -> None:
        """A file was opened; its handle says which and how."""
        number, local = split(handle & ~WRITING)
        draft = self.by_number(number).draft
        if not handle & WRITING:
            draft.opened(local, writing=False)
        elif self._open_files.opened(handle):
            draft.opened(local, writing=True)

    def file_closed(self, handle: int) -> OpenDraft | None:
        """A file was closed; gives its draft, which may be closed too."""
        number, local = split(handle & ~WRITING)
        writing = bool(handle & WRITING)
        new = not writing or self._open_files.closed(handle)
        if number not in self._places:
            return None
        opened = self.by_number(number)
        if new:
            opened.draft.closed(local, writing)
        return opened

    def answered(self) -> None:
        """A request was answered: it will not come again."""
        self._open_files.answered()

    def caught_up(self) -> None:
        """What the process before this one had left has been answered."""
        self.catching_up = False
        self._open_files.caught_up()
        for opened in self._open.values():
            opened.names = opened.draft

    def by_name(self, name: str) -> OpenDraft | None:
        """The draft of a name, None if there is none."""
        for place in self._places.values():
            if place.name == name:
                return self.by_number(place.number)
        return None

    def by_directory(self, directory: str) -> OpenDraft | None:
        """The draft that is kept in a directory, None if it was closed."""
        for place in self._places.values():
            if str(place.path) == directory:
                return self.by_number(place.number)
        return None

    def stage(self, request: StageRequest, owner: tuple[int, int]) -> tuple[OpenDraft, str]:
        """Open a draft that was not there; gives the version that it shows too.

        Args:
            request: What is asked for.
            owner: User and group that the draft is to belong to.

        Raises:
            ArtfsError: It cannot be.
        """
        place, base = open_draft(self._home, self._store, request, owner)
        self._places[place.number] = place
        self.changed_ns = time.time_ns()
        return self.by_number(place.number), base

    def discard(self, request: DiscardRequest) -> None:
        """Close a draft, and remove all that is in it.

        Raises:
            NotFoundError: There is none of that name.
            ConflictError: It has changes that are in no version, and `force` was not said; or it is open for writing.
        """
        opened = self.by_name(request.name)
        if opened is None:
            raise NotFoundError(f"no draft {request.name} is open")
        if not request.force and opened.draft.is_touched():
            raise ConflictError(
                f"{request.name} has changes that are in no version: commit them, or add --force to lose them"
            )
        if opened.draft.open_for_writing():
            raise ConflictError(f"files in {request.name} are open for writing: close them first")
        self.remove(opened)

    def remove(self, opened: OpenDraft) -> None:
        """Close a draft, and remove all that is in it."""
        del self._open[opened.place.number]
        opened.draft.close()
        self.removed.append(self._home.retire(opened.place))
        del self._places[opened.place.number]
        self.changed_ns = time.time_ns()

    def forget(self, number: int, local: int, count: int) -> None:
        """The kernel forgot an inode of a draft, which may be closed."""
        opened = self._open.get(number)
        if opened is None:
            return
        try:
            opened.draft.forget(local, count)
        except OSError as error:
            if not self.ballast.helps(error):
                raise
            opened.draft.forget(local, count)

    def free_space(self) -> os.statvfs_result:
        """Of the file system that the drafts are on."""
        return os.statvfs(self._store.layout.drafts)

    def close(self) -> None:
        """Close all; they stay as they are."""
        for opened in self._open.values():
            opened.draft.close()
        self._open.clear()
        self.ballast.drop()
