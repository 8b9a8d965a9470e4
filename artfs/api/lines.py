"""Lines on standard error: what a program that uses the API is told."""

from __future__ import annotations

import sys
from contextlib import suppress

__all__ = ["termerror", "termlog", "termwarn"]

_written: set[str] = set()


def termlog(string: str = "", newline: bool = True, repeat: bool = True) -> None:
    """Write a line to standard error, after `artfs: `.

    Args:
        string: The line.
        newline: End it.
        repeat: False: only if it was not written before.
    """
    _write(string, newline=newline, repeat=repeat)


def termwarn(string: str, newline: bool = True, repeat: bool = True) -> None:
    """Write a line to standard error, after `artfs: warning: `.

    Args:
        string: The line.
        newline: End it.
        repeat: False: only if it was not written before.
    """
    _write(f"warning: {string}", newline=newline, repeat=repeat)


def termerror(string: str, newline: bool = True, repeat: bool = True) -> None:
    """Write a line to standard error, after `artfs: error: `.

    Args:
        string: The line.
        newline: End it.
        repeat: False: only if it was not written before.
    """
    _write(f"error: {string}", newline=newline, repeat=repeat)


def _write(line: str, *, newline: bool, repeat: bool) -> None:
    if not repeat and line in _written:
        return
    _written.add(line)
    if sys.stderr is not None:
        with suppress(OSError, ValueError):  # it may be closed
            sys.stderr.write(f"artfs: {line}" + "\n" * newline)
            sys.stderr.flush()
