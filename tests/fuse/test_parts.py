"""The parts of a mount that need no mount: tables, delays, logs, reports, and who is started and retired when."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pyfuse3
import pytest
import trio
from pyfuse3 import EntryAttributes, FUSEError

from artfs import errors
from artfs.fuse import loop
from artfs.fuse.backoff import Backoff
from artfs.fuse.crew import Crew
from artfs.fuse.errno import ERRNO_BY_CLASS, errno_of
from artfs.fuse.logfile import LogFile
from artfs.fuse.loop import DONE, run_session
from artfs.fuse.operations import LASTING_SECONDS, VOLATILE_SECONDS, Translation
from artfs.fuse.portions import Portions, Sent
from artfs.fuse.report import MAX_REPORT, decode_error, encode_error
from artfs.fuse.seats import Seats
from artfs.fuse.states import APART, BUSY, FINISHED, READY, RETIRE, WAITING, States
from tests.support.memorytree import MemoryTree
from tests.support.mounts import wait_until

# ------------------------------------------------------------------------------------------------------ error numbers


def test_every_error_class_has_its_number() -> None:
    classes = {getattr(errors, name) for name in errors.__all__}
    assert set(ERRNO_BY_CLASS) == classes


def test_a_number_is_that_of_the_nearest_class() -> None:
    class Special(errors.NotFoundError):
        pass

    assert errno_of(Special("x")) == errno.ESTALE
    assert errno_of(errors.StorageError("full", errno.ENOSPC)) == errno.ENOSPC
    assert errno_of(OSError(errno.EMFILE, "too many")) == errno.EMFILE
    assert errno_of(OSError("no number")) == errno.EIO
    assert errno_of(MemoryError()) == errno.ENOMEM
    assert errno_of(KeyError("what")) == errno.EIO


# -------------------------------------------------------------------------------------------------------- translation


@pytest.fixture
def translation() -> Translation:
    return Translation(MemoryTree({b"artifact": {b"file": b"12345"}, b"link": "artifact"}))


def test_timeouts_are_long_inside_and_short_where_names_change(translation: Translation) -> None:
    context = None
    found = translation.lookup(2, b"file", context)  # type: ignore[arg-type]
    assert (found.st_ino, found.st_size) == (3, 5)
    assert found.entry_timeout == found.attr_timeout == LASTING_SECONDS
    absent = translation.lookup(2, b"absent", context)  # type: ignore[arg-type]
    assert (absent.st_ino, absent.entry_timeout) == (0, LASTING_SECONDS)
    absent = translation.lookup(1, b"absent", context)  # type: ignore[arg-type]
    assert (absent.st_ino, absent.entry_timeout) == (0, 0.0)
    assert translation.getattr(1, context).attr_timeout == VOLATILE_SECONDS < 1  # type: ignore[arg-type]


def test_an_open_file_keeps_its_pages_and_its_handle_is_its_inode(translation: Translation) -> None:
    context = SimpleNamespace(pid=os.getpid())
    info = translation.open(3, os.O_RDONLY, context)  # type: ignore[arg-type]
    assert (info.fh, info.keep_cache, info.direct_io) == (3, True, False)


def test_a_long_name_is_refused_even_where_nothing_has_it(translation: Translation) -> None:
    with pytest.raises(FUSEError) as caught:
        translation.lookup(1, b"n" * 256, None)  # type: ignore[arg-type]
    assert caught.value.errno == errno.ENAMETOOLONG


def test_a_portion_of_a_listing_is_made_once_and_sent_again_as_far_as_there_is_room() -> None:
    made: list[int] = []
    entries = [(b"%d" % number, EntryAttributes(), number + 1) for number in range(10)]

    def make() -> list[Sent]:
        made.append(1)
        return entries[3:]

    def sent(portions: Portions, room: int) -> list[bytes]:
        names: list[bytes] = []

        def reply(name: bytes, _attributes: EntryAttributes, _following: int) -> bool:
            if len(names) == room:
                return False
            names.append(name)
            return True

        portions.send(7, 3, reply, make)
        return names

    portions = Portions()
    assert sent(portions, 0) == []  # and that is not remembered as the end of the directory
    assert sent(portions, 4) == [b"3", b"4", b"5", b"6"]
    assert sent(portions, 4) == [b"3", b"4", b"5", b"6"]
    assert sent(portions, 2) == [b"3", b"4"]
    assert sent(portions, 100) == [b"3", b"4", b"5", b"6"]  # the next portion follows
    assert len(made) == 2
    assert sent(Portions(), 100) == [b"%d" % number for number in range(3, 10)]


# -------------------------------------------------------------------------------------------------------------- delays


def test_single_deaths_cost_no_delay_and_bursts_more_and_more() -> None:
    backoff = Backoff()
    assert [backoff.delay(float(second * 20)) for second in range(50)] == [0.0] * 50
    delays = [backoff.delay(2000 + number * 0.001) for number in range(30)]
    assert delays[:16] == [0.0] * 16
    assert delays[16:20] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == 5.0
    assert backoff.delay(2020.0) == 0.0


# ---------------------------------------------------------------------------------------------------------------- crew


class Clock:
    """A crew of workers that do nothing, and a clock that goes when told to."""

    def __init__(self, wanted: int, limit: int, *, obedient: bool = True) -> None:
        self._obedient = obedient
        self.states = States(limit)
        self.crew = Crew(self._work, self.states, wanted)
        self.now = 1000.0
        self.busy = range(0)
        self.waiting = range(0)
        self.asked = False
        self.pass_by(0.1)

    def _work(self, slot: int) -> int:
        state = self.states.slot(slot)
        state[READY] = 1
        while not (state[RETIRE] and self._obedient):
            time.sleep(0.002)
        return 0

    def pass_by(self, seconds: float) -> None:
        """Let time pass, a tenth of a second at a time, in which workers are busy, or wait for a seat."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            for slot in range(self.states.slots):
                self.states.slot(slot)[BUSY] = slot in self.busy
                self.states.slot(slot)[WAITING] = slot in self.waiting
            self.crew.reap(self.now)
            self.crew.tick(self.now, asked=self.asked)


