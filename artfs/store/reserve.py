"""Room that is held back, so that things can be deleted on a full disk: that takes some before it gives any."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

__all__ = ["RESERVE", "give_way", "hold_back"]

RESERVE: Final = "reserve"
"""Its name in the store's directory."""
_BYTES: Final = 4 << 20
_SCARCE: Final = 4 * _BYTES


def hold_back(root: Path) -> None:
    """Hold room back, if there is enough and none is held yet.

    Args:
        root: The store's directory.
    """
    path = root / RESERVE
    if path.exists() or _free(root) < 2 * _SCARCE:
        return
    with suppress(OSError):  # what cannot be held back is missing on a full disk only
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _BYTES)
        except OSError:
            path.unlink()
        finally:
            os.close(descriptor)


@contextmanager
def give_way(root: Path) -> Iterator[None]:
    """Let what happens meanwhile have the room that is held back, if there is hardly any other.

    Args:
        root: The store's directory.
    """
    if _free(root) < _SCARCE:
        with suppress(OSError):
            (root / RESERVE).unlink()
    try:
        yield
    finally:
        hold_back(root)


def _free(root: Path) -> int:
    try:
        told = os.statvfs(root)
    except OSError:
        return 0
    return told.f_bavail * told.f_frsize
