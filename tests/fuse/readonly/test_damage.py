"""Damage to a pack is an error of the file that it is in, and never a wrong byte."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from artfs.chunks.pack_storage import pack_name
from artfs.format.pack import HEAD_SIZE, stored_table_size
from artfs.names import parse_entry_path, parse_ref
from artfs.store import open_store
from tests.support.faults.damage import make_deadly
from tests.support.mounts.mountedstore import MountedStore
from tests.support.mounts.mounts import wait_until

BLOCK = 32 << 10
CONTENTS = {
    "a neighbour before": random.Random(0).randbytes(70_000),
    "raw": random.Random(1).randbytes(100_000),
    "raw, larger": random.Random(2).randbytes(900_000),
    "raw, of many chunks": random.Random(3).randbytes(7_000_000),
    "small": b"tom,cat\n" * 20,
    "text": b"".join(b"%d,%d\n" % (number, number * number) for number in range(9_000)),
    "text, of many chunks": b"".join(b"%d,%d\n" % (number, number * number) for number in range(400_000)),
    "zz neighbour after": random.Random(4).randbytes(70_000),
}
"""By name, and by how they are stored."""
DAMAGED = tuple(name for name in CONTENTS if "neighbour" not in name)


@dataclass(frozen=True)
class Stored:
    """Where a byte of a file is stored: in which chunk and pack, and at which offset there."""

    chunk: str
    pack: Path
    offset: int


def _where(store: MountedStore, name: str, at: int) -> Stored:
    """Find out where a byte of a file is stored; of a compressed chunk, the middle of its stored bytes will do."""
    with open_store(store.store) as opened:
        entry = opened.entry(opened.version(parse_ref("animals:v0")), parse_entry_path(f"data/{name}"))
        start, _length, chunk = opened.pages.piece_at(entry, at)
        found = opened.locate(chunk)
        assert found is not None
        before = HEAD_SIZE + stored_table_size(found.codec, found.plain_len)
        inner = at - start if found.codec == 0 else found.stored_len // 2
        pack = opened.path / pack_name(found.pack)
        return Stored(chunk.hex(), pack, found.offset + before + inner)


@contextmanager
def _flipped(stored: Stored) -> Iterator[None]:
    """Flip one bit for a while."""
    _flip(stored)
    try:
        yield
    finally:
        _flip(stored)


def _flip(stored: Stored) -> None:
    with open(stored.pack, "r+b", buffering=0) as file:
        byte = os.pread(file.fileno(), 1, stored.offset)
        os.pwrite(file.fileno(), bytes([byte[0] ^ 0x10]), stored.offset)


@pytest.fixture
def store(own: MountedStore) -> MountedStore:
    """A store with `CONTENTS` in `animals:v0/data`, not mounted yet: the kernel has none of it in memory."""
    source = own.top / "source" / "data"
    source.mkdir(parents=True)
    for name, data in CONTENTS.items():
        (source / name).write_bytes(data)
    own.put(own.top / "source", name="animals")
    return own


def _failure(path: Path, at: int = 0, size: int = -1) -> int:
    """The error number that comes of reading a file, 0 if all is well."""
    try:
        with open(path, "rb", buffering=0) as file:
            file.seek(at)
            file.read(size)
    except OSError as error:
        return error.errno or 0
    return 0


@pytest.mark.parametrize("name", DAMAGED)
def test_a_flipped_bit_gives_an_error_for_its_file_alone_and_a_line_in_the_log(store: MountedStore, name: str) -> None:
    """Proof of S11.

    S11: No byte that fails its digest reaches a reader: the read gives EIO, the log names artifact, path, chunk and
    pack, and the other files stay readable.
    """
    middle = len(CONTENTS[name]) // 2
    stored = _where(store, name, middle)
    data = store.mount() / "animals" / "v0" / "data"
    with _flipped(stored):
        assert _failure(data / name) == errno.EIO
        assert _failure(data / name, middle, 1) == errno.EIO
        for other in CONTENTS.keys() - {name}:
            assert (data / other).read_bytes() == CONTENTS[other]
        line = wait_until(lambda: next(iter(store.troubles()), ""))
        for named in (f"animals:v0/data/{name}", stored.chunk, stored.pack.name):
            assert named in line
        assert "Traceback" not in "".join(store.log())
    assert (data / name).read_bytes() == CONTENTS[name]  # the error was not kept


def test_a_mount_goes_on_beside_a_repair_and_shows_what_is_stored_again(store: MountedStore) -> None:
    """Proof of S56.

    S56: A mount goes on while `artfs fsck --repair` sets damaged packs aside. A file that lost something for good
    gives EIO until the same contents are stored again; then it is whole, in every version that has it.
    """
    name = "raw, larger"
    data = store.mount() / "animals" / "v0" / "data"
    stored = _where(store, name, len(CONTENTS[name]) // 2)
    _flip(stored)
    with open(data / "text, of many chunks", "rb") as open_before:
        start = open_before.read(100_000)
        ended = store.run("fsck", "--read-data", "--repair")
        assert ended.code == 7
        assert [line for line in ended.lines if line.startswith("affected")] == [f"affected  animals:v0/data/{name}"]
        assert start + open_before.read() == CONTENTS["text, of many chunks"]
    assert _failure(data / name) == errno.EIO
    line = wait_until(lambda: next(iter(store.troubles()), ""))
    for named in (f"animals:v0/data/{name}", stored.chunk):
        assert named in line
    for other in CONTENTS.keys() - {name}:
        assert (data / other).read_bytes() == CONTENTS[other]
    again = store.top / "again"
    again.write_bytes(CONTENTS[name])
    store.put(again, name="other")
    assert (data / name).read_bytes() == CONTENTS[name]
    assert store.done("fsck", "--read-data").code == 0


def test_what_is_far_from_the_damage_in_a_large_file_stays_readable(store: MountedStore) -> None:
    """Proof of S11.

    S11: No byte that fails its digest reaches a reader: the read gives EIO, the log names artifact, path, chunk and
    pack, and the other files stay readable.
    """
    name = "raw, of many chunks"
    data, at = CONTENTS[name], 3_000_000
    path = store.mount() / "animals" / "v0" / "data" / name
    with _flipped(_where(store, name, at)), open(path, "rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # so that each read is one of its own
        damaged = {number for number in range(0, len(data), 4096) if not _reads(file.fileno(), data, number)}
    assert at // 4096 * 4096 in damaged
    assert max(damaged) - min(damaged) <= BLOCK


def _reads(descriptor: int, data: bytes, at: int) -> bool:
    """Whether a page can be read; if so it is right."""
    try:
        found = os.pread(descriptor, 4096, at)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return False
    assert found == data[at : at + 4096]
    return True


def test_who_maps_a_damaged_file_is_not_shown_what_is_wrong(store: MountedStore) -> None:
    """Proof of S11.

    S11: No byte that fails its digest reaches a reader: the read gives EIO, the log names artifact, path, chunk and
    pack, and the other files stay readable.
    """
    code = """
