"""`artfs://` through fsspec: listed, globbed, walked, read by ranges, pickled to other processes, never written."""

from __future__ import annotations

import errno
import gzip
import multiprocessing
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import fsspec
import pytest

import artfs
from artfs.catalog import Version
from artfs.errors import IntegrityError, ReferenceChangedError, ReferenceUnreadableError, StoreNotFoundError
from artfs.names import VersionRef
from artfs.store.store import Store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    top = tmp_path / "data"
    (top / "sub").mkdir(parents=True)
    (top / "a.csv").write_text("x,y\n1,2\n")
    (top / "sub" / "b.bin").write_bytes(bytes(range(256)) * 4096)
    (top / "link.csv").symlink_to("a.csv")
    (top / "out").symlink_to("../../outside")
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    artifact = artfs.Artifact("animals")
    with pytest.warns(UserWarning, match="1 symlink leads out of the directory"):
        artifact.add_dir(top)
    artifact.save()
    yield tmp_path / "store"
    artifact.store.close()


def test_a_url_opens_without_a_mount(store: Path) -> None:
    with fsspec.open("artfs://animals:latest/a.csv", "r") as file:
        assert file.read() == "x,y\n1,2\n"
    with fsspec.open("artfs://animals:v0/link.csv", store=str(store)) as file:
        assert file.read() == b"x,y\n1,2\n"


def test_directories_are_listed_and_globbed(store: Path) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    assert files.ls("", detail=False) == ["animals"]
    assert sorted(files.ls("artfs://animals", detail=False)) == [
        "animals/a.csv",
        "animals/link.csv",
        "animals/out",
        "animals/sub",
    ]
    assert {row["name"]: row["type"] for row in files.ls("animals")}["animals/out"] == "link"
    assert files.glob("artfs://animals:latest/**/*.bin") == ["animals:latest/sub/b.bin"]
    assert files.info("animals:v0/sub")["type"] == "directory"
    assert files.info("animals:v0/sub/b.bin")["size"] == 1 << 20
    assert files.isdir("animals")
    assert not files.exists("animals:v7/a.csv")


def test_ranges_are_read(store: Path) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    path = "animals/sub/b.bin"
    assert files.cat_ranges([path] * 3, [0, 255, -2], [3, 258, None]) == [b"\0\1\2", b"\xff\0\1", b"\xfe\xff"]
    with files.open(path) as file:
        file.seek(-1, os.SEEK_END)
        assert file.read() == b"\xff"


def test_what_is_missing_or_not_a_file_raises_the_same_errors_as_python(store: Path) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    for missing in ("animals/none", "none", "animals/out", "animals:no:t/x"):
        with pytest.raises(FileNotFoundError):
            files.cat_file(missing)
    with pytest.raises(IsADirectoryError):
        files.cat_file("animals/sub")


@pytest.mark.parametrize("look", ["ls", "info", "cat_file", "open", "find", "glob", "exists", "isdir"])
def test_a_look_at_a_store_that_is_not_there_makes_none(tmp_path: Path, look: str) -> None:
    files = fsspec.filesystem("artfs", store=str(tmp_path / "missing"), skip_instance_cache=True)
    with suppress(FileNotFoundError, StoreNotFoundError):
        getattr(files, look)("animals/a.csv")
    assert list(tmp_path.iterdir()) == []


def test_nothing_can_be_written_and_the_error_is_that_of_a_read_only_file_system(store: Path, tmp_path: Path) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    local = tmp_path / "local"
    local.write_text("local")
    writes: list[Callable[[], object]] = [
        lambda: files.open("animals/a.csv", "wb"),
        lambda: files.open("animals/new.csv", "w"),
        lambda: files.pipe("animals/new.csv", b"new"),
        lambda: files.touch("animals/new.csv"),
        lambda: files.put(str(local), "animals/new.csv"),
        lambda: files.mkdir("animals/new"),
        lambda: files.makedirs("animals/new/below", exist_ok=True),
        lambda: files.makedirs("animals/sub"),
        lambda: files.rmdir("animals/sub"),
        lambda: files.rm("animals/a.csv"),
        lambda: files.rm("animals/sub", recursive=True),
        lambda: files.cp("animals/a.csv", "animals/new.csv"),
        lambda: files.mv("animals/a.csv", "animals/new.csv"),
    ]
    before = files.find("animals:v0", detail=True)
    for write in writes:
        with pytest.raises(OSError, match="Read-only file system") as refused:
            write()
        assert refused.value.errno == errno.EROFS
    files.makedirs("animals/sub", exist_ok=True)
    assert files.find("animals:v0", detail=True) == before


def test_trees_are_walked_measured_and_copied_out(store: Path, tmp_path: Path) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    walked = {top: (sorted(directories), sorted(names)) for top, directories, names in files.walk("animals:v0")}
    assert walked == {"animals:v0": (["sub"], ["a.csv", "link.csv", "out"]), "animals:v0/sub": ([], ["b.bin"])}
    assert files.du("animals:v0/sub") == 1 << 20
    files.get("animals:v0/sub", str(tmp_path / "copy"), recursive=True)
    assert (tmp_path / "copy" / "b.bin").read_bytes() == bytes(range(256)) * 4096
    assert files.cat(["animals/a.csv", "animals/link.csv"]) == dict.fromkeys(
        ["animals/a.csv", "animals/link.csv"], b"x,y\n1,2\n"
    )


