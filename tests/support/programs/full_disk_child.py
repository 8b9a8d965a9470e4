"""Work in a draft on a disk that is full: `python -m tests.support.programs.full_disk_child SCENARIO TOP`.

TOP is an empty file system of some tens of megabytes, which the store is made in. Prints what came of it, as JSON.
"""

from __future__ import annotations

import errno
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from artfs.format.node import Kind
from artfs.names import parse_ref
from artfs.store import open_store, root_entry
from tests.support.data.checked import assert_clean
from tests.support.mounts.stagedstore import StagedStore

__all__ = ["Disk", "outcome", "stored"]

_KEPT = {f"kept/{number}": random.Random(number).randbytes(10 ** (number % 6) * 3) for number in range(30)}


def outcome(call: Callable[[], object]) -> str:
    """Name of the error number that a call fails with, or `done`."""
    try:
        call()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def _read_all(draft: Path) -> dict[str, bytes]:
    """Contents of all files, but of those that a write was refused for."""
    found: dict[str, bytes] = {}
    for path in draft.rglob("*"):
        try:
            if path.is_file():
                found[str(path.relative_to(draft))] = path.read_bytes()
        except OSError as error:
            assert error.errno == errno.EIO  # noqa: PT017 # not a test
    return found


def stored(staged: StagedStore, ref: str) -> dict[str, bytes]:
    """Contents of all files of a version."""
    with open_store(staged.store) as store:
        entries = store.walk(root_entry(store.version(parse_ref(ref))))
        files = [(path.decode(), entry) for path, entry in entries if entry.kind == Kind.FILE]
        return {path: b"".join(map(bytes, store.content.stream(entry))) for path, entry in files}


def _forget_contents(draft: Path) -> None:
    """Have the kernel ask for contents again."""
    for path in draft.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Disk:
    """A disk, and a file that takes all the room that is left."""

    def __init__(self, top: Path) -> None:
        self._ballast = top / "ballast"

    def fill(self, *, but: int = 0) -> None:
        """Take all the room there is, but so many bytes."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1 << 9, 1):
                while outcome(lambda: file.write(bytes(size))) == "done":  # noqa: B023 # called in this round only
                    pass
            os.ftruncate(file.fileno(), max(0, file.tell() - but))

    def free(self) -> None:
        """Give it back."""
        self._ballast.unlink()


def _make(staged: StagedStore) -> Path:
    staged.mount()
    draft = staged.stage("animals")
    (draft / "kept").mkdir()
    for name, data in _KEPT.items():
        (draft / name).write_bytes(data)
    return draft


def _fill_by_writing(staged: StagedStore, _disk: Disk, draft: Path) -> dict[str, object]:
    """A writer sees the error, and what was acknowledged stays."""
    acknowledged = dict(_KEPT)
    refused: list[str] = []
    for number in range(2000):
        data = random.Random(number).randbytes(100_000)
        ended = outcome(lambda: (draft / f"{number}").write_bytes(data))  # noqa: B023 # called in this round only
        if ended == "done":
            acknowledged[f"{number}"] = data
        else:
            refused.append(ended)
            if len(refused) == 5:
                break
    _forget_contents(draft)
    found = _read_all(draft)
    staged.kill(lambda: staged.server)
    _forget_contents(draft)
    found_by_the_next = _read_all(draft)
    staged.umount()
    staged.mount()
    found_by_the_next_mount = _read_all(draft)
    removed = [outcome((draft / f"{number}").unlink) for number in range(20)]
    written_again = [outcome(lambda: (draft / f"{n}").write_bytes(acknowledged[f"{n}"])) for n in range(5)]  # noqa: B023
    return {
        "refused": sorted(set(refused)),
        "many": len(acknowledged) > 50,
        "intact": all(
            {name: files[name] for name in acknowledged} == acknowledged
            for files in (found, found_by_the_next, found_by_the_next_mount)
        ),
        "removed": sorted(set(removed)),
        "written again": sorted(set(written_again)),
    }


def _all_gone(staged: StagedStore, disk: Disk, draft: Path) -> dict[str, object]:
    """Not a byte is left: what frees space works still, what needs it is refused, and a commit says why it fails."""
    disk.fill()
    found: dict[str, Any] = {
        "write": outcome(lambda: (draft / "new").write_bytes(bytes(200_000))),
        "commit": _commit(staged, draft),
    }
    _forget_contents(draft)
    found["intact"] = {name: data for name, data in _read_all(draft).items() if name != "new"} == _KEPT
    staged.kill(lambda: staged.server)
    found["intact for the next"] = {name: data for name, data in _read_all(draft).items() if name != "new"} == _KEPT
    looked = _artfs("status", str(draft))
    found["status"] = [looked.returncode, "kept/" in looked.stdout, "not checkpointed" in looked.stdout, looked.stderr]
    found["after the kill"] = outcome(lambda: (draft / "new").write_bytes(bytes(200_000)))
    found["removed"] = []
    for number in (0, 6, 1, 7, 5):  # what one gives up others take, and still the next one is removed
        disk.fill()
        found["change"] = _change_until_refused(draft)
        found["removed"].append(outcome((draft / f"kept/{number}").unlink))
    found["in its place"] = outcome(lambda: (draft / "small").write_bytes(bytes(50_000)))
    disk.free()
    (draft / "new").write_bytes(b"new")
    expected = _read_all(draft)
    ref = staged.commit(draft)
    found["committed"] = stored(staged, ref) == expected and "new" in expected
    return found


def _change_until_refused(draft: Path) -> str:
    """A change that needs next to nothing."""
    for number in range(100_000):
        refused = outcome(lambda: (draft / "kept").chmod(0o700 + number % 2))  # noqa: B023 # called in this round only
        if refused != "done":
            return refused
    return "never refused"


def _too_little_to_store(staged: StagedStore, disk: Disk, draft: Path) -> dict[str, object]:
    """The draft can be frozen, and not be stored."""
    disk.fill(but=1 << 20)
    found: dict[str, object] = {"commit": _commit(staged, draft), "versions": staged.versions("animals")}
    _forget_contents(draft)
    found["intact"] = _read_all(draft) == _KEPT
    found["change"] = outcome((draft / "kept/5").unlink)
    disk.free()
    found["committed"] = stored(staged, staged.commit(draft)) == {k: v for k, v in _KEPT.items() if k != "kept/5"}
    return found


def _artfs(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of artfs."""
    command = [sys.executable, "-m", "artfs.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def _commit(staged: StagedStore, draft: Path) -> list[str]:
    asked = outcome(lambda: staged.ask(draft, "full"))
    result = staged.ended(draft, "full")
    return [asked, result["state"], result["error"], result["message"]]


_SCENARIOS = {"writing": _fill_by_writing, "gone": _all_gone, "storing": _too_little_to_store}


def main() -> None:
    scenario, top = sys.argv[1], Path(sys.argv[2])
    with StagedStore(top) as staged:
        found = _SCENARIOS[scenario](staged, Disk(top), _make(staged))
    assert_clean(staged.store)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
