"""Find entries of a version as a program would on a mounted one: through symlinks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.errors import InvalidInputError, NotFoundError
from artfs.format.node import Entry, Kind
from artfs.names import EntryPath, printable, quoted

if TYPE_CHECKING:
    from artfs.catalog import Version
    from artfs.store import Store

__all__ = ["follow"]

_MAX_LINKS = 40
"""As the kernel has it."""


def follow(store: Store, version: Version, path: EntryPath) -> Entry:
    """The entry at a path, symlinks on the way and at its end followed inside the version.

    Raises:
        NotFoundError: There is none.
        InvalidInputError: A symlink leads out of the version, or in circles.
    """
    done: list[bytes] = []
    rest = list(reversed(path))
    links = 0
    while rest:
        name = rest.pop()
        if name in (b"", b"."):
            continue
        if name == b"..":
            if not done:
                raise _leads_out(path)
            done.pop()
            continue
        entry = store.entry(version, (*done, name))
        if entry.kind != Kind.SYMLINK:
            if rest and entry.kind != Kind.DIRECTORY:
                raise NotFoundError(f"{printable(b'/'.join((*done, name)))!r} is no directory: see `artfs ls`")
            done.append(name)
            continue
        links += 1
        if links > _MAX_LINKS:
            raise InvalidInputError(f"{quoted(b'/'.join(path))} goes through symlinks in circles: name another")
        if entry.extra.startswith(b"/"):
            raise _leads_out(path)
        rest += reversed(entry.extra.split(b"/"))
    return store.entry(version, tuple(done))


def _leads_out(path: EntryPath) -> InvalidInputError:
    return InvalidInputError(
        f"{quoted(b'/'.join(path))} leads out of the version through a symlink: look with `artfs ls -l`"
    )
