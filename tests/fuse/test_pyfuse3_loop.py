"""pyfuse3's loop without waiting."""

from __future__ import annotations

import pyfuse3
import pytest
import trio

from artfs.errors import MountError
from artfs.fuse.pyfuse3_loop import DONE, run_session


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


def test_a_pyfuse3_that_waits_by_itself_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(_least: int, _most: int) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)

    monkeypatch.setattr(pyfuse3, "main", main)
    with pytest.raises(MountError, match=r"pip install 'pyfuse3~=3\.5\.0'"):
        run_session(lambda _descriptor: DONE)
