"""The log of a mounted store."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.support.mounts.mountedstore import MountedStore
from tests.support.mounts.mounts import children, wait_until

_LIMIT = 1 << 20


def _kill(workers: list[int], log: Path) -> str:
    """Kill a worker, and wait until a log says so; what it says."""
    os.kill(workers[0], signal.SIGKILL)
    line = f"worker {workers[0]} was killed by signal 9"
    wait_until(lambda: log.exists() and line in log.read_text())
    return line


def test_a_log_that_has_reached_1_mib_is_put_aside_and_three_of_them_are_kept(
    own: MountedStore, tmp_path: Path
) -> None:
    """S55: A log that has reached 1 MiB is put aside as `.log.1`, and that as `.2` and `.3`."""
    file = tmp_path / "file"
    file.write_bytes(b"contents")
    served = own.put(file, name="animals") / "file"
    own.mount()
    log = own.mounted().log
    kept = [log.with_name(f"{log.name}.{number}") for number in (1, 2, 3)]
    said = []
    for _round in range(5):
        with open(log, "ab") as filled:  # as the mount itself would in years
            filled.write(b"\n" * (_LIMIT - filled.tell()))
        said.append(_kill(wait_until(own.workers), kept[0]))
    said.append(_kill(wait_until(own.workers), log))
    assert sorted(log.parent.glob(f"{log.name}*")) == [log, *kept]
    for path, line in zip((log, *kept), reversed(said), strict=False):
        assert line in path.read_text()
    assert [path.stat().st_size > _LIMIT for path in (log, *kept)] == [False, True, True, True]
    assert sum(path.stat().st_size for path in (log, *kept)) < 4 * _LIMIT
    assert served.read_bytes() == b"contents"


def test_in_the_foreground_the_log_goes_to_stderr_too(own: MountedStore) -> None:
    """Where a service runs it, that is the journal.

    S55: What the processes of a mount have to say goes into `logs/mount-*.log` in the store, and with `--foreground`
    also to stderr, and so to the journal of a service.
    """
    own.done("init")
    process = own.start("mount", "--foreground", own.mountpoint)
    assert process.stdout is not None
    assert b"Ctrl-C unmounts" in process.stdout.readline()
    log = own.mounted().log
    _kill(children(own.daemon()), log)
    process.send_signal(signal.SIGTERM)
    _out, printed = process.communicate(timeout=60)
    assert process.returncode == 0
    assert printed.decode() == log.read_text()
