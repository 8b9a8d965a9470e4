"""When to start again what keeps dying."""

from __future__ import annotations

from typing import Final

__all__ = ["Backoff"]

_FORGET_SECONDS: Final = 10.0
_AT_ONCE: Final = 16
_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 5.0


class Backoff:
    """Delays between a worker's death and its successor's start.

    Single deaths cost no delay; a burst of them is slowed down, so that workers dying of what a client repeats do not
    keep a core busy. Ten quiet seconds, and all is forgotten.
    """

    def __init__(self) -> None:
        self._deaths = 0
        self._last = float("-inf")

    def delay(self, now: float) -> float:
        """Count a death.

        Args:
            now: The time, in seconds.

        Returns:
            Seconds to wait before the successor is started.
        """
        if now - self._last > _FORGET_SECONDS:
            self._deaths = 0
        self._last = now
        self._deaths += 1
        excess = self._deaths - _AT_ONCE
        return 0.0 if excess <= 0 else min(_FIRST_DELAY * 2.0 ** (excess - 1), _LONGEST_DELAY)
