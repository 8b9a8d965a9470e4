"""The handlers of an open store: their registration, their readers, and the URIs that they are given."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import artfs
from artfs.errors import InvalidInputError, ReferenceChangedError, ReferenceGoneError, SourceError
from artfs.format.digest import digest
from artfs.format.reference import Reference
from artfs.references import Found, Handlers, Reader, register, scheme_of
from artfs.references.local import LocalFiles
from artfs.store import open_store
from artfs.vfs.attributes import attr_of_entry
from tests.support.models.memoryobjects import MemoryObjects, MemoryReader
from tests.support.schedules import ObservedDict, Rival

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "uri",
    [
        "s3://user:hunter2@bucket/key",
        "s3://hunter2@bucket/key",
        "https:user:hunter2@host/key",
        r"https:\\user:hunter2@host\key",
        "https://host/key?X-Amz-Signature=hunter2",
        "https://host/key?a=1&sig=hunter2",
        "https://host/key?a=1&ACCESS_TOKEN=hunter2#b",
        "https://[hunter2/key",
    ],
)
def test_a_uri_that_holds_credentials_is_refused_and_they_are_shown_nowhere(
    uri: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    artifact = artfs.Artifact("referring", store=tmp_path / "store")
    run = artfs.init(store=tmp_path / "store")
    attempts: list[Callable[[], object]] = [lambda: scheme_of(uri), lambda: artifact.add_reference(uri, name="x")]
    if "://" in uri:  # anything else is the path of a file
        attempts.append(lambda: run.log_artifact(uri, name="referring"))
    for attempt in attempts:
        with pytest.raises(InvalidInputError) as caught:
            attempt()
        assert "hunter2" not in repr(caught.value) + repr(caught.value.__cause__)
    run.finish()
    assert "hunter2" not in repr(artifact.manifest.entries) + "".join(capfd.readouterr())
    for file in (tmp_path / "store").rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes()


@pytest.mark.parametrize(
    "uri", ["file:///a@b/c:d@e", "file:/u:p@x", "s3://bucket/a:b@c", "https://host/x?versionId=3&q=a@b", "doi:10.1/x@y"]
)
def test_an_at_sign_elsewhere_is_no_credential(uri: str) -> None:
    assert scheme_of(uri) == uri.partition(":")[0]


def test_objects_of_a_registered_scheme_are_added_read_and_downloaded(tmp_path: Path) -> None:
    objects = MemoryObjects()
    register("mem", objects)
    objects.put("in/a.txt", b"aaa")
    objects.put("in/b/c.txt", b"ccc")
    artifact = artfs.Artifact("referring", store=tmp_path / "store")
    added = artifact.add_reference(objects.uri("in"), name="data")
    assert [(entry.path, entry.size, entry.digest) for entry in added] == [
        ("data/a.txt", 3, None),
        ("data/b/c.txt", 3, None),
    ]
    assert added[0].etag is not None
    assert added[0].extra == {"etag": added[0].etag}
    artifact.save()
    with artifact.open("data/b/c.txt") as file:
        assert file.read() == b"ccc"
    root = Path(artifact.download(tmp_path / "out"))
    assert (root / "data" / "a.txt").read_bytes() == b"aaa"
    objects.put("in/a.txt", b"bbb")
    objects.remove("in/b/c.txt")
    with pytest.raises(ReferenceChangedError):
        artifact.open("data/a.txt").read()
    with pytest.raises(ReferenceGoneError):
        artifact.open("data/b/c.txt").read()
    with pytest.raises(InvalidInputError, match="scheme"):
        register("no scheme", objects)


def test_a_handler_comes_with_an_installed_package(tmp_path: Path) -> None:
    (tmp_path / "tape.py").write_text(
        "from artfs.references import Found\n"
        "from artfs.format.reference import Reference\n"
        "class Tapes:\n"
        "    def find(self, uri, *, checksum):\n"
        "        yield Found('', 'seven', Reference(uri, 4, etag='7'))\n"
        "    def read(self, reference, offset, size):\n"
        "        return b'tape'[offset:offset + size]\n"
    )
    information = tmp_path / "tape-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: tape\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[artfs.references]\ntape = tape:Tapes\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(tmp_path))), "ARTFS_STORE": "store"}
    program = "import artfs; a = artfs.Artifact('taped'); a.add_reference('tape://shelf/7'); a.save()"
    printed = []
    for line in (["-c", program], ["-m", "artfs.cli", "cat", "taped/seven"]):
        ran = subprocess.run(
            [sys.executable, *line], cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False
        )
        assert (ran.returncode, ran.stderr) == (0, b"")
        printed.append(ran.stdout)
    assert printed == [b"", b"tape"]


class _Processes:
    """A handler that is made for each store; the contents of its one object are the process that made it."""

    made: list[_Processes] = []  # noqa: RUF012 # of all of them

    def __init__(self) -> None:
        self._contents = f"{os.getpid():10}".encode()
        self.made.append(self)

    def find(self, uri: str, *, checksum: bool) -> Iterator[Found]:
        yield Found("", "pid", Reference(uri, 10, etag="pid" if checksum else None))

    def open(self, reference: Reference) -> Reader:
        assert reference.size == 10
        return self

    def read(self, offset: int, size: int) -> bytes:
        return self._contents[offset : offset + size]

    def close(self) -> None:
        pass


def _process(artifact: artfs.Artifact) -> int:
    return int(artifact.open("pid").read())


def test_each_open_store_makes_a_handler_and_after_a_fork_another(tmp_path: Path) -> None:
    register("process", _Processes)
    _Processes.made.clear()
    artifacts = []
    for number in range(2):
        artifact = artfs.Artifact("referring", store=tmp_path / f"store{number}")
        artifact.add_reference("process:it", name="pid")
        artifact.save()
        artifacts.append(artifact)
    assert [_process(artifact) for artifact in artifacts] == [os.getpid()] * 2
    assert len(_Processes.made) == 2
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found = set(pool.map(_process, artifacts))
    assert len(found) == 1
    assert os.getpid() not in found
    assert len(_Processes.made) == 2


def test_a_handler_that_is_registered_later_serves_stores_that_are_open() -> None:
    before, after = MemoryObjects(), MemoryObjects()
    for objects in (before, after):
        objects.put("a", b"the same")
    handlers = Handlers()
    register("mem", before)
    found = next(handlers.find("mem://bucket/a", checksum=True) or iter(()))
    for objects in (before, after, before):
        register("mem", objects)
        objects.reads.clear()
        with handlers.reader(found.reference) as reader:
            assert reader.read(0, 8) == b"the same"
        assert len(objects.reads) == 1
    handlers.close()
    assert (before.readers, after.readers) == (0, 0)


def test_readers_stay_open_for_the_next_read_a_bounded_number_of_them_and_until_the_store_is_closed(
    tmp_path: Path,
) -> None:
    objects = MemoryObjects()
    register("mem", objects)
    for number in range(40):
        objects.put(f"in/{number}", b"%d" % number)
    artifact = artfs.Artifact("referring", store=tmp_path / "store")
    artifact.add_reference(objects.uri("in"))
    artifact.save()
    for number in range(40):
        for _twice in range(2):
            assert artifact.open(str(number)).read() == b"%d" % number
        assert 1 <= objects.readers <= 16
    assert artifact.file_count == 40
    contents = artifact.store.content
    stream = contents.stream(artifact.get_entry("7").row)
    next(stream)
    stream.close()  # type: ignore[attr-defined] # it is a generator
    artifact.store.close()
    assert objects.readers == 0


def test_a_reader_that_failed_is_closed_and_the_next_read_opens_another(tmp_path: Path) -> None:
    objects = MemoryObjects()
    register("mem", objects)
    objects.put("a", b"aaa")
    artifact = artfs.Artifact("referring", store=tmp_path / "store")
    artifact.add_reference(objects.uri("a"))
    artifact.save()
    assert artifact.open("a").read() == b"aaa"
    objects.remove("a")
    with pytest.raises(ReferenceGoneError):
        artifact.open("a").read()
    assert objects.readers == 0
    objects.put("a", b"aaa")
    assert artifact.open("a").read() == b"aaa"


class _Unsized:
    """A handler of before `Handler.open`, whose source does not say sizes."""

    def find(self, uri: str, *, checksum: bool) -> Iterator[Found]:
        yield Found("", "it", Reference(uri, etag="1" if checksum else None))

    def read(self, reference: Reference, offset: int, size: int) -> bytes:
        data = b"" if reference.uri.endswith(":empty") else b"contents"
        if reference.size != len(data):
            raise ReferenceChangedError("another size")
        return data[offset : offset + size]


@pytest.mark.parametrize("checksum", [True, False])
def test_an_object_whose_size_is_not_known_is_no_empty_file(tmp_path: Path, checksum: bool) -> None:
    scheme = f"unsized{int(checksum)}"  # which nothing has registered yet
    with open_store(tmp_path / "store", create=True) as store:
        artifact = artfs.Artifact("referring", store=store)
        artifact.add_reference(f"{scheme}:before", name="before")
        register(scheme, _Unsized)  # type: ignore[arg-type] # as handlers were
        with pytest.raises(SourceError, match="does not say its size"):
            artifact.add_reference(f"{scheme}:it", checksum=checksum)
        (empty,) = artifact.add_reference(f"{scheme}:empty", name="empty", checksum=checksum)
        artifact.save()
        assert empty.digest == (None if checksum else digest(b"").hex())
        assert artifact.open("empty").read() == b""
        assert attr_of_entry(empty.row, 1).size == 0
        before = artifact.get_entry("before")  # kept by its URI alone, when its scheme was not known
        assert attr_of_entry(before.row, 1).size == 1
        with pytest.raises(ReferenceChangedError):
            before.open().read()


@pytest.mark.parametrize("meanwhile", ["close", "read"])
def test_a_reader_that_comes_back_while_another_thread_looks_for_one_is_found(
    meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects, rival = MemoryObjects(), Rival[object]()
    register("mem", objects)
    objects.put("a", b"aaa")
    with monkeypatch.context() as patch:
        patch.setattr("artfs.references.handlers.threading.Lock", rival.lock)
        patch.setattr("artfs.references.handlers.OrderedDict", ObservedDict)
        handlers = Handlers()
        found = next(handlers.find(objects.uri("a"), checksum=True) or iter(()))

    def read() -> bytes:
        with handlers.reader(found.reference) as reader:
            return bytes(reader.read(0, 3))

    opened: list[Reference] = []
    opening = MemoryObjects.open

    def counted(objects: MemoryObjects, reference: Reference) -> MemoryReader:
        opened.append(reference)
        return opening(objects, reference)

    monkeypatch.setattr(MemoryObjects, "open", counted)
    ObservedDict.before_set.append(lambda: rival.meanwhile(handlers.close if meanwhile == "close" else read))
    assert read() == b"aaa"
    assert rival.waited
    rival.result()
    assert objects.readers == (0 if meanwhile == "close" else 1)
    assert len(opened) == 1
    handlers.close()
    assert objects.readers == 0


def test_a_file_is_proved_once_for_two_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"tom")
    rival = Rival[bytes]()
    monkeypatch.setattr("artfs.references.local._RACY_NS", -(10**18))
    with monkeypatch.context() as patch:
        patch.setattr("artfs.references.local.threading.Lock", rival.lock)
        patch.setattr("artfs.references.local.OrderedDict", ObservedDict)
        files = LocalFiles()
    reference = next(files.find((tmp_path / "file").as_uri(), checksum=True)).reference
    hashed: list[int] = []

    def counted(descriptor: int) -> bytes:
        hashed.append(descriptor)
        return digest(b"tom")

    monkeypatch.setattr("artfs.references.local._digest", counted)
    ObservedDict.before_set.append(lambda: rival.meanwhile(lambda: files.open(reference).read(0, 3)))
    assert files.open(reference).read(0, 3) == b"tom" == rival.result()
    assert len(hashed) == 1
