"""What pyfuse3 calls in a staging mount: every answer in one wrapper, since what escapes a handler ends the process.

What is not here is answered by the base class, with ENOSYS, after which the kernel asks no more: flush (it writes
everything out before it would ask), extended attributes, access (`default_permissions`).
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from pyfuse3 import EntryAttributes, FUSEError, SetattrFields

from artfs.errors import ArtfsError, ConflictError, InvalidInputError, NotFoundError, StorageError
from artfs.fuse.errno import errno_of
from artfs.fuse.staff import InitHandlers
from artfs.fuse.staging.ballast import Ballast
from artfs.fuse.staging.commits import Pending
from artfs.fuse.staging.translation import StagingTranslation

__all__ = ["StagingHandlers"]

_ANSWERED: Final = (
    "lookup",
    "getattr",
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
    "release",
    "fsync",
    "fsyncdir",
    "opendir",
    "readdir",
    "releasedir",
    "statfs",
)
_MAKE_ROOM: Final = ("unlink", "rmdir", "rename", "open")
"""Those that may; so may `setattr`, of which only what sets a size is meant."""
_GRAVE: Final = frozenset({errno.EIO, errno.EROFS, errno.ENOSPC, errno.EDQUOT})
_TOLD: Final = (ConflictError, InvalidInputError, NotFoundError)
"""What is the asker's own affair."""

_log = logging.getLogger(__name__)


class StagingHandlers(InitHandlers):
    """What pyfuse3 calls in a staging mount: the serving process has it answer.

    Args:
        writeback_cache: Let the kernel gather small writes.
    """

    def __init__(self, *, writeback_cache: bool) -> None:
        super().__init__()
        self.enable_writeback_cache = writeback_cache

    def serve(self, translation: StagingTranslation, ballast: Ballast) -> None:
        """Answer requests from now on.

        Args:
            translation: Gives the answers.
            ballast: Room for those that make room.
        """
        for name in _ANSWERED:
            answer = getattr(translation, name)
            setattr(self, name, _guarded(ballast.sparing(answer) if name in _MAKE_ROOM else answer))
        truncate = _guarded(ballast.sparing(translation.setattr))
        change = _guarded(translation.setattr)

        def set_attributes(ino: int, attr: EntryAttributes, fields: SetattrFields, *more: Any) -> Any:
            return (truncate if fields.update_size else change)(ino, attr, fields, *more)

        self.setattr = set_attributes  # type: ignore[method-assign, assignment] # the same, under other names
        write = _guarded(translation.write)

        async def write_and_wait(handle: int, offset: int, piece: bytes) -> int:
            written: int | Pending = await write(handle, offset, piece)
            if isinstance(written, int):
                return written
            await translation.answer(written)
            if written.error is not None:
                raise FUSEError(written.error.errno if isinstance(written.error, StorageError) else errno.EINVAL)
            return len(piece)

        def forget(inodes: list[tuple[int, int]]) -> None:
            try:
                translation.forget(inodes)
            except (OSError, ArtfsError) as error:  # what nobody uses stays until the next mount
                _log.warning("forgetting inodes: %s", error)

        self.write = write_and_wait  # type: ignore[method-assign, assignment] # the same, under other names
        self.forget = forget  # type: ignore[method-assign, assignment] # called without await, so None will do


def _guarded(answer: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Make a handler of a method: whatever goes wrong becomes an error number."""

    async def handler(*request: Any) -> Any:
        try:
            return answer(*request)
        except FUSEError:
            raise
        except OSError as error:
            raise FUSEError(_noted(answer.__name__, request, error)) from None
        except _TOLD as error:
            raise FUSEError(errno_of(error)) from None
        except Exception as error:  # noqa: BLE001 # one request fails, not the process
            raise FUSEError(_logged(answer.__name__, request, error)) from None

    return handler


def _noted(name: str, request: tuple[Any, ...], error: OSError) -> int:
    """The number of an error that is part of a file system's life, after a line about one that is not."""
    if error.errno in _GRAVE:
        _log.error("%s of inode %x: %s", name, request[0], error)
    return error.errno or errno.EIO


def _logged(name: str, request: tuple[Any, ...], error: Exception) -> int:
    """Write a line about an error, with its origin if it was not foreseen, and give its number."""
    foreseen = isinstance(error, ArtfsError)
    _log.error("%s of inode %x: %s", name, request[0], str(error) or type(error), exc_info=None if foreseen else error)
    return errno_of(error)
