"""pyfuse3's loop without an event loop's waits: a process blocks in the read of the device.

The kernel wakes exactly one process for each request. pyfuse3 would wait for its descriptor through the module `trio`,
which it looks up in its own globals; its asyncio adapter replaces it there, and so does this module. The replacement
never waits: a lock that is always free (trio's own costs a turn of the event loop: two thirds of a request's user time,
and half the requests per second of one client) and a `wait_readable` that returns at once. So `pyfuse3.main(1, 1)` runs
as one task that never suspends itself.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, Final

import pyfuse3
import trio

from artfs.errors import MountError

__all__ = ["DONE", "ImmediateAwaitable", "answer_init", "run_session"]

_TURNS_TO_START: Final = 8
"""Turns of the event loop: more than pyfuse3 needs from its start to its first wait for a request."""


class ImmediateAwaitable(tuple[()]):
    """An awaitable, and an asynchronous context, that is done at once."""

    __slots__ = ()

    __await__ = tuple.__iter__

    def __aenter__(self) -> ImmediateAwaitable:
        return self

    def __aexit__(self, *_exception: object) -> ImmediateAwaitable:
        return self


DONE: Final = ImmediateAwaitable()


def run_session(wait_readable: Callable[[int], Any], tasks: int = 1) -> None:
    """Run pyfuse3's loop until the connection ends or `wait_readable` raises ClosedResourceError.

    Args:
        wait_readable: Called with the session's descriptor before each request is received; gives an awaitable.
        tasks: How many requests may be under way. With more than one, a handler that really waits lets another task
            go on receiving; it is scheduled again when `wait_readable` lets it.

    Raises:
        MountError: This pyfuse3 does not use what is put in trio's place.
    """
    replaced = ignored = False

    def current_task() -> trio.lowlevel.Task:
        nonlocal replaced
        replaced = True
        return trio.lowlevel.current_task()

    async def main() -> None:
        nonlocal ignored
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pyfuse3.main, 1, tasks)
            for _ in range(_TURNS_TO_START):
                await trio.lowlevel.checkpoint()
            if not replaced:
                ignored = True
                nursery.cancel_scope.cancel()

    lowlevel = types.SimpleNamespace(
        current_trio_token=trio.lowlevel.current_trio_token, current_task=current_task, wait_readable=wait_readable
    )
    vars(pyfuse3)["trio"] = types.SimpleNamespace(
        Lock=lambda: DONE,
        open_nursery=trio.open_nursery,
        lowlevel=lowlevel,
        ClosedResourceError=trio.ClosedResourceError,
    )
    try:
        trio.run(main)
    except* ConnectionAbortedError:  # an unmount was quicker than the request that was being received
        pass
    if ignored:
        raise MountError(
            f"pyfuse3 {pyfuse3.__version__} does not take artfs's replacement for trio: `pip install 'pyfuse3~=3.5.0'`"
        )


def answer_init(initialised: Callable[[], bool]) -> None:
    """Answer the kernel's INIT, which is always the first request.

    (Fork earlier, and each child's libfuse would answer all it gets with EIO.)

    Args:
        initialised: Returns whether the handlers have seen it.
    """

    def wait_readable(_descriptor: int) -> ImmediateAwaitable:
        if initialised():
            raise trio.ClosedResourceError
        return DONE

    run_session(wait_readable)
