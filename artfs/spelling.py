"""Nearest names: what a misspelt one was meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["nearest"]

_LIKENESS: Final = 0.6


def nearest(word: str, names: Iterable[str], likeness: float = _LIKENESS) -> str | None:
    """Return the name that is most like a word, whatever the case of letters; None if none is like it.

    Args:
        word: What was written.
        names: What it may have been meant to be: up to some thousand names, as each is compared.
        likeness: How much of both has to be the same, from 0 to 1.
    """
    from difflib import get_close_matches  # noqa: PLC0415 # 5 ms that only mistakes pay

    by_lower = {name.lower(): name for name in names}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=likeness)
    return by_lower[found[0]] if found else None
