"""Tracking of runs in a worker of a mount: records opens, and resolves aliases by their pins."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from artfs.errors import IntegrityError
from artfs.lineage.open_bitmap import OpenBitmapFile
from artfs.lineage.pins import pin_alias
from artfs.lineage.run_directories import RunDirectories
from artfs.lineage.run_resolver import RunResolver

if TYPE_CHECKING:
    from artfs.catalog import AliasRow

__all__ = ["RunTracker"]

_MAX_OPEN_FILES: Final = 64

_log = logging.getLogger(__name__)


class RunTracker:
    """Records what runs open, and resolves aliases for them. Create it after the fork.

    Nothing here fails a request: what cannot be recorded is logged, once, and tried again at the next open.

    Args:
        directories: The run directories.

    Raises:
        OSError: They cannot be used.
    """

    def __init__(self, directories: RunDirectories) -> None:
        self._directories = directories
        self._writer = secrets.token_hex(8)
        self._files: dict[tuple[str, int], OpenBitmapFile] = {}
        self._pins: dict[tuple[str, int], int] = {}
        self._resolver = RunResolver(directories, on_change=self._forget)
        self._warned = False

    def record_open(self, tid: int, serial: int, position: int) -> None:
        """Record that a thread opens an entry of a version, if the thread belongs to a run.

        Args:
            tid: The thread.
            serial: The version's serial.
            position: The entry's position.
        """
        run = self._resolver.run_of(tid)
        if run is None:
            return
        key = run, serial
        try:
            file = self._files.get(key)
            if file is None:
                file = self._open(run, serial)
            file.add(position)
        except FileNotFoundError:
            pass  # the run has ended, and its directory is removed
        except OSError as error:
            self._warn(f"opens of run {run} cannot be recorded", error)

    def resolve_alias(self, tid: int, serial: int, find: Callable[[], AliasRow]) -> int:
        """Return the version that an alias is for a thread (N of vN), pinned if that is of a run.

        Args:
            tid: The thread.
            serial: The alias's serial.
            find: Returns the alias as it is in the catalog now.
        """
        run = self._resolver.run_of(tid)
        if run is None:
            return find().index
        key = run, serial
        index = self._pins.get(key)
        if index is not None:
            return index
        alias = find()
        directory = self._directories.run(run)
        try:
            index = pin_alias(directory, alias)
            if directory.pins.exists():
                self._pins[key] = index
        except (OSError, IntegrityError) as error:
            self._warn(f"an alias cannot be pinned for run {run}", error)
            return alias.index
        return index

    def _open(self, run: str, serial: int) -> OpenBitmapFile:
        if len(self._files) >= _MAX_OPEN_FILES:
            self._files.pop(next(iter(self._files))).close()
        file = OpenBitmapFile(self._directories.run(run).opened, serial, self._writer, time.time_ns())
        self._files[run, serial] = file
        return file

    def _forget(self) -> None:
        """Drop files and pins when runs came or went: a run of the same id may have another directory now."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._pins.clear()

    def _warn(self, what: str, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            _log.warning("%s: %s", what, error)
