"""What msgspec raises of bytes that are no value of the wanted type, in one place: it is more than its own class."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["MALFORMED"]

MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""The second of text that is no UTF-8, the third of unknown fields, which are passed over, that are nested deep."""
