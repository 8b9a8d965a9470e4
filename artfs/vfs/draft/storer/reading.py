"""Read a file of a draft that is being changed, by what its job says."""

from __future__ import annotations

import os
from pathlib import Path

from artfs.vfs.draft.datafiles import file_name
from artfs.vfs.draft.jobs import Job

__all__ = ["read_job"]


def read_job(draft: Path, job: Job, start: int, view: memoryview) -> None:
    """Read a part of the file into memory; what no extent has is zero.

    Args:
        draft: The directory of its draft.
        job: Its job.
        start: Offset of the first byte.
        view: Where to; as many bytes as it takes are read.

    Raises:
        OSError: It is not there any more, or shorter.
    """
    at, end = start, start + len(view)
    for first, (last, data, base) in job.extents:
        if last <= at or first >= end:
            continue
        if first > at:
            _clear(view[at - start : first - start])
            at = first
        stop = min(last, end)
        descriptor = os.open(draft / "data" / file_name(data), os.O_RDONLY | os.O_CLOEXEC)
        try:
            read = os.preadv(descriptor, [view[at - start : stop - start]], base + at)
        finally:
            os.close(descriptor)
        if read != stop - at:
            raise FileNotFoundError(f"data file {file_name(data)} became shorter")
        at = stop
    _clear(view[at - start :])


def _clear(view: memoryview) -> None:
    if view:
        view[:] = bytes(len(view))
