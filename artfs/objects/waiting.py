"""Waits for the network, as a process tells of its own: a mount has others answer requests meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["tell_of_waits", "waiting"]

Tell = Callable[[bool], None]

_told: list[Tell] = []


def tell_of_waits(tell: Tell) -> None:
    """Have a function called in this process at the beginning of each wait, with True, and at its end, with False."""
    _told.append(tell)


@contextmanager
def waiting() -> Iterator[None]:
    """Tell that a block waits for the network."""
    for tell in _told:
        tell(True)
    try:
        yield
    finally:
        for tell in _told:
            tell(False)
