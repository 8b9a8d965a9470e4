"""A process that works on a store again and again, each time with another call of the system going wrong.

python -m tests.support.faults.fault_child SCENARIO FAULT TOP [EVERY [FIRST]]

It runs with `faults.c` preloaded (`faults.py`). For each k it copies the store TOP/template, forks, lets the
kth call by which the child changes the store go wrong, and looks at what is left in another child. A line of JSON tells
what was found; the last one tells of the run in which nothing went wrong any more, as there is no kth call. With
FIRST 0 nothing goes wrong, and the calls are printed, as `order` reads them.
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
from artfs.chunks.pack_storage import LocalPackStorage, pack_name
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.fsck import check_store
from artfs.drafts.gc_roots import collect_store
from artfs.drafts.registry import DraftRegistry
from artfs.drafts.storer import DraftStorer
from artfs.errors import ArtfsError, OutcomeUnknownError, ReadOnlyStoreError
from artfs.format.pack import HEAD_SIZE, stored_table_size
from artfs.names import parse_artifact_name, parse_ref
from artfs.store import Store, open_store
from artfs.store.fsck.finding import BadRecords
from artfs.store.fsck.packs import check_packs
from artfs.store.fsck.repair_packs import repair_packs
from artfs.store.layout import read_layout
from artfs.store.pack_inventory import list_packs, pack_contents
from artfs.store.progress import NullProgress
from artfs.store.rebuild import index_identity, rebuild_index
from artfs.transfer import bundle_file, export_bundle, import_bundle, open_bundle, read_bundle
from tests.support.data import drafts
from tests.support.data.packs import write_small_pieces

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


class Reporter:
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


def _put(top: Path, reporter: Reporter) -> None:
    with open_store(top / "store") as store:
        for number in (1, 2):
            source = top.parent / "source" / str(number)
            reporter.attempt(lambda source=source: _logged(store, store.put([source], NewVersion(ANIMALS))))  # type: ignore[misc]


def _commit(top: Path, reporter: Reporter) -> None:
    with open_store(top / "store") as store:
        changes = {(b"new",): b"x" * 100_000, (b"a",): None}
        reporter.attempt(lambda: _logged(store, store.commit(parse_ref("animals:v0"), changes)))  # type: ignore[arg-type]
        reporter.attempt(lambda: _logged(store, store.commit(parse_ref("animals:v0"), {(b"small",): b"s"})))


def _gc(top: Path, reporter: Reporter) -> None:
    who = current_actor()
    with open_store(top / "store") as store:
        source = top.parent / "source"
        reporter.attempt(lambda: _logged(store, store.put([source / "1"], NewVersion(ANIMALS))))
        reporter.attempt(lambda: {"put": store.put([source / "2"], NewVersion(parse_artifact_name("other"))).created})
        reporter.attempt(lambda: {"deleted": store.catalog.delete_artifact("other", who).name})
        reporter.attempt(lambda: {"packs": collect_store(store, who, timeout=1.0).packs})


def _import(top: Path, reporter: Reporter) -> None:
    with open_store(top / "store") as store:

        def take() -> dict[str, object]:
            with open_bundle(top.parent / "bundle.artfs") as file:
                found = import_bundle(store, read_bundle(file, "the bundle"), current_actor()).received.versions
            return {"imported": {f"animals:v{one.index}": one.version.tree.digest.hex() for one in found}}

        reporter.attempt(take)


def _rebuild(top: Path, reporter: Reporter) -> None:
    layout = read_layout(top / "store")
    reporter.attempt(lambda: {"rebuilt": rebuild_index(layout, index_identity(layout)) is not None})


def _repair(top: Path, reporter: Reporter) -> None:
    layout = read_layout(top / "store")

    def repair() -> dict[str, object]:
        bad = BadRecords()
        list(check_packs(layout.packs, bad, NullProgress(), read_data=True))
        return {"set aside": len(list(repair_packs(layout, bad.names)))}

    reporter.attempt(repair)


def _damage(store: Path) -> None:
    """Damage packs: one chunk is lost, the others and all nodes can be saved."""
    storage = LocalPackStorage(store)
    for pack in list_packs(storage):
        contents = pack_contents(storage, pack)
        path = store / pack_name(pack)
        first, last = contents.entries[0].location, contents.entries[-1].location
        raw = bytearray(path.read_bytes())
        raw[first.offset + 9] ^= 1  # its head
        raw[last.offset + HEAD_SIZE + stored_table_size(last.codec, last.plain_len)] ^= 1
        raw[-1] ^= 1  # the trailer
        path.write_bytes(raw)


def _stage(top: Path, reporter: Reporter) -> None:
    layout = read_layout(top / "store")
    (place,) = DraftRegistry(layout.drafts).list()
    with open_store(top / "store") as store:
        draft, storer = Draft(place.path, store), DraftStorer(store)
        try:
            for number in range(3):
                reporter.attempt(lambda number=number: _write(draft, number))  # type: ignore[misc]
            reporter.attempt(lambda: _commit_draft(store, draft, storer))
            reporter.attempt(lambda: _write(draft, 3))
        finally:
            storer.close()
            draft.close()


def _contents(number: int) -> bytes:
    return b"%d" % number * (100_000 * number + 10)


def _write(draft: Draft, number: int) -> dict[str, object]:
    found = draft.lookup(BASE, b"f%d" % number) or draft.make(BASE, b"f%d" % number, _FILE, 0, 0)
    piece = _contents(number)
    written = draft.files.write(found.ino, 0, piece)
    if written != len(piece):
        raise OSError(errno.ENOSPC, "short")
    if number == 1:
        draft.files.sync(found.ino)
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


def _drafts(top: Path, report: Reporter) -> None:
    registry = DraftRegistry(read_layout(top / "store").drafts)
    made = registry.create("others", "animals", None, "", (os.getuid(), os.getgid()))
    report(draft=made.name)
    registry.remove(made)


SCENARIOS: dict[str, Callable[[Path, Reporter], None]] = {
    "put": _put,
    "commit": _commit,
    "import": _import,
    "rebuild": _rebuild,
    "stage": _stage,
    "gc": _gc,
    "repair": _repair,
    "drafts": _drafts,
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
        home = DraftRegistry(opened.layout.drafts)
        home.create("animals", "animals", version, "animals:v0", (os.getuid(), os.getgid()))
    with open_store(top / "elsewhere", create=True) as other, bundle_file(top / "bundle.artfs") as bundle:
        versions = [other.put([top / "source" / each], NewVersion(ANIMALS)).version for each in ("1", "2")]
        export_bundle(other, versions, bundle.write)


def _whole(scenario: str, top: Path, reporter: Reporter) -> dict[str, object]:
    SCENARIOS[scenario](top, reporter)
    return {}


# ------------------------------------------------------------------------------------------------------- one run


def _child(work: Callable[[Reporter], None]) -> tuple[list[dict[str, Any]], int]:
    """Do something in a forked child: what it reported, and how it ended."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        _be_child(work, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        reported = [json.loads(line) for line in pipe]
    return reported, os.waitpid(pid, 0)[1]


