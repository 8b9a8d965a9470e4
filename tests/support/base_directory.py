"""The temporary directory of a test run: one of its own, removed when all tests passed, and kept and named otherwise.

By itself pytest numbers these directories and removes old ones at the end of a session, those of other runs too. What
cannot be removed there (a mount, a file that may not be changed) ends the session before it reports what failed, and a
mount of other data loses them.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

__all__ = ["BaseDirectory"]


class BaseDirectory:
    """Plugin of the process that controls a run, which gives workers directories below its own.

    Args:
        config: Of the run; its `basetemp` is set.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._path = Path(tempfile.mkdtemp(prefix="artfs-")).resolve()  # short: names of sockets have 107 bytes
        self._passed = True  # until tests begin to run
        config.option.basetemp = str(self._path / "t")

    def pytest_sessionstart(self) -> None:
        """Keep the directory of a run that never comes to its end."""
        self._passed = False

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Note how the run ended."""
        self._passed = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what is kept."""
        if not self._passed:
            terminalreporter.write_line(f"kept for you to look at: {self._path}")

    def pytest_unconfigure(self) -> None:
        """Remove the directory, if nobody has a reason to look at it; what cannot be removed is no failure."""
        if not self._passed:
            return
        if _has_mounts(self._path):
            print(f"not removed, for there are mounts in it: {self._path}")
            return
        command = ["rm", "-rf", "--one-file-system", "--", os.fspath(self._path)]
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if ended.returncode:
            print(f"not all of it could be removed: {self._path} ({os.fsdecode(ended.stderr).partition(chr(10))[0]})")


def _has_mounts(top: Path) -> bool:
    with open("/proc/self/mountinfo", "rb") as table:
        return any(line.split()[4].startswith(os.fsencode(top) + b"/") for line in table)
