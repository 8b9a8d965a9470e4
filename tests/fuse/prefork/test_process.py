"""Errors handed from one process of a mount to another."""

from __future__ import annotations

import errno

import pytest

from artfs import errors
from artfs.fuse.prefork.process import MAX_REPORT, decode_error, encode_error


@pytest.mark.parametrize(
    "error",
    [
        errors.IntegrityError("the index is damaged: rebuild it"),
        errors.StoreFormatError("from a newer artfs"),
        errors.StorageError("full", errno.ENOSPC),
        errors.MountError("no \N{SNOWMAN}\nnewline"),
    ],
)
def test_an_error_arrives_as_it_was(error: errors.ArtfsError) -> None:
    arrived = decode_error(encode_error(error))
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert getattr(arrived, "errno", None) == getattr(error, "errno", None)


def test_other_errors_arrive_as_mount_errors() -> None:
    assert str(decode_error(encode_error(KeyError("x")))) == "KeyError: 'x'"
    for garbage in (b"", b"{", b'["Path", "x", 1]', b"[1, 2]"):
        assert isinstance(decode_error(garbage), errors.MountError)
    assert "ended before it could say why: look into" in str(decode_error(b""))
    assert len(encode_error(errors.MountError("\N{SNOWMAN}" * 10_000))) <= MAX_REPORT
