"""A process that works on a store again and again, each time with another call of the system going wrong.

python -m tests.support.fault_child SCENARIO FAULT TOP [EVERY [FIRST]]

It runs with `faults.c` preloaded (`tests.support.faults`). For each k it copies the store TOP/template, forks, lets the
kth call by which the child changes the store go wrong, and looks at what is left in another child. A line of JSON tells
what was found; the last one tells of the run in which nothing went wrong any more, as there is no kth call.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from artfs.catalog import NewVersion, current_actor
from artfs.errors import ArtfsError, OutcomeUnknownError, ReadOnlyStoreError
from artfs.format.pack import HEAD_SIZE, stored_table_size
from artfs.names import parse_artifact_name, parse_ref
from artfs.store import Store, open_store
from artfs.store.fsck.finding import BadRecords
from artfs.store.fsck.packs import check_packs
from artfs.store.fsck.quarantine import set_aside
from artfs.store.layout import read_layout
from artfs.store.packlist import pack_contents, pack_paths
from artfs.store.progress import Quiet
from artfs.store.rebuild import index_identity, rebuild_index
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.home import DraftsHome
from artfs.vfs.draft.rows import BASE
from artfs.vfs.draft.storer import DraftStorer
from artfs.vfs.fsck import check_store
from artfs.vfs.gc import collect_store
from tests.support import drafts
from tests.support.packs import write_small_pieces

__all__ = ["FAULTS", "SCENARIOS", "make_template"]

FAULTS = {
    "kill": (1, 0),
    "torn": (4, 0),
    "short": (3, 0),
    "ENOSPC": (2, errno.ENOSPC),
    "EDQUOT": (2, errno.EDQUOT),
    "EIO": (2, errno.EIO),
}
"""What can go wrong: a kill before the call or in the middle of a write, a write that is short, an error."""

ANIMALS = parse_artifact_name("animals")
_FILE = 0o100644


class Told:
    """What a child acknowledges: each step in one write, before anything else happens."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, **what: object) -> None:
        os.write(self._descriptor, json.dumps(what).encode() + b"\n")

    def attempt(self, step: Callable[[], dict[str, object]], times: int = 2) -> None:
        """Do a step and acknowledge it; once more after an error."""
        for _ in range(times):
            try:
                done = step()
            except (ArtfsError, OSError) as error:
                unsure = isinstance(error, OutcomeUnknownError)
                self(error=type(error).__name__, message=str(error), number=getattr(error, "errno", None))
                if unsure or isinstance(error, ReadOnlyStoreError):
                    return
            else:
                self(**done)
                return


def _logged(store: Store, logged: Any) -> dict[str, object]:
    with store.catalog.view() as view:
        return {"ref": str(view.ref(logged.version)), "digest": logged.version.tree.digest.hex()}


def _put(top: Path, told: Told) -> None:
    with open_store(top / "store") as store:
        for number in (1, 2):
            source = top.parent / "source" / str(number)
            told.attempt(lambda source=source: _logged(store, store.put([source], NewVersion(ANIMALS))))  # type: ignore[misc]


def _commit(top: Path, told: Told) -> None:
    with open_store(top / "store") as store:
        changes = {(b"new",): b"x" * 100_000, (b"a",): None}
        told.attempt(lambda: _logged(store, store.commit(parse_ref("animals:v0"), changes)))  # type: ignore[arg-type]
        told.attempt(lambda: _logged(store, store.commit(parse_ref("animals:v0"), {(b"small",): b"s"})))


def _gc(top: Path, told: Told) -> None:
    who = current_actor()
    with open_store(top / "store") as store:
        source = top.parent / "source"
        told.attempt(lambda: _logged(store, store.put([source / "1"], NewVersion(ANIMALS))))
        told.attempt(lambda: {"put": store.put([source / "2"], NewVersion(parse_artifact_name("other"))).created})
        told.attempt(lambda: {"deleted": store.catalog.delete_artifact("other", who).name})
        told.attempt(lambda: {"packs": collect_store(store, who, patience=1.0).packs})


