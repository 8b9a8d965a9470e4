"""Check of the histories of runs: each compacted file is whole.

A part file may end in a torn block: its writer was killed, or is writing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from artfs.files.store_files import open_file
from artfs.format.steps import COMPACTED, parse_steps
from artfs.store.fsck.finding import Finding, Part

__all__ = ["check_steps"]


def check_steps(top: Path) -> Iterator[Finding]:
    """Yield a finding for each history that breaks H1.

    Args:
        top: The directory of all histories, which may not exist.
    """
    try:
        runs = sorted(os.listdir(top))
    except FileNotFoundError:
        return
    for run in runs:
        try:
            with open(open_file(top / run / COMPACTED, os.O_RDONLY), "rb") as file:
                data = file.read()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            yield Finding("H1", Part.HISTORY, f"the history of run {run} cannot be read: {error.strerror}")
            continue
        found = parse_steps(data)
        if found.whole != len(data) or found.parts is None:
            message = f"the history of run {run} is damaged at byte {found.whole} of {top / run / COMPACTED}"
            yield Finding("H1", Part.HISTORY, message)
