"""References with a chunk list (`checksum="content"`): each range is proved, and the store's own chunks are read."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import artfs as api
from artfs.catalog import current_actor
from artfs.drafts.gc_roots import collect_store
from artfs.errors import InvalidInputError, ReferenceChangedError
from artfs.format.node import Entry
from artfs.names import parse_entry_path, parse_ref
from artfs.store import Store, open_store
from tests.support.commands import Commands
from tests.support.data.checked import assert_clean
from tests.support.objects.sources import BucketSource
from tests.support.objects.web import WebServer, web_server

_LARGE = random.Random(1).randbytes(6 << 20)
_SMALL = _LARGE[:40_000]
_MIDDLE = 3 << 20
_CHANGED = _LARGE[:_MIDDLE] + bytes(100) + _LARGE[_MIDDLE + 100 :]
_CONTENT = ("--checksum", "content")


@pytest.fixture
def stateless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """A web server that tells an object's size and bytes, and nothing of its state: `large`, `small` and `empty`."""
    monkeypatch.setenv("ARTFS_CACHE", str(tmp_path / "cache"))
    with web_server(WebServer(etags="none", modified=False)) as server:
        for name, data in (("large", _LARGE), ("small", _SMALL), ("empty", b"")):
            server.put(name, data)
        yield server


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where a store is made; at the end of the test it is undamaged."""
    yield tmp_path / "store"
    assert_clean(tmp_path / "store")


def _refer(place: Path, *uris: str) -> None:
    with open_store(place, create=True) as store:
        artifact = api.Artifact("far", store=store)
        for uri in uris:
            artifact.add_reference(uri, checksum="content")
        artifact.save()


def _entry(store: Store, path: str) -> Entry:
    return store.entry(store.version(parse_ref("far")), parse_entry_path(path))


def _bytes_asked(server: WebServer) -> int:
    ranges = [each.headers["range"].removeprefix("bytes=") for each in server.requests if each.method == "GET"]
    ends = [tuple(map(int, each.split("-"))) for each in ranges]
    return sum(last + 1 - first for first, last in ends)


def _leave_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is opened from now on use an empty cache, as on another machine."""
    monkeypatch.setenv("ARTFS_CACHE", str(tmp_path / "another cache"))


