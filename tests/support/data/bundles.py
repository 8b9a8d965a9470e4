"""Bundles made, taken, and put together document by document."""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from artfs.catalog import NewVersion, Version, current_actor
from artfs.chunks.record import EncodedRecord
from artfs.format.bundle import Document, encode_document
from artfs.names import parse_ref
from artfs.store import Store
from artfs.transfer import Imported, export_bundle, import_bundle, read_bundle
from artfs.transfer.bundle_stream import BundleReader, BundleWriter, Record

__all__ = ["NAME", "bundle_of", "composed", "leftovers", "noise", "parts_of", "put", "refs_in", "take"]

NAME = "the bundle"


def put(store: Store, top: Path, files: dict[str, bytes], name: str = "animals", **more: object) -> Version:
    """Store files under a directory as a version; `more` are fields of NewVersion."""
    top.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(data)
    return store.put([top], NewVersion(name, **more)).version  # type: ignore[arg-type]  # tests pass fields by name


def noise(seed: int, size: int) -> bytes:
    """Bytes that no codec makes smaller."""
    return random.Random(seed).randbytes(size)


def bundle_of(store: Store, *refs: str, since: Sequence[str] = (), aliases: bool = False) -> bytes:
    """Export versions."""
    out = io.BytesIO()
    known = [store.version(parse_ref(ref)) for ref in since]
    export_bundle(store, [store.version(parse_ref(ref)) for ref in refs], out.write, since=known, aliases=aliases)
    return out.getvalue()


def take(store: Store, bundle: bytes, *, dry_run: bool = False) -> Imported:
    """Import a bundle."""
    return import_bundle(store, read_bundle(io.BytesIO(bundle), NAME), current_actor(), dry_run=dry_run)


def refs_in(store: Store) -> list[str]:
    """All versions that can be seen."""
    with store.catalog.view() as view:
        return [str(view.ref(v)) for artifact in view.artifacts() for v in view.versions(artifact.serial)]


def parts_of(bundle: bytes) -> tuple[list[Document], list[EncodedRecord]]:
    """The documents, without the end, and the records of a bundle."""
    items = list(BundleReader(io.BytesIO(bundle), NAME))
    documents = [item for item in items if not isinstance(item, Record)]
    return documents, [item.record for item in items if isinstance(item, Record)]


def composed(documents: Iterable[Document], records: Iterable[EncodedRecord], store: bytes = bytes(16)) -> bytes:
    """A bundle of these parts, whose header and end fit them."""
    out = io.BytesIO()
    writer = BundleWriter(out.write, store)
    for document in documents:
        writer.document(encode_document(document))
    for record in records:
        writer.record(record)
    writer.end()
    return out.getvalue()


def leftovers(store: Path) -> list[str]:
    """Packs of a store, and what is in its `tmp/`."""
    return sorted(
        str(path.relative_to(store)) for top in ("packs", "tmp") for path in (store / top).rglob("*") if path.is_file()
    )
