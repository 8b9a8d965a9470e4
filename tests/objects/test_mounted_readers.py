"""Readers of references through a mount: no read fails and no byte is wrong, whatever befalls fetcher and cache."""

from __future__ import annotations

import os
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.support.mounts.mounts import is_alive, wait_until
from tests.support.objects.farstore import far_store, fetcher_of, read_by_many, read_files

_MIB = 1 << 20
_DATA = random.Random(1).randbytes(12 * _MIB)
_KILLS = 20


def test_no_read_fails_when_the_fetcher_is_killed_again_and_again(tmp_path: Path) -> None:
    contents = {str(number): _DATA[number * 1000 :][:200_000] for number in range(40)}
    killed: list[int] = []
    ended = threading.Event()
    with far_store(tmp_path, cache_size=_MIB) as far, ThreadPoolExecutor(4) as pool:
        top = far.mount(contents)

        def read(number: int) -> list[str]:
            chosen = random.Random(number)
            wrong: list[str] = []
            while not ended.is_set() and not wrong:
                wrong = read_files(top, contents, [chosen.choice(sorted(contents))])
            return wrong

        def was_asked(asked: int) -> bool:
            return len(far.server.requests) > asked or any(reader.done() for reader in readers)

        def has_ended(fetcher: int) -> bool:
            return not is_alive(fetcher)

        readers = [pool.submit(read, number) for number in range(4)]
        try:
            while len(killed) < _KILLS and not any(reader.done() for reader in readers):
                wait_until(partial(was_asked, len(far.server.requests)), 60)
                # The lock of one that was killed may still be listed.
                if (fetcher := fetcher_of(far.cache)) and fetcher not in killed:
                    os.kill(fetcher, signal.SIGKILL)
                    killed.append(fetcher)
                    wait_until(partial(has_ended, fetcher))
        finally:
            ended.set()
        assert [reader.result() for reader in readers] == [[]] * 4
        assert far.mounted.troubles() == []
    assert len(killed) == _KILLS  # each was another one, alive and asking


def test_a_cache_smaller_than_what_is_read_stays_in_its_bound(tmp_path: Path) -> None:
    """The small instance of what `scripts/torture references` does with 200 MB and 1 GB."""
    budget = 8_000_000
    contents = {f"small{number}": _DATA[number * 5000 :][: 100_000 + number] for number in range(60)}
    contents |= {f"medium{number}": _DATA[number * 7000 :][:2_500_001] for number in range(9)}
    contents["larger than the cache"] = _DATA[: 11 * _MIB]
    with far_store(tmp_path, cache_size=budget) as far:
        wrong, most = read_by_many(far.cache, far.mount(contents), contents, readers=8, times=3)
        assert wrong == []
        assert budget / 2 < most <= 1.05 * budget
        assert far.mounted.troubles() == []
