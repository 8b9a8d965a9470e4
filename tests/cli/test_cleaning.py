"""`rm` of many versions, what it says that gc gives back, `du` of many, and what gc keeps."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from artfs.catalog import tables
from artfs.cli.render.output import size_text
from artfs.names import parse_ref
from artfs.store import open_store
from tests.support.commands import Commands, store_state

MB = 1_000_000


@pytest.fixture
def stored(artfs: Commands, tmp_path: Path) -> Commands:
    """`data:v0` to `data:v5`, each a pair of 1 MB files: v0 and v1 have the same, v2 and v3, v4 and v5."""
    top = tmp_path / "data"
    top.mkdir()
    (top / "always").write_bytes(os.urandom(MB))
    for number in range(6):
        if number % 2 == 0:
            (top / "pair").write_bytes(os.urandom(MB))
        put = artfs.noted if number % 2 else artfs.done  # the same contents again are said
        put("put", top, "-n", "data")
    return artfs


def versions(artfs: Commands, name: str = "data") -> list[str]:
    return [shown["version"] for shown in artfs.done("log", name, "--json").json][::-1]


def test_rm_takes_several_versions_and_ranges_and_says_what_comes_back(stored: Commands) -> None:
    before = store_state(stored.store)
    arguments = ["rm", "data:v0-v1", "data:v4"]
    assert stored.done(*arguments, "--dry-run").lines == [
        "would remove data:v0",
        "would remove data:v1",
        "would remove data:v4",
        "gc would give back up to 977 KiB, after a day or with --now",
    ]
    assert store_state(stored.store) == before
    planned = stored.done(*arguments, "--dry-run", "--json").json
    removed = stored.done(*arguments, "--json").json
    assert removed == planned | {"dry_run": False}
    assert removed == {
        "dry_run": False,
        "removed": ["data:v0", "data:v1", "data:v4"],
        "kept": [],
        "artifacts": [],
        "reclaimable": MB,
    }
    assert versions(stored) == ["v2", "v3", "v5"]
    assert MB <= stored.done("gc", "--now", "--json").json["freed"] < MB + 50_000


def test_rm_by_rules_keeps_what_any_rule_keeps(stored: Commands) -> None:
    stored.done("tag", "add", "data:v1", "gold")
    stored.done("alias", "add", "data:v2", "best")
    rules = ["--keep-last", "2", "--keep-tag", "gold"]
    assert stored.done("rm", "data", *rules).lines == [
        "removed data:v0",
        "removed data:v3",
        "gc gives back nothing: what is kept has the same contents",
    ]
    assert stored.done("rm", "data", *rules).lines == ["nothing to remove"]
    assert stored.done("rm", "data", *rules, "--keep-alias", "--keep-daily", "3").lines == ["nothing to remove"]
    assert stored.done("rm", "data:v0-v3", "--untagged", "--delete-aliases").lines[0] == "removed data:v2"
    assert stored.done("rm", "data", "--older-than", "30d").lines == ["nothing to remove"]
    assert stored.done("rm", "data", "--keep-weekly", "1", "--json").json["removed"] == ["data:v1", "data:v4"]
    assert versions(stored) == ["v5"]


def test_rm_by_rules_takes_all_artifacts_or_none(stored: Commands) -> None:
    stored.done("link", "data:v0", "other")
    stored.done("link", "data:v1", "other")
    before = store_state(stored.store)
    stored("rm", "data", "other", "nosuch", "--keep-last", "1").failed(3)
    assert store_state(stored.store) == before
    removed = stored.done("rm", "other", "data", "--keep-last", "1", "--json").json["removed"]
    assert removed == ["other:v0", *(f"data:v{index}" for index in range(5))]


def test_rm_of_a_name_alone_deletes_nothing_and_says_both_that_it_may_mean(stored: Commands) -> None:
    before = store_state(stored.store)
    assert stored("rm", "data", "--dry-run").failed(2) == stored("rm", "data").failed(2)
    assert stored("rm", "data:v0", "data").failed(2) == (
        "data alone says not which versions: `artfs rm data:latest` deletes the newest version, `artfs rm data --all`"
        " all of them, and `artfs rm data --keep-last 5` all but the newest 5"
    )
    assert stored("rm", "d*").failed(2) == (
        "'d*' alone says not which versions: `artfs rm 'd*' --all` all of them, and"
        " `artfs rm 'd*' --keep-last 5` all but the newest 5"
    )
    assert store_state(stored.store) == before
    assert stored.done("rm", "data:latest").lines == [
        "removed data:v5",
        "gc gives back nothing: what is kept has the same contents",
    ]
    assert stored.done("rm", "data", "--all", "--json").json == {
        "dry_run": False,
        "removed": [f"data:v{index}" for index in range(5)],
        "kept": [],
        "artifacts": ["data"],
        "reclaimable": 4 * MB,
    }
    assert stored.done("ls", "--json").json == []


def test_rm_takes_a_whole_artifact_whose_versions_were_removed_one_by_one(stored: Commands) -> None:
    stored.done("rm", "data:v0-v5")
    assert stored.done("rm", "data", "--all").lines == ["removed data", "nothing else to remove: it had no version"]
    assert stored.done("ls", "--json").json == []
    assert "was deleted" in stored("rm", "data", "--all").failed(3)


def test_rm_takes_patterns_of_names(stored: Commands) -> None:
    for name in ("other", "data.old"):
        stored.done("link", "data:v0", name)
        stored.done("link", "data:v2", name)
    kept = stored.done("rm", "*", "--keep-last", "1", "--dry-run", "--json").json["kept"]
    assert [one["ref"] for one in kept] == ["data:v5", "data.old:v1", "other:v1"]
    removed = stored.done("rm", "data*", "--keep-last", "1", "--json").json["removed"]
    assert removed == [*(f"data:v{index}" for index in range(5)), "data.old:v0"]
    assert "no artifact is called like 'x*'" in stored("rm", "x*", "--all").failed(3)
    assert stored.done("rm", "o[tu]her", "data.???", "--all").lines[:2] == ["removed other", "removed data.old"]
    assert [row["name"] for row in stored.done("ls", "--json").json] == ["data"]


def test_a_dry_run_of_rules_says_of_each_version_what_keeps_it(stored: Commands) -> None:
    stored.done("tag", "add", "data:v1", "gold")
    stored.done("alias", "add", "data:v2", "best")
    rules = ["--keep-last", "2", "--keep-tag", "gold"]
    header, *rows, last = stored.done("rm", "data", *rules, "--dry-run").lines
    assert header.split() == ["VERSION", "LOGGED", "KEPT", "BY"]
    assert [(row.split()[0], " ".join(row.split()[3:])) for row in rows] == [
        ("data:v0", "remove"),
        ("data:v1", "keep tag gold"),
        ("data:v2", "keep alias best"),
        ("data:v3", "remove"),
        ("data:v4", "keep keep-last"),
        ("data:v5", "keep newest, keep-last"),
    ]
    assert last == "gc gives back nothing: what is kept has the same contents"
    planned = stored.done("rm", "data", *rules, "--dry-run", "--json").json
    assert planned["kept"] == [
        {"ref": "data:v1", "by": ["tag gold"]},
        {"ref": "data:v2", "by": ["alias best"]},
        {"ref": "data:v4", "by": ["keep-last"]},
        {"ref": "data:v5", "by": ["newest", "keep-last"]},
    ]
    assert stored.done("rm", "data", *rules, "--json").json == planned | {"dry_run": False}


@pytest.mark.parametrize(
    "arguments",
    [
        ["data:v0", "--keep-last", "1"],
        ["data:best", "--untagged"],
        ["data:latest", "--keep-last", "1"],
        ["*:v0"],
        ["data", "--keep-last", "0"],
        ["data", "--keep-last", "1", "--all"],
        ["data", "--keep-alias", "--delete-aliases"],
        ["data:v0-v2", "--all"],
        ["data:v2-v0"],
        ["data", "--older-than", "soon"],
        [],
    ],
)
def test_rm_refuses_what_makes_no_sense(stored: Commands, arguments: list[str]) -> None:
    before = store_state(stored.store)
    stored("rm", *arguments).failed(2)
    assert store_state(stored.store) == before


def test_rm_removes_what_is_damaged_and_says_that_it_cannot_know_what_comes_back(stored: Commands) -> None:
    with open_store(stored.store) as store, store.catalog.environment.write() as txn:
        tables.NODES.delete(txn, store.version(parse_ref("data:v0")).tree.root)
    lines = stored.done("rm", "data:v0").lines
    assert lines[0] == "removed data:v0"
    assert lines[1].startswith("what gc gives back cannot be known: ")


def test_du_adds_up_what_comes_back_if_all_of_a_set_go(stored: Commands) -> None:
    measured = stored.done("du", "--total", "data:v0-v2", "data:v0", "--json").json
    assert [row["own"] for row in measured["versions"]] == [0, 0, 0]
    assert measured["together"] == {"size": 6 * MB, "stored": 3 * MB, "own": MB, "shared": 2 * MB, "elsewhere": 0}
    assert measured["together"]["own"] == stored.done("rm", "data:v0-v2", "--dry-run", "--json").json["reclaimable"]
    assert stored.done("du", "--total", "data:v0-v2").lines[-1].split() == [
        "TOTAL", "5.7", "MiB", "2.9", "MiB", "977", "KiB", "1.9", "MiB",
    ]  # fmt: skip
    assert stored.done("du", "--total", "--json").json["together"]["own"] == 4 * MB
    assert "together" not in stored.done("du", "--json").json


def test_du_sorts_by_what_is_a_versions_own(stored: Commands) -> None:
    stored.done("rm", "data:v3")
    assert stored.done("du", "--sort", "--json").json["versions"][0]["ref"] == "data:v2"
    assert stored.done("du", "--sort").lines[1].split()[0] == "data:v2"


def test_an_artifact_of_which_all_is_deleted_is_shown_as_such(stored: Commands) -> None:
    stored.done("rm", "data:v0-v5")
    assert stored.done("ls").lines[1].split()[:4] == ["data", "dataset", "deleted", "0"]
    [shown] = stored.done("ls", "--json").json
    assert (shown["versions"], shown["deleted"], shown["latest"]) == (0, 6, None)
    stored.done("gc", "--now")
    assert stored.done("ls").lines[1].split()[:4] == ["data", "dataset", "-", "0"]
    assert stored.done("ls", "--json").json[0]["deleted"] == 0


def test_gc_keeps_what_was_deleted_lately_unless_it_is_to_take_it_now(stored: Commands) -> None:
    """Until then its aliases come back too.

    S96: A deleted version can be brought back, with those of its aliases that no other version has by then, for 24
    hours at least;
    """
    stored.done("alias", "add", "data:v0", "best")
    stored.done("rm", "data:v0", "--delete-aliases")
    last = "kept 1 version that was deleted less than 1d ago: `artfs gc --now` takes it too"
    assert stored.done("gc").lines[-1] == last
    stored.done("undelete", "data:v0")
    assert stored.done("show", "data:best", "--json").json["version"] == "v0"
    stored.done("rm", "data:v0", "--delete-aliases")
    assert stored.done("gc", "--grace", "2h", "--json").json["kept"] == ["data:v0"]
    collected = stored.done("gc", "--now", "--json").json
    assert (collected["kept"], collected["removed"]) == ([], ["data:v0"])
    assert "gc has removed its contents" in stored("undelete", "data:v0").failed(3)


def test_gc_says_what_stays_unused_in_packs_of_which_too_little_is(artfs: Commands, tmp_path: Path) -> None:
    """What rm says that gc gives back stays there: it says "up to"."""
    top = tmp_path / "data"
    top.mkdir()
    for number in range(9):
        (top / f"{number}").write_bytes(os.urandom(MB))
    artfs.done("put", top, "-n", "data")
    (top / "0").unlink()
    artfs.done("put", top, "-n", "data")
    assert artfs.done("rm", "data:v0").lines[1] == "gc gives back up to 977 KiB, after a day or with --now"
    planned = artfs.done("gc", "--now", "--dry-run", "--json").json
    assert MB <= planned["unused"] < MB + 10_000  # the headers of its chunks too
    unused = f"{size_text(planned['unused'])} unused stays in packs of which less than an eighth is unused"
    removed, freed, left = artfs.done("gc", "--now", "--dry-run").lines
    assert removed == "would remove data:v0"
    assert re.fullmatch(r"would free about [0-9.]+ (B|KiB) in 1 pack", freed)
    assert left == unused
    assert artfs.done("gc", "--now").lines[2] == unused
    assert artfs.done("gc").lines == ["freed 0 B in 0 packs", unused]
    collected = artfs.done("gc", "--json").json
    assert (collected["freed"], collected["packs"], collected["unused"]) == (0, 0, planned["unused"])
    (top / "1").unlink()  # now more than an eighth of the pack is unused
    artfs.done("put", top, "-n", "data")
    artfs.done("rm", "data:v1")
    collected = artfs.done("gc", "--now", "--json").json
    assert collected["unused"] == 0
    assert collected["freed"] > 2 * MB


def test_the_environment_says_how_long_gc_keeps_what_was_deleted(stored: Commands) -> None:
    stored.done("rm", "data:v0")
    collected = stored.process("gc", "--json", environment={"ARTFS_GC_GRACE": "none"}).json
    assert (collected["kept"], collected["removed"]) == ([], ["data:v0"])
    assert stored.process("gc", environment={"ARTFS_GC_GRACE": "soon"}).code == 2


def test_a_tag_that_keeps_nothing_is_said(stored: Commands) -> None:
    noted = stored.noted("rm", "data", "--keep-last", "1", "--keep-tag", "godl", "--dry-run")
    assert b"--keep-tag godl keeps nothing: no version here has that tag; look for a misspelling" in noted.err
