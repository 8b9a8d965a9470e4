"""The author of a change of the catalog, as the journal names it."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

__all__ = ["Actor", "actor_of", "current_actor"]


@dataclass(frozen=True, slots=True)
class Actor:
    """The user, machine and process that change the catalog.

    Attributes:
        user: The system's name of the user.
        host: The machine's name.
        pid: The process.
        run: The run that the process belongs to, if any.
    """

    user: str
    host: str
    pid: int
    run: str | None = None


def current_actor(run: str | None = None) -> Actor:
    """Return this process."""
    return actor_of(os.getuid(), os.getpid(), run)


def actor_of(uid: int, pid: int, run: str | None = None) -> Actor:
    """Return a process of this machine.

    Args:
        uid: Its user.
        pid: Its number.
        run: The run that it belongs to, if any.
    """
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's arbitrary uid
        user = str(uid)
    return Actor(_unicode(user), _unicode(os.uname().nodename), pid, run)


def _unicode(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
