"""An error as bytes, to be raised again in another process."""

from __future__ import annotations

import json
from typing import Final

from artfs import errors

__all__ = ["MAX_REPORT", "decode_error", "encode_error"]

MAX_REPORT: Final = 4096
"""In bytes: what a pipe takes in one piece (PIPE_BUF)."""

_MAX_MESSAGE: Final = 600  # up to six bytes a character in JSON


def encode_error(error: BaseException) -> bytes:
    """Encode an error in one line; one that is not artfs's own becomes a MountError."""
    kind = type(error).__name__ if isinstance(error, errors.ArtfsError) else errors.MountError.__name__
    message = str(error) if isinstance(error, errors.ArtfsError) else f"{type(error).__name__}: {error}"
    return json.dumps([kind, message[:_MAX_MESSAGE], getattr(error, "errno", None)]).encode()


def decode_error(report: bytes) -> errors.ArtfsError:
    """Decode what `encode_error` made; anything else becomes a MountError."""
    try:
        kind, message, number = json.loads(report)
        make = getattr(errors, kind)
    except (ValueError, TypeError, AttributeError):
        return errors.MountError(f"the mount's daemon ended without a word: {report!r}")
    if make is errors.StorageError:
        return errors.StorageError(message, number)
    error: errors.ArtfsError = make(message)
    return error
