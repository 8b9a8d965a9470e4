"""What the process that serves drafts and the one that stores them say to each other.

The storer says `Idle` when it waits for work; the server then sends one of `Work`, `Flush`, `Commit` and `Remove`, when
there is something to do. While a commit runs, the storer reports; it waits for an `Ack` after each `Settle` and
`Made`, so that requests of the mount are answered in between.

A storer that took a dead one's place may find what was meant for that one: what the server sends says `to` whom, by the
number that `Idle` gave.
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
    "Made",
    "Percent",
    "Remove",
    "Settle",
    "Stop",
    "Taken",
    "Work",
]


class Work(msgspec.Struct, tag=True, frozen=True):
    """Store files of a draft in the background.

    Attributes:
        to: Which storer.
        directory: The draft's.
        jobs: The files.
    """

    to: int
    directory: str
    jobs: list[Job]


class Flush(msgspec.Struct, tag=True, frozen=True):
    """Make durable what was stored, and say what that was."""

    to: int


class Commit(msgspec.Struct, tag=True, frozen=True):
    """Make a version of a frozen draft.

    Attributes:
        to: Which storer.
        directory: The draft's.
        generation: Which is frozen.
        request: What was asked for.
    """

    to: int
    directory: str
    generation: int
    request: CommitRequest


class Remove(msgspec.Struct, tag=True, frozen=True):
    """Remove what is left of a draft that was closed.

    Attributes:
        to: Which storer.
        directory: All that is in it.
    """

    to: int
    directory: str


class Ack(msgspec.Struct, tag=True, frozen=True):
    """Go on."""

    to: int


class Stop(msgspec.Struct, tag=True, frozen=True):
    """The file system is unmounted: end.

    Attributes:
        to: 0: any storer.
    """

    to: int


class Idle(msgspec.Struct, tag=True, frozen=True):
    """The storer waits.

    Attributes:
        who: Its own number. One that was not heard of has only begun to run.
        unflushed: Bytes that are stored and not durable yet.
        failed: The store could not be written.
    """

    who: int
    unflushed: int
    failed: bool


class Made(msgspec.Struct, tag=True, frozen=True):
    """Files were made durable that were stored in the background.

    Attributes:
        directory: Their draft's.
        files: What they are in the store.
    """

    directory: str
    files: list[Stored]


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


FromServer = Work | Flush | Commit | Remove | Ack | Stop
FromStorer = Idle | Made | Taken | Percent | Settle | Committed | Failed
