"""The tree that a draft was last about to publish: by it a draft knows a version as its own.

A commit whose version is there, and which the draft was not given before the server died, would else be taken for
another's. The file `attempt` of a draft has the digest of the tree's topmost page, durable before the version is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from artfs.files import sync_directory
from artfs.files.store_files import open_file
from artfs.format.digest import DIGEST_SIZE

__all__ = ["attempted_root", "record_attempt"]

_NAME: Final = "attempt"


def record_attempt(draft: Path, root: bytes) -> None:
    """Record the tree that is about to be published, durably.

    Args:
        draft: The draft's directory.
        root: Topmost page of the tree.

    Raises:
        OSError: The disk said no.
    """
    path = draft / _NAME
    is_new = not path.exists()
    descriptor = open_file(path, os.O_WRONLY | os.O_CREAT)
    try:
        os.pwrite(descriptor, root, 0)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        sync_directory(draft)


def attempted_root(draft: Path) -> bytes:
    """Topmost page of the tree that was recorded last; empty: none was, or not as a whole."""
    try:
        descriptor = open_file(draft / _NAME, os.O_RDONLY)
    except OSError:
        return b""
    try:
        root = os.pread(descriptor, DIGEST_SIZE + 1, 0)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
    return root if len(root) == DIGEST_SIZE else b""
