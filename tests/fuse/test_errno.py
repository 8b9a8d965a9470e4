"""Error numbers of exceptions."""

from __future__ import annotations

import errno

from artfs import errors
from artfs.fuse.errno import ERRNO_BY_CLASS, errno_of


def test_every_error_class_has_its_number() -> None:
    classes = {getattr(errors, name) for name in errors.__all__}
    assert set(ERRNO_BY_CLASS) == classes


def test_a_number_is_that_of_the_nearest_class() -> None:
    class Special(errors.NotFoundError):
        pass

    assert errno_of(Special("x")) == errno.ESTALE
    assert errno_of(errors.StorageError("full", errno.ENOSPC)) == errno.ENOSPC
    assert errno_of(OSError(errno.EMFILE, "too many")) == errno.EMFILE
    assert errno_of(OSError("no number")) == errno.EIO
    assert errno_of(MemoryError()) == errno.ENOMEM
    assert errno_of(KeyError("what")) == errno.EIO


def test_a_missing_file_of_the_store_is_no_missing_file_of_the_client() -> None:
    for number in (errno.ENOENT, errno.ENOTDIR, errno.ESTALE):
        assert errno_of(OSError(number, "gone", "/store/drafts/1.x/data/7")) == errno.EIO
        assert errno_of(errors.StorageError("reading the store", number)) == errno.EIO
        assert errno_of(OSError(number, "what the client asked for")) == number