import mmap, sys
with open(sys.argv[1], "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
    print(view[50_000])
"""
    path = store.mount() / "animals" / "v0" / "data" / "raw"
    with _flipped(_where(store, "raw", 50_000)):
        ended = subprocess.run([sys.executable, "-c", code, path], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGBUS, b"")


@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_pack_that_is_cut_off_or_gone_is_an_error_and_kills_no_worker(store: MountedStore, how: str) -> None:
    """Proof of S11.

    S11: No byte that fails its digest reaches a reader: the read gives EIO, the log names artifact, path, chunk and
    pack, and the other files stay readable.
    """
    after = _where(store, "zz neighbour after", 0)
    before = _where(store, "a neighbour before", 0)
    assert after.pack == before.pack
    whole = after.pack.read_bytes()
    data = store.mount() / "animals" / "v0" / "data"
    workers = store.workers()
    if how == "cut":
        os.truncate(after.pack, after.offset + 1000)
        assert (data / "a neighbour before").read_bytes() == CONTENTS["a neighbour before"]
    else:
        after.pack.unlink()
    assert _failure(data / "zz neighbour after") == errno.EIO
    assert after.pack.name in wait_until(lambda: next(iter(store.troubles()), ""))
    assert os.listdir(data)
    after.pack.write_bytes(whole)
    for name, contents in CONTENTS.items():
        assert (data / name).read_bytes() == contents
    assert store.workers() == workers


def test_the_command_after_a_worker_died_of_the_index_says_so(store: MountedStore) -> None:
    source = store.place("many")
    for number in range(100):
        (source / f"{number}").write_bytes(b"%d" % number)
    shown = store.put(source, name="many")
    store.mount()
    make_deadly(store.store)
    listed = subprocess.run(["ls", shown], capture_output=True, timeout=60, check=False)
    assert listed.returncode != 0
    after = store.run("ls")
    assert after.code == 7
    assert b"a process died of SIGBUS while it read the index" in after.err
    repaired = store.done("fsck", "--repair")
    assert b"made the index again" in repaired.out
    store.done("ls")
