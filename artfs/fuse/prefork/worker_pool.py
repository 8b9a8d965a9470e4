"""Pool of a mount's worker processes: started, replaced, added when all are stuck, retired."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from artfs.fuse.prefork.process import encode_error, fork_child, kill
from artfs.fuse.prefork.scoreboard import (
    AWAY,
    BUSY,
    FINISHED,
    FINISHING,
    LOCK_FREE,
    READY,
    RETIRE,
    STORE_MISSING,
    WAITING,
    WAKE_SIGNAL,
    Scoreboard,
)

__all__ = ["CANNOT_START", "RestartBackoff", "WorkerExit", "WorkerPool"]

CANNOT_START: Final = 3
"""Exit status of a process that an error ended; the error is in the scoreboard."""

_STUCK_SECONDS: Final = 0.1
_QUIET_SECONDS: Final = 30.0
_NEVER: Final = float("inf")

# Restarts: so many at once, then after growing delays; after a quiet time all is forgotten.
_RESTARTS_AT_ONCE: Final = 16
_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 5.0
_FORGET_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Worker:
    """A worker as of the last look at it, and since when it has been like this.

    `seen` is its words BUSY, WAITING and FINISHED.
    """

    slot: int
    since: float
    seen: tuple[int, int, int] = (0, 0, 0)

    @property
    def receives(self) -> bool:
        """True if it is neither busy nor waiting for the accept lock."""
        return not (self.seen[0] or self.seen[1])

    def is_still(self, now: float) -> bool:
        """Return whether nothing has changed for a while."""
        return now - self.since >= _STUCK_SECONDS


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """The end of a worker.

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


class RestartBackoff:
    """Delays between a worker's end and its successor's start.

    Single ends cost no delay; a burst of them is slowed down, so that workers that die of a request that a client
    repeats do not keep a core busy. After ten quiet seconds, all is forgotten.
    """

    def __init__(self) -> None:
        self._exits = 0
        self._last = float("-inf")

    def delay(self, now: float) -> float:
        """Count an end; return the seconds to wait before the successor is started."""
        if now - self._last > _FORGET_SECONDS:
            self._exits = 0
        self._last = now
        self._exits += 1
        excess = self._exits - _RESTARTS_AT_ONCE
        return 0.0 if excess <= 0 else min(_FIRST_DELAY * 2.0 ** (excess - 1), _LONGEST_DELAY)


