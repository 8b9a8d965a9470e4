"""Entry point of the process: it runs one command and turns an error into a line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `artfs` with arguments, by default those of the process.

    All imports are inside, so that a Ctrl-C during them ends as quietly as a later one.

    Returns:
        The exit code.
    """
    _fill_descriptors()
    if arguments is None:
        _use_utf8()
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = given[: given.index("--")] if "--" in given else given
    try:
        from artfs.cli.render.messages import begin_messages

        begin_messages(as_json="--json" in options)  # also for what is wrong with the arguments themselves
        from artfs.cli.render.output import finish
        from artfs.cli.root import run

        code = run(given)
        finish()
    except BaseException as error:  # noqa: BLE001 - every one of them ends as a line and an exit code
        from artfs.cli.failure import report

        return report(error, debug="--debug" in options)
    return code


def _use_utf8() -> None:
    """Start again in Python's UTF-8 mode where the locale has ASCII alone: names and texts are UTF-8 there too."""
    if sys.getfilesystemencoding() == "ascii":
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 # this program


def _fill_descriptors() -> None:
    """Open closed standard descriptors on /dev/null.

    Otherwise the index would get their numbers, and a message would be written into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
