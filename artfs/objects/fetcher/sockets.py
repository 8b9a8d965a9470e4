"""The sockets of fetchers: where they are, and who may use them."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["peer_is_trusted", "socket_address"]

_UCRED: Final = struct.Struct("3i")


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """Yield the address of a socket in a block, also where its path is longer than the 107 bytes of an address."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def peer_is_trusted(connection: socket.socket) -> bool:
    """Return whether the process at the other end is this user's, or root's."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(credentials)
    return uid in {os.geteuid(), 0}
