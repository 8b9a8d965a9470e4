"""The index is opened once per process, never over a fork, and a damaged one is noticed and never believed."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from artfs.catalog import Catalog, IndexEnvironment, LocalJournal, View
from artfs.catalog.schema import PackRow
from artfs.errors import IntegrityError, StoreError
from artfs.format.digest import digest
from artfs.format.pack import Location
from tests.support.data.catalogs import STORE_ID, CatalogPlace, check, log

ROOT = Path(__file__).parents[2]


def stored(place: CatalogPlace) -> None:
    """Fill the catalog with what `catalog_child look` asks for."""
    with place.open() as catalog:
        for number in range(10):
            for version in range(3):
                log(catalog, f"artifact-{number}", f"{number} {version}", aliases=["best"] if version == 1 else [])
        catalog.add_content(
            packs=[(bytes(16), PackRow(1, 1000, 200))],
            locations=[(digest(b"chunk %d" % n), Location(bytes(16), 64 + n, n + 1, n + 1, 0)) for n in range(200)],
            nodes=[(digest(b"node %d" % n * 50), b"node %d" % n * 50) for n in range(200)],
        )


def look(place: CatalogPlace) -> tuple[int, dict[str, object]]:
    """What a process of its own reads there: its exit code and what it printed."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.support.programs.catalog_child", "look", str(place.root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode in (0, -signal.SIGBUS, -signal.SIGSEGV, -signal.SIGABRT), process.stderr
    return process.returncode, json.loads(process.stdout) if process.returncode == 0 else {}


def test_an_index_that_is_not_there_is_an_error_that_tells_how_to_make_it_again(tmp_path: Path) -> None:
    assert not IndexEnvironment.exists(tmp_path / "index")
    with pytest.raises(IntegrityError, match=r"it is missing.*artfs fsck --repair"):
        IndexEnvironment.open(tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_an_index_and_its_files_are_for_their_owner_alone(place: CatalogPlace) -> None:
    assert place.index.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in place.index.iterdir()} == {0o600}


def test_a_second_open_in_one_process_is_refused_and_the_first_goes_on(place: CatalogPlace) -> None:
    with place.open() as catalog:
        with pytest.raises(StoreError, match="already open in this process"):
            IndexEnvironment.open(place.index)
        assert log(catalog).version.index == 0
    with place.open() as catalog:
        assert log(catalog).version.index == 1


def test_a_closed_index_says_so(place: CatalogPlace) -> None:
    catalog = place.open()
    catalog.close()
    catalog.close()
    with pytest.raises(StoreError):
        catalog.view()
    with pytest.raises(StoreError):
        log(catalog)


def test_an_index_opened_before_a_fork_is_refused_in_the_child(place: CatalogPlace) -> None:
    with place.open() as catalog:
        log(catalog)
        child = os.fork()
        if not child:
            os._exit(_use_inherited(catalog, place))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert log(catalog).version.index == 2
        assert check(catalog) == []


def _use_inherited(catalog: Catalog, place: CatalogPlace) -> int:
    """Try to use the parent's catalog, drop it, and open another; 0 if all went as it should."""
    try:
        with pytest.raises(StoreError, match="opened before a fork"):
            catalog.view()
        with pytest.raises(StoreError, match="opened before a fork"):
            log(catalog)
        catalog.close()
        with place.open() as own:
            return log(own).version.index - 1
    except BaseException:  # noqa: BLE001 - a child must never run on in the parent's test
        return 99


_FORKS_AND_ENDS = """
import os, sys
from pathlib import Path
from tests.support.data.catalogs import CatalogPlace, log
catalog = CatalogPlace(Path(sys.argv[1])).open()
log(catalog)
if not os.fork():
    sys.exit()
status = os.wait()[1]
print(status, log(catalog).version.name)
"""


def test_a_child_whose_interpreter_ends_takes_nothing_from_its_parent(place: CatalogPlace) -> None:
    command = [sys.executable, "-c", _FORKS_AND_ENDS, str(place.root)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.stdout.split() == ["0", "v1"], ended


def test_a_finished_reader_holds_no_page_back(place: CatalogPlace) -> None:
    with place.open() as catalog:
        log(catalog, description="x" * 50_000)
        for number in range(60):
            with catalog.view() as view:
                view.artifact_by_name("animals")
            with catalog.batch() as batch:
                batch.put_stats([(bytes(16), b"%d" % number * 20_000)])
        assert place.data.stat().st_size < 1 << 20


def test_an_index_cut_off_anywhere_never_kills_its_opener_nor_gives_wrong_data(place: CatalogPlace) -> None:
    stored(place)
    sound = place.data.read_bytes()
    _code, truth = look(place)
    rng = random.Random(20)
    lengths = [0, 1, 15, 16, 100, 4095, 4096, 4112, 8191, 8192, 8193, len(sound) - 1, len(sound) - 4096]
    for length in lengths + [rng.randrange(len(sound)) for _ in range(7)]:
        place.data.write_bytes(sound[:length])
        code, printed = look(place)
        assert code == 0, f"killed at {length}"
        assert printed == {"open": "IntegrityError"}, f"opened at {length}"
    place.data.write_bytes(sound)
    assert look(place) == (0, truth)


def test_an_index_longer_than_it_says_is_sound(place: CatalogPlace) -> None:
    stored(place)
    _code, truth = look(place)
    with place.data.open("ab") as file:
        file.write(bytes(10_000))
    assert look(place) == (0, truth)


def test_a_flipped_bit_anywhere_in_the_index_never_becomes_wrong_data(place: CatalogPlace) -> None:
    stored(place)
    sound = place.data.read_bytes()
    _code, truth = look(place)
    rng = random.Random(7)
    found = 0
    for _ in range(40):
        damaged = bytearray(sound)
        for _ in range(12):
            damaged[rng.randrange(len(sound))] ^= 1 << rng.randrange(8)
        place.data.write_bytes(damaged)
        code, printed = look(place)
        wrong = [fact for fact, value in printed.items() if value != truth.get(fact) and not _is_error(fact, value)]
        assert wrong == []
        found += code != 0 or printed != truth
    assert found >= 20


def _is_error(fact: str, value: object) -> bool:
    return fact == "open" or str(value).startswith("error ")


def test_a_flipped_bit_in_a_value_is_a_read_error_and_names_the_row(place: CatalogPlace) -> None:
    stored(place)
    raw = place.data.read_bytes()
    key = digest(b"chunk 77")
    at = raw.rindex(b"c" + key)
    place.data.write_bytes(raw[: at + 40] + bytes([raw[at + 40] ^ 1]) + raw[at + 41 :])
    with place.open() as catalog:
        with catalog.view() as view:
            with pytest.raises(IntegrityError, match=f"table chunks, key {key.hex()}"):
                view.location(key)
            with pytest.raises(IntegrityError):
                view.locations([digest(b"chunk 76"), key])
            assert view.missing_chunks([digest(b"chunk 76"), key]) == [key]
            assert view.location(digest(b"chunk 78")).offset == 64 + 78
        assert [finding.invariant for finding in check(catalog)] == ["C1"]
        catalog.add_content(locations=[(key, Location(bytes(16), 64, 3, 3, 0))])
        assert check(catalog) == []


def test_a_row_that_comes_up_under_another_key_is_a_read_error(place: CatalogPlace) -> None:
    stored(place)
    one, other = (b"c" + digest(b"chunk %d" % number) for number in (1, 2))
    with place.open() as catalog:
        with catalog.environment.write() as txn:
            value = txn.get(other)
            assert value is not None
            txn.put(one, value)
        with catalog.view() as view, pytest.raises(IntegrityError, match=one[1:].hex()):
            view.location(one[1:])


def test_a_damaged_node_is_a_read_error_and_can_be_stored_again(place: CatalogPlace) -> None:
    stored(place)
    node = b"node 5" * 50
    raw = place.data.read_bytes()
    at = raw.rindex(node)
    place.data.write_bytes(raw[: at + 9] + b"!" + raw[at + 10 :])
    with place.open() as catalog:
        with catalog.view() as view:
            with pytest.raises(IntegrityError, match=digest(node).hex()):
                view.node(digest(node))
            assert view.missing_nodes([digest(node), digest(b"node 6" * 50)]) == [digest(node)]
        catalog.add_content(nodes=[(digest(node), node)])
        with catalog.view() as view:
            assert view.node(digest(node)) == node


def test_a_file_that_is_no_index_is_refused(place: CatalogPlace) -> None:
    place.data.write_bytes(random.Random(1).randbytes(100_000))
    with pytest.raises(IntegrityError, match="no LMDB header"):
        place.open()


def test_a_large_value_taken_back_does_not_make_the_index_look_cut_off(place: CatalogPlace) -> None:
    """LMDB leaves such pages unwritten at the file's end, although its meta page counts them."""
    with place.open() as catalog:
        for number in range(50):
            with catalog.batch() as batch:
                batch.put_stats([(b"%016d" % number, bytes(3000))])
        for number in range(3):
            with catalog.environment.write() as txn:
                for row in range(1, 40):
                    txn.delete(b"x%016d" % row)
                txn.put(b"x%d" % number, b"1")
        before = place.data.stat().st_size
        with catalog.environment.write() as txn:
            txn.put(b"xx", b"1")
            txn.put(b"xbig", bytes(1_000_000))
            txn.delete(b"xbig")
        assert place.data.stat().st_size > before + 900_000
    with place.open() as catalog:
        assert log(catalog).version.index == 0


def test_an_opener_that_finds_the_index_too_short_waits_for_the_writer_that_lengthens_it(
    place: CatalogPlace,
) -> None:
    stored(place)
    sound = place.data.read_bytes()
    directory = os.open(place.index, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    os.truncate(place.data, len(sound) - 4096)
    opener = subprocess.Popen(
        [sys.executable, "-m", "tests.support.programs.catalog_child", "look", str(place.root)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    while not any("->" in line and f" {opener.pid} " in line for line in _locks()):
        assert opener.poll() is None, "it did not wait"
    place.data.write_bytes(sound)
    os.close(directory)
    out, _err = opener.communicate(timeout=60)
    assert "open" not in json.loads(out)


def _locks() -> list[str]:
    return Path("/proc/locks").read_text(encoding="ascii").splitlines()


def test_an_index_made_again_meanwhile_takes_no_more_from_those_who_have_the_old_one(place: CatalogPlace) -> None:
    with place.open() as catalog:
        log(catalog)
        place.index.rename(place.root / "old")
        place.index.mkdir()
        (place.index / "data.mdb").write_bytes(b"")
        with pytest.raises(StoreError, match="made again meanwhile"):
            log(catalog)
        assert len(list(catalog.history())) == 1


def test_an_index_of_another_store_or_of_none_is_refused(place: CatalogPlace, tmp_path: Path) -> None:
    with (
        LocalJournal(place.journal) as journal,
        IndexEnvironment.open(place.index) as index,
        pytest.raises(IntegrityError, match="belongs to another store"),
    ):
        Catalog.open(index, journal, b"another store id")
    with place.open() as catalog:
        log(catalog)
    with (
        LocalJournal(place.journal) as journal,
        IndexEnvironment.open(tmp_path / "fresh", create=True) as index,
        pytest.raises(IntegrityError, match="never fini"),
    ):
        Catalog.open(index, journal, STORE_ID)


def test_an_empty_index_is_not_begun_under_a_journal_that_has_records(place: CatalogPlace, tmp_path: Path) -> None:
    with place.open() as catalog:
        log(catalog)
    with IndexEnvironment.open(tmp_path / "fresh", create=True) as environment:
        with pytest.raises(IntegrityError, match="empty and the journal is not"):
            Catalog.create(environment, LocalJournal(place.journal), STORE_ID)
        with environment.read() as txn, pytest.raises(IntegrityError):
            View(txn).state()


def test_a_catalog_whose_maker_was_killed_half_way_is_begun_by_the_next_opener(tmp_path: Path) -> None:
    place = CatalogPlace(tmp_path)
    place.journal.mkdir()
    IndexEnvironment.open(place.index, create=True).close()
    with place.open() as catalog:
        assert log(catalog).version.index == 0
        assert check(catalog) == []


def test_the_second_process_to_create_a_catalog_opens_it(place: CatalogPlace) -> None:
    with place.open() as catalog:
        log(catalog)
    with Catalog.create(
        IndexEnvironment.open(place.index, create=True), LocalJournal(place.journal), STORE_ID
    ) as catalog:
        assert log(catalog).version.index == 1


def test_opening_does_not_wait_for_a_writer(place: CatalogPlace) -> None:
    with place.open() as catalog, catalog.batch():
        code, printed = look(place)
    assert code == 0
    assert printed["artifact-1:v0"] == "error NotFoundError"
