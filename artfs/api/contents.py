"""The contents of a draft: entries by path, the rules for adding and removing, and the deposit that holds the bytes."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from artfs.api.stores import StoreLike, shared_store
from artfs.errors import InvalidInputError
from artfs.format.node import Entry, Kind
from artfs.format.operations import Tree
from artfs.names import quoted
from artfs.store.deposit import Deposit, NoSink, build_flat
from artfs.store.source import SourceDirectory, SourceFile
from artfs.store.store import Store

__all__ = ["Contents"]


class Contents:
    """What a draft holds so far.

    Args:
        store: Where its bytes go as they are added; opened with the first of them.

    Attributes:
        entries: By path. Directories are there where they were added as such.
    """

    def __init__(self, store: StoreLike = None) -> None:
        self.entries: dict[bytes, Entry] = {}
        self._implied: dict[bytes, int] = {}  # directories by what is in them: the number of entries below
        self._store = store
        self._deposit: Deposit | None = None
        self._bytes_in: Store | None = None
        self._release: Callable[[], object] = lambda: None

    def fill(self, entries: Iterable[tuple[bytes, Entry]], store: Store) -> None:
        """Begin with entries whose contents are in a store."""
        self._bytes_in = self._store = store
        for path, entry in entries:
            self._put(path, entry)

    @property
    def store(self) -> StoreLike:
        """Where it is to be logged, if nobody says otherwise."""
        return self._store

    @property
    def directory(self) -> Path:
        """For files that are still being written."""
        return self._open().scratch

    @property
    def top(self) -> Entry:
        """The row of the root's topmost page: its digest and size."""
        return build_flat(self.entries, NoSink())

    def leaves(self) -> Iterator[tuple[bytes, Entry]]:
        """All entries that are no directories, by path."""
        for path in sorted(self.entries):
            if self.entries[path].kind != Kind.DIRECTORY:
                yield path, self.entries[path]

    def add_file(self, path: bytes, file: SourceFile, *, overwrite: bool) -> None:
        """Store a file.

        Raises:
            InvalidInputError: There is something else at the path.
            SourceError: The file cannot be read, or changed meanwhile.
        """
        self._room(path)
        self._open().file(file)
        self.add(path, file.entry(), overwrite=overwrite)

    def add_tree(self, prefix: bytes, top: SourceDirectory, began_ns: int, *, merge: bool, anew: bool) -> None:
        """Store a scanned directory, all of it or nothing.

        Args:
            prefix: Where it goes.
            top: The directory.
            began_ns: When it began to be scanned.
            merge: Replace files that the draft has with other contents.
            anew: Read also the files that did not change since they were stored.

        Raises:
            InvalidInputError: A file is in the draft already with other contents, and `merge` is False.
            SourceError: A file cannot be read, or changed meanwhile.
        """
        self._open().directory(top, began_ns, anew=anew)
        found = list(_flat(prefix, top))
        for path, entry in found:
            self._fits(path, entry, overwrite=merge)
        for path, entry in found:
            self._put(path, entry)

    def add(self, path: bytes, entry: Entry, *, overwrite: bool) -> None:
        """Add an entry whose contents are stored."""
        self._fits(path, entry, overwrite=overwrite)
        self._put(path, entry)

    def check(self, path: bytes, entry: Entry) -> None:
        """Refuse an entry that cannot be added.

        Raises:
            InvalidInputError: There is something else at the path.
        """
        self._fits(path, entry, overwrite=False)

    def remove(self, path: bytes) -> bool:
        """Remove an entry, or a directory with all below it; give whether there was one."""
        inside = [path] if path in self.entries else []
        if path in self._implied:
            inside += [below for below in self.entries if below.startswith(path + b"/")]
        for below in inside:
            del self.entries[below]
            for parent in _parents(below):
                self._implied[parent] -= 1
                if not self._implied[parent]:
                    del self._implied[parent]
        return bool(inside)

    def tree(self, store: Store) -> Tree:
        """Make the contents durable in a store, copied there if they are in another."""
        deposit = self._open(store)
        if any(other is not None and other.path != store.path for other in (self._bytes_in, deposit.store)):
            deposit = self._move(store)
        return deposit.tree(self.entries)

    def close(self) -> None:
        """Let go of the deposit."""
        self._release()

    def _open(self, store: Store | None = None) -> Deposit:
        if self._deposit is None:
            self._deposit = Deposit(store or shared_store(self._store))
            self._bytes_in = self._bytes_in or self._deposit.store
            self._release = weakref.finalize(self, self._deposit.close)
        return self._deposit

    def _move(self, store: Store) -> Deposit:
        """Copy what is in one store to another: it was added before anybody said where it is to be logged."""
        source = self._bytes_in or store
        if self._deposit is not None and self._deposit.store is source:
            self._deposit.flush()
        target = Deposit(store)
        copied = weakref.finalize(self, target.close)
        for path, entry in self.entries.items():
            if entry.kind == Kind.FILE:
                digest, extra = target.copy(source, entry)
                self.entries[path] = entry._replace(digest=digest, extra=extra)
        self._release()
        self._deposit, self._bytes_in, self._release = target, store, copied
        return target

    def _room(self, path: bytes) -> None:
        for parent in _parents(path):
            if parent in self.entries and self.entries[parent].kind != Kind.DIRECTORY:
                raise InvalidInputError(f"{quoted(parent)} is a file in the artifact: choose a path not below it")

    def _fits(self, path: bytes, entry: Entry, *, overwrite: bool) -> None:
        self._room(path)
        old = self.entries.get(path)
        if entry.kind == Kind.DIRECTORY:
            if old is not None and old.kind != Kind.DIRECTORY:
                raise InvalidInputError(f"{quoted(path)} is a file in the artifact: remove it first")
        elif path in self._implied or (old is not None and old.kind == Kind.DIRECTORY):
            raise InvalidInputError(f"{quoted(path)} is a directory in the artifact: remove it first")
        elif old is not None and not overwrite and (old.kind, old.digest) != (entry.kind, entry.digest):
            raise InvalidInputError(
                f"{quoted(path)} is in the artifact with other contents: remove it first, or give overwrite=True"
            )

    def _put(self, path: bytes, entry: Entry) -> None:
        if path not in self.entries:
            for parent in _parents(path):
                self._implied[parent] = self._implied.get(parent, 0) + 1
        self.entries[path] = entry


def _parents(path: bytes) -> Iterator[bytes]:
    while path := path.rpartition(b"/")[0]:
        yield path


def _flat(prefix: bytes, top: SourceDirectory) -> Iterator[tuple[bytes, Entry]]:
    """The entries of a scanned directory by their paths in the draft."""
    stack = [(prefix, top)]
    while stack:
        path, directory = stack.pop()
        if path:
            yield path, Entry(path.rpartition(b"/")[2], Kind.DIRECTORY, directory.mode, directory.mtime_ns, 0, b"")
        inner = path + b"/" if path else b""
        for file in directory.files:
            yield inner + file.name, file.entry()
        for link in directory.links:
            yield inner + link.name, link
        stack.extend((inner + child.name, child) for child in directory.directories)
