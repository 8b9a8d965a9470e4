"""Inputs of an unlogged artifact: files, directories, references, and files written into it."""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import PurePath
from typing import IO, Any, Final, Literal, TypeAlias

from artfs.api.artifact.pending_entries import PendingEntries
from artfs.errors import InvalidInputError, SourceError, StorageError
from artfs.format.node import Entry, Kind
from artfs.format.reference import Reference, reference_entry
from artfs.names import parse_entry_path, quoted
from artfs.references import Found, Handlers, scheme_of
from artfs.store.progress import Progress
from artfs.store.write.outside_links import OutsideLinks
from artfs.store.write.scan import SourceDirectory, SourceFile, scan, source_error

__all__ = [
    "CONTENT",
    "Checksum",
    "add_reference",
    "check_policy",
    "directory_source",
    "entry_path",
    "file_source",
    "new_file",
]

CONTENT: Final = "content"
Checksum: TypeAlias = bool | Literal["content"]
"""What a reference keeps of the object: what identifies its state, nothing but its size, or its chunk list too."""
_POLICIES = {"mutable", "immutable"}
_MODES = {"x", "xb", "xt", "w", "wb", "wt"}
_MAX_OBJECTS = 10_000_000
_REFERENCE_MODE = 0o644


def entry_path(name: str | PurePath) -> bytes:
    """Return the path of an entry as bytes, checked.

    Raises:
        InvalidInputError: It breaks the rule.
    """
    return b"/".join(parse_entry_path(name.as_posix() if isinstance(name, PurePath) else name))


def tidied(name: str | PurePath) -> str:
    """Return a path without `./` before it and slashes behind it, as scripts write those of directories."""
    text = name.as_posix() if isinstance(name, PurePath) else name
    while text.startswith("./"):
        text = text[2:]
    return text.rstrip("/") or text


def check_policy(policy: str) -> None:
    """Refuse an unknown policy; those there are do the same, since a file is stored at once.

    Raises:
        InvalidInputError: There is no such policy.
    """
    if policy not in _POLICIES:
        raise InvalidInputError(f"policy {policy!r} is not allowed: use 'mutable' or 'immutable'")


def file_source(local_path: str | os.PathLike[str], policy: str) -> SourceFile:
    """Return a file to be stored; a symlink to it is followed.

    Raises:
        InvalidInputError: It is no file, or there is no such policy.
        SourceError: The system refused to look at it.
    """
    check_policy(policy)
    raw = os.fsencode(os.path.abspath(local_path))
    try:
        status = os.lstat(raw)
        if stat.S_ISLNK(status.st_mode):
            raw = os.path.realpath(raw)
            status = os.stat(raw)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InvalidInputError(f"{quoted(os.fspath(local_path))} is no file: it does not exist") from error
    except OSError as error:
        raise source_error(error, raw) from error
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInputError(f"{quoted(os.fspath(local_path))} is no file: use add_dir for a directory")
    return SourceFile(b"", raw, status)


def directory_source(
    local_path: str | os.PathLike[str], name: bytes, ignore: str | Iterable[str] | None, links: OutsideLinks
) -> SourceDirectory:
    """Return a directory to be stored, without what `ignore` and its `.artfsignore` leave out.

    Args:
        local_path: The directory.
        name: Its path in the artifact.
        ignore: Patterns of gitignore(5), besides those of `.artfsignore` at its top.
        links: Follows symlinks that lead outside, or counts them.

    Raises:
        InvalidInputError: It is no directory, or one of the patterns is none.
        SourceError: Something in it cannot be read.
    """
    raw = os.fsencode(os.path.realpath(local_path))
    if not os.path.isdir(raw):
        raise InvalidInputError(f"{quoted(os.fspath(local_path))} is no directory: use add_file for a file")
    lines = [ignore] if isinstance(ignore, str) else ignore or ()
    patterns = b"\n".join(map(os.fsencode, lines))
    top = scan(raw, name.rpartition(b"/")[2], len(name) + 1 if name else 0, patterns, links)
    if not name:
        names = [file.name for file in top.files] + [link.name for link in top.links]
        names += [child.name for child in top.directories]
        for child in names:
            parse_entry_path(child)  # the reserved names are reserved at the top only
    return top


