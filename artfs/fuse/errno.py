"""Error numbers of exceptions: the whole table, one line per class of `artfs.errors`."""

from __future__ import annotations

import errno
from typing import Final

from artfs import errors

__all__ = ["ERRNO_BY_CLASS", "errno_of", "is_of_store"]

ERRNO_BY_CLASS: Final[dict[type[errors.ArtfsError], int]] = {
    errors.ArtfsError: errno.EIO,
    errors.InvalidInputError: errno.EINVAL,
    # The kernel asked by inode number for what a path gave it a moment ago: it was deleted since. On ESTALE the kernel
    # walks the path again without its caches, so a name that was given to something new works, and one that is gone
    # becomes ENOENT. (A name that is not there raises nothing: it is answered, and cached.)
    errors.NotFoundError: errno.ESTALE,
    errors.ConflictError: errno.EEXIST,
    errors.TypeMismatchError: errno.EEXIST,
    errors.NewerVersionError: errno.EEXIST,
    errors.MergeConflictError: errno.EEXIST,
    errors.VersionInUseError: errno.EBUSY,
    errors.SourceError: errno.EIO,
    # Not ESTALE, which would make the kernel ask again: a reference whose source changed stays wrong.
    errors.SourceChangedError: errno.EIO,
    errors.UnsupportedFileError: errno.EOPNOTSUPP,
    # A mount shows what is logged: that its source is gone does not make the file itself missing.
    errors.ReferenceGoneError: errno.EIO,
    errors.ReferenceChangedError: errno.EIO,
    errors.ReferenceUnreadableError: errno.EIO,
    errors.BundleDamagedError: errno.EIO,
    errors.BundleFormatError: errno.EIO,
    errors.StoreError: errno.EIO,
    # ENOENT would say of a file that it does not exist, when it is the store that went away.
    errors.StoreNotFoundError: errno.EIO,
    errors.StoreFormatError: errno.EIO,
    errors.ReadOnlyStoreError: errno.EROFS,
    errors.OutcomeUnknownError: errno.EIO,
    errors.StoreUnreachableError: errno.EIO,
    errors.StoreRefusedError: errno.EIO,
    errors.UnsafeRemoteError: errno.EIO,
    errors.IntegrityError: errno.EIO,
    errors.StorageError: errno.EIO,  # only if it does not carry its own
    errors.MountError: errno.EIO,
    errors.UnsafeTargetError: errno.EPERM,
    errors.ArtifactStateError: errno.EINVAL,
    errors.ArtifactNotLoggedError: errno.EINVAL,
    errors.ArtifactFinalizedError: errno.EINVAL,
}


_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})


def is_of_store(error: Exception) -> bool:
    """Return True if a file of the store is not there, which says nothing of the file that was asked for.

    The errors that are meant for the client come from no system call, and so name no file.
    """
    if isinstance(error, errors.StorageError):
        return error.errno in _NOT_THERE
    return isinstance(error, OSError) and error.filename is not None and error.errno in _NOT_THERE


def errno_of(error: Exception) -> int:
    """Return the number to answer with when a handler raised `error`; EIO for what was not foreseen."""
    if isinstance(error, errors.StorageError | OSError):
        return errno.EIO if is_of_store(error) else error.errno or errno.EIO
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    return next((ERRNO_BY_CLASS[base] for base in type(error).__mro__ if base in ERRNO_BY_CLASS), errno.EIO)
