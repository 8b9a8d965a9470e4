"""The workers of a mount, as their supervisor sees them: started, replaced, made more and fewer."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from artfs.fuse.backoff import Backoff
from artfs.fuse.process import fork_child, kill
from artfs.fuse.states import APART, BUSY, FINISHED, FINISHING, READY, RETIRE, WAITING, States

__all__ = ["Crew", "Death"]

_STUCK_SECONDS: Final = 0.1
_QUIET_SECONDS: Final = 30.0
_NEVER: Final = float("inf")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Worker:
    """A worker as it was when last looked at, and since when that is so.

    `seen` is whether it was busy, whether it waited for a seat, and how many requests it had finished. An outgoing one
    ends after its next request, and another is there in its place.
    """

    slot: int
    since: float
    seen: tuple[int, int, int] = (0, 0, 0)
    outgoing: bool = False

    @property
    def receives(self) -> bool:
        """Whether it is neither busy nor waits for a seat."""
        return not (self.seen[0] or self.seen[1])

    def is_still(self, now: float) -> bool:
        """Whether it has not moved for a while."""
        return now - self.since >= _STUCK_SECONDS


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended.

    Attributes:
        pid: Its process id.
        status: Its exit status; minus the signal if one killed it.
        busy: It was answering a request.
    """

    pid: int
    status: int
    busy: bool

    def __str__(self) -> str:
        how = f"was killed by signal {-self.status}" if self.status < 0 else f"ended with status {self.status}"
        return f"worker {self.pid} {how}"


