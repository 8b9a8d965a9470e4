"""The store itself: how far its journal is, what it holds, who uses it, and whether it is well."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from artfs.documents.document import Document, iso_time, json_text
from artfs.documents.stores import info_document
from artfs.drafts.commit.upstream import upstream_of
from artfs.drafts.registry import DraftRegistry, room_of
from artfs.drafts.view import FrozenDraft
from artfs.errors import ArtfsError
from artfs.mountinfo import mounts_of
from artfs.web.routes.usage import known_reclaimable, store_seq

if TYPE_CHECKING:
    from artfs.drafts.registry import DraftLocation
    from artfs.store.store import Store
    from artfs.web.query import Query

__all__ = ["state", "summary"]

_CHECKED_SECONDS: Final = 60
"""How long the checks of `artfs doctor` are taken to hold: they take a second."""


def state(store: Store, _query: Query) -> Document:
    """`api/state`: the number of the last change to the catalog, which the page asks for again and again."""
    return {"seq": store_seq(store), **json_text("store", os.fsencode(store.path)), "version": version("artfs")}


def summary(store: Store, query: Query) -> Document:
    """`api/store`: as `artfs info`, with what gc would free, the open drafts, and what `artfs doctor` says."""
    site = query.site
    return {
        **info_document(store, mounts_of(store.path)),
        "reclaimable": known_reclaimable(store, site),
        "drafts": list(_drafts(store)),
        "doctor": site.results.get("doctor", int(time.monotonic()) // _CHECKED_SECONDS, site.check),
    }


def _drafts(store: Store) -> Iterator[Document]:
    """Yield the open drafts as they were at their last checkpoint; one that is damaged hides no other."""
    if store.layout.drafts.is_dir():
        for location in DraftRegistry(store.layout.drafts).list():
            try:
                yield _draft(store, location)
            except (ArtfsError, OSError) as error:
                yield {"draft": location.name, "error": str(error)}


def _draft(store: Store, location: DraftLocation) -> Document:
    with FrozenDraft(location.path, store) as rows:
        upstream, origin = upstream_of(store.catalog, location.path, rows.origin), rows.origin
    return {
        "draft": location.name,
        "room": room_of(location.path),
        "artifact": upstream.artifact,
        "base": origin.base_ref or None,
        "newest": upstream.newest_ref or None,
        "behind": upstream.is_ahead,
        "since": iso_time(origin.since_ns) if origin.since_ns else None,
    }
