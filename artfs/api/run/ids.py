"""Ids of runs: those that W&B allows, and the shorter ones that the store has."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from typing import Final

from artfs.errors import InvalidInputError
from artfs.names import is_run_id

__all__ = ["new_id", "run_id_of"]

_CHARACTERS: Final = string.ascii_lowercase + string.digits
_LENGTH: Final = 8
_ALLOWED: Final = re.compile(r"[^/\\#?%:]{1,64}\Z")


def run_id_of(text: str) -> str:
    """Return the id that the store has for an id of W&B's form: itself if it can, else 8 characters computed from it.

    Raises:
        InvalidInputError: It is of neither form.
        TypeError: It is no text.
    """
    if not isinstance(text, str):
        raise TypeError(f"a run's id must be text, not {type(text).__name__}")
    if is_run_id(text):
        return text
    if not _ALLOWED.match(text) or not text.isprintable() or text in {".", ".."}:
        raise InvalidInputError(
            f"run id {text!r} is not allowed: use 8 of the characters a-z 0-9, or 1 to 64 without any of / \\ # ? % :"
        )
    number, made = int.from_bytes(hashlib.blake2b(text.encode()).digest(), "big"), ""
    for _place in range(_LENGTH):
        number, rest = divmod(number, len(_CHARACTERS))
        made += _CHARACTERS[rest]
    return made


def new_id(length: int = _LENGTH) -> str:
    """Return a new id of random characters a-z and 0-9.

    Args:
        length: The number of characters; 8 are an id that a store can have.
    """
    return "".join(secrets.choice(_CHARACTERS) for _place in range(length))
