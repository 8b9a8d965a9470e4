"""Every storage of packs keeps the same promises; that of a local directory also keeps an order of calls (P13)."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from artfs.chunks.pack_storage import LocalPackStorage, PackStorage, pack_name, parse_pack_name
from artfs.chunks.remote_pack_storage import RemotePackStorage
from artfs.chunks.writer import PackWriter, encode_record
from artfs.errors import IntegrityError, StorageError, StoreError, StoreUnreachableError
from artfs.files.direct_io import PIECE
from artfs.format.digest import digest_and_table
from artfs.format.pack import PackKind, RecordKind
from artfs.remotes import ListedObject, Remote
from tests.support.data.packs import Place
from tests.support.faults.faultyremote import Wrapped
from tests.support.models.memorypacks import MemoryPackStorage
from tests.support.models.memoryremote import MemoryRemote


class _Counting(Wrapped):
    """Notes the requests."""

    def __init__(self, remote: Remote) -> None:
        super().__init__(remote)
        self.calls: list[tuple[str, str]] = []

    def put(self, name: str, data: bytes) -> None:
        self.calls.append(("put", name))
        super().put(name, data)

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes | None:
        self.calls.append(("get", name))
        return super().get(name, start, end)

    def list(self, prefix: str, after: str = "") -> Iterator[ListedObject]:
        self.calls.append(("list", prefix))
        return super().list(prefix, after)


class _Gone(Wrapped):
    """Does not answer."""

    def put(self, name: str, data: bytes) -> None:  # noqa: ARG002 # nothing arrives
        raise StoreUnreachableError("no answer")


@dataclass(frozen=True)
class Subject:
    """A storage without packs, and what puts bytes into it under any name, as damage and strangers do."""

    storage: PackStorage
    plant: Callable[[str, bytes], object]
    scratch: Path

    def publish(self, *parts: bytes) -> str:
        """Publish a pack; its name."""
        new = self.storage.create(self.scratch)
        for part in parts:
            new.append(part)
        new.publish()
        return pack_name(new.pack)

    def read(self, name: str) -> bytes:
        pack = self.storage.open(name)
        return pack.read(pack.size, 0)


class PackStorageContract:
    """What every implementation promises, given a fixture `subject`."""

    def test_a_published_pack_is_listed_with_its_size_and_read_by_ranges(self, subject: Subject) -> None:
        name = subject.publish(b"header", b"", memoryview(b"records"))  # type: ignore[arg-type] # as good as bytes
        assert subject.storage.list() == {name: 13}
        pack = subject.storage.open(name)
        assert pack.size == 13
        assert [pack.read(6, 0), pack.read(7, 6), pack.read(100, 11), pack.read(1, 13)] == [
            b"header",
            b"records",
            b"ds",
            b"",
        ]

    def test_a_pack_of_many_megabytes_comes_back_as_it_was_given(self, subject: Subject) -> None:
        parts = [random.Random(number).randbytes(PIECE // 4 + number) for number in range(9)]
        assert subject.read(subject.publish(*parts)) == b"".join(parts)

    def test_what_was_appended_may_be_changed_at_once(self, subject: Subject) -> None:
        buffer = bytearray(b"before")
        new = subject.storage.create(subject.scratch)
        new.append(buffer)
        buffer[:] = b"behind"
        new.publish()
        assert subject.read(pack_name(new.pack)) == b"before"

    def test_an_unfinished_pack_is_not_to_be_seen(self, subject: Subject) -> None:
        new = subject.storage.create(subject.scratch)
        new.append(b"some")
        new.wait()
        assert subject.storage.list() == {}
        with pytest.raises(FileNotFoundError):
            subject.storage.open(pack_name(new.pack))
        new.discard()
        assert subject.storage.list() == {}
        assert list(subject.scratch.iterdir()) == []

    def test_no_two_packs_have_the_same_id(self, subject: Subject) -> None:
        names = {subject.publish(b"the same") for _ in range(20)}
        assert len(names) == 20
        assert list(subject.storage.list()) == sorted(names)

    def test_all_is_listed_that_may_be_a_pack_in_its_place_or_not(self, subject: Subject) -> None:
        for name in ("packs/zz/notes.pack", "packs/00/a.pack", "packs/00/a.txt", "packs/a.pack", "packs/00/1/a.pack"):
            subject.plant(name, b"planted")
        assert subject.storage.list() == {"packs/00/a.pack": 7, "packs/zz/notes.pack": 7}
        assert subject.read("packs/zz/notes.pack") == b"planted"

    def test_a_missing_pack_is_a_file_that_is_not_found(self, subject: Subject) -> None:
        with pytest.raises(FileNotFoundError):
            subject.storage.open(pack_name(bytes(16)))

    def test_messages_name_the_pack(self, subject: Subject) -> None:
        assert pack_name(bytes(16)) in subject.storage.address(pack_name(bytes(16)))
        assert subject.storage.is_available()


class PackRemovalContract(PackStorageContract):
    """What those promise besides from which packs are removed."""

    def test_a_pack_can_be_discarded_after_it_was_published(self, subject: Subject) -> None:
        new = subject.storage.create(subject.scratch)
        new.publish()
        new.discard()
        assert subject.storage.list() == {}

    @pytest.mark.parametrize("what", ["remove", "quarantine"])
    def test_what_is_missing_is_a_file_that_is_not_found(self, subject: Subject, what: str) -> None:
        calls: dict[str, Callable[[str], object]] = {
            "remove": subject.storage.remove,
            "quarantine": lambda name: subject.storage.quarantine(name, "a note\n"),
        }
        with pytest.raises(FileNotFoundError):
            calls[what](pack_name(bytes(16)))

    def test_a_removed_pack_is_gone_and_an_open_one_reads_no_other_bytes(self, subject: Subject) -> None:
        gone, stays = subject.publish(b"gone"), subject.publish(b"stays")
        pack = subject.storage.open(gone)
        subject.storage.remove(gone)
        assert list(subject.storage.list()) == [stays]
        assert pack.read(4, 0) in {b"gone", b""}
        with pytest.raises(FileNotFoundError):
            subject.storage.open(gone)

    def test_a_quarantined_pack_is_not_listed_and_takes_no_others_place(self, subject: Subject) -> None:
        kept = []
        for number in range(3):
            subject.plant("packs/zz/notes.pack", b"%d" % number)
            kept.append(subject.storage.quarantine("packs/zz/notes.pack", f"note {number}\n"))
            assert subject.storage.list() == {}
        assert kept == ["quarantine/notes.pack", "quarantine/notes.2.pack", "quarantine/notes.3.pack"]

    def test_several_look_at_the_packs_and_one_may_remove_some(self, subject: Subject) -> None:
        lock = subject.storage.lock
        with lock(exclusive=False, wait=False), lock(exclusive=False, wait=True), pytest.raises(BlockingIOError):
            lock(exclusive=True, wait=False)
        with lock(exclusive=True, wait=False):
            for exclusive in (False, True):
                with pytest.raises(BlockingIOError):
                    lock(exclusive=exclusive, wait=False)
        with lock(exclusive=True, wait=True):
            pass

    def test_the_lock_is_waited_for(self, subject: Subject) -> None:
        done: list[str] = []

        def work() -> None:
            with subject.storage.lock(exclusive=True, wait=True):
                done.append("second")

        with subject.storage.lock(exclusive=False, wait=True):
            second = threading.Thread(target=work)
            second.start()
            done.append("first")
        second.join(timeout=60)
        assert done == ["first", "second"]


class TestLocalPackStorage(PackRemovalContract):
    @pytest.fixture
    def subject(self, place: Place) -> Subject:
        def plant(name: str, data: bytes) -> None:
            path = place.top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

        return Subject(LocalPackStorage(place.top), plant, place.tmp)


class TestMemoryPackStorage(PackRemovalContract):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        storage = MemoryPackStorage()
        return Subject(storage, storage.packs.__setitem__, tmp_path)


class TestRemotePackStorage(PackStorageContract):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        remote = MemoryRemote()
        return Subject(RemotePackStorage(remote), remote.put, tmp_path)

    def test_packs_of_one_writer_end_with_its_session(self, subject: Subject) -> None:
        storage = subject.storage
        assert isinstance(storage, RemotePackStorage)
        assert {parse_pack_name(subject.publish(b""))[8:] for _ in range(3)} == {storage.session}
        assert RemotePackStorage(MemoryRemote()).session != storage.session

    def test_nothing_is_removed_not_even_what_its_writer_gave_up(self, subject: Subject) -> None:
        new = subject.storage.create(subject.scratch)
        new.publish()
        new.discard()
        name = pack_name(new.pack)
        with subject.storage.lock(exclusive=False, wait=False):
            pass
        calls: list[Callable[[], object]] = [
            lambda: subject.storage.remove(name),
            lambda: subject.storage.quarantine(name, "a note\n"),
            lambda: subject.storage.lock(exclusive=True, wait=True),
        ]
        for call in calls:
            with pytest.raises(StoreError, match="removes and repairs nothing"):
                call()
        assert subject.storage.list() == {name: 0}


def test_a_pack_whose_size_is_known_takes_one_request_for_each_range(tmp_path: Path) -> None:
    remote = _Counting(MemoryRemote())
    sizes: dict[str, int] = {}
    storage = RemotePackStorage(remote, sizes.get)
    name = Subject(storage, remote.put, tmp_path).publish(b"header", b"records")
    sizes |= {name: 13, pack_name(bytes(16)): 100}
    pack = storage.open(name)
    assert [pack.read(6, 0), pack.read(100, 6), pack.read(1, 13)] == [b"header", b"records", b""]
    assert remote.calls == [("put", name), ("get", name), ("get", name)]
    with pytest.raises(FileNotFoundError):
        storage.open(pack_name(bytes(16))).read(1, 0)


def test_a_pack_that_is_not_written_is_named_by_nothing_and_no_other_is_tried(tmp_path: Path) -> None:
    remote = _Gone(MemoryRemote())
    record = encode_record(RecordKind.CHUNK, *digest_and_table(b"plain"), b"plain")
    with PackWriter(RemotePackStorage(remote), tmp_path, PackKind.DATA) as writer:
        writer.append(record)
        with pytest.raises(StoreUnreachableError):
            writer.finish()
        with pytest.raises(StorageError, match="after an earlier failure: no answer"):
            writer.append(record)
        assert writer.take_sealed() == []


def test_a_pack_of_an_object_store_stays_small_enough_for_one_request(tmp_path: Path) -> None:
    storage = RemotePackStorage(MemoryRemote())
    with PackWriter(storage, tmp_path, PackKind.NODES) as writer:
        for number in range(3):
            node = random.Random(number).randbytes(4 << 20)
            writer.append(encode_record(RecordKind.NODE, *digest_and_table(node), node))
        assert [pack.count for pack in writer.finish()] == [1, 1, 1]
    assert max(storage.list().values()) < 8 << 20


def _traced(monkeypatch: pytest.MonkeyPatch, top: Path) -> list[str]:
    """The calls by which a directory is changed from now on, each with what of it is concerned."""
    calls: list[str] = []
    for name in ("fsync", "mkdir", "rename", "unlink", "ftruncate"):
        real = getattr(os, name)

        def call(*arguments: object, _name: str = name, _real: Callable[..., object] = real, **more: object) -> object:
            first = arguments[0]
            directory = more.get("dir_fd", more.get("src_dir_fd"))
            if isinstance(first, int):
                path = os.readlink(f"/proc/self/fd/{first}")
            else:
                path = os.path.join(os.readlink(f"/proc/self/fd/{directory}"), str(first))
            calls.append(f"{_name} {os.path.relpath(path, top)}")
            return _real(*arguments, **more)

        monkeypatch.setattr(os, name, call)
    return calls


def test_a_pack_is_synced_then_named_then_its_name_is_synced(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    new = place.storage.create(place.tmp)
    new.append(b"data")
    calls = _traced(monkeypatch, place.top)
    new.publish()
    growing, directory = f"tmp/{new.pack.hex()}.pack", f"packs/{new.pack.hex()[:2]}"
    assert calls == [f"fsync {growing}", f"mkdir {directory}", "fsync packs", f"rename {growing}", f"fsync {directory}"]


def test_a_quarantined_pack_is_moved_when_the_note_is_durable(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed, _ = place.store([b"plain"])
    damaged = sealed.path.read_bytes()
    calls = _traced(monkeypatch, place.top)
    name = pack_name(sealed.pack)
    kept = place.storage.quarantine(name, "why \udcff\n")
    note = kept.removesuffix(".pack") + ".txt"
    assert calls == [
        "mkdir quarantine",
        "fsync .",
        f"fsync {note}",
        "fsync quarantine",
        f"rename {name}",
        "fsync quarantine",
        f"fsync {os.path.dirname(name)}",
    ]
    assert (place.top / kept).read_bytes() == damaged
    assert (place.top / note).read_text() == "why \\udcff\n"


def test_a_removed_pack_gives_its_space_back_though_it_is_open(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed, _ = place.store([b"plain"])
    pack = place.storage.open(pack_name(sealed.pack))
    calls = _traced(monkeypatch, place.top)
    place.storage.remove(pack_name(sealed.pack))
    name = pack_name(sealed.pack)
    assert calls == [f"unlink {name}", f"fsync {os.path.dirname(name)}", f"ftruncate {name} (deleted)"]
    assert pack.size == 0


def test_packs_that_are_missing_as_a_whole_are_not_available(tmp_path: Path) -> None:
    storage = LocalPackStorage(tmp_path)
    assert not storage.is_available()
    assert storage.list() == {}
    with pytest.raises(FileNotFoundError):
        storage.lock(exclusive=False, wait=True)


@pytest.mark.parametrize(
    "name", ["short.pack", "zz" * 16 + ".pack", "AB" * 16 + ".pack", "ab" * 16 + ".tmp", "ab" * 16]
)
def test_a_name_that_packs_do_not_have_is_refused(name: str) -> None:
    with pytest.raises(IntegrityError, match="named"):
        parse_pack_name(f"packs/ab/{name}")


def test_the_id_is_in_the_name_wherever_the_pack_is() -> None:
    pack = bytes(range(16))
    assert parse_pack_name(pack_name(pack)) == pack
    assert parse_pack_name(f"packs/zz/{pack.hex()}.pack") == pack
