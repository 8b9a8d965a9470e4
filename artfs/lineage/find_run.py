"""Runs as users name them: by id, or by a name that only one run has."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Final

from artfs.errors import ConflictError, InvalidInputError, NotFoundError
from artfs.names import printable

if TYPE_CHECKING:
    from artfs.catalog import Run, View

__all__ = ["find_run"]

_LISTED: Final = 10


def find_run(view: View, text: str) -> Run:
    """Return the run that has the id, or else the only one that has the name.

    Raises:
        NotFoundError: There is none.
        ConflictError: Several runs have the name; the message lists the ids of the newest.
    """
    with suppress(InvalidInputError, NotFoundError):
        return view.resolve_run(text)
    found = list(islice((run for run in view.runs(newest_first=True) if run.fields.name == text), _LISTED + 1))
    if not found:
        raise NotFoundError(f"run {printable(text)} does not exist: `artfs runs` lists ids and names")
    if len(found) > 1:
        ids = ", ".join(run.id for run in found[:_LISTED]) + (" and older ones" if len(found) > _LISTED else "")
        raise ConflictError(f"several runs are called {printable(text)}: name one by its id, the newest first {ids}")
    return found[0]
