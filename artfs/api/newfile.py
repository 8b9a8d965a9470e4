"""A file that is written straight into a draft."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from artfs.api.contents import Contents
from artfs.errors import InvalidInputError, SourceError, StorageError
from artfs.format.node import Kind
from artfs.names import quoted
from artfs.store.source import SourceFile

__all__ = ["written"]

_MODES = {"x", "xb", "xt", "w", "wb", "wt"}


@contextmanager
def written(contents: Contents, path: bytes, mode: str, encoding: str | None) -> Iterator[IO[Any]]:
    """Open a new file, and add it when the block is left without an exception.

    Args:
        contents: Of the draft.
        path: Where it goes.
        mode: `w` to replace a file that is there, `x` to refuse; with `b` for bytes.
        encoding: Of text; UTF-8 by default.

    Raises:
        InvalidInputError: The mode is not one of these, or `x` was given and the file is there.
        StorageError: The system refused.
    """
    if mode not in _MODES:
        raise InvalidInputError(f"mode {mode!r} is not allowed: use 'x', 'xb', 'w' or 'wb'")
    old = contents.entries.get(path)
    if old is not None and ("x" in mode or old.kind == Kind.DIRECTORY):
        raise InvalidInputError(f"{quoted(path)} is in the artifact: choose another name, or remove it first")
    temporary = contents.directory / secrets.token_hex(8)
    try:
        with temporary.open(
            "xb" if "b" in mode else "x", encoding=None if "b" in mode else encoding or "utf-8"
        ) as file:
            temporary.chmod(0o644)
            yield file
        raw = os.fsencode(temporary)
        contents.add_file(path, SourceFile(b"", raw, os.stat(raw)), overwrite="w" in mode)
    except SourceError as error:
        raise StorageError(f"the new file {quoted(path)} could not be read back: {error}") from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
