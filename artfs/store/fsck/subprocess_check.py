"""Run a check in a child process: if a damaged index kills its reader, only the child dies."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

import msgspec

from artfs.errors import ArtfsError, StorageError
from artfs.store.fsck.finding import Affected, Finding, Quarantined

__all__ = ["in_child"]

Found = Finding | Affected | Quarantined
F = TypeVar("F", Finding, Finding | Affected, Quarantined)


class _Failed(msgspec.Struct, frozen=True, tag=True):
    """The check could not be completed."""

    message: str
    errno: int


class _Done(msgspec.Struct, frozen=True, tag=True):
    """The check is complete."""


_Message = Found | _Failed | _Done
_encode = msgspec.msgpack.Encoder().encode
_LENGTH = 4


def in_child(check: Callable[[], Iterable[F]], died: Finding) -> Iterator[F | Finding]:
    """Run a check in a forked child, and yield what it yields.

    Args:
        check: The check.
        died: The finding when a signal kills the child, or it ends early; its message is completed by how it ended.

    Raises:
        ArtfsError: The check could not be completed, as StorageError if the system refused.
    """
    reading, writing = os.pipe()
    try:
        child = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if not child:
        os.close(reading)
        _run(check, writing)
    os.close(writing)
    done = False
    try:
        with os.fdopen(reading, "rb") as pipe:
            for message in _messages(pipe.read):
                if isinstance(message, _Done):
                    done = True
                elif isinstance(message, _Failed):
                    raise StorageError(message.message, message.errno) if message.errno else ArtfsError(message.message)
                else:
                    yield cast("F", message)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    _pid, status = os.waitpid(child, 0)
    if not done:
        how = f"by {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else "without a word"
        yield Finding(died.invariant, died.part, f"{died.message} {how}")


def _messages(read: Callable[[int], bytes]) -> Iterator[_Message]:
    decode = msgspec.msgpack.Decoder(_Message).decode
    while len(length := read(_LENGTH)) == _LENGTH:
        size = int.from_bytes(length, "little")
        data = read(size)
        if len(data) < size:
            return
        yield decode(data)


def _run(check: Callable[[], Iterable[Found]], writing: int) -> None:
    """Run as the child, and exit."""
    try:
        with os.fdopen(writing, "wb") as pipe:

            def send(message: _Message) -> None:
                data = _encode(message)
                pipe.write(len(data).to_bytes(_LENGTH, "little") + data)

            try:
                for found in check():
                    send(found)
                    pipe.flush()  # so that findings before a crash arrive
                send(_Done())
            except StorageError as error:
                send(_Failed(str(error), error.errno or errno.EIO))
            except ArtfsError as error:
                send(_Failed(str(error), 0))
            except Exception as error:  # noqa: BLE001 - reported by the parent, which has the terminal
                send(_Failed(f"the check failed: {type(error).__name__}: {error}", 0))
    finally:
        os._exit(0)
