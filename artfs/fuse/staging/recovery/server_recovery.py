"""Recovery of one server: the state that it takes over from the server before, and leaves to the next."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from artfs.drafts.draft import Draft
from artfs.fuse.staging.inode_numbers import WRITING, split
from artfs.fuse.staging.recovery.replay import ReplayingDraft
from artfs.fuse.staging.recovery.writer_handles import WriterHandles
from artfs.store import Store

__all__ = ["ServerRecovery"]


class ServerRecovery:
    """Opens drafts as the server before left them, until all requests that it did not answer are answered.

    Args:
        writers: Files open for writing; shared memory, from which this recovers.
        resent: The kernel sends the requests again that the server before did not answer.

    Attributes:
        writers: Records what the next server has to know.
        replaying: Requests may be such that the server before has carried out.
    """

    def __init__(self, writers: WriterHandles, *, resent: bool) -> None:
        writers.recover(resent=resent)
        self.writers = writers
        self.replaying = resent and not writers.first
        self._drafts: list[ReplayingDraft] = []
        self._recovered: dict[int, Counter[int]] = defaultdict(Counter)
        for handle, count in writers.recovered.items():
            number, local = split(handle & ~WRITING)
            self._recovered[number][local] = count

    def open_draft(self, number: int, directory: Path, store: Store, *, timed: bool) -> Draft:
        """Open a draft, in which files may be open from before.

        Args:
            number: The draft's number.
            directory: The draft's directory.
            store: Open in this process.
            timed: Writing sets a file's times, since the kernel does not.
        """
        purge = self.writers.first  # no server before this one: nobody has a file open that has no name
        draft = (ReplayingDraft if self.replaying else Draft)(directory, store, purge=purge, timed=timed)
        if isinstance(draft, ReplayingDraft):
            self._drafts.append(draft)
        for local in self._recovered[number].elements():
            draft.inode_use.opened(local, writing=True)
        return draft

    def request_answered(self, has_more: Callable[[int], object]) -> None:
        """Note that a request was answered, and end the replay when no repeated one can be left.

        Args:
            has_more: Polls for further requests, waiting so many milliseconds.
        """
        self.writers.mark_answered()
        if self.replaying and not has_more(0):
            self.replaying = False
            self.writers.end_replay()
            for draft in self._drafts:
                draft.replaying = False
