"""The errors for what is wrong with a draft's rows, which are kept nowhere else."""

from __future__ import annotations

from artfs.errors import IntegrityError

__all__ = ["MalformedRowError", "damaged_rows", "malformed_row"]


class MalformedRowError(IntegrityError):
    """A row under a right checksum is none that an artfs writes."""


def damaged_rows(what: str) -> IntegrityError:
    """The error for whatever is wrong with the rows."""
    return IntegrityError(_message(what))


def malformed_row(what: str) -> MalformedRowError:
    """The error for a row that is none."""
    return MalformedRowError(_message(what))


def _message(what: str) -> str:
    return f"the rows of a draft are damaged ({what}): copy what can still be read, then discard it"
