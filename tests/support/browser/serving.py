"""`artfs ui` in a process of its own, as users start it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Served", "served"]


@dataclass(frozen=True)
class Served:
    """A server that runs.

    Attributes:
        url: What it printed, with the token.
    """

    url: str
    _process: subprocess.Popen[str]

    def end(self) -> None:
        """End it as Ctrl-C does; a second time does nothing."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        assert self._process.wait(30) == 0


@contextmanager
def served(store: Path) -> Iterator[Served]:
    """Serve a store in a block."""
    line = [sys.executable, "-m", "artfs.cli", "--store", str(store), "ui", "--no-browser"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        serving = Served(process.stdout.readline().strip(), process)
        try:
            yield serving
        finally:
            serving.end()
