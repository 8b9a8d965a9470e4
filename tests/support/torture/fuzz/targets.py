"""Every decoder of stored bytes, by the name that `scripts/torture fuzz --decoder` takes."""

from __future__ import annotations

from typing import Final

from tests.support.torture.fuzz.files import FILES
from tests.support.torture.fuzz.formats import FORMATS
from tests.support.torture.fuzz.rows import ROWS
from tests.support.torture.fuzz.target import Target

__all__ = ["TARGETS"]

TARGETS: Final[dict[str, Target]] = {**FORMATS, **ROWS, **FILES}
