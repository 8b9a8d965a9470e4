"""Follow the symlinks on the way to an entry, as the kernel follows them in a mounted version."""

from __future__ import annotations

from contextlib import suppress

from artfs.catalog import Version
from artfs.errors import NotFoundError
from artfs.format.node import Entry, Kind
from artfs.names import EntryPath
from artfs.store.store import Store

__all__ = ["resolve"]

_MAX_LINKS = 40  # as the kernel allows


def resolve(store: Store, version: Version, path: EntryPath) -> tuple[EntryPath, Entry]:
    """Find what a path leads to.

    Args:
        store: Where the version is.
        version: In which the path begins.
        path: Any part of it may be a symlink, its last one too.

    Returns:
        The place without symlinks, and the entry there, which is none.

    Raises:
        NotFoundError: There is nothing, or a link leads out of the version or round in a circle.
    """
    with suppress(NotFoundError):
        entry = store.entry(version, path)
        if entry.kind != Kind.SYMLINK:
            return path, entry
    place: EntryPath = ()
    ahead = path
    for _link in range(_MAX_LINKS + 1):
        while ahead:
            name, ahead = ahead[0], ahead[1:]
            if name == b"..":
                if not place:
                    raise NotFoundError("a symlink leads out of the version")
                place = place[:-1]
                continue
            entry = store.entry(version, (*place, name))
            if entry.kind == Kind.SYMLINK:
                ahead = _parts(entry.extra) + ahead
                break
            place = (*place, name)
        else:
            return place, store.entry(version, place)
    raise NotFoundError("too many symlinks")


def _parts(target: bytes) -> EntryPath:
    if target.startswith(b"/"):
        raise NotFoundError("a symlink leads out of the version")
    return tuple(part for part in target.split(b"/") if part not in {b"", b"."})
