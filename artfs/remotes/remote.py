"""The interface of an object store that a store is in.

- A name is created once. No object is ever written over by another one: what is put again has the same bytes.
- `create` is the only call that has a condition, and no answer but True proves anything. False may mean one's own
  object, whose first answer was lost, or a conflict of which nothing was written; so may an error. Who needs to know
  gets the object and compares.
- Times are the server's: no clock of a client is compared with another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from artfs.errors import InvalidInputError

__all__ = ["ListedObject", "Remote", "check_name"]

_NAME: Final = re.compile(r"[a-z0-9_-][a-z0-9._-]*(/[a-z0-9_-][a-z0-9._-]*)*")


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object as a list has it.

    Attributes:
        name: Its name in the store.
        size: Bytes.
        modified_ns: When it was written, by the server's clock (nanoseconds since 1970).
    """

    name: str
    size: int
    modified_ns: int


class Remote(Protocol):
    """An object store. `tests/remotes/test_contract.py` checks every implementation. Threads may share one.

    Every call raises:
        StoreUnreachableError: No answer, or one that may pass (429, 5xx). A write may or may not have happened.
        StoreRefusedError: The server refuses for good; nothing was written.
        StorageError: The file system refused (directories); nothing was written.
    """

    @property
    def url(self) -> str:
        """Where the store is, for messages; no credential is in it."""

    @property
    def where(self) -> str:
        """The URL and, where there is one of the user's own choice, the server: what a probe is about."""

    def create(self, name: str, data: bytes) -> bool:
        """Create an object if there is none of that name, in one request that is not repeated.

        Returns:
            True: The server says that it did. False: it says that it did not, which proves nothing.

        Raises:
            OutcomeUnknownError: It was written, and whether it lasts cannot be found out by reading it.
        """

    def put(self, name: str, data: bytes) -> None:
        """Write an object, over one of the same bytes if there is one."""

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes | None:
        """Read an object, or exactly a range of it; None: there is none.

        Args:
            name: Of the object.
            start: Offset of the first byte.
            end: Offset after the last byte, which is in the object, and above `start`; None: the object's end, from 0.

        Raises:
            IntegrityError: The object is shorter than that.
        """

    def list(self, prefix: str, after: str = "") -> Iterator[ListedObject]:
        """Yield the objects whose names begin with a prefix that ends with a slash.

        They come in the order of their names, if these have equally many parts: not all servers sort `a/b/c` and
        `a/b-c/d` alike.

        Args:
            prefix: Of the names.
            after: Only names greater than this one.
        """

    def delete(self, name: str) -> None:
        """Delete an object; it need not exist."""


def check_name(name: str) -> None:
    """Refuse a name that is not of the form that artfs gives to objects.

    Raises:
        InvalidInputError: It is not; no such name is ever asked for unless a record of the store is hostile.
    """
    if not _NAME.fullmatch(name) or len(name) > 255:
        raise InvalidInputError(f"{name!r} is not the name of an object of a store")
