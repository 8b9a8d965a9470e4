"""References: kept by URI and digest, read where they are, checked; never other bytes."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

import artfs
from artfs.api.artifact.publish import log
from artfs.catalog import EdgeKind
from artfs.errors import ArtifactNotLoggedError, ReferenceChangedError, ReferenceGoneError, ReferenceUnreadableError
from artfs.fuse.errno import errno_of
from artfs.names import parse_ref
from artfs.store import Store, open_store
from artfs.store.read.verify_references import verify_references
from tests.support.data.checked import assert_clean
from tests.support.libc import SharedMapping


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store", create=True) as opened:
        yield opened


@pytest.fixture
def data(tmp_path: Path) -> Path:
    top = tmp_path / "data 1"
    (top / "sub").mkdir(parents=True)
    (top / "a#b.txt").write_text("ab")
    (top / "sub" / "c.bin").write_bytes(b"c" * 100_000)
    return top


def _logged(store: Store, uri: str, **how: object) -> artfs.Artifact:
    artifact = artfs.Artifact("refs", store=store)
    artifact.add_reference(uri, **how)  # type: ignore[arg-type] # as the test has it
    log(store, artifact)
    return artifact


def test_a_directory_is_expanded_and_read_where_it_is(store: Store, data: Path, tmp_path: Path) -> None:
    artifact = artfs.Artifact("refs", store=store)
    entries = artifact.add_reference(data.as_uri(), name="in")
    assert [entry.path for entry in entries] == ["in/a#b.txt", "in/sub/c.bin"]
    assert entries[0].digest == blake3(b"ab").hexdigest()
    assert entries[0].ref_target() == (data / "a#b.txt").as_uri()
    log(store, artifact)
    assert artifact.size == 100_002
    with artifact.open("in/sub/c.bin") as file:
        file.seek(-3, os.SEEK_END)
        assert file.read() == b"ccc"
    root = Path(artifact.download(tmp_path / "out"))
    assert (root / "in" / "sub" / "c.bin").read_bytes() == b"c" * 100_000
    artifact.verify(root)
    (root / "in" / "a#b.txt").write_text("xx")
    with pytest.raises(ValueError, match="other contents"):
        artifact.verify(root)
    assert_clean(store.path)


def test_a_file_goes_by_its_name_or_the_one_given(store: Store, data: Path) -> None:
    artifact = artfs.Artifact("refs", store=store)
    uri = (data / "a#b.txt").as_uri()
    assert [entry.path for entry in artifact.add_reference(uri)] == ["a#b.txt"]
    (entry,) = artifact.add_reference(uri, name="x/y")
    assert (entry.path, entry.size, entry.ref) == ("x/y", 2, uri)
    artifact.add_reference(entry, name="x/z")
    with pytest.raises(ValueError, match="other contents"):
        artifact.add_reference((data / "sub" / "c.bin").as_uri(), name="x/y")


@pytest.mark.parametrize(("checksum", "read_before"), [(True, b"ab"), (True, b""), ("content", b"")])
@pytest.mark.parametrize("change", ["same size", "longer", "replaced"])
def test_a_source_that_changed_is_an_error_and_never_other_bytes(
    store: Store, data: Path, tmp_path: Path, change: str, checksum: bool | str, read_before: bytes
) -> None:
    artifact = _logged(store, data.as_uri(), checksum=checksum)
    assert artifact.open("a#b.txt").read(len(read_before)) == read_before
    path = data / "a#b.txt"
    if change == "same size":
        path.write_text("xy")
    elif change == "longer":
        path.write_text("ab more")
    else:
        path.unlink()
        path.mkdir()
    for use in (lambda: artifact.open("a#b.txt").read(), lambda: artifact.download(tmp_path / "out")):
        with pytest.raises(ReferenceChangedError) as caught:
            use()
        assert errno_of(caught.value) == errno.EIO
    assert not (tmp_path / "out" / "a#b.txt").exists()


def test_with_a_chunk_list_a_file_is_proved_range_by_range(store: Store, tmp_path: Path) -> None:
    contents = os.urandom(2_000_000)
    (tmp_path / "large").write_bytes(contents)
    artifact = _logged(store, (tmp_path / "large").as_uri(), checksum="content")
    assert [each.state for each in verify_references(store, store.version(parse_ref("refs")))] == ["same"]
    with (tmp_path / "large").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(bytes((contents[-1] ^ 1,)))
    with artifact.open("large") as opened:
        assert opened.read(100_000) == contents[:100_000]
        opened.seek(-1, os.SEEK_END)
        with pytest.raises(ReferenceChangedError):
            opened.read()
    assert [each.state for each in verify_references(store, store.version(parse_ref("refs")))] == ["changed"]
    root = tmp_path / "out"
    root.mkdir()
    (root / "large").write_bytes(contents)
    artifact.verify(root)
    (root / "large").write_bytes(contents[::-1])
    with pytest.raises(ValueError, match="other contents"):
        artifact.verify(root)


def test_the_chunk_list_of_a_draft_goes_into_the_store_that_it_is_logged_in(store: Store, tmp_path: Path) -> None:
    contents = os.urandom(2_000_000)
    (tmp_path / "large").write_bytes(contents)
    with open_store(tmp_path / "other", create=True) as other:
        artifact = artfs.Artifact("refs", store=other)
        artifact.add_reference((tmp_path / "large").as_uri(), checksum="content")
        log(store, artifact)
        assert_clean(other.path)
    assert artifact.open("large").read() == contents
    assert_clean(store.path)


def test_a_source_that_is_gone_is_file_not_found_or_left_out_if_asked(store: Store, data: Path, tmp_path: Path) -> None:
    artifact = _logged(store, data.as_uri())
    (data / "a#b.txt").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        artifact.download(tmp_path / "out")
    assert isinstance(caught.value, ReferenceGoneError)
    assert errno_of(caught.value) == errno.EIO
    root = Path(artifact.download(tmp_path / "out", allow_missing_references=True))
    assert sorted(path.name for path in root.rglob("*.*")) == ["c.bin"]


def test_without_checksum_uri_and_size_are_kept_and_directories_expanded(store: Store, data: Path) -> None:
    artifact = _logged(store, data.as_uri(), checksum=False)
    entry = artifact.get_entry("sub/c.bin")
    assert (entry.digest, entry.size) == (None, 100_000)
    (data / "sub" / "c.bin").write_bytes(b"d" * 100_000)
    assert artifact.open("sub/c.bin").read(1) == b"d"


def test_unchecked_references_of_the_same_uris_and_sizes_make_no_new_version(store: Store, data: Path) -> None:
    first = _logged(store, data.as_uri(), checksum=False)
    (data / "sub" / "c.bin").write_bytes(b"d" * 100_000)
    os.utime(data / "a#b.txt", (1, 1))
    again = artfs.Artifact("refs", store=store)
    again.add_reference(data.as_uri(), checksum=False)
    log(store, again, if_changed=True)
    assert again.name == first.name
    (data / "sub" / "c.bin").write_bytes(b"longer" * 100_000)
    longer = artfs.Artifact("refs", store=store)
    longer.add_reference(data.as_uri(), checksum=False)
    log(store, longer, if_changed=True)
    assert longer.name == "refs:v1"


def test_uris_that_are_not_allowed_are_refused(store: Store, data: Path) -> None:
    artifact = artfs.Artifact("refs", store=store)
    for uri, why in (
        (str(data), "scheme"),
        ("s4://bucket/key", "give a name"),
        ("s4://user:secret@bucket/key", "user or password"),
        ("file://elsewhere/x", "another host"),
        (data.as_uri() + "/none", "does not exist"),
    ):
        with pytest.raises(ValueError, match=why) as caught:
            artifact.add_reference(uri, name="x" if "@" in uri else None)
        assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="more than 1 objects"):
        artifact.add_reference(data.as_uri(), max_objects=1)
    assert len(artifact.manifest.entries) == 0


def test_an_unknown_scheme_is_tracked_by_name_and_not_readable(store: Store, tmp_path: Path) -> None:
    artifact = _logged(store, "dvc://somewhere/x", name="x")
    entry = artifact.get_entry("x")
    assert (entry.ref, entry.digest, entry.size) == ("dvc://somewhere/x", None, 0)
    for use in (lambda: entry.open().read(), lambda: artifact.download(tmp_path / "out")):
        with pytest.raises(ReferenceUnreadableError, match="by its URI alone"):
            use()
    assert list(Path(artifact.download(tmp_path / "out", allow_missing_references=True)).iterdir()) == []


def test_a_path_is_referred_to_as_its_uri(tmp_path: Path) -> None:
    for name in ("a b#c?.txt", "100%25.txt"):
        (tmp_path / name).write_text(name)
        artifact = artfs.Artifact("paths", store=tmp_path / "store")
        (entry,) = artifact.add_reference(tmp_path / name)
        artifact.save()
        assert (entry.path, artifact.open(name).read()) == (name, name.encode())


def test_a_directory_with_symlinks_that_lead_to_nothing_is_referred_to_without_them(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.txt").write_text("a")
    for link, target in (("good", "a.txt"), ("gone", "none"), ("circle", "circle"), ("below", "a.txt/x")):
        (data / link).symlink_to(target)
    artifact = artfs.Artifact("links", store=tmp_path / "store")
    assert [entry.path for entry in artifact.add_reference(data)] == ["a.txt", "good"]


_VIRTUAL = [
    path for path in ("/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled") if Path(path).exists()
]  # the first says 0 bytes, the second a page


@pytest.mark.parametrize("path", _VIRTUAL)
@pytest.mark.parametrize("checksum", [True, False])
def test_the_size_of_a_virtual_file_is_what_was_read(store: Store, tmp_path: Path, path: str, checksum: bool) -> None:
    data = Path(path).read_bytes()
    artifact = _logged(store, f"file://{path}", checksum=checksum, name="virtual")
    entry = artifact.get_entry("virtual")
    assert entry.size == len(data)
    if checksum:
        assert entry.digest == blake3(data).hexdigest()
    with artifact.open("virtual") as file:
        assert file.read() == data
        file.seek(3)
        assert file.read(4) == data[3:7]
    root = Path(artifact.download(tmp_path / "out"))
    assert (root / "virtual").read_bytes() == data
    artifact.verify(root)


def test_a_virtual_file_that_changed_is_an_error(store: Store) -> None:
    name = Path("/proc/self/comm")  # of this process, which may change it
    was = name.read_text()
    artifact = _logged(store, name.as_uri(), name="comm")
    name.write_text("other")
    try:
        with pytest.raises(ReferenceChangedError):
            artifact.open("comm").read()
    finally:
        name.write_text(was)


def test_a_store_through_a_mapping_into_a_source_is_noticed(
    store: Store, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifact = _logged(store, (data / "sub/c.bin").as_uri(), name="c")
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 10_000_000_000)  # old enough to be remembered
    with SharedMapping(data / "sub/c.bin") as mapped:
        mapped.store(ord("c"))
        assert artifact.open("c").read(1) == b"c"
        mapped.store(ord("x"))
        with pytest.raises(ReferenceChangedError):
            artifact.open("c").read(1)
        mapped.store(ord("c"))
    assert artifact.open("c").read(1) == b"c"


def test_a_file_of_another_artifact_is_added_as_it_is_and_its_version_is_an_input_of_the_run(
    store: Store,
) -> None:
    raw = artfs.Artifact("raw", store=store)
    for name in ("in/a.bin", "b"):
        with raw.new_file(name, "xb") as file:
            file.write(os.urandom(300_000))
    raw.save()
    raw.delete()  # its contents are kept for who has it
    with artfs.init(store=store) as run:
        picked = artfs.Artifact("picked", store=store)
        added = [*picked.add_reference(raw.get_entry("in/a.bin")), *picked.add_reference(raw.get_entry("b"), "data/c")]
        assert [(entry.path, entry.ref) for entry in added] == [("a.bin", None), ("data/c", None)]
        with pytest.raises(ValueError, match="other contents"):
            picked.add_reference(raw.get_entry("b"), "a.bin")
        assert picked.contents.new_size == 0
        run.log_artifact(picked)
    assert picked.get_entry("a.bin").digest == raw.get_entry("in/a.bin").digest
    assert picked.open("data/c", "rb").read() == raw.open("b", "rb").read()
    with store.catalog.view() as view:
        [edge] = view.edges_of_run(run.id, EdgeKind.USED)
        assert (edge.artifact, edge.index, edge.how) == (raw.row.artifact, raw.row.index, "api")
        assert edge.paths == (b"in/a.bin", b"b")


def test_a_file_of_an_artifact_in_another_store_is_copied(store: Store, tmp_path: Path) -> None:
    raw = artfs.Artifact("raw", store=tmp_path / "other")
    with raw.new_file("a.bin", "xb") as file:
        file.write(b"abc" * 100_000)
    with pytest.raises(ArtifactNotLoggedError):
        artfs.Artifact("early", store=store).add_reference(raw.manifest.entries["a.bin"])
    raw.save()
    with artfs.init(store=store) as run:
        picked = artfs.Artifact("picked", store=store)
        picked.add_reference(raw.get_entry("a.bin"))
        run.log_artifact(picked)
    raw.store.close()
    shutil.rmtree(tmp_path / "other")
    assert picked.open("a.bin", "rb").read() == b"abc" * 100_000
    assert run.used_artifacts() == []
    assert_clean(store.path)
