"""The incremental writer: threads that share it do one thing at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from artfs.catalog import NewVersion
from artfs.errors import StoreError
from artfs.format.node import Entry, Kind
from artfs.names import parse_ref
from artfs.store import Store, open_store
from artfs.store.incremental_writer import IncrementalWriter
from artfs.store.write.content_writer import ContentWriter
from artfs.store.write.scan import SourceFile
from tests.support.schedules import Rival, once


@dataclass
class Shared:
    """A writer that two threads share, a file to store, and another store that has it."""

    writer: IncrementalWriter
    file: SourceFile
    source: Store
    entry: Entry
    rival: Rival[None]


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shared]:
    path = tmp_path / "file"
    path.write_bytes(b"tom" * 1000)
    rival: Rival[None] = Rival()
    with open_store(tmp_path / "store", create=True) as store, open_store(tmp_path / "other", create=True) as source:
        source.put([path], NewVersion("animals"))
        entry = source.entry(source.version(parse_ref("animals")), (b"file",))
        with monkeypatch.context() as patch:
            patch.setattr("artfs.store.incremental_writer.threading.Lock", rival.lock)
            writer = IncrementalWriter(store)
        yield Shared(writer, SourceFile(b"file", os.fsencode(path), path.stat()), source, entry, rival)
        writer.close()


CALLS: dict[str, tuple[str, Callable[[Shared], object]]] = {
    "add_files": ("append", lambda shared: shared.writer.add_files([shared.file])),
    "add_file": ("append", lambda shared: shared.writer.add_file(shared.file)),
    "copy_file": ("append", lambda shared: shared.writer.copy_file(shared.source, shared.entry)),
    "build_tree": (
        "flush",
        lambda shared: shared.writer.build_tree({b"": Entry(b"", Kind.DIRECTORY, 0o755, 0, 0, b"")}),
    ),
    "flush": ("flush", lambda shared: shared.writer.flush()),
    "close": ("close", lambda shared: shared.writer.close()),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_one_thread_is_at_is_finished_before_another_begins(
    shared: Shared, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    middle, call = CALLS[name]
    real = getattr(ContentWriter, middle)
    monkeypatch.setattr(ContentWriter, middle, once(lambda: shared.rival.meanwhile(shared.writer.flush), real))
    call(shared)
    assert shared.rival.waited
    if name == "close":
        with pytest.raises(StoreError, match="were dropped"):
            shared.rival.result()
    else:
        shared.rival.result()
