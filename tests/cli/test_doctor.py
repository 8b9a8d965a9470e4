"""`artfs doctor` says what keeps artfs from working, and what to do about it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from artfs.fuse.device.device import device_trouble
from artfs.fuse.device.mountpoint import is_dead
from artfs.mountinfo import find_mount
from tests.support.commands import Commands
from tests.support.mounts.mounts import is_alive, wait_until


def _states(
    artfs: Commands, *, well: bool = True, prefix: tuple[str, ...] = ()
) -> dict[str, tuple[str, str, str | None]]:
    """What was found, by what was looked at, without mounts of other stores: the machine may have some, even dead."""
    ended = artfs.process("doctor", "--json", prefix=prefix)
    checks = ended.json["checks"]
    assert ended.json["well"] == (ended.code == 0) == all(check["state"] != "problem" for check in checks), ended
    near = os.fspath(artfs.store.parent)
    own = [check for check in checks if not check["what"].startswith("mount ") or near in check["what"]]
    assert well == all(check["state"] != "problem" for check in own), own
    return {check["what"]: (check["state"], check["found"], check["advice"]) for check in own}


def test_a_fit_machine_and_store_are_well(stored: Commands) -> None:
    states = _states(stored)
    assert {state for state, _found, _advice in states.values()} <= {"ok", "warning"}
    assert states["store"][:2] == ("ok", f"{stored.store}, with 1 artifact (`artfs fsck` checks each of its bytes)")
    assert {
        "python",
        "libraries",
        "open files",
        "address space",
        "fuse device",
        "kernel",
        "file system",
    } < states.keys()


def test_nothing_is_made_by_looking(artfs: Commands) -> None:
    assert _states(artfs)["store"][1].startswith("none at ")
    assert not artfs.store.exists()


def test_few_addresses_are_a_warning(stored: Commands) -> None:
    states = _states(stored, prefix=("sh", "-c", 'ulimit -v 1000000; exec "$@"', "sh"))
    state, _found, advice = states["address space"]
    assert state == "warning"
    assert str(advice).startswith("`ulimit -v unlimited`")


def test_a_mount_whose_daemon_was_killed_is_a_problem_until_it_is_unmounted(
    stored: Commands, places: tuple[Path, Path]
) -> None:
    what = f"mount {places[0]}"
    stored.process("mount", places[0])
    assert _states(stored)[what][0] == "ok"
    mount = find_mount(str(places[0]))
    assert mount is not None
    daemon = mount.pid
    assert daemon is not None
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: not is_alive(daemon))
    wait_until(lambda: is_dead(places[0]))
    state, found, advice = _states(stored, well=False)[what]
    assert (state, found) == ("problem", f"the store {stored.store}: its daemon is gone")
    assert str(advice).startswith(f"`artfs umount {places[0]}` ")
    assert stored.process("umount", places[0]).code == 0
    assert what not in _states(stored)


def test_a_directory_that_is_no_store_is_a_problem(artfs: Commands) -> None:
    artfs.store.mkdir()
    (artfs.store / "file").touch()
    state, _found, advice = _states(artfs, well=False)["store"]
    assert state == "problem"
    assert advice


def test_errors_in_the_log_of_a_mount_are_reported(stored: Commands) -> None:
    assert "log" not in _states(stored)
    logs = stored.store / "logs"
    logs.mkdir(exist_ok=True)
    (logs / "mount-0-99.log").write_text("2026-01-01 10:00:00,000 ERROR [7] read of inode 9: chunk is damaged\n")
    state, found, _advice = _states(stored)["log"]
    assert state == "warning"
    assert found.startswith(f"1 errors at the end of {logs}/mount-0-99.log; the last: 2026-01-01")


def test_without_the_fuse_device_the_message_says_how_to_get_it(tmp_path: Path) -> None:
    assert "modprobe fuse" in str(device_trouble(str(tmp_path / "fuse")))
