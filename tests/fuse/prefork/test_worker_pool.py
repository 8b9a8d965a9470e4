"""Workers started, replaced and retired, by a clock that tests turn."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from artfs.fuse.prefork.scoreboard import (
    AWAY,
    BUSY,
    FINISHED,
    LOCK_FREE,
    READY,
    RETIRE,
    WAITING,
    WAKE_SIGNAL,
    Scoreboard,
)
from artfs.fuse.prefork.worker_pool import RestartBackoff, WorkerPool
from tests.support.mounts.mounts import wait_until


def test_single_deaths_cost_no_delay_and_bursts_more_and_more() -> None:
    backoff = RestartBackoff()
    assert [backoff.delay(float(second * 20)) for second in range(50)] == [0.0] * 50
    delays = [backoff.delay(2000 + number * 0.001) for number in range(30)]
    assert delays[:16] == [0.0] * 16
    assert delays[16:20] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-1] == 5.0
    assert backoff.delay(2020.0) == 0.0


class ClockedPool:
    """A pool of workers that do nothing, and a clock that tests turn."""

    def __init__(self, min_workers: int, limit: int, *, asleep: bool = False) -> None:
        self._asleep = asleep
        self.scoreboard = Scoreboard(limit)
        self.pool = WorkerPool(self._work, self.scoreboard, min_workers)
        self.now = 1000.0
        self.busy = range(0)
        self.away = range(0)
        self.waiting = range(0)
        self.pending = False
        self.pass_by(0.1)

    def _work(self, slot: int) -> int:
        state = self.scoreboard.slot(slot)
        signal.signal(WAKE_SIGNAL, lambda _number, _frame: None)
        state[READY] = 1
        while not state[RETIRE]:
            if self._asleep:
                signal.pause()
            time.sleep(0.002)
        return 0

    def pass_by(self, seconds: float) -> None:
        """Let time pass, a tenth of a second at a time, in which workers are busy, or wait for the accept lock."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            for slot in range(self.scoreboard.slots):
                self.scoreboard.slot(slot)[BUSY] = AWAY if slot in self.away else slot in self.busy
                self.scoreboard.slot(slot)[WAITING] = slot in self.waiting
            self.pool.reap(self.now)
            self.pool.tick(self.now, request_pending=self.pending)


@pytest.fixture
def pools() -> Iterator[list[ClockedPool]]:
    made: list[ClockedPool] = []
    yield made
    for clocked in made:
        clocked.pool.end(0.0)


def test_workers_are_added_only_when_all_are_stuck_in_the_same_request(pools: list[ClockedPool]) -> None:
    clocked = ClockedPool(min_workers=2, limit=5)
    pools.append(clocked)
    wait_until(lambda: clocked.pool.ready)
    clocked.pass_by(1.0)
    assert len(clocked.pool.pids) == 2
    clocked.busy = range(1)
    clocked.pass_by(1.0)
    assert len(clocked.pool.pids) == 2  # one is idle
    clocked.busy = range(2)
    for _ in range(20):
        clocked.scoreboard.slot(1)[FINISHED] += 1
        clocked.pass_by(0.1)
    assert len(clocked.pool.pids) == 2  # one is busy with ever new requests
    clocked.pass_by(0.3)
    assert len(clocked.pool.pids) == 3
    clocked.pass_by(1.0)
    assert len(clocked.pool.pids) == 3  # the third is idle
    clocked.busy = range(5)
    clocked.pass_by(5.0)
    assert len(clocked.pool.pids) == 5  # as many as there may be


def test_where_many_are_stuck_several_workers_are_added_at_a_time(pools: list[ClockedPool]) -> None:
    clocked = ClockedPool(min_workers=2, limit=48)
    pools.append(clocked)
    clocked.busy = range(48)
    counts = [2]
    while counts[-1] < 48:
        wait_until(lambda: clocked.pool.ready)
        clocked.pass_by(0.1)
        assert clocked.now < 1100.0
        if len(clocked.pool.pids) != counts[-1]:
            counts.append(len(clocked.pool.pids))
    assert counts[:6] == [2, 3, 4, 5, 6, 7]
    assert len(counts) < 20


def test_half_as_many_are_added_where_all_wait_for_the_network_in_ever_new_requests(pools: list[ClockedPool]) -> None:
    clocked = ClockedPool(min_workers=4, limit=9)
    pools.append(clocked)
    wait_until(lambda: clocked.pool.ready)
    clocked.pending = True
    clocked.away, clocked.busy = range(3), range(4)
    _answer_more_and_more(clocked)
    assert len(clocked.pool.pids) == 4  # one is busy here
    clocked.away, clocked.pending = range(4), False
    _answer_more_and_more(clocked)
    assert len(clocked.pool.pids) == 4  # no request waits for them
    clocked.pending = True
    _answer_more_and_more(clocked)
    assert len(clocked.pool.pids) == 6  # these are idle
    clocked.away = range(9)
    _answer_more_and_more(clocked)
    assert len(clocked.pool.pids) == 9


