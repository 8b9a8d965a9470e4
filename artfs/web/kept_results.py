"""Results that take long, kept until the store changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

__all__ = ["KeptResults"]

T = TypeVar("T")
_MOST: Final = 64


@dataclass(slots=True)
class _Slot:
    """One result; its lock is taken while it is made, so that it is made once."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    revision: object = None
    result: Any = None


class KeptResults:
    """The newest results by key, the least recently used dropped first."""

    def __init__(self) -> None:
        self._slots: OrderedDict[Hashable, _Slot] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, revision: object, make: Callable[[], T]) -> T:
        """Return a result, made for this revision or now.

        Args:
            key: Says what it is.
            revision: What it was made from, as the number of the journal's last record.
            make: Makes it.
        """
        slot = self._slot(key)
        with slot.lock:
            if slot.revision != revision:
                slot.result = make()
                slot.revision = revision
            result: T = slot.result
            return result

    def find(self, key: Hashable, revision: object) -> Any:
        """Return a result that was made for this revision; None if there is none, or it is being made."""
        slot = self._slots.get(key)
        return slot.result if slot is not None and slot.revision == revision else None

    def _slot(self, key: Hashable) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            while len(self._slots) > _MOST:
                self._slots.popitem(last=False)
            return slot
