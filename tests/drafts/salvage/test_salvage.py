"""Damage in the middle of a redo log is never silent, and what is sound behind it is there."""

from __future__ import annotations

import random
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from artfs.catalog import NewVersion
from artfs.drafts.db import redo_records
from artfs.drafts.db.redo_log import logs
from artfs.drafts.db.redo_records import HEADER_SIZE, LogDamage, format_of
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.fsck import check_draft
from artfs.drafts.fsck.check_rows import RowsCheck
from artfs.drafts.fsck.view import DraftCheckView
from artfs.names import parse_ref
from artfs.store import Store, open_store
from tests.support.data.drafts import make_draft, make_file

NAMES = 74
FLIPS = 32
SEED = 15


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A draft of a process that was killed: 74 names were made in it, and all its changes are in the log.

    It is over a version of two files and a directory, in the store beside it.
    """
    place = tmp_path_factory.mktemp("salvage")
    source = place / "source"
    (source / "deep").mkdir(parents=True)
    (source / "tom").write_bytes(b"tom")
    (source / "deep" / "kit").write_bytes(b"kit" * 100_000)
    with open_store(place / "store", create=True) as store:
        store.put([source], NewVersion(name="base"))
        draft = Draft(make_draft(place / "draft", store.version(parse_ref("base"))), store)
        with closing(draft):
            change(draft)
            shutil.copytree(draft.directory, place / "killed", ignore=shutil.ignore_patterns("lock.mdb"))
    return place / "killed"


@pytest.fixture
def store(killed: Path) -> Iterator[Store]:
    with open_store(killed.with_name("store")) as opened:
        yield opened


def change(draft: Draft) -> None:
    """Make the names, some of them in other ways than others."""
    for number in range(NAMES):
        path = f"deep/new/{number}" if number % 5 == 0 else f"name-{number}"
        ino = make_file(draft, path, contents(number))
        match number % 7:
            case 1:
                draft.link(ino, BASE, b"link-%d" % number)
            case 2:
                draft.set_attributes(ino, size=10)
                draft.files.write(ino, 10, contents(number)[10:])
            case 3:
                draft.make(BASE, b"old", stat.S_IFREG | 0o644, 0, 0)
                draft.rename(BASE, b"old", BASE, b"renamed")
                draft.unlink(BASE, b"renamed")
            case 4 if number < 10:
                draft.rename(BASE, b"tom", BASE, b"thomas")
                draft.rename(BASE, b"deep", BASE, b"moved")
                draft.rename(BASE, b"moved", BASE, b"deep")


def contents(number: int) -> bytes:
    return random.Random(number).randbytes(20 + number * 37)


def log_of(place: Path) -> Path:
    [log] = logs(place)
    return log


def records_of(place: Path) -> list[tuple[int, int]]:
    """Begin and end of every record of a log."""
    with open(log_of(place), "rb") as file:
        layout = format_of(file.fileno(), "log", int(log_of(place).stem.removeprefix("redo-")))
        ends = [step.position.end for step in layout.replay(file.fileno())]
    return list(zip([HEADER_SIZE, *ends], ends, strict=False))


def copy_of(killed: Path, tmp_path: Path, harm: Callable[[bytearray], None]) -> Path:
    place = tmp_path / "draft"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(killed, place)
    data = bytearray(log_of(place).read_bytes())
    harm(data)
    log_of(place).write_bytes(data)
    return place


def files_of(draft: Draft, directory: int = BASE, path: str = "") -> dict[str, bytes | None]:
    """Contents of all files of a draft by path; None: reading is refused."""
    found: dict[str, bytes | None] = {}
    for name, attributes, _next in draft.listdir(directory):
        below = f"{path}{name.decode()}"
        if stat.S_ISDIR(attributes.mode):
            found |= files_of(draft, attributes.ino, f"{below}/")
            continue
        try:
            found[below] = bytes(draft.files.read(attributes.ino, 0, attributes.size))
        except OSError:
            found[below] = None
    return found


def made(files: dict[str, bytes | None]) -> set[int]:
    """Numbers of the names that are there with their contents."""
    known = {contents(number): number for number in range(NAMES)}
    return {known[data] for data in files.values() if data in known}


def faults(place: Path) -> set[str]:
    """The invariants that the rows of a draft break."""
    with DraftCheckView.open(place) as view:
        return {fault.invariant for fault in RowsCheck(view).run()}


def test_the_log_has_all_names_when_nothing_is_damaged(killed: Path, store: Store, tmp_path: Path) -> None:
    place = copy_of(killed, tmp_path, lambda _data: None)
    assert faults(place) == set()
    with closing(Draft(place, store)) as draft:
        assert draft.damage is None
        assert draft.log_fault() == ""
        assert made(files_of(draft)) == set(range(NAMES))


@pytest.mark.parametrize("slice_", range(4))
def test_a_flipped_bit_is_reported_and_costs_one_record(
    killed: Path, store: Store, tmp_path: Path, slice_: int
) -> None:
    records = records_of(killed)
    chosen = random.Random(SEED + slice_)
    for _ in range(FLIPS // 4):
        at = chosen.randrange(records[0][0], records[-1][0])
        bit = 1 << chosen.randrange(8)
        hit = next(record for record in records if record[0] <= at < record[1])

        def flip(data: bytearray, at: int = at, bit: int = bit) -> None:
            data[at] ^= bit

        place = copy_of(killed, tmp_path, flip)
        before = log_of(place).read_bytes()
        assert "R13" in faults(place)
        with closing(Draft(place, store)) as draft:
            assert draft.damage is not None
            assert draft.damage.lost == ((1, *hit),)
            assert "changes may be lacking" in draft.log_fault()
            assert (place / "damaged-1.log").read_bytes().startswith(before)
            found = files_of(draft)
            assert len(made(found)) >= NAMES - 1, (at, found.keys())
        assert faults(place) == {"R13"}, at
        with closing(Draft(place, store)) as draft:
            assert files_of(draft) == found
            assert draft.damage is not None


def test_two_damaged_places_cost_two_records(killed: Path, store: Store, tmp_path: Path) -> None:
    records = records_of(killed)
    one, two = records[len(records) // 3], records[len(records) // 2]

    def harm(data: bytearray) -> None:
        for begin, end in (one, two):
            data[begin:end] = bytes(end - begin)

    place = copy_of(killed, tmp_path, harm)
    with closing(Draft(place, store)) as draft:
        assert draft.damage is not None
        assert draft.damage.lost == ((1, *one), (1, *two))
        assert len(made(files_of(draft))) >= NAMES - 2
    found = check_draft(place, store.layout.index)
    assert [finding.invariant for finding in found] == ["R13", "R13"]
    assert f"bytes {one[0]} to {one[1]} of redo-1.log" in found[0].message


def test_a_lost_sector_costs_the_records_in_it(killed: Path, store: Store, tmp_path: Path) -> None:
    def harm(data: bytearray) -> None:
        data[4096:8192] = bytes(4096)

    hit = [record for record in records_of(killed) if record[0] < 8192 and record[1] > 4096]
    place = copy_of(killed, tmp_path, harm)
    with closing(Draft(place, store)) as draft:
        assert draft.damage is not None
        assert draft.damage.lost == ((1, hit[0][0], hit[-1][1]),)
        assert len(made(files_of(draft))) >= NAMES - len(hit)
        new = make_file(draft, "afterwards", b"new")
        assert bytes(draft.files.read(new, 0, 3)) == b"new"
    assert faults(place) == {"R13"}


def test_a_damaged_header_loses_nothing_and_is_reported(killed: Path, store: Store, tmp_path: Path) -> None:
    for at in range(HEADER_SIZE):

        def flip(data: bytearray, at: int = at) -> None:
            data[at] ^= 4

        place = copy_of(killed, tmp_path, flip)
        if at % 5 == 0:
            assert faults(place) == {"R13"}
            with closing(Draft(place, store)) as draft:
                assert "the header" in draft.log_fault()
                assert draft.damage is None
                assert made(files_of(draft)) == set(range(NAMES))
            assert faults(place) == set()
        else:
            with open(log_of(place), "rb") as file:
                assert len(list(format_of(file.fileno(), "log", 1).replay(file.fileno()))) == len(records_of(killed))


def test_a_log_that_is_cut_off_anywhere_is_a_torn_end(killed: Path) -> None:
    whole = log_of(killed).read_bytes()
    records = records_of(killed)
    short = log_of(killed).with_name("short")
    try:
        for size in {*random.Random(SEED).sample(range(len(whole)), 200), *range(len(whole) - 40, len(whole))}:
            short.write_bytes(whole[:size])
            with open(short, "rb") as file:
                steps = list(format_of(file.fileno(), "log", 1).replay(file.fileno()))
            assert not any(isinstance(step.found, LogDamage) for step in steps)
            assert len(steps) == sum(end <= size for _begin, end in records)
    finally:
        short.unlink()


def test_a_hole_in_what_a_power_cut_left_ends_the_log(
    killed: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of it was ever synced, and the machine was started again since."""
    monkeypatch.setattr(redo_records, "_this_boot", lambda: 1)

    def harm(data: bytearray) -> None:
        data[4096:8192] = bytes(4096)

    place = copy_of(killed, tmp_path, harm)
    assert faults(place) == set()
    with closing(Draft(place, store)) as draft:
        assert draft.damage is None
        assert made(files_of(draft)) < set(range(NAMES))
        assert "at the end of the redo log" in draft.log_fault()
