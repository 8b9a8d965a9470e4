"""Bundles as files: opened to be read, or written under another name until they are whole."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from artfs.access import system_reason
from artfs.errors import ConflictError, SourceError, StorageError
from artfs.files import sync_directory
from artfs.names import quoted

__all__ = ["bundle_file", "open_bundle"]

_BUFFER: Final = 1 << 20


@contextmanager
def open_bundle(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that is to be imported.

    Raises:
        SourceError: It cannot be opened.
    """
    try:
        file = open(path, "rb", buffering=_BUFFER)  # noqa: SIM115 - closed below
    except OSError as error:
        raise SourceError(f"cannot read {quoted(os.fspath(path))}: {system_reason(error, os.fspath(path))}") from error
    with file:
        yield file


@contextmanager
def bundle_file(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Give a file that has its name when the block ends well, whole and durable, and never before.

    A pipe or device that has the name is written to as it is. A kill leaves a file `.artfs-*.part` beside it.

    Args:
        path: The file.
        overwrite: Replace a file that is there.

    Raises:
        ConflictError: There is one.
        StorageError: The system refused.
    """
    target = Path(path)
    try:
        status = target.stat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StorageError.of(error, f"writing {quoted(os.fspath(path))}") from error
    else:
        if stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode):
            with target.open("wb", buffering=_BUFFER) as file:
                yield file
            return
        if not overwrite:
            raise _taken(target)
    part = target.parent / f".artfs-{secrets.token_hex(8)}.part"
    try:
        with part.open("xb", buffering=_BUFFER) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _give_name(part, target, overwrite=overwrite)
        sync_directory(target.parent)
    except OSError as error:
        raise StorageError.of(error, f"writing {quoted(os.fspath(path))}") from error
    finally:
        with suppress(OSError):
            part.unlink()


def _give_name(part: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite:
        part.replace(target)
        return
    try:
        target.hardlink_to(part)
    except FileExistsError:
        raise _taken(target) from None
    except OSError:  # no hard links there
        if target.exists():
            raise _taken(target) from None
        part.rename(target)


def _taken(target: Path) -> ConflictError:
    return ConflictError(f"{quoted(os.fspath(target))} exists: choose another name, or replace it with --force")
