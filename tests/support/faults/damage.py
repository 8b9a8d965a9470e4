"""Damage to stores, and what becomes of it: found by a check, or harmless; never read as data."""

from __future__ import annotations

import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from artfs.catalog import NewVersion
from artfs.chunks.check_pack import check_pack
from artfs.drafts.fsck import check_store
from artfs.errors import ArtfsError
from artfs.format.node import Kind
from artfs.names import parse_ref
from artfs.store import open_store, root_entry
from tests.support.data.packs import opened, pack_paths
from tests.support.faults.lmdbpages import BIG, Pages

__all__ = ["Verdict", "flip_at_random", "flipped", "judge", "make_deadly", "make_store", "read_all", "truncated"]

Verdict = str
"""`found`, `harmless`, or what is wrong."""


def make_store(top: Path, files: int, size: int) -> Path:
    """A store with two versions of `animals`.

    Args:
        top: A directory for it.
        files: How many files are in it.
        size: Bytes of each.
    """
    source = top / "source"
    source.mkdir()
    choose = random.Random(5)
    for number in range(files):
        data = choose.randbytes(size) if number % 2 else (b"text %d " % number) * (size // 8)
        (source / f"f{number}").write_bytes(data)
    with open_store(top / "store", create=True) as store:
        store.put([source], NewVersion("animals"))
        (source / "more").write_bytes(b"more")
        store.put([source], NewVersion("animals", aliases=("best",)))
    return top / "store"


def read_all(place: Path) -> dict[str, bytes | None]:
    """All files of `animals:v0`; None for one that is refused. The index is taken for sound."""
    found: dict[str, bytes | None] = {}
    with open_store(place) as store:
        for path, entry in store.walk(root_entry(store.version(parse_ref("animals:v0")))):
            if entry.kind == Kind.FILE:
                try:
                    found[path.decode()] = bytes(store.content.read(entry, 0, entry.size))
                except ArtfsError:
                    found[path.decode()] = None
    return found


@contextmanager
def flipped(path: Path, bit: int) -> Iterator[None]:
    """Flip a bit of a file meanwhile."""
    with path.open("r+b", buffering=0) as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes((byte ^ 1 << bit % 8,)))
        try:
            yield
        finally:
            file.seek(bit // 8)
            file.write(bytes((byte,)))


@contextmanager
def truncated(path: Path, size: int) -> Iterator[None]:
    """Cut off a file meanwhile."""
    whole = path.read_bytes()
    os.truncate(path, size)
    try:
        yield
    finally:
        path.write_bytes(whole)


def make_deadly(place: Path) -> None:
    """Set a bit in the length of every value of the index that has pages of its own: reading one is the reader's death.

    (LMDB holds the lengths of the others against the pages that they are in.)
    """
    pages = Pages(place / "index")
    rows = [node for leaf in pages.all_leaves() for node in pages.nodes(leaf)]
    large = [node for node in rows if pages.data[node + 4] & BIG]
    assert large, "the store is too small to have such a value"
    for node in large:
        pages.write(node + 3, bytes((pages.data[node + 3] | 0x10,)))  # 256 MiB more, behind the end of the file


def flip_at_random(place: Path, choose: random.Random, flips: int) -> Counter[str]:
    """Flip bits of packs, journal and, each tenth time, the index, one at a time, and count the verdicts.

    Raises:
        AssertionError: A flip was not found, or was read as data.
    """
    expected = read_all(place)
    packs = pack_paths(place)
    journal, data = next((place / "journal").glob("*.journal")), place / "index" / "data.mdb"
    used = [at for at, byte in enumerate(data.read_bytes()) if byte]
    counted: Counter[str] = Counter()
    for number in range(flips):
        path = data if number % 10 == 0 else journal if number % 10 == 1 else choose.choice(packs)
        byte = choose.choice(used) if path is data else choose.randrange(path.stat().st_size)
        bit = 8 * byte + choose.randrange(8)
        with flipped(path, bit):
            if path.suffix == ".pack":
                assert list(check_pack(opened(path), True)), (path.name, bit)
                assert all(shown in {None, expected[name]} for name, shown in read_all(place).items()), (path.name, bit)
                verdict = "found"
            else:
                verdict, _killed = judge(place, expected)
                assert verdict in ({"found", "harmless"} if path is data else {"found"}), (path.name, bit, verdict)
        counted[f"{path.suffix or path.name} {verdict}"] += 1
    return counted


def judge(place: Path, expected: dict[str, bytes | None]) -> tuple[Verdict, bool]:
    """Check a store and read it, each in a process of its own, which damage may kill.

    Args:
        place: The store, damaged somewhere.
        expected: `read_all` of it before.

    Returns:
        The verdict, and whether reading killed a process.
    """
    checked, _killed = _in_child(lambda: not check_store(place).clean)
    read, killed = _in_child(lambda: all(data in {None, expected.get(path)} for path, data in read_all(place).items()))
    if read is False:
        return "damage was read as data", killed
    if checked is True or isinstance(checked, str):
        return "found", killed
    if checked is None:
        return "the check was killed", killed
    whole, _killed = _in_child(lambda: read_all(place) == expected)
    return ("harmless" if whole is True else f"not found: {whole}"), killed


def _in_child(look: Callable[[], bool]) -> tuple[Any, bool]:
    """What a look in a forked child gives, or the error that it raised; None if it was killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        signal.alarm(60)
        try:
            os.write(writing, json.dumps(look()).encode())
        except ArtfsError as error:
            os.write(writing, json.dumps(f"{type(error).__name__}: {error}").encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    status = os.waitpid(pid, 0)[1]
    return (json.loads(data) if data else None), os.WIFSIGNALED(status)
