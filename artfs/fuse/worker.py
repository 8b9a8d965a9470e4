"""A worker: one process that answers requests, one at a time.

It has no other thread (libfuse's receive holds the GIL), remembers nothing that another worker would have to know, and
opens the store for itself after the fork.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from artfs.fuse import syscalls
from artfs.fuse.device import clone_into
from artfs.fuse.logfile import LogPipe
from artfs.fuse.loop import serve_requests
from artfs.fuse.operations import Handlers, Translation
from artfs.fuse.report import encode_error
from artfs.fuse.seats import Seats
from artfs.fuse.states import READY, States
from artfs.fuse.tree import FileTree

__all__ = ["CANNOT_START", "MakeTree", "WorkerSetup", "run_worker"]

MakeTree: TypeAlias = Callable[[Callable[[], None]], FileTree]
"""Opens what a mount shows, given what the tree is to call before it loads something from the index."""

CANNOT_START: Final = 3
"""The exit status of a worker that could not open the store; it left its error in the shared memory."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What all workers of a mount have in common; made before the first fork.

    Attributes:
        session: The descriptor that pyfuse3's session receives from.
        handlers: What that session calls.
        make_tree: Opens what the mount shows.
        states: Shared memory, a slot for each worker.
        log: Becomes stderr.
        clone: Give each worker its own clone of the device, so that one that dies takes down only its own request.
        spin_ns: How long to poll before sleeping.
        seats: Shared by all workers.
    """

    session: int
    handlers: Handlers
    make_tree: MakeTree
    states: States
    log: LogPipe
    clone: bool
    spin_ns: int
    seats: Seats


def run_worker(setup: WorkerSetup, slot: int) -> int:
    """Be a worker until the file system is unmounted, or this worker is told to retire.

    Returns:
        The exit status.
    """
    setup.log.become_stderr()
    syscalls.name_process("artfs-worker")
    gc.freeze()
    state = setup.states.slot(slot)
    seat = setup.seats.seat(slot, state)
    try:
        tree = setup.make_tree(seat.before_loading)
        if setup.clone:
            clone_into(setup.session)
    except Exception as error:  # noqa: BLE001 # told to the supervisor
        _log.exception("cannot start a worker")
        setup.states.last_words = encode_error(error)
        return CANNOT_START
    syscalls.drop_resource_privilege()
    setup.handlers.serve(Translation(tree, before_reading=seat.before_reading), state)
    state[READY] = 1
    serve_requests(setup.session, state, seat, setup.spin_ns)
    return 0