@pytest.fixture
def clocks() -> Iterator[list[Clock]]:
    made: list[Clock] = []
    yield made
    for clock in made:
        clock.crew.end(0.0)


def test_workers_are_added_only_when_all_are_stuck_in_the_same_request(clocks: list[Clock]) -> None:
    clock = Clock(wanted=2, limit=5)
    clocks.append(clock)
    wait_until(lambda: clock.crew.ready)
    clock.pass_by(1.0)
    assert len(clock.crew.pids) == 2
    clock.busy = range(1)
    clock.pass_by(1.0)
    assert len(clock.crew.pids) == 2  # one is idle
    clock.busy = range(2)
    for _ in range(20):
        clock.states.slot(1)[FINISHED] += 1
        clock.pass_by(0.1)
    assert len(clock.crew.pids) == 2  # one is busy with ever new requests
    clock.pass_by(0.3)
    assert len(clock.crew.pids) == 3
    clock.pass_by(1.0)
    assert len(clock.crew.pids) == 3  # the third is idle
    clock.busy = range(5)
    clock.pass_by(5.0)
    assert len(clock.crew.pids) == 5  # as many as there may be


def test_a_worker_that_needs_no_seat_is_added_when_whoever_has_the_seat_is_stuck(clocks: list[Clock]) -> None:
    clock = Clock(wanted=3, limit=5)
    clocks.append(clock)
    clock.waiting = range(1, 3)
    clock.pass_by(1.0)
    assert len(clock.crew.pids) == 3  # the first waits for a request
    clock.busy = range(1)
    clock.pass_by(0.3)
    assert [clock.states.slot(slot)[APART] for slot in range(4)] == [0, 0, 0, 1]
    assert len(clock.crew.pids) == 4
    clock.pass_by(60.0)
    assert not any(clock.states.slot(slot)[RETIRE] for slot in range(4))  # it is needed as long as the other is stuck
    os.kill(clock.crew.pids[1], signal.SIGKILL)
    wait_until(lambda: clock.crew.reap(clock.now))
    clock.pass_by(0.1)
    assert [clock.states.slot(slot)[APART] for slot in range(4)] == [0, 0, 0, 1]  # the new one has a dead one's place
    clock.busy = range(0)
    clock.pass_by(31.0)
    assert [clock.states.slot(slot)[RETIRE] for slot in range(4)] == [0, 0, 0, 1]


def test_a_worker_is_added_when_nobody_receives_a_request_that_is_there(clocks: list[Clock]) -> None:
    clock = Clock(wanted=2, limit=5)
    clocks.append(clock)
    clock.waiting = range(1, 2)
    clock.asked = True
    wait_until(lambda: all(clock.states.slot(slot)[READY] for slot in range(2)))
    for _ in range(20):
        clock.states.slot(0)[FINISHED] += 1
        clock.pass_by(0.1)
    assert len(clock.crew.pids) == 2  # there always is one, ever another
    clock.asked = False
    clock.pass_by(1.0)
    clock.asked = True
    clock.pass_by(0.1)
    assert len(clock.crew.pids) == 2  # it came just now
    clock.pass_by(0.2)
    clock.asked = False
    clock.pass_by(1.0)
    assert [clock.states.slot(slot)[APART] for slot in range(3)] == [0, 0, 1]
    assert not any(clock.states.slot(slot)[RETIRE] for slot in range(3))  # it is needed soon again


