"""Find the objects that the URI of a bucket's object or prefix leads to.

An object of that name is it; else all below it as a prefix. One object costs a HEAD, a prefix its pages of LIST. A list
does not tell versions, so what is found by a prefix is identified by ETag and size.

"Directories" that some tools make, empty objects whose key ends with a slash, are left out. obstore shows their keys
without the slash; so each empty object of a list is asked for once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from artfs.errors import ArtfsError, InvalidInputError
from artfs.names import quoted
from artfs.objects.client.bucket_client import modified_ns, quoted_etag, same_etag, version_of
from artfs.objects.client.failures import failed, status_of
from artfs.objects.locations import Location
from artfs.objects.remote_object import FoundObject, RemoteObject

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore

__all__ = ["find_objects"]

_PAGE = 1000
_HEADS = 32


async def find_objects(
    store: ObjectStore, location: Location, uri: str, *, checksum: bool
) -> AsyncIterator[list[FoundObject]]:
    """Yield the objects in pages; see `ObjectClient.find`.

    Args:
        store: The connection to the bucket, which repeats what fails.
        location: Where the URI leads.
        uri: As the user wrote it, for messages.
        checksum: Keep what identifies the states.
    """
    from obstore.exceptions import BaseError  # noqa: PLC0415 # obstore has threads

    refused: ArtfsError | None = None
    if location.key and not location.key.endswith("/"):
        try:
            one = await _one(store, location, checksum=checksum)
        except FileNotFoundError:
            one = None
        except (BaseError, OSError, ValueError) as error:
            unknown = location.version is not None and status_of(error) == 400  # it has not the form of a version
            refused, one = None if unknown else _translated(uri, error), None
        if one is not None:
            yield [one]
            return
    if location.version is not None:
        raise refused or InvalidInputError(f"{quoted(uri)} leads to nothing: there is no such version of it")
    any_found = False
    try:
        async for page in _below(store, location, checksum=checksum):
            any_found = True
            yield page
    except (BaseError, OSError, ValueError) as error:
        raise refused or _translated(uri, error) from error
    if not any_found:
        raise refused or InvalidInputError(f"{quoted(uri)} leads to nothing: there is no such object or prefix")


def _translated(uri: str, error: Exception) -> ArtfsError:
    if isinstance(error, ArtfsError):
        return error
    if type(error).__name__ == "InvalidPathError" or isinstance(error, ValueError):
        return InvalidInputError(_odd_key(uri, str(error)))
    return failed(uri, error)


def _odd_key(uri: str, text: str) -> str:
    """Say which key no file could have; obstore names it in quotes."""
    key = text.partition('"')[2].rpartition('":')[0] or text.partition('"')[2].partition('"')[0]
    return (
        f"{quoted(uri)} holds the object {quoted(key)}, whose key is no path of files: "
        "copy it to another key, or refer to prefixes without it"
    )


async def _one(store: ObjectStore, location: Location, *, checksum: bool) -> FoundObject:
    if location.version is None:
        meta = await store.head_async(location.key)
    else:
        meta = (await store.get_async(location.key, options={"version": location.version, "head": True})).meta
    version = location.version or (version_of(meta) if checksum else None)
    return _found("", location, meta, version, checksum=checksum)


def _found(name: str, location: Location, meta: ObjectMeta, version: str | None, *, checksum: bool) -> FoundObject:
    uri, size, modified = location.uri(meta["path"]), meta["size"], modified_ns(meta)
    etag = (meta["e_tag"] or None) if checksum else None
    if not checksum or etag is not None or version is not None:
        return FoundObject(name, RemoteObject(uri, size, etag and quoted_etag(etag), version), modified)
    return FoundObject(name, RemoteObject(uri, size, modified_ns=modified or None), modified)


async def _below(store: ObjectStore, location: Location, *, checksum: bool) -> AsyncIterator[list[FoundObject]]:
    prefix = location.key.rstrip("/")
    cut = len(prefix) + 1 if prefix else 0
    if not prefix:
        await _refuse_leading_slashes(store, location)
    empties: set[str] = set()
    limit = asyncio.Semaphore(_HEADS)
    async for metas in store.list(prefix or None, chunk_size=_PAGE):
        kept = [meta for meta in metas if len(meta["path"]) >= cut]
        asked = [meta for meta in kept if meta["size"] == 0]
        answers = await asyncio.gather(*(_is_object(store, meta, limit) for meta in asked))
        dropped = {id(meta) for meta, is_object in zip(asked, answers, strict=True) if not is_object}
        page = []
        for meta in kept:
            if id(meta) in dropped or (meta["size"] == 0 and meta["path"] in empties):
                continue
            if meta["size"] == 0:
                empties.add(meta["path"])
            page.append(_found(meta["path"][cut:], location, meta, None, checksum=checksum))
        if page:
            yield page


async def _is_object(store: ObjectStore, meta: ObjectMeta, limit: asyncio.Semaphore) -> bool:
    async with limit:
        try:
            head = await store.head_async(meta["path"])
        except FileNotFoundError:
            return False
    return head["size"] == 0 and (meta["e_tag"] is None or same_etag(head["e_tag"], meta["e_tag"]))


async def _refuse_leading_slashes(store: ObjectStore, location: Location) -> None:
    """Refuse a bucket with keys that begin with a slash: obstore would show them without it, as other objects.

    Raises:
        InvalidInputError: It has such keys.
    """
    top = await store.list_with_delimiter_async(None)
    if any(not prefix.strip("/") for prefix in top["common_prefixes"]):
        raise InvalidInputError(
            f"{quoted(location.top)} holds objects whose keys begin with a slash, which no path of files can: "
            "copy them to other keys, or refer to prefixes without them"
        )
