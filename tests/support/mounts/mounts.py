"""Mounts as tests see them: served by a process of their own, and never left behind."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from artfs.mountinfo import find_mount

__all__ = [
    "NOBODY",
    "ROOT",
    "Load",
    "Served",
    "apart",
    "as_user",
    "children",
    "is_alive",
    "is_mounted",
    "run_python",
    "troubles_of",
    "wait_until",
]

ROOT = Path(__file__).parents[3]
NOBODY = 65534
_OVERTAKEN = f"fuse: reading device: {os.strerror(errno.ECONNABORTED)}"
_T = TypeVar("_T")


def troubles_of(log: Iterable[str]) -> list[str]:
    """The lines of a mount's log that are worse than information.

    Not what libfuse says, on its own, when an unmount was quicker than the request that a worker was receiving.
    """
    return [line for line in log if " INFO " not in line and line != _OVERTAKEN]


def wait_until(condition: Callable[[], _T], seconds: float = 10.0) -> _T:
    """Wait until a condition holds, and give its value; fail when it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.002)
    return value


def children(pid: int) -> list[int]:
    """The living children of a process; while some come and go, the kernel may leave out others."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.append(int(child))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process exists and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def is_mounted(mountpoint: Path) -> bool:
    """Whether an artfs mount is on a directory, dead or alive."""
    return find_mount(os.fspath(mountpoint)) is not None


def run_python(code: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, with `arguments` in `sys.argv[1:]`."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


class Served:
    """A mount of `tests.support.programs.fuse_server`, served in the foreground by a child of this process.

    Attributes:
        directory: Where its log is, and files that tell it what to do.
        mountpoint: Where it is mounted.
        said: The first line that it printed: `ready`, or an error.
        pid: The supervisor.
    """

    def __init__(self, directory: Path, mountpoint: Path, *flags: str, **options: object) -> None:
        self.directory, self.mountpoint = directory, mountpoint
        (directory / "logs").mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.programs.fuse_server",
                directory,
                mountpoint,
                json.dumps(options),
                *flags,
            ],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.said = self._process.stdout.readline().strip()
        self.pid = self._process.pid

    @property
    def many(self) -> Path:
        """A directory of 2,000 files."""
        return self.mountpoint / "many"

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        return children(self.pid)

    def log(self) -> str:
        """All that was logged."""
        return "".join(path.read_text() for path in sorted((self.directory / "logs").glob("*.log*")))

    def logged(self, text: str) -> str:
        """Wait until something is logged, and give the whole log."""
        wait_until(lambda: text in self.log())
        return self.log()

    def signal(self, number: int) -> None:
        """Send a signal to the supervisor."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = 20.0) -> int:
        """Wait for the supervisor's end; its exit status."""
        return self._process.wait(seconds)

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self._process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self._process.kill()
                self.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        while is_mounted(self.mountpoint):
            subprocess.run(["umount", "-l", self.mountpoint], check=True)


class Load:
    """Clients of a mount: processes that make requests until `stop`."""

    def __init__(self, many: Path, clients: int) -> None:
        command = [sys.executable, "-m", "tests.support.programs.fuse_client", os.fspath(many)]
        self._clients = [
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(clients)
        ]
        for client in self._clients:
            assert client.stdout is not None
            assert client.stdout.readline() == "started\n"

    def stop(self) -> tuple[int, list[str]]:
        """End the clients; how many requests they made, and what those that failed failed with."""
        requests, failures = 0, []
        for client in self._clients:
            out, _ = client.communicate(timeout=20)
            result = json.loads(out)
            requests += result["requests"]
            failures += result["failures"]
        return requests, failures


def apart(*options: str, by_root: bool = os.geteuid() == 0) -> list[str]:
    """Begin a command line: what follows runs in a mount namespace of its own.

    Where mounts are not shared, a new namespace has a copy of each, which keeps those alive that others unmount: so the
    mounts of artfs, which are other tests', are taken out of it first.

    Args:
        options: More for `unshare`.
        by_root: Root runs it; others become root in a user namespace.
    """
    alone = ["unshare", "--mount", *([] if by_root else ["--map-root-user"]), *options]
    return [*alone, "sh", "-c", _WITHOUT_MOUNTS, "sh"]


_WITHOUT_MOUNTS = r"""
for line in $(grep ' fuse\.artfs' /proc/self/mounts | cut -d ' ' -f 2); do
    umount -l "$(printf %b "$line")" 2>/dev/null || true
done
exec "$@"
"""


def as_user(*command: object, device: bool = True, login: str | None = None) -> list[str]:
    """The command line that runs a command as an ordinary user: as this one, or else as `nobody`.

    Args:
        command: What to run.
        login: A user to run it as, with all groups of that user; only root can.
        device: Have a /dev/fuse that users may open, as udev makes it; for `nobody` that takes a mount namespace.
    """
    words = [os.fspath(word) if isinstance(word, Path) else str(word) for word in command]
    if os.geteuid() != 0:
        return words
    # The interpreter or the checkout may lie where root alone may look, as in /root.
    reader = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    user = ["setpriv", f"--reuid={login or NOBODY}", f"--regid={login or NOBODY}"]
    user.append("--clear-groups" if login is None else "--init-groups")
    attempt = [*user, "env", sys.executable, "-c", "import pyfuse3"]
    readable = subprocess.run(attempt, capture_output=True, check=False).returncode == 0
    command_line = [*user, *([] if readable else reader), "env", "PYTHONDONTWRITEBYTECODE=1", *words]
    if not device or os.stat("/dev/fuse").st_mode & 0o006 == 0o006:
        return command_line
    script = 'd=$(mktemp -d); mknod -m 666 $d/fuse c 10 229; mount --bind $d/fuse /dev/fuse; rm -r $d; exec "$@"'
    return [*apart(), "bash", "-ec", script, "bash", *command_line]
