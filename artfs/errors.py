"""Every exception that artfs raises on purpose, grouped by what a caller would do about it.

    ArtfsError                      exit 1   anything below; one line that says what to do
    ├── InvalidInputError           exit 2   correct the argument (also a ValueError)
    ├── NotFoundError               exit 3   name something that exists
    ├── ConflictError               exit 4   the catalog forbids it as it stands; change the request
    │   ├── TypeMismatchError                the artifact has another type
    │   ├── NewerVersionError                what is to be committed began at an older version than the newest
    │   ├── MergeConflictError               names were changed both in it and in the newest version
    │   └── VersionInUseError                the version bears aliases
    ├── SourceError                 exit 5   repair the source, then repeat
    │   ├── SourceChangedError               a file changed while it was read
    │   ├── UnsupportedFileError             a socket, FIFO or device cannot be stored
    │   ├── ReferenceGoneError               the target of a reference is gone (also a FileNotFoundError)
    │   ├── ReferenceChangedError            the target of a reference is no longer what was logged
    │   ├── ReferenceUnreadableError         a reference of a scheme that artfs cannot read
    │   ├── BundleDamagedError               an exported file is cut off or damaged
    │   └── BundleFormatError                a file is no exported one, or a newer artfs wrote it
    ├── StoreError                  exit 6   the store cannot be used like this
    │   ├── StoreNotFoundError               the directory holds no store
    │   ├── StoreFormatError                 the store is of a format this artfs does not know
    │   ├── ReadOnlyStoreError               it cannot be written, here or since an earlier failure
    │   ├── OutcomeUnknownError              the commit may or may not have happened: look before repeating
    │   ├── StoreUnreachableError            the server of a store at a URL does not answer: try again
    │   ├── StoreRefusedError                that server refuses: correct credentials, rights or the URL
    │   └── UnsafeRemoteError                that server does not keep the condition by which commits are safe
    ├── IntegrityError              exit 7   stored bytes do not match their digest: run `artfs fsck`
    ├── StorageError                exit 8   the disk said no (ENOSPC, EDQUOT, EIO ...): free space or repair it, repeat
    ├── MountError                  exit 9   the mount or unmount cannot be done like this
    ├── UnsafeTargetError           exit 10  writing would leave the destination
    └── ArtifactStateError          exit 11  log the artifact first, or begin a new draft (also an AttributeError)
        ├── ArtifactNotLoggedError           an unlogged artifact has no version yet
        └── ArtifactFinalizedError           what is logged never changes

Exit 2 is also click's own code for wrong usage, and 130 a Ctrl-C. The messages are for people; programs look at the
class, the exit code and the attributes.
"""

from __future__ import annotations

import errno as _errno
import os
from collections.abc import Mapping
from typing import ClassVar

__all__ = [
    "ArtfsError",
    "ArtifactFinalizedError",
    "ArtifactNotLoggedError",
    "ArtifactStateError",
    "BundleDamagedError",
    "BundleFormatError",
    "ConflictError",
    "IntegrityError",
    "InvalidInputError",
    "MergeConflictError",
    "MountError",
    "NewerVersionError",
    "NotFoundError",
    "OutcomeUnknownError",
    "ReadOnlyStoreError",
    "ReferenceChangedError",
    "ReferenceGoneError",
    "ReferenceUnreadableError",
    "SourceChangedError",
    "SourceError",
    "StorageError",
    "StoreError",
    "StoreFormatError",
    "StoreNotFoundError",
    "StoreRefusedError",
    "StoreUnreachableError",
    "TypeMismatchError",
    "UnsafeRemoteError",
    "UnsafeTargetError",
    "UnsupportedFileError",
    "VersionInUseError",
]


class ArtfsError(Exception):
    """The base of every error that artfs raises on purpose."""

    exit_code: ClassVar[int] = 1


class InvalidInputError(ArtfsError, ValueError):
    """A name, alias, path, option or value that the rules do not allow."""

    exit_code = 2


class NotFoundError(ArtfsError):
    """No such artifact, version, alias or path."""

    exit_code = 3


class ConflictError(ArtfsError):
    """The request is well formed, and the catalog as it stands forbids it."""

    exit_code = 4


class TypeMismatchError(ConflictError):
    """The artifact exists with another type."""


class NewerVersionError(ConflictError):
    """A version came after the one that the changes began at, and merging them with it was not asked for."""


