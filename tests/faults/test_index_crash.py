"""A damaged index may kill its readers; the next command says what happened and how to get out of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artfs.catalog import NewVersion
from artfs.errors import IntegrityError
from artfs.kv import crash_marker
from artfs.store import open_store
from tests.support.data.checked import assert_clean
from tests.support.faults.damage import make_deadly, make_store, read_all
from tests.support.mounts.mounts import ROOT


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return make_store(tmp_path, files=100, size=64)  # whose list is a large value


def artfs(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "artfs.cli", *arguments, "--store", str(place)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def crash(place: Path) -> None:
    make_deadly(place)
    assert artfs(place, "ls", "animals:v0").returncode in {-signal.SIGBUS, -signal.SIGSEGV}


def test_the_command_after_a_crash_says_what_happened_and_what_to_do(place: Path) -> None:
    crash(place)
    for command in (["ls"], ["cat", "animals:v0/f0"], ["put", str(ROOT / "LICENSE"), "-n", "other"], ["gc"]):
        after = artfs(place, *command)
        assert after.returncode == 7, after
        assert after.stderr.count("\n") == 1
        assert "a process died of SIG" in after.stderr
        assert "`artfs fsck --repair` makes it again" in after.stderr


def test_a_repair_after_a_crash_gives_the_store_back(place: Path) -> None:
    expected = read_all(place)
    crash(place)
    assert artfs(place, "fsck").returncode == 7
    assert artfs(place, "ls").returncode == 7  # it was not proved, so it counts
    repaired = artfs(place, "fsck", "--repair")
    assert repaired.returncode == 0, repaired
    assert "which is made again" in repaired.stdout
    assert artfs(place, "ls").returncode == 0
    assert read_all(place) == expected
    assert_clean(place)


def test_a_crash_marker_is_cleared_when_the_index_is_found_sound(place: Path) -> None:
    data = place / "index" / "data.mdb"
    shutil.copy(data, place.parent / "sound")
    crash(place)
    shutil.copy(place.parent / "sound", data)
    assert artfs(place, "ls").returncode == 7
    checked = artfs(place, "fsck")
    assert checked.returncode == 0, checked
    assert "which is sound" in checked.stdout
    assert artfs(place, "ls").returncode == 0


def test_a_repair_makes_an_index_again_that_killed_a_process_whatever_a_check_finds(place: Path) -> None:
    data = place / "index" / "data.mdb"
    shutil.copy(data, place.parent / "sound")
    crash(place)
    shutil.copy(place.parent / "sound", data)
    assert "made the index again" in artfs(place, "fsck", "--repair").stdout


def test_a_program_that_uses_the_api_gets_the_error_too(place: Path) -> None:
    crash(place)
    with pytest.raises(IntegrityError, match="a process died of"):
        open_store(place)


def crash_in_a_command(place: Path, code: str) -> int:
    """The exit status of a process that opens the store as commands do, then runs `code`."""
    opened = f"from artfs.cli.settings import Settings; store = Settings({str(place)!r}).open_store(); "
    return subprocess.run(
        [sys.executable, "-c", opened + code], cwd=ROOT, capture_output=True, timeout=60, check=False
    ).returncode


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_marks_no_crash(place: Path, number: signal.Signals) -> None:
    assert crash_in_a_command(place, f"import os; os.kill(os.getpid(), {int(number)})") == -number
    assert (place / "index" / "deaths").stat().st_size == 0
    assert artfs(place, "ls").returncode == 0


def test_a_crash_elsewhere_than_in_the_index_stops_nobody(place: Path) -> None:
    for _ in range(2):
        assert crash_in_a_command(place, "import ctypes; ctypes.string_at(8)") == -signal.SIGSEGV
    assert (place / "index" / "deaths").stat().st_size
    assert artfs(place, "ls").returncode == 0


def test_crashes_elsewhere_do_not_fill_the_store(place: Path) -> None:
    marker = place / "index" / "deaths"
    marker.write_bytes(b"Fatal Python error: Segmentation fault\n" * 3000)
    assert artfs(place, "ls").returncode == 0
    assert marker.stat().st_size == 0


def test_a_crash_marker_that_is_missing_or_no_file_stops_nobody(place: Path) -> None:
    marker = place / "index" / "deaths"
    marker.unlink(missing_ok=True)
    marker.mkdir()
    assert artfs(place, "ls").returncode == 0
    assert artfs(place, "fsck").returncode == 0
    assert crash_marker.read(place / "index") is None


def test_what_is_stored_after_a_repair_is_whole(place: Path) -> None:
    crash(place)
    assert artfs(place, "fsck", "--repair").returncode == 0
    with open_store(place) as store:
        store.put([os.fspath(ROOT / "LICENSE")], NewVersion("other"))
    assert_clean(place)
