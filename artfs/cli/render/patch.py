"""Differences of text files: as a patch that `git apply` and `patch -p1` take, and as counts of lines.

What is no text, or too large to compare by lines in bounded time, is one line.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from artfs.cli.render.output import on_terminal, size_text
from artfs.cli.render.reference_change import reference_change
from artfs.documents.document import KINDS
from artfs.format.node import Entry, Kind
from artfs.names import printable

if TYPE_CHECKING:
    from artfs.store.tree.diff import Difference

__all__ = ["LineCounts", "Read", "changed_lines", "patch_lines"]

_MAX_BYTES: Final = 256 << 10
_MAX_LINES: Final = 5000
_NO_NEWLINE: Final = b"\\ No newline at end of file\n"
_TYPE_BITS: Final[dict[int, int]] = {Kind.SYMLINK: 0o120000}
_ESCAPES: Final = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}

Read = Callable[[bytes, Entry], bytes]
"""Reads a small file, by path and entry."""


class LineCounts(NamedTuple):
    """How many lines a difference adds and removes."""

    added: int
    removed: int


def patch_lines(difference: Difference, old: Read, new: Read) -> Iterator[bytes]:
    """Yield the lines of a patch for one path; none for a directory, whose files have their own.

    Args:
        difference: The difference.
        old: Reads the first side.
        new: Reads the second side.
    """
    before, after = (_no_directory(entry) for entry in (difference.old, difference.new))
    if before is not None and after is not None and before.kind != after.kind:
        yield from _patch(difference.path, before, None, old, new)
        yield from _patch(difference.path, None, after, old, new)
    elif before is not None or after is not None:
        yield from _patch(difference.path, before, after, old, new)


def changed_lines(difference: Difference, old: Read, new: Read) -> tuple[str, LineCounts]:
    """Describe one difference in a few words; give the lines that it adds and removes.

    Args:
        difference: The difference.
        old: Reads the first side.
        new: Reads the second side.
    """
    before, after = difference.old, difference.new
    if before is not None and after is not None:
        if before.kind != after.kind:
            return f"{KINDS[before.kind]} -> {KINDS[after.kind]}", LineCounts(0, 0)
        if before.digest == after.digest or before.kind == Kind.DIRECTORY:
            return f"mode {before.mode:04o} -> {after.mode:04o}", LineCounts(0, 0)
    if _no_directory(after or before) is None:
        return "directory", LineCounts(0, 0)
    texts = _texts(difference.path, before, after, old, new)
    if isinstance(texts, str):
        sizes = (size_text(entry.size) if entry is not None else "nothing" for entry in (before, after))
        return " -> ".join(sizes), LineCounts(0, 0)
    marks = [line[:1] for line in _hunks(*texts) if line[:1] in b"+-" and line]
    counts = LineCounts(marks.count(b"+"), marks.count(b"-"))
    return f"+{counts.added:,} -{counts.removed:,}", counts


def _no_directory(entry: Entry | None) -> Entry | None:
    return None if entry is None or entry.kind == Kind.DIRECTORY else entry


def _patch(path: bytes, before: Entry | None, after: Entry | None, old: Read, new: Read) -> Iterator[bytes]:
    a, b = _quoted(b"a/" + path), _quoted(b"b/" + path)
    yield b"diff --git %s %s\n" % (a, b)
    if before is None and after is not None:
        yield b"new file mode %o\n" % _mode(after)
        a = b"/dev/null"
    elif after is None and before is not None:
        yield b"deleted file mode %o\n" % _mode(before)
        b = b"/dev/null"
    elif before is not None and after is not None and before.mode != after.mode:
        yield b"old mode %o\nnew mode %o\n" % (_mode(before), _mode(after))
    if before is not None and after is not None and before.digest == after.digest:
        return
    texts = _texts(path, before, after, old, new)
    if isinstance(texts, str):
        change = "" if before is None or after is None else reference_change(before, after)
        more = f": {change}".encode() if change else b""
        yield b"%s %s and %s differ%s\n" % (texts.encode(), a, b, more)
        return
    hunks = list(_hunks(*texts))
    if hunks:
        yield b"--- %s%s\n+++ %s%s\n" % (a, _tab(a), b, _tab(b))
        yield from (_shown(line) for line in hunks)


def _texts(
    path: bytes, before: Entry | None, after: Entry | None, old: Read, new: Read
) -> tuple[list[bytes], list[bytes]] | str:
    """Return the lines of both sides; or what the files are, if they are not compared by lines."""
    entries = [entry for entry in (before, after) if _no_directory(entry) is not None and entry is not None]
    if any(entry.kind == Kind.REFERENCE for entry in entries):
        return "References"
    if any(entry.size > _MAX_BYTES for entry in entries):
        return "Large files"
    sides = [
        b"" if entry is None else entry.extra if entry.kind == Kind.SYMLINK else read(path, entry)
        for entry, read in ((_no_directory(before), old), (_no_directory(after), new))
    ]
    if any(b"\0" in data for data in sides):
        return "Binary files"
    first, second = (data.split(b"\n") for data in sides)
    if max(len(first), len(second)) > _MAX_LINES:
        return "Large files"
    return _ended(first), _ended(second)


def _ended(lines: list[bytes]) -> list[bytes]:
    """Give lines their ends back; the last one has none if the file does not end in one."""
    last = lines.pop()
    ended = [line + b"\n" for line in lines]
    return [*ended, last] if last else ended


def _hunks(old: list[bytes], new: list[bytes]) -> Iterator[bytes]:
    """Yield the lines of a unified difference, without the two names above it."""
    lines = difflib.diff_bytes(difflib.unified_diff, old, new)
    for number, line in enumerate(lines):
        if number > 1:
            yield line if line.endswith(b"\n") else line + b"\n" + _NO_NEWLINE


def _shown(line: bytes) -> bytes:
    """Return a line of a file as it is; on a terminal, what it cannot print is escaped."""
    if not on_terminal():
        return line
    parts = (b"\t".join(printable(part).encode() for part in row.split(b"\t")) for row in line.split(b"\n"))
    return b"\n".join(parts)


def _mode(entry: Entry) -> int:
    return _TYPE_BITS.get(entry.kind, 0o100000 | entry.mode)


def _quoted(path: bytes) -> bytes:
    """Return a path as git writes it: in quotes, with escapes, if it is no plain text."""
    text = path.decode("utf-8", "surrogateescape")
    if text.isprintable() and not set('"\\') & set(text):
        return path
    quoted = (_ESCAPES.get(byte, chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}") for byte in path)  # ASCII
    return b'"%s"' % "".join(quoted).encode()


def _tab(path: bytes) -> bytes:
    """Return what ends a path with a space, behind which programs would look for a time."""
    return b"\t" if b" " in path and not path.startswith(b'"') else b""
