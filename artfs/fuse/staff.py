"""What a kind of mount brings along: the handlers of its requests, and the processes that call them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyfuse3

from artfs.fuse.crew import Crew
from artfs.fuse.logfile import LogPipe
from artfs.fuse.states import States

__all__ = ["InitHandlers", "Post", "Staff"]


class InitHandlers(pyfuse3.Operations):
    """What pyfuse3 calls. Made before the fork, for the INIT request; a process that was forked then has it answer.

    Attributes:
        initialised: The kernel's INIT request was answered.
    """

    supports_dot_lookup = False

    def __init__(self) -> None:
        super().__init__()
        self.initialised = False

    def init(self) -> None:
        """Note that the kernel and libfuse have agreed on how to talk."""
        self.initialised = True


@dataclass(frozen=True, slots=True)
class Post:
    """What the processes of a mount find when they are forked.

    Attributes:
        session: The descriptor that pyfuse3's session receives from.
        log: Becomes their stderr.
        clone: Each has to have its own clone of the device, so that one that dies takes down only its own request.
        again: Only one process answers, and its successor has to have sent again what it did not answer.
    """

    session: int
    log: LogPipe
    clone: bool
    again: bool


class Staff(Protocol):
    """A kind of mount.

    Attributes:
        alone: Only one process at a time answers requests.
    """

    alone: bool

    def handlers(self) -> InitHandlers:
        """The handlers of requests, made before anything is forked."""
        ...

    def crew(self, post: Post) -> tuple[Crew, States]:
        """The processes, not started yet, and their shared memory."""
        ...
