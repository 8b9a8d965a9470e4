"""Commits of a staging mount, from request to result.

requested -> waiting     while files are open for writing, for `wait` seconds at most
          -> committing  from the freeze on, which takes as long as a checkpoint
          -> committed or failed

Nothing here blocks, or reads a clock other than the one it was given; only the task of a requester waits.
"""

from __future__ import annotations

import errno
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import trio

from artfs.drafts.control.commit_request import CommitRequest, CommitResult, is_done_without_changes
from artfs.drafts.namespace.inodes import os_error
from artfs.drafts.salvage.describe import describe_damage
from artfs.errors import ArtfsError, ConflictError, IntegrityError, MountError, StorageError
from artfs.fuse.staging.channel import Commit, Committed, Failed
from artfs.fuse.staging.served_drafts import ServedDraft
from artfs.names import printable

__all__ = ["REPLY_SECONDS", "CommitQueue", "PendingCommit"]

REPLY_SECONDS: Final = 2.0
"""A write into `commit` returns within this time, frozen or not: a process that waits in FUSE cannot be killed."""

_PATHS_NAMED: Final = 5
_RESULTS: Final = 16
_MAX_WAITING: Final = 6
"""Each waiting request occupies one task of the server's loop."""
_MAX_ATTEMPTS: Final = 3
"""A commit fails after as many storers have died of it."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class PendingCommit:
    """A commit that has no result yet.

    Attributes:
        draft: The draft.
        request: The request that the control file got.
        freeze_by: Time when it stops waiting for writers, and fails.
        reply_by: Time when the request is answered at the latest.
        may_reply: Set when the request can be answered.
        generation: The frozen generation; 0: not frozen yet.
        percent: Progress of the storer.
        error: Reason of the failure, if there is one before the request is answered.
        has_waiter: A task waits for `may_reply`.
        attempts: Storers that were ordered to make it.
        snapshot_taken: One of them has opened the snapshot: from then on there may be a version.
        delta_applied: The draft has applied every `ApplyDelta` of the commit.
    """

    draft: ServedDraft
    request: CommitRequest
    freeze_by: float
    reply_by: float
    may_reply: trio.Event
    generation: int = 0
    percent: int = 0
    error: ArtfsError | None = None
    has_waiter: bool = False
    attempts: int = 0
    snapshot_taken: bool = False
    delta_applied: bool = True


class CommitQueue:
    """All commits of a mount: at most one pending for each draft, and the last results.

    Args:
        clock: Monotonic time in seconds.

    Attributes:
        ready: Frozen commits that the storer has not been ordered to make.
        waiting: Requests whose tasks wait for a reply.
        replies_due: Those of them that can be answered as soon as the loop runs their tasks.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pending: dict[str, PendingCommit] = {}
        self._results: dict[int, deque[CommitResult]] = {}
        self.ready: deque[PendingCommit] = deque()
        self.waiting = 0
        self.replies_due = 0

    def add(self, draft: ServedDraft, request: CommitRequest) -> PendingCommit:
        """Begin a commit; freezes at once if no file is open for writing.

        Raises:
            OSError: EBUSY: another commit of the draft is pending.
        """
        if self.is_busy(draft):
            raise os_error(errno.EBUSY)
        now = self._clock()
        pending = PendingCommit(draft, request, now + request.wait, now + REPLY_SECONDS, trio.Event())
        self._pending[str(draft.location.path)] = pending
        self._try_freeze(pending, now)
        return pending

    def file_closed(self, draft: ServedDraft) -> None:
        """Freeze a draft in which a file was closed, if a commit waits for that."""
        pending = self._pending.get(str(draft.location.path))
        if pending is not None and not pending.generation:
            self._try_freeze(pending, self._clock())

    def _try_freeze(self, pending: PendingCommit, now: float) -> None:
        """Freeze if no file that is to be in the version is open for writing; fail if it is too late."""
        try:
            if not pending.draft.draft.open_for_writing():
                self._freeze(pending)
            elif now >= pending.freeze_by:
                self._fail(pending, ConflictError(_still_open(pending.draft)))
        except OSError as error:
            self._fail(pending, StorageError.of(error, f"freezing {pending.draft.location.name}"))
        except ArtfsError as error:
            self._fail(pending, error)

    def _freeze(self, pending: PendingCommit) -> None:
        draft = pending.draft.draft
        origin = draft.origin
        if draft.damage is not None and not pending.request.accept_damage:
            raise IntegrityError(
                f"{describe_damage(draft.damage)}: write again what {pending.draft.location.name} lacks, and commit"
                " with --accept-damage"
            )
        request = pending.request
        untouched = not request.force and draft.has_base() and not draft.is_dirty()
        untouched = untouched and not (request.replace and draft.upstream().is_ahead)
        if untouched and is_done_without_changes(request, origin.base_ref):
            self._finish(pending, CommitResult(request.token, "committed", 100, origin.base_ref))
            return
        pending.generation = draft.freeze()
        pending.draft.checkpoint_blocked = True
        self.ready.append(pending)
        self._allow_reply(pending)

    def _allow_reply(self, pending: PendingCommit) -> None:
        if not pending.may_reply.is_set():
            pending.may_reply.set()
            self.replies_due += pending.has_waiter

    async def wait_for_reply(self, pending: PendingCommit) -> None:
        """Wait until a request can be answered."""
        if pending.may_reply.is_set() or self.waiting == _MAX_WAITING:
            return
        pending.has_waiter = True
        self.waiting += 1
        await pending.may_reply.wait()
        self.waiting -= 1
        self.replies_due -= 1

    def tick(self) -> float | None:
        """Do what is due by now; return the seconds until more is, None if nothing will be."""
        now = self._clock()
        for pending in list(self._pending.values()):
            if pending.generation:
                continue
            self._try_freeze(pending, now)
            if now >= pending.reply_by:
                self._allow_reply(pending)
        unfrozen = [pending for pending in self._pending.values() if not pending.generation]
        times = [time for pending in unfrozen for time in (pending.freeze_by, pending.reply_by) if time > now]
        return min(times) - now if times else None

    def next_order(self, storer: int) -> Commit:
        """Take the next frozen commit; return the order for the storer with this process id."""
        pending = self.ready.popleft()
        pending.attempts += 1
        return Commit(storer, str(pending.draft.location.path), pending.generation, pending.request)

    @property
    def ordered(self) -> int:
        """Frozen commits that a storer has been ordered to make, and has not ended."""
        return sum(pending.generation != 0 for pending in self._pending.values()) - len(self.ready)

    def is_ready(self, draft: ServedDraft) -> bool:
        """Tell if a draft is frozen for a commit that no storer has been ordered to make."""
        return any(pending.draft is draft for pending in self.ready)

    def set_percent(self, directory: str, percent: int) -> None:
        """Note the storer's progress."""
        if directory in self._pending:
            self._pending[directory].percent = percent

    def snapshot_taken(self, directory: str) -> None:
        """Note that the storer has opened the frozen draft: a version may come of it."""
        if directory in self._pending:
            self._pending[directory].snapshot_taken = True

    def delta_failed(self, directory: str) -> None:
        """Note that a draft could not apply an `ApplyDelta`."""
        if directory in self._pending:
            self._pending[directory].delta_applied = False

    def committed(self, draft: ServedDraft, message: Committed) -> None:
        """Finish a commit that was published.

        A draft that could not apply all of the delta keeps its base: otherwise the next commit would build on
        directories whose nodes the draft does not know.
        """
        pending = self._pending[message.directory]
        name = draft.location.name
        try:
            if pending.delta_applied:
                draft.draft.end_commit(message.generation, message.origin)
            else:
                _log.warning("%s is not the base of %s: the draft could not apply its rows", message.ref, name)
        except OSError as error:  # the version is there all the same
            _log.warning("%s is not the base of %s: %s", message.ref, name, error)
        token, ref, created = pending.request.token, message.ref, message.created
        merged, runs, note = message.merged, message.runs, message.note
        self._finish(
            pending, CommitResult(token, "committed", 100, ref, created, merged=merged, runs=runs, message=note)
        )

    def failed(self, message: Failed) -> None:
        """Finish a commit that the storer could not make."""
        pending = self._pending[message.directory]
        self._finish(
            pending, CommitResult(pending.request.token, "failed", error=message.error, message=message.message)
        )

    def storer_died(self) -> None:
        """Repeat the commits that the storer had not begun; the outcome of one that it had begun is unknown."""
        for pending in list(self._pending.values()):
            if not pending.generation or pending in self.ready:
                continue
            if not pending.snapshot_taken and pending.attempts < _MAX_ATTEMPTS:
                self.ready.appendleft(pending)
            else:
                path = str(pending.draft.location.path)
                message = "the process that stores ended: see the mount's log, and `artfs log` before you commit again"
                self.failed(Failed(path, "OutcomeUnknownError", message))

    def cancel_waiting(self) -> None:
        """Fail the commits that wait for writers: after the unmount no file is closed any more."""
        for pending in list(self._pending.values()):
            if not pending.generation:
                _log.warning("the commit of %s ends with the mount: files were open", pending.draft.location.name)
                self._fail(pending, MountError("unmounted before all files were closed"))

    @property
    def unfinished(self) -> str:
        """The pending commits, with their progress, for a message; empty: none."""
        names = [f"{one.draft.location.name} ({one.percent}%)" for one in self._pending.values()]
        return f"commit of {', '.join(names)}" if names else ""

    def _fail(self, pending: PendingCommit, error: ArtfsError) -> None:
        pending.error = error
        self._finish(pending, _failure(pending.request.token, error))

    def _finish(self, pending: PendingCommit, result: CommitResult) -> None:
        del self._pending[str(pending.draft.location.path)]
        self._add_result(pending.draft, result)
        self._allow_reply(pending)
        if pending.generation:
            pending.draft.draft.thaw()

    def _add_result(self, draft: ServedDraft, result: CommitResult) -> None:
        self._results.setdefault(draft.location.number, deque(maxlen=_RESULTS)).append(result)

    def refuse(self, draft: ServedDraft, error: ArtfsError) -> None:
        """Add the result of a request that could not be parsed."""
        self._add_result(draft, _failure("", error))

    def is_busy(self, draft: ServedDraft) -> bool:
        """Tell if a commit of a draft is pending."""
        return str(draft.location.path) in self._pending

    def results(self, draft: ServedDraft) -> Iterable[CommitResult]:
        """Last results of a draft, oldest first; the pending commit comes last."""
        results = list(self._results.get(draft.location.number, ()))
        pending = self._pending.get(str(draft.location.path))
        if pending is not None:
            token = pending.request.token
            if pending.generation:
                results.append(CommitResult(token, "committing", pending.percent))
            else:
                results.append(CommitResult(token, "waiting", message=_waiting_for(pending.draft)))
        return results

    def status_line(self, draft: ServedDraft) -> str:
        """Text of the control file `commit`: the state of the last commit."""
        results = list(self.results(draft))
        if not results:
            return ""
        last = results[-1]
        match last.state:
            case "waiting":
                return f"{last.message}\n"
            case "committing":
                return f"committing {last.percent}%\n"
            case "committed":
                return f"{last.ref}\n"
            case _:
                return f"error: {last.message}\n"


def _failure(token: str, error: ArtfsError) -> CommitResult:
    return CommitResult(token, "failed", error=type(error).__name__, message=str(error))


def _waiting_for(draft: ServedDraft) -> str:
    count = len(draft.draft.open_for_writing())
    return f"waiting for {count} open file{'s' if count != 1 else ''}"


def _still_open(draft: ServedDraft) -> str:
    paths = sorted(printable(draft.draft.path(ino)) for ino in draft.draft.open_for_writing())
    more = f" and {len(paths) - _PATHS_NAMED} more" if len(paths) > _PATHS_NAMED else ""
    return f"still open for writing: {', '.join(paths[:_PATHS_NAMED])}{more}; close them and commit again"
