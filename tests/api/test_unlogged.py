"""Unlogged artifacts: what can be added, what is refused, and that logging keeps it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path, PurePosixPath

import pytest

import artfs
from artfs.api.artifact.publish import log
from artfs.errors import (
    ArtifactFinalizedError,
    ArtifactNotLoggedError,
    InvalidInputError,
    SourceChangedError,
    TypeMismatchError,
)
from artfs.store import Store, open_store
from tests.support.data.checked import assert_clean


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store", create=True) as opened:
        yield opened


@pytest.fixture
def images(tmp_path: Path) -> Path:
    top = tmp_path / "images"
    (top / "cats").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "cats" / "tom.txt").write_text("tom")
    (top / "rex.txt").write_text("rex")
    (top / "link").symlink_to("rex.txt")
    (top / "rex.txt").chmod(0o744)
    return top


def _unlogged(store: Store, name: str = "animals") -> artfs.Artifact:
    return artfs.Artifact(name, type="dataset", store=store)


def test_a_directory_comes_back_as_it_was_added(store: Store, images: Path, tmp_path: Path) -> None:
    artifact = _unlogged(store)
    artifact.add_dir(images)
    log(store, artifact)
    assert artifact.name == "animals:v0"
    out = Path(artifact.download(tmp_path / "out"))
    assert (out / "cats" / "tom.txt").read_text() == "tom"
    assert (out / "empty").is_dir()
    assert os.readlink(out / "link") == "rex.txt"
    assert (out / "rex.txt").stat().st_mode & 0o777 == 0o744


def test_an_artifact_of_a_directory_has_the_digest_that_putting_it_gives(store: Store, images: Path) -> None:
    from artfs.catalog import NewVersion

    artifact = _unlogged(store)
    artifact.add_dir(images)
    before = artifact.digest
    version = store.put([images], NewVersion(name="other")).version
    assert before == version.digest.hex()
    log(store, artifact)
    assert artifact.digest == before


def test_what_was_added_may_be_gone_before_it_is_logged(store: Store) -> None:
    artifact = _unlogged(store)
    with tempfile.TemporaryDirectory() as made:
        Path(made, "a").write_text("one")
        artifact.add_dir(made, name="x/y")
        artifact.add_file(os.path.join(made, "a"), name="b")
        Path(made, "a").write_text("two")
    log(store, artifact)
    assert artifact.open("x/y/a", "r").read() == "one"
    assert artifact.open("b").read() == b"one"


def test_add_file_of_a_directory_or_a_missing_file_is_a_value_error(store: Store, images: Path) -> None:
    artifact = _unlogged(store)
    for wrong in (images, images / "none"):
        with pytest.raises(ValueError, match="is no file"):
            artifact.add_file(wrong)
    with pytest.raises(ValueError, match="policy"):
        artifact.add_file(images / "rex.txt", policy="odd")
    with pytest.raises(ValueError, match="is no directory"):
        artifact.add_dir(images / "rex.txt")


def test_a_link_to_a_file_is_added_as_the_file(store: Store, images: Path) -> None:
    artifact = _unlogged(store)
    artifact.add_file(images / "link")
    log(store, artifact)
    assert artifact.open("link").read() == b"rex"


def test_the_same_path_with_other_contents_needs_overwrite(store: Store, images: Path) -> None:
    artifact = _unlogged(store)
    artifact.add_file(images / "rex.txt", name="a")
    artifact.add_file(images / "rex.txt", name="a")
    with pytest.raises(ValueError, match="other contents"):
        artifact.add_file(images / "cats" / "tom.txt", name="a")
    artifact.add_file(images / "cats" / "tom.txt", name="a", overwrite=True)
    log(store, artifact)
    assert artifact.open("a").read() == b"tom"


def test_add_dir_over_other_contents_needs_merge_and_adds_nothing_without(store: Store, images: Path) -> None:
    artifact = _unlogged(store)
    with artifact.new_file("rex.txt") as file:
        file.write("another")
    with pytest.raises(ValueError, match="other contents"):
        artifact.add_dir(images)
    assert list(artifact.manifest.entries) == ["rex.txt"]
    artifact.add_dir(images, merge=True)
    log(store, artifact)
    assert artifact.open("rex.txt").read() == b"rex"


def test_a_file_cannot_be_added_below_a_file_nor_over_a_directory(store: Store, images: Path) -> None:
    artifact = _unlogged(store)
    entry = artifact.add_file(images / "rex.txt", name="a/b")
    assert (entry.path, entry.size) == ("a/b", 3)
    with pytest.raises(InvalidInputError, match="is a file"):
        artifact.add_file(images / "rex.txt", name="a/b/c")
    with pytest.raises(InvalidInputError, match="is a directory"):
        artifact.add_file(images / "rex.txt", name="a")


def test_patterns_leave_files_out(store: Store, images: Path) -> None:
    (images / ".artfsignore").write_text("cats/\n")
    (images / "a.tmp").write_text("")
    artifact = _unlogged(store)
    artifact.add_dir(images, ignore=["*.tmp"])
    assert list(artifact.manifest.entries) == [".artfsignore", "link", "rex.txt"]


def test_a_pattern_that_git_takes_for_none_matches_nothing(store: Store, images: Path) -> None:
    artifact = _unlogged(store)
    artifact.add_dir(images, ignore=["!", "[a", "cats/["])
    assert "cats/tom.txt" in artifact.manifest.entries


def test_a_new_file_is_added_when_its_block_ends_well(store: Store) -> None:
    artifact = _unlogged(store)
    with artifact.new_file("a.csv") as file:
        file.write("ä,b\n")
    with artifact.new_file("b.bin", "wb") as file:
        file.write(b"\x00")
    with pytest.raises(RuntimeError, match="stop"), artifact.new_file("c") as file:
        raise RuntimeError("stop")
    with pytest.raises(ValueError, match="is in the artifact"), artifact.new_file("a.csv"):
        pass
    with pytest.raises(ValueError, match="mode"), artifact.new_file("d", "r"):
        pass
    with artifact.new_file("b.bin", "w") as file:
        file.write("replaced")
    log(store, artifact)
    assert sorted(artifact.manifest.entries) == ["a.csv", "b.bin"]
    assert artifact.open("a.csv", "r").read() == "ä,b\n"
    assert artifact.open("b.bin").read() == b"replaced"


def test_remove_takes_paths_entries_and_directories(store: Store, images: Path) -> None:
    artifact = _unlogged(store)
    artifact.add_dir(images)
    artifact.remove(PurePosixPath("cats"))
    artifact.remove(artifact.manifest.entries["rex.txt"])
    with pytest.raises(FileNotFoundError):
        artifact.remove("rex.txt")
    assert list(artifact.manifest.entries) == ["link"]


def test_what_was_removed_leaves_its_place_to_files_and_directories(store: Store, images: Path) -> None:
    artifact = _unlogged(store)
    for name in ("a/b/c", "a/b/d", "a/e"):
        artifact.add_file(images / "rex.txt", name=name)
    artifact.add_file(images / "cats" / "tom.txt", name="a/b/c", overwrite=True)
    artifact.remove("a/b/c")
    with pytest.raises(InvalidInputError, match="is a directory"):
        artifact.add_file(images / "rex.txt", name="a/b")
    artifact.remove("a/b/d")
    artifact.add_file(images / "rex.txt", name="a/b")
    artifact.remove("a")
    artifact.add_file(images / "rex.txt", name="a")
    log(store, artifact)
    assert list(artifact.manifest.entries) == ["a"]


@pytest.mark.parametrize("path", ["/abs", "../up", "a//b", "", ".artfs/x", "a/./b", "nul\0"])
def test_a_path_that_breaks_the_rule_is_refused(store: Store, images: Path, path: str) -> None:
    with pytest.raises(InvalidInputError):
        _unlogged(store).add_file(images / "rex.txt", name=path)


def test_a_file_that_changes_while_it_is_added_is_reported_and_more_can_be_added(
    store: Store, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import artfs.store.write.ingest as module

    artifact = _unlogged(store)
    artifact.add_file(images / "rex.txt")
    with monkeypatch.context() as patch:
        patch.setattr(module, "identity", lambda _status: (0, 0, 0, 0, 0))
        with pytest.raises(SourceChangedError):
            artifact.add_dir(images / "cats")
    assert list(artifact.manifest.entries) == ["rex.txt"]
    artifact.add_dir(images / "cats")
    log(store, artifact)
    assert artifact.open("tom.txt").read() == b"tom"


def test_the_entries_of_an_unlogged_artifact_are_found_and_directories_may_end_in_a_slash(
    store: Store, images: Path
) -> None:
    artifact = _unlogged(store)
    artifact.add_dir(images / "cats", name="./pets/")
    assert artifact.get_entry("./pets/tom.txt").path == "pets/tom.txt"
    assert "pets/tom.txt" in [entry.path for entry in artifact.files()]
    with artifact.get_entry("pets/tom.txt").open("r") as file:
        assert file.read() == "tom"
    artifact.remove("pets/")
    assert list(artifact.files()) == []


def test_an_unlogged_artifact_is_compared_with_a_directory_and_its_entries_are_written_out(
    store: Store, images: Path, tmp_path: Path
) -> None:
    artifact = _unlogged(store)
    artifact.add_dir(images)
    artifact.verify(images)
    assert Path(artifact.get_path("cats/tom.txt").download(tmp_path / "out")).read_text() == "tom"
    (images / "cats" / "tom.txt").write_text("TOM")
    with pytest.raises(InvalidInputError, match=r"not as it was added: 'cats/tom.txt' has other contents"):
        artifact.verify(images)
    artifact.add_dir(images, merge=True)
    artifact.verify(images)
    log(store, artifact)
    artifact.verify(images)


def test_logged_only_attributes_of_an_unlogged_artifact_are_refused(store: Store) -> None:
    artifact = _unlogged(store)
    for name in ("version", "aliases", "ttl", "file_count", "created_at"):
        with pytest.raises(ArtifactNotLoggedError):
            getattr(artifact, name)
        assert not hasattr(artifact, name)
    for name in (
        *("file", "open", "download", "checkout"),
        *("new_draft", "delete", "wait", "diff"),
        *("logged_by", "used_by", "ancestors", "descendants"),
    ):
        with pytest.raises(ArtifactNotLoggedError):
            getattr(artifact, name)()
    assert artifact.state == "PENDING"
    assert artifact.id is None


def test_a_logged_or_finalized_artifact_takes_nothing_more(store: Store) -> None:
    finalized, logged = _unlogged(store), _unlogged(store)
    finalized.finalize()
    log(store, logged)
    for artifact in (finalized, logged):
        for name in ("add_file", "add_dir", "add_reference", "new_file", "remove"):
            with pytest.raises(ArtifactFinalizedError):
                getattr(artifact, name)()
    with pytest.raises(ArtifactFinalizedError):
        log(store, logged)
    log(store, finalized)
    assert finalized.name == "animals:v1"


def test_contents_are_copied_to_the_store_that_an_artifact_is_logged_in(
    store: Store, images: Path, tmp_path: Path
) -> None:
    artifact = _unlogged(store)
    big = os.urandom(3 << 20)
    (images / "big").write_bytes(big)
    artifact.add_dir(images)
    with open_store(tmp_path / "other", create=True) as other:
        log(other, artifact)
        assert artifact.open("big").read() == big
        assert artifact.file_count == 4
        assert_clean(other.path)


def test_descriptions_aliases_tags_and_ttl_are_logged(store: Store) -> None:
    artifact = artfs.Artifact("m", "model", "a model", {"loss": float("nan"), "n": [1, 2]}, store=store)
    artifact.ttl = timedelta(days=3)
    artifact.tags.append("clean")
    log(store, artifact, aliases=["best", "latest"], tags="checked")
    assert (artifact.type, artifact.description, artifact.version) == ("model", "a model", "v0")
    assert artifact.metadata == {"loss": None, "n": [1, 2]}
    assert artifact.aliases == ["best", "latest"]
    assert artifact.tags == ["clean", "checked"]
    assert artifact.ttl == timedelta(days=3)
    assert artifact.state == "COMMITTED"
    with pytest.raises(TypeMismatchError):
        log(store, artfs.Artifact("m", "dataset", store=store))


def test_wrong_metadata_names_and_ttl_are_refused() -> None:
    with pytest.raises(TypeError):
        artfs.Artifact("a", metadata={"x": object()})
    with pytest.raises(ValueError, match="too large"):
        artfs.Artifact("a", metadata={"x": 1 << 10_000})
    for name in ("a b", "", "..", "-a", "a\n", "x" * 129):
        with pytest.raises(ValueError, match="not allowed"):
            artfs.Artifact(name)
    with pytest.raises(ValueError, match="positive"):
        artfs.Artifact("a").ttl = timedelta(0)
    with pytest.raises(TypeError):
        artfs.Artifact("a").ttl = 5  # type: ignore[assignment] # that is what the test is about


def test_unchanged_contents_give_the_existing_version_if_asked(store: Store, images: Path) -> None:
    for expected, if_changed in (("v0", True), ("v0", True), ("v1", False)):
        artifact = _unlogged(store)
        artifact.add_dir(images)
        log(store, artifact, if_changed=if_changed)
        assert artifact.version == expected


def test_a_file_that_is_still_being_written_is_not_left_out_silently(tmp_path: Path) -> None:
    artifact = artfs.Artifact("m", store=tmp_path / "store")
    with artifact.new_file("weights") as file:
        file.write("some")
        with pytest.raises(InvalidInputError, match="'weights' is still being written"):
            artifact.save()
        file.write(" more")
    artifact.save()
    assert artifact.open("weights").read() == b"some more"