def add_reference(
    contents: PendingEntries,
    uri: str,
    name: bytes | None,
    *,
    checksum: Checksum,
    max_objects: int | None,
    found: Callable[[], object] = lambda: None,
    known: Callable[[bytes], Entry | None] | None = None,
    dry_run: bool = False,
    reading: Progress | None = None,
) -> list[tuple[bytes, Entry]]:
    """Add references to one object, or to all below a directory or prefix; all of them or none.

    Args:
        contents: Of the artifact.
        uri: With a scheme.
        name: The path of the entry, or of the directory for them; by default an object goes by its own name, and what
            is below a directory to the top.
        checksum: Keep what identifies the contents; `content`: read them, and keep their chunk list too.
        max_objects: The most objects that may be added.
        found: Called for each object, to show progress.
        known: Returns the entry that a path had before, see `with_chunk_lists`; None: that of the artifact.
        dry_run: Read no object: entries are without their chunk lists.
        reading: Counts the objects that are read, and their bytes.

    Returns:
        The paths and entries that were added.

    Raises:
        InvalidInputError: The URI is not allowed, leads to nothing or to more than `max_objects`, has a scheme that is
            not known and no name was given, or a path has other contents; or there is no such `checksum`.
        SourceError: Something cannot be read.
    """
    if isinstance(checksum, str) and checksum != CONTENT:
        raise InvalidInputError(f"checksum={checksum!r} is not allowed: use True, False or {CONTENT!r}")
    limit = _MAX_OBJECTS if max_objects is None else max_objects
    added: dict[bytes, Entry] = {}
    directories: set[bytes] = set()
    for path, entry in islice(_reference_entries(contents.references, uri, name, checksum=checksum), limit + 1):
        _check_among(added, directories, path, uri)
        if checksum != CONTENT:
            contents.check(path, entry, overwrite=False)
        added[path] = entry
        found()
    if len(added) > limit:
        raise InvalidInputError(f"{quoted(uri)} leads to more than {limit} objects: name fewer, or raise max_objects")
    if checksum == CONTENT and not dry_run:
        from artfs.api.artifact.chunk_lists import with_chunk_lists  # noqa: PLC0415 # threads: others do without

        added = dict(with_chunk_lists(contents, added, known or contents.entries.get, reading))
        for path, entry in added.items():
            contents.check(path, entry, overwrite=False)
    for path, entry in added.items():
        contents.add(path, entry, overwrite=False)
    return list(added.items())


def _check_among(added: dict[bytes, Entry], directories: set[bytes], path: bytes, uri: str) -> None:
    """Refuse an object whose path is a directory of others, or leads through one that is a file.

    Raises:
        InvalidInputError: It is.
    """
    clash = path if path in directories or path in added else None
    parent = path.rpartition(b"/")[0]
    while parent and parent not in directories:
        directories.add(parent)
        clash = parent if parent in added else clash
        parent = parent.rpartition(b"/")[0]
    if clash is not None:
        raise InvalidInputError(
            f"{quoted(uri)} holds an object {quoted(clash)} and others below that name, which cannot both be files: "
            "copy one to another key, or refer to them one by one under names of their own"
        )


def _reference_entries(
    handlers: Handlers, uri: str, name: bytes | None, *, checksum: Checksum
) -> Iterator[tuple[bytes, Entry]]:
    # All that would identify a local file is the hash of its bytes, which the chunk list makes needless.
    is_proved_by_chunks = checksum == CONTENT and scheme_of(uri) == "file"
    found = handlers.find(uri, checksum=bool(checksum) and not is_proved_by_chunks)
    if found is None:
        if name is None:
            raise InvalidInputError(
                f"artfs does not know the scheme {scheme_of(uri)!r}: give a name, under which the URI is kept"
            )
        text = str.__str__(uri)  # of a subclass, as numpy's, the plain text
        yield name, reference_entry(name.rpartition(b"/")[2], Reference(text), _REFERENCE_MODE, time.time_ns())
        return
    for each in found:
        path = _path_of(name, each)
        mtime = each.mtime_ns or time.time_ns()
        yield path, reference_entry(path.rpartition(b"/")[2], each.reference, _REFERENCE_MODE, mtime)


def _path_of(name: bytes | None, found: Found) -> bytes:
    """Return the path in the artifact of an object that a URI leads to.

    Raises:
        InvalidInputError: Its key is no path that a file could have; the message names it.
    """
    try:
        return _joined(name, found.name) if found.name else name or _joined(None, found.basename)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{quoted(found.reference.uri)} has no path in the artifact: {error}; "
            + ("copy it to another key, or refer to prefixes without it" if found.name else "give a name")
        ) from error


def _joined(prefix: bytes | None, name: str) -> bytes:
    parts = parse_entry_path(name)
    return b"/".join((prefix, *parts) if prefix else parts)


@contextmanager
def new_file(contents: PendingEntries, path: bytes, mode: str, encoding: str | None) -> Iterator[IO[Any]]:
    """Open a new file, and add it when the block is left without an exception.

    Args:
        contents: Of the artifact.
        path: The path of the entry.
        mode: `w` to replace a file that is there, `x` to refuse; with `b` for bytes.
        encoding: Of text; UTF-8 by default.

    Raises:
        InvalidInputError: The mode is not one of these, or `x` was given and the file is there.
        StorageError: The system refused.
    """
    if mode not in _MODES:
        raise InvalidInputError(f"mode {mode!r} is not allowed: use 'x', 'xb', 'w' or 'wb'")
    old = contents.entries.get(path)
    if old is not None and ("x" in mode or old.kind == Kind.DIRECTORY):
        raise InvalidInputError(f"{quoted(path)} is in the artifact: choose another name, or remove it first")
    temporary = contents.scratch / secrets.token_hex(8)
    try:
        with temporary.open(
            "xb" if "b" in mode else "x", encoding=None if "b" in mode else encoding or "utf-8"
        ) as file:
            temporary.chmod(0o644)
            contents.open_files.append(path)
            try:
                yield file
            finally:
                contents.open_files.remove(path)
        raw = os.fsencode(temporary)
        contents.add_file(path, SourceFile(b"", raw, os.stat(raw)), overwrite="w" in mode)
    except SourceError as error:
        raise StorageError(f"the new file {quoted(path)} could not be read back: {error}") from error
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
