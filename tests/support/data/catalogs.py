"""A place for a catalog, and versions to put into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from artfs.catalog import (
    Actor,
    Catalog,
    IndexEnvironment,
    IndexState,
    LocalJournal,
    LoggedVersion,
    NewVersion,
    Tree,
    rebuild_catalog,
)
from artfs.catalog.check import Violation, check_index, check_journal
from artfs.catalog.publish import FaultHook, FaultPoint
from artfs.format.digest import digest
from artfs.names import VersionRef, parse_ref

STORE_ID = b"sixteen bytes id"
WHO = Actor("ann", "lab", 4711, None)
DERIVED_FROM_PACKS = b"ctpx"


def tree(contents: str) -> Tree:
    """A tree that differs where the contents differ."""
    raw = contents.encode()
    return Tree(digest(b"root" + raw), digest(raw), len(raw), 1, 0o755, 7)


def ref(text: str) -> VersionRef:
    return parse_ref(text)


def log(catalog: Catalog, name: str = "animals", contents: str = "cat", **more: object) -> LoggedVersion:
    """Log a version; `more` are fields of NewVersion."""
    return catalog.create_version(NewVersion(name, **more), tree(contents), WHO)  # type: ignore[arg-type]  # tests pass fields by name


@dataclass
class Clock:
    """A clock that goes on by one nanosecond each time it is looked at."""

    now: int = 1_000

    def __call__(self) -> int:
        self.now += 1
        return self.now


@dataclass
class CatalogPlace:
    """Where a catalog lies, and how to open it. One process has it open at most once."""

    root: Path
    clock: Callable[[], int] = field(default_factory=Clock)

    @property
    def index(self) -> Path:
        return self.root / "index"

    @property
    def data(self) -> Path:
        return self.index / "data.mdb"

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def segments(self) -> list[Path]:
        return sorted(self.journal.glob("*.journal"))

    @classmethod
    def make(cls, root: Path) -> CatalogPlace:
        """Make an empty catalog."""
        place = cls(root)
        place.journal.mkdir(mode=0o700, parents=True)
        with Catalog.create(IndexEnvironment.open(place.index, create=True), LocalJournal(place.journal), STORE_ID):
            return place

    def open(self, fault_hook: FaultHook = lambda _point: None) -> Catalog:
        environment = IndexEnvironment.open(self.index)
        journal = LocalJournal(self.journal, lambda: fault_hook(FaultPoint.WRITTEN))
        try:
            return Catalog.open(environment, journal, STORE_ID, fault_hook=fault_hook, clock=self.clock)
        except BaseException:
            environment.close()
            journal.close()
            raise

    def findings(self) -> list[Violation]:
        """What is not as it must be; opens the catalog."""
        with self.open() as catalog:
            return check(catalog)

    def rebuilt_rows(self) -> dict[bytes, bytes]:
        """The rows that the journal alone gives."""
        aside = self.root / "rebuilt"
        with IndexEnvironment.open(aside, create=True) as environment:
            rebuilt_from(self.journal, environment)
            rows = rows_of(environment)
        for file in aside.iterdir():
            file.unlink()
        aside.rmdir()
        return rows


def rebuilt_from(journal: Path, environment: IndexEnvironment) -> IndexState:
    """Make the rows of an empty index from the journal in a directory."""
    with LocalJournal(journal) as opened:
        return rebuild_catalog(environment, opened, STORE_ID)


def check(catalog: Catalog) -> list[Violation]:
    """What is not as it must be in an open catalog."""
    with catalog.view() as view:
        state = view.state()
    return [*check_journal(catalog.journal, state), *check_index(catalog.environment)]


def rows_of(environment: IndexEnvironment) -> dict[bytes, bytes]:
    """Every key and value that comes from the journal."""
    with environment.read() as txn:
        return {key: value for key, value in txn.cursor() if key[0] not in DERIVED_FROM_PACKS}