class MergeConflictError(ConflictError):
    """Names were changed in the newest version too, and otherwise: nothing was committed.

    Attributes:
        conflicts: By path from the top (as `os.fsdecode` has it) what was done here, and what there: `added`, `removed`
            or `modified`. A path with a slash at the end is a directory that is there in both, with other modes.
    """

    def __init__(self, message: str, conflicts: Mapping[str, tuple[str, str]] | None = None) -> None:
        super().__init__(message)
        self.conflicts = dict(conflicts or {})


class VersionInUseError(ConflictError):
    """The version bears aliases, and their deletion was not asked for."""


class SourceError(ArtfsError):
    """A source to be stored cannot be read."""

    exit_code = 5


class SourceChangedError(SourceError):
    """A source file changed while it was being stored."""


class UnsupportedFileError(SourceError):
    """A socket, FIFO or device: artifacts hold files, directories, symlinks and references."""


class ReferenceGoneError(SourceError, FileNotFoundError):
    """The target of a reference does not exist any more."""


class ReferenceChangedError(SourceError):
    """The target of a reference has other contents than when it was logged."""


class ReferenceUnreadableError(SourceError):
    """A reference is kept by its URI alone: artfs has no handler for its scheme."""


class BundleDamagedError(SourceError):
    """A file that `artfs export` wrote is cut off or damaged: get it again."""


class BundleFormatError(SourceError):
    """A file that is to be imported is none that `artfs export` wrote, or a newer artfs wrote it."""


class StoreError(ArtfsError):
    """The store cannot be used like this."""

    exit_code = 6


class StoreNotFoundError(StoreError):
    """The directory does not hold a store."""


class StoreFormatError(StoreError):
    """The store's format is not one that this artfs knows."""


class ReadOnlyStoreError(StoreError):
    """The store cannot be written: by this user, on this file system, or in this process after a failure."""


class OutcomeUnknownError(StoreError):
    """The commit may or may not have happened: look before repeating it."""


class StoreUnreachableError(StoreError):
    """The server of a store at a URL gave no answer, or one that may pass. What was asked may be done."""


class StoreRefusedError(StoreError):
    """The server of a store at a URL refuses a request for good: credentials, rights, a bucket that is not there."""


class UnsafeRemoteError(StoreError):
    """The server of a store at a URL creates objects over those that are there: commits could be lost."""


class IntegrityError(ArtfsError):
    """Stored bytes do not match their digest or checksum."""

    exit_code = 7


class StorageError(ArtfsError):
    """The operating system refused a write or a read of the store.

    Attributes:
        errno: The system's error number (`errno.ENOSPC` and so on).
    """

    exit_code = 8

    def __init__(self, message: str, errno: int = _errno.EIO) -> None:
        super().__init__(message)
        self.errno = errno

    @classmethod
    def of(cls, error: OSError, doing: str, path: str | bytes | None = None) -> StorageError:
        """Wrap a system error, naming the action that failed.

        Args:
            error: The system's error.
            doing: The action, as in "writing pack 3f...".
            path: The path that was refused; None: the error's, if that is absolute.
        """
        number = error.errno or _errno.EIO
        advice = ""
        if number in (_errno.ENOSPC, _errno.EDQUOT):
            advice = "; free some space and repeat"
        elif number == _errno.ELOOP:
            return cls(f"{doing}: {error.filename} is a symlink, which is not followed in a store: remove it", number)
        from artfs.access import system_reason  # noqa: PLC0415 # needed after a refusal alone

        return cls(f"{doing}: {system_reason(error, path) if error.errno else os.strerror(number)}{advice}", number)


class MountError(ArtfsError):
    """The mount or unmount cannot be done like this."""

    exit_code = 9


class UnsafeTargetError(ArtfsError):
    """Writing the entry would leave the destination directory."""

    exit_code = 10


class ArtifactStateError(ArtfsError, AttributeError):
    """A Python `Artifact` cannot do this before it is logged, or not any more."""

    exit_code = 11


class ArtifactNotLoggedError(ArtifactStateError):
    """Only a logged artifact has this: log it first."""


class ArtifactFinalizedError(ArtifactStateError):
    """The contents of a logged or finalized artifact do not change: begin a `new_draft()`."""


# W&B's names, for scripts that catch them.
Error = ArtfsError
CommError = ArtfsError
UsageError = InvalidInputError
