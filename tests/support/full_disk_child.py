"""Work in a draft on a disk that is full: `python -m tests.support.full_disk_child SCENARIO TOP`.

TOP is an empty file system of some tens of megabytes, which the store is made in. Prints what came of it, as JSON.
"""

from __future__ import annotations

import errno
import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from artfs.format.node import Kind
from artfs.names import parse_ref
from artfs.store import open_store, root_entry
from tests.support.checked import assert_clean
from tests.support.stagedstore import StagedStore

_KEPT = {f"kept/{number}": random.Random(number).randbytes(10 ** (number % 6) * 3) for number in range(30)}


def _outcome(call: Callable[[], object]) -> str:
    try:
        call()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


def _read_all(draft: Path) -> dict[str, bytes]:
    found = [path for path in draft.rglob("*") if path.is_file()]
    return {str(path.relative_to(draft)): path.read_bytes() for path in found}


def _stored(staged: StagedStore, ref: str) -> dict[str, bytes]:
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


class _Disk:
    """A disk, and a file that takes all the room that is left."""

    def __init__(self, top: Path) -> None:
        self._ballast = top / "ballast"

    def fill(self, *, but: int = 0) -> None:
        """Take all the room there is, but so many bytes."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1 << 9, 1):
                while _outcome(lambda: file.write(bytes(size))) == "done":  # noqa: B023 # called in this round only
                    pass
            os.ftruncate(file.fileno(), max(0, file.tell() - but))

    def free(self) -> None:
        self._ballast.unlink()


def _make(staged: StagedStore) -> Path:
    staged.mount()
    draft = staged.stage("animals")
    (draft / "kept").mkdir()
    for name, data in _KEPT.items():
        (draft / name).write_bytes(data)
    return draft


def _fill_by_writing(staged: StagedStore, _disk: _Disk, draft: Path) -> dict[str, object]:
    """Who writes is told, and what was acknowledged stays."""
    acknowledged = dict(_KEPT)
    refused: list[str] = []
    for number in range(2000):
        data = random.Random(number).randbytes(100_000)
        outcome = _outcome(lambda: (draft / f"{number}").write_bytes(data))  # noqa: B023 # called in this round only
        if outcome == "done":
            acknowledged[f"{number}"] = data
        else:
            refused.append(outcome)
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
    removed = [_outcome((draft / f"{number}").unlink) for number in range(20)]
    written_again = [_outcome(lambda: (draft / f"{n}").write_bytes(acknowledged[f"{n}"])) for n in range(5)]  # noqa: B023
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


def _all_gone(staged: StagedStore, disk: _Disk, draft: Path) -> dict[str, object]:
    """Not a byte is left: what frees space works still, what needs it is refused, and a commit says why it fails."""
    disk.fill()
    told: dict[str, Any] = {
        "write": _outcome(lambda: (draft / "new").write_bytes(bytes(200_000))),
        "commit": _commit(staged, draft),
    }
    _forget_contents(draft)
    told["intact"] = {name: data for name, data in _read_all(draft).items() if name != "new"} == _KEPT
    staged.kill(lambda: staged.server)
    told["intact for the next"] = {name: data for name, data in _read_all(draft).items() if name != "new"} == _KEPT
    told["after the kill"] = _outcome(lambda: (draft / "new").write_bytes(bytes(200_000)))
    told["removed"] = []
    for number in (0, 6, 1, 7, 5):  # what one gives up others take, and still the next one is removed
        disk.fill()
        told["change"] = _change_until_refused(draft)
        told["removed"].append(_outcome((draft / f"kept/{number}").unlink))
    told["in its place"] = _outcome(lambda: (draft / "small").write_bytes(bytes(50_000)))
    disk.free()
    (draft / "new").write_bytes(b"new")
    expected = _read_all(draft)
    ref = staged.commit(draft)
    told["committed"] = _stored(staged, ref) == expected and "new" in expected
    return told


def _change_until_refused(draft: Path) -> str:
    """A change that needs next to nothing."""
    for number in range(100_000):
        refused = _outcome(lambda: (draft / "kept").chmod(0o700 + number % 2))  # noqa: B023 # called in this round only
        if refused != "done":
            return refused
    return "never refused"


def _too_little_to_store(staged: StagedStore, disk: _Disk, draft: Path) -> dict[str, object]:
    """The draft can be frozen, and not be stored."""
    disk.fill(but=1 << 20)
    told: dict[str, object] = {"commit": _commit(staged, draft), "versions": staged.versions("animals")}
    _forget_contents(draft)
    told["intact"] = _read_all(draft) == _KEPT
    told["change"] = _outcome((draft / "kept/5").unlink)
    disk.free()
    told["committed"] = _stored(staged, staged.commit(draft)) == {k: v for k, v in _KEPT.items() if k != "kept/5"}
    return told


def _commit(staged: StagedStore, draft: Path) -> list[str]:
    asked = _outcome(lambda: staged.ask(draft, "full"))
    result = staged.ended(draft, "full")
    return [asked, result["state"], result["error"], result["message"]]


_SCENARIOS = {"writing": _fill_by_writing, "gone": _all_gone, "storing": _too_little_to_store}


def main() -> None:
    scenario, top = sys.argv[1], Path(sys.argv[2])
    with StagedStore(top) as staged:
        told = _SCENARIOS[scenario](staged, _Disk(top), _make(staged))
    assert_clean(staged.store)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
