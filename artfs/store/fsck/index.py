"""Check the index: by itself, against the journal, against the packs, and the trees of the versions in it.

LMDB trusts its pages, so this belongs into a process of its own (`child`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import msgspec

from artfs.catalog import Environment, Journal, State, Tree, View, tables
from artfs.catalog.check import check_index, check_journal
from artfs.catalog.compare import check_replay
from artfs.catalog.pagecheck import check_pages
from artfs.chunks.writer import pack_path
from artfs.errors import IntegrityError
from artfs.format.digest import table_digest
from artfs.format.pack import FooterEntry, Location, RecordKind
from artfs.names import printable
from artfs.store.fsck.finding import Affected, BadRecords, Finding, Part, told
from artfs.store.fsck.known import Known, find_locations
from artfs.store.fsck.trees import Trees
from artfs.store.layout import Layout
from artfs.store.packlist import PackContents, pack_contents, pack_paths

__all__ = ["check_catalog"]

_AT_ONCE = 4096


def check_catalog(
    layout: Layout, bad: BadRecords, scratch: Path, *, journal_is_sound: bool
) -> Iterator[Finding | Affected]:
    """Check all that the index has part in (J8, C1 to C14, T, L), then tell which paths are affected by any damage.

    Args:
        layout: Of the store.
        bad: What is damaged in the packs.
        scratch: An empty directory.
        journal_is_sound: Whether the journal by itself is; else it is compared with nothing.

    Raises:
        StorageError: The system failed to read.
    """
    try:
        with Environment.open(layout.index) as environment:
            yield from _check(layout, environment, bad, scratch, journal_is_sound)
    except IntegrityError as error:
        yield told("C1", Part.INDEX, str(error))


def _check(
    layout: Layout, environment: Environment, bad: BadRecords, scratch: Path, journal_is_sound: bool
) -> Iterator[Finding | Affected]:
    for found in chain(check_pages(environment), check_index(environment)):
        yield told(found.invariant, Part.INDEX, found.message)
    with View(environment.begin_read()) as view:
        state = view.state()
    if state.store_id != bytes.fromhex(layout.format.store_id):
        yield Finding("C2", Part.INDEX, "the index belongs to another store")
        return
    if journal_is_sound:
        yield from _check_against_journal(layout, environment, state, scratch)
    with View(environment.begin_read()) as view:
        contents = [*_versions(view), *_parts(view)]
    known = Known(environment, layout, bad)
    yield from _check_against_packs(layout, environment, known, bad)
    trees = Trees(known)
    for ref, tree in contents:
        yield from trees.check(ref, tree)
    for ref, tree in contents:
        for path in trees.affected(tree):
            yield Affected(ref, path)


def _versions(view: View) -> Iterator[tuple[str, Tree]]:
    """The contents of all versions in sight, with what these are called."""
    for artifact in view.artifacts():
        for version in view.versions(artifact.serial):
            yield f"{artifact.name}:{version.name}", version.tree


def _parts(view: View) -> Iterator[tuple[str, Tree]]:
    """The contents of all parts of versions that are not finished."""
    for part in view.all_parts():
        yield f"{part.name} (part {part.number} of {printable(part.group)})", part.tree


def _check_against_journal(layout: Layout, environment: Environment, state: State, scratch: Path) -> Iterator[Finding]:
    journal = Journal(layout.journal)
    ahead = False
    for found in check_journal(journal, state):
        ahead = True
        yield Finding(found.invariant, Part.JOURNAL, found.message)
    if ahead:
        return
    for found in check_replay(environment, journal, scratch):
        yield told(found.invariant, Part.INDEX if found.invariant == "C8" else Part.JOURNAL, found.message)


def _check_against_packs(layout: Layout, environment: Environment, known: Known, bad: BadRecords) -> Iterator[Finding]:
    """C9, and which nodes are in packs."""
    located = _count(environment)
    with View(environment.begin_read()) as view:
        rows = dict(view.packs())
    for pack in rows:
        path = pack_path(layout.packs, pack)
        if not path.exists():
            known.gone.add(pack)
            yield Finding("C9", Part.PACK, f"{path.relative_to(layout.root)} is missing")
    for path in pack_paths(layout.packs):
        try:
            contents = pack_contents(path)
        except IntegrityError:
            continue  # gone meanwhile: its writer gave up
        nodes = [entry.digest for entry in contents.entries if entry.kind == RecordKind.NODE]
        row = rows.get(contents.pack)
        if row is None:
            known.unlisted.update(dict.fromkeys(nodes, contents.pack))
            continue  # being stored right now, or by someone who was stopped before the index knew of it
        known.packed.update(nodes)
        name = path.relative_to(layout.root)
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


def _count(environment: Environment) -> Counter[bytes] | None:
    """How many chunks the index has in each pack; None if it cannot be read through, which C1 tells of."""
    try:
        with environment.read() as txn:
            return Counter(location.pack for _chunk, location in tables.CHUNKS.scan(txn))
    except IntegrityError:
        return None


def _located(environment: Environment, contents: PackContents) -> Iterator[tuple[FooterEntry, Location]]:
    """The chunks of a pack that the index has in this pack."""
    entries = iter({entry.digest: entry for entry in contents.entries if entry.kind == RecordKind.CHUNK}.values())
    while some := list(islice(entries, _AT_ONCE)):
        with View(environment.begin_read()) as view:
            found = find_locations(view, [entry.digest for entry in some])
        for entry in some:
            location = found.get(entry.digest)
            if location is not None and location.pack == contents.pack:
                yield entry, location


def _agree(entry: FooterEntry, location: Location) -> bool:
    """Whether the index has a chunk where its pack has it. A block table may be missing on either side."""
    bare = msgspec.structs.replace(location, table=b"")
    table_fits = not location.table or table_digest(location.table) == entry.digest
    return table_fits and bare == msgspec.structs.replace(entry.location, table=b"")
