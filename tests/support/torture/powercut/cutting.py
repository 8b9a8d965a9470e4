"""Record a history on a disk, and let the power go at many points of it.

python -m tests.support.torture.powercut.cutting FILE_SYSTEM HISTORY SEED CUTS NO_SYNC

Runs as root in namespaces of its own (`powercuts.cut_power`), beside a disk in memory. Prints a line of JSON about the
history, and one for each cut.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from tests.support.torture.powercut.blocklog import Cut, DiskImage
from tests.support.torture.powercut.devices import mounted, umount
from tests.support.torture.powercut.judging import broken_promises, is_repair, standing
from tests.support.torture.powercut.looking import Kept, look
from tests.support.torture.powercut.recording import STORE, Recording

_SOMETHING = bytes(range(256)) * 100


def _look_in_child(store: Path, aside: Path, kept: Kept, damaged: bool) -> dict[str, Any]:
    """Look in a process of its own: it may die of what it finds."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        _be_child(store, aside, kept, damaged, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    status = os.waitpid(pid, 0)[1]
    return dict(json.loads(data)) if data else {"died": f"wait status {status}"}


def _be_child(store: Path, aside: Path, kept: Kept, damaged: bool, writing: int) -> NoReturn:
    try:
        found = look(store, aside, kept, damaged=damaged)
    except Exception:  # noqa: BLE001 - reported to the process that looks
        found = {"died": traceback.format_exc()}
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(json.dumps(found).encode())
    os._exit(0)


def _cut_all(top: Path, recording: Recording, rng: random.Random, cuts: int) -> Iterator[dict[str, Any]]:
    log = recording.log
    first, last = log.count(recording.acknowledged[0]["at"]), log.count(recording.acknowledged[-1]["at"])
    stable, done = DiskImage(recording.base), 0
    spans = list(_repairs(recording)) if recording.history == "repairs" else [(first, last)]
    for number in sorted(log.choose(*rng.choice(spans), rng) for _ in range(cuts)):
        cut = log.cut(number, rng)
        stable.write(log.records[done : cut.durable])
        done = cut.durable
        image = stable.copy(top / "cut")
        image.write(cut.written)
        image.close()
        yield {"record": number, "of": last, **_outcome(top, recording, cut)}
        image.path.unlink()
    stable.close()


def _repairs(recording: Recording) -> Iterator[tuple[int, int]]:
    """Yield where in the log each repair begins and ends."""
    for before, after in pairwise(recording.acknowledged):
        if is_repair(after["step"]):
            yield recording.log.count(before["at"]), recording.log.count(after["at"])


def _outcome(top: Path, recording: Recording, cut: Cut) -> dict[str, Any]:
    before, after = standing(recording.acknowledged, cut.position)
    kept = {name: {file: size for file, (size, _sum) in now["kept"].items()} for name, now in before["drafts"].items()}
    found: dict[str, Any]
    try:
        with mounted(recording.kind, top / "cut", top / "after", recording.options) as directory:
            found = _look_in_child(directory / STORE, top / "aside", kept, is_repair(after["step"]))
    except OSError as error:
        found = {"died": str(error)}
    died = found.get("died")
    return {
        "during": after["step"],
        "written": len(cut.written),
        "dropped": cut.dropped,
        "opened": found.get("opened", 0.0),
        "refused": found.get("refused", []),
        "broken": [died] if died is not None else broken_promises(recording.acknowledged, cut.position, found),
    }


def main() -> None:
    """Record, cut, and tell."""
    kind, history, seed, cuts, no_sync = sys.argv[1:]
    rng = random.Random(int(seed))
    with tempfile.TemporaryDirectory(prefix="artfs-powercut-") as name:
        top = Path(name)
        subprocess.run(["mount", "-t", "tmpfs", "powercut", top], check=True)
        try:
            (top / "aside").mkdir()
            (top / "aside" / "file").write_bytes(_SOMETHING)
            recording = Recording(top, kind, history, rng, no_sync)
            print(json.dumps(recording.summary()), flush=True)
            for found in _cut_all(top, recording, rng, int(cuts)):
                print(json.dumps(found), flush=True)
        finally:
            umount(top, lazily=True)  # a loop device may hold an image for a moment


if __name__ == "__main__":
    main()
