"""Garbage collection gives back what is not needed any more, and nothing else, whatever happens beside it."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from artfs.catalog import Actor, NewPart, NewVersion, Version, VersionEdit, current_actor
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.gc_roots import collect_store, reclaimable_of_store
from artfs.drafts.storer import DraftStorer
from artfs.errors import ConflictError, IntegrityError, NotFoundError, StorageError
from artfs.format.operations import VersionFields
from artfs.format.pack import Location, RecordKind
from artfs.names import VersionRef, parse_ref
from artfs.store import Store, open_store, root_entry
from artfs.store.file_reader import ContentReader
from artfs.store.fsck import fsck
from artfs.store.gc import Freed, collect_garbage
from artfs.store.incremental_writer import IncrementalWriter
from artfs.store.read.extract import extract
from artfs.store.reader_leases import OpenCounts, ReaderLease, read_serials
from artfs.store.write.scan import SourceFile
from artfs.vfs import ROOT_INODE, StoreView
from tests.support.data.checked import assert_clean
from tests.support.data.drafts import commit, make_draft
from tests.support.data.trees import snapshot
from tests.support.mounts.mounts import ROOT

WHO = Actor("ann", "lab", 4711, None)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store", create=True) as opened:
        yield opened
        assert_clean(opened.path)


def _fill(top: Path, seed: int, *, files: int = 12, size: int = 60_000) -> Path:
    """A directory of random files, some of them in a directory, and one of several chunks."""
    rng = random.Random(seed)
    (top / "below").mkdir(parents=True)
    for number in range(files):
        (top / ("below" if number % 3 else ".") / f"{number}").write_bytes(rng.randbytes(rng.randrange(1, size)))
    (top / "long").write_bytes(rng.randbytes(700_000))
    return top


def _put(store: Store, source: Path, name: str = "animals", ttl_ns: int | None = None) -> Version:
    return store.put([source], NewVersion(name=name, ttl_ns=ttl_ns)).version


def _gc(store: Store, *, dry_run: bool = False) -> Freed:
    return collect_store(store, WHO, dry_run=dry_run, timeout=0)


def _rm(store: Store, ref: str) -> None:
    store.catalog.delete_version(parse_ref(ref), WHO, delete_aliases=True)


def _packed(place: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in place.glob("packs/*/*.pack"))


def _holds(store: Store, ref: str, source: Path, out: Path) -> bool:
    extract(store, root_entry(store.version(parse_ref(ref))), out)
    same = snapshot(out) == snapshot(source)
    shutil.rmtree(out)
    return same


def test_rm_and_gc_give_the_bytes_back(store: Store, tmp_path: Path) -> None:
    kept = _fill(tmp_path / "kept", 1)
    _put(store, kept, "kept")
    before = _packed(store.path)
    _put(store, _fill(tmp_path / "gone", 2))
    assert _packed(store.path) > before + 1_000_000
    _rm(store, "animals:v0")
    planned = _gc(store, dry_run=True)
    assert _packed(store.path) > before + 1_000_000
    freed = _gc(store)
    assert [one.ref for one in freed.versions] == [one.ref for one in planned.versions] == ["animals:v0"]
    assert freed.size > 1_000_000
    assert _packed(store.path) <= before
    assert _holds(store, "kept:v0", kept, tmp_path / "out")


def test_of_a_pack_that_is_partly_used_the_rest_is_given_back(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    first = _put(store, source)
    shutil.rmtree(source / "below")
    _put(store, source)
    reclaimable = reclaimable_of_store(store, [first])
    _rm(store, "animals:v0")
    freed = _gc(store).size
    assert freed > 100_000
    assert abs(freed - reclaimable) < 20_000  # nodes, headers and footers of packs
    assert _packed(store.path) < sum(path.stat().st_size for path in source.rglob("*")) + 40_000
    assert _holds(store, "animals:v1", source, tmp_path / "out")
    assert _gc(store) == Freed((), 0, 0)


def test_a_store_filled_emptied_and_filled_again_ten_times_does_not_grow(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    sizes = []
    for _ in range(10):
        _put(store, source)
        sizes.append(_packed(store.path))
        store.catalog.delete_artifact("animals", WHO)
        _gc(store)
        assert _packed(store.path) == 0
    assert max(sizes) <= sizes[0]


def test_a_deleted_version_can_be_brought_back_until_gc(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    _put(store, source)
    _rm(store, "animals:v0")
    store.catalog.undelete_version("animals", 0, WHO)
    assert _holds(store, "animals:v0", source, tmp_path / "out")
    _rm(store, "animals:v0")
    _gc(store)
    with pytest.raises(NotFoundError, match="gc has removed its contents"):
        store.catalog.undelete_version("animals", 0, WHO)


def test_what_was_deleted_in_the_grace_period_is_kept_and_can_be_brought_back(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    _put(store, source)
    _rm(store, "animals:v0")
    for dry_run in (True, False):
        freed = collect_store(store, WHO, grace_ns=3600 * 10**9, dry_run=dry_run, timeout=0)
        assert (freed.versions, freed.kept) == ((), ("animals:v0",))
    store.catalog.undelete_version("animals", 0, WHO)
    assert _holds(store, "animals:v0", source, tmp_path / "out")
    _rm(store, "animals:v0")
    freed = collect_store(store, WHO, grace_ns=1, timeout=0)
    assert ([one.ref for one in freed.versions], freed.kept) == (["animals:v0"], ())
    with pytest.raises(NotFoundError, match="gc has removed its contents"):
        store.catalog.undelete_version("animals", 0, WHO)


def test_an_expired_version_goes_unless_it_bears_an_alias_other_than_latest(store: Store, tmp_path: Path) -> None:
    for number in range(4):
        source = _fill(tmp_path / f"{number}", number, files=2)
        _put(store, source, ttl_ns=None if number == 3 else 1)
    store.catalog.set_alias(parse_ref("animals:v1"), "best", WHO)
    store.catalog.edit_version(parse_ref("animals:v2"), VersionEdit(ttl_ns=10**18), WHO)
    assert [(one.ref, one.expired) for one in _gc(store).versions] == [("animals:v0", True)]
    store.catalog.remove_alias("animals", "best", WHO)
    assert [one.ref for one in _gc(store).versions] == ["animals:v1"]
    with store.catalog.view() as view:
        artifact = view.artifact_by_name("animals")
        assert artifact is not None
        assert [version.name for version in view.versions(artifact.serial)] == ["v2", "v3"]


def test_latest_falls_back_when_it_expires(store: Store, tmp_path: Path) -> None:
    _put(store, _fill(tmp_path / "0", 0, files=2))
    _put(store, _fill(tmp_path / "1", 1, files=2), ttl_ns=1)
    _gc(store)
    assert store.version(parse_ref("animals:latest")).name == "v0"


def test_parts_of_a_version_that_is_not_finished_are_kept(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    tree = _put(store, source).tree
    store.catalog.add_part(NewPart("group", "together", tree, VersionFields()), WHO)
    _rm(store, "animals:v0")
    assert _gc(store).size == 0
    assert fsck(store.path, read_data=True).clean


def _garbage_collected(store: Store, between: Callable[[int], None]) -> Freed:
    """A gc in which something happens when it has marked (1) and when it has condemned and waited (2)."""
    times = 0

    def hook() -> list[object]:
        nonlocal times
        times += 1
        between(times)
        return []

    return collect_garbage(store, WHO, hook, timeout=0)  # type: ignore[arg-type]  # no roots are roots


@pytest.mark.parametrize("moment", [1, 2])
def test_a_version_of_the_same_contents_that_is_stored_during_a_gc_is_whole(
    store: Store, tmp_path: Path, moment: int
) -> None:
    source = _fill(tmp_path / "source", 1)
    _put(store, source)
    _rm(store, "animals:v0")

    def between(now: int) -> None:
        if now == moment:
            _put(store, source, "again")

    _garbage_collected(store, between)
    assert_clean(store.path)
    assert _holds(store, "again:v0", source, tmp_path / "out")
    _gc(store)
    assert _holds(store, "again:v0", source, tmp_path / "out")


def test_a_writer_that_began_before_is_waited_for_and_named(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    _put(store, source)
    _rm(store, "animals:v0")
    packed = _packed(store.path)
    writer = IncrementalWriter(store)
    file = SourceFile(b"long", os.fsencode(source / "long"), os.stat(source / "long"))
    writer.add_file(file)  # it is there already: nothing is written
    with pytest.raises(ConflictError, match=f"process {os.getpid()}"):
        _gc(store)
    assert _packed(store.path) == packed
    tree = writer.build_tree({b"long": file.entry()})
    store.catalog.create_version(NewVersion(name="kept"), tree, WHO)
    writer.close()
    _gc(store)
    entry = store.entry(store.version(parse_ref("kept:v0")), (b"long",))
    assert b"".join(map(bytes, store.content.stream(entry))) == (source / "long").read_bytes()


def test_what_a_put_remembers_of_files_is_not_believed_after_a_gc(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    for path in [source, *source.rglob("*")]:
        os.utime(path, (1, 1))
    _put(store, source)
    _put(store, source)
    store.catalog.delete_artifact("animals", WHO)
    _gc(store)
    _put(store, source)
    assert _holds(store, "animals:v2", source, tmp_path / "out")


def test_one_gc_at_a_time_and_none_beside_a_check(store: Store, tmp_path: Path) -> None:
    _put(store, _fill(tmp_path / "source", 1))

    def between(_now: int) -> None:
        with pytest.raises(ConflictError, match="another gc"):
            _gc(store)

    _garbage_collected(store, between)


@pytest.mark.parametrize("instead", ["nothing", "a file"])
def test_packs_that_cannot_be_opened_are_reported_by_gc_and_by_a_check(
    store: Store, tmp_path: Path, instead: str
) -> None:
    store.put([_fill(tmp_path / "source", 1)], NewVersion("animals"))
    packs, aside = store.path / "packs", tmp_path / "aside"
    packs.rename(aside)
    if instead == "a file":
        packs.touch()
    with pytest.raises(StorageError, match=f"locking the packs of {store.path}"):
        collect_store(store, WHO, timeout=0)
    assert {"C9", "T6"} <= {finding.invariant for finding in fsck(store.path, repair=True).findings}
    packs.unlink(missing_ok=True)
    aside.rename(packs)


def test_ctrl_c_leaves_everything_whole(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    _put(store, source)
    _put(store, _fill(tmp_path / "other", 2))
    _rm(store, "animals:v1")

    def between(now: int) -> None:
        if now == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _garbage_collected(store, between)
    with store.catalog.view() as view:
        assert not view.any_condemned()
    assert_clean(store.path)
    assert _gc(store).size > 500_000
    assert _holds(store, "animals:v0", source, tmp_path / "out")


def test_a_version_that_somebody_reads_is_kept_until_it_is_closed(store: Store, tmp_path: Path) -> None:
    version = _put(store, _fill(tmp_path / "source", 1))
    reader = ReaderLease(store.layout.readers)
    one, other = OpenCounts(reader.directory), OpenCounts(reader.directory)
    one.opened(version.serial)
    one.opened(version.serial)
    other.closed(version.serial)
    assert read_serials(store.layout.readers) == {version.serial}
    _rm(store, "animals:v0")
    assert _gc(store).size == 0
    assert list(store.walk(root_entry(version)))
    other.closed(version.serial)
    assert _gc(store).size > 500_000
    for counts in (one, other):
        counts.close()
    reader.close()


def test_a_reader_that_ends_while_gc_looks_at_it_keeps_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = _put(store, _fill(tmp_path / "source", 1))
    reader = ReaderLease(store.layout.readers)
    counts = OpenCounts(reader.directory)
    counts.opened(version.serial)
    _rm(store, "animals:v0")
    assert _gc(store).size == 0
    ended: list[Path] = []

    def ending_first(look: Callable[[Path], object]) -> Callable[[Path], object]:
        def listed(directory: Path) -> object:
            if directory == reader.directory and not ended:
                ended.append(directory)
                reader.close()
            return look(directory)

        return listed

    with monkeypatch.context() as patch:
        for look in ("listdir", "scandir"):
            patch.setattr(os, look, ending_first(getattr(os, look)))
        assert _gc(store).size > 500_000
    assert ended
    counts.close()


def test_a_reader_that_died_keeps_nothing(store: Store, tmp_path: Path) -> None:
    version = _put(store, _fill(tmp_path / "source", 1))
    reader = ReaderLease(store.layout.readers)
    counts = OpenCounts(reader.directory)
    counts.opened(version.serial)
    counts.close()
    kept = tmp_path / "kept"
    shutil.copytree(reader.directory, kept)
    reader.close()
    shutil.copytree(kept, reader.directory)  # as a process that was killed leaves it
    assert read_serials(store.layout.readers) == set()
    ReaderLease(store.layout.readers).close()
    assert list(store.layout.readers.iterdir()) == []


def test_a_failed_open_of_a_removed_version_keeps_nothing(store: Store, tmp_path: Path) -> None:
    version = _put(store, _fill(tmp_path / "source", 1))
    _rm(store, "animals:v0")
    assert _gc(store).size > 0
    with pytest.raises(NotFoundError, match="gc has removed"):
        store.retain(version)
    assert read_serials(store.layout.readers) == set()


def test_a_reader_whose_counts_could_not_be_made_at_first_counts_the_next_version(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[int] = []

    def full(descriptor: int, _size: int) -> None:
        refused.append(descriptor)
        raise OSError(errno.ENOSPC, "full")

    version = _put(store, _fill(tmp_path / "source", 1))
    with monkeypatch.context() as disk:
        disk.setattr("artfs.store.reader_leases.os.ftruncate", full)
        store.retain(version)
    assert len(refused) == 1
    assert read_serials(store.layout.readers) == set()
    store.retain(version)
    assert read_serials(store.layout.readers) == {version.serial}


def test_a_reader_of_a_version_reads_on_when_it_is_deleted(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    _put(store, source)
    version = store.version(parse_ref("animals:v0"))
    _rm(store, "animals:v0")
    assert _gc(store).size == 0
    extract(store, root_entry(version), tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(source)


def test_removed_contents_are_gone_and_not_damaged_for_a_caller_with_their_inodes(store: Store, tmp_path: Path) -> None:
    _put(store, _fill(tmp_path / "source", 1))
    view = StoreView(store)
    top = view.attr(ROOT_INODE)
    for name in (b"animals", b"v0"):
        found = view.lookup(top.ino, name)
        assert found is not None
        top = found
    _rm(store, "animals:v0")
    assert [one.ref for one in _gc(store).versions] == ["animals:v0"]
    for call in (view.lookup, lambda ino, _name: list(view.listdir(ino)), lambda ino, _name: view.attr(ino + 1)):
        with pytest.raises(NotFoundError, match="was removed"):
            call(top.ino, b"file")


def test_an_open_draft_keeps_what_it_shows_and_what_is_stored_of_it(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    version = _put(store, source)
    drafts = store.layout.drafts
    place = make_draft(drafts / "1.base", version)
    new = random.Random(9).randbytes(300_000)
    draft, storer = Draft(place, store), DraftStorer(store)
    ino = draft.make(BASE, b"new", stat.S_IFREG | 0o644, 0, 0).ino
    draft.inode_use.opened(ino, writing=True)
    draft.files.write(ino, 0, new)
    draft.inode_use.closed(ino, writing=True)
    storer.store(place, draft.writeback.next_jobs())
    draft.writeback.apply_results(result for _place, result in storer.flush())
    storer.end_session()
    draft.close()
    assert reclaimable_of_store(store, [version]) == 0
    _rm(store, "animals:v0")
    assert [one.ref for one in _gc(store).versions] == ["animals:v0"]
    draft = Draft(place, store)
    outcome = commit(draft, storer)
    storer.close()
    draft.close()
    (source / "new").write_bytes(new)
    assert _contents(store, parse_ref(outcome.ref)) == {
        str(path.relative_to(source)): path.read_bytes() for path in source.rglob("*") if path.is_file()
    }
    shutil.rmtree(place)


def _contents(store: Store, ref: VersionRef) -> dict[str, bytes]:
    entries = store.walk(root_entry(store.version(ref)))
    return {path.decode(): b"".join(map(bytes, store.content.stream(e))) for path, e in entries if e.kind == 1}


def test_a_reader_finds_a_chunk_again_whose_pack_was_rewritten(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    _put(store, source)
    shutil.rmtree(source / "below")
    version = _put(store, source)
    entry = store.entry(version, (b"long",))
    assert bytes(store.content.read(entry, 0, 10)) == (source / "long").read_bytes()[:10]
    stale = {piece.digest: store.locate(piece.digest) for piece in store.pages.pieces(entry)}
    _rm(store, "animals:v0")
    assert _gc(store).packs > 0
    asked: set[bytes] = set()

    def locate(chunk: bytes) -> Location | None:
        """What the index said just before the gc, the first time."""
        first = chunk not in asked
        asked.add(chunk)
        return stale[chunk] if first else store.locate(chunk)

    content = ContentReader(store.pages, locate, store.pack_reader, store.references)
    assert b"".join(map(bytes, content.stream(entry))) == (source / "long").read_bytes()
    assert asked == set(stale)


def test_a_damaged_node_stops_gc_before_it_removes_contents(tmp_path: Path) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        version = _put(store, _fill(tmp_path / "source", 1))
        _put(store, _fill(tmp_path / "other", 2), "other")
        _rm(store, "other:v0")
        packed = _packed(store.path)
        with store.catalog.environment.write() as txn:
            txn.delete(b"t" + version.tree.root)
        with pytest.raises(IntegrityError):
            _gc(store)
        assert _packed(store.path) == packed


def test_an_index_made_again_after_a_gc_is_the_same(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    _put(store, source)
    shutil.rmtree(source / "below")
    _put(store, source)
    _put(store, _fill(tmp_path / "other", 2), "other")
    _rm(store, "animals:v0")
    store.catalog.delete_artifact("other", WHO)
    _gc(store)
    place = store.path
    before = _rows(store)
    store.close()
    shutil.rmtree(place / "index")
    assert fsck(place, repair=True).clean
    with open_store(place) as again:
        assert _rows(again) == before


def _rows(store: Store) -> dict[bytes, bytes]:
    with store.catalog.environment.read() as txn:
        return {key: value for key, value in txn.cursor() if key[:1] not in {b"x", b"q"}}


def _for_killing(place: Path, top: Path) -> Path:
    """A store with a version to keep, others to remove, packs to rewrite and a stray pack."""
    source = _fill(top / "source", 1, files=6, size=20_000)
    with open_store(place, create=True) as store:
        _put(store, source)
        shutil.rmtree(source / "below")
        _put(store, source)
        _put(store, _fill(top / "other", 2, files=3), "other")
        _put(store, _fill(top / "stray", 3, files=1), "stray")
        _rm(store, "animals:v0")
        store.catalog.delete_artifact("other", WHO)
    return source


def test_a_gc_that_is_killed_at_any_step_leaves_a_sound_store_and_the_next_one_frees_as_much(tmp_path: Path) -> None:
    template, place = tmp_path / "template", tmp_path / "store"
    source = _for_killing(template, tmp_path)

    def run(at: int) -> subprocess.CompletedProcess[bytes]:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(template, place)
        line = [sys.executable, "-m", "tests.support.programs.gc_child", os.fspath(place), str(at)]
        return subprocess.run(line, cwd=ROOT, capture_output=True, timeout=60, check=False)

    whole = run(0)
    assert whole.returncode == 0, whole.stderr
    size = _packed(place)
    for at in count(1):
        ended = run(at)
        if ended.returncode == 0:  # it took fewer steps; how many differs a little: packs have random names
            assert int(ended.stdout) < at
            break
        assert ended.returncode == -signal.SIGKILL, (at, ended)
        assert_clean(place)
        with open_store(place) as store:
            assert _holds(store, "animals:v1", source, tmp_path / "out"), at
            collect_store(store, current_actor(), timeout=0)
            assert _packed(place) <= size, at
            assert _holds(store, "animals:v1", source, tmp_path / "out"), at
        assert_clean(place)
    assert at > 20


def test_condemned_content_counts_as_missing_for_writers_and_is_read_all_the_same(store: Store, tmp_path: Path) -> None:
    source = _fill(tmp_path / "source", 1)
    version = _put(store, source)
    (piece, *_rest) = store.pages.pieces(store.entry(version, (b"long",)))
    with store.catalog.batch() as batch:
        batch.condemn(RecordKind.CHUNK, [piece.digest])
    with store.catalog.view() as view:
        assert view.missing_chunks([piece.digest]) == [piece.digest]
        assert view.find_location(piece.digest) is not None
    os.utime(source / "long")
    _put(store, source)
    with store.catalog.view() as view:
        assert view.missing_chunks([piece.digest]) == []
