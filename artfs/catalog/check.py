"""Whether the journal and the index keep their invariants (docs/FORMAT.md, J1-J8, C1-C9, C12 and C13).

Findings name the invariant. Nothing is changed. A doubtful index is better looked at in a child process: LMDB trusts
its pages.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import lmdb

from artfs.catalog import tables
from artfs.catalog.journal import Journal, JournalDamagedError, Position
from artfs.catalog.runcheck import RunRows
from artfs.catalog.schema import (
    ROOT_SERIAL,
    SCHEMA,
    STATE_KEY,
    AliasRow,
    Artifact,
    NameRow,
    Part,
    SerialKind,
    SerialRow,
    State,
    Version,
    alias_key,
    pair_key,
    part_key,
    serial_key,
)
from artfs.errors import ArtfsError, IntegrityError
from artfs.format.operations import FIRST_SERIAL, decode_entry
from artfs.names import LATEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artfs.catalog.environment import Environment
    from artfs.catalog.tables import Txn

__all__ = ["Finding", "check_index", "check_journal"]


class Finding(NamedTuple):
    """Something that is not as it must be.

    Attributes:
        invariant: Its number in docs/FORMAT.md.
        message: What is wrong, in one line.
    """

    invariant: str
    message: str


def check_journal(journal: Journal, state: State) -> Iterator[Finding]:
    """Read the whole journal, and hold it against how far the index says it is applied.

    A torn record at the end is no finding: it was never committed, and the next writer cuts it off.
    """
    position = Position.start(state.store_id)
    met = position.seq == state.seq and position.head == state.head
    try:
        for record, after in journal.read(position):
            decode_entry(record.body)
            if record.seq == state.seq:
                met = after == Position(state.segment, state.segment_length, state.seq, state.head)
    except JournalDamagedError as error:
        yield Finding(error.invariant, str(error))
        return
    except ArtfsError as error:  # a body that does not decode
        yield Finding("J6", str(error))
        return
    if not met:
        yield Finding("J8", f"the index stands at record {state.seq}, which is not in the journal like that")


def check_index(environment: Environment) -> Iterator[Finding]:
    """Read every row of the index, and hold the tables against each other."""
    with environment.read() as txn:
        rows = _Rows()
        yield from rows.load(txn)
        yield from rows.check_state()
        yield from rows.check_names()
        yield from rows.check_versions()
        yield from rows.check_aliases()
        yield from rows.check_members()
        yield from rows.check_serials()
        yield from rows.check_locations()
        yield from rows.check_runs()


class _Rows:
    """The rows of the small tables, and of the large ones what their checks need."""

    def __init__(self) -> None:
        self.state: State | None = None
        self.names: dict[str, NameRow] = {}
        self.artifacts: dict[int, Artifact] = {}
        self.versions: dict[tuple[int, int], Version] = {}
        self.aliases: dict[tuple[int, str], AliasRow] = {}
        self.members: set[tuple[int, int]] = set()
        self.serials: dict[int, SerialRow] = {}
        self.packs: set[bytes] = set()
        self.located: set[bytes] = set()
        self.runs = RunRows()

    def load(self, txn: Txn) -> Iterator[Finding]:
        """Read every row (C1: each is sound, and under its own key)."""
        by_tag = {table.tag: table for table in tables.TABLES}
        try:
            for tagged, value in txn.cursor():
                table = by_tag.get(tagged[:1])
                if table is None:
                    yield Finding("C1", f"key {tagged.hex()} is of no table")
                    continue
                try:
                    if not self._take(table.name, tagged[1:], table.unseal(tagged, value)):
                        yield Finding("C1", f"table {table.name} has a row under the key {tagged[1:].hex()} of another")
                except IntegrityError as error:
                    yield Finding("C1", str(error))
        except lmdb.Error as error:
            yield Finding("C1", f"the index cannot be read on: {error}")

    def _take(self, table: str, key: bytes, row: object) -> bool:
        """Keep a row; whether it belongs under its key."""
        match row:
            case State():
                self.state = row
                return key == STATE_KEY
            case NameRow():
                self.names[key.decode("utf-8", "replace")] = row
                return True
            case Artifact():
                self.artifacts[row.serial] = row
                return key == serial_key(row.serial)
            case Version():
                self.versions[row.artifact, row.index] = row
                return key == pair_key(row.artifact, row.index)
            case AliasRow():
                self.aliases[row.artifact, row.name] = row
                return key == alias_key(row.artifact, row.name)
            case Part():
                return key == part_key(row.name, row.group, row.number)
            case SerialRow():
                self.serials[int.from_bytes(key, "big")] = row
        if table == "members":
            self.members.add((int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")))
        elif table == "packs":
            self.packs.add(key)
        elif table == "chunks":
            self.located.add(getattr(row, "pack", b""))
        return self.runs.take(table, key, row)

    def check_state(self) -> Iterator[Finding]:
        """C2: the index says how far it goes."""
        if self.state is None or self.state.schema != SCHEMA:
            yield Finding("C2", "the index has no state of this schema")

    def check_names(self) -> Iterator[Finding]:
        """C3: a name is borne by one artifact, and an artifact bears its name unless it is deleted."""
        for name, row in self.names.items():
            artifact = self.artifacts.get(row.serial)
            if row.serial and (
                artifact is None or artifact.name != name or artifact.deleted or row.owner != row.serial
            ):
                yield Finding("C3", f"name {name} is of artifact {row.serial}, which does not bear it")
        for artifact in self.artifacts.values():
            row_of = self.names.get(artifact.name)
            if not artifact.deleted and (row_of is None or row_of.serial != artifact.serial):
                yield Finding("C3", f"artifact {artifact.serial} bears the name {artifact.name}, which is not its own")

    def check_versions(self) -> Iterator[Finding]:
        """C4: a version is of an artifact, below the next index of its name; none of a deleted artifact is in sight."""
        for version in self.versions.values():
            artifact = self.artifacts.get(version.artifact)
            name = None if artifact is None else self.names.get(artifact.name)
            if artifact is None or name is None or version.index >= name.next_index:
                yield Finding("C4", f"version {version.index} of artifact {version.artifact} is out of place")
            elif artifact.deleted and not version.deleted:
                yield Finding("C4", f"version {version.index} of the deleted artifact {artifact.name} is not deleted")

    def check_aliases(self) -> Iterator[Finding]:
        """C5: an alias names a version in sight; `latest` is there if any is, and names the highest."""
        highest: dict[int, int] = defaultdict(lambda: -1)
        for version in self.versions.values():
            if not version.deleted:
                highest[version.artifact] = max(highest[version.artifact], version.index)
        for alias in self.aliases.values():
            named = self.versions.get((alias.artifact, alias.index))
            if named is None or named.deleted:
                yield Finding("C5", f"alias {alias.name} of artifact {alias.artifact} names no version")
        for artifact in self.artifacts:
            latest = self.aliases.get((artifact, LATEST))
            if (-1 if latest is None else latest.index) != highest[artifact]:
                yield Finding("C5", f"latest of artifact {artifact} does not name its highest version")

    def check_members(self) -> Iterator[Finding]:
        """C6: directories list what is in sight, and nothing else."""
        expected = {(ROOT_SERIAL, artifact.serial) for artifact in self.artifacts.values() if not artifact.deleted}
        expected |= {(version.artifact, version.serial) for version in self.versions.values() if not version.deleted}
        expected |= {(alias.artifact, alias.serial) for alias in self.aliases.values()}
        for parent, serial in sorted(expected ^ self.members):
            yield Finding("C6", f"serial {serial} under {parent} is listed and not there, or there and not listed")

    def check_serials(self) -> Iterator[Finding]:
        """C7: every artifact, version and alias has a serial of its own, below the next one."""
        bearers: list[tuple[int, SerialRow]] = [
            (artifact.serial, SerialRow(SerialKind.ARTIFACT, artifact.serial)) for artifact in self.artifacts.values()
        ]
        bearers += [(v.serial, SerialRow(SerialKind.VERSION, v.artifact, v.index)) for v in self.versions.values()]
        bearers += [(a.serial, SerialRow(SerialKind.ALIAS, a.artifact, alias=a.name)) for a in self.aliases.values()]
        for serial, row in bearers:
            if self.serials.get(serial) != row:
                yield Finding("C7", f"serial {serial} does not lead to what bears it")
        if len(bearers) != len(self.serials):
            yield Finding("C7", f"{len(self.serials)} serials lead to {len(bearers)} artifacts, versions and aliases")
        beyond = FIRST_SERIAL if self.state is None else self.state.next_serial
        for serial in self.serials:
            if not FIRST_SERIAL <= serial < beyond:
                yield Finding("C7", f"serial {serial} was never given out")

    def check_locations(self) -> Iterator[Finding]:
        """C9: chunks are in packs that the index knows."""
        for pack in sorted(self.located - self.packs):
            yield Finding("C9", f"chunks are said to be in pack {pack.hex()}, which the index does not know")

    def check_runs(self) -> Iterator[Finding]:
        """C12 and C13: runs are listed in order; edges lead from a run to a version, and back."""
        for invariant, message in self.runs.check(self.versions):
            yield Finding(invariant, message)