def _rebuild(top: Path, told: Told) -> None:
    layout = read_layout(top / "store")
    told.attempt(lambda: {"rebuilt": rebuild_index(layout, index_identity(layout)) is not None})


def _repair(top: Path, told: Told) -> None:
    layout = read_layout(top / "store")

    def repair() -> dict[str, object]:
        bad = BadRecords()
        list(check_packs(layout, bad, Quiet(), read_data=True))
        return {"set aside": len(list(set_aside(layout, bad.files)))}

    told.attempt(repair)


def _damage(store: Path) -> None:
    """Damage packs: one chunk is lost, the others and all nodes can be saved."""
    for pack in pack_paths(store / "packs"):
        contents = pack_contents(pack)
        first, last = contents.entries[0].location, contents.entries[-1].location
        raw = bytearray(pack.read_bytes())
        raw[first.offset + 9] ^= 1  # its head
        raw[last.offset + HEAD_SIZE + stored_table_size(last.codec, last.plain_len)] ^= 1
        raw[-1] ^= 1  # the trailer
        pack.write_bytes(raw)


def _stage(top: Path, told: Told) -> None:
    layout = read_layout(top / "store")
    (place,) = DraftsHome(layout.drafts).list()
    with open_store(top / "store") as store:
        draft, storer = Draft(place.path, store), DraftStorer(store)
        try:
            for number in range(3):
                told.attempt(lambda number=number: _write(draft, number))  # type: ignore[misc]
            told.attempt(lambda: _commit_draft(store, draft, storer))
            told.attempt(lambda: _write(draft, 3))
        finally:
            storer.close()
            draft.close()


def _contents(number: int) -> bytes:
    return b"%d" % number * (100_000 * number + 10)


def _write(draft: Draft, number: int) -> dict[str, object]:
    found = draft.lookup(BASE, b"f%d" % number) or draft.make(BASE, b"f%d" % number, _FILE, 0, 0)
    piece = _contents(number)
    written = draft.write(found.ino, 0, piece)
    if written != len(piece):
        raise OSError(errno.ENOSPC, "short")
    if number == 1:
        draft.sync(found.ino)
    return {"file": number}


def _commit_draft(store: Store, draft: Draft, storer: DraftStorer) -> dict[str, object]:
    try:
        drafts.commit(draft, storer, copy=store.path.with_name("frozen"))
    except BaseException:
        draft.thaw()
        raise
    version = store.version(parse_ref("animals"))
    with store.catalog.view() as view:
        return {"ref": str(view.ref(version)), "digest": version.tree.digest.hex()}


SCENARIOS: dict[str, Callable[[Path, Told], None]] = {
    "put": _put,
    "commit": _commit,
    "rebuild": _rebuild,
    "stage": _stage,
    "gc": _gc,
    "repair": _repair,
}
_DAMAGED = {"repair"}
"""Scenarios that begin with a damaged store."""


def make_template(top: Path) -> None:
    """Make the store that each run begins with, and what is stored."""
    for number in range(3):
        source = top / "source" / str(number)
        (source / "deep").mkdir(parents=True)
        (source / "a").write_bytes(b"a%d" % number)
        (source / "deep" / "b").write_bytes(bytes(range(256)) * 700 * (number + 1))
    store = top / "template" / "store"
    store.parent.mkdir()
    with open_store(store, create=True) as opened:
        opened.put([top / "source" / "0"], NewVersion(ANIMALS))
        version = opened.version(parse_ref("animals"))
        home = DraftsHome(opened.layout.drafts)
        home.create("animals", "animals", version, "animals:v0", b"", (os.getuid(), os.getgid()))


def _whole(scenario: str, top: Path, told: Told) -> dict[str, object]:
    SCENARIOS[scenario](top, told)
    return {}


# ------------------------------------------------------------------------------------------------------- one run


