"""The processes of a mount: killed, stuck, asked to end."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from artfs.fuse.device import syscalls
from artfs.fuse.prefork.supervisor import STOP_SECONDS
from tests.fuse.conftest import Serve
from tests.support.models.memorytree import FUNCTION_SIZE
from tests.support.mounts.mounts import Load, Served, is_alive, is_mounted, wait_until
from tests.support.programs.fuse_server import content

_MNT_FORCE = 1


def stop_under_signal(served: Served, number: int) -> float:
    """Send a signal; give the seconds until the supervisor has ended with status 0, leaving nothing behind."""
    workers = served.workers()
    started = time.monotonic()
    served.signal(number)
    assert served.wait() == 0
    seconds = time.monotonic() - started
    assert not is_mounted(served.mountpoint)
    assert not any(is_alive(worker) for worker in workers)
    assert list((served.directory / "logs").glob("*.pid")) == []
    return seconds


def kill_one(served: Served, count: int) -> float:
    """Kill one of `count` workers; give the seconds until there are as many again."""
    wait_until(lambda: len(served.workers()) == count)
    victim = served.workers()[0]
    started = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not is_alive(victim) and len(served.workers()) == count)
    return time.monotonic() - started


def test_a_killed_worker_takes_no_request_of_another_with_it_and_is_replaced_within_a_second(serve: Serve) -> None:
    served = serve(workers=4, max_workers=4)
    load = Load(served.many, 4)
    kills = 9
    seconds = [kill_one(served, 4) for _ in range(kills)]
    requests, failures = load.stop()
    assert requests > 100
    assert statistics.median(seconds) < 1.0  # not each of them: the tests may have the machine to themselves or not
    # What a worker was answering when it was killed fails, and with this error: its clone of the device was closed.
    assert len(failures) <= kills
    assert set(failures) <= {os.strerror(errno.ECONNABORTED)}
    assert served.log().count("was killed by signal 9") == kills


def test_a_request_that_kills_its_worker_fails_alone(serve: Serve) -> None:
    served = serve(workers=2, max_workers=2)
    for _ in range(3):
        with pytest.raises(OSError, match=r"connection abort") as caught:
            (served.mountpoint / "die").read_bytes()
        assert caught.value.errno == errno.ECONNABORTED
        assert (served.many / "9").read_bytes() == content(9)
    wait_until(lambda: len(served.workers()) == 2)


def test_all_workers_killed_at_once_are_replaced_and_nothing_is_lost(serve: Serve) -> None:
    served = serve(workers=3, max_workers=3)
    before = served.workers()
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(worker) for worker in before))
    assert (served.many / "10").read_bytes() == content(10)
    wait_until(lambda: len(served.workers()) == 3)
    assert not set(served.workers()) & set(before)


def test_workers_die_with_their_supervisor(serve: Serve) -> None:
    served = serve(workers=3)
    workers = served.workers()
    served.signal(signal.SIGKILL)
    served.wait()
    wait_until(lambda: not any(is_alive(worker) for worker in workers))
    with pytest.raises(OSError, match=r"not connected") as caught:
        os.statvfs(served.mountpoint)
    assert caught.value.errno == errno.ENOTCONN


def test_a_quick_request_is_answered_while_all_workers_are_stuck(serve: Serve, served_directory: Path) -> None:
    served = serve(workers=2, max_workers=8)
    with ThreadPoolExecutor(5) as pool:
        try:
            stuck = [pool.submit((served.mountpoint / "gates" / str(number)).read_bytes) for number in range(5)]
            wait_until(lambda: len(served.workers()) == 6)  # two, and one more whenever all of them were stuck
            started = time.monotonic()
            assert (served.many / "11").read_bytes() == content(11)
            assert time.monotonic() - started < 1.0
            assert not any(future.done() for future in stuck)
        finally:
            (served_directory / "gate").touch()
        assert [future.result() for future in stuck] == [b"g" * FUNCTION_SIZE] * 5
    assert "there are 6 now" in served.log()


def test_a_quick_request_is_answered_while_the_holder_of_the_lock_is_stuck(
    serve: Serve, served_directory: Path
) -> None:
    served = serve("one-core", workers=4, max_workers=8)
    with ThreadPoolExecutor(1) as pool:
        try:
            stuck = pool.submit((served.mountpoint / "dir" / "barred").exists)
            wait_until(lambda: len(served.workers()) == 5)
            started = time.monotonic()
            assert (served.many / "11").read_bytes() == content(11)
            assert time.monotonic() - started < 1.0
            assert not stuck.done()
        finally:
            (served_directory / "gate").touch()
        assert stuck.result() is False


def test_one_worker_answers_all_quick_requests_and_another_takes_its_lock_when_it_is_killed(serve: Serve) -> None:
    served = serve("one-core", workers=4, max_workers=4)

    def received(worker: int) -> int:
        """How often a worker has called read."""
        [calls] = [line for line in Path(f"/proc/{worker}/io").read_text().splitlines() if line.startswith("syscr")]
        return int(calls.split()[1])

    def open_files(count: int) -> dict[int, int]:
        """Open a file whose bytes the kernel has; give what each worker received."""
        before = {worker: received(worker) for worker in served.workers()}
        for _ in range(count):
            os.close(os.open(served.many / "14", os.O_RDONLY))
        return {worker: received(worker) - before[worker] for worker in before}

    assert (served.many / "14").read_bytes() == content(14)
    open_files(200)  # after which nobody remembers to have read
    [most, *others] = sorted((calls, worker) for worker, calls in open_files(100).items())[::-1]
    assert most[0] >= 100
    assert [calls for calls, _worker in others] == [0, 0, 0]
    os.kill(most[1], signal.SIGKILL)
    wait_until(lambda: not is_alive(most[1]) and len(served.workers()) == 4)
    [most, *others] = sorted((calls, worker) for worker, calls in open_files(100).items())[::-1]
    assert most[0] >= 100
    assert [calls for calls, _worker in others] == [0, 0, 0]


def test_a_request_is_answered_while_the_holder_of_the_accept_lock_is_stopped(serve: Serve) -> None:
    served = serve("one-core", workers=3, max_workers=8)
    for worker in served.workers():
        for _ in range(100):
            os.close(os.open(served.many / "14", os.O_RDONLY))
        os.kill(worker, signal.SIGSTOP)
        try:
            started = time.monotonic()
            assert not (served.many / f"nothing-{worker}").exists()
            assert time.monotonic() - started < 2.0
        finally:
            os.kill(worker, signal.SIGCONT)


def test_the_supervisor_sleeps_while_requests_are_answered(serve: Serve) -> None:
    served = serve(workers=2)

    def woken() -> int:
        """How often the supervisor has gone to sleep."""
        status = Path(f"/proc/{served.pid}/status").read_text().splitlines()
        [switches] = [line for line in status if line.startswith("voluntary_ctxt_switches")]
        return int(switches.split()[1])

    before, started = woken(), time.monotonic()
    for _ in range(500):  # each is at least one request
        os.close(os.open(served.many / "14", os.O_RDONLY))
    ticks = (time.monotonic() - started) / 0.1
    assert woken() - before <= 50 + 3 * ticks


@pytest.mark.parametrize("flags", [(), ("share",)])
def test_no_request_fails_while_all_workers_are_replaced(
    serve: Serve, served_directory: Path, flags: tuple[str, ...]
) -> None:
    served = serve(*flags, workers=3)
    load = Load(served.many, 3)
    outdated = served_directory / "outdated"
    for _ in range(4):
        wait_until(lambda: len(served.workers()) == 3)
        before = set(served.workers())
        outdated.touch()
        wait_until(lambda: not outdated.exists() and not before & set(served.workers()))  # noqa: B023 # called here only
    requests, failures = load.stop()
    assert requests > 100
    assert failures == []
    assert served.log().count("are replaced") == 4


def test_an_answer_that_an_unmount_overtakes_is_no_trouble(serve: Serve, served_directory: Path) -> None:
    trace = served_directory / "trace"
    trace.touch()
    served = serve(workers=1, max_workers=1)
    with ThreadPoolExecutor(1) as pool:
        try:
            reading = pool.submit((served.mountpoint / "gate").read_bytes)
            wait_until(lambda: "read " in trace.read_text())
            with contextlib.suppress(OSError):  # it is busy, but what was asked of it is dropped
                syscalls.umount(os.fsencode(served.mountpoint), _MNT_FORCE)
            assert isinstance(reading.exception(), OSError)
        finally:
            (served_directory / "gate").touch()
    log = served.logged("fuse_reply_* failed with No such file")
    assert [line for line in log.splitlines() if " INFO " not in line] == []


def test_there_are_never_more_workers_than_allowed(serve: Serve, served_directory: Path) -> None:
    served = serve(workers=1, max_workers=3)
    with ThreadPoolExecutor(4) as pool:
        try:
            stuck = [pool.submit((served.mountpoint / "gates" / str(number)).read_bytes) for number in range(4)]
            wait_until(lambda: len(served.workers()) == 3)
            for _ in range(100):
                assert len(served.workers()) <= 3
                time.sleep(0.005)
        finally:
            (served_directory / "gate").touch()
        assert [future.result() for future in stuck] == [b"g" * FUNCTION_SIZE] * 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_unmounts(serve: Serve, number: int) -> None:
    served = serve(workers=2)
    assert stop_under_signal(served, number) < STOP_SECONDS  # at once: nobody uses it


def test_a_mount_in_use_ends_soon_after_its_last_user(serve: Serve) -> None:
    served = serve(workers=2)
    with open(served.many / "12", "rb") as file:
        served.signal(signal.SIGTERM)
        wait_until(lambda: not is_mounted(served.mountpoint))
        assert file.read() == content(12)  # those who have it open are served on
    assert served.wait(STOP_SECONDS) == 0
    assert "is in use" in served.log()


def test_a_mount_that_stays_in_use_ends_within_the_stated_bound(serve: Serve) -> None:
    served = serve(workers=2)
    file = os.open(served.many / "13", os.O_RDONLY)
    assert stop_under_signal(served, signal.SIGTERM) < STOP_SECONDS + 2.0
    with pytest.raises(OSError, match=r"not connected"):
        os.read(file, 1)
    with pytest.raises(OSError, match=r"not connected"):
        os.close(file)


def test_a_stuck_request_does_not_hold_up_the_end(serve: Serve) -> None:
    served = serve(workers=1, max_workers=1)
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit((served.mountpoint / "gate").read_bytes)
        wait_until(lambda: not stuck.done() and len(served.workers()) == 1)
        assert stop_under_signal(served, signal.SIGTERM) < STOP_SECONDS + 2.0
        assert isinstance(stuck.exception(), OSError)


def test_an_unmount_from_outside_ends_it(serve: Serve) -> None:
    served = serve(workers=2)
    workers = served.workers()
    command = ["umount"] if os.geteuid() == 0 else ["fusermount3", "-u"]
    subprocess.run([*command, served.mountpoint], check=True)
    assert served.wait(STOP_SECONDS) == 0
    assert not any(is_alive(worker) for worker in workers)
    assert "no longer mounted" in served.log()


def test_a_tree_that_cannot_be_opened_is_reported_and_not_mounted(serve: Serve, served_directory: Path) -> None:
    (served_directory / "refuse").touch()
    served = serve(workers=2)
    assert served.said == "IntegrityError: the index is damaged: rebuild it"
    assert served.wait() == 7
    assert not is_mounted(served.mountpoint)


def test_workers_that_crash_from_the_start_are_reported_and_not_mounted(serve: Serve, served_directory: Path) -> None:
    (served_directory / "crash").touch()
    served = serve(workers=2)
    assert served.said.startswith("MountError: worker ")
    assert "was killed by signal 9" in served.said
    assert served.wait() == 9
    assert not is_mounted(served.mountpoint)


def test_sharing_the_device_serves_as_well(serve: Serve) -> None:
    served = serve("share", workers=3)
    load = Load(served.many, 3)
    assert (served.many / "14").read_bytes() == content(14)
    requests, failures = load.stop()
    assert requests > 100
    assert failures == []
    assert "sharing the device" in served.log()


def test_sharing_the_device_an_idle_worker_is_replaced(serve: Serve) -> None:
    served = serve("share", workers=2, max_workers=2)
    kill_one(served, 2)
    assert (served.many / "15").read_bytes() == content(15)


def test_sharing_the_device_a_request_lost_with_its_worker_does_not_hang(serve: Serve) -> None:
    served = serve("share", workers=2)
    with pytest.raises(OSError, match=r"connection abort|not connected"):
        (served.mountpoint / "die").read_bytes()
    assert served.wait() == 0
    assert not is_mounted(served.mountpoint)
    assert "nobody can answer for" in served.log()


def test_two_mounts_serve_at_once(tmp_path: Path) -> None:
    both = []
    for name in ("one", "two"):
        directory, mountpoint = tmp_path / name, tmp_path / f"mnt-{name}"
        directory.mkdir()
        mountpoint.mkdir()
        both.append(Served(directory, mountpoint, workers=1))
    first, second = both
    try:
        assert (first.said, second.said) == ("ready", "ready")
        assert (first.many / "16").read_bytes() == (second.many / "16").read_bytes() == content(16)
        stop_under_signal(first, signal.SIGTERM)
        assert (second.many / "17").read_bytes() == content(17)
    finally:
        first.stop()
        second.stop()
