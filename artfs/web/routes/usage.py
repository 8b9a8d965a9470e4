"""Space: of artifacts and versions. It is measured from all trees, so it is kept until the store changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from artfs.documents.document import Document
from artfs.documents.stores import artifacts_space_document
from artfs.drafts.gc_roots import reclaimable_of_store
from artfs.errors import IntegrityError
from artfs.store.usage import artifact_usage, usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from artfs.store.store import Store
    from artfs.web.query import Query
    from artfs.web.site import Site

__all__ = ["known_reclaimable", "known_usage", "space", "store_seq"]

_FEW_ENTRIES: Final = 20_000
"""So many, and so many versions, are measured while a page waits."""


def space(store: Store, query: Query) -> Document:
    """`api/usage`: as `artfs du --artifacts`, which takes as long, the first time after a change."""
    return query.site.results.get("usage", store_seq(store), lambda: artifacts_space_document(artifact_usage(store)))


def known_usage(store: Store, site: Site) -> Mapping[int, Document]:
    """Return the space of each version by its serial, if all of them are measured in a moment; else nothing."""
    seq = store_seq(store)
    if not site.results.get("small", seq, lambda: _is_small(store, site)):
        return {}
    return site.results.get("versions", seq, lambda: _by_serial(store))


def store_seq(store: Store) -> int:
    """Return the number of the last change of the catalog."""
    with store.catalog.view() as view:
        return view.state().seq


def _is_small(store: Store, site: Site) -> bool:
    """Tell if it is few versions and entries. A store with many stays so: rows of versions are never removed."""
    if site.results.find("large", store.catalog.store_id):
        return False
    with store.catalog.view() as view:
        entries = 0
        for version in view.all_versions():
            entries += 1 + version.entries
            if entries > _FEW_ENTRIES:
                site.results.get("large", store.catalog.store_id, lambda: True)
                return False
    return True


def _by_serial(store: Store) -> dict[int, Document]:
    with store.catalog.view() as view:
        versions = [one for artifact in view.artifacts() for one in view.versions(artifact.serial)]
    return {row.version.serial: {"stored": row.stored, "own": row.own} for row in usage(store, versions)}


def known_reclaimable(store: Store, site: Site) -> int | None:
    """Return the bytes that gc gives back of deleted versions; None if that is not found in a moment, or by damage."""
    seq = store_seq(store)
    if not site.results.get("small", seq, lambda: _is_small(store, site)):
        return None
    return site.results.get("reclaimable", seq, lambda: _reclaimable(store))


def _reclaimable(store: Store) -> int | None:
    with store.catalog.view() as view:
        deleted = [version for version in view.all_versions() if version.deleted and not version.removed]
    try:
        return reclaimable_of_store(store, deleted)
    except IntegrityError:
        return None
