"""What the process that serves drafts and the one that stores them say to each other.

The storer says `Idle` when it waits for work; the server then sends one of `Work`, `Flush` and `Commit`, when there is
something to do. While a commit runs, the storer reports; it waits for an `Ack` after each `Settle`, so that requests of
the mount are answered in between.
"""

from __future__ import annotations

import msgspec

from artfs.vfs.draft.jobs import Job, Portion, Stored
from artfs.vfs.draft.request import CommitRequest
from artfs.vfs.draft.rows import Origin

__all__ = [
    "Ack",
    "Commit",
    "Committed",
    "Failed",
    "Flush",
    "FromServer",
    "FromStorer",
    "Idle",
    "Percent",
    "Settle",
    "Stop",
    "Taken",
    "Work",
]


class Work(msgspec.Struct, tag=True, frozen=True):
    """Store files of a draft in the background.

    Attributes:
        directory: The draft's.
        jobs: The files.
    """

    directory: str
    jobs: list[Job]


class Flush(msgspec.Struct, tag=True, frozen=True):
    """Make durable what was stored, and say what that was."""


class Commit(msgspec.Struct, tag=True, frozen=True):
    """Make a version of a frozen draft.

    Attributes:
        directory: The draft's.
        generation: Which is frozen.
        request: What was asked for.
    """

    directory: str
    generation: int
    request: CommitRequest


class Ack(msgspec.Struct, tag=True, frozen=True):
    """Go on."""


class Stop(msgspec.Struct, tag=True, frozen=True):
    """The file system is unmounted: end."""


class Idle(msgspec.Struct, tag=True, frozen=True):
    """The storer waits.

    Attributes:
        results: What it has made durable since it last said so: draft's directory and files.
        begun: It has only begun to run: whatever it was told before is forgotten.
        unflushed: Bytes that are stored and not durable yet.
    """

    results: list[tuple[str, list[Stored]]] = []
    begun: bool = False
    unflushed: int = 0


class Taken(msgspec.Struct, tag=True, frozen=True):
    """A commit has seen what is frozen."""

    directory: str


class Percent(msgspec.Struct, tag=True, frozen=True):
    """How far a commit is."""

    directory: str
    percent: int


class Settle(msgspec.Struct, tag=True, frozen=True):
    """Part of what a published commit found out."""

    directory: str
    portion: Portion


class Committed(msgspec.Struct, tag=True, frozen=True):
    """A commit is published, and all of it was told.

    Attributes:
        directory: The draft's.
        generation: Which was frozen.
        ref: The version.
        created: Whether it is a new one.
        origin: What the draft comes from now.
    """

    directory: str
    generation: int
    ref: str
    created: bool
    origin: Origin


class Failed(msgspec.Struct, tag=True, frozen=True):
    """A commit could not be made.

    Attributes:
        directory: The draft's.
        error: Class of `artfs.errors`.
        message: Of the error.
    """

    directory: str
    error: str
    message: str


FromServer = Work | Flush | Commit | Ack | Stop
FromStorer = Idle | Taken | Percent | Settle | Committed | Failed
