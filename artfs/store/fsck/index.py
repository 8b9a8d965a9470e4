"""Check of the index: by itself, against journal and packs, and the trees of its versions.

LMDB trusts its pages, so this belongs into a process of its own (`subprocess_check`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from artfs.catalog import IndexEnvironment, IndexState, LocalJournal, Tree, View, tables
from artfs.catalog.check import check_index, check_journal, check_replay
from artfs.chunks.pack_storage import PackStorage, pack_name
from artfs.errors import IntegrityError
from artfs.format.digest import table_digest
from artfs.format.pack import FooterEntry, Location, RecordKind
from artfs.kv.mdb_check import check_pages
from artfs.names import printable
from artfs.store.fsck.finding import Affected, BadRecords, Finding, Part, finding_of
from artfs.store.fsck.lookup import ContentLookup, find_locations
from artfs.store.fsck.trees import TreeChecker
from artfs.store.layout import Layout
from artfs.store.pack_inventory import PackContents, list_packs, pack_contents

__all__ = ["check_catalog"]

_AT_ONCE = 4096


def check_catalog(
    layout: Layout, bad: BadRecords, scratch: Path, *, journal_is_sound: bool
) -> Iterator[Finding | Affected]:
    """Check all that involves the index (J8, C1 to C14, T, L), then yield the paths that damage affects.

    Args:
        layout: Of the store.
        bad: Damaged packs and records.
        scratch: An empty directory.
        journal_is_sound: The journal by itself is sound; else it is compared with nothing.

    Raises:
        StorageError: The system failed to read.
    """
    try:
        with IndexEnvironment.open(layout.index) as environment:
            yield from _check(layout, environment, bad, scratch, journal_is_sound)
    except IntegrityError as error:
        yield finding_of("C1", Part.INDEX, str(error))


def _check(
    layout: Layout, environment: IndexEnvironment, bad: BadRecords, scratch: Path, journal_is_sound: bool
) -> Iterator[Finding | Affected]:
    for unfit in check_pages(environment):
        yield finding_of("C14", Part.INDEX, unfit)
    for found in check_index(environment):
        yield finding_of(found.invariant, Part.INDEX, found.message)
    with View(environment.begin_read()) as view:
        state = view.state()
    if state.store_id != bytes.fromhex(layout.format.store_id):
        yield Finding("C2", Part.INDEX, "the index belongs to another store")
        return
    if journal_is_sound:
        yield from _check_against_journal(layout, environment, state, scratch)
    with View(environment.begin_read()) as view:
        contents = [*_versions(view), *_parts(view)]
    lookup = ContentLookup(environment, layout.packs, bad)
    yield from _check_against_packs(layout.packs, environment, lookup, bad)
    trees = TreeChecker(lookup)
    for ref, tree in contents:
        yield from trees.check(ref, tree)
    for ref, tree in contents:
        for path in trees.affected(tree):
            yield Affected(ref, path)


def _versions(view: View) -> Iterator[tuple[str, Tree]]:
    """Yield names and trees of all visible versions."""
    for artifact in view.artifacts():
        for version in view.versions(artifact.serial):
            yield f"{artifact.name}:{version.name}", version.tree


def _parts(view: View) -> Iterator[tuple[str, Tree]]:
    """Yield names and trees of all parts of unfinished versions."""
    for part in view.all_parts():
        yield f"{part.name} (part {part.number} of {printable(part.group)})", part.tree


def _check_against_journal(
    layout: Layout, environment: IndexEnvironment, state: IndexState, scratch: Path
) -> Iterator[Finding]:
    with LocalJournal(layout.journal) as journal:
        ahead = False
        for found in check_journal(journal, state):
            ahead = True
            yield Finding(found.invariant, Part.JOURNAL, found.message)
        if ahead:
            return
        for found in check_replay(environment, journal, scratch):
            yield finding_of(found.invariant, Part.INDEX if found.invariant == "C8" else Part.JOURNAL, found.message)


def _check_against_packs(
    storage: PackStorage, environment: IndexEnvironment, lookup: ContentLookup, bad: BadRecords
) -> Iterator[Finding]:
    """Compare index and packs (C9), and add the nodes in packs to the lookup."""
    located = _count(environment)
    with View(environment.begin_read()) as view:
        rows = dict(view.packs())
    packs = list_packs(storage)
    for pack in rows:
        if pack not in packs:
            lookup.missing_packs.add(pack)
            yield Finding("C9", Part.PACK, f"{pack_name(pack)} is missing")
    for pack in packs:
        try:
            contents = pack_contents(storage, pack)
        except IntegrityError:
            continue  # removed meanwhile: its writer gave up
        nodes = [entry.digest for entry in contents.entries if entry.kind == RecordKind.NODE]
        row = rows.get(contents.pack)
        if row is None:
            lookup.unindexed.update(dict.fromkeys(nodes, contents.pack))
            continue  # being stored right now, or its writer was stopped before the index knew of it
        lookup.packed.update(nodes)
        name = pack_name(pack)
        if row != contents.row:
            part = Part.PACK if contents.pack in bad.packs or contents.damages else Part.INDEX
            yield Finding("C9", part, f"{name} is not as the index describes it")
        matched = 0
        for entry, location in _located(environment, contents):
            matched += 1
            if not _agree(entry, location):
                bad.digests.setdefault(entry.digest, set()).add(contents.pack)
                yield Finding(
                    "C9", Part.INDEX, f"chunk {entry.digest.hex()} is elsewhere in {name} than the index says"
                )
        if located is not None and located[contents.pack] > matched and not contents.damages:
            more = located[contents.pack] - matched
            yield Finding("C9", Part.INDEX, f"{name} has not {more} of the chunks that the index says it has")


def _count(environment: IndexEnvironment) -> Counter[bytes] | None:
    """Count the chunks of each pack in the index; None if it cannot be read, which C1 reports."""
    try:
        with environment.read() as txn:
            return Counter(location.pack for _chunk, location in tables.CHUNKS.scan(txn))
    except IntegrityError:
        return None


def _located(environment: IndexEnvironment, contents: PackContents) -> Iterator[tuple[FooterEntry, Location]]:
    """Yield the chunks of a pack that the index has in this pack."""
    entries = iter({entry.digest: entry for entry in contents.entries if entry.kind == RecordKind.CHUNK}.values())
    while some := list(islice(entries, _AT_ONCE)):
        with View(environment.begin_read()) as view:
            found = find_locations(view, [entry.digest for entry in some])
        for entry in some:
            location = found.get(entry.digest)
            if location is not None and location.pack == contents.pack:
                yield entry, location


def _agree(entry: FooterEntry, location: Location) -> bool:
    """Return whether index and pack agree about a chunk. Either may lack its block table."""
    bare = msgspec.structs.replace(location, table=b"")
    table_fits = not location.table or table_digest(location.table) == entry.digest
    return table_fits and bare == msgspec.structs.replace(entry.location, table=b"")
