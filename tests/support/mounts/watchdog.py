"""Watchdog of a test run: ends the mounts of a test that hangs, and those of a run that was killed.

A process that waits in the kernel for an answer of a mount gets no signal but SIGKILL, so a time limit within it never
comes to pass: it is another process that has to end the mount, upon which the wait ends with an error.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

from artfs.closing import Closing
from tests.support.mounts.mounts import ROOT

__all__ = ["Watchdog"]


class Watchdog(Closing):
    """A process that ends the mounts below a directory unless it hears of the next test in time.

    It is no child of this process: tests look at what children there are.

    Args:
        top: The directory below which the run mounts.
    """

    def __init__(self, top: Path) -> None:
        command = [sys.executable, "-m", "tests.support.programs.mount_watchdog", str(top)]
        reading, self._orders = os.pipe()
        self._ended, writing = os.pipe()
        subprocess.run(command, cwd=ROOT, stdin=reading, stdout=writing, check=True, timeout=60)
        os.close(reading)
        os.close(writing)

    def expect(self, seconds: float, test: str) -> None:
        """Expect the next call within so many seconds; until then, a test is running."""
        self._say(f"{seconds} {test}")

    def _say(self, line: str) -> None:
        os.write(self._orders, f"{line}\n".encode())

    def close(self) -> None:
        """End it; the mounts stay."""
        self._say("done")
        os.close(self._orders)
        ended, _, _ = select.select([self._ended], [], [], 20)  # at the end of its output
        os.close(self._ended)
        assert ended