def test_links_are_followed_within_a_version_wherever_they_stand_in_a_path_and_a_walk_ends(tmp_path: Path) -> None:
    top = tmp_path / "data"
    (top / "real" / "deep").mkdir(parents=True)
    (top / "real" / "deep" / "file.txt").write_text("found")
    for link, target in (
        ("short", "real/deep"),
        ("real/up", ".."),
        ("real/deep/file", "../../short/./file.txt"),
        ("circle", "circle"),
        ("root", "/etc"),
        ("above", "real/../../data"),
        ("through", "real/deep/file.txt/.."),
    ):
        (top / link).symlink_to(target)
    artifact = artfs.Artifact("linked", store=tmp_path / "store")
    with pytest.warns(UserWarning, match="2 symlinks lead out of the directory"):
        artifact.add_dir(top)
    artifact.save()
    files = fsspec.filesystem("artfs", store=str(tmp_path / "store"))
    for path in ("short/file.txt", "real/deep/file", "real/up/short/file", "real/up/real/up/short/file.txt"):
        assert files.cat(f"linked/{path}") == b"found"
        assert (top / path).read_text() == "found"
    assert files.ls("linked/short", detail=False) == ["linked/short/file", "linked/short/file.txt"]
    assert files.isdir("linked/real/up")
    for path in ("circle", "root/passwd", "above/real", "short/none"):
        with pytest.raises(FileNotFoundError):
            files.cat(f"linked/{path}")
    assert [path for path, row in files.find("linked", detail=True).items() if row["type"] == "file"] == [
        "linked/real/deep/file",
        "linked/real/deep/file.txt",
    ]
    artifact.store.close()


@pytest.mark.usefixtures("store")
def test_an_alias_is_followed_again_at_each_call_and_nothing_is_cached() -> None:
    files = fsspec.filesystem("artfs")
    assert files.cat("animals:latest/a.csv") == b"x,y\n1,2\n"
    before = files.info("animals:latest/a.csv")
    draft = artfs.Api().artifact("animals").new_draft()
    draft.remove("a.csv")
    with draft.new_file("a.csv") as file:
        file.write("x,y\n3,4\n")
    draft.save()
    assert files.cat("animals:latest/a.csv") == b"x,y\n3,4\n"
    assert files.cat("animals:v0/a.csv") == b"x,y\n1,2\n"
    assert files.info("animals:latest/a.csv")["digest"] != before["digest"]
    assert files.ukey("animals:latest/a.csv") != files.ukey("animals:v0/a.csv")


