"""A store that a history happens to, with its drafts, and what it has acknowledged."""

from __future__ import annotations

import hashlib
import json
import random
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from artfs.catalog import NewVersion, Version
from artfs.names import VersionRef, parse_artifact_name
from artfs.store import Store, open_store
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.home import DraftPlace, DraftsHome
from artfs.vfs.draft.rows import BASE
from artfs.vfs.draft.storer import DraftStorer
from tests.support.powercut.state import file_bytes, state_of, sum_of

__all__ = ["ALIASES", "OpenDraft", "Scene"]

ALIASES = ("best", "prod")
_NAMES = tuple(parse_artifact_name(name) for name in ("animals", "models"))


class OpenDraft:
    """A draft that is written to, and what it promises.

    Attributes:
        kept: The files that were synced, and how long they are.
        written: All files that were written.
        gone: The files that were removed before something was synced.
    """

    def __init__(self, place: DraftPlace, store: Store) -> None:
        self.place = place
        self.draft = Draft(place.path, store)
        self.kept: dict[str, int] = {}
        self.written: dict[str, int] = {}
        self.gone: set[str] = set()
        self._unlinked: set[str] = set()

    def reopen(self, store: Store) -> None:
        """Open it again, with the store."""
        self.draft = Draft(self.place.path, store)

    def sync(self, name: str) -> None:
        """Sync one file, and with it every change of a name so far."""
        found = self.draft.lookup(BASE, name.encode())
        assert found is not None
        self.draft.sync(found.ino)
        self.kept[name] = self.written[name]
        self.gone |= self._unlinked

    def unlink(self, name: str) -> None:
        """Remove a file."""
        self.draft.unlink(BASE, name.encode())
        self._unlinked.add(name)
        del self.written[name]
        self.kept.pop(name, None)


class Scene:
    """The store, open.

    Args:
        path: Its directory; it is made there.
        log: The disk's log.
        rng: Chooses.

    Attributes:
        path: As above.
        rng: As above.
        aside: A directory that is not on the disk, for what is stored.
        store: The store.
        home: Its drafts.
        storer: Stores what the drafts have.
        drafts: Those that are open, by name.
    """

    def __init__(self, path: Path, log: Path, rng: random.Random) -> None:
        self.path = path
        self.rng = rng
        self.aside = log.parent / "sources"
        self.aside.mkdir()
        self.drafts: dict[str, OpenDraft] = {}
        self._log = log
        self._made = 0
        self._contents: dict[str, str] = {}
        self._tell("begin", self._position(), {})
        self.open(create=True)
        self.acknowledge("create")

    def open(self, *, create: bool = False) -> None:
        """Open the store and its drafts."""
        self._stack = ExitStack()
        self.store = self._stack.enter_context(open_store(self.path, create=create))
        self.home = DraftsHome(self.store.layout.drafts)
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
        at = self._position()  # before anything else is done
        self._tell(step, at, state_of(self.store))

    def _position(self) -> int:
        return self._log.stat().st_size

    def _tell(self, step: str, at: int, state: dict[str, Any]) -> None:
        drafts = {name: {"kept": opened.kept, "gone": sorted(opened.gone)} for name, opened in self.drafts.items()}
        line = {"at": at, "step": step, "state": state, "drafts": drafts, "contents": self._contents}
        print(json.dumps(line), flush=True)

    def remember(self, version: Version, files: dict[str, str]) -> None:
        """Note what a version must hold: its files, with the SHA-256 of each."""
        self._contents[version.digest.hex()] = sum_of(files)

    def new_file(self, size: int) -> tuple[str, bytes]:
        """A file that never was: its name, and bytes that follow from that."""
        self._made += 1
        return f"f{self._made}", file_bytes(self._made, size)

    def put(self) -> None:
        """Store a directory."""
        source = self.aside / f"source-{self._made}"
        (source / "deep").mkdir(parents=True)
        files: dict[str, str] = {}
        for _ in range(self.rng.randrange(1, 6)):
            name, data = self.new_file(self.rng.choice([0, 10, 5_000, 100_000, 700_000]))
            path = self.rng.choice(["", "deep/"]) + name
            (source / path).write_bytes(data)
            files[path] = hashlib.sha256(data).hexdigest()
        aliases = self.rng.sample(ALIASES, self.rng.randrange(2))
        logged = self.store.put([source], NewVersion(self.rng.choice(_NAMES), aliases=aliases))
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
        place = self.home.create(name, ref.name, self.store.version(ref), str(ref), b"", owner)
        self.drafts[name] = OpenDraft(place, self.store)

    def choose_draft(self) -> OpenDraft:
        """One of the drafts; one is made if there is none."""
        if not self.drafts:
            self.stage()
            self.acknowledge("stage")
        return self.drafts[self.rng.choice(sorted(self.drafts))]
