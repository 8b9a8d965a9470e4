"""The log of a mount: stderr of its processes, in a file of bounded size.

Python's log records and libfuse's complaints go there, and the traceback of an interpreter that crashes before it has
the index open (later it goes to `artfs.kv.crash_marker`). Workers write into
a pipe that never blocks them, and the supervisor alone writes the file.
"""

from __future__ import annotations

import errno
import faulthandler
import logging
import os
from pathlib import Path
from typing import Final

from artfs.files.store_files import open_file, rename

__all__ = ["LogFile", "LogPipe", "log_to_stderr"]

_MAX_SIZE: Final = 1 << 20
_OLD_FILES: Final = 3
_ATOMIC: Final = 4096  # PIPE_BUF: up to so many bytes arrive in one piece
_LOGGERS: Final = ("artfs", "pyfuse3")


class _StderrHandler(logging.Handler):
    """Writes each record in one piece, cut to PIPE_BUF; while the pipe is full, records are lost."""

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record).encode(errors="backslashreplace")
        if len(line) >= _ATOMIC:
            line = line[: _ATOMIC - 5] + b" ..."
        try:
            os.write(2, line + b"\n")
        except OSError:
            return


class _LateAnswers(logging.Filter):
    """Logs an answer that came after the end of the mount (ENOENT) as information.

    It happens every day to the request of a close, since no program waits for it: an unmount may be faster.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let all records pass."""
        if "fuse_reply_* failed" in record.msg and record.args == (os.strerror(errno.ENOENT),):
            record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
        return True


def log_to_stderr() -> None:
    """Write this process's log records and, should it crash, its stack to stderr."""
    handler = _StderrHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(process)d] %(message)s"))
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    handler.addFilter(_LateAnswers())
    faulthandler.enable(2)


class LogFile:
    """A log file, rotated when it is full; failures to write are ignored: serving goes on.

    Args:
        path: Its path; old files have `.1` and so on added.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def write(self, data: bytes) -> None:
        """Append to the file."""
        try:
            if self._descriptor < 0:
                self._descriptor = open_file(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(self._descriptor, data)
            if os.fstat(self._descriptor).st_size >= _MAX_SIZE:
                self._rotate()
        except OSError:
            return

    def _rotate(self) -> None:
        names = [self._path, *(Path(f"{self._path}.{number}") for number in range(1, _OLD_FILES + 1))]
        for older, newer in zip(reversed(names[1:]), reversed(names[:-1]), strict=True):
            if newer.exists():
                rename(newer, older)
        self.close()

    def close(self) -> None:
        """Close the file; the next write opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class LogPipe:
    """The pipe from the workers' stderr to the log file. Make it before forking."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def become_stderr(self) -> None:
        """Redirect stderr of this process into the pipe."""
        os.dup2(self.writer, 2, inheritable=False)

    def drain(self) -> bytes:
        """Read all that is in the pipe."""
        pieces = []
        while True:
            try:
                piece = os.read(self.reader, 1 << 16)
            except BlockingIOError:
                break
            if not piece:
                break
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Close both ends."""
        os.close(self.reader)
        os.close(self.writer)
