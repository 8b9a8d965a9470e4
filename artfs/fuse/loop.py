"""pyfuse3's loop without waiting: a worker blocks in the device's own read, and the kernel wakes exactly one.

pyfuse3 waits for its descriptor through the module `trio`, which it looks up in its own globals; its asyncio adapter
replaces it there, and so does this module. What is put in its place never waits: a lock that is always free (trio's own
costs a turn of the event loop: two thirds of a request's user time, and half the requests per second of one client) and
a `wait_readable` that returns at once. So `pyfuse3.main(1, 1)` runs as one task that never suspends itself.
"""

from __future__ import annotations

import select
import time
import types
from collections.abc import Callable
from typing import Any, Final

import pyfuse3
import trio

from artfs.fuse.seats import Seat
from artfs.fuse.states import BUSY, FINISHED, RETIRE

__all__ = ["DONE", "Done", "answer_init", "run_session", "serve_requests"]


class Done(tuple[()]):
    """What is done already: to await it, or to enter or leave it as an asynchronous context, takes no time."""

    __slots__ = ()

    __await__ = tuple.__iter__

    def __aenter__(self) -> Done:
        return self

    def __aexit__(self, *_exception: object) -> Done:
        return self


DONE: Final = Done()


def run_session(wait_readable: Callable[[int], Any], tasks: int = 1) -> None:
    """Run pyfuse3's loop; it ends when the connection does or when `wait_readable` raises ClosedResourceError.

    Args:
        wait_readable: Called with the session's descriptor before each request is received; gives an awaitable.
        tasks: How many requests may be under way. With more than one, a handler that really waits lets another task
            go on receiving; it is scheduled again when `wait_readable` lets it.
    """
    lowlevel = types.SimpleNamespace(
        current_trio_token=trio.lowlevel.current_trio_token,
        current_task=trio.lowlevel.current_task,
        wait_readable=wait_readable,
    )
    vars(pyfuse3)["trio"] = types.SimpleNamespace(
        Lock=lambda: DONE,
        open_nursery=trio.open_nursery,
        lowlevel=lowlevel,
        ClosedResourceError=trio.ClosedResourceError,
    )
    try:
        trio.run(pyfuse3.main, 1, tasks)
    except* ConnectionAbortedError:  # an unmount was quicker than the request that was being received
        pass


def answer_init(initialised: Callable[[], bool]) -> None:
    """Answer requests until INIT was among them: it is always the first.

    (Fork earlier, and each child's libfuse would answer all it gets with EIO.)

    Args:
        initialised: Tells whether the handlers have seen it.
    """

    def wait_readable(_descriptor: int) -> Done:
        if initialised():
            raise trio.ClosedResourceError
        return DONE

    run_session(wait_readable)


def serve_requests(session: int, state: memoryview[int], seat: Seat, spin_ns: int) -> None:
    """Answer requests until the file system is unmounted, or the supervisor asks this worker to retire.

    Args:
        session: Descriptor of the FUSE session.
        state: This worker's slot of the shared memory.
        seat: Tells when to wait for a request.
        spin_ns: How long to poll for a request before sleeping in the read.
    """
    poll = select.poll()
    poll.register(session, select.POLLIN)
    pending, clock = poll.poll, time.monotonic_ns
    finished = -1  # the first wait comes before the first request

    def wait_readable(_descriptor: int) -> Done:
        nonlocal finished
        finished += 1
        state[FINISHED] = finished
        state[BUSY] = 0
        if not state[RETIRE]:
            seat.take()
        if state[RETIRE]:  # before it sleeps, or while it slept
            raise trio.ClosedResourceError
        if spin_ns:
            end = clock() + spin_ns
            while not pending(0) and clock() < end:
                pass
        return DONE

    run_session(wait_readable)
    seat.leave()  # the next one finds out sooner that there are no more requests
