"""What the environment says: the store of a user who names none, and the run. Light: the command line starts here."""

from __future__ import annotations

import os
from pathlib import Path

from artfs.errors import InvalidInputError

__all__ = ["announce_run", "announced_run", "default_store", "withdraw_run"]

_RUN = "ARTFS_RUN_ID"


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


def announced_run() -> str | None:
    """The run that the environment names, which may be of any store; None: none."""
    return os.environ.get(_RUN) or None


def announce_run(run: str) -> None:
    """Have programs that this process starts know the run."""
    os.environ[_RUN] = run


def withdraw_run(run: str) -> None:
    """Have them know no run, if it is this one that they do."""
    if os.environ.get(_RUN) == run:
        del os.environ[_RUN]