def _answer_more_and_more(clocked: ClockedPool) -> None:
    """Let time pass in which all workers answer requests all the time."""
    for _ in range(10):
        for slot in range(clocked.scoreboard.slots):
            clocked.scoreboard.slot(slot)[FINISHED] += 1
        clocked.pass_by(0.1)


def test_a_worker_without_lock_is_added_when_the_holder_of_the_lock_is_stuck(pools: list[ClockedPool]) -> None:
    clocked = ClockedPool(min_workers=3, limit=5)
    pools.append(clocked)
    clocked.waiting = range(1, 3)
    clocked.pass_by(1.0)
    assert len(clocked.pool.pids) == 3  # the first waits for a request
    clocked.busy = range(1)
    clocked.pass_by(0.3)
    assert [clocked.scoreboard.slot(slot)[LOCK_FREE] for slot in range(4)] == [0, 0, 0, 1]
    assert len(clocked.pool.pids) == 4
    clocked.pass_by(60.0)
    assert not any(clocked.scoreboard.slot(slot)[RETIRE] for slot in range(4))  # needed while the other is stuck
    os.kill(clocked.pool.pids[1], signal.SIGKILL)
    wait_until(lambda: clocked.pool.reap(clocked.now))
    clocked.pass_by(0.1)
    assert [clocked.scoreboard.slot(slot)[LOCK_FREE] for slot in range(4)] == [
        0,
        0,
        0,
        1,
    ]  # the new one has a dead one's place
    clocked.busy = range(0)
    clocked.pass_by(31.0)
    assert [clocked.scoreboard.slot(slot)[RETIRE] for slot in range(4)] == [0, 0, 0, 1]


def test_a_worker_is_added_when_a_pending_request_is_not_received(pools: list[ClockedPool]) -> None:
    clocked = ClockedPool(min_workers=2, limit=5)
    pools.append(clocked)
    clocked.waiting = range(1, 2)
    clocked.pending = True
    wait_until(lambda: all(clocked.scoreboard.slot(slot)[READY] for slot in range(2)))
    for _ in range(20):
        clocked.scoreboard.slot(0)[FINISHED] += 1
        clocked.pass_by(0.1)
    assert len(clocked.pool.pids) == 2  # there always is one, ever another
    clocked.pending = False
    clocked.pass_by(1.0)
    clocked.pending = True
    clocked.pass_by(0.1)
    assert len(clocked.pool.pids) == 2  # it came just now
    clocked.pass_by(0.2)
    clocked.pending = False
    clocked.pass_by(1.0)
    assert [clocked.scoreboard.slot(slot)[LOCK_FREE] for slot in range(3)] == [0, 0, 1]
    assert not any(clocked.scoreboard.slot(slot)[RETIRE] for slot in range(3))  # it is needed soon again


@pytest.mark.parametrize("limit", [5, 2])
def test_all_workers_are_replaced_also_those_that_sleep(pools: list[ClockedPool], limit: int) -> None:
    clocked = ClockedPool(min_workers=2, limit=limit, asleep=True)
    pools.append(clocked)
    wait_until(lambda: all(clocked.scoreboard.slot(slot)[READY] for slot in range(2)))
    before = set(clocked.pool.pids)
    assert clocked.pool.replace_all(may_kill=False)

    def replaced() -> bool:
        clocked.pass_by(0.1)
        return len(clocked.pool.pids) == 2 and not before & set(clocked.pool.pids)

    wait_until(replaced)


def test_additional_workers_are_retired_one_by_one_after_a_quiet_time(pools: list[ClockedPool]) -> None:
    clocked = ClockedPool(min_workers=1, limit=3)
    pools.append(clocked)
    clocked.busy = range(3)
    clocked.pass_by(2.0)
    assert len(clocked.pool.pids) == 3
    clocked.busy = range(0)
    clocked.pass_by(29.0)
    assert len(clocked.pool.pids) == 3
    clocked.pass_by(2.0)
    assert any(clocked.scoreboard.slot(slot)[RETIRE] for slot in range(3))

    def one_left() -> bool:
        clocked.pass_by(0.1)
        return len(clocked.pool.pids) == 1

    wait_until(one_left)
    clocked.pass_by(60.0)
    assert len(clocked.pool.pids) == 1


def test_a_killed_worker_is_replaced_in_its_slot(pools: list[ClockedPool]) -> None:
    clocked = ClockedPool(min_workers=2, limit=2)
    pools.append(clocked)
    victim = clocked.pool.pids[0]
    os.kill(victim, signal.SIGKILL)
    clocked.scoreboard.slot(0)[BUSY] = 1
    [death] = wait_until(lambda: clocked.pool.reap(clocked.now))
    assert (death.pid, death.status, death.busy) == (victim, -signal.SIGKILL, True)
    clocked.pass_by(0.1)
    assert len(clocked.pool.pids) == 2
    wait_until(lambda: all(clocked.scoreboard.slot(slot)[READY] for slot in range(2)))