@pytest.mark.parametrize(("limit", "workers"), [(5, 4), (2, 2)])
def test_successors_are_there_before_those_that_retire_are_asked_for_something(
    clocks: list[Clock], limit: int, workers: int
) -> None:
    clock = Clock(wanted=2, limit=limit, obedient=False)
    clocks.append(clock)
    wait_until(lambda: clock.crew.ready)
    assert not clock.crew.renewing
    assert clock.crew.renew(may_kill=False)
    assert clock.crew.renewing == (workers == 2)  # where there is room for successors, there is none yet
    clock.pass_by(0.1)
    wait_until(lambda: clock.crew.renewing)
    assert len(clock.crew.pids) == workers


def _is_free(seats: Seats) -> bool:
    """Whether a process without the only seat gets it at once."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0.2)  # ends it
        seats.seat(0, States(1).slot(0)).take()
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def test_a_seat_is_left_for_data_and_for_nodes_only_after_they_came_slowly() -> None:
    now = 100.0
    seats = Seats(1)
    seat = seats.seat(0, States(1).slot(0), lambda: now)
    seat.take()
    assert not _is_free(seats)
    for seconds, left in ((0.001, False), (0.003, False), (0.001, True)):
        seat.before_loading()
        assert _is_free(seats) == left
        now += seconds
        seat.take()
        assert not _is_free(seats)
    seat.before_reading()
    for _ in range(32):
        seat.take()
        assert _is_free(seats)  # it waits without one
    seat.take()
    assert not _is_free(seats)


def test_a_worker_that_is_to_end_does_not_wait_for_a_seat(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[Callable[[int], object]] = []
    monkeypatch.setattr(loop, "run_session", waits.append)
    states, seats = States(2), Seats(1)
    reader, writer = os.pipe()
    holder = os.fork()
    if holder == 0:
        seats.seat(0, states.slot(0)).take()
        os.write(writer, b".")
        signal.pause()
    try:
        os.read(reader, 1)
        loop.serve_requests(reader, states.slot(1), seats.seat(1, states.slot(1)), 0)
        states.slot(1)[RETIRE] = 1
        with pytest.raises(trio.ClosedResourceError):
            waits[0](reader)
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
        os.close(reader)
        os.close(writer)


def test_additional_workers_are_retired_one_by_one_after_a_quiet_time(clocks: list[Clock]) -> None:
    clock = Clock(wanted=1, limit=3)
    clocks.append(clock)
    clock.busy = range(3)
    clock.pass_by(2.0)
    assert len(clock.crew.pids) == 3
    clock.busy = range(0)
    clock.pass_by(29.0)
    assert len(clock.crew.pids) == 3
    clock.pass_by(2.0)
    assert any(clock.states.slot(slot)[RETIRE] for slot in range(3))

    def one_left() -> bool:
        clock.pass_by(0.1)
        return len(clock.crew.pids) == 1

    wait_until(one_left)
    clock.pass_by(60.0)
    assert len(clock.crew.pids) == 1


def test_a_killed_worker_is_replaced_in_its_slot(clocks: list[Clock]) -> None:
    clock = Clock(wanted=2, limit=2)
    clocks.append(clock)
    victim = clock.crew.pids[0]
    os.kill(victim, signal.SIGKILL)
    clock.states.slot(0)[BUSY] = 1
    [death] = wait_until(lambda: clock.crew.reap(clock.now))
    assert (death.pid, death.status, death.busy) == (victim, -signal.SIGKILL, True)
    clock.pass_by(0.1)
    assert len(clock.crew.pids) == 2
    wait_until(lambda: all(clock.states.slot(slot)[READY] for slot in range(2)))


# ------------------------------------------------------------------------------------------------------ logs, reports


def test_a_connection_that_ends_while_a_request_is_being_received_ends_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    received = 0

    async def main(_least: int, _most: int) -> None:
        nonlocal received
        async with trio.open_nursery():
            received += 1
            raise ConnectionAbortedError  # what the kernel says now and then, in place of ENODEV

    monkeypatch.setattr(pyfuse3, "main", main)
    run_session(lambda _descriptor: DONE)
    assert received == 1


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


@pytest.mark.parametrize(
    "error",
    [
        errors.IntegrityError("the index is damaged: rebuild it"),
        errors.StoreFormatError("from a newer artfs"),
        errors.StorageError("full", errno.ENOSPC),
        errors.MountError("no \N{SNOWMAN}\nnewline"),
    ],
)
def test_an_error_arrives_as_it_was(error: errors.ArtfsError) -> None:
    arrived = decode_error(encode_error(error))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert getattr(arrived, "errno", None) == getattr(error, "errno", None)


def test_other_errors_arrive_as_mount_errors() -> None:
    assert str(decode_error(encode_error(KeyError("x")))) == "KeyError: 'x'"
    for garbage in (b"", b"{", b'["Path", "x", 1]', b"[1, 2]"):
        assert isinstance(decode_error(garbage), errors.MountError)
    assert len(encode_error(errors.MountError("\N{SNOWMAN}" * 10_000))) <= MAX_REPORT
