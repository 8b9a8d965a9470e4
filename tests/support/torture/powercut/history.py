"""What is done to a store before the power goes: `history KIND STORE LOG SEED`.

A deck of steps, shuffled by the seed. After each a line of JSON acknowledges it: how long the disk's log was then, and
what the store promises to hold from there on. Histories of the kind `library` happen in one process: versions are put,
committed, deleted and collected, aliases move, drafts are written, synced and committed, the index is made again. Those
of the kind `repairs` do too, and are mostly that: damaged packs are set aside, and the rest is made again. Those of the
kind `mount` happen in a staging mount, to which programs write, and whose processes are killed.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from tests.support.data.packs import write_small_pieces
from tests.support.torture.powercut.libraryscene import LibraryScene
from tests.support.torture.powercut.librarysteps import LIBRARY_STEPS, REPAIR_STEPS
from tests.support.torture.powercut.mountscene import MountScene
from tests.support.torture.powercut.mountsteps import MOUNT_STEPS

_S = TypeVar("_S", LibraryScene, MountScene)


def _play(scene: _S, steps: Mapping[str, tuple[int, Callable[[_S], None]]]) -> None:
    deck: list[str] = [name for name, (count, _step) in steps.items() for _ in range(count)]
    scene.rng.shuffle(deck)
    try:
        for name in ["put", "stage", *deck]:
            steps[name][1](scene)
            scene.acknowledge(name)
    finally:
        scene.close()


def main() -> None:
    """Play a history."""
    write_small_pieces(64 << 10)
    kind, path, log, seed = sys.argv[1:]
    rng = random.Random(int(seed))
    if kind == "mount":
        _play(MountScene(Path(path), Path(log), rng), MOUNT_STEPS)
    else:
        _play(LibraryScene(Path(path), Path(log), rng), REPAIR_STEPS if kind == "repairs" else LIBRARY_STEPS)


if __name__ == "__main__":
    main()
