"""Every way in which a command can end badly, as one line on stderr and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click
from click.exceptions import Exit, NoArgsIsHelpError

from artfs.cli.output import discard_output, finish
from artfs.errors import ArtfsError
from artfs.names import printable

__all__ = ["Terminated", "report", "terminable"]

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 128 + signal.SIGINT
OUTPUT_CLOSED = 128 + signal.SIGPIPE
"""What a shell gives for a program that died of SIGPIPE, as `ls | head` does."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP came where something has to be cleaned up.

    Attributes:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.strsignal(number))
        self.number = number


@contextmanager
def terminable() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise `Terminated` inside, so that unfinished files are removed."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Terminated(number)

    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) == signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def report(error: BaseException, *, debug: bool) -> int:
    """Print what went wrong, as one line.

    Args:
        error: What a command raised.
        debug: Print the traceback first.

    Returns:
        The exit code.
    """
    code, message = _verdict(error)
    if code == OUTPUT_CLOSED:
        discard_output()
    elif code:
        try:
            finish()
        except (ArtfsError, OSError):  # the error at hand is the one that counts
            discard_output()
    with suppress(OSError, ValueError):
        if debug and message:
            import traceback

            traceback.print_exception(error)
        if message and sys.stderr is not None:
            sys.stderr.write(f"artfs: {printable(message)}\n")
            sys.stderr.flush()
    return code


def _verdict(error: BaseException) -> tuple[int, str]:
    """Exit code and message; no message for what needs none."""
    match error:
        case Exit():
            return error.exit_code, ""
        case SystemExit():
            return error.code if isinstance(error.code, int) else FAILED, ""
        case click.ClickException():
            return error.exit_code, _usage(error)
        case ArtfsError():
            return error.exit_code, str(error)
        case KeyboardInterrupt() | click.Abort():
            return INTERRUPTED, str(error) or "interrupted"
        case Terminated():
            return 128 + error.number, f"stopped by a signal ({error})"
        case BrokenPipeError():
            return OUTPUT_CLOSED, ""
        case OSError():
            return FAILED, _system(error)
        case MemoryError():
            return FAILED, "out of memory"
        case _:
            return (
                FAILED,
                f"internal error, {type(error).__name__}: {error}; repeat with --debug and report what it prints",
            )


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "artfs"
    if isinstance(error, NoArgsIsHelpError):
        return f"a command is missing: see `{path} --help`"
    message = " ".join(error.format_message().split())
    return f"{message[:1].lower()}{message[1:].rstrip('.')}: see `{path} --help`"


def _system(error: OSError) -> str:
    what = os.strerror(error.errno) if error.errno else str(error)
    return f"{os.fsdecode(error.filename)}: {what}" if isinstance(error.filename, str | bytes) else what
