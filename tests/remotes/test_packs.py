"""Machines share the contents of a store at a URL: packs before the records that name them, and read by anybody."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from artfs.catalog import Actor, Catalog, NewVersion, PackRow
from artfs.catalog.remote_journal import RemoteJournal
from artfs.chunks.chunker import ChunkParams
from artfs.chunks.pack_storage import pack_name
from artfs.chunks.reader import PackReader
from artfs.chunks.remote_pack_storage import RemotePackStorage
from artfs.errors import IntegrityError, StoreUnreachableError
from artfs.format.pack import Location
from artfs.format.pack_operations import AddedPack, PacksAdded
from artfs.references import Handlers
from artfs.remotes import Remote, open_remote
from artfs.store.file_reader import ContentReader
from artfs.store.layout import FORMAT_VERSION, Layout, StoreFormat
from artfs.store.progress import NullProgress
from artfs.store.recorded_packs import follow
from artfs.store.store import root_entry
from artfs.store.tree.pages import Pages
from artfs.store.write.put import Stored, put
from tests.support.data.catalogs import STORE_ID, WHO, check, ref
from tests.support.data.machines import Machine
from tests.support.faults.faultyremote import Wrapped
from tests.support.models.memoryremote import MemoryRemote
from tests.support.objects.sources import s3_environment


@dataclass(frozen=True)
class Home:
    """A machine with its catalog open, and the packs of the store."""

    catalog: Catalog
    layout: Layout
    storage: RemotePackStorage

    @classmethod
    def open(cls, root: Path, remote: Remote) -> Home:
        catalog = Machine(root, remote).open()
        (root / "tmp").mkdir(exist_ok=True)

        def size_of(name: str) -> int | None:
            with catalog.view() as view:
                row = view.recorded_pack(bytes.fromhex(name.rpartition("/")[2].removesuffix(".pack")))
            return None if row is None else row.size

        storage = RemotePackStorage(remote, size_of)
        return cls(catalog, Layout(root, StoreFormat(FORMAT_VERSION, STORE_ID.hex(), ChunkParams()), storage), storage)

    def put(self, source: Path, who: Actor = WHO) -> Stored:
        """Store a directory as the next version of `data`."""
        return put(
            self.layout,
            self.catalog,
            [os.fsencode(source)],
            NewVersion("data"),
            who,
            if_changed=False,
            progress=NullProgress(),
        )

    def follow(self) -> int:
        """Fetch what others did; the number of packs that were new here."""
        journal = self.catalog.journal
        assert isinstance(journal, RemoteJournal)
        return follow(self.catalog, journal, self.storage)

    def contents(self, version: str) -> dict[bytes, bytes]:
        """The files of a version, each read to its end."""
        with self.catalog.view() as view:
            found = view.resolve(ref(version))
        with PackReader(self.storage) as reader:
            pages = Pages(self._node)
            content = ContentReader(pages, self._locate, reader, Handlers())
            return {entry.name: b"".join(content.stream(entry)) for _at, entry in pages.iterate(root_entry(found).node)}

    def _node(self, node: bytes) -> bytes:
        with self.catalog.view() as view:
            return view.node(node)

    def _locate(self, chunk: bytes) -> Location | None:
        with self.catalog.view() as view:
            return view.find_location(chunk)


@pytest.fixture(params=["directory", "moto"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    if request.param == "directory":
        return open_remote(f"file://{tmp_path}/store", {})
    variables = s3_environment(request.getfixturevalue("moto"), tmp_path)
    return open_remote(f"s3://tests/{secrets.token_hex(8)}", variables)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with a file of several chunks, and some small ones."""
    directory = tmp_path / "source"
    directory.mkdir()
    (directory / "large").write_bytes(random.Random(1).randbytes(3 << 20))
    for number in range(20):
        (directory / f"small{number}").write_text(f"file {number}")
    return directory


def test_what_one_machine_puts_another_one_reads(remote: Remote, source: Path, tmp_path: Path) -> None:
    with home(tmp_path / "a", remote) as one, home(tmp_path / "b", remote) as two:
        one.put(source)
        assert two.follow() == 2
        assert two.contents("data:v0") == files_of(source)
        (source / "small3").write_text("changed by the other machine")
        assert two.put(source).new_size < 100
        assert one.follow() == 2
        assert one.contents("data:v1") == files_of(source)
        assert one.contents("data:v0") != files_of(source)
        assert two.follow() == one.follow() == 0
        assert check(one.catalog) == check(two.catalog) == []