def _child(work: Callable[[Told], None]) -> tuple[list[dict[str, Any]], int]:
    """Do something in a forked child: what it told, and how it ended."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        _be_child(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = [json.loads(line) for line in pipe]
    return told, os.waitpid(pid, 0)[1]


def _be_child(work: Callable[[Told], None], writing: int) -> NoReturn:
    told = Told(writing)
    try:
        work(told)
    except Exception:  # noqa: BLE001 - told to whoever looks
        told(traceback=traceback.format_exc())
    finally:
        os._exit(0)


def _look(top: Path, expected: dict[str, str], told: Told, *, damaged: bool) -> None:
    """What the next process finds, which may do as it likes."""
    store = top / "store"
    begin = time.monotonic()
    broken = []
    try:
        open_store(store).close()
    except ArtfsError as error:
        broken.append(str(error))
    opened = time.monotonic() - begin
    if broken:
        repaired = check_store(store, repair=True)
        broken += [f"{finding.invariant} {finding.message}" for finding in repaired.findings]
    if damaged:
        check_store(store, read_data=True, repair=True)
        with open_store(store) as again:  # what is lost comes back
            again.put([top.parent / "source" / "0"], NewVersion(parse_artifact_name("once-more")))
    report = check_store(store, read_data=True)
    with open_store(store) as again, again.catalog.view() as view:
        artifact = view.artifact_by_name(ANIMALS)
        assert artifact is not None
        found = {str(view.ref(version)): version.tree.digest.hex() for version in view.versions(artifact.serial)}
    files = _files(store)
    with open_store(store) as again:
        again.put([top.parent / "source" / "2"], NewVersion(ANIMALS))
        collect_store(again, current_actor(), patience=1.0)
    after = check_store(store, read_data=True)
    told(
        opened=opened,
        refused=broken,
        findings=[f"{finding.invariant} {finding.message}" for finding in (*report.findings, *after.findings)],
        versions=found,
        strange=[ref for ref, digest in found.items() if expected and digest not in expected.values()],
        files=files,
    )


def _files(store: Path) -> list[int]:
    """Which files of the draft are whole."""
    with open_store(store) as opened:
        (place,) = DraftsHome(opened.layout.drafts).list()
        draft = Draft(place.path, opened)
        try:
            found = []
            for number in range(4):
                attributes = draft.lookup(BASE, b"f%d" % number)
                if attributes is not None:
                    expected = _contents(number)
                    if bytes(draft.read(attributes.ino, 0, len(expected) + 1)) == expected:
                        found.append(number)
            return found
        finally:
            draft.close()


def _run(scenario: str, fault: str, top: Path, k: int, expected: dict[str, str]) -> dict[str, Any]:
    shim = ctypes.CDLL(os.environ["LD_PRELOAD"])
    work = top / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(top / "template", work)
    if scenario in _DAMAGED:
        _damage(work / "store")
    trace = os.open(top / "trace", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    what, number = FAULTS[fault]

    def armed(told: Told) -> None:
        shim.fault_arm(os.fsencode(work / "store"), ctypes.c_long(k), what, number, trace, 0)
        try:
            told.attempt(lambda: _whole(scenario, work, told), times=1)
        finally:
            shim.fault_disarm()
            told(fired=shim.fault_fired())

    told, status = _child(armed)
    calls = os.pread(trace, 1 << 24, 0).decode().splitlines()
    os.close(trace)
    left, _status = _child(lambda told: _look(work, expected, told, damaged=scenario in _DAMAGED))
    fired = len(calls) >= k if os.WIFSIGNALED(status) else any(line.get("fired") == k for line in told)
    return {
        "k": k,
        "fired": fired,
        "killed": os.WIFSIGNALED(status),
        "call": calls[k - 1] if len(calls) >= k else "",
        "told": told,
        "left": left[-1] if left else {},
    }


def main() -> None:
    """Run with each k until there is no kth call."""
    write_small_pieces(16 << 10)
    scenario, fault, top = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    every = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    k = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    whole = _run(scenario, fault, top, 1 << 30, {})
    expected = {"animals:v0": whole["left"]["versions"]["animals:v0"]}
    expected |= {line["ref"]: line["digest"] for line in whole["told"] if "ref" in line}
    while True:
        found = _run(scenario, fault, top, k, expected)
        print(json.dumps(found), flush=True)
        if not found["fired"]:
            return
        k += every


if __name__ == "__main__":
    main()
