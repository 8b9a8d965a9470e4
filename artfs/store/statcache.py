"""Remember the content of unchanged files, so that storing a directory again reads none of them.

One record per directory: of each file what identifies its state (inode, size, mtime, ctime) and its content. As in
git's index, an entry is only believed when it could not have been made in the same tick of the clock as a later change:
a file whose ctime is within `_RACY_NS` of the walk that saw it is not remembered. The records are a cache: losing them
costs time. A gc or repair that removes chunks makes all earlier ones worthless: each record bears the number of the one
before it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec

from artfs.catalog import Batch, Catalog, View
from artfs.format.digest import digest
from artfs.format.malformed import MALFORMED
from artfs.store.source import SourceDirectory, SourceFile

__all__ = ["StatCache", "forget_all"]

_RACY_NS = 2_000_000_000
_KEY_BYTES = 16

_Row = tuple[bytes, tuple[int, int, int, int, int], bytes, bytes]
_GENERATION_KEY = bytes(_KEY_BYTES)

_decoder = msgspec.msgpack.Decoder(tuple[int, list[_Row]])
_encoder = msgspec.msgpack.Encoder()


class StatCache:
    """What one walk can take over from earlier ones.

    Use it within a writer session: gc waits for those that began before it removes anything.

    Args:
        catalog: Where the records are.
        began_ns: When the walk began, by the system's clock: decides which files are too young to be remembered. By
            default now, for a walk that is still to come.
    """

    def __init__(self, catalog: Catalog, began_ns: int | None = None) -> None:
        self._catalog = catalog
        self._before = (time.time_ns() if began_ns is None else began_ns) - _RACY_NS
        with catalog.view() as view:
            self._generation = _generation(view)

    def recall(self, top: SourceDirectory) -> list[SourceFile]:
        """Fill in the content of each file that is unchanged; give the others, in tree order."""
        unknown: list[SourceFile] = []
        with self._catalog.view() as view:
            directories = [directory for directory in top.walk() if directory.files]
            self._generation = _generation(view)
            known = view.stats([_key(directory) for directory in directories])
        for directory in directories:
            rows = {row[0]: row for row in self._rows(known.get(_key(directory)))}
            for file in directory.files:
                row = rows.get(file.name)
                if row is not None and row[1] == file.identity:
                    file.digest, file.extra = row[2], row[3]
                else:
                    unknown.append(file)
        return unknown

    def _rows(self, record: bytes | None) -> list[_Row]:
        if record is None:
            return []
        try:
            generation, rows = _decoder.decode(record)
        except MALFORMED:  # another artfs wrote it
            return []
        return rows if generation == self._generation else []

    def remember(self, top: SourceDirectory, changed: Iterable[SourceFile]) -> None:
        """Keep the records of all directories that hold a file of `changed`."""
        fresh = set(map(id, changed))
        if not fresh:
            return
        records = []
        for directory in top.walk():
            if any(id(file) in fresh for file in directory.files):
                rows = [
                    (file.name, file.identity, file.digest, file.extra)
                    for file in directory.files
                    if file.identity[4] < self._before
                ]
                records.append((_key(directory), _encoder.encode((self._generation, rows))))
        self._catalog.add_content(stats=records)


def forget_all(batch: Batch) -> None:
    """Let no record that there is be believed any more.

    Args:
        batch: The transaction that does it.
    """
    batch.put_stats([(_GENERATION_KEY, (_generation(batch.view) + 1).to_bytes(8, "little"))])


def _generation(view: View) -> int:
    return int.from_bytes(view.stats([_GENERATION_KEY]).get(_GENERATION_KEY, b""), "little")


def _key(directory: SourceDirectory) -> bytes:
    return digest(directory.path)[:_KEY_BYTES]