def _be_child(work: Callable[[Reporter], None], writing: int) -> NoReturn:
    reporter = Reporter(writing)
    try:
        work(reporter)
    except Exception:  # noqa: BLE001 - reported to the process that looks
        reporter(traceback=traceback.format_exc())
    finally:
        os._exit(0)


def _look(top: Path, expected: dict[str, str], reporter: Reporter, *, damaged: bool) -> None:
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
        collect_store(again, current_actor(), timeout=1.0)
    after = check_store(store, read_data=True)
    reporter(
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
        place = next(found for found in DraftRegistry(opened.layout.drafts).list() if found.name == "animals")
        draft = Draft(place.path, opened)
        try:
            found = []
            for number in range(4):
                attributes = draft.lookup(BASE, b"f%d" % number)
                if attributes is not None:
                    expected = _contents(number)
                    if bytes(draft.files.read(attributes.ino, 0, len(expected) + 1)) == expected:
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

    def armed(reporter: Reporter) -> None:
        shim.fault_arm(os.fsencode(work / "store"), ctypes.c_long(k), what, number, trace, 0)
        try:
            reporter.attempt(lambda: _whole(scenario, work, reporter), times=1)
        finally:
            shim.fault_disarm()
            reporter(fired=shim.fault_fired())

    reported, status = _child(armed)
    calls = os.pread(trace, 1 << 24, 0).decode().splitlines()
    os.close(trace)
    left, _status = _child(lambda reporter: _look(work, expected, reporter, damaged=scenario in _DAMAGED))
    fired = len(calls) >= k if os.WIFSIGNALED(status) else any(line.get("fired") == k for line in reported)
    return {
        "k": k,
        "fired": fired,
        "killed": os.WIFSIGNALED(status),
        "call": calls[k - 1] if len(calls) >= k else "",
        "reported": reported,
        "left": left[-1] if left else {},
    }


def main() -> None:
    """Run with each k until there is no kth call."""
    write_small_pieces(16 << 10)
    scenario, fault, top = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    every = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    k = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    whole = _run(scenario, fault, top, 1 << 30, {})
    if k == 0:
        print((top / "trace").read_text(), end="")
        return
    expected = {"animals:v0": whole["left"]["versions"]["animals:v0"]}
    expected |= {line["ref"]: line["digest"] for line in whole["reported"] if "ref" in line}
    expected |= {ref: digest for line in whole["reported"] for ref, digest in line.get("imported", {}).items()}
    while True:
        found = _run(scenario, fault, top, k, expected)
        print(json.dumps(found), flush=True)
        if not found["fired"]:
            return
        k += every


if __name__ == "__main__":
    main()
