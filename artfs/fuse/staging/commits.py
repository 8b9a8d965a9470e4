"""Commits as the serving process sees them: asked for, waiting for writers, frozen, stored, done.

asked -> waiting     while files are open for writing, for `wait` seconds at the most
      -> committing  from the freeze on, which takes as long as a checkpoint
      -> committed or failed

Nothing here waits or looks at a clock of its own, but for the task of the asker.
"""

from __future__ import annotations

import errno
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import trio

from artfs.errors import ArtfsError, ConflictError, MountError, StorageError
from artfs.fuse.staging.drafts import OpenDraft
from artfs.fuse.staging.messages import Commit, Committed, Failed
from artfs.names import printable
from artfs.vfs.draft.request import CommitRequest, CommitResult

__all__ = ["ANSWER_SECONDS", "Commits", "Pending"]

ANSWER_SECONDS: Final = 2.0
"""A write into `commit` is answered within this time, frozen or not: who waits in FUSE cannot be killed."""

_NAMED_AT_MOST: Final = 5
_RESULTS: Final = 16
_ASKERS: Final = 6
_TOLD: Final = 3
"""So many storers may die of a commit before it is given up."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Pending:
    """A commit that is not done.

    Attributes:
        draft: Of which.
        request: What was asked for.
        give_up: When it stops waiting for writers.
        answer_by: When the asker is answered at the latest.
        answered: Set when the asker can be answered.
        awaited: A task waits for that.
        told: How many storers were told of it.
        begun: One of them has seen what is frozen: from then on there may be a version.
        settled: The draft has taken over all that it was told of the commit.
        generation: Which is frozen; 0: none yet.
        percent: How much is stored.
        error: Why it was refused, if that was before the asker was answered.
    """

    draft: OpenDraft
    request: CommitRequest
    give_up: float
    answer_by: float
    answered: trio.Event
    generation: int = 0
    percent: int = 0
    error: ArtfsError | None = None
    awaited: bool = False
    told: int = 0
    begun: bool = False
    settled: bool = True


class Commits:
    """All commits of a mount.

    Args:
        clock: Seconds that only grow.

    Attributes:
        owed: Askers that can be answered as soon as the loop lets their tasks run.
        ready: Frozen, and waiting for the storer.
        asking: Askers whose requests are not answered.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pending: dict[str, Pending] = {}
        self._results: dict[int, deque[CommitResult]] = {}
        self.ready: deque[Pending] = deque()
        self.owed = 0
        self.asking = 0

    def ask(self, draft: OpenDraft, request: CommitRequest) -> Pending:
        """Ask for a commit; gives what to wait for.

        Raises:
            OSError: EBUSY: another commit of the draft is not done.
        """
        if str(draft.place.path) in self._pending:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        now = self._clock()
        pending = Pending(draft, request, now + request.wait, now + ANSWER_SECONDS, trio.Event())
        self._pending[str(draft.place.path)] = pending
        self._try(pending, now)
        return pending

    def released(self, draft: OpenDraft) -> None:
        """A file of a draft was closed."""
        pending = self._pending.get(str(draft.place.path))
        if pending is not None and not pending.generation:
            self._try(pending, self._clock())

    def _try(self, pending: Pending, now: float) -> None:
        """Freeze if nobody writes; give up if it is time to."""
        try:
            if not pending.draft.draft.open_for_writing():
                self._freeze(pending)
            elif now >= pending.give_up:
                self._fail(pending, ConflictError(_still_open(pending.draft)))
        except OSError as error:
            self._fail(pending, StorageError.of(error, f"freezing {pending.draft.place.name}"))
        except ArtfsError as error:
            self._fail(pending, error)

    def _freeze(self, pending: Pending) -> None:
        draft = pending.draft.draft
        origin = draft.origin
        if not pending.request.force and draft.has_base() and not draft.is_touched():
            self._end(pending, CommitResult(pending.request.token, "committed", 100, origin.base_ref))
            return
        pending.generation = draft.freeze()
        pending.draft.held = True
        self.ready.append(pending)
        self._answer(pending)

    def _answer(self, pending: Pending) -> None:
        if not pending.answered.is_set():
            pending.answered.set()
            self.owed += pending.awaited

    async def answer(self, pending: Pending) -> None:
        """Wait until an asker can be answered."""
        if pending.answered.is_set() or self.asking == _ASKERS:  # so many only, since each keeps a task of the loop
            return
        pending.awaited = True
        self.asking += 1
        await pending.answered.wait()
        self.asking -= 1
        self.owed -= 1

    def tick(self) -> float | None:
        """Do what is due; gives the seconds until something is again, None if nothing will be."""
        now = self._clock()
        for pending in list(self._pending.values()):
            if pending.generation:
                continue
            self._try(pending, now)
            if now >= pending.answer_by:
                self._answer(pending)
        waiting = [pending for pending in self._pending.values() if not pending.generation]
        times = [t for pending in waiting for t in (pending.give_up, pending.answer_by) if t > now]
        return min(times) - now if times else None

    def command(self, pending: Pending, storer: int) -> Commit:
        """What to tell the storer."""
        pending.told += 1
        return Commit(storer, str(pending.draft.place.path), pending.generation, pending.request)

    def is_ready(self, draft: OpenDraft) -> bool:
        """Whether a draft is frozen for a commit that the storer was not told of yet."""
        return any(pending.draft is draft for pending in self.ready)

    def percent(self, directory: str, percent: int) -> None:
        """The storer is so far."""
        if directory in self._pending:
            self._pending[directory].percent = percent

    def unsettled(self, directory: str) -> None:
        """A draft could not take over what a commit found out."""
        if directory in self._pending:
            self._pending[directory].settled = False

    def committed(self, draft: OpenDraft, told: Committed) -> None:
        """A commit is published, and all of it was told.

        A draft that could not take it all over goes on from the commit before: otherwise the next one would build on
        directories that it does not know.
        """
        pending = self._pending[told.directory]
        try:
            if pending.settled:
                draft.draft.committed(told.generation, told.origin)
            else:
                _log.warning("%s is not the base of %s: it could not be taken over", told.ref, draft.place.name)
        except OSError as error:  # the version is there all the same
            _log.warning("%s is not noted as the base of %s: %s", told.ref, draft.place.name, error)
        self._end(pending, CommitResult(pending.request.token, "committed", 100, told.ref, told.created))

    def failed(self, told: Failed) -> None:
        """A commit came to nothing."""
        pending = self._pending[told.directory]
        self._end(pending, CommitResult(pending.request.token, "failed", error=told.error, message=told.message))

    def begun(self, directory: str) -> None:
        """The storer has seen what is frozen."""
        if directory in self._pending:
            self._pending[directory].begun = True

    def lost(self) -> None:
        """The storer ended: what it had not begun with is for the next one, what it was at is in doubt."""
        for pending in list(self._pending.values()):
            if not pending.generation or pending in self.ready:
                continue
            if not pending.begun and pending.told < _TOLD:
                self.ready.appendleft(pending)
            else:
                path = str(pending.draft.place.path)
                message = "the process that stores ended: see the mount's log, and `artfs log` before you commit again"
                self.failed(Failed(path, "OutcomeUnknownError", message))

    def abandon(self) -> None:
        """Nobody will close a file any more: end what waits for it."""
        for pending in list(self._pending.values()):
            if not pending.generation:
                _log.warning("the commit of %s ends with the mount: files were open", pending.draft.place.name)
                self._fail(pending, MountError("unmounted before all files were closed"))

    @property
    def unfinished(self) -> bool:
        """Whether there is one that is not done."""
        return bool(self._pending)

    def _fail(self, pending: Pending, error: ArtfsError) -> None:
        pending.error = error
        self._end(pending, _failure(pending.request.token, error))

    def _end(self, pending: Pending, result: CommitResult) -> None:
        del self._pending[str(pending.draft.place.path)]
        self._note(pending.draft, result)
        self._answer(pending)
        if pending.generation:
            pending.draft.draft.thaw()

    def refused(self, draft: OpenDraft, error: ArtfsError, token: str = "") -> None:
        """A request could not be understood or not be begun."""
        self._note(draft, _failure(token, error))

    def _note(self, draft: OpenDraft, result: CommitResult) -> None:
        self._results.setdefault(draft.place.number, deque(maxlen=_RESULTS)).append(result)

    def is_busy(self, draft: OpenDraft) -> bool:
        """Whether a commit of a draft is not done."""
        return str(draft.place.path) in self._pending

    def results(self, draft: OpenDraft) -> Iterable[CommitResult]:
        """The last commits of a draft, the one that is not done among them, last."""
        results = list(self._results.get(draft.place.number, ()))
        pending = self._pending.get(str(draft.place.path))
        if pending is not None:
            token = pending.request.token
            if pending.generation:
                results.append(CommitResult(token, "committing", pending.percent))
            else:
                results.append(CommitResult(token, "waiting", message=_waiting_for(pending.draft)))
        return results

    def line(self, draft: OpenDraft) -> str:
        """What reading `commit` gives."""
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


def _writers(draft: OpenDraft) -> str:
    paths = sorted(printable(draft.draft.path(ino)) for ino in draft.draft.open_for_writing())
    more = f" and {len(paths) - _NAMED_AT_MOST} more" if len(paths) > _NAMED_AT_MOST else ""
    return ", ".join(paths[:_NAMED_AT_MOST]) + more


def _waiting_for(draft: OpenDraft) -> str:
    count = len(draft.draft.open_for_writing())
    return f"waiting for {count} open file{'s' if count != 1 else ''}"


def _still_open(draft: OpenDraft) -> str:
    return f"still open for writing: {_writers(draft)}; close them and commit again"
