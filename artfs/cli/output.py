"""Standard output: lines, tables and JSON, as bytes that are right for a terminal, a pipe and a program.

Names are bytes below the API. On a terminal what cannot be printed is escaped; anywhere else a name goes out as it is.
JSON is always valid UTF-8: where a name is not, its undecodable bytes are shown as U+FFFD and `<key>_base64` beside it
holds the exact bytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import click

from artfs.errors import ArtfsError
from artfs.format.digest import Data
from artfs.names import printable

__all__ = [
    "Document",
    "discard_output",
    "finish",
    "json_option",
    "json_text",
    "print_document",
    "print_documents",
    "print_line",
    "print_result",
    "print_table",
    "shown",
    "write",
]

Document = dict[str, Any]
"""An object of a JSON document."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


class _Buffer:
    """What is not yet written to descriptor 1.

    Not `sys.stdout`: with PYTHONUNBUFFERED its writes may be short and every line is a system call.
    """

    _LIMIT = 1 << 16

    def __init__(self) -> None:
        self._held = bytearray()

    def add(self, data: Data) -> None:
        if len(self._held) + len(data) > self._LIMIT:
            self.flush()
        if len(data) > self._LIMIT:
            _write_all(data)
        else:
            self._held += data

    def flush(self) -> None:
        data = bytes(self._held)
        self.clear()
        _write_all(data)

    def clear(self) -> None:
        self._held.clear()


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
    """Write out what is still buffered.

    Raises:
        BrokenPipeError: Nobody reads it any more.
        ArtfsError: It cannot be written.
    """
    _buffer.flush()


def discard_output() -> None:
    """Send what is still buffered, by click too, nowhere: the interpreter's exit would complain about it."""
    _buffer.clear()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def on_terminal() -> bool:
    """Whether standard output is a terminal."""
    return os.isatty(1)


def print_line(text: str) -> None:
    """Write a line; file names in it came from `shown`."""
    write(text.encode("utf-8", "surrogateescape") + b"\n")


def print_result(text: str, done: str) -> None:
    """Write the line that a command which changed something ends with.

    Args:
        text: The line.
        done: What is done already should the line not get out, as in "animals:v0 is stored".

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


def shown(name: bytes) -> str:
    """A file name or path, as standard output should have it."""
    return printable(name) if on_terminal() else os.fsdecode(name)


def json_text(key: str, raw: bytes) -> Document:
    """Give bytes that are mostly text under a key of a JSON object, without loss.

    Args:
        key: The key.
        raw: A file name, path or link target.

    Returns:
        The key with the text; and `<key>_base64` with the exact bytes when they are not UTF-8.
    """
    try:
        return {key: raw.decode()}
    except UnicodeDecodeError:
        from base64 import b64encode

        return {key: raw.decode(errors="replace"), f"{key}_base64": b64encode(raw).decode()}


def print_document(document: Document) -> None:
    """Write one JSON object."""
    import msgspec

    write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def print_documents(documents: Iterable[Document], before: bytes = b"[", after: bytes = b"]\n") -> None:
    """Write one JSON array, an object to a line, as they come."""
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
    """Write rows in aligned columns.

    Args:
        header: Titles of the columns.
        rows: Their texts; what cannot be printed is escaped.
        right: Columns aligned to the right.
    """
    lines = [list(header), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print_line("  ".join(cells).rstrip())
