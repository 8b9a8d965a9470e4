"""References to objects elsewhere: S3, GCS, Azure and the web.

An object is identified by the version that its bucket keeps, else by ETag and size, else by the time of its last change
and size; without a checksum by URI and size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from artfs.errors import ReferenceUnreadableError
from artfs.format.digest import digest
from artfs.format.reference import Reference
from artfs.names import quoted
from artfs.objects.environment import environment
from artfs.objects.locations import parse_object
from artfs.objects.remote_object import RemoteObject
from artfs.references.handler import Found, Reader
from artfs.references.object_access import ObjectAccess
from artfs.references.uris import scheme_of

__all__ = ["ObjectsElsewhere", "remote_object"]

_PORTION: Final = 4 << 20
_AT_A_TIME: Final = 48


class ObjectsElsewhere:
    """The handler of the providers' schemes. It starts nothing before it is used.

    Args:
        variables: The environment; None: that of this process.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._access = ObjectAccess(environment() if variables is None else variables)

    def find(self, uri: str, *, checksum: bool) -> Iterator[Found]:
        """Yield the object that a URI names, or all below a prefix; see `Handler.find`."""
        for each in self._access.find(uri, checksum=checksum):
            remote = each.object
            scheme_of(remote.uri)  # what a key holds could be taken for a token: then the reference could not be read
            basename = each.name.rpartition("/")[2] if each.name else parse_object(remote.uri).basename
            empty = None if remote.size else digest(b"")  # the client has made sure that it is
            reference = Reference(
                remote.uri, remote.size, empty, remote.etag, remote.version_id, modified_ns=remote.modified_ns
            )
            yield Found(each.name, basename, reference, each.mtime_ns)

    def open(self, reference: Reference) -> Reader:
        """Return a reader of an object; see `Handler.open`."""
        if not reference.is_size_known:
            raise ReferenceUnreadableError(f"{quoted(reference.uri)} is kept by its URI alone: add it again to read it")
        return self._access.reader(remote_object(reference))

    def bring_in(self, references: Iterable[Reference], keep: bool | None) -> Iterator[int]:
        """Bring objects into the cache; yield bytes as they are there.

        Args:
            references: To the objects.
            keep: Hold them against eviction from now on, or no longer; None: leave that as it is.

        Raises:
            SourceError: One is gone, has changed or cannot be read.
        """
        access = self._access

        def ranges() -> Iterator[tuple[RemoteObject, int, int]]:
            for reference in references:
                remote = remote_object(reference)
                if keep is not None:
                    access.cache.keep(remote, keep)
                for start in range(0, remote.size, _PORTION):
                    yield remote, start, min(start + _PORTION, remote.size)

        yield from access.fetcher.read_all(ranges(), at_a_time=_AT_A_TIME)

    def forget(self, reference: Reference) -> bool:
        """Remove what is cached of an object; return True if anything was.

        Raises:
            StorageError: The cache cannot be written.
        """
        return self._access.cache.forget(remote_object(reference))

    def close(self) -> None:
        """Close the cache, and the connections to the fetcher."""
        self._access.close()


def remote_object(reference: Reference) -> RemoteObject:
    """Return the object and the state that a reference is to."""
    return RemoteObject(reference.uri, reference.size, reference.etag, reference.version_id, reference.modified_ns)
