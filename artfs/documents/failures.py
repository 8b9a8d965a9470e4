"""JSON objects of failures; keys and kinds as promised in docs/COMMANDS.md, "Errors"."""

from __future__ import annotations

import errno
import re

from artfs import errors
from artfs.documents.document import Document
from artfs.errors import ArtfsError, StorageError

__all__ = ["error_details", "error_kind", "failure_document"]


def failure_document(error: ArtfsError) -> Document:
    """Return an error as programs get it."""
    return {
        "kind": error_kind(error),
        "exit_code": error.exit_code,
        **error_details(error),
        "message": str(error),
    }


def error_kind(error: ArtfsError) -> str:
    """Return the word by which programs know an error: that of its class in `artfs.errors`, as `not_found`."""
    known = next(each for each in type(error).__mro__ if each.__name__ in errors.__all__)
    if known is ArtfsError:
        return "failed"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", known.__name__.removesuffix("Error")).lower()


def error_details(error: BaseException) -> dict[str, str]:
    """Return what else programs can know of an error: which one of the system's it is, as `ENOSPC`."""
    number = error.errno if isinstance(error, OSError | StorageError) else None
    return {} if number is None else {"errno": errno.errorcode.get(number, str(number))}
