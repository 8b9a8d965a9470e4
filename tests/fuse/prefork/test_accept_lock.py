"""Accept locks: kept while requests are quick, released before data is read."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest
import trio

from artfs.fuse.prefork import worker
from artfs.fuse.prefork.accept_lock import AcceptLock, AcceptLocks
from artfs.fuse.prefork.scoreboard import READY, RETIRE, WAITING, WAKE_SIGNAL, Scoreboard
from tests.support.mounts.mounts import wait_until


def _is_free(locks: AcceptLocks) -> bool:
    """Whether another process gets the only lock at once."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0.2)  # ends it
        locks.lock(0, Scoreboard(1).slot(0)).acquire()
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


@pytest.fixture
def locks() -> Iterator[AcceptLocks]:
    with AcceptLocks(1) as locks:
        yield locks


def test_the_lock_is_released_before_data_is_read_and_before_a_slow_index(locks: AcceptLocks) -> None:
    now = 100.0
    lock = locks.lock(0, Scoreboard(1).slot(0), lambda: now)
    lock.acquire()
    assert not _is_free(locks)
    for seconds, left in ((0.001, False), (0.003, False), (0.001, True)):
        lock.before_loading()
        assert _is_free(locks) == left
        now += seconds
        lock.acquire()
        assert not _is_free(locks)
    lock.before_reading()
    for _ in range(32):
        lock.acquire()
        assert _is_free(locks)  # it waits without it
    lock.acquire()
    assert not _is_free(locks)


def test_a_worker_that_is_to_end_does_not_wait_for_the_lock(locks: AcceptLocks) -> None:
    scoreboard = Scoreboard(1)
    state = scoreboard.slot(0)
    locks.lock(0, Scoreboard(1).slot(0)).acquire()  # the test's process holds it
    for asleep in (False, True):
        scoreboard.clear(0)
        state[RETIRE] = not asleep
        child = os.fork()
        if child == 0:
            os._exit(_ends_without_lock(locks.lock(0, state), state))
        if asleep:
            wait_until(lambda: state[READY] and state[WAITING])
            state[RETIRE] = 1
            os.kill(child, WAKE_SIGNAL)
        assert os.waitpid(child, 0)[1] == 0


def _ends_without_lock(lock: AcceptLock, state: memoryview[int]) -> int:
    """Be a worker that is about to wait for a request; 0: it ended as it should."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 5.0)  # ends it

    def run_session(wait_readable: Callable[[int], object]) -> None:
        try:
            wait_readable(0)
        except trio.ClosedResourceError:
            os._exit(0)

    with patch.object(worker, "run_session", run_session), patch("select.poll"):
        worker.serve_requests(0, state, lock, 0)
    return 1
