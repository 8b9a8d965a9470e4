"""The store is a local directory, however it is named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import artfs as package
from artfs.errors import InvalidInputError, StoreError, StoreNotFoundError
from artfs.fuse import mount
from artfs.store import open_store
from tests.support.commands import Commands

URLS = ("s3://team/store", "gs://team/store", "file:///data/store", "own+scheme://x", "S3:/team/store")


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_refused_as_a_store_and_nothing_is_made(
    artfs: Commands, images: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    for words in (("init", url), ("--store", url, "put", images, "-n", "animals"), ("--store", url, "ls")):
        assert "is a URL" in artfs(*words).failed(InvalidInputError.exit_code)
    with pytest.raises(InvalidInputError, match="is a URL"):
        open_store(url, create=True)
    with pytest.raises(InvalidInputError, match="is a URL"):
        mount(url, images)
    monkeypatch.setenv("ARTFS_STORE", url)
    assert "is a URL" in artfs("init").failed(InvalidInputError.exit_code)
    with pytest.raises(InvalidInputError, match="is a URL"):
        package.Api()
    assert list(Path().iterdir()) == []


def test_a_directory_whose_name_has_a_colon_can_be_named(artfs: Commands) -> None:
    artfs.done("init", "./s3:/store")
    assert Path("s3:/store/format.json").exists()


def test_info_writes_a_line_for_a_store_whose_name_has_a_newline(artfs: Commands) -> None:
    artfs.done("init", "./two\nlines")
    lines = artfs.done("--store", "./two\nlines", "info").lines
    assert [line for line in lines if ":" not in line] == []


def test_mount_makes_the_store_and_looking_makes_none(artfs: Commands, places: tuple[Path, Path]) -> None:
    assert artfs("ls").code == StoreNotFoundError.exit_code
    assert not artfs.store.exists()
    ended = artfs.process("mount", places[0], "--staging", places[1])
    assert (ended.code, ended.err) == (0, b""), ended
    assert list(places[0].iterdir()) == []
    draft = Path(artfs.done("stage", "animals", "--new").text)
    (draft / "labels.csv").write_text("tom,cat\n")
    artfs.done("commit", draft)
    assert (places[0] / "animals/latest/labels.csv").read_text() == "tom,cat\n"


def test_mount_makes_no_store_in_a_directory_that_holds_something_else(
    artfs: Commands, images: Path, places: tuple[Path, Path]
) -> None:
    assert "holds other files" in artfs("--store", images, "mount", places[0]).failed(StoreError.exit_code)
    assert not (images / "format.json").exists()


@pytest.mark.parametrize(
    "command",
    [
        "alias add animals:v0 best",
        "alias rm animals:best",
        "tag add animals:v0 clean",
        "tag rm animals clean",
        "edit animals -m described",
        "rename animals beasts",
        "link animals:v0 beasts",
        "rm animals:v0",
        "rm animals --keep-last 1",
        "undelete animals:v0",
    ],
)
def test_what_changes_an_artifact_names_it_where_there_is_no_store(artfs: Commands, command: str) -> None:
    assert artfs(*command.split()).failed(3).startswith("artifact animals does not exist: there is no store at ")
    assert not artfs.store.exists()


@pytest.mark.parametrize("command", ["gc", "ls", "alias ls animals", "fsck", "du"])
def test_what_only_looks_or_collects_makes_no_store(artfs: Commands, command: str) -> None:
    assert artfs(*command.split()).failed(6).startswith("there is no store at ")
    assert not artfs.store.exists()


def test_what_makes_a_store_says_where(artfs: Commands, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"artfs: made a store in {artfs.store}\n".encode()
    line = artfs.line("put", images, "-n", "animals")
    ended = subprocess.run(line, check=False, env=artfs.environment, capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, said)
    assert not artfs.done("put", images, "-n", "more").made_store
    quiet = artfs("--store", Path("other").absolute(), "-q", "put", images, "-n", "animals")
    assert (quiet.code, quiet.err, quiet.made_store) == (0, b"", False)
    monkeypatch.setenv("ARTFS_STORE", str(Path("third").absolute()))
    ran = artfs("run", "--", "true")
    assert (ran.code, ran.made_store) == (0, True), ran


@pytest.mark.parametrize("words", [("put", "text", "-n", "animals"), ("run", "--", "true"), ("mount", "art")])
def test_a_store_below_a_directory_that_is_missing_is_made_only_on_purpose(
    artfs: Commands, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """The name is misspelt, or the disk that it is on is not mounted."""
    store = Path("disk/store").absolute()
    Path("text").write_text("text")
    said = f"there is no store at {store}, nor a directory {store.parent}: look at --store and $ARTFS_STORE"
    assert artfs("--store", store, *words).failed(6).startswith(said)
    monkeypatch.setenv("ARTFS_STORE", str(store))
    assert artfs(*words).failed(6).startswith(said)
    assert [path.name for path in Path().iterdir()] == ["text"]
    artfs.done("init")
    artfs.done("put", "text", "-n", "animals")


def test_the_default_store_is_made_with_the_directories_above_it(
    artfs: Commands, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARTFS_STORE")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "new/data"))
    artfs.done("put", images, "-n", "animals")
    assert (tmp_path / "new/data/artfs/format.json").exists()
