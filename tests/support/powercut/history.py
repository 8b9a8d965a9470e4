"""What a process does to a store before the power goes: `python -m tests.support.powercut.history STORE LOG SEED`.

A deck of steps, shuffled by the seed: versions are put, committed, deleted and collected, aliases move, drafts are
written, synced and committed, the index is made again. After each step a line of JSON acknowledges it: how long the
disk's log was then, and what the store promises to hold from there on.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import sys
from pathlib import Path

from tests.support.powercut.scene import Scene
from tests.support.powercut.steps import STEPS


def main() -> None:
    """Play a history; with `nosync.c` preloaded, tell in the end how often that has done nothing."""
    path, log, seed = sys.argv[1:]
    rng = random.Random(int(seed))
    scene = Scene(Path(path), Path(log), rng)
    deck = [name for name, (count, _step) in STEPS.items() for _ in range(count)]
    rng.shuffle(deck)
    for name in ["put", "stage", *deck]:
        STEPS[name][1](scene)
        scene.acknowledge(name)
    scene.close()
    if "LD_PRELOAD" in os.environ:
        print(json.dumps({"swallowed": ctypes.CDLL(os.environ["LD_PRELOAD"]).nosync_swallowed()}), flush=True)


if __name__ == "__main__":
    main()
