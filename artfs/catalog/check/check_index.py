"""Check the tables of the index against each other (docs/FORMAT.md, C1-C9, C12 and C13).

Nothing is changed. A doubtful index is better checked in a child process, since LMDB trusts its pages.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from artfs.catalog import tables
from artfs.catalog.check.check_journal import Violation
from artfs.catalog.check.check_runs import RunRows
from artfs.catalog.schema import (
    ROOT_SERIAL,
    SCHEMA,
    STATE_KEY,
    AliasRow,
    Artifact,
    DistributedPart,
    IndexState,
    NameRow,
    SerialKind,
    SerialRow,
    Version,
    alias_key,
    pair_key,
    part_key,
    serial_key,
)
from artfs.errors import IntegrityError
from artfs.format.digest import DIGEST_SIZE
from artfs.format.operations import FIRST_SERIAL
from artfs.format.pack import PACK_ID_SIZE
from artfs.kv.errors import LmdbError
from artfs.names import LATEST, project_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from artfs.catalog.index import IndexEnvironment
    from artfs.kv.checked_rows import Txn

__all__ = ["check_index"]

_KEY_SIZES: Final = {
    "chunks": DIGEST_SIZE,
    "packs": PACK_ID_SIZE,
    "condemned": 1 + DIGEST_SIZE,
    "statcache": 16,
    "origins": 16,
    "gaps": 16,
    "deletions": 16,
}
"""Sizes of keys of which nothing in their rows says that they are right."""


def check_index(environment: IndexEnvironment) -> Iterator[Violation]:
    """Read every row of the index, and compare the tables with each other."""
    with environment.read() as txn:
        rows = _Rows()
        yield from rows.load(txn)
        yield from rows.check_state()
        yield from rows.check_names()
        yield from rows.check_versions()
        yield from rows.check_aliases()
        yield from rows.check_children()
        yield from rows.check_serials()
        yield from rows.check_locations()
        yield from rows.check_runs()


class _Rows:
    """The rows of the small tables, and those parts of the large ones that checks need."""

    def __init__(self) -> None:
        self.state: IndexState | None = None
        self.names: dict[str, NameRow] = {}
        self.artifacts: dict[int, Artifact] = {}
        self.versions: dict[tuple[int, int], Version] = {}
        self.aliases: dict[tuple[int, str], AliasRow] = {}
        self.children: set[tuple[int, int]] = set()
        self.serials: dict[int, SerialRow] = {}
        self.packs: set[bytes] = set()
        self.located: set[bytes] = set()
        self.gaps: list[tuple[int, range]] = []
        self.imported: set[tuple[int, int]] = set()
        self.deletions: set[tuple[int, int]] = set()
        self.runs = RunRows()

    def load(self, txn: Txn) -> Iterator[Violation]:
        """Read every row (C1: each is undamaged, and under its own key)."""
        by_tag = {table.tag: table for table in tables.TABLES}
        try:
            for tagged, value in txn.cursor():
                table = by_tag.get(tagged[:1])
                if table is None:
                    yield Violation("C1", f"key {tagged.hex()} is of no table")
                    continue
                try:
                    if not self._add(table.name, tagged[1:], table.unseal(tagged, value)):
                        message = f"table {table.name} has a row under the key {tagged[1:].hex()} of another"
                        yield Violation("C1", message)
                except IntegrityError as error:
                    yield Violation("C1", str(error))
        except LmdbError as error:
            yield Violation("C1", f"the index cannot be read on: {error}")

    def _add(self, table: str, key: bytes, row: object) -> bool:
        """Add a row; return True if it belongs under its key."""
        if len(key) != _KEY_SIZES.get(table, len(key)):
            return False
        match row:
            case IndexState():
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
            case DistributedPart():
                return key == part_key(row.name, row.group, row.number)
            case SerialRow():
                self.serials[int.from_bytes(key, "big")] = row
        self._add_key(table, key, row)
        return self.runs.add(table, key, row)

    def _add_key(self, table: str, key: bytes, row: object) -> None:
        """Add a row that does not repeat its key."""
        first, second = int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")
        if table == "members":
            self.children.add((first, second))
        elif table == "origins":
            self.imported.add((first, second))
        elif table == "deletions":
            self.deletions.add((first, second))
        elif table == "gaps" and isinstance(row, int):
            self.gaps.append((first, range(second, row)))
        elif table == "packs":
            self.packs.add(key)
        elif table == "chunks":
            self.located.add(getattr(row, "pack", b""))

    def check_state(self) -> Iterator[Violation]:
        """C2: the index has a state."""
        if self.state is None or self.state.schema != SCHEMA:
            yield Violation("C2", "the index has no state of this schema")

    def check_names(self) -> Iterator[Violation]:
        """C3: a name belongs to one artifact, which has it unless it is deleted, and is no project as well."""
        taken = {name for name, row in self.names.items() if row.serial}
        for name in sorted(taken):
            if (project := project_of(name)) in taken:
                yield Violation("C3", f"name {project} is of an artifact, and a project with {name} in it")
        for name, row in self.names.items():
            artifact = self.artifacts.get(row.serial)
            if row.serial and (
                artifact is None or artifact.name != name or artifact.deleted or row.owner != row.serial
            ):
                yield Violation("C3", f"name {name} is of artifact {row.serial}, which has it not")
        for artifact in self.artifacts.values():
            row_of = self.names.get(artifact.name)
            if not artifact.deleted and (row_of is None or row_of.serial != artifact.serial):
                yield Violation("C3", f"artifact {artifact.serial} has the name {artifact.name}, which is not its own")

    def check_versions(self) -> Iterator[Violation]:
        """C4: a version has an artifact, and an index below the next; it is deleted if the artifact is."""
        for version in self.versions.values():
            artifact = self.artifacts.get(version.artifact)
            name = None if artifact is None else self.names.get(artifact.name)
            if artifact is None or name is None or version.index >= name.next_index:
                yield Violation("C4", f"version {version.index} of artifact {version.artifact} is out of place")
            elif artifact.deleted and not version.deleted:
                yield Violation("C4", f"version {version.index} of the deleted artifact {artifact.name} is not deleted")
        for serial, index in sorted(self.imported - self.versions.keys()):
            yield Violation("C4", f"version {index} of artifact {serial} has an origin, and is not there")
        undeletable = {key for key, version in self.versions.items() if version.deleted and not version.removed}
        for serial, index in sorted(self.deletions - undeletable):
            yield Violation("C4", f"version {index} of artifact {serial} has a deletion, and is not deleted")
        for serial, gap in self.gaps:
            inside = any(of == serial and index in gap for of, index in self.versions)
            if not gap or inside or (serial, gap.stop) not in self.versions:
                yield Violation("C4", f"the gap before version {gap.stop} of artifact {serial} is none")

    def check_aliases(self) -> Iterator[Violation]:
        """C5: an alias names a version that is not deleted, `latest` the highest of them."""
        highest: dict[int, int] = defaultdict(lambda: -1)
        for version in self.versions.values():
            if not version.deleted:
                highest[version.artifact] = max(highest[version.artifact], version.index)
        for alias in self.aliases.values():
            named = self.versions.get((alias.artifact, alias.index))
            if named is None or named.deleted:
                yield Violation("C5", f"alias {alias.name} of artifact {alias.artifact} names no version")
        for artifact in self.artifacts:
            latest = self.aliases.get((artifact, LATEST))
            if (-1 if latest is None else latest.index) != highest[artifact]:
                yield Violation("C5", f"latest of artifact {artifact} does not name its highest version")

    def check_children(self) -> Iterator[Violation]:
        """C6: directories list what is not deleted, and nothing else."""
        expected = {(ROOT_SERIAL, artifact.serial) for artifact in self.artifacts.values() if not artifact.deleted}
        expected |= {(version.artifact, version.serial) for version in self.versions.values() if not version.deleted}
        expected |= {(alias.artifact, alias.serial) for alias in self.aliases.values()}
        for parent, serial in sorted(expected ^ self.children):
            yield Violation("C6", f"serial {serial} under {parent} is listed and not there, or there and not listed")

    def check_serials(self) -> Iterator[Violation]:
        """C7: every artifact, version and alias has a serial of its own, below the next one."""
        expected: list[tuple[int, SerialRow]] = [
            (artifact.serial, SerialRow(SerialKind.ARTIFACT, artifact.serial)) for artifact in self.artifacts.values()
        ]
        expected += [(v.serial, SerialRow(SerialKind.VERSION, v.artifact, v.index)) for v in self.versions.values()]
        expected += [(a.serial, SerialRow(SerialKind.ALIAS, a.artifact, alias=a.name)) for a in self.aliases.values()]
        for serial, row in expected:
            if self.serials.get(serial) != row:
                yield Violation("C7", f"serial {serial} does not lead to what has it")
        if len(expected) != len(self.serials):
            yield Violation(
                "C7", f"{len(self.serials)} serials lead to {len(expected)} artifacts, versions and aliases"
            )
        beyond = FIRST_SERIAL if self.state is None else self.state.next_serial
        for serial in self.serials:
            if not FIRST_SERIAL <= serial < beyond:
                yield Violation("C7", f"serial {serial} was never given out")

    def check_locations(self) -> Iterator[Violation]:
        """C9: chunks are in packs that the index knows."""
        for pack in sorted(self.located - self.packs):
            yield Violation("C9", f"chunks are located in pack {pack.hex()}, which the index does not know")

    def check_runs(self) -> Iterator[Violation]:
        """C12 and C13: runs are listed in order; edges lead from a run to a version, and back."""
        return self.runs.check(self.versions)
