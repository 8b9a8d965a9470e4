"""Where the process starts and ends: run one command, turn what it raises into a line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `artfs` with arguments; by default the process's own.

    All imports are inside, so that a Ctrl-C during them ends as quietly as a later one.

    Returns:
        The exit code.
    """
    _fill_descriptors()
    debug = "--debug" in (sys.argv[1:] if arguments is None else arguments)
    try:
        from artfs.cli.output import finish
        from artfs.cli.root import run

        code = run(sys.argv[1:] if arguments is None else arguments)
        finish()
    except BaseException as error:  # noqa: BLE001 - every one of them ends as a line and an exit code
        from artfs.cli.failure import report

        return report(error, debug=debug)
    return code


def _fill_descriptors() -> None:
    """Give closed standard descriptors to /dev/null, before the index gets their numbers and a message lands in it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
