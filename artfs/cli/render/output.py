"""Standard output: lines, tables and JSON, as bytes that suit a terminal, a pipe and a program.

Names are bytes below the API. On a terminal what cannot be printed is escaped; anywhere else a name goes out as it is.
JSON is always valid UTF-8: where a name is not, its undecodable bytes are shown as U+FFFD and `<key>_base64` beside it
holds the exact bytes.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Sequence

import click

from artfs.cli.render.messages import is_quiet, send_nowhere, write_note
from artfs.documents.document import Document
from artfs.errors import ArtfsError
from artfs.format.digest import Data
from artfs.format.node import Entry, Kind
from artfs.names import printable

__all__ = [
    "discard_output",
    "finish",
    "json_option",
    "mode_text",
    "on_terminal",
    "print_document",
    "print_documents",
    "print_done",
    "print_line",
    "print_note",
    "print_result",
    "print_table",
    "shown",
    "size_text",
    "write",
]

_TYPE_BITS: dict[int, int] = {Kind.DIRECTORY: stat.S_IFDIR, Kind.SYMLINK: stat.S_IFLNK}

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


class _Buffer:
    """Buffer of bytes for descriptor 1.

    Not `sys.stdout`: with PYTHONUNBUFFERED its writes may be short and every line is a system call.
    """

    _LIMIT = 1 << 16

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, data: Data) -> None:
        if len(self._bytes) + len(data) > self._LIMIT:
            self.flush()
        if len(data) > self._LIMIT:
            _write_all(data)
        else:
            self._bytes += data

    def flush(self) -> None:
        data = bytes(self._bytes)
        self.clear()
        _write_all(data)

    def clear(self) -> None:
        self._bytes.clear()


_buffer = _Buffer()


def _write_all(data: Data) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(1, view) :]
        except BlockingIOError:  # another program made the shared terminal or pipe non-blocking
            import select

            select.select((), (1,), ())
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ArtfsError(f"cannot write to standard output: {os.strerror(error.errno or 0)}") from error


def write(data: Data) -> None:
    """Write bytes to standard output, some time before `finish` returns.

    Raises:
        BrokenPipeError: Nobody reads it any more.
        ArtfsError: It cannot be written.
    """
    _buffer.add(data)


def finish() -> None:
    """Write what is still buffered.

    Raises:
        BrokenPipeError: Nobody reads it any more.
        ArtfsError: It cannot be written.
    """
    _buffer.flush()


def discard_output() -> None:
    """Drop what is still buffered, by click too: the interpreter would complain about it when it exits."""
    _buffer.clear()
    send_nowhere(1)


def on_terminal() -> bool:
    """Tell if standard output is a terminal."""
    return os.isatty(1)


def print_line(text: str) -> None:
    """Write a line; file names in it came from `shown`."""
    write(text.encode("utf-8", "surrogateescape") + b"\n")


def print_note(text: str) -> None:
    """Write a line for people to stderr, behind what was printed so far."""
    finish()
    write_note(text)


def print_result(text: str, done: str) -> None:
    """Write the last line of a command that has changed something.

    Args:
        text: The line.
        done: The change, for the error if the line cannot be written, as in "animals:v0 is stored".

    Raises:
        BrokenPipeError: Nobody reads it any more.
        ArtfsError: It cannot be written; says that the change is made all the same.
    """
    try:
        print_line(text)
        finish()
    except BrokenPipeError:
        raise
    except ArtfsError as error:
        raise ArtfsError(f"{done}, but {error}") from error


def print_done(text: str, done: str) -> None:
    """Write a line that only says what was done, as `print_result`; nothing under `--quiet`."""
    if not is_quiet():
        print_result(text, done)


def shown(name: bytes) -> str:
    """Convert a file name or path to text for standard output."""
    return printable(name) if on_terminal() else os.fsdecode(name)


def print_document(document: Document) -> None:
    """Write one JSON object."""
    import msgspec

    write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def print_documents(documents: Iterable[Document], before: bytes = b"[", after: bytes = b"]\n") -> None:
    """Write one JSON array with an object on each line, as the objects come."""
    import msgspec

    encode = msgspec.json.encode
    separator = before + b"\n"
    count = 0
    for document in documents:
        write(separator + encode(document))
        separator = b",\n"
        count += 1
    write((b"\n" if count else before) + after)


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Write rows in aligned columns; on a terminal they are cut to its width, and a note says in which columns.

    Args:
        header: Titles of the columns.
        rows: Their texts; what cannot be printed is escaped.
        right: Columns aligned to the right.
    """
    from artfs.cli.render.table import fitted, padded, text_width

    lines = [list(header), *([printable(cell) for cell in row] for row in rows)]
    cut: list[str] = []
    if on_terminal():
        lines, cut = fitted(lines, right, shutil.get_terminal_size().columns)
    widths = [max(text_width(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [
            padded(cell, width, right=column in right)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print_line("  ".join(cells).rstrip())
    if cut:
        print_note(f"cut to the width of the terminal: {', '.join(cut)}; --json and a pipe have all of it")


def size_text(size: int) -> str:
    """Format a number of bytes in about three digits: `512 B`, `1.4 KiB`, `23 MiB`."""
    if size < 1024:
        return f"{size} B"
    value = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        value /= 1024
        if value < 1000 or unit == "PiB":
            break
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def mode_text(entry: Entry) -> str:
    """Format kind and permissions like `ls -l`; a reference begins with `r`."""
    if entry.kind == Kind.REFERENCE:
        return "r" + stat.filemode(stat.S_IFREG | entry.mode)[1:]
    return stat.filemode(_TYPE_BITS.get(entry.kind, stat.S_IFREG) | entry.mode)
