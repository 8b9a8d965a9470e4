"""The files of a run's directory, by themselves: what was opened, pins, processes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.catalog import AliasRow
from artfs.errors import IntegrityError
from artfs.lineage.open_bitmap import OpenBitmapFile, read_open_bitmaps
from artfs.lineage.pins import pin_alias
from artfs.lineage.run_directories import RunDirectories
from artfs.lineage.run_resolver import RunResolver
from artfs.procfs import current_process
from tests.support.faults.faults import shim
from tests.support.mounts.mounts import ROOT

RUN = "abcd0123"


def _home(directory: Path) -> RunDirectories:
    home = RunDirectories(directory / "runs")
    process = current_process()
    assert process is not None
    home.register(RUN, process)
    return home


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(1, 3000))))
def test_workers_files_together_say_exactly_what_was_opened(history: list[tuple[int, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        files: dict[tuple[int, int], OpenBitmapFile] = {}
        truth: dict[int, set[int]] = {}
        for step, (worker, version, position) in enumerate(history):
            serial = 16 + version
            if step % 7 == 6 and (worker, serial) in files:  # as when there are too many to hold
                files.pop((worker, serial)).close()
            if (worker, serial) not in files:
                files[worker, serial] = OpenBitmapFile(Path(directory), serial, f"{worker:016x}", 1000 + step)
            files[worker, serial].add(position)
            truth.setdefault(serial, set()).add(position)
        found = {opened.serial: set(opened.positions()) for opened in read_open_bitmaps(Path(directory))}
        for file in files.values():
            file.close()
        assert found == truth


def test_a_file_whose_header_is_damaged_is_passed_over(tmp_path: Path) -> None:
    for worker in ("a", "b"):
        file = OpenBitmapFile(tmp_path, 20, worker, 5)
        file.add(3 if worker == "a" else 9)
        file.close()
    good = (tmp_path / "20.a").read_bytes()
    for at in range(32):
        (tmp_path / "20.a").write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert [set(opened.positions()) for opened in read_open_bitmaps(tmp_path)] == [{9}]
    (tmp_path / "20.a").write_bytes(good[:20])  # its worker is killed while it makes it
    assert [set(opened.positions()) for opened in read_open_bitmaps(tmp_path)] == [{9}]


PIN = """
import sys
from pathlib import Path
from artfs.catalog import AliasRow
from artfs.lineage.run_directories import RunDirectory
from artfs.lineage.pins import pin_alias
sys.stdin.read(1)
run = RunDirectory(Path(sys.argv[1]))
print([pin_alias(run, AliasRow(30, 16, f"alias-{n}", int(sys.argv[2]))) for n in range(200)])
"""


def test_processes_that_pin_at_once_come_to_one_version(tmp_path: Path) -> None:
    run = _home(tmp_path).run(RUN)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PIN, run.path, str(index)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for index in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("!")
        process.stdin.flush()
    printed = {process.communicate(timeout=60)[0] for process in processes}
    assert len(printed) == 1
    assert len(os.listdir(run.pins)) == 200


def test_a_damaged_pin_is_refused(tmp_path: Path) -> None:
    run = _home(tmp_path).run(RUN)
    alias = AliasRow(30, 16, "latest", 3)
    assert pin_alias(run, alias) == 3
    (path,) = run.pins.iterdir()
    path.write_text("v3")
    with pytest.raises(IntegrityError, match="damaged"):
        pin_alias(run, alias)


def test_a_thread_that_was_of_no_run_is_of_the_next_that_its_process_begins(tmp_path: Path) -> None:
    home = RunDirectories(tmp_path / "runs")
    home.path.mkdir()
    callers = RunResolver(home)
    assert callers.run_of(os.getpid()) is None
    _home(tmp_path)
    assert callers.run_of(os.getpid()) == RUN
    assert callers.run_of(0) is None
    home.remove(home.run(RUN))
    assert callers.run_of(os.getpid()) is None


_REGISTER = """
import ctypes, os, sys
from pathlib import Path
from artfs.procfs import current_process
from artfs.lineage.run_resolver import RunResolver
from artfs.lineage.run_directories import RunDirectories
shim, fired = ctypes.CDLL(os.environ["LD_PRELOAD"]), 0
for k in range(1, 100):
    home = RunDirectories(Path(sys.argv[1] + str(k)))
    shim.fault_arm(os.fsencode(home.path), ctypes.c_long(k), 3, 0, -1, 0)  # short
    registered = home.register("abcd0123", current_process())
    RunResolver(home)
    shim.fault_disarm()
    assert registered.processes() == [current_process()], k
    if not shim.fault_fired():
        break
    fired = k
print(fired)
"""


def test_a_write_that_is_cut_short_leaves_a_run_registered_and_its_callers_known(tmp_path: Path) -> None:
    """The file that tells of changes is mapped by workers, and too short it would kill them."""
    environment = {**os.environ, "LD_PRELOAD": str(shim(tmp_path))}
    command = [sys.executable, "-c", _REGISTER, os.fspath(tmp_path / "runs")]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) >= 5


def test_a_generation_that_cannot_be_written_leaves_no_descriptor_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixture of all tests compares the descriptors."""

    def refuse(_descriptor: int, _data: bytes, _offset: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("artfs.lineage.run_directories.write_all", refuse)
    with pytest.raises(OSError, match="full"):
        RunDirectories(tmp_path).open_generation()
    assert (tmp_path / "generation").exists()


def test_an_open_bitmap_that_cannot_be_begun_leaves_no_descriptor_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("artfs.lineage.open_bitmap._encode", refuse)
    with pytest.raises(KeyboardInterrupt):
        OpenBitmapFile(tmp_path, 17, "worker", 0)
    assert (tmp_path / "17.worker").exists()
