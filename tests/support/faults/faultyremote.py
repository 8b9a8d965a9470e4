"""Object stores that fail, and servers that lie about the condition of a create."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

from artfs.errors import StoreUnreachableError
from artfs.remotes.remote import ListedObject, Remote

__all__ = ["LIARS", "BothWin", "ChecksThenWrites", "FaultyRemote", "IgnoresTheCondition", "Wrapped"]


class Wrapped:
    """Passes everything on."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    @property
    def url(self) -> str:
        return self._remote.url

    @property
    def where(self) -> str:
        return self._remote.where

    def create(self, name: str, data: bytes) -> bool:
        return self._remote.create(name, data)

    def put(self, name: str, data: bytes) -> None:
        self._remote.put(name, data)

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes | None:
        return self._remote.get(name, start, end)

    def list(self, prefix: str, after: str = "") -> Iterator[ListedObject]:
        return self._remote.list(prefix, after)

    def delete(self, name: str) -> None:
        self._remote.delete(name)


class FaultyRemote(Wrapped):
    """Creates fail at random.

    Args:
        remote: The store itself.
        rng: Draws the failures.
        lost: How many of the creates happen, and their answer is lost.
        conflicts: How many are answered by 409 and do not happen.
        unavailable: How many are answered by 503 and do not happen.

    Attributes:
        failed: How many failed so far.
    """

    def __init__(
        self,
        remote: Remote,
        rng: random.Random,
        *,
        lost: float = 0.1,
        conflicts: float = 0.05,
        unavailable: float = 0.05,
    ) -> None:
        super().__init__(remote)
        self._rng = rng
        self._shares = (lost, conflicts, unavailable)
        self.failed = 0

    def create(self, name: str, data: bytes) -> bool:
        lost, conflicts, unavailable = self._shares
        drawn = self._rng.random()
        if drawn >= lost + conflicts + unavailable:
            return super().create(name, data)
        self.failed += 1
        if drawn < lost:
            super().create(name, data)
            raise StoreUnreachableError("the answer was lost")
        if drawn < lost + conflicts:
            return False
        raise StoreUnreachableError("the server answers 503")


class IgnoresTheCondition(Wrapped):
    """Writes over what is there, and says that it created it."""

    def create(self, name: str, data: bytes) -> bool:
        self._remote.put(name, data)
        return True


class ChecksThenWrites(Wrapped):
    """Looks whether there is an object, and writes if there was none: racing writers all find none."""

    def __init__(self, remote: Remote) -> None:
        super().__init__(remote)
        self._looked = threading.Barrier(2)
        self._met = False

    def create(self, name: str, data: bytes) -> bool:
        if self._remote.get(name) is not None:
            return False
        if not self._met:
            self._looked.wait(20)
            self._met = True
        self._remote.put(name, data)
        return True


class BothWin(Wrapped):
    """Keeps the first, and answers everybody that he won."""

    def create(self, name: str, data: bytes) -> bool:
        self._remote.create(name, data)
        return True


LIARS = (IgnoresTheCondition, ChecksThenWrites, BothWin)
