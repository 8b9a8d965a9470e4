"""Running the programs that are compared, and ending what they leave running.

All of them carry one environment variable with a token of this run: daemons are found by their `/proc/PID/environ`, and
nothing that somebody else started is ever ended.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import BenchError
from benchmark.memory import Group

_MARK = "ARTFS_BENCH_RUN"
_NOT_INHERITED = {
    "PYTHONDONTWRITEBYTECODE",  # would have artfs compiled again at every start
    "ARTFS_CACHE",
    "ARTFS_CONFIG",
    "ARTFS_STORE",
}
_JOIN = 'echo $$ > "$0" && exec "$@"'
_PATIENCE_SECONDS = 1200  # with one program; the slowest stores 1.5 GB or a million files


class Programs:
    """Starts programs in an environment of their own: no configuration or cache of the user is read or written."""

    def __init__(self, home: Path) -> None:
        """Keep caches and settings of all programs under `home`."""
        home.mkdir()
        self._home = home
        self._token = secrets.token_hex(16)
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        self._environment = {
            **inherited,
            _MARK: self._token,
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "ARTFS_FETCHER_IDLE_SECONDS": "0.1",  # it has ended soon after the mount, which is waited for
            "BORG_BASE_DIR": str(home / "borg"),
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "RESTIC_CACHE_DIR": str(home / "restic"),
            "RESTIC_PASSWORD": "benchmark",
        }

    @property
    def cache(self) -> Path:
        """The directory of artfs's cache of objects."""
        return self._home / "cache" / "artfs"

    def write_configuration(self, text: str) -> None:
        """Write artfs's configuration file."""
        path = self._home / "config" / "artfs" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run(
        self, command: Sequence[str | Path], group: Group | None = None, patience: float = _PATIENCE_SECONDS
    ) -> str:
        """Run a program to its end and return what it printed on stdout.

        Args:
            command: The program and its arguments.
            group: The memory cgroup in which it, and any daemon that it leaves behind, is to live.
            patience: Seconds after which it counts as hanging.

        Raises:
            BenchError: It failed or did not end; says what it printed on stderr.
        """
        words = [str(word) for word in command]
        if group is not None:
            words = ["sh", "-c", _JOIN, str(group.members), *words]
        # A daemon may hold on to inherited pipes, so output goes to files: the end of the program is what counts.
        out, err = os.memfd_create("stdout"), os.memfd_create("stderr")
        try:
            program = subprocess.Popen(words, env=self._environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            code = _end_of(program, patience)
            if code:
                said = os.pread(err, 1 << 16, 0).decode(errors="replace").strip().splitlines()
                raise BenchError(f"`{' '.join(words)}` ended with {code}: {said[-1] if said else ''}")
            return os.pread(out, 1 << 24, 0).decode(errors="replace")
        finally:
            os.close(out)
            os.close(err)

    def start(self, command: Sequence[str | Path], stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start a program that is to go on running; `end_all` ends it, what it prints goes to `stdout` or is lost."""
        nowhere = subprocess.DEVNULL
        words = [str(word) for word in command]
        return subprocess.Popen(words, env=self._environment, stdin=nowhere, stdout=stdout, stderr=nowhere)

    def written(self) -> int:
        """Return the bytes that all processes of this run, ended or running, handed to write calls so far.

        `wchar` of `/proc/PID/io`; `write_bytes` would be the obvious figure, but a kernel with large folios counts up
        to 2 MiB for a page of 4 KiB. A process that was waited for counts in its parent, and so at last in this one.
        """
        return sum(_written_by(process) for process in [os.getpid(), *self.running()])

    def running(self) -> list[int]:
        """Return the ids of all processes that programs of this run left running."""
        mark = f"{_MARK}={self._token}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
                except OSError:  # it ended, or belongs to another user
                    continue
        return found

    def wait_until_ended(self, seconds: float) -> bool:
        """Wait for what was left running; return whether it ended in time."""
        end = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def end_all(self) -> None:
        """Kill what was left running."""
        for process in self.running():
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.wait_until_ended(10)


def _written_by(process: int) -> int:
    fields = dict(line.split(": ") for line in Path(f"/proc/{process}/io").read_text().splitlines())
    return int(fields["wchar"])


def _end_of(program: subprocess.Popen[bytes], patience: float) -> int:
    """Wait for the end of a program and return its exit code.

    The wait is in the kernel: `Popen.wait` with a timeout looks every 50 ms, which would be in every figure.
    """
    descriptor = os.pidfd_open(program.pid)
    try:
        if not select.select([descriptor], [], [], patience)[0]:
            raise BenchError(f"{program.args!r} did not end within {patience:g} s")
        return program.wait()
    finally:
        os.close(descriptor)
        if program.returncode is None:
            program.kill()
            program.wait()
