"""Names that the kernel has to forget, since what they led to went without its knowing."""

from __future__ import annotations

import contextlib
import threading
from typing import Final

import pyfuse3

from artfs.fuse.staging.numbers import ROOT

__all__ = ["forget_draft"]

_PATIENCE_SECONDS: Final = 0.05


def forget_draft(name: str) -> None:
    """Have the kernel ask for the name of a draft again.

    It waits until nobody looks for a name in the mount's root, and somebody may wait for this process to be told what
    is there. So it is told by a thread, which has done so at once when nobody does; otherwise the kernel learns of it
    by itself within the time that it believes names in the root.
    """
    thread = threading.Thread(target=_tell, args=(name.encode(),), daemon=True)
    thread.start()
    thread.join(_PATIENCE_SECONDS)


def _tell(name: bytes) -> None:
    with contextlib.suppress(OSError):  # it did not know it, or the file system is unmounted
        pyfuse3.invalidate_inode(ROOT, attr_only=True)
        pyfuse3.invalidate_entry(ROOT, name)
