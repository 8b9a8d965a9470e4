"""Error for a path that a version does not have; it says what there is instead."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from typing import Final

from artfs.errors import NotFoundError
from artfs.names import EntryPath, VersionRef, printable, quoted
from artfs.spelling import nearest

__all__ = ["missing_entry"]

_NAMES_COMPARED: Final = 1_000


def missing_entry(ref: VersionRef, path: EntryPath, names: Iterable[bytes] | None) -> NotFoundError:
    """Make the error for a path of which all but the last name is in a version.

    Args:
        ref: The version.
        path: The path.
        names: What is in the directory; None: it is none.
    """
    said = f"no {quoted(b'/'.join(path))} in {ref}"
    if names is None:
        return NotFoundError(f"{said}: {quoted(b'/'.join(path[:-1]))} is a file, and no directory")
    meant = nearest(os.fsdecode(path[-1]), map(os.fsdecode, islice(names, _NAMES_COMPARED)))
    directory = printable(b"/".join((str(ref).encode(), *path[:-1])))
    if meant is None:
        return NotFoundError(f"{said}: `artfs ls {directory}` shows what there is")
    return NotFoundError(f"{said}: did you mean {quoted(meant)}? `artfs ls {directory}` shows all")
