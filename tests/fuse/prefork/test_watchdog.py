"""The tests' watchdog: a mount that does not answer does not keep a run waiting."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.mounts.mounts import ROOT, Served, is_alive, is_mounted, wait_until
from tests.support.mounts.watchdog import Watchdog

_ENDED = {errno.ENOTCONN, errno.ECONNABORTED, errno.EIO}


def test_a_request_that_is_never_answered_ends_when_the_time_of_its_test_is_over(
    serve: Callable[..., Served], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    served = serve(workers=1)
    family = [served.pid, *served.workers()]
    with Watchdog(tmp_path) as watchdog:
        watchdog.expect(0.5, "this test")
        with pytest.raises(OSError) as caught:  # noqa: PT011 # which one depends on how far the request came
            (served.mountpoint / "gate").read_bytes()
        watchdog.expect(60, "the end of this test")
        assert caught.value.errno in _ENDED
        wait_until(lambda: not is_mounted(served.mountpoint))
        served.wait()
        wait_until(lambda: not any(is_alive(pid) for pid in family))
    assert f"this test hangs: ended ['{served.mountpoint}']" in capfd.readouterr().err


def test_the_mounts_of_other_runs_stay(serve: Callable[..., Served], tmp_path: Path) -> None:
    kept = serve(workers=1)
    for name in ("run", "run/served", "run/mnt"):
        (tmp_path / name).mkdir()
    ended = Served(tmp_path / "run/served", tmp_path / "run/mnt", workers=1)
    try:
        with Watchdog(tmp_path / "run") as watchdog:
            watchdog.expect(0.1, "this test")
            wait_until(lambda: not is_mounted(ended.mountpoint))
    finally:
        ended.stop()
    assert (kept.mountpoint / "file").read_bytes() == b"plain"


def test_what_a_killed_run_had_mounted_is_ended(serve: Callable[..., Served], tmp_path: Path) -> None:
    served = serve(workers=1)
    code = (
        "import os, signal, sys, pathlib; from tests.support.mounts.watchdog import Watchdog;"
        "Watchdog(pathlib.Path(sys.argv[1])).expect(60, 'a test'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, os.fspath(tmp_path)], cwd=ROOT, check=False, timeout=60)
    wait_until(lambda: not is_mounted(served.mountpoint))
