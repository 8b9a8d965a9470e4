"""Stores damaged at random and repaired: what is not listed is whole, what is comes back when it is stored again."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path

from artfs.catalog import NewVersion, current_actor
from artfs.drafts.fsck import check_store
from artfs.drafts.gc_roots import collect_store
from artfs.errors import ArtfsError, IntegrityError
from artfs.format.node import Kind
from artfs.names import parse_ref
from artfs.store import Store, open_store, root_entry
from artfs.store.fsck import Part, Report
from tests.support.data.packs import pack_paths

__all__ = ["repair_at_random"]

_REFS = ("animals:v0", "animals:v1", "plants:v0")
_WAYS = ("bits", "bits", "bits", "cut off", "gone", "in a wrong place")

_Seen = dict[tuple[str, bytes], bytes | None]


def repair_at_random(top: Path, choose: random.Random, turns: int) -> Counter[str]:
    """Damage packs of a store, at times its index too, repair it, and store the same again; count what happened.

    Args:
        top: An empty directory.
        choose: Where, and how.
        turns: How many times.

    Raises:
        AssertionError: A path was lost and not listed, or listed and not lost, or did not come back, or a second
            repair changed something.
    """
    sources = _sources(top, choose)
    place = top / "store"
    with open_store(place, create=True) as store:
        for name, source in sources:
            store.put([source], NewVersion(name))
        whole = _read(store)
    assert all(data is not None for data in whole.values())
    counted: Counter[str] = Counter()
    for _turn in range(turns):
        _damage(place, choose, counted)
        _repair(place, whole, choose, counted)
        for name, source in sources:
            with open_store(place) as store:
                store.put([source], NewVersion(f"{name}-again"))
        report = check_store(place, read_data=True)
        assert report.clean, report.findings
        with open_store(place) as store:
            assert _read(store) == whole
    return counted


def _sources(top: Path, choose: random.Random) -> list[tuple[str, Path]]:
    """Two versions that share most of what they have, and one that shares nothing."""
    made = []
    for name, number in (("animals", 0), ("animals", 1), ("plants", 2)):
        source = top / f"source-{number}"
        if number == 1:
            shutil.copytree(top / "source-0", source)
        (source / "deep").mkdir(parents=True, exist_ok=True)
        for file in range(12 if number != 1 else 2):
            data = choose.randbytes(choose.choice((0, 10, 5_000, 70_000, 600_000)))
            path = source / choose.choice((".", "deep")) / f"{number}-{file}"
            path.write_bytes(data if file % 2 else data.hex().encode())
        made.append((name, source))
    return made


def _read(store: Store) -> _Seen:
    """All files of the versions, as far as their directories can be read; None for one that is refused."""
    found: _Seen = {}
    for ref in _REFS:
        try:
            for path, entry in store.walk(root_entry(store.version(parse_ref(ref)))):
                if entry.kind == Kind.FILE:
                    try:
                        found[ref, path] = bytes(store.content.read(entry, 0, entry.size))
                    except ArtfsError:
                        found[ref, path] = None
        except ArtfsError:
            continue
    return found


def _damage(place: Path, choose: random.Random, counted: Counter[str]) -> None:
    packs = pack_paths(place)
    for path in choose.sample(packs, choose.randint(1, min(3, len(packs)))):
        way = choose.choice(_WAYS)
        counted[f"packs {way}"] += 1
        raw = bytearray(path.read_bytes())
        if way == "bits":
            for _ in range(choose.choice((1, 1, 3, 20))):
                raw[choose.randrange(len(raw))] ^= 1 << choose.randrange(8)
            path.write_bytes(raw)
        elif way == "cut off":
            path.write_bytes(raw[: choose.randrange(len(raw))])
        elif way == "gone":
            path.unlink()
        else:
            (place / "packs" / "zz").mkdir(exist_ok=True)
            path.rename(place / "packs" / "zz" / path.name)
    if not choose.randrange(4):
        counted["indexes gone"] += 1
        shutil.rmtree(place / "index")


def _repair(place: Path, whole: _Seen, choose: random.Random, counted: Counter[str]) -> None:
    before = None
    if (place / "index").exists():
        with open_store(place) as store:
            before = _read(store)
    report = check_store(place, read_data=True, repair=True)
    assert {finding.part for finding in report.findings} <= {Part.TREE}, report.findings
    counted["packs set aside"] += len(report.quarantined)
    counted["chunks saved"] += sum(pack.saved for pack in report.quarantined)
    counted["chunks lost"] += sum(pack.lost for pack in report.quarantined)
    counted["stores without a loss"] += report.clean
    _hold(place, whole, report)
    if before is not None:
        lost = {path for path, data in before.items() if data is None}
        listed = {(one.ref, one.path) for one in report.affected}
        assert {one for one in listed if one in whole} <= lost, "a path is lost that could be read before"
    files = _files(place)
    again = check_store(place, read_data=True, repair=True)
    assert (again.findings, again.affected) == (report.findings, report.affected)
    assert _files(place) == files, "a second repair changed something"
    if not choose.randrange(3):
        with suppress(IntegrityError), open_store(place) as store:  # where a node is lost, gc does nothing
            collect_store(store, current_actor(), timeout=0)
            counted["gcs between"] += 1
        _hold(place, whole, report)


def _hold(place: Path, whole: _Seen, report: Report) -> None:
    """Hold what can be read against what is listed."""
    with open_store(place) as store:
        now = _read(store)
    exact = {(one.ref, one.path) for one in report.affected}
    below = [(one.ref, one.path) for one in report.affected if not one.path or one.path.endswith(b"/")]
    for (ref, path), data in whole.items():
        is_listed = (ref, path) in exact or any(ref == top and path.startswith(name) for top, name in below)
        shown = now.get((ref, path))
        assert shown in {None, data}, (ref, path)
        assert (shown is None) <= is_listed, (ref, path, "is lost, and not listed")
        if (ref, path) in exact:
            assert shown is None, (ref, path, "is listed, and not lost")


def _files(place: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in place.rglob("*") if path.is_file() and path.name != "lock.mdb"}
