"""Run directories: the state of runs that is not in the catalog yet.

runs/generation          8 bytes that change whenever a run is registered or its directory is removed
runs/<id>/processes      a line of JSON for each registered process; removed once the run has ended
runs/<id>/opened/        bitmaps of opened entries (`open_bitmap`)
runs/<id>/pins/          the versions that aliases are for the run (`pins`); without it, aliases are followed
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from artfs.errors import InvalidInputError, StorageError
from artfs.files import write_all
from artfs.files.store_files import make_directory, open_file, remove_file, remove_tree
from artfs.format.msgpack import DECODE_ERRORS
from artfs.format.runs import Process
from artfs.names import parse_run_id

__all__ = ["RunDirectories", "RunDirectory"]

_WORD: Final = 8


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The directory of one run.

    Attributes:
        path: Its path.
    """

    path: Path

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def opened(self) -> Path:
        """The directory of open bitmaps, a file for each version and worker."""
        return self.path / "opened"

    @property
    def pins(self) -> Path:
        """The directory of pins."""
        return self.path / "pins"

    def exists(self) -> bool:
        """The run is tracked."""
        return self.path.is_dir()

    def processes(self) -> list[Process]:
        """The processes that were registered; a damaged line is left out."""
        try:
            lines = (self.path / "processes").read_bytes().splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(*DECODE_ERRORS):
                found.append(msgspec.json.decode(line, type=Process))
        return found

    def registered_ns(self) -> int:
        """The time of the last registration; 0 if no process is registered."""
        try:
            return (self.path / "processes").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def unregister(self) -> None:
        """Forget the processes of an ended run. Programs started with its id still belong to it."""
        with contextlib.suppress(FileNotFoundError):
            remove_file(self.path / "processes")


@dataclass(frozen=True, slots=True)
class RunDirectories:
    """The directories of all runs.

    Attributes:
        path: The directory that has them.
    """

    path: Path

    def run(self, run: str) -> RunDirectory:
        """The directory of a run, which may not exist.

        Raises:
            InvalidInputError: The id breaks the rule.
        """
        return RunDirectory(self.path / parse_run_id(run))

    def runs(self) -> Iterator[RunDirectory]:
        """Yield the directories of all runs."""
        try:
            names = sorted(os.listdir(self.path))
        except FileNotFoundError:
            return
        for name in names:
            with contextlib.suppress(InvalidInputError):
                yield self.run(name)

    def register(self, run: str, process: Process, *, pin: bool = True) -> RunDirectory:
        """Register a process for a run: from now on, what it and its descendants open belongs to the run.

        Args:
            run: The run, which is in the catalog.
            process: The process.
            pin: Let each alias stay the version that it is when the run first asks for it.

        Raises:
            StorageError: The file system refused.
        """
        directory = self.run(run)
        try:
            for path in (self.path, directory.path, directory.opened, *([directory.pins] if pin else [])):
                make_directory(path, exist_ok=True)
            _append(directory.path / "processes", msgspec.json.encode(process) + b"\n")
            self.bump_generation()
        except OSError as error:
            raise StorageError.of(error, f"registering run {run}") from error
        return directory

    def remove(self, directory: RunDirectory) -> None:
        """Remove the directory of a run that is flushed."""
        remove_tree(directory.path)
        with contextlib.suppress(OSError):
            self.bump_generation()

    def bump_generation(self) -> None:
        """Let workers load again the list of runs."""
        descriptor = self.open_generation()
        try:
            write_all(descriptor, secrets.token_bytes(_WORD), 0)
        finally:
            os.close(descriptor)

    def open_generation(self) -> int:
        """Open or create the file `generation`, which must never get shorter: workers have it mapped."""
        path = self.path / "generation"
        descriptor = open_file(path, os.O_RDWR | os.O_CREAT)
        try:
            if os.fstat(descriptor).st_size < _WORD:
                write_all(descriptor, secrets.token_bytes(_WORD), 0)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _append(path: Path, line: bytes) -> None:
    """Append a line as a whole or not at all, while other processes may append as well."""
    descriptor = open_file(path, os.O_WRONLY | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        end = os.fstat(descriptor).st_size
        try:
            write_all(descriptor, line, end)
        except OSError:
            os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)
