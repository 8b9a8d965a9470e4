"""Follow a store at a URL: bring what other machines did into this machine's index.

Packs are taken in the order in which they were recorded, which is that of their writers: chunks before the nodes that
name them, children before parents. So the must-order of `catalog.content_index` is kept, whenever this is interrupted.
"""

from __future__ import annotations

from artfs.catalog import Catalog, RecordedPack
from artfs.catalog.remote_journal import RemoteJournal
from artfs.catalog.schema import PackRow
from artfs.chunks.pack_storage import pack_name
from artfs.chunks.packfile import PackFile
from artfs.chunks.reader import PackReader
from artfs.chunks.remote_pack_storage import RemotePackStorage
from artfs.errors import IntegrityError
from artfs.format.pack import FooterEntry, PackKind

__all__ = ["follow"]


def follow(catalog: Catalog, journal: RemoteJournal, storage: RemotePackStorage) -> int:
    """Fetch journal records and packs that this machine lacks; return how many packs it lacked.

    Of a data pack the footer is fetched, a node pack as a whole.

    Args:
        catalog: Of this machine.
        journal: Of that catalog.
        storage: The packs of the store.

    Raises:
        IntegrityError: A pack is missing, or is not what was recorded.
        StoreError: The server does not answer, or refuses.
        StorageError: The system refused.
    """
    with journal.exclusive():
        journal.pull()
    catalog.catch_up()
    with catalog.view() as view:
        lacking = [(pack, row) for pack, row in view.recorded_packs() if view.pack(pack) is None]
    for pack, row in sorted(lacking, key=lambda found: found[1].order):
        whole = storage.whole() if row.kind == PackKind.NODES else storage
        rows = [(pack, PackRow(row.kind, row.size, row.count))]
        entries = _entries(whole, pack, row)
        if row.kind == PackKind.NODES:
            with PackReader(whole) as reader:
                nodes = [(entry.digest, bytes(reader.read(entry.location, entry.digest))) for entry in entries]
            catalog.add_content(rows, nodes=nodes)
        else:
            catalog.add_content(rows, [(entry.digest, entry.location) for entry in entries])
    return len(lacking)


def _entries(storage: RemotePackStorage, pack: bytes, row: RecordedPack) -> list[FooterEntry]:
    file = PackFile(storage, pack_name(pack))
    try:
        entries = file.footer(file.trailer())
    except IntegrityError as error:
        raise IntegrityError(f"{file.address}: {error}") from error
    if len(entries) != row.count:
        raise IntegrityError(f"{file.address}: the pack has {len(entries)} records, and {row.count} were recorded")
    return entries
