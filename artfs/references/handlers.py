"""The reference handlers and open readers of a store, and the registration of handlers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from artfs.errors import InvalidInputError, ReferenceChangedError, ReferenceUnreadableError, SourceError
from artfs.format.digest import digest
from artfs.format.reference import Reference
from artfs.names import quoted
from artfs.references.handler import Found, Handler, Reader
from artfs.references.local import LocalFiles
from artfs.references.uris import is_scheme, scheme_of

if TYPE_CHECKING:
    from artfs.references.objects import ObjectsElsewhere

__all__ = ["Handlers", "register"]

_GROUP: Final = "artfs.references"
_EMPTY: Final = digest(b"")
_MAX_IDLE: Final = 16
"""Readers that stay open for the next read: each may hold some MiB that it read ahead."""


def _objects_elsewhere() -> Handler:
    """Make the handler of the providers' schemes, whose modules are loaded when one of them is used."""
    from artfs.references.objects import ObjectsElsewhere  # noqa: PLC0415 # see above

    return ObjectsElsewhere()


_factories: dict[str, Callable[[], Handler] | None] = {
    "file": LocalFiles,
    **dict.fromkeys(("s3", "gs", "az", "abfs", "abfss", "http", "https"), _objects_elsewhere),
}


def register(scheme: str, handler: Handler | Callable[[], Handler]) -> None:
    """Let a handler find and read the references of a scheme in this process.

    Args:
        scheme: As in URIs, without the colon.
        handler: For it, instead of the one that it had: a class or function that makes one for each open store, or one
            that all stores of this process share. One that has `read(reference, offset, size)` in place of `open` does
            too.

    Raises:
        InvalidInputError: The scheme is not one that a URI can have.
    """
    if not is_scheme(scheme):
        raise InvalidInputError(f"scheme {scheme!r} is not allowed: use letters, digits, '+', '-' and '.'")
    makes_one = isinstance(handler, type) or not hasattr(handler, "find")
    _factories[scheme.lower()] = cast("Callable[[], Handler]", handler if makes_one else lambda: handler)


class Handlers:
    """The handlers of one open store, each made when its scheme is first used.

    A reader that was used stays open for the next read of the object, until newer ones take its place, it fails, or the
    store is closed. While a thread uses it no other does: that one opens another.
    """

    def __init__(self) -> None:
        self._made: dict[Callable[[], Handler], Handler] = {}
        self._idle: OrderedDict[tuple[Callable[[], Handler] | None, Reference], Reader] = OrderedDict()
        self._max_idle = _MAX_IDLE
        self._lock = threading.Lock()

    def find(self, uri: str, *, checksum: bool) -> Iterator[Found] | None:
        """Yield what a URI leads to; None if there is no handler for its scheme.

        Args:
            uri: With a scheme.
            checksum: Keep what identifies the contents.

        Raises:
            InvalidInputError: It is not allowed, or leads to nothing.
            SourceError: It cannot be read, or does not say its size.
        """
        handler = self._handler(scheme_of(uri))
        return None if handler is None else map(self._sized, handler.find(uri, checksum=checksum))

    def bring_in(self, references: Iterable[Reference], keep: bool | None) -> Iterator[int]:
        """Bring what is cached of references into the cache; others are passed over. Yield bytes as they are there.

        Args:
            references: The references.
            keep: Hold their objects against eviction from now on, or no longer; None: leave that as it is.

        Raises:
            SourceError: An object is gone, has changed or cannot be read.
        """
        elsewhere = (each for each in references if _factory(scheme_of(each.uri)) is _objects_elsewhere)
        first = next(elsewhere, None)
        if first is not None:
            handler = cast("ObjectsElsewhere", self._handler(scheme_of(first.uri)))
            yield from handler.bring_in(chain([first], elsewhere), keep)

    def forget(self, reference: Reference) -> bool:
        """Remove what is cached of an object, unproved; return True if anything was.

        Raises:
            StorageError: The cache cannot be written.
        """
        if _factory(scheme_of(reference.uri)) is not _objects_elsewhere:
            return False
        return cast("ObjectsElsewhere", self._handler(scheme_of(reference.uri))).forget(reference)

    @contextmanager
    def reader(self, reference: Reference) -> Iterator[Reader]:
        """Lend a reader of the object that a reference is to.

        Raises:
            ReferenceUnreadableError: There is no handler for its scheme.
            SourceError: It cannot be read; see `Handler.open`.
        """
        with self._lock:
            reader = self._idle.pop(_key(reference), None)
        if reader is None:
            reader = self._open(reference)
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        key = _key(reference)
        with self._lock:
            surplus = [self._idle.pop(key)] if key in self._idle else []  # another thread's
            self._idle[key] = reader
            while len(self._idle) > self._max_idle:
                surplus.append(self._idle.popitem(last=False)[1])
        for each in surplus:
            each.close()

    def close(self) -> None:
        """Close all readers, and the handlers; readers that threads use are closed when they come back."""
        with self._lock:
            idle, self._idle, self._max_idle = self._idle, OrderedDict(), 0
            made, self._made = self._made, {}
        for reader in idle.values():
            reader.close()
        if _objects_elsewhere in made:
            cast("ObjectsElsewhere", made[_objects_elsewhere]).close()

    def _open(self, reference: Reference) -> Reader:
        handler = self._handler(scheme_of(reference.uri))
        if handler is None:
            raise ReferenceUnreadableError(
                f"{quoted(reference.uri)} is kept by its URI alone: artfs cannot read its scheme"
            )
        return handler.open(reference) if hasattr(handler, "open") else _RangeReader(handler, reference)

    def _handler(self, scheme: str) -> Handler | None:
        factory = _factory(scheme)
        if factory is None:
            return None
        if factory not in self._made:
            self._made[factory] = factory()
        return self._made[factory]

    def _sized(self, found: Found) -> Found:
        """Prove that an object of size 0 is empty, and identify it; else 0 means an unknown size."""
        reference = found.reference
        if reference.size or reference.digest == _EMPTY:
            return found
        try:
            with self.reader(reference) as reader:
                empty = not reader.read(0, 1)
        except ReferenceChangedError:
            empty = False
        if not empty:
            raise SourceError(f"{quoted(reference.uri)} does not say its size, which a reference needs")
        if reference.is_size_known:
            return found
        return replace(found, reference=msgspec.structs.replace(reference, digest=_EMPTY))


class _RangeReader:
    """The reader of a handler that has `read(reference, offset, size)` and no `open`."""

    def __init__(self, handler: Any, reference: Reference) -> None:
        self._handler = handler
        self._reference = reference

    def read(self, offset: int, size: int) -> bytes:
        data: bytes = self._handler.read(self._reference, offset, size)
        return data

    def close(self) -> None:
        pass


def _key(reference: Reference) -> tuple[Callable[[], Handler] | None, Reference]:
    """Return the key of an idle reader; readers of a handler that was replaced are not found."""
    return _factories.get(reference.uri.partition(":")[0].lower()), reference


def _factory(scheme: str) -> Callable[[], Handler] | None:
    """Return what makes the handler of a scheme; None if artfs cannot read it."""
    if scheme not in _factories:
        from importlib import metadata  # noqa: PLC0415 # takes longer to load than all of the API

        found = metadata.entry_points(group=_GROUP, name=scheme)
        _factories[scheme] = next(iter(found)).load() if found else None
    return _factories[scheme]
