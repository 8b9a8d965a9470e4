"""Logged artifacts: written out, made equal, compared, edited, deleted, begun again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import artfs
from artfs.api.artifact.publish import log
from artfs.errors import InvalidInputError, NotFoundError, UnsafeTargetError, VersionInUseError
from artfs.names import parse_ref
from artfs.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store", create=True) as opened:
        yield opened


@pytest.fixture
def animals(store: Store) -> artfs.Artifact:
    artifact = artfs.Artifact("animals", store=store)
    for path in ("cats/tom.txt", "cats/kit.txt", "dogs/rex.txt", "cat.txt"):
        with artifact.new_file(path) as file:
            file.write(path)
    log(store, artifact)
    return artifact


def _names(top: str | Path) -> list[str]:
    return sorted(str(path.relative_to(top)) for path in Path(top).rglob("*") if not path.is_dir())


def test_download_goes_to_artifacts_name_and_version(
    animals: artfs.Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert animals.download() == str(tmp_path / "artifacts" / "animals:v0")
    assert animals.checkout() == str(tmp_path / "artifacts" / "animals")
    animals.verify()
    assert animals.get_entry("cat.txt").download() == str(tmp_path / "artifacts" / "animals:v0" / "cat.txt")


def test_a_path_prefix_is_a_prefix_of_text(animals: artfs.Artifact, tmp_path: Path) -> None:
    assert _names(animals.download(tmp_path / "a", path_prefix="cat")) == ["cat.txt", "cats/kit.txt", "cats/tom.txt"]
    assert _names(animals.download(tmp_path / "b", path_prefix="cats/t")) == ["cats/tom.txt"]
    assert not (tmp_path / "b" / "dogs").exists()


def test_checkout_deletes_what_the_version_has_not(animals: artfs.Artifact, tmp_path: Path) -> None:
    root, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    animals.checkout(root)
    (root / "more").mkdir()
    (root / "more" / "x").write_text("x")
    (root / "cats" / "extra").symlink_to(outside)
    (root / "cat.txt").unlink()
    (root / "cat.txt").mkdir()
    animals.checkout(root)
    animals.verify(root)
    assert (outside / "kept").exists()


def test_checkout_over_the_store_is_refused(animals: artfs.Artifact, tmp_path: Path) -> None:
    with pytest.raises(UnsafeTargetError):
        animals.checkout(tmp_path)
    assert (tmp_path / "store").is_dir()


def test_verify_names_what_differs(animals: artfs.Artifact, tmp_path: Path) -> None:
    root = Path(animals.download(tmp_path / "out"))
    animals.verify(root)
    (root / "cat.txt").write_text("CAT.txt")
    (root / "dogs" / "rex.txt").unlink()
    (root / "more").write_text("")
    with pytest.raises(ValueError, match="not as it was logged") as caught:
        animals.verify(root)
    for part in ("'cat.txt' has other contents", "'dogs/rex.txt' is missing", "'more' is not in the version"):
        assert part in str(caught.value)
    with pytest.raises(ValueError, match="no directory"):
        animals.verify(tmp_path / "none")


def test_entries_are_found_listed_and_read(animals: artfs.Artifact) -> None:
    assert sorted(animals.manifest.entries) == ["cat.txt", "cats/kit.txt", "cats/tom.txt", "dogs/rex.txt"]
    assert animals.file_count == len(list(animals.files())) == 4
    assert [entry.path for entry in animals.files(["cat.txt"])] == ["cat.txt"]
    entry = animals.get_entry("cats/tom.txt")
    assert (entry.size, entry.ref, entry.etag, entry.version_id) == (12, None, None, None)
    with entry.open() as file:
        file.seek(-3, os.SEEK_END)
        assert file.read() == b"txt"
    with pytest.raises(ValueError, match="no reference"):
        entry.ref_target()
    for missing in ("none", "cats", "../x", ""):
        with pytest.raises(KeyError):
            animals.get_entry(missing)
    with pytest.raises(ValueError, match="4 files"):
        animals.file()
    with pytest.raises(ValueError, match="mode"):
        animals.open("cat.txt", "w")


def test_the_one_file_of_an_artifact_is_written_out(store: Store, tmp_path: Path) -> None:
    artifact = artfs.Artifact("one", store=store)
    with artifact.new_file("a.txt") as file:
        file.write("a")
    log(store, artifact)
    assert Path(artifact.file(tmp_path / "out")).read_text() == "a"


def test_save_pushes_what_was_edited_and_nothing_else(store: Store, animals: artfs.Artifact) -> None:
    animals.aliases.append("best")
    animals.tags.append("clean")
    animals.metadata["n"] = 1
    animals.description = "photos"
    animals.ttl = timedelta(hours=1)
    animals.save()
    seen = artfs.Artifact.of_version(store, store.version(parse_ref("animals:best")))
    assert (seen.aliases, seen.tags, seen.metadata) == (["best", "latest"], ["clean"], {"n": 1})
    assert (seen.description, seen.ttl) == ("photos", timedelta(hours=1))
    seen.aliases = []
    seen.description = None
    seen.save()
    assert (seen.aliases, seen.description, seen.metadata) == (["latest"], None, {"n": 1})
    records = len(list(store.catalog.history()))
    seen.save()
    assert len(list(store.catalog.history())) == records
    seen.aliases = ["v7"]
    with pytest.raises(InvalidInputError):
        seen.save()


def test_save_leaves_what_others_changed_meanwhile(store: Store, animals: artfs.Artifact) -> None:
    animals.aliases += ["best", "first"]
    animals.tags += ["clean", "small"]
    animals.save()
    next_one = animals.new_draft()
    next_one.save()
    other = artfs.Artifact.of_version(store, store.version(parse_ref("animals:v0")))
    other.tags = ["checked", "small"]
    other.description = "photos"
    other.save()
    next_one.aliases.append("best")
    next_one.save()
    animals.aliases = []
    animals.tags = ["clean", "mine"]
    animals.metadata["n"] = 1
    animals.save()
    assert (animals.aliases, next_one.aliases) == ([], ["best", "latest"])
    assert sorted(animals.tags) == ["checked", "mine"]
    assert (animals.description, animals.metadata) == ("photos", {"n": 1})
    assert store.version(parse_ref("animals:best")).name == "v1"


def test_saving_an_unlogged_artifact_logs_it(store: Store) -> None:
    artifact = artfs.Artifact("drafted", store=store)
    artifact.save()
    assert (artifact.name, artifact.source_name, artifact.qualified_name) == ("drafted:v0",) * 3


def test_a_version_with_aliases_is_deleted_only_with_them(store: Store, animals: artfs.Artifact) -> None:
    animals.aliases.append("best")
    animals.save()
    with pytest.raises(VersionInUseError):
        animals.delete()
    animals.delete(delete_aliases=True)
    assert animals.state == "DELETED"
    with pytest.raises(NotFoundError):
        store.version(parse_ref("animals:v0"))


def test_a_new_draft_has_the_contents_and_becomes_the_next_version(store: Store, animals: artfs.Artifact) -> None:
    draft = animals.new_draft()
    assert draft.is_draft()
    assert draft.digest == animals.digest
    draft.remove("cats")
    with draft.new_file("new.txt") as file:
        file.write("new")
    draft.save()
    assert draft.name == "animals:v1"
    changes = {(change.what, change.path) for change in animals.diff(draft)}
    assert ("added", b"new.txt") in changes
    assert all(what == "removed" for what, path in changes if path != b"new.txt")
    assert animals.open("cats/tom.txt").read() == b"cats/tom.txt"
    assert draft.wait() is draft
    assert store.version(parse_ref("animals")).name == "v1"


def test_a_closed_store_is_opened_again(animals: artfs.Artifact, store: Store) -> None:
    store.close()
    assert animals.open("cat.txt").read() == b"cat.txt"
    animals.store.close()


def test_a_forked_child_reads_on(animals: artfs.Artifact) -> None:
    child = os.fork()
    if not child:
        try:
            os._exit(0 if animals.open("cat.txt").read() == b"cat.txt" else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