class Crew:
    """Keeps as many workers as are wanted, and one more, which needs no seat, whenever all of them are stuck.

    Args:
        main: What a worker runs, given its slot; the exit status is what it returns.
        states: The shared memory, with a slot for each of the workers there may ever be at a time.
        wanted: How many there are when nothing is slow.
        anew: If the worker in the first slot leads the others: called when it has died, and the others were killed,
            since what they were at was for it; before any is started again.
    """

    def __init__(
        self, main: Callable[[int], int], states: States, wanted: int, *, anew: Callable[[], None] | None = None
    ) -> None:
        self._main = main
        self._states = states
        self._wanted = wanted
        self._target = wanted
        self._anew = anew
        self._workers: dict[int, _Worker] = {}
        self._backoff = Backoff()
        self._not_before = 0.0
        self._last_crowded = 0.0
        self._asked_since = _NEVER

    @property
    def pids(self) -> list[int]:
        """Process ids of all workers."""
        return list(self._workers)

    @property
    def ready(self) -> bool:
        """Whether a worker waits for requests."""
        return any(self._states.slot(worker.slot)[READY] for worker in self._workers.values())

    @property
    def renewing(self) -> bool:
        """Whether there are workers that end after their next request, and others to take their place if there is room.

        Then it is good to ask for something.
        """
        successors = any(self._states.slot(worker.slot)[READY] for worker in self._staying)
        room = len(self._workers) < self._states.slots
        return any(worker.outgoing for worker in self._workers.values()) and (successors or not room)

    def renew(self, *, may_kill: bool) -> bool:
        """Have others take the place of all workers, because what these opened is no longer what there is.

        Those that are led are killed and begin anew. Others end after their next request: an idle one sleeps in the
        device's read, and whoever interrupts that may lose a request.

        Args:
            may_kill: What a killed worker was at is asked for again.

        Returns:
            Whether it could be done.
        """
        if self._anew is None:
            for worker in self._workers.values():
                self._states.slot(worker.slot)[RETIRE] = 1
                worker.outgoing = True
        elif may_kill:
            for pid, worker in self._workers.items():
                if worker.slot == 0:
                    os.kill(pid, signal.SIGKILL)
        else:
            return False
        return True

    def reap(self, now: float) -> list[Death]:
        """Wait for those that have ended. Their successors are started by `tick`."""
        deaths = []
        leaderless = False
        for pid, worker in list(self._workers.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            state = self._states.slot(worker.slot)
            death = Death(pid, os.waitstatus_to_exitcode(status), bool(state[BUSY]))
            del self._workers[pid]
            if worker.outgoing and death.status == 0:
                pass  # its successor was not waited for
            elif death.status == 0 and state[RETIRE]:
                self._target -= 1
            else:
                self._not_before = now + self._backoff.delay(now)
            deaths.append(death)
            leaderless |= worker.slot == 0 and death.status != 0
        if leaderless and self._anew is not None:
            self._kill_all()
            self._anew()
        return deaths

    def tick(self, now: float, *, asked: bool = False) -> None:
        """Look at all workers; start, add and retire as is due. Call it every tenth of a second or so.

        Args:
            now: Seconds that only grow.
            asked: A request is there that nobody has received yet.
        """
        self._watch(now)
        self._asked_since = min(self._asked_since, now) if asked else _NEVER
        if self._is_stuck(now) and len(self._staying) == self._target < self._states.slots:
            self._target += 1
            self._last_crowded = now
            _log.info("no worker could receive a request for a while: there are %d now", self._target)
        self._retire_one(now)
        while len(self._staying) < self._target and now >= self._not_before and len(self._workers) < self._states.slots:
            self._start(now)

    @property
    def _staying(self) -> list[_Worker]:
        return [worker for worker in self._workers.values() if not worker.outgoing]

    def _is_stuck(self, now: float) -> bool:
        """Whether none has moved for a while, and none can receive a request, or none does though one is there.

        (Who waits for a request, and has the seat, may have been stopped, by a debugger say.)
        """
        workers = self._workers.values()
        ready = all(self._states.slot(worker.slot)[READY] for worker in workers)
        deaf = ready and now - self._asked_since >= _STUCK_SECONDS
        return all(worker.is_still(now) for worker in workers) and (deaf or not any(w.receives for w in workers))

    def _watch(self, now: float) -> None:
        """Note who has moved since the last look."""
        for worker in self._workers.values():
            state = self._states.slot(worker.slot)
            seen = state[BUSY], state[WAITING], state[FINISHED]
            if seen != worker.seen:
                worker.seen, worker.since = seen, now
        busy = [worker for worker in self._workers.values() if worker.seen[0]]
        if len(busy) >= self._wanted or any(worker.is_still(now) for worker in busy):
            self._last_crowded = now

    def _retire_one(self, now: float) -> None:
        """Have one of the workers above the wanted number end, after a quiet time.

        It ends after its next request, as with `renew`.
        """
        if self._target <= self._wanted or now - self._last_crowded < _QUIET_SECONDS:
            return
        states = [state for worker in self._staying if (state := self._states.slot(worker.slot))[APART]]
        if states and not any(state[RETIRE] for state in states):
            states[-1][RETIRE] = 1

    def _start(self, now: float) -> None:
        slot = min(set(range(self._states.slots)) - {worker.slot for worker in self._workers.values()})
        self._states.clear(slot)
        seated = [worker for worker in self._staying if not self._states.slot(worker.slot)[APART]]
        self._states.slot(slot)[APART] = len(seated) >= self._wanted  # who has a seat may be stuck in it
        pid = fork_child(lambda: self._main(slot))
        self._workers[pid] = _Worker(slot, now)

    def end(self, seconds: float, is_urgent: Callable[[], bool] = lambda: True) -> None:
        """Wait for all to end by themselves, as they do when the file system is unmounted; kill those that do not.

        Args:
            seconds: How long to wait; longer for one that has something to finish.
            is_urgent: Tells when not to wait for that any more.
        """
        deadline = time.monotonic() + seconds
        while self._workers and (time.monotonic() < deadline or (self._finishing and not is_urgent())):
            self.reap(0.0)
            time.sleep(0.002)
        self._kill_all()

    @property
    def _finishing(self) -> bool:
        return any(self._states.slot(worker.slot)[FINISHING] for worker in self._workers.values())

    def _kill_all(self) -> None:
        kill(self._workers)
        self._workers.clear()
