"""What is done with the contents of a version: write out, make a directory equal, compare, open."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from artfs.api.entry import ManifestEntry, open_stored
from artfs.catalog import Version
from artfs.errors import InvalidInputError
from artfs.format.node import Entry, Kind
from artfs.mountinfo import mounts
from artfs.names import quoted
from artfs.store.checkout import differences, prune
from artfs.store.extract import extract
from artfs.store.store import Store, root_entry

__all__ = ["checkout", "default_root", "download", "download_entry", "mounted", "open_entry", "verify"]

_SHOWN = 5


def default_root(name: str) -> str:
    """Where something of that name is written if nobody says where."""
    return os.path.join("artifacts", name)


def download(
    store: Store, version: Version, root: str | os.PathLike[str], prefix: str, allow_missing_references: bool
) -> str:
    """Write the entries whose paths begin with `prefix` out; give the directory."""
    target = Path(os.path.abspath(root))
    extract(
        store,
        root_entry(version),
        target,
        allow_missing_references=allow_missing_references,
        select=_selects(os.fsencode(prefix)) if prefix else None,
    )
    return str(target)


def _selects(prefix: bytes) -> Callable[[bytes, Entry], bool]:
    def select(path: bytes, entry: Entry) -> bool:
        return path.startswith(prefix) or (entry.kind == Kind.DIRECTORY and prefix.startswith(path + b"/"))

    return select


def checkout(store: Store, version: Version, root: str | os.PathLike[str]) -> str:
    """Make a directory equal to a version; give the directory."""
    target = Path(os.path.abspath(root))
    prune(store, root_entry(version), target)
    extract(store, root_entry(version), target)
    return str(target)


def mounted(store: Store, name: str) -> Path | None:
    """The directory of a version in a mount that serves the store, if there is one that answers.

    Args:
        store: The store.
        name: `animals:v0`.
    """
    for mount in mounts():
        if not mount.staging and mount.pid is not None and mount.store == Path(os.path.realpath(store.path)):
            directory = mount.mountpoint.joinpath(*name.split(":"))
            if directory.is_dir():
                return directory
    return None


def verify(store: Store, version: Version, root: str | os.PathLike[str]) -> None:
    """Compare a directory with a version.

    Raises:
        InvalidInputError: It differs; names some of what does.
    """
    target = Path(os.path.abspath(root))
    if not target.is_dir():
        raise InvalidInputError(f"{quoted(str(target))} is no directory: download the artifact first")
    found = [f"{quoted(path)} {what}" for path, what in differences(store, root_entry(version), target)]
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise InvalidInputError(f"{quoted(str(target))} is not as it was logged: {', '.join(found[:_SHOWN])}{more}")


def open_entry(store: Store, entry: ManifestEntry) -> IO[bytes]:
    """Open an entry for reading."""
    return open_stored(store, entry.row)


def download_entry(store: Store, entry: ManifestEntry, root: str | os.PathLike[str]) -> str:
    """Write one entry out below a directory; give its path."""
    target = Path(os.path.abspath(root), entry.path)
    extract(store, entry.row, target)
    return str(target)
