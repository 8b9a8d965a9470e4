"""Read-ahead: what of an object is likely to be read next."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from artfs.objects.fetcher.limits import Limits

__all__ = ["ReadAhead"]

_MAX_STREAMS: Final = 8
_DISORDER: Final = 1 << 20
"""Workers of a mount read for one program in turn, so neighbours may come in another order."""


@dataclass(slots=True)
class _Stream:
    """A sequential reader: how far it is, how far ahead is fetched, and how many bytes ahead next."""

    position: int
    ahead: int
    window: int = 0


class ReadAhead:
    """The sequential readers of one object.

    Args:
        size: Of the object.
        limits: How far to fetch ahead.
    """

    def __init__(self, size: int, limits: Limits) -> None:
        self._size = size
        self._limits = limits
        self._streams: deque[_Stream] = deque(maxlen=_MAX_STREAMS)

    def note(self, start: int, end: int) -> tuple[int, int] | None:
        """Note that a range is read; return the range to fetch ahead now, if any."""
        stream = self._stream(start)
        if stream is None:
            self._streams.append(stream := _Stream(end, end))
            if start:  # only at the beginning of an object the first read is enough to expect a second
                return None
        stream.position = max(stream.position, end)
        if stream.ahead - stream.position > stream.window // 2:
            return None
        stream.window = min(max(2 * stream.window, self._limits.first_window), self._limits.last_window)
        begin = max(stream.ahead, stream.position)
        stream.ahead = min(stream.position + stream.window, self._size)
        return (begin, stream.ahead) if begin < stream.ahead else None

    def _stream(self, start: int) -> _Stream | None:
        """Find the reader whose next read this may be."""
        for stream in reversed(self._streams):
            if abs(start - stream.position) <= max(_DISORDER, stream.window):
                return stream
        return None
