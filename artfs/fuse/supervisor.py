"""The supervisor of a mount: a plain process with one thread that forks workers, waits, and unmounts.

It opens no store, runs no event loop and answers no request, so there is nothing in it that a fork could spoil.
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
from artfs.fuse.crew import Crew, Death
from artfs.fuse.device import detach
from artfs.fuse.logfile import LogPipe
from artfs.fuse.process import fork_child, kill
from artfs.fuse.report import decode_error
from artfs.fuse.states import States
from artfs.fuse.worker import CANNOT_START
from artfs.mountinfo import MountInfo, find_mount

__all__ = ["COMMIT_SECONDS", "STOP_SECONDS", "Supervisor"]

STOP_SECONDS: Final = 5.0
"""How long after a SIGTERM those who still use the mount are served; then their requests fail."""
COMMIT_SECONDS: Final = 60.0
"""How long after that a commit is waited for that had begun: less than systemd waits before it kills (90 s)."""

_TICK_MS: Final = 100
_START_TICK_MS: Final = 5
_ANSWER_SECONDS: Final = 20.0
_DEATHS_AT_START: Final = 5
_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})

_log = logging.getLogger(__name__)


class Supervisor:
    """Looks after one mount from the first worker to the unmount.

    Args:
        mount: The mount.
        session: The device's descriptor; looked at, never read.
        crew: The workers.
        states: Their shared memory.
        replaceable: A worker that dies leaves no client waiting for ever for an answer.
        signals: Descriptor that tells of signals.
        log: Pipe of the workers' stderr, and this process's.
        sink: Takes what comes through it.
        outdated: Tells, once, that what the workers opened was replaced.
    """

    def __init__(
        self,
        mount: MountInfo,
        session: int,
        crew: Crew,
        states: States,
        *,
        replaceable: bool,
        signals: int,
        log: LogPipe,
        sink: Callable[[bytes], None],
        outdated: Callable[[], bool],
    ) -> None:
        self._mount = mount
        self._session = session
        self._crew = crew
        self._states = states
        self._replaceable = replaceable
        self._signals = signals
        self._log_pipe = log
        self._sink = sink
        self._outdated = outdated
        self._prober = 0
        self._answers = False
        self._ends_at = float("inf")
        self._deaths = 0

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until the file system is unmounted, by whomever.

        Args:
            on_ready: Called once, when the mount answers.

        Raises:
            ArtfsError: The mount never answered, because of this.
        """
        started = time.monotonic()
        try:
            self._crew.tick(started)
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
        """Wait for something to happen and deal with it; tell whether the mount has ended.

        The device is not waited for: the kernel wakes whoever waits for anything of it at each request (which cost a
        quarter of the warm open rate). That it is unmounted is seen when the workers end, or at the next tick.
        """
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        poll.register(self._log_pipe.reader, select.POLLIN)
        events = dict(poll.poll(_TICK_MS if self._answers else _START_TICK_MS))
        if self._signals in events:
            self._heed(os.read(self._signals, 64))
        self._copy_log()
        now = time.monotonic()
        for death in self._crew.reap(now):
            self._note(death)
        if self._unmounted() or now >= self._ends_at:
            return True
        if self._answers:
            self._renew()
        self._crew.tick(now, asked=bool(self._device() & select.POLLIN))
        return False

    def _renew(self) -> None:
        """Have workers that know what there was make room for others that know what there is."""
        if self._outdated():
            if self._crew.renew(may_kill=self._replaceable):
                _log.info("the index was made again: the processes of this mount begin anew")
            else:
                _log.error("the index was made again: unmount %s and mount it again", self._mount.mountpoint)
        if self._prober:
            ended, _status = os.waitpid(self._prober, os.WNOHANG)
            self._prober = 0 if ended else self._prober
        elif self._crew.renewing:
            self._prober = fork_child(self._probe)

    def _is_urgent(self) -> bool:
        """Whether somebody asks, once it is unmounted, to end now, or asked long enough ago."""
        self._copy_log()
        if time.monotonic() >= self._ends_at + COMMIT_SECONDS:
            _log.warning("a commit is not done %.0f s after it was asked to end: it is given up", COMMIT_SECONDS)
            return True
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        return bool(poll.poll(0)) and bool(set(os.read(self._signals, 64)) & _ENDING)

    def _unmounted(self) -> bool:
        """Whether it is unmounted, or the connection was aborted."""
        return bool(self._device() & select.POLLERR)

    def _device(self) -> int:
        """What there is to say of the device: POLLIN while there are requests, POLLERR when there will be no more."""
        poll = select.poll()
        poll.register(self._session, select.POLLIN)
        return dict(poll.poll(0)).get(self._session, 0)

    def _copy_log(self) -> None:
        data = self._log_pipe.drain()
        if data:
            self._sink(data)

    def _heed(self, numbers: bytes) -> None:
        if not set(numbers) & _ENDING:
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

    def _note(self, death: Death) -> None:
        """Deal with the end of a worker."""
        if death.status == 0:
            return
        _log.warning("%s", death)
        if not self._answers:
            self._deaths += 1
            if death.status == CANNOT_START:
                raise decode_error(self._states.last_words)
            if self._deaths >= _DEATHS_AT_START:
                raise MountError(f"{death}, as did those before it: see {self._mount.log}")
        if death.busy and not self._replaceable:
            # Nobody can answer for it: its client would hang, unkillable, until the connection ends.
            _log.error("it took a request with it that nobody can answer for: unmounting %s", self._mount.mountpoint)
            self._ends_at = 0.0

    def _probed(self) -> bool:
        """Ask the mount something, from a process that may hang; tell whether it has answered."""
        if not self._prober:
            if self._crew.ready:
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
        """Leave nothing behind: no mount, no process."""
        if not self._unmounted():
            self._unmount()
        self._crew.end(STOP_SECONDS if self._unmounted() else 0.0, self._is_urgent)
        if self._prober:
            kill([self._prober])
        found = find_mount(os.fspath(self._mount.mountpoint))
        if found is not None and found.device == self._mount.device:
            self._unmount()
        _log.info("no longer mounted on %s", self._mount.mountpoint)
        self._copy_log()
