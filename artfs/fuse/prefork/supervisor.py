"""Supervisor of a mount: a process with one thread that forks workers, waits, and unmounts.

It opens no store, runs no event loop and answers no request, so it has no state that a fork could damage.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Final

from artfs.errors import MountError
from artfs.fuse.device.device import detach
from artfs.fuse.prefork.logfile import LogPipe
from artfs.fuse.prefork.process import decode_error, fork_child, kill
from artfs.fuse.prefork.worker_pool import CANNOT_START, WorkerExit, WorkerPool
from artfs.mountinfo import MountInfo, find_mount

__all__ = ["COMMIT_SECONDS", "STOP_SECONDS", "Supervisor"]

STOP_SECONDS: Final = 5.0
"""After a SIGTERM, programs that still use the mount are served for so long; then their requests fail."""
COMMIT_SECONDS: Final = 60.0
"""After that, a commit that had begun gets so long: less than systemd waits before it kills (90 s)."""

_TICK_MS: Final = 100
_START_TICK_MS: Final = 5
_ANSWER_SECONDS: Final = 20.0
_MAX_EXITS_AT_START: Final = 5
_END_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

_log = logging.getLogger(__name__)


class Supervisor:
    """Runs one mount from the first worker to the unmount.

    Args:
        mount: The mount.
        session: The device's descriptor; polled, never read.
        pool: Its processes.
        replaceable: No client waits for ever for the answer of a worker that died.
        signals: Descriptor from which the numbers of signals are read.
        log: Pipe from stderr of the workers and of this process.
        sink: Takes what comes through it.
        outdated: Returns True, once, when the index that the workers opened was replaced.
        missing: Returns why the store cannot be reached; empty if it can.
    """

    def __init__(
        self,
        mount: MountInfo,
        session: int,
        pool: WorkerPool,
        *,
        replaceable: bool,
        signals: int,
        log: LogPipe,
        sink: Callable[[bytes], None],
        outdated: Callable[[], bool],
        missing: Callable[[], str],
    ) -> None:
        self._mount = mount
        self._session = session
        self._pool = pool
        self._replaceable = replaceable
        self._signals = signals
        self._log_pipe = log
        self._sink = sink
        self._outdated = outdated
        self._missing = missing
        self._reason = ""
        self._prober = 0
        self._answers = False
        self._ends_at = float("inf")
        self._exits_at_start = 0

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until the file system is unmounted, by any program.

        Args:
            on_ready: Called once, when the mount answers.

        Raises:
            ArtfsError: The reason why the mount never answered.
        """
        started = time.monotonic()
        try:
            self._pool.tick(started)
            while not self._step():
                if self._answers:
                    continue
                if time.monotonic() - started > _ANSWER_SECONDS:
                    raise MountError(f"the mount does not answer within {_ANSWER_SECONDS:.0f} s: see {self._mount.log}")
                if self._probed():
                    self._answers = True
                    on_ready()
        finally:
            self._end()

    def _step(self) -> bool:
        """Wait for a signal, a log line or the next tick; return whether the mount has ended.

        The device is not waited for: the kernel wakes each process that polls it at each request (which cost a quarter
        of the warm open rate). An unmount is noticed when the workers end, or at the next tick.
        """
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        poll.register(self._log_pipe.reader, select.POLLIN)
        events = dict(poll.poll(_TICK_MS if self._answers else _START_TICK_MS))
        if self._signals in events:
            self._handle_signals(os.read(self._signals, 64))
        self._copy_log()
        now = time.monotonic()
        for exited in self._pool.reap(now):
            self._check_exit(exited)
        if self._unmounted() or now >= self._ends_at:
            return True
        if self._answers:
            self._look_at_store()
        self._pool.tick(now, request_pending=bool(self._device() & select.POLLIN))
        return False

    def _look_at_store(self) -> None:
        """Have requests refused while the store is missing; replace workers that have an old index open."""
        reason = self._missing()
        self._pool.refuse_requests(bool(reason))
        if reason != self._reason:
            store, self._reason = self._mount.store, reason
            if reason:
                _log.error("the store is not at %s any more (%s): requests fail until it is back", store, reason)
            else:
                _log.warning("the store is at %s again", store)
        if not reason and self._outdated():
            if self._pool.replace_all(may_kill=self._replaceable):
                _log.info("the index was rebuilt: the processes of this mount are replaced")
            else:
                _log.error("the index was rebuilt: unmount %s and mount it again", self._mount.mountpoint)

    def _is_urgent(self) -> bool:
        """Return whether the end must not wait for a commit (any more)."""
        self._copy_log()
        if time.monotonic() >= self._ends_at + COMMIT_SECONDS:
            _log.warning("a commit is not done %.0f s after it was asked to end: it is given up", COMMIT_SECONDS)
            return True
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        return bool(poll.poll(0)) and bool(set(os.read(self._signals, 64)) & _END_SIGNALS)

    def _unmounted(self) -> bool:
        """Return whether it is unmounted, or the connection was aborted."""
        return bool(self._device() & select.POLLERR)

    def _device(self) -> int:
        """Poll the device: POLLIN while there are requests, POLLERR when there will be no more."""
        poll = select.poll()
        poll.register(self._session, select.POLLIN)
        return dict(poll.poll(0)).get(self._session, 0)

    def _copy_log(self) -> None:
        data = self._log_pipe.drain()
        if data:
            self._sink(data)

    def _handle_signals(self, numbers: bytes) -> None:
        if not set(numbers) & _END_SIGNALS:
            return
        now = time.monotonic()
        if self._ends_at != float("inf"):
            self._ends_at = now
            return
        self._ends_at = now + STOP_SECONDS
        _log.info("asked to end: unmounting")
        self._unmount()

    def _unmount(self) -> None:
        """Take the mount out of the directory tree; the connection ends with its last user."""
        where = os.fspath(self._mount.mountpoint)
        found = find_mount(where)
        if found is None or found.device != self._mount.device:
            return
        try:
            try:
                detach(where, lazy=False)
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
                _log.warning("%s is in use: it is taken out of the tree, and ends with its users", where)
                detach(where, lazy=True)
        except (OSError, MountError) as error:
            _log.error("cannot unmount %s: %s", where, error)

    def _check_exit(self, exited: WorkerExit) -> None:
        """Log the failure of a worker; end the mount where nothing else can be done."""
        if exited.status == 0:
            return
        _log.warning("%s", exited)
        if not self._answers:
            self._exits_at_start += 1
            if exited.status == CANNOT_START:
                raise decode_error(self._pool.scoreboard.startup_error)
            if self._exits_at_start >= _MAX_EXITS_AT_START:
                raise MountError(f"{exited}, as did those before it: see {self._mount.log}")
        if exited.busy and not self._replaceable:
            # Nobody can answer for it: its client would hang, unkillable, until the connection ends.
            _log.error("it took a request with it that nobody can answer for: unmounting %s", self._mount.mountpoint)
            self._ends_at = 0.0

    def _probed(self) -> bool:
        """Send the mount a request, from a process that may hang; return whether it was answered."""
        if not self._prober:
            if self._pool.ready:
                self._prober = fork_child(self._probe)
            return False
        ended, status = os.waitpid(self._prober, os.WNOHANG)
        if not ended:
            return False
        self._prober = 0
        if status != 0:
            raise MountError(f"the mount on {self._mount.mountpoint} does not answer: see {self._mount.log}")
        return True

    def _probe(self) -> int:
        os.statvfs(self._mount.mountpoint)
        os.stat(self._mount.mountpoint)
        return 0

    def _end(self) -> None:
        """Unmount, and end all processes."""
        if not self._unmounted():
            self._unmount()
        self._pool.end(STOP_SECONDS if self._unmounted() else 0.0, self._is_urgent)
        if self._prober:
            kill([self._prober])
        found = find_mount(os.fspath(self._mount.mountpoint))
        if found is not None and found.device == self._mount.device:
            self._unmount()
        _log.info("no longer mounted on %s", self._mount.mountpoint)
        self._copy_log()
