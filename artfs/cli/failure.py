"""Failures of a command, each as one line or JSON document on stderr and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click
from click.exceptions import Exit

from artfs.access import system_reason
from artfs.cli.render.messages import write_failure
from artfs.cli.render.output import discard_output, finish
from artfs.documents.failures import error_details, error_kind
from artfs.errors import ArtfsError

__all__ = ["Terminated", "kind_of", "report", "terminable"]

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 128 + signal.SIGINT
OUTPUT_CLOSED = 128 + signal.SIGPIPE
"""Exit code that a shell gives a program which died of SIGPIPE, as in `ls | head`."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP, raised where unfinished files have to be removed.

    Args:
        number: The signal.
        left: What became of the command's work.

    Attributes:
        number: The signal.
    """

    def __init__(self, number: int, left: str = "") -> None:
        super().__init__(f"stopped by a signal ({signal.strsignal(number)}){left and '; '}{left}")
        self.number = number


@contextmanager
def terminable(left: str | Callable[[], str]) -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise `Terminated` inside, so that unfinished files are removed.

    Args:
        left: What becomes of the work that they or a Ctrl-C interrupt, and how it goes on; or what finds that out.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Terminated(number)

    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) == signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; {left if isinstance(left, str) else left()}") from None
    except Terminated as stopped:
        raise Terminated(stopped.number, left if isinstance(left, str) else left()) from None
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def report(error: BaseException, *, debug: bool) -> int:
    """Print what went wrong, as one line or JSON document.

    Args:
        error: What a command raised.
        debug: Print the traceback too.

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
        if message and sys.stderr is not None:
            write_failure(message, kind_of(error), code, _traceback(error) if debug else "", **error_details(error))
    return code


def kind_of(error: BaseException) -> str:
    """Return the word by which programs know an error: that of its class in `artfs.errors`, as `not_found`."""
    match error:
        case ArtfsError():
            return error_kind(error)
        case click.ClickException():
            return "usage"
        case KeyboardInterrupt() | click.Abort():
            return "interrupted"
        case Terminated():
            return "terminated"
        case OSError():
            return "system"
        case MemoryError():
            return "out_of_memory"
    return "internal"


def _traceback(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error))


def _verdict(error: BaseException) -> tuple[int, str]:
    """Choose the exit code and message; the message is empty if none is needed."""
    match error:
        case Exit():
            return error.exit_code, ""
        case SystemExit():
            return error.code if isinstance(error.code, int) else FAILED, ""
        case click.ClickException():
            from artfs.cli.usage import usage_message

            return error.exit_code, usage_message(error)
        case ArtfsError():
            return error.exit_code, str(error)
        case KeyboardInterrupt() | click.Abort():
            return INTERRUPTED, str(error) or "interrupted"
        case Terminated():
            return 128 + error.number, str(error)
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


def _system(error: OSError) -> str:
    what = system_reason(error)
    return f"{os.fsdecode(error.filename)}: {what}" if isinstance(error.filename, str | bytes) else what
