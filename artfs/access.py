"""Why the system refuses a path: whose it is, with which rights, and who can open it."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from pathlib import Path

__all__ = ["owner_and_rights", "system_reason"]


def system_reason(error: OSError, path: str | bytes | None = None) -> str:
    """Say why the system refused something; after EACCES also what is closed, and who can open it.

    Args:
        error: The system's error.
        path: The path that it refused; None: the error's, if that is absolute.
    """
    if not error.errno:
        return str(error)
    reason = os.strerror(error.errno)
    place = path if path is not None else error.filename
    if error.errno != errno.EACCES or not isinstance(place, str | bytes) or not (path or os.path.isabs(place)):
        return reason
    try:
        closed = _closed(Path(os.path.abspath(os.fsdecode(place))))
        return reason if closed is None else f"{reason}; {_description(closed)}"
    except OSError:  # it is gone, or nothing can be known of it
        return reason


def _closed(path: Path) -> Path | None:
    """Find the first file or directory on the way to a path that this process may not use."""
    for directory in reversed(path.parents):
        if not os.access(directory, os.X_OK, effective_ids=True):
            return directory
    if not os.path.lexists(path):
        return None if os.access(path.parent, os.W_OK, effective_ids=True) else path.parent
    for right in (os.R_OK, os.X_OK if path.is_dir() else os.R_OK, os.W_OK):
        if not os.access(path, right, effective_ids=True):
            return path
    return None if os.access(path.parent, os.W_OK, effective_ids=True) else path.parent


def _description(path: Path) -> str:
    status = path.stat()
    whose = f"{path} {owner_and_rights(status)}"
    if status.st_uid == os.geteuid():
        return f"{whose}: open it with `chmod u+rwX {shlex.quote(os.fspath(path))}`"
    whose = f"{whose}, and you are {_user(os.geteuid())}"
    owner = _user(status.st_uid)
    group = status.st_mode >> 3 & 7
    if group & ~(status.st_mode & 7) and status.st_gid not in {os.getegid(), *os.getgroups()}:
        return f"{whose}: have yourself added to the group {_group(status.st_gid)}, or have {owner} open it to you"
    return f"{whose}: have {owner} open it to you"


def owner_and_rights(status: os.stat_result) -> str:
    """Say whose a file or directory is and which rights it has, as "belongs to alice, with the rights drwx------"."""
    owner = "is yours" if status.st_uid == os.geteuid() else f"belongs to {_user(status.st_uid)}"
    return f"{owner}, with the rights {stat.filemode(status.st_mode)}"


def _user(uid: int) -> str:
    import pwd  # noqa: PLC0415 # needed after a refusal alone

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _group(gid: int) -> str:
    import grp  # noqa: PLC0415 # needed after a refusal alone

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
