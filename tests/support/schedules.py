"""Forced schedules of two threads: one stops in the middle of its work until the other waits for a lock, or is done."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, ClassVar, Generic, TypeVar

__all__ = ["ObservedDict", "Rival", "once"]

T = TypeVar("T")
_PATIENCE = 60.0


class Rival(Generic[T]):
    """Another thread, which does something in the middle of what this one does.

    Attributes:
        waited: It had to wait for one of the locks that `lock` and `rlock` made.
    """

    def __init__(self) -> None:
        self.waited = False
        self._settled = threading.Event()
        self._done: Future[T] = Future()
        self._thread: threading.Thread | None = None

    def lock(self) -> Any:
        """Make a lock that notes if the other thread waits for it: to be used in place of `threading.Lock`."""
        return _ObservedLock(_LOCK(), self._waits)

    def rlock(self) -> Any:
        """Do the same in place of `threading.RLock`."""
        return _ObservedLock(_RLOCK(), self._waits)

    def meanwhile(self, call: Callable[[], T]) -> None:
        """Let the other thread make a call until it waits for a lock or is done."""
        self._thread = threading.Thread(target=self._run, args=(call,))
        self._thread.start()
        assert self._settled.wait(_PATIENCE), "the other thread is neither done nor waits for one of the locks"

    def result(self) -> T:
        """Wait for the other thread; return what its call returned, or raise what it raised."""
        assert self._thread is not None, "the other thread never began"
        self._thread.join(_PATIENCE)
        return self._done.result(0)

    def _run(self, call: Callable[[], T]) -> None:
        try:
            self._done.set_result(call())
        except BaseException as error:  # noqa: BLE001 # raised in the other thread by `result`
            self._done.set_exception(error)
        finally:
            self._settled.set()

    def _waits(self) -> None:
        if threading.current_thread() is self._thread:
            self.waited = True
            self._settled.set()


_LOCK, _RLOCK = threading.Lock, threading.RLock


class _ObservedLock:
    def __init__(self, lock: Any, on_wait: Callable[[], None]) -> None:
        self._lock = lock
        self._on_wait = on_wait

    def __enter__(self) -> bool:
        if self._lock.acquire(blocking=False):
            return True
        self._on_wait()
        return bool(self._lock.acquire(timeout=_PATIENCE))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)  # what a Condition takes of its lock

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._lock.release()


class ObservedDict(OrderedDict[Any, Any]):
    """In place of a cache's own: what is in `before_set` is called before an item is set, and once."""

    before_set: ClassVar[list[Callable[[], None]]] = []

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.before_set:
            self.before_set.pop()()
        super().__setitem__(key, value)


def once(call: Callable[[], object], real: Callable[..., T], *, after: bool = False) -> Callable[..., T]:
    """Wrap a function: a call is made before it is called for the first time, or after it."""
    calls = [call]

    def wrapped(*arguments: Any, **more: Any) -> T:
        first = calls.pop() if calls else None
        if first is not None and not after:
            first()
        result = real(*arguments, **more)
        if first is not None and after:
            first()
        return result

    return wrapped
