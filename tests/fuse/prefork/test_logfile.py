"""The log of a mount."""

from __future__ import annotations

import os
from pathlib import Path

from artfs.fuse.prefork.logfile import LogFile


def test_a_log_file_does_not_grow_without_bound(tmp_path: Path) -> None:
    path = tmp_path / "mount.log"
    log = LogFile(path)
    line = b"x" * 99_999 + b"\n"
    for _ in range(100):
        log.write(line)
    log.write(b"the last line\n")
    log.close()
    assert sorted(os.listdir(tmp_path)) == ["mount.log", "mount.log.1", "mount.log.2", "mount.log.3"]
    assert path.read_bytes().endswith(b"the last line\n")
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 5 << 20


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "missing" / "mount.log")
    log.write(b"a line\n")
    log.close()
