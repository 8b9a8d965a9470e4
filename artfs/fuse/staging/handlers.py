"""What pyfuse3 calls in a staging mount: every answer in one wrapper, since what escapes a handler ends the process."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Coroutine
from typing import Any, Final

from pyfuse3 import FUSEError

from artfs.errors import ArtfsError
from artfs.fuse.errno import errno_of
from artfs.fuse.loop import DONE, Done
from artfs.fuse.staff import InitHandlers
from artfs.fuse.staging.numbers import WRITING, is_control, split
from artfs.fuse.staging.translation import StagingTranslation

__all__ = ["StagingHandlers"]

_ANSWERED: Final = (
    "lookup",
    "getattr",
    "setattr",
    "readlink",
    "mknod",
    "mkdir",
    "unlink",
    "rmdir",
    "symlink",
    "rename",
    "link",
    "create",
    "open",
    "read",
    "fsync",
    "fsyncdir",
    "opendir",
    "readdir",
    "statfs",
)

_log = logging.getLogger(__name__)


class StagingHandlers(InitHandlers):
    """What pyfuse3 calls in a staging mount: the serving process has it answer.

    Args:
        writeback_cache: Let the kernel gather small writes.
    """

    def __init__(self, *, writeback_cache: bool) -> None:
        super().__init__()
        self.enable_writeback_cache = writeback_cache

    def serve(self, translation: StagingTranslation) -> None:
        """Answer requests from now on."""
        self._translation = translation
        for name in _ANSWERED:
            setattr(self, name, _guarded(getattr(translation, name)))
        self._write = _guarded(translation.write)
        self._ask = _guarded(translation.ask)
        self._release = _guarded(translation.release)

    async def write(self, handle: int, offset: int, piece: bytes) -> int:
        """Write to a file; a request for a commit is answered when it is frozen, or cannot be soon."""
        if not is_control(split(handle & ~WRITING)[1]):
            return int(await self._write(handle, offset, piece))
        pending = await self._ask(handle, offset, piece)
        if pending is not None:
            await self._translation.answer(pending)
            if pending.error is not None:
                raise FUSEError(errno_of(pending.error))
        return len(piece)

    async def release(self, handle: int) -> None:
        """Close a file. Nobody hears of an error, and of a draft that was closed meanwhile there is nothing to do."""
        try:
            await self._release(handle)
        except FUSEError:
            return

    def releasedir(self, _handle: object) -> Done:  # type: ignore[override] # any awaitable will do
        """Nothing was opened."""
        return DONE

    def forget(self, inodes: object) -> None:  # type: ignore[override] # called without await, so None will do
        """The kernel forgot inodes."""
        try:
            self._translation.forget(inodes)  # type: ignore[arg-type] # pairs of numbers
        except OSError as error:  # the disk is full: what nobody uses stays until the next mount
            _log.warning("forgetting inodes: %s", error)


def _guarded(answer: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Make a handler of a method: whatever goes wrong becomes an error number."""

    async def handler(*request: Any) -> Any:
        try:
            return answer(*request)
        except FUSEError:
            raise
        except OSError as error:
            raise FUSEError(errno_of(error)) from None
        except ArtfsError as error:
            _log.warning("%s: %s", answer.__name__, error)
            raise FUSEError(errno_of(error)) from None
        except Exception as error:  # noqa: BLE001 # one request fails, not the process
            _log.exception("%s of %s", answer.__name__, os.fsencode(repr(request[:2])))
            raise FUSEError(errno_of(error)) from None

    return handler
