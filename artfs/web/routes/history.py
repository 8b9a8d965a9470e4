"""The journal, the newest record first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.catalog.check import verify_chain
from artfs.documents.document import Document
from artfs.documents.history import history_subject
from artfs.web.cursors import page_of

if TYPE_CHECKING:
    from artfs.store.store import Store
    from artfs.web.query import Query

__all__ = ["history", "verified"]


def history(store: Store, query: Query) -> Document:
    """`api/history?ref=&before=`: all records, or those of an artifact or version."""
    artifact, index = history_subject(store.catalog, query.text("ref") or None)
    before, limit = query.number("before", 1 << 62), query.limit()
    newest_first = query.site.history.documents(store.catalog, artifact, index, before)
    page, following = page_of(newest_first, limit)
    return {"records": page, "next": str(page[-1]["seq"]) if following else None}


def verified(store: Store, _query: Query) -> Document:
    """`api/history/verify`: reads the whole journal, as `artfs history --verify`."""
    count, last = verify_chain(store.catalog)
    return {"records": count, "head": last.hex()}
