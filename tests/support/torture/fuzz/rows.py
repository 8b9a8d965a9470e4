"""The decoders of values in msgpack or JSON: journal bodies, rows of the catalog and of drafts, control files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from zlib import crc32

import msgspec

from artfs.catalog.tables import TABLES
from artfs.drafts.control.commit_request import parse_meta, parse_request
from artfs.drafts.control.stage_request import parse_discard, parse_stage
from artfs.drafts.db.schema import (
    decode_dentry,
    decode_extent,
    decode_inode,
    decode_origin,
    decode_state,
    encode_dentry,
    encode_extent,
    encode_row,
)
from artfs.errors import IntegrityError, InvalidInputError, StoreFormatError
from artfs.format.digest import digest
from artfs.format.operations import decode_entry, encode_entry
from tests.support.faults.hostile import SEEDS
from tests.support.torture.fuzz.target import Target

__all__ = ["ROWS"]

_encode = msgspec.msgpack.encode
_D: Final = digest(b"x")
_RUN: Final = "abcd1234"
_TREE: Final = [_D, _D, 1, 1, 0o755, 1]
_FIELDS: Final = ["text", b"{}", ["tag"], 5]
_RUN_FIELDS: Final = ["name", "train", b"{}", b"{}"]
_PROCESS: Final = ["lab", 7, 8, "boot", 9]

_OPERATIONS: Final[tuple[list[object], ...]] = (
    ["artifact-created", 16, "animals", "dataset", 1, ""],
    ["artifact-edited", 16, "new", "old"],
    ["artifact-renamed", 16, "new", "old"],
    ["artifact-deleted", 16, "animals"],
    ["artifact-undeleted", 16, "animals"],
    ["version-created", 17, 16, 0, _TREE, 1, _FIELDS, _RUN, "animals:v3", "open"],
    ["version-linked", 16, 0, 16, 1, _RUN],
    ["version-edited", 16, 0, _FIELDS, _FIELDS],
    ["version-deleted", 16, 0],
    ["version-deleted", 16, 0, ["best"]],
    ["version-undeleted", 16, 0],
    ["version-removed", 16, 0],
    ["alias-set", 18, 16, "best", 1, 0],
    ["alias-removed", 18, 16, "best", 1],
    ["run-started", _RUN, _RUN_FIELDS, 1, "ann", "lab", 7, ["python", "x.py"], "c0ffee", "/home", True, _PROCESS],
    ["run-resumed", _RUN, "failed", _PROCESS],
    ["run-edited", _RUN, _RUN_FIELDS, _RUN_FIELDS],
    ["run-finished", _RUN, "finished", 2, 0],
    ["run-used", _RUN, 16, 0, "open", 1, 2, [b"a", b"b/c"]],
    ["run-logged", _RUN, 16, 0, "commit", 1],
    ["part-added", "group", "animals", 0, _TREE, _FIELDS, 1, ["best"], _RUN],
    ["parts-taken", "group", "animals", 2],
    ["packs-added", [[bytes(16), 1, 1000, 3]]],
)
_BODIES: Final = tuple(_encode([1, "ann", "lab", 7, _RUN, [operation]]) for operation in _OPERATIONS)

_CATALOG: Final[dict[str, object]] = {
    "meta": [4, bytes(16), 1, _D, 1, 64, 17],
    "names": [16, 1, 16],
    "artifacts": [16, "animals", "dataset", 1, "text", False],
    "versions": [17, 16, 0, _TREE, 1, _FIELDS, _RUN, "animals:v3", False, True],
    "aliases": [18, 16, "best", 0],
    "serials": [3, 16, 0, "best"],
    "runs": [_RUN, _RUN_FIELDS, 1, "a", "l", 7, ["x"], None, "crashed", 2, "/home", False, _PROCESS, 1],
    "edges": [_RUN, 1, 16, 0, "open", 1, 2, [b"a", b"b/c"]],
    "parts": ["group", "animals", 0, _TREE, _FIELDS, 1, ["best"], _RUN],
    "origins": [bytes(16), "animals", 3],
    "deletions": [1, ["best"]],
    "gaps": 7,
    "packs": [1, 1000, 3],
    "recorded": [1, 1000, 3, 4, 0],
    "links": [16, 0, _RUN],
}
_KEY: Final = b"k" * 16


def _catalog(data: bytes) -> tuple[int, object]:
    """A byte says of which table; the row follows, and gets its checksum."""
    which = data[0] % len(TABLES) if data else 0
    tagged = TABLES[which].name[:1].encode() + _KEY
    row = data[1:]
    return which, TABLES[which].unseal(tagged, row + crc32(row, crc32(tagged)).to_bytes(4, "little"))


def _encode_catalog(value: tuple[int, object]) -> bytes:
    return bytes([value[0]]) + TABLES[value[0]].seal(_KEY, value[1])[:-4]


def _catalog_seeds() -> tuple[bytes, ...]:
    return tuple(
        bytes([which]) + (_encode(_CATALOG[table.name]) if table.name in _CATALOG else SEEDS["location"])
        for which, table in enumerate(TABLES)
        if table.name != "nodes"  # whose key is the digest of the value
    )


_DRAFT: Final = (
    (decode_inode, encode_row),
    (decode_state, encode_row),
    (decode_origin, encode_row),
    (decode_dentry, encode_dentry),
    (decode_extent, encode_extent),
)
_INODE: Final = [0o100644, 0, 0, 1, 9, 1, 2, 3, [_D, b"", 9, 9, False], 1, 1, 1, b"", 0, b"", None]
_FOLDER: Final = [0o40755, 0, 0, 2, 0, 1, 2, 3, [b"", b"", 0, 0], 0, 0, 0, b"", 0, _D, [_D, _D, 1, 1]]
_DRAFT_SEEDS: Final = (
    b"\0" + _encode(_INODE),
    b"\0" + _encode(_FOLDER),
    b"\1" + _encode([2, 1, 5, 6, 7]),
    b"\2" + _encode(["animals", _D, 17, "animals:v0", _D, _D]),
    b"\3" + bytes(16),
    b"\4" + bytes(24),
)


def _draft(data: bytes) -> tuple[int, Any]:
    """A byte says what the row is of."""
    which = data[0] % len(_DRAFT) if data else 0
    return which, _DRAFT[which][0](data[1:])


def _encode_draft(value: tuple[int, Any]) -> bytes:
    encode: Callable[[Any], bytes] = _DRAFT[value[0]][1]
    return bytes([value[0]]) + encode(value[1])


_CONTROLS: Final = (parse_request, parse_meta, parse_stage, parse_discard)
_CONTROL_SEEDS: Final = (
    b"\0a message",
    b'\0{"message":"m","type":"model","aliases":["best"],"tags":["t"],"metadata":{"a":1},"ttl_seconds":5,"wait":1.5}',
    b'\1{"type":"model","description":"d","metadata":{"a":[1]},"aliases":["best"],"tags":["t"]}',
    b'\2{"artifact":"animals","as":"mine","from":"animals:v3","token":"t"}',
    b'\2{"artifact":"animals","from":"v3"}',
    b'\3{"name":"mine","force":true,"token":"t"}',
)


def _control(data: bytes) -> tuple[int, msgspec.Struct]:
    """A byte says into which control file the rest is written."""
    which = data[0] % len(_CONTROLS) if data else 0
    return which, _CONTROLS[which](data[1:])


def _encode_control(value: tuple[int, msgspec.Struct]) -> bytes:
    which, asked = value
    fields = {
        field.encode_name: found
        for field in msgspec.structs.fields(asked)
        if field.name not in {"user", "host", "pid", "run"}  # which the server finds out
        and (found := getattr(asked, field.name)) is not None
    }
    return bytes([which]) + msgspec.json.encode(fields)


ROWS: Final[dict[str, Target]] = {
    "journal-body": Target(decode_entry, _BODIES, (StoreFormatError,), encode_entry, canonical=False),
    "catalog-row": Target(_catalog, _catalog_seeds(), (IntegrityError,), _encode_catalog, canonical=False),
    "draft-row": Target(_draft, _DRAFT_SEEDS, (IntegrityError,), _encode_draft, canonical=False),
    "control": Target(_control, _CONTROL_SEEDS, (InvalidInputError,), _encode_control, canonical=False),
}
"""Each decoder by its name on the command line."""
