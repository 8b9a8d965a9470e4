"""Messages between two processes, whole or not at all: a pair of sockets that keep the bounds of what is sent."""

from __future__ import annotations

import select
import socket
from typing import Any, Final, Generic, TypeVar

import msgspec

from artfs.fuse.staging.messages import FromServer, FromStorer

__all__ = ["Channel", "ServerEnd", "StorerEnd", "channel_pair"]

_BUFFER: Final = 4 << 20
_MAX_MESSAGE: Final = 1 << 20

In = TypeVar("In")
Out = TypeVar("Out")


class Channel(Generic[In, Out]):
    """One end.

    Args:
        end: The socket.
        kind: The union of messages that come in.
    """

    def __init__(self, end: socket.socket, kind: Any) -> None:
        self._socket = end
        self._decoder = msgspec.msgpack.Decoder(kind)
        self._encode = msgspec.msgpack.Encoder().encode

    def fileno(self) -> int:
        """Of the socket, to be polled."""
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
            EOFError: The other end is gone for good.
        """
        data = self._socket.recv(_MAX_MESSAGE)
        if not data:
            raise EOFError
        message: In = self._decoder.decode(data)
        return message

    def wait(self, milliseconds: int) -> None:
        """Wait until a message has come, or for so long."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.poll(milliseconds)

    def poll(self) -> In | None:
        """A message that has come, None if there is none."""
        try:
            data = self._socket.recv(_MAX_MESSAGE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        message: In | None = self._decoder.decode(data) if data else None
        return message


ServerEnd = Channel[FromStorer, FromServer]
StorerEnd = Channel[FromServer, FromStorer]


def channel_pair() -> tuple[ServerEnd, StorerEnd]:
    """Both ends, for two processes that are forked later."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    return Channel(ours, FromStorer), Channel(theirs, FromServer)
