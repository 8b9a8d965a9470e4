"""Waits for the network: they are told of, at the beginning and at the end, also of one that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from artfs.errors import SourceError
from artfs.fuse.prefork.scoreboard import AWAY, BUSY, Scoreboard, note_wait
from artfs.objects import RemoteObject, waiting
from artfs.objects.fetcher import starting
from artfs.objects.fetcher.fetcher_client import FetcherClient
from artfs.objects.fetcher.settings import FetcherSettings


def test_a_read_through_the_fetcher_is_a_wait_for_the_network_of_the_worker_that_answers_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = Scoreboard(1).slot(0)
    seen: list[int] = []
    monkeypatch.setattr(waiting, "_told", [])
    monkeypatch.setattr(starting, "_START_SECONDS", 0.0)
    waiting.tell_of_waits(lambda waits: note_wait(state, waits))
    waiting.tell_of_waits(lambda _waits: seen.append(state[BUSY]))
    settings = FetcherSettings(tmp_path, "none", program=("false",))
    for busy in (1, 0):  # 0: it reads for itself, as at its start
        state[BUSY] = busy
        with FetcherClient(settings) as client, pytest.raises(SourceError, match="does not start"):
            client.read(RemoteObject("s3://bucket/key", 1), 0, 1)
    assert seen == [AWAY, 1, 0, 0]
