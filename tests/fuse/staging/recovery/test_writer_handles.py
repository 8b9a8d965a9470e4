"""The record of files open for writing outlives the servers that write it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from artfs.fuse.staging.recovery.writer_handles import WriterHandles


@pytest.fixture
def writers() -> Iterator[WriterHandles]:
    with WriterHandles() as writers:
        yield writers


def _recovered(writers: WriterHandles, *, resent: bool = True) -> dict[int, int]:
    """The files that a server finds open when it replaces another one."""
    writers.recover(resent=resent)
    return dict(writers.recovered)


def test_only_the_first_server_finds_nothing_begun_before_it(writers: WriterHandles) -> None:
    writers.recover(resent=True)
    assert writers.first
    writers.recover(resent=True)
    assert not writers.first


def test_files_open_for_writing_are_known_to_the_next_server(writers: WriterHandles) -> None:
    for handle in (10, 11, 11, 12):
        assert writers.record_open(handle)
    for handle in (10, 11):
        assert writers.record_close(handle)
    writers.mark_answered()
    assert _recovered(writers) == {11: 1, 12: 1}
    assert writers.record_open(12)
    writers.mark_answered()
    assert _recovered(writers) == {11: 1, 12: 2}


def test_a_replayed_request_is_not_recorded_twice(writers: WriterHandles) -> None:
    writers.record_open(10)
    writers.mark_answered()
    writers.record_open(11)
    assert _recovered(writers) == {10: 1, 11: 1}
    assert not writers.record_open(11)  # the kernel sends it again
    assert writers.record_open(11)  # and this is another one
    writers.mark_answered()
    writers.record_close(11)
    assert _recovered(writers) == {10: 1, 11: 1}
    writers.end_replay()
    assert writers.record_close(11)
    writers.mark_answered()
    assert _recovered(writers) == {10: 1}


def test_without_resending_an_open_that_was_not_answered_has_failed(writers: WriterHandles) -> None:
    writers.record_open(10)
    writers.mark_answered()
    writers.record_open(11)
    assert _recovered(writers, resent=False) == {10: 1}
    writers.mark_answered()
    writers.record_close(10)  # the kernel does not wait for an answer to this
    assert _recovered(writers, resent=False) == {}
    assert writers.record_open(11)


def test_the_memory_of_the_record_does_not_grow(writers: WriterHandles) -> None:
    for _ in range(10):
        for number in range(2000):
            writers.record_open(number << 40)
            writers.mark_answered()
            writers.record_close(number << 40)
            writers.mark_answered()
    assert _recovered(writers) == {}
    writers.record_open(5)
    assert _recovered(writers) == {5: 1}
