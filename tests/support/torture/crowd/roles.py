"""One of a crowd: `python -m tests.support.torture.crowd.roles ROLE TOP SEED`, until the file `stop` is there.

What a version holds is written down in `known/` before it may be deleted, and that is removed before it is deleted: so
a reader knows what it must find, and whether it may be gone.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from artfs.catalog import NewVersion, current_actor
from artfs.drafts.gc_roots import collect_store
from artfs.errors import NotFoundError
from artfs.names import parse_ref
from artfs.store import Store, open_store
from tests.support.data.filesums import file_sums
from tests.support.mounts.mounts import ROOT

__all__ = ["ROLES", "read_stored"]

_POOL = 60
_LEFT = 2
_GONE = {errno.ENOENT, errno.ESTALE}

Publish = Callable[[Store, Path], str]


def _artfs(top: Path, *arguments: str | Path) -> str:
    """Run `artfs`, which has to end well; what it printed."""
    line = [sys.executable, "-m", "artfs.cli", "--store", top / "store", *arguments]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, (arguments, ended.stderr)
    return ended.stdout.strip()


def _fill(directory: Path, rng: random.Random) -> dict[str, str]:
    """Put files out of a pool that all committers share into a directory, and one of its own; their digests."""
    for path in directory.iterdir():
        path.unlink()
    for chosen in rng.sample(range(_POOL), 6):
        (directory / str(chosen)).write_bytes(random.Random(chosen).randbytes(20_000 * (1 + chosen % 12)))
    (directory / "own").write_bytes(rng.randbytes(50_000))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def _commit(top: Path, rng: random.Random, done: Counter[str], source: Path, publish: Publish) -> None:
    """Log versions, and delete most of them again."""
    mine: list[Path] = []
    source.mkdir()
    with open_store(top / "store") as store:
        while not (top / "stop").exists():
            files = _fill(source, rng)
            ref = publish(store, source)
            making = top / f"making-{os.getpid()}"
            making.write_text(json.dumps(files))
            mine.append(making.rename(top / "known" / ref))
            done["committed"] += 1
            while len(mine) > _LEFT:
                doomed = mine.pop(rng.randrange(len(mine)))
                doomed.unlink()
                store.catalog.delete_version(parse_ref(doomed.name), current_actor())
                done["deleted"] += 1


def _commit_through_the_store(top: Path, rng: random.Random, done: Counter[str]) -> None:
    name = f"of-{os.getpid()}"

    def publish(store: Store, source: Path) -> str:
        return f"{name}:{store.put([source], NewVersion(name=name)).version.name}"

    _commit(top, rng, done, top / name, publish)


def _commit_by_command(top: Path, rng: random.Random, done: Counter[str]) -> None:
    name = f"of-{os.getpid()}"
    _commit(top, rng, done, top / name, lambda _store, source: _artfs(top, "put", source, "-n", name))


def _commit_a_draft(top: Path, rng: random.Random, done: Counter[str]) -> None:
    draft = top / "stage" / f"of-{os.getpid()}"
    _commit(top, rng, done, draft, lambda _store, source: _artfs(top, "commit", source))


def _some(top: Path, rng: random.Random) -> list[Path]:
    there = sorted((top / "known").iterdir())
    return rng.sample(there, min(4, len(there)))


def _read_the_store(top: Path, rng: random.Random, done: Counter[str]) -> None:
    while not (top / "stop").exists():
        with open_store(top / "store") as store:
            for _round in range(20):
                for known in _some(top, rng):
                    done["read"] += read_stored(store, known)


def read_stored(store: Store, known: Path) -> bool:
    """Read a version and compare it; whether it was there."""
    try:
        files = json.loads(known.read_text())
        version = store.version(parse_ref(known.name))
    except (FileNotFoundError, NotFoundError):
        return False
    assert file_sums(store, version) == files, known
    store.release(version.serial)
    return True


def _read_the_mount(top: Path, rng: random.Random, done: Counter[str]) -> None:
    """Whatever is deleted and collected meanwhile: what is open is read on, and is right."""
    while not (top / "stop").exists():
        for known in _some(top, rng):
            done["read in the mount"] += _read_mounted(top, known)


def _read_mounted(top: Path, known: Path) -> bool:
    name, version = known.name.split(":")
    directory = top / "mnt" / name / version
    with ExitStack() as stack:
        try:
            files = json.loads(known.read_text())
            opened = {path: stack.enter_context(open(directory / path, "rb")) for path in files}
        except OSError as error:
            if error.errno in _GONE and not known.exists():
                return False
            raise
        found = {path: hashlib.file_digest(file, "sha256").hexdigest() for path, file in opened.items()}
    assert found == files, known
    return True


def _collect(top: Path, _rng: random.Random, done: Counter[str]) -> None:
    with open_store(top / "store") as store:
        while not (top / "stop").exists():
            freed = collect_store(store, current_actor())
            done["collected"] += len(freed.versions)
            done["freed"] += max(0, freed.size)


ROLES: dict[str, Callable[[Path, random.Random, Counter[str]], None]] = {
    "store": _commit_through_the_store,
    "command": _commit_by_command,
    "draft": _commit_a_draft,
    "reader": _read_the_store,
    "mount": _read_the_mount,
    "gc": _collect,
}


def main() -> None:
    role, top, seed = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    done: Counter[str] = Counter()
    ROLES[role](top, random.Random(seed), done)
    print(json.dumps(done))


if __name__ == "__main__":
    main()
