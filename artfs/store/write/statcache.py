"""Stat cache: the contents of unchanged files, so that storing a directory again reads none of them.

One record per directory has the state (device, inode, size, mtime, ctime) and content of each file. Recorded is only a
file whose state any later change will change: not one that somebody had mapped or open for writing when it was read
(`files/later_changes.py`), and, as in git's index, none whose ctime is within `_RACY_NS` of the scan, which might be
the same tick of the clock as the change. Losing records costs time only. A gc or repair that removes chunks makes all
earlier records invalid: each has the generation that it was written in.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from artfs.catalog import Catalog, ContentBatch, View
from artfs.format.digest import digest
from artfs.format.msgpack import DECODE_ERRORS
from artfs.store.write.scan import SourceDirectory, SourceFile

__all__ = ["StatCache", "invalidate_all"]

_RACY_NS = 2_000_000_000
_KEY_BYTES = 16

_Row = tuple[bytes, tuple[int, int, int, int, int], bytes, bytes]
_GENERATION_KEY = bytes(_KEY_BYTES)

_RULES: Final = 2
"""Which files are recorded: those that were under earlier rules may have changed unseen."""

_decoder = msgspec.msgpack.Decoder(tuple[Literal[2], int, list[_Row]])
_encoder = msgspec.msgpack.Encoder()


class StatCache:
    """The stat cache, for one scan.

    Use it within a writer session: gc waits for the sessions that began before it removes anything.

    Args:
        catalog: Has the records.
        began_ns: Time at which the scan began, by the system's clock: files that changed shortly before it are not
            recorded. By default now, for a scan that is still to come.
    """

    def __init__(self, catalog: Catalog, began_ns: int | None = None) -> None:
        self._catalog = catalog
        self._before = (time.time_ns() if began_ns is None else began_ns) - _RACY_NS
        with catalog.view() as view:
            self._generation = _generation(view)

    def fill_unchanged(self, top: SourceDirectory) -> list[SourceFile]:
        """Set the content of each unchanged file; return the changed files, in tree order."""
        changed: list[SourceFile] = []
        with self._catalog.view() as view:
            directories = [directory for directory in top.walk() if directory.files]
            self._generation = _generation(view)
            known = view.stats([_key(directory) for directory in directories])
        for directory in directories:
            rows = {row[0]: row for row in self._rows(known.get(_key(directory)))}
            for file in directory.files:
                row = rows.get(file.name)
                if row is not None and row[1] == file.identity:
                    file.digest, file.extra, file.shows_changes = row[2], row[3], True
                else:
                    changed.append(file)
        return changed

    def _rows(self, record: bytes | None) -> list[_Row]:
        if record is None:
            return []
        try:
            _rules, generation, rows = _decoder.decode(record)
        except DECODE_ERRORS:  # another artfs wrote it
            return []
        return rows if generation == self._generation else []

    def save(self, top: SourceDirectory, changed: Iterable[SourceFile]) -> None:
        """Write the records of all directories with a file of `changed`."""
        stored = set(map(id, changed))
        if not stored:
            return
        records = []
        for directory in top.walk():
            if any(id(file) in stored for file in directory.files):
                rows = [
                    (file.name, file.identity, file.digest, file.extra)
                    for file in directory.files
                    if file.shows_changes and file.identity[4] < self._before
                    if file.identity[2] == file.size  # what says another size lies
                ]
                records.append((_key(directory), _encoder.encode((_RULES, self._generation, rows))))
        self._catalog.add_content(stats=records)


def invalidate_all(batch: ContentBatch) -> None:
    """Make all records invalid.

    Args:
        batch: The transaction that it is part of.
    """
    batch.put_stats([(_GENERATION_KEY, (_generation(batch.view) + 1).to_bytes(8, "little"))])


def _generation(view: View) -> int:
    return int.from_bytes(view.stats([_GENERATION_KEY]).get(_GENERATION_KEY, b""), "little")


def _key(directory: SourceDirectory) -> bytes:
    return digest(directory.path)[:_KEY_BYTES]
