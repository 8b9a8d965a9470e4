"""The request loop of a worker: take the accept lock, receive a request, answer it.

A worker has no other thread (libfuse's receive holds the GIL), and remembers nothing that another worker would have to
know.
"""

from __future__ import annotations

import select
import signal
import time
from typing import NoReturn

import trio

from artfs.fuse.prefork.accept_lock import AcceptLock
from artfs.fuse.prefork.scoreboard import BUSY, FINISHED, READY, RETIRE, WAITING, WAKE_SIGNAL
from artfs.fuse.pyfuse3_loop import DONE, ImmediateAwaitable, run_session

__all__ = ["serve_requests"]


def serve_requests(session: int, state: memoryview[int], lock: AcceptLock, spin_ns: int) -> None:
    """Answer requests until the file system is unmounted or this worker is to retire.

    Args:
        session: Descriptor of the FUSE session.
        state: This worker's slot of the scoreboard.
        lock: Decides when this worker waits for a request.
        spin_ns: How long to poll for a request before sleeping in the read.
    """
    poll = select.poll()
    poll.register(session, select.POLLIN)
    pending, clock = poll.poll, time.monotonic_ns
    finished = -1  # the first wait comes before the first request

    def retire() -> NoReturn:
        signal.pthread_sigmask(signal.SIG_BLOCK, (WAKE_SIGNAL,))  # trio is not to be interrupted while it ends
        raise trio.ClosedResourceError

    def wake(_number: int, _frame: object) -> None:
        if state[RETIRE] and state[WAITING]:  # Python would go on to wait for the lock; a read that is interrupted ends
            state[WAITING] = 0
            retire()

    def wait_readable(_descriptor: int) -> ImmediateAwaitable:
        nonlocal finished
        finished += 1
        state[FINISHED] = finished
        state[BUSY] = 0
        if not state[RETIRE]:
            lock.acquire()
        if state[RETIRE]:  # before it sleeps, or while it slept
            retire()
        if spin_ns:
            end = clock() + spin_ns
            while not pending(0) and clock() < end:
                pass
        return DONE

    signal.signal(WAKE_SIGNAL, wake)
    state[READY] = 1
    run_session(wait_readable)
    lock.release()  # the next one finds out sooner that there are no more requests
