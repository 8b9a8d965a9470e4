"""Which side of a merge a path with a conflict is taken from, as the user decided."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Literal, TypeAlias

from artfs.errors import InvalidInputError
from artfs.names import parse_entry_path, quoted

__all__ = ["MergeChoices", "Side"]

Side: TypeAlias = Literal["mine", "theirs"]


class MergeChoices:
    """The paths at which one side of a merge is to be taken where both changed.

    A directory stands for all that is below it, `.` for all; of several that a path is in, the longest counts.

    Args:
        mine: Paths that are to be as they are here.
        theirs: Paths that are to be as the other version has them.

    Raises:
        InvalidInputError: A path is not allowed, or is in both.
    """

    def __init__(self, mine: Iterable[str] = (), theirs: Iterable[str] = ()) -> None:
        self._sides: dict[bytes, Side] = {}
        self._used: set[bytes] = {b""}  # that all conflicts go one way is no mistake where there is none
        sides: tuple[tuple[Side, Iterable[str]], ...] = (("mine", mine), ("theirs", theirs))
        for side, paths in sides:
            for text in paths:
                path = _whole_path(text)
                if self._sides.setdefault(path, side) != side:
                    raise InvalidInputError(f"{quoted(text)} is both in mine and in theirs: leave one out")

    def side_of(self, path: bytes) -> Side | None:
        """The side that a path with a conflict is taken from; None: that was not decided."""
        at = path.rstrip(b"/") if path != b"./" else b""
        while at not in self._sides:
            if not at:
                return None
            at = posixpath.dirname(at)
        self._used.add(at)
        return self._sides[at]

    @property
    def unused(self) -> list[bytes]:
        """Paths that no conflict was at or below."""
        return sorted(self._sides.keys() - self._used)


def _whole_path(text: str) -> bytes:
    """Return a path from the root without a slash at its end; empty: the root."""
    path = posixpath.normpath(text) if text else text
    return b"" if path == "." else b"/".join(parse_entry_path(path))
