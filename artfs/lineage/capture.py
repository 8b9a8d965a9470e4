"""What a worker of a mount does for runs at each open and each walk over an alias."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from artfs.errors import IntegrityError
from artfs.lineage.callers import Callers
from artfs.lineage.home import RunsHome
from artfs.lineage.opened import OpenedFile
from artfs.lineage.pins import pin

if TYPE_CHECKING:
    from artfs.catalog import AliasRow

__all__ = ["Capture"]

_FILES: Final = 64

_log = logging.getLogger(__name__)


class Capture:
    """Notes what runs open, and resolves aliases for them. For one process; make it after the fork.

    Nothing here fails a request: what cannot be noted is logged, once, and tried again at the next open.

    Args:
        home: The directory of all runs.

    Raises:
        OSError: The directory cannot be used.
    """

    def __init__(self, home: RunsHome) -> None:
        self._home = home
        self._writer = secrets.token_hex(8)
        self._files: dict[tuple[str, int], OpenedFile] = {}
        self._pins: dict[tuple[str, int], int] = {}
        self._callers = Callers(home, on_change=self._forget)
        self._complained = False

    def opened(self, tid: int, serial: int, position: int) -> None:
        """A thread opens an entry of a version.

        Args:
            tid: The thread.
            serial: The version's.
            position: The entry's.
        """
        run = self._callers.run_of(tid)
        if run is None:
            return
        key = run, serial
        try:
            file = self._files.get(key)
            if file is None:
                file = self._open(run, serial)
            file.add(position)
        except FileNotFoundError:
            pass  # it has ended, and its directory is gone
        except OSError as error:
            self._complain(f"what run {run} opens cannot be noted", error)

    def pinned(self, tid: int, serial: int, find: Callable[[], AliasRow]) -> int:
        """Which version an alias is for a thread: N of vN.

        Args:
            tid: The thread.
            serial: The alias's own.
            find: Gives what the catalog has of it now.
        """
        run = self._callers.run_of(tid)
        if run is None:
            return find().index
        key = run, serial
        index = self._pins.get(key)
        if index is not None:
            return index
        alias = find()
        home = self._home.run(run)
        try:
            index = pin(home, alias)
            if home.pins.exists():
                self._pins[key] = index
        except (OSError, IntegrityError) as error:
            self._complain(f"an alias cannot be pinned for run {run}", error)
            return alias.index
        return index

    def _open(self, run: str, serial: int) -> OpenedFile:
        if len(self._files) >= _FILES:
            self._files.pop(next(iter(self._files))).close()
        file = OpenedFile(self._home.run(run).opened, serial, self._writer, time.time_ns())
        self._files[run, serial] = file
        return file

    def _forget(self) -> None:
        """Runs came or went: one of the same name may have another directory now."""
        for file in self._files.values():
            file.close()
        self._files.clear()
        self._pins.clear()

    def _complain(self, what: str, error: Exception) -> None:
        if not self._complained:
            self._complained = True
            _log.warning("%s: %s", what, error)
