"""Kinds of mount: the handlers of their requests, and the processes that call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyfuse3

from artfs.fuse.prefork.logfile import LogPipe
from artfs.fuse.prefork.worker_pool import WorkerPool

__all__ = ["InitHandlers", "MountKind", "WorkerContext"]


class InitHandlers(pyfuse3.Operations):
    """The handlers that pyfuse3 calls.

    They are made before any fork, for the INIT request; a child sets the others.

    Attributes:
        initialised: The kernel's INIT request was answered.
    """

    supports_dot_lookup = False

    def __init__(self) -> None:
        super().__init__()
        self.initialised = False

    def init(self) -> None:
        """Note that the kernel and libfuse have agreed on version and features."""
        self.initialised = True


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The inheritance of the processes of a mount: descriptors, and what they have to do with them.

    Attributes:
        session: The descriptor from which pyfuse3's session receives.
        log: Becomes their stderr.
        clone: Each process clones the device, so that only its own request fails when it dies.
        resend: A single process answers, and its successor is to have resent what it left without an answer.
    """

    session: int
    log: LogPipe
    clone: bool
    resend: bool


class MountKind(Protocol):
    """A kind of mount.

    Attributes:
        staging: It shows drafts, which are written to; a single process answers all requests.
    """

    staging: bool

    @property
    def handlers(self) -> InitHandlers:
        """The handlers of requests, made before anything is forked."""
        ...

    def pool(self, context: WorkerContext) -> WorkerPool:
        """Make the pool of its processes; none is started yet."""
        ...
