"""Machines that share the catalog of one store at a URL, each with an index and a mirror of its own."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from artfs.catalog import Catalog, IndexEnvironment
from artfs.catalog.publish import FaultHook
from artfs.catalog.remote_journal import RemoteJournal
from artfs.catalog.remote_publisher import RemotePublisher
from artfs.errors import ArtfsError
from artfs.remotes import CommitLog, Remote
from tests.support.data.catalogs import STORE_ID, log, ref
from tests.support.faults.faultyremote import FaultyRemote

__all__ = ["Machine", "commit_under_faults", "versions_and_authors"]


@dataclass(frozen=True)
class Machine:
    """A machine; it begins with nothing but its directory, which is made."""

    root: Path
    remote: Remote
    patience_s: float = 60

    def open(self, fault_hook: FaultHook | None = None) -> Catalog:
        mirror = self.root / "journal"
        mirror.mkdir(mode=0o700, parents=True, exist_ok=True)
        environment = IndexEnvironment.open(self.root / "index", create=True)
        journal = RemoteJournal(CommitLog(self.remote, self.patience_s), mirror, STORE_ID)
        try:
            return Catalog.open(environment, journal, STORE_ID, fault_hook=fault_hook, publisher=RemotePublisher)
        except ArtfsError:
            environment.close()
            journal.close()
            raise


def commit_under_faults(root: Path, remote: Remote, author: str, count: int, seed: int) -> list[int]:
    """Commit versions of one artifact, each with a move of one alias, over a store that fails; return their indexes."""
    indexes = []
    with Machine(root, FaultyRemote(remote, random.Random(seed))).open() as catalog:
        for number in range(count):
            logged = log(catalog, contents=f"{author} {number}", aliases=["best"], description=author)
            indexes.append(logged.version.index)
    return indexes


def versions_and_authors(root: Path, remote: Remote) -> list[tuple[int, str]]:
    """What a new machine sees, with the chain and every operation checked as it is applied."""
    with Machine(root, remote).open() as catalog:
        journal = catalog.journal
        assert isinstance(journal, RemoteJournal)
        journal.pull()
    with Machine(root, remote).open() as catalog, catalog.view() as view:
        versions = list(view.versions(view.resolve_artifact("animals").serial))
        assert view.resolve(ref("animals:best")).index == max(version.index for version in versions)
        return sorted((version.index, version.fields.description) for version in versions)
