"""References: kept by URI and digest, read where they are, checked; never other bytes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

import artfs
from artfs.api.logging import log
from artfs.errors import ReferenceChangedError, ReferenceGoneError, ReferenceUnreadableError
from artfs.fuse.errno import errno_of
from artfs.store import Store, open_store
from tests.support.checked import assert_clean


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


@pytest.mark.parametrize("change", ["same size", "longer", "replaced"])
def test_a_source_that_changed_is_an_error_and_never_other_bytes(
    store: Store, data: Path, tmp_path: Path, change: str
) -> None:
    artifact = _logged(store, data.as_uri())
    assert artifact.open("a#b.txt").read() == b"ab"
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
