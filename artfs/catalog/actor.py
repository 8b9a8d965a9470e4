"""Who changes the catalog: what the journal says of them."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

__all__ = ["Actor", "current_actor"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who.

    Attributes:
        user: The system's name of the user.
        host: The machine's name.
        pid: The process.
        run: The run, if it happens during one.
    """

    user: str
    host: str
    pid: int
    run: str | None = None


def current_actor(run: str | None = None) -> Actor:
    """Return this process."""
    uid = os.getuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's arbitrary uid
        user = str(uid)
    return Actor(_printed(user), _printed(os.uname().nodename), os.getpid(), run)


def _printed(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
