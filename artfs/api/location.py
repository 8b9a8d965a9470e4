"""Where the store of a user is who names none. Light: the command line starts through here."""

from __future__ import annotations

import os
from pathlib import Path

from artfs.errors import InvalidInputError

__all__ = ["default_store"]


def default_store() -> Path:
    """The store of a user who names none: `$ARTFS_STORE`, else `artfs` in the user's data directory.

    Raises:
        InvalidInputError: No such directory is known.
    """
    if named := os.environ.get("ARTFS_STORE"):
        return Path(os.path.abspath(named))
    data = os.environ.get("XDG_DATA_HOME", "")
    if os.path.isabs(data):  # the XDG specification has a relative one ignored
        return Path(data, "artfs")
    try:
        return Path.home() / ".local" / "share" / "artfs"
    except RuntimeError:
        raise InvalidInputError("this user has no home directory: name a store with --store or $ARTFS_STORE") from None
