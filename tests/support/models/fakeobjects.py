"""A client of objects in a directory, whose answers a test delays, breaks and counts, also in another process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

from artfs.errors import ReferenceChangedError, ReferenceGoneError, SourceError
from artfs.format.digest import Data, digest
from artfs.objects import FoundObject, RemoteObject, TransientError

__all__ = ["FakeObjects"]


class FakeObjects:
    """An `ObjectClient`. An object is a file; `NAME.faults` beside it has what befalls its next requests, in order.

    A fault is "transient", "refused", "stall" (no answer at all), "truncated", or a number of seconds to wait. Each
    request is noted in `requests`, as name, start and end; `asked` is set by the first.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.asked = asyncio.Event()
        self.most_at_a_time = 0
        self._flying = 0

    def put(self, name: str, data: bytes) -> RemoteObject:
        """Make an object, or give it other contents."""
        (self.directory / name).write_bytes(data)
        return RemoteObject(f"fake://{self.directory}/{name}", len(data), etag=digest(data).hex())

    def fail(self, name: str, *faults: str | float) -> None:
        """Set what befalls the next requests for an object."""
        (self.directory / f"{name}.faults").write_text(json.dumps(faults))

    @property
    def requests(self) -> list[tuple[str, int, int]]:
        """All requests so far."""
        log = self.directory / "requests"
        lines = log.read_text().splitlines() if log.exists() else []
        return [(name, int(start), int(end)) for name, start, end in map(str.split, lines)]

    async def get(self, remote: RemoteObject, start: int, end: int) -> Data:
        name = remote.uri.rpartition("/")[2]
        with (self.directory / "requests").open("a") as log:
            log.write(f"{name} {start} {end}\n")
        self.asked.set()
        self._flying += 1
        self.most_at_a_time = max(self.most_at_a_time, self._flying)
        try:
            return await self._get(remote, name, start, end)
        finally:
            self._flying -= 1

    async def _get(self, remote: RemoteObject, name: str, start: int, end: int) -> Data:
        fault = self._fault(name)
        if isinstance(fault, float | int):
            await asyncio.sleep(fault)
        if fault == "stall":
            await asyncio.Event().wait()
        if fault == "transient":
            raise TransientError("503 Service Unavailable")
        if fault == "refused":
            raise SourceError(f"{remote.uri}: access denied")
        try:
            data = (self.directory / name).read_bytes()
        except FileNotFoundError:
            raise ReferenceGoneError(f"{remote.uri} is gone") from None
        if digest(data).hex() != remote.etag:
            raise ReferenceChangedError(f"{remote.uri} has changed")
        return data[start : end - 1] if fault == "truncated" else data[start:end]

    def _fault(self, name: str) -> str | float | None:
        path = self.directory / f"{name}.faults"
        if not path.exists():
            return None
        faults: list[str | float] = json.loads(path.read_text())
        if not faults:
            return None
        path.write_text(json.dumps(faults[1:]))
        return faults[0]

    async def find(self, uri: str, *, checksum: bool) -> AsyncIterator[list[FoundObject]]:
        await asyncio.sleep(0)
        names = sorted(path.name for path in self.directory.iterdir() if "." not in path.name)
        for name in names:
            data = (self.directory / name).read_bytes()
            etag = digest(data).hex() if checksum else None
            yield [FoundObject(name, RemoteObject(f"{uri}/{name}", len(data), etag=etag))]
        if not names:
            raise SourceError(f"{uri} cannot be listed")

    async def close(self) -> None:
        pass
