"""Messages between server and storer, and the socket pair that carries them.

The storer says `Idle` when it waits for work; the server then sends one of `StoreFiles`, `Flush`, `Commit` and `Remove`
when there is any. A `Commit` may come at other times too: it is made beside what the storer is at. The storer waits for
an `Ack` after each `FilesStored` and `ApplyDelta`, so that the server answers requests of the mount in between.

A storer that replaces a dead one may find messages for that one. So each message of the server is addressed `to` a
process id, as `Idle` gave it.
"""

from __future__ import annotations

import select
import socket
from typing import Any, Final, Generic, TypeVar

import msgspec

from artfs.drafts.control.commit_request import CommitRequest
from artfs.drafts.db.schema import Origin
from artfs.drafts.storer_protocol import CommitDelta, StoreJob, StoreResult

__all__ = [
    "Ack",
    "ApplyDelta",
    "Channel",
    "Commit",
    "CommitPercent",
    "Committed",
    "Failed",
    "FilesStored",
    "Flush",
    "FromServer",
    "FromStorer",
    "Idle",
    "Remove",
    "ServerEnd",
    "SnapshotTaken",
    "Stop",
    "StoreFiles",
    "StorerEnd",
    "channel_pair",
]

_BUFFER: Final = 4 << 20
_MAX_MESSAGE: Final = 1 << 20

In = TypeVar("In")
Out = TypeVar("Out")


class StoreFiles(msgspec.Struct, tag=True, frozen=True):
    """Order to store files of a draft in the background.

    Attributes:
        to: Process id of the storer.
        directory: The draft's directory.
        jobs: The files.
    """

    to: int
    directory: str
    jobs: list[StoreJob]


class Flush(msgspec.Struct, tag=True, frozen=True):
    """Order to make stored files durable, and to report them."""

    to: int


class Commit(msgspec.Struct, tag=True, frozen=True):
    """Order to make a version of a frozen draft.

    Attributes:
        to: Process id of the storer.
        directory: The draft's directory.
        generation: The frozen generation.
        request: The request that the control file got.
    """

    to: int
    directory: str
    generation: int
    request: CommitRequest


class Remove(msgspec.Struct, tag=True, frozen=True):
    """Order to delete the directory of a discarded draft."""

    to: int
    directory: str


class Ack(msgspec.Struct, tag=True, frozen=True):
    """Answer to `FilesStored` or `ApplyDelta`: go on.

    Attributes:
        to: Process id of the storer.
        directory: The directory that the message was about.
    """

    to: int
    directory: str


class Stop(msgspec.Struct, tag=True, frozen=True):
    """Order to end, since the file system is unmounted; `to` 0 means any storer."""

    to: int


class Idle(msgspec.Struct, tag=True, frozen=True):
    """Report that the storer waits for work.

    Attributes:
        pid: Its process id; a new one means that a storer has started.
        unflushed: Bytes that are stored and not durable yet.
        failed: The store could not be written.
    """

    pid: int
    unflushed: int
    failed: bool


class FilesStored(msgspec.Struct, tag=True, frozen=True):
    """Report of background-stored files of a draft that are durable now."""

    directory: str
    files: list[StoreResult]


class SnapshotTaken(msgspec.Struct, tag=True, frozen=True):
    """Report that a commit has opened the snapshot of the frozen draft."""

    directory: str


class CommitPercent(msgspec.Struct, tag=True, frozen=True):
    """Progress of a commit."""

    directory: str
    percent: int


class ApplyDelta(msgspec.Struct, tag=True, frozen=True):
    """Rows of a draft that a published commit changes: one part of them."""

    directory: str
    delta: CommitDelta


class Committed(msgspec.Struct, tag=True, frozen=True):
    """Report that a commit is published, after its last `ApplyDelta`.

    Attributes:
        directory: The draft's directory.
        generation: The frozen generation.
        ref: The version.
        created: The version is a new one.
        origin: The draft's base from now on.
        note: A line about the version for people; empty: none.
        merged: The version that the draft's changes were merged onto; empty: none.
        runs: Ids of the runs that logged it with this commit.
    """

    directory: str
    generation: int
    ref: str
    created: bool
    origin: Origin
    note: str = ""
    merged: str = ""
    runs: list[str] = []


class Failed(msgspec.Struct, tag=True, frozen=True):
    """Report that a commit failed.

    Attributes:
        directory: The draft's directory.
        error: Class of `artfs.errors`.
        message: The error's message.
    """

    directory: str
    error: str
    message: str


FromServer = StoreFiles | Flush | Commit | Remove | Ack | Stop
FromStorer = Idle | FilesStored | SnapshotTaken | CommitPercent | ApplyDelta | Committed | Failed


class Channel(Generic[In, Out]):
    """One end of a socket pair that keeps message boundaries: a message arrives whole or not at all.

    Args:
        end: The socket.
        kind: The union of messages that come in.
    """

    def __init__(self, end: socket.socket, kind: Any) -> None:
        self._socket = end
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._encode = msgspec.msgpack.Encoder().encode

    def fileno(self) -> int:
        """File descriptor, to be polled."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end in this process."""
        self._socket.close()

    def send(self, message: Out) -> None:
        """Send a message; waits while the other end has too many unread."""
        self._socket.send(self._encode(message))

    def receive(self) -> In:
        """Wait for a message.

        Raises:
            EOFError: The other end is closed in all processes.
        """
        data = self._socket.recv(_MAX_MESSAGE)
        if not data:
            raise EOFError
        message: In = self._decoder.decode(data)
        return message

    def wait(self, milliseconds: int) -> None:
        """Wait for a message at most so long, and leave it unread."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.poll(milliseconds)

    def poll(self) -> In | None:
        """Receive a message without waiting; None if there is none."""
        try:
            data = self._socket.recv(_MAX_MESSAGE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        message: In | None = self._decoder.decode(data) if data else None
        return message


ServerEnd = Channel[FromStorer, FromServer]
StorerEnd = Channel[FromServer, FromStorer]


def channel_pair() -> tuple[ServerEnd, StorerEnd]:
    """Make both ends, for two processes that are forked later."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    return Channel(ours, FromStorer), Channel(theirs, FromServer)
