"""The decoders of whole files: packs, redo logs, `format.json`, the files of runs and readers, LMDB's header."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Final

import msgspec

from artfs.catalog.index import INDEX_ERRORS
from artfs.catalog.schema import AliasRow
from artfs.chunks.check_pack import check_pack
from artfs.chunks.pack_storage import pack_name
from artfs.chunks.packfile import PackFile
from artfs.chunks.record import encode_record
from artfs.chunks.recover import Damage, read_footer, scan_records
from artfs.drafts.db.redo_log import RedoLog, read_log
from artfs.drafts.db.redo_records import LogDamage
from artfs.errors import IntegrityError, StoreFormatError
from artfs.format import pack
from artfs.format.digest import digest, digest_and_table
from artfs.kv import crash_marker
from artfs.kv.mdb_file import bytes_missing
from artfs.lineage.open_bitmap import read_open_bitmaps
from artfs.lineage.pins import pin_alias
from artfs.lineage.run_directories import RunDirectory
from artfs.store.layout import read_layout
from artfs.store.reader_leases import ReaderLease, read_serials
from tests.support.models.memorypacks import MemoryPackStorage
from tests.support.torture.fuzz.formats import crc_behind
from tests.support.torture.fuzz.target import Target

__all__ = ["FILES"]

_PACK_ID: Final = bytes(16)
_U32: Final = struct.Struct("<I")


class _Places:
    """A directory in which there is one file at a time of each kind, made when it is asked for first."""

    def __init__(self) -> None:
        self._top: Path | None = None

    @property
    def top(self) -> Path:
        if self._top is None:
            self._top = Path(tempfile.mkdtemp(prefix="artfs-fuzz-"))
            atexit.register(shutil.rmtree, self._top, ignore_errors=True)
        return self._top

    def write(self, name: str, data: bytes) -> Path:
        path = self.top / name
        try:
            path.write_bytes(data)
        except FileNotFoundError:
            path.parent.mkdir(parents=True)
            path.write_bytes(data)
        return path


_places: Final = _Places()


def _make_pack() -> bytes:
    parts, entries, at = [pack.encode_header(pack.PackKind.DATA, _PACK_ID)], [], pack.HEADER_SIZE
    for plain in (b"plain", b"text " * 200, bytes(range(256)) * 130):
        record = encode_record(pack.RecordKind.CHUNK, *digest_and_table(plain), plain)
        where = pack.Location(_PACK_ID, at, record.stored_len, record.plain_len, record.codec)
        entries.append(pack.encode_entry(record.digest, where, record.kind))
        parts += [bytes(buffer) for buffer in record.buffers]
        at += record.size
    footer = b"".join(entries)
    return b"".join([*parts, footer, pack.encode_trailer(len(entries), at, digest(footer))])


def _pack(data: bytes) -> None:
    """Check it as fsck does. What is found to be sound, the two ways of finding its records agree on."""
    name = pack_name(_PACK_ID)
    file = PackFile(MemoryPackStorage({name: data}), name)
    scanned = list(scan_records(file))
    if not any(isinstance(found, Damage) for found in check_pack(file, True)):
        assert read_footer(file) == scanned


def _sealed_pack(data: bytes) -> bytes:
    """Header, heads, footer and trailer with the checksums that they should have, wherever they begin now."""
    if len(data) < pack.HEADER_SIZE + pack.TRAILER_SIZE:
        return data
    made = bytearray(crc_behind(data, 60))
    at = made.find(pack.RECORD_MAGIC)
    while 0 <= at <= len(made) - 64:
        plain_len = _U32.unpack_from(made, at + 8)[0] % (pack.MAX_PLAIN_SIZE + 1)
        table = made[at + 64 : at + 64 + pack.stored_table_size(made[at + 4], plain_len)]
        made[at + 60 : at + 64] = _U32.pack(zlib.crc32(table, zlib.crc32(made[at : at + 60])))
        at = made.find(pack.RECORD_MAGIC, at + 1)
    end = len(made) - pack.TRAILER_SIZE
    count = int.from_bytes(made[end + 8 : end + 16], "little")
    begin = end - count * pack.ENTRY_SIZE
    if begin >= 0:
        made[end:] = pack.encode_trailer(count, begin, digest(bytes(made[begin:end])))
    return bytes(made)


def _redo(data: bytes) -> list[object]:
    found = read_log(_places.write("redo-3.log", data).parent, 3)
    return [changes for changes in found if not isinstance(changes, LogDamage)]


def _encode_redo(value: list[list[tuple[bytes, bytes | None]]]) -> bytes:
    log = RedoLog(_places.top, 3, begin=True)
    try:
        for changes in value:
            log.append(changes)
        return log.path.read_bytes()
    finally:
        log.close()


def _sealed_redo(data: bytes) -> bytes:
    """A log whose records continue each other, up to a length that is beyond its end; of the version that it is."""
    first = data[4:5] == b"\1"
    header = struct.pack("<4sB3xQ", b"ATRL", 1 if first else 2, 3)
    seed = check = zlib.crc32(header)
    made = bytearray(header + _U32.pack(check) + data[20:])
    at, head = 20, 4 if first else 24
    while at + head + 4 <= len(made):
        (length,) = _U32.unpack_from(made, at if first else at + 4)
        begin = at + head + 4
        if begin + length > len(made):
            break
        if not first:
            made[at : at + 4] = b"ATRR"
            made[at + 8 : at + 12] = _U32.pack(check)
            check = zlib.crc32(at.to_bytes(8, "little"), seed)
        check = zlib.crc32(made[begin : begin + length], zlib.crc32(made[at : at + head], check))
        made[at + head : begin] = _U32.pack(check)
        at = begin + length
    return bytes(made)


def _redo_seeds() -> tuple[bytes, ...]:
    payload = msgspec.msgpack.encode([[b"key", b"value"], [b"other", None]])
    length = _U32.pack(len(payload))
    first, second = length + bytes(4) + payload, bytes(4) + length + bytes(20) + payload
    return tuple(
        _sealed_redo(struct.pack("<4sB3xQ4x", b"ATRL", version, 3) + record * count)
        for version, record in ((1, first), (2, second))
        for count in (1, 3)
    )


def _layout(data: bytes) -> object:
    return read_layout(_places.write("format.json", data).parent).format


_LAYOUT: Final = (
    b'{"artfs":"store","version":1,"id":"' + b"0" * 32 + b'","chunker":{"min_size":131072,"avg_size":262144,'
    b'"max_size":2097152,"normalization":2,"seed":0}}'
)


def _opened(data: bytes) -> None:
    for opened in read_open_bitmaps(_places.write("run/opened/17.worker", data).parent):
        positions = list(opened.positions())
        assert len(positions) == opened.count
        assert sum(1 << position for position in positions) == opened.bits


def _sealed_opened(data: bytes) -> bytes:
    return data[:24] + digest(data[:24])[:8] + data[32:]


def _processes(data: bytes) -> object:
    return RunDirectory(_places.write("run/processes", data).parent).processes()


def _pin(data: bytes) -> int:
    home = RunDirectory(_places.top / "run")
    alias = AliasRow(18, 16, "best", 3)
    home.pins.mkdir(parents=True, exist_ok=True)
    if not any(home.pins.iterdir()):
        assert pin_alias(home, alias) == 3
    (path,) = home.pins.iterdir()
    path.write_bytes(data)
    return pin_alias(home, alias)


def _readers(data: bytes) -> set[int]:
    readers = _places.top / "readers"
    if not readers.exists():
        reader = ReaderLease(readers)
        atexit.register(reader.close)
        os.symlink(reader.directory, _places.top / "reader")
    (_places.top / "reader" / "0").write_bytes(data)
    return read_serials(readers)


def _lmdb(data: bytes) -> int:
    path = _places.write("data.mdb", data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        return bytes_missing(descriptor, INDEX_ERRORS)
    finally:
        os.close(descriptor)


def _lmdb_seed() -> bytes:
    meta = struct.pack("<10xH4x IIQQ I92x QQ", 8, 0xBEEFC0DE, 1, 0, 1 << 30, 512, 3, 1)
    return (meta + bytes(512 - len(meta))) * 2


def _crash_marker(data: bytes) -> str | None:
    return crash_marker.read(_places.write("deaths", data).parent)


FILES: Final[dict[str, Target]] = {
    "pack": Target(_pack, (_make_pack(),), (), seals=(_sealed_pack,)),
    "redo-log": Target(_redo, _redo_seeds(), (IntegrityError,), _encode_redo, canonical=False, seals=(_sealed_redo,)),
    "format": Target(_layout, (_LAYOUT,), (IntegrityError, StoreFormatError)),
    "run-bitmap": Target(
        _opened,
        (_sealed_opened(struct.pack("<8sQQ", b"artfsrun", 17, 1) + bytes(8) + b"\x81\0\x03"),),
        seals=(_sealed_opened,),
    ),
    "run-processes": Target(_processes, (b'["lab",7,8,"boot",9]\n["lab",7,8,"b\xc3\xb6\\n",9]\n',)),
    "run-pin": Target(_pin, (b"3", b"0"), (IntegrityError,)),
    "readers": Target(_readers, (struct.pack("<6Q", 17, 2, 1, 18, 1, 1),)),
    "index-header": Target(_lmdb, (_lmdb_seed(),), (IntegrityError,)),
    "deaths": Target(
        _crash_marker,
        (b'Fatal Python error: Bus error\n\nCurrent thread 0x7 (most recent call first):\n "/artfs/catalog/a.py"',),
    ),
}
"""Each decoder by its name on the command line."""
