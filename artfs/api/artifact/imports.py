"""Import: the bytes of objects elsewhere become files of an unlogged artifact."""

from __future__ import annotations

import os
import secrets
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from artfs.api.artifact.inputs import add_reference
from artfs.api.artifact.pending_entries import PendingEntries
from artfs.errors import InvalidInputError, StorageError
from artfs.format.node import Entry
from artfs.format.reference import decode_reference
from artfs.names import quoted
from artfs.references import Handlers
from artfs.store.write.scan import SourceFile

__all__ = ["import_objects"]

_AT_ONCE = 16
_PORTION = 8 << 20


def import_objects(
    contents: PendingEntries,
    uri: str,
    name: bytes | None,
    *,
    max_objects: int | None,
    total: Callable[[int, int], object],
    done: Callable[[int, int], object],
) -> int:
    """Store the objects that a URI leads to, as files; return their number.

    Args:
        contents: Of the artifact.
        uri: As `add_reference` takes it; its scheme must be one that artfs can read.
        name: As `add_reference` takes it.
        max_objects: The most objects.
        total: Called with the number of files and bytes, once that is known.
        done: Called with those that are stored.

    Raises:
        InvalidInputError: As `add_reference`.
        SourceError: An object cannot be read, or changed since it was found.
        StorageError: The store cannot be written.
    """
    found = add_reference(contents, uri, name, checksum=True, max_objects=max_objects)
    if any(not decode_reference(entry).is_size_known for _path, entry in found):
        raise InvalidInputError(f"{quoted(uri)} cannot be imported: artfs cannot read its scheme")
    total(len(found), sum(entry.size for _path, entry in found))
    scratch, handlers = contents.scratch, contents.references
    coming: deque[tuple[bytes, Entry, Future[Path]]] = deque()
    waiting = iter(found)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="artfs-import") as pool:
        try:
            while True:
                while len(coming) < _AT_ONCE and (each := next(waiting, None)) is not None:
                    coming.append((*each, pool.submit(_fetch, handlers, each[1], scratch)))
                if not coming:
                    return len(found)
                path, entry, fetched = coming.popleft()
                raw = os.fsencode(fetched.result())
                contents.add_file(path, SourceFile(path.rpartition(b"/")[2], raw, os.stat(raw)), overwrite=True)
                os.unlink(raw)
                done(1, entry.size)
        finally:
            for _path, _entry, fetched in coming:
                fetched.cancel()


def _fetch(handlers: Handlers, entry: Entry, scratch: Path) -> Path:
    """Read an object into a file of its own, with the object's time."""
    target = scratch / secrets.token_hex(8)
    try:
        with handlers.reader(decode_reference(entry)) as reader, target.open("xb") as file:
            for offset in range(0, max(entry.size, 1), _PORTION):  # an empty one is asked for, too
                data = reader.read(offset, _PORTION)
                file.write(data)
        target.chmod(0o644)
        os.utime(target, ns=(entry.mtime_ns, entry.mtime_ns))
    except OSError as error:
        target.unlink(missing_ok=True)
        if isinstance(error, FileNotFoundError) and error.errno is None:
            raise  # the object is gone
        raise StorageError.of(error, "importing an object") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target