def test_a_change_of_the_same_size_is_an_error_and_what_did_not_change_is_read(
    place: Path, stateless: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refer(place, *(stateless.url(name) for name in ("large", "small", "empty")))
    stateless.put("large", _CHANGED)
    _leave_the_cache(tmp_path, monkeypatch)
    with open_store(place) as store:
        artifact = api.Artifact.of_version(store, store.version(parse_ref("far")))
        with artifact.open("large") as file:
            assert file.read(100_000) == _LARGE[:100_000]
            file.seek(_MIDDLE + 50)
            with pytest.raises(ReferenceChangedError, match=r"its bytes from \d+ to \d+ have another digest"):
                file.read(1)
            with pytest.raises(ReferenceChangedError):
                artifact.download(tmp_path / "out")
            file.seek(-1000, 2)
            assert file.read() == _LARGE[-1000:]
            stateless.put("large", _LARGE)
            file.seek(0)
            assert file.read() == _LARGE  # no wrong byte stayed in the cache
        assert artifact.open("small").read() == _SMALL
        assert artifact.open("empty").read() == b""


def test_a_cache_of_an_older_state_is_not_what_a_chunk_list_is_made_of(place: Path, stateless: WebServer) -> None:
    with open_store(place, create=True) as store:
        older = api.Artifact("older", store=store)
        older.add_reference(stateless.url("small"), checksum=False)
        older.save()
        assert older.open("small").read() == _SMALL
    stateless.put("small", _SMALL[::-1])
    _refer(place, stateless.url("small"))
    with open_store(place) as store:
        assert bytes(store.content.read(_entry(store, "small"), 0, len(_SMALL))) == _SMALL[::-1]


def test_an_object_is_read_once_to_refer_to_it_and_later_by_ranges(
    place: Path, stateless: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refer(place, stateless.url("large"))
    assert _bytes_asked(stateless) == len(_LARGE)
    stateless.requests.clear()
    _leave_the_cache(tmp_path, monkeypatch)
    with open_store(place) as store:
        entry = _entry(store, "large")
        assert bytes(store.content.read(entry, _MIDDLE, 100)) == _LARGE[_MIDDLE : _MIDDLE + 100]
        assert _bytes_asked(stateless) < len(_LARGE) // 2
        for offset in (_MIDDLE, 0, len(_LARGE) - 10, len(_LARGE)):
            for size in (0, 1, 10, 1_500_000):
                assert bytes(store.content.read(entry, offset, size)) == _LARGE[offset : offset + size]


def test_nothing_is_fetched_of_what_the_store_has_until_gc_removes_that(
    place: Path, stateless: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "local").write_bytes(_LARGE)
    with open_store(place, create=True) as store:
        stored = api.Artifact("stored", store=store)
        stored.add_file(tmp_path / "local")
        stored.save()
    _refer(place, stateless.url("large"))
    stateless.requests.clear()
    _leave_the_cache(tmp_path, monkeypatch)
    with open_store(place) as store:
        entry = _entry(store, "large")
        assert bytes(store.content.read(entry, _MIDDLE, 2 << 20)) == _LARGE[_MIDDLE : _MIDDLE + (2 << 20)]
        assert b"".join(map(bytes, store.content.stream(entry))) == _LARGE
        assert stateless.requests == []
        api.Artifact.of_version(store, store.version(parse_ref("stored"))).delete(delete_aliases=True)
    with open_store(place) as store:
        assert collect_store(store, current_actor()).size > len(_LARGE)
        assert b"".join(map(bytes, store.content.stream(_entry(store, "large")))) == _LARGE
        assert _bytes_asked(stateless) == len(_LARGE)


def test_a_changed_object_gives_eio_through_a_mount_and_the_store_has_the_rest(
    artfs: Commands, stateless: WebServer, tmp_path: Path
) -> None:
    """Proof of S98.

    S98: Of a reference with a chunk list (`--checksum content`) a byte is given only if the chunk that it is in has the
    digest that was kept, whatever its source says. Chunks that the store has are read there, and not fetched.
    """
    artfs.environment["ARTFS_CACHE"] = str(tmp_path / "mounts")
    artfs.done("put", "-n", "far", "--ref", stateless.url("large"), "--ref", stateless.url("small"), *_CONTENT)
    (tmp_path / "same").write_bytes(_SMALL)
    artfs.done("put", "-n", "same", tmp_path / "same")
    stateless.put("large", _CHANGED)
    stateless.remove("small")
    mountpoint = tmp_path / "art"
    mountpoint.mkdir()
    assert artfs.process("mount", mountpoint).code == 0
    try:
        assert (mountpoint / "far/v0/small").read_bytes() == _SMALL
        with (mountpoint / "far/v0/large").open("rb", buffering=0) as file:
            assert file.read(4096) == _LARGE[:4096]
            file.seek(_MIDDLE)
            with pytest.raises(OSError, match="Input/output error") as caught:
                file.read(4096)
            assert caught.value.errno == errno.EIO
    finally:
        artfs.process("umount", "--lazy", mountpoint)
    assert artfs("verify", "far").lines[:2] == [
        f"changed     large -> {stateless.url('large')}",
        f"gone        small -> {stateless.url('small')}",
    ]
    assert artfs.done("fsck", "--read-data").code == 0


def test_objects_of_a_bucket_are_read_again_only_where_they_changed(
    artfs: Commands, bucket: BucketSource, tmp_path: Path
) -> None:
    for name, data in {"a": _LARGE, "b/c": _SMALL, "b/empty": b""}.items():
        bucket.put(f"data/{name}", data)
    line = ("put", "-n", "far", "--ref", bucket.uri("data/"), "--if-changed", *_CONTENT)
    assert artfs.done(*line).text == "far:v0"
    artfs.done("cache", "clear")
    assert artfs.noted(*line).text == "far:v0"
    fetched = artfs.done("cache", "show", "--json").json["fetched_bytes"]
    bucket.put("data/b/c", _SMALL[::-1])
    assert artfs.done(*line, "--dry-run").lines[0].split()[:3] == ["M", "+0", "b/c"]
    assert artfs.done(*line).text == "far:v1"
    assert artfs.done("cache", "show", "--json").json["fetched_bytes"] == fetched + len(_SMALL)
    assert artfs.done("cat", "far/a").out == _LARGE
    assert artfs.done("cat", "far/b/c").out == _SMALL[::-1]
    assert "is not what the artifact refers to any more" in artfs("cat", "far:v0/b/c").failed(5)
    artfs.done("get", "far", tmp_path / "out")
    assert (tmp_path / "out" / "a").read_bytes() == _LARGE
    bucket.remove("data/a")
    artfs.done("get", "far", tmp_path / "out")  # what is there is compared by its chunks
    assert artfs.done("fsck", "--read-data").code == 0


def test_a_draft_takes_the_chunk_lists_of_objects_that_did_not_change(bucket: BucketSource, tmp_path: Path) -> None:
    bucket.put("a", _LARGE)
    with open_store(tmp_path / "store", create=True) as store:
        artifact = api.Artifact("far", store=store)
        artifact.add_reference(bucket.uri("a"), checksum="content")
        artifact.save()
        draft = artifact.new_draft()
        [entry] = draft.add_reference(bucket.uri("a"), checksum="content")
        assert entry.row.digest == artifact.get_entry("a").row.digest
        with pytest.raises(InvalidInputError, match="with other contents"):
            draft.add_reference(bucket.uri("a"))
        bucket.put("a", _CHANGED)
        with pytest.raises(InvalidInputError, match="with other contents"):
            draft.add_reference(bucket.uri("a"), checksum="content")


def test_warm_leaves_out_what_the_store_has(artfs: Commands, bucket: BucketSource, tmp_path: Path) -> None:
    bucket.put("a", _SMALL)
    bucket.put("b", _SMALL[1:])
    (tmp_path / "same").write_bytes(_SMALL)
    artfs.done("put", "-n", "same", tmp_path / "same")
    artfs.done("put", "-n", "far", "--ref", bucket.uri("a"), "--ref", bucket.uri("b"), *_CONTENT)
    assert artfs.done("warm", "far", "--json").json["fetched"] == len(_SMALL) - 1


def test_what_cannot_be_read_and_what_is_no_checksum_is_refused(tmp_path: Path) -> None:
    artifact = api.Artifact("far", store=tmp_path / "store")
    with pytest.raises(InvalidInputError, match="cannot be read for its chunks"):
        artifact.add_reference("tape://shelf/7", name="tape", checksum="content")
    with pytest.raises(InvalidInputError, match="use True, False or 'content'"):
        artifact.add_reference((tmp_path / "x").as_uri(), checksum="md5")  # type: ignore[arg-type] # as a user may
    assert not artifact.manifest.entries
