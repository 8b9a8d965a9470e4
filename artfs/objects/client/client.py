"""The client of everything that has a provider's scheme: each URI goes to buckets or to the web."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from artfs.format.digest import Data
from artfs.objects.client.bucket_client import BucketClient
from artfs.objects.client.find_objects import find_objects
from artfs.objects.client.web_client import WebClient
from artfs.objects.locations import parse_location, parse_object
from artfs.objects.remote_object import FoundObject, RemoteObject
from artfs.objects.settings import Settings

__all__ = ["Client"]


class Client:
    """An `ObjectClient` of S3, GCS, Azure and web servers.

    Args:
        settings: Of the user.
        variables: The environment. What obstore reads itself it takes from this process's own.
    """

    def __init__(self, settings: Settings, variables: Mapping[str, str]) -> None:
        self._buckets = BucketClient(settings, variables)
        self._variables = variables
        self._made_web: WebClient | None = None

    async def get(self, remote: RemoteObject, start: int, end: int) -> Data:
        """Read exactly a range of exactly that state; see `ObjectClient.get`."""
        if parse_object(remote.uri).provider == "http":
            return await self._web().get(remote, start, end)
        return await self._buckets.get(remote, start, end)

    async def find(self, uri: str, *, checksum: bool) -> AsyncIterator[list[FoundObject]]:
        """Yield what a URI leads to in pages; see `ObjectClient.find`."""
        location = parse_location(uri)
        if location.provider == "http":
            yield [await self._web().find(uri, checksum=checksum)]
            return
        store = self._buckets.connections.to(location, uri, patient=True)
        async for page in find_objects(store, location, uri, checksum=checksum):
            yield page

    async def close(self) -> None:
        """Close the connections."""
        if self._made_web is not None:
            await self._made_web.close()

    def _web(self) -> WebClient:
        if self._made_web is None:
            self._made_web = WebClient(self._variables)
        return self._made_web
