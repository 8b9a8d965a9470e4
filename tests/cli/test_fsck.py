"""`fsck`: what it prints, and with which code it ends."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from artfs.format.pack import ENTRY_SIZE, PackKind
from tests.support.commands import Commands


@pytest.fixture
def stored(artfs: Commands, images: Path) -> Commands:
    artfs.done("put", images, "-n", "animals")
    return artfs


def _damage(store: Path) -> None:
    """Change each data pack's last byte of data."""
    for pack in store.glob("packs/*/*.pack"):
        raw = bytearray(pack.read_bytes())
        if raw[8] == PackKind.DATA:
            footer = raw.rfind(b"ARTFSEND")
            entries = int.from_bytes(raw[footer + 8 : footer + 16], "little")
            raw[footer - entries * ENTRY_SIZE - 12] ^= 1
            pack.write_bytes(raw)


def test_a_store_without_damage_is_reported_so_in_one_line(stored: Commands) -> None:
    assert (
        stored.done("fsck", "--read-data").text
        == "no damage: checked journal, index, trees, drafts, histories and 2 packs"
    )
    assert stored.done("fsck").text.endswith("(their data was not read: --read-data)")


def test_damage_is_listed_by_invariant_and_path_and_ends_with_7(stored: Commands) -> None:
    _damage(stored.store)
    ended = stored("fsck", "--read-data")
    message = ended.failed(7)
    assert "is damaged: " in message
    assert [line.split()[0] for line in ended.lines if line[0] == "P"]
    assert "affected  animals:v0/cats/tom.png" in ended.lines


def test_json_has_findings_and_paths(stored: Commands) -> None:
    assert stored.done("fsck", "--json").json == {
        "clean": True,
        "packs": 2,
        "findings": [],
        "affected": [],
        "repaired": [],
        "quarantined": [],
        "died": None,
        "rebuilt": False,
        "old_index": None,
    }
    _damage(stored.store)
    ended = stored("fsck", "--read-data", "--json")
    assert ended.code == 7
    assert ended.json["clean"] is False
    assert ended.json["findings"][0].keys() == {"invariant", "part", "message"}
    assert ended.json["affected"][0]["ref"] == "animals:v0"


def test_a_missing_index_is_made_again_by_the_command_that_the_message_names(stored: Commands, tmp_path: Path) -> None:
    before = stored.done("log", "animals", "--json").json
    shutil.rmtree(stored.store / "index")
    assert "`artfs fsck --repair`" in stored("ls").failed(7)
    assert "`artfs fsck --repair`" in stored("fsck").failed(7)
    ended = stored.done("fsck", "--repair")
    assert "(repaired)" in ended.lines[0]
    assert stored.done("log", "animals", "--json").json == before
    stored.done("get", "animals", tmp_path / "out")
    assert (tmp_path / "out" / "cats" / "tom.png").read_bytes() == bytes(range(256)) * 20


def test_an_index_that_was_cut_off_is_kept_aside(stored: Commands) -> None:
    os.truncate(stored.store / "index" / "data.mdb", 5000)
    report = stored.done("fsck", "--repair", "--json").json
    assert report["rebuilt"]
    assert Path(report["old_index"], "data.mdb").stat().st_size == 5000
    stored.done("fsck", "--repair")


def test_no_store_is_no_damage(artfs: Commands) -> None:
    assert "make one with `artfs init`" in artfs("fsck").failed(6)


def test_a_damaged_pack_is_set_aside_and_storing_the_same_again_makes_the_version_whole(
    stored: Commands, images: Path
) -> None:
    _damage(stored.store)
    assert "`artfs fsck --repair` saves what is sound" in stored("fsck", "--read-data").failed(7)
    ended = stored("fsck", "--read-data", "--repair")
    assert "put what was lost again" in ended.failed(7)
    assert any(line.startswith("set packs/") and " of it " in line for line in ended.lines)
    lost = [line for line in ended.lines if line.startswith("affected")]
    assert lost == ["affected  animals:v0/cats/tom.png"]
    assert [line for line in stored("fsck").lines if line.startswith("affected")] == lost
    assert "damaged pack set aside" in stored("doctor").text
    stored.noted("put", images, "-n", "animals")
    stored.done("fsck", "--read-data")
