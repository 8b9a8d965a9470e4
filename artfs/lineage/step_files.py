"""The history of a run on disk: steps/<id>/, with a part file for each writer, and one compacted file.

A writer holds a flock on its part. Once the run has ended, what no writer holds is compacted into the file `all`. It
names the parts whose rows it has, so a part that a crash left beside it counts once.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artfs.errors import IntegrityError, StorageError
from artfs.files import sync_directory, write_all
from artfs.files.store_files import make_directory, open_directory, open_file, remove_file, rename
from artfs.format.steps import COMPACTED, FILE_MAGIC, Row, StepFile, encode_parts, encode_rows, parse_steps
from artfs.names import parse_run_id

__all__ = ["StepFiles"]

_PART: Final = re.compile(r"[0-9a-f]{16}\.part")
_ROWS_A_BLOCK: Final = 4096


@dataclass(frozen=True, slots=True)
class StepFiles:
    """The files of one run's history, of which there may be none.

    Attributes:
        top: The directory `steps` of the store.
        run: The run's id.
    """

    top: Path
    run: str

    @property
    def path(self) -> Path:
        """The directory of the files."""
        return self.top / parse_run_id(self.run)

    def new_part(self) -> int:
        """Make a part file for a writer; return its descriptor, on which the writer's lock is.

        Raises:
            OSError: The system refused.
        """
        for directory in (self.top, self.path):
            make_directory(directory, exist_ok=True)
        with self._locked():  # `compact` must not find the part before it has the writer's lock
            descriptor = open_file(self.path / f"{secrets.token_hex(8)}.part", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                write_all(descriptor, FILE_MAGIC, 0)
            except BaseException:
                os.close(descriptor)
                raise
        return descriptor

    def next_step(self) -> int:
        """Return the step that a new writer begins with: 0 beside writers that go on, else the one after the last.

        Raises:
            IntegrityError: The compacted file is damaged.
            StorageError: The files cannot be read.
        """
        if not all(map(self._has_no_writer, self._names())):
            return 0
        rows = self.rows()
        return int(rows[-1]["_step"]) + 1 if rows else 0

    def rows(self) -> list[Row]:
        """Return all rows by step; those that one writer wrote of one step are one row.

        Raises:
            IntegrityError: The compacted file is damaged.
            StorageError: The files cannot be read.
        """
        return self._whole().rows

    def copy_to(self, other: StepFiles) -> None:
        """Give all rows to the same run of another store.

        It has them in its compacted file, whatever there was of an earlier copy; what the run logged there stays.

        Args:
            other: The files there.

        Raises:
            IntegrityError: A compacted file is damaged, here or there; nothing is written.
            StorageError: The files cannot be read or written.
        """
        came = self._whole()
        if not came.parts:
            return
        try:
            for directory in (other.top, other.path):
                make_directory(directory, exist_ok=True)
            with other._locked():
                other._add_rows(came.rows, came.parts)
        except OSError as error:
            raise StorageError.of(error, f"writing the history of run {other.run}") from error

    def _whole(self) -> StepFile:
        """Return all rows by step, and the names of all parts that they are of."""
        try:
            parts = self._parts()  # first: a part that is gone by then is in the compacted file
            whole = self._compacted()
        except OSError as error:
            raise StorageError.of(error, f"reading the history of run {self.run}") from error
        known = whole.parts or frozenset()
        rows = _by_step([whole.rows, *(_merged(part.rows) for name, part in parts if name not in known)])
        return StepFile(rows, known | {name for name, _part in parts})

    def compact(self) -> None:
        """Write the rows of all parts that have no writer into the compacted file, and remove these parts.

        Raises:
            IntegrityError: The compacted file is damaged; all stays as it is.
            OSError: The system refused; all stays as it is.
        """
        with suppress(FileNotFoundError), self._locked():
            free = [name for name in self._names() if self._has_no_writer(name)]
            if free:
                self._write_free(free)
            for name in free:
                remove_file(self.path / name)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep others from making and compacting parts during a block."""
        directory = open_directory(self.path)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)

    def _write_free(self, free: list[str]) -> None:
        before = self._compacted()
        known = before.parts or frozenset()
        parts = [self._read(name) for name in free if name not in known]
        rows = _by_step([before.rows, *(_merged(part.rows) for part in parts)])
        self._write_compacted(rows, known | set(free))

    def _add_rows(self, rows: list[Row], parts: frozenset[str]) -> None:
        before = self._compacted()
        known = before.parts or frozenset()
        if known <= parts:  # an earlier copy, perhaps of when the last step went on
            if rows == before.rows and known == parts:
                return
        else:
            there = {(row["_step"], row["_timestamp"]) for row in before.rows}
            rows = _by_step([before.rows, [row for row in rows if (row["_step"], row["_timestamp"]) not in there]])
        self._write_compacted(rows, known | parts)

    def _write_compacted(self, rows: list[Row], parts: frozenset[str]) -> None:
        new = self.path / f".{secrets.token_hex(8)}.new"
        descriptor = open_file(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            end = 0
            for data in (FILE_MAGIC, encode_parts(sorted(parts)), *_blocks(rows)):
                write_all(descriptor, data, end)
                end += len(data)
            os.fsync(descriptor)
            rename(new, self.path / COMPACTED)
        except BaseException:
            with suppress(OSError):
                remove_file(new)
            raise
        finally:
            os.close(descriptor)
        sync_directory(self.path)

    def _names(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self.path) if _PART.fullmatch(name))
        except FileNotFoundError:
            return []

    def _parts(self) -> list[tuple[str, StepFile]]:
        found = []
        for name in self._names():
            with suppress(FileNotFoundError):
                found.append((name, self._read(name)))
        return found

    def _compacted(self) -> StepFile:
        try:
            data = self._bytes(COMPACTED)
        except FileNotFoundError:
            return StepFile()
        found = parse_steps(data)
        if found.whole != len(data) or found.parts is None:
            raise IntegrityError(f"the history of run {self.run} is damaged in {self.path / COMPACTED}")
        return found

    def _read(self, name: str) -> StepFile:
        return parse_steps(self._bytes(name))

    def _bytes(self, name: str) -> bytes:
        with open(open_file(self.path / name, os.O_RDONLY), "rb") as file:
            return file.read()

    def _has_no_writer(self, name: str) -> bool:
        try:
            descriptor = open_file(self.path / name, os.O_RDONLY)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True


def _blocks(rows: list[Row]) -> Iterator[bytes]:
    for at in range(0, len(rows), _ROWS_A_BLOCK):
        yield encode_rows(rows[at : at + _ROWS_A_BLOCK])


def _merged(written: list[Row]) -> list[Row]:
    """Return the rows of one writer: those of one step that follow each other become one."""
    rows: list[Row] = []
    for row in written:
        if rows and rows[-1]["_step"] == row["_step"]:
            rows[-1] |= row
        else:
            rows.append(row)
    return rows


def _by_step(writers: list[list[Row]]) -> list[Row]:
    return sorted((row for rows in writers for row in rows), key=lambda row: (row["_step"], row["_timestamp"]))
