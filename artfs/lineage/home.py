"""Where runs keep what is not in the catalog yet: a directory each, and a word that tells workers when to look again.

runs/generation          8 bytes that are others whenever a run was registered or its directory is gone
runs/<id>/processes      a line of JSON for each registered process; gone once the run has ended
runs/<id>/opened/        what was opened (`opened`)
runs/<id>/pins/          which version an alias is for the run (`pins`); not there: aliases are followed
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from artfs.errors import InvalidInputError, StorageError
from artfs.files import write_all
from artfs.format.malformed import MALFORMED
from artfs.format.runs import Process
from artfs.names import parse_run_id

__all__ = ["RunHome", "RunsHome"]

_WORD: Final = 8


@dataclass(frozen=True, slots=True)
class RunHome:
    """The directory of one run.

    Attributes:
        path: Where it is.
    """

    path: Path

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def opened(self) -> Path:
        """What was opened, a file for each version and worker."""
        return self.path / "opened"

    @property
    def pins(self) -> Path:
        """Which version an alias is."""
        return self.path / "pins"

    def exists(self) -> bool:
        """Whether the run is one that is captured."""
        return self.path.is_dir()

    def processes(self) -> list[Process]:
        """The processes that were registered; a line that is none is left out."""
        try:
            lines = (self.path / "processes").read_bytes().splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(*MALFORMED):
                found.append(msgspec.json.decode(line, type=Process))
        return found

    def registered_ns(self) -> int:
        """When a process was registered last; 0 if none is."""
        try:
            return (self.path / "processes").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def unregister(self) -> None:
        """Have a run that has ended get no more by way of its processes; those that it named to their children do."""
        with contextlib.suppress(FileNotFoundError):
            (self.path / "processes").unlink()


@dataclass(frozen=True, slots=True)
class RunsHome:
    """The directory of all runs.

    Attributes:
        path: Where it is.
    """

    path: Path

    def run(self, run: str) -> RunHome:
        """The directory of a run, which need not be there.

        Raises:
            InvalidInputError: The id breaks the rule.
        """
        return RunHome(self.path / parse_run_id(run))

    def runs(self) -> Iterator[RunHome]:
        """All directories of runs."""
        try:
            names = sorted(os.listdir(self.path))
        except FileNotFoundError:
            return
        for name in names:
            with contextlib.suppress(InvalidInputError):
                yield self.run(name)

    def register(self, run: str, process: Process, *, pin: bool = True) -> RunHome:
        """Register a process for a run: what it and its descendants open from now on is the run's.

        Args:
            run: The run, which is in the catalog.
            process: Which process.
            pin: Have each alias stay the version that it is when the run first asks for it.

        Raises:
            StorageError: The file system refused.
        """
        home = self.run(run)
        try:
            for directory in (self.path, home.path, home.opened, *([home.pins] if pin else [])):
                directory.mkdir(mode=0o700, exist_ok=True)
            _append(home.path / "processes", msgspec.json.encode(process) + b"\n")
            self.change()
        except OSError as error:
            raise StorageError.of(error, f"registering run {run}") from error
        return home

    def remove(self, home: RunHome) -> None:
        """Remove the directory of a run that is folded."""
        shutil.rmtree(home.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.change()

    def change(self) -> None:
        """Have workers look again which runs there are."""
        descriptor = self.open_generation()
        try:
            write_all(descriptor, secrets.token_bytes(_WORD), 0)
        finally:
            os.close(descriptor)

    def open_generation(self) -> int:
        """Open the file `generation`, which is made if need be, and never gets shorter: workers have it mapped."""
        path = self.path / "generation"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(descriptor).st_size < _WORD:
            write_all(descriptor, secrets.token_bytes(_WORD), 0)
        return descriptor


def _append(path: Path, line: bytes) -> None:
    """Append a line as a whole or not at all, whoever else appends to the file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
