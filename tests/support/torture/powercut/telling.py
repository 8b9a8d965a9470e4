"""What a history has to work with, and what it acknowledges."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from artfs.catalog import Version
from artfs.names import parse_artifact_name
from tests.support.torture.powercut.state import file_bytes, sum_of

__all__ = ["NAMES", "Promise", "Teller", "sum_of_bytes"]

NAMES: Final = tuple(parse_artifact_name(name) for name in ("animals", "models"))


class Promise:
    """What a draft promises to keep.

    Attributes:
        kept: The files that were synced, and the size and SHA-256 of each.
        gone: The files that were removed before something was synced.
    """

    def __init__(self) -> None:
        self.kept: dict[str, tuple[int, str]] = {}
        self.gone: set[str] = set()
        self._unlinked: set[str] = set()

    def synced(self, name: str, data: bytes) -> None:
        """A file was synced, and with it every change of a name so far."""
        self.kept[name] = len(data), sum_of_bytes(data)
        self._unlinked.discard(name)
        self.gone.discard(name)
        self.names_synced()

    def names_synced(self) -> None:
        """Every change of a name so far was synced."""
        self.gone |= self._unlinked

    def unlinked(self, name: str) -> None:
        """A file was removed."""
        self._unlinked.add(name)
        self.changed(name)

    def changed(self, name: str) -> None:
        """A file is not what it was when it was synced."""
        self.kept.pop(name, None)


class Teller:
    """Makes what is stored, and tells what was acknowledged.

    Args:
        log: The disk's log.
        rng: Chooses.

    Attributes:
        rng: As above.
        aside: A directory that is not on the disk.
        promises: Of the drafts that are open, by name.
    """

    def __init__(self, log: Path, rng: random.Random) -> None:
        self.rng = rng
        self.aside = log.parent / "sources"
        self.aside.mkdir()
        self.promises: dict[str, Promise] = {}
        self._log = log
        self._made = 0
        self._contents: dict[str, str] = {}

    @property
    def position(self) -> int:
        """How long the disk's log is."""
        return self._log.stat().st_size

    def tell(self, step: str, position: int, state: Mapping[str, Any]) -> None:
        """Acknowledge a step.

        Args:
            step: Its name.
            position: From where on the disk holds what it did.
            state: What the catalog holds now; empty: there is no store yet.
        """
        drafts = {name: {"kept": draft.kept, "gone": sorted(draft.gone)} for name, draft in self.promises.items()}
        line = {"at": position, "step": step, "state": state, "drafts": drafts, "contents": self._contents}
        print(json.dumps(line), flush=True)

    def remember(self, version: Version, files: dict[str, str]) -> None:
        """Note what a version must hold: its files, with the SHA-256 of each."""
        self._contents[version.digest.hex()] = sum_of(files)

    def new_file(self, *sizes: int) -> tuple[str, bytes]:
        """A file that never was: its name, and bytes of its own, as many as one of the sizes says."""
        self._made += 1
        return f"f{self._made}", file_bytes(self._made, self.rng.choice(sizes))

    def new_source(self) -> tuple[Path, dict[str, str]]:
        """A directory of files that never were, and the SHA-256 of each."""
        source = self.aside / f"source-{self._made}"
        (source / "deep").mkdir(parents=True)
        files: dict[str, str] = {}
        for _ in range(self.rng.randrange(1, 6)):
            name, data = self.new_file(0, 10, 5_000, 100_000, 700_000)
            path = self.rng.choice(["", "deep/"]) + name
            (source / path).write_bytes(data)
            files[path] = sum_of_bytes(data)
        return source, files


def sum_of_bytes(data: bytes) -> str:
    """The SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()