class WorkerPool:
    """Starts, replaces, adds and retires the worker processes of a mount, for its supervisor.

    A worker that ends is replaced. While none can receive a request, one more is started, or some more where many are
    stuck, which need no accept lock; after a quiet time, they are retired again. Where all wait for the network and a
    request waits for them, half as many more are started, though each wait may be short: they cost no processor time.

    Args:
        main: The code of a worker, given its slot; it returns the exit status.
        scoreboard: Shared memory, with as many slots as there may be workers at a time.
        min_workers: The number of workers while nothing is slow.
        on_leader_exit: Given if the process in the first slot leads the others. When it has ended, the others are
            killed, since they worked for it; then this is called, before any is started again.
    """

    def __init__(
        self,
        main: Callable[[int], int],
        scoreboard: Scoreboard,
        min_workers: int,
        *,
        on_leader_exit: Callable[[], None] | None = None,
    ) -> None:
        self._main = main
        self.scoreboard = scoreboard
        self._min_workers = min_workers
        self._target = min_workers
        self._on_leader_exit = on_leader_exit
        self._workers: dict[int, _Worker] = {}
        self._backoff = RestartBackoff()
        self._not_before = 0.0
        self._last_saturated = 0.0
        self._pending_since = _NEVER

    @property
    def pids(self) -> list[int]:
        """Process ids of all workers."""
        return list(self._workers)

    @property
    def ready(self) -> bool:
        """True if any worker has started to receive requests."""
        return any(self.scoreboard.slot(worker.slot)[READY] for worker in self._workers.values())

    def refuse_requests(self, refuse: bool) -> None:
        """Have all workers refuse requests from now on, or answer them again."""
        for worker in self._workers.values():
            self.scoreboard.slot(worker.slot)[STORE_MISSING] = refuse

    def replace_all(self, *, may_kill: bool) -> bool:
        """Replace all workers, because the index that they opened was rebuilt.

        A leader is killed, and replaced with those that it leads. Other workers are retired.

        Args:
            may_kill: The request of a killed worker is sent again.

        Returns:
            Whether it could be done.
        """
        if self._on_leader_exit is None:
            for worker in self._workers.values():
                self.scoreboard.slot(worker.slot)[RETIRE] = 1
        elif may_kill:
            for pid, worker in self._workers.items():
                if worker.slot == 0:
                    os.kill(pid, signal.SIGKILL)
        else:
            return False
        return True

    def reap(self, now: float) -> list[WorkerExit]:
        """Reap workers that have ended; `tick` starts their successors."""
        exits = []
        leader_ended = False
        for pid, worker in list(self._workers.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            state = self.scoreboard.slot(worker.slot)
            exited = WorkerExit(pid, os.waitstatus_to_exitcode(status), bool(state[BUSY]))
            del self._workers[pid]
            if exited.status != 0 or not state[RETIRE]:
                self._not_before = now + self._backoff.delay(now)
            exits.append(exited)
            leader_ended |= worker.slot == 0 and exited.status != 0
        if leader_ended and self._on_leader_exit is not None:
            self._kill_all()
            self._on_leader_exit()
        return exits

    def tick(self, now: float, *, request_pending: bool = False) -> None:
        """Run one step of the control loop, about ten times a second: start, add, retire workers.

        Args:
            now: Seconds of a clock that never goes back.
            request_pending: The device is readable: no worker has received that request yet.
        """
        self._watch(now)
        self._pending_since = min(self._pending_since, now) if request_pending else _NEVER
        away = request_pending and self._all_are_away
        if (away or self._is_stuck(now)) and len(self._staying) == self._target < self.scoreboard.slots:
            more = self._target // 2 if away else (self._target - self._min_workers) // 4  # many stuck: more will be
            more = max(1, more)
            self._target = min(self._target + more, self.scoreboard.slots)
            self._last_saturated = now
            _log.info("no worker could receive a request for a while: there are %d now", self._target)
        self._retire_one(now)
        while len(self._staying) < self._target and now >= self._not_before and not self._is_full:
            self._start(now)
        self._wake_retired()

    @property
    def _staying(self) -> list[_Worker]:
        return [worker for worker in self._workers.values() if not self.scoreboard.slot(worker.slot)[RETIRE]]

    @property
    def _is_full(self) -> bool:
        return len(self._workers) >= self.scoreboard.slots

    @property
    def _all_are_away(self) -> bool:
        """Return whether all workers wait for the network, as of the last look."""
        return all(worker.seen[0] == AWAY for worker in self._workers.values())

    def _is_stuck(self, now: float) -> bool:
        """Return whether all workers are stuck.

        None has moved for a while, and none can receive a request, or none does receive one that is pending. (The
        worker that holds the accept lock and waits for a request may have been stopped, by a debugger say.)
        """
        workers = self._workers.values()
        ready = all(self.scoreboard.slot(worker.slot)[READY] for worker in workers)
        not_received = ready and now - self._pending_since >= _STUCK_SECONDS
        return all(worker.is_still(now) for worker in workers) and (
            not_received or not any(worker.receives for worker in workers)
        )

    def _watch(self, now: float) -> None:
        """Note which workers have moved since the last look."""
        for worker in self._workers.values():
            state = self.scoreboard.slot(worker.slot)
            seen = state[BUSY], state[WAITING], state[FINISHED]
            if seen != worker.seen:
                worker.seen, worker.since = seen, now
        busy = [worker for worker in self._workers.values() if worker.seen[0]]
        if len(busy) >= self._min_workers or any(worker.is_still(now) for worker in busy):
            self._last_saturated = now

    def _retire_one(self, now: float) -> None:
        """Retire one of the workers above the minimum, after a quiet time."""
        quiet = now - self._last_saturated >= _QUIET_SECONDS
        if self._target <= self._min_workers or not quiet or len(self._staying) < len(self._workers):
            return
        states = [state for worker in self._staying if (state := self.scoreboard.slot(worker.slot))[LOCK_FREE]]
        if states:
            states[-1][RETIRE] = 1
            self._target -= 1

    def _wake_retired(self) -> None:
        """Wake workers that are to end and sleep, once another can receive requests.

        No request is lost: a read that a signal interrupts has taken none. It is repeated at each step, since a worker
        may begin to read only after the signal.
        """
        if self._is_full or any(self.scoreboard.slot(worker.slot)[READY] for worker in self._staying):
            for pid, worker in self._workers.items():
                state = self.scoreboard.slot(worker.slot)
                if state[RETIRE] and state[READY]:
                    os.kill(pid, WAKE_SIGNAL)

    def _start(self, now: float) -> None:
        slot = min(set(range(self.scoreboard.slots)) - {worker.slot for worker in self._workers.values()})
        self.scoreboard.clear(slot)
        locking = [worker for worker in self._staying if not self.scoreboard.slot(worker.slot)[LOCK_FREE]]
        self.scoreboard.slot(slot)[LOCK_FREE] = len(locking) >= self._min_workers  # the holder may be stuck
        pid = fork_child(lambda: self._run(slot))
        self._workers[pid] = _Worker(slot, now)

    def _run(self, slot: int) -> int:
        """In the new process: run `main`, and leave an error that ends it to the supervisor."""
        try:
            return self._main(slot)
        except Exception as error:  # noqa: BLE001 # the supervisor raises it, if the mount never answered
            _log.exception("a process of the mount ends")
            self.scoreboard.startup_error = encode_error(error)
            return CANNOT_START

    def end(self, seconds: float, is_urgent: Callable[[], bool] = lambda: True) -> None:
        """Wait for all workers to end, since it is unmounted; kill those that do not.

        Args:
            seconds: The time to wait; one that has a commit to finish gets more.
            is_urgent: Returns whether that must not be waited for any more.
        """
        deadline = time.monotonic() + seconds
        while self._workers and (time.monotonic() < deadline or (self._finishing and not is_urgent())):
            self.reap(0.0)
            time.sleep(0.002)
        self._kill_all()

    @property
    def _finishing(self) -> bool:
        return any(self.scoreboard.slot(worker.slot)[FINISHING] for worker in self._workers.values())

    def _kill_all(self) -> None:
        kill(self._workers)
        self._workers.clear()
