"""A command that is run for the user: signals are passed on, and it ends as a shell would tell."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["CommandEnded", "run_line"]

_PASSED_ON: Final = frozenset(
    {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH}
)
_SHARED: Final = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH, signal.SIGHUP})
"""What a terminal sends to all of its foreground processes: the command has it already."""
_FROM_KERNEL: Final = 0x80


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """How a command ended.

    Attributes:
        code: Its exit code; 128 + N if signal N killed it; 127 if there is no such program, 126 if it cannot be run.
        message: What to tell of a command that could not be started.
    """

    code: int
    message: str = ""


def run_line(line: Sequence[str], environment: Mapping[str, str], started: Callable[[int], None]) -> CommandEnded:
    """Run a command and wait for its end.

    Args:
        line: The program and its arguments.
        environment: For the command.
        started: Is told its process id.
    """
    watched = _PASSED_ON | {signal.SIGCHLD}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    try:
        try:
            # Python ignores these two, which no program expects of who starts it.
            defaults = (signal.SIGPIPE, signal.SIGXFSZ)
            child = os.posix_spawnp(line[0], list(line), environment, setsigmask=before, setsigdef=defaults)
        except FileNotFoundError:
            return CommandEnded(127, f"{line[0]}: no such command")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            return CommandEnded(126, f"{line[0]}: {why}")
        started(child)
        return _follow(child, watched)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _follow(child: int, watched: frozenset[signal.Signals]) -> CommandEnded:
    """Pass signals on until the child has ended."""
    while True:
        told = signal.sigwaitinfo(watched)
        if told.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return CommandEnded(code if code >= 0 else 128 - code)
        elif not (told.si_signo in _SHARED and told.si_code == _FROM_KERNEL):
            os.kill(child, told.si_signo)
