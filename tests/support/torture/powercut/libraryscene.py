"""A store that a history happens to in one process, with its drafts, without a mount."""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

from artfs.catalog import NewVersion
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.registry import DraftLocation, DraftRegistry
from artfs.drafts.storer import DraftStorer
from artfs.names import VersionRef, parse_artifact_name
from artfs.store import Store, open_store
from tests.support.torture.powercut.state import state_of
from tests.support.torture.powercut.telling import NAMES, Promise, Teller

__all__ = ["ALIASES", "LibraryScene", "OpenDraft"]

ALIASES = ("best", "prod")


class OpenDraft:
    """A draft that is written to.

    Attributes:
        place: Where it is.
        draft: The draft, open.
        promise: What it promises.
        written: The files that were written and are there, and their bytes.
    """

    def __init__(self, place: DraftLocation, store: Store, promise: Promise) -> None:
        self.place = place
        self.promise = promise
        self.written: dict[str, bytes] = {}
        self.reopen(store)

    def reopen(self, store: Store) -> None:
        """Open it again, with the store."""
        self.draft = Draft(self.place.path, store)

    def sync(self, name: str) -> None:
        """Sync one file, and with it every change of a name so far."""
        found = self.draft.lookup(BASE, name.encode())
        assert found is not None
        self.draft.files.sync(found.ino)
        self.promise.synced(name, self.written[name])

    def unlink(self, name: str) -> None:
        """Remove a file."""
        self.draft.unlink(BASE, name.encode())
        del self.written[name]
        self.promise.unlinked(name)


class LibraryScene(Teller):
    """The store, open.

    Args:
        path: Its directory; it is made there.
        log: The disk's log.
        rng: Chooses.

    Attributes:
        path: As above.
        store: The store.
        home: Its drafts.
        storer: Stores what the drafts have.
        drafts: Those that are open, by name.
    """

    def __init__(self, path: Path, log: Path, rng: random.Random) -> None:
        super().__init__(log, rng)
        self.path = path
        self.drafts: dict[str, OpenDraft] = {}
        self.tell("begin", self.position, {})
        self.open(create=True)
        self.acknowledge("create")

    def open(self, *, create: bool = False) -> None:
        """Open the store and its drafts."""
        self._stack = ExitStack()
        self.store = self._stack.enter_context(open_store(self.path, create=create))
        self.home = DraftRegistry(self.store.layout.drafts)
        self._stack.enter_context(self.home.lock())
        self.storer = DraftStorer(self.store)
        self._stack.callback(self.storer.close)
        for opened in self.drafts.values():
            opened.reopen(self.store)

    def close(self) -> None:
        """Close them."""
        for opened in self.drafts.values():
            opened.draft.close()
        self._stack.close()

    def acknowledge(self, step: str) -> None:
        """Tell that a step is done: from here on the disk holds what it did."""
        position = self.position  # before anything else is done
        self.tell(step, position, state_of(self.store))

    def put(self) -> None:
        """Store a directory."""
        source, files = self.new_source()
        aliases = self.rng.sample(ALIASES, self.rng.randrange(2))
        logged = self.store.put([source], NewVersion(self.rng.choice(NAMES), aliases=aliases))
        self.remember(logged.version, files)

    def versions(self, *, deleted: bool = False) -> list[VersionRef]:
        """The versions that are there, or those that can be undeleted."""
        with self.store.catalog.view() as view:
            return [
                VersionRef(parse_artifact_name(artifact.name), version.index)
                for artifact in view.artifacts()
                for version in view.versions(artifact.serial, deleted=True)
                if version.deleted == deleted and not version.removed
            ]

    def choose(self) -> VersionRef:
        """One of the versions; one is made if there is none."""
        if not self.versions():
            self.put()
            self.acknowledge("put")
        return self.rng.choice(self.versions())

    def stage(self) -> None:
        """Open a draft over a version."""
        ref = self.choose()
        name = f"draft-{self.new_file(0)[0]}"
        owner = self.path.stat().st_uid, self.path.stat().st_gid
        place = self.home.create(name, ref.name, self.store.version(ref), str(ref), owner)
        self.promises[name] = Promise()
        self.drafts[name] = OpenDraft(place, self.store, self.promises[name])

    def choose_draft(self) -> OpenDraft:
        """One of the drafts; one is made if there is none."""
        if not self.drafts:
            self.stage()
            self.acknowledge("stage")
        return self.drafts[self.rng.choice(sorted(self.drafts))]
