"""Bits of an index flipped one after the other: each is found by the check, or harmless; none is read as other data.

A child goes through many bits. It notes in shared memory what it is at and what came out, so that the bit it dies of is
known; its successor goes on from there.
"""

from __future__ import annotations

import faulthandler
import mmap
import os
import resource
import signal
import struct
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from enum import IntEnum
from pathlib import Path

from artfs.errors import ArtfsError
from artfs.store.fsck import Finding
from artfs.store.fsck.finding import BadRecords
from artfs.store.fsck.index import check_catalog
from artfs.store.layout import read_layout
from tests.support.faults.damage import read_all

__all__ = ["Seen", "flip_index"]

_NOTE = struct.Struct("<qBB")  # which bit, and what check and reader came to
_SECONDS = 60  # for one bit


class Seen(IntEnum):
    """What a check or a reader of a damaged index came to."""

    NOT_YET = 0
    DIED = 1
    FOUND = 2
    SOUND = 3
    WRONG = 4


def flip_index(place: Path, bits: Sequence[int], expected: dict[str, bytes | None]) -> Counter[str]:
    """Flip bits of a small store's index in turn, check it and read it each time, and count what came of it.

    Args:
        place: The store; nobody has it open.
        bits: Which; 8 to a byte.
        expected: `read_all` of it before.

    Raises:
        AssertionError: A flip was neither found nor harmless, or was read as data.
    """
    data = place / "index" / "data.mdb"
    sound = data.read_bytes()
    counted: Counter[str] = Counter()
    with mmap.mmap(-1, mmap.PAGESIZE) as notes, tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        turn = 0
        while turn < len(bits):
            _NOTE.pack_into(notes, 0, turn, Seen.NOT_YET, Seen.NOT_YET)
            turn = _go(place, sound, bits, turn, expected, notes, Path(scratch), counted)
            _restore(data, sound)
    return counted


def _go(
    place: Path,
    sound: bytes,
    bits: Sequence[int],
    first: int,
    expected: dict[str, bytes | None],
    notes: mmap.mmap,
    scratch: Path,
    counted: Counter[str],
) -> int:
    """Have a child go through the bits from `first` on, until it dies of one; where to go on."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = 1
        try:
            code = _be_child(place, sound, bits, first, expected, notes, scratch, writing)
        except BaseException as error:  # noqa: BLE001 # the parent fails for it
            os.write(2, f"bit {bits[_NOTE.unpack_from(notes)[0]]}: {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        while note := pipe.read(_NOTE.size):
            _count(bits, note, counted)
    status = os.waitpid(pid, 0)[1]
    if not os.WIFSIGNALED(status):
        assert os.WEXITSTATUS(status) == 0
        return len(bits)
    turn, checked, read = _NOTE.unpack_from(notes)
    assert os.WTERMSIG(status) in {signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE}, (bits[turn], status)
    if checked == Seen.NOT_YET:
        checked = Seen.DIED  # which `artfs fsck` tells of: its own child dies of it
    else:
        assert checked == Seen.FOUND, f"bit {bits[turn]}: the check finds nothing, and the reader dies"
        read = Seen.DIED
    _count(bits, _NOTE.pack(turn, checked, read), counted)
    return int(turn) + 1


def _count(bits: Sequence[int], note: bytes, counted: Counter[str]) -> None:
    turn, checked, read = _NOTE.unpack(note)
    bit = bits[turn]
    assert read != Seen.WRONG, f"bit {bit}: damage was read as data"
    assert checked != Seen.SOUND or read == Seen.SOUND, f"bit {bit}: not found, and something cannot be read"
    name = {Seen.DIED: "found by a death", Seen.FOUND: "found", Seen.SOUND: "harmless"}[checked]
    if read == Seen.DIED:
        name += ", the reader died"
    counted[name] += 1


def _be_child(
    place: Path,
    sound: bytes,
    bits: Sequence[int],
    first: int,
    expected: dict[str, bytes | None],
    notes: mmap.mmap,
    scratch: Path,
    writing: int,
) -> int:
    data = place / "index" / "data.mdb"
    faulthandler.disable()  # pytest's, for which each death would be one of the tests'
    for turn in range(first, len(bits)):
        signal.alarm(_SECONDS)
        bit = bits[turn]
        _NOTE.pack_into(notes, 0, turn, Seen.NOT_YET, Seen.NOT_YET)
        with data.open("r+b", buffering=0) as file:
            file.seek(bit // 8)
            file.write(bytes((sound[bit // 8] ^ 1 << bit % 8,)))
        checked = _check(place, scratch)
        _NOTE.pack_into(notes, 0, turn, checked, Seen.NOT_YET)
        read = _read(place, expected)
        os.write(writing, _NOTE.pack(turn, checked, read))
        _restore(data, sound)
    return 0


def _check(place: Path, scratch: Path) -> Seen:
    layout = read_layout(place)
    beside = scratch / "index"
    for path in beside.glob("*"):
        path.unlink()
    try:
        for found in check_catalog(layout, BadRecords(), beside, journal_is_sound=True):
            if isinstance(found, Finding):
                return Seen.FOUND
    except ArtfsError:
        return Seen.FOUND
    return Seen.SOUND


def _read(place: Path, expected: dict[str, bytes | None]) -> Seen:
    try:
        shown = read_all(place)
    except ArtfsError:
        return Seen.FOUND
    if any(data not in {None, expected.get(path)} for path, data in shown.items()):
        return Seen.WRONG
    return Seen.SOUND if shown == expected else Seen.FOUND


def _restore(data: Path, sound: bytes) -> None:
    """Make the file what it was: a flip may have had who opened the index write to it."""
    if data.read_bytes() != sound:
        with suppress(FileNotFoundError), data.open("r+b") as file:
            file.truncate(len(sound))
            file.write(sound)
