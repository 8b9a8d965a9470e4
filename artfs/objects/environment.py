"""What of the environment the clients of object stores go by, and where the user's configuration and cache are.

The providers' own variables are read where their tools read them; a process that serves others takes the environment
of the one that started it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from artfs.errors import InvalidInputError

__all__ = ["cache_directory", "config_path", "environment", "home_directory"]


def environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ


def home_directory(variables: Mapping[str, str]) -> Path:
    """Return the user's home directory.

    Raises:
        InvalidInputError: None is known.
    """
    try:
        return Path(variables["HOME"]) if os.path.isabs(variables.get("HOME", "")) else Path.home()
    except RuntimeError:
        raise InvalidInputError("this user has no home directory: set $HOME") from None


def config_path(variables: Mapping[str, str]) -> Path:
    """Return the user's configuration file: `$ARTFS_CONFIG`, else `artfs/config.toml` in the user's config directory.

    Raises:
        InvalidInputError: No such directory is known.
    """
    if named := variables.get("ARTFS_CONFIG"):
        return Path(named)
    base = variables.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(base):  # the XDG specification has a relative one ignored
        return Path(base, "artfs", "config.toml")
    return home_directory(variables) / ".config" / "artfs" / "config.toml"


def cache_directory(variables: Mapping[str, str]) -> Path:
    """Return the directory of the user's cache: `$ARTFS_CACHE`, else `artfs` in the user's cache directory.

    Raises:
        InvalidInputError: No such directory is known.
    """
    if named := variables.get("ARTFS_CACHE"):
        return Path(os.path.abspath(named))
    base = variables.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):
        return Path(base, "artfs")
    return home_directory(variables) / ".cache" / "artfs"
