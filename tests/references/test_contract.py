"""The contract of reference handlers, for `file:` and for objects that are identified by their ETag."""

from __future__ import annotations

from pathlib import Path

import pytest

from artfs.references.handler import Handler
from artfs.references.local import LocalFiles
from artfs.testing.handlers import HandlerContract, Source
from tests.support.models.memoryobjects import MemoryObjects


class _Files:
    def __init__(self, top: Path) -> None:
        self.handler: Handler = LocalFiles()
        self._top = top

    def uri(self, path: str) -> str:
        return (self._top / path).as_uri()

    def put(self, path: str, data: bytes) -> None:
        target = self._top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def remove(self, path: str) -> None:
        (self._top / path).unlink()


class TestLocalFiles(HandlerContract):
    """`file:`."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Source:
        """An empty directory."""
        return _Files(tmp_path)


class TestObjects(HandlerContract):
    """A handler that is no part of artfs."""

    @pytest.fixture
    def source(self) -> Source:
        """An empty bucket."""
        return MemoryObjects()
