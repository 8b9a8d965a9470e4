"""Several writers, and writers that die: no version is lost, no half of one is seen, nothing piles up."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artfs.errors import StorageError
from artfs.names import parse_ref
from artfs.store import open_store, root_entry
from artfs.store.write.writer_session import WriterSession

_PUT = (
    "import sys; from artfs.catalog import NewVersion; from artfs.store import open_store\n"
    "with open_store(sys.argv[1], create=True) as store:\n"
    "    print(store.put([sys.argv[2]], NewVersion(name=sys.argv[3], aliases=sys.argv[4:])).version.name)\n"
)


def _start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", _PUT, *arguments], stdout=subprocess.PIPE, text=True)


def test_many_processes_put_into_one_store_at_once(tmp_path: Path) -> None:
    for number in range(8):
        source = tmp_path / f"source-{number}"
        source.mkdir()
        (source / "shared").write_bytes(b"the same in all" * 100_000)
        (source / "own").write_bytes(b"%d" % number)
    running = [
        _start(tmp_path / "store", tmp_path / f"source-{number}", "animals", f"from-{number}") for number in range(8)
    ]
    names = [process.communicate()[0].strip() for process in running]
    assert [process.returncode for process in running] == [0] * 8
    assert sorted(names) == [f"v{number}" for number in range(8)]
    with open_store(tmp_path / "store") as store:
        for number, name in enumerate(names):
            version = store.version(parse_ref(f"animals:from-{number}"))
            assert version.name == name
            contents = {
                path: b"".join(map(bytes, store.content.stream(entry)))
                for path, entry in store.walk(root_entry(version))
            }
            assert contents == {b"own": b"%d" % number, b"shared": b"the same in all" * 100_000}
        assert store.version(parse_ref("animals:latest")).name == "v7"


def test_what_a_killed_put_left_is_swept_by_the_next_one(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "big").write_bytes(os.urandom(64 << 20))
    tmp = tmp_path / "store" / "tmp"
    process = _start(tmp_path / "store", source, "animals")
    while not any(tmp.glob("*/*")):
        assert process.poll() is None, "it ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert any(tmp.iterdir())
    with open_store(tmp_path / "store") as store, store.catalog.view() as view:
        assert view.artifact_by_name("animals") is None
    assert _start(tmp_path / "store", source, "animals").communicate()[0] == "v0\n"
    assert list(tmp.iterdir()) == []


def test_a_writer_session_that_cannot_be_locked_leaves_no_descriptor_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fixture of all tests compares the descriptors."""

    def refuse(*_arguments: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StorageError, match="starting to write"):
        WriterSession(tmp_path)
    assert list(tmp_path.glob("*.lock"))
