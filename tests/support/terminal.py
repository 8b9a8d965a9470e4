"""A terminal for a program's output."""

from __future__ import annotations

import os
import subprocess
import termios
from collections.abc import Mapping, Sequence

__all__ = ["on_terminal"]


def on_terminal(
    command: Sequence[bytes], environment: Mapping[str, str], *, out: bool = True, err: bool = True, columns: int = 100
) -> tuple[int, bytes, bytes]:
    """Run a program with a terminal as its standard output, its standard error, or both.

    Args:
        command: Program and arguments.
        environment: Of the process.
        out: Standard output is the terminal; else it is kept apart.
        err: Standard error is the terminal.
        columns: The terminal's width; it has 24 lines.

    Returns:
        The exit code, what the terminal got, and standard output where that is kept apart.
    """
    control, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    with subprocess.Popen(
        command,
        stdout=terminal if out else subprocess.PIPE,
        stderr=terminal if err else subprocess.DEVNULL,
        env=environment,
    ) as process:
        os.close(terminal)
        printed = b""
        try:
            while data := os.read(control, 65536):
                printed += data
        except OSError:  # EIO: the last process has closed the terminal
            pass
        finally:
            os.close(control)
        apart = b"" if process.stdout is None else process.stdout.read()
    return process.returncode, printed, apart
