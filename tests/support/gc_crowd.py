"""Readers, committers and gc on one store at once, each a process: `python -m tests.support.gc_crowd ROLE TOP SEED N`.

What a version holds is written down beside the store before it can be deleted, so that a reader knows what it must
find.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from artfs.catalog import NewVersion, current_actor
from artfs.errors import NotFoundError
from artfs.format.node import Kind
from artfs.names import parse_ref
from artfs.store import Store, open_store, root_entry
from artfs.vfs.gc import collect_store
from tests.support.checked import assert_clean
from tests.support.mounts import ROOT

__all__ = ["run_crowd"]

_POOL = 60


def run_crowd(top: Path, seed: int, *, readers: int, committers: int, rounds: int) -> Counter[str]:
    """Let them work on one store until each committer has made so many versions; nothing that is read may be wrong.

    Returns:
        What was done: versions `committed`, `deleted`, `read`, and `collected`, bytes `freed`.
    """
    (top / "known").mkdir()
    open_store(top / "store", create=True).close()
    command = [sys.executable, "-m", "tests.support.gc_crowd"]

    def start(role: str, number: int) -> subprocess.Popen[str]:
        line = [*command, role, os.fspath(top), str(seed * 1000 + number), str(rounds)]
        return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    busy = [start("commit", number) for number in range(committers)]
    others = [start("read", 100 + number) for number in range(readers)] + [start("gc", 999)]
    done: Counter[str] = Counter()
    for process in busy:
        _take(process, done)
    (top / "stop").touch()
    for process in others:
        _take(process, done)
    with open_store(top / "store") as store:
        for known in sorted((top / "known").iterdir()):
            assert _read(store, known), known
        collect_store(store, current_actor())
        for known in sorted((top / "known").iterdir()):
            assert _read(store, known), known
    assert_clean(top / "store")
    return done


def _take(process: subprocess.Popen[str], done: Counter[str]) -> None:
    out, err = process.communicate(timeout=3600)
    assert process.returncode == 0, (process.args, err)
    done.update(json.loads(out))


def _commit(top: Path, rng: random.Random, rounds: int, done: Counter[str]) -> None:
    """Log versions of files out of a pool that all committers share, and delete most of them again."""
    name = f"of-{rng.randrange(1 << 30)}"
    mine: list[Path] = []
    with open_store(top / "store") as store:
        for number in range(rounds):
            source = top / f"{name}-{number}"
            source.mkdir()
            for chosen in rng.sample(range(_POOL), 6):
                (source / str(chosen)).write_bytes(random.Random(chosen).randbytes(20_000 * (1 + chosen % 12)))
            (source / "own").write_bytes(rng.randbytes(50_000))
            logged = store.put([source], NewVersion(name=name))
            files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in source.iterdir()}
            shutil.rmtree(source)
            known = top / "known" / f"{name}:{logged.version.name}"
            making = top / f"{name}-making"
            making.write_text(json.dumps(files))
            making.rename(known)
            mine.append(known)
            done["committed"] += 1
            while len(mine) > 2:
                doomed = mine.pop(rng.randrange(len(mine)))
                doomed.unlink()
                store.catalog.delete_version(parse_ref(doomed.name), current_actor())
                done["deleted"] += 1


def _read_all(top: Path, rng: random.Random, done: Counter[str]) -> None:
    while not (top / "stop").exists():
        with open_store(top / "store") as store:
            for known in rng.sample(there := sorted((top / "known").iterdir()), min(4, len(there))):
                done["read"] += _read(store, known)


def _read(store: Store, known: Path) -> bool:
    """Read a version and compare it; whether it was there."""
    try:
        files = json.loads(known.read_text())
        version = store.version(parse_ref(known.name))
    except (FileNotFoundError, NotFoundError):
        return False
    found = {}
    for path, entry in store.walk(root_entry(version)):
        if entry.kind == Kind.FILE:
            hasher = hashlib.sha256()
            for piece in store.content.stream(entry):
                hasher.update(piece)
            found[path.decode()] = hasher.hexdigest()
    assert found == files, known
    return True


def _collect(top: Path, done: Counter[str]) -> None:
    with open_store(top / "store") as store:
        while not (top / "stop").exists():
            freed = collect_store(store, current_actor())
            done["collected"] += len(freed.versions)
            done["freed"] += max(0, freed.size)


def main() -> None:
    role, top, seed, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    done: Counter[str] = Counter()
    if role == "commit":
        _commit(top, random.Random(seed), rounds, done)
    elif role == "read":
        _read_all(top, random.Random(seed), done)
    else:
        _collect(top, done)
    print(json.dumps(done))


if __name__ == "__main__":
    main()
