"""Files and directories of a store: reached without following symlinks, made for those whose store it is.

A store is worked on by root as well as by its owner, and one of a group by many users. So, in a store:

- No symlink is followed, whichever component of the path it is: what another user puts in the place of a directory or
  a file leads nobody elsewhere. The path of the store itself has no symlinks in it, see `artfs.names.parse_store_path`.
- What root makes in a directory of another user belongs to that user.
- What is made in a directory of a group (`is_shared`) can be written by the group, whatever the umask. Directories have
  the setgid bit there, by which the group itself is inherited.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

__all__ = [
    "DIRECTORY_MODE",
    "FILE_MODE",
    "GROUP_DIRECTORY_MODE",
    "GROUP_FILE_MODE",
    "directory_of",
    "hand_over",
    "is_shared",
    "link",
    "make_directory",
    "open_directory",
    "open_file",
    "open_file_at",
    "remove_file",
    "remove_tree",
    "rename",
]

FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700
GROUP_FILE_MODE: Final = 0o660
GROUP_DIRECTORY_MODE: Final = 0o2770
_PASSED: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SHARED: Final = stat.S_ISGID | stat.S_IWGRP


def is_shared(directory: os.stat_result) -> bool:
    """True if a directory is a group's: what is made in it is the group's too."""
    return directory.st_mode & _SHARED == _SHARED


@contextmanager
def directory_of(path: Path) -> Iterator[int]:
    """Open the directory that a path is in, for a block; the descriptor can only be passed as `dir_fd`.

    Raises:
        OSError: The system refused; ELOOP: a component is a symlink.
    """
    here = os.open("/", _PASSED)
    try:
        for name in path.parts[1:-1]:
            inner = _open_at(name, _PASSED, here, path)
            os.close(here)
            here = inner
        yield here
    finally:
        os.close(here)


def _open_at(name: str, flags: int, directory: int, path: Path) -> int:
    try:
        return os.open(name, flags, dir_fd=directory)
    except OSError as error:
        is_link = error.errno == errno.ENOTDIR and _is_symlink(name, directory)
        raise _error(errno.ELOOP if is_link else error.errno, path) from error


def _is_symlink(name: str, directory: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)


def _error(number: int | None, path: Path) -> OSError:
    """Make the error of a call that was given but a name, with the path."""
    return OSError(number, os.strerror(number or errno.EIO), os.fspath(path))


def open_file(path: Path, flags: int) -> int:
    """Open a file, or make it with `os.O_CREAT`.

    Raises:
        OSError: The system refused; ELOOP: a component is a symlink.
    """
    with directory_of(path) as directory:
        try:
            return open_file_at(directory, path.name, flags)
        except OSError as error:
            raise _error(error.errno, path) from error


def open_file_at(directory: int, name: str, flags: int) -> int:
    """Open or make a file in an open directory, as `open_file` does."""
    flags |= os.O_NOFOLLOW | os.O_CLOEXEC
    if not flags & os.O_CREAT:
        return os.open(name, flags, dir_fd=directory)
    while True:
        try:
            made = os.open(name, flags | os.O_EXCL, FILE_MODE, dir_fd=directory)
        except FileExistsError:
            if flags & os.O_EXCL:
                raise
        else:
            return _kept_if_handed_over(made, os.fstat(directory))
        with suppress(FileNotFoundError):  # removed meanwhile
            return os.open(name, flags & ~os.O_CREAT, dir_fd=directory)


def make_directory(path: Path, *, exist_ok: bool = False) -> None:
    """Make a directory.

    Raises:
        FileExistsError: It exists, and `exist_ok` is False; or it is no directory.
        OSError: The system refused; ELOOP: a component is a symlink.
    """
    with directory_of(path) as parent:
        try:
            os.mkdir(path.name, DIRECTORY_MODE, dir_fd=parent)
        except FileExistsError:
            status = os.stat(path.name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                raise _error(errno.ELOOP, path) from None
            if exist_ok and stat.S_ISDIR(status.st_mode):
                return
            raise
        made = os.open(path.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        os.close(_kept_if_handed_over(made, os.fstat(parent)))


def _kept_if_handed_over(made: int, directory: os.stat_result) -> int:
    try:
        hand_over(made, directory)
    except BaseException:
        os.close(made)
        raise
    return made


def hand_over(descriptor: int, directory: os.stat_result) -> None:
    """Give a file or directory the owner and the rights of the directory that it is in.

    Args:
        descriptor: The open file or directory.
        directory: Of the directory that it is in.

    Raises:
        OSError: The system refused.
    """
    status = os.fstat(descriptor)
    if os.geteuid() == 0 and (directory.st_uid, directory.st_gid) != (status.st_uid, status.st_gid):
        with suppress(OSError):  # a user that this user namespace does not know, or a server that squashes root
            os.fchown(descriptor, directory.st_uid, directory.st_gid)
    if is_shared(directory):
        os.fchmod(descriptor, GROUP_DIRECTORY_MODE if stat.S_ISDIR(status.st_mode) else GROUP_FILE_MODE)


def open_directory(path: Path) -> int:
    """Open a directory for reading.

    Raises:
        OSError: The system refused; ELOOP: a component is a symlink.
    """
    with directory_of(path) as parent:
        return _open_at(path.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, parent, path)


def rename(old: Path, new: Path) -> None:
    """Rename a file or directory, over another one of its kind.

    Raises:
        OSError: The system refused; ELOOP: a component is a symlink.
    """
    with directory_of(old) as source, directory_of(new) as target:
        os.rename(old.name, new.name, src_dir_fd=source, dst_dir_fd=target)


def link(old: Path, new: Path) -> None:
    """Give a file another name.

    Raises:
        FileExistsError: Something has that name.
        OSError: The system refused; ELOOP: a component is a symlink.
    """
    with directory_of(old) as source, directory_of(new) as target:
        os.link(old.name, new.name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)


def remove_file(path: Path) -> None:
    """Remove a file.

    Raises:
        OSError: The system refused; ELOOP: a component before the last is a symlink.
    """
    with directory_of(path) as directory:
        os.unlink(path.name, dir_fd=directory)


def remove_tree(path: Path) -> None:
    """Remove a directory with all that is in it, as far as the system lets it; it need not exist."""
    with suppress(OSError), directory_of(path) as directory:
        shutil.rmtree(path.name, ignore_errors=True, dir_fd=directory)
