"""A `Remote` in a bucket or container of S3, GCS or Azure, or below a prefix in one.

Its connections are those of references: the same settings, credentials and extra. obstore has threads; a process that
forks does not use this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from artfs.objects.client.bucket_objects import BucketObjects
from artfs.objects.locations import parse_location
from artfs.objects.settings import load_settings
from artfs.remotes.remote import ListedObject, check_name

__all__ = ["BucketRemote"]


class BucketRemote:
    """Objects in a bucket.

    Args:
        url: `s3://BUCKET/PREFIX`, `gs://...`, `az://...`.
        variables: The environment, which leads to settings and credentials.

    Raises:
        InvalidInputError: The URL or the settings are not as they should be.
        StoreRefusedError: obstore is not installed.
    """

    def __init__(self, url: str, variables: Mapping[str, str]) -> None:
        self._url = url.rstrip("/")
        self._objects = BucketObjects(parse_location(self._url + "/"), self._url, load_settings(variables), variables)

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._url

    @property
    def where(self) -> str:
        """The URL, and the endpoint if it is not the provider's own."""
        endpoint = self._objects.endpoint
        return f"{self._url} at {endpoint}" if endpoint else self._url

    def create(self, name: str, data: bytes) -> bool:
        """Create an object if there is none of that name; see `Remote.create`."""
        check_name(name)
        return self._objects.create(name, data)

    def put(self, name: str, data: bytes) -> None:
        """Write an object; see `Remote.put`."""
        check_name(name)
        self._objects.put(name, data)

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes | None:
        """Read an object or a range of it; see `Remote.get`."""
        check_name(name)
        return self._objects.get(name, start, end)

    def list(self, prefix: str, after: str = "") -> Iterator[ListedObject]:
        """Yield objects in the order of their names; see `Remote.list`."""
        for name, size, modified_ns in self._objects.list(prefix, after):
            yield ListedObject(name, size, modified_ns)

    def delete(self, name: str) -> None:
        """Delete an object; see `Remote.delete`."""
        check_name(name)
        self._objects.delete(name)
