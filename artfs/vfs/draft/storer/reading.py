"""Read a file of a draft that is being changed, by what its job says."""

from __future__ import annotations

import os
from pathlib import Path

from artfs.vfs.draft.datafiles import file_name
from artfs.vfs.draft.jobs import Job

__all__ = ["read_job"]


def read_job(draft: Path, job: Job, start: int, size: int) -> bytes:
    """Read a part of the file; what no extent has is zero.

    Args:
        draft: The directory of its draft.
        job: Its job.
        start: Offset of the first byte.
        size: How many.

    Raises:
        OSError: It is not there any more, or shorter.
    """
    parts = []
    at, end = start, start + size
    for first, (last, data, base) in job.extents:
        if last <= at or first >= end:
            continue
        if first > at:
            parts.append(bytes(first - at))
            at = first
        stop = min(last, end)
        descriptor = os.open(draft / "data" / file_name(data), os.O_RDONLY | os.O_CLOEXEC)
        try:
            part = os.pread(descriptor, stop - at, base + at)
        finally:
            os.close(descriptor)
        if len(part) != stop - at:
            raise FileNotFoundError(f"data file {file_name(data)} became shorter")
        parts.append(part)
        at = stop
    parts.append(bytes(end - at))
    return b"".join(parts) if len(parts) > 2 or parts[-1] else parts[0]
