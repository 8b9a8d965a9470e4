"""The client of buckets and containers: S3, GCS and Azure through obstore.

Every request says which state it wants: a version, or `If-Match` with the ETag; what comes is compared before a byte is
given, for the servers that ignore the condition.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from artfs.errors import ArtfsError
from artfs.format.digest import Data
from artfs.objects.client.connections import Connections
from artfs.objects.client.failures import changed, failed, gone, no_connection
from artfs.objects.locations import parse_object
from artfs.objects.remote_object import RemoteObject
from artfs.objects.settings import Settings

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta

__all__ = ["BucketClient", "modified_ns", "quoted_etag", "same_etag", "strong_etag", "version_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BucketClient:
    """Reads ranges of objects in buckets.

    Args:
        settings: Of the user.
        variables: The environment.
    """

    def __init__(self, settings: Settings, variables: Mapping[str, str]) -> None:
        self.connections = Connections(settings, variables)

    async def get(self, remote: RemoteObject, start: int, end: int) -> Data:
        """Read exactly a range of exactly that state; see `ObjectClient.get`."""
        location = parse_object(remote.uri)
        store = self.connections.to(location, remote.uri, patient=False)
        from obstore.exceptions import PreconditionError  # noqa: PLC0415 # obstore has threads

        options: GetOptions = {"head": True} if start == end else {"range": (start, end)}
        etag = strong_etag(remote.etag)
        if remote.version_id is not None:
            options["version"] = remote.version_id
        elif etag is not None:
            options["if_match"] = etag
        try:
            result = await store.get_async(location.key, options=options)
            _compare(result.meta, remote)
            data = b"" if start == end else memoryview(await result.bytes_async())
        except FileNotFoundError as error:
            if remote.version_id is not None and await self._is_there(location.key, remote):
                raise changed(remote.uri) from error
            raise gone(remote.uri) from error
        except PreconditionError as error:  # some servers say so of what is gone, too
            raise changed(remote.uri) if await self._is_there(location.key, remote) else gone(remote.uri) from error
        except Exception as error:
            if _is_foreign(error):
                raise failed(remote.uri, error) from error
            raise
        if len(data) != end - start:
            raise no_connection(remote.uri, "the answer was cut off")
        return data

    async def _is_there(self, key: str, remote: RemoteObject) -> bool:
        """Return whether the object exists, in whichever state."""
        store = self.connections.to(parse_object(remote.uri), remote.uri, patient=False)
        try:
            await store.head_async(key)
        except FileNotFoundError:
            return False
        except Exception as error:
            if _is_foreign(error):
                raise failed(remote.uri, error) from error
            raise
        return True


def _is_foreign(error: Exception) -> bool:
    """Return whether an exception is obstore's."""
    return not isinstance(error, ArtfsError)


def _compare(meta: ObjectMeta, remote: RemoteObject) -> None:
    """Refuse an answer about another state than the one that is meant."""
    if (
        meta["size"] != remote.size
        or (remote.etag is not None and not same_etag(meta["e_tag"], remote.etag))
        or (remote.modified_ns is not None and modified_ns(meta) != remote.modified_ns)
    ):
        raise changed(remote.uri)


def same_etag(one: str | None, other: str | None) -> bool:
    """Return whether two ETags name the same state; listings give them without their quotes."""
    return one is not None and other is not None and one.strip('"') == other.strip('"')


def strong_etag(etag: str | None) -> str | None:
    """Return an ETag as `If-Match` takes it; None: there is none that it would ever match."""
    return None if etag is None or etag.startswith("W/") else quoted_etag(etag)


def quoted_etag(etag: str) -> str:
    """Return an ETag as headers have it; listings leave out its quotes."""
    return etag if etag.startswith(('"', "W/")) else f'"{etag}"'


def version_of(meta: ObjectMeta) -> str | None:
    """Return the version that an object has in a bucket that keeps versions; the version `null` is not kept."""
    version = meta["version"]
    return None if version in {None, "", "null"} else version


def modified_ns(meta: ObjectMeta) -> int:
    """Return the time of the last change; 0 if the server does not say."""
    return (meta["last_modified"] - _EPOCH) // timedelta(microseconds=1) * 1000
