"""Objects below a prefix of a bucket, written and read by whole names: what a store in a bucket is made of.

It is synchronous. `create` is sent once, so that its answer is about that request; everything else may be sent again
without harm, and obstore does so when an answer may pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from artfs.errors import ArtfsError, IntegrityError, SourceError, StoreRefusedError, StoreUnreachableError
from artfs.objects.client.bucket_client import modified_ns
from artfs.objects.client.connections import Connections
from artfs.objects.client.failures import NO_BUCKET, code_of, failed, status_of
from artfs.objects.locations import Location
from artfs.objects.object_client import TransientError
from artfs.objects.settings import Settings

if TYPE_CHECKING:
    pass

__all__ = ["BucketObjects"]

_NOT_CREATED = frozenset({409, 412})


class BucketObjects:
    """Reads and writes objects.

    Args:
        location: Of the prefix; its key is empty or ends with a slash.
        url: The same as text, for settings and messages.
        settings: Of the user.
        variables: The environment.

    Raises:
        InvalidInputError: The settings do not fit together, or lack something.
        StoreRefusedError: obstore is not installed, or the credentials cannot be had.
    """

    def __init__(self, location: Location, url: str, settings: Settings, variables: Mapping[str, str]) -> None:
        connections = Connections(settings, variables)
        self._url = url
        self._prefix = location.key
        try:
            self._once = connections.to(location, url, patient=False)
            self._patient = connections.to(location, url, patient=True)
        except SourceError as error:
            raise StoreRefusedError(str(error)) from error

    @property
    def endpoint(self) -> str:
        """The server, if it is not the provider's own; else empty."""
        return str(self._config.get("endpoint") or self._config.get("base_url") or "")

    @property
    def _config(self) -> Mapping[str, object]:
        return dict(self._patient.config)  # type: ignore[union-attr] # all three kinds have it

    def create(self, name: str, data: bytes) -> bool:
        """Create an object if there is none of that name; False: the server says that it did not."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError  # noqa: PLC0415 # obstore has threads

        try:
            self._once.put(self._prefix + name, data, mode="create", use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return False
        except Exception as error:
            if status_of(error) in _NOT_CREATED:
                return False
            raise self._translated(name, error, "written") from error
        return True

    def put(self, name: str, data: bytes) -> None:
        """Write an object."""
        try:
            self._patient.put(self._prefix + name, data, use_multipart=False)
        except Exception as error:
            raise self._translated(name, error, "written") from error

    def get(self, name: str, start: int, end: int | None) -> bytes | None:
        """Read an object or a range of it; None: there is none."""
        key = self._prefix + name
        try:
            if end is None:
                data = bytes(self._patient.get(key).bytes())
                return data[start:]
            data = bytes(self._patient.get_range(key, start=start, end=end))
        except Exception as error:
            if _is_missing(error):
                return None
            if status_of(error) == 416 or "range" in str(error).lower():
                raise self._too_short(name, end or start) from error
            raise self._translated(name, error, "read") from error
        if len(data) != end - start:
            raise self._too_short(name, end)
        return data

    def list(self, prefix: str, after: str) -> Iterator[tuple[str, int, int]]:
        """Yield name, size and time of the last change, in the order of the names."""
        cut = len(self._prefix)
        offset = self._prefix + after if after else None
        try:
            for page in self._patient.list(self._prefix + prefix, offset=offset):
                for meta in page:
                    yield meta["path"][cut:], meta["size"], modified_ns(meta)
        except Exception as error:
            raise self._translated(prefix, error, "listed") from error

    def delete(self, name: str) -> None:
        """Delete an object; it need not exist."""
        try:
            self._patient.delete(self._prefix + name)
        except Exception as error:
            if not _is_missing(error):
                raise self._translated(name, error, "deleted") from error

    def _too_short(self, name: str, end: int) -> IntegrityError:
        return IntegrityError(f"{self._url}/{name} is shorter than the {end} bytes that were written")

    def _translated(self, name: str, error: Exception, doing: str) -> ArtfsError:
        if isinstance(error, ArtfsError):
            return error
        told = failed(f"{self._url}/{name}", error)
        message = str(told).replace(" cannot be read: ", f" cannot be {doing}: ", 1)
        message = message.replace("what they may read", "their rights to this prefix")
        if isinstance(told, TransientError):
            return StoreUnreachableError(message)
        if code_of(error) in NO_BUCKET or status_of(error) == 404:
            return StoreRefusedError(f"{self._url}: there is no such bucket or container: make it, or correct the URL")
        return StoreRefusedError(message)


def _is_missing(error: Exception) -> bool:
    """Return whether an answer says that there is no object in a bucket that exists."""
    return isinstance(error, FileNotFoundError) and code_of(error) not in NO_BUCKET
