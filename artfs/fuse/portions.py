"""Portions of directory listings, ready to be sent again.

The kernel does not keep what it was told of a directory's contents, and asks for the same portions at every walk. To
make the attributes is most of what a listing costs here, so what cannot change is made once and held while it fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pyfuse3 import EntryAttributes

__all__ = ["Portions", "Sent"]

Sent = tuple[bytes, EntryAttributes, int]
"""Name, attributes, and the offset of what follows."""

_MAX_ENTRIES = 20_000  # about 400 bytes each


class Portions:
    """What was sent of immutable directories, by inode number and offset."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], list[Sent]] = {}
        self._entries = 0

    def send(self, ino: int, offset: int, reply: Callable[..., bool], make: Callable[[], Iterable[Sent]]) -> None:
        """Send a portion of a directory.

        Args:
            ino: The directory.
            offset: Where the portion begins.
            reply: Takes name, attributes and following offset; False when there is no more room.
            make: Lists the directory from the offset on, with attributes that nobody changes afterwards.
        """
        held = self._held.get((ino, offset))
        if held is not None:
            for name, attributes, following in held:
                if not reply(name, attributes, following):
                    return
            return
        sent: list[Sent] = []
        for entry in make():
            if not reply(*entry):
                if sent:  # an empty portion means the directory's end
                    self._keep(ino, offset, sent)
                return
            sent.append(entry)
        self._keep(ino, offset, sent)

    def _keep(self, ino: int, offset: int, sent: list[Sent]) -> None:
        if self._entries > _MAX_ENTRIES:
            self._held.clear()
            self._entries = 0
        self._held[ino, offset] = sent
        self._entries += len(sent) + 1
