"""A store that a history happens to in a staging mount, and in processes beside it."""

from __future__ import annotations

import os
import random
from pathlib import Path

from artfs.catalog import NewVersion
from artfs.names import parse_ref
from artfs.store import open_store
from tests.support.mounts.stagedstore import StagedStore
from tests.support.torture.powercut.state import state_of
from tests.support.torture.powercut.telling import NAMES, Promise, Teller, sum_of_bytes

__all__ = ["MountScene"]


class MountScene(Teller):
    """The store and its staging mount.

    Args:
        path: The store's directory, `store` in one where the mount may be beside it.
        log: The disk's log.
        rng: Chooses.

    Attributes:
        staged: The store, its drafts mounted.
        files: What is in the drafts: by their names and the files', the bytes.
    """

    def __init__(self, path: Path, log: Path, rng: random.Random) -> None:
        super().__init__(log, rng)
        self.files: dict[str, dict[str, bytes]] = {}
        self.tell("begin", self.position, {})
        self.staged = StagedStore(path.parent)
        assert self.staged.store == path
        self.acknowledge("create")
        self.staged.mount()

    def close(self) -> None:
        """Unmount."""
        self.staged.umount()

    def acknowledge(self, step: str) -> None:
        """Tell that a step is done: from here on the disk holds what it did."""
        position = self.position  # before anything else is done
        with open_store(self.staged.store) as store:
            state = state_of(store)
        self.tell(step, position, state)

    def put(self) -> None:
        """Store a directory, beside the mount."""
        source, files = self.new_source()
        with open_store(self.staged.store) as store:
            self.remember(store.put([source], NewVersion(self.rng.choice(NAMES))).version, files)

    def stage(self) -> None:
        """Open a draft over the latest version, or over nothing."""
        name = f"draft-{self.new_file(0)[0]}"
        draft = self.staged.stage(self.rng.choice(NAMES), **{"as": name})
        self.promises[name] = Promise()
        self.files[name] = {str(path.relative_to(draft)): path.read_bytes() for path in _files_in(draft)}

    def choose_draft(self) -> tuple[Path, Promise, dict[str, bytes]]:
        """One of the drafts, what it promises and what is in it; one is made if there is none."""
        if not self.promises:
            self.stage()
            self.acknowledge("stage")
        name = self.rng.choice(sorted(self.promises))
        return self.staged.mountpoint / name, self.promises[name], self.files[name]

    def commit(self, draft: Path) -> None:
        """Commit a draft, whatever other drafts have made of its artifact meanwhile."""
        ref = self.staged.commit(draft, replace=True)
        with open_store(self.staged.store) as store:
            version = store.version(parse_ref(ref))
        self.remember(version, {path: sum_of_bytes(data) for path, data in self.files[draft.name].items()})


def _files_in(draft: Path) -> list[Path]:
    return [Path(top, name) for top, _directories, names in os.walk(draft) for name in names]