def test_every_pack_is_there_before_a_record_names_it_and_every_record_before_the_version(
    source: Path, tmp_path: Path
) -> None:
    remote = MemoryRemote()
    written = _Written(remote)
    with home(tmp_path / "a", written) as one:
        one.put(source)
    data, nodes = (name for name in written.names if name.startswith("packs/"))
    assert written.names == [data, f"journal/{1:020d}", nodes, f"journal/{2:020d}", f"journal/{3:020d}"]
    with home(tmp_path / "b", remote) as two:
        two.follow()
        ops = [op for record in two.catalog.history() for op in record.entry.ops]
    added = [[pack_name(pack.pack) for pack in op.packs] for op in ops if isinstance(op, PacksAdded)]
    assert added == [[data], [nodes]]


@pytest.mark.parametrize("answered", range(5))
def test_a_put_that_is_cut_off_at_any_request_shows_nothing_and_the_next_one_is_whole(
    source: Path, tmp_path: Path, answered: int
) -> None:
    remote = MemoryRemote()
    with home(tmp_path / "a", _Written(remote, answered)) as one, pytest.raises(StoreUnreachableError):
        one.put(source)
    with home(tmp_path / "b", remote) as two:
        two.follow()
        with two.catalog.view() as view:
            assert list(view.artifacts()) == []
    with home(tmp_path / "a", remote) as one, home(tmp_path / "b", remote) as two:
        one.follow()
        assert one.put(source).version.index == 0
        written_in_vain = answered in {1, 3}
        assert sum(name.startswith("packs/") for name in remote.objects) == 2 + written_in_vain
        assert len(list_recorded(one)) == 2
        two.follow()
        assert two.contents("data:v0") == files_of(source)
        assert check(one.catalog) == []


@pytest.mark.parametrize("damage", ["missing", "flipped", "another"])
def test_a_pack_that_is_not_what_was_recorded_is_named(source: Path, tmp_path: Path, damage: str) -> None:
    remote = MemoryRemote()
    with home(tmp_path / "a", remote) as one:
        one.put(source)
    for name in [name for name in remote.objects if name.startswith("packs/")]:
        kept = remote.objects[name]
        data = bytearray(kept[0])
        if damage == "missing":
            remote.delete(name)
        else:
            data[-100 if damage == "flipped" else 10] ^= 1
            remote.put(name, bytes(data) if damage == "flipped" else b"x" * len(data))
        with home(tmp_path / name.replace("/", "-"), remote) as two, pytest.raises(IntegrityError, match=name):
            two.follow()
        remote.objects[name] = kept


def test_a_pack_that_is_recorded_twice_or_cannot_be_is_refused(tmp_path: Path) -> None:
    pack = AddedPack(bytes(16), 1, 1000, 1)
    with home(tmp_path / "a", MemoryRemote()) as one:
        one.catalog.publish(lambda _view: [PacksAdded((pack,))], WHO)
        with pytest.raises(IntegrityError, match="is there already"):
            one.catalog.publish(lambda _view: [PacksAdded((pack,))], WHO)
        one.catalog.record_packs([(bytes(16), PackRow(1, 1000, 1))], WHO)
        assert list_recorded(one) == [bytes(16)]
    with pytest.raises(ValueError, match="cannot hold"):
        AddedPack(bytes(16), 1, 1000, 20)


def list_recorded(one: Home) -> list[bytes]:
    """The packs in the journal."""
    with one.catalog.view() as view:
        return [pack for pack, _row in view.recorded_packs()]


def files_of(directory: Path) -> dict[bytes, bytes]:
    """The files that are in a directory."""
    return {os.fsencode(path.name): path.read_bytes() for path in directory.iterdir()}


@contextmanager
def home(root: Path, remote: Remote) -> Iterator[Home]:
    """A machine with that directory."""
    opened = Home.open(root, remote)
    with opened.catalog:
        yield opened


class _Written(Wrapped):
    """Notes what is written, and is gone after some writes."""

    def __init__(self, remote: Remote, answered: int | None = None) -> None:
        super().__init__(remote)
        self.names: list[str] = []
        self._answered = answered

    def create(self, name: str, data: bytes) -> bool:
        self._note(name)
        return super().create(name, data)

    def put(self, name: str, data: bytes) -> None:
        self._note(name)
        super().put(name, data)

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes | None:
        self._refuse()
        return super().get(name, start, end)

    def _note(self, name: str) -> None:
        self._refuse()
        self.names.append(name)

    def _refuse(self) -> None:
        if self._answered is not None and len(self.names) >= self._answered:
            raise StoreUnreachableError("no answer")