def test_the_ranges_of_one_call_are_all_of_one_version(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    read = Store.version
    asked: list[str] = []

    def moving(self: Store, ref: VersionRef) -> Version:
        """Another version becomes the latest as soon as a reference was looked up."""
        version = read(self, ref)
        asked.append(str(ref))
        draft = artfs.Api(store).artifact("animals").new_draft()
        with draft.new_file("sub/b.bin", "wb") as file:
            file.write(b"other" * 1000)
        draft.save()
        return version

    monkeypatch.setattr(Store, "version", moving)
    path = "animals:latest/sub/b.bin"
    assert files.cat_ranges([path, path], [0, 256], [2, 258]) == [b"\0\1", b"\0\1"]
    assert asked == ["animals:latest"]


def test_ranges_tell_which_of_them_failed(store: Path) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    good, missing = files.cat_ranges(["animals/a.csv", "animals/none"], 0, 3)
    assert good == b"x,y"
    assert isinstance(missing, FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        files.cat_ranges(["animals/a.csv", "animals/none"], 0, 3, on_error="raise")
    with pytest.raises(ValueError, match="2 paths, 1 starts and 2 ends"):
        files.cat_ranges(["animals/a.csv"] * 2, [0], [1, 2])


@pytest.mark.usefixtures("store")
def test_the_default_store_is_the_one_of_the_moment(tmp_path: Path) -> None:
    files = fsspec.filesystem("artfs")
    assert files.ls("", detail=False) == ["animals"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARTFS_STORE", str(tmp_path / "other"))
        plants = artfs.Artifact("plants")
        with plants.new_file("a.txt") as file:
            file.write("a")
        plants.save()
        assert files.ls("", detail=False) == ["plants"]
        plants.store.close()


def test_a_reference_is_read_where_it_is_and_never_gives_other_bytes(store: Path, tmp_path: Path) -> None:
    big, empty = tmp_path / "big.bin", tmp_path / "empty.bin"
    big.write_bytes(bytes(range(256)) * 1024)
    empty.touch()
    artifact = artfs.Artifact("referring", store=store)
    for path in (big, empty):
        artifact.add_reference(path.as_uri())
    artifact.add_reference("tape://shelf/7", name="tape.bin")
    artifact.save()
    files = fsspec.filesystem("artfs", store=str(store))
    assert files.info("referring/big.bin")["size"] == 1 << 18
    assert files.cat_ranges(["referring/big.bin"] * 2, [0, -2], [3, None]) == [b"\0\1\2", b"\xfe\xff"]
    assert files.cat("referring/empty.bin") == b""
    with files.open("referring/big.bin") as file:
        file.seek(1 << 17)
        assert file.read(2) == b"\0\1"
    with pytest.raises(ReferenceUnreadableError, match="cannot read its scheme"):
        files.cat("referring/tape.bin")
    for path in (big, empty):
        path.write_bytes(b"other")
        with pytest.raises(ReferenceChangedError):
            files.cat(f"referring/{path.name}")
        path.unlink()
        with pytest.raises(FileNotFoundError, match="is gone"), files.open(f"referring/{path.name}") as file:
            file.read()


def test_urls_are_chained_and_decompressed_as_fsspec_does(store: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pair.zip", "w") as archive:
        archive.writestr("inside.txt", "zipped")
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"compressed"))
    artifact = artfs.Artifact("packed", store=store)
    for name in ("pair.zip", "text.gz"):
        artifact.add_file(tmp_path / name)
    artifact.save()
    with fsspec.open("zip://inside.txt::artfs://packed:latest/pair.zip") as file:
        assert file.read() == b"zipped"
    with fsspec.open("artfs://packed:latest/text.gz", "rt", compression="infer") as file:
        assert file.read() == "compressed"
    with fsspec.open("filecache::artfs://packed:v0/text.gz", filecache={"cache_storage": str(tmp_path / "c")}) as file:
        assert gzip.decompress(file.read()) == b"compressed"


def _first_line(pickled: bytes) -> bytes:
    line: bytes = pickle.loads(pickled).cat_file("animals/a.csv")  # noqa: S301 - made by this test
    return line.splitlines()[0]


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_file_system_goes_to_worker_processes_as_a_few_bytes(store: Path, method: str) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    files.cat_file("animals/a.csv")
    pickled = pickle.dumps(files)
    assert len(pickled) < 1000
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(_first_line, [pickled] * 4) == [b"x,y"] * 4


def test_a_file_that_is_open_already_is_read_in_workers_that_are_forked_then(store: Path) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    with files.open("animals/sub/b.bin") as file:
        assert file.read(2) == b"\0\1"
        workers = []
        for number in range(2):
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:  # a worker, which ends without the tests' own end
                status = 1
                try:
                    file.seek(1000 * 256 * number)
                    os.write(writing, file.read(4))
                    status = 0
                finally:
                    os._exit(status)
            os.close(writing)
            workers.append((pid, reading))
        for pid, reading in workers:
            with open(reading, "rb") as pipe:
                assert pipe.read() == b"\0\1\2\3"
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert file.read(2) == b"\2\3"


def test_damaged_bytes_are_an_error_and_never_read(store: Path) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    for pack in (store / "packs").glob("*/*.pack"):
        data = bytearray(pack.read_bytes())
        for at in range(64, len(data)):
            data[at] ^= 0x01
        pack.write_bytes(data)
    with pytest.raises(IntegrityError):
        files.cat("animals/sub/b.bin")
    with pytest.raises(IntegrityError), files.open("animals/sub/b.bin") as file:
        file.read(1)
    assert isinstance(files.cat_ranges(["animals/sub/b.bin"], 0, 1)[0], IntegrityError)


def test_an_opened_file_says_what_it_is_and_pickles_as_the_version_that_was_opened(store: Path) -> None:
    files = fsspec.filesystem("artfs", store=str(store))
    with files.open("animals:latest/sub/b.bin") as file:
        assert (file.size, file.path, file.fs, file.mode) == (1 << 20, "animals:latest/sub/b.bin", files, "rb")
        assert file.blocksize > 0
        file.seek(255)
        pickled = pickle.dumps(file)
        draft = artfs.Api(store).artifact("animals").new_draft()
        with draft.new_file("sub/b.bin", "wb") as new:
            new.write(b"other")
        draft.save()
        again = pickle.loads(pickled)  # noqa: S301 - made by this test
        assert again.read(3) == file.read(3) == b"\xff\0\1"


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_blocks_are_read_and_cached_by_what_fsspec_brings_along(store: Path, tmp_path: Path) -> None:
    # fsspec leaves the files of its own block cache to the garbage collector, hence the filters
    files = fsspec.filesystem("artfs", store=str(store))
    assert files.read_block("animals/a.csv", 1, 5, delimiter=b"\n") == b"1,2\n"
    options = {"artfs": {"store": str(store)}, "blockcache": {"cache_storage": str(tmp_path / "cache")}}
    for _again in range(2):
        with fsspec.open("blockcache::artfs://animals:v0/sub/b.bin", **options) as file:
            file.seek(1000)
            assert file.read(4) == bytes([232, 233, 234, 235])
    for scheme in ("filecache", "simplecache"):
        with fsspec.open(f"{scheme}::artfs://animals:v0/a.csv", artfs={"store": str(store)}) as file:
            assert file.read() == b"x,y\n1,2\n"
