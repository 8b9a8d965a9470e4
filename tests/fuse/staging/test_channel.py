"""Messages between server and storer."""

from __future__ import annotations

from artfs.drafts.db.schema import BASE, Extent
from artfs.drafts.storer_protocol import StoreJob, StoreResult
from artfs.fuse.staging.channel import FilesStored, Idle, StoreFiles, channel_pair

STORER = 7


def test_messages_arrive_whole_and_in_order() -> None:
    server, storer = channel_pair()
    extents = [(2**62 + start, Extent(2**62 + start + 1, 2**40, 2**62)) for start in range(64)]
    work = StoreFiles(
        STORER, "/drafts/1.animals", [StoreJob(BASE + number, 2**62, 2**62, extents, True) for number in range(64)]
    )
    server.send(work)
    assert storer.receive() == work
    stored = [StoreResult(number, number, bytes(32), bytes(200), 5) for number in range(100)]
    for message in (Idle(STORER, 5, False), FilesStored("/drafts/1.animals", stored)):
        storer.send(message)
    assert (server.poll(), server.poll(), server.poll()) == (
        Idle(STORER, 5, False),
        FilesStored("/drafts/1.animals", stored),
        None,
    )
    server.close()
    storer.close()
